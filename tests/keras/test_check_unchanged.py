"""check: it changes nothing, is quick, and knows the Keras it runs on."""

from __future__ import annotations

import time

import keras
import numpy as np
import pytest
from networks import dataset, two_heads

import plait
from plait.checks import compiled
from plait.errors import CheckError


def busy_model():
    """With every kind of state: weights, moving averages, seeds, optimizer, metrics."""
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dropout(0.5, seed=3)(keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(x)))
    hidden = keras.layers.GaussianNoise(0.1, seed=4)(hidden)
    price = keras.layers.Dense(1, name="price", activity_regularizer="l2")(hidden)
    model = keras.Model([x], {"price": price, "kind": keras.layers.Dense(3, activation="softmax", name="kind")(hidden)})
    model.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={"price": "mean_squared_error", "kind": "sparse_categorical_crossentropy"},
        metrics={"price": ["mae"], "kind": ["accuracy"]},
    )
    return model


def state(model):
    """Every variable of the model, its optimizer, metrics and losses, and what `compile` made, as it is now."""
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return {
        "values": [np.array(keras.ops.convert_to_numpy(v)) for v in variables],
        "names": [v.path for v in variables],
        "functions": [model.train_function, model.test_function, model.predict_function],
        "compiled": (id(model._compile_loss), model._compile_loss.built, id(model._compile_metrics), model._compile_metrics.built),
        "metrics": model.metrics_names,
        "nodes": [len(layer._inbound_nodes) for layer in model.layers],
        "optimizer": (model.optimizer.built, id(model.optimizer)),
    }


def same(before, after):
    assert len(before["values"]) == len(after["values"])
    assert all(a.tobytes() == b.tobytes() for a, b in zip(before["values"], after["values"], strict=True))
    assert {k: v for k, v in before.items() if k != "values"} == {k: v for k, v in after.items() if k != "values"}


@pytest.mark.parametrize("trained", [False, True])
def test_check_leaves_the_model_as_it_was_bit_for_bit(trained):
    data, model = dataset(price=np.where(np.arange(40) % 4, 1.0, np.nan), missing="mask"), busy_model()
    if trained:
        model.fit(plait.Loader(data, 8), verbose=0)
    before = state(model)
    assert plait.check(data, model)
    same(before, state(model))


def test_training_after_check_is_training_without_it():
    def trained(checked):
        keras.utils.set_random_seed(5)
        model = busy_model()
        if checked:
            plait.check(dataset(), model)
        model.fit(plait.Loader(dataset(), 8, seed=1), epochs=2, verbose=0)
        return [np.array(keras.ops.convert_to_numpy(v)).tobytes() for v in model.variables]

    assert trained(True) == trained(False)


def test_names_of_later_layers_and_models_are_those_without_check():
    keras.backend.clear_session()
    first = keras.layers.Dense(1).name
    plait.check(dataset(), two_heads())
    names = (keras.layers.Dense(1).name, keras.Sequential().name)
    assert first == "dense"
    assert names == ("dense_2", "sequential")  # two_heads has one Dense without a name


def test_a_subclassed_model_that_was_never_called_gets_the_weights_that_fit_would_give_it():
    class Never(keras.Model):
        def __init__(self):
            super().__init__()
            self.price = keras.layers.Dense(1)

        def call(self, inputs):
            return {"price": self.price(inputs["x"])}

    def weights(checked):
        keras.utils.set_random_seed(6)
        model = Never()
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss={"price": "mean_squared_error"})
        data = dataset(targets=("price",))
        if checked:
            assert plait.check(data, model)
            assert model.built
        model.fit({"x": np.ones((4, 4), "float32")}, {"price": np.ones((4, 1))}, verbose=0)
        return [np.array(keras.ops.convert_to_numpy(v)).tobytes() for v in model.variables]

    assert weights(True) == weights(False)


def test_check_is_quick():
    rng = np.random.default_rng(0)
    photo = keras.Input((32, 32, 3), name="photo")
    hidden = keras.layers.Flatten()(keras.layers.MaxPooling2D(4)(keras.layers.Rescaling(1 / 255)(photo)))
    outputs = {"price": keras.layers.Dense(1, name="price")(hidden), "kind": keras.layers.Dense(3, "softmax", name="kind")(hidden)}
    model = keras.Model([photo], outputs)
    model.compile(loss={"price": "mean_squared_error", "kind": "sparse_categorical_crossentropy"})
    samples = 5000
    source = plait.Arrays(
        photo=rng.integers(0, 256, (samples, 32, 32, 3), dtype=np.uint8), price=rng.normal(size=samples), kind=np.arange(samples) % 3
    )
    data = plait.Dataset(inputs={"photo": source["photo"]}, targets={n: source[n] for n in ("price", "kind")})
    start = time.process_time()
    assert plait.check(data, model)
    assert time.process_time() - start < 4  # below 1 s on an idle core; a loaded one counts more


def test_only_data_sets_and_keras_models_are_checked():
    data, model = dataset(), two_heads()
    with pytest.raises(plait.ArgumentError, match=r"check\(\) takes a keras.Model, not a function. Write plait.check\(data, model\)."):
        plait.check(data, lambda x: x)
    with pytest.raises(
        plait.ArgumentError, match=r"check\(\) takes a plait.Dataset, not a Loader. Write plait.check\(loader.data, model\)."
    ):
        plait.check(plait.Loader(data, 8), model)
    with pytest.raises(plait.ArgumentError, match=r"check\(\) takes a plait.Dataset, not a dict. Write plait.Dataset\(inputs="):
        plait.check({"x": np.ones(3)}, model)
    with pytest.raises(plait.ArgumentError, match="samples=0: a positive number of samples"):
        plait.check(data, model, samples=0)


def test_a_report_is_false_when_a_finding_fails_and_names_every_finding():
    report = plait.check(dataset(inputs=("words",)), two_heads())
    assert not report
    assert all(f.id and f.about and f.message for f in report)
    assert all(f.remedy for f in report.failures)
    assert "check of 40 samples against model 'two_heads'" in str(report)


def test_a_keras_that_keeps_its_arguments_elsewhere_is_named_not_guessed():
    class Elsewhere:
        compiled = True

        compute_loss = keras.Model.compute_loss
        train_step = keras.Model.train_step

    with pytest.raises(CheckError, match=r"Keras .* has no Elsewhere._compile_loss, which plait reads"):
        compiled.arguments(Elsewhere())


def test_this_keras_keeps_what_plait_reads_where_plait_reads_it():
    model = two_heads(loss_weights={"price": 2.0, "kind": 1.0}, metrics={"kind": ["accuracy"]}, weighted_metrics={"price": ["mae"]})
    given = compiled.arguments(model)
    assert given is not None
    assert set(given.loss) == {"price", "kind"}
    assert given.loss_weights == {"price": 2.0, "kind": 1.0}
    assert given.metrics == {"kind": ["accuracy"]}
    assert given.weighted_metrics == {"price": ["mae"]}
    assert not given.own
    from plait.contract import Contract

    contract = Contract.of(model)
    assert contract is not None
    assert compiled.activation(model, "kind", contract) == "softmax"
    assert compiled.activation(model, "price", contract) == "linear"
    assert [type(layer).__name__ for layer in compiled.consumers(model, "x")] == ["Dense"]
    assert callable(model._flatten_layers)
    assert model._call_has_training_arg
