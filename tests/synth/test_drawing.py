"""The picture of a graph."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

import plait
from plait.distributions import Normal
from plait.errors import ReadError

SVG = "{http://www.w3.org/2000/svg}"


def diamond() -> plait.Graph:
    return plait.Graph(
        {
            "a": Normal(0, 1),
            "b<c": 2.0,
            "left": Normal(lambda a: a, 1),
            "right": lambda rng, a: rng.normal(a, 1),
            "end": lambda left, right, a: left + right + a,
        },
        inputs=["left", "b<c"],
        targets=["end"],
    )


def _boxes(svg: str) -> dict[str, tuple[float, float, float]]:
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        box, name = group.find(f"{SVG}rect"), group.find(f"{SVG}text")
        assert box is not None and name is not None and name.text is not None
        found[name.text] = (float(box.attrib["x"]), float(box.attrib["y"]), float(box.attrib["width"]))
    return found


def test_every_variable_is_a_box_below_its_parents_and_no_two_overlap():
    boxes = _boxes(diamond().draw().svg)
    assert set(boxes) == {"a", "b<c", "left", "right", "end"}
    assert boxes["a"][1] < boxes["left"][1] == boxes["right"][1] < boxes["end"][1]
    for name, (x, y, wide) in boxes.items():
        for other, (left, top, _) in boxes.items():
            assert name == other or y != top or left >= x + wide or left < x


def test_every_parent_is_an_arrow_and_every_role_has_its_look():
    svg = diamond().draw().svg
    assert svg.count('class="edge"') == 5
    assert [len(re.findall(f'<g class="{role}">', svg)) for role in ("input", "target", "latent")] == [2, 1, 2]
    assert "Normal · () float32" in svg and "http" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_an_arrow_over_a_layer_goes_round_the_boxes_in_it():
    boxes = _boxes(diamond().draw().svg)
    long = next(d for d in re.findall(r'class="edge" d="([^"]*)"', diamond().draw().svg) if d.count("C") > 1)
    x = float(re.findall(r"L([\d.]+)", long)[0])
    for name in ("left", "right"):
        assert not boxes[name][0] <= x <= boxes[name][0] + boxes[name][2]


def test_it_shows_itself_in_a_notebook_and_is_saved(tmp_path):
    picture = diamond().draw()
    assert picture._repr_svg_() == picture.svg
    picture.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == picture.svg
    with pytest.raises(ReadError, match=r"The picture cannot be written to '.*none/graph.svg'"):
        picture.save(tmp_path / "none" / "graph.svg")
