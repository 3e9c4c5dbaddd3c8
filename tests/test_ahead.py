"""Reading ahead: the same results in the same order, whatever the number of threads; and no thread that stays."""

from __future__ import annotations

import gc
import itertools
import threading
import time

import pytest

from plait.ahead import ahead


def ours():
    return [thread for thread in threading.enumerate() if thread.name.startswith("plait-ahead")]


def wait_until(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    assert condition()


@pytest.fixture(autouse=True)
def _no_thread_stays():
    yield
    wait_until(lambda: not ours())


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("depth", [1, 2, 7])
def test_results_come_in_the_order_of_their_arguments(workers, depth):
    def slow_at_first(number):
        time.sleep(0.01 / (number + 1))
        return number * number

    assert list(ahead(slow_at_first, range(20), workers=workers, depth=depth)) == [n * n for n in range(20)]


def test_without_workers_nothing_is_computed_before_it_is_asked_for():
    begun = []
    results = ahead(begun.append, range(5), workers=0, depth=3)
    next(results)
    assert begun == [0]
    assert not ours()


@pytest.mark.parametrize("depth", [1, 4])
def test_as_many_results_wait_as_are_allowed_and_no_more(depth):
    begun = []
    results = ahead(begun.append, itertools.count(), workers=2, depth=depth)
    for taken in range(1, 6):
        next(results)
        wait_until(lambda taken=taken: len(begun) == taken + depth)
        time.sleep(0.01)
        assert len(begun) == taken + depth
    results.close()


def test_one_waiting_result_is_computed_while_the_reader_works():
    begun = threading.Event()

    def note(number):
        if number == 1:
            begun.set()
        return number

    results = ahead(note, range(3), workers=1, depth=1)
    assert next(results) == 0
    assert begun.wait(10), "the second result is begun before it is asked for"
    assert list(results) == [1, 2]


@pytest.mark.parametrize("workers", [0, 2])
def test_an_exception_comes_up_at_its_own_place(workers):
    def odd(number):
        if number == 3:
            raise ValueError("the third")
        return number

    results = ahead(odd, itertools.count(), workers=workers, depth=5)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(results)


def test_closing_ends_the_threads_and_begins_nothing_more():
    begun = []
    results = ahead(begun.append, itertools.count(), workers=3, depth=6)
    next(results)
    assert ours()
    results.close()
    wait_until(lambda: not ours())
    count = len(begun)
    time.sleep(0.02)
    assert len(begun) == count


def test_dropping_the_iterator_ends_the_threads():
    results = ahead(abs, itertools.count(), workers=2, depth=2)
    next(results)
    assert ours()
    del results
    gc.collect()
    wait_until(lambda: not ours())


def test_a_hundred_abandoned_iterators_leave_no_thread():
    before = threading.active_count()
    for _ in range(100):
        next(ahead(abs, itertools.count(), workers=2, depth=2))
    wait_until(lambda: threading.active_count() <= before)


def test_an_iterator_that_nobody_asks_has_no_thread():
    results = ahead(abs, range(3), workers=2, depth=2)
    assert not ours()
    results.close()


def test_results_run_side_by_side():
    together = threading.Barrier(3, timeout=10)
    assert len(list(ahead(lambda _: together.wait(), range(3), workers=3, depth=3))) == 3
