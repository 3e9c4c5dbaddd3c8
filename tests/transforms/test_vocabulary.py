"""Vocabulary: labels to codes, in a stated order, and predictions back to labels."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import TEXT, Spec


def test_codes_follow_the_sorted_labels() -> None:
    fitted = plait.Vocabulary.fit(plait.Arrays(grade=["low", "high", "middle", "low"]))
    assert fitted.classes == ("high", "low", "middle")
    assert fitted(["low", "high"]).tolist() == [1, 0]
    assert fitted(["low"]).dtype == np.int32
    assert fitted.spec(Spec((), TEXT)) == Spec((), np.dtype(np.int32), classes=("high", "low", "middle"))


def test_integers_follow_their_value_and_keep_it_on_the_way_back() -> None:
    fitted = plait.Vocabulary.fit(np.array([30, -2, 100], np.int16))
    assert fitted.classes == (-2, 30, 100)
    assert fitted.inverse(fitted(np.array([100, -2], np.int16))).tolist() == [100, -2]


def test_with_a_size_the_most_frequent_labels_stay_and_ties_go_by_name() -> None:
    words = ["b", "c", "a", "c", "b", "c", "z"]
    fitted = plait.Vocabulary.fit(words, size=3, unknown="reserve")
    assert fitted.classes == ("[UNK]", "c", "b")
    assert len(fitted) == 3
    assert fitted(["z", "c", "never seen", "b"]).tolist() == [0, 1, 0, 2]
    assert plait.Vocabulary.fit(words, size=9).classes == ("c", "b", "a", "z")


def test_a_reserved_code_decodes_to_a_stand_in() -> None:
    assert plait.Vocabulary(["a"], unknown="reserve").inverse(np.array([0, 1])).tolist() == ["[UNK]", "a"]
    assert plait.Vocabulary([5], unknown="reserve").inverse(np.array([0, 1])).tolist() == [-1, 5]


def test_a_label_that_is_the_stand_in_is_unknown_too() -> None:
    assert plait.Vocabulary.fit(["[UNK]", "a"], unknown="reserve")(["[UNK]", "a"]).tolist() == [0, 1]
    assert plait.Vocabulary.fit([-1, 4], unknown="reserve", size=2)([-1, 4]).tolist() == [0, 1]


def test_words_of_ragged_samples_become_ragged_codes() -> None:
    column = Ragged(np.array(["b", "a", "b"], TEXT), np.array([0, 2, 2, 3]))
    codes = plait.Vocabulary.fit(column)(column)
    assert [one.tolist() for one in codes] == [[1, 0], [], [1]]


def test_probabilities_logits_and_a_single_sigmoid_come_back_as_labels() -> None:
    three, two = plait.Vocabulary(["a", "b", "c"]), plait.Vocabulary(["no", "yes"])
    assert three.inverse(np.array([[0.1, 0.7, 0.2], [5.0, -3.0, 4.0]], np.float32)).tolist() == ["b", "a"]
    assert two.inverse(np.array([[0.5], [0.49]], np.float32)).tolist() == ["yes", "no"]
    assert two.inverse(np.zeros((2, 3, 3, 1), np.float32)).shape == (2, 3, 3)


def test_codes_of_known_classes_keep_the_names() -> None:
    after = plait.Vocabulary([1, 2]).spec(Spec((), np.dtype(np.int8), classes=("a", "b", "c")))
    assert after.classes == ("b", "c")


def test_an_unknown_label_is_named_with_the_remedy() -> None:
    with pytest.raises(plait.TransformError, match=r"no label 'mars', found at row 2. It knows 2: \['earth', 'venus'\].*unknown='reserve'"):
        plait.Vocabulary(["earth", "venus"])(["earth", "venus", "mars"])
    with pytest.raises(plait.TransformError, match=r"no label 8, found at row 1"):
        plait.Vocabulary([7])(Ragged.of([[7, 7], [8]]))


def test_in_a_data_set_the_key_of_the_unknown_label_is_named() -> None:
    rows = plait.Arrays(x=[0.0, 1.0], place=["earth", "mars"], key=["p1", "p2"])
    data = plait.Dataset(inputs={"x": rows["x"], "place": rows["place"]}).map(plait.Vocabulary(["earth"]), on="place")
    with pytest.raises(plait.TransformError, match=r"Step Vocabulary on 'place', sample 'p2': Vocabulary has no label 'mars'"):
        data.read(["place"], np.arange(2))


def test_a_size_that_leaves_labels_out_without_a_code_for_them_is_refused() -> None:
    with pytest.raises(plait.ArgumentError, match=r"holds 3 labels and size=2 leaves out 1, such as \['c'\].*size=2, unknown='reserve'"):
        plait.Vocabulary.fit(["a", "b", "c"], size=2)
    with pytest.raises(plait.ArgumentError, match=r"size=1 leaves no code for a label"):
        plait.Vocabulary.fit(["a", "b"], size=1, unknown="reserve")


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(plait.ArgumentError, match=r"unknown='ignore' is not known; write 'raise' or 'reserve'"):
        plait.Vocabulary(["a"], unknown="ignore")  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match=r"true and false leave no label unknown"):
        plait.Vocabulary([True, False], unknown="reserve")
    with pytest.raises(plait.ArgumentError, match=r"there is none"):
        plait.Vocabulary(["[UNK]"], unknown="reserve")
    with pytest.raises(plait.TransformError, match=r"dtype float64; turn whole numbers into integers with Cast\('int64'\) first"):
        plait.Vocabulary.fit([0.5, 1.5])
    with pytest.raises(plait.TransformError, match=r"all of length 0; there is no label to fit on"):
        plait.Vocabulary.fit(Ragged.of([[], []], dtype=np.int32))
    with pytest.raises(plait.TransformError, match=r"knows labels that are numbers, \[1\], and the column holds text"):
        plait.Vocabulary([1])(["1"])


def test_codes_and_scores_that_stand_for_no_label_are_refused() -> None:
    two = plait.Vocabulary(["no", "yes"])
    with pytest.raises(plait.TransformError, match=r"codes reach from -1 to 2; the codes are 0 to 1"):
        two.inverse(np.array([-1, 2]))
    with pytest.raises(
        plait.TransformError, match=r"must be a probability, and these reach from -3 to 2. Of logits take keras.ops.sigmoid"
    ):
        two.inverse(np.array([[-3.0], [2.0]]))
    with pytest.raises(plait.TransformError, match=r"shape \(2, 3\); for 2 classes they must be \(samples, 2\), .* or \(samples, 1\)"):
        two.inverse(np.zeros((2, 3)))
    with pytest.raises(plait.TransformError, match=r"shape \(3,\); for 3 classes they must be \(samples, 3\), a score a class."):
        plait.Vocabulary(["a", "b", "c"]).inverse(np.zeros(3))
    with pytest.raises(plait.TransformError, match=r"Vocabulary.inverse takes numbers, and the column is text"):
        two.inverse(np.array(["no"]))
