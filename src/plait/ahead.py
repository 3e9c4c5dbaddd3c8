"""Compute a pure function ahead of its reader, on threads, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["ahead"]

A = TypeVar("A")
B = TypeVar("B")


def ahead(function: Callable[[A], B], arguments: Iterable[A], *, workers: int, depth: int) -> Iterator[B]:
    """Yield `function(argument)` for each argument, in their order, computed up to `depth` results ahead of the one that is handed out.

    Because the function is pure, how many threads compute it, and how far ahead, changes nothing but the time. An exception comes
    up at its own place in the order. Closing the iterator (or dropping it) cancels what has not begun and ends the threads.

    Args:
        function: Pure and thread-safe.
        arguments: May be endless.
        workers: Threads; 0 computes in the caller's thread, nothing ahead.
        depth: Results that may wait, at least 1.
    """
    if workers <= 0:
        yield from map(function, arguments)
        return
    pool = ThreadPoolExecutor(workers, thread_name_prefix="plait-ahead")
    waiting: deque[Future[B]] = deque()
    try:
        for argument in arguments:
            waiting.append(pool.submit(function, argument))
            if len(waiting) > max(1, depth):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
        pool.shutdown(wait=False, cancel_futures=True)
