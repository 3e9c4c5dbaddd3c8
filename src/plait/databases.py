"""Rows of SQLite, DuckDB and PostgreSQL as Arrow record batches: read only, of one snapshot, in the order of the key."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from plait.arrow import REFUSED
from plait.deadline import in_time
from plait.errors import ArgumentError, PlaitError, ReadError
from plait.extras import require

__all__ = ["Address", "Question", "address_of", "answer", "store"]


_AGAIN = "Check the query and the connection, and declare the source again"


@dataclass(frozen=True)
class Address:
    """Where a database is.

    Args:
        kind: "sqlite", "duckdb" or "postgresql".
        place: A path, empty for DuckDB in memory, or the whole URL.
        shown: The URL without its password.
        secrets: What no message may hold.
    """

    kind: str
    place: str
    shown: str
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What is asked of a database.

    Args:
        address: The database.
        query: One statement that gives rows, without ";".
        parameters: Its values, one a placeholder.
        pick: The `pyarrow.Schema` of the rows -> the places of the columns that are wanted; raises when one is missing.
        key: The names of the columns that the rows are ordered by.
        label: The source, for messages.
        timeout: Seconds that may pass without rows.
    """

    address: Address
    query: str
    parameters: tuple[object, ...]
    pick: Callable[[Any], Sequence[int]]
    key: tuple[str, ...]
    label: str
    timeout: float


def address_of(url: str, *, label: str) -> Address:
    """Take a URL apart.

    Raises:
        ArgumentError: It is no database of these three; the message holds no password.
    """
    scheme, separator, rest = url.partition("://")
    kind = {"postgres": "postgresql"}.get(scheme.partition("+")[0], scheme.partition("+")[0])
    if not separator or kind not in ("sqlite", "duckdb", "postgresql"):
        raise ArgumentError(
            f"{label}: {_shown(url)!r} is no URL of a database that plait reads. Write 'sqlite:///trial.db' (a relative path), "
            "'duckdb:////data/trial.duckdb' (an absolute one) or 'postgresql://user@host/trial'; "
            "for others plait.Frame(pandas.read_sql(query, connection), key='id')."
        )
    if kind == "postgresql":
        shown, secrets = _shown(f"postgresql://{rest}"), _secrets(rest)
        if secrets and set(secrets[0]) & set("/?#@ "):
            raise ArgumentError(
                f"{label}: the password in {shown!r} holds a character that means something else in a URL. "
                "Write urllib.parse.quote(password, safe=''), or leave it out and set PGPASSWORD."
            )
        return Address(kind, f"postgresql://{rest}", shown, secrets)
    path = unquote(rest[1:].partition("?")[0])
    if rest and not rest.startswith("/"):
        raise ArgumentError(f"{label}: {_shown(url)!r} names a host, and {kind} is a file. Write '{kind}:///trial.db', with three slashes.")
    if not path and kind == "sqlite":
        raise ArgumentError(f"{label}: {url!r} names no file. Write 'sqlite:///trial.db'.")
    return Address(kind, path, url)


def answer(question: Question) -> Iterator[Any]:
    """The `pyarrow.RecordBatch`es of the picked columns, in their order in the schema, rows ordered by the key.

    The connection lives on a thread of its own, so that a database that hangs is an error after `timeout` seconds.

    Raises:
        ReadError: The database cannot be reached or read, the query is wrong, or nothing came in time.
        MissingExtraError: Its driver is not installed.
    """
    ask = {"sqlite": _sqlite, "duckdb": _duckdb, "postgresql": _postgresql}[question.address.kind]
    hung = ReadError(
        f"{question.label}: nothing came from the database for {question.timeout:g} s. "
        "See whether it is up, or pass timeout=3600 where the query takes that long."
    )
    return in_time(lambda: ask(question), question.timeout, hung)


