"""Whether a model waits for its data: what `bench` and `Feed` say of it, and that they leave everything as it was."""

from __future__ import annotations

import json
import random
import time
from dataclasses import replace

import keras
import numpy as np
import pytest

import plait
from plait.benching import Stage
from plait.benching.result import advice, ordered
from plait.errors import ArgumentError, CheckError
from plait.keys import Keys
from plait.source import Source
from plait.spec import Spec

SAMPLES = 240


class Sleepy(Source):
    """A stream that takes 100 ms whenever it is read; a small model takes far less a step, on any machine."""

    keys, label = Keys.range(SAMPLES), "Sleepy"

    @property
    def spec(self):
        return {"photo": Spec((3,), np.dtype(np.float32))}

    def read(self, names, rows):
        time.sleep(0.1)
        return {name: np.ones((len(rows), 3), np.float32) for name in names}


@pytest.fixture(scope="module")
def numbers() -> plait.Arrays:
    rng = np.random.default_rng(0)
    return plait.Arrays(x=rng.normal(size=(SAMPLES, 3)).astype(np.float32), y=rng.integers(0, 2, SAMPLES))


@pytest.fixture(scope="module")
def quick(numbers):
    return plait.Dataset(inputs={"x": numbers["x"]}, targets={"y": numbers["y"]})


@pytest.fixture(scope="module")
def slow(numbers):
    return plait.Dataset(inputs={"x": numbers["x"], "photo": Sleepy()}, targets={"y": numbers["y"]})


def network(names=("x",)) -> keras.Model:
    inputs = {name: keras.Input((3,), name=name) for name in names}
    joined = keras.layers.Concatenate()(list(inputs.values())) if len(inputs) > 1 else inputs["x"]
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(4, activation="relu")(joined))
    model = keras.Model(inputs, {"y": keras.layers.Dense(2, activation="softmax", name="y")(hidden)})
    model.compile("adam", loss={"y": "sparse_categorical_crossentropy"}, metrics={"y": ["accuracy"]})
    return model


def state(model) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(v.value)) for v in [*model.variables, *model.optimizer.variables]]


def test_a_source_that_sleeps_is_found_and_said_to_be_waited_for(slow):
    found = plait.bench(plait.Loader(slow, 8, workers=0), network(("x", "photo")), steps=8)
    assert found.waiting > 0.5
    assert found.gain > 0.3
    assert (found.slowest.kind, found.slowest.on, found.slowest.name) == ("reading", ("photo",), "Sleepy")
    assert found.slowest.seconds > 0.09
    printed = str(found)
    assert "The model waits for its data: " in printed
    assert "The slowest part of a batch is reading 'photo' from Sleepy." in printed
    assert "-> Do it once: plait.cache(data, 'cache'), and train on what it returns. Or workers=2 makes batches" in printed


def test_a_slow_step_is_found_behind_quick_sources(quick):
    def blur(x):
        time.sleep(0.1)
        return x

    found = plait.bench(plait.Loader(quick.map(blur, on="x"), 8), network(), steps=4)
    assert (found.slowest.kind, found.slowest.name, str(found.slowest)) == ("step", "blur", "the step blur on 'x'")


def test_what_to_do_depends_on_what_is_slow(quick, slow):
    def stage(kind, on=("x",)):
        return Stage(kind, on, "it", 0.1)

    inline, ahead = plait.Loader(quick, 8).plan, plait.Loader(slow, 8, workers=3).plan
    threads = "workers=2 makes batches while the model trains"
    drawn = quick.augment(lambda x, rng: x + rng.normal(size=x.shape), on="x")
    endless = plait.Graph({"x": plait.distributions.Normal(0, 1), "y": lambda x: x}, inputs=["x"], targets=["y"]).stream(seed=0)
    assert advice(quick, inline, stage("hand-over", ())).startswith("TensorFlow takes time over every batch: model.compile(..., steps_per")
    assert (
        advice(quick, inline, stage("random step"))
        == f"It is random, so it can't be stored: {threads}; or do it in the model, as a Keras layer."
    )
    assert advice(quick, inline, stage("order", ())) == f"Take a larger batch_size. Or {threads}."
    assert advice(quick, inline, stage("reading")) == f"It is in memory already: take a larger batch_size. Or {threads}."
    assert advice(slow, ahead, stage("reading", ("photo",))).endswith("train on what it returns. Or workers=6 reads on more threads.")
    alike = "workers=2, processes=True makes them in processes (more threads would do no more than one)"
    held = replace(ahead, threads=1, alike=True)
    assert advice(slow, held, stage("reading", ("photo",))).endswith(f"train on what it returns. Or {alike}.")
    held = replace(held, threads=0)
    assert (
        advice(quick, held, stage("order", ())) == f"Take a larger batch_size. Or workers=1 makes batches while the model trains, {alike}."
    )
    assert advice(quick.map(abs, on="x"), inline, stage("step")) == (
        f"Do it once: plait.cache(data, 'cache'), and train on what it returns. Or {threads}."
    )
    assert advice(drawn.map(abs, on="x"), inline, stage("step")) == (
        f"It comes after what is random, so it can't be stored: {threads}; or put it before, if that is the same to you."
    )
    assert advice(endless, inline, stage("reading")) == (
        f"Samples are drawn as they are asked for: {threads}. Or once: plait.pack(data.take(range(100_000)), 'drawn.plait')."
    )


