"""MinMax: exact ends, any range, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged


def test_the_least_value_goes_to_the_begin_and_the_greatest_to_the_end() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 3)) * [1, 1e6, 1e-6]
    for low, high in ((0, 1), (-1, 1)):
        scaled = plait.MinMax.fit(plait.Arrays(x=values), range=(low, high))(values)
        assert (scaled.min(axis=0) == low).all() and (scaled.max(axis=0) == high).all()
        assert scaled.dtype == np.float32


def test_values_beyond_the_fitted_ones_are_not_clipped() -> None:
    assert plait.MinMax.fit([0, 10])(np.array([20, -10])).tolist() == [2, -1]


def test_bytes_to_0_to_1_without_a_fit() -> None:
    assert plait.MinMax(0, 255)(np.array([[0, 51, 255]], np.uint8)).tolist() == [[0, np.float32(0.2), 1]]


def test_a_feature_that_never_changes_goes_to_the_begin_and_comes_back() -> None:
    fitted = plait.MinMax.fit([0.3, 0.3], range=(-1, 1))
    assert fitted([0.3]).tolist() == [-1]
    assert fitted.inverse(np.array([-1.0])).tolist() == [0.3]


def test_ragged_series_and_one_range_in_all() -> None:
    column = Ragged.of([[[0.0, 10.0]], [[1.0, 20.0], [4.0, 30.0]]])
    assert plait.MinMax.fit(column).high.tolist() == [4, 30]
    assert plait.MinMax.fit(column, axis=None).high == 30


@pytest.mark.parametrize("bad", [(1, 0), (0, 0), (0, float("inf"))])
def test_a_range_without_width_is_refused(bad: tuple[float, float]) -> None:
    with pytest.raises(plait.ArgumentError, match=r"MinMax: range=\(.*\) must begin below its end"):
        plait.MinMax.fit([1.0, 2.0], range=bad)


def test_what_cannot_be_fitted_on_is_named() -> None:
    with pytest.raises(plait.TransformError, match=r"MinMax.fit: Arrays\(x\)\['x'\] holds -inf at sample 1"):
        plait.MinMax.fit(plait.Arrays(x=[1.0, -np.inf]))
    with pytest.raises(plait.TransformError, match=r"MinMax.fit: the samples of .* are all of length 0"):
        plait.MinMax.fit(Ragged.of([[], []]))
    with pytest.raises(plait.TransformError, match=r"low and high must be finite, of one shape and low <= high; found low 3. and high 1."):
        plait.MinMax(3.0, 1.0)
    with pytest.raises(plait.TransformError, match=r"low and high must be finite"):
        plait.MinMax.fit([-1.5e308, 1.5e308])


def test_other_features_than_those_fitted_on_are_refused() -> None:
    with pytest.raises(
        plait.TransformError, match=r"MinMax was fitted on samples of shape \(..., 2\) and is given samples of shape \(3,\)"
    ):
        plait.MinMax.fit(np.eye(2))(np.eye(3))
