"""Samples of one stream as something to look at: pictures, lines, words and numbers, for a page and for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from plait.pages.figures import sparkline
from plait.pages.page import Html, escape, tag
from plait.pages.png import data_uri
from plait.ragged import Array, Ragged
from plait.spec import Spec

__all__ = ["Cell", "cells"]

_LONG = 8  # values from which a row of numbers is drawn as a line
_CHANNELS = 6  # channels up to which (time, channels) is a series
_SIDE = 88  # pixels of a picture's longer side on the page
_TEXT = 280  # characters of a text on the page
_CLASSES = 32  # integers below this in a picture are classes
_PALETTE = np.array(
    [(38, 42, 51), (86, 156, 255), (255, 159, 64), (87, 201, 120), (226, 96, 122), (176, 122, 224), (240, 210, 80), (72, 202, 208),
     (160, 110, 80), (250, 150, 200), (150, 160, 175), (120, 190, 40)], np.uint8
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One sample of one stream, shown.

    Args:
        html: For a page.
        text: For a terminal, one line.
    """

    html: Html
    text: str


def cells(column: Array, spec: Spec) -> list[Cell]:
    """One cell a sample.

    Args:
        column: The samples.
        spec: Of the stream; its classes name the codes.
    """
    show, empty = _how(column, spec), Cell(tag("span", "empty", class_="note"), "empty")
    return [
        show(value) if value.size else empty
        for value in (column[row] if isinstance(column, Ragged) else column[row, ...] for row in range(len(column)))
    ]


def _how(column: Array, spec: Spec) -> Callable[[np.ndarray], Cell]:
    """What suits the samples of this column; ranges are those of the whole column, so that samples compare."""
    values = column.values if isinstance(column, Ragged) else column
    rank = values.ndim - (0 if isinstance(column, Ragged) else 1)
    if values.dtype.kind not in "biuf":
        return _words if rank else lambda value: _one(value, spec)
    if rank == 0 or (rank == 1 and not isinstance(column, Ragged) and values.shape[1] == 1):
        return lambda value: _one(value.reshape(()), spec)
    low, high = _range(values)
    if rank == 1:
        counts = values.dtype.kind in "biu"
        drawn = not counts and (isinstance(column, Ragged) or values.shape[1] >= _LONG)
        return lambda value: _series(value[:, None], [(low, high)]) if drawn else _numbers(value, spec)
    channels = values.shape[-1]
    if rank == 2 and channels <= _CHANNELS:
        ranges = [_range(values[..., channel]) for channel in range(channels)]
        return lambda value: _series(value, ranges)
    if rank == 2 or (rank == 3 and channels in (1, 2, 3, 4)):
        single = rank == 2 or channels == 1
        if single and values.dtype.kind in "biu" and (spec.classes is not None or (low >= 0 and high < _CLASSES)):
            return lambda value: _mask(value.reshape(value.shape[:2]), spec)
        return lambda value: _picture(value if rank == 3 else value[..., None], low, high)
    if rank == 3:
        return lambda value: _slice(value[..., None], low, high)
    return lambda value: _slice(value, low, high) if value.ndim == 4 else _plain(value)


def _one(value: np.ndarray, spec: Spec) -> Cell:
    if value.dtype.kind == "T":
        text = str(value[()])
        return Cell(tag("span", _cut(text, _TEXT), class_=_wide(text)), _cut(" ".join(text.split()), 40))
    item = value[()]
    if spec.classes is not None and value.dtype.kind in "iu" and 0 <= int(item) < len(spec.classes):
        name = spec.classes[int(item)]
        return Cell(
            tag("span", name, tag("span", f"class {int(item)}", class_="note"), class_="value"), f"{int(item)} = {_cut(str(name), 30)}"
        )
    unit = f" {spec.unit}" if spec.unit else ""
    text = _number(item) + unit
    return Cell(tag("span", text, class_="value"), text)


def _words(value: np.ndarray) -> Cell:
    listed = [str(word) for word in np.ravel(value)[:24].tolist()]
    text = " · ".join(listed) + (f" … {value.size} in all" if value.size > 24 else "")
    return Cell(tag("span", _cut(text, _TEXT), class_=_wide(text)), _cut(text, 40))


