"""The CPU time and the memory of a process and all its descendants."""

from __future__ import annotations

import ctypes
import os
import resource
import time
from pathlib import Path

__all__ = ["cpu_seconds", "forget_peak", "give_back", "resident", "settle", "stolen"]

_PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds() -> float:
    """CPU seconds that this process, all its threads and all its descendants have used, those that ended and were waited for included.

    Live descendants are read by the clock of their process, to the nanosecond; only grandchildren that ended are rounded to 10 ms.
    Where there is no /proc, descendants count when they have ended.
    """
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime + sum(map(_spent, _descendants()))


def settle(*, quiet: float = 0.0005, most: float = 2.0) -> float:
    """Wait until those that read ahead are at rest: their work is not the next one's. `quiet` is CPU seconds in 20 ms.

    Returns:
        CPU seconds that looking took, which are nobody's.
    """
    end, mine, before = time.perf_counter() + most, time.thread_time(), _others()
    while time.perf_counter() < end:
        time.sleep(0.02)
        now = _others()
        if now - before < quiet:
            break
        before = now
    return time.thread_time() - mine


def _others() -> float:
    """What all threads but this one, and all descendants, have used."""
    return cpu_seconds() - time.thread_time()


def stolen() -> float:
    """Seconds of all processors that the host gave to other guests, as far as it tells; 0 where nobody does."""
    about = _PROC / "stat"
    return int(about.read_text().split(maxsplit=9)[8]) / _TICK if about.exists() else 0.0


def resident(*, peak: bool = False) -> int:
    """Bytes of memory that this process holds, or held at most since `forget_peak`."""
    fields = dict(line.split(":", 1) for line in (_PROC / "self/status").read_text().splitlines() if line.startswith("Vm"))
    return int(fields["VmHWM" if peak else "VmRSS"].split()[0]) * 1024


def forget_peak() -> int:
    """Let `resident(peak=True)` begin anew, from the bytes that are returned."""
    (_PROC / "self/clear_refs").write_text("5")
    return resident()


def give_back() -> None:
    """Let the system have memory that was freed and is kept for later: what is used again would not be seen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _spent(pid: int) -> float:
    try:
        own = time.clock_gettime((~pid << 3) | 2)  # what clock_getcpuclockid(3) gives
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return 0.0
    return own + (int(fields[13]) + int(fields[14])) / _TICK


def _descendants() -> list[int]:
    if not _PROC.is_dir():
        return []
    found, look = [], [os.getpid()]
    while look:
        look = [child for pid in look for child in _children(pid)]
        found += look
    return found


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for task in (_PROC / str(pid) / "task").iterdir() for child in (task / "children").read_text().split()]
    except OSError:
        return []
