"""What Keras does in silence (design note "silent failures", S1 to S32): through plait each cannot happen, or is a finding, or an error.

The docstring of each test begins with which of the three it is.
"""

from __future__ import annotations

import keras
import numpy as np
import pytest
from networks import dataset, findings, only, two_heads

import plait

ROWS = 8


class Constant(keras.layers.Layer):
    """A head of this shape that gives zeros whatever goes in, so that its loss is known."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.shape = shape

    def call(self, x):
        flat = keras.ops.sum(x, axis=tuple(range(1, len(x.shape))), keepdims=True) * 0.0
        return keras.ops.broadcast_to(keras.ops.reshape(flat, (-1, *(1,) * len(self.shape))), (keras.ops.shape(x)[0], *self.shape))

    def compute_output_shape(self, shape):
        return (shape[0], *self.shape)


def zeros(heads, container="dict", **compiled):
    """A model of the input x (1,) whose heads (name -> shape) give zeros, with the loss mean squared error."""
    x = keras.Input((1,), name="x")
    outputs = {name: Constant(shape, name=name)(x) for name, shape in heads.items()}
    model = keras.Model([x], {"dict": outputs, "list": list(outputs.values()), "single": next(iter(outputs.values()))}[container])
    model.compile(optimizer="sgd", **{"loss": dict.fromkeys(heads, "mean_squared_error") if container != "single" else "mse", **compiled})
    return model


def data_of(rows=ROWS, weights=None, missing="raise", **targets):
    source = plait.Arrays({"x": np.ones((rows, 1), "float32"), **targets, **(weights or {})})
    return plait.Dataset(
        inputs={"x": source["x"]},
        targets={name: source[name] for name in targets},
        weights={name.removesuffix("_w"): source[name] for name in weights or {}},
        missing=missing,
    )


def evaluated(model, data, batch_size=4, **options):
    return model.evaluate(plait.Loader(data, batch_size, shuffle=False, **options), return_dict=True, verbose=0)


class Order(keras.callbacks.Callback):
    """The target of every batch of one sample that was trained on: the loss is the target itself, and Keras tells its running mean."""

    def __init__(self):
        super().__init__()
        self.epochs = []

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append([])
        self.total = 0.0

    def on_train_batch_end(self, batch, logs=None):
        total = float(logs["loss"]) * (batch + 1)
        self.epochs[-1].append(round(total - self.total, 3))
        self.total = total


def trained_on(loader, epochs=1, model=None):
    """epoch -> the target of every sample, in the order in which fit trained on them. The loader has batches of one."""
    order = Order()
    model = model or zeros({"y": (1,)}, "single", loss=lambda y_true, y_pred: keras.ops.mean(y_true + 0 * y_pred, axis=-1))
    model.fit(loader, epochs=epochs, verbose=0, callbacks=[order])
    return order.epochs


def numbered(rows=ROWS):
    return data_of(rows, y=np.arange(rows, dtype="float32"))


# targets, losses, metrics and weights of several heads


@pytest.mark.parametrize("container", ["dict", "list"])
def test_s01_targets_are_paired_by_name_not_by_sorted_position(container):
    """Cannot happen: a batch holds targets by name, and check sees that each reaches its own head."""
    zeta, alpha = np.full(ROWS, 10.0), np.full(ROWS, 1.0)
    model = zeros({"zeta": (1,), "alpha": (1,)}, container)
    losses = evaluated(model, data_of(zeta=zeta, alpha=alpha))
    assert (losses["zeta_loss"], losses["alpha_loss"]) == (100.0, 1.0)
    assert [f.level for f in findings(plait.check(data_of(zeta=zeta, alpha=alpha), model), "wiring")] == ["pass"] * 3


def test_s01_targets_of_a_subclassed_model_are_paired_by_name_too():
    """Cannot happen."""

    class Two(keras.Model):
        def __init__(self):
            super().__init__()
            self.zeta, self.alpha = Constant((1,)), Constant((1,))

        def call(self, inputs):
            return {"zeta": self.zeta(inputs["x"]), "alpha": self.alpha(inputs["x"])}

    model = Two()
    model.compile(loss={"zeta": "mse", "alpha": "mse"})
    losses = evaluated(model, data_of(zeta=np.full(ROWS, 10.0), alpha=np.full(ROWS, 1.0)))
    assert (losses["zeta_loss"], losses["alpha_loss"]) == (100.0, 1.0)


def test_s02_lists_of_losses_and_metrics_for_a_dict_of_outputs():
    """A finding."""
    swapped = two_heads(loss=["mean_squared_error", "sparse_categorical_crossentropy"])
    assert "loss={'price': 'mean_squared_error'" in only(plait.check(dataset(), swapped), "loss-list").remedy
    metrics = plait.check(dataset(), two_heads(metrics=[["mae"], ["accuracy"]]))
    assert "metrics={'price': ['mae'], 'kind': ['accuracy']}" in only(metrics, "metrics-list").remedy


def test_s03_loss_weights_that_reach_other_heads_or_none():
    """A finding."""
    losses = ["mean_squared_error", "sparse_categorical_crossentropy"]
    by_name = plait.check(dataset(), two_heads("list", loss=losses, loss_weights={"price": 10.0, "kind": 1.0}))
    assert only(by_name, "loss-weights-swapped").remedy.startswith("model.compile(")
    unknown = plait.check(dataset(), two_heads("list", loss=losses, loss_weights={"oops": 10.0, "kind": 1.0}))
    assert "loss_weights= names 'oops'" in only(unknown, "loss-weights-unknown").message
    assert only(plait.check(dataset(), two_heads(loss_weights=[10.0, 1.0])), "loss-weights-list").remedy


# inputs


def difference(given):
    """a - 2 b, of inputs in a dict or a list."""
    a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")
    model = keras.Model({"a": a, "b": b} if given == "dict" else [a, b], {"y": keras.layers.Subtract(name="y")([a, 2 * b])})
    model.compile(loss={"y": "mse"})
    return model


def pairs(*names):
    source = plait.Arrays(a=np.full((ROWS, 1), 5.0), b=np.full((ROWS, 1), 1.0), aa=np.zeros((ROWS, 1)), y=np.full(ROWS, 3.0))
    return plait.Dataset(inputs={name: source[name] for name in names}, targets={"y": source["y"]})


@pytest.mark.parametrize("given", ["dict", "list"])
def test_s04_an_input_too_many_does_not_shift_the_others(given):
    """An error, in fit and predict, and a finding."""
    data, model = pairs("a", "aa", "b"), difference(given)
    assert only(plait.check(data, model), "input-unknown", "aa")
    with pytest.raises(plait.CheckError, match="the data set has an input 'aa' and the model no input of that name"):
        model.fit(plait.Loader(data, 4), verbose=0)
    with pytest.raises(plait.CheckError, match="the data set has an input 'aa' and the model no input of that name"):
        model.predict(plait.Loader(data, 4, shuffle=False), verbose=0)


@pytest.mark.parametrize("given", ["dict", "list"])
def test_s05_inputs_by_other_names_are_refused_by_predict(given):
    """An error."""
    with pytest.raises(plait.CheckError, match="the model has an input 'b' and the data set has no input of that name"):
        difference(given).predict(plait.Loader(pairs("a", "aa"), 4, shuffle=False), verbose=0)


@pytest.mark.parametrize("given", ["dict", "list"])
def test_s06_the_order_of_inputs_does_not_matter(given):
    """Cannot happen: inputs go by name, and check sees that each gets its own."""
    model = difference(given)
    for names in (("a", "b"), ("b", "a")):
        assert evaluated(model, pairs(*names))["loss"] == 0.0
        assert all(f.level == "pass" for f in findings(plait.check(pairs(*names), model), "wiring"))


def test_s07_a_head_that_no_loss_trains():
    """A finding."""
    report = plait.check(dataset(), two_heads(loss={"price": "mean_squared_error"}))
    assert "no loss trains it" in only(report, "head-untrained", "kind", "warn").message


# shapes


def test_s08_streams_of_different_numbers_of_rows():
    """An error, where the data are declared."""
    with pytest.raises(plait.SpecError, match="unequal numbers of samples: x has 8, y has 4"):
        plait.Arrays(x=np.ones((8, 1)), y=np.ones(4))
    with pytest.raises(plait.AlignmentError, match='Pass missing="drop"'):
        plait.Dataset(inputs={"x": plait.Arrays(x=np.ones((8, 1)))}, targets={"y": plait.Arrays(y=np.ones(1))})


@pytest.mark.parametrize(("shape", "head"), [((), (3,)), ((1,), (3,)), ((3,), (1,)), ((5, 1), (1,)), ((ROWS,), (1,)), ((4,), (ROWS,))])
def test_s09_targets_that_would_be_broadcast(shape, head):
    """An error in fit, and a finding."""
    data, model = data_of(y=np.ones((ROWS, *shape))), zeros({"y": head}, "single")
    assert only(plait.check(data, model), "target-shape", "y")
    with pytest.raises(plait.CheckError, match="one sample of target 'y' has shape"):
        model.fit(plait.Loader(data, 4), verbose=0)


def test_s09_codes_against_a_loss_of_numbers():
    """A finding: whether codes are right is a matter of the loss."""
    data, model = data_of(y=np.arange(ROWS) % 3), zeros({"y": (3,)}, "single")
    assert "Keras would broadcast one to the other" in only(plait.check(data, model), "target-shape", "y").message


@pytest.mark.parametrize("shape", [(4, 4, 1), (4, 2), (4,), (1,)])
def test_s10_weights_are_those_of_samples_whatever_the_shape_of_the_target(shape):
    """Cannot happen: weights get the rank of the loss. Here rows of the batch, rows and columns of the target are all 4."""
    y, weight = np.random.default_rng(0).normal(size=(4, *shape)), np.array([1.0, 0.0, 0.0, 3.0])
    data = data_of(4, weights={"y_w": weight}, y=y)
    wanted = np.mean(weight * np.mean(y.reshape(4, -1) ** 2, axis=1))
    for container in ("single", "dict", "list"):
        np.testing.assert_allclose(evaluated(zeros({"y": shape}, container), data)["loss"], wanted, rtol=1e-5)


SUBCLASSED = [
    ((4, 4), "int64", (4, 4, 3), "sparse_categorical_crossentropy"),
    ((4,), "int64", (4, 3), "sparse_categorical_crossentropy"),
    ((), "int64", (3,), "sparse_categorical_crossentropy"),
    ((4, 4, 1), "uint8", (4, 4, 1), "binary_crossentropy"),
    ((4, 4), "float64", (4, 4), "mean_squared_error"),
    ((4,), "int64", (4,), "mean_squared_error"),
    ((), "float64", (1,), "mean_squared_error"),
]


@pytest.mark.parametrize(("shape", "dtype", "head", "loss"), SUBCLASSED)
def test_s10_weights_of_a_model_without_a_structure_are_those_of_samples_too(shape, dtype, head, loss):
    """Cannot happen: a rank too many is one that Keras squeezes."""
    share = np.arange(1.0, head[-1] + 1) / np.arange(1.0, head[-1] + 1).sum() if head[-1] > 1 else np.full(1, 0.3)

    class Fixed(keras.Model):
        def __init__(self):
            super().__init__()
            self.head = Constant(head)

        def call(self, inputs):
            return self.head(inputs["x"]) + keras.ops.convert_to_tensor(share.astype("float32"))

    y = np.random.default_rng(0).integers(0, 2, (4, *shape)).astype(dtype)
    if loss == "mean_squared_error":
        each = (y.reshape(4, *head).astype(float) - share) ** 2
    else:
        each = -np.log(share[y] if loss.startswith("sparse") else np.where(y, share[0], 1 - share[0]))
    weight = np.array([1.0, 0.0, 0.0, 3.0])
    model = Fixed()
    model.compile(loss=loss)
    wanted = np.mean(weight * np.mean(each.reshape(4, -1), axis=1))
    np.testing.assert_allclose(evaluated(model, data_of(4, weights={"y_w": weight}, y=y))["loss"], wanted, rtol=1e-4)


def test_s11_weights_too_few_or_too_many():
    """An error, where the data are declared."""
    source = plait.Arrays(x=np.ones((8, 1)), y=np.ones(8))
    with pytest.raises(plait.AlignmentError, match="8 samples and"):
        plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]}, weights={"y": plait.Arrays(w=np.ones(1))})
    with pytest.raises(plait.NameUnknownError, match=r"weights= names \['z'\], which are no targets"):
        plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]}, weights={"z": source["y"]})


# missing labels


def holed(rows=ROWS):
    y = np.arange(1.0, rows + 1)
    y[::4] = np.nan
    return y


def test_s12_missing_labels_do_not_reach_the_weights():
    """Cannot happen: an absent label is a finite filler of weight 0; one that is kept as NaN is a finding and an error."""
    model = two_heads()
    price = np.where(np.arange(40) % 3, 1.0, np.nan)
    model.fit(plait.Loader(dataset(price=price, missing="mask"), 8), epochs=2, verbose=0)
    assert all(np.isfinite(weights).all() for weights in model.get_weights())
    kept = dataset(price=price, missing="keep")
    assert only(plait.check(kept, two_heads()), "not-finite", "price")
    with pytest.raises(plait.SpecError, match="Target 'price' of sample .* is (NaN|infinite)"):
        two_heads().fit(plait.Loader(kept, 8), verbose=0)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_s13_a_loss_keeps_its_size_whatever_the_share_of_labels(reduction):
    """Cannot happen: weights are scaled by samples / labelled samples."""
    y = holed()
    model = zeros({"y": (1,)}, "single", loss=keras.losses.MeanSquaredError(reduction=reduction))
    loss = evaluated(model, data_of(y=y, missing="mask"), batch_size=ROWS)["loss"]
    np.testing.assert_allclose(loss, np.nanmean(y**2), rtol=1e-5)


# labels


@pytest.mark.parametrize("bad", [7, -1])
def test_s14_class_codes_that_the_head_lacks(bad):
    """A finding, and an error in fit that names the sample."""
    data = dataset(kind=np.where(np.arange(40) == 7, bad, np.arange(40) % 3))
    assert "sample 7" in only(plait.check(data, two_heads()), "label-range", "kind").message
    with pytest.raises(plait.SpecError, match=rf"Target 'kind' of sample 7 \(\[{bad}\]\) is outside of 0..2"):
        two_heads().fit(plait.Loader(data, 8), verbose=0)


def test_s15_binary_labels_of_1_and_2_and_codes_with_fractions():
    """A finding; codes with fractions are an error in fit too."""
    binary = zeros({"y": (1,)}, "single", loss="binary_crossentropy")
    assert "takes labels from 0 to 1" in only(plait.check(data_of(y=np.arange(ROWS) % 2 + 1), binary), "label-range", "y").message
    fractions = dataset(kind=np.arange(40) % 3 * 0.7)
    assert "plait.Vocabulary" in only(plait.check(fractions, two_heads()), "target-shape", "kind").remedy
    with pytest.raises(plait.CheckError, match="plait.Vocabulary"):
        two_heads().fit(plait.Loader(fractions, 8), verbose=0)


def test_s16_a_dtype_is_that_of_the_stream_not_of_the_first_batches():
    """Cannot happen for a source; an error for a step that changes its mind."""
    y = np.array([1, 2, 3, 4, 0.5, 0.25, 300.75, 7])
    model = zeros({"y": (1,)}, "single", loss="mean_absolute_error")
    np.testing.assert_allclose(evaluated(model, data_of(y=y), batch_size=1)["loss"], y.mean(), rtol=1e-6)

    def whole(values):
        return values.astype(np.int32) if (values == np.floor(values)).all() else values

    with pytest.raises(plait.SpecError, match="after the step whole, which gave the former for the first samples"):
        model.evaluate(plait.Loader(data_of(y=y).map(whole, on="y"), 2, shuffle=False), verbose=0)


@pytest.mark.parametrize(("dtype", "value"), [("int32", 2**31), ("int32", 2**40), ("float32", 2**24 + 1)])
def test_s17_integers_that_would_wrap_or_be_rounded(dtype, value):
    """A finding, and an error in fit that names the sample."""
    ids = np.arange(ROWS)[:, None] * 1
    ids[5] = value
    source = plait.Arrays(ids=ids, y=np.ones(ROWS))
    data = plait.Dataset(inputs={"ids": source["ids"]}, targets={"y": source["y"]})
    given = keras.Input((1,), dtype=dtype, name="ids")
    model = keras.Model([given], keras.layers.Dense(1, name="y")(keras.ops.cast(given, "float32")))
    model.compile(loss="mse")
    assert only(plait.check(data, model), "int-range", "ids")
    with pytest.raises(plait.SpecError, match="Input 'ids' of sample 5"):
        model.fit(plait.Loader(data, 4), verbose=0)


# order, epochs, workers


class Fresh(keras.Model):
    """Subclassed and never called: Keras takes a batch to build it."""

    def __init__(self):
        super().__init__()
        self.head = Constant((1,))

    def call(self, inputs):
        return self.head(inputs["x"])


def test_s18_the_first_fit_of_an_unbuilt_model_sees_every_sample_once_an_epoch():
    """Cannot happen: Keras's own read-ahead is not used."""
    for workers in (0, 3):
        model = Fresh()
        model.compile(loss=lambda y_true, y_pred: keras.ops.mean(y_true + 0 * keras.ops.reshape(y_pred, (-1,)), axis=-1))
        epochs = trained_on(plait.Loader(numbered(), 1, workers=workers), epochs=3, model=model)
        assert [sorted(epoch) for epoch in epochs] == [list(range(ROWS))] * 3


