"""Recurrent branches of generators of series: they remember, are plain layers, and are refused where there is nothing to remember."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from pictures import quarters

import plait
from plait.errors import ArgumentError
from plait.synth.networks_arrays import array_generator
from plait.synth.networks_flow_arrays import array_velocity
from plait.synth.networks_parts import Parts, told_inputs
from plait.synth.spatial import Scene


@functools.cache
def walks(rows=64, steps=16):
    """Steps of two kinds, and where they lead to: their sum so far, half of it from a second series."""
    rng = np.random.default_rng(0)
    step, drift = rng.choice([-1.0, 1.0], (rows, steps, 1)), rng.normal(0, 0.3, (rows, steps, 2))
    place = np.cumsum(step + drift.mean(axis=2, keepdims=True), axis=1)
    arrays = plait.Arrays(step=step.astype(np.float32), drift=drift.astype(np.float32), place=place.astype(np.float32))
    return plait.Dataset(inputs={name: arrays[name] for name in ("step", "drift")}, targets={"place": arrays["place"]})


def test_a_branch_holds_at_the_last_time_what_was_told_at_the_first_and_the_other_way_round():
    scene = Scene.fit("Flow", walks(), condition=None, kinds=None, seed=0)
    inputs = told_inputs(scene.conditions)
    held = Parts(1, seed=0).remembered(scene.conditions, inputs, (16,), 8)
    branches = keras.Model(inputs, held)
    told = {name: walks()[name].values()[:4] for name in inputs}
    before = branches.predict_on_batch(told)
    assert before.shape == (4, 16, 16)
    for name, own in (("step", slice(0, 8)), ("drift", slice(8, 16))):
        for at, other in ((0, -1), (-1, 0)):
            changed = told[name].copy()
            changed[:, at] += 1
            apart = np.abs(branches.predict_on_batch({**told, name: changed}) - before).max(axis=0)
            assert apart[other, own].max() > 1e-6  # heard at the other end
            assert apart[:, own].max() > 0 and np.delete(apart, range(*own.indices(16)), axis=1).max() == 0  # by its own branch alone


def test_a_flow_with_recurrent_branches_learns_and_is_kept(tmp_path):
    flow = plait.Flow.fit(walks(), epochs=6, units=8, batch_size=16, learning_rate=0.01, steps=1, recurrent=True, progress=False)
    assert flow.history["loss"][-1] < 0.9 * flow.history["loss"][0]
    given = {name: walks()[name].values() for name in walks().inputs}
    made = flow.sample(len(walks()), seed=0, given=given)["place"].values()
    flow.save(tmp_path / "flow.plait")
    np.testing.assert_array_equal(plait.load(tmp_path / "flow.plait").sample(len(walks()), seed=0, given=given)["place"].values(), made)


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_networks_have_a_branch_for_each_series_that_is_told(recurrent):
    scene = Scene.fit("GAN", walks(), condition=None, kinds=None, seed=0)
    generator = array_generator(scene.canvas.shape, scene.conditions, noise=3, units=8, bounded=False, seed=0, recurrent=recurrent)
    velocity = array_velocity(scene.canvas.shape, scene.conditions, units=8, seed=0, recurrent=recurrent)
    for network in (generator, velocity):
        branches = [layer for layer in network.layers if isinstance(layer, keras.layers.Bidirectional)]
        assert len(branches) == 2 * recurrent
        assert all(type(layer).__module__.startswith("keras.") for layer in network.layers)


def test_where_no_series_is_told_or_made_recurrent_branches_are_refused():
    for owner in (plait.GAN, plait.Flow):
        said = (
            rf"{owner.__name__}.fit\(recurrent=True\) is for series \(time, channels\) made out of series, and here \['quarter'\] is told"
        )
        with pytest.raises(ArgumentError, match=said):
            owner.fit(quarters(20), recurrent=True, epochs=1)
    table = plait.Arrays(x=np.arange(9.0), y=np.arange(9.0))
    rows = plait.Dataset(inputs={"x": table["x"]}, targets={"y": table["y"]})
    with pytest.raises(ArgumentError, match=r"Flow.fit\(recurrent=...\) is for images and series, and these data hold columns alone"):
        plait.Flow.fit(rows, recurrent=True)
