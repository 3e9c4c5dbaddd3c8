"""Masks, one file a sample, whose pixels are classes and stay so."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.formats.files import FileSource, SampleName, raw_list
from plait.formats.paths import list_files
from plait.formats.pixels import MOST_PIXELS, Picture, check_size, decode, file_bytes, open_picture, size_of
from plait.formats.png import stored_values
from plait.formats.resizing import nearest
from plait.spec import Spec

__all__ = ["Masks", "ReadMask"]

_LOSSY = ("JPEG", "MPO", "JPEG2000", "AVIF")
_SIXTEEN = ("I;16", "I;16L", "I;16B", "I;16N")
_MOST_SHOWN = 8


class Masks(FileSource):
    """Mask files as a stream "mask" of (h, w, 1), resized by nearest neighbour, so that no class arises that the file has not.

    Args:
        template: "masks/{id}.png", also behind a URL; see `plait.formats.paths.list_files`.
        size: (height, width); the size of the first mask when left out, and then any other is an error. Pixel centres lie as in `Images`
            of the same size, so that the two stay registered.
        classes: What the pixel values mean. Names of the values 0, 1, ...; or value -> name, such as {0: "background", 255: "lesion"},
            whose values become the codes 0, 1, ... in that order (values of one name get one code). The values of colour masks are
            (red, green, blue). Left out, the values stay as they are: a mask of 0 and 255 holds 0 and 255.
        most_pixels: Refuse larger masks before they are decoded.

    A palette file gives its palette indices, a grey one its stored values (of 1, 2, 4, 8, 16 or 32 bits), black and white 0 and 1.
    The dtype is uint8 (int32 beyond 256 classes); without `classes` that of the first file: uint8, uint16 for 16 bits, int32 for 32.

    Raises:
        ArgumentError, ReadError, DuplicateKeyError: The template finds nothing, or several files a key; the first mask cannot be read.
        SpecError: The first mask has colours or alpha and no `classes` for them, or is of a format that does not keep values (JPEG).
    """

    def __init__(
        self,
        template: str | os.PathLike[str],
        *,
        size: tuple[int, int] | None = None,
        classes: Sequence[str] | Mapping[Any, str] | None = None,
        most_pixels: int = MOST_PIXELS,
    ) -> None:
        label = f"Masks {os.fspath(template)!r}"
        names, values, colour = _named(classes, label)
        dtype = "uint8" if len(names) <= 2**8 else "int32"
        step = ReadMask(size or (1, 1), size is not None, dtype, names, values, colour, most_pixels)
        files = list_files(template, label=label)
        first, _ = step.stored(files.paths[0], label, files.keys[0])
        step = replace(step, size=size or first.shape, dtype=str(first.dtype) if values is None else dtype)
        super().__init__(files, "mask", step, label)


@dataclass(frozen=True)
class ReadMask:
    """From mask files (paths, URLs, bytes), PIL images or integer arrays to (samples, h, w, 1), exactly as `Masks` reads.

    Args:
        size: (height, width) of the result.
        resize: Whether to resize by nearest neighbour; else another size is an error.
        dtype: Of the result.
        names: Of the codes 0, 1, ...
        values: (pixel value, code); None: values stay as they are.
        colour: Whether a pixel value is a colour: 65536 red + 256 green + blue.
        most_pixels: Refuse larger masks.
    """

    kind: ClassVar[str] = "read-mask"

    size: tuple[int, int]
    resize: bool = True
    dtype: str = "uint8"
    names: tuple[str, ...] = ()
    values: tuple[tuple[int, int], ...] | None = None
    colour: bool = False
    most_pixels: int = MOST_PIXELS

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", size_of(self.size))

    @property
    def sample(self) -> Spec:
        """(h, w, 1), with the classes."""
        return Spec((*self.size, 1), np.dtype(self.dtype), self.names or None)

    def __call__(self, raw: Sequence[object]) -> np.ndarray:
        return self.decode(raw, label="ReadMask", key=lambda index: index)

    def decode(self, raw: Sequence[object], *, label: str, key: Callable[[int], object]) -> np.ndarray:
        """Raw masks to one array; `label` and `key` are for messages.

        Raises:
            ReadError, SpecError, TransformError: Naming the stream, the sample and the remedy.
        """
        out = np.empty((len(raw_list(raw, label=label)), *self.size, 1), self.dtype)
        for index, item in enumerate(raw):
            pixels, name = self.stored(item, label, key(index))
            if not self.resize:
                check_size(pixels.shape, self.size, name)
            pixels = nearest(pixels, self.size)
            out[index, :, :, 0] = self._kept(pixels, name) if self.values is None else self._codes(pixels, name)
        return out

    def stored(self, raw: object, label: str, key: object) -> tuple[np.ndarray, object]:
        """The values of one mask, (h, w) integers of its own size; and how messages call it."""
        if isinstance(raw, np.ndarray) and raw.dtype.kind in "biu" and raw.size and (raw.ndim == 2 or raw.shape[2:] == (1,)):
            values = raw.reshape(raw.shape[:2])
            values = values.astype(np.uint8) if values.dtype == bool else values
            return values.astype(np.int64) * 0x010101 if self.colour else values, f"{label}: sample {key!r}"
        data = file_bytes(raw, most_pixels=self.most_pixels, label=label, key=key)
        quick = None if self.colour or not data else stored_values(data, most_pixels=min(self.most_pixels, MOST_PIXELS))
        if quick is not None:
            return quick, SampleName(label, key, raw)
        opened = open_picture(raw, most_pixels=self.most_pixels, label=label, key=key, data=data)
        _check_keeps_values(opened)
        picture = decode(opened)
        return _colours(picture, self.values) if self.colour else _values(picture), picture.name

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ReadMask:
        """The step that `to_json` described."""
        values = state["values"]
        pairs = None if values is None else tuple((int(value), int(code)) for value, code in values)
        return cls(**{**state, "size": tuple(state["size"]), "names": tuple(state["names"]), "values": pairs})

    def _kept(self, pixels: np.ndarray, name: object) -> np.ndarray:
        limits = np.iinfo(self.dtype)
        if pixels.min() < limits.min or pixels.max() > limits.max:
            raise SpecError(
                f"{name} holds values up to {pixels.max()} ({pixels.dtype}), and the first mask is of {self.dtype}. "
                "Save all masks with the same number of bits, or name the values with classes=."
            )
        return pixels

    def _codes(self, pixels: np.ndarray, name: object) -> np.ndarray:
        if pixels.dtype == np.uint8:
            codes = np.take(_table(self.values or ()), pixels, mode="clip")
            if not pixels.size or codes.min() >= 0:
                return codes
        known = np.array(sorted(self.values or ()), np.int64).reshape(-1, 2)
        place = np.minimum(np.searchsorted(known[:, 0], pixels), len(known) - 1)
        unknown = np.unique(pixels[known[place, 0] != pixels])
        if len(unknown):
            shown = [_shown(value, self.colour) for value in unknown[:_MOST_SHOWN]]
            raise SpecError(
                f"{name} holds the pixel values {', '.join(shown)}{' and others' if len(unknown) > _MOST_SHOWN else ''}, "
                f"which classes= does not name; it names {', '.join(_shown(value, self.colour) for value in known[:_MOST_SHOWN, 0])}. "
                f'Add them, as in classes={{..., {shown[0]}: "{self.names[0]}"}}, or mend the mask.'
            )
        return known[place, 1]


@lru_cache(64)
def _table(values: tuple[tuple[int, int], ...]) -> np.ndarray:
    """(256,) int32: the code of each pixel value, -1 for those that have none."""
    table = np.full(256, -1, np.int32)
    for value, code in values:
        if 0 <= value < len(table):
            table[value] = code
    return table


def _check_keeps_values(picture: Picture) -> None:
    image = picture.image
    odd_range = image.format == "PPM" and "(" in picture.stored  # a highest value that Pillow scales to that of 8 or 16 bits
    if image.format in _LOSSY or image.info.get("compression") in ("jpeg", "webp") or odd_range:
        raise SpecError(
            f"{picture.name} is a {image.format} file, which does not keep pixel values, so that classes do not stay classes. "
            'Save masks as PNG; or read it with plait.Images(mode="grey") and map a threshold over it.'
        )


def _values(picture: Picture) -> np.ndarray:
    """The values that the file stores."""
    image, mode = picture.image, picture.image.mode
    if getattr(image, "tag_v2", {}).get(262) == 0:  # PhotometricInterpretation
        raise SpecError(f"{picture.name} stores white as 0 (TIFF WhiteIsZero), which leaves open what its values are. Save it as PNG.")
    if mode == "1":
        return np.asarray(image).astype(np.uint8)
    if mode in ("L", "P"):
        spread = 17 if "'L;4" in picture.stored else 85 if "'L;2" in picture.stored else 1  # Pillow scales few bits up to 0..255
        return np.asarray(image) // np.uint8(spread)
    if mode in _SIXTEEN:
        return np.asarray(image).astype(np.uint16)
    if mode == "I":
        return np.asarray(image)
    if mode in ("RGB", "RGBA", "LA", "PA"):
        colours = image.convert("RGB").getcolors(image.width * image.height) or []
        shown = ", ".join(f'{colour}: "..."' for _, colour in sorted(colours, reverse=True)[:_MOST_SHOWN])
        raise SpecError(
            f"{picture.name} is a colour mask (Pillow mode {mode!r}) of {len(colours)} colours, and a class is one number a pixel. "
            f"Name the colours, classes={{{shown}}}, or save masks as palette or grey PNG."
        )
    raise SpecError(f"{picture.name} has Pillow mode {mode!r}; masks are palette, grey, or black and white files. Save it as PNG.")


def _colours(picture: Picture, values: tuple[tuple[int, int], ...] | None) -> np.ndarray:
    """Each pixel's colour as one integer."""
    image = picture.image
    alpha = image.mode in ("RGBA", "LA", "PA") and image.getchannel("A").getextrema()[0] != 255
    if alpha or ";16" in picture.stored or image.mode not in ("1", "L", "P", "RGB", "RGBA", "LA", "PA"):
        found = "is transparent in places" if alpha else f"has Pillow mode {image.mode!r} or 16 bits a channel"
        raise SpecError(f"{picture.name} {found}; colour masks are opaque, of 8 bits a channel. Save it as RGB PNG.")
    pixels = np.asarray(image.convert("RGB")).astype(np.int32)
    return pixels[..., 0] << 16 | pixels[..., 1] << 8 | pixels[..., 2]


