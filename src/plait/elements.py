"""What the data sets of other libraries yield, one element after the other, without importing those libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.ragged import Array, Ragged
from plait.source import Source
from plait.spec import TEXT

__all__ = ["Elements", "as_array", "elements_of"]


@dataclass(frozen=True, eq=False)
class Elements:
    """What is iterated over once.

    Args:
        label: How messages call it: "PyDataset Pairs".
        values: The elements, in order.
        batched: Whether an element is a batch; None where its shapes do not tell.
        ends: Whether it is known to have an end.
    """

    label: str
    values: Iterator[Any]
    batched: bool | None
    ends: bool


def elements_of(existing: Any, *, endless: bool) -> Elements:
    """The elements of a data set that another library defines.

    Args:
        existing: A `tf.data.Dataset`, keras `PyDataset`, torch `Dataset` or `DataLoader`, grain data set, or an iterable of batches.
        endless: Whether one without end will do, because only a part of it is read.

    Raises:
        ArgumentError: It is none of these, or has no end.
    """
    if _derives(existing, "tensorflow", "DatasetV2"):
        size = int(existing.cardinality())
        _check_end("tf.data.Dataset", size == -1, endless)
        return Elements("tf.data.Dataset", iter(existing), _tf_batched(existing.element_spec), size >= 0)
    if _derives(existing, "keras", "PyDataset"):
        return _py_dataset(existing, endless)
    if _derives(existing, "torch", "DataLoader"):
        batched = None if existing.batch_size is None and existing.batch_sampler is None else True
        return Elements("torch DataLoader", iter(existing), batched, _sized(existing))
    if _derives(existing, "torch", "IterableDataset"):
        return Elements(f"torch IterableDataset {type(existing).__name__}", iter(existing), False, False)
    if _derives(existing, "torch", "Dataset"):
        label = f"torch Dataset {type(existing).__name__}"
        if not _sized(existing):
            raise ArgumentError(f"{label} has no __len__, so it has no last sample. Define __len__, or pass a DataLoader with a sampler.")
        return Elements(label, (existing[index] for index in range(len(existing))), False, True)
    _check_iterable(existing)
    name = getattr(existing, "__name__", type(existing).__name__)
    label = f"generator {name}" if hasattr(existing, "gi_frame") else f"iterable {name}"
    grain = _root(existing) == "grain"
    _check_end(label, grain and _sized(existing) and len(existing) > 2**60, endless)
    return Elements(label, iter(existing), None if grain else True, _sized(existing))


def as_array(value: Any) -> Array:
    """One part of an element: a tensor of any library, a ragged or nested one, a sequence of numbers, text.

    Raises:
        SpecError: It holds no numbers and no text.
    """
    if isinstance(value, Ragged):
        return value
    if hasattr(value, "row_splits"):  # tf.RaggedTensor
        if hasattr(value.values, "row_splits"):
            raise SpecError("is ragged in more than one axis; a sample may be of any length in its first axis only")
        return Ragged(np.asarray(value.values), np.asarray(value.row_splits).astype(np.int64))
    if getattr(value, "is_nested", False):  # a nested tensor of torch
        return _ragged([as_array(part) for part in value.unbind()])
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu()
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:  # sequences of unequal length, and what NumPy knows nothing of
        if isinstance(value, list) and all(isinstance(item, (list, tuple, np.ndarray)) for item in value):
            return _ragged(value)
        raise SpecError(f"is a {type(value).__name__} that NumPy cannot read: {error}") from error
    if array.dtype.kind in "SU" or (array.dtype.kind == "O" and array.size and all(isinstance(v, (bytes, str)) for v in array.flat)):
        return _text(array)
    if array.ndim == 0 and array.dtype.kind == "O":
        raise SpecError(f"is a {type(value).__name__}; numbers, text or arrays of them are needed")
    return array


def _ragged(samples: Sequence[object]) -> Ragged:
    try:
        return Ragged.of(samples)
    except (SpecError, ValueError) as error:
        raise SpecError(f"holds sequences that are no samples of one kind: {error}") from error


def _py_dataset(existing: Any, endless: bool) -> Elements:
    label = f"PyDataset {type(existing).__name__}"
    if _root(existing) == "plait":
        raise ArgumentError("A Loader is made from a data set, which is loader.data. Write data = loader.data.")
    try:
        batches = existing.num_batches
    except NotImplementedError:
        batches = None
    _check_end(label, batches is None, endless)
    if batches is None:
        return Elements(label, iter(existing), True, False)
    return Elements(label, (existing[index] for index in range(batches)), True, True)


def _tf_batched(spec: Any) -> bool | None:
    """Whether the elements are batches, as far as their shapes tell: a scalar or unlike first axes are samples'."""
    shapes = [leaf.shape for leaf in _leaves(spec)]
    if any(shape.rank is None for shape in shapes):
        return None
    if any(shape.rank == 0 for shape in shapes):
        return False
    first = {shape[0] for shape in shapes}
    if first == {None}:
        return True
    return False if None not in first and len(first) > 1 else None


def _leaves(spec: Any) -> Iterator[Any]:
    if spec is None:
        return
    parts = spec.values() if isinstance(spec, Mapping) else spec if isinstance(spec, (tuple, list)) else None
    if parts is None:
        yield spec
    else:
        for part in parts:
            yield from _leaves(part)


def _text(array: np.ndarray) -> np.ndarray:
    try:
        words = [v.decode() if isinstance(v, bytes) else str(v) for v in array.flat]
    except UnicodeDecodeError as error:
        raise SpecError("holds bytes that are no UTF-8 text; decode them before (an image file with tf.io.decode_image, say)") from error
    return np.array(words, dtype=TEXT).reshape(array.shape)


def _check_end(label: str, endless: bool, allowed: bool) -> None:
    if endless and not allowed:
        raise ArgumentError(f"{label} has no end. Say how many samples to read: samples=10000.")


def _check_iterable(existing: Any) -> None:
    if isinstance(existing, Source):
        raise ArgumentError(
            f"{existing.label} already is a source of plait. Write plait.Dataset(inputs={{...}}, targets={{...}}) with its streams."
        )
    if _root(existing) in ("pandas", "polars", "pyarrow"):
        raise ArgumentError(
            f"A {type(existing).__name__} is a table. Write plait.Frame(df, key='id') and name its columns in plait.Dataset(...)."
        )
    if isinstance(existing, (str, bytes)):
        raise ArgumentError(f"{existing!r} is a name. Write plait.Csv, plait.Parquet, plait.Npy, ... for what the file holds.")
    if isinstance(existing, (np.ndarray, Mapping, tuple)) or hasattr(existing, "__array__"):
        raise ArgumentError(
            f"A {type(existing).__name__} is data already, and nothing says which part is which. Write arrays = plait.Arrays(x=x, y=y) and "
            "plait.Dataset(inputs={'x': arrays['x']}, targets={'y': arrays['y']})."
        )
    if not hasattr(existing, "__iter__"):
        raise ArgumentError(
            f"A {type(existing).__name__} is nothing that plait can read. It takes a tf.data.Dataset, a keras PyDataset, a torch Dataset "
            "or DataLoader, or an iterable of batches (inputs, targets)."
        )


def _derives(existing: object, root: str, name: str) -> bool:
    return any(own.__name__ == name and own.__module__.partition(".")[0] == root for own in type(existing).__mro__)


def _root(existing: object) -> str:
    return type(existing).__module__.partition(".")[0]


def _sized(existing: Any) -> bool:
    try:
        return len(existing) >= 0
    except (TypeError, NotImplementedError):
        return False
