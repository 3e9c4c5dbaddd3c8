"""Pictures and figures: exact bytes, well-formed SVG, figures that show what they are given."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, strategies as st
from PIL import Image

from plait.errors import SpecError
from plait.pages.figures import confusion, curves, scatter, sparkline, trace
from plait.pages.page import Html, escape, page, report, table, tag
from plait.pages.png import encode
from plait.report import Finding, Report


def parsed(figure: str) -> ElementTree.Element:
    return ElementTree.fromstring(f"<div>{figure}</div>")


def points(figure: str) -> list[np.ndarray]:
    lines = parsed(figure).iter("polyline")
    return [np.array([pair.split(",") for pair in line.get("points", "").split()], float) for line in lines]


@given(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4]), st.integers(0, 2**32 - 1))
def test_a_png_gives_back_the_array(height, width, channels, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width, channels), dtype=np.uint8)
    decoded = np.asarray(Image.open(io.BytesIO(encode(image))))
    assert np.array_equal(decoded.reshape(image.shape), image)


@pytest.mark.parametrize("image", [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), np.float32), np.zeros((0, 4), np.uint8)])
def test_what_a_png_cannot_hold_is_an_error(image):
    with pytest.raises(SpecError, match=r"A PNG holds \(height, width\) or \(height, width, 1 \| 3 \| 4\) uint8, not \("):
        encode(image)


def test_curves_reach_from_the_first_epoch_to_the_last_and_share_a_scale():
    figure = curves({"train": [2.0, 1.0], "test": [1.0, 0.0]}, x="epoch", y="loss")
    train, test = points(figure)
    assert (train[0, 0], train[-1, 0]) == (test[0, 0], test[-1, 0])
    assert train[1, 1] == test[0, 1]  # 1.0 is as high in both
    assert train[0, 1] < train[1, 1]  # more is further up
    assert [word in figure for word in ("train", "test", "epoch", "loss")] == [True] * 4


def test_a_single_epoch_and_a_loss_that_is_not_finite_can_be_drawn():
    assert len(points(curves({"train": [0.5]}, x="epoch", y="loss"))) == 1
    assert "nan" not in curves({"train": [0.5, float("nan"), 0.3]}, x="epoch", y="loss")


def test_the_diagonal_of_a_scatter_is_where_truth_and_prediction_agree():
    figure = parsed(scatter(np.array([1.0, 2.0]), np.array([1.0, 3.0]), x="true", y="said"))
    on, off = [(float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in figure.iter("circle")]
    (x0, y0), (x1, y1) = points(scatter(np.array([1.0, 2.0]), np.array([1.0, 3.0]), x="true", y="said"))[-1]

    def height(x: float) -> float:
        return y0 + (x - x0) / (x1 - x0) * (y1 - y0)

    assert on[1] == pytest.approx(height(on[0]), abs=0.2)
    assert off[1] < height(off[0]) - 5  # said more: above


def test_a_confusion_holds_every_count_and_every_class():
    figure = parsed(confusion(np.array([[50, 3], [7, 40]]), ["cat", "a very long name of a class"]))
    words = [text.text for text in figure.iter("text")]
    assert {"50", "3", "7", "40", "cat"} <= set(words)
    shades = [float(box.get("fill-opacity", 0)) for box in figure.iter("rect")]
    assert shades[0] > shades[1] and shades[3] > shades[2]


def test_a_sparkline_stays_inside_its_box_and_a_flat_one_is_drawn():
    line = points(sparkline(np.array([[0.0], [5.0], [10.0]]), [(0.0, 10.0)], width=100, height=40))[0]
    assert line.min() >= 0 and line[:, 0].max() <= 100 and line[:, 1].max() <= 40
    assert len(points(sparkline(np.ones((4, 1)), [(1.0, 1.0)]))[0]) == 4


def test_a_trace_has_a_line_a_stroke():
    assert len(points(trace(np.random.default_rng(0).random((6, 2)), np.array([1, 1, 2, 2, 3, 3])))) == 3


@given(st.text())
def test_text_is_escaped_and_comes_back(text):
    wanted = "".join(c for c in text if c.isprintable() or c == " ")
    element = ElementTree.fromstring(tag("p", wanted, title=wanted))
    assert (element.text or "") == wanted
    assert element.get("title", "") == wanted


def test_html_is_not_escaped_twice():
    assert escape(tag("b", "<")) == "<b>&lt;</b>"
    assert isinstance(escape("x"), Html)


def test_a_table_names_the_column_in_every_cell_for_narrow_screens():
    cells = list(parsed(table(["key", "age"], [["p1", 41]])).iter("td"))
    assert [(cell.get("data-name"), cell.text) for cell in cells] == [("key", "p1"), ("age", "41")]


def test_a_report_shows_what_fails_with_its_remedy_and_folds_up_what_passes():
    passed = [Finding("pass", f"stream {i}", "fits") for i in range(9)]
    found = Report("check", (*passed, Finding("fail", "grade", "has 4 classes <b>", "keras.layers.Dense(4)")))
    text = report(found)
    assert "<summary>9 passed</summary>" in text
    assert "keras.layers.Dense(4)" in text and "&lt;b&gt;" in text
    assert text.index("grade") < text.index("stream 0")
    assert "<details>" not in report(Report("check", tuple(passed[:3])))


def test_a_page_declares_its_language_its_encoding_and_that_nothing_may_be_loaded():
    text = page("Title <&>", tag("p", "body"))
    assert text.startswith('<!doctype html>\n<html lang="en">')
    assert '<meta charset="utf-8">' in text
    assert "<title>Title &lt;&amp;&gt;</title>" in text
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in text
