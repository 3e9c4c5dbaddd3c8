"""Pictures from strangers: small files that are made to take memory or time. More of them in tests/sources/test_images.py."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from faults import refused
from PIL import Image, PngImagePlugin

import plait


@pytest.fixture(autouse=True, scope="module")
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what is imported on first use, which is no cost of an attack."""
    folder = tmp_path_factory.mktemp("warm")
    for name in "ab":
        Image.new("L", (9, 9)).save(folder / f"{name}.png")
        Image.new("RGB", (9, 9)).save(folder / f"{name}.jpg")
    plait.Masks(folder / "{id}.png", size=(8, 8))["mask"].values()
    plait.Images(folder / "{id}.jpg", size=(8, 8))["image"].values()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *between: bytes) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(between) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


def patched(kind: str, at: int, form: str, *numbers: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB" if kind != "GIF" else "P", (8, 8)).save(buffer, kind)
    data = bytearray(buffer.getvalue())
    struct.pack_into(form, data, at, *numbers)
    return bytes(data)


def scans(times: int, size: int = 2000) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (size, size)).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    return data[:-2] + data[data.rfind(b"\xff\xda") : -2] * times + data[-2:]


def text_bomb() -> bytes:
    return png(8, 8, chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(50_000_000))))


def profile_bomb() -> bytes:
    return png(8, 8, chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(50_000_000))))


TOO_LARGE = r"pixels, and at most 67108864 are decoded|larger than Pillow decodes|no picture that can be read|truncated or damaged"
PICTURES = {
    "a PNG of 400 megapixels": (lambda: png(20_000, 20_000), TOO_LARGE),
    "a PNG of 2 to the power of 62 pixels": (lambda: png(2**31 - 1, 2**31 - 1), TOO_LARGE),
    "a PNG with text of 50 MB": (text_bomb, r"no picture that can be read|truncated or damaged"),
    "a PNG with a colour profile of 50 MB": (profile_bomb, r"no picture that can be read|truncated or damaged"),
    "a GIF of 36 megapixels in a kilobyte": (lambda: patched("GIF", 6, "<HH", 6000, 6000), "6000 x 6000 pixels are no"),
    "a GIF of 4 gigapixels": (lambda: patched("GIF", 6, "<HH", 65535, 65535), TOO_LARGE),
    "a BMP of 2 gigapixels": (lambda: patched("BMP", 18, "<ii", 50_000, 50_000), TOO_LARGE),
    "a PPM of 100 megapixels": (lambda: b"P6 10000 10000 255\n" + bytes(100), TOO_LARGE),
    "a PPM that is written in decimals": (lambda: b"P3 1000 1000 255\n" + b"1 " * 3_000_000, r"decimal text of 6000017 bytes, and at most"),
    "a JPEG of a hundred scans": (lambda: scans(100), r"a JPEG of 4000000 pixels in \d+ scans, which is made to take long: at most 64"),
    "a PostScript file": (
        lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(executed) (w) file\n",
        r"no picture that can be read",
    ),
    "an SVG file": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", r"no picture that can be read"),
    "an XML bomb": (lambda: b"<!DOCTYPE a [<!ENTITY b 'bbbb'>]><a>&b;</a>", r"no picture that can be read"),
}


@pytest.mark.parametrize("attack", PICTURES)
@pytest.mark.filterwarnings("ignore")  # Pillow warns of sizes
def test_a_picture_that_is_an_attack_is_refused(tmp_path: Path, attack: str) -> None:
    make, message = PICTURES[attack]
    Image.new("L", (8, 8)).save("a.img", "PNG")  # the first one is good, so that the attack comes when samples are read
    (tmp_path / "p.img").write_bytes(make())
    with refused(rf"Images '\{{id\}}.img': sample 'p' \('p.img'\) .*({message})"):
        plait.Images("{id}.img", size=(8, 8))["image"].values()
    with refused(rf"Masks '\{{id\}}.img': sample 'p' \('p.img'\) .*({message}|which does not keep pixel values)"):
        plait.Masks("{id}.img", size=(8, 8))["mask"].values()


def test_a_tiff_of_a_gigapixel_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(buffer, "TIFF")
    data = bytearray(buffer.getvalue())
    (at,) = struct.unpack_from("<I", data, 4)
    for entry in range(struct.unpack_from("<H", data, at)[0]):
        place = at + 2 + 12 * entry
        if struct.unpack_from("<H", data, place)[0] in (256, 257):  # width, height
            struct.pack_into("<HHII", data, place, struct.unpack_from("<H", data, place)[0], 4, 1, 40_000)
    (tmp_path / "p.tif").write_bytes(data)
    with refused(r"sample 'p' \('p.tif'\) .*(40000 x 40000 pixels|larger than Pillow decodes)"):
        plait.Images("{id}.tif", size=(8, 8))


def test_a_progressive_jpeg_of_a_camera_is_no_attack(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 2000)).save(tmp_path / "p.jpg", progressive=True)
    assert plait.Images("{id}.jpg", size=(8, 8)).spec["image"].shape == (8, 8, 3)


def test_commands_in_the_text_of_a_picture_are_not_shown(tmp_path: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "\x1b[2J<script>")
    Image.new("RGB", (8, 8)).save(tmp_path / "p.png", pnginfo=info)
    data = plait.Dataset(inputs={"image": plait.Images("{id}.png")})
    assert "\x1b" not in f"{data}{data.join}" and "<script>" not in plait.show(data).to_html()
