"""A saved run on disk: a small JSON file and the arrays that belong to it, whole or not there; and the pair before it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from plait.atomic import replacing, told
from plait.errors import ResumeError
from plait.formats.documents import parse_json
from plait.formats.npy_header import read_header
from plait.visible import printable

__all__ = ["read_pair", "write_pair"]

_FORMAT = 3
_MOST_STATE = 2**26  # bytes of JSON


def write_pair(path: str, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], *, name: str) -> None:
    """Save a run so that a kill, a power cut or a full disk at any moment leaves the last whole pair, or the one before it.

    The arrays go first, then the JSON file that names them; what that replaces is kept as "<path>.previous" with its own arrays.

    Args:
        path: Of the JSON file; folders are made.
        state: JSON-able.
        arrays: Numbers only.
        name: Sets this save apart from others: "120", "128.end".

    Raises:
        ResumeError: It cannot be written. What was saved before is as it was.
    """
    folder, base = os.path.split(os.path.abspath(path))
    file_name = f"{base}.{name}.npz"
    place, previous = os.path.join(folder, file_name), f"{path}.previous"
    kept = {_arrays_of(path), _arrays_of(previous)}
    try:
        os.makedirs(folder, exist_ok=True)
        with replacing(place, family=base) as file:
            np.savez(file, allow_pickle=False, **arrays)
        _sync(folder)
        text = _signed({"format": _FORMAT, "arrays": file_name, "arrays_digest": _digest_of(arrays), **state})
        with replacing(path, family=base) as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())  # all is written before the old one gives up its name
            if os.path.exists(path) and _arrays_of(path) != file_name:
                os.replace(path, previous)
        _sync(folder)
    except OSError as error:
        if file_name not in kept:
            with contextlib.suppress(OSError):
                os.remove(place)  # room for what is tried next
        raise ResumeError(
            f"The run cannot be saved as {path!r}: {told(error, folder)}. "
            f"{'What was saved before is whole' if kept != {''} else 'Nothing was saved before'}. Make room there, or name another path, "
            "and start the run again: it goes on from the last save."
        ) from error
    _remove_others(folder, base, {file_name, _arrays_of(previous)})


def read_pair(path: str) -> tuple[dict[str, Any], dict[str, np.ndarray], str] | None:
    """The last whole pair, (state, arrays, what was wrong with a later one or ""); None where nothing was saved.

    Where the last one is damaged, the one before takes its place.

    Raises:
        ResumeError: What is there is no saved run, of another format, or neither pair is whole.
    """
    wrong: list[str] = []
    for place in (path, f"{path}.previous"):
        if not os.path.lexists(place):
            continue
        try:
            state = _verified(place)
            arrays = _arrays(os.path.join(os.path.dirname(os.path.abspath(path)), os.path.basename(state["arrays"])))
            if _digest_of(arrays) != state["arrays_digest"]:
                raise _NotWholeError(f"names {state['arrays']!r}, which holds other arrays than those that were saved with it")
        except _DAMAGED as error:
            wrong.append(f"{place!r} {error if isinstance(error, _NotWholeError) else f'is not whole: {type(error).__name__}: {error}'}")
            continue
        if place != path:
            os.replace(place, path)  # so that the next save keeps this one, and not what is damaged
            _sync(os.path.dirname(os.path.abspath(path)))
        return state, arrays, printable("; ".join(wrong))
    if not wrong:
        return None
    raise ResumeError(f"{'; '.join(wrong)}. Restore the files, name another path, or delete them to begin anew.")


class _NotWholeError(ValueError):
    """What is wrong with a file, in words."""


_DAMAGED = (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, RecursionError)
_DAMAGED += (RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


def _remove_others(folder: str, base: str, kept: set[str]) -> None:
    ours = re.compile(re.escape(base) + r"\.\d+(\.end)?\.npz")
    for other in os.listdir(folder):
        if ours.fullmatch(other) and other not in kept:
            os.remove(os.path.join(folder, other))


def _signed(state: Mapping[str, Any]) -> str:
    """As JSON with a digest of itself: a flipped digit is still JSON."""
    return json.dumps({**state, "digest": _digest(state)}, indent=1)


def _verified(path: str) -> dict[str, Any]:
    _check_file(path)
    if os.path.getsize(path) > _MOST_STATE:
        raise _NotWholeError(f"is no run that plait saved: it has more than {_MOST_STATE} bytes")
    with open(path, "rb") as file:
        state = parse_json(file.read(), most=_MOST_STATE)
    if not isinstance(state, dict) or "arrays" not in state:
        raise _NotWholeError("is no run that plait saved")
    if state.get("format") != _FORMAT:
        found = f"was saved in format {str(state.get('format'))[:40]} by plait {str(state.get('plait'))[:40]}"
        raise _NotWholeError(f"{found}, and this one reads format {_FORMAT}")
    digest = state.pop("digest", None)
    if digest != _digest(state) or not isinstance(state["arrays"], str) or not isinstance(state.get("arrays_digest"), str):
        raise _NotWholeError("is not whole: its digest is another")
    return state


def _digest(state: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(json.loads(json.dumps(state)), sort_keys=True).encode()).hexdigest()


def _digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Of names, dtypes, shapes and values, so that arrays of another save are noticed."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        digest.update(f"{name}\0{arrays[name].dtype.str}\0{arrays[name].shape}\0".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _arrays_of(path: str) -> str:
    try:
        return _verified(path)["arrays"]
    except _DAMAGED:
        return ""


def _arrays(path: str) -> dict[str, np.ndarray]:
    """All of them: numbers that the file holds as they are, so that it unpacks to no more than its size."""
    name = os.path.basename(path)
    try:
        _check_file(path)
        with open(path, "rb") as opened, zipfile.ZipFile(opened) as file:
            infos = file.infolist()
            if any(info.compress_type or info.file_size != info.compress_size for info in infos):
                raise _NotWholeError("it is packed")
            if sum(info.file_size for info in infos) > os.path.getsize(path) or len({info.filename for info in infos}) < len(infos):
                raise _NotWholeError("it names a part twice")
            return {info.filename.removesuffix(".npy"): _array(file.read(info), info.filename) for info in infos}
    except _DAMAGED as error:
        raise _NotWholeError(f"names {name!r}, which is damaged: {type(error).__name__}: {error}") from error


def _array(data: bytes, name: str) -> np.ndarray:
    header = read_header(data, name)
    if header.dtype.kind not in "biuf":
        raise _NotWholeError(f"{name} holds {header.dtype}")
    return np.array(header.array(data))


def _check_file(path: str) -> None:
    if os.path.lexists(path) and not os.path.isfile(path):
        raise _NotWholeError("is no file")


def _sync(folder: str) -> None:
    """Have the names in a folder on the disk, too; not every system lets a folder be opened."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
