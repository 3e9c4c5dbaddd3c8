"""Columns as rows of real numbers: there and back, and places drawn anew."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.synth.learned import prepare
from plait.synth.rows import Rows, placed


def rows_of(**streams):
    arrays = plait.Arrays(**streams)
    made = prepare("Flow", plait.Dataset(inputs={name: arrays[name] for name in streams}, missing="keep"), None, (), seed=0)
    return Rows.of(made.inner, made.columns), made.columns


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    return rows_of(
        grade=np.array(["a", "b", "c"])[rng.integers(0, 3, 200)],
        count=rng.poisson(2, 200),
        size=np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200)),
        often=np.where(rng.random(200) < 0.5, 0.0, rng.normal(size=200)),
    )


def test_what_is_placed_anywhere_comes_back(table):
    rows, columns = table
    for seed in range(5):
        back = rows.decode(placed(rows.shares(columns), np.random.default_rng(seed)))
        for name, column in columns.items():
            inner = column != np.nanmin(column) if name == "size" else np.ones(len(column), bool)  # the least borders on what is missing
            np.testing.assert_allclose(
                back[name][inner], column[inner], atol=0.01, err_msg=name
            )  # what stands beside a repeated value borders on it


def test_repeated_values_are_placed_anew_and_the_others_stay(table):
    rows, columns = table
    first, second = (placed(rows.shares(columns), np.random.default_rng(seed)) for seed in (0, 1))
    moved = {name: first[:, rows.part(name)] != second[:, rows.part(name)] for name in columns}
    assert not moved["grade"].any()
    assert moved["count"].all()
    assert np.array_equal(moved["size"].ravel(), np.isnan(columns["size"]))
    assert np.array_equal(moved["often"].ravel(), columns["often"] == 0)


def test_places_of_a_column_are_standard_normal():
    """Four standard errors of a mean and a deviation of 4 000 numbers: 1 in 8 000 seeds fails, and the seed is fixed."""
    rows, columns = rows_of(count=np.random.default_rng(1).poisson(2, 4000), size=np.random.default_rng(2).exponential(size=4000))
    values = placed(rows.shares(columns), np.random.default_rng(0))
    assert np.abs(values.mean(axis=0)).max() < 4 / 4000**0.5
    assert np.abs(values.std(axis=0) - 1).max() < 4 / 8000**0.5
