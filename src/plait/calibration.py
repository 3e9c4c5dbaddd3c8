"""Choose by what batches are made from the time that the first of them take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from plait.ahead import ahead

__all__ = ["Choice", "Timed", "Together", "decide", "timed", "together"]

T = TypeVar("T")

_QUICK = 1e-4  # s; a batch in memory that takes less is not worth handing to a thread
_BLOCK = 0.05  # s that the batches which are made at once may take
_WAITS = 0.5  # of its time on a core: below, a call waits for something else than a core
_APART = 1.25  # seconds on cores in a second, of two threads: above, they do not hold each other up
_SLOW, _LONG = 0.005, 5.0  # s of a batch, and of the rest of an epoch, from which starting processes may pay
_THREADS = 8


@dataclass(frozen=True)
class Choice:
    """By what batches are made.

    Args:
        workers: Threads or processes; 0 for the thread that asks.
        processes: Which of them.
        why: What decided.
        most: Batches that are made at once at most, because they take long; None for as many as the loader likes.
        asked: Whether the user chose.
        open: Whether the first batches are to be timed, to choose better.
        apart: Whether processes may be chosen then.
        alike: Whether two threads were found to do no more than one.
    """

    workers: int
    processes: bool
    why: str = ""
    most: int | None = None
    asked: bool = False
    open: bool = False
    apart: bool = False
    alike: bool = False

    def said(self, where: str) -> str:
        """In words, with what is said of where the data lie."""
        return f"{self.why}, and {where}" if self.asked else f"{where}{self.why and '; '}{self.why}"


@dataclass(frozen=True)
class Timed:
    """One call on one thread: seconds, those on a core, batches made; seconds beside them in which other programs had the core."""

    wall: float
    core: float
    batches: int
    kept_off: float = 0.0

    @property
    def each(self) -> float:
        """Seconds a batch."""
        return self.wall / self.batches

    @property
    def most(self) -> int:
        """Batches that may be made at once without taking long."""
        return max(1, int(_BLOCK / max(self.each, 1e-9)))


@dataclass(frozen=True)
class Together:
    """Two calls on two threads at once: seconds, and seconds on cores of both."""

    wall: float
    core: float

    @property
    def at_once(self) -> float:
        """Cores that they kept busy: near 1 where both need Python's lock, up to 2 where they do not."""
        return self.core / max(self.wall, 1e-9)


def timed(function: Callable[[range], T], steps: range) -> tuple[T, Timed]:
    """Call it, and take the time."""
    wall, core, kept_off = time.perf_counter(), time.thread_time(), _kept_off()
    result = function(steps)
    core, kept_off = time.thread_time() - core, _kept_off() - kept_off
    return result, Timed(max(core, time.perf_counter() - wall - kept_off), core, len(steps), kept_off)


def together(
    function: Callable[[range], T], pair: Sequence[range], *, timeout: float | None, late: Callable[[range], Exception]
) -> tuple[list[T], Together]:
    """Call it for two arguments at once, and take the time; `timeout` and `late` as for `ahead`."""
    wall = time.perf_counter()
    done = list(ahead(lambda steps: timed(function, steps), pair, workers=2, depth=2, timeout=timeout, late=late))
    return [result for result, _ in done], Together(
        time.perf_counter() - wall - sum(spent.kept_off for _, spent in done) / len(done), sum(spent.core for _, spent in done)
    )


def _kept_off() -> float:
    """Seconds that this thread has been ready to go on, and other programs had the cores; 0 where nobody says.

    Without it a busy machine looks like a call that waits for files, or like two that wait for Python's lock.
    """
    try:
        with open("/proc/thread-self/schedstat", "rb") as file:
            return int(file.read().split()[1]) * 1e-9
    except (OSError, ValueError, IndexError):
        return 0.0


def decide(prior: Choice, one: Timed, two: Together | None, *, cores: int, left: int) -> Choice:
    """By what batches are made, from the time of one call alone and of two at once; `two` is asked for by a choice that is still open.

    Args:
        prior: What the kind of sources suggests: no workers where they are in memory.
        one: A call in the thread that asks.
        two: Two on two threads.
        cores: That this process may use.
        left: Batches until the end of the epoch.
    """
    takes = f"a batch takes {_time(one.each)}"
    most = one.most
    spare = max(1, min(_THREADS, cores - 1))  # torch's and TensorFlow's own threads spin where they get no core
    if not prior.workers and one.each < _QUICK:
        return Choice(0, False, takes, most)
    if prior.workers and one.core < _WAITS * one.wall:
        waits = f"{takes}, {1 - one.core / one.wall:.0%} of it waiting"
        return Choice(min(_THREADS, 2 * cores), False, waits, most)
    if cores == 1:
        return Choice(prior.workers, False, f"{takes}, and there is one core", most)
    if two is None:
        return Choice(prior.workers, False, takes, most, open=True, apart=prior.apart)
    made = f"{takes}, and two threads kept {two.at_once:.1f} cores busy"
    if two.at_once >= _APART:
        return Choice(spare, False, f"{made}; one of {cores} cores is left to the training", most)
    alike = f"{made}: no more than one would"
    if prior.apart and one.each >= _SLOW and left * one.each >= _LONG:
        return Choice(spare, True, alike, 1)
    return Choice(min(1, prior.workers), False, alike, most, alike=True)


def _time(seconds: float) -> str:
    number, unit = (1e3 * seconds, "ms") if seconds >= 1e-3 else (1e6 * seconds, "us")
    return f"{number:.0f} {unit}" if number >= 10 else f"{number:.2g} {unit}"
