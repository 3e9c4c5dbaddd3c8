"""A torch `Dataset` or `DataLoader` that a user already has becomes a data set."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import plait

X, Y = np.arange(20, dtype=np.float32).reshape(10, 2), (np.arange(10) % 2).astype(np.float32)


def samples_of(items):
    class Samples(torch.utils.data.Dataset):
        def __len__(self):
            return len(items)

        def __getitem__(self, index):
            return items[index]

    return Samples()


def test_a_torch_data_set_is_read_sample_by_sample():
    made = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    data = plait.Dataset.of(made, inputs=["x"], targets=["y"])
    np.testing.assert_array_equal(data["x"].values(), X)
    np.testing.assert_array_equal(data["y"].values(), Y)


def test_torch_samples_of_unequal_length_become_ragged():
    made = samples_of([({"words": torch.arange(n), "size": float(n)}, n % 2) for n in (3, 1, 2)])
    data = plait.Dataset.of(made)
    assert list(data["words"].values().lengths) == [3, 1, 2]
    assert list(data["size"].values()) == [3.0, 1.0, 2.0]


def test_three_parts_of_a_torch_sample_need_names():
    made = samples_of([(torch.ones(4, 4, 3), torch.zeros(4, 4, 1), 1)] * 3)
    with pytest.raises(plait.ArgumentError, match=r"Samples yields 3 parts, \(array, array, array\). Say what they are: inputs="):
        plait.Dataset.of(made)
    data = plait.Dataset.of(made, inputs=["image"], targets=["mask", "label"])
    assert data.targets["label"].shape == () and not data.weights
    assert list(plait.Dataset.of(samples_of([(1.0, 2.0, 0.5)] * 3), inputs=["x"], targets=["y"]).weights) == ["y"]


def test_a_dict_of_everything_is_divided_by_name():
    made = samples_of([{"id": f"p{i}", "image": torch.full((2, 2), i), "label": i % 2} for i in range(4)])
    data = plait.Dataset.of(made, targets=["label"], key="id")
    assert list(data.inputs) == ["image"] and list(data.keys) == ["p0", "p1", "p2", "p3"]


@pytest.mark.parametrize("workers", [0, 1])
def test_a_data_loader_is_read_batch_by_batch(workers):
    made = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    data = plait.Dataset.of(torch.utils.data.DataLoader(made, batch_size=4, num_workers=workers))
    assert list(data.spec) == ["input", "target"]
    np.testing.assert_array_equal(data["input"].values(), X)


def test_a_data_loader_that_does_not_batch_yields_samples():
    made = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y)), batch_size=None)
    np.testing.assert_array_equal(plait.Dataset.of(made)["target"].values(), Y)


def test_an_iterable_data_set_is_read_sample_by_sample_until_it_ends():
    class Flow(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(zip(torch.from_numpy(X), torch.from_numpy(Y), strict=True))

    np.testing.assert_array_equal(plait.Dataset.of(Flow())["input"].values(), X)
    assert len(plait.Dataset.of(Flow(), samples=3)) == 3


def test_a_nested_tensor_becomes_ragged():
    nested = torch.nested.nested_tensor([torch.arange(3), torch.arange(2)])
    assert list(plait.Dataset.of([(nested, [0, 1])])["input"].values().lengths) == [3, 2]


def test_a_tensor_with_a_gradient_is_read():
    assert plait.Dataset.of([(torch.ones(2, 3, requires_grad=True), Y[:2])]).inputs["input"].shape == (3,)


def test_a_torch_data_set_without_a_length_is_refused():
    class Unsized(torch.utils.data.Dataset):
        def __getitem__(self, index):
            return index

    with pytest.raises(plait.ArgumentError, match=r"torch Dataset Unsized has no __len__, so it has no last sample"):
        plait.Dataset.of(Unsized())
