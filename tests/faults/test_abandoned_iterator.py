"""Iterators that are left in the middle, or end, leave no process, thread, file descriptor or memory.

PLAIT_ABANDONED says how many epochs by processes are abandoned.
"""

from __future__ import annotations

import gc
import os
import threading
from pathlib import Path

import pytest
from feeding import descendants, fed, feeder, harmful, making, open_files, table, wait_until

import plait
import plait.pace

EPOCHS = int(os.environ.get("PLAIT_ABANDONED", "4"))

proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")


def counts():
    gc.collect()
    return open_files(), threading.active_count(), len(descendants(os.getpid()))


def no_more(before):
    """Whether there are not more of anything; fewer, where something of an earlier test has ended meanwhile."""
    return all(now <= then for now, then in zip(counts(), before, strict=True))


@proc
def test_abandoned_epochs_by_processes_leave_nothing():
    made = making(table())
    before = counts()
    for number in range(EPOCHS):
        batches = fed(made, by=feeder(2))
        kept = [next(batches) for _ in range(1 + number % 3)]
        assert len(descendants(os.getpid())) >= 2
        del batches
        assert wait_until(lambda: no_more((10**6, *before[1:]))), f"{counts()} and before {before}, epoch {number}"
        assert kept[0].inputs["x"].sum() != 0, "what was handed out stays"
        kept.clear()
        assert wait_until(lambda: no_more(before)), f"{counts()} and before {before}, epoch {number}"


def test_a_hundred_abandoned_epochs_on_threads_leave_nothing():
    made = making(table())
    before = counts()
    for _ in range(100):
        next(fed(made, by=feeder(2, False)))
    assert wait_until(lambda: no_more(before))


@proc
def test_a_failed_epoch_leaves_nothing():
    before = counts()
    made = making(harmful("kill"))
    with pytest.raises(plait.WorkerError):
        list(fed(made, by=feeder(1)))
    assert wait_until(lambda: no_more(before))


@proc
def test_processes_wait_for_the_next_epoch_for_a_while_and_no_longer(monkeypatch):
    made, by = making(table(step=abs)), feeder(2)
    before = counts()
    list(fed(made, by=by))
    first = sorted(descendants(os.getpid()))
    list(fed(made, by=by))
    assert sorted(descendants(os.getpid())) == first
    monkeypatch.setattr(plait.pace, "LEAST", 0.2)
    list(fed(made, by=by))
    assert wait_until(lambda: no_more(before)), "closed when nobody came"
    monkeypatch.undo()
    list(fed(made, by=by))
    assert len(descendants(os.getpid())) == 2
    del by
    assert wait_until(lambda: no_more(before)), "closed with its loader"
