"""Dates are shown as dates."""

from __future__ import annotations

import re

import numpy as np
import pytest

import plait
from plait.tabular import Schema, Variable


def dated(rows, seed, unit="ms", late=0):
    rng = np.random.default_rng(seed)
    days = np.datetime64("2024-08-10", "D") + rng.integers(0, 300, rows) + late
    source = plait.Arrays(day=days.astype(f"datetime64[{unit}]"), y=rng.normal(size=rows))
    return plait.Dataset(inputs={"day": source["day"]}, targets={"y": source["y"]})


@pytest.mark.parametrize("unit", ["D", "s", "ms", "ns"])
def test_a_date_is_shown_in_the_form_of_iso(unit):
    schema = Schema.of(dated(50, 0, unit))
    day = schema["day"]
    assert re.fullmatch(r"202[45]-\d\d-\d\d", day.shown(day.high))
    assert Variable.from_json(day.to_json()) == day
    older = {name: value for name, value in day.to_json().items() if name != "dtype"}
    assert Variable.from_json(older).shown(0.0) == str(day.origin)


def test_a_time_of_day_is_shown_where_there_is_one_and_a_duration_has_its_unit():
    moments = np.array(["2024-08-10T12:30:00", "2024-08-11T00:00:00", "2024-08-11T01:02:03.250"], "M8[ms]")
    source = plait.Arrays(at=moments, wait=np.array([1, 2, 5], "m8[h]"))
    schema = Schema.of(plait.Dataset(inputs={"at": source["at"]}, targets={"wait": source["wait"]}))
    columns = schema.columns(plait.Dataset(inputs={"at": source["at"]}, targets={"wait": source["wait"]}))
    assert [schema["at"].shown(v) for v in columns["at"]] == ["2024-08-10T12:30:00", "2024-08-11", "2024-08-11T01:02:03.250"]
    assert schema["wait"].shown(columns["wait"][2]) == "5 hours"


def test_a_report_has_no_dates_as_numbers():
    report = plait.compare(dated(100, 0), dated(100, 1, late=200), train=dated(100, 2))
    text = report.to_html() + str(report)
    assert "leave the range of all real values, 2024-08-" in text and "2025-" in text
    assert not re.search(r"\d{12}", text)
