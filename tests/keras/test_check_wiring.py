"""check: sentinel batches prove that every input and head gets its own stream, and see it where it does not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import LOSSES, dataset, findings, one_head, only, two_heads

import plait
from plait.checks.arguments import check_arguments
from plait.checks.compiled import arguments
from plait.checks.subject import Subject
from plait.checks.wiring import check_inputs, check_targets
from plait.contract import Contract
from plait.emit import Emission


def subject(data, model):
    contract = Contract.of(model)
    return check_arguments(Subject(data, model, contract, type(model.output), arguments(model)))[0]


class Positional(Emission):
    """An emission that hands targets, weights and inputs over by position, as people do."""

    def for_keras(self, batch):
        parts = super().for_keras(batch)
        return tuple(tuple(part.values()) if isinstance(part, dict) else part for part in parts)


def targets_of(data, model, kind=Emission):
    emission = kind(data, Contract.of(model), padded=False)
    return list(check_targets(subject(data, model), emission))


WEIGHTS = {"weights": {"price": "sure", "kind": "sure"}, "sure": np.linspace(1, 2, 40)}


@pytest.mark.parametrize("container", ["dict", "list", "tuple"])
@pytest.mark.parametrize("weighted", [False, True])
def test_every_target_and_weight_is_seen_to_reach_its_own_head(container, weighted):
    data = dataset(**WEIGHTS) if weighted else dataset()
    found = targets_of(data, two_heads(container))
    assert [(f.about, f.level) for f in found] == [("price", "pass"), ("kind", "pass")]
    assert all(("and its weight" in f.message) == weighted for f in found)


def test_targets_by_position_are_seen_to_reach_the_wrong_head_of_a_dict():
    model = two_heads(names=("zeta", "alpha"), loss="mean_squared_error", width=1, last=None)
    data = plait.Dataset(inputs={"x": dataset().origin("x")}, targets={n: dataset().origin("price") for n in ("zeta", "alpha")})
    assert {f.level for f in targets_of(data, model)} == {"pass"}
    wrong = targets_of(data, model, Positional)
    assert {f.level for f in wrong} == {"fail"}
    assert any("compares target 'zeta' with head 'alpha', not with 'zeta'" in f.message for f in wrong)
    assert keras.__version__ in wrong[0].message


def test_weights_by_position_are_seen_to_be_refused_or_to_reach_the_wrong_head():
    assert {f.level for f in targets_of(dataset(**WEIGHTS), two_heads("dict"), Positional)} == {"fail"}


def test_a_list_for_a_list_is_right():
    assert {f.level for f in targets_of(dataset(), two_heads("list"), Positional)} == {"pass"}


def two_inputs(container):
    a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
    given = {"dict": {"a": a, "b": b}, "list": [a, b], "reversed": [b, a], "unsorted": {"b": b, "a": a}}[container]
    model = keras.Model(given, keras.layers.Dense(1, name="price")(keras.layers.Concatenate()([a, b])))
    model.compile(loss="mean_squared_error")
    source = plait.Arrays(a=np.zeros((40, 4)), b=np.ones((40, 4)), price=np.arange(40.0))
    return plait.Dataset(inputs={"a": source["a"], "b": source["b"]}, targets={"price": source["price"]}), model


@pytest.mark.parametrize("container", ["dict", "list", "reversed", "unsorted"])
def test_every_input_is_seen_to_get_its_own_stream(container):
    data, model = two_inputs(container)
    found = [f for f in check_inputs(subject(data, model), Emission(data, Contract.of(model), padded=False))]
    assert [f.level for f in found] == ["pass", "pass"]
    assert {f.about for f in found} == {"a", "b"}


def test_inputs_by_position_are_seen_to_be_swapped():
    data, model = two_inputs("reversed")
    found = list(check_inputs(subject(data, model), Positional(data, Contract.of(model), padded=False)))
    assert [(f.about, f.level) for f in found] == [("b", "pass"), ("a", "pass")]  # the subject asks in the model's own order

    class Sorted(Emission):
        def for_keras(self, batch):
            return (tuple(batch.inputs[name] for name in sorted(batch.inputs)),)

    swapped = list(check_inputs(subject(data, model), Sorted(data, Contract.of(model), padded=False)))
    assert {f.level for f in swapped} == {"fail"}
    assert any("hands stream 'a' to input 'b'" in f.message for f in swapped)


LABELS = {
    "mean_squared_error": ((), "float64", (1,)),
    "mean_absolute_error": ((5,), "float32", (5,)),
    "huber": ((5, 1), "float64", (5, 1)),
    "log_cosh": ((), "int64", (1,)),
    "mean_absolute_percentage_error": ((), "int64", (1,)),
    "mean_squared_logarithmic_error": ((), "float64", (1,)),
    "cosine_similarity": ((3,), "float64", (3,)),
    "poisson": ((), "int32", (1,)),
    "hinge": ((), "int8", (1,)),
    "squared_hinge": ((4,), "float64", (4,)),
    "categorical_hinge": ((3,), "float32", (3,)),
    "kl_divergence": ((3,), "float32", (3,)),
    "categorical_crossentropy": ((3,), "float32", (3,)),
    "categorical_focal_crossentropy": ((3,), "uint8", (3,)),
    "sparse_categorical_crossentropy": ((), "uint8", (3,)),
    "binary_crossentropy": ((), "bool", (1,)),
    "binary_focal_crossentropy": ((4, 4, 1), "uint8", (4, 4, 1)),
    "dice": ((4, 4, 1), "uint8", (4, 4, 1)),
    "tversky": ((4, 4, 1), "float32", (4, 4, 1)),
}


@pytest.mark.parametrize("loss", LABELS)
def test_every_loss_of_keras_is_seen_to_compare_its_target(loss):
    shape, dtype, head = LABELS[loss]
    x = keras.Input((4,), name="x")
    heads = {"y": keras.layers.Reshape(head, name="y")(keras.layers.Dense(int(np.prod(head)), "softmax")(x))}
    model = keras.Model([x], {**heads, "other": keras.layers.Dense(1, name="other")(x)})
    model.compile(loss={"y": loss, "other": "mean_squared_error"})
    y = np.arange(40 * int(np.prod(shape, dtype=int))).reshape(40, *shape) % 2
    data = plait.Dataset(
        inputs={"x": dataset().origin("x")}, targets={"y": plait.Arrays(y=y.astype(dtype)), "other": dataset().origin("price")}
    )
    assert [(f.about, f.level) for f in targets_of(data, model)] == [("y", "pass"), ("other", "pass")]


def test_every_reduction_of_a_loss_is_seen_to_weigh_its_target():
    for reduction in ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight"):
        loss = {"price": keras.losses.MeanSquaredError(reduction=reduction), "kind": "sparse_categorical_crossentropy"}
        assert {f.level for f in targets_of(dataset(**WEIGHTS), two_heads(loss=loss))} == {"pass"}, reduction


def test_a_loss_that_does_not_look_at_its_target_is_a_warning():
    def small(y_true, y_pred):
        return keras.ops.mean(keras.ops.square(y_pred), axis=-1)

    report = plait.check(dataset(targets=("price",)), one_head(loss=small))
    finding = only(report, "wiring", "price", level="warn")
    assert "changing target 'price' did not change the loss of head 'price'" in finding.message


def test_a_loss_that_raises_is_a_finding():
    def broken(y_true, y_pred):
        raise RuntimeError("no such thing")

    finding = only(plait.check(dataset(targets=("price",)), one_head(loss=broken)), "wiring", "one_head", level="warn")
    assert "the losses cannot be computed on the batches that the Loader gives: no such thing" in finding.message


def test_a_model_that_fails_on_real_samples_is_a_finding():
    class Fussy(keras.layers.Layer):
        ready = False

        def call(self, x):
            if self.ready:
                raise ValueError("not today")
            return x

    x, layer = keras.Input((4,), name="x"), Fussy(name="price")
    model = keras.Model([x], layer(x)[:, :1])
    model.compile(loss="mean_squared_error")
    layer.ready = True
    finding = only(plait.check(dataset(targets=("price",)), model), "forward")
    assert "the model cannot be called on a batch of x (4, 4)" in finding.message
    assert "not today" in finding.message


def test_a_head_that_gives_nan_on_finite_inputs_fails():
    x = keras.Input((4,), name="x")
    model = keras.Model([x], keras.layers.Lambda(lambda t: keras.ops.log(t - 1000.0)[:, :1], output_shape=(1,), name="price")(x))
    model.compile(loss="mean_squared_error")
    finding = only(plait.check(dataset(targets=("price",)), model), "output-not-finite")
    assert "head 'price' gives NaN or infinity for the samples" in finding.message


def test_a_model_of_fixed_batch_size_gets_a_batch_of_that_size():
    x = keras.Input(batch_shape=(7, 4), name="x")
    model = keras.Model([x], keras.layers.Reshape((1,), name="price")(keras.ops.reshape(keras.ops.sum(x, axis=1), (7, 1))))
    model.compile(loss="mean_squared_error")
    report = plait.check(dataset(targets=("price",)), model)
    assert "x (7, 4)" in only(report, "forward", level="pass").message


def test_a_deep_model_is_not_compiled_by_jax_for_the_sake_of_a_check(backend):
    x = keras.Input((4,), name="x")
    made = x
    for _ in range(70):
        made = keras.layers.Activation("linear")(made)
    model = keras.Model([x], keras.layers.Dense(1, name="price")(made))
    model.compile(loss="mean_squared_error")
    message = only(plait.check(dataset(targets=("price",)), model), "forward", level="pass").message
    assert ("what it gives was not computed" in message) == (backend == "jax")


def test_two_samples_are_enough():
    report = plait.check(dataset().take([0, 1]), two_heads())
    assert all(f.level == "pass" for f in findings(report, "wiring")), report
    assert set(LOSSES) <= {f.about for f in findings(report, "wiring")}