def test_s19_epochs_count_from_zero():
    """Cannot happen: an epoch follows from the step. The first epoch of fit is the first of a loop."""
    loop = plait.Loader(numbered(), 1, seed=3)
    wanted = [[float(y[0]) for _, y, _ in loop] for _ in range(2)]
    assert trained_on(plait.Loader(numbered(), 1, seed=3), epochs=2) == wanted


def test_s20_every_epoch_has_all_batches():
    """Cannot happen: the number of batches is known, and an epoch begins afresh."""
    assert [len(epoch) for epoch in trained_on(plait.Loader(numbered(), 1), epochs=3)] == [ROWS] * 3


def test_s21_losses_of_heads_are_means_over_all_batches():
    """Cannot happen: the number of batches is known to Keras."""
    y, z = np.arange(ROWS, dtype=float), np.ones(ROWS)
    losses = evaluated(zeros({"y": (1,), "z": (1,)}), data_of(y=y, z=z), batch_size=2)
    assert losses == pytest.approx({"loss": np.mean(y**2) + 1, "y_loss": np.mean(y**2), "z_loss": 1.0})


def test_s22_losses_of_heads_after_a_partial_batch(backend):
    """A finding on TensorFlow, where the loss of a head counts a partial batch as a full one; cannot happen elsewhere."""
    y, z = np.where(np.arange(9) == 8, 10.0, 0.0), np.ones(9)
    data, wanted = data_of(9, y=y, z=z), np.mean(y**2)
    measured = zeros({"y": (1,), "z": (1,)}, weighted_metrics={"y": ["mse"], "z": ["mse"]})
    assert evaluated(measured, data, batch_size=8)["y_mse"] == pytest.approx(wanted)
    report = plait.check(data, zeros({"y": (1,), "z": (1,)}))
    if backend == "tensorflow":
        assert "counts a last, partial batch in y_loss, z_loss like a full one" in only(report, "partial-batch", level="warn").message
        assert not findings(plait.check(data, measured), "partial-batch")
    else:
        assert not findings(report, "partial-batch")
        assert evaluated(measured, data, batch_size=8)["y_loss"] == pytest.approx(wanted)


