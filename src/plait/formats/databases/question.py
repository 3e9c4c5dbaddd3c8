"""What is asked of a database, and what all databases have in common: quoting, and errors without passwords."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from plait.errors import PlaitError, ReadError

__all__ = ["AGAIN", "TAKEN", "Address", "LostError", "Question", "explained", "quoted", "select", "short"]

AGAIN = "Check the query and the connection, and declare the source again"
TAKEN = "A table that exists is never touched: choose another name, or drop it first"


class LostError(ReadError):
    """The connection to the server ended while it was used; it is worth another try."""


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
        key: The names of the columns that the rows may be ordered by, to lie well on disk.
        label: The source, for messages.
        timeout: Seconds that may pass without rows.
        cancels: Grows by what ends the running statement, to be called from another thread.
    """

    address: Address
    query: str
    parameters: tuple[object, ...]
    pick: Callable[[Any], Sequence[int]]
    key: tuple[str, ...]
    label: str
    timeout: float
    cancels: list[Callable[[], object]] = field(default_factory=list, compare=False)

    def cancel(self) -> None:
        """End what runs, as far as it lets itself be ended."""
        for end in self.cancels:
            with suppress(Exception):  # it has ended
                end()


def select(question: Question, schema: Any, *, ordered: bool = True) -> str:
    """The statement that gives the picked columns."""
    columns = ", ".join(quoted(schema.names[place]) for place in question.pick(schema))
    order = f" order by {', '.join(map(quoted, question.key))}" if ordered else ""
    return f"select {columns} from ({question.query}\n) as plait{order}"


def quoted(name: str) -> str:
    """A name as an identifier of SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def short(query: str) -> str:
    """A query in one line, to show in a message."""
    line = " ".join(query.split())
    return line if len(line) <= 120 else line[:117] + "..."


@contextmanager
def explained(label: str, remedy: str, address: Address, driver_error: type[Exception]) -> Iterator[None]:
    """Turn the errors of a driver into ours, without the password."""
    import pyarrow as pa

    try:
        yield
    except PlaitError:
        raise
    except (driver_error, pa.ArrowException, OSError, UnicodeError, OverflowError, ValueError) as error:
        said = " ".join(re.split(r"\n+\s*query(?: was)?:", str(error), flags=re.IGNORECASE)[0].split()).rstrip(".")
        for secret in address.secrets:
            said = said.replace(secret, "***")
        cause = None if any(secret in str(error) for secret in address.secrets) else error
        kind = LostError if _is_lost(error) else ReadError
        raise kind(f"{label}: the database says: {said}. {remedy}.") from cause


_LOST_STATES = ("08", "57P")  # connection exceptions; ended by an administrator, crashed, starting up
_LOST = re.compile(
    r"server closed the connection|connection (was |is )?(lost|reset|not open|refused)|no connection to the server|terminating connection|"
    r"failed to connect|is the server running|the database system is|broken pipe|could not (send|receive)",
    re.IGNORECASE,
)


def _is_lost(error: Exception) -> bool:
    state = getattr(error, "sqlstate", None)
    return (isinstance(state, str) and state.startswith(_LOST_STATES)) or _LOST.search(str(error)) is not None