def test_what_is_kept_is_no_stage_any_more(slow):
    data = plait.cache(slow.map(lambda x: x * 2, on="x"))
    found = plait.bench(plait.Loader(data, 8), network(("x", "photo")), steps=4)
    assert {stage.name for stage in found.stages if stage.kind == "reading"} >= {"cache"}
    assert not [stage for stage in found.stages if stage.kind == "step" or stage.name == "Sleepy"]
    assert str(plait.Loader(data, 8).plan).endswith("every source is in memory")
    for a, b in zip(plait.Loader(data, 8, seed=3), plait.Loader(slow.map(lambda x: x * 2, on="x"), 8, seed=3), strict=True):
        assert all(np.array_equal(a[0][name], b[0][name]) for name in b[0])


def test_waiting_that_no_stage_explains_is_the_hand_over_to_tensorflow():
    made = [Stage("reading", ("x",), "it", 0.001), Stage("checks", ("x",), "", 0.002)]
    assert [s.kind for s in ordered(made, wait=0.004, backend="tensorflow")] == ["checks", "reading"]
    assert [s.kind for s in ordered(made, wait=0.04, backend="jax")] == ["checks", "reading"]
    worst = ordered(made, wait=0.04, backend="tensorflow")[0]
    assert str(worst) == "handing batches to TensorFlow"
    assert np.isclose(worst.seconds, 0.037)


def test_weights_random_states_and_history_are_left_as_they_were(quick, tmp_path):
    model = network()
    model.fit(plait.Loader(quick, 16), verbose=0)
    before, history = state(model), model.history
    drawn = []
    for benched in (False, True):
        keras.utils.set_random_seed(3)
        keras.random.normal((1,))  # Keras makes its generator when it is first asked
        found = plait.bench(quick, model, steps=2, batch_size=16) if benched else None
        drawn.append([random.random(), np.random.rand(), *keras.ops.convert_to_numpy(keras.random.normal((2,))).tolist()])
    assert drawn[0] == drawn[1]
    assert model.history is history
    assert all(np.array_equal(a, b) for a, b in zip(before, state(model), strict=True))
    assert found is not None
    text = found.to_json(tmp_path / "bench.json")
    read = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert json.loads(text) == read
    assert (read["steps"], read["rounds"], read["plan"]["batch_size"]) == (2, 5, 16)
    assert {stage["kind"] for stage in read["stages"]} >= {"reading", "checks", "order"}
    assert 0 <= read["waiting"] <= 1


def test_a_loader_is_left_at_its_step(quick):
    loader = plait.Loader(quick, 16)
    loader.step = 7
    plait.bench(loader, network(), steps=2)
    assert (loader.step, loader.steps, loader.clock) == (7, 15, None)
    assert loader.layout["remainder"] == "keep"


