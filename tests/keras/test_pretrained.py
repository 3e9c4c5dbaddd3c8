"""Pretrained: a saved generator as the source of joint data."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, NameUnknownError, ReadError, SpecError
from plait.synth.pretrained import Pretrained

COLUMNS = {"inputs": {"x": slice(0, 5)}, "targets": {"y1": 5, "y2": 6}}


def generator(width=7, noise=100):
    z = keras.Input((noise,), name="z")
    hidden = keras.layers.Dense(8, activation="tanh")(z)
    return keras.Model(z, keras.layers.Dense(width)(hidden))


def conditional():
    """Noise and a class to an image and two scores."""
    z, grade = keras.Input((4,), name="z"), keras.Input((1,), dtype="int32", name="grade")
    place = keras.layers.Flatten()(keras.layers.Embedding(3, 4)(grade))
    both = keras.layers.Concatenate()([z, place])
    image = keras.layers.Reshape((2, 2, 1), name="image")(keras.layers.Dense(4)(both))
    scores = keras.layers.Dense(2, name="scores")(both)
    return keras.Model({"z": z, "grade": grade}, {"image": image, "scores": scores})


def values(data, *names):
    return [data[name].values() for name in names]


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_a_saved_generator_gives_named_inputs_and_targets(tmp_path, ending):
    model = generator()
    model.save(tmp_path / f"gan.{ending}")
    old = Pretrained(tmp_path / f"gan.{ending}", noise=100, **COLUMNS)
    data = old.sample(50, seed=3)
    x, y1, y2 = values(data, "x", "y1", "y2")
    assert x.shape == (50, 5) and y1.shape == y2.shape == (50,) and list(data.targets) == ["y1", "y2"]
    rows = model.predict(np.random.default_rng([3, 0, 0]).standard_normal((50, 100), np.float32), verbose=0)
    np.testing.assert_allclose(np.column_stack([x, y1, y2]), rows, rtol=1e-4, atol=1e-5)


def test_a_sequential_generator_will_do_as_it_is_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(7)])
    model.save(tmp_path / "gan.keras")
    here, there = (Pretrained(which, noise=8, **COLUMNS).sample(9, seed=1) for which in (model, tmp_path / "gan.keras"))
    assert (here["x"].values() == there["x"].values()).all() and here["x"].values().shape == (9, 5)


def test_the_same_seed_gives_the_same_data_and_another_seed_other_data():
    old = Pretrained(generator(), noise=100, **COLUMNS)
    first, again, other = (old.sample(1500, seed=seed)["x"].values() for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_stream_without_end_is_a_pure_function_of_its_seed():
    old = Pretrained(generator(), noise=100, **COLUMNS)
    first, again = (plait.Loader(old.stream(seed=0), 16, steps=3).batch(2)[0]["x"] for _ in range(2))
    assert np.array_equal(first, again) and first.shape == (16, 5)


def test_a_generator_with_several_inputs_and_outputs_takes_its_conditions_from_given():
    old = Pretrained(conditional(), noise=4, conditions={"grade": np.arange(3)}, inputs={"photo": "image"}, targets={"sure": ("scores", 1)})
    data = old.sample(300, seed=0)
    photo, grade, sure = values(data, "photo", "grade", "sure")
    assert photo.shape == (300, 2, 2, 1) and sure.shape == (300,) and set(grade.tolist()) == {0, 1, 2}
    fixed = old.sample(4, seed=0, given={"grade": np.array([0, 1, 2, 2])})
    assert fixed["grade"].values().tolist() == [0, 1, 2, 2] and list(fixed.inputs) == ["grade", "photo"]
    assert old.sample(2, seed=0, given={"grade": 1})["grade"].values().tolist() == [1, 1]


def test_noise_is_normal_uniform_or_the_users_own():
    z = keras.Input((3,), name="z")
    same = keras.Model(z, keras.layers.Activation("linear")(z))
    parts = {"inputs": {"x": [0, 1]}, "targets": {"y": -1}}
    uniform = Pretrained(same, noise=3, distribution="uniform", **parts).sample(2000, seed=0)["x"].values()
    assert -1 <= uniform.min() < -0.9 and 0.9 < uniform.max() <= 1
    ones = Pretrained(same, noise=3, distribution=lambda rng, shape: np.ones(shape), **parts).sample(5, seed=0)
    assert ones["y"].values().tolist() == [1.0] * 5
    with pytest.raises(ArgumentError, match=r"choose 'normal', 'uniform', or a function \(rng, shape\) -> array"):
        Pretrained(same, noise=3, distribution="cauchy", **parts)
    with pytest.raises(ArgumentError, match=r"distribution= gave the shape \(2,\), and \(1, 3\) was asked for"):
        Pretrained(same, noise=3, distribution=lambda rng, shape: np.ones(2), **parts)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"noise": 64}, ArgumentError, r"noise=64, and the generator's input 'z' takes \(100,\). Write noise=100."),
        ({"noise": 0}, ArgumentError, r"noise=0\): write how many numbers the noise has, noise=100, or its shape"),
        ({"targets": {"y1": 5, "y2": 7}}, SpecError, "'y2' is column 7, and the generator's output is 7 wide: columns 0 to 6."),
        ({"inputs": {"x": slice(0, 9)}}, SpecError, r"'x' is slice\(0, 9\), and the generator's output is 7 wide: columns 0 to 6."),
        ({"inputs": {"x": [0, 8]}}, SpecError, r"'x' is columns \[0, 8\], and the generator's output is 7 wide"),
        ({"inputs": {"x": 1.5}}, ArgumentError, r"'x' is 1.5; write a column, 5, or columns, slice\(0, 5\) or \[0, 2\]"),
        ({"inputs": {"x": "image"}}, NameUnknownError, "'x' is the output 'image', and the generator has one output."),
        ({"inputs": {}}, ArgumentError, "inputs= names no stream"),
        ({"inputs": {"y1": 0}}, ArgumentError, r"\['y1'\] are named twice"),
        ({"conditions": {"grade": [0, 1]}}, NameUnknownError, r"conditions= names \['grade'\], and the generator's inputs are \['z'\]"),
    ],
)
def test_what_does_not_go_with_the_generator_is_an_error(change, error, message):
    with pytest.raises(error, match=message):
        Pretrained(generator(), **{"noise": 100, **COLUMNS, **change})


def test_several_inputs_or_outputs_must_be_named():
    with pytest.raises(ArgumentError, match=r"all but the one that takes noise are conditions. Write conditions=\{'.*': values\}"):
        Pretrained(conditional(), noise=4, inputs={"photo": "image"}, targets={})
    known = {"noise": 4, "conditions": {"grade": np.arange(3)}, "targets": {}}
    with pytest.raises(ArgumentError, match=r"'photo' is 3, and the generator has the outputs \['image', 'scores'\]. Say which one"):
        Pretrained(conditional(), inputs={"photo": 3}, **known)
    with pytest.raises(NameUnknownError, match=r"'photo' is the output 'picture', and the generator has \['image', 'scores'\]"):
        Pretrained(conditional(), inputs={"photo": "picture"}, **known)
    with pytest.raises(ArgumentError, match=r"conditions=\{'grade': ...\} has the shape \(\)"):
        Pretrained(conditional(), inputs={"photo": "image"}, **{**known, "conditions": {"grade": 1}})


def test_what_the_generator_makes_cannot_be_given():
    old = Pretrained(generator(), noise=100, **COLUMNS)
    with pytest.raises(ArgumentError, match="the generator makes 'y1' itself. It has no conditions."):
        old.sample(2, seed=0, given={"y1": 1.0})


def test_a_file_that_is_no_model_is_an_error(tmp_path):
    with pytest.raises(ReadError, match="There is no file"):
        Pretrained(tmp_path / "none.keras", noise=100, **COLUMNS)
    with pytest.raises(ArgumentError, match="a file of Keras ends with .keras or .h5"):
        Pretrained(tmp_path / "gan.pkl", noise=100, **COLUMNS)
    (tmp_path / "gan.keras").write_bytes(b"nothing")
    with pytest.raises(ReadError, match="holds no Keras model that can be loaded safely"):
        Pretrained(tmp_path / "gan.keras", noise=100, **COLUMNS)
    with pytest.raises(ArgumentError, match="takes a path or a keras.Model, not a int"):
        Pretrained(3, noise=100, **COLUMNS)
    with pytest.raises(ArgumentError, match="was never built"):
        Pretrained(keras.Sequential([keras.layers.Dense(3)]), noise=100, **COLUMNS)


@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_code_in_a_file_is_refused(tmp_path, ending):
    z = keras.Input((100,), name="z")
    keras.Model(z, keras.layers.Lambda(lambda v: v[:, :7], output_shape=(7,))(z)).save(tmp_path / f"gan.{ending}")
    with pytest.raises(ReadError, match="(?s)holds no Keras model that can be loaded safely: .*ambda"):
        Pretrained(tmp_path / f"gan.{ending}", noise=100, **COLUMNS)


def test_a_code_beyond_the_embedding_is_an_error():
    made = {"inputs": {"image": "image"}, "targets": {"score": ("scores", 0)}}
    old = Pretrained(conditional(), noise=4, conditions={"grade": np.arange(3)[:, None]}, **made)
    with pytest.raises(ArgumentError, match=r"the condition 'grade' is -1, and its embedding has places for 0 to 2"):
        old.sample(3, seed=0, given={"grade": np.array([[0], [-1], [2]])})
    with pytest.raises(ArgumentError, match=r"Pretrained: the condition 'grade' is 3, and its embedding has places for 0 to 2"):
        Pretrained(conditional(), noise=4, conditions={"grade": np.arange(4)[:, None]}, **made)


def test_a_code_beyond_an_embedding_that_two_conditions_share_is_an_error():
    z, a, b = keras.Input((4,), name="z"), keras.Input((1,), dtype="int32", name="a"), keras.Input((1,), dtype="int32", name="b")
    place = keras.layers.Embedding(3, 4)
    parts = [z, *(keras.layers.Flatten()(place(code)) for code in (a, b))]
    model = keras.Model({"z": z, "a": a, "b": b}, keras.layers.Dense(2)(keras.layers.Concatenate()(parts)))
    codes = np.arange(3)[:, None]
    with pytest.raises(ArgumentError, match=r"the condition 'b' is 5, and its embedding has places for 0 to 2"):
        Pretrained(model, noise=4, conditions={"a": codes, "b": codes + 5}, inputs={"x": 0}, targets={"y": 1})
