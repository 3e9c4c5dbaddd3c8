"""Standardize: exact statistics in one pass, of the present samples alone, and what it refuses."""

from __future__ import annotations

import math

import numpy as np
import pytest

import plait
from plait.ragged import Ragged


def stream(values: object, **more: object) -> plait.Stream:
    return plait.Arrays(age=values, **more)["age"]  # type: ignore[arg-type]


def test_the_result_has_mean_0_and_standard_deviation_1_in_float32() -> None:
    ages = np.random.default_rng(0).integers(18, 90, 1000)
    scaled = plait.Standardize.fit(stream(ages))(ages)
    assert scaled.dtype == np.float32
    assert abs(scaled.mean()) < 1e-6 and abs(scaled.std() - 1) < 1e-6


def test_statistics_do_not_depend_on_how_the_samples_come_in_chunks() -> None:
    values = np.random.default_rng(0).normal(1e8, 3, (30_000, 2))  # four chunks; a naive sum of squares would lose all digits
    fitted = plait.Standardize.fit(stream(values))
    np.testing.assert_allclose(fitted.mean, [math.fsum(column) / 30_000 for column in values.T], rtol=1e-15)
    np.testing.assert_allclose(fitted.std, values.std(axis=0), rtol=1e-13)


def test_each_feature_has_its_own_scale_and_images_have_one_a_channel() -> None:
    photos = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3)).astype(np.uint8)
    fitted = plait.Standardize.fit(stream(photos))
    np.testing.assert_allclose(fitted.mean, photos.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(fitted.std, photos.std(axis=(0, 1, 2)))


def test_axis_none_is_one_scale_in_all_and_axis_1_one_a_time_step() -> None:
    series = np.random.default_rng(0).normal(size=(7, 5, 2))
    assert plait.Standardize.fit(series, axis=None).mean.shape == ()
    fitted = plait.Standardize.fit(series, axis=1)
    np.testing.assert_allclose(fitted.mean[:, 0], series.mean(axis=(0, 2)))
    assert fitted(series).shape == series.shape


def test_values_of_unequal_lengths_all_count_once() -> None:
    column = Ragged.of([[1.0, 2.0], [3.0], [], [10.0, 4.0, 1.0]])
    assert plait.Standardize.fit(stream(column)).mean == pytest.approx(21 / 6)


def test_a_feature_that_never_changes_becomes_0_and_comes_back_exactly() -> None:
    constant = np.full(7, 0.1)
    fitted = plait.Standardize.fit(constant)
    assert fitted.std == 1
    assert (fitted(constant) == 0).all()
    assert (fitted.inverse(fitted(constant)) == 0.1).all()


def test_absent_samples_do_not_count() -> None:
    assert plait.Standardize.fit(stream([1.0, np.nan, 3.0])).mean == 2


def test_the_inverse_keeps_the_digits_of_large_values() -> None:
    days = 1.7e9 + np.arange(50) * 86400.0
    fitted = plait.Standardize.fit(days)
    assert fitted.inverse(fitted(days)).dtype == np.float64
    np.testing.assert_allclose(fitted.inverse(fitted(days)), days, atol=1)


def test_known_statistics_need_no_fit() -> None:
    photo = np.full((1, 2, 2, 3), 0.485, np.float32)
    scale = plait.Standardize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    np.testing.assert_allclose(scale(photo)[0, 0, 0], [0, 0.029 / 0.224, 0.079 / 0.225], atol=1e-6)


def test_the_unit_goes_with_the_scale() -> None:
    after = plait.Standardize.fit([1.0, 2.0]).spec(plait.Spec((), np.dtype(np.float64), unit="mm"))
    assert after == plait.Spec((), np.dtype(np.float32))


def test_a_nan_is_named_by_stream_and_key() -> None:
    series = np.ones((3, 2))
    series[1, 1] = np.inf
    data = plait.Arrays(age=series, key=["p1", "p2", "p3"])
    with pytest.raises(plait.TransformError, match=r"Standardize.fit: Arrays\(age\)\['age'\] holds inf at sample 'p2'"):
        plait.Standardize.fit(data)


def test_a_nan_in_an_array_is_named_by_row_also_in_a_ragged_one() -> None:
    with pytest.raises(plait.TransformError, match=r"the data of Standardize.fit holds nan at row 9000"):
        plait.Standardize.fit(np.where(np.arange(9500) == 9000, np.nan, 1.0))
    with pytest.raises(plait.TransformError, match=r"holds nan at row 2"):
        plait.Standardize.fit(Ragged.of([[1.0], [], [2.0, np.nan]]))


def test_no_sample_and_only_empty_samples_cannot_be_fitted_on() -> None:
    with pytest.raises(plait.TransformError, match=r"Standardize.fit: the data holds no sample to fit on. Fit on the training part"):
        plait.Standardize.fit([])
    with pytest.raises(plait.TransformError, match=r"holds no sample to fit on; all 2 are absent"):
        plait.Standardize.fit(stream([np.nan, np.nan]))
    with pytest.raises(plait.TransformError, match=r"all of length 0; there is no value to fit on"):
        plait.Standardize.fit(Ragged.of([[], []]))


def test_text_is_refused_with_what_to_write() -> None:
    with pytest.raises(plait.TransformError, match=r"takes numbers, and Arrays\(age\)\['age'\] is text; Vocabulary or Tokenize"):
        plait.Standardize.fit(stream(["a", "b"]))
    with pytest.raises(plait.TransformError, match=r"takes numbers, and the column is text"):
        plait.Standardize.fit([1.0, 2.0])(np.array(["a"]))
    with pytest.raises(plait.TransformError, match=r"dtype datetime64\[D\]; turn it into numbers with Cast or a callable"):
        plait.Standardize.fit(stream(np.array(["2024-01-01"], "M8[D]")))


def test_other_features_than_those_fitted_on_are_refused_not_broadcast() -> None:
    fitted = plait.Standardize.fit(np.random.default_rng(0).random((9, 5)))
    for wrong in (np.zeros(5), np.zeros((3, 1)), np.zeros((3, 7))):
        with pytest.raises(plait.TransformError, match=r"fitted on samples of shape \(..., 5\) and is given samples of shape"):
            fitted(wrong)
    with pytest.raises(plait.TransformError, match=r"shape \(..., 5\) and is given samples of shape \(7,\)"):
        fitted.spec(plait.Spec((7,), np.dtype(float)))
    with pytest.raises(plait.TransformError, match=r"shape \(..., 1\) and is given samples of shape \(7,\)"):
        plait.Standardize([1.0], [2.0])(np.zeros((3, 7)))


@pytest.mark.parametrize(
    ("axis", "message"),
    [(0, "axis=0 is the samples axis"), (3, "axis=3 does not exist"), (-3, "axis=-3 is the samples axis"), ((1, 9), "axis=9 does not")],
)
def test_axes_that_cannot_be_meant_are_refused(axis: int, message: str) -> None:
    with pytest.raises(plait.ArgumentError, match=message):
        plait.Standardize.fit(np.ones((4, 3, 2)), axis=axis)


def test_an_axis_of_unequal_lengths_has_no_statistics_of_its_own() -> None:
    with pytest.raises(plait.ArgumentError, match=r"samples \(\?, 2\) float32 differ in length along axis 1. Write axis=None"):
        plait.Standardize.fit(Ragged.of([np.ones((2, 2), np.float32), np.ones((1, 2), np.float32)]), axis=1)


def test_values_beyond_float_are_named() -> None:
    with pytest.raises(plait.TransformError, match=r"so large that their squares exceed float64"):
        plait.Standardize.fit([1e200, -1e200])
    with pytest.raises(plait.TransformError, match=r"Standardize: the result 1e\+60 is beyond float32"):
        plait.Standardize(0.0, 1.0)(np.array([1e60, np.nan]))


def test_statistics_that_cannot_be_are_refused() -> None:
    with pytest.raises(plait.TransformError, match=r"mean has shape \(2,\) and std \(3,\)"):
        plait.Standardize([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(plait.TransformError, match=r"std positive; a feature that never changes takes std 1"):
        plait.Standardize([1.0, 2.0], [1.0, 0.0])


def test_a_column_is_asked_for_not_one_value_nor_a_mixture() -> None:
    with pytest.raises(plait.TransformError, match=r"Standardize takes a column, one entry a sample, and was given 3. Write \[3\]"):
        plait.Standardize.fit([1.0, 2.0])(3)  # type: ignore[arg-type]
    with pytest.raises(plait.TransformError, match=r"the array has masked values, which would come back. Give it to plait.Arrays"):
        plait.Standardize.fit(np.ma.masked_array([1.0, 2.0], [False, True]))
    with pytest.raises(plait.TransformError, match=r"holds None of type NoneType at position 1. Leave samples without a value out"):
        plait.Standardize.fit([1.0, None])
    with pytest.raises(
        plait.TransformError, match=r"the samples do not form a column. Samples of unequal length may differ in their first"
    ):
        plait.Standardize.fit([[[1, 2]], [[1, 2, 3], [4, 5, 6]], [[1]]])


def test_a_source_of_several_streams_must_be_asked_for_one() -> None:
    with pytest.raises(plait.NameUnknownError, match=r"say which: source\['a'\]"):
        plait.Standardize.fit(plait.Arrays(a=[1.0], b=[2.0]))


def test_lists_of_unequal_lengths_and_columns_of_pandas_are_columns() -> None:
    pandas = pytest.importorskip("pandas")
    assert plait.Standardize.fit([[1.0, 2.0], [3.0]]).mean == 2
    assert plait.Standardize.fit(pandas.Series([1, 2, 3])).mean == 2
