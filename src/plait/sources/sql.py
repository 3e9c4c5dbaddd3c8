"""The columns of a query of SQLite, DuckDB or PostgreSQL."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError
from plait.extras import require
from plait.formats.arrow import Field, fields, narrow
from plait.formats.databases import Question, address_of, answer, persistently, store
from plait.formats.sink import record_batches
from plait.formats.spool import Gathered, gather
from plait.formats.table import Choice, Table, choose, column_names, keys_of
from plait.source import Source

__all__ = ["SQL"]


class SQL(Table):
    """One stream a column of a query, read once, in one read-only transaction, when the source is declared: one consistent snapshot.

    What changes in the database afterwards changes nothing here, and a pickle needs no database. Rows are in the order of their keys
    (integers by value, text by code point), whatever the database's own order. Types are the database's; SQLite, which has none, is
    asked for those of the values, and its dates are text. PostgreSQL's numeric becomes float64. Where the connection is lost in mid-read,
    all is read again, from the beginning and of one snapshot. Views of a DuckDB file that read other files are refused.

    Args:
        url: "sqlite:///trial.db", "duckdb:///trial.duckdb", "postgresql://user@host/trial"; four slashes for an absolute path. "duckdb://"
            is an empty database in memory, for queries of files. PostgreSQL takes the password from PGPASSWORD or ~/.pgpass too; no label,
            message or pickle holds it.
        query: One statement that gives rows, or the name of a table, "labels" or "schema.labels".
        key: The column that holds the keys, integers or text, or several columns.
        parameters: Values for the placeholders of the query, in order: "?" in SQLite and DuckDB, "$1" in PostgreSQL.
        columns: The columns to take; all by default, those of the key among them.
        memory: Bytes kept in memory; a table that is larger goes to disk as it comes, and is mapped from there.
        spool: The folder for that; the system's temporary folder by default. It is cleared with the source, at exit, or, after a kill, by
            the next source that is spooled there.
        timeout: Seconds that may pass without a row coming.

    Raises:
        ReadError: The database cannot be reached or read, the query is wrong, or nothing came in time.
        NameUnknownError, SpecError, AlignmentError, DuplicateKeyError: A column or a key that cannot be had; the message says why.
    """

    def __init__(
        self,
        url: str,
        query: str,
        *,
        key: str | Sequence[str],
        parameters: Sequence[object] = (),
        columns: Sequence[str] | None = None,
        memory: int = 2**30,
        spool: str | os.PathLike[str] | None = None,
        timeout: float = 300,
    ) -> None:
        if not isinstance(url, str) or not isinstance(query, str):
            raise ArgumentError(f"SQL takes a URL and a query, both text, not {type(url).__name__} and {type(query).__name__}.")
        address = address_of(url, label="SQL")
        label = f"SQL {_short(query)!r} of {address.shown!r}"
        require("pyarrow", extra="sql", purpose=label)
        parts = column_names(key, "key", label)
        if not parts:
            raise ArgumentError(f"{label}: rows of a database have no numbers. Name the column that tells them apart: key='id'.")
        if isinstance(parameters, str | bytes | Mapping) or not isinstance(parameters, Sequence):
            raise ArgumentError(f"{label}: parameters={parameters!r} is no list. Write parameters=[...], in the order of the placeholders.")
        if not timeout > 0:
            raise ArgumentError(f"{label}: timeout={timeout!r} is no time. Write timeout=300, in seconds.")
        values = tuple(value.item() if isinstance(value, np.generic) else value for value in parameters)
        picked = _Picked(parts, columns, label)
        question = Question(address, _statement(query, label), values, picked, tuple(parts), label, timeout)

        def read() -> Gathered:
            rows = answer(question)
            first = next(rows, None)  # by now the columns are picked
            batches = itertools.chain([] if first is None else [first], rows)
            place = None if spool is None else os.fspath(spool)
            return gather(batches, picked.streams, picked.keys, label=label, memory=memory, folder=place)

        found = persistently(read, question)
        keys = keys_of(found.keys, rows=found.rows, label=label)
        order = np.lexsort(keys.columns[::-1])
        in_order = bool((order[1:] > order[:-1]).all())
        super().__init__(
            label,
            keys if in_order else keys.take(order),
            {name: column.spec for name, column in found.columns.items()},
            found.columns,
            picked.choice.refused | found.refused,
            order=None if in_order else order,
            in_memory=all(column.in_memory for column in found.columns.values()),
        )

    @classmethod
    def write(cls, data: Source, url: str, table: str) -> None:
        """Create a table of the keys and every stream of one value a sample; row numbers that nobody chose are left out.

        All rows come in one transaction: the table is complete, or is not there.

        Args:
            data: Any source; a dataset is one.
            url: As for reading; a file of SQLite or DuckDB is made where there is none.
            table: A name that is free.

        Raises:
            SpecError: A stream is no single number, date or text; `plait.Parquet.write` holds those.
            ReadError: The table exists, or the database cannot be reached or written.
        """
        address = address_of(url, label="SQL.write")
        label = f"SQL.write {table!r} of {address.shown!r}"
        if not address.place:
            raise ArgumentError(f"{label}: a database in memory would be gone at once. Write 'duckdb:///trial.duckdb'.")
        reader = record_batches(data, label=label, flat="Parquet.write holds lists and arrays")
        store(address, table, reader, label=label)


class _Picked:
    """Chooses the columns once their schema is known, and keeps the choice."""

    choice: Choice
    streams: dict[str, Field]
    keys: dict[str, Field]

    def __init__(self, key: Sequence[str], columns: Sequence[str] | None, label: str) -> None:
        self._wanted = (key, columns, label)

    def __call__(self, schema: Any) -> Sequence[int]:
        key, columns, label = self._wanted
        self.choice = choose(fields(schema), key=key, columns=columns, label=label)
        places, (self.streams, self.keys) = narrow(self.choice.streams, self.choice.keys)
        return places


_COMMENTS = re.compile(r"\s*(--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
_READS = ("select", "with", "values", "from", "table", "(")


def _statement(query: str, label: str) -> str:
    """The query without ";", or the query of all of a table."""
    text = query.strip()
    start = text
    while match := _COMMENTS.match(start):
        start = start[match.end() :].lstrip()
    word = re.match(r"\(|\w*", start)
    first = word.group().lower() if word else ""
    if first in _READS and len(start.split()) > 1:
        return text.rstrip("; \t\r\n")
    if first in _WRITES and len(start.split()) > 1:
        raise ArgumentError(f"{label}: {first!r} changes the database, and a source only reads. Pass a query, 'select ...', or a table.")
    if not text:
        raise ArgumentError(f"{label}: the query is empty. Write 'select id, grade from labels', or the name of a table.")
    return "select * from " + ".".join('"' + part.replace('"', '""') + '"' for part in text.split("."))


_WRITES = ("insert", "update", "delete", "drop", "create", "alter", "truncate", "replace", "merge", "copy", "vacuum", "grant", "attach")


def _short(query: str) -> str:
    line = " ".join(query.split())
    return line if len(line) <= 60 else line[:57] + "..."
