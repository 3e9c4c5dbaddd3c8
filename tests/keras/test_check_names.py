"""check: inputs, targets and outputs by name, for every kind of model."""

from __future__ import annotations

import keras
import pytest
from networks import dataset, findings, only, two_heads

import plait


class Bare(keras.Model):
    """A subclassed model of two heads by name."""

    def __init__(self, container=dict):
        super().__init__(name="bare")
        self.price, self.kind, self.container = keras.layers.Dense(1), keras.layers.Dense(3, activation="softmax"), container

    def call(self, inputs):
        price, kind = self.price(inputs["x"]), self.kind(inputs["x"])
        return {"price": price, "kind": kind} if self.container is dict else self.container((price, kind))


LOSS = {"price": "mean_squared_error", "kind": "sparse_categorical_crossentropy"}


@pytest.mark.parametrize("container", ["dict", "list", "tuple"])
def test_a_data_set_that_fits_passes_whatever_the_container_of_the_outputs(container):
    report = plait.check(dataset(), two_heads(container, metrics={"price": ["mae"], "kind": ["accuracy"]}))
    assert report, report
    assert not report.warnings, report


def test_an_input_that_the_data_lack_is_named_with_the_closest_they_have():
    finding = only(plait.check(dataset(inputs=("words",)), two_heads()), "input-missing")
    assert finding.about == "x"
    assert "the model has an input 'x' and the data set has no input of that name; its inputs are ['words']" in finding.message
    assert "inputs={'x'" in finding.remedy


def test_an_input_that_the_model_lacks_is_named():
    finding = only(plait.check(dataset(inputs=("x", "words")), two_heads()), "input-unknown", "words")
    assert "the data set has an input 'words' and the model no input of that name; its inputs are ['x']" in finding.message


@pytest.mark.parametrize("container", ["dict", "list"])
def test_a_target_that_is_no_head_and_a_head_without_a_target_are_named(container):
    report = plait.check(dataset(targets=("price", "sick")), two_heads(container))
    assert "the data set has a target 'sick' and the model no output of that name" in only(report, "target-unknown", "sick").message
    assert "the model has an output 'kind' and the data set has no target of that name" in only(report, "target-missing", "kind").message


def test_two_targets_for_a_model_of_one_head_are_not_measured_against_it():
    x = keras.Input((4,), name="x")
    model = keras.Model(x, {"kind": keras.layers.Dense(3, "softmax")(x)})
    model.compile(loss={"kind": LOSS["kind"]})
    report = plait.check(dataset(targets=("price", "kind")), model)
    assert [(f.id, f.about) for f in report.failures] == [("target-unknown", "price")]


def test_the_names_of_dict_outputs_are_their_keys_not_those_of_the_layers():
    x = keras.Input((4,), name="x")
    model = keras.Model([x], {"price": keras.layers.Dense(1, name="a")(x), "kind": keras.layers.Dense(3, "softmax", name="b")(x)})
    model.compile(loss=LOSS)
    assert plait.check(dataset(), model)
    layers = plait.Dataset(inputs={"x": dataset().origin("x")}, targets={"a": dataset().origin("price"), "b": dataset().origin("kind")})
    report = plait.check(layers, model)
    assert {f.about for f in findings(report, "target-unknown")} == {"a", "b"}
    assert "its outputs are ['price', 'kind']" in only(report, "target-unknown", "a").message


def test_a_list_of_one_output_is_one_output():
    x = keras.Input((4,), name="x")
    model = keras.Model([x], [keras.layers.Dense(1, name="price")(x)])
    model.compile(loss="mean_squared_error")
    report = plait.check(dataset(targets=("price",)), model)
    assert report, report
    assert [f.level for f in findings(report, "wiring", "price")] == ["pass"]


def test_one_input_and_one_head_of_a_sequential_model_need_no_names():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    assert plait.check(dataset(targets=("kind",)), model)


def test_a_sequential_model_without_an_input_layer_is_told_to_begin_with_one():
    model = keras.Sequential([keras.layers.Dense(3, activation="softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    finding = only(plait.check(dataset(targets=("kind",)), model), "forward")
    assert "the model cannot be called on a dict of the inputs ['x']" in finding.message
    assert finding.remedy == "begin the Sequential with keras.Input((4,), name='x')"


def test_a_subclassed_model_is_called_to_learn_its_heads():
    model = Bare()
    model.compile(loss=LOSS, metrics={"price": ["mae"], "kind": ["accuracy"]})
    assert plait.check(dataset(), model)
    report = plait.check(dataset(targets=("price", "sick")), model)
    assert only(report, "target-unknown", "sick")


@pytest.mark.parametrize("container", [list, tuple])
def test_a_subclassed_model_that_returns_a_list_has_no_names_for_its_heads(container):
    model = Bare(container)
    model.compile(loss=list(LOSS.values()))
    finding = only(plait.check(dataset(), model), "output-names")
    assert f"call() returns a {container.__name__} of tensors without names for the targets ['price', 'kind']" in finding.message
    assert finding.remedy == "return {'price': ..., 'kind': ...}"


def test_a_subclassed_model_whose_call_fails_is_a_finding_not_an_exception():
    model = Bare()
    model.compile(loss=LOSS)
    finding = only(plait.check(dataset(inputs=("words",)), model), "forward")
    assert "the model cannot be called on a dict of the inputs ['words']: KeyError" in finding.message
    assert "words = inputs['words']" in finding.remedy


def test_nested_structures_are_refused_by_name():
    x = keras.Input((4,), name="x")
    model = keras.Model({"a": [x]}, keras.layers.Dense(1)(x), name="nested")
    model.compile(loss="mean_squared_error")
    finding = only(plait.check(dataset(targets=("price",)), model), "model")
    assert "The inputs of model 'nested' are nested: 'a' is a list" in finding.message


def test_outputs_in_an_ordered_dict_take_no_dict_of_losses():
    finding = only(plait.check(dataset(), two_heads("ordered")), "ordered-outputs")
    assert "Keras finds no loss of a dict in it" in finding.message
    assert "{'price': price, 'kind': kind}" in finding.remedy
