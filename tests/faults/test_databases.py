"""Databases that fail in mid-read: every row once and of one snapshot, or an error that names the query; and never a wait without end."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pytest
from faults import count, refused, shared
from postgres import run, running

import plait
from plait.formats import databases, spool

ROWS = 60_000


@pytest.fixture(scope="module")
def postgres() -> Iterator[Any]:
    """A PostgreSQL of these tests' own, which they stop and start."""
    with running() as server:
        run(server.get_uri(), f"create table t as select i as id, 1 as x, repeat(md5(i::text), 20) as t from generate_series(1, {ROWS}) i")
        yield server


def kill(server: Any) -> None:
    run(server.get_uri(), "select pg_terminate_backend(pid) from pg_stat_activity where query ilike '%copy%' and pid <> pg_backend_pid()")


def restart(server: Any) -> None:
    server.stop()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server.ensure_postgres_running()


@pytest.fixture
def in_mid_read(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Do something after the first batch of rows has come, as often as wanted; returns the rows of each batch that came."""

    def arrange(do: Callable[[], None], times: int = 1) -> list[int]:
        came: list[int] = []
        left = [times]
        append = spool._Growing.append

        def disturbed(self: Any, array: Any, absent: Any) -> None:
            append(self, array, absent)
            came.append(len(array))
            if left[0]:
                left[0] -= 1
                count("faults injected")
                do()

        monkeypatch.setattr(spool._Growing, "append", disturbed)
        return came

    return arrange


FAULTS: dict[str, Callable[[Any], None]] = {"its connection is ended": kill, "the server is started anew": restart}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("memory", [2**30, 1000], ids=["memory", "disk"])
def test_a_connection_that_is_lost_in_mid_read_loses_and_repeats_no_row(postgres, in_mid_read, tmp_path, fault, memory) -> None:
    came = in_mid_read(lambda: FAULTS[fault](postgres))
    source = plait.SQL(postgres.get_uri(), "t", key="id", memory=memory, spool=tmp_path)
    shared(list(source.keys), list(range(1, ROWS + 1)))
    values = source.read(["x", "t"], np.array([0, ROWS - 1]))
    assert values["x"].tolist() == [1, 1]  # type: ignore[union-attr]
    assert sum(came) > 4 * ROWS  # the key and three columns: what had come was read again
    del source


def test_a_connection_that_is_lost_twice_is_read_a_third_time(postgres, in_mid_read) -> None:
    in_mid_read(lambda: kill(postgres), times=2)
    shared(list(plait.SQL(postgres.get_uri(), "t", key="id").keys), list(range(1, ROWS + 1)))


def test_a_connection_that_is_lost_again_and_again_is_an_error_that_says_what_to_see(postgres, in_mid_read, monkeypatch) -> None:
    monkeypatch.setattr(databases, "_TRIES", 1)
    in_mid_read(lambda: kill(postgres), times=10**6)
    message = (
        r"SQL 't' of 'postgresql://.*the database says: .* lost 2 times while the rows were read, in the order of the key 'id'; none of"
    )
    with refused(message, seconds=5):
        plait.SQL(postgres.get_uri(), "t", key="id")


def test_a_server_that_stays_down_is_an_error_after_the_timeout(postgres, in_mid_read) -> None:
    in_mid_read(postgres.stop)
    began = time.monotonic()
    try:
        with refused(r"SQL 't' of .* the database says: .* lost 1 times while the rows were read", seconds=5):
            plait.SQL(postgres.get_uri(), "t", key="id", timeout=2)
        assert 1 < time.monotonic() - began < 30
    finally:
        restart(postgres)


def test_rows_that_change_between_two_tries_are_of_one_snapshot(postgres, in_mid_read) -> None:
    run(postgres.get_uri(), "create table s as select i as id, 1 as x from generate_series(1, 30000) i")

    def change() -> None:
        kill(postgres)
        run(
            postgres.get_uri(),
            "update s set x = 2",
            "delete from s where id % 10 = 0",
            "insert into s select i, 2 from generate_series(40001, 40100) i",
        )

    in_mid_read(change)
    source = plait.SQL(postgres.get_uri(), "s", key="id")
    kept = [i for i in range(1, 30_001) if i % 10] + list(range(40_001, 40_101))
    before = list(source.keys) == list(range(1, 30_001))
    if not before:
        shared(list(source.keys), kept)
    assert set(source["x"].values().tolist()) == {1 if before else 2}  # type: ignore[union-attr]


@pytest.mark.parametrize("change", ["update", "delete", "insert"])
def test_what_another_session_does_in_mid_read_is_not_seen(postgres, in_mid_read, change) -> None:
    run(
        postgres.get_uri(),
        "drop table if exists u",
        "create table u as select i as id, 1 as x, repeat('a', 400) as t from generate_series(1, 30000) i",
    )
    statement = {"update": "update u set x = 2", "delete": "delete from u where id > 9", "insert": "insert into u values (99999, 3, 'b')"}
    in_mid_read(lambda: run(postgres.get_uri(), statement[change]))
    source = plait.SQL(postgres.get_uri(), "u", key="id")
    shared(list(source.keys), list(range(1, 30_001)))
    assert set(source["x"].values().tolist()) == {1}  # type: ignore[union-attr]


def trial(path: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("pragma journal_mode = wal" if path.startswith("wal") else "pragma journal_mode = delete")
        connection.execute("create table t (id integer, x integer)")
        connection.executemany("insert into t values (?, 1)", ((i,) for i in range(ROWS)))
    connection.close()


def test_a_sqlite_that_another_session_writes_in_mid_read_is_one_snapshot(in_mid_read) -> None:
    trial("wal.db")

    def write() -> None:
        with sqlite3.connect("wal.db") as connection:
            connection.execute("update t set x = 2")
            connection.execute("delete from t where id > 100")
        connection.close()

    in_mid_read(write)
    source = plait.SQL("sqlite:///wal.db", "t", key="id")
    shared(list(source.keys), list(range(ROWS)))
    assert set(source["x"].values().tolist()) == {1}  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_database_file_that_is_deleted_in_mid_read_gives_all_of_its_rows(in_mid_read, kind) -> None:
    if kind == "sqlite":
        trial("t.sqlite")
    else:
        with duckdb.connect("t.duckdb") as connection:
            connection.execute(f"create table t as select range as id, 1 as x from range({ROWS})")
    in_mid_read(lambda: os.unlink(f"t.{kind}"))
    source = plait.SQL(f"{kind}:///t.{kind}", "t", key="id")
    shared(list(source.keys), list(range(ROWS)))
    with refused(r"there is no file|the database says", seconds=2):
        plait.SQL(f"{kind}:///t.{kind}", "t", key="id")


def test_a_sqlite_file_that_is_cut_in_mid_read_is_an_error_or_gives_all_rows(in_mid_read) -> None:
    trial("t.db")
    in_mid_read(lambda: os.truncate("t.db", 8192))
    try:
        keys = list(plait.SQL("sqlite:///t.db", "t", key="id").keys)
    except plait.ReadError as error:
        assert "SQL 't' of 'sqlite:///t.db': the database says:" in str(error)
    else:
        shared(keys, list(range(ROWS)))  # which SQLite had sorted by then
    with refused(r"SQL 't' of 'sqlite:///t.db': the database says: .*malformed"):
        plait.SQL("sqlite:///t.db", "t", key="id")


def test_a_sqlite_that_is_locked_is_waited_for_and_then_read(tmp_path) -> None:
    trial("t.db")
    count("faults injected")
    holder = sqlite3.connect("t.db", isolation_level=None, check_same_thread=False)
    holder.execute("begin exclusive")
    threading.Timer(0.5, lambda: (holder.execute("rollback"), holder.close())).start()
    shared(list(plait.SQL("sqlite:///t.db", "t", key="id").keys), list(range(ROWS)))


def test_a_sqlite_that_stays_locked_is_an_error_in_time(tmp_path) -> None:
    trial("t.db")
    count("faults injected")
    holder = sqlite3.connect("t.db", isolation_level=None)
    holder.execute("begin exclusive")
    began = time.monotonic()
    with refused(r"SQL 't' of 'sqlite:///t.db': the database says: database is locked"):
        plait.SQL("sqlite:///t.db", "t", key="id", timeout=1)
    assert time.monotonic() - began < 5
    holder.close()


def test_a_query_that_hangs_is_ended_and_not_left_to_run(tmp_path) -> None:
    count("faults injected", 2)
    with duckdb.connect("t.duckdb") as connection:
        connection.execute("create view t as select count(*) as id from range(100000000000) a(i) where i * 7 % 3 = 5")
    with refused(r"nothing came from the database for 0.3 s", seconds=5):
        plait.SQL("duckdb:///t.duckdb", "t", key="id", timeout=0.3)
    threads = [thread for thread in threading.enumerate() if thread.name == "plait-in-time"]
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
