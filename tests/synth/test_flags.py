"""Columns of bool that functions of a graph get: plain arrays in all but the speed of np.where."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.synth.flags import Flags

PLAIN = np.random.default_rng(0).random(1000) < 0.5
FLAGS = PLAIN.view(Flags)


@pytest.mark.parametrize(
    ("yes", "no"),
    [(10, 2), (10.5, 2), (True, False), (np.float32(1), 2), (np.int8(3), np.int16(4)), (np.float64(0.1), np.nan), (2**40, 1), (1, -1)],
)
def test_where_gives_what_numpy_gives(yes, no):
    ours, theirs = np.where(FLAGS, yes, no), np.where(PLAIN, yes, no)
    assert type(ours) is np.ndarray and ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_where_with_columns_text_or_one_argument_is_numpys():
    column = np.arange(1000.0)
    assert (np.where(FLAGS, column, 0) == np.where(PLAIN, column, 0)).all()
    assert (np.where(FLAGS, "a", "b") == np.where(PLAIN, "a", "b")).all()
    assert (np.where(FLAGS)[0] == np.flatnonzero(PLAIN)).all()
    assert (np.where(column > 3, FLAGS, False) == (PLAIN & (column > 3))).all()
    square = FLAGS.reshape(10, 100)
    assert (np.where(square, 1, 2) == np.where(PLAIN.reshape(10, 100), 1, 2)).all()


def test_what_is_computed_from_flags_is_plain():
    for result in (~FLAGS, FLAGS & True, FLAGS * 2.0, FLAGS == PLAIN, np.add(FLAGS, 1), np.arange(1000.0)[FLAGS]):
        assert type(result) is np.ndarray
    assert FLAGS.mean() == PLAIN.mean() and FLAGS.any() and int(FLAGS.sum()) == PLAIN.sum()


def test_users_of_a_graph_get_plain_arrays():
    graph = plait.Graph({"a": lambda rng, n: rng.random(n) < 0.5, "b": lambda a: np.where(a, 3.0, 1.0)}, inputs=["a"], targets=["b"])
    values = graph.values(40_000, seed=0)
    assert type(values["a"]) is np.ndarray and (values["b"] == 1 + 2 * values["a"]).all()
    assert type(graph.sample(10, seed=0)["a"].values()) is np.ndarray
    assert type(graph.stream(seed=0).read(["a"], np.arange(10))["a"]) is np.ndarray
    assert type(graph.stream(seed=0).read(["a"], np.arange(10, 40_000))["a"]) is np.ndarray
    assert type(graph.stream(seed=0).read(["a"], np.array([7, 3]))["a"]) is np.ndarray
