"""Margins: to uniform numbers and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kstest

from plait import ArgumentError
from plait.synth.margins import Margin
from plait.tabular.variables import Kind, Variable

_RNG = np.random.default_rng(7)
_N = 5000
COLUMNS: dict[str, tuple[np.ndarray, Kind]] = {
    "normal": (_RNG.normal(size=_N), "number"),
    "two decimals": (np.round(_RNG.normal(size=_N), 2), "number"),
    "four decimals": (np.round(_RNG.normal(size=_N), 4), "number"),
    "zero-inflated": (np.where(_RNG.random(_N) < 0.4, 0.0, _RNG.exponential(size=_N)), "number"),
    "bounded on both sides": (np.clip(_RNG.normal(size=_N), -1, 1), "number"),
    "heavy tails": (_RNG.standard_cauchy(_N), "number"),
    "prices": (np.rint(np.exp(_RNG.normal(8, 1, _N))), "integer"),
    "counts": (_RNG.poisson(3, _N).astype(np.float64), "integer"),
    "multiples of five": (5.0 * _RNG.poisson(30, _N) + 2, "integer"),
    "repeated measurements": (_RNG.choice(_RNG.normal(size=60), _N), "number"),
    "single precision": (_RNG.normal(size=_N).astype(np.float32).astype(np.float64), "number"),
    "some missing": (np.where(_RNG.random(_N) < 0.2, np.nan, _RNG.normal(size=_N)), "number"),
    "levels, some missing": (np.where(_RNG.random(_N) < 0.1, np.nan, _RNG.integers(0, 4, _N)), "category"),
    "days": (_RNG.integers(0, 400, _N).astype(np.float64), "date"),
}


def variable(values: np.ndarray, kind: Kind = "number") -> Variable:
    raw = values.astype(np.int64) if kind in ("integer", "date") else values
    return Variable.of("v", "v", None, "input", kind, raw, np.isnan(values))


@pytest.fixture(params=COLUMNS)
def column(request: pytest.FixtureRequest) -> tuple[np.ndarray, Margin]:
    values, kind = COLUMNS[request.param]
    return values, Margin.fit(values, variable(values, kind))


def test_values_come_back(column):
    values, margin = column
    back = margin.from_uniform(margin.to_uniform(values, np.random.default_rng(0)))
    scale = np.maximum(np.abs(values), 1)
    assert np.nanmax(np.abs(back - values) / scale) < 1e-9
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))


def test_what_was_fitted_on_is_uniform(column):
    values, margin = column
    shares = margin.to_uniform(values, np.random.default_rng(1))
    assert shares.min() >= 0 and shares.max() <= 1
    assert kstest(shares, "uniform").pvalue > 1e-4  # fails for one seed in 10 000 a column at most: ranks are more even than draws


def test_drawn_values_are_distributed_as_fresh_ones_are(column):
    values, margin = column
    drawn = margin.from_uniform(np.random.default_rng(2).random(_N))
    levels = np.unique(np.nan_to_num(np.r_[values, drawn], nan=-1e9))
    ours, theirs = (np.searchsorted(np.sort(np.nan_to_num(v, nan=-1e9)), levels, side="right") / _N for v in (drawn, values))
    assert np.abs(ours - theirs).max() < 1.95 * np.sqrt(2 / _N)  # Smirnov's bound: fails for one seed in 1000 a column


def test_nothing_leaves_the_range_or_the_grid(column):
    values, margin = column
    drawn = margin.from_uniform(np.r_[0.0, 1.0, np.random.default_rng(3).random(20_000)])
    assert np.nanmin(drawn) >= np.nanmin(values) and np.nanmax(drawn) <= np.nanmax(values)
    if margin.grid is not None:
        first, step, decimals = margin.grid
        places = (drawn[~np.isnan(drawn)] * 10**decimals - first) / step
        np.testing.assert_allclose(places, np.rint(places), atol=1e-6)


def test_arrays_hold_the_whole_state(column):
    _, margin = column
    again = Margin.of_arrays(margin.arrays())
    shares = np.random.default_rng(4).random(1000)
    np.testing.assert_array_equal(again.from_uniform(shares), margin.from_uniform(shares))
    assert sum(a.nbytes for a in margin.arrays().values()) < 150_000


def test_a_spike_keeps_its_share_and_the_rest_is_not_copied():
    values, _ = COLUMNS["zero-inflated"]
    drawn = Margin.fit(values, variable(values)).from_uniform(np.random.default_rng(5).random(20_000))
    assert abs((drawn == 0).mean() - (values == 0).mean()) < 0.014  # four standard errors: fails for one seed in 10 000
    assert not np.isin(drawn[drawn > 0], values).any()


def test_the_share_of_missing_values_is_kept():
    values, _ = COLUMNS["some missing"]
    margin = Margin.fit(values, variable(values))
    assert margin.missing == np.isnan(values).mean()
    assert abs(np.isnan(margin.from_uniform(np.random.default_rng(6).random(20_000))).mean() - margin.missing) < 0.012  # four errors


def test_a_million_values_take_a_few_thousand_knots():
    values = np.rint(np.exp(np.random.default_rng(8).normal(8, 1, 1_000_000)))
    margin = Margin.fit(values, variable(values, "integer"))
    assert len(margin.shares) < 5000
    tail = np.array([1e-5, 1e-4, 1 - 1e-4, 1 - 1e-5])
    np.testing.assert_allclose(margin.from_uniform(tail), np.quantile(values, tail), rtol=0.1)


def test_levels_stand_in_the_order_asked_for():
    codes = np.repeat([0.0, 1.0, 2.0], [10, 30, 60])
    kind = Variable("c", "c", None, "input", "category", ("a", "b", "c"), 0, 0, 2)
    margin = Margin.fit(codes, kind, order=[2, 0, 1])
    np.testing.assert_array_equal(margin.from_uniform(np.array([0.0, 0.59, 0.65, 0.75, 1.0])), [2, 2, 0, 1, 1])
    np.testing.assert_allclose(np.column_stack(margin.interval(np.array([0.0, 1.0, 2.0]))), [[0.6, 0.7], [0.7, 1.0], [0.0, 0.6]])


def test_a_number_of_few_values_can_be_given_an_order():
    hours = np.tile(np.arange(24.0), 10)
    margin = Margin.fit(hours, variable(hours, "integer"), order=np.arange(24.0)[::-1])
    np.testing.assert_array_equal(margin.from_uniform(np.array([0.01, 0.99])), [23, 0])


def test_a_level_without_rows_is_never_drawn_and_may_be_given():
    kind = Variable("c", "c", None, "input", "category", ("a", "b", "c"), 0, 0, 2)
    margin = Margin.fit(np.array([1.0, 1.0]), kind)
    assert set(margin.from_uniform(np.linspace(0, 1, 101)).tolist()) == {1.0}
    low, high = margin.interval(np.array([0.0, 2.0]))
    np.testing.assert_array_equal(low, high)


@pytest.mark.parametrize(
    "values",
    [[3.5], [1.0, 2.0], [np.nan], [np.nan, 4.0], [0.1, 0.2, 0.3], [-1e300, 1e300], [-1.7e308, 1e-300, 1.0, 1.7e308], [1e307, 3e307]],
)
def test_very_few_values_are_no_trouble(values):
    column = np.array(values)
    margin = Margin.fit(column, variable(column))
    drawn = margin.from_uniform(np.linspace(0, 1, 50))
    present = drawn[~np.isnan(drawn)]
    assert bool(len(present)) == bool((~np.isnan(column)).any())
    assert (present >= np.nanmin(column)).all() and (present <= np.nanmax(column)).all() if len(present) else True


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6) | st.just(0.0) | st.just(np.nan)), st.integers(0, 99))
def test_any_column_comes_back(values, seed):
    margin = Margin.fit(values, variable(values))
    shares = margin.to_uniform(values, np.random.default_rng(seed))
    back = margin.from_uniform(shares)
    span = max(np.ptp(values[~np.isnan(values)]), 1e-300) if (~np.isnan(values)).any() else 1.0
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))
    here = ~np.isnan(values)
    assert (np.abs(back - values)[here] <= 1e-6 * span + 1e-9 * np.abs(values[here])).all()


def test_no_rows_are_an_error():
    with pytest.raises(ArgumentError, match=r"Margin.fit: 'v' has no rows; at least one is needed."):
        Margin.fit(np.empty(0), Variable("v", "v", None, "input", "number"))


def test_a_value_outside_of_the_order_is_an_error():
    with pytest.raises(ArgumentError, match=r"Margin.fit: 'v' holds 3, which is not in order=. Name every value once."):
        Margin.fit(np.array([1.0, 3.0]), variable(np.array([1.0, 3.0]), "integer"), order=[1, 2])
