"""What a Loader hands to users of tf.data and of PyTorch: its structure, all samples once, and training on it as it is."""

from __future__ import annotations

import importlib
import time

import keras
import numpy as np
import pytest

import plait

N = 103


def data(*, missing: bool = False, single: bool = False) -> plait.Dataset:
    """Two inputs and two targets (or one) that say which sample they belong to."""
    rows = np.arange(N)
    label = np.where(rows % 10 == 0, np.nan, rows * 2.0) if missing else rows * 2.0
    arrays = plait.Arrays(a=np.stack([rows, rows], 1).astype(float), b=rows.astype(float), y=label, z=rows % 3, key=rows)
    targets = {"y": arrays["y"]} if single else {"y": arrays["y"], "z": arrays["z"]}
    return plait.Dataset(inputs={"a": arrays["a"], "b": arrays["b"]}, targets=targets, missing={"y": "mask"} if missing else "raise")


def model(container: str) -> keras.Model:
    """A head a target; its outputs in a dict, a list, or single."""
    a, b = keras.Input((2,), name="a"), keras.Input((1,), name="b")
    shared = keras.layers.Concatenate()([a, b])
    y = keras.layers.Dense(1, name="y")(shared)
    z = keras.layers.Dense(3, activation="softmax", name="z")(shared)
    outputs = {"dict": {"y": y, "z": z}, "list": [y, z], "single": y}[container]
    made = keras.Model({"a": a, "b": b}, outputs)
    made.compile("adam", "mse" if container == "single" else {"y": "mse", "z": "sparse_categorical_crossentropy"})
    return made


@pytest.fixture
def handed_over(backend):
    """Loader -> what `to_tf` or `to_torch` makes of it."""
    return (lambda loader: loader.to_tf()) if backend == "tensorflow" else (lambda loader: loader.to_torch())


def array(value) -> np.ndarray:
    return keras.ops.convert_to_numpy(value)


def test_the_structure_is_that_of_fit(handed_over):
    inputs, targets = next(iter(handed_over(plait.Loader(data(), 32, shuffle=False))))
    assert set(inputs) == {"a", "b"} and set(targets) == {"y", "z"}
    np.testing.assert_array_equal(array(inputs["a"]), np.stack([np.arange(32)] * 2, 1))
    np.testing.assert_array_equal(array(targets["z"]), np.arange(32) % 3)
    inputs, target = next(iter(handed_over(plait.Loader(data(single=True), 32))))
    assert array(target).shape == (32,)


def test_weights_come_along_where_there_are_any(handed_over):
    _, targets, weights = next(iter(handed_over(plait.Loader(data(missing=True), 32, shuffle=False))))
    assert set(weights) == {"y", "z"}
    np.testing.assert_array_equal(array(weights["y"]) == 0, np.arange(32) % 10 == 0)
    assert array(targets["y"])[0] == 0


def test_every_sample_comes_once_each_time_and_pairs_stay_together(handed_over):
    loader = plait.Loader(data(), 32, seed=3)
    epochs = handed_over(loader)
    orders = []
    for _ in range(2):
        seen = [(array(x["b"]), array(y["y"])) for x, y in epochs]
        assert [len(b) for b, _ in seen] == [32, 32, 32, 7]
        b, y = (np.concatenate(parts).ravel() for parts in zip(*seen, strict=True))
        assert sorted(b) == list(range(N))
        np.testing.assert_array_equal(y, b * 2)
        orders.append(b)
    assert list(orders[0]) != list(orders[1])
    np.testing.assert_array_equal(orders[0], np.concatenate([loader.rows(step) for step in range(4)]))


def test_a_loop_left_early_counts_what_it_took_and_the_next_begins_afresh(handed_over):
    loader = plait.Loader(data(), 52, seed=3)
    epochs = handed_over(loader)
    for _ in epochs:
        time.sleep(0.2)  # long enough to read the second and last batch, were it read ahead
        break
    assert loader.step == 1
    first = array(next(iter(epochs))[0]["b"]).ravel()
    np.testing.assert_array_equal(first, loader.rows(0))


@pytest.mark.parametrize("container", ["dict", "single"])
def test_a_model_trains_on_it_as_it_is(handed_over, container):
    single = container == "single"
    for missing in (False, True):
        made = handed_over(plait.Loader(data(missing=missing, single=single), 32))
        history = model(container).fit(made, epochs=3, verbose=0).history["loss"]
        assert np.isfinite(history).all() and history[-1] < history[0]


def test_bound_to_a_model_it_fits_a_list_of_outputs_with_weights(handed_over):
    net = model("list")
    made = handed_over(plait.Loader(data(missing=True), 32, model=net))
    _, _, weights = next(iter(made))
    assert isinstance(weights, tuple) and len(weights) == 2
    assert np.isfinite(net.fit(made, epochs=2, verbose=0).history["loss"]).all()


def test_training_on_it_is_training_on_the_loader(handed_over):
    losses = []
    for hand in (handed_over, lambda loader: loader):
        keras.utils.set_random_seed(0)
        losses.append(model("dict").fit(hand(plait.Loader(data(), 32)), epochs=2, verbose=0, shuffle=False).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_there_and_back_is_the_same_data(handed_over):
    made = handed_over(plait.Loader(data(), 32, shuffle=False))
    back = plait.Dataset.of(made, batched=True)
    for name in ("a", "b", "y", "z"):
        np.testing.assert_array_equal(back[name].values(), data()[name].values())


def test_it_knows_how_many_batches_there_are(handed_over, backend):
    made = handed_over(plait.Loader(data(), 32))
    assert len(made) == 4
    if backend == "tensorflow":
        specs = importlib.import_module("tensorflow").nest.flatten(made.element_spec)
        assert [spec.shape.as_list() for spec in specs] == [[None, 2], [None], [None], [None]]
    else:
        assert isinstance(made, importlib.import_module("torch").utils.data.DataLoader)
