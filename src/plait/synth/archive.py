"""One file for a synthesizer: JSON and arrays in a zip, without pickle; written whole or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import IO, Any

import numpy as np

from plait.atomic import replacing
from plait.errors import ReadError
from plait.formats.documents import parse_json
from plait.formats.npy_header import read_header

__all__ = ["read_archive", "write_archive"]

_STATE, _SUM, _FORMAT = "synthesizer.json", "checksum", 1
_MOST_STATE = 2**25  # bytes of JSON; what is large is an array
_PART, _DENSE = 2**20, 100  # from this ratio on an array is not compressed, so that reading it is not refused
_MOST_RATIO, _FREE = 200, 16 * 2**20  # what is unpacked from a byte, and how much without asking

_DAMAGED = (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, NotImplementedError, RecursionError)
_DAMAGED += (ValueError, KeyError, TypeError, EOFError, OSError, RuntimeError)


def write_archive(path: str | os.PathLike[str], state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write the file; its name holds either what was there or the whole new one.

    Args:
        path: Of the file.
        state: JSON-able.
        arrays: name -> array of numbers.

    Raises:
        ReadError: The file can't be written.
    """
    path = os.fspath(path)
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with replacing(path) as file:
            _write_all(file, state, arrays)
    except OSError as error:
        raise ReadError(
            f"save({path!r}): nothing can be written there: {error.strerror or error}. Name a file in a folder of your own."
        ) from error


def read_archive(path: str | os.PathLike[str]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The state and the arrays that `write_archive` wrote. What is damaged, or is something else, is refused.

    Raises:
        ReadError: Naming the file and what is wrong with it.
    """
    path = os.fspath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise ReadError(f"{path!r} is no file. Name the file that save wrote.")
    try:
        with zipfile.ZipFile(path) as archive:
            size = os.path.getsize(path)
            if sum(info.file_size for info in archive.infolist()) > _FREE + _MOST_RATIO * size:
                raise ValueError(f"it would unpack to more than {_MOST_RATIO} times its size")
            text = _read(archive, _STATE, _MOST_STATE)
            state = parse_json(text, most=_MOST_STATE)
            if not isinstance(state, dict) or state.get("format") != _FORMAT or not isinstance(state.get("arrays"), list):
                raise ValueError(f"it is no file of format {_FORMAT}")
            data = {name: archive.read(f"arrays/{name}.npy") for name in state["arrays"]}
            if "".join(map(_sum, [text, *data.values()])).encode() != archive.read(_SUM):
                raise ValueError("its contents are not those that were written")
            return state, {name: _array(part, name, path) for name, part in data.items()}
    except FileNotFoundError as error:
        raise ReadError(f"There is no file {path!r}.") from error
    except _DAMAGED as error:
        if isinstance(error, ReadError):
            raise
        why = str(error) or type(error).__name__
        raise ReadError(f"{path!r} is no synthesizer that plait saved, or is damaged: {why}. Save it anew.") from error


def _write_all(file: IO[bytes], state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
        text = json.dumps({"format": _FORMAT, **state, "arrays": sorted(arrays)}, allow_nan=False).encode()
        _write(archive, _STATE, text)
        sums = [_sum(text)]
        for name in sorted(arrays):
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            _write(archive, f"arrays/{name}.npy", buffer.getvalue())
            sums.append(_sum(buffer.getvalue()))
        _write(archive, _SUM, "".join(sums).encode())


def _write(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))  # the same bytes whenever it is written
    info.compress_type = zipfile.ZIP_STORED if _dense(data) else zipfile.ZIP_DEFLATED
    archive.writestr(info, data)


def _read(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"{name} has {archive.getinfo(name).file_size} bytes, more than {most}")
    return archive.read(name)


def _dense(data: bytes) -> bool:
    """Whether it is large, and would take next to nothing."""
    begin = data[:_PART]
    return len(begin) == _PART and len(zlib.compress(begin, 3)) * _DENSE < _PART


def _sum(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _array(data: bytes, name: str, path: str) -> np.ndarray:
    header = read_header(data, f"array {name!r} of {path!r}", size=len(data))
    if header.dtype.kind not in "biuf":
        raise ValueError(f"array {name!r} is {header.dtype}")
    return np.array(header.array(data))
