"""How much memory the machine has to spare."""

from __future__ import annotations

import contextlib
import os

__all__ = ["free_memory"]


def free_memory() -> int | None:
    """Bytes that can be had without making others slower, files in the page cache counted as free; None where nothing tells."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return None