def _named(
    classes: Sequence[str] | Mapping[Any, str] | None, label: str
) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...] | None, bool]:
    """Names, (pixel value, code) pairs, and whether values are colours."""
    if classes is None:
        return (), None, False
    if isinstance(classes, str) or not classes:
        raise ArgumentError(f'{label}: classes={classes!r}: write names, ["background", "lesion"], or {{0: "background", 255: "lesion"}}.')
    given = dict(classes) if isinstance(classes, Mapping) else dict(enumerate(classes))
    colours = [isinstance(value, tuple) for value in given]
    fine = all(_is_value(v, 2**31) for v in given) or all(
        isinstance(v, tuple) and len(v) == 3 and all(_is_value(part, 2**8) for part in v) for v in given
    )
    if not fine or not all(isinstance(name, str) for name in given.values()):
        raise ArgumentError(
            f"{label}: classes={classes!r}: a pixel value (an integer, or a colour (red, green, blue)) goes before its name, "
            'as in classes={0: "background", 255: "lesion"}.'
        )
    names = tuple(dict.fromkeys(given.values()))
    packed = [(v[0] << 16 | v[1] << 8 | v[2]) if isinstance(v, tuple) else int(v) for v in given]
    return names, tuple((value, names.index(name)) for value, name in zip(packed, given.values(), strict=True)), all(colours)


def _is_value(value: object, end: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= int(value) < end


def _shown(value: object, colour: bool) -> str:
    number = int(value)  # type: ignore[call-overload]
    return str((number >> 16, number >> 8 & 255, number & 255)) if colour else str(number)
