"""A report is false when a finding fails, and says the same as text, JSON and HTML."""

from __future__ import annotations

import json

import numpy as np

import plait

FINDINGS = (
    plait.Finding("pass", "x", "fits", id="shape"),
    plait.Finding("warn", "y", "is constant", id="values", values={"low": np.float32(1.5), "count": np.int64(3)}),
    plait.Finding(
        "fail", "z", "has 3 classes & the head 2", "Dense(3, name='<z>')", "label-range", {"labels": np.arange(3), "worst": np.nan}
    ),
)


def test_a_report_is_false_when_a_finding_fails():
    assert plait.Report("nothing")
    assert plait.Report("good", FINDINGS[:2])
    assert not plait.Report("bad", FINDINGS)


def test_findings_are_counted_and_told_apart():
    report = plait.Report("data", FINDINGS)
    assert (len(report), list(report)) == (3, list(FINDINGS))
    assert report.failures == FINDINGS[2:]
    assert report.warnings == FINDINGS[1:2]


def test_text_tells_the_worst_first_and_the_remedy_below():
    assert str(plait.Report("data", FINDINGS)).splitlines() == [
        "data: 1 failed, 1 warned, 1 passed",
        "✗ z: has 3 classes & the head 2",
        "    -> Dense(3, name='<z>')",
        "! y: is constant",
        "✓ x: fits",
    ]
    assert repr(plait.Report("data")) == "data: 0 failed, 0 warned, 0 passed"


def test_json_holds_everything_in_types_that_every_parser_reads(tmp_path):
    report = plait.Report("data", FINDINGS)
    text = report.to_json(tmp_path / "report.json")
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == text

    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    found = json.loads(text, parse_constant=refuse)
    assert (found["title"], found["passed"]) == ("data", False)
    assert [f["level"] for f in found["findings"]] == ["pass", "warn", "fail"]
    assert found["findings"][1]["values"] == {"low": 1.5, "count": 3}
    assert found["findings"][2] == {
        "level": "fail",
        "about": "z",
        "message": "has 3 classes & the head 2",
        "remedy": "Dense(3, name='<z>')",
        "id": "label-range",
        "values": {"labels": [0, 1, 2], "worst": "nan"},
    }


def test_json_takes_keys_of_every_kind_and_whatever_else_as_text():
    values = {"such as": [("a", 1), 7], "by": {1: True, None: None}, "when": np.datetime64("2024-01-31"), "what": {3}}
    found = json.loads(plait.Report("join", (plait.Finding("pass", "x", "", values=values),)).to_json())
    assert found["findings"][0]["values"] == {
        "such as": [["a", 1], 7],
        "by": {"1": True, "None": None},
        "when": "2024-01-31",
        "what": "{3}",
    }


def test_html_is_one_page_that_escapes_what_users_call_their_things(tmp_path):
    report = plait.Report("<script>", FINDINGS)
    page = report.to_html(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page
    assert "<title>&lt;script&gt;</title>" in page
    assert "<script" not in page
    assert "3 classes &amp; the head 2<br><code>Dense(3, name=&#x27;&lt;z&gt;&#x27;)</code>" in page
    assert page.index('class="fail"') < page.index('class="warn"') < page.index('class="pass"')
    assert "http" not in page
