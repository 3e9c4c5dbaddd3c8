"""check: values that cannot be read, are not finite, out of range or far from scale; weights; the share of labels."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import asked, columns, dataset, findings, one_head, only, two_heads

import plait


def with_at(values, row, value):
    changed = np.array(values, np.result_type(np.asarray(values).dtype, type(value)))
    changed[row] = value
    return changed


X = np.random.default_rng(1).normal(size=(40, 4))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_inputs_that_are_not_finite_fail_with_their_samples(bad):
    x = with_at(with_at(X, (3, 1), bad), (9, 0), bad)
    data = dataset(targets=("price",), x=x, missing="keep")
    finding = only(asked(data, one_head()), "not-finite")
    assert finding.about == "x"
    assert "input 'x' is NaN or infinite in 2 of 40 samples: 3, 9" in finding.message
    assert "missing={'x': 'drop'}" in finding.remedy


def test_targets_that_are_not_finite_are_to_be_masked():
    data = dataset(targets=("price",), price=with_at(np.arange(40.0), 5, np.nan), missing="keep")
    finding = only(asked(data, one_head()), "not-finite")
    assert "target 'price' is NaN or infinite in 1 of 40 samples: 5" in finding.message
    assert "missing={'price': 'mask'}" in finding.remedy


def test_masked_targets_are_finite():
    data = dataset(targets=("price",), price=with_at(X[:, 0], 5, np.nan), missing="mask")
    report = asked(data, one_head())
    assert report, report
    assert "39 of 40 samples are labelled, 98%" in only(report, "label-rate", level="pass").message


def test_keys_are_the_users_own():
    source = columns(x=with_at(X, (3, 1), np.nan))
    ids = [f"p{i:03}" for i in range(40)]
    named = plait.Arrays(x=with_at(X, (3, 1), np.nan), price=np.arange(40.0), key=ids)
    data = plait.Dataset(inputs={"x": named["x"]}, targets={"price": named["price"]}, missing="keep")
    assert "'p003'" in only(asked(data, one_head()), "not-finite").message
    assert len(source) == 40


@pytest.mark.parametrize("value", [2**31, 2**40, -(2**31) - 1])
def test_ids_beyond_32_bits_fail_for_an_integer_input(value):
    words = np.ones((40, 6), np.int64)
    words[2, 1] = value
    model = one_head(inputs=(("words", (6,), "int32"),))
    finding = only(asked(dataset(inputs=("words",), targets=("price",), words=words), model), "int-range")
    assert str(value) in finding.message
    assert "int32" in finding.message
    assert "plait.Vocabulary.fit(train['words'])" in finding.remedy


def test_integers_that_float32_rounds_fail_for_a_float_input():
    words = np.ones((40, 6), np.int64)
    words[2, 1] = 2**24 + 1
    model = one_head(inputs=(("words", (6,), "float32"),))
    finding = only(asked(dataset(inputs=("words",), targets=("price",), words=words), model), "int-range")
    assert "rounds integers beyond 16777216" in finding.message


@pytest.mark.parametrize(("value", "level"), [(2**24 + 1, "warn"), (2**31, "fail")])
def test_integer_targets_that_float32_rounds_are_told(value, level):
    finding = only(asked(dataset(targets=("price",), price=with_at(np.arange(40), 3, value)), one_head()), "int-range", level=level)
    assert f"target 'price' holds 0 to {value}, and Keras casts targets to float32" in finding.message


def test_numbers_beyond_float32_fail():
    report = asked(dataset(targets=("price",), x=with_at(X, (2, 1), 1e39), price=with_at(X[:, 0], 3, 1e39)), one_head())
    assert "which is infinite as float32" in only(report, "not-finite", "x").message
    assert "which is infinite as float32" in only(report, "not-finite", "price").message


@pytest.mark.parametrize(("value", "remedy"), [(20, "keras.layers.Embedding(21, ...)"), (-1, "plait.Vocabulary.fit(train['words'])")])
def test_ids_that_the_embedding_lacks_fail(value, remedy):
    words = np.ones((40, 6), np.int64)
    words[2, 1] = value
    given = keras.Input((6,), dtype="int32", name="words")
    model = keras.Model([given], keras.layers.Dense(1, name="price")(keras.layers.Flatten()(keras.layers.Embedding(20, 3)(given))))
    model.compile(loss="mean_squared_error")
    finding = only(asked(dataset(inputs=("words",), targets=("price",), words=words), model), "id-range")
    assert "(sample 2; all 40 samples looked at), and the Embedding that reads it has 20, 0 to 19" in finding.message
    assert finding.remedy == remedy


def photo_model(first=()):
    given = keras.Input((8, 8, 3), name="photo")
    made = given
    for layer in first:
        made = layer(made)
    made = keras.layers.GlobalAveragePooling2D()(keras.layers.Dense(4)(made))
    model = keras.Model([given], keras.layers.Dense(1, name="price")(made))
    model.compile(loss="mean_squared_error")
    return model


def test_pictures_of_0_to_255_that_nothing_scales_are_a_warning():
    data = dataset(inputs=("photo",), targets=("price",))
    finding = only(asked(data, photo_model()), "unscaled", level="warn")
    assert "input 'photo' is uint8, 0 to 255, and reaches the model as it is" in finding.message
    assert finding.remedy == "keras.layers.Rescaling(1 / 255) as the first layer of that input"


@pytest.mark.parametrize("layer", [keras.layers.Rescaling(1 / 255), keras.layers.Normalization(mean=0.0, variance=1.0)])
def test_a_layer_that_scales_is_found_behind_layers_that_do_not(layer):
    report = asked(dataset(inputs=("photo",), targets=("price",)), photo_model([keras.layers.RandomFlip(), layer]))
    assert not findings(report, "unscaled"), report


def test_a_layer_that_scales_is_found_in_a_nested_model():
    inner_given = keras.Input((8, 8, 3))
    inner = keras.Model(inner_given, keras.layers.Dense(4)(keras.layers.Rescaling(1 / 255)(inner_given)))
    given = keras.Input((8, 8, 3), name="photo")
    model = keras.Model([given], keras.layers.Dense(1, name="price")(keras.layers.Flatten()(inner(given))))
    model.compile(loss="mean_squared_error")
    assert not findings(asked(dataset(inputs=("photo",), targets=("price",)), model), "unscaled")


def test_an_input_of_wild_scale_is_a_warning():
    finding = only(asked(dataset(targets=("price",), x=X * 1e4), dense()), "input-scale", level="warn")
    assert "and nothing scales it" in finding.message
    assert "plait.Standardize.fit(train['x'])" in finding.remedy


def dense():
    x = keras.Input((4,), name="x")
    model = keras.Model([x], keras.layers.Dense(1, name="price")(x))
    model.compile(loss="mean_squared_error")
    return model


def test_a_target_so_large_that_the_other_head_would_not_be_trained_is_a_warning():
    data = dataset(price=np.linspace(1e4, 3e4, 40))
    report = asked(data, two_heads())
    finding = only(report, "target-scale", level="warn")
    assert finding.about == "price"
    assert "'kind' would hardly be trained" in finding.message
    assert finding.remedy == "scale = plait.Standardize.fit(train['price']); train = train.map(scale, on='price')"
    assert not findings(asked(data, two_heads(loss_weights={"price": 1e-8, "kind": 1.0})), "target-scale", "kind")


def test_a_target_far_from_what_a_new_head_gives_is_a_warning():
    report = asked(dataset(targets=("price",), price=np.linspace(1e4, 3e4, 40)), one_head())
    assert "far from what a new head gives" in only(report, "target-scale", level="warn").message


def test_a_sample_that_cannot_be_read_is_a_finding_with_the_reason(tmp_path):
    for i in range(12):
        np.save(tmp_path / f"x_{i}.npy", X[i])
    files = plait.Npy(str(tmp_path / "x_{id}.npy"))
    data = plait.Dataset(
        inputs={"x": files}, targets={"price": plait.Arrays(price=np.arange(12.0), key=[str(i) for i in range(12)])["price"]}
    )
    (tmp_path / "x_5.npy").write_bytes(b"nothing")
    report = asked(data, one_head())
    finding = only(report, "read")
    assert finding.about == "x"
    assert "x_5.npy" in finding.message
    assert not report


def test_a_step_that_raises_is_a_finding_that_names_it_and_the_sample():
    def scaled(x):
        if (x[:, 0] == X[7, 0]).any():
            raise ZeroDivisionError("no scale")
        return x

    report = asked(dataset(targets=("price",), x=X).map(scaled, on="x"), one_head())
    finding = only(report, "read")
    assert "scaled" in finding.message
    assert "sample 7" in finding.message
    assert "no scale" in finding.message


def test_weights_are_not_negative_finite_and_not_all_zero():
    def report(weights, missing="raise"):
        return asked(dataset(targets=("price",), weights={"price": "sure"}, sure=weights, missing=missing), one_head())

    ones = np.ones(40)
    assert report(ones)
    negative = only(report(with_at(ones, 4, -1.0)), "weight-range")
    assert "the weight of target 'price' is -1 for sample 4; a weight is 0 or more" in negative.message
    assert "all weights of target 'price' are 0" in only(report(0 * ones), "weight-range").message
    assert "is NaN or infinite for 4" in only(report(with_at(ones, 4, np.inf)), "weight-range").message


def test_a_target_without_any_label_fails():
    report = asked(dataset(price=np.full(40, np.nan), missing="mask"), two_heads())
    finding = only(report, "label-none")
    assert "none of the 40 samples has a label of target 'price', so nothing trains its head" in finding.message
    assert finding.remedy == "print(data.join) says what matched"


def test_the_share_of_labels_is_told_for_every_head():
    report = asked(dataset(price=with_at(X[:, 0], slice(0, 30), np.nan), missing="mask"), two_heads())
    rates = {f.about: f.values["rate"] for f in findings(report, "label-rate")}
    assert rates == {"price": 0.25, "kind": 1.0}


def test_a_data_set_without_samples_fails():
    report = asked(dataset().take([]), two_heads())
    assert "the data set has no samples" in only(report, "empty").message
