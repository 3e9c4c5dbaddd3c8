"""Cast: another dtype, nothing lost in silence."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import TEXT, Spec


def test_values_that_fit_are_cast() -> None:
    assert plait.Cast("int32")(np.array([1.0, -2.0])).dtype == np.int32
    assert plait.Cast("uint8")([0, 255]).tolist() == [0, 255]
    assert plait.Cast(bool)([0, 1]).tolist() == [False, True]
    assert plait.Cast("float32")(np.array([0.1])).tolist() == [np.float32(0.1)]
    assert plait.Cast("float32")(np.array([2**24, -(2**60)])).tolist() == [2**24, -(2**60)]  # a power of two is exact
    assert plait.Cast("float32")(np.array([np.nan, np.inf])).tolist()[1] == np.inf  # not lost


def test_text_and_numbers_go_both_ways() -> None:
    assert plait.Cast("float32")(["1.5", " 2 "]).tolist() == [1.5, 2]
    assert plait.Cast(str)([1, 20]).tolist() == ["1", "20"]
    assert plait.Cast("text").dtype == plait.Cast("U").dtype == TEXT


@pytest.mark.parametrize(
    ("dtype", "values", "message"),
    [
        ("uint8", [1, 256], r"Cast\('uint8'\): 256 at row 1 does not fit uint8 \(1 of 2 values do not\); np.round|wider dtype"),
        ("uint8", [-1], "-1 at row 0 does not fit uint8"),
        ("int32", [2**31], "2147483648 at row 0 does not fit int32"),
        ("int32", [2.0**31], "2147483648.0 at row 0 does not fit int32"),
        ("int64", [2.0**63], "9.2.*e.18 at row 0 does not fit int64"),
        ("int32", [3.0, 2.5], r"2.5 at row 1 does not fit int32 .*; np.round them first"),
        ("int32", [np.nan], r"nan at row 0 does not fit int32 .*; choose a wider dtype"),
        ("int16", np.array([np.inf], np.float16), "inf at row 0 does not fit int16"),
        ("float16", [1e6], "1000000.0 at row 0 does not fit float16"),
        ("float32", [2**24 + 1], "16777217 at row 0 does not fit float32"),
        ("float64", [2**53 + 1], "9007199254740993 at row 0 does not fit float64"),
        ("bool", [0, 2], "2 at row 1 does not fit bool"),
        ("bool", [0.5], "0.5 at row 0 does not fit bool"),
        ("int32", ["7", "seven"], r"'seven' at row 1 is no int32 number. Turn labels into codes with Vocabulary"),
        ("int32", ["7.5"], "'7.5' at row 0 is no int32 number"),
        ("uint8", ["300"], "'300' at row 0 is no uint8 number"),
        ("bool", ["true"], r"Cast\('bool'\) takes numbers or text that holds numbers, and the values are of dtype StringDType"),
    ],
)
def test_what_would_be_lost_is_named(dtype: str, values: list[object], message: str) -> None:
    with pytest.raises(plait.TransformError, match=message):
        plait.Cast(dtype)(values)  # type: ignore[arg-type]


def test_the_sample_of_a_ragged_column_is_named() -> None:
    with pytest.raises(plait.TransformError, match=r"300 at row 2 does not fit uint8"):
        plait.Cast("uint8")(Ragged.of([[1, 2], [], [3, 300]]))
    with pytest.raises(plait.TransformError, match=r"'x' at row 1 is no float32 number"):
        plait.Cast("float32")(Ragged(np.array(["1", "2", "x"], TEXT), np.array([0, 2, 3])))


def test_classes_stay_with_integer_codes_alone() -> None:
    codes = Spec((), np.dtype(np.int64), classes=("a", "b"))
    assert plait.Cast("int32").spec(codes).classes == ("a", "b")
    assert plait.Cast("float32").spec(codes).classes is None


def test_what_is_no_dtype_is_refused() -> None:
    with pytest.raises(plait.ArgumentError, match=r"Cast: 'int33' is no dtype; write for instance Cast\('int32'\)"):
        plait.Cast("int33")
    with pytest.raises(plait.ArgumentError, match=r"neither a number, a boolean nor text"):
        plait.Cast("M8[s]")
