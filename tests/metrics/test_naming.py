"""A category nearly all of whose values differ names rows."""

from __future__ import annotations

import numpy as np

import plait


def noted(rows, seed, notes):
    x = np.random.default_rng(seed).normal(size=rows)
    source = plait.Arrays(x=x, note=notes, y=x + np.random.default_rng(seed + 9).normal(size=rows))
    return plait.Dataset(inputs={"x": source["x"], "note": source["note"]}, targets={"y": source["y"]})


def notes(seed, rows=200):
    return np.array([f"note {seed} {n}" if n >= 3 else "none" for n in range(rows)])


def test_values_that_name_training_rows_fail_privacy_when_they_are_repeated():
    real, train = noted(200, 0, notes(0)), noted(200, 1, notes(1))
    again = plait.compare(real, noted(200, 2, np.random.default_rng(0).choice(notes(1), 200)), train=train)
    (found,) = (f for f in again if f.id == "naming")
    assert (found.level, found.remedy) == ("fail", "leave 'note' out of the data set")
    assert "note: 98% of its values name one training row each; synthetic rows repeat them." in found.message
    assert "100% of the synthetic values" in found.message
    (column,) = (f for f in again if f.id == "marginals" and f.about == "note")
    assert column.level == "warn" and "can't be compared: 98% of its values name one real row each" in column.message
    assert "<h3>note" in again.to_html()
    other = plait.compare(real, noted(200, 2, notes(2)), train=train)
    assert [f.level for f in other if f.id in ("naming", "rare")] == ["pass", "pass"]


def test_categories_whose_levels_recur_name_nobody():
    def kinds(seed):
        return np.random.default_rng(seed).choice([f"kind {n}" for n in range(60)], 200)

    report = plait.compare(noted(200, 0, kinds(0)), noted(200, 2, kinds(2)), train=noted(200, 1, kinds(1)))
    assert not [f for f in report if f.id == "naming"]
    assert [f.values.get("scale") for f in report if f.id == "marginals" and f.about == "note"] == ["total variation"]
