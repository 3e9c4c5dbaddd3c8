"""Real, small disks to fill."""

from __future__ import annotations

import gc
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, room: int = 2**20) -> Iterator[Path]:
    """A file system of so many bytes at this folder; the test is skipped where none can be mounted."""
    folder.mkdir()
    try:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("this system has no command mount, so there is no small disk to fill")
    if done.returncode:
        pytest.skip(f"a small disk cannot be mounted here, so none can be filled: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        gc.collect()  # what is still mapped keeps the disk
        subprocess.run(["umount", "-l", str(folder)], check=True)


def grow(folder: Path, room: int) -> None:
    """Give the disk more room."""
    subprocess.run(["mount", "-o", f"remount,size={room}", str(folder)], check=True)
