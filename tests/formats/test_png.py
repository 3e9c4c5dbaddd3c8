"""The numbers that a PNG stores, as Pillow finds them."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from plait.errors import ReadError, SpecError
from plait.formats.png import stored_values
from plait.sources.masks import ReadMask

MOST = 2**26
RNG = np.random.default_rng(0)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(rows: bytes, width: int, height: int, *, bits: int = 8, colour: int = 0, interlaced: int = 0, beside: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlaced)
    palette = chunk(b"PLTE", bytes(range(48))) if colour == 3 else b""
    packed = zlib.compress(rows)
    pieces = chunk(b"IDAT", packed[:7]) + chunk(b"IDAT", packed[7:])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + palette + beside + pieces + chunk(b"IEND", b"")


def by_pillow(data: bytes) -> np.ndarray:
    """As a PIL image, which is never read at once."""
    image = Image.open(io.BytesIO(data))
    return ReadMask((image.height, image.width))([image])[0, :, :, 0]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("colour", [0, 3])
def test_every_filter_and_depth_is_undone_as_pillow_does(bits: int, colour: int) -> None:
    for width in (1, 2, 3, 5, 8, 9, 33):
        for first in range(5):
            stride = -(-width * bits // 8)
            kinds = np.array([first, 0, 1, 2, 3, 4, 4, 3, 2, 1], np.uint8)[:, None]
            rows = np.hstack([kinds, RNG.integers(0, 256, (10, stride), np.uint8)]).tobytes()
            data = png(rows, width, 10, bits=bits, colour=colour)
            found = stored_values(data, most_pixels=MOST)
            assert found is not None
            assert np.array_equal(found, by_pillow(data))


def test_what_is_not_known_is_left_to_pillow() -> None:
    rows = bytes(10 * 11)
    assert stored_values(png(rows, 10, 10), most_pixels=MOST) is not None
    assert stored_values(png(rows, 10, 10, beside=chunk(b"tEXt", b"Software\0by hand")), most_pixels=MOST) is not None
    left = {
        "another format": b"GIF89a" + bytes(20),
        "colour": png(bytes(10 * 31), 10, 10, colour=2),
        "16 bits": png(bytes(10 * 21), 10, 10, bits=16),
        "interlaced": png(rows, 10, 10, interlaced=1),
        "several": png(rows, 10, 10, beside=chunk(b"acTL", bytes(8))),
        "EXIF": png(rows, 10, 10, beside=chunk(b"eXIf", b"II*\0")),
        "an unknown filter": png(b"\5" + rows[1:], 10, 10),
        "too few rows": png(rows[:-1], 10, 10),
        "too many rows": png(rows + b"\0", 10, 10),
        "much text": png(rows, 10, 10, beside=chunk(b"tEXt", b"a\0" + bytes(70_000))),
        "no end": png(rows, 10, 10)[:-12],
        "empty": png(b"", 0, 0),
    }
    assert [name for name, data in left.items() if stored_values(data, most_pixels=MOST) is not None] == []
    assert stored_values(png(rows, 10, 10), most_pixels=99) is None


def test_a_damaged_file_is_never_read_otherwise_than_by_pillow() -> None:
    rows = np.hstack([RNG.integers(0, 5, (12, 1), np.uint8), RNG.integers(0, 3, (12, 20), np.uint8)]).tobytes()
    data = png(rows, 20, 12, colour=3)
    kept = 0
    for number in range(len(data)):
        changed = bytearray(data)
        changed[number] ^= int(RNG.integers(1, 256))
        for damaged in (data[:number], bytes(changed)):
            found = stored_values(damaged, most_pixels=MOST)
            if found is not None:
                kept += 1
                assert np.array_equal(found, by_pillow(damaged))
    assert kept == 0  # every byte is under a checksum


def test_a_checksum_of_the_pixels_that_does_not_fit_is_noticed() -> None:
    packed = bytearray(zlib.compress(bytes(110)))
    packed[-1] ^= 1
    header = struct.pack(">IIBBBBB", 10, 10, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", bytes(packed)) + chunk(b"IEND", b"")
    assert stored_values(data, most_pixels=MOST) is None


def test_messages_are_the_same_where_pillow_does_not_open_the_file() -> None:
    data = png(bytes(10 * 11), 10, 10)
    with pytest.raises(SpecError, match=r"ReadMask: sample 0 has the size \(10, 10\) \(height, width\), and the first has \(9, 9\)"):
        ReadMask((9, 9), resize=False)([data])
    with pytest.raises(SpecError, match=r"ReadMask: sample 0 holds the pixel values 0, which classes= does not name"):
        ReadMask((9, 9), names=("a",), values=((7, 0),))([data])
    with pytest.raises(ReadError, match=r"ReadMask: sample 0 is truncated or damaged"):
        ReadMask((9, 9))([data[:-30]])
