"""How much memory the machine has to spare."""

from __future__ import annotations

import contextlib
import os

__all__ = ["free_memory", "in_words"]


def free_memory() -> int | None:
    """Bytes that can be had without making others slower, files in the page cache counted as free; None where nothing tells."""
    with contextlib.suppress(OSError, ValueError, IndexError), open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemAvailable:"))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    return None


def in_words(size: float) -> str:
    """A number of bytes in the largest unit of which there is one: "1.5 GiB"."""
    unit = next((number for number in (3, 2, 1) if size >= 1024**number), 0)
    return f"{size / 1024**unit:.1f} {'KMG'[unit - 1]}iB" if unit else f"{size:.0f} bytes"
