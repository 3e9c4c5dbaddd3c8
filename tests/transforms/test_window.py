"""Window: series into windows and back."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import Spec

SERIES = np.arange(2 * 7 * 2, dtype=np.float32).reshape(2, 7, 2)


def test_windows_begin_a_stride_apart() -> None:
    windows = plait.Window(3, stride=2)(SERIES)
    assert windows.shape == (2, 3, 3, 2)
    for number in range(3):
        assert (windows[:, number] == SERIES[:, 2 * number : 2 * number + 3]).all()


def test_values_behind_the_last_whole_window_are_left_out() -> None:
    assert plait.Window(3, stride=3)(SERIES).shape == (2, 2, 3, 2)


def test_ragged_series_give_as_many_windows_as_fit() -> None:
    windows = plait.Window(2)(Ragged.of([[1, 2, 3], [4, 5]]))
    assert isinstance(windows, Ragged)
    assert [one.tolist() for one in windows] == [[[1, 2], [2, 3]], [[4, 5]]]
    assert plait.Window(2).spec(Spec((None, 5), np.dtype(int))).shape == (None, 2, 5)


def test_windows_of_predictions_come_back_as_their_mean() -> None:
    assert plait.Window(2).inverse(np.array([[[1.0, 2.0], [4.0, 5.0]]])).tolist() == [[1, 3, 5]]


def test_a_series_shorter_than_a_window_is_an_error() -> None:
    with pytest.raises(
        plait.TransformError, match=r"Window\(9\) is given a series of length 7; a window needs 9. Write Window\(7\), leave"
    ):
        plait.Window(9)(SERIES)
    with pytest.raises(plait.TransformError, match=r"series of length 1 at row 1; .* or fill it up first: Pad\(2\)"):
        plait.Window(2)(Ragged.of([[1, 2, 3], [4]]))
    with pytest.raises(plait.TransformError, match=r"series of length 4; a window needs 9"):
        plait.Window(9).spec(Spec((4,), np.dtype(float)))


def test_scalars_have_no_windows() -> None:
    with pytest.raises(plait.TransformError, match=r"these samples are scalars. Give a stream of series"):
        plait.Window(2)(np.zeros(5))
    with pytest.raises(plait.TransformError, match=r"these samples are scalars. Give a stream of series"):
        plait.Window(2).spec(Spec((), np.dtype(float)))


def test_what_holds_no_series_has_no_inverse() -> None:
    with pytest.raises(plait.TransformError, match=r"a stride of 3 leaves gaps between windows of 2"):
        plait.Window(2, stride=3).inverse(np.zeros((1, 2, 2)))
    with pytest.raises(plait.TransformError, match=r"takes \(samples, windows, 2, ...\); found shape \(1, 2, 5\)"):
        plait.Window(2).inverse(np.zeros((1, 2, 5)))


@pytest.mark.parametrize(("arguments", "name"), [((0,), "length"), ((3, 0), "stride"), ((2.5,), "length")])
def test_lengths_that_cannot_be_meant_are_refused(arguments: tuple[int, ...], name: str) -> None:
    with pytest.raises(plait.ArgumentError, match=rf"Window: {name}=.* must be a whole number from 1 on"):
        plait.Window(*arguments)
