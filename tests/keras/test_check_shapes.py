"""check: rank, shape and dtype of samples against inputs, heads and losses."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import asked, dataset, findings, one_head, only

import plait


def of(target, **changes):
    return dataset(targets=(target,), **changes)


def test_an_input_of_another_shape_is_told_with_both_shapes():
    model = one_head(inputs=(("x", (5,), "float32"),))
    finding = only(asked(of("price"), model), "input-shape")
    assert "one sample of input 'x' has shape (4,) (float32) and the model's input 'x' takes (5,)" in finding.message
    assert finding.remedy == "keras.Input((4,))"


def test_a_picture_of_another_size_is_to_be_resized():
    model = one_head(inputs=(("photo", (16, 16, 3), "float32"),))
    finding = only(asked(of("price", inputs=("photo",)), model), "input-shape")
    assert "plait.Resize((16, 16))" in finding.remedy


def test_text_is_to_be_tokenized_as_an_input_and_coded_as_a_target():
    words, grades = ["small round"] * 40, ["low", "high"] * 20
    report = plait.check(of("sick", x=words, sick=grades), one_head(name="sick"))
    inputs, targets = only(report, "text", "x"), only(report, "text", "sick")
    assert "input 'x' is text, and Keras takes numbers" in inputs.message
    assert "plait.Tokenize.fit(train['x'], size=1000)" in inputs.remedy
    assert "target 'sick' is text" in targets.message
    assert "plait.Vocabulary.fit(train['sick'])" in targets.remedy


def test_dates_are_no_numbers():
    report = asked(of("price", x=np.arange(40).astype("datetime64[D]")), one_head())
    assert "input 'x' has dtype datetime64[D], and Keras takes numbers" in only(report, "dtype").message


def test_ragged_samples_are_to_be_padded():
    ragged = [list(range(1 + i % 5)) for i in range(40)]
    fixed = asked(of("price", inputs=("words",), words=ragged), one_head(inputs=(("words", (6,), "int32"),)))
    finding = only(fixed, "ragged", level="fail")
    assert "the samples of input 'words' differ in length and the model's input takes 6" in finding.message
    assert finding.remedy == "data.map(plait.Pad(6), on='words')"


def test_ragged_samples_may_be_bucketed_where_the_model_leaves_the_length_open():
    ragged = [list(range(1 + i % 5)) for i in range(40)]
    words = keras.Input((None,), dtype="int32", name="words")
    pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(20, 3)(words))
    model = keras.Model([words], keras.layers.Dense(1, name="price")(pooled))
    model.compile(loss="mean_squared_error")
    report = plait.check(of("price", inputs=("words",), words=ragged), model)
    assert report, report
    assert "bucket='words'" in only(report, "ragged", level="warn").remedy


BROADCAST = [
    ("price", (), "float64", 3, None, "mean_squared_error"),  # (N,) against (N, k)
    ("price", (1,), "float64", 3, None, "mean_squared_error"),  # (N, 1) against (N, k)
    ("series", (5, 1), "float64", 1, None, "mean_squared_error"),  # a series against one value
    ("vector", (5,), "float64", 1, None, "mean_absolute_error"),  # (N, k) against (N, 1)
    ("kind", (), "int64", 3, "softmax", "mean_squared_error"),  # codes against probabilities, by a loss of numbers
    ("kind", (), "int64", 3, "sigmoid", "binary_crossentropy"),
]


@pytest.mark.parametrize(("target", "shape", "dtype", "units", "last", "loss"), BROADCAST)
def test_what_keras_would_broadcast_fails(target, shape, dtype, units, last, loss):
    values = (np.arange(40 * max(1, int(np.prod(shape)))) % 3).reshape(40, *shape).astype(dtype)
    report = asked(of(target, **{target: values}), one_head(units, name=target, last=last, loss=loss))
    finding = only(report, "target-shape", target)
    assert str(shape) in finding.message
    assert f"({units},)" in finding.message
    assert finding.remedy


def test_codes_against_a_categorical_loss_are_told_the_sparse_one():
    finding = only(asked(of("kind"), one_head(3, name="kind", last="softmax", loss="categorical_crossentropy")), "target-shape")
    assert "target 'kind' has () a sample and head 'kind', (3,), is compared with it by categorical_crossentropy" in finding.message
    assert "sparse_categorical_crossentropy" in finding.remedy
    assert "plait.OneHot(range(3))" in finding.remedy


def test_one_hot_labels_against_a_sparse_loss_are_told_the_categorical_one():
    one_hot = np.eye(3, dtype="float32")[np.arange(40) % 3]
    report = asked(of("kind", kind=one_hot), one_head(3, name="kind", last="softmax", loss="sparse_categorical_crossentropy"))
    finding = only(report, "target-shape")
    assert "sparse_categorical_crossentropy takes class codes" in finding.message
    assert finding.remedy == "loss={'kind': 'categorical_crossentropy'}"


@pytest.mark.parametrize("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
def test_one_output_for_several_classes_learns_nothing(loss):
    labels = np.arange(40) % 2
    data = of("sick", sick=labels if loss.startswith("sparse") else labels[:, None])
    finding = only(asked(data, one_head(1, name="sick", last="softmax", loss=loss)), "target-shape")
    assert f"{loss} on head 'sick', (1,), which has one output, is 0 whatever the label is" in finding.message
    assert "binary_crossentropy" in finding.remedy


RIGHT = [
    ("price", (), "float32", (1,), "mean_squared_error"),
    ("price", (1,), "float32", (1,), "mean_squared_error"),
    ("series", (5,), "float32", (5, 1), "mean_squared_error"),
    ("series", (5, 1), "float32", (5, 1), "mean_squared_error"),
    ("kind", (), "int64", (3,), "sparse_categorical_crossentropy"),
    ("kind", (1,), "int64", (3,), "sparse_categorical_crossentropy"),
    ("map", (2, 2), "uint8", (2, 2, 3), "sparse_categorical_crossentropy"),
    ("map", (2, 2, 1), "uint8", (2, 2, 3), "sparse_categorical_crossentropy"),
    ("map", (2, 2, 1), "uint8", (2, 2, 1), "binary_crossentropy"),
]


@pytest.mark.parametrize(("target", "shape", "dtype", "head", "loss"), RIGHT)
def test_what_keras_compares_value_by_value_passes(target, shape, dtype, head, loss):
    count = int(np.prod(shape, dtype=int))
    classes = 2 if loss.startswith("binary") else 3
    values = (np.arange(40 * count) % classes).reshape(40, *shape).astype(dtype)
    x = keras.Input((4,), name="x")
    made = keras.layers.Reshape(head)(keras.layers.Dense(int(np.prod(head)))(x))
    last = {"sparse_categorical_crossentropy": "softmax", "binary_crossentropy": "sigmoid"}.get(loss, "linear")
    model = keras.Model([x], keras.layers.Activation(last, name=target)(made))
    model.compile(loss=loss)
    report = plait.check(of(target, **{target: values}), model)
    assert report, report
    assert findings(report, "target-shape", target)[0].level == "pass"
    assert findings(report, "wiring", target)[0].level == "pass"


def test_fractions_into_an_integer_input_fail():
    model = one_head(inputs=(("x", (4,), "int32"),))
    finding = only(asked(of("price"), model), "dtype")
    assert "input 'x' holds fractions" in finding.message
    assert "Keras cuts them off" in finding.message
    assert "dtype='float32'" in finding.remedy


def test_a_loss_of_ones_own_may_compare_what_it_likes():
    def nearest(y_true, y_pred):
        return keras.ops.min(keras.ops.abs(y_pred - y_true), axis=-1)

    data, model = of("price", price=np.ones((40, 3))), one_head(1, loss=nearest)
    assert plait.check(data, model)
    model.fit(plait.Loader(data, 20), verbose=0)


def test_a_model_that_computes_its_own_loss_may_be_given_targets_of_any_shape():
    class Own(keras.Model):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return keras.ops.mean((y_pred - keras.ops.mean(y, axis=(1, 2, 3))[:, None]) ** 2)

    x = keras.Input((4,), name="x")
    data, model = of("mask"), Own([x], keras.layers.Dense(1, name="mask")(x))
    model.compile(optimizer="sgd")
    assert plait.check(data, model)
    model.fit(plait.Loader(data, 20), verbose=0)
