"""Arrays as PNG files, with nothing but zlib."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np

from plait.errors import SpecError

__all__ = ["data_uri", "encode"]

_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}  # channels -> grey, RGB, RGBA


def encode(image: np.ndarray) -> bytes:
    """The bytes of a PNG file, without loss.

    Args:
        image: (height, width) or (height, width, 1 | 3 | 4) uint8.

    Raises:
        SpecError: It is something else.
    """
    pixels = image[..., None] if image.ndim == 2 else image
    if pixels.ndim != 3 or pixels.dtype != np.uint8 or pixels.shape[2] not in _COLOUR_TYPE or not pixels.size:
        raise SpecError(f"A PNG holds (height, width) or (height, width, 1 | 3 | 4) uint8, not {image.shape} {image.dtype}.")
    height, width, channels = pixels.shape
    lines = np.zeros((height, 1 + width * channels), np.uint8)  # each line begins with its filter: 0, none
    lines[:, 1:] = pixels.reshape(height, width * channels)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    body = zlib.compress(lines.tobytes(), 6)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def data_uri(image: np.ndarray) -> str:
    """The PNG as an address that a page can hold itself."""
    return "data:image/png;base64," + base64.b64encode(encode(image)).decode("ascii")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