def store(address: Address, table: str, reader: Any, *, label: str) -> None:
    """Create a table of the rows of a `pyarrow.RecordBatchReader`, in one transaction.

    Raises:
        ReadError: The table exists, or the database cannot be reached or written.
        MissingExtraError: Its driver is not installed.
    """
    remedy = "A table that exists is never touched: choose another name, or drop it first"
    if address.kind != "postgresql" and not os.path.isdir(os.path.dirname(address.place) or "."):
        raise ReadError(f"{label}: there is no folder {os.path.dirname(address.place)!r} (working directory {os.getcwd()!r}).")
    empty = reader.schema.empty_table()
    if address.kind == "duckdb":
        duckdb = require("duckdb", extra="sql", purpose=label)
        with _explained(label, remedy, address, duckdb.Error), closing(duckdb.connect(address.place)) as connection:
            connection.begin()
            connection.from_arrow(empty).create(_quoted(table))
            for batch in reader:
                connection.from_arrow(batch).insert_into(_quoted(table))
            connection.commit()
        return
    driver = require(f"adbc_driver_{address.kind}.dbapi", extra="sql", purpose=label)
    place = f"file:{quote(os.path.abspath(address.place))}" if address.kind == "sqlite" else address.place
    with _explained(label, remedy, address, driver.Error), driver.connect(place) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(table, empty, mode="create")
        for batch in reader:  # one by one, so that what reading them raises comes up as it is
            cursor.adbc_ingest(table, batch, mode="append")
        connection.commit()


def _postgresql(question: Question) -> Generator[Any]:
    driver = require("adbc_driver_postgresql.dbapi", extra="sql", purpose=question.label)
    address, label = question.address, question.label
    with _explained(label, "See whether the server runs, and check host, database, user and password", address, driver.Error):
        connection = driver.connect(address.place)
    with connection, connection.cursor() as cursor:
        with _explained(label, f"Check the query: {_short(question.query)}", address, driver.Error):
            cursor.execute("set transaction isolation level repeatable read, read only")  # one snapshot for both statements
            cursor.execute(f"select * from ({question.query}\n) as plait limit 0", question.parameters or None)
            schema = _without_money(cursor.fetch_record_batch().schema)
            cursor.execute(_select(question, schema), question.parameters or None)
        with _explained(label, _AGAIN, address, driver.Error):
            yield from cursor.fetch_record_batch()


def _duckdb(question: Question) -> Generator[Any]:
    duckdb = require("duckdb", extra="sql", purpose=question.label)
    address, label = question.address, question.label
    parameters = list(question.parameters) or None
    remedy = "See whether the file is there, and close what writes to it, in this process too"
    with _explained(label, remedy, address, duckdb.Error):
        connection = duckdb.connect(address.place or ":memory:", read_only=bool(address.place))
    with closing(connection):
        with _explained(label, f"Check the query: {_short(question.query)}", address, duckdb.Error):
            connection.begin()
            schema = connection.sql(f"select * from ({question.query}\n) as plait limit 0", params=parameters).to_arrow_reader().schema
            rows = connection.sql(_select(question, schema), params=parameters).to_arrow_reader(65_536)
        with _explained(label, _AGAIN, address, duckdb.Error):
            yield from rows


def _sqlite(question: Question) -> Generator[Any]:
    """The driver guesses types from the first rows and fails at others: so ask for the types of all, and let no null reach it."""
    import pyarrow as pa
    import pyarrow.compute

    driver = require("adbc_driver_sqlite.dbapi", extra="sql", purpose=question.label)
    address, label = question.address, question.label
    if not os.path.isfile(address.place):
        raise ReadError(f"{label}: there is no file {address.place!r} (working directory {os.getcwd()!r}).")
    with _explained(label, "See whether the file may be read", address, driver.Error):
        connection = driver.connect(f"file:{quote(os.path.abspath(address.place))}?mode=ro")
    with connection, connection.cursor(adbc_stmt_kwargs={"adbc.sqlite.query.batch_rows": 65_536}) as cursor:
        with _explained(label, f"Check the query: {_short(question.query)}", address, driver.Error):
            cursor.execute(f"select * from ({question.query}\n) limit 0", question.parameters or None)
            names = cursor.fetch_record_batch().schema.names
            cursor.execute(f"select {', '.join(map(_storage, names))} from ({question.query}\n)", question.parameters or None)
            storage = [column[0].as_py() or 0 for column in cursor.fetch_arrow_table().columns]
            schema = pa.schema([_sqlite_field(name, kinds, pa) for name, kinds in zip(names, storage, strict=True)])
            wanted = pa.schema([schema.field(place) for place in question.pick(schema)])
            columns = [part for field in wanted for part in _sqlite_columns(field, pa)]
            order = ", ".join(map(_quoted, question.key))
            cursor.execute(f"select {', '.join(columns)} from ({question.query}\n) order by {order}", question.parameters or None)
        with _explained(label, _AGAIN, address, driver.Error):
            for batch in cursor.fetch_record_batch():
                arrays = [_masked(batch.column(2 * i), batch.column(2 * i + 1), field.type, pa) for i, field in enumerate(wanted)]
                yield pa.record_batch(arrays, schema=wanted)


