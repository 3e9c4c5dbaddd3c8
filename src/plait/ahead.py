"""Compute a pure function ahead of its reader, on threads, in order."""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Generator, Iterable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from plait.pace import Pace
from plait.raising import Insistent

__all__ = ["ahead"]

A = TypeVar("A")
B = TypeVar("B")

_LEAVING = 2.0  # s that threads may take to finish what they are at when the program ends


def ahead(
    function: Callable[[A], B],
    arguments: Iterable[A],
    *,
    workers: int,
    depth: int,
    timeout: float | None = None,
    late: Callable[[A], Exception] | None = None,
) -> Insistent[B]:
    """Yield `function(argument)` for each argument, in their order, computed up to `depth` results ahead of the one that is handed out.

    Because the function is pure, how many threads compute it, and how far ahead, changes nothing but the time. An exception comes
    up at its own place in the order, and again whenever the iterator is asked after that. Closing the iterator (or dropping it) cancels
    what has not begun and ends the threads. Threads of a reader that stays away for long (see `Pace`) end, and come again when it does.

    Args:
        function: Pure and thread-safe.
        arguments: May be endless.
        workers: Threads; 0 computes in the caller's thread, nothing ahead.
        depth: Results that may wait, at least 1.
        timeout: Seconds that one call may take on a thread, None for any time. A thread cannot be ended: it is left behind.
        late: What to raise for an argument whose call takes longer; a TimeoutError by itself.
    """
    if workers <= 0:
        return Insistent(result for result in map(function, arguments))
    return Insistent(_on_threads(function, arguments, workers, max(1, depth), timeout, late or _late))


def _on_threads(
    function: Callable[[A], B],
    arguments: Iterable[A],
    workers: int,
    depth: int,
    timeout: float | None,
    late: Callable[[A], Exception],
) -> Generator[B, None, None]:
    threads: _Threads[A, B] = _Threads(function, workers)
    waiting: deque[_Call[A, B]] = deque()
    try:
        for argument in arguments:
            waiting.append(threads.begin(argument))
            if len(waiting) > depth:
                yield threads.hand(waiting.popleft(), timeout, late)
                threads.pace.asked()
        while waiting:
            yield threads.hand(waiting.popleft(), timeout, late)
    finally:
        threads.stop()


class _Call(Generic[A, B]):
    """One call of the function, under way or done."""

    __slots__ = ("argument", "begun", "done", "error", "value")

    def __init__(self, argument: A) -> None:
        self.argument = argument
        self.begun: float | None = None
        self.value: B | None = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()

    def run(self, function: Callable[[A], B]) -> None:
        """Make the call, on a thread."""
        self.begun = time.monotonic()
        try:
            self.value = function(self.argument)
        except BaseException as error:  # it belongs to the reader
            self.error = error
        self.done.release()

    def result(self, timeout: float | None, late: Callable[[A], Exception]) -> B:
        """What came of it, when it is done."""
        while not self.done.acquire(timeout=-1 if timeout is None else self._left(timeout)):
            if self.begun is not None and time.monotonic() - self.begun >= timeout:  # type: ignore[operator]
                raise late(self.argument)
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]

    def _left(self, timeout: float) -> float:
        return timeout if self.begun is None else max(0.0, self.begun + timeout - time.monotonic())


class _Threads(Generic[A, B]):
    """Threads that make calls until they are told to stop. Daemons: one that hangs does not keep the program from ending."""

    def __init__(self, function: Callable[[A], B], workers: int) -> None:
        self._function, self._workers = function, workers
        self._calls: SimpleQueue[_Call[A, B] | None] = SimpleQueue()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self.pace = Pace()
        self.pace.asked()
        _running.add(self)

    def begin(self, argument: A) -> _Call[A, B]:
        """Have a call made as soon as a thread is free."""
        call: _Call[A, B] = _Call(argument)
        self._calls.put(call)
        while len(self._threads) < self._workers:
            self._start()
        return call

    def hand(self, call: _Call[A, B], timeout: float | None, late: Callable[[A], Exception]) -> B:
        """What came of a call, for a reader that may not come back."""
        result = call.result(timeout, late)
        self.pace.handed()
        return result

    def stop(self) -> None:
        """Begin no more calls; the threads end when those under way are done."""
        self._stopped.set()
        for _ in range(self._workers):
            self._calls.put(None)

    def join(self, seconds: float) -> None:
        """Wait for them to end."""
        end = time.monotonic() + seconds
        for thread in list(self._threads):
            thread.join(max(0.0, end - time.monotonic()))

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, daemon=True, name=f"plait-ahead_{len(self._threads)}")
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        leave = partial(self._threads.remove, threading.current_thread())
        while True:
            try:
                call = self._calls.get(timeout=self.pace.left)
            except Empty:
                if self.pace.ends(leave):
                    return
                continue
            if call is None or self._stopped.is_set():
                return
            call.run(self._function)
            del call  # so that its result is nobody's but the reader's


_running: weakref.WeakSet[_Threads] = weakref.WeakSet()


@atexit.register
def _leave() -> None:
    """Let calls under way finish: native code that is stopped in its middle at the end of a program may crash."""
    end = time.monotonic() + _LEAVING
    for threads in list(_running):
        threads.stop()
    for threads in list(_running):
        threads.join(end - time.monotonic())


def _late(argument: object) -> Exception:
    return TimeoutError(f"A call for {argument!r} took too long.")
