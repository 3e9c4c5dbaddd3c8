"""A picture of a graph: variables in layers, parents above, as SVG."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from plait.errors import ReadError
from plait.spec import Spec
from plait.synth.nodes import Node

__all__ = ["Picture", "picture"]

_HIGH, _GAP, _BETWEEN, _EDGE = 46, 56, 28, 16  # pixels: of a box, between layers, between boxes, around all
_LETTER = 7.6  # width of one at 13 px
_SWEEPS = 6
_STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1c2733; text-anchor: middle }
  .kind { font-size: 11px; fill: #5b6875 }
  .box { stroke: #38607f; stroke-width: 1.3; fill: #e6f0f7 }
  .target .box { stroke: #8a5a13; fill: #fbefd9 }
  .latent .box { stroke: #7b8794; stroke-dasharray: 4 3; fill: #fff }
  .edge { stroke: #7b8794; stroke-width: 1.3; fill: none }
"""


Stop = str | tuple[str, str, int]  # a variable, or where the arrow between two crosses a layer


@dataclass(frozen=True)
class Picture:
    """A drawing that shows itself in a notebook.

    Args:
        svg: The whole document.
    """

    svg: str

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to an SVG file.

        Raises:
            ReadError: It cannot be written.
        """
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(self.svg)
        except OSError as error:
            raise ReadError(f"The picture cannot be written to {os.fspath(path)!r}: {error.strerror or error}.") from error

    def _repr_svg_(self) -> str:
        return self.svg


def picture(nodes: Sequence[Node], roles: Mapping[str, str], specs: Mapping[str, Spec]) -> Picture:
    """Boxes in layers, each below all of its parents; within a layer near their parents and children.

    Args:
        nodes: In ancestral order.
        roles: variable -> "input", "target" or "latent".
        specs: variable -> what a row of it is.

    References:
        Sugiyama, Tagawa and Toda (1981), "Methods for visual understanding of hierarchical system structures", IEEE SMC 11: layers,
        and barycentres against crossings.
    """
    parents = {name: node.parents for node in nodes for name in node.names}
    labels = {name: (name, f"{node.label} · {specs[name]}") for node in nodes for name in node.names}
    layers, routes = _layers(nodes)
    wide = {name: max(len(name) * _LETTER, len(kind) * _LETTER * 0.82) + 22 for name, (_, kind) in labels.items()}
    links = [pair for route in routes for pair in pairwise(route)]
    places = _places(_ordered(layers, links), wide)
    width = max(x + _width(stop, wide) / 2 for stop, (x, _) in places.items()) + _EDGE
    height = _EDGE * 2 + len(layers) * _HIGH + (len(layers) - 1) * _GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img">',
        f"<title>{escape(', '.join(parents))}</title>",
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#7b8794"/></marker></defs>',
        *(_arrow([places[stop] for stop in route]) for route in routes),
        *(_box(places[name], wide[name], labels[name], roles[name]) for name in parents),
        "</svg>",
    ]
    return Picture("\n".join(lines) + "\n")


def _layers(nodes: Sequence[Node]) -> tuple[list[list[Stop]], list[list[Stop]]]:
    """What stands in each layer, and the way of each arrow: where it crosses a layer it has a place of its own there."""
    depth: dict[str, int] = {}
    for node in nodes:
        depth |= dict.fromkeys(node.names, 1 + max((depth[parent] for parent in node.parents), default=-1))
    layers: list[list[Stop]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, at in depth.items():
        layers[at].append(name)
    routes: list[list[Stop]] = []
    for node in nodes:
        for parent, name in ((parent, name) for name in node.names for parent in node.parents):
            between: list[Stop] = [(parent, name, at) for at in range(depth[parent] + 1, depth[name])]
            for stop in between:
                layers[stop[2]].append(stop)  # type: ignore[index,call-overload]
            routes.append([parent, *between, name])
    return layers, routes


def _ordered(layers: list[list[Stop]], links: Sequence[tuple[Stop, Stop]]) -> list[list[Stop]]:
    """The layers, each in the order of the mean places of what it is linked with, down and up a few times."""
    above: dict[Stop, list[Stop]] = {stop: [] for layer in layers for stop in layer}
    below: dict[Stop, list[Stop]] = {stop: [] for stop in above}
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        place = {stop: (at + 0.5) / len(layer) for layer in layers for at, stop in enumerate(layer)}
        for layer in layers if down else layers[::-1]:
            linked = above if down else below
            middle = {stop: sum(place[o] for o in linked[stop]) / len(linked[stop]) if linked[stop] else place[stop] for stop in layer}
            layer.sort(key=middle.__getitem__)
            place |= {stop: (at + 0.5) / len(layer) for at, stop in enumerate(layer)}
    return layers


def _places(layers: Sequence[Sequence[Stop]], wide: Mapping[str, float]) -> dict[Stop, tuple[float, float]]:
    """Middle and top of each box, each layer centred."""
    widths = [sum(_width(stop, wide) for stop in layer) + _BETWEEN * (len(layer) - 1) for layer in layers]
    places = {}
    for number, layer in enumerate(layers):
        x = _EDGE + (max(widths) - widths[number]) / 2
        for stop in layer:
            places[stop] = (x + _width(stop, wide) / 2, _EDGE + number * (_HIGH + _GAP))
            x += _width(stop, wide) + _BETWEEN
    return places


def _width(stop: Stop, wide: Mapping[str, float]) -> float:
    return wide[stop] if isinstance(stop, str) else 0.0


def _arrow(places: Sequence[tuple[float, float]]) -> str:
    """A curve from the bottom of the first box to the top of the last, straight down where it crosses a layer."""
    x, y = places[0]
    path, y = f"M{x:.1f} {y + _HIGH:.1f}", y + _HIGH
    for number, (there, top) in enumerate(places[1:], 2):
        end = top - 2 if number == len(places) else top
        middle = (y + end) / 2
        path += f" C{x:.1f} {middle:.1f} {there:.1f} {middle:.1f} {there:.1f} {end:.1f}"
        x, y = there, end
        if number < len(places):
            path, y = f"{path} L{x:.1f} {y + _HIGH:.1f}", y + _HIGH
    return f'<path class="edge" d="{path}" marker-end="url(#tip)"/>'


def _box(place: tuple[float, float], wide: float, label: tuple[str, str], role: str) -> str:
    x, y = place
    round_by = 20 if role == "latent" else 6
    return (
        f'<g class="{role}"><title>{role}</title><rect class="box" x="{x - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{_HIGH}" '
        f'rx="{round_by}"/><text x="{x:.1f}" y="{y + 19:.1f}">{escape(label[0])}</text>'
        f'<text class="kind" x="{x:.1f}" y="{y + 36:.1f}">{escape(label[1])}</text></g>'
    )
