"""What a data set is told: names, roles, policies, weights; and what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.roles import policies_of

A = plait.Arrays(x=np.arange(4.0), y=np.arange(4), words=["a", "b", "c", "d"], pair=np.zeros((4, 2)), nan=[1.0, np.nan, 3.0, 4.0])
X, Y = {"x": A["x"]}, {"y": A["y"]}

REFUSED = {
    "no mapping": ({"inputs": [A["x"]]}, plait.ArgumentError, r"inputs= is a list; give names: inputs=\{'age': people\['age'\]\}"),
    "targets no mapping": ({"inputs": X, "targets": A["y"]}, plait.ArgumentError, "targets= is a Stream; give names: targets="),
    "weights no mapping": ({"inputs": X, "targets": Y, "weights": [1]}, plait.ArgumentError, "weights= is a list; give names"),
    "no input": ({"inputs": {}, "targets": Y}, plait.ArgumentError, "A data set needs at least one input: plait.Dataset"),
    "an array": (
        {"inputs": {"x": np.zeros(3)}},
        plait.ArgumentError,
        r"inputs=\{'x': ...\} is a ndarray, and a stream or a source is needed",
    ),
    "a name that is no text": ({"inputs": {1: A["x"]}}, plait.ArgumentError, "inputs= has the name 1; names are text"),
    "an empty name": ({"inputs": X, "targets": {"": A["y"]}}, plait.ArgumentError, "targets= has the name ''; names are text"),
    "one name twice": (
        {"inputs": {"x": A["x"], "y": A["y"]}, "targets": Y},
        plait.ArgumentError,
        r"\['y'\] are the names of inputs and of targets. Give the target a name of its own.*targets=\{'y_out': ...\}",
    ),
    "a weight of nothing": (
        {"inputs": X, "targets": Y, "weights": {"z": A["x"]}},
        plait.NameUnknownError,
        r"weights= names \['z'\], which are no targets. The targets are \['y'\]",
    ),
    "the name of a weight": (
        {"inputs": {"y.weight": A["x"]}, "targets": Y, "weights": {"y": A["x"]}},
        plait.ArgumentError,
        r"\['y.weight'\] are the names of weights, and of inputs or targets too",
    ),
    "several streams": (
        {"inputs": {"x": A}},
        plait.NameUnknownError,
        r"Arrays\(x, y, words, pair, ...\) has 5 streams.*say which: source\['x'\]",
    ),
    "a policy of nothing": (
        {"inputs": X, "targets": Y, "missing": {"w": "drop"}},
        plait.NameUnknownError,
        r"missing= names 'w', which is no stream of the data set. It has \['x', 'y'\]",
    ),
    "no policy": (
        {"inputs": X, "missing": "ignore"},
        plait.ArgumentError,
        "missing='ignore' for 'x': choose one of 'raise', 'drop', 'mask', 'keep'",
    ),
    "no policy of one": ({"inputs": X, "missing": {"x": None}}, plait.ArgumentError, "missing=None for 'x': choose one of"),
    "a masked input": (
        {"inputs": X, "targets": Y, "missing": {"x": "mask"}},
        plait.ArgumentError,
        r"missing= masks the inputs \['x'\]; only targets can have weight 0. Use 'drop' for an input",
    ),
    "a weight of text": (
        {"inputs": X, "targets": Y, "weights": {"y": A["words"]}},
        plait.SpecError,
        r"The weight of target 'y' is \(\) text; a weight is one number a sample",
    ),
    "two weights a sample": (
        {"inputs": X, "targets": Y, "weights": {"y": A["pair"]}},
        plait.SpecError,
        r"The weight of target 'y' is \(2,\) float64; a weight is one number a sample",
    ),
    "a target without its weight": (
        {"inputs": X, "targets": Y, "weights": {"y": A["nan"]}, "missing": "mask"},
        plait.AlignmentError,
        r"1 samples have a value of target 'y' and no weight for it, such as \[1\]. Fill in the weights \(1 where in doubt\)",
    ),
    "a weight that stays NaN": (
        {"inputs": X, "targets": Y, "weights": {"y": A["nan"]}, "missing": {"y.weight": "keep"}},
        plait.AlignmentError,
        "1 samples have a value of target 'y' and no weight for it",
    ),
}


@pytest.mark.parametrize(("arguments", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_meant_is_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        plait.Dataset(**arguments)


def test_one_policy_stands_for_all_and_inputs_are_never_masked():
    streams = ({"x": 0}, {"y": 0, "z": 0}, {"z": 0})
    assert policies_of("drop", *streams) == dict.fromkeys(("x", "y", "z", "z.weight"), "drop")
    assert policies_of("mask", *streams) == {"x": "raise", "y": "mask", "z": "mask", "z.weight": "mask"}


def test_a_weight_follows_its_target_unless_told_otherwise():
    streams = ({"x": 0}, {"y": 0}, {"y": 0})
    assert policies_of({"y": "mask"}, *streams) == {"x": "raise", "y": "mask", "y.weight": "mask"}
    assert policies_of({"y": "mask", "y.weight": "drop"}, *streams)["y.weight"] == "drop"
    assert policies_of({"y": "drop"}, *streams)["y.weight"] == "raise"


def test_a_weight_may_be_missing_where_its_target_is():
    nan = A["nan"]
    data = plait.Dataset(inputs=X, targets={"y": nan}, weights={"y": nan}, missing="mask")
    assert data.absent("y").tolist() == data.absent("y.weight").tolist() == [False, True, False, False]


def test_an_input_that_is_not_missing_needs_no_policy_of_its_own():
    assert len(plait.Dataset(inputs=X, targets={"y": A["nan"]}, missing="mask")) == 4
