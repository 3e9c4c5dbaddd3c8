"""What a pool of processes holds while it is open, and its end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

from plait.pace import Pace
from plait.workers.process import Job, Process
from plait.workers.shared import Ring

__all__ = ["Opened", "watch"]


class Opened:
    """What a pool has to let go of, whatever becomes of it."""

    def __init__(self, numbers: list[int], ring: Ring) -> None:
        self.processes: list[Process] = []
        self.waiting: Iterable[Job] = ()  # results that nobody has taken, or that are under way
        self.closed: SimpleQueue[None] = SimpleQueue()  # not an Event: this may run in the middle of anything, as garbage is collected
        self._numbers, self._ring, self._by = numbers, ring, os.getpid()

    def close(self) -> None:
        """End the processes and close everything; not in a fork of the trainer, to which they do not belong."""
        if os.getpid() == self._by:
            for process in self.processes:
                process.close()
        self.processes.clear()
        for job in self.waiting:
            if job.slot is not None:
                self._ring.give_back(job.slot)
            job.slot, job.result, job.done = None, None, job.error is not None
        self.closed.put(None)
        for number in self._numbers[:2]:  # the third is the ring's
            os.close(number)
        self._ring.close()


def watch(pace: Pace, closed: SimpleQueue[None], close: Callable[[], object]) -> None:
    """Close what a reader that is gone has left behind; on a thread of its own, which refers to nothing that would keep it."""
    while True:
        try:
            return closed.get(timeout=pace.left)
        except Empty:
            if pace.ends(close):
                return
