"""Waiting, and not for ever."""

from __future__ import annotations

import threading
import time

import pytest

from plait.formats.deadline import in_time


def test_what_comes_in_time_comes_in_order() -> None:
    assert list(in_time(lambda: (i for i in range(100)), 5, TimeoutError())) == list(range(100))


def test_what_hangs_is_an_error_after_the_time_and_what_came_before_is_kept() -> None:
    forever = threading.Event()

    def hang():
        yield 1
        forever.wait()

    got, start = [], time.monotonic()
    with pytest.raises(TimeoutError, match="too long"):
        for item in in_time(hang, 0.2, TimeoutError("too long")):
            got.append(item)
    forever.set()
    assert got == [1]
    assert 0.2 <= time.monotonic() - start < 5


def test_a_slow_reader_is_no_slow_source() -> None:
    got = []
    for item in in_time(lambda: (i for i in range(5)), 0.5, TimeoutError()):
        time.sleep(0.2)
        got.append(item)
    assert got == [0, 1, 2, 3, 4]


def test_an_error_comes_up_at_its_place() -> None:
    def fail():
        yield 1
        raise ValueError("here")

    items = in_time(fail, 5, TimeoutError())
    assert next(items) == 1
    with pytest.raises(ValueError, match="here"):
        next(items)


def test_a_reader_that_leaves_closes_the_source() -> None:
    closed = threading.Event()

    def endless():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    items = in_time(endless, 5, TimeoutError())
    next(items)
    items.close()
    assert closed.wait(2)
