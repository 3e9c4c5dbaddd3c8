"""What users of Keras, TensorFlow, PyTorch and JAX already have becomes a data set, and one trains on it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import plait

X, Y = np.arange(20, dtype=np.float32).reshape(10, 2), (np.arange(10) % 2).astype(np.float32)


class Pairs(keras.utils.PyDataset):
    """Batches of 4, and what they were asked for."""

    def __init__(self, batches: int | None = 3, targets: bool = True):
        super().__init__()
        self.batches, self.targets, self.asked = batches, targets, []

    @property
    def num_batches(self):
        return self.batches

    def __getitem__(self, index):
        self.asked.append(index)
        rows = np.arange(index * 4, min(index * 4 + 4, 10)) if self.batches else np.arange(4) % 10
        return ({"a": X[rows], "b": X[rows] + 1}, {"y": Y[rows], "z": Y[rows] + 1}) if self.targets else X[rows]


def test_a_py_dataset_is_read_by_index_in_order():
    pairs = Pairs()
    data = plait.Dataset.of(pairs)
    assert pairs.asked == [0, 1, 2]
    assert list(data.inputs) == ["a", "b"] and list(data.targets) == ["y", "z"]
    np.testing.assert_array_equal(data["b"].values(), X + 1)
    np.testing.assert_array_equal(data["z"].values(), Y + 1)


def test_a_py_dataset_of_inputs_only_has_no_targets():
    data = plait.Dataset.of(Pairs(targets=False), inputs=["x"])
    assert list(data.inputs) == ["x"] and not data.targets


def test_a_py_dataset_without_end_needs_a_number_of_samples():
    with pytest.raises(plait.ArgumentError, match=r"PyDataset Pairs has no end. Say how many samples to read: samples="):
        plait.Dataset.of(Pairs(batches=None))
    assert len(plait.Dataset.of(Pairs(batches=None), samples=11)) == 11


def test_a_py_dataset_without_a_length_needs_a_number_of_samples():
    class Unsized(keras.utils.PyDataset):
        def __getitem__(self, index):
            return X, Y

    with pytest.raises(plait.ArgumentError, match="PyDataset Unsized has no end"):
        plait.Dataset.of(Unsized())
    assert len(plait.Dataset.of(Unsized(), samples=15)) == 15


def test_a_loader_is_referred_to_its_data_set():
    loader = plait.Loader(plait.Dataset.of(Pairs()), 4)
    with pytest.raises(plait.ArgumentError, match=r"A Loader is made from a data set, which is loader.data"):
        plait.Dataset.of(loader)


def test_one_trains_on_what_one_had():
    data = plait.Dataset.of(Pairs())
    inputs = {name: keras.Input((2,), name=name) for name in ("a", "b")}
    shared = keras.layers.Concatenate()(list(inputs.values()))
    model = keras.Model(inputs, {name: keras.layers.Dense(1)(shared) for name in ("y", "z")})
    model.compile("adam", "mse")
    model.fit(plait.Loader(data, 4), epochs=1, verbose=0)


def test_tensors_of_the_backend_are_read():
    batch = (keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y))
    data = plait.Dataset.of([batch, batch])
    np.testing.assert_array_equal(data["input"].values(), np.concatenate([X, X]))
    assert data["input"].spec.dtype == np.float32