def noisy(rows=ROWS):
    return numbered(rows).augment(lambda y, rng: (y + 0.9 * rng.random(len(y))).astype("float32"), on="y")


def test_s23_order_and_augmentation_differ_from_epoch_to_epoch():
    """Cannot happen: both follow from (seed, epoch, key)."""
    first, second = trained_on(plait.Loader(noisy(), 1), epochs=2)
    order = [[int(value) for value in epoch] for epoch in (first, second)]
    assert sorted(order[0]) == sorted(order[1]) == list(range(ROWS))
    assert order[0] != order[1]
    assert set(first).isdisjoint(second)


def test_s24_workers_do_not_draw_the_same_numbers():
    """Cannot happen: what is drawn belongs to the sample, whichever thread draws it."""
    runs = [trained_on(plait.Loader(noisy(32), 1, workers=workers)) for workers in (0, 4)]
    drawn = [round(value % 1, 3) for value in runs[0][0]]
    assert runs[0] == runs[1]
    assert (
        len(set(drawn)) > 28
    )  # of 32 numbers with three digits, two pairs or more coincide in less than 1 of 1000 runs; the seed is fixed


@pytest.mark.parametrize("workers", [0, 2])
def test_s25_a_worker_that_fails_or_gives_nothing_ends_fit_with_its_reason(workers):
    """An error that names the step and the sample; there are no processes to be killed."""

    def fails(y):
        if 5.0 in y:
            raise RuntimeError("out of ink")
        return y

    def gives_nothing(y):
        return None if 5.0 in y else y

    with pytest.raises(plait.TransformError, match="Step fails on 'y', sample 5 raised RuntimeError: out of ink"):
        trained_on(plait.Loader(numbered().map(fails, on="y"), 1, workers=workers))
    with pytest.raises(plait.SpecError, match=r"Step gives_nothing turned \d samples of 'y' into dtype object"):
        trained_on(plait.Loader(numbered().map(gives_nothing, on="y"), 1, workers=workers))


