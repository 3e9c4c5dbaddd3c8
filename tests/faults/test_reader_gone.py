"""A reader that stays away for long, as where a notebook keeps an exception and its traceback the iterator: workers end, and come again."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import time
from pathlib import Path

import pytest
from feeding import content, descendants, fed, feeder, making, open_files, picky, table, wait_until

import plait.pace

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")


def counts():
    gc.collect()
    maps = sum("memfd:plait" in line for line in Path("/proc/self/maps").read_text().splitlines())
    return open_files(), threading.active_count(), len(descendants(os.getpid())), maps


def no_more(before):
    return all(now <= then for now, then in zip(counts(), before, strict=True))


def kept_error(batches):
    """What a loop that fails leaves: an exception whose traceback refers to the iterator."""
    try:
        next(batches)
        raise ValueError("in a callback")
    except ValueError as error:
        return error


def test_ten_seconds_after_an_exception_that_is_kept_nothing_is_left():
    made = making(table())
    before = counts()
    kept = [kept_error(fed(made, by=feeder(2, processes))) for processes in (True, False)]
    assert len(descendants(os.getpid())) == 2
    assert wait_until(lambda: no_more(before), 10), f"{counts()} and before {before}"
    del kept


@pytest.mark.parametrize("processes", [True, False])
@pytest.mark.parametrize("shape", [{}, {"bucket": None, "remainder": "pad", "shard": (0, 2)}])
def test_a_reader_that_comes_back_gets_the_same_bytes_in_the_same_order(processes, shape, monkeypatch):
    monkeypatch.setattr(plait.pace, "LEAST", 0.2)
    monkeypatch.setattr(plait.pace, "_TIMES", 0)
    made = making(table(), **shape)
    expected = [content(batch) for batch in fed(made)]
    before = counts()
    found, batches = [], fed(made, by=feeder(2, processes))
    for number in itertools.count():
        batch = next(batches, None)
        if batch is None:
            break
        found.append(content(batch))
        del batch
        if number in (0, 3, len(expected) - 2):
            assert wait_until(lambda: no_more(before)), f"{counts()} and before {before}, batch {number}"
    assert found == expected


def test_one_that_looks_away_for_as_long_as_it_did_before_finds_the_same_processes(monkeypatch):
    monkeypatch.setattr(plait.pace, "LEAST", 0.3)
    batches = fed(making(table()), by=feeder(2))
    next(batches)
    first = sorted(descendants(os.getpid()))
    for pause in (0.25, 0.6, 0.6):
        time.sleep(pause)
        next(batches)
        assert sorted(descendants(os.getpid())) == first
    batches = None


@pytest.mark.parametrize("processes", [True, False])
def test_an_error_that_was_found_before_a_pause_comes_at_its_place_after_it(processes, monkeypatch):
    made = making(table(step=picky), shuffle=False)
    before_it = []
    with pytest.raises(ValueError, match="more than we can take"):
        before_it.extend(content(batch) for batch in fed(made))
    monkeypatch.setattr(plait.pace, "LEAST", 0.2)
    monkeypatch.setattr(plait.pace, "_TIMES", 0)
    before, found, batches = counts(), [], fed(made, by=feeder(2, processes, ahead=50))
    found.append(content(next(batches)))
    assert wait_until(lambda: no_more(before))
    with pytest.raises(ValueError, match="more than we can take"):
        found.extend(content(batch) for batch in batches)
    assert found == before_it


def test_memory_that_the_reader_keeps_stays_as_it_was(monkeypatch):
    monkeypatch.setattr(plait.pace, "LEAST", 0.2)
    monkeypatch.setattr(plait.pace, "_TIMES", 0)
    made = making(table())
    expected = [content(batch) for batch in fed(made)]
    batches = fed(made, by=feeder(2))
    kept = [next(batches), next(batches)]
    assert wait_until(lambda: not descendants(os.getpid()))
    kept += list(batches)
    assert [content(batch) for batch in kept] == expected
