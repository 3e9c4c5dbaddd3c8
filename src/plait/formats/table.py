"""A source whose streams are the columns of a table: which columns, which of them are the key, and reading rows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.errors import AlignmentError, ArgumentError, NameUnknownError, SpecError
from plait.formats.arrow import Field, as_key
from plait.formats.spool import Column
from plait.keys import Keys
from plait.meant import meant
from plait.ragged import Array
from plait.source import Source, Stream
from plait.spec import Spec

__all__ = ["Choice", "Key", "Table", "choose", "column_names", "keys_of"]

Key = str | Sequence[str] | None  # a column, several, or row numbers


class Table(Source):
    """What Csv, Parquet, SQL and Frame have in common. They say where the columns come from, and change nothing else.

    Args:
        label: How messages call it.
        keys: One a row.
        spec: Stream name -> what one sample is.
        columns: Stream name -> its rows, looked up when needed.
        refused: Column name -> why it is no stream.
        order: (rows,) int64: where in the columns each row is; None where they are in order.
        in_memory: Whether no column was spooled to disk.
    """

    def __init__(
        self,
        label: str,
        keys: Keys,
        spec: Mapping[str, Spec],
        columns: Mapping[str, Column],
        refused: Mapping[str, str],
        *,
        order: np.ndarray | None = None,
        in_memory: bool = True,
    ) -> None:
        self.in_memory = in_memory
        self._label = label
        self._keys = keys
        self._spec = dict(spec)
        self._columns = columns
        self._refused = dict(refused)
        self._order = order

    @property
    def keys(self) -> Keys:
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        return self._spec

    @property
    def label(self) -> str:
        return self._label

    def absent(self, name: str) -> np.ndarray | None:
        """(rows,) bool, true where the cell is empty, null or NaN; None where none is."""
        absent = self._columns[self[name].name].absent
        return absent if absent is None or self._order is None else absent[self._order]

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """The samples of these columns at these rows; zero (or empty text) where absent.

        Raises:
            NameUnknownError: There is no column of that name.
            SpecError: There is, and no stream can hold it.
        """
        rows = np.asarray(rows, np.int64)
        places = rows if self._order is None else self._order[rows]
        return {name: self._columns[self[name].name].take(places) for name in names}

    def __getitem__(self, name: str) -> Stream:
        """One column.

        Raises:
            NameUnknownError: There is none of that name.
            SpecError: There is, and no stream can hold it.
        """
        if name in self._refused:
            raise SpecError(f"{self._label}: column {name!r} {self._refused[name]}.")
        return super().__getitem__(name)


@dataclass(frozen=True)
class Choice:
    """The columns of a table that are wanted.

    Args:
        streams: Name -> column; each has a spec.
        keys: Name of the part -> column, to be read as a key; empty where rows are numbered.
        refused: Name -> why it is no stream.
    """

    streams: dict[str, Field]
    keys: dict[str, Field]
    refused: dict[str, str]


def choose(found: Sequence[Field], *, key: Key, columns: Sequence[str] | None, label: str) -> Choice:
    """Pick the streams and the parts of the key.

    Args:
        found: Every column of the table.
        key: A column, several, or None.
        columns: The streams; all by default, the key among them.
        label: The source, for messages.

    Raises:
        ArgumentError: `key` or `columns` is no name or list of different names.
        NameUnknownError: A column does not exist.
        SpecError: A column that is asked for can be no stream, or no key.
    """
    if not found:
        raise SpecError(f"{label} has no columns.")
    by_name = {field.name: field for field in found}
    refused = {field.name: field.refused for field in found if field.refused}
    parts = column_names(key, "key", label)
    wanted = list(by_name) if columns is None else column_names(columns, "columns", label)
    for name in [*parts, *wanted]:
        if name not in by_name:
            role = " to take the key from" if name in parts else ""
            raise NameUnknownError(f"{label} has no column {name!r}{role}.{meant(name, by_name)} {_listed(by_name)}")
        if columns is not None and name in wanted and name in refused:
            raise SpecError(f"{label}: column {name!r} {refused[name]}.")
    keys = {name: _key_field(by_name[name], label) for name in parts}
    return Choice({name: by_name[name] for name in wanted if name not in refused}, keys, refused)


def keys_of(columns: Mapping[str, Column], *, rows: int, label: str) -> Keys:
    """The keys that these columns hold; row numbers where there are none.

    Args:
        columns: Name of the part -> its values, as `as_key` reads them.
        rows: Of the table.
        label: The source, for messages.

    Raises:
        AlignmentError: A key is null, NaN or empty.
        SpecError: A key is no key.
        DuplicateKeyError: A key occurs twice.
    """
    if not columns:
        return Keys.range(rows)
    for name, column in columns.items():
        empty = np.zeros(rows, bool) if column.absent is None else column.absent
        if column.spec.text and isinstance(column.values, np.ndarray):
            empty = empty | (column.values == "")
        if empty.any():
            at = np.flatnonzero(empty)
            raise AlignmentError(
                f"{label}: the key {name!r} is empty in {len(at)} of {rows} rows, such as row {int(at[0])} (the first is 0). "
                "Every sample needs a key: fill it in, or leave those rows out."
            )
    try:
        keys = Keys({name: column.values for name, column in columns.items() if isinstance(column.values, np.ndarray)})
    except SpecError as error:
        raise SpecError(f"{label}: {error}") from error
    keys.check_unique(label)
    return keys


def _key_field(field: Field, label: str) -> Field:
    try:
        return as_key(field)
    except SpecError as error:
        raise SpecError(f"{label}: the key {field.name!r} {error}.") from error


def column_names(given: Key, argument: str, label: str) -> list[str]:
    """The names in an argument that takes one, several or none.

    Raises:
        ArgumentError: It holds something else, nothing, or a name twice.
    """
    if given is None:
        return []
    names: list[Any] = [given] if isinstance(given, str) else list(given) if isinstance(given, Sequence) else [given]
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        raise ArgumentError(f"{label}: {argument}={given!r} is no column. Write {argument}='id', or {argument}=['site', 'id'], each once.")
    return names


def _listed(names: Mapping[str, object]) -> str:
    shown = list(names)
    return f"It has {shown[:12]}{f' and {len(shown) - 12} more' if len(shown) > 12 else ''}."
