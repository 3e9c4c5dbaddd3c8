"""Worker processes that compute a pure function ahead of its reader, in order; one that dies or hangs is replaced."""

from __future__ import annotations

import os
import pickle
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any, Protocol

import numpy as np

from plait.errors import WorkerError
from plait.pace import Pace
from plait.workers.blame import blame
from plait.workers.crossing import pack
from plait.workers.opened import Opened, watch
from plait.workers.process import Job, Process, Terms
from plait.workers.refused import uncrossable, unstartable
from plait.workers.shared import ALIGNED, Ring, anonymous
from plait.workers.wire import DONE, FAILED, LARGER, READY, SAME, view

__all__ = ["Made", "Pool"]

_DEATHS, _STALLS = 3, 2  # of workers on one batch: then the sample is looked for
_STARTS = 3  # workers, beyond their number, that may die in a row before they are ready
_KEPT = 64  # slots that a reader may hold; what it holds beyond them is copied, so that it cannot fill all memory maps
_LOOK = 1.0  # s between looks whether a process is still there that says nothing
_STARTING = 60.0  # s, at least, that a worker may take to import what it needs


class Made(Protocol):
    """What a pool computes."""

    def __call__(self, steps: range, /) -> Any:
        """The results for these numbers: a list of named tuples of arrays by name."""
        ...

    def alone(self, steps: range, sample: int, stream: int | None) -> None:
        """Compute what can be computed for one of the samples alone, or of it one stream."""
        ...

    def samples(self, steps: range) -> list[object]:
        """The keys of the samples."""
        ...

    def streams(self) -> list[str]:
        """What a sample is made of, as messages name it."""
        ...

    def parts(self) -> dict[str, Any]:
        """What has to be pickled, by the name that messages give it."""
        ...


