"""SQLite, by the standard library: a second copy of SQLite in the process, as a driver brings one, undoes the locks of the first."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import quote

from plait.errors import ReadError
from plait.formats.arrow import REFUSED
from plait.formats.databases.question import AGAIN, TAKEN, Address, Question, explained, quoted, short

__all__ = ["rows", "store"]


def rows(question: Question) -> Generator[Any]:
    """The rows of the answer, in the order of the key. Columns have no types here: all rows are asked for those of their values first."""
    import pyarrow as pa

    address, label = question.address, question.label
    if not os.path.isfile(address.place):
        raise ReadError(f"{label}: there is no file {address.place!r} (working directory {os.getcwd()!r}).")
    with explained(label, "See whether the file may be read", address, sqlite3.Error):
        place = f"file:{quote(os.path.abspath(address.place))}?mode=ro"
        connection = sqlite3.connect(place, uri=True, isolation_level=None, timeout=min(5, question.timeout / 2))  # seconds for a lock
    question.cancels.append(connection.interrupt)
    with closing(connection):
        connection.execute("pragma trusted_schema = off")  # views of a file from elsewhere call no function that does more than compute
        connection.execute("pragma cell_size_check = on")
        connection.text_factory = bytes  # so that text which is not UTF-8 comes through, to be refused by name
        with explained(label, f"Check the query: {short(question.query)}", address, sqlite3.Error):
            connection.execute("begin")
            empty = connection.execute(f"select * from ({question.query}\n) limit 0", question.parameters)
            names = [column[0] for column in empty.description]
            schema = pa.schema([_field(name, kinds, pa) for name, kinds in zip(names, _storage(connection, question, names), strict=True)])
            wanted = pa.schema([schema.field(place) for place in question.pick(schema)])
            columns = ", ".join(_column(field, pa) for field in wanted)
            order = ", ".join(map(quoted, question.key))
            cursor = connection.execute(f"select {columns} from ({question.query}\n) order by {order}", question.parameters)
        with explained(label, AGAIN, address, sqlite3.Error):
            while fetched := cursor.fetchmany(16_384):
                columns = [_array(values, field.type, pa) for values, field in zip(zip(*fetched, strict=True), wanted, strict=True)]
                yield pa.record_batch(columns, schema=wanted)


def store(address: Address, table: str, reader: Any, label: str) -> None:
    """Create the table of all rows, or nothing."""
    import pyarrow as pa

    with explained(label, TAKEN, address, sqlite3.Error), closing(sqlite3.connect(address.place, isolation_level=None)) as connection:
        connection.execute("begin")
        columns = ", ".join(f"{quoted(field.name)} {_declared(field.type, pa)}" for field in reader.schema)
        connection.execute(f"create table {quoted(table)} ({columns})")
        marks = ", ".join("?" * len(reader.schema))
        for batch in reader:
            rows = zip(*(_values(column, pa) for column in batch.columns), strict=True)
            connection.executemany(f"insert into {quoted(table)} values ({marks})", rows)
        connection.execute("commit")


def _storage(connection: sqlite3.Connection, question: Question, names: Sequence[str]) -> list[frozenset[str]]:
    """For each column the kinds of values it holds, whatever it was declared to hold."""
    found: list[frozenset[str]] = []
    for start in range(0, len(names), 1000):  # SQLite takes 2000 aggregates at once
        columns = ", ".join(f"group_concat(distinct typeof({quoted(name)}))" for name in names[start : start + 1000])
        (row,) = connection.execute(f"select {columns} from ({question.query}\n)", question.parameters)
        found += [frozenset((kinds or b"null").decode().split(",")) - {"null"} for kinds in row]
    return found


def _field(name: str, kinds: frozenset[str], pa: Any) -> Any:
    if not kinds:
        return pa.field(name, pa.null())
    if kinds <= {"integer", "real"}:
        return pa.field(name, pa.float64() if "real" in kinds else pa.int64())
    if len(kinds) == 1:
        return pa.field(name, pa.string() if "text" in kinds else pa.binary())
    reason = f"holds {' and '.join(sorted(kinds))} mixed; write cast({quoted(name)} as real), or as text, in the query"
    return pa.field(name, pa.null(), metadata={REFUSED: reason})


def _column(field: Any, pa: Any) -> str:
    name = quoted(field.name)
    return f"cast({name} as real)" if pa.types.is_floating(field.type) else name


def _array(values: Sequence[Any], kind: Any, pa: Any) -> Any:
    return pa.array(values, pa.binary()).view(kind) if pa.types.is_string(kind) else pa.array(values, kind)


def _declared(kind: Any, pa: Any) -> str:
    return "real" if pa.types.is_floating(kind) else "integer" if pa.types.is_integer(kind) or pa.types.is_boolean(kind) else "text"


def _values(column: Any, pa: Any) -> list[Any]:
    """Dates and times as ISO text, which is what SQLite's own functions take."""
    return (column.cast(pa.string()) if pa.types.is_temporal(column.type) else column).to_pylist()
