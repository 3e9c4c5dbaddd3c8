"""Inner loops compiled by Numba, for where it is installed (`pip install 'plait[fast]'`); each has a twin in NumPy with the same result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

__all__ = ["resize", "unfilter"]


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Without the GIL; kept on disk between runs where there is a place for it."""
    try:
        return numba.njit(function, nogil=True, cache=True)
    except RuntimeError:  # no folder that can be written
        return numba.njit(function, nogil=True)


@_compiled
def _rounded(value: Any, total: Any, share: Any) -> Any:
    """value / total, halves upwards: the quarter of a step beyond a half outweighs any error of rounding, and no sum lies in between."""
    return np.uint32((np.float64(np.int64(np.uint64(2) * value + np.uint64(total))) + 0.5) * share)


@_compiled
def _across(row: Any, across: Any, channels: Any, total: Any, out: Any) -> None:
    """One row of sums, summed across and divided."""
    share = 0.5 / total
    for x in range(across.shape[0]):
        left, right = np.intp(across[x, 0]) * channels, np.intp(across[x, 1]) * channels
        first, inner, last = np.uint64(across[x, 2]), np.uint64(across[x, 3]), np.uint64(across[x, 4])
        for channel in range(channels):
            middle = np.uint64(0)
            for place in range(left + channels + channel, right - channels, channels):
                middle += row[place]
            value = first * row[left + channel] + inner * middle + last * row[right - channels + channel]
            out[x * channels + channel] = _rounded(value, total, share)


@_compiled
def _across_colours(row: Any, across: Any, total: Any, out: Any) -> None:
    """The same for three channels."""
    share = 0.5 / total
    for x in range(across.shape[0]):
        left, right = 3 * np.intp(across[x, 0]), 3 * np.intp(across[x, 1])
        first, inner, last = np.uint64(across[x, 2]), np.uint64(across[x, 3]), np.uint64(across[x, 4])
        red, green, blue = np.uint64(0), np.uint64(0), np.uint64(0)
        for place in range(left + 3, right - 3, 3):
            red += row[place]
            green += row[place + 1]
            blue += row[place + 2]
        red = first * row[left] + inner * red + last * row[right - 3]
        green = first * row[left + 1] + inner * green + last * row[right - 2]
        blue = first * row[left + 2] + inner * blue + last * row[right - 1]
        out[3 * x] = _rounded(red, total, share)
        out[3 * x + 1] = _rounded(green, total, share)
        out[3 * x + 2] = _rounded(blue, total, share)


@_compiled
def resize(image: Any, out: Any, down: Any, across: Any, channels: Any, total: Any) -> None:
    """See `plait.formats.resizing`.

    Args:
        image: (height, width * channels) uint8 or uint16.
        out: (new height, new width * channels), written.
        down: (new height, 5) uint32: begin, end, and the weights of the first, each inner, and the last pixel.
        across: (new width, 5), as `down`.
        channels: Values a pixel.
        total: What the products of the weights of a new pixel add up to.
    """
    wide = image.shape[1]
    row = np.empty(wide, np.uint32)
    for y in range(out.shape[0]):
        begin, end = np.intp(down[y, 0]), np.intp(down[y, 1])
        first, inner, last = down[y, 2], down[y, 3], down[y, 4]
        if end - begin == 1:
            for x in range(wide):
                row[x] = first * np.uint32(image[begin, x])
        elif end - begin == 2:
            for x in range(wide):
                row[x] = first * np.uint32(image[begin, x]) + last * np.uint32(image[begin + 1, x])
        else:
            for x in range(wide):
                row[x] = image[begin + 1, x]
            for inside in range(begin + 2, end - 1):
                for x in range(wide):
                    row[x] += image[inside, x]
            for x in range(wide):
                row[x] = inner * row[x] + first * np.uint32(image[begin, x]) + last * np.uint32(image[end - 1, x])
        if channels == 3:
            _across_colours(row, across, total, out[y])
        else:
            _across(row, across, channels, total, out[y])


@_compiled
def unfilter(raw: Any, out: Any) -> Any:  # noqa: PLR0912 (one a filter)
    """Undo the filters of PNG where a pixel has a byte or less.

    Args:
        raw: (height, 1 + width) uint8, the filter of each row before it.
        out: (height, width) uint8, written.

    Returns:
        Whether all filters are known.
    """
    height, width = out.shape
    for y in range(height):
        kind = raw[y, 0]
        if kind == 0 or (kind == 2 and y == 0):
            for x in range(width):
                out[y, x] = raw[y, x + 1]
        elif kind == 2:
            for x in range(width):
                out[y, x] = raw[y, x + 1] + out[y - 1, x]
        elif kind == 1 or (kind == 4 and y == 0):
            left = np.uint8(0)
            for x in range(width):
                left = np.uint8(left + raw[y, x + 1])
                out[y, x] = left
        elif kind == 3:
            before = 0
            for x in range(width):
                above = np.intp(out[y - 1, x]) if y else 0
                before = (np.intp(raw[y, x + 1]) + ((before + above) >> 1)) & 255
                out[y, x] = before
        elif kind == 4:
            before, corner = 0, 0
            for x in range(width):
                above = np.intp(out[y - 1, x])
                by_left, by_above = abs(above - corner), abs(before - corner)
                by_corner = abs(before + above - 2 * corner)
                if by_left <= by_above and by_left <= by_corner:
                    nearest = before
                elif by_above <= by_corner:
                    nearest = above
                else:
                    nearest = corner
                before = (np.intp(raw[y, x + 1]) + nearest) & 255
                out[y, x] = before
                corner = above
        else:
            return False
    return True
