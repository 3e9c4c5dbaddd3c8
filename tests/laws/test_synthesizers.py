"""Every synthesizer that needs no Keras keeps the laws, on a table of every kind of column, one of few rows and one of little in it."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait import constraints
from plait.testing import check_synthesizer

METHODS = ["Sequential", "GaussianCopula", "VineCopula", "Bootstrap", "Independent"]


def mixed(rows=400):
    """Numbers with a spike, bounded, heavy-tailed and with gaps; integers, text, flags, dates, a vector, one hot; masked targets."""
    rng = np.random.default_rng(3)
    table = plait.Arrays(
        age=rng.integers(18, 90, rows),
        city=np.array(["Bonn", "Köln", "Ulm", "Trier"])[np.minimum(rng.geometric(0.4, rows) - 1, 3)],
        day=np.datetime64("2021-03-01") + rng.integers(0, 500, rows),
        flag=rng.random(rows) < 0.2,
        shape=np.eye(3, dtype=np.float32)[rng.integers(0, 3, rows)],
        x=rng.normal(0, 1, (rows, 2)).astype(np.float32),
        score=np.where(rng.random(rows) < 0.15, np.nan, rng.random(rows)),
        spent=np.where(rng.random(rows) < 0.4, 0, np.round(rng.lognormal(3, 2, rows), 2)),
        grade=np.ma.masked_array(rng.integers(0, 3, rows), rng.random(rows) < 0.2),
        kind=np.array([None, "a", "b"], object)[rng.integers(0, 3, rows)],
    )
    inputs = ["age", "city", "day", "flag", "shape", "x", "score"]
    return plait.Dataset(
        inputs={n: table[n] for n in inputs},
        targets={n: table[n] for n in ("spent", "grade", "kind")},
        missing={"grade": "mask", "kind": "mask", "score": "keep"},
    )


def little():
    """Twelve rows: a constant, a column without a value, an id, two levels."""
    table = plait.Arrays(
        one=np.ones(12), none=np.full(12, np.nan), id=np.arange(10**17, 10**17 + 12), y=np.arange(12) % 2 * 1.5, z=np.arange(12.0)
    )
    inputs = {n: table[n] for n in ("one", "none", "id")}
    return plait.Dataset(inputs=inputs, targets={"y": table["y"], "z": table["z"]}, missing={"none": "keep"})


@pytest.mark.parametrize("data", [mixed, little])
@pytest.mark.parametrize("method", METHODS)
def test_synthesizers_keep_the_laws(method, data):
    made = data()
    check_synthesizer(lambda: getattr(plait, method).fit(made, seed=1, progress=False))


@pytest.mark.parametrize("method", METHODS)
def test_every_sample_obeys_every_constraint(method):
    rng = np.random.default_rng(0)
    a, b = rng.random(300), rng.random(300)
    start = rng.integers(0, 100, 300)
    table = plait.Arrays(a=a, b=b, total=a + b, start=start, end=start + rng.integers(0, 20, 300), age=rng.integers(18, 90, 300))
    data = plait.Dataset(inputs={n: table[n] for n in ("a", "b", "start", "age")}, targets={n: table[n] for n in ("total", "end")})
    rules = [constraints.Sum("total", of=["a", "b"]), constraints.Increasing(["start", "end"]), constraints.Bounds("age", 18, 65 + 24)]
    fitted = getattr(plait, method).fit(data, seed=1, constraints=rules, progress=False)
    drawn = fitted.sample(2000, seed=2)
    values = drawn.read(list(drawn.spec), np.arange(2000))
    np.testing.assert_allclose(values["total"], values["a"] + values["b"], rtol=1e-12)
    assert (values["start"] <= values["end"]).all() and values["age"].min() >= 18 and values["age"].max() <= 89
