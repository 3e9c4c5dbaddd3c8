"""The identity of samples: what streams are matched by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from plait.draws import mix
from plait.errors import DuplicateKeyError, SpecError

__all__ = ["Keys", "text_array"]

_STEP, _ODD = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
_BLOCK = 8192  # keys hashed at once, so that the words stay in the processor's cache


class Keys:
    """One key a sample, of one or several named parts; immutable.

    A part is a column of int64 or of text ("U"). A key of one part is shown as that value, a key of several as a tuple.
    Row numbers, `Keys.range(n)`, take no memory until a part of them is asked for.

    Args:
        columns: part name -> (samples,) integers or text; copied.

    Raises:
        SpecError: A part is something else, or the parts differ in length.
    """

    __slots__ = ("_columns", "_length", "_start", "names")

    def __init__(self, columns: Mapping[str, object]) -> None:
        if not columns:
            raise SpecError("A key needs at least one part: key={'site': sites, 'id': ids}.")
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
        return values if isinstance(values, Keys) else cls({name: values})

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

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if len(self.names) == 1:
            return np.array(self.columns[0], dtype, copy=copy)
        out = np.empty(self._length, object)
        out[:] = list(self)
        return out

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Keys):
            return NotImplemented
        if len(self) != len(other) or len(self.names) != len(other.names) or (len(self.names) > 1 and self.names != other.names):
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
        rows = np.asarray(rows, np.int64)
        taken = Keys.range(len(rows))
        taken.names = self.names
        taken._columns = (rows + self._start,) if self._columns is None else tuple(column[rows] for column in self._columns)
        return taken

    def some(self, rows: Sequence[int] | np.ndarray, most: int = 5) -> list[object]:
        """A few of the keys at these rows, to show in a message."""
        return [self[int(row)] for row in rows[:most]]

    def hashes(self, rows: np.ndarray | None = None) -> np.ndarray:
        """(samples,) uint64: a hash of each key, the same on every machine, for a number as text, and for parts in any order."""
        count = len(self) if rows is None else len(rows)
        out = np.empty(count, np.uint64)
        places = sorted(range(len(self.names)), key=lambda place: self.names[place])
        for start in range(0, count, _BLOCK):
            block = slice(start, start + _BLOCK)
            state = np.full(len(out[block]), _STEP)
            columns = self._block(block if rows is None else np.asarray(rows[block], np.int64))
            with np.errstate(over="ignore"):
                for place in places:
                    state = mix(state * _STEP + _hash_column(columns[place]))
            out[block] = state
        return out

    def _block(self, rows: slice | np.ndarray) -> tuple[np.ndarray, ...]:
        if self._columns is not None:
            return tuple(column[rows] for column in self._columns)
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(self._length), dtype=np.int64)
        return (rows + self._start,)

    def check_unique(self, label: str) -> None:
        """Raise when a key occurs twice.

        Raises:
            DuplicateKeyError: Naming the source, the count and some of the keys.
        """
        if self._columns is None:
            return
        integers = len(self._columns) == 1 and self._columns[0].dtype.kind == "i"
        probe = np.sort(self._columns[0] if integers else self.hashes())  # equal keys have equal hashes, and to sort text takes long
        if not (probe[1:] == probe[:-1]).any():
            return
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
        return values.astype(f"U{max(1, int(np.strings.str_len(values).max(initial=0)))}")
    if values.dtype.kind in "iu" and len(values):
        return values.astype(f"U{max(len(str(values.min())), len(str(values.max())))}")
    return values.astype(str)


def _column(given: object, name: str) -> np.ndarray:
    """A copy of the column as int64 or "U", so that nobody can change a key."""
    values = np.asarray(given)
    if values.dtype.kind == "U" and not isinstance(given, np.ndarray):
        values = np.asarray(given, object)  # a list may hold NaN or numbers, of which NumPy makes text
    if values.ndim != 1:
        raise SpecError(f"Key {name!r} must have one value a sample; it has shape {values.shape}.")
    kind = values.dtype.kind if values.dtype.kind != "O" else _kind_of_objects(values)
    if kind in "iub" or not len(values):
        fits = kind == "b" or not len(values) or (values.min() >= -(2**63) and values.max() < 2**63)
        return values.astype(np.int64) if fits else values.astype(str)
    if kind == "U":
        _check_ends(values, name)
        return np.array(values.tolist()) if values.dtype.kind == "O" else values.astype(values.dtype.newbyteorder("="))
    if kind in "TM":
        if any(not isinstance(v, str) for v in values.tolist()) if kind == "T" else np.isnat(values).any():
            raise SpecError(f"Key {name!r} holds missing values; every sample needs a key. Leave those samples out.")
        if kind == "T":
            _check_ends(values, name)
        return text_array(values)
    if kind == "f" and np.isfinite(values).all() and (values == np.floor(values)).all():
        raise SpecError(f"Key {name!r} is of dtype {values.dtype}. Keys are integers or text: write {name}.astype(int).")
    found = f"of dtype {values.dtype}" if kind != "O" else f"a mixture of {', '.join(sorted({type(v).__name__ for v in values}))}"
    raise SpecError(f"Key {name!r} is {found}; keys are integers or text, one for every sample.")


def _check_ends(values: np.ndarray, name: str) -> None:
    """Raise where a text ends in NUL, which NumPy drops: the key would be another one.

    Raises:
        SpecError: Naming the first.
    """
    if values.dtype.kind == "U":
        return  # dropped already
    bad = next((text for text in values.tolist() if text[-1:] == "\0"), None)
    if bad is not None:
        raise SpecError(f"Key {name!r} holds {bad!r:.60}, and keys do not end in NUL. Write it without, or leave the sample out.")


def _kind_of_objects(values: np.ndarray) -> str:
    if all(isinstance(v, str) for v in values):
        return "U"
    return "i" if all(isinstance(v, (int, np.integer)) for v in values) else "O"


def _hash_column(column: np.ndarray) -> np.ndarray:
    """One code point after the other; places that hold none change nothing, so that the width of the array does not matter."""
    state = np.zeros(len(column), np.uint64)
    with np.errstate(over="ignore"):
        for codes in _digits(column) if column.dtype.kind == "i" else _code_points(column):
            state = np.where(codes == 0, state, mix((state + _STEP) ^ (codes * _ODD)))
    return state


def _code_points(text: np.ndarray) -> Iterator[np.ndarray]:
    """Of every text the first, then the second and so on; 0 where it has ended."""
    width = text.dtype.itemsize // 4
    codes = np.ascontiguousarray(text).view(np.uint32).reshape(len(text), width) if width else np.zeros((len(text), 0), np.uint32)
    return (codes[:, place].astype(np.uint64) for place in range(width))


def _digits(numbers: np.ndarray) -> Iterator[np.ndarray]:
    """The code points of integers in decimal form, for which to make text of them would take several times as long."""
    yield np.where(numbers < 0, np.uint64(ord("-")), np.uint64(0))
    magnitude = np.abs(numbers).astype(np.uint64)  # right for -2**63 too
    for place in reversed(range(len(str(magnitude.max(initial=0))))):
        power = np.uint64(10**place)
        shown = (magnitude >= power) | (place == 0)
        yield np.where(shown, magnitude // power % np.uint64(10) + np.uint64(ord("0")), np.uint64(0))
