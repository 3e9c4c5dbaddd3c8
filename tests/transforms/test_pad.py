"""Pad: one length for all, nothing cut unless asked."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import TEXT, Spec

TOKENS = Ragged.of([[1, 2, 3], [4], []], dtype=np.int32)


def test_samples_are_filled_behind_or_in_front() -> None:
    assert plait.Pad(4)(TOKENS).tolist() == [[1, 2, 3, 0], [4, 0, 0, 0], [0, 0, 0, 0]]
    assert plait.Pad(4, before=True, value=9)(TOKENS).tolist() == [[9, 1, 2, 3], [9, 9, 9, 4], [9, 9, 9, 9]]
    assert plait.Pad(4)(TOKENS).dtype == np.int32


def test_longer_samples_are_cut_when_asked_at_the_end_that_is_filled() -> None:
    assert plait.Pad(2, cut=True)(TOKENS).tolist() == [[1, 2], [4, 0], [0, 0]]
    assert plait.Pad(2, cut=True, before=True)(TOKENS).tolist() == [[2, 3], [0, 4], [0, 0]]


def test_dense_series_are_filled_and_cut_too() -> None:
    series = np.arange(12.0).reshape(2, 3, 2)
    assert plait.Pad(4)(series)[:, 3].tolist() == [[0, 0], [0, 0]]
    assert plait.Pad(2, cut=True)(series).tolist() == series[:, :2].tolist()


def test_the_inverse_takes_the_fill_away_at_its_end_alone() -> None:
    column = Ragged.of([[0, 5, 0, 7], [0, 0], [3]])
    assert [one.tolist() for one in plait.Pad(5).inverse(plait.Pad(5)(column))] == [[0, 5, 0, 7], [], [3]]


def test_words_are_filled_with_empty_text() -> None:
    assert plait.Pad(2)(Ragged(np.array(["a"], TEXT), np.array([0, 1, 1]))).tolist() == [["a", ""], ["", ""]]
    assert plait.Pad(2, value="-")(Ragged(np.array(["a"], TEXT), np.array([0, 1]))).tolist() == [["a", "-"]]


def test_a_longer_sample_is_an_error_that_shows_both_ways_out() -> None:
    with pytest.raises(
        plait.TransformError, match=r"length 3 at row 0 \(1 of 3 are longer\). Write Pad\(3\), or cut them: Pad\(2, cut=True\)"
    ):
        plait.Pad(2)(TOKENS)
    with pytest.raises(plait.TransformError, match=r"Pad\(2\) is given samples of length 9. Write Pad\(9\)"):
        plait.Pad(2).spec(Spec((9, 3), np.dtype(float)))


def test_what_has_no_length_is_refused() -> None:
    with pytest.raises(plait.TransformError, match=r"takes samples with a length, and these are scalars"):
        plait.Pad(2)(np.zeros(3))
    with pytest.raises(plait.TransformError, match=r"takes samples with a length, and these are scalars"):
        plait.Pad(2).spec(Spec((), np.dtype(float)))
    with pytest.raises(plait.TransformError, match=r"Pad.inverse takes samples of length 2, .* found a column of shape \(3, 5\)"):
        plait.Pad(2).inverse(np.zeros((3, 5)))
    with pytest.raises(plait.TransformError, match=r"found a column of unequal lengths"):
        plait.Pad(2).inverse(TOKENS)


@pytest.mark.parametrize(("value", "dtype"), [(-1, "uint8"), (300, "uint8"), (0.5, "int32"), ("x", "int32"), (1e60, "float32"), (7, TEXT)])
def test_a_fill_that_is_no_value_of_the_dtype_is_refused(value: object, dtype: object) -> None:
    with pytest.raises(plait.TransformError, match=r"Pad: value=.* is no value of dtype"):
        plait.Pad(4, value=value).spec(Spec((None,), np.dtype(dtype)))  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [0, -1, 2.5, True, "20"])
def test_a_length_that_is_none_is_refused(length: object) -> None:
    with pytest.raises(plait.ArgumentError, match=r"must be a whole number from 1 on, such as Pad"):
        plait.Pad(length)  # type: ignore[arg-type]


def test_nan_is_no_fill() -> None:
    with pytest.raises(plait.ArgumentError, match=r"value=nan would reach the model as it is"):
        plait.Pad(2, value=float("nan"))
