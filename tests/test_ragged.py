"""Samples of unequal length: building, taking, padding, and what cannot be one column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import plait
from plait.ragged import Ragged, concatenate, scatter, take
from plait.spec import TEXT

COLUMNS = st.lists(st.lists(st.integers(-5, 5), max_size=6), min_size=1, max_size=8)


def lists(column):
    return [list(sample) for sample in column]


@given(COLUMNS)
def test_what_goes_in_comes_out(samples):
    column = Ragged.of(samples, dtype=np.int64)
    assert lists(column) == samples
    assert len(column) == len(samples)
    assert list(column.lengths) == list(map(len, samples))
    assert [list(column[-1 - row]) for row in range(len(samples))] == samples[::-1]


@given(COLUMNS, st.data())
def test_take_gives_these_samples_in_this_order(samples, data):
    rows = data.draw(st.lists(st.integers(0, len(samples) - 1), max_size=12))
    column = Ragged.of(samples, dtype=np.int64)
    taken = take(column, np.array(rows, int))
    assert lists(taken) == [samples[row] for row in rows]
    assert not np.may_share_memory(taken.values, column.values)
    assert lists(column.take(rows)) == lists(taken)


@given(COLUMNS, st.integers(0, 8), st.booleans())
def test_padding_cuts_what_is_longer_and_fills_what_is_shorter(samples, length, before):
    dense = Ragged.of(samples, dtype=np.int64).padded(length, value=9, before=before)
    for sample, row in zip(samples, dense.tolist(), strict=True):
        cut = sample[max(0, len(sample) - length) :] if before else sample[:length]
        fill = [9] * (length - len(cut))
        assert row == (fill + cut if before else cut + fill)


def test_padding_is_zero_or_empty_text_by_itself():
    assert Ragged.of([[1.5], []]).padded(2).tolist() == [[1.5, 0], [0, 0]]
    assert Ragged.of([["a"], ["b", "c"]]).padded(2).tolist() == [["a", ""], ["b", "c"]]


def test_padding_keeps_the_axes_of_an_item():
    dense = Ragged.of([np.ones((1, 2)), np.ones((3, 2))]).padded(2, value=-1)
    assert dense.shape == (2, 2, 2)
    assert dense[0].tolist() == [[1, 1], [-1, -1]]


@given(COLUMNS, COLUMNS)
def test_columns_one_behind_the_other_are_all_their_samples(first, second):
    columns = [Ragged.of(samples, dtype=np.int64) for samples in (first, second)]
    assert lists(concatenate(columns)) == first + second


def test_dense_columns_one_behind_the_other():
    assert concatenate([np.arange(2), np.arange(3)]).tolist() == [0, 1, 0, 1, 2]


def test_dense_and_ragged_columns_are_not_mixed():
    with pytest.raises(plait.SpecError, match="1 columns are dense and 2 are ragged"):
        concatenate([Ragged.of([[1]]), np.arange(3), Ragged.of([[1, 2]])])


@given(COLUMNS, st.integers(0, 4))
def test_scatter_puts_nothing_everywhere_else(samples, more):
    column = Ragged.of(samples, dtype=np.int64)
    rows = np.sort(np.random.default_rng(0).permutation(len(samples) + more)[: len(samples)])
    spread = scatter(column, rows, len(samples) + more)
    assert len(spread) == len(samples) + more
    assert lists(take(spread, rows)) == samples
    assert sum(map(len, spread)) == sum(map(len, samples))


def test_scatter_of_a_dense_column_fills_with_zeros_and_of_text_with_empty_text():
    assert scatter(np.array([1.5, 2.5]), np.array([0, 2]), 4).tolist() == [1.5, 0, 2.5, 0]
    assert scatter(np.array(["a"], TEXT), np.array([1]), 2).tolist() == ["", "a"]


def test_text_becomes_stringdtype_of_any_width():
    column = Ragged.of([["a"], ["longer", "ü"], []])
    assert column.dtype == TEXT
    assert lists(column) == [["a"], ["longer", "ü"], []]


def test_numbers_get_the_dtype_that_holds_them_all():
    assert Ragged.of([[1], [2.5, 3]]).dtype == np.float64
    assert Ragged.of([np.array([1], np.int8), np.array([], np.float64), np.array([2], np.int16)]).dtype == np.int16
    assert Ragged.of([[], []]).dtype == np.float64
    assert Ragged.of([]).dtype == np.float32
    assert len(Ragged.of([])) == 0


def test_samples_without_values_take_the_item_shape_of_the_others():
    column = Ragged.of([np.zeros(0), np.ones((2, 3)), np.zeros((0, 3))])
    assert column.values.shape == (2, 3)
    assert [sample.shape for sample in column] == [(0, 3), (2, 3), (0, 3)]


def test_bytes_and_dtype_of_a_column():
    column = Ragged.of([np.ones(3, np.float32), np.ones(1, np.float32)])
    assert (column.dtype, column.nbytes) == (np.float32, 4 * 4 + 3 * 8)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([np.ones((2, 3)), np.ones((2, 4))], r"differ in their first axis only; found samples of shape \[\(2, 3\), \(2, 4\)\]"),
        ([np.ones((2, 0)), np.ones((1, 3))], r"differ in their first axis only; found samples of shape \[\(1, 3\), \(2, 0\)\]"),
        ([np.ones(3), 1.0], r"differ in their first axis only; found samples of shape \[\(\), \(3,\)\]"),
        ([["a"], [1, 2]], r"Samples of one column must be of one kind; found \['<U1', 'int64'\]"),
        ([np.array([1], "M8[D]"), [1, 2]], r"Samples of one column must be of one kind; found \['datetime64\[D\]', 'int64'\]"),
    ],
)
def test_what_is_no_column_is_refused(samples, message):
    with pytest.raises(plait.SpecError, match=message):
        Ragged.of(samples)


def test_a_sample_out_of_range_is_an_index_error():
    column = Ragged.of([[1], [2]])
    for row in (2, -3):
        with pytest.raises(IndexError, match=f"sample {row} of 2"):
            _ = column[row]


@settings(max_examples=20)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_take_of_take_is_take(lengths):
    column = Ragged.of([np.arange(n) for n in lengths], dtype=np.int64)
    rows = np.random.default_rng(1).integers(0, len(lengths), 7)
    again = np.array([3, 3, 0])
    assert lists(column.take(rows).take(again)) == lists(column.take(rows[again]))
