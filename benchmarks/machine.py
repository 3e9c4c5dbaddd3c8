"""What a benchmark ran on, and with, in a sentence."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["machine"]


def machine(packages: Sequence[str], *, load: bool = False) -> str:
    """The processor, its cores, the system, Python and the versions of those packages that are installed; with `load`, how busy it is."""
    model = platform.processor() or platform.machine()
    about = Path("/proc/cpuinfo")
    if about.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", about.read_text(), re.MULTILINE)
        model = found[1] if found else model
    versions = []
    for package in packages:
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    busy = f"load {os.getloadavg()[0]:.1f} at the end, " if load and hasattr(os, "getloadavg") else ""
    cores = f"{os.cpu_count()} cores"
    return f"Measured on {model}, {cores}, {platform.system()}, {busy}Python {platform.python_version()}, {', '.join(versions)}"
