"""Samples of unequal length in two arrays: all their values, and where each sample begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from plait.errors import SpecError

__all__ = ["Array", "Ragged", "concatenate", "fill_like", "scatter", "take"]


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
            SpecError: The samples differ in more than their first axis.
        """
        arrays = [np.asarray(sample) for sample in samples]
        if dtype is None:
            filled = [a.dtype for a in arrays if a.size] or [a.dtype for a in arrays] or [np.dtype(np.float32)]
            dtype = np.result_type(*filled)
        items = {a.shape[1:] for a in arrays if a.size and a.ndim}
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
        rows = np.asarray(rows)
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)

    def padded(self, length: int, *, value: object = 0, before: bool = False) -> np.ndarray:
        """A dense array (samples, length, *item): longer samples cut, shorter ones filled with `value`.

        Args:
            length: Values a sample.
            value: What fills the rest.
            before: Fill (and cut) in front instead of behind.
        """
        lengths = np.minimum(self.lengths, length)
        dense = np.full((len(self), length, *self.values.shape[1:]), value, self.values.dtype)
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
    return np.take(array, rows, axis=0, mode="clip")


def concatenate(arrays: Sequence[Array]) -> Array:
    """Columns one behind the other; all dense or all ragged."""
    if isinstance(arrays[0], Ragged):
        parts = [a for a in arrays if isinstance(a, Ragged)]
        offsets = np.zeros(sum(map(len, parts)) + 1, np.int64)
        np.cumsum(np.concatenate([a.lengths for a in parts]), out=offsets[1:])
        return Ragged(np.concatenate([a.values for a in parts]), offsets)
    return np.concatenate([a for a in arrays if isinstance(a, np.ndarray)])


def fill_like(array: Array, samples: int) -> Array:
    """That many samples of zeros (empty text, empty sequences), of the array's dtype and item shape."""
    if isinstance(array, Ragged):
        return Ragged(array.values[:0], np.zeros(samples + 1, np.int64))
    return np.zeros((samples, *array.shape[1:]), array.dtype)


def scatter(array: Array, rows: np.ndarray, samples: int) -> Array:
    """A column of that many samples: the array's at `rows` (increasing), zeros everywhere else."""
    if isinstance(array, Ragged):
        lengths = np.zeros(samples, np.int64)
        lengths[rows] = array.lengths
        return Ragged(array.values, np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
    out = fill_like(array, samples)
    assert isinstance(out, np.ndarray)
    out[rows] = array
    return out
