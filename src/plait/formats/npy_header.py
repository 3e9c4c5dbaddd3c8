"""The header of an .npy file, read without evaluating anything, and checked against what follows it."""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass

import numpy as np

from plait.errors import ReadError

__all__ = ["MOST_HEADER", "Header", "read_header"]

MOST_HEADER = 10_000  # bytes, NumPy's own limit
_MOST_AXES = 32
_MOST_EMPTY = 2**32  # rows of an array without values

_MAGIC = b"\x93NUMPY"
_ITEM = r"""['"](?:descr['"]\s*:\s*(?P<d>['"][^'"]*['"]|\[.*\]|\(.*\))|fortran_order['"]\s*:\s*(?P<f>True|False)|"""
_ITEM += r"""shape['"]\s*:\s*\((?P<s>[-0-9L,\s]*)\))\s*"""
_ONE = re.compile(_ITEM, re.DOTALL)
_KINDS = re.compile(r"[<>|=]?(?:[biufOSUVc]\d*|\?|[mM]8(?:\[\w{1,6}\])?)")
_NUMBER = re.compile(r"-?[0-9]{1,19}L?")
_RESTORE = "Write it anew with numpy.save, or remove it to leave the sample out."


@dataclass(frozen=True)
class Header:
    """What an .npy file says of its array.

    Args:
        shape: Of the whole array.
        dtype: In the byte order of the file.
        fortran: Whether the first axis varies fastest.
        offset: Where the values begin.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran: bool
    offset: int

    def array(self, data: bytes) -> np.ndarray:
        """The array in these bytes of the file, a read-only view."""
        flat = np.frombuffer(data, self.dtype, math.prod(self.shape), self.offset) if math.prod(self.shape) else np.empty(0, self.dtype)
        return flat.reshape(self.shape, order="F" if self.fortran else "C")


def read_header(data: bytes, name: object, *, size: int | None = None) -> Header:
    """Read and check it.

    Args:
        data: The file, or its beginning of at least `MOST_HEADER + 12` bytes.
        name: The stream and sample, for messages: text, or what becomes text.
        size: Of the whole file in bytes, where `data` is its beginning.

    Raises:
        ReadError: It is no .npy file, damaged, shorter or longer than it says, or holds pickled objects or records.
    """
    size = len(data) if size is None else size
    if not data.startswith(_MAGIC):
        kind = "an .npz archive (or another zip file)" if data.startswith(b"PK") else f"no .npy file: it begins with {data[:8]!r}"
        raise ReadError(f"{name} is {kind}. {_RESTORE}")
    version, width = tuple(data[6:8]), 2 if data[6:7] == b"\x01" else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if version not in ((1, 0), (2, 0), (3, 0)) or length > MOST_HEADER or len(data) < start + length:
        raise ReadError(f"{name} has a damaged header (version {version}, {length} bytes of {size}). {_RESTORE}")
    header = _header(data[: start + length], start)
    if isinstance(header, str):
        raise ReadError(f"{name} {header}")
    declared, there = math.prod(header.shape) * header.dtype.itemsize, size - header.offset
    if declared != there:
        fault = "is truncated" if declared > there else "is longer than its header says"
        raise ReadError(f"{name} {fault}: {header.shape} of {header.dtype} are {declared} bytes, and {there} follow the header. {_RESTORE}")
    return header


@functools.lru_cache(maxsize=256)  # a memo: the files of a stream have one header, or a few
def _header(head: bytes, start: int) -> Header | str:
    """What it says, or what is wrong with it."""
    text = head[start:].decode("latin-1").strip()
    fields = _fields(text)
    if fields is None:
        return f"has a damaged header: {text[:80]!r}. {_RESTORE}"
    dtype = _dtype(fields["d"])
    if isinstance(dtype, str):
        return dtype
    shape = tuple(int(part.strip().rstrip("L")) for part in fields["s"].split(",") if part.strip())
    if any(n < 0 for n in shape) or len(shape) > _MOST_AXES or (0 in shape and math.prod(n or 1 for n in shape) > _MOST_EMPTY):
        return f"declares the shape {str(shape)[:80]}, which no array has. {_RESTORE}"
    return Header(shape, dtype, fields["f"] == "True", len(head))


def _fields(text: str) -> dict[str, str] | None:
    """Its three entries, in any order; None where it is not those."""
    if not (text.startswith("{") and text.endswith("}")):
        return None
    fields: dict[str, str] = {}
    at, inside = 0, text[1:-1].strip()
    while at < len(inside):
        match = _ONE.match(inside, at)
        if match is None or match.lastgroup in fields:
            return None
        fields[str(match.lastgroup)] = match[str(match.lastgroup)]
        at = match.end()
        if at < len(inside):
            if inside[at] != ",":
                return None
            at += 1
            at += len(inside[at:]) - len(inside[at:].lstrip())
    whole = len(fields) == len("dfs") and all(_NUMBER.fullmatch(part.strip()) for part in fields["s"].split(",") if part.strip())
    return fields if whole else None


def _dtype(descr: str) -> np.dtype | str:
    """The dtype, or what is wrong with it."""
    if descr[0] in "[(":
        return f"holds records ({descr[:60]}). Save each field as an array of its own."
    text = descr[1:-1]
    try:
        dtype = np.dtype(text) if _KINDS.fullmatch(text) else None
    except TypeError:
        dtype = None
    if dtype is None:
        return f"has the unknown dtype {text!r}. {_RESTORE}"
    if dtype.hasobject:
        return (
            "holds pickled Python objects, which are never loaded, for they can run any code. "
            "Save numbers or text: np.save(path, np.array(values, dtype='float32')), or one file a sample where lengths differ."
        )
    if dtype.kind in "cSV" or (dtype.kind == "f" and dtype.itemsize > np.dtype(float).itemsize):
        return f"has dtype {dtype}, which no model takes. Save array.astype('float32'), or .astype(str) for text."
    return dtype
