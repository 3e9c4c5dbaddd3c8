"""Data sets without end in a Loader, in `fit`, checked, shown and resumed."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ResumeError


def graph() -> plait.Graph:
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 5)),
            "engaged": lambda rng, x: rng.random(len(x)) < x.mean(axis=1),
            "duration": lambda rng, engaged: rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)),
        },
        inputs=["x"],
        targets=["engaged", "duration"],
    )


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    x = keras.Input((5,), name="x")
    hidden = keras.layers.Dense(16, activation="relu")(x)
    heads = {
        "engaged": keras.layers.Dense(1, activation="sigmoid", name="engaged")(hidden),
        "duration": keras.layers.Dense(1, name="duration")(hidden),
    }
    model = keras.Model(x, heads)
    model.compile(keras.optimizers.Adam(0.01), loss={"engaged": "binary_crossentropy", "duration": "mse"})
    return model


def test_batch_i_is_a_pure_function_of_seed_and_i():
    loader = plait.Loader(graph().stream(seed=0), 256, steps=10)
    rows = graph().sample(256 * 300, seed=0).read(["x", "duration"], np.arange(256 * 300))
    for step in (0, 3, 127, 128, 299):
        inputs, targets, weights = loader.batch(step)
        own = slice(step * 256, step * 256 + 256)
        assert (inputs["x"] == rows["x"][own]).all() and (targets["duration"] == rows["duration"][own]).all()
        assert loader.keys(step)[:2] == [step * 256, step * 256 + 1]
        assert all((weight == 1).all() for weight in weights.values())


@pytest.mark.parametrize("batch", [256, 100])
def test_epochs_go_on_where_the_last_one_stopped(batch):
    loader = plait.Loader(graph().stream(seed=0), batch, steps=200)
    assert len(loader) == 200 and loader.shuffle is False
    for epoch in range(3):
        read = np.concatenate([inputs["x"] for inputs, _, _ in loader])
        own = np.arange(epoch * 200 * batch, (epoch + 1) * 200 * batch)
        assert (read == loader.data.read(["x"], own)["x"]).all()


def test_shards_together_are_the_batches_of_one_process():
    data = graph().stream(seed=0)
    whole = plait.Loader(data, 64, steps=10)
    parts = [plait.Loader(data, 32, steps=10, shard=(index, 2)) for index in range(2)]
    for step in (0, 7, 600):
        joined = np.concatenate([part.batch(step)[0]["x"] for part in parts])
        assert (joined == whole.batch(step)[0]["x"]).all()


def test_a_model_learns_from_it_and_evaluates_on_it():
    model = network()
    history = model.fit(plait.Loader(graph().stream(seed=0), 256, steps=100), epochs=4, verbose=0).history
    assert len(history["loss"]) == 4 and history["loss"][-1] < history["loss"][0]
    scores = model.evaluate(plait.Loader(graph().stream(seed=1), 256, steps=40), verbose=0, return_dict=True)
    assert scores["loss"] == pytest.approx(history["loss"][-1], rel=0.1)
    predicted = model.predict(plait.Loader(graph().stream(seed=1), 100, steps=3), verbose=0)
    assert predicted["duration"].shape == (300, 1)


def test_check_looks_at_the_first_samples():
    report = plait.check(graph().stream(seed=0), network(), samples=2000)
    assert report, report
    assert "check of data without end" in str(report) and "the first 2000 samples looked at" in str(report)
    assert "every sample is drawn with its label" in str(report)


def test_show_shows_the_first_samples():
    shown = str(plait.show(graph().stream(seed=0), samples=4))
    assert shown.startswith("4 samples of data without end: the first batch of plait.Loader(data, 4, seed=0)")
    assert "target" in shown


def test_a_run_that_was_stopped_goes_on_with_the_next_batch(tmp_path):
    def run(epochs: int, path: str, model: keras.Model) -> plait.Loader:
        loader = plait.Loader(graph().stream(seed=0), 64, steps=20)
        model.fit(loader, epochs=epochs, verbose=0, callbacks=[plait.Resume(loader, path)])
        return loader

    whole, parts = network(), network()
    run(4, str(tmp_path / "whole.json"), whole)
    run(2, str(tmp_path / "parts.json"), parts)
    again = network()
    loader = run(4, str(tmp_path / "parts.json"), again)
    assert loader.step == 80
    for a, b in zip(whole.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    other = plait.Loader(graph().stream(seed=1), 64, steps=20)
    with pytest.raises(ResumeError, match=r"keys was \['Graph.stream\(seed=0\)'\] and is \['Graph.stream\(seed=1\)'\]"):
        network().fit(other, epochs=5, verbose=0, callbacks=[plait.Resume(other, tmp_path / "parts.json")])


def test_a_stream_of_a_learned_synthesizer_with_missing_labels_trains_with_weights():
    from plait.synth.independent import Independent

    rng = np.random.default_rng(0)
    size = np.where(rng.random(200) < 0.4, np.nan, rng.normal(5, 1, 200))
    arrays = plait.Arrays(x=rng.normal(size=(200, 2)), size=size)
    table = plait.Dataset(inputs={"x": arrays["x"]}, targets={"size": arrays["size"]}, missing={"size": "mask"})
    x = keras.Input((2,), name="x")
    model = keras.Model(x, keras.layers.Dense(1, name="size")(x))
    model.compile(keras.optimizers.Adam(0.1), loss="mse")
    model.fit(plait.Loader(Independent.fit(table, progress=False).stream(seed=0), 64, steps=50), epochs=6, verbose=0)
    assert float(model.predict(np.zeros((1, 2)), verbose=0)[0, 0]) == pytest.approx(5, abs=0.5)


def test_an_epoch_of_data_without_end_needs_a_length():
    with pytest.raises(ArgumentError, match=r"say how many batches make an epoch: plait.Loader\(data, 256, steps=1000\)"):
        plait.Loader(graph().stream(seed=0), 256)


@pytest.mark.parametrize(("name", "given"), [("balance", {"balance": "engaged"}), ("bucket", {"bucket": "x"})])
def test_what_chooses_among_all_samples_is_refused(name, given):
    with pytest.raises(ArgumentError, match=rf"{name}= chooses among all samples, and the data have no end. Take some first"):
        plait.Loader(graph().stream(seed=0), 32, steps=5, **given)
