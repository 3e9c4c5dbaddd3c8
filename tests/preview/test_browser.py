"""The page of a batch in headless Chromium: whole, legible on a telephone, and deaf to what the data say."""

from __future__ import annotations

import numpy as np
import pytest
from browser import dom_of, look, needs_chromium
from numpy.dtypes import StringDType

import plait

EVIL = "</td><script>window.hacked = top.hacked = true; console.error('hacked')</script>"
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 3

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def data():
    """Every kind of stream, with hostile and with very long words."""
    rng = np.random.default_rng(0)
    n = 6
    source = plait.Arrays(
        photo=rng.integers(0, 256, (n, 20, 30, 3), dtype=np.uint8),
        lesion=rng.integers(0, 3, (n, 20, 30, 1), dtype=np.uint8),
        sensor=rng.normal(size=(n, 200, 4)).astype(np.float32),
        note=np.array([EVIL, LONG, "a < b", "ok", "", "&amp;"], dtype=StringDType()),
        ids=rng.integers(0, 1000, (n, 60)),
        price=np.array([1.0, np.nan, 3, 4, 5, 6]),
        key=[EVIL, LONG, "p3", "p4", "p5", "p6"],
    )
    made = plait.Dataset(
        inputs={name: source[name] for name in ("photo", "sensor", "note", "ids")},
        targets={"lesion": source["lesion"], "price": source["price"]},
        missing={"price": "mask"},
    )

    def mirror(photo, lesion, rng):
        turned = (rng.random(len(photo)) < 0.5)[:, None, None, None]
        return np.where(turned, photo[:, :, ::-1], photo), np.where(turned, lesion[:, :, ::-1], lesion)

    return made.map(plait.Standardize.fit(made["price"]), on="price").augment(mirror, on=["photo", "lesion"])


@pytest.fixture(scope="module")
def page(data):
    return plait.show(data, samples=6).to_html()


@pytest.fixture(scope="module")
def narrow(page, tmp_path_factory):
    return look(page, tmp_path_factory.mktemp("narrow"), width=400)


@pytest.fixture(scope="module")
def wide(page, tmp_path_factory):
    return look(page, tmp_path_factory.mktemp("wide"), width=1280)


def test_every_key_and_every_stream_is_there(narrow, data):
    for name in ["p3", "p4", "p5", "p6", LONG[:40], *data.inputs, *data.targets]:
        assert name in narrow.text
    assert narrow.text.count("missing") == 1
    assert narrow.text.count("fed, epoch 1") == 12


def test_it_fits_a_telephone_and_a_desk(narrow, wide):
    assert (narrow.overflow, wide.overflow) == (0, 0)
    assert set(narrow.tables) == {"block"}  # rows as cards
    assert set(wide.tables) == {"table"}


def test_every_picture_is_decoded_by_the_browser(wide):
    assert len(wide.images) == 6 * 2 * 3
    assert {(width, height) for _, width, height in wide.images} == {(30, 20)}
    assert all(alt for alt, *_ in wide.images)


def test_a_script_in_a_key_or_a_value_is_text(narrow, wide):
    for seen in (narrow, wide):
        assert (seen.scripts, seen.handlers, seen.hacked) == (0, 0, False)
        assert "<script>window.hacked" in seen.text


def test_nothing_is_loaded_and_the_console_stays_empty(narrow, wide):
    assert narrow.resources == wide.resources == []
    assert narrow.console == wide.console == []


def test_the_file_that_show_writes_opens_as_it_is(data, tmp_path):
    plait.show(data, samples=2, html=tmp_path / "batch.html")
    dom, console = dom_of(tmp_path / "batch.html", tmp_path)
    assert "<h1>One batch</h1>" in dom
    assert console == []
    assert "<script" not in dom


def test_the_browser_would_have_seen_a_script_run(tmp_path):
    """The checks above can fail: a page that does what they forbid is noticed."""
    bad = "<!doctype html><body><div style='width:900px'>x</div><script>top.hacked = true; console.error('hacked')</script>"
    seen = look(bad, tmp_path, width=400)
    assert (seen.scripts, seen.hacked, seen.overflow > 400, seen.console) == (1, True, True, ["hacked"])