def _numbers(value: np.ndarray, spec: Spec) -> Cell:
    most = 24
    named = spec.classes is not None and value.dtype.kind in "iu" and value.size and (value.min() >= 0 and value.max() < len(spec.classes))
    listed = [str(spec.classes[int(v)]) if named and spec.classes else _number(v) for v in value[:most]]
    note = f"{len(value)} values" + (f", the first {most} shown" if len(value) > most else "")
    text = "[" + " ".join(listed) + (" …" if len(value) > most else "") + "]"
    return Cell(tag("span", tag("code", text), tag("span", note, class_="note"), class_=_wide(text)), f"{_cut(text, 28)} {len(value)} long")


def _series(value: np.ndarray, ranges: Sequence[tuple[float, float]]) -> Cell:
    shape = f"{len(value)} steps" + (f" × {value.shape[1]}" if value.shape[1] > 1 else "")
    own = _extent(value)
    return Cell(
        tag("span", sparkline(value, ranges), tag("span", f"{shape}, {own}", class_="note")), f"{shape.replace(' steps', '')} {own}"
    )


def _picture(value: np.ndarray, low: float, high: float) -> Cell:
    height, width, channels = value.shape
    pixels = value if value.dtype == np.uint8 else _bytes(value, low, high)
    shown = pixels if channels in (1, 3, 4) else pixels[..., :1]
    text = f"{height}×{width}×{channels}, {_extent(value)}"
    return Cell(tag("span", _img(shown, f"{height} by {width} image"), tag("span", text, class_="note")), text)


def _mask(value: np.ndarray, spec: Spec) -> Cell:
    codes, counts = np.unique(value.astype(np.int64), return_counts=True)
    named = {int(c): str(spec.classes[c]) if spec.classes and 0 <= c < len(spec.classes) else str(c) for c in codes}
    shares = [(code, f"{named[int(code)]} {100 * count / value.size:.0f} %") for code, count in zip(codes, counts, strict=True)]
    key = [tag("span", tag("i", style=f"background:rgb{tuple(_PALETTE[_hue(code)].tolist())}"), text) for code, text in shares[:_CLASSES]]
    height, width = value.shape
    image = _img(_PALETTE[_hue(value)], f"{height} by {width} mask of {len(codes)} classes")
    return Cell(
        tag("span", image, tag("span", *key, class_="legend")), f"{height}×{width} " + _cut(", ".join(text for _, text in shares), 40)
    )


def _slice(value: np.ndarray, low: float, high: float) -> Cell:
    """The middle of a volume (depth, height, width, channels)."""
    middle = value.shape[0] // 2
    inner = _picture(value[middle][..., : 3 if value.shape[3] == 3 else 1], low, high)
    note = f"slice {middle + 1} of {value.shape[0]}"
    return Cell(tag("span", inner.html, tag("span", note, class_="note")), f"{'×'.join(map(str, value.shape))}, {note}")


def _plain(value: np.ndarray) -> Cell:
    text = f"{'×'.join(map(str, value.shape))} {_extent(value)}"
    return Cell(escape(text), text)


def _img(pixels: np.ndarray, alt: str) -> Html:
    height, width = pixels.shape[:2]
    step = max(1, -(-max(height, width) // (4 * _SIDE)))  # a page needs no more than a few pixels a pixel
    scale = _SIDE / max(height, width)
    size = {"width": max(8, round(width * scale)), "height": max(8, round(height * scale))}
    return tag("img", src=data_uri(np.ascontiguousarray(pixels[::step, ::step])), alt=alt, class_="pixels", **size)


def _bytes(values: np.ndarray, low: float, high: float) -> np.ndarray:
    share = (values.astype(np.float64) - low) / ((high - low) or 1.0)
    return (np.nan_to_num(np.clip(share, 0, 1)) * 255).round().astype(np.uint8)


def _extent(values: np.ndarray) -> str:
    finite = values[np.isfinite(values)]
    return f"{_number(finite.min())} … {_number(finite.max())}" if finite.size else "no number"


def _range(values: np.ndarray) -> tuple[float, float]:
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)


def _hue(codes: np.ndarray) -> np.ndarray:
    """Class 0 keeps the ground's colour; more classes than colours take turns."""
    codes = np.asarray(codes, np.int64)
    return np.where(codes == 0, 0, 1 + (codes - 1) % (len(_PALETTE) - 1))


def _number(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (np.integer, int)):
        return str(int(value))
    if isinstance(value, (np.floating, float)):
        return f"{float(value):.4g}"
    return str(value)


def _wide(text: str) -> str:
    return "value long" if len(text) > 12 else "value"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
