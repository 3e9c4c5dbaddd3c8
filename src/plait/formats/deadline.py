"""Wait for something that may hang, and no longer than a given time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import TypeVar

__all__ = ["in_time"]

T = TypeVar("T")


def in_time(begin: Callable[[], Generator[T]], seconds: float, hung: Exception, stop: Callable[[], object] = bool) -> Iterator[T]:
    """Yield what a generator yields, in order, computed on a daemon thread of its own, at most two items ahead.

    What the generator raises comes up here. When the reader leaves early the generator is closed, on its thread.

    Args:
        begin: Makes the generator.
        seconds: That the next item may take.
        hung: Raised when it takes longer; the thread is left to itself then.
        stop: Called from this thread when it takes longer or the reader leaves, so that the other one does not go on for nothing.
    """
    ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(2)
    left = threading.Event()

    def hand_over(item: T | None, error: BaseException | None = None) -> bool:
        while not left.is_set():
            try:
                ready.put((item, error), timeout=0.1)
                return True
            except queue.Full:
                pass
        return False

    def work() -> None:
        try:
            with closing(begin()) as items:
                for item in items:
                    if not hand_over(item):
                        return
            hand_over(None)
        except BaseException as error:
            hand_over(None, error)

    threading.Thread(target=work, name="plait-in-time", daemon=True).start()
    try:
        while True:
            try:
                item, error = ready.get(timeout=seconds)
            except queue.Empty:
                raise hung from None
            if error is not None:
                raise error
            if item is None:
                stop = bool
                return
            yield item
    finally:
        left.set()
        stop()
