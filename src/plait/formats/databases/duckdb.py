"""DuckDB, by its own package, which speaks Arrow."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from plait.errors import ReadError
from plait.extras import require
from plait.formats.databases.question import AGAIN, TAKEN, Address, Question, explained, quoted, select, short

__all__ = ["rows", "store"]


def rows(question: Question) -> Generator[Any]:
    """The rows of the answer, in the order they are stored."""
    duckdb = require("duckdb", extra="sql", purpose=question.label)
    address, label = question.address, question.label
    parameters = list(question.parameters) or None
    remedy = "See whether the file is there, and close what writes to it, in this process too"
    with explained(label, remedy, address, duckdb.Error):
        # a file from elsewhere may hold views of other files and of addresses: those are not opened
        closed = {"enable_external_access": "false"} if address.place else {}
        connection = duckdb.connect(address.place or ":memory:", read_only=bool(address.place), config=closed)
    question.cancels.append(connection.interrupt)
    with closing(connection):
        with explained(label, f"Check the query: {short(question.query)}", address, duckdb.Error):
            connection.execute("set enable_progress_bar = false")
            connection.begin()
            empty = f"select * from ({question.query}\n) as plait limit 0"
            if len(connection.extract_statements(empty)) > 1:
                raise ReadError(f"{label}: the query holds several statements. Pass one that gives rows: {short(question.query)}.")
            schema = connection.sql(empty, params=parameters).to_arrow_reader().schema
            # not ordered: DuckDB would hold all rows in this process to sort them
            reader = connection.sql(select(question, schema, ordered=False), params=parameters).to_arrow_reader(65_536)
        with explained(label, AGAIN, address, duckdb.Error):
            yield from reader


def store(address: Address, table: str, reader: Any, label: str) -> None:
    """Create the table of all rows, or nothing."""
    duckdb = require("duckdb", extra="sql", purpose=label)
    with explained(label, TAKEN, address, duckdb.Error), closing(duckdb.connect(address.place)) as connection:
        connection.execute("set enable_progress_bar = false")
        connection.begin()
        connection.from_arrow(reader.schema.empty_table()).create(quoted(table))
        for batch in reader:
            connection.from_arrow(batch).insert_into(quoted(table))
        connection.commit()
