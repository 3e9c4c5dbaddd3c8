"""The identity of samples: what streams are matched by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from plait.draws import mix
from plait.errors import DuplicateKeyError, SpecError

__all__ = ["Keys", "text_array"]


_STEP, _ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)


class Keys:
    """One key a sample, of one or several named parts; immutable.

    A part is a column of int64 or of text ("U"). A key of one part is shown as that value, a key of several as a tuple.
    Row numbers, `Keys.range(n)`, take no memory until a part of them is asked for.

    Args:
        columns: part name -> (samples,) integers or text.
    """

    __slots__ = ("_columns", "_length", "_start", "names")

    def __init__(self, columns: dict[str, np.ndarray]) -> None:
        self.names = tuple(columns)
        self._columns: tuple[np.ndarray, ...] | None = tuple(_column(v, name) for name, v in columns.items())
        self._length = len(self._columns[0])
        self._start = 0
        if any(len(c) != self._length for c in self._columns):
            raise SpecError(f"The parts of a key have unequal lengths: {dict(zip(self.names, map(len, self._columns), strict=True))}.")

    @classmethod
    def range(cls, samples: int, start: int = 0) -> Keys:
        """Row numbers from `start`."""
        keys = cls.__new__(cls)
        keys.names, keys._columns, keys._length, keys._start = ("row",), None, samples, start
        return keys

    @classmethod
    def of(cls, values: object, name: str = "key") -> Keys:
        """Keys of one part from any sequence of integers or text; a `Keys` is returned as it is."""
        return values if isinstance(values, Keys) else cls({name: np.asarray(values)})

    @property
    def columns(self) -> tuple[np.ndarray, ...]:
        """One (samples,) array a part, in the order of `names`."""
        if self._columns is None:
            return (np.arange(self._start, self._start + self._length, dtype=np.int64),)
        return self._columns

    @property
    def is_range(self) -> bool:
        """Whether these are row numbers 0, 1, ... that nobody chose."""
        return self._columns is None and self._start == 0

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, row: int) -> object:
        """The key of one sample: an int, a str, or a tuple of them."""
        row = int(row)
        if not -self._length <= row < self._length:
            raise IndexError(f"row {row} of {self._length}")
        if self._columns is None:
            return self._start + row % self._length
        parts = tuple(c[row].item() for c in self._columns)
        return parts[0] if len(parts) == 1 else parts

    def __iter__(self) -> Iterator[object]:
        return (self[row] for row in range(self._length))

    def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
        if len(self.names) == 1:
            return np.asarray(self.columns[0], dtype)  # type: ignore[arg-type]
        out = np.empty(self._length, object)
        out[:] = list(self)
        return out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Keys):
            return NotImplemented
        if len(self) != len(other) or len(self.names) != len(other.names):
            return False
        if self._columns is None and other._columns is None:
            return self._start == other._start
        return all(np.array_equal(a, b) for a, b in zip(self.columns, other.columns, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(repr(self[i]) for i in range(min(3, self._length)))
        return f"Keys({'/'.join(self.names)}: {self._length} such as [{shown}])"

    def take(self, rows: np.ndarray) -> Keys:
        """The keys at these rows, in this order."""
        if self._columns is None:
            return Keys({self.names[0]: np.asarray(rows, np.int64) + self._start})
        return Keys({name: c[rows] for name, c in zip(self.names, self._columns, strict=True)})

    def some(self, rows: Sequence[int] | np.ndarray, most: int = 5) -> list[object]:
        """A few of the keys at these rows, to show in a message."""
        return [self[int(row)] for row in rows[:most]]

    def hashes(self, rows: np.ndarray | None = None) -> np.ndarray:
        """(samples,) uint64: a hash of each key, the same on every machine and for text or integer form of a number."""
        picked = self if rows is None else self.take(rows)
        with np.errstate(over="ignore"):
            state = np.full(len(picked), _STEP)
            for column in picked.columns:
                state = mix(state * _STEP + _hash_column(column))
        return state

    def check_unique(self, label: str) -> None:
        """Raise when a key occurs twice.

        Raises:
            DuplicateKeyError: Naming the source, the count and some of the keys.
        """
        if self._columns is None:
            return
        if len(self._columns) == 1:
            order = np.argsort(self._columns[0], kind="stable")
            sorted_ = self._columns[0][order]
            same = sorted_[1:] == sorted_[:-1]
        else:
            order = np.lexsort(self._columns[::-1])
            same = np.logical_and.reduce([c[order][1:] == c[order][:-1] for c in self._columns])
        if same.any():
            rows = order[1:][same]
            raise DuplicateKeyError(
                f"{label} holds {int(same.sum())} repeated keys, such as {self.some(rows)}. A key stands for one sample: "
                "name a further key part, or remove the repetitions first."
            )


def text_array(values: np.ndarray) -> np.ndarray:
    """Text of any kind as a fixed-width "U" array, integers in their decimal form."""
    if values.dtype.kind == "U":
        return values
    if values.dtype.kind == "T":
        width = max(1, int(np.strings.str_len(values).max(initial=0)))
        return values.astype(f"U{width}")
    return values.astype(str)


def _column(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 1:
        raise SpecError(f"Key {name!r} must have one value a sample; it has shape {values.shape}.")
    if values.dtype.kind in "iub":
        if values.dtype == np.uint64 and len(values) and values.max() > np.iinfo(np.int64).max:
            return text_array(values)
        return values.astype(np.int64, copy=False)
    if values.dtype.kind in "UT":
        return text_array(values)
    if values.dtype.kind == "O" and all(isinstance(v, str) for v in values):
        return np.array(values.tolist(), dtype="U") if len(values) else np.array([], "U1")
    if values.dtype.kind == "O" and all(isinstance(v, (int, np.integer)) for v in values):
        return values.astype(np.int64)
    if values.dtype.kind == "M":
        return values.astype(str)
    if values.dtype.kind == "f" and len(values) and np.isfinite(values).all() and (values == np.floor(values)).all():
        raise SpecError(f"Key {name!r} is of dtype {values.dtype}. Keys are integers or text: write {name}.astype(int).")
    raise SpecError(f"Key {name!r} is of dtype {values.dtype} (or holds None); keys are integers or text, one for every sample.")


def _hash_column(column: np.ndarray) -> np.ndarray:
    text = text_array(column)
    width = text.dtype.itemsize // 4
    codes = np.ascontiguousarray(text).view(np.uint32).reshape(len(text), width) if width else np.zeros((len(text), 0), np.uint32)
    state = np.zeros(len(text), np.uint64)
    with np.errstate(over="ignore"):
        for place in range(width):
            code = codes[:, place].astype(np.uint64)
            state = np.where(code == 0, state, mix((state + _STEP) ^ (code * _ODD)))
    return state
