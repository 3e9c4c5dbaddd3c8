"""Values that are missing in one table and in none of another's rows are a difference, not a failure."""

from __future__ import annotations

import re

import numpy as np

import plait


def some(rows, seed, share):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    table = plait.Arrays(x=np.where(rng.random(rows) < share, np.nan, x), y=x + rng.normal(size=rows))
    return plait.Dataset(inputs={"x": table["x"]}, targets={"y": table["y"]}, missing={"x": "keep"})


def test_missing_values_on_one_side_only_are_measured():
    real, train = some(200, 0, 0.0), some(200, 1, 0.0)
    for synthetic in (some(200, 2, 0.3), some(200, 3, 0.0)):
        report = plait.compare(real, synthetic, train=train)
        assert not [f for f in report if "could not be" in f.message or "features" in f.message]
    report = plait.compare(some(200, 0, 0.3), some(200, 2, 0.0), train=some(200, 1, 0.3))
    assert not [f for f in report if "could not be" in f.message or "features" in f.message]
    (x,) = (f for f in report if f.id == "marginals" and f.about == "x")
    assert x.level == "fail"  # what fails is said first
    assert re.match(r"0\.0% of the synthetic values are missing, and \d\d\.\d% of the real ones\. The Kolmogorov-Smirnov", x.message)
