"""What is said where processes cannot be told what to make."""

from __future__ import annotations

import os
from typing import Any

from plait.errors import ArgumentError, PlaitError
from plait.workers.crossing import pack
from plait.workers.shared import anonymous

__all__ = ["uncrossable", "unstartable"]


def uncrossable(parts: dict[str, Any], error: Exception) -> PlaitError:
    """The error that names which of these parts of a function cannot be sent."""
    number = anonymous("plait-arrays")
    try:
        for name, part in parts.items():
            try:
                pack(part, number)
            except Exception as alone:
                return ArgumentError(
                    f"{name} cannot be sent to a worker process: {type(alone).__name__}: {alone}. Let it refer to nothing but data and "
                    "functions (open files and connections, locks and models stay behind), or make batches in threads: "
                    "plait.Loader(data, processes=False)."
                )
    finally:
        os.close(number)
    return ArgumentError(f"The data cannot be sent to a worker process: {error}. Write plait.Loader(data, processes=False).")


def unstartable(error: Exception) -> PlaitError:
    """The error of a process that cannot make the function again."""
    made = ArgumentError(
        f"A worker process cannot make the data of this Loader: {type(error).__name__}: {error}. What the data refer to has to be "
        "importable there, from a file on sys.path. Or make batches in threads: plait.Loader(data, processes=False)."
    )
    for note in getattr(error, "__notes__", ()):
        made.add_note(note)
    return made
