"""Memory for arrays that begin at a whole line of the processor's cache, used again when nothing refers to it any more."""

from __future__ import annotations

import math
import sys
import threading

import numpy as np

__all__ = ["aligned_empty"]

_LINE = 64  # bytes of a cache line
_LEAST, _MOST, _KEPT = 2**16, 2**25, 2**26  # bytes: of one that is kept, and of all together
_SIZES = 8
_kept: dict[int, list[np.ndarray]] = {}  # by size, that which was asked for last at the end
_lock = threading.Lock()


def aligned_empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An array of any values, which JAX takes without copying it.

    New memory costs a fault of the processor for each page of it, often as much as filling it does; so some is kept. It is handed out
    again when no array is a view of it any more: whoever still reads it, a framework that shares it too, holds one.
    """
    size = math.prod(shape) * dtype.itemsize + _LINE
    if not _LEAST <= size <= _MOST:
        return _view(np.empty(size, np.uint8), shape, dtype)
    with _lock:
        kept = _kept[size] = _kept.pop(size, [])
        if len(_kept) > _SIZES:
            del _kept[next(iter(_kept))]
        for raw, references in zip(kept, _references(kept), strict=True):
            if references <= _UNUSED:
                return _view(raw, shape, dtype)
        raw = np.empty(size, np.uint8)
        if _has_room(size):
            kept.append(raw)
        return _view(raw, shape, dtype)


def _view(raw: np.ndarray, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    return np.ndarray(shape, dtype, raw, -raw.__array_interface__["data"][0] % _LINE)


def _references(kept: list[np.ndarray]) -> list[int]:
    return [sys.getrefcount(raw) for raw in kept]


def _has_room(size: int) -> bool:
    """Whether one more may be kept; what is unused, of other sizes, makes room."""
    spare = _KEPT - sum(each * len(kept) for each, kept in _kept.items()) - size
    for each in list(_kept):
        while spare < 0 and each != size:
            unused = next((i for i, count in enumerate(_references(_kept[each])) if count <= _UNUSED), None)
            if unused is None:
                break
            del _kept[each][unused]
            spare += each
        if not _kept[each] and each != size:
            del _kept[each]
    return spare >= 0


_UNUSED = _references([np.empty(0)])[0]