def test_missing_values_ragged_streams_and_masks_are_timed_too(numbers):
    words = plait.Arrays(w=[[1.0] * (1 + i % 5) for i in range(SAMPLES)], x=np.ones((SAMPLES, 3), np.float32))
    labels = plait.Arrays(y=np.where(np.arange(SAMPLES) % 4, np.arange(SAMPLES) % 2, np.nan))
    data = plait.Dataset(inputs={"w": words["w"], "x": words["x"]}, targets={"y": labels["y"]}, missing={"y": "mask"})
    w, x = keras.Input((None,), name="w"), keras.Input((3,), name="x")
    summed = keras.layers.Lambda(lambda v: keras.ops.sum(v, axis=1, keepdims=True), output_shape=(1,))(w)
    model = keras.Model([w, x], keras.layers.Dense(1, name="y")(keras.layers.Concatenate()([summed, x])))
    model.compile("sgd", "mse")
    found = plait.bench(plait.Loader(data, 16, bucket={"w": [5]}), model, steps=2)
    assert ("checks", ("w",)) in {(stage.kind, stage.on) for stage in found.stages}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": [1]}, "bench takes a plait.Dataset or a plait.Loader, not a list. Write plait.bench(train, model)"),
        ({"model": 3}, "bench trains a keras.Model for a few steps, and was given a int. Write plait.bench(data, model)."),
        ({"steps": 0}, "steps=0: an integer of at least 1 is needed; leave it out to let bench choose."),
    ],
)
def test_arguments_that_cannot_be_meant(quick, change, message):
    given = {"data": quick, "model": network(), "steps": None, **change}
    with pytest.raises(ArgumentError) as error:
        plait.bench(given["data"], given["model"], steps=given["steps"])
    assert message in str(error.value)


def test_a_model_that_is_not_compiled(quick):
    x = keras.Input((3,), name="x")
    with pytest.raises(ArgumentError, match=r"Model 'bare' is not compiled, so there is no training step to time. Write model.compile"):
        plait.bench(quick, keras.Model(x, keras.layers.Dense(2, name="y")(x), name="bare"))


def test_data_that_do_not_fit_are_refused_as_fit_refuses_them(quick):
    x = keras.Input((4,), name="x")
    model = keras.Model({"x": x}, {"y": keras.layers.Dense(2, name="y")(x)})
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(CheckError, match="The data do not fit model"):
        plait.bench(quick, model)


def test_the_callback_prints_one_line_that_names_what_is_slow(slow, capsys):
    loader = plait.Loader(slow, 8, workers=0)
    feed = plait.Feed(loader)
    network(("x", "photo")).fit(loader, verbose=0, callbacks=[feed])
    assert feed.waiting > 0.5
    assert capsys.readouterr().out == feed.line + "\n"
    assert feed.line.startswith("Feed: the model waited for its data ")
    assert "Slowest: reading 'photo' from Sleepy, 1" in feed.line
    assert "plait.cache(data, 'cache')" in feed.line


def test_the_callback_changes_nothing(quick):
    weights = []
    for watched in (False, True):
        keras.utils.set_random_seed(5)
        model, loader = network(), plait.Loader(quick, 16, seed=1)
        callbacks = [plait.Feed(loader)] if watched else []
        model.fit(loader, epochs=2, verbose=0, callbacks=callbacks, validation_data=plait.Loader(quick, 16, shuffle=False))
        weights.append(state(model))
        assert loader.step == 30
    assert all(np.array_equal(a, b) for a, b in zip(*weights, strict=True))


def test_the_callback_is_refused_where_it_cannot_see_the_feed(quick):
    with pytest.raises(ArgumentError, match="Feed takes the plait.Loader that fit is given, not a Dataset: model.fit"):
        plait.Feed(quick)
    with pytest.raises(ArgumentError, match="Feed was given a Loader that does not feed this fit. Write model.fit"):
        network().fit(plait.Loader(quick, 16), verbose=0, callbacks=[plait.Feed(plait.Loader(quick, 16))])


def test_what_the_loader_chose_is_said_in_words(quick, slow):
    plan = plait.Loader(quick, 8).plan
    assert (plan.block, plan.threads, plan.ahead) == (1024, 0, 0)
    read = "1024 batches of 8 samples at once, in the thread that asks, none ahead"
    assert str(plan) == f"shuffled, every sample once an epoch; {read}: every source is in memory"
    read = "one batch of 8 at a time, on 3 threads, up to 6 ahead"
    why = "workers=3 was asked for, and Sleepy is not in memory"
    assert str(plait.Loader(slow, 8, workers=3, shuffle=False).plan) == f"in order, every sample once an epoch; {read}: {why}"
    assert str(plait.Loader(quick, 8, balance="y").plan).startswith("shuffled, every class equally often; ")
