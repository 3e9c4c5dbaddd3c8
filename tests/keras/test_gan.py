"""GAN: a generator against a critic, told the streams named in `condition`."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, NameUnknownError
from plait.synth.gan import GAN
from plait.synth.networks_gan import Adversarial, row_critic, row_generator

SMALL = {"epochs": 40, "units": 64, "layers": 2, "noise": 16, "batch_size": 128, "learning_rate": 0.002}


def table(rows=2000, seed=0):
    """y is about 4 greater for class b; a count that is whole."""
    rng = np.random.default_rng(seed)
    grade = rng.integers(0, 2, rows)
    arrays = plait.Arrays(grade=np.array(["a", "b"])[grade], y=4 * grade + rng.normal(size=rows), count=rng.poisson(2, rows))
    return plait.Dataset(inputs={"grade": arrays["grade"]}, targets={n: arrays[n] for n in ("y", "count")})


@functools.cache
def fitted():
    return GAN.fit(table(), condition=["grade"], **SMALL)


def test_samples_have_the_streams_of_the_data_and_follow_the_condition():
    """A generator that ignored its condition would give equal means; 1.5 of the true distance of 4 is asked for."""
    fake = fitted().sample(2000, seed=0)
    y, b = fake["y"].values(), fake["grade"].values() == "b"
    assert fake.spec == table().spec and abs(b.mean() - 0.5) < 0.06
    assert y[b].mean() - y[~b].mean() > 1.5 and y.std() > 1
    given = fitted().sample(400, seed=0, given={"grade": np.array(["a", "b"] * 200)})
    assert given["grade"].values().tolist() == ["a", "b"] * 200 and np.diff(given["y"].values().reshape(-1, 2)).mean() > 1.5
    assert set(fake["count"].values().tolist()) <= set(table()["count"].values().tolist())


def test_the_same_seed_gives_the_same_generator_and_the_same_samples():
    first, again = (GAN.fit(table(100), seed=4, epochs=2, units=8, layers=1) for _ in range(2))
    assert first.history == again.history
    drawn = [gan.sample(50, seed=1)["y"].values() for gan in (first, again)]
    assert np.array_equal(*drawn) and not np.array_equal(drawn[0], first.sample(50, seed=2)["y"].values())


def test_a_saved_gan_gives_the_same_samples(tmp_path):
    fitted().save(tmp_path / "gan.plait")
    back = plait.load(tmp_path / "gan.plait")
    for name in table().spec:
        assert np.array_equal(fitted().sample(100, seed=0)[name].values(), back.sample(100, seed=0)[name].values())


def test_the_generator_is_a_plain_keras_model_that_loads_by_itself(tmp_path):
    fitted().generator.save(tmp_path / "gan.keras")
    alone = keras.models.load_model(tmp_path / "gan.keras")
    assert all(type(layer).__module__.startswith("keras.") for layer in alone.layers)
    old = plait.Pretrained(
        tmp_path / "gan.keras",
        noise=16,
        conditions={"condition": np.array([[1, -1], [-1, 1]], "float32")},
        inputs={"y": 0},
        targets={"count": 1},
    )
    assert len(old.sample(10, seed=0)) == 10


def test_each_of_the_two_optimizers_moves_its_own_and_the_mean_follows_the_generator():
    def generator():
        return row_generator(4, 0, [1, 3], units=8, layers=1, seed=0)

    training = Adversarial(generator, row_critic(4, 0, units=8, layers=1, seed=1), noise=("noise", (4,)), sample="row", penalty=1.0, seed=0)
    training.compile(training.optimizer_for(0.01))
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in training.mean.variables]
    start = [np.array(keras.ops.convert_to_numpy(v)) for v in training.critic.variables]
    training.fit({"row": np.random.default_rng(0).normal(size=(64, 4)).astype("float32")}, np.zeros(64), verbose=0, epochs=2)
    makes, judges = training.optimizer.optimizers
    assert {id(v) for v in makes._trainable_variables}.isdisjoint({id(v) for v in judges._trainable_variables})
    moved = [np.abs(keras.ops.convert_to_numpy(v) - b).max() for v, b in zip(training.mean.variables, before, strict=True)]
    far = [np.abs(keras.ops.convert_to_numpy(v) - b).max() for v, b in zip(training.generator.variables, before, strict=True)]
    assert all(0 < m < f for m, f in zip(moved, far, strict=True))
    assert all(np.abs(keras.ops.convert_to_numpy(v) - b).max() > 0 for v, b in zip(training.critic.variables, start, strict=True))


def test_what_cannot_be_a_condition_is_an_error():
    with pytest.raises(
        NameUnknownError, match=r"GAN.fit\(condition=\['colour'\]\): there is no stream 'colour'. There are \['grade', 'y', 'count'\]"
    ):
        GAN.fit(table(20), condition="colour")
    with pytest.raises(ArgumentError, match="names every stream, so that nothing is left to generate"):
        GAN.fit(table(20), condition=["grade", "y", "count"])
    with pytest.raises(ArgumentError, match=r"GAN.fit\(noise=0\): a whole number of at least 1 is needed"):
        GAN.fit(table(20), noise=0)
    with pytest.raises(ArgumentError, match=r"GAN.sample\(given=\['y'\]\): this GAN is told \['grade'\], all or none of it"):
        fitted().sample(2, seed=0, given={"y": 1.0})