class Pool:
    """Processes that were told a function and wait for its arguments.

    When nobody asks for results for long (see `Pace`), the processes and all that they share end; who asks then has them begin anew. The
    function is pure, so nothing but time is lost.

    Args:
        function: Pure. It, and what it refers to, is sent once: arrays as shared memory, memory maps as path and offset.
        workers: Processes.
        timeout: Seconds after which one call counts as stuck; None waits for ever.

    Raises:
        ArgumentError: The function cannot be sent; the message says which part of it.
    """

    def __init__(self, function: Made, workers: int, timeout: float | None) -> None:
        self.function, self.workers, self.timeout = function, workers, timeout
        self.replaced = 0  # workers that died or hung
        self.each = 0.0  # seconds that a step took lately; 0 where that is not known
        self._pause = 1000 * (_LOOK if timeout is None else min(_LOOK, timeout / 4)) + 1  # ms
        self._open()

    @property
    def idle(self) -> bool:
        """Whether it can be given to another reader: nothing is under way, and it is not closed."""
        return self.close.alive and not any(p.jobs for p in self._processes)

    @property
    def pids(self) -> list[int]:
        """Of the processes."""
        return [process.pid for process in self._processes]

    def run(self, arguments: Iterable[range], *, depth: int) -> Generator[Any, None, None]:
        """Yield the results in the order of the arguments, computed up to `depth` ahead of the one that is handed out.

        Their arrays are views of shared memory that is used again when nothing refers to them any more.

        Raises:
            WorkerError: Workers die or hang again and again on a batch; the message names the sample.
            Exception: What the function raised, at its place.
        """
        waiting: deque[Job] = deque()
        jobs = (Job(number, steps, None) for number, steps in enumerate(arguments))
        whole = False
        try:
            while self._ask(waiting, jobs, max(1, depth) + 1):
                yield self._hand(waiting)
            whole = True
        finally:
            if not whole:  # abandoned, or failed: nobody wants what is under way
                self.close()

    @property
    def _processes(self) -> list[Process]:
        return self._held.processes

    def _open(self) -> None:
        """Begin: share what the workers need, and start them."""
        begun = time.monotonic()
        self._ring = Ring()
        numbers = [anonymous("plait-description"), anonymous("plait-arrays"), self._ring.number]
        self._held = held = Opened(numbers, self._ring)
        self.close = weakref.finalize(self, held.close)
        try:
            description = pack(self.function, numbers[1])
        except Exception as error:
            self.close()
            raise uncrossable(self.function.parts(), error) from error
        os.pwrite(numbers[0], description, 0)
        self._terms = Terms(*numbers)
        self._poll = select.poll()
        self._talking: dict[int, Process] = {}  # by descriptor
        self._failed_starts = 0
        for _ in range(self.workers):
            self._start()
        self._pace = Pace(cost=time.monotonic() - begun)
        threading.Thread(target=watch, args=(self._pace, held.closed, self.close), daemon=True, name="plait-idle").start()

    def _ask(self, waiting: deque[Job], jobs: Iterator[Job], depth: int) -> bool:
        """Have `depth` results made ahead; False where there are no more."""
        self._pace.asked()
        if not self.close.alive:
            self._open()
            self._pace.asked()
            self._assign([job for job in waiting if not job.done])
        self._held.waiting = waiting
        if not waiting or not waiting[0].done or 2 * len(waiting) <= depth:  # workers that are ahead are given several at once
            new = list(islice(jobs, depth - len(waiting)))
            waiting.extend(new)
            self._assign(new)
        if not waiting:
            self._pace.handed()
        return bool(waiting)

    def _hand(self, waiting: deque[Job]) -> Any:
        """The next result, for a reader that may not come back."""
        result = self._result(waiting.popleft())
        self._pace.handed()
        return result

    def _start(self) -> Process:
        process = Process(self._terms)
        self._processes.append(process)
        self._poll.register(process.talk, select.POLLIN)
        self._talking[process.talk.fileno()] = process
        return process

    def _assign(self, jobs: list[Job]) -> None:
        """Give jobs to the processes that have the fewest."""
        for job in jobs:
            job.slot = job.slot or self._ring.take()
            min(self._processes, key=_load).add(job)
        for process in self._processes:
            process.send()

    def _result(self, job: Job) -> Any:
        while not job.done:
            self._wait()
        if job.error is not None:
            raise job.error
        slot, layout = job.slot, job.result
        assert slot is not None
        owner = self._ring.lend(slot)
        if self._ring.slots - self._ring.free > _KEPT:
            owner = _aligned_copy(owner, layout)
        return view(owner, layout)

    def _wait(self) -> None:
        """Read what has come; where nothing comes, look after the processes."""
        ready = self._poll.poll(self._pause)
        for number, _ in ready:
            process = self._talking.get(number)
            if process is not None:
                self._read(process)
        if ready:
            return
        for process in list(self._processes):
            limit = self._limit(process)
            if process.gone:
                self._bury(process)
            elif limit is not None and time.monotonic() >= limit:
                self._stop(process)

    def _limit(self, process: Process) -> float | None:
        if self.timeout is None or not process.jobs:
            return None
        return process.since + (self.timeout if process.ready else max(self.timeout, _STARTING))

    def _read(self, process: Process) -> None:
        answers = process.answers()
        if answers is None:
            self._bury(process)
            return
        for kind, body, seconds in answers:
            if kind == READY:
                self._failed_starts = 0
                continue
            if kind == FAILED and not process.ready:
                raise unstartable(pickle.loads(body))
            job = process.jobs.popleft()
            if kind == LARGER:
                assert job.slot is not None
                self._ring.give_back(job.slot)
                job.slot = self._ring.take(int.from_bytes(body, "little"))
                process.add(job)
                process.send()
                continue
            if kind == FAILED:
                job.error = pickle.loads(body)
            elif kind == DONE:
                process.layout = pickle.loads(body)
            else:
                self.each = seconds / len(job.steps)
            job.result, job.done = process.layout, True
            assert kind in (DONE, SAME, FAILED)

    def _bury(self, process: Process) -> None:
        """Replace a process that has died; what it was to make is made by others."""
        how = process.end()
        jobs = self._replace(process)
        if not process.ready:
            self._failed_starts += 1
            if self._failed_starts >= _STARTS + self.workers:
                raise WorkerError(
                    f"{self._failed_starts} worker processes one after the other died before they could begin; the last one {how}. What it "
                    "printed stands above. plait.Loader(data, processes=False) makes batches in threads."
                )
        elif jobs:
            jobs[0].deaths.append(how)
            jobs[0].last_words = process.last_words()
        process.close()
        self._again(jobs)

    def _stop(self, process: Process) -> None:
        """End and replace a process that takes too long."""
        stack = process.stack()
        process.end()
        jobs = self._replace(process)
        jobs[0].stalls += 1
        jobs[0].last_words = stack
        process.close()
        self._again(jobs)

    def _replace(self, process: Process) -> list[Job]:
        jobs = list(process.jobs)
        process.jobs.clear()
        self._poll.unregister(process.talk)
        del self._talking[process.talk.fileno()]
        self._processes.remove(process)
        self.replaced += 1
        self._start()
        return jobs

    def _again(self, jobs: list[Job]) -> None:
        again = []
        for job in jobs:
            if len(job.deaths) >= _DEATHS or job.stalls >= _STALLS:
                job.error = blame(self.function, job, lambda: Process(self._terms), self.timeout)
                if job.error is not None:
                    job.done = True
                    continue
                job.acquitted, job.stalls = True, 0
                job.deaths.clear()
            again.append(job)
        self._assign(again)


def _load(process: Process) -> int:
    return len(process.jobs)


def _aligned_copy(owner: np.ndarray, layout: Any) -> np.ndarray:
    """The same bytes in memory of their own, at an address that is as aligned."""
    room = np.empty(len(owner) + ALIGNED, np.uint8)
    skip = -room.ctypes.data % ALIGNED
    room[skip : skip + len(owner)] = owner
    return room[skip : skip + len(owner)]
