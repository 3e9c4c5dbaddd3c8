"""What was measured, as Markdown, with the machine it was measured on."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

__all__ = ["table", "write"]

_PACKAGES = ("plait", "numpy", "keras", "jax", "torch", "tensorflow-cpu", "tensorflow", "grain")
_TITLE = """# The feed, measured

Written by `make bench-feed`; the candidates stand in `benchmarks/feed/w1.py`.

"""
_ABOUT = """Four columns in memory (10 and 20 float32, an integer, a float32), {rows:,} rows, shuffled. CPU time of all threads for one
batch, candidates in turns, medians of {rounds}; in brackets the ratio to the limit of the same process, since frameworks that don't live
together have one each. Where that limit is far above the one in the first row, threads of the framework, or of others on a busy machine,
took part of it, and the ratios there are too small. The last column is the wall time from setting a feed up to its first batch of 32, the
shuffle included."""


def table(results: dict[str, Any], batches: Sequence[int], *, limit: str, ours: str, rows: int, many: int, rounds: int) -> str:
    """A row a candidate: CPU microseconds a batch, the ratio to the limit of the same process, and the time to the first batch."""
    lines = [
        _ABOUT.format(rows=rows, rounds=rounds),
        "",
        f"| us a batch (ratio) | {' | '.join(f'batch {batch}' for batch in batches)} | first batch |",
        f"|---|{'---|' * (len(batches) + 1)}",
    ]
    for number, (group, found) in enumerate(results.items()):
        least = found["cpu"][limit]
        for name, cpu in found["cpu"].items():
            label = name if number == 0 or name not in (limit, ours) else f"{name}, beside {group}"
            cells = [f"{1e6 * cpu[str(b)]:,.1f} ({cpu[str(b)] / least[str(b)]:,.1f})" for b in batches]
            first = f"{1e3 * found['first'][name]:,.1f} ms" if name in found["first"] else ""
            lines.append(f"| {label} | {' | '.join(cells)} | {first} |")
    large = next((found["first of many"] for found in results.values() if "first of many" in found), {})
    lines += [""] if large else []
    lines += [f"plait's first batch of 32 of {many:,} rows, {place}: {1e3 * seconds:,.1f} ms." for place, seconds in large.items()]
    return "\n".join([*lines, "", _machine()])


def write(path: Path, text: str) -> None:
    """The page, anew."""
    path.write_text(f"{_TITLE}{text}\n", encoding="utf-8")


def _machine() -> str:
    model, about = platform.machine(), Path("/proc/cpuinfo")
    if about.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", about.read_text(), re.MULTILINE)
        model = found[1] if found else model
    versions = []
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    load = f"load {os.getloadavg()[0]:.1f} at the end, " if hasattr(os, "getloadavg") else ""
    where = f"{model}, {os.cpu_count()} cores, {platform.system()}"
    return f"Measured on {where}, {load}Python {platform.python_version()}, {', '.join(versions)}."
