"""Samples of unequal length in two arrays: all their values, and where each sample begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from plait.buffers import aligned_empty
from plait.errors import SpecError

__all__ = ["Array", "Ragged", "concatenate", "scatter", "take"]

_ALIGNED = 4096  # bytes; arrays smaller than this are as quickly copied


@dataclass(frozen=True, eq=False)
class Ragged:
    """A column whose samples differ in length along their first axis.

    Sample i is `values[offsets[i]:offsets[i + 1]]`. Immutable by contract.

    Args:
        values: (total, *item), all samples one behind the other.
        offsets: (samples + 1,) int64, not decreasing, from 0 to total.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, samples: Sequence[object], *, dtype: object = None) -> Ragged:
        """Build the column from one sequence or array a sample.

        Raises:
            SpecError: The samples differ in more than their first axis, or some are text and others are not.
        """
        arrays = [np.asarray(sample) for sample in samples]
        if dtype is None:
            dtype = _common({a.dtype for a in arrays if a.size} or {a.dtype for a in arrays} or {np.dtype(np.float32)})
        items = {a.shape[1:] for a in arrays if a.ndim and len(a)}
        if any(a.ndim == 0 for a in arrays) or len(items) > 1:
            raise SpecError(
                "Samples of unequal length may differ in their first axis only; "
                f"found samples of shape {sorted({a.shape for a in arrays}, key=str)[:4]}."
            )
        item = items.pop() if items else arrays[0].shape[1:] if arrays else ()
        offsets = np.zeros(len(arrays) + 1, np.int64)
        np.cumsum([len(a) for a in arrays], out=offsets[1:])
        values = np.empty((int(offsets[-1]), *item), np.dtype(dtype))  # type: ignore[arg-type]
        for array, start, stop in zip(arrays, offsets[:-1], offsets[1:], strict=True):
            values[start:stop] = array.reshape((len(array), *item))
        return cls(values, offsets)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of one value."""
        return self.values.dtype

    @property
    def lengths(self) -> np.ndarray:
        """(samples,) int64: the length of each sample."""
        return np.diff(self.offsets)

    @property
    def nbytes(self) -> int:
        """Bytes of values and offsets together."""
        return self.values.nbytes + self.offsets.nbytes

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        if not -len(self) <= row < len(self):
            raise IndexError(f"sample {row} of {len(self)}")
        row = row % len(self)
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    def take(self, rows: np.ndarray) -> Ragged:
        """The samples at these rows, in this order, copied."""
        rows = np.asarray(rows, np.int64)
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)

    def padded(self, length: int, *, value: object = None, before: bool = False) -> np.ndarray:
        """A dense array (samples, length, *item): longer samples cut, shorter ones filled with `value`.

        Args:
            length: Values a sample.
            value: What fills the rest; zero (empty text) when left out.
            before: Fill (and cut) in front instead of behind.
        """
        lengths = np.minimum(self.lengths, length)
        dense = np.zeros((len(self), length, *self.values.shape[1:]), self.values.dtype)
        if value is not None:
            dense.fill(value)
        starts = self.offsets[1:] - lengths if before else self.offsets[:-1]
        columns = length - lengths if before else np.zeros_like(lengths)
        total = int(lengths.sum())
        within = np.arange(total, dtype=np.int64) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row = np.repeat(np.arange(len(self)), lengths)
        dense[row, np.repeat(columns, lengths) + within] = self.values[np.repeat(starts, lengths) + within]
        return dense


Array = np.ndarray | Ragged


def take(array: Array, rows: np.ndarray) -> Array:
    """The samples at these rows, in this order, copied. Rows must be in range; they are not checked."""
    if isinstance(array, Ragged):
        return array.take(rows)
    if not (array.flags.c_contiguous and array.flags.aligned):
        return array[rows]  # of which np.take would copy the whole array first
    if array.dtype.hasobject or len(rows) * array[:1].nbytes < _ALIGNED:
        return np.take(array, rows, axis=0, mode="clip")
    return np.take(array, rows, axis=0, mode="clip", out=aligned_empty((len(rows), *array.shape[1:]), array.dtype))


def concatenate(arrays: Sequence[Array]) -> Array:
    """Columns one behind the other; all dense or all ragged.

    Raises:
        SpecError: Some are dense and others ragged.
    """
    ragged = [a for a in arrays if isinstance(a, Ragged)]
    dense = [a for a in arrays if not isinstance(a, Ragged)]
    if ragged and dense:
        raise SpecError(f"{len(dense)} columns are dense and {len(ragged)} are ragged; they cannot be put one behind the other.")
    if not ragged:
        return np.concatenate(dense)
    offsets = np.zeros(sum(map(len, ragged)) + 1, np.int64)
    np.cumsum(np.concatenate([a.lengths for a in ragged]), out=offsets[1:])
    return Ragged(np.concatenate([a.values[a.offsets[0] : a.offsets[-1]] for a in ragged]), offsets)


def scatter(array: Array, rows: np.ndarray, samples: int) -> Array:
    """A column of that many samples: the array's at `rows` (increasing), zeros everywhere else."""
    if isinstance(array, Ragged):
        lengths = np.zeros(samples, np.int64)
        lengths[rows] = array.lengths
        return Ragged(array.values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
    out = np.zeros((samples, *array.shape[1:]), array.dtype)
    out[rows] = array
    return out


def _common(dtypes: set[np.dtype]) -> np.dtype:
    """The dtype that holds all of these; text is StringDType."""
    text = [dtype.kind in "UT" for dtype in dtypes]
    try:
        if any(text) and not all(text):
            raise TypeError("text beside other values")
        return np.dtypes.StringDType() if any(text) else np.result_type(*dtypes)
    except TypeError as error:
        raise SpecError(f"Samples of one column must be of one kind; found {sorted(map(str, dtypes))}.") from error
