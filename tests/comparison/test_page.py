"""The page of a comparison: whole, legible on a telephone, and deaf to what the data say."""

from __future__ import annotations

import numpy as np
import pytest
from browser import look, needs_chromium

import plait

EVIL = "</td><script>window.hacked = top.hacked = true; console.error('hacked')</script>"


@pytest.fixture(scope="module")
def report():
    def table(seed):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=120)
        values = {EVIL: x, "kind": rng.choice([EVIL, "b"], 120), "y": x + seed, "z": -x + rng.normal(size=120)}
        source = plait.Arrays(**values, key=[f"{EVIL}{n}" for n in range(120)])
        return plait.Dataset(inputs={n: source[n] for n in (EVIL, "kind")}, targets={n: source[n] for n in "yz"})

    return plait.compare(table(0), table(1), train=table(2))


def test_the_page_says_what_to_worry_about_first_and_what_it_cannot_say(report):
    text = report.to_html()
    places = [
        text.index(words) for words in ("What to worry about first", "At a glance", "Can the rows be told apart?</h2>", "What this page")
    ]
    assert places == sorted(places)
    assert "This is not a privacy guarantee" in text and "no total score" in text
    assert "<script" not in text and "nan" not in text.lower().replace("finance", "")


def test_a_report_of_check_keeps_its_plain_page():
    assert plait.Report("check", (plait.Finding("pass", "x", "fits"),)).to_html().startswith("<!doctype html>\n<html")


def test_a_page_without_faults_says_so():
    text = plait.Report("calm", (plait.Finding("pass", "detection", "fine", id="detection"),), page=report_page()).to_html()
    assert "Nothing stands out" in text


def test_the_worst_figure_of_a_question_is_shown_whatever_else_is_wrong_with_a_column():
    found = [column("sex", 0.018, "fail"), column("age", 0.02, "pass"), column("bmi", 0.158, "fail"), column("fat", 0.01, "pass")]
    text = plait.Report("one", tuple(found), page=report_page()).to_html()
    assert "bmi: Said." in text and "bmi, KS" in text
    calm = plait.Report("one", tuple(column(f.about, f.values["value"], "pass") for f in found), page=report_page()).to_html()
    assert "bmi, KS" in calm and "sex, KS" not in calm


def column(name, value, level):
    def end(at):
        return {"value": at, "low": at - 0.02, "high": at + 0.02}

    values = {
        "scale": "KS",
        "best": "low",
        "ends": ["floor", "ceiling"],
        "floor": end(0.02),
        "ceiling": end(0.02),
        "place": None,
        "slack": 0.03,
    }
    return plait.Finding(level, name, "Said.", id="marginals", values={**values, **end(value)})


def report_page():
    from plait.comparison.page import comparison_page

    return comparison_page


@needs_chromium
@pytest.mark.parametrize("width", [400, 1280])
def test_it_fits_a_telephone_and_a_desk_and_runs_nothing(report, tmp_path, width):
    seen = look(report.to_html(), tmp_path, width=width)
    assert (seen.overflow, seen.scripts, seen.handlers, seen.hacked) == (0, 0, 0, False)
    assert seen.resources == seen.console == []
    assert "What to worry about first" in seen.text
