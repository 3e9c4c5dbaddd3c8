"""One worker process, as the trainer sees it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from plait.workers.shared import Slot, anonymous
from plait.workers.wire import ALL, ANSWER, ASK, OUT_OF_MEMORY, READY

__all__ = ["Job", "Process", "Terms"]

# Ctrl-C goes to all processes of a terminal, and a scheduler sends SIGTERM to all: the trainer says what becomes of either, saves its state
# first maybe, and a worker passes them over from its first moment on.
_PASSED_OVER = {signal.SIGINT, signal.SIGTERM}
_START = """import signal
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
import json, sys
given = json.loads(sys.argv[1])
sys.path[:] = given["path"]
from plait.workers.worker import main
main(*given["numbers"])
"""
_SPIN = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"}  # threads that wait for work must not take a core from the trainer


@dataclass(frozen=True)
class Terms:
    """What every worker of a pool is started with: descriptors of the description, its arrays, and the ring."""

    description: int
    arrays: int
    ring: int


@dataclass(eq=False)
class Job:
    """One call of the function.

    Args:
        number: Its place in the order.
        steps: The argument.
        slot: Where the result goes.
    """

    number: int
    steps: range
    slot: Slot | None
    sample: int = ALL
    stream: int = ALL
    deaths: list[str] = field(default_factory=list)  # how the workers ended that made it
    stalls: int = 0  # how often it took too long
    last_words: str = ""
    acquitted: bool = False  # whether no sample of it ends a worker alone
    result: Any = None
    error: Exception | None = None
    done: bool = False


class Process:
    """A process that computes the function, job after job.

    Started as a new interpreter, not by `fork`: the trainer has threads (those of JAX, TensorFlow and torch), and a copy of a process
    keeps the locks that they hold, but not the threads that would open them. It runs nothing of the user's script.

    Args:
        terms: What it works on.
    """

    def __init__(self, terms: Terms) -> None:
        self.jobs: deque[Job] = deque()
        self.ready = False
        self.layout: Any = None  # of its last result
        self.since = time.monotonic()  # when it was last seen to begin something
        self._bytes, self._asked = bytearray(), bytearray()  # received, and to be sent
        self.words = anonymous("plait-words")
        self.talk, far = socket.socketpair()
        life, self._life = os.pipe()  # one each: whom the system tells of its end is noted with the pipe
        numbers = (far.fileno(), life, terms.description, terms.arrays, terms.ring, self.words)
        heard = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_OVER)  # the new process begins with what this thread blocks
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START, json.dumps({"path": [p or os.getcwd() for p in sys.path], "numbers": numbers})],
                stdin=subprocess.DEVNULL,
                pass_fds=numbers,
                env={**_SPIN, **os.environ},
            )
        except BaseException:
            self.talk.close()
            os.close(self.words)
            os.close(self._life)
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, heard)
            far.close()
            os.close(life)

    @property
    def pid(self) -> int:
        """Its number."""
        return self._process.pid

    @property
    def gone(self) -> bool:
        """Whether it has ended."""
        return self._process.poll() is not None

    def add(self, job: Job) -> None:
        """Give it one more job, which `send` tells it."""
        if not self.jobs:
            self.since = time.monotonic()
        self.jobs.append(job)
        slot = job.slot
        place = (0, 0, 0, 0) if slot is None else (*slot.segment, slot.start, slot.size)
        self._asked += ASK.pack(job.number, job.steps.start, job.steps.stop, job.sample, job.stream, *place)

    def send(self) -> None:
        """Tell it of the jobs that were added; a dead process is noticed where answers are read."""
        if self._asked:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.talk.sendall(self._asked)
            self._asked.clear()

    def answers(self) -> list[tuple[int, bytes, float]] | None:
        """What has come: (kind, body, seconds); None when the process is gone."""
        try:
            received = self.talk.recv(65536)
        except ConnectionResetError:
            received = b""
        if not received:
            return None
        waiting = self._bytes
        waiting += received
        found, at = [], 0
        while len(waiting) - at >= ANSWER.size:
            _, kind, size, seconds = ANSWER.unpack_from(waiting, at)
            if len(waiting) - at < ANSWER.size + size:
                break
            found.append((kind, bytes(waiting[at + ANSWER.size : at + ANSWER.size + size]), seconds))
            at += ANSWER.size + size
        del waiting[:at]
        if found:
            self.since = time.monotonic()
            self.ready = self.ready or any(kind == READY for kind, _, _ in found)
        return found

    def stack(self) -> str:
        """Where it is now, as far as it says so within a fifth of a second."""
        if self.ready:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGUSR1)
            end = time.monotonic() + 0.2
            while time.monotonic() < end and not os.fstat(self.words).st_size:
                time.sleep(0.005)
        return self._said()

    def end(self) -> str:
        """End it now, whatever it does, and say how it ended by itself if it did."""
        status = self._process.poll()
        if status is None:
            with contextlib.suppress(subprocess.TimeoutExpired):  # its end of the socket may be closed just before it is gone
                status = self._process.wait(0.5 if self._closed() else 0)
        self._process.kill()
        self._process.wait()
        return _how(self._process.returncode if status is None else status)

    def last_words(self) -> str:
        """What it wrote when it crashed; then let go of it."""
        said = self._said()
        self.close()
        return said

    def close(self) -> None:
        """End it and let go of its descriptors."""
        if self.words >= 0:
            self._process.kill()
            self._process.wait()
            self.talk.close()
            os.close(self.words)
            os.close(self._life)
            self.words = -1

    def _closed(self) -> bool:
        try:
            return not self.talk.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return False

    def _said(self) -> str:
        return os.pread(self.words, 20000, 0).decode(errors="replace").rstrip()


def _how(status: int) -> str:
    """How a process ended, in words."""
    if status == OUT_OF_MEMORY:
        return "ran out of memory (MemoryError)"
    if status >= 0:
        return f"exited with status {status}"
    name = signal.Signals(-status).name if -status in {s.value for s in signal.Signals} else f"signal {-status}"
    why = {"SIGKILL": ", as where memory runs out", "SIGSEGV": ", a crash in native code", "SIGABRT": ", a crash in native code"}.get(
        name, ""
    )
    return f"was ended by {name}{why}"
