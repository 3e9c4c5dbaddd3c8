"""Pictures of whole numbers in another size, exactly: in integers, so that every way of computing it gives the same pixels.

Along each axis a new pixel is a sum of old ones with whole weights. Where the axis shrinks they are the areas that it covers (old pixels
are `new` wide and new ones `old`, so both are whole); where it grows they lie between two pixel centres, in steps of 1 / (2 * new). The sum
of the products, divided by that of the weights, is rounded once, halves upwards.
"""

from __future__ import annotations

import functools

import numpy as np

from plait.extras import optional

__all__ = ["by_numpy", "least_scale", "nearest", "nearest_places", "resized", "resized_rgba"]

_LARGEST = 2**32 - 1
_WIDTH = 5  # begin, end, weight of the first, of each inner, of the last


def resized(
    image: np.ndarray, size: tuple[int, int], out: np.ndarray | None = None, whole: tuple[int, int, int] | None = None
) -> np.ndarray:
    """A picture in another size: the mean over areas along an axis that shrinks, bilinear along one that grows.

    Agrees within 1 with OpenCV's INTER_AREA where both axes shrink, and with its INTER_LINEAR where both grow.

    Args:
        image: (height, width, channels) uint8 or uint16.
        size: (height, width) of the result.
        out: Where to put it, contiguous; a new array when left out.
        whole: Height and width of the picture of which a pixel of this one is the mean of a square, and the side of that square. The
            squares at the far edges may reach beyond it, and count as much as they lie within.

    Returns:
        (*size, channels) of the dtype of `image`.
    """
    height, width, channels = image.shape
    out = np.empty((*size, channels), image.dtype) if out is None else out
    if (height, width) == size and whole is None:
        out[...] = image
        return out
    (down, tall), (across, wide) = _axes(image, size, whole)
    kernel = optional("plait.formats.compiled")
    if kernel is not None and np.iinfo(image.dtype).max * tall <= _LARGEST:
        flat = np.ascontiguousarray(image).reshape(height, -1)
        flat.flags.writeable = False  # one type of argument, compiled once
        kernel.resize(flat, out.reshape(size[0], -1), down, across, channels, tall * wide)
        return out
    return by_numpy(image, size, out, whole)


def by_numpy(image: np.ndarray, size: tuple[int, int], out: np.ndarray, whole: tuple[int, int, int] | None = None) -> np.ndarray:
    """What `resized` does, without a compiled loop."""
    sums, total = _sums(image, size, whole)
    np.add(2 * sums, np.uint64(total), out=sums)
    np.floor_divide(sums, np.uint64(2 * total), out=out, casting="unsafe")
    return out


def resized_rgba(image: np.ndarray, size: tuple[int, int], whole: tuple[int, int, int] | None = None) -> np.ndarray:
    """The same for red, green, blue and alpha: colours count as much as they can be seen, so that none bleeds out of what is transparent.

    Args:
        image: (height, width, 4) uint8.
        size: (height, width) of the result.
        whole: As of `resized`.
    """
    if image.shape[:2] == size and whole is None:
        return image
    seen = image.astype(np.uint16)
    seen[..., :3] *= seen[..., 3:]
    sums, total = _sums(seen, size, whole)
    weight = np.stack([np.maximum(sums[..., 3], 1)] * 3 + [np.full(size, total, np.uint64)], axis=-1)
    return ((2 * sums + weight) // (2 * weight)).astype(np.uint8)


def nearest(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Each new pixel is the old one that its centre falls into.

    Args:
        values: (height, width, ...).
        size: (height, width) of the result.
    """
    if values.shape[:2] == size:
        return values
    return values[nearest_places(values.shape[0], size[0])][:, nearest_places(values.shape[1], size[1])]


@functools.lru_cache(1024)
def nearest_places(old: int, new: int) -> np.ndarray:
    """(new,) the old pixel under the centre of each new one; exact in integers."""
    places = (2 * np.arange(new) + 1) * old // (2 * new)
    places.flags.writeable = False
    return places


def least_scale(old: tuple[int, int], new: tuple[int, int]) -> int:
    """8, 4, 2 or 1: by how much JPEG decoding may shrink so that each side stays at least twice what is asked for."""
    return next(scale for scale in (8, 4, 2, 1) if scale == 1 or all(a >= 2 * b * scale for a, b in zip(old, new, strict=True)))


_Axis = tuple[np.ndarray, int]


def _axes(image: np.ndarray, size: tuple[int, int], whole: tuple[int, int, int] | None) -> tuple[_Axis, _Axis]:
    height, width, each = (*image.shape[:2], 1) if whole is None else whole
    return _axis(height, size[0], each), _axis(width, size[1], each)


@functools.lru_cache(1024)
def _axis(old: int, new: int, each: int) -> _Axis:
    """(new, 5) uint32: of each new pixel the first old one, the one after its last, and the weights; and what the weights add up to.

    With `each`, the old ones that are there are means of so many.
    """
    place = np.arange(new, dtype=np.int64)
    parts = np.zeros((_WIDTH, new), np.int64)
    if old == new and each == 1:
        parts[:] = place, place + 1, np.ones(new), np.zeros(new), np.zeros(new)
        total = 1
    elif new <= old:
        low, high, wide = place * old, (place + 1) * old, each * new
        begin, end = low // wide, -(-high // wide)
        parts[:] = begin, end, np.minimum((begin + 1) * wide, high) - low, np.full(new, wide), high - np.maximum((end - 1) * wide, low)
        total = old
    else:
        centre = np.clip((2 * place + 1) * old - new, 0, 2 * new * (old - 1))  # in steps of 1 / (2 * new)
        begin, share = np.divmod(centre, 2 * new)
        parts[:] = begin, begin + 1 + (share > 0), 2 * new - share, np.zeros(new), share
        total = 2 * new
    parts[4][parts[1] - parts[0] == 1] = 0
    found = np.ascontiguousarray(parts.T.astype(np.uint32))
    found.flags.writeable = False
    return found, total


def _sums(image: np.ndarray, size: tuple[int, int], whole: tuple[int, int, int] | None = None) -> tuple[np.ndarray, int]:
    """(*size, channels) uint64 weighted sums, and what the weights add up to."""
    height, width, channels = image.shape
    (down, tall), (across, wide) = _axes(image, size, whole)
    most = int(np.iinfo(image.dtype).max)
    flat = _summed(image.reshape(height, -1), down, most * tall)
    turned = np.ascontiguousarray(flat.reshape(size[0], width, channels).swapaxes(0, 1)).reshape(width, -1)
    sums = _summed(turned, across, most * tall * wide).reshape(size[1], size[0], channels)
    return sums.swapaxes(0, 1).astype(np.uint64), tall * wide


def _summed(flat: np.ndarray, axis: np.ndarray, most: int) -> np.ndarray:
    """(new, values): the rows of `flat`, weighted and summed, in integers wide enough for `most`."""
    dtype = np.uint32 if most <= _LARGEST else np.uint64
    begin, end, first, inner, last = axis.T.astype(np.int64)
    total = np.multiply(flat[begin], first[:, None].astype(dtype), dtype=dtype)
    for tap in range(1, int((end - begin).max())):
        weight = np.where(begin + tap < end - 1, inner, np.where(begin + tap == end - 1, last, 0)).astype(dtype)
        total += np.multiply(flat[np.minimum(begin + tap, end - 1)], weight[:, None], dtype=dtype)
    return total
