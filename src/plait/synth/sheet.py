"""What a generator makes, as one picture: a row for each thing it is told, a column for each draw of the noise."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from plait.errors import ReadError
from plait.pages.png import encode
from plait.synth.spatial import Scene

__all__ = ["pairs", "rows_of", "sheet", "write_sheet"]

_ROWS, _GAP, _HEIGHT = 10, 2, 48
_MOST, _CELL, _DOT, _BARS = 6, 96, 140, 24
_REAL, _MADE = np.array([70, 70, 70]), np.array([20, 100, 200])


def rows_of(scene: Scene) -> dict[str, np.ndarray]:
    """What each row of a sheet is told: one row a class where there are classes, else what some training samples were told."""
    if not scene.conditions:
        return {}
    first = next((c for c in scene.conditions if c.kind == "class"), None)
    known = scene.known
    rows = np.arange(min(_ROWS, len(next(iter(known.values())))))
    if first is not None:
        rows = np.unique(known[first.name], return_index=True)[1][:_ROWS]
    return {name: values[rows] for name, values in known.items()}


def sheet(made: np.ndarray, columns: int, *, bounds: tuple[float, float]) -> np.ndarray:
    """One picture of many samples.

    Args:
        made: (rows * columns, height, width, channels) or (rows * columns, time, channels), row by row.
        columns: How many.
        bounds: What is black and what is white; of series, what is at the bottom and at the top.

    Returns:
        (height, width, 1 | 3) uint8.
    """
    low, high = bounds
    share = np.clip((made.astype(np.float64) - low) / (high - low or 1.0), 0, 1)
    pictures = _lines(share) if made.ndim == 3 else np.rint(255 * share).astype(np.uint8)
    if pictures.shape[-1] not in (1, 3):
        pictures = pictures[..., :1]
    n, height, width, channels = pictures.shape
    rows = -(-n // columns)
    whole = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels), 128, np.uint8)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + _GAP), number % columns * (width + _GAP)
        whole[top : top + height, left : left + width] = picture
    return whole


def pairs(real: Mapping[str, np.ndarray], made: Mapping[str, np.ndarray]) -> np.ndarray:
    """Variables against each other, the first six: real ones in grey below the diagonal, made ones in blue above it, both on it.

    A network that has learned the dependence gives the same clouds on either side, mirrored.

    Args:
        real, made: variable name -> (rows,) float64, NaN where missing, which is left out.

    Returns:
        (height, width, 3) uint8.
    """
    names = list(real)[:_MOST]
    places = {side: {name: _place(real[name], values[name]) for name in names} for side, values in (("real", real), ("made", made))}
    size = len(names) * (_CELL + _GAP) - _GAP
    whole = np.full((size, size, 3), 128, np.uint8)
    for i, down in enumerate(names):
        for j, across in enumerate(names):
            both = [(places[side][across], places[side][down], ink) for side, ink in (("real", _REAL), ("made", _MADE))]
            cell = _outlines(both) if i == j else _dots(*both[i < j])
            top, left = i * (_CELL + _GAP), j * (_CELL + _GAP)
            whole[top : top + _CELL, left : left + _CELL] = cell
    return whole


def write_sheet(folder: str | os.PathLike[str], epoch: int, picture: np.ndarray) -> None:
    """Write epoch-0001.png into a folder, which is made where it isn't there.

    Raises:
        ReadError: Nothing can be written there.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"epoch-{epoch + 1:04d}.png").write_bytes(encode(picture))
    except OSError as error:
        raise ReadError(f"sheets={os.fspath(folder)!r}: nothing can be written there: {error}. Name a folder of your own.") from error


def _place(real: np.ndarray, values: np.ndarray) -> np.ndarray:
    """(rows,) between 0 and 1: where a value stands between the least and the greatest real one; NaN stays."""
    seen = real[np.isfinite(real)]
    low, high = (seen.min() / 2, seen.max() / 2) if len(seen) else (0.0, 0.5)  # halves: the largest numbers have no difference
    return 0.05 + 0.9 * np.clip((values / 2 - low) / ((high - low) or 1.0), 0, 1)


def _dots(across: np.ndarray, down: np.ndarray, ink: np.ndarray) -> np.ndarray:
    """(cell, cell, 3) a dot of two by two a row, darker where there are several."""
    there = np.isfinite(across) & np.isfinite(down)
    counts = np.histogram2d(1 - down[there], across[there], bins=_CELL // 2, range=((0, 1), (0, 1)))[0].repeat(2, 0).repeat(2, 1)
    shade = np.clip(counts * _DOT / 255, 0, 1)[..., None]
    return np.rint(255 * (1 - shade) + ink * shade).astype(np.uint8)


def _outlines(both: list[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """(cell, cell, 3) how one variable is distributed, as a line a side."""
    cell = np.full((_CELL, _CELL, 3), 255, np.uint8)
    counts = [np.histogram(values[np.isfinite(values)], bins=_BARS, range=(0, 1))[0] for values, _, _ in both]
    shares = [count / max(1, count.sum()) for count in counts]
    top = max(share.max() for share in shares) or 1.0
    for share, (_, _, ink) in zip(shares, both, strict=True):
        height = np.rint((1 - 0.95 * np.repeat(share, _CELL // _BARS) / top) * (_CELL - 1)).astype(int)
        before = np.concatenate([height[:1], height[:-1]])
        rows = np.arange(_CELL)[:, None]
        cell[(rows >= np.minimum(height, before)) & (rows <= np.maximum(height, before))] = ink
    return cell


def _lines(share: np.ndarray) -> np.ndarray:
    """(samples, time, channels) between 0 and 1 as (samples, height, time, 1) pictures, one line a channel."""
    samples, time, channels = share.shape
    heights = np.rint((1 - share) * (_HEIGHT - 1)).astype(int)
    before = np.concatenate([heights[:, :1], heights[:, :-1]], axis=1)
    low, high = np.minimum(heights, before)[:, None], np.maximum(heights, before)[:, None]  # (samples, 1, time, channels)
    y = np.arange(_HEIGHT)[None, :, None, None]
    inked = (y >= low) & (y <= high)
    shades = np.linspace(0, 140, channels).astype(np.uint8)
    pictures = np.full((samples, _HEIGHT, time, 1), 255, np.uint8)
    for channel in range(channels):
        pictures[..., 0][inked[..., channel]] = shades[channel]
    return pictures
