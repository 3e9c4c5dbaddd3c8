"""A worker process: it makes the batches whose numbers it is sent, until nobody is there to send any."""

from __future__ import annotations

import contextlib
import faulthandler
import fcntl
import mmap
import os
import pickle
import signal
import socket
import threading
import time
import traceback
from typing import Any, NoReturn

from plait.workers import rebuilding
from plait.workers.wire import ALL, ANSWER, ASK, DONE, FAILED, LARGER, OUT_OF_MEMORY, READY, SAME, arrange, fill

__all__ = ["main"]


def main(talk: int, life: int, description: int, arrays: int, ring: int, words: int) -> NoReturn:
    """Serve until the trainer is gone.

    Args:
        talk: Descriptor of a socket: requests come, answers go.
        life: Of a pipe that nobody writes to, closed by the trainer's end, however it comes.
        description: Of the pickle of the function; `arrays` of its large arrays.
        ring: Of the shared memory that results are put into.
        words: Of a file for the stack of a process that crashes, or is asked for it by SIGUSR1.
    """
    for number in (talk, life, description, arrays, ring, words):
        os.set_inheritable(number, False)
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    _end_with(life)
    faulthandler.enable(words)
    faulthandler.register(signal.SIGUSR1, words, all_threads=True)
    served = Served(socket.socket(fileno=talk), ring)
    try:
        rebuilding.share(arrays)
        with mmap.mmap(description, 0, access=mmap.ACCESS_READ) as data:  # to read from it would move the place where others read
            function = pickle.loads(data)
    except Exception as error:
        served.answer(0, FAILED, _portable(error))
        os._exit(1)
    served.answer(0, READY)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        served.serve(function)
    os._exit(0)


class Served:
    """The worker's side of the talk.

    Args:
        talk: The socket.
        ring: Descriptor of the shared memory.
    """

    def __init__(self, talk: socket.socket, ring: int) -> None:
        self._talk, self._ring = talk, ring
        self._maps: dict[tuple[int, int], mmap.mmap] = {}
        self._last: Any = None  # the layout that was sent last
        self._large: tuple[tuple[int, ...], Any] = ((), None)  # what did not fit: it will be asked for again

    def serve(self, function: Any) -> None:
        """Answer each request, in order."""
        waiting = bytearray()
        while True:
            while len(waiting) < ASK.size:
                received = self._talk.recv(4096)
                if not received:
                    return
                waiting += received
            request = ASK.unpack_from(waiting)
            del waiting[: ASK.size]
            self._one(function, *request)

    def answer(self, job: int, kind: int, body: bytes = b"", seconds: float = 0.0) -> None:
        """Send one answer."""
        self._talk.sendall(ANSWER.pack(job, kind, len(body), seconds) + body)

    def _one(self, function: Any, job: int, first: int, last: int, sample: int, stream: int, *slot: int) -> None:
        offset, size, start, room = slot
        begun = time.monotonic()
        try:
            if sample != ALL:
                function.alone(range(first, last), sample, None if stream == ALL else stream)
                return self.answer(job, DONE)
            asked, arranged = self._large
            self._large = ((), None)
            if arranged is None or asked != (first, last):
                arranged = arrange(function(range(first, last)))
        except MemoryError:
            traceback.print_exc()
            os._exit(OUT_OF_MEMORY)
        except SystemExit as leaving:  # at once: an interpreter that tidies up may take its time
            os._exit(leaving.code if isinstance(leaving.code, int) else 1)
        except Exception as error:
            return self.answer(job, FAILED, _portable(error))
        layout, arrays, needed = arranged
        if needed > room:
            self._large = ((first, last), arranged)
            return self.answer(job, LARGER, needed.to_bytes(8, "little"))
        segment = (offset, size)
        if segment not in self._maps:
            self._maps[segment] = mmap.mmap(self._ring, size, offset=offset)
        fill(self._maps[segment], start, layout, arrays)
        if layout == self._last:
            return self.answer(job, SAME, seconds=time.monotonic() - begun)
        self._last = layout
        return self.answer(job, DONE, pickle.dumps(layout, protocol=5), time.monotonic() - begun)


def _end_with(life: int) -> None:
    """End this process when the trainer does: the system sends SIGIO, whose default is to end it, even in the middle of C code."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(life, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(life, fcntl.F_SETFL, fcntl.fcntl(life, fcntl.F_GETFL) | os.O_ASYNC)  # type: ignore[attr-defined]

    def watch() -> None:
        while os.read(life, 1):
            pass
        os._exit(0)

    threading.Thread(target=watch, daemon=True, name="plait-life").start()


def _portable(error: Exception) -> bytes:
    """The error as the trainer can unpickle it, its traceback a note."""
    error.add_note(f"in worker process {os.getpid()}:\n{''.join(traceback.format_exception(error)).rstrip()}")
    try:
        made = pickle.dumps(error, protocol=5)
        if type(pickle.loads(made)) is type(error):
            return made
    except Exception:  # it cannot be pickled, or not be made again from its arguments
        pass
    plain = RuntimeError(f"{type(error).__name__}: {error}")
    for note in error.__notes__:
        plain.add_note(note)
    return pickle.dumps(plain, protocol=5)
