"""The batches of a Loader in the types of TensorFlow and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Any

import numpy as np

__all__ = ["Anew", "as_it_is", "equal_stacks", "stacked", "tf_dataset", "tf_stacked_dataset", "torch_tensors"]


class Anew:
    """Something that begins anew each time it is iterated over."""

    def __init__(self, begin: Callable[[], Iterator[Any]]) -> None:
        self._begin = begin

    def __iter__(self) -> Iterator[Any]:
        return self._begin()


def as_it_is(batch: Any) -> Any:
    """What a torch DataLoader makes of a batch; its own way turns tuples into lists."""
    return batch


def torch_tensors(value: Any) -> Any:
    """The same structure in tensors that share the arrays' memory."""
    import torch

    if isinstance(value, dict):
        return {name: torch_tensors(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(torch_tensors(part) for part in value)
    return torch.from_numpy(value if value.flags.writeable else value.copy())


def equal_stacks(batches: Sequence[Any]) -> Iterator[Any]:
    """These batches in arrays of (batches, samples, ...), in order; one of another size (the last) comes in arrays of its own."""
    for _, equal in groupby(batches, key=_samples):
        yield stacked(list(equal))


def stacked(batches: Sequence[Any]) -> Any:
    """Batches of one structure and size in arrays of (batches, samples, ...). Not copied where they lie one behind the other already."""
    first = batches[0]
    if isinstance(first, dict):
        return {name: stacked([batch[name] for batch in batches]) for name in first}
    if isinstance(first, tuple):
        return tuple(stacked(parts) for parts in zip(*batches, strict=True))
    if not _adjacent(batches):
        return np.stack(batches)
    offset = _address(first) - _address(first.base)
    return np.ndarray((len(batches), *first.shape), first.dtype, first.base, offset)  # a view, at a tenth of what `as_strided` costs


def _adjacent(arrays: Sequence[np.ndarray]) -> bool:
    """Whether they are views of one array, each behind the one before.

    An address costs as much to look up as a view to make, so three are looked up. The rest follows: memory that NumPy has reserved for one
    column of a block is cut into batches in their order and in no other. Memory of other owners, such as slots of worker processes, is not.
    """
    first = arrays[0]
    base, shape, size = first.base, first.shape, first.nbytes
    if not (isinstance(base, np.ndarray) and base.flags.owndata and base.flags.c_contiguous and first.flags.c_contiguous and size):
        return False
    if not all(array.base is base and array.shape == shape and array.dtype is first.dtype for array in arrays):
        return False
    begin, places = _address(first), (len(arrays) // 2, len(arrays) - 1)
    return all(_address(arrays[place]) == begin + place * size for place in places)


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]


def _samples(batch: Any) -> int:
    while not isinstance(batch, np.ndarray):
        batch = batch[0] if isinstance(batch, tuple) else next(iter(batch.values()))
    return len(batch)


def tf_dataset(epoch: Callable[[], Iterator[Any]], example: Any, *, varying: bool, batches: int | None) -> Any:
    """A `tf.data.Dataset` with a declared signature, which takes each batch when it is asked for and not before.

    Args:
        epoch: Begins an epoch of batches.
        example: One of them; its dtypes and its shapes without the first axis are declared.
        varying: Whether the second axis differs between batches (buckets).
        batches: How many there are, where that holds whenever it is iterated over.
    """
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(epoch, output_signature=_signature(example, varying=varying))
    if batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # else tf.data reads one ahead of its own accord
    return dataset.with_options(options)


def tf_stacked_dataset(epoch: Callable[[], Iterator[Any]], example: Any) -> Any:
    """A `tf.data.Dataset` of batches with a declared signature, which enter Python once for many of them and are cut in C++.

    Args:
        epoch: Begins an epoch of batches in arrays of (batches, samples, ...); the next such arrays are taken while these are cut.
        example: One batch; its dtypes and its shapes without the first axis are declared.
    """
    import tensorflow as tf

    dataset = tf.data.Dataset.from_generator(epoch, output_signature=_signature(example, above=(None, None)))
    return dataset.prefetch(1).unbatch()


def _signature(value: Any, *, above: tuple[None, ...] = (None,), varying: bool = False) -> Any:
    import tensorflow as tf

    if isinstance(value, dict):
        return {name: _signature(part, above=above, varying=varying) for name, part in value.items()}
    if isinstance(value, tuple):
        return tuple(_signature(part, above=above, varying=varying) for part in value)
    shape = [*above, *value.shape[1:]]
    if varying and len(shape) > 1:
        shape[1] = None
    return tf.TensorSpec(shape, value.dtype)
