"""check: every loss against type and range of its labels, and against the head's last activation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import asked, dataset, findings, one_head, only

import plait

CODES = np.arange(40) % 3


def sparse(labels, units=3, **changes):
    data = dataset(targets=("kind",), kind=labels, **changes)
    return asked(data, one_head(units, name="kind", last="softmax", loss="sparse_categorical_crossentropy"))


def against(loss, labels, *, units=1, last="sigmoid", **compiled):
    labels = np.asarray(labels)
    units = labels.shape[1] if labels.ndim > 1 else units
    return asked(dataset(targets=("sick",), sick=labels), one_head(units, name="sick", last=last, loss=loss, **compiled))


def with_one(value, labels=CODES):
    """The labels with another value in sample 7."""
    changed = labels.copy().astype(np.result_type(labels.dtype, type(value)))
    changed[7] = value
    return changed


@pytest.mark.parametrize("bad", [3, 7, 1000, -1, -100])
def test_a_code_that_the_head_has_no_output_for_fails_with_its_sample(bad):
    finding = only(sparse(with_one(bad)), "label-range")
    assert finding.about == "kind"
    assert f"{bad}" in finding.message
    assert "sample 7" in finding.message
    assert "all 40 samples looked at" in finding.message
    assert "head 'kind' has 3 outputs, so codes 0 to 2" in finding.message
    assert finding.remedy


def test_a_code_of_255_in_unsigned_bytes_fails():
    assert "reach from 0 to 255" in only(sparse(with_one(255, CODES.astype(np.uint8))), "label-range").message


def test_codes_that_begin_at_1_are_told_so():
    finding = only(sparse(CODES + 1), "label-range")
    assert finding.remedy == "data.map(lambda y: y - 1, on='kind'), as codes begin at 0"


def test_the_remedy_for_one_class_more_is_one_output_more():
    assert "keras.layers.Dense(4, name='kind')" in only(sparse(with_one(3)), "label-range").remedy


def test_a_code_that_the_loss_ignores_is_no_label():
    loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
    data = dataset(targets=("kind",), kind=with_one(-1))
    report = asked(data, one_head(3, name="kind", last="softmax", loss=loss))
    assert not findings(report, "label-range") or findings(report, "label-range")[0].level == "pass"


def test_classes_that_never_occur_are_a_warning_with_their_names():
    report = sparse(CODES % 2)
    finding = only(report, "class-unseen", level="warn")
    assert "1 of the 3 classes of head 'kind' never occur in all 40 samples: 2" in finding.message
    assert "stratify='kind'" in finding.remedy
    assert report


def test_fractions_are_no_codes():
    report = sparse(CODES.astype("float64") + 0.7)
    assert not report
    assert "plait.Vocabulary" in str(report)


def test_a_target_that_never_changes_is_a_warning():
    finding = only(sparse(np.ones(40, int)), "constant", level="warn")
    assert "every label that was looked at (all 40 samples) is 1: there is nothing to learn" in finding.message


@pytest.mark.parametrize(("labels", "remedy"), [([1, 2], "y - 1"), ([-1, 1], "y > 0"), ([0, 5], "mean_squared_error")])
def test_binary_labels_outside_of_0_to_1_fail(labels, remedy):
    finding = only(against("binary_crossentropy", labels * 20), "label-range")
    assert "binary_crossentropy takes labels from 0 to 1" in finding.message
    assert remedy in finding.remedy


def test_binary_labels_may_be_probabilities_or_booleans():
    assert against("binary_crossentropy", np.linspace(0, 1, 40))
    assert against("binary_crossentropy", np.arange(40) % 2 == 0)


def test_one_hot_rows_sum_to_one():
    rows = np.eye(3, dtype="float32")[CODES]
    assert against("categorical_crossentropy", rows, last="softmax")
    zeros, twice = rows.copy(), rows.copy()
    zeros[5], twice[6] = 0, (1, 1, 0)
    none, many = (only(against("categorical_crossentropy", r, last="softmax"), "label-sum") for r in (zeros, twice))
    assert "sample 5 sums to 0 over its classes, and a row of zeros has loss 0" in none.message
    assert "sample 6 sums to 2 over its classes" in many.message
    assert "binary_crossentropy" in many.remedy


def test_one_hot_values_are_from_0_to_1():
    rows = np.eye(3, dtype="float32")[CODES]
    rows[4] = (2, -1, 0)
    finding = only(against("categorical_crossentropy", rows, last="softmax"), "label-range")
    assert "takes probabilities of classes, 0 to 1" in finding.message


@pytest.mark.parametrize("loss", ["poisson", "mean_squared_logarithmic_error"])
def test_a_logarithm_takes_no_negative_labels(loss):
    finding = only(against(loss, with_one(-2.0), last="exponential"), "label-range")
    assert f"{loss} takes the logarithm and no negative labels" in finding.message
    assert "sample 7" in finding.message


def test_hinge_takes_two_signs():
    assert against("hinge", np.where(np.arange(40) % 2, 1.0, -1.0), last="tanh")
    assert "hinge takes labels -1 and 1, or 0 and 1" in only(against("hinge", CODES, last="tanh"), "label-range").message


def test_a_percentage_of_zero_is_a_warning():
    finding = only(against("mean_absolute_percentage_error", CODES.astype(float), last=None), "label-range", level="warn")
    assert "divides by the label" in finding.message
    assert finding.remedy == "loss={'sick': 'mean_absolute_error'}"


@pytest.mark.parametrize(
    ("loss", "labels", "wanted"),
    [
        ("sparse_categorical_crossentropy", CODES, "softmax"),
        ("categorical_crossentropy", np.eye(3, dtype="float32")[CODES], "softmax"),
        ("binary_crossentropy", CODES % 2, "sigmoid"),
    ],
)
@pytest.mark.parametrize("last", [None, "relu", "tanh"])
def test_a_loss_of_probabilities_on_a_head_that_gives_none_fails(loss, labels, wanted, last):
    units = 1 if wanted == "sigmoid" else 3
    finding = only(against(loss, labels, units=units, last=last), "from-logits")
    assert f"{loss} takes probabilities and head 'sick' ends with {last or 'linear'}" in finding.message
    assert f"activation='{wanted}'" in finding.remedy
    assert ("from_logits=True" in finding.remedy) == (last is None)


@pytest.mark.parametrize("last", ["softmax", "sigmoid"])
def test_logits_expected_of_a_head_that_gives_probabilities_fail(last):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    finding = only(against(loss, CODES, units=3, last=last), "from-logits")
    assert f"head 'sick' ends with {last} and its loss has from_logits=True, so {last} is applied twice" in finding.message


def test_logits_of_a_linear_head_pass():
    assert against(keras.losses.SparseCategoricalCrossentropy(from_logits=True), CODES, units=3, last=None)
    assert against(keras.losses.BinaryCrossentropy(from_logits=True), CODES % 2, last=None)


def test_the_activation_is_found_behind_reshapes_and_nested_models():
    x = keras.Input((4,), name="x")
    inner_x = keras.Input((4,))
    inner = keras.Model(inner_x, keras.layers.Activation("softmax")(keras.layers.Dense(3)(inner_x)))
    model = keras.Model([x], keras.layers.Reshape((3,), name="kind")(inner(x)))
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert only(asked(dataset(targets=("kind",)), model), "from-logits")


def test_a_linear_activation_that_only_sets_the_dtype_is_looked_through():
    x = keras.Input((4,), name="x")
    made = keras.layers.Activation("linear", dtype="float32", name="kind")(keras.layers.Dense(3, activation="softmax")(x))
    model = keras.Model([x], made)
    model.compile(loss="sparse_categorical_crossentropy")
    assert asked(dataset(targets=("kind",)), model)


def test_what_a_head_of_unknown_activation_gives_is_looked_at():
    x = keras.Input((4,), name="x")
    made = keras.ops.multiply(keras.layers.Dense(3)(x), 10.0)
    model = keras.Model([x], keras.layers.Lambda(lambda t: t, name="kind")(made))
    model.compile(loss="sparse_categorical_crossentropy")
    finding = only(plait.check(dataset(targets=("kind",)), model), "from-logits")
    assert "sparse_categorical_crossentropy takes probabilities and head 'kind' gives -" in finding.message


def test_an_activation_that_cannot_reach_the_labels_is_a_warning():
    finding = only(against("mean_squared_error", np.linspace(0, 250, 40)), "activation", level="warn")
    assert "labels from 0 to 250 and head 'sick' ends with sigmoid, which gives 0 to 1" in finding.message


def test_poisson_on_a_linear_head_is_a_warning():
    finding = only(against("poisson", CODES, last=None), "activation", level="warn")
    assert "poisson takes positive predictions and head 'sick' ends with linear" in finding.message


def test_all_labels_in_memory_are_read_and_the_report_says_how_many():
    labels = np.zeros(5000, int)
    labels[4321] = 9
    labels[1] = 1
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.ones((5000, 4)))}, targets={"kind": plait.Arrays(kind=labels)})
    report = asked(data, one_head(3, name="kind", last="softmax", loss="sparse_categorical_crossentropy"), samples=50)
    assert "sample 4321" in only(report, "label-range").message
    assert "all 5000 samples looked at" in only(report, "label-range").message
    assert "50 of 5000 samples looked at" in only(report, "values", "x", "pass").message
