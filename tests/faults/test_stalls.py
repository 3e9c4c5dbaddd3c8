"""What stands still, at random moments: every schedule ends in the right batches or in an error that names what stood still, in time.

PLAIT_STALL_SCHEDULES says how many are tried; the kinds take turns.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from faults import count
from feeding import content, fed, feeder, harmful, making, table

import plait
from plait.errors import PlaitError

SCHEDULES = int(os.environ.get("PLAIT_STALL_SCHEDULES", "9"))
MOST_SECONDS = 30.0  # of one schedule: some timeouts of a second, and processes that start
MOST_STARTING = 60.0  # and one that is stopped while it starts has so long, whatever the timeout
ROWS = 103


def test_what_stands_still_at_random_moments_ends_in_recovery_or_an_error_in_time(tmp_path, capsys):
    found: Counter[str] = Counter()
    slowest = 0.0
    for seed in range(SCHEDULES):
        kind = list(KINDS)[seed % len(KINDS)]
        folder = tmp_path / str(seed)
        folder.mkdir()
        began = time.monotonic()
        try:
            said = KINDS[kind](random.Random(seed), folder)
        except Exception as error:
            error.add_note(f"schedule {seed}: {kind}")
            raise
        took = time.monotonic() - began
        assert took < MOST_SECONDS + MOST_STARTING * (kind == "processes are stopped"), f"schedule {seed} ({kind}) took {took:.1f} s"
        slowest = max(slowest, took)
        found[f"{kind}: {said}"] += 1
        count("faults injected")
    with capsys.disabled():
        print(f"\n{SCHEDULES} stall schedules, the slowest {slowest:.1f} s: {dict(sorted(found.items()))}")


def process_hangs_once(rng: random.Random, folder: Path) -> str:
    made = making(harmful("hang", row=rng.randrange(ROWS), once=folder / "hung"), seed=rng.randrange(99))
    assert [content(b) for b in fed(made, by=feeder(rng.choice((1, 2, 4)), timeout=1.0))] == [content(b) for b in fed(made)]
    return "recovered"


def process_always_hangs(rng: random.Random, folder: Path) -> str:
    row = rng.randrange(ROWS)
    made = making(harmful("hang", row=row), seed=rng.randrange(99))
    return error_of(lambda: list(fed(made, by=feeder(rng.choice((1, 2, 4)), timeout=0.6))), f"p{row:03}")


def processes_are_stopped(rng: random.Random, folder: Path) -> str:
    made = making(table(), seed=rng.randrange(99))
    expected = [content(batch) for batch in fed(made)]
    by = feeder(rng.choice((1, 2, 4)), timeout=1.0)
    pool = by.pool(made)
    by.park(pool)
    moments = {rng.randrange(len(expected)) for _ in range(rng.randint(1, 2))}
    got = []
    for number, batch in enumerate(fed(made, by=by)):
        got.append(content(batch))
        if number in moments:
            time.sleep(rng.random() * 0.006)
            os.kill(rng.choice(pool.pids), signal.SIGSTOP)
    pool.close()
    assert got == expected
    return "recovered"


def thread_hangs(rng: random.Random, folder: Path) -> str:
    row, left = rng.randrange(ROWS), threading.Event()

    def wait(v: Any) -> Any:
        if row in v:
            left.wait(20)
        return v

    made = making(harmful("nap").map(wait, on="v"), seed=rng.randrange(99))
    try:
        return error_of(lambda: list(fed(made, by=feeder(rng.choice((1, 2, 4)), False, timeout=0.5))), f"p{row:03}")
    finally:
        left.set()


def file_that_never_comes(rng: random.Random, folder: Path, *, processes: bool = False) -> str:
    """A pipe in the place of a file: who opens it waits."""
    name, missing = f"s{rng.randrange(40):02}", f"s{40 + rng.randrange(10)}"
    for row in range(50):
        np.save(folder / f"s{row:02}.npy", np.full(3, row, np.float32))
    source = plait.Npy(folder / "{id}.npy")
    data = plait.Dataset(inputs={"x": source[next(iter(source.spec))]})
    (folder / f"{missing}.npy").unlink()
    (folder / f"{name}.npy").unlink()
    os.mkfifo(folder / f"{name}.npy")
    try:
        return error_of(lambda: list(fed(making(data, shuffle=False), by=feeder(2, processes, timeout=0.6))), name)
    finally:
        for _ in range(5):  # let the threads go that wait for it
            with contextlib.suppress(OSError):
                os.close(os.open(folder / f"{name}.npy", os.O_WRONLY | os.O_NONBLOCK))
                time.sleep(0.01)


def file_that_never_comes_to_a_process(rng: random.Random, folder: Path) -> str:
    return file_that_never_comes(rng, folder, processes=True)


def database_is_locked(rng: random.Random, folder: Path) -> str:
    path, released = folder / "t.db", rng.random() < 0.5
    with contextlib.closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as holder:
        holder.execute("create table t (id integer, x real)")
        holder.executemany("insert into t values (?, ?)", [(n, n / 2) for n in range(100)])
        holder.execute("begin exclusive")
        timer = threading.Timer(rng.random() * 0.4, lambda: holder.execute("commit"))
        if released:
            timer.start()
        try:
            if not released:
                return error_of(lambda: plait.SQL(f"sqlite:///{path}", "t", key="id", timeout=0.3), "t.db")
            assert plait.SQL(f"sqlite:///{path}", "t", key="id", timeout=10)["x"].values().sum() == 2475
            return "recovered"
        finally:
            timer.cancel()
            if released:
                timer.join()


def query_hangs(rng: random.Random, folder: Path) -> str:
    with duckdb.connect(folder / "t.duckdb") as connection:
        connection.execute(f"create view t as select count(*) as id from range(100000000000) a(i) where i * 7 % {rng.randint(3, 9)} = 2")
    wanted = rng.choice((0.2, 0.4))
    said = error_of(lambda: plait.SQL(f"duckdb:///{folder}/t.duckdb", "t", key="id", timeout=wanted), "t.duckdb")
    for thread in threading.enumerate():
        if thread.name == "plait-in-time":
            thread.join(10)
            assert not thread.is_alive()
    return said


def error_of(do: Callable[[], object], named: str) -> str:
    with pytest.raises(PlaitError) as caught:
        do()
    assert named in str(caught.value), str(caught.value)
    return "error"


KINDS: dict[str, Callable[[random.Random, Path], str]] = {
    "a process hangs once": process_hangs_once,
    "a process always hangs": process_always_hangs,
    "processes are stopped": processes_are_stopped,
    "a thread hangs": thread_hangs,
    "a file never comes": file_that_never_comes,
    "a file never comes to a process": file_that_never_comes_to_a_process,
    "a database is locked": database_is_locked,
    "a query hangs": query_hangs,
}
