"""What figures are drawn with: axes, lines, and the SVG around them, in the page's colours."""

from __future__ import annotations

import numpy as np

from plait.pages.page import Html, tag

__all__ = ["COLOURS", "WIDTH", "Axis", "axes", "path", "runs", "stroke", "svg"]

COLOURS = 6  # --c0 ... --c5 of the page
WIDTH = 360  # of a figure, in pixels


class Axis:
    """From values to pixels, with round marks."""

    def __init__(self, low: float, high: float, start: float, stop: float) -> None:
        self.low, self.high = float(low), float(high) if high > low else float(low) + 1.0
        self.start, self.stop = start, stop

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return self.start + (np.asarray(values, float) - self.low) / (self.high - self.low) * (self.stop - self.start)

    def marks(self, *, whole: bool = False) -> np.ndarray:
        rough = (self.high - self.low) / 5
        power = 10.0 ** np.floor(np.log10(rough))
        step = power * next(m for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        step = max(1.0, step) if whole else step
        return np.arange(np.ceil(self.low / step), np.floor(self.high / step + 1e-9) + 1) * step


def axes(xs: Axis, ys: Axis, x: str, y: str, *, whole: bool = False) -> Html:
    """The axes of a figure: marks, numbers and names."""
    parts = []
    for mark in ys.marks():
        at = f"{ys(mark):.1f}"
        parts.append(tag("line", x1=xs.start, x2=xs.stop, y1=at, y2=at, stroke="var(--line)"))
        parts.append(tag("text", f"{mark:g}", x=xs.start - 6, y=f"{ys(mark) + 4:.1f}", text_anchor="end"))
    parts += [tag("text", f"{m:g}", x=f"{xs(m):.1f}", y=ys.start + 15, text_anchor="middle") for m in xs.marks(whole=whole)]
    parts.append(tag("text", x, x=(xs.start + xs.stop) / 2, y=ys.start + 30, text_anchor="middle"))
    parts.append(tag("text", y, transform=f"translate(11 {(ys.start + ys.stop) / 2}) rotate(-90)", text_anchor="middle"))
    return Html("".join(parts))


def svg(width: int, height: int, *parts: Html, label: str = "", fixed: bool = False) -> Html:
    """The figure itself; it takes the width there is unless it is `fixed` or small."""
    about = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    style = "" if fixed or width < WIDTH else "width:100%"
    return tag("svg", *parts, viewBox=f"0 0 {width} {height}", width=width, height=height, style=style, **about)


def stroke(index: int, width: float) -> dict[str, object]:
    """Attributes of a line in the colour of this number."""
    return {
        "fill": "none",
        "stroke": f"var(--c{index % COLOURS})",
        "stroke_width": width,
        "stroke_linejoin": "round",
        "stroke_linecap": "round",
    }


def path(x: np.ndarray, y: np.ndarray) -> str:
    """What a polyline goes through."""
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def runs(good: np.ndarray) -> list[slice]:
    """The stretches in which all values are good."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], good, [False]]).astype(np.int8)))
    return [slice(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=True)]
