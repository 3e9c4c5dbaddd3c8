"""Rows of SQLite, DuckDB and PostgreSQL as Arrow record batches: read only, of one snapshot. One database a file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import unquote

from plait.errors import ArgumentError, ReadError
from plait.formats.databases import duckdb, postgresql, sqlite
from plait.formats.databases.question import Address, LostError, Question
from plait.formats.deadline import in_time

__all__ = ["Address", "Question", "address_of", "answer", "persistently", "store"]

T = TypeVar("T")
_TRIES, _PATIENCE = 3, 60.0

_KINDS = {"sqlite": sqlite, "duckdb": duckdb, "postgresql": postgresql}


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
    """The `pyarrow.RecordBatch`es of the picked columns, in their order in the schema; rows come in any order.

    The connection lives on a thread of its own, so that a database that hangs is an error after `timeout` seconds.

    Raises:
        ReadError: The database cannot be reached or read, the query is wrong, or nothing came in time.
        MissingExtraError: Its driver is not installed.
    """
    hung = ReadError(
        f"{question.label}: nothing came from the database for {question.timeout:g} s. "
        "See whether it is up, or pass timeout=3600 where the query takes that long."
    )
    return in_time(lambda: _KINDS[question.address.kind].rows(question), question.timeout, hung, question.cancel)


def persistently(read: Callable[[], T], question: Question) -> T:
    """What `read` returns, which asks the question and takes all of its answer: from the beginning again where the connection is lost.

    The one policy for lost connections: nothing has been handed on by then, so that nothing is lost and nothing comes twice; and all rows
    are of one snapshot, which those behind the last one that came would not be. Tries again at once, then after longer and longer waits,
    for `_PATIENCE` seconds (or the question's timeout, where that is shorter) since the connection was lost, at most `_TRIES` times.

    Raises:
        ReadError: The connection cannot be had again, or is lost again and again.
    """
    lost, since, wait = 0, 0.0, 0.1
    while True:
        try:
            return read()
        except LostError as error:
            now = time.monotonic()
            if question.cancels:  # it was connected
                lost, since, wait = lost + 1, now, 0.1
                question.cancels.clear()
            if not lost:
                raise  # it was never there
            if lost > _TRIES or now - since > min(_PATIENCE, question.timeout):
                raise ReadError(
                    f"{error} The connection was lost {lost} times while the rows were read, in the order of the key "
                    f"{', '.join(map(repr, question.key))}; none of them are used. See what ends it (log of the server, "
                    "idle_in_transaction_session_timeout), or ask for fewer rows at a time."
                ) from error
        time.sleep(wait)
        wait = min(2 * wait, 2.0)


def store(address: Address, table: str, reader: Any, *, label: str) -> None:
    """Create a table of the rows of a `pyarrow.RecordBatchReader`, in one transaction.

    Raises:
        ReadError: The table exists, or the database cannot be reached or written.
        MissingExtraError: Its driver is not installed.
    """
    if address.kind != "postgresql" and not os.path.isdir(os.path.dirname(address.place) or "."):
        raise ReadError(f"{label}: there is no folder {os.path.dirname(address.place)!r} (working directory {os.getcwd()!r}).")
    _KINDS[address.kind].store(address, table, reader, label)


def _shown(url: str) -> str:
    """A URL, or what was taken for one, without its password."""
    if "://" not in url:
        return re.sub(r"(?i)(password\s*=\s*)('[^']*'|\S+)", r"\1***", url)
    return re.sub(r"^([\w+.-]*://[^:/@?]*)(?::.*)?@", r"\1@", url).partition("?")[0]


def _secrets(rest: str) -> tuple[str, ...]:
    """The password in what follows "postgresql://", as written and as meant."""
    written = [rest.rpartition("@")[0].partition(":")[2], *re.findall(r"password=([^&]*)", rest.partition("?")[2])]
    return tuple(dict.fromkeys(form for secret in written if secret for form in (secret, unquote(secret))))
