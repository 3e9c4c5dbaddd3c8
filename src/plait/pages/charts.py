"""Charts that set two tables beside each other: gauges, overlaid histograms, bars, heat, clouds of points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from plait.pages.drawing import WIDTH, Axis, axes, path, stroke, svg
from plait.pages.page import Html, tag

__all__ = ["bars", "cloud", "gauge", "heat", "overlay"]

_LEFT, _RIGHT, _TOP = 52, 10, 8
_REAL, _OTHER = "var(--c0)", "var(--c1)"
_INK = {"fail": "var(--bad)", "warn": "var(--warn)", "pass": "var(--good)"}
_NAMES = 96  # pixels for the names of bars


def gauge(value: Mapping[str, float], worst: Mapping[str, float], best: Mapping[str, float], *, level: str, ends: Sequence[str]) -> Html:
    """A figure on the line between its two ends, the good one on the right; bands are 95 % intervals.

    Args:
        value, worst, best: Each {"value", "low", "high"}.
        level: "fail", "warn" or "pass", for the colour.
        ends: What the two ends are called.
    """
    height, middle = 62, 24
    rows = (worst, best, value)
    low, high = min(r["low"] for r in rows), max(r["high"] for r in rows)
    room = (high - low) * 0.04 or abs(high) * 0.05 or 0.05
    left, right = (low - room, high + room) if best["value"] >= worst["value"] else (high + room, low - room)
    start, stop = 16.0, WIDTH - 16.0

    def x(at: float) -> float:
        return start + (at - left) / (right - left) * (stop - start)

    def band(of: Mapping[str, float], colour: str, tall: float, opacity: str) -> Html:
        a, b = sorted((x(of["low"]), x(of["high"])))
        return tag(
            "rect", x=f"{a:.1f}", y=f"{middle - tall / 2:.1f}", width=f"{max(b - a, 1.5):.1f}", height=tall, rx=3, fill=colour,
            fill_opacity=opacity,
        )  # fmt: skip

    parts = [tag("line", x1=start, x2=stop, y1=middle, y2=middle, stroke="var(--line)", stroke_width=2)]
    for of in (worst, best):
        parts += [band(of, "var(--soft)", 10, "0.25"), _tick(x(of["value"]), middle)]
    parts += [band(value, _INK[level], 6, "0.55"), tag("circle", cx=f"{x(value['value']):.1f}", cy=middle, r=5, fill=_INK[level])]
    at = min(max(x(value["value"]), start + 12), stop - 12)
    parts.append(
        tag("text", _number(value["value"]), x=f"{at:.1f}", y=12, text_anchor="middle", style=f"fill:{_INK[level]};font-weight:700")
    )
    parts.append(tag("text", f"{ends[0]} {_number(worst['value'])}", x=start, y=middle + 22, text_anchor="start"))
    parts.append(tag("text", f"{ends[1]} {_number(best['value'])}", x=stop, y=middle + 22, text_anchor="end"))
    about = f"{_number(value['value'])}, between {ends[0]} with {_number(worst['value'])} and {ends[1]} with {_number(best['value'])}"
    return svg(WIDTH, height, *parts, label=about)


def overlay(shares: Mapping[str, Sequence[float]], ends: Sequence[str], *, label: str, height: int = 120) -> Html:
    """Two histograms over the same bins, the first filled and the second as a line.

    Args:
        shares: name -> share of each bin, two of them.
        ends: What stands below the first and below the last bin.
        label: Of the figure, for who can't see it.
    """
    (first, second), floor = ([np.asarray(s, float) for s in shares.values()], height - 20)
    top = max(float(first.max(initial=0)), float(second.max(initial=0))) or 1.0
    width = (WIDTH - 2 * _RIGHT) / max(len(first), 1)
    parts = [tag("line", x1=_RIGHT, x2=WIDTH - _RIGHT, y1=floor, y2=floor, stroke="var(--line)")]
    for place, share in enumerate(first):
        tall = share / top * (floor - _TOP)
        parts.append(tag("rect", x=f"{_RIGHT + place * width + 0.5:.1f}", y=f"{floor - tall:.1f}", width=f"{max(width - 1, 0.5):.1f}",
                         height=f"{tall:.1f}", fill=_REAL, fill_opacity="0.35"))  # fmt: skip
    steps = _RIGHT + np.repeat(np.arange(len(second) + 1), 2)[1:-1] * width
    heights = floor - np.repeat(second, 2) / top * (floor - _TOP)
    parts.append(tag("polyline", points=path(steps, heights), **stroke(1, 2)))
    parts.append(tag("text", ends[0], x=_RIGHT, y=height - 5, text_anchor="start"))
    parts.append(tag("text", ends[-1], x=WIDTH - _RIGHT, y=height - 5, text_anchor="end"))
    return svg(WIDTH, height, *parts, label=label)


def bars(values: Mapping[str, Sequence[float]], names: Sequence[object], *, label: str, form: str = "{:.0%}") -> Html:
    """Bars lying below each other, one of each series for a name.

    Args:
        values: series -> one value a name; one or two series.
        names: What the bars stand for.
        label: Of the figure.
        form: How a value is written.
    """
    series = [np.asarray(v, float) for v in values.values()]
    tall, gap = (16, 6) if len(series) == 1 else (11, 8)
    top = max((float(s.max(initial=0)) for s in series), default=0) or 1.0
    room = WIDTH - _NAMES - 48
    parts, y = [], 4.0
    colours = [_OTHER] if len(series) == 1 else [_REAL, _OTHER]
    for place, name in enumerate(names):
        block = tall * len(series)
        parts.append(tag("text", _cut(str(name), 15), x=_NAMES - 6, y=f"{y + block / 2 + 4:.1f}", text_anchor="end"))
        for one, colour in zip(series, colours, strict=True):
            long = max(0.0, one[place]) / top * room
            parts.append(
                tag("rect", x=_NAMES, y=f"{y:.1f}", width=f"{max(long, 1):.1f}", height=tall - 1, rx=2, fill=colour, fill_opacity="0.8")
            )
            parts.append(tag("text", form.format(one[place]), x=f"{_NAMES + long + 5:.1f}", y=f"{y + tall / 2 + 4:.1f}"))
            y += tall
        y += gap
    return svg(WIDTH, int(y), *parts, label=label)


def heat(values: np.ndarray, names: Sequence[str], *, most: float, label: str) -> Html:
    """A symmetric matrix, darker where more; what is NaN stays empty.

    Args:
        values: (names, names).
        names: Of rows and columns.
        most: What is darkest.
        label: Of the figure.
    """
    n, left, top = len(names), 92, 8
    side = min(26.0, (WIDTH - left - 4) / n)
    parts = []
    for row, name in enumerate(names):
        y = top + row * side
        if side >= 9:
            parts.append(tag("text", _cut(name, 15), x=left - 6, y=f"{y + side / 2 + 4:.1f}", text_anchor="end"))
        for column in range(row):
            if np.isfinite(values[row, column]):
                share = min(max(values[row, column] / most, 0.0), 1.0)
                box = {
                    "x": f"{left + column * side + 0.5:.1f}",
                    "y": f"{y + 0.5:.1f}",
                    "width": f"{side - 1:.1f}",
                    "height": f"{side - 1:.1f}",
                }
                about = tag("title", f"{name}, {names[column]}: {values[row, column]:+.3f}")
                parts.append(tag("rect", about, **box, rx=2, fill="var(--bad)", fill_opacity=f"{0.05 + 0.9 * share:.2f}"))
    if side >= 9:
        for column in range(n - 1):
            place = f"translate({left + (column + 0.5) * side + 4:.1f} {top + n * side + 8:.1f}) rotate(-60)"
            parts.append(tag("text", _cut(names[column], 12), transform=place, text_anchor="end"))
    return svg(WIDTH, int(top + n * side + (70 if side >= 9 else 8)), *parts, label=label)


def cloud(points: np.ndarray, *, x: str, y: str, ranges: Sequence[tuple[float, float]], second: bool, marks: bool = True) -> Html:
    """Points in the plane; a grid of shades beneath them where they are many is left to the eye.

    Args:
        points: (n, 2).
        x, y: What the axes show.
        ranges: The lower and the upper edge of each axis, so that two clouds compare.
        second: Whether it is the second table, for the colour.
        marks: Whether the axes bear numbers.
    """
    height = 230
    xs, ys = Axis(*ranges[0], _LEFT + 4, WIDTH - _RIGHT), Axis(*ranges[1], height - 34, _TOP)
    frame = axes(xs, ys, _cut(x, 40), _cut(y, 30)) if marks else _frame(xs, ys, _cut(x, 40), _cut(y, 30))
    points = np.clip(points, [ranges[0][0], ranges[1][0]], [ranges[0][1], ranges[1][1]]) if len(points) else points.reshape(0, 2)
    dots = [
        tag("circle", cx=f"{a:.1f}", cy=f"{b:.1f}", r="2", fill=_OTHER if second else _REAL, fill_opacity="0.4")
        for a, b in zip(xs(points[:, 0]), ys(points[:, 1]), strict=True)
    ]
    return svg(WIDTH, height, frame, *dots, label=f"{y} over {x}")


def _frame(xs: Axis, ys: Axis, x: str, y: str) -> Html:
    box = {"x": xs.start, "y": ys.stop, "width": xs.stop - xs.start, "height": ys.start - ys.stop}
    return Html(
        tag("rect", **box, fill="none", stroke="var(--line)")
        + tag("text", x, x=(xs.start + xs.stop) / 2, y=ys.start + 18, text_anchor="middle")
        + tag("text", y, transform=f"translate(24 {(ys.start + ys.stop) / 2}) rotate(-90)", text_anchor="middle")
    )


def _tick(x: float, middle: float) -> Html:
    return tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=middle - 8, y2=middle + 8, stroke="var(--soft)", stroke_width=2)


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.3f}"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
