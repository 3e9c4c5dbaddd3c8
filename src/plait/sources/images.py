"""Images, one file a sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from plait.errors import ArgumentError
from plait.extras import require
from plait.formats.files import FileSource, raw_list
from plait.formats.jpeg import decode_into
from plait.formats.paths import list_files
from plait.formats.pixels import MODES, MOST_PIXELS, Picture, check_size, decode, draft, file_bytes, in_mode, open_picture, resize, size_of
from plait.spec import Spec

__all__ = ["Images", "ReadImage"]


class Images(FileSource):
    """Image files as a stream "image" of (h, w, channels).

    Args:
        template: "photos/{id}.jpg", also behind a URL; see `plait.formats.paths.list_files`.
        size: (height, width) that each image is brought to: means over areas where it shrinks, bilinear where it grows. The size
            of the first image when left out; then any other size is an error.
        mode: "rgb" (uint8, 3 channels), "rgba" (uint8, 4), "grey" (uint8, 1) or "grey16" (uint16, 1). Palette, black and white, grey,
            CMYK and YCbCr files are converted. What would lose something is an error: 16 bits in an 8-bit mode, transparency.
        background: Lay transparent pixels on this colour: "white", "#ff8800", (255, 136, 0).
        most_pixels: Refuse larger images before they are decoded.
        draft: Decode JPEG files at a half, a quarter or an eighth of their size where that is still twice `size` or more: quicker, and
            the pixels differ a little from those of whole decoding. What EXIF turns is decoded whole.

    EXIF orientation is applied; a file of several frames is refused. Pixels are the same whatever is installed: simplejpeg and Numba
    (`pip install 'plait[fast]'`) make reading quicker.

    Raises:
        ArgumentError, ReadError, DuplicateKeyError: The template finds nothing, or several files a key; the first image cannot be read.
        SpecError: The first image is not in a mode that can be had without loss.
    """

    def __init__(
        self,
        template: str | os.PathLike[str],
        *,
        size: tuple[int, int] | None = None,
        mode: str = "rgb",
        background: str | tuple[int, int, int] | None = None,
        most_pixels: int = MOST_PIXELS,
        draft: bool = False,
    ) -> None:
        label = f"Images {os.fspath(template)!r}"
        colour = _colour(background, label)
        if not isinstance(draft, bool):
            raise ArgumentError(f"{label}: draft={draft!r}: True or False is needed.")
        if draft and size is None:
            raise ArgumentError(f"{label}: draft=True decodes to what a size needs, so give it: size=(64, 64).")
        step = ReadImage(size or (1, 1), mode, size is not None, colour, most_pixels, draft)
        files = list_files(template, label=label)
        first = step.picture(files.paths[0], label, files.keys[0]).image
        super().__init__(files, "image", step if size else replace(step, size=(first.height, first.width)), label)


@dataclass(frozen=True)
class ReadImage:
    """From image files (paths, URLs, bytes), PIL images or uint8 arrays to (samples, h, w, channels), exactly as `Images` reads.

    Args:
        size: (height, width) of the result.
        mode: As of `Images`.
        resize: Whether to resize; else another size is an error.
        background: Red, green, blue below transparent pixels.
        most_pixels: Refuse larger images.
        draft: As of `Images`.
    """

    kind: ClassVar[str] = "read-image"

    size: tuple[int, int]
    mode: str = "rgb"
    resize: bool = True
    background: tuple[int, int, int] | None = None
    most_pixels: int = MOST_PIXELS
    draft: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", size_of(self.size))
        if self.mode not in MODES:
            raise ArgumentError(f"mode={self.mode!r}: choose one of {', '.join(map(repr, MODES))}.")

    @property
    def sample(self) -> Spec:
        """(h, w, channels)."""
        _, channels, dtype = MODES[self.mode]
        return Spec((*self.size, channels), np.dtype(dtype))

    def __call__(self, raw: Sequence[object]) -> np.ndarray:
        return self.decode(raw, label="ReadImage", key=lambda index: index)

    def decode(self, raw: Sequence[object], *, label: str, key: Callable[[int], object]) -> np.ndarray:
        """Raw images to one array; `label` and `key` are for messages.

        Raises:
            ReadError, SpecError, TransformError: Naming the stream, the sample and the remedy.
        """
        spec = self.sample
        out = np.empty((len(raw_list(raw, label=label)), *self.size, spec.shape[2] or 0), spec.dtype)
        most = min(self.most_pixels, MOST_PIXELS)
        for index, item in enumerate(raw):
            data = file_bytes(item, most_pixels=self.most_pixels, label=label, key=key(index))
            if data and decode_into(data, out[index], self.mode, resize=self.resize, draft=self.draft, most_pixels=most):
                continue
            picture = self.picture(item, label, key(index), data)
            if not self.resize:
                check_size((picture.image.height, picture.image.width), self.size, picture.name)
            out[index] = resize(picture, self.size)
        return out

    def picture(self, raw: object, label: str, key: object, data: bytes | None = None) -> Picture:
        """One image, decoded, upright, in the mode asked for, of its own size; `data` is the contents of its file, where they are known."""
        opened = open_picture(raw, most_pixels=self.most_pixels, label=label, key=key, data=data)
        return in_mode(decode(draft(opened, self.size) if self.draft else opened), self.mode, self.background)

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ReadImage:
        """The step that `to_json` described."""
        background = state["background"]
        return cls(**{**state, "size": tuple(state["size"]), "background": None if background is None else tuple(background)})


def _colour(background: str | tuple[int, int, int] | None, label: str) -> tuple[int, int, int] | None:
    if background is None:
        return None
    if isinstance(background, str):
        try:
            red, green, blue = require("PIL.ImageColor", extra="images", purpose=label).getrgb(background)[:3]
        except ValueError as error:
            raise ArgumentError(f'{label}: background={background!r} is no colour. Write "white", "#ffffff" or (255, 255, 255).') from error
        return red, green, blue
    if len(background) != 3 or any(not isinstance(part, int) or not 0 <= part <= 255 for part in background):
        raise ArgumentError(f'{label}: background={background!r} is no colour. Write "white", "#ffffff" or (255, 255, 255).')
    red, green, blue = background
    return red, green, blue
