"""Images brought to one size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.formats.resizing import nearest_places, resized
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.transforms.columns import as_numbers

__all__ = ["Resize"]

_BLOCK = 2**19  # values worked on at once, so that they stay in the cache


@dataclass(frozen=True)
class Resize:
    """Images (samples, height, width, channels), or without channels, in another size; the dtype stays. Pure, the same on every machine.

    An axis that shrinks takes the mean of the area that a new pixel covers, an axis that grows is interpolated between pixel centres
    (half-pixel centres, edges repeated). Proportions are not kept.

    Args:
        size: (height, width).
        nearest: Take the nearest pixel instead: for masks, whose classes must stay classes.
    """

    size: tuple[int, int]
    nearest: bool = False

    def __post_init__(self) -> None:
        size = self.size
        if (
            not isinstance(size, Sequence)
            or len(size) != 2
            or any(isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1 for n in size)
        ):
            raise ArgumentError(f"Resize: size={size!r} must be (height, width), such as Resize((64, 64)).")
        object.__setattr__(self, "size", (int(size[0]), int(size[1])))

    def __call__(self, array: Array) -> np.ndarray:
        column = as_numbers(array, transform="Resize")
        if isinstance(column, Ragged):
            raise TransformError(
                "Resize takes images of one size, and these differ in height. Give the size where they are read: Images(size=...)."
            )
        self.spec(Spec.of(column))
        height, width = self.size
        if self.nearest:
            return column[:, nearest_places(column.shape[1], height)][:, :, nearest_places(column.shape[2], width)]
        if column.shape[1:3] == self.size:
            return column
        if column.dtype in (np.uint8, np.uint16):
            return _exact(column, self.size)
        exact = np.float64 if (column.dtype.kind == "f" and column.dtype.itemsize > 4) or column.dtype.itemsize == 8 else np.float32
        mixed = _mixed(column.astype(exact, copy=False), height, width)
        if column.dtype.kind == "f":
            return mixed.astype(column.dtype, copy=False)
        least, most = np.iinfo(column.dtype).min, np.iinfo(column.dtype).max
        return np.clip(np.floor(mixed + exact(0.5)), least, most).astype(column.dtype)

    def inverse(self, array: Array) -> Array:
        """Images as they are: a predicted image keeps the size that the model gives it."""
        return array

    def spec(self, spec: Spec) -> Spec:
        """(height, width, channels) with the new height and width."""
        if spec.ragged or len(spec.shape) not in (2, 3) or spec.dtype.kind not in "biuf" or 0 in spec.shape:
            raise TransformError(f"Resize takes images, (height, width, channels) of numbers; the samples are {spec}.")
        if not self.nearest and (spec.classes is not None or spec.dtype.kind == "b"):
            raise TransformError(f"Resize would mix classes: the samples are {spec}. Write Resize({self.size}, nearest=True).")
        return replace(spec, shape=(*self.size, *spec.shape[2:]))

    def to_json(self) -> dict[str, Any]:
        """The arguments."""
        return {"size": list(self.size), "nearest": self.nearest}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Resize:
        """The transform that `to_json` described."""
        return cls(tuple(state["size"]), state["nearest"])


def _exact(images: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Images of uint8 or uint16 in another size, as `plait.Images` brings them to it."""
    samples, height, width, *channels = images.shape
    out = np.empty((samples, *size, *channels), images.dtype)
    each = math.prod(channels)
    for image, place in zip(images.reshape(samples, height, width, each), out.reshape(samples, *size, each), strict=True):
        resized(image, size, place)
    return out


def _mixed(images: np.ndarray, height: int, width: int) -> np.ndarray:
    """Images in another size, a block of them at a time."""
    samples, high, wide, *channels = images.shape
    each = int(np.prod(channels, dtype=np.int64))
    out = np.empty((samples, height, width, *channels), images.dtype)
    block = max(1, _BLOCK // max(1, out[:1].size, images[:1].size))
    for start in range(0, samples, block):
        flat = images[start : start + block].reshape(-1, high, wide * each)
        flat = _summed(flat, 1, height, 1)
        flat = _summed(flat, 2, width, each)
        out[start : start + block] = flat.reshape(-1, height, width, *channels)
    return out


def _summed(flat: np.ndarray, axis: int, new: int, each: int) -> np.ndarray:
    """One axis, of `each` values a pixel, resized: a weighted sum of a few pixels for each new one, always added in the same order."""
    old = flat.shape[axis] // each
    if old == new:
        return flat
    pixels, weights = _area(old, new) if new < old else _linear(old, new)
    total = np.zeros((), flat.dtype)
    for tap in range(pixels.shape[1]):
        places = (pixels[:, tap, None] * each + np.arange(each)).ravel()
        shares = np.repeat(weights[:, tap].astype(flat.dtype), each)
        part = np.take(flat, places, axis=axis)
        part *= shares if axis == flat.ndim - 1 else shares[:, None]
        total = part if tap == 0 else np.add(total, part, out=total)
    return total


def _area(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """(new, taps) pixels and weights of the mean over the area that each new pixel covers."""
    begin = np.arange(new) * old // new
    taps = int((-(-(np.arange(new) + 1) * old // new) - begin).max())
    pixels = begin[:, None] + np.arange(taps)
    low = np.arange(new)[:, None] * old
    overlap = np.minimum((pixels + 1) * new, low + old) - np.maximum(pixels * new, low)
    return np.minimum(pixels, old - 1), np.maximum(overlap, 0) / old


def _linear(old: int, new: int) -> tuple[np.ndarray, np.ndarray]:
    """(new, 2) pixels and weights between the two nearest centres."""
    centre = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    left = np.floor(centre).astype(np.int64)
    share = centre - left
    return np.stack([left, np.minimum(left + 1, old - 1)], axis=1), np.stack([1 - share, share], axis=1)
