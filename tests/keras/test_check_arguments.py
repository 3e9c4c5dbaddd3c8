"""check: losses, weights and metrics given to compile, against the heads they are for."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import LOSSES, asked, dataset, findings, one_head, only, two_heads

import plait

LIST = list(LOSSES.values())


def test_a_model_that_is_not_compiled_is_a_failure_with_the_line_to_write():
    finding = only(asked(dataset(), two_heads(compiled=False)), "not-compiled")
    assert finding.remedy == (
        "model.compile(optimizer='adam', loss={'price': 'mean_squared_error', 'kind': 'sparse_categorical_crossentropy'})"
    )


def test_a_model_compiled_without_a_loss_fails():
    model = two_heads(compiled=False)
    model.compile(optimizer="adam")
    assert "compile() was given no loss, so nothing trains the model" in only(plait.check(dataset(), model), "no-loss").message


def test_a_model_whose_layers_add_their_losses_needs_no_other():
    class Adds(keras.layers.Layer):
        def call(self, x):
            self.add_loss(keras.ops.mean(x))
            return x

    x = keras.Input((4,), name="x")
    model = keras.Model([x], keras.layers.Dense(1, name="price")(Adds()(x)))
    model.compile(optimizer="adam")
    assert not findings(plait.check(dataset(targets=("price",)), model), "no-loss")


def test_a_model_with_a_loss_of_its_own_is_left_to_it():
    class Own(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean((y_pred - y) ** 2)

    x = keras.Input((4,), name="x")
    model = Own([x], keras.layers.Dense(1, name="price")(x))
    model.compile(optimizer="adam")
    report = plait.check(dataset(targets=("price",)), model)
    assert report, report
    assert "the model computes its loss itself" in only(report, "own-loss", level="pass").message


def test_a_list_of_losses_for_a_dict_of_outputs_fails_when_keras_hands_it_out_in_another_order():
    report = asked(dataset(), two_heads(loss=LIST))
    finding = only(report, "loss-list")
    assert "Keras hands the list out as ['kind', 'price'], and the heads were declared as ['price', 'kind']" in finding.message
    assert finding.remedy == "loss={'price': 'mean_squared_error', 'kind': 'sparse_categorical_crossentropy'}"
    assert len(report.failures) == 1, report


def test_a_list_of_losses_in_an_order_that_happens_to_be_right_is_a_warning():
    data = plait.Dataset(inputs={"x": dataset().origin("x")}, targets={n: dataset().origin(t) for n, t in (("a", "price"), ("b", "kind"))})
    report = asked(data, two_heads(names=("a", "b"), loss=LIST))
    assert report, report
    assert "which happens to change nothing here" in only(report, "loss-list", level="warn").message


def test_a_list_of_equal_losses_is_a_warning():
    data = plait.Dataset(inputs={"x": dataset().origin("x")}, targets={n: dataset().origin("price") for n in ("b", "a")})
    report = asked(data, two_heads(names=("b", "a"), width=1, last=None, loss=["mse", "mse"]))
    assert report, report
    assert only(report, "loss-list", level="warn")


def test_a_list_of_losses_for_a_list_of_outputs_is_right():
    report = asked(dataset(), two_heads("list", loss=LIST, loss_weights=[1.0, 2.0], metrics=[["mae"], ["accuracy"]]))
    assert report and not report.warnings, report


@pytest.mark.parametrize("argument", ["metrics", "weighted_metrics"])
def test_a_list_of_metrics_for_a_dict_of_outputs_fails(argument):
    finding = only(asked(dataset(), two_heads(**{argument: [["mae"], ["accuracy"]]})), f"{argument.replace('_', '-')}-list")
    assert finding.remedy == f"{argument}={{'price': ['mae'], 'kind': ['accuracy']}}"


def test_a_flat_list_of_as_many_metrics_as_heads_is_a_warning():
    finding = only(asked(dataset(), two_heads("list", metrics=["mae", "mse"])), "metrics-list", level="warn")
    assert "metrics= is a list of 2, and Keras takes one for each head, not all for every head" in finding.message
    assert finding.remedy == "metrics={'price': ['mae'], 'kind': ['mse']}"


@pytest.mark.parametrize("container", ["dict", "list"])
def test_one_list_of_metrics_for_several_heads_fails(container):
    finding = only(asked(dataset(), two_heads(container, metrics=["mae"])), "metrics-flat")
    assert finding.remedy == "metrics={'price': ['mae'], 'kind': ['mae']}"


def test_metrics_that_keras_refuses_fail_in_the_users_names():
    finding = only(asked(dataset(), two_heads(metrics={"price": ["no such metric"]})), "metrics-argument")
    assert "Keras cannot use the metrics" in finding.message


@pytest.mark.parametrize(("argument", "kind"), [("loss", "loss"), ("loss_weights", "loss-weights"), ("metrics", "metrics")])
@pytest.mark.parametrize("container", ["dict", "list"])
def test_a_name_that_is_no_output_fails_with_the_closest(argument, kind, container):
    values = {"loss": {**LOSSES, "prise": "mean_squared_error"}, "loss_weights": {"prise": 2.0}, "metrics": {"prise": ["mae"]}}
    finding = only(asked(dataset(), two_heads(container, **{argument: values[argument]})), f"{kind}-unknown")
    assert f"{argument}= names 'prise', and the model has no such output; its outputs are ['price', 'kind']" in finding.message
    assert finding.remedy.startswith(f"{argument}={{'price': ")


def test_weights_by_name_beside_a_list_of_losses_go_where_they_are_written_or_fail():
    report = asked(dataset(), two_heads("list", loss=LIST, loss_weights={"price": 10.0, "kind": 1.0}))
    finding = only(report, "loss-weights-swapped")
    assert "{'price': 10.0, 'kind': 1.0}" in finding.message
    assert "so uses {'price': 1.0, 'kind': 10.0}" in finding.message
    assert "loss={'price': 'mean_squared_error', 'kind': 'sparse_categorical_crossentropy'}" in finding.remedy
    assert "loss_weights={'price': 10.0, 'kind': 1.0}" in finding.remedy


def test_a_list_of_weights_for_a_dict_of_outputs_fails():
    finding = only(asked(dataset(), two_heads(loss_weights=[10.0, 1.0])), "loss-weights-list")
    assert finding.remedy == "loss_weights={'price': 10.0, 'kind': 1.0}"


def test_weights_by_name_beside_losses_by_name_are_right():
    report = asked(dataset(), two_heads(loss_weights={"price": 10.0, "kind": 1.0}))
    assert report, report
    assert "weight 10" in only(report, "head", "price", "pass").message


def test_a_weight_of_zero_is_a_warning():
    finding = only(asked(dataset(), two_heads(loss_weights={"price": 0.0, "kind": 1.0})), "loss-weight-zero", level="warn")
    assert "the loss of head 'price' has weight 0, so nothing trains it" in finding.message


def test_too_few_weights_fail():
    assert "loss_weights" in only(asked(dataset(), two_heads(loss_weights={"price": 2.0})), "loss-argument").message


def test_a_head_that_no_loss_trains_is_a_warning():
    with_target = asked(dataset(), two_heads(loss={"price": "mean_squared_error"}))
    without = asked(dataset(targets=("price",)), two_heads(loss={"price": "mean_squared_error"}))
    assert "the data set has a target for head 'kind' and no loss trains it" in only(with_target, "head-untrained", level="warn").message
    assert "head 'kind' has no target and no loss trains it" in only(without, "head-untrained", level="warn").message


def test_a_list_of_outputs_wants_a_loss_or_none_for_each():
    finding = only(asked(dataset(), two_heads("list", loss={"price": "mean_squared_error"})), "loss-keys")
    assert "loss= has nothing for ['kind']" in finding.message
    assert finding.remedy == "loss={'price': 'mean_squared_error', 'kind': None}"


def test_metrics_of_a_head_with_absent_labels_count_the_filler_and_are_a_warning():
    price = np.arange(40.0)
    price[::4] = np.nan
    data = dataset(price=price, missing="mask")
    report = asked(data, two_heads(metrics={"price": ["mae"], "kind": ["accuracy"]}))
    finding = only(report, "metric-unweighted", level="warn")
    assert finding.about == "price"
    assert "also counts the 10 samples without a label, as zeros" in finding.message
    assert finding.remedy == "weighted_metrics={'price': ['mae']}"
    assert not findings(asked(data, two_heads(weighted_metrics={"price": ["mae"]})), "metric-unweighted")


def test_metrics_of_a_weighted_head_ignore_the_weights_and_are_a_warning():
    data = dataset(targets=("price",), weights={"price": "sure"}, sure=np.linspace(1, 2, 40))
    finding = only(asked(data, one_head(metrics=["mae"])), "metric-unweighted", level="warn")
    assert "metrics={'price': ['mae']} ignores the samples' weights" in finding.message


def test_a_loss_object_is_written_as_one_would_write_it():
    loss = {"price": keras.losses.Huber(), "kind": keras.losses.SparseCategoricalCrossentropy()}
    finding = only(asked(dataset(), two_heads(loss=list(loss.values()))), "loss-list")
    assert finding.remedy == "loss={'price': keras.losses.Huber(...), 'kind': keras.losses.SparseCategoricalCrossentropy(...)}"


def test_the_order_of_evaluate_is_told_for_several_heads():
    model = two_heads()
    finding = only(asked(dataset(), model), "evaluate-order", level="pass")
    assert finding.remedy == "model.evaluate(loader, return_dict=True)"


def test_data_without_targets_will_do_for_predict():
    data = plait.Dataset(inputs={"x": dataset().origin("x")})
    report = plait.check(data, two_heads())
    assert report, report
    assert "predict() only" in only(report, "no-targets", level="warn").message
