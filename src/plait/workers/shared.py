"""Memory that several processes see, and that is gone when the last of them is."""

from __future__ import annotations

import mmap
import os
import tempfile
import weakref
from collections import deque

import numpy as np

__all__ = ["ALIGNED", "PAGE", "Ring", "Slot", "anonymous"]

ALIGNED = 64  # bytes; what JAX takes without a copy
PAGE = 65536  # a multiple of what any system maps by
_FEW = 4  # slots of the first segment


def anonymous(name: str) -> int:
    """The descriptor of a file that has no name on any disk: nothing is left of it when the last process that holds it has ended."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create(name)
    number, path = tempfile.mkstemp(prefix=name)
    os.unlink(path)
    return number


class Slot:
    """A place for one result.

    Args:
        memory: The mapped segment that it lies in.
        segment: Offset and size of the segment in the file, which a worker maps too.
        start: Within the segment, in bytes.
        size: In bytes.
    """

    __slots__ = ("memory", "owner", "segment", "size", "start")

    def __init__(self, memory: mmap.mmap, segment: tuple[int, int], start: int, size: int) -> None:
        self.memory, self.segment, self.start, self.size = memory, segment, start, size
        self.owner: weakref.ref[np.ndarray] | None = None


class Ring:
    """Slots in a file of shared memory, as many as are in use at once: more are made when none is free.

    What is handed out is a view of one array for each use of a slot, its owner. The slot is free again when the owner is: when no view
    of it is referenced any more, whoever holds it, and never because others were handed out after it.
    """

    def __init__(self) -> None:
        self.number = anonymous("plait-ring")
        self.slots = 0
        self._size = 0  # of the slots that are made
        self._end = 0  # of the file
        self._free: deque[Slot] = deque()  # appended to by whichever thread drops the last reference
        self._lent: set[Slot] = set()  # else a slot that is lent is garbage, and so is the reference that gives it back

    @property
    def free(self) -> int:
        """Slots that nobody uses."""
        return len(self._free)

    def take(self, least: int = 0) -> Slot:
        """A free slot of at least so many bytes."""
        self._size = max(self._size, -(-max(least, 1) // PAGE) * PAGE)
        while self._free:
            slot = self._free.pop()
            if slot.size >= self._size:
                return slot
            self.slots -= 1  # too small for what comes now
        self._grow(max(_FEW, self.slots))
        return self._free.pop()

    def give_back(self, slot: Slot) -> None:
        """Make a slot free whose memory nobody has seen."""
        self._free.append(slot)

    def lend(self, slot: Slot) -> np.ndarray:
        """(slot.size,) uint8: the memory of a slot, which is free again when nothing refers to this array."""
        free, lent = self._free, self._lent

        def give_back(_: object) -> None:
            lent.discard(slot)
            free.append(slot)

        owner = np.frombuffer(slot.memory, np.uint8, slot.size, slot.start)
        lent.add(slot)
        slot.owner = weakref.ref(owner, give_back)
        return owner

    def close(self) -> None:
        """Let go of the file; what was handed out stays readable, and as little as that stays in memory."""
        for slot in self._free if hasattr(mmap, "MADV_REMOVE") else ():
            slot.memory.madvise(mmap.MADV_REMOVE, slot.start, slot.size)
        self._free.clear()  # a map keeps a descriptor of its own
        number, self.number = self.number, -1
        if number >= 0:
            os.close(number)

    def _grow(self, slots: int) -> None:
        begin, size = self._end, slots * self._size
        os.ftruncate(self.number, begin + size)
        memory = mmap.mmap(self.number, size, offset=begin)
        self._free.extend(Slot(memory, (begin, size), at * self._size, self._size) for at in range(slots))
        self._end, self.slots = begin + size, self.slots + slots
