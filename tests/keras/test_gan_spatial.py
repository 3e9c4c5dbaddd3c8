"""GAN for images and series: it does what it is told, goes on after a kill, and its generator is a plain Keras model."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from killed_gan import train
from pictures import everything, quarters, seen

import plait
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.synth import networks_training, watching
from plait.synth.networks_arrays import array_critic, array_generator
from plait.synth.networks_augment import augmented
from plait.synth.networks_gan import slope_at
from plait.synth.spatial import Scene
from plait.testing import check_synthesizer

pytestmark = pytest.mark.in_turn(together=True)

SUPPORT = Path(__file__).parent.parent / "support"


@functools.cache
def fitted():
    return plait.GAN.fit(quarters(), epochs=30, units=8, noise=4, batch_size=32, learning_rate=0.002, augment=False, progress=False)


def test_what_is_made_shows_what_it_was_told():
    """Chance is one third; the seed is fixed, and of ten others none came below 0.95."""
    gan = fitted()
    assert isinstance(gan, plait.GAN) and len(gan.history["loss"]) == 30
    fake = gan.sample(300, seed=0)
    assert fake.spec == quarters().spec and fake["image"].values().dtype == np.uint8
    assert (seen(fake["image"].values()) == fake["quarter"].values()).mean() > 0.9
    told = gan.sample(60, seed=1, given={"quarter": np.repeat([0, 1, 2], 20)})
    assert (seen(told["image"].values()) == np.repeat([0, 1, 2], 20)).mean() > 0.9
    assert np.unique(told["image"].values()[:20].reshape(20, -1), axis=0).shape[0] == 20


def test_the_generator_is_a_plain_keras_model_in_the_users_units(tmp_path):
    fitted().generator.save(tmp_path / "gan.keras")
    alone = keras.models.load_model(tmp_path / "gan.keras")
    assert all(type(layer).__module__.startswith("keras.") for layer in alone.layers)
    made = alone.predict({"noise": np.zeros((3, 4), "float32"), "quarter": np.array([0, 1, 2])}, verbose=0)
    assert made.shape == (3, 8, 8, 1) and 100 < made.max() <= 255 and (seen(made) == [0, 1, 2]).all()
    old = plait.Pretrained(tmp_path / "gan.keras", noise=4, conditions={"quarter": np.arange(3)}, inputs={}, targets={"image": slice(0, 1)})
    fake = old.sample(90, seed=0)
    assert (seen(fake["image"].values()) == fake["quarter"].values()).mean() > 0.9


@pytest.mark.parametrize("space", [(9, 13), (17,)])
def test_generator_and_critic_hear_conditions_of_every_kind(space):
    data = everything(space)
    scene = Scene.fit("GAN", data, condition=None, kinds=None, seed=0)
    made, judged = scene.canvas.shape, array_critic(scene.canvas.shape, scene.conditions, units=8, seed=1)
    generator = array_generator(made, scene.conditions, noise=3, units=8, bounded=scene.canvas.bounded, seed=0)
    coded = scene.coded(data).read(list(data.inputs), np.arange(12))
    rng = np.random.default_rng(0)
    noise, sample = rng.normal(size=(6, 3)).astype("float32"), rng.normal(size=(6, *made)).astype("float32")
    one = {name: np.asarray(values)[:6] for name, values in coded.items()}

    def said(told):
        return generator.predict_on_batch({"noise_": noise, **told}), judged.predict_on_batch({"sample": sample, **told})

    whole = said(one)
    assert whole[0].shape == (6, *made) and {tensor.name for tensor in generator.inputs} == {
        *one,
        "noise_",
    }  # one condition is called noise
    for name, values in coded.items():
        for before, after in zip(whole, said(one | {name: np.asarray(values)[6:]}), strict=True):
            assert not np.allclose(before, after, atol=1e-7), name


def test_series_of_two_streams_are_made_told_a_class_and_a_series(tmp_path):
    data = everything((17,))
    data = plait.Dataset(inputs={n: data[n] for n in ("colour", "noise")}, targets={n: data[n] for n in data.targets})
    gan = plait.GAN.fit(data, epochs=1, units=8, noise=3, batch_size=20, sheets=tmp_path / "run", progress=False)
    fake = gan.sample(5, seed=0)
    assert fake.spec == data.spec and set(fake["colour"].values()) <= {"red", "green", "blue"}
    told = {name: data[name].values()[:5] for name in data.inputs}
    again = gan.sample(5, seed=0, given=told)
    assert all(np.array_equal(again[name].values(), told[name]) for name in told)
    assert (tmp_path / "run" / "epoch-0001.png").read_bytes().startswith(b"\x89PNG")
    gan.save(tmp_path / "gan.plait")
    back = plait.load(tmp_path / "gan.plait")
    assert np.array_equal(back.sample(5, seed=3)["one"].values(), gan.sample(5, seed=3)["one"].values())
    assert abs(gan.sample(40, seed=1)["one"].values().mean() - 9) < 3  # in the units of the data


def test_a_run_that_was_killed_ends_with_the_same_network_which_keeps_the_laws_of_synthesizers(tmp_path):
    expected = train(tmp_path / "whole.json")
    script = [sys.executable, str(SUPPORT / "killed_gan.py"), str(tmp_path / "killed.json")]
    ended = subprocess.run(script, capture_output=True, text=True, timeout=900, check=False)
    assert ended.returncode == -9, ended.stderr[-2000:]
    assert 1 <= json.loads((tmp_path / "killed.json").read_text())["epoch"] <= 3
    again = train(tmp_path / "killed.json")
    assert again.history == expected.history and len(expected.history["quality"]) == 4
    made = iter([expected, again])
    check_synthesizer(lambda: next(made), conditional=False)


def test_training_ends_after_so_many_epochs_without_a_better_one_and_keeps_the_best_network(monkeypatch):
    qualities, seen_then = iter([3.0, 1.0, 2.0, 1.5, 0.1]), []

    def quality(*args, **options):
        return lambda network: (seen_then.append(network.get_weights()), next(qualities))[1]

    monkeypatch.setattr(watching, "_quality", quality)
    monkeypatch.setattr(networks_training, "_SOME", 0)
    gan = plait.GAN.fit(quarters(64), epochs=9, units=8, noise=4, batch_size=16, patience=2, progress=False)
    assert gan.history["quality"] == [3.0, 1.0, 2.0, 1.5]
    for kept, best, last in zip(gan._core.get_weights(), seen_then[1], seen_then[3], strict=True):
        np.testing.assert_array_equal(kept, best)
        assert not np.array_equal(kept, last)


def test_the_gradient_at_the_data_is_exact_and_can_be_differentiated():
    """Of (w . x)^2 it is 2 (w . x) w; its square's derivative by w is what R1 trains on."""
    x, w = np.array([[1.0, 2.0], [0.5, -1.0]], "float32"), np.array([[3.0], [1.0]], "float32")
    values, slope = slope_at(lambda at: keras.ops.square(keras.ops.matmul(at, w)), keras.ops.convert_to_tensor(x))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(values), (x @ w) ** 2, rtol=1e-6)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(slope), 2 * (x @ w) * w.T, rtol=1e-6)


