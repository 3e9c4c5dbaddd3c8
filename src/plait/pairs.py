"""A saved run on disk: a small JSON file and the arrays that belong to it, whole or not there; and the pair before it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import numpy as np

from plait.errors import ResumeError

__all__ = ["read_pair", "write_pair"]

_FORMAT = 2


def write_pair(path: str, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, name: str) -> None:
    """Save a run so that a kill (or a power cut) at any moment leaves the last whole pair, or the one before it.

    The arrays go first, then the JSON file that names them; what that replaces is kept as "<path>.previous" with its own arrays.

    Args:
        path: Of the JSON file; folders are made.
        state: JSON-able.
        arrays: Numbers only.
        name: Sets this save apart from others: "120", "128.end".
    """
    folder, base = os.path.split(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    file_name = f"{base}.{name}.npz"
    _replace(os.path.join(folder, file_name), lambda file: np.savez(file, allow_pickle=False, **arrays))
    _sync(folder)
    text = _signed({"format": _FORMAT, "arrays": file_name, **state})
    previous = f"{path}.previous"
    if os.path.exists(path) and _arrays_of(path) != file_name:
        os.replace(path, previous)
    _replace(path, lambda file: file.write(text.encode("utf-8")))
    _sync(folder)
    kept = {file_name, _arrays_of(previous)}
    ours = re.compile(re.escape(base) + r"\.\d+(\.end)?\.npz(\.partial)?")
    for other in os.listdir(folder):
        if ours.fullmatch(other) and other not in kept:
            os.remove(os.path.join(folder, other))


def read_pair(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray], str] | None:
    """The last whole pair, (state, arrays, what was wrong with a later one or ""); None where nothing was saved.

    Where the last one is damaged, the one before takes its place.

    Raises:
        ResumeError: What is there is no saved run, of another format, or neither pair is whole.
    """
    wrong: list[str] = []
    for place in (path, f"{path}.previous"):
        if not os.path.exists(place):
            continue
        try:
            state = _verified(place)
            arrays = _arrays(os.path.join(os.path.dirname(os.path.abspath(path)), os.path.basename(str(state["arrays"]))))
        except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RecursionError, zipfile.BadZipFile, zlib.error) as error:
            wrong.append(f"{place!r} {error if isinstance(error, _NotWholeError) else f'is not whole: {type(error).__name__}: {error}'}")
            continue
        if place != path:
            os.replace(place, path)  # so that the next save keeps this one, and not what is damaged
            _sync(os.path.dirname(os.path.abspath(path)))
        return state, arrays, "; ".join(wrong)
    if not wrong:
        return None
    raise ResumeError(f"{'; '.join(wrong)}. Restore the files, name another path, or delete them to begin anew.")


class _NotWholeError(ValueError):
    """What is wrong with a file, in words."""


def _signed(state: Mapping[str, Any]) -> str:
    """As JSON with a digest of itself: a flipped digit is still JSON."""
    return json.dumps({**state, "digest": _digest(state)}, indent=1)


def _verified(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        state = json.load(file)
    if not isinstance(state, dict) or "arrays" not in state:
        raise _NotWholeError("is no run that plait saved")
    if state.get("format") != _FORMAT:
        found = f"was saved in format {state.get('format')} by plait {state.get('plait')}"
        raise _NotWholeError(f"{found}, and this one reads format {_FORMAT}")
    digest = state.pop("digest", None)
    if digest != _digest(state):
        raise _NotWholeError("is not whole: its digest is another")
    return state


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(json.loads(json.dumps(state)), sort_keys=True).encode()).hexdigest()


def _arrays_of(path: str) -> str:
    try:
        return str(_verified(path)["arrays"])
    except (OSError, ValueError, RecursionError):
        return ""


def _arrays(path: str) -> dict[str, np.ndarray]:
    """All of them, checked against the sums that the file holds."""
    with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
        damaged = file.zip.testzip()
        if damaged is not None:
            raise _NotWholeError(f"names {os.path.basename(path)!r}, which is damaged at {damaged!r}")
        return {name: file[name] for name in file.files}


def _replace(path: str, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that its name holds either the old or the whole new contents."""
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def _sync(folder: str) -> None:
    """Have the names in a folder on the disk, too; not every system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
