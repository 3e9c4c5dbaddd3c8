"""PNG files whose pixels are one number of 8 bits or fewer: the stored numbers, by the quickest inflate that is installed."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from plait.extras import optional

__all__ = ["stored_values"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _PALETTE = 0, 3
# What may stand beside the pixels and has no say in them; of others (animation, EXIF, profiles, compressed text) Pillow decides.
_BESIDE = (b"PLTE", b"tRNS", b"pHYs", b"gAMA", b"sRGB", b"cHRM", b"sBIT", b"bKGD", b"tIME", b"tEXt")
_MOST_BESIDE = 2**16  # bytes of one of them


def stored_values(data: bytes, *, most_pixels: int) -> np.ndarray | None:
    """The numbers that a grey or palette PNG stores, of 1, 2, 4 or 8 bits.

    Args:
        data: Of a file.
        most_pixels: Larger pictures are not decoded.

    Returns:
        (height, width) uint8; None where Pillow has to decide: another kind of file, interlaced, damaged in any way, or no Numba.
    """
    kernel: Any = optional("plait.formats.compiled")
    if kernel is None or not data.startswith(_SIGNATURE) or (found := _parts(data)) is None:
        return None
    width, height, bits, packed = found
    stride = -(-width * bits // 8)
    if width * height > most_pixels:
        return None
    raw = _inflated(packed, height * (stride + 1))
    if raw is None:
        return None
    rows = np.empty((height, stride), np.uint8)
    if not kernel.unfilter(np.frombuffer(raw, np.uint8).reshape(height, stride + 1), rows):
        return None
    return rows if bits == 8 else _unpacked(rows, bits)[:, :width]


def _parts(data: bytes) -> tuple[int, int, int, bytes] | None:
    """Width, height, bits a pixel and the compressed rows, where every part is whole and of a kind that is known here."""
    isal: Any = optional("isal.isal_zlib")
    checksum = zlib.crc32 if isal is None else isal.crc32
    view = memoryview(data)
    header, packed, at, colours = None, [], len(_SIGNATURE), False
    while at + 12 <= len(data):
        length, kind = int.from_bytes(view[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 8 + length
        if end + 4 > len(data) or checksum(view[at + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            return None
        if (kind == b"IHDR") != (header is None):
            return None
        if kind == b"IHDR":
            if length != 13:
                return None
            header = struct.unpack(">IIBBBBB", view[at + 8 : end])
        elif kind == b"IDAT":
            packed.append(view[at + 8 : end])
        elif kind == b"IEND":
            return None if header is None or (header[3] == _PALETTE) > colours else _of_header(header, packed)
        elif kind not in _BESIDE or length > _MOST_BESIDE:
            return None
        colours = colours or kind == b"PLTE"
        at = end + 4
    return None


def _of_header(header: Any, packed: list[memoryview]) -> tuple[int, int, int, bytes] | None:
    width, height, bits, colour, *rest = header
    if not width or not height or bits not in (1, 2, 4, 8) or colour not in (_GREY, _PALETTE) or any(rest) or not packed:
        return None
    return width, height, bits, packed[0] if len(packed) == 1 else b"".join(packed)  # type: ignore[return-value]


def _inflated(packed: bytes, size: int) -> bytes | None:
    """Exactly so many bytes, no matter how many there would be; None where there are fewer or more, or they are damaged."""
    library: Any = optional("isal.isal_zlib") or zlib
    stream = library.decompressobj()
    try:
        raw = stream.decompress(packed, size + 1)
    except (zlib.error, library.error):
        return None
    return raw if len(raw) == size and stream.eof else None


def _unpacked(rows: np.ndarray, bits: int) -> np.ndarray:
    """(height, pixels) uint8 of rows whose bytes hold several pixels, the first in the highest bits."""
    shifts = np.arange(8 - bits, -1, -bits, dtype=np.uint8)
    return ((rows[:, :, None] >> shifts) & np.uint8(2**bits - 1)).reshape(len(rows), -1)