def test_s26_ragged_samples_are_not_padded_unasked():
    """An error, and a finding."""
    source = plait.Arrays(words=[[1] * (1 + i % 3) for i in range(ROWS)], y=np.ones(ROWS))
    data = plait.Dataset(inputs={"words": source["words"]}, targets={"y": source["y"]})
    words = keras.Input((None,), name="words")
    model = keras.Model([words], Constant((1,), name="y")(words))
    model.compile(loss="mse")
    assert "plait.Pad(20)" in only(plait.check(data, model), "ragged", level="warn").remedy
    with pytest.raises(plait.SpecError, match=r"Stream 'words' is ragged.*data.map\(plait.Pad\(20, cut=True\), on='words'\)"):
        plait.Loader(data, 4)


# arguments of fit, evaluate and predict


def test_s27_class_weight_is_refused():
    """An error."""
    with pytest.raises(plait.ArgumentError, match=r"Keras ignores fit\(class_weight=...\) where it is fed by a Loader. Weigh the samples"):
        two_heads().fit(plait.Loader(dataset(), 8), class_weight={0: 1.0, 1: 5.0}, verbose=0)


def test_s28_batch_size_is_refused():
    """An error."""
    with pytest.raises(plait.ArgumentError, match=r"Keras ignores fit\(batch_size=...\).*plait.Loader\(data, 16\)"):
        two_heads().fit(plait.Loader(dataset(), 8), batch_size=16, verbose=0)
    with pytest.raises(plait.ArgumentError, match=r"Keras ignores evaluate\(batch_size=...\)"):
        two_heads().evaluate(plait.Loader(dataset(), 8), batch_size=16, verbose=0)


