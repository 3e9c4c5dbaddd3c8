"""Find the sample that ends or stalls every worker process that meets it."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from typing import Any

from plait.errors import WorkerError
from plait.workers.process import Job, Process
from plait.workers.wire import ALL

__all__ = ["blame"]

_STARTING = 60.0  # s that a worker may take to begin


def blame(function: Any, job: Job, start: Callable[[], Process], timeout: float | None) -> WorkerError | None:
    """The error that names the sample on which workers die or hang, found by making the samples one by one in a process of its own.

    None where no sample alone does so, the first time: then the batch deserves another trial. A sample alone may take half of what the
    batch may; the search for one that hangs ends after twice the timeout.

    Args:
        function: What the workers compute.
        job: With what became of the workers that tried it.
        start: Starts a process.
        timeout: Seconds for all samples together; None for no limit.
    """
    stuck = job.stalls > 0 and not job.deaths
    batch = f"batch {job.steps.start}" if len(job.steps) == 1 else f"batches {job.steps.start} to {job.steps.stop - 1}"
    keys = function.samples(job.steps)
    names = function.streams()
    trial = _Trial(job, start, timeout)
    try:
        fail = (place for place in range(len(keys)) if not trial.spent and trial.fails(place, ALL))
        guilty = next((place for place in fail if stuck or trial.fails(place, ALL)), None)
        if guilty is None:
            if job.acquitted or stuck:
                return _error(_of_the_whole(batch, keys, job, stuck, timeout), job.last_words)
            return None
        words = trial.words or job.last_words
        fails = [] if stuck else [name for number, name in enumerate(names) if trial.fails(guilty, number)]
    finally:
        trial.close()
    how = f"took longer than half of timeout={timeout:g} s" if stuck and timeout is not None else trial.how or job.deaths[-1]
    tried, ended = (job.stalls, "hung") if stuck else (len(job.deaths), "died")
    where = f"in {' and in '.join(fails)}" if fails else f"with the streams {', '.join(names)}"
    return _error(
        f"Worker processes {'hang' if stuck else 'die'} on sample {keys[guilty]!r} of {batch}: {tried} of them, one after the "
        f"other, {ended} there, and one that made this sample alone {how}, {where}. Mend the sample or what reads it, or leave it out: "
        f"data.take([row for row, key in enumerate(data.keys) if key != {keys[guilty]!r}]).",
        words,
    )


class _Trial:
    """One process at a time that makes one sample at a time."""

    def __init__(self, job: Job, start: Callable[[], Process], timeout: float | None) -> None:
        self._job, self._start, self._timeout = job, start, timeout
        self._each = None if timeout is None else timeout / 2  # seconds
        self._left = None if timeout is None or not job.stalls else 2 * timeout  # seconds, for all
        self._process: Process | None = None
        self.words, self.how = "", ""

    @property
    def spent(self) -> bool:
        """Whether there is no time left."""
        return self._left is not None and self._left <= 0

    def fails(self, sample: int, stream: int) -> bool:
        """Whether a process dies on it, or does not end in the time that is left."""
        process = self._process
        if process is None:
            process = self._process = self._start()
            self._answer(process, _STARTING)
        process.add(Job(0, self._job.steps, None, sample, stream))
        process.send()
        begin = time.monotonic()
        answered = self._answer(process, self._each) is not None
        if self._left is not None:
            self._left -= time.monotonic() - begin
        if answered:
            process.jobs.clear()
            return False
        self.words = process.stack()
        self.how = process.end()
        process.close()
        self._process = None
        return True

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.close()

    def _answer(self, process: Process, seconds: float | None) -> int | None:
        """The kind of the next answer; None where none comes, or the process ends."""
        end = None if seconds is None else time.monotonic() + seconds
        poll = select.poll()
        poll.register(process.talk, select.POLLIN)
        while True:
            left = 1.0 if end is None else min(1.0, end - time.monotonic())
            if poll.poll(max(0.0, 1000 * left) + 1):
                answers = process.answers()
                if answers is None:
                    return None
                if answers:
                    return answers[-1][0]
            elif process.gone or (end is not None and time.monotonic() >= end):
                return None


def _of_the_whole(batch: str, keys: list[object], job: Job, stuck: bool, timeout: float | None) -> str:
    some = ", ".join(map(repr, keys[:8])) + (", ..." if len(keys) > 8 else "")
    if stuck:
        return (
            f"A worker process took longer than timeout={timeout:g} s for {batch}, {job.stalls} times, and none of its samples takes so "
            f"long alone: {some}. Allow more: plait.Loader(..., timeout={10 * (timeout or 1):g}); or take a smaller batch_size."
        )
    return (
        f"Worker processes die on {batch}, again and again; the last one {job.deaths[-1]}. None of its samples ends one alone: {some}. "
        "Where memory runs out, take a smaller batch_size or fewer workers."
    )


def _error(text: str, words: str) -> WorkerError:
    error = WorkerError(text)
    if words:
        error.add_note(f"It was here:\n{words}")
    return error
