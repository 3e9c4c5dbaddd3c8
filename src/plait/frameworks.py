"""The batches of a Loader in the types of TensorFlow and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Anew", "as_it_is", "tf_dataset", "torch_tensors"]


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


def tf_dataset(epoch: Callable[[], Iterator[Any]], example: Any, *, varying: bool, batches: int | None) -> Any:
    """A `tf.data.Dataset` with a declared signature, which takes each batch when it is asked for and not before.

    Args:
        epoch: Begins an epoch of batches.
        example: One of them; its dtypes and its shapes without the first axis are declared.
        varying: Whether the second axis differs between batches (buckets).
        batches: How many there are, where that holds whenever it is iterated over.
    """
    import tensorflow as tf

    def signature(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: signature(part) for name, part in value.items()}
        if isinstance(value, tuple):
            return tuple(signature(part) for part in value)
        shape = [None, *value.shape[1:]]
        if varying and len(shape) > 1:
            shape[1] = None
        return tf.TensorSpec(shape, value.dtype)

    dataset = tf.data.Dataset.from_generator(epoch, output_signature=signature(example))
    if batches is not None:
        dataset = dataset.apply(tf.data.experimental.assert_cardinality(batches))
    options = tf.data.Options()
    options.experimental_optimization.inject_prefetch = False  # else tf.data reads one ahead of its own accord
    return dataset.with_options(options)
