"""Flow: the joint distribution by flow matching, conditions on any streams, NumPy beside Keras."""

from __future__ import annotations

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError
from plait.synth.flow import Flow
from plait.synth.networks_flow import FlowTraining, velocity

SMALL = {"epochs": 40, "units": 64, "blocks": 2, "batch_size": 128, "learning_rate": 0.003}


def table(rows=2000, seed=0):
    """y = x + 2 for class b, x for class a, with noise of 0.3; a count that is whole."""
    rng = np.random.default_rng(seed)
    grade, x = rng.integers(0, 2, rows), rng.normal(size=rows)
    arrays = plait.Arrays(grade=np.array(["a", "b"])[grade], x=x, y=x + 2 * grade + 0.3 * rng.normal(size=rows), count=rng.poisson(2, rows))
    return plait.Dataset(inputs={n: arrays[n] for n in ("grade", "x")}, targets={n: arrays[n] for n in ("y", "count")})


@functools.cache
def fitted():
    return Flow.fit(table(), **SMALL)


def test_samples_have_the_streams_and_the_dependence_of_the_data():
    """The bounds are five standard errors of 2 000 rows, and what a short training lacks; the seed is fixed."""
    fake = fitted().sample(4000, seed=0)
    x, y, b = fake["x"].values(), fake["y"].values(), fake["grade"].values() == "b"
    assert fake.spec == table().spec and abs(b.mean() - 0.5) < 0.06
    rest = y - x - 2 * b
    assert abs(rest.mean()) < 0.1 and rest.std() < 0.6
    assert set(fake["count"].values().tolist()) <= set(table()["count"].values().tolist())


def test_any_streams_can_be_given():
    forward = fitted().sample(1000, seed=0, given={"grade": "b", "x": np.linspace(-1, 1, 1000)})
    assert (forward["grade"].values() == "b").all() and np.array_equal(forward["x"].values(), np.linspace(-1, 1, 1000))
    assert abs((forward["y"].values() - forward["x"].values()).mean() - 2) < 0.2
    backward = fitted().sample(1000, seed=0, given={"y": 3.0})
    assert (backward["grade"].values() == "b").mean() > 0.7 and abs(backward["x"].values().mean() - 1.0) < 0.5


def test_the_same_seed_gives_the_same_network_and_the_same_samples():
    first, again = (Flow.fit(table(100), seed=4, epochs=2, units=8, blocks=1) for _ in range(2))
    assert first.history == again.history
    drawn = [flow.sample(50, seed=1)["y"].values() for flow in (first, again)]
    assert np.array_equal(*drawn) and not np.array_equal(drawn[0], first.sample(50, seed=2)["y"].values())


def test_a_saved_flow_gives_the_same_samples_and_needs_no_keras(tmp_path):
    fitted().save(tmp_path / "flow.plait")
    back = plait.load(tmp_path / "flow.plait")
    for name in table().spec:
        assert np.array_equal(fitted().sample(100, seed=0)[name].values(), back.sample(100, seed=0)[name].values())
    code = f"import sys, plait; plait.load({str(tmp_path / 'flow.plait')!r}).sample(5, seed=0); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_network_in_numpy_is_the_network_in_keras():
    training = FlowTraining(np.array([0, 0, 1]), np.array([True, False]), units=16, blocks=2, seed=0)
    rng = np.random.default_rng(0)
    for variable in training.mean.variables:
        variable.assign(rng.normal(size=variable.shape).astype("float32") * 0.3)
    state, given = rng.normal(size=(5, 3)).astype("float32"), np.array([0, 0, 1], "float32")
    angles = 0.3 * np.pi * np.arange(1, 9)
    time = np.tile(np.r_[np.sin(angles), np.cos(angles)].astype("float32"), (5, 1))
    by_keras = keras.ops.convert_to_numpy(training.mean([state, np.tile(given, (5, 1)), time])) * (1 - given)
    np.testing.assert_allclose(velocity(training.mean)(state, given, 0.3), by_keras, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("option", ["units", "blocks", "batch_size", "steps"])
def test_an_option_below_one_is_an_error(option):
    with pytest.raises(ArgumentError, match=rf"Flow.fit\({option}=0\): a whole number of at least 1 is needed"):
        Flow.fit(table(20), **{option: 0})
