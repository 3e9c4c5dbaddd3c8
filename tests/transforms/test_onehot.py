"""OneHot: labels and codes to vectors and back."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.spec import TEXT, Spec


def test_a_label_becomes_a_vector_with_one_1() -> None:
    fitted = plait.OneHot.fit(plait.Arrays(grade=["low", "high", "low"]))
    assert fitted.classes == ("high", "low")
    assert fitted(["low", "high"]).tolist() == [[0, 1], [1, 0]]
    assert fitted(["low"]).dtype == np.float32


def test_codes_of_known_classes_get_an_entry_a_class_even_for_those_that_do_not_occur() -> None:
    place = plait.Vocabulary(["ward", "clinic", "home"])
    data = plait.Dataset(inputs={"place": plait.Arrays(p=["home", "ward"])}).map(place, on="place")
    fitted = plait.OneHot.fit(data["place"])
    assert fitted.classes == (0, 1, 2)
    assert place.inverse(fitted.inverse(fitted(np.array([2])))).tolist() == ["home"]


def test_masks_and_columns_of_one_value_lose_their_last_axis() -> None:
    fitted = plait.OneHot([0, 255])
    assert fitted(np.zeros((2, 4, 5, 1), np.uint8)).shape == (2, 4, 5, 2)
    assert fitted.spec(Spec((4, 5, 1), np.dtype(np.uint8))).shape == (4, 5, 2)
    assert fitted(np.array([[255], [0]])).tolist() == [[0, 1], [1, 0]]


def test_probabilities_and_logits_come_back_as_labels() -> None:
    fitted = plait.OneHot(["a", "b", "c"])
    assert fitted.inverse(np.array([[0.1, 0.7, 0.2], [5.0, -3.0, 4.0]])).tolist() == ["b", "a"]


def test_an_unknown_label_is_shown_with_those_that_are_known() -> None:
    with pytest.raises(
        plait.TransformError, match=r"OneHot has no class 'mars', found at row 1. It knows 2: \['earth', 'venus'\]. Name it"
    ):
        plait.OneHot(["earth", "venus"])(["earth", "mars"])
    with pytest.raises(plait.TransformError, match=r"no class 7, found at row 0. It knows 12: \[0, 1, 2, 3, 4, 5, 6, 8\] and 4 more"):
        plait.OneHot([*range(7), *range(8, 13)])(np.array([7]))


def test_what_is_no_label_is_refused() -> None:
    with pytest.raises(plait.TransformError, match=r"takes labels, text or integers, and .* dtype float64; .*Cast\('int64'\) first"):
        plait.OneHot.fit(plait.Arrays(x=[1.0, 2.0]))
    with pytest.raises(plait.TransformError, match=r"OneHot knows labels that are text, \['a'\], and the column holds numbers"):
        plait.OneHot(["a"])([1])
    with pytest.raises(plait.TransformError, match=r"datetime64\[D\]; turn them into text with Cast\(str\) first"):
        plait.OneHot(["a"]).spec(Spec((), np.dtype("M8[D]")))


def test_classes_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(plait.ArgumentError, match=r"found \['a', 1\] of \['int', 'str'\]"):
        plait.OneHot(["a", 1])
    with pytest.raises(plait.ArgumentError, match=r"listed once; found \['a'\] more than once"):
        plait.OneHot(["a", "b", "a"])
    with pytest.raises(plait.ArgumentError, match=r"there is none"):
        plait.OneHot([])
    with pytest.raises(plait.ArgumentError, match=r"integer classes must fit 64 bits"):
        plait.OneHot([2**70])


def test_scores_of_another_width_or_nan_are_no_class() -> None:
    fitted = plait.OneHot(["a", "b", "c"])
    with pytest.raises(plait.TransformError, match=r"predictions have shape \(2, 2\); for 3 classes they must be \(samples, 3\)"):
        fitted.inverse(np.eye(2))
    with pytest.raises(plait.TransformError, match=r"OneHot.inverse: 1 of the predictions hold NaN; they stand for no class"):
        fitted.inverse(np.array([[0.1, np.nan, 0.3], [1, 0, 0]]))


def test_text_that_is_no_unicode_is_refused() -> None:
    for bad in (["a", "\ud800"], np.array([b"\xff"])):
        with pytest.raises(plait.TransformError, match=r"OneHot: the column holds text that is no Unicode"):
            plait.OneHot(["a"])(bad)  # type: ignore[arg-type]


def test_text_of_any_numpy_kind_is_a_label() -> None:
    fitted = plait.OneHot.fit(np.array(["b", "a"], TEXT))
    assert (
        fitted(np.array(["a"], "U5")).tolist() == fitted(np.array(["a"], object)).tolist() == fitted(np.array([b"a"])).tolist() == [[1, 0]]
    )
