"""The seam: streams of a source, the rows they are read at, and a source of one stream that stands for it."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.source import only_stream, row_numbers

A = plait.Arrays(x=np.arange(5.0), y=[1, None, 3, None, 5], r=[[1], [2, 3], [], None, [4]])


def test_a_stream_is_one_column():
    stream = A["x"]
    assert (stream.name, stream.source, len(stream), stream.label) == ("x", A, 5, "Arrays(x, y, r)['x']")
    assert stream.spec == plait.Spec((), np.dtype(float))
    assert stream.read(np.array([3, 0, 3])).tolist() == [3, 0, 3]


def test_values_and_chunks_leave_out_what_is_absent():
    assert A["y"].present().tolist() == [0, 2, 4]
    assert A["y"].values().tolist() == [1, 3, 5]
    assert [chunk.tolist() for chunk in A["y"].chunks(2)] == [[1, 3], [5]]
    ragged = A["r"].values()
    assert isinstance(ragged, Ragged)
    assert [list(sample) for sample in ragged] == [[1], [2, 3], [], [4]]
    assert A["x"].values().tolist() == [0, 1, 2, 3, 4]


def test_a_stream_without_a_value_has_none():
    empty = plait.Arrays(x=np.full(3, np.nan))
    assert empty["x"].values().shape == (0,)
    assert list(empty["x"].chunks()) == []


@pytest.mark.parametrize("rows", [[1, 2], np.array([1, 2], np.uint8), (1, 2), range(1, 3)])
def test_rows_may_be_integers_of_any_kind(rows):
    assert A["x"].read(rows).tolist() == [1, 2]
    assert row_numbers(rows, 5, "x").dtype == np.int64


def test_no_rows_are_rows_too():
    for rows in ([], np.zeros(0), np.zeros(0, bool)):
        assert A["x"].read(rows).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([5], r"Arrays\(x, y, r\): rows 5 to 5 were asked for and there are 5, from 0 to 4"),
        ([0, -1], "rows -1 to 0 were asked for and there are 5"),
        ([0.0, 1.0], r"rows are a list of integers, not float64 \(2,\)"),
        (np.ones(5, bool), r"rows are a list of integers, not bool \(5,\). Write np.flatnonzero\(mask\) for a mask"),
        (3, r"rows are a list of integers, not int64 \(\)"),
        ([[1, 2]], r"rows are a list of integers, not int64 \(1, 2\)"),
    ],
)
def test_what_are_no_rows_is_refused(rows, message):
    with pytest.raises(plait.ArgumentError, match=message):
        A["x"].read(rows)


def test_a_stream_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(plait.NameUnknownError, match=r"^Arrays\(x, y, r\) has no stream 'z'. It has \['r', 'x', 'y'\]\.$"):
        _ = A["z"]


def test_a_source_of_one_stream_stands_for_it():
    assert only_stream(plait.Arrays(x=[1])).name == "x"
    assert only_stream(A["y"]).name == "y"
    keyed = plait.Arrays({"id": [1, 2], "x": [3, 4]}, key={"id": [1, 2]})
    assert only_stream(keyed).name == "x"
    with pytest.raises(plait.NameUnknownError, match=r"Arrays\(x, y, r\) has 3 streams, \['r', 'x', 'y'\]; say which: source\['x'\]"):
        only_stream(A)