def test_what_the_critic_sees_is_shifted_and_cut_out_and_differs_from_sample_to_sample():
    seed = keras.random.SeedGenerator(0)
    x = np.zeros((200, 16, 16, 1), "float32")
    x[:, 8, 8] = 1
    y = keras.ops.convert_to_numpy(augmented(keras.ops.convert_to_tensor(x), seed))[..., 0]
    left = y.sum(axis=(1, 2))
    assert set(np.unique(left)) == {0.0, 1.0}
    places = np.argwhere(y == 1)[:, 1:]
    assert set(places[:, 0]) == set(places[:, 1]) == {6, 7, 8, 9, 10}
    bright = keras.ops.convert_to_numpy(augmented(keras.ops.zeros((50, 20, 2)), seed, shifts=False))
    assert len(np.unique(bright.round(4))) > 25 and np.array_equal(bright[..., 0], bright[..., 1])


def test_options_that_do_not_go_with_the_data_are_errors():
    table = plait.Arrays(x=np.arange(9.0), y=np.arange(9.0))
    rows = plait.Dataset(inputs={"x": table["x"]}, targets={"y": table["y"]})
    with pytest.raises(ArgumentError, match=r"augment=...\) is for images and series, and these data hold columns alone. Leave augment="):
        plait.GAN.fit(rows, augment=True)
    with pytest.raises(ArgumentError, match=r"GAN.fit\(layers=...\) is for rows, and these data hold images or series"):
        plait.GAN.fit(quarters(20), layers=2)
    with pytest.raises(
        ArgumentError, match=r"GAN.fit\(patience=...\): the quality is measured on a tenth .* of 20 that is too little .* 40 are"
    ):
        plait.GAN.fit(quarters(20), patience=2)
    for option, said in (
        ({"learning_rate": -1.0}, "learning_rate=-1.0): a number above 0"),
        ({"learning_rate": "fast"}, "learning_rate='fast'): a number above 0"),
        ({"penalty": -5}, "penalty=-5): a number of 0 or more"),
        ({"augment": "yes"}, "augment='yes'): True, False or None"),
        ({"judge": "x", "patience": 2}, "judge='x'): a plait.Judge is needed"),
        ({"judge": plait.Judge}, "judge=...): the quality is measured where patience= is given"),
    ):
        with pytest.raises(ArgumentError, match=re.escape(said)):
            plait.GAN.fit(quarters(20), **option)
    short = plait.Arrays(x=np.zeros(20), s=np.zeros((20, 3, 2)))
    with pytest.raises(
        SpecError, match=r"'s' is \(3, 2\) float64, and images and series that are made have 4 or more a side. Make it larger"
    ):
        plait.GAN.fit(plait.Dataset(inputs={"x": short["x"]}, targets={"s": short["s"]}))
    with pytest.raises(ArgumentError, match=r"GAN.fit: a step takes 1 of 20 samples, and at least 2 are needed. Write batch_size=2"):
        plait.GAN.fit(quarters(20), batch_size=1)
    with pytest.raises(
        ArgumentError, match=r"GAN.fit: the loss is nan after epoch [12]: training went astray. Write a smaller learning_rate="
    ):
        plait.GAN.fit(quarters(20), units=8, epochs=3, learning_rate=1e30, progress=False)
    for option, path in (("sheets", "sheets"), ("resume", "run.json")):
        with pytest.raises(ArgumentError, match=rf"GAN.fit\({option}=5\): a path is needed, such as {option}='{path}'"):
            plait.GAN.fit(quarters(20), **{option: 5})
    with pytest.raises(ArgumentError, match=r"kinds={'colour': 'numbr'}: a kind is one of 'number', "):
        plait.GAN.fit(everything((17,)), kinds={"colour": "numbr"})
    with pytest.raises(ArgumentError, match=r"GAN.fit\(units=1\): a whole number of at least 2 is needed"):
        plait.GAN.fit(quarters(20), units=1)
    named = plait.Dataset(inputs={"a/b": quarters(20)["quarter"]}, targets={"image": quarters(20)["image"]})
    with pytest.raises(SpecError, match=r"GAN.fit: 'a/b': Keras takes no / in the name of an input. Write .*'a_b': data\['a/b'\]"):
        plait.GAN.fit(named)
    assert plait.GAN.fit(quarters(20), epochs=1, units=4, seed=-1, progress=False).sample(2, seed=0)["image"].values().shape == (2, 8, 8, 1)
    with pytest.raises(ArgumentError, match=r"GAN.fit\(patience=0\): a whole number of at least 1 is needed"):
        plait.GAN.fit(quarters(20), patience=0)
    with pytest.raises(ArgumentError, match=r"GAN.sample\(given=\['image'\]\): this GAN is told \['quarter'\], all or none of it"):
        fitted().sample(2, seed=0, given={"image": np.zeros((8, 8, 1), "uint8")})
    with pytest.raises(ArgumentError, match=r"There is no 7 among the 3 classes of 'quarter': 0, 1, 2"):
        fitted().sample(2, seed=0, given={"quarter": 7})
    with pytest.raises(NameUnknownError, match=r"GAN.fit: there is no stream 'colour'. There are \['quarter', 'image'\]"):
        plait.GAN.fit(quarters(20), condition=["colour"])
    with pytest.raises(ArgumentError, match="names every stream, so that nothing is left to generate"):
        plait.GAN.fit(quarters(20), condition=["quarter", "image"])
    with pytest.raises(SpecError, match=r"GAN.fit: 'quarter' is \(\) int64; beside images .* Name it as a condition"):
        plait.GAN.fit(quarters(20), condition=[])
    with pytest.raises(SpecError, match="the data set has 1 samples; nothing can be learned from fewer than 2"):
        plait.GAN.fit(quarters(20).take([0]))


