"""Real databases for the tests of SQL: files of SQLite and DuckDB, and a PostgreSQL from a wheel that ends with the session."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import postgres
import pytest

_NUMBER = itertools.count()


@dataclass(frozen=True)
class Database:
    """A database of the test's own: its URL, the name of its schema, and a way to change it that is not plait's."""

    kind: str
    url: str
    schema: str
    run: Callable[..., Any]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The URL of a running PostgreSQL."""
    with postgres.running() as server:
        yield server.get_uri()


@pytest.fixture(name="postgres")
def _postgres(server: str) -> Database:
    """An empty schema of PostgreSQL, and a URL for which there is no other."""
    name = f"trial{next(_NUMBER)}"
    postgres.run(server, f"create schema {name}")
    url = f"{server}&options=-csearch_path%3D{name}"
    return Database("postgresql", url, name, lambda *statements: postgres.run(url, *statements))


@pytest.fixture
def sqlite(tmp_path: Path) -> Database:
    """An empty file of SQLite."""
    path = tmp_path / "trial.db"
    sqlite3.connect(path).close()
    path.touch()

    def run(*statements: str) -> None:
        connection = sqlite3.connect(path)
        with connection:
            for statement in statements:
                connection.execute(statement)
        connection.close()

    return Database("sqlite", f"sqlite:///{path}", "main", run)


@pytest.fixture
def duck(tmp_path: Path) -> Database:
    """An empty file of DuckDB."""
    path = tmp_path / "trial.duckdb"

    def run(*statements: str) -> None:
        with duckdb.connect(path) as connection:
            for statement in statements:
                connection.execute(statement)

    run("select 1")
    return Database("duckdb", f"duckdb:///{path}", "main", run)


@pytest.fixture(params=["sqlite", "duck", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Each of the three."""
    return request.getfixturevalue(request.param)
