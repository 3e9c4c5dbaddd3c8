"""The heaps of an HDF5 file, in which texts and values of variable length lie: whether the library would ever come to their end."""

from __future__ import annotations

import os
import struct

__all__ = ["endless_heap", "endless_heap_in"]

_BEGIN = b"GCOL\x01\0\0\0"  # signature and version of a heap, by the HDF5 file format specification, III.E
_MOST_FILE = 2**28  # bytes; in larger files the heaps are not looked for
_OBJECT = struct.Struct("<HHIQ")  # number, references, reserved, size


def endless_heap(path: str) -> int | None:
    """Where a heap begins whose free space has no size: libhdf5 (1.14) goes around in it for ever. None where there is none."""
    if os.path.getsize(path) > _MOST_FILE:
        return None
    with open(path, "rb") as file:
        return endless_heap_in(file.read())


def endless_heap_in(data: bytes) -> int | None:
    """The same of the contents of a file."""
    at = data.find(_BEGIN)
    while at >= 0:
        if _endless(data, at):
            return at
        at = data.find(_BEGIN, at + 1)
    return None


def _endless(data: bytes, begin: int) -> bool:
    (size,) = struct.unpack_from("<Q", data, begin + 8) if begin + 16 <= len(data) else (0,)
    at, end = begin + 16, min(begin + size, len(data))
    while at + _OBJECT.size <= end:
        number, _, _, length = _OBJECT.unpack_from(data, at)
        step = (16 + (length + 7) // 8 * 8) % 2**64 if number else length
        if not step:
            return True
        at += step
    return False