def test_what_cannot_be_made_together_is_an_error():
    arrays = plait.Arrays(k=np.arange(20) % 2, image=np.zeros((20, 8, 8, 1), np.uint8), series=np.zeros((20, 9, 2)))
    both = plait.Dataset(inputs={"k": arrays["k"]}, targets={name: arrays[name] for name in ("image", "series")})
    with pytest.raises(SpecError, match=r"or one time. Tell one of them, GAN.fit\(data, condition=\['series', ...\]\)"):
        plait.GAN.fit(both)
    arrays = plait.Arrays(k=np.arange(20) % 2, image=np.zeros((20, 8, 8), np.uint8))
    with pytest.raises(SpecError, match=r"'image' is \(8, 8\) uint8: pixels without channels, it seems. .*image\[..., None\], on='image'"):
        plait.GAN.fit(plait.Dataset(inputs={"k": arrays["k"]}, targets={"image": arrays["image"]}))
    arrays = plait.Arrays(k=np.arange(20) % 2, series=[np.zeros((5 + n % 3, 2)) for n in range(20)])
    with pytest.raises(SpecError, match=r"series of unlike lengths are brought to one by data.map\(plait.Pad\(...\), on='series'\)"):
        plait.GAN.fit(plait.Dataset(inputs={"k": arrays["k"]}, targets={"series": arrays["series"]}))