def test_s28_batch_size_of_arrays_that_are_validated_by_a_loader_is_not_the_loaders():
    """Not refused: it is meant for the arrays."""
    x, y = np.ones((ROWS, 1)), np.ones((ROWS, 1))
    history = zeros({"y": (1,)}, "single").fit(x, y, batch_size=4, validation_data=plait.Loader(data_of(y=y), 4), verbose=0).history
    assert history["val_loss"] == [1.0]


def test_s29_the_results_of_evaluate_go_by_name():
    """A finding that says how."""
    model = zeros({"zeta": (1,), "alpha": (1,)}, metrics={"zeta": ["mae"]})
    data = data_of(zeta=np.full(ROWS, 10.0), alpha=np.full(ROWS, 1.0))
    assert only(plait.check(data, model), "evaluate-order", level="pass").remedy == "model.evaluate(loader, return_dict=True)"
    assert evaluated(model, data) == pytest.approx({"loss": 101.0, "zeta_loss": 100.0, "alpha_loss": 1.0, "zeta_mae": 10.0})


def test_s30_a_second_input_of_a_model_of_one_is_not_dropped():
    """An error."""
    source = plait.Arrays(x=np.ones((ROWS, 1)), b=np.ones((ROWS, 1)), y=np.ones(ROWS))
    data = plait.Dataset(inputs={"x": source["x"], "b": source["b"]}, targets={"y": source["y"]})
    bare = keras.Sequential([keras.Input((1,), name="x"), keras.layers.Dense(1)])
    for model in (zeros({"y": (1,)}, "single"), bare):
        with pytest.raises(plait.CheckError, match="the data set has an input 'b' and the model no input of that name"):
            model.predict(plait.Loader(data, 4, shuffle=False), verbose=0)


