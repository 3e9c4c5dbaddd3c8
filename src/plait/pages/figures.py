"""Figures as SVG that follows the page's colours: sparklines, curves, scatter, confusion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plait.pages.drawing import COLOURS, WIDTH, Axis, axes, path, runs, stroke, svg
from plait.pages.page import Html, tag

__all__ = ["confusion", "curves", "legend", "scatter", "sparkline", "trace"]

_HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 240, 44, 34, 10, 12


def sparkline(values: np.ndarray, ranges: Sequence[tuple[float, float]], *, width: int = 104, height: int = 40) -> Html:
    """A series, one line a channel, each on a scale of its own.

    Args:
        values: (time, channels); values that are not finite leave a gap.
        ranges: For each channel, what the lower and the upper edge stand for.
        width, height: In pixels.
    """
    x = np.linspace(1, width - 1, len(values)) if len(values) > 1 else np.full(len(values), width / 2)
    lines = []
    for channel, (low, high) in enumerate(ranges[:COLOURS]):
        y = height - 2 - (values[:, channel].astype(float) - low) / ((high - low) or 1.0) * (height - 4)
        lines += [tag("polyline", points=path(x[run], y[run]), **stroke(channel, 1.4)) for run in runs(np.isfinite(y))]
    return svg(width, height, *lines)


def trace(points: np.ndarray, strokes: np.ndarray, *, size: int = 96) -> Html:
    """A path in the plane, each stroke in its own colour, a dot where it begins.

    Args:
        points: (n, 2) x and y as shares of the square, y downwards.
        strokes: (n,) number of the stroke that each point belongs to.
        size: Of the square, in pixels.
    """
    parts = []
    for index, number in enumerate(np.unique(strokes)):
        x, y = (points[strokes == number] * size).T
        parts.append(tag("polyline", points=path(x, y), **stroke(index % COLOURS, 2)))
        parts.append(tag("circle", cx=f"{x[0]:.1f}", cy=f"{y[0]:.1f}", r="2.6", fill=f"var(--c{index % COLOURS})"))
    return svg(size, size, *parts, label=f"path of the pen in {len(np.unique(strokes))} strokes", fixed=True)


def curves(series: Mapping[str, Sequence[float]], *, x: str, y: str) -> Html:
    """Lines over 1, 2, 3, ...

    Args:
        series: name -> values.
        x, y: What the axes show.
    """
    values = np.array([v for line in series.values() for v in line if np.isfinite(v)] or [0.0])
    length = max(map(len, series.values()), default=1)
    xs, ys = Axis(1, max(length, 2), _LEFT, WIDTH - _RIGHT), Axis(min(0.0, values.min()), values.max(), _HEIGHT - _BOTTOM, _TOP)
    lines = []
    for index, line in enumerate(series.values()):
        places, heights = xs(np.arange(1, len(line) + 1)), ys(np.asarray(line, float))
        lines += [tag("polyline", points=path(places[run], heights[run]), **stroke(index, 2)) for run in runs(np.isfinite(heights))]
    return tag("div", svg(WIDTH, _HEIGHT, axes(xs, ys, x, y, whole=True), *lines, label=f"{y} over {x}"), legend(list(series)))


def scatter(truth: np.ndarray, predicted: np.ndarray, *, x: str, y: str) -> Html:
    """Points (truth, predicted), and the line on which they would agree."""
    low, high = float(min(truth.min(), predicted.min(), 0)), float(max(truth.max(), predicted.max()))
    xs, ys = Axis(low, high, _LEFT, WIDTH - _RIGHT), Axis(low, high, _HEIGHT - _BOTTOM, _TOP)
    dots = [
        tag("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r="2.1", fill="var(--c0)", fill_opacity="0.45")
        for a, b in zip(xs(truth), ys(predicted), strict=True)
    ]
    ends = np.array([low, high])
    line = tag("polyline", points=path(xs(ends), ys(ends)), **stroke(1, 1.5), stroke_dasharray="5 4")
    return svg(WIDTH, _HEIGHT, axes(xs, ys, x, y), *dots, line, label=f"{y} over {x}")


def confusion(counts: np.ndarray, classes: Sequence[object]) -> Html:
    """How often each class (rows) was taken for each (columns); darker where the share of the row is larger.

    Args:
        counts: (classes, classes) integers.
        classes: Their names.
    """
    n, left, top = len(classes), 74, 30
    side = (WIDTH - left - 4) / n
    tall = min(side, 44.0)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    parts = []
    for row, name in enumerate(classes):
        y = top + row * tall
        parts.append(tag("text", _short(name, 11), x=left - 6, y=f"{y + tall / 2 + 4:.1f}", text_anchor="end"))
        parts.append(
            tag("text", _short(name, max(3, int(side / 6))), x=f"{left + (row + 0.5) * side:.1f}", y=top - 8, text_anchor="middle")
        )
        for column in range(n):
            x, colour = left + column * side, "var(--c2)" if row == column else "var(--c1)"
            box = {"x": f"{x + 1:.1f}", "y": f"{y + 1:.1f}", "width": f"{side - 2:.1f}", "height": f"{tall - 2:.1f}", "rx": "3"}
            parts.append(tag("rect", **box, fill=colour, fill_opacity=f"{0.06 + 0.6 * share[row, column]:.2f}"))
            place = {"x": f"{x + side / 2:.1f}", "y": f"{y + tall / 2 + 4:.1f}", "text_anchor": "middle"}
            parts.append(tag("text", int(counts[row, column]), **place, style="fill:var(--ink)"))
    return svg(WIDTH, int(top + n * tall + 6), *parts, label="true classes in rows, predicted ones in columns")


def legend(names: Sequence[object]) -> Html:
    """Names beside the colours of their lines, in order."""
    return tag("div", *(tag("span", tag("i", style=f"background:var(--c{i % COLOURS})"), n) for i, n in enumerate(names)), class_="legend")


def _short(name: object, most: int) -> str:
    text = str(name)
    return text if len(text) <= most else text[: most - 1] + "…"
