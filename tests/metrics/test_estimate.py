"""Intervals hold what they say, and figures that have a known value have it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from plait.metrics.estimate import Estimate, auc, clustered, correlation, difference, jackknife, mean, midranks, share


def covered(draw, truth, times=400):
    """How often the interval holds the truth."""
    found = [draw(np.random.default_rng(seed)) for seed in range(times)]
    return np.mean([e.low <= truth <= e.high for e in found])


def test_the_area_under_the_curve_is_that_of_mann_and_whitney():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 20, 80).astype(float), rng.integers(5, 25, 60).astype(float)
    assert auc(a, b)[0] == pytest.approx(stats.mannwhitneyu(b, a).statistic / (80 * 60))
    assert auc(np.zeros(5), np.ones(5))[0] == 1.0 and auc(np.ones(5), np.ones(5))[0] == 0.5


def test_ranks_with_ties_are_those_of_scipy():
    values = np.random.default_rng(0).integers(0, 9, 50)
    assert np.allclose(midranks(values), stats.rankdata(values))


def test_intervals_hold_the_truth_as_often_as_they_say():
    """95 % intervals; each share of 400 is between 92 and 98 % except in 1 of 100 runs. The seeds are fixed."""
    rho = 0.5
    root = np.linalg.cholesky([[1, rho], [rho, 1]])

    def area(rng):
        value, variance = auc(rng.normal(size=150), rng.normal(size=150) + 1)
        return Estimate.of(value, variance**0.5)

    def related(rng):
        a, b = root @ rng.normal(size=(2, 200))
        return Estimate.of(*correlation(a, b))

    shares = [
        covered(lambda rng: mean(rng.normal(size=80)), 0.0),
        covered(lambda rng: share(float(rng.binomial(60, 0.1)), 60), 0.1),
        covered(area, float(stats.norm.cdf(1 / np.sqrt(2)))),
        covered(related, rho),
    ]
    assert all(0.92 <= s <= 0.985 for s in shares), shares


def test_rows_that_belong_together_widen_the_interval():
    values = np.repeat(np.random.default_rng(0).normal(size=50), 10)
    alone, together = clustered(values, np.arange(500)), clustered(values, np.repeat(np.arange(50), 10))
    assert together.error == pytest.approx(alone.error * np.sqrt(10), rel=0.01)


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(0).normal(size=200)
    without = np.array([np.delete(values, k).mean() for k in range(200)])
    found = jackknife(float(values.mean()), without, least=-np.inf)
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(200), rel=1e-6)


def test_what_is_constant_has_no_correlation_and_a_difference_is_never_below_nothing():
    assert correlation(np.ones(10), np.arange(10.0)) == (0.0, 0.0)
    assert difference((0.1, 0.2), (0.15, 0.2)).low == 0.0
    assert str(Estimate(0.5, 0.4, 0.6)) == "0.500 (0.400 to 0.600)"
