"""Arrays in memory, or memory-mapped, as named streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.keys import Keys
from plait.parts import read_parts
from plait.ragged import Array, Ragged, take
from plait.source import Source
from plait.spec import TEXT, Spec

__all__ = ["Arrays"]


class Arrays(Source):
    """Named columns that already are in memory.

    Args:
        arrays: Streams whose names are no Python identifiers, or are "key": `Arrays({"x 1": x})`.
        key: (samples,) integers or text that name the samples, or several named parts of a key; row numbers when left out.
        streams: name -> anything NumPy can read, samples first; text becomes `plait.spec.TEXT`, a list of sequences of unequal
            length becomes `Ragged`. Arrays are not copied (a memory map stays one): change them afterwards and you change the data.

    A NaN (NaT, None among text, a masked element) makes its sample absent in that stream; memory-mapped arrays are not searched.

    Raises:
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
        given = {**(arrays or {}), **streams}
        if not given:
            raise ArgumentError("Arrays() without streams. Write plait.Arrays(x=x, y=y).")
        columns = {name: _column(values, name) for name, values in given.items()}
        self._columns: dict[str, Array] = {name: column for name, (column, _) in columns.items()}
        self._absent = {name: absent for name, (_, absent) in columns.items()}
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
            self._keys = Keys({n: np.asarray(v) for n, v in key.items()}) if isinstance(key, Mapping) else Keys.of(key)
            if len(self._keys) != samples:
                raise SpecError(f"{self.label}: key= has {len(self._keys)} keys for {samples} samples; one key a sample is needed.")
            self._keys.check_unique(self.label)
        self._spec = {name: Spec.of(column) for name, column in self._columns.items()}

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
        """A gather from each array."""
        return {name: take(self._columns[name], rows) for name in names}

    def absent(self, name: str) -> np.ndarray | None:
        """Where a value is NaN, NaT, None or masked."""
        return self._absent[name]


def _column(values: object, name: str) -> tuple[Array, np.ndarray | None]:
    """The column as plait holds it, and where it has no value."""
    if isinstance(values, Ragged):
        return values, None
    if isinstance(values, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(values)
        mask = mask.reshape(len(mask), -1).any(axis=1)
        column, nan = _column(values.filled(np.zeros((), values.dtype).item()), name)
        absent = mask if nan is None else mask | nan
        return column, absent if absent.any() else None
    if isinstance(values, np.ndarray) and values.dtype.kind != "O":
        array = values
    else:
        try:
            array = np.asarray(values)
        except ValueError:  # sequences of unequal length
            return _ragged(values, name), None
    if array.ndim == 0:
        raise SpecError(f"Stream {name!r} is a single value; a stream has one value a sample: an array whose first axis is the samples.")
    if array.dtype.kind == "O":
        return _objects(array, name)
    if array.dtype.kind in "US":
        return array.astype(TEXT), None
    if array.dtype.kind not in "biufMmT":
        raise SpecError(f"Stream {name!r} has dtype {array.dtype}, which no model takes. Split it into numbers first.")
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    return array, _nan_rows(array)


def _nan_rows(array: np.ndarray) -> np.ndarray | None:
    if array.dtype.kind not in "fMm" or isinstance(array, np.memmap):
        return None
    flat = array.reshape(len(array), -1)
    absent = np.zeros(len(array), bool)
    for start in range(0, len(array), 65536):  # in blocks, so that no second array of that size is made
        block = flat[start : start + 65536]
        absent[start : start + 65536] = (np.isnan(block) if array.dtype.kind == "f" else np.isnat(block)).any(axis=1)
    return absent if absent.any() else None


def _objects(array: np.ndarray, name: str) -> tuple[Array, np.ndarray | None]:
    if array.ndim == 1:
        absent = np.array([v is None or (isinstance(v, float) and v != v) for v in array])
        present = [v for v, gone in zip(array, absent, strict=True) if not gone]
        if all(isinstance(v, str) for v in present):
            return np.where(absent, "", array).astype(TEXT), absent if absent.any() else None
        if all(isinstance(v, (list, tuple, np.ndarray)) for v in present) and not absent.any():
            return _ragged(array, name), None
        if all(isinstance(v, (bool, int, float, np.number, np.bool_)) for v in present):
            return np.where(absent, 0, array).astype(np.result_type(*present) if present else np.float32), absent if absent.any() else None
    kinds = sorted({type(v).__name__ for v in array.reshape(-1)[:1000]})
    raise SpecError(
        f"Stream {name!r} holds Python objects of type {', '.join(kinds)}. Streams hold numbers, text, or sequences of numbers."
    )


def _ragged(values: object, name: str) -> Ragged:
    try:
        samples = [np.asarray(v) for v in values]  # type: ignore[attr-defined]
        if any(s.dtype.kind not in "biuf" for s in samples if s.size):
            raise SpecError(f"its samples hold {sorted({str(s.dtype) for s in samples})}")
        return Ragged.of(samples)
    except (SpecError, ValueError) as error:
        raise SpecError(
            f"Stream {name!r} is neither a regular array nor a list of number sequences that differ in length only: {error}"
        ) from error


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} has {count}" for name, count in counts.items())
