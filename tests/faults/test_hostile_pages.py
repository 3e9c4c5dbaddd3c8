"""Names, keys and values from strangers on pages and terminals: text, and never markup or a command."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from faults import count, refused
from PIL import Image

import plait
from plait.report import Finding, Report
from plait.spec import TEXT
from plait.visible import printable

BAD = [
    "<script>document.title='executed'</script>",
    "\"><img src=x onerror=\"document.title='executed'\">",
    "' onmouseover='alert(1)",
    "</title></style><svg onload=alert(1)>",
    "<!--", "]]>", "&lt;script&gt;", "javascript:alert(1)", "\x1b]0;owned\x07\x1b[2J", "\u202egnp.exe", "a\0b", "\ud800",
]  # fmt: skip


LOADING = ("src", "href", "xlink:href", "action", "formaction", "srcdoc")


class Marks(HTMLParser):
    """What a browser would see: elements, and attributes that run something or load something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "link", "base", "form", "foreignobject"):
            self.found.append(tag)
        for name, value in attrs:
            loads = name in ("src", "href", "xlink:href", "action", "formaction", "srcdoc") and not re.match(
                r"data:image/png|#", value or ""
            )
            if name.startswith("on") or loads:
                self.found.append(f"{tag} {name}={value}")


def harmless(page: str) -> None:
    marks = Marks()
    marks.feed(page)
    assert not marks.found
    assert "default-src 'none'" in page or "<table>" in page


def quiet(text: str) -> None:
    """No character of it commands a terminal."""
    assert all(c.isprintable() or c in "\n\t" for c in text), f"{text!r}"
    text.encode()


def hostile(bad: str) -> plait.Dataset:
    words = bad.replace("\ud800", "?")
    source = plait.Arrays(
        {bad: np.arange(3.0), "text": np.array([words, "a", "b"], TEXT), "code": np.array([0, 1, 0])}, key=[words.rstrip("\0"), "k2", "k3"]
    )
    return plait.Dataset(inputs={bad: source[bad], "text": source["text"]}, targets={"code": source["code"]})


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_names_keys_and_values_are_text_on_the_page_of_a_preview(tmp_path: Path, bad: str) -> None:
    count("bad inputs tried")
    shown = plait.show(hostile(bad), html="page.html")
    harmless(Path("page.html").read_text(encoding="utf-8"))
    frame = Marks()
    frame.feed(shown._repr_html_())
    assert len(frame.found) == 2 and frame.found[0] == "iframe" and frame.found[1].startswith("iframe srcdoc=<!doctype html>")
    assert 'sandbox=""' in shown._repr_html_()
    quiet(str(shown))


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_what_is_printed_commands_no_terminal(bad: str) -> None:
    count("bad inputs tried")
    data = hostile(bad)
    for thing in (data, data.join, plait.Preprocessing(data)):
        quiet(str(thing))
        quiet(repr(thing))
    report = Report(bad, (Finding("fail", bad, bad, bad, values={bad: bad}),))
    quiet(str(report))
    harmless(report.to_html())
    report.to_json()
    with refused(r"There is no stream|no stream"):
        data.map(np.abs, on=f"{bad}x")


def test_a_finding_of_compare_is_text_on_its_page(tmp_path: Path) -> None:
    for bad in BAD[:6]:
        count("bad inputs tried")
        ends = {"value": 0.5, "low": 0.4, "high": 0.6}
        values = {
            **ends,
            "place": 0.5,
            "floor": ends,
            "ceiling": ends,
            "ends": [bad, bad],
            "scale": bad,
            "best": "low",
            "slack": 0.1,
            "says": bad,
        }
        found = (
            Finding("fail", bad, bad, bad, id="detection", values=values),
            Finding("warn", bad, bad, bad, id="marginals", values=values),
            Finding("pass", bad, bad, id="privacy", values={}),
        )
        from plait.comparison.page import comparison_page
        from plait.comparison.plots import PLOTS

        drawn = {name: PLOTS.pop(name) for name in list(PLOTS)}  # plots of columns are tested with real ones in tests/comparison
        try:
            page = comparison_page(Report(bad, found))
        finally:
            PLOTS.update(drawn)
        harmless(page)


def test_a_comparison_of_tables_with_hostile_names_is_text(tmp_path: Path) -> None:
    count("bad inputs tried")
    rng, bad = np.random.default_rng(0), BAD[0]
    level = np.array([BAD[1], BAD[3], "c"])

    def table() -> plait.Dataset:
        x = rng.normal(size=60)
        source = plait.Arrays({bad: x, BAD[2]: level[rng.integers(0, 3, 60)], "y": (x + rng.normal(size=60) > 0).astype(int)})
        return plait.Dataset(inputs={bad: source[bad], BAD[2]: source[BAD[2]]}, targets={"y": source["y"]})

    report = plait.compare(table(), table(), progress=False)
    harmless(report.to_html("report.html"))
    quiet(str(report))


def test_a_file_name_is_text_in_messages_and_on_pages(tmp_path: Path) -> None:
    bad = "<script>alert(1)<"
    folder = tmp_path / "\x1b[2J<b>"
    folder.mkdir()
    Image.new("RGB", (4, 4)).save(folder / f"{bad}.png")
    data = plait.Dataset(inputs={"image": plait.Images(folder / "{id}.png")})
    harmless(plait.show(data).to_html())
    quiet(f"{data}")
    (folder / f"{bad}.png").write_bytes(b"\x1b[2J")
    with refused(r"is no picture that can be read"):
        data.read(["image"], np.arange(1))
    with refused(r"no file matches"):
        plait.Images(folder / "none_{id}.png")
    Path("\x1b[2J.csv").write_text("id,x\n")
    with refused(r"has a header"):
        plait.Csv("\x1b[2J.csv")


def test_a_page_is_never_half_written(tmp_path: Path) -> None:
    Path("page.html").write_text("old")
    with refused(r"The page cannot be written to '/nowhere/page.html'"):
        plait.show(hostile("x"), html="/nowhere/page.html")
    with refused(r"The page cannot be written to '.': it is a folder"):
        Report("x").to_html(".")
    assert Path("page.html").read_text() == "old"


def test_printable_keeps_what_can_be_shown() -> None:
    assert printable("Zoë 图 \n\t") == "Zoë 图 \n\t"
    assert printable("\x1b[2J\u202e\ud800\x7f") == "\\x1b[2J\\u202e\\ud800\\x7f"
