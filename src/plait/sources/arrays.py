"""Arrays in memory, or memory-mapped, as named streams."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from plait.errors import ArgumentError, ChangedError, SpecError
from plait.formats.paths import stamp_of
from plait.keys import Keys
from plait.parts import read_parts
from plait.ragged import Array, Ragged, take
from plait.source import Source
from plait.spec import TEXT, Spec

__all__ = ["Arrays"]

_LARGE, _THREADS = 2**24, 2  # bytes of an array that is searched by several threads; how many


class Arrays(Source):
    """Named columns that already are in memory.

    Args:
        arrays: Streams whose names are no Python identifiers, or are "key": `Arrays({"x 1": x})`.
        key: (samples,) integers or text that name the samples, or several named parts of a key; row numbers when left out.
        streams: name -> anything NumPy can read, samples first; text becomes `plait.spec.TEXT`, a list of sequences of unequal
            length becomes `Ragged`. Arrays are not copied (a memory map stays one): change them afterwards and you change the data.

    A NaN (NaT, None, a masked element) makes its sample absent in that stream; memory-mapped arrays are not searched.

    Raises:
        ArgumentError: No streams, or not by name.
        SpecError: Unequal numbers of samples, or values that no model can be fed with, by the name of the stream.
        DuplicateKeyError: A key stands for two rows.
    """

    in_memory = True

    def __init__(
        self,
        arrays: Mapping[str, object] | None = None,
        /,
        *,
        key: Sequence[object] | np.ndarray | Mapping[str, object] | Keys | None = None,
        **streams: object,
    ) -> None:
        given = _named(arrays, streams)
        columns = {name: _column(values, name) for name, values in given.items()}
        self._columns: dict[str, Array] = {name: column for name, (column, _) in columns.items()}
        self._absent = {name: absent for name, (_, absent) in columns.items()}
        self._maps = _maps(self._columns)
        counts = {name: len(column) for name, column in self._columns.items()}
        if len(set(counts.values())) > 1:
            raise SpecError(
                f"Arrays have unequal numbers of samples: {_listed(counts)}. Rows are the keys, so cut them to the rows that belong "
                "together, or give each its own keys: plait.Arrays(x=x, key=ids)."
            )
        samples = next(iter(counts.values()))
        if key is None:
            self._keys = Keys.range(samples)
        else:
            self._keys = Keys(key) if isinstance(key, Mapping) else Keys.of(key)
            if len(self._keys) != samples:
                raise SpecError(f"{self.label}: key= has {len(self._keys)} keys for {samples} samples; one key a sample is needed.")
            self._keys.check_unique(self.label)
        self._spec = {name: _native(Spec.of(column)) for name, column in self._columns.items()}

    @classmethod
    def of(
        cls,
        existing: object,
        *,
        inputs: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        key: Any = None,
        samples: int | None = None,
        batched: bool | None = None,
    ) -> Arrays:
        """The parts of a `tf.data.Dataset`, `PyDataset`, torch `Dataset` or `DataLoader`, or iterable of batches, as streams.

        Read once, into memory, with the names and arguments of `plait.Dataset.of`; the weight of target "grade" is "grade.weight". For
        parts that go into one data set with streams of other sources.

        Raises:
            ArgumentError, NameUnknownError, SpecError: As `plait.Dataset.of` does.
        """
        part = key if isinstance(key, str) else None
        parts = read_parts(existing, inputs=inputs, targets=targets, key=part, samples=samples, batched=batched)
        return cls(parts.arrays, key=key if part is None else {part: parts.key})

    @property
    def keys(self) -> Keys:
        """Row numbers, or what `key=` gave."""
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """As the arrays are."""
        return self._spec

    @property
    def label(self) -> str:
        """With the names of the streams, since arrays have no file name."""
        names = list(self._columns)
        return f"Arrays({', '.join(names[:4])}{', ...' if len(names) > 4 else ''})"

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """A gather from each array.

        Raises:
            ChangedError: The file of a memory map was cut.
        """
        for name in self._maps.keys() & set(names):
            self._check_whole(name)
        return {name: _read(self._columns[name], rows) for name in names}

    def stamp(self, name: str) -> str | None:
        """Of a memory map the file, its size and time, and the part of it; of what is in memory nothing."""
        column = self._columns[name]
        mapped = _mapped(column) if isinstance(column, np.ndarray) else None
        if mapped is None or mapped.filename is None or not isinstance(column, np.ndarray):
            return None
        place = (column.ctypes.data - mapped.ctypes.data, mapped.offset, column.shape, column.strides, str(column.dtype))
        return f"{stamp_of([os.path.abspath(mapped.filename)])} {place}"

    def absent(self, name: str) -> np.ndarray | None:
        """Where a value is NaN, NaT, None or masked."""
        return self._absent[name]

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "_maps"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._maps = _maps(self._columns)

    def _check_whole(self, name: str) -> None:
        """Raise before a map is read whose file was cut: that would end the process, and not with an error."""
        mapped: Any = self._maps[name]
        if mapped._mmap.size() < mapped.offset + mapped.nbytes:
            raise ChangedError(
                f"Stream {name!r} is a memory map of {os.fspath(mapped.filename or '')!r}, which was cut to {mapped._mmap.size()} of "
                f"{mapped.offset + mapped.nbytes} bytes since it was mapped. Write the file anew, and map it again."
            )


def _named(arrays: Mapping[str, object] | None, streams: Mapping[str, object]) -> dict[str, object]:
    if arrays is not None and not isinstance(arrays, Mapping):
        raise ArgumentError(
            f"Arrays({type(arrays).__name__}) has no name for its stream. Write plait.Arrays(x=...), or Arrays({{'x': ...}})."
        )
    given = {**(arrays or {}), **streams}
    twice = sorted(set(arrays or {}) & set(streams))
    if not given or twice or not all(isinstance(name, str) and name for name in given):
        found = f"names {twice} twice" if twice else f"has streams called {list(given)}" if given else "has no streams"
        raise ArgumentError(f"Arrays(...) {found}. Write plait.Arrays(x=x, y=y), each name once.")
    return given


def _read(column: Array, rows: np.ndarray) -> Array:
    found = take(column, rows)
    if isinstance(found, Ragged) or found.dtype.isnative:
        return found
    return found.astype(found.dtype.newbyteorder("="))


def _native(spec: Spec) -> Spec:
    return spec if spec.dtype.isnative else Spec(spec.shape, spec.dtype.newbyteorder("="))


def _column(values: object, name: str) -> tuple[Array, np.ndarray | None]:
    """The column as plait holds it, and where it has no value."""
    if isinstance(values, Ragged):
        return _ragged(values, None, name)
    if isinstance(values, np.ma.MaskedArray) and values.ndim:
        return _masked(values, name)
    array = _array(values, name)
    if array.ndim == 0:
        raise SpecError(
            f"Stream {name!r} is a single {type(values).__name__}. A stream has one value a sample: give a list, or an array whose first "
            "axis is the samples."
        )
    kind = array.dtype.kind
    if kind in "OS" or (kind == "T" and array.dtype != TEXT):
        return _objects(array.astype(object), name)
    if kind == "U":
        return array.astype(TEXT), None
    if kind not in "biufMmT":
        raise SpecError(f"Stream {name!r} has dtype {array.dtype}, which no model takes. Split it into numbers first.")
    return array, None if _is_mapped(array) else _missing(array)


def _array(values: object, name: str) -> np.ndarray:
    """Whatever it is as an array; of objects where NumPy would make text of NaN or a number, or finds samples of unequal length."""
    try:
        array = np.asarray(values)
        made_text = array.dtype.kind in "US" and not isinstance(values, np.ndarray)
        return np.asarray(values, object) if made_text else array
    except ValueError:  # sequences of unequal length
        samples: list[object] = list(values)  # type: ignore[call-overload]
        array = np.empty(len(samples), object)
        for row, sample in enumerate(samples):
            array[row] = sample
        return array
    except Exception as error:  # whatever a tensor says that will not be converted
        raise SpecError(f"Stream {name!r} is a {type(values).__name__} that NumPy cannot read: {error}") from error


def _maps(columns: Mapping[str, Array]) -> dict[str, np.memmap]:
    """The memory maps that columns are, or are views of."""
    found = {name: _mapped(column.values if isinstance(column, Ragged) else column) for name, column in columns.items()}
    return {name: mapped for name, mapped in found.items() if mapped is not None and getattr(mapped, "_mmap", None) is not None}


def _is_mapped(array: np.ndarray | None) -> bool:
    """Whether the array, or what it is a view of, is memory-mapped."""
    return _mapped(array) is not None


def _mapped(array: np.ndarray | None) -> np.memmap | None:
    """The memory map that the array is, or is a view of."""
    found = None
    while isinstance(array, np.ndarray):
        found = array if isinstance(array, np.memmap) else found
        array = array.base  # type: ignore[assignment]
    return found


def _missing(array: np.ndarray) -> np.ndarray | None:
    """(samples,) bool, true where a sample holds NaN or NaT; None where none does."""
    kind = array.dtype.kind
    if kind not in "fMm":
        return None
    each = max(1, 2**20 // max(1, array[:1].size))  # samples at once, so that no second array of that size is made

    def gone(start: int) -> np.ndarray | None:
        block = array[start : start + each]
        if kind == "f" and np.isfinite(np.einsum("i->", block.reshape(-1))):  # the quickest way to see that there is none
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            found = _any(np.isnan(block) if kind == "f" else np.isnat(block))
        return found if found.any() else None

    absent = None
    starts = range(0, len(array), each)
    with ThreadPoolExecutor(_THREADS) as threads:  # memory gives two of them more than one
        for start, found in zip(starts, (threads.map if array.nbytes > _LARGE else map)(gone, starts), strict=True):
            if found is not None:
                absent = np.zeros(len(array), bool) if absent is None else absent  # not before, since it takes a byte a sample
                absent[start : start + each] = found
    return absent


def _any(values: np.ndarray) -> np.ndarray:
    """(samples,) bool: whether any value of the sample is true."""
    return np.logical_or.reduce(values, axis=tuple(range(1, values.ndim)))


def _masked(values: np.ma.MaskedArray, name: str) -> tuple[Array, np.ndarray | None]:
    mask = np.ma.getmaskarray(values)
    if values.dtype.kind == "O":
        data = values.data.copy()
        data[mask] = None
        return _column(data, name)
    column, nan = _column(values.filled(np.nan if values.dtype.kind == "f" else np.zeros((), values.dtype).item()), name)
    mask = _any(mask)
    absent = mask if nan is None else np.logical_or(mask, nan)
    return column, absent if absent.any() else None


def _objects(array: np.ndarray, name: str) -> tuple[Array, np.ndarray | None]:
    """A column of numbers, text or sequences, some of which may be missing."""
    here = ~np.fromiter(map(_is_missing, array.flat), bool, array.size).reshape(array.shape)
    absent = _any(~here)
    missing = absent if absent.any() else None
    present = array[here].tolist()
    found: np.ndarray | None = None
    if all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in present):
        found = np.asarray(present)
    elif all(isinstance(value, str) for value in present):
        found = np.array(present, TEXT)
    elif all(isinstance(value, bytes) for value in present):
        found = np.array([_decoded(value, name) for value in present], TEXT)
    elif array.ndim == 1 and all(isinstance(value, (list, tuple, np.ndarray)) for value in present):
        return _sequences(array, missing, name)
    if found is None or found.dtype.kind not in "biufT":
        kinds = sorted({type(value).__name__ for value in array.reshape(-1)[:1000]})
        raise SpecError(
            f"Stream {name!r} holds Python objects of type {', '.join(kinds)}. Streams hold numbers of up to 64 bits, text, or sequences "
            "of numbers or text."
        )
    column = np.full(array.shape, np.nan, found.dtype) if found.dtype.kind == "f" else np.zeros(array.shape, found.dtype)
    column[here] = found
    return column, missing


def _is_missing(value: object) -> bool:
    if isinstance(value, (float, np.floating)):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")  # those of pandas


def _decoded(value: bytes, name: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise SpecError(f"Stream {name!r} holds bytes that are no UTF-8 text, such as {value[:20]!r}. Decode them first.") from error


def _sequences(array: np.ndarray, missing: np.ndarray | None, name: str) -> tuple[Array, np.ndarray | None]:
    try:
        samples = [
            np.asarray(() if gone else value)
            for value, gone in zip(array, np.zeros(len(array)) if missing is None else missing, strict=True)
        ]
        if missing is None and len({sample.shape for sample in samples}) == 1:
            return _column(np.stack(samples), name)
        return _ragged(Ragged.of(samples), missing, name)
    except (SpecError, ValueError) as error:
        raise SpecError(
            f"Stream {name!r} is neither a regular array nor a list of sequences that differ in length only: {error}"
        ) from error


def _ragged(column: Ragged, missing: np.ndarray | None, name: str) -> tuple[Array, np.ndarray | None]:
    if column.dtype.kind == "U" or not column.dtype.isnative:
        column = Ragged(column.values.astype(TEXT if column.dtype.kind == "U" else column.dtype.newbyteorder("=")), column.offsets)
    if column.dtype.kind not in "biufT":
        raise SpecError(f"Stream {name!r} has sequences of dtype {column.dtype}, which no model takes. Make them numbers or text first.")
    offsets = column.offsets
    if len(offsets) < 1 or offsets[0] != 0 or offsets[-1] != len(column.values) or (np.diff(offsets) < 0).any():
        raise SpecError(f"Stream {name!r} is a Ragged whose offsets do not go from 0 to {len(column.values)}, the number of its values.")
    nan = None if _is_mapped(column.values) else _missing(column.values)
    if nan is not None:
        missing = np.zeros(len(column), bool) if missing is None else missing
        missing[np.searchsorted(offsets, np.flatnonzero(nan), side="right") - 1] = True
    return column, missing


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} has {count}" for name, count in counts.items())
