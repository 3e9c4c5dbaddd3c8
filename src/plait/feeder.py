"""How a Loader has its batches made ahead: in the thread that asks, on threads, or by worker processes."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from time import perf_counter
from typing import Any

import numpy as np

from plait.ahead import ahead
from plait.calibration import Choice, decide, timed, together
from plait.emit import Batch
from plait.errors import ArgumentError, WorkerError
from plait.making import Making
from plait.raising import Insistent
from plait.workers import Made, Pool

__all__ = ["Feeder", "check_means", "chosen"]

_JOB = 2e-3  # s of work that a process is given at once, at most, where it is made of several batches
_LOOKS = 8  # calls that are timed, where somebody else chose what makes batches
_SHOWN = 8  # keys in a message
_TRIED = 8  # batches of processes after which they are kept or not
_WON = 0.8  # of the time that a batch took in the thread that asks: so long may it be waited for at most


class Feeder:
    """Computes batches ahead. What it does changes when they are there, never what is in them.

    Args:
        choice: By what they are made.
        ahead: How many calls ahead; twice the workers when left out.
        timeout: Seconds after which one call counts as stuck; None for none.
    """

    def __init__(self, choice: Choice, ahead: int | None, timeout: float | None) -> None:
        self.choice, self.timeout = choice, timeout
        self.at_once = 1  # batches that can be made at once without taking long, as far as it is known
        self._noted = 0  # calls that were timed
        self._ahead = ahead
        self._parked: list[Pool] = []

    @property
    def depth(self) -> int:
        """Calls that may wait to be asked for; 0 where nothing is made ahead."""
        return 0 if not self.choice.workers else max(1, 2 * self.choice.workers if self._ahead is None else self._ahead)

    def run(self, making: Making, blocks: Iterator[range], *, batches: int) -> Insistent[list[Batch]]:
        """The batches of each block, in order. After an error it keeps raising it.

        Args:
            making: Makes them.
            blocks: Which; asked for one after the other, when they are begun.
            batches: How many there are.
        """
        if self.choice.open:
            return Insistent(self._calibrated(making, blocks, batches))
        if self.choice.processes:
            return Insistent(self._by_processes(making, blocks, batches))
        return ahead(
            self._noting(making),
            blocks,
            workers=self.choice.workers,
            depth=max(1, self.depth),
            timeout=self.timeout,
            late=partial(self._late, making),
        )

    def _noting(self, making: Making) -> Callable[[range], list[Batch]]:
        """Makes the same, and notes how many batches the first calls could have made without taking long."""

        def made(steps: range) -> list[Batch]:
            if self._noted >= _LOOKS:
                return making(steps)
            batches, spent = timed(making, steps)
            self._noted += 1
            if self._noted > 1:  # the first call opens files and imports packages
                self.at_once = spent.most
            return batches

        return made

    def pool(self, making: Making, workers: int | None = None) -> Pool:
        """Processes that make these batches: waiting ones, or new ones.

        Raises:
            ArgumentError: The data cannot be sent to them.
        """
        for pool in self._parked:
            if _same(pool.function, making):
                self._parked.remove(pool)
                return pool
        return Pool(making, self.choice.workers if workers is None else workers, self.timeout)

    def park(self, pool: Pool) -> None:
        """Keep processes that have nothing to do for the next epoch, for a while."""
        self._parked = [pool for pool in [*self._parked, pool] if pool.idle]

    def _by_processes(self, making: Making, blocks: Iterator[range], batches: int) -> Generator[list[Batch], None, None]:
        pool = self.pool(making)
        results = pool.run(blocks, depth=self.depth)
        for made in results:
            batches -= len(made)
            if pool.each:
                self.at_once = max(1, int(_JOB / pool.each))
            if not batches:  # Keras asks for no more than there is: processes are free now, or never
                next(results, None)
                self.park(pool)
            yield made

    def _calibrated(self, making: Making, blocks: Iterator[range], batches: int) -> Generator[list[Batch], None, None]:
        """The same batches, the first ones timed. They are handed out like all others, so nothing is made for the sake of timing."""
        prior, left = self.choice, batches
        one = None
        late = partial(self._late, making)
        threads = min(1, prior.workers)
        first = ahead(partial(timed, making), islice(blocks, 2), workers=threads, depth=1, timeout=self.timeout, late=late)
        for made, one in first:  # the first call opens files and imports packages: the second counts
            left -= one.batches
            self.choice = replace(prior, most=one.most)
            yield made
        if one is None or not left:
            self.choice = replace(self.choice, open=not prior.workers)
            return
        choice = decide(prior, one, None, cores=cores(), left=left)
        if choice.open:
            pair = list(islice(blocks, 2))
            if len(pair) < 2:  # an epoch as short as this is not worth more
                self.choice = replace(choice, open=not prior.workers)
                yield from map(making, pair)
                return
            left -= sum(map(len, pair))
            try:
                both, two = together(making, pair, timeout=self.timeout, late=late)
            except WorkerError:
                raise
            except Exception:  # comes up at its own place, behind the block that is well
                self.choice = Choice(prior.workers, False, prior.why, one.most)
                yield from map(making, pair)
                yield from self.run(making, blocks, batches=left)
                return
            yield from both
            choice = decide(prior, one, two, cores=cores(), left=left)
        self.choice = choice
        if choice.processes:
            yield from self._tried(making, blocks, choice, one.each, left)
        else:
            yield from self.run(making, blocks, batches=left)

    def _tried(
        self, making: Making, blocks: Iterator[range], choice: Choice, inline: float, batches: int
    ) -> Generator[list[Batch], None, None]:
        """The rest of an epoch by processes, if they can be had and are found quicker for the reader; else in the thread that asks."""
        under_way: deque[range] = deque()

        def noted() -> Iterator[range]:
            for steps in blocks:
                under_way.append(steps)
                yield steps

        self.choice = Choice(0, False, choice.why, 1)
        why = ""
        try:
            pool = self.pool(making, choice.workers)
            waits: list[float] = []
            results = pool.run(noted(), depth=2 * choice.workers)
            begin = perf_counter()
            for made in results:
                waits.append(perf_counter() - begin)
                under_way.popleft()
                batches -= len(made)
                if not batches:
                    next(results, None)
                    self.park(pool)
                yield made
                if not batches:
                    return
                if len(waits) == 1 + _TRIED:
                    wait = sum(waits[1:]) / _TRIED  # the first waits for the processes to start
                    if wait > _WON * inline:
                        why = f"; with processes it was waited for {1e3 * wait:.2g} ms"
                        break
                    self.choice = Choice(choice.workers, True, f"{choice.why}; with processes it is waited for {1e3 * wait:.2g} ms", 1)
                begin = perf_counter()
            else:
                self.park(pool)
                return
            results.close()
        except ArgumentError as error:
            why = f", and processes cannot make them: {error}"
        self.choice = Choice(0, False, choice.why + why, 1)
        yield from self.run(making, chain(under_way, blocks), batches=0)

    def _late(self, making: Making, steps: range) -> WorkerError:
        keys = making.samples(steps)
        some = ", ".join(map(repr, keys[:_SHOWN])) + (", ..." if len(keys) > _SHOWN else "")
        batch = f"Batch {steps[0]}" if len(steps) == 1 else f"Batches {steps[0]} to {steps[-1]}"
        return WorkerError(
            f"{batch} took longer than timeout={self.timeout:g} s on a thread, which cannot be ended. It reads "
            f"{', '.join(making.streams())} of the samples {some}. Allow more, plait.Loader(..., timeout={10 * (self.timeout or 1):g}); or "
            "make batches in processes, where the sample is found and only its process ended: plait.Loader(..., workers=2, processes=True)."
        )

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_parked": []}


def _same(one: Made, other: Making) -> bool:
    """Whether they make the same batches."""
    parts = ("data", "order", "emission", "salvage")
    return (
        isinstance(one, Making)
        and all(getattr(one, part) is getattr(other, part) for part in parts)
        and (one.seed, one.bucketed) == (other.seed, other.bucketed)
    )


def chosen(workers: int | None, processes: bool | None, *, in_memory: bool) -> Choice:
    """By what batches are made, as far as the arguments and the kind of sources say."""
    spare = max(1, cores() - 1)  # one core is left to the training
    if workers is not None:
        return Choice(workers, bool(processes), f"workers={workers} was asked for", 1 if processes else None, asked=True)
    if processes:
        return Choice(spare, True, "processes=True was asked for", 1, asked=True)
    return Choice(0 if in_memory else min(8, spare), False, open=True, apart=processes is None)


def check_means(workers: object, processes: object, ahead: object, timeout: object) -> None:
    """Raise for arguments of a Loader that cannot be meant.

    Raises:
        ArgumentError: Naming the argument.
    """
    for name, value, least in (("workers", workers, 0), ("ahead", ahead, 1)):
        if value is not None and (not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least):
            raise ArgumentError(f"{name}={value!r}: an integer of at least {least} is needed.")
    if processes is not None and not isinstance(processes, (bool, np.bool_)):
        raise ArgumentError(f"processes={processes!r}: True or False is needed; how many is said by workers=.")
    if processes and workers == 0:
        raise ArgumentError(
            "workers=0 makes batches in the thread that asks, and processes=True in others. Write workers=2, processes=True."
        )
    number = isinstance(timeout, (int, float, np.integer, np.floating)) and not isinstance(timeout, bool)
    if timeout is not None and not (number and timeout > 0):  # type: ignore[operator]
        raise ArgumentError(f"timeout={timeout!r}: seconds above 0 are needed, or None for no limit.")


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