_INTEGER, _REAL, _TEXT, _BLOB = 1, 2, 4, 8


def _storage(name: str) -> str:
    """The sum of what a column of SQLite holds, whatever it was declared to hold."""
    kinds = {"integer": _INTEGER, "real": _REAL, "text": _TEXT, "blob": _BLOB}
    return " + ".join(f"{value} * max(typeof({_quoted(name)}) = '{kind}')" for kind, value in kinds.items())


def _sqlite_field(name: str, storage: int, pa: Any) -> Any:
    types = {
        0: pa.null(),
        _INTEGER: pa.int64(),
        _REAL: pa.float64(),
        _INTEGER | _REAL: pa.float64(),
        _TEXT: pa.string(),
        _BLOB: pa.binary(),
    }
    if storage in types:
        return pa.field(name, types[storage])
    reason = f"holds numbers, text or blobs mixed; write cast({_quoted(name)} as real), or as text, in the query"
    return pa.field(name, pa.null(), metadata={REFUSED: reason})


def _sqlite_columns(field: Any, pa: Any) -> tuple[str, str]:
    """The column without nulls, and whether it is null."""
    name = _quoted(field.name)
    if pa.types.is_null(field.type):
        return "0.0", "1"
    if pa.types.is_floating(field.type):
        return f"coalesce(cast({name} as real), 0.0)", f"{name} is null"
    return f"coalesce({name}, {0 if pa.types.is_integer(field.type) else repr('')})", f"{name} is null"


def _masked(values: Any, null: Any, kind: Any, pa: Any) -> Any:
    if pa.types.is_null(kind):
        return pa.nulls(len(values))
    return pa.compute.if_else(pa.compute.equal(null, 1), pa.scalar(None, kind), values)


def _without_money(schema: Any) -> Any:
    """PostgreSQL's driver hands over money as bare hundredths: refuse it."""
    reason = "is of type money, whose unit gets lost; write amount::numeric in the query"
    for place, field in enumerate(schema):
        if (field.metadata or {}).get(b"POSTGRESQL:type") in (b"money", b"_money"):
            schema = schema.set(place, field.with_metadata({REFUSED: reason}))
    return schema


def _select(question: Question, schema: Any) -> str:
    columns = ", ".join(_quoted(schema.names[place]) for place in question.pick(schema))
    return f"select {columns} from ({question.query}\n) as plait order by {', '.join(map(_quoted, question.key))}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _short(query: str) -> str:
    line = " ".join(query.split())
    return line if len(line) <= 120 else line[:117] + "..."


@contextmanager
def _explained(label: str, remedy: str, address: Address, driver_error: type[Exception]) -> Iterator[None]:
    """Turn the errors of a driver into ours, without the password."""
    import pyarrow as pa

    try:
        yield
    except PlaitError:
        raise
    except (driver_error, pa.ArrowException, OSError) as error:
        said = " ".join(re.split(r"\n+\s*query(?: was)?:", str(error), flags=re.IGNORECASE)[0].split()).rstrip(".")
        for secret in address.secrets:
            said = said.replace(secret, "***")
        cause = None if any(secret in str(error) for secret in address.secrets) else error
        raise ReadError(f"{label}: the database says: {said}. {remedy}.") from cause


def _shown(url: str) -> str:
    """A URL, or what was taken for one, without its password."""
    if "://" not in url:
        return re.sub(r"(?i)(password\s*=\s*)('[^']*'|\S+)", r"\1***", url)
    return re.sub(r"^([\w+.-]*://[^:/@?]*)(?::.*)?@", r"\1@", url).partition("?")[0]


def _secrets(rest: str) -> tuple[str, ...]:
    """The password in what follows "postgresql://", as written and as meant."""
    written = [rest.rpartition("@")[0].partition(":")[2], *re.findall(r"password=([^&]*)", rest.partition("?")[2])]
    return tuple(dict.fromkeys(form for secret in written if secret for form in (secret, unquote(secret))))