def test_s31_bytes_that_nothing_scales_and_numbers_too_large():
    """A finding."""
    data = dataset(inputs=("photo",), targets=("price",))
    photo = keras.Input((8, 8, 3), name="photo")
    model = keras.Model([photo], keras.layers.Dense(1, name="price")(keras.layers.Flatten()(photo)))
    model.compile(loss="mse")
    assert "keras.layers.Rescaling(1 / 255)" in only(plait.check(data, model), "unscaled", level="warn").remedy
    half = keras.Input((4,), dtype="float16", name="x")
    small = keras.Model([half], keras.layers.Dense(1, name="price")(half))
    small.compile(loss="mse")
    large = dataset(targets=("price",), x=np.full((40, 4), 7e4))
    assert "which is infinite as float16" in only(plait.check(large, small), "not-finite", "x").message


@pytest.mark.parametrize("name", ["y", "anything"])
@pytest.mark.parametrize("container", ["single", "list", "sequential"])
def test_s32_the_target_of_a_single_output_is_handed_over_bare(name, container):
    """Cannot happen."""
    model = zeros({"y": (1,)}, "list" if container == "list" else "single", loss="mse")
    if container == "sequential":
        model = keras.Sequential([keras.Input((1,)), Constant((1,))])
        model.compile(loss="mse")
    data = data_of(**{name: np.full(ROWS, 2.0)})
    assert model.fit(plait.Loader(data, 4), verbose=0).history["loss"] == [4.0]
    assert plait.check(data, model)
