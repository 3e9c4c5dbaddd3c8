"""JPEG files decoded by simplejpeg straight into a batch, where that gives the very pixels that Pillow gives; Pillow for all others."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from plait.extras import optional
from plait.formats.resizing import least_scale, resized

__all__ = ["decode_into"]

_MODES = {
    "rgb": {"YCbCr": "RGB", "Gray": "RGB"},
    "grey": {"Gray": "GRAY"},
}  # grey of a colour file is luma, of which each library has its own
_EXIF, _APP2, _SCAN, _ALONE = 0xE1, 0xE2, 0xDA, (0x01, *range(0xD0, 0xD8))
_ORIENTATION, _SHORT = 0x0112, 3
_USUAL_SCANS = 12  # of a progressive file; one with more may be made to take long, of which Pillow's road knows the limits


def decode_into(data: bytes, out: np.ndarray, mode: str, *, resize: bool, draft: bool, most_pixels: int) -> bool:
    """Decode a JPEG file and bring it to the size of `out`.

    Args:
        data: Of a file.
        out: (height, width, channels) uint8, contiguous; written.
        mode: "rgb" or "grey"; others are not decoded.
        resize: Whether another size than that of `out` may be.
        draft: Decode at a half, a quarter or an eighth of its size, so long as that is at least twice the size of `out`.
        most_pixels: Larger pictures are not decoded.

    Returns:
        False where Pillow has to decide: no JPEG, damaged, turned, large, in many scans, of a mode to be converted, or no simplejpeg.
    """
    if not data.startswith(b"\xff\xd8\xff") or mode not in _MODES:
        return False
    simplejpeg: Any = optional("simplejpeg")
    if simplejpeg is None or not _is_upright(data) or data.count(b"\xff\xda") > _USUAL_SCANS:
        return False
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        colour = _MODES[mode].get(colours)
        same = (height, width) == out.shape[:2]
        if colour is None or height * width > most_pixels or not (same or resize):
            return False
        if same:
            simplejpeg.decode_jpeg(data, colour, buffer=out)
            return True
        scale = least_scale((height, width), (out.shape[0], out.shape[1])) if draft else 1
        least = {"min_height": -(-height // scale), "min_width": -(-width // scale), "min_factor": scale} if scale > 1 else {}
        whole = (height, width, scale) if scale > 1 else None
        resized(simplejpeg.decode_jpeg(data, colour, **least), (out.shape[0], out.shape[1]), out, whole)
    except ValueError:  # also where a decoder would go on after a warning: Pillow says whether it is an error
        return False
    return True


def _is_upright(data: bytes) -> bool:
    """Whether it is certain that nothing in the file asks for the picture to be turned, and that it is one picture."""
    seen = False
    for marker, begin, end in _segments(data):
        if marker == _SCAN:
            return True
        if marker == _APP2 and data.startswith(b"MPF\0", begin):
            return False
        if marker == _EXIF:
            exif = data.startswith(b"Exif\0\0", begin)
            if (exif and (seen or _orientation(data[begin + 6 : end]) != 1)) or (not exif and b"rientation" in data[begin:end]):
                return False
            seen = seen or exif
    return False


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of the contents of each segment up to the first scan; ends early where they are not well-formed."""
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end < at + 4 or end > len(data):
            return
        yield marker, at + 4, end
        at = end


def _orientation(tiff: bytes) -> int:
    """What an EXIF block says of the orientation: 1 where it says nothing, 0 where it cannot be read."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 0
    try:
        (begin,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, begin)
        for number in range(entries):
            tag, kind, count, value = struct.unpack_from(f"{order}HHIH", tiff, begin + 2 + 12 * number)
            if tag == _ORIENTATION:
                return int(value) if kind == _SHORT and count == 1 else 0
    except struct.error:
        return 0
    return 1
