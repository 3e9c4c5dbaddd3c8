"""The rows of an array in a file: gathered from memory where the page cache holds them, else read by many threads at once.

To touch a memory map at random where the disk has to be waited for reads one page after the other, at a hundredth of its speed.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

import numpy as np

from plait.buffers import aligned_empty
from plait.errors import ReadError
from plait.memory import free_memory
from plait.ragged import take

__all__ = ["MappedRows"]

_IN_FLIGHT = 16  # reads that a disk is asked for at once
_LOOKS = 8  # rows looked at, to see whether the page cache holds them
_PARTS = 1000  # of one call; Linux takes 1024
_LARGE = 2**20  # bytes of neighbours that are read by one call
_NO_WAIT = getattr(os, "RWF_NOWAIT", None)


class MappedRows:
    """An array in a file on disk. Thread-safe, and of use in a forked process.

    Args:
        file: Open; may be closed afterwards. Its contents do not change.
        dtype: Of a value.
        shape: Rows first.
        offset: Bytes before the values.
        fortran: Whether the first axis varies fastest; then rows are gathered from the map alone.
        label: The source, for messages.
    """

    def __init__(self, file: BinaryIO, dtype: np.dtype, shape: Sequence[int], offset: int, *, label: str, fortran: bool = False) -> None:
        self.map = np.asarray(np.memmap(file, dtype, "r", offset, tuple(shape), "F" if fortran else "C"))
        self._offset, self._label = offset, label
        self._each = 0 if fortran or not hasattr(os, "preadv") else self.map[:1].nbytes
        self._file = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._file)
        with contextlib.suppress(OSError, AttributeError):
            os.posix_fadvise(self._file, 0, 0, os.POSIX_FADV_RANDOM)  # what is asked for, and nothing around it
        self._size = os.fstat(self._file).st_size

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The rows, in this order, copied.

        Raises:
            ReadError: The disk fails, or the file has been cut.
        """
        if not self._each or not len(rows) or self.is_resident(rows):
            return np.asarray(take(self.map, rows))
        out = aligned_empty((len(rows), *self.map.shape[1:]), self.map.dtype)
        if self.map.dtype.hasobject or not out.nbytes:
            return np.asarray(take(self.map, rows))
        try:
            self._read_into(out, rows)
        except OSError as error:
            raise error if isinstance(error, ReadError) else ReadError(f"{self._label} cannot be read: {error.strerror}.") from error
        return out

    def ask_for(self, begins: np.ndarray, ends: np.ndarray) -> None:
        """Have the disk read these runs of rows, none of which is waited for, before they are gathered from the map."""
        if not self._each or not len(begins) or not hasattr(os, "posix_fadvise") or self.is_resident(begins[begins < ends]):
            return
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
            os.posix_fadvise(self._file, self._offset + begin * self._each, (end - begin) * self._each, os.POSIX_FADV_WILLNEED)

    def is_resident(self, rows: np.ndarray) -> bool:
        """Whether some of these rows, looked at here and there, are all in the page cache."""
        if _NO_WAIT is None:
            return self._fits()
        byte = bytearray(1)
        each = self._each or 1
        for row in rows[:: max(1, len(rows) // _LOOKS)].tolist():
            try:
                os.preadv(self._file, [byte], self._offset + row * each + each // 2, _NO_WAIT)
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno in (errno.EOPNOTSUPP, errno.EINVAL):  # a file system that cannot say
                    return self._fits()
                raise
        return True

    def _fits(self) -> bool:
        free = free_memory()
        return free is not None and 2 * self._size < free

    def _read_into(self, out: np.ndarray, rows: np.ndarray) -> None:
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        most = max(1, min(_PARTS, _LARGE // self._each))
        new = np.flatnonzero(np.diff(ordered) != 1) + 1
        cuts = np.unique(np.concatenate([new, np.arange(0, len(rows), most), [0, len(rows)]])) if most > 1 else np.arange(len(rows) + 1)
        flat = memoryview(out.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
        runs = list(zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True))
        places, starts = order.tolist(), ordered[cuts[:-1]].tolist()
        read = functools.partial(self._run, flat, places)
        tasks = min(_IN_FLIGHT, len(runs))
        if tasks == 1:
            read(runs, starts)
            return
        shares = [(runs[share::tasks], starts[share::tasks]) for share in range(tasks)]
        for done in [_pool(os.getpid()).submit(read, *share) for share in shares]:
            done.result()

    def _run(self, flat: memoryview, places: list[int], runs: Sequence[tuple[int, int]], starts: Sequence[int]) -> None:
        each = self._each
        for (begin, end), row in zip(runs, starts, strict=True):
            at = self._offset + row * each
            parts = [flat[place * each : (place + 1) * each] for place in places[begin:end]]
            if os.preadv(self._file, parts, at) != each * (end - begin):
                self._rest(parts, at)

    def _rest(self, parts: Sequence[memoryview], at: int) -> None:
        """Again and piece by piece, since a call may read less than it was asked for."""
        for part in parts:
            done = 0
            while done < len(part):
                count = os.preadv(self._file, [part[done:]], at + done)
                if not count:
                    raise ReadError(f"{self._label} ends at byte {at + done}, before its last row. Declare the source again.")
                done += count
            at += len(part)


@functools.lru_cache(1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: threads do not come along when one is forked."""
    return ThreadPoolExecutor(_IN_FLIGHT, thread_name_prefix="plait-disk")
