"""Quantile: ranks whatever the distribution, ties, samples of more than memory holds."""

from __future__ import annotations

import numpy as np
import pytest

import plait


def test_a_skewed_feature_becomes_uniform_or_normal() -> None:
    values = np.random.default_rng(0).exponential(size=(20_000, 2))
    uniform = plait.Quantile.fit(plait.Arrays(x=values))(values)
    np.testing.assert_allclose(np.quantile(uniform, [0.1, 0.5, 0.9], axis=0), [[0.1] * 2, [0.5] * 2, [0.9] * 2], atol=0.002)
    normal = plait.Quantile.fit(values, output="normal")(values)
    np.testing.assert_allclose([normal.mean(), normal.std()], [0, 1], atol=0.02)


def test_it_agrees_with_scikit_learn_between_the_ends() -> None:
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    values = np.random.default_rng(0).exponential(size=(3000, 1)).round(1)  # many ties
    inner = (values > values.min()) & (values < values.max())  # scikit-learn gives ties at the ends the ends, plait their middle
    for output in ("uniform", "normal"):
        theirs = preprocessing.QuantileTransformer(output_distribution=output).fit_transform(values)
        np.testing.assert_allclose(plait.Quantile.fit(values, output=output)(values)[inner], theirs[inner], atol=1e-5)


def test_a_value_that_many_share_takes_the_middle_of_their_ranks_and_comes_back() -> None:
    values = np.array([1.0, 1.0, 1.0, 2.0, 5.0, 5.0])
    fitted = plait.Quantile.fit(values)
    assert fitted(values)[:3] == pytest.approx([0.2] * 3)
    np.testing.assert_allclose(fitted.inverse(fitted(values)), values, rtol=1e-6)


def test_values_beyond_the_fitted_ones_map_to_the_ends() -> None:
    assert plait.Quantile.fit([1.0, 2.0, 3.0])(np.array([-9.0, 9.0])).tolist() == [0, 1]
    assert plait.Quantile.fit([1.0, 2.0, 3.0], output="normal")(np.array([-9.0, 9.0])) == pytest.approx([-5.1993, 5.1993], abs=1e-3)


def test_of_more_values_than_are_held_a_sample_is_taken_whose_shares_are_within_the_stated_error() -> None:
    values = np.random.default_rng(0).normal(size=300_000)
    fitted = plait.Quantile.fit(plait.Arrays(x=values), most=20_000)
    ranks = np.searchsorted(np.sort(values), fitted.knots) / len(values)
    bound = np.sqrt(np.log(2 / 0.001) / (2 * 20_000))  # Massart's constant at 99.9 %; the seed is fixed
    assert np.abs(ranks - np.linspace(0, 1, 1000)).max() < bound
    assert fitted.knots.tolist() == plait.Quantile.fit(plait.Arrays(x=values), most=20_000).knots.tolist()
    assert fitted.knots.tolist() != plait.Quantile.fit(plait.Arrays(x=values), most=20_000, seed=1).knots.tolist()


def test_one_sample_is_enough() -> None:
    assert plait.Quantile.fit([4.0])(np.array([4.0, 5.0])).tolist() == [0.5, 1]


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(plait.ArgumentError, match=r"output='gauss' is not known; write 'uniform' or 'normal'"):
        plait.Quantile.fit([1.0], output="gauss")  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match=r"quantiles=1 must be at least 2"):
        plait.Quantile.fit([1.0], quantiles=1)
    with pytest.raises(plait.TransformError, match=r"knots must be .* finite and not decreasing"):
        plait.Quantile(np.array([2.0, 1.0]))
    with pytest.raises(plait.TransformError, match=r"knots must be .* finite and not decreasing"):
        plait.Quantile.fit([-1.5e308, 1.5e308])
    with pytest.raises(plait.TransformError, match=r"Quantile.fit: the samples of .* are all of length 0"):
        plait.Quantile.fit(plait.Ragged.of([[], []]))
    with pytest.raises(plait.TransformError, match=r"Quantile was fitted on samples of shape \(..., 2\)"):
        plait.Quantile.fit(np.eye(2))(np.eye(3))
