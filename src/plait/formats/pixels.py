"""Pictures by Pillow, safely: which are opened, how large, which way up, and what becomes of their mode and size."""

from __future__ import annotations

import functools
import io
import os
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, ReadError, SpecError, TransformError
from plait.extras import require
from plait.formats.paths import read_bytes
from plait.formats.resizing import least_scale, resized, resized_rgba

__all__ = [
    "FORMATS",
    "MODES",
    "MOST_PIXELS",
    "Picture",
    "check_size",
    "decode",
    "draft",
    "file_bytes",
    "in_mode",
    "open_picture",
    "resize",
    "size_of",
]

MOST_PIXELS = 2**26  # 8192 x 8192: a larger picture is a scan to be cut up, or a bomb

# Only formats whose content says what they are and whose decoders run no other program (EPS would start Ghostscript).
FORMATS = ("PNG", "JPEG", "MPO", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")

#: Mode -> Pillow's mode, channels, dtype.
MODES = {"rgb": ("RGB", 3, "uint8"), "rgba": ("RGBA", 4, "uint8"), "grey": ("L", 1, "uint8"), "grey16": ("I", 1, "uint16")}

_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_RESTORE = "Restore the file, or remove it to leave the sample out."
_ORIENTATION_TAG = 0x0112
_JPEG2000_END = b"\xff\xd9"
_SCAN = b"\xff\xda"  # marker of a scan; in the data of one, 0xff is never followed by 0xda
_MOST_SCANS, _MOST_VISITS = 64, 2**30  # a visit of one pixel by one scan takes about a nanosecond
# Pillow's decoder -> pixels; deflate packs 1032 to 1, a block of JPEG takes a bit, and 12 bits of GIF are at most 4096 pixels.
_MOST_A_BYTE = {"raw": 8, "zip": 8 * 1032, "jpeg": 2000, "gif": 2731}
_MOST_FREE = 2**20  # pixels, whatever the file
_MOST_PLAIN = 2**20  # bytes, which Pillow decodes in Python, about a second for a million


@dataclass(frozen=True)
class Picture:
    """A picture, and how messages call it.

    Args:
        image: A PIL image.
        stored: How the file stores its pixels, "RGB;16B"; empty where there is no file.
        name: "Images 'photos/{id}.jpg': sample 'p007' ('photos/p007.jpg')".
        whole: Of a draft: height and width of the whole picture, and of how many pixels a side one of the draft is the mean.
    """

    image: Any
    stored: str
    name: str
    whole: tuple[int, int, int] | None = None


def file_bytes(raw: object, *, most_pixels: int, label: str, key: object) -> bytes | None:
    """The contents of the file that the raw material is or names; None where it is neither.

    Raises:
        ReadError: It cannot be read, or is larger than so many pixels can be.
    """
    if isinstance(raw, (str, os.PathLike)):
        return read_bytes(os.fspath(raw), label=label, key=key, most=4 * most_pixels + 2**20)
    return bytes(raw) if isinstance(raw, (bytes, bytearray)) else None


def open_picture(raw: object, *, most_pixels: int, label: str, key: object, data: bytes | None = None) -> Picture:
    """Read and check the header; no pixel is decoded yet.

    Args:
        raw: A path or URL, the bytes of a file, a PIL image, or an array: uint8 (h, w), (h, w, 1), (h, w, 3), (h, w, 4), uint16 (h, w).
        most_pixels: Refuse larger pictures.
        label: The stream, for messages.
        key: The sample, for messages.
        data: What `file_bytes` gave for it, where that was asked for.

    Raises:
        ReadError: It is no picture, too large, or has several frames.
        TransformError: The raw material is none of these things.
    """
    module = require("PIL.Image", extra="images", purpose=label)
    name = f"{label}: sample {key!r}" + (f" ({os.fspath(raw)!r})" if isinstance(raw, (str, os.PathLike)) else "")
    image: Any
    if isinstance(raw, np.ndarray):
        return Picture(_of_array(module, raw, name), "", name)
    data = file_bytes(raw, most_pixels=most_pixels, label=label, key=key) if data is None else data
    if data is not None:
        image = _identified(module, data, name)
    elif isinstance(raw, module.Image):
        image = raw
    else:
        raise TransformError(f"{name} is a {type(raw).__name__}; a picture is a path, the bytes of a file, a PIL image or a uint8 array.")
    width, height = image.size
    if width * height > most_pixels:
        raise ReadError(
            f"{name} has {width} x {height} pixels, and at most {most_pixels} are decoded. "
            f"If it is meant to be that large, pass most_pixels={width * height}."
        )
    if isinstance(size := getattr(image, "plait_size", None), int):
        _check_room(image, size, name)
    if _several(image, name):
        raise ReadError(
            f"{name} holds several frames; a sample is one picture. "
            "Save the frame that is meant, or all of them as one array for plait.Npy."
        )
    return Picture(image, str([tile[3] for tile in getattr(image, "tile", ())]), name)


def draft(picture: Picture, size: tuple[int, int]) -> Picture:
    """The picture, if a JPEG file, to be decoded at a half, a quarter or an eighth of its size, at least twice `size` (height, width).

    One that is to be turned is left as it is: the incomplete blocks at its far edges would lie elsewhere.
    """
    image = picture.image
    if image.format not in ("JPEG", "MPO") or _orientation(image) in range(2, 9):
        return picture
    width, height = image.size
    scale = least_scale((height, width), size)
    if scale == 1:
        return picture
    image.draft(None, (width // scale, height // scale))
    return replace(picture, whole=(height, width, scale))


def decode(picture: Picture) -> Picture:
    """Decode the pixels, and turn them the right way up by the EXIF orientation (left as they are where that cannot be read).

    Raises:
        ReadError: It is truncated or damaged.
    """
    image = picture.image
    try:
        image.load()
    except Exception as error:  # decoders raise anything on damaged files
        raise ReadError(f"{picture.name} is truncated or damaged: {str(error) or type(error).__name__}. {_RESTORE}") from error
    orientation = _orientation(image)
    turn = require("PIL.Image", extra="images", purpose=picture.name).Transpose
    turns = [turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM, turn.TRANSPOSE, turn.ROTATE_270, turn.TRANSVERSE, turn.ROTATE_90]
    if orientation not in range(2, 9):
        return picture
    return replace(picture, image=image.transpose(turns[orientation - 2]))


def _orientation(image: Any) -> int:
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
        return orientation if isinstance(orientation, int) else 1
    except Exception:  # a damaged EXIF block says nothing about which way is up
        return 1


def in_mode(picture: Picture, mode: str, background: tuple[int, int, int] | None) -> Picture:
    """The decoded picture in another mode, where nothing that can be seen is lost.

    Black and white, grey and palette pictures become colour as they are shown; colour becomes grey by ITU-R 601 luma; CMYK and YCbCr
    become RGB by Pillow's formula without a colour profile. An alpha channel that is opaque everywhere is dropped.

    Raises:
        SpecError: Something would be lost: transparency without a `background`, more than 8 bits in an 8-bit mode; or there is no
            conversion.
    """
    image, name = picture.image, picture.name
    if mode == "grey16":
        return replace(picture, image=_sixteen(picture))
    if image.mode in (*_SIXTEEN, "I", "F") or ";16" in picture.stored:
        grey = image.mode not in ("RGB", "RGBA")
        keep = 'Pass mode="grey16" to keep the values as uint16, or save it' if grey and image.mode != "F" else "Save it"
        raise SpecError(
            f'{name} has {32 if image.mode in ("I", "F") else 16} bits a channel (Pillow mode {image.mode!r}), and mode="{mode}" holds 8; '
            f"how to scale them down is a choice about the data. {keep} with 8 bits a channel."
        )
    if mode != "rgba" and image.has_transparency_data:
        image = _without_alpha(image.convert("RGBA"), name, mode, background)
    try:
        return replace(picture, image=image.convert(MODES[mode][0]))
    except ValueError as error:
        raise SpecError(f'{name} has the colour space {image.mode!r}, which does not turn into mode="{mode}". Save it as RGB.') from error


def resize(picture: Picture, size: tuple[int, int]) -> np.ndarray:
    """The decoded picture at (height, width) as (height, width, channels): see `plait.formats.resizing`."""
    pixels = np.asarray(picture.image)
    pixels = pixels.astype(np.uint16) if pixels.dtype.itemsize > 1 else pixels
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return resized_rgba(pixels, size, picture.whole) if pixels.shape[2] == 4 else resized(pixels, size, None, picture.whole)


def size_of(size: object) -> tuple[int, int]:
    """A size that a user gave, as (height, width).

    Raises:
        ArgumentError: It is not two positive integers.
    """
    parts = tuple(size) if isinstance(size, (tuple, list)) else ()
    if len(parts) != 2 or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in parts):
        raise ArgumentError(f"size={size!r}: write (height, width), two positive integers, such as size=(64, 64).")
    return int(parts[0]), int(parts[1])


def check_size(size: tuple[int, int], expected: tuple[int, int], name: object) -> None:
    """Raise when a picture that is not to be resized has another size than the others.

    Raises:
        SpecError: Naming both, and the remedy.
    """
    if size != expected:
        raise SpecError(
            f"{name} has the size {size} (height, width), and the first has {expected}. Pass size={expected} to bring all to one size."
        )


def _several(image: Any, name: str) -> bool:
    """Whether there is a second frame; to count them takes too long where a file is made to be slow."""
    try:
        return image.format != "MPO" and getattr(image, "is_animated", False)  # MPO: photographs with a preview behind
    except Exception as error:  # what plugins raise on damaged files
        raise ReadError(f"{name} is damaged: {str(error) or type(error).__name__}. {_RESTORE}") from error


def _identified(module: Any, data: bytes, name: str) -> Any:
    try:
        image = module.open(io.BytesIO(data), formats=_installed(module))
    except module.DecompressionBombError as error:
        raise ReadError(
            f"{name} is larger than Pillow decodes: {error} If it is meant to be that large, raise PIL.Image.MAX_IMAGE_PIXELS "
            "and pass most_pixels=."
        ) from error
    except Exception as error:  # what plugins raise on damaged headers
        raise ReadError(
            f"{name} is no picture that can be read ({', '.join(FORMATS)}): {len(data)} bytes that begin with {data[:8]!r}. {_RESTORE}"
        ) from error
    if image.format in ("JPEG", "MPO"):
        _check_scans(data, image.width * image.height, name)
    if image.format == "PPM" and data[1:2] in b"123" and len(data) > _MOST_PLAIN:
        raise ReadError(
            f"{name} writes its pixels as decimal text of {len(data)} bytes, and at most {_MOST_PLAIN} are read. Save it as PNG."
        )
    if image.format == "JPEG2000" and _JPEG2000_END not in data:  # Pillow fills in what is missing without a word
        raise ReadError(f"{name} is truncated or damaged: its last marker is missing. {_RESTORE}")
    image.plait_size = len(data)
    return image


def _check_room(image: Any, size: int, name: str) -> None:
    """Raise where a header says more pixels than the bytes behind it can hold, before memory is set aside for them."""
    pixels: int = image.width * image.height
    most = min((_MOST_A_BYTE.get(str(tile[0]), pixels) * size for tile in getattr(image, "tile", ())), default=2**62)
    if image.width * image.height > most + _MOST_FREE:
        raise ReadError(f"{name} is truncated or damaged: {image.width} x {image.height} pixels are no {size} bytes. {_RESTORE}")


def _check_scans(data: bytes, pixels: int, name: str) -> None:
    """Raise where a JPEG makes the decoder go over all pixels again and again; cameras and programs write 1 to 12 scans."""
    scans = data.count(_SCAN)
    if scans > _MOST_SCANS or (scans > 1 and scans * pixels > _MOST_VISITS):
        raise ReadError(
            f"{name} is a JPEG of {pixels} pixels in {scans} scans, which is made to take long: at most {_MOST_SCANS} are decoded, and "
            f"{_MOST_VISITS // max(pixels, 1)} of so many pixels. Save it anew, or remove it to leave the sample out."
        )


@functools.cache
def _installed(module: Any) -> tuple[str, ...]:
    module.init()
    return tuple(name for name in FORMATS if name in module.OPEN)


def _of_array(module: Any, raw: np.ndarray, name: str) -> Any:
    pixels = raw[..., 0] if raw.ndim == 3 and raw.shape[2] == 1 else raw
    colour = pixels.ndim == 3 and pixels.shape[2] in (3, 4) and pixels.dtype == np.uint8
    grey = pixels.ndim == 2 and pixels.dtype in (np.uint8, np.uint16)
    if not (colour or grey) or not raw.size:
        raise TransformError(
            f"{name} is an array of shape {raw.shape} and dtype {raw.dtype}; pictures are uint8 (h, w), (h, w, 1), (h, w, 3) or (h, w, 4), "
            "or uint16 (h, w). Write (255 * array).round().astype('uint8') for values from 0 to 1."
        )
    return module.fromarray(np.ascontiguousarray(pixels))


def _sixteen(picture: Picture) -> Any:
    image = picture.image
    whole = image.convert("I") if image.mode in (*_SIXTEEN, "I") else None
    low, high = whole.getextrema() if whole is not None else (0, 0)
    if whole is None or low < 0 or high > np.iinfo(np.uint16).max:
        found = f"mode {image.mode!r}" if whole is None else f"values from {low} to {high}"
        raise SpecError(
            f'{picture.name} has {found}, and mode="grey16" takes 16-bit grey alone, so that all samples have one scale. '
            'Pass mode="grey" for 8-bit pictures, or save it with 16 bits.'
        )
    return whole


def _without_alpha(image: Any, name: str, mode: str, background: tuple[int, int, int] | None) -> Any:
    alpha = image.getchannel("A")
    if alpha.getextrema()[0] == 255:
        return image.convert("RGB")
    if background is None:
        share = np.count_nonzero(np.asarray(alpha) != 255) / (image.width * image.height)
        raise SpecError(
            f'{name} is transparent in {share:.0%} of its pixels, which mode="{mode}" cannot hold. '
            'Pass background="white" to lay it on white, or mode="rgba" to keep the alpha channel.'
        )
    base = require("PIL.Image", extra="images", purpose=name).new("RGBA", image.size, (*background, 255))
    base.alpha_composite(image)
    return base.convert("RGB")
