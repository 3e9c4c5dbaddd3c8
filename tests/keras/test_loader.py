"""A Loader under `fit`, `evaluate` and `predict`: order, coverage, weights, errors, on the backend of this process."""

from __future__ import annotations

import threading
import time

import keras
import numpy as np
import pytest

import plait

ROWS = 23


class Log(keras.layers.Layer):
    """Passes its input on and remembers the first sample of every training batch, and how often each sample was seen."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), dtype="int32", initializer="zeros", trainable=False)
        self.first = self.add_weight(shape=(200,), dtype="float32", initializer="zeros", trainable=False)
        self.seen = self.add_weight(shape=(ROWS,), dtype="float32", initializer="zeros", trainable=False)

    def call(self, rows, training=False):
        if training:
            number = keras.ops.cast(rows[:, 0], "int32")
            self.seen.assign(self.seen + keras.ops.sum(keras.ops.one_hot(number, ROWS), axis=0))
            place = keras.ops.one_hot(self.count, 200)
            self.first.assign(self.first + place * rows[0, 0])
            self.count.assign(self.count + 1)
        return rows

    def log(self):
        count = int(keras.ops.convert_to_numpy(self.count))
        return keras.ops.convert_to_numpy(self.first)[:count].astype(int).tolist()


def logged():
    row = keras.Input((1,), name="row")
    log = Log()
    model = keras.Model({"row": row}, keras.layers.Dense(1, name="y")(log(row)))
    model.compile(keras.optimizers.SGD(1e-5), "mse")
    return model, log


def counted(**more):
    arrays = plait.Arrays(row=np.arange(ROWS, dtype=np.float32)[:, None], y=np.arange(ROWS, dtype=np.float32), **more)
    return plait.Dataset(inputs={"row": arrays["row"]}, targets={"y": arrays["y"]})


def firsts(loader, steps):
    return [int(loader.rows(step)[0]) for step in steps]


@pytest.mark.parametrize("shuffle", [True, False])
def test_fit_takes_exactly_the_order_of_seed_and_step_whatever_its_own_shuffle_says(shuffle):
    model, log = logged()
    loader = plait.Loader(counted(), 4, seed=5)
    model.fit(loader, epochs=3, shuffle=shuffle, verbose=0)
    assert log.log() == firsts(loader, range(18))
    assert keras.ops.convert_to_numpy(log.seen).tolist() == [3.0] * ROWS
    assert loader.step == 18


def test_validation_and_evaluation_in_between_change_nothing():
    model, log = logged()
    loader, other = plait.Loader(counted(), 4, seed=5), plait.Loader(counted(), 7, shuffle=False)
    model.fit(loader, epochs=2, validation_data=other, verbose=0)
    model.evaluate(other, verbose=0)
    model.predict(other, verbose=0)
    model.fit(loader, epochs=1, validation_data=other, verbose=0)
    assert log.log() == firsts(loader, range(18))


def test_a_loader_of_one_batch_an_epoch_counts_its_epochs():
    model, log = logged()
    loader = plait.Loader(counted(), 32, seed=1)
    model.fit(loader, epochs=4, verbose=0)
    assert (loader.step, log.log()) == (4, firsts(loader, range(4)))


def test_an_epoch_may_be_a_window_of_fewer_or_more_steps_than_the_data():
    for steps in (2, 9):
        model, log = logged()
        loader = plait.Loader(counted(), 4, seed=2, steps=steps)
        model.fit(loader, epochs=3, verbose=0)
        assert log.log() == firsts(loader, range(3 * steps))


def test_fit_begins_at_the_step_that_was_assigned():
    model, log = logged()
    loader = plait.Loader(counted(), 4, seed=2)
    loader.step = 8
    model.fit(loader, epochs=2, verbose=0)
    assert log.log() == firsts(loader, range(8, 18))


def test_a_fit_that_was_stopped_begins_its_epoch_afresh():
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.stop_training = True

    model, log = logged()
    loader = plait.Loader(counted(), 4, seed=2)
    model.fit(loader, epochs=2, callbacks=[Stop()], verbose=0)
    model.fit(loader, epochs=1, verbose=0)
    assert log.log() == firsts(loader, [0, 1, 2, *range(6)])


def test_a_loop_left_early_is_begun_afresh_and_a_peek_costs_nothing():
    loader = plait.Loader(counted(), 4, seed=2)
    first = next(iter(loader))
    again = [batch[0]["row"][0, 0] for batch in loader]
    assert (first[0]["row"][0, 0], len(again), loader.step) == (again[0], 6, 6)
    assert [b[0]["row"][0, 0] for b in loader] == firsts(loader, range(6, 12))


def test_a_batch_is_the_same_before_and_after_a_fit():
    model, _ = logged()
    loader = plait.Loader(counted(), 4, seed=2)
    before = loader.batch(3)
    model.fit(loader, verbose=0)
    after = loader.batch(3)
    assert before[1].shape == after[1].shape == (4,)
    assert before[1].tolist() == after[1].tolist()


def test_every_sample_once_an_epoch_also_with_a_partial_last_batch():
    loader = plait.Loader(counted(), 4, seed=0)
    sizes, rows = [], []
    for inputs, target, weights in loader:
        sizes.append(len(target))
        rows += inputs["row"][:, 0].tolist()
        assert weights["y"].tolist() == [1.0] * len(target)
    assert (sizes, sorted(rows)) == ([4, 4, 4, 4, 4, 3], list(range(ROWS)))
    assert len(plait.Loader(counted(), 4, remainder="drop")) == 5


def test_padding_keeps_the_batch_full_and_weighs_nothing():
    model, _ = logged()
    padded = plait.Loader(counted(), 4, shuffle=False, remainder="pad")
    last = padded.batch(5)
    assert (last[1].shape, last[2]["y"].tolist()) == ((4,), [pytest.approx(4 / 3)] * 3 + [0.0])
    rows = model.evaluate(plait.Loader(counted().take(np.arange(20, 23)), 4, shuffle=False), verbose=0)
    alone = model.evaluate(plait.Loader(counted().take(np.arange(20, 23)), 4, shuffle=False, remainder="pad"), verbose=0)
    assert alone == pytest.approx(rows, rel=1e-5)


def test_shards_take_equal_steps_of_equal_shape_and_together_every_sample_once():
    shards = [plait.Loader(counted(), 4, seed=3, shard=(i, 3)) for i in range(3)]
    assert {len(s) for s in shards} == {2}
    rows = [int(r) for s in shards for step in range(2) for r in s.rows(step)]
    assert sorted(rows) == list(range(ROWS))
    assert {s.batch(1)[1].shape for s in shards} == {(4,)}


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_are_the_same_bytes_for_any_number_of_workers(workers):
    def noisy(row, rng):
        return row + rng.normal(0, 1, row.shape).astype(np.float32)

    reference = plait.Loader(counted().augment(noisy, on="row"), 4, seed=9, workers=0)
    loader = plait.Loader(counted().augment(noisy, on="row"), 4, seed=9, workers=workers, ahead=5)
    for step, batch in enumerate(loader):
        assert batch[0]["row"].tobytes() == reference.batch(step)[0]["row"].tobytes()


def test_blocks_of_neighbours_are_an_order_like_any_other(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1000, dtype=np.float32)[:, None])
    data = plait.Dataset(inputs={"row": plait.Npy(tmp_path / "x.npy")}, targets={"y": plait.Arrays(y=np.arange(1000, dtype=np.float32))})
    loader = plait.Loader(data, 16, shuffle="blocks", seed=3)
    batches = [b[0]["row"][:, 0] for b in loader]
    assert sorted(np.concatenate(batches)) == list(range(1000)) and [len(b) for b in batches] == [16] * 62 + [8]
    other = [b[0]["row"][:, 0] for b in plait.Loader(data, 16, shuffle="blocks", seed=3, workers=3)]
    assert all(np.array_equal(a, b) for a, b in zip(batches, other, strict=True))
    assert np.array_equal(loader.batch(5)[0]["row"][:, 0], batches[5]) and loader.batch(63 + 5)[0]["row"][0, 0] != batches[5][0]
    again = plait.Loader(data, 16, shuffle="blocks", seed=3)
    again.step = 40
    assert np.array_equal(next(iter(again))[0]["row"][:, 0], batches[40])
    plan = str(loader.plan)
    assert plan.startswith(
        "shuffled, every sample once an epoch, in blocks of 8192 neighbours, mixed 131072 at a time; 8192 batches of 16 samples"
    )
    assert "KiB of files are gathered from the page cache, and those it lacks read by 16 threads at once" in plan
    assert loader.layout["window"] == [8192, 131072] and "window" not in plait.Loader(data, 16).layout
    assert loader.layout != plait.Loader(data, 16).layout
    model, log = logged()
    part = plait.Loader(counted(), 4, shuffle="blocks", seed=1)
    model.fit(part, epochs=2, verbose=0)
    assert log.log() == firsts(part, range(12))


def test_data_larger_than_memory_are_told_of_blocks(tmp_path):
    path = tmp_path / "sparse.npy"
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (2**20, 2**20)})
        file.truncate(file.tell() + 2**42)  # of holes: it takes no room
    data = plait.Dataset(inputs={"x": plait.Npy(path)})
    assert 'of memory are free, so most will be lacking: shuffle="blocks" reads neighbours together' in str(plait.Loader(data, 4).plan)
    for loader in (plait.Loader(data, 4, shuffle=False), plait.Loader(data, 4, shuffle="blocks")):
        assert "most will be lacking" not in str(loader.plan)


def test_augmentation_follows_the_sample_into_other_batches_and_changes_with_the_epoch():
    data = counted().augment(lambda row, rng: row + rng.random(len(row))[:, None].astype(np.float32), on="row")

    def values(loader, steps):
        return {int(r): float(v) for s in steps for r, v in zip(loader.rows(s), loader.batch(s)[0]["row"][:, 0], strict=True)}

    small, large = plait.Loader(data, 4, seed=1), plait.Loader(data, 10, seed=1, shuffle=False)
    assert values(small, range(6)) == values(large, range(3))
    assert values(small, range(6)) != values(small, range(6, 12))


def test_an_abandoned_iterator_leaves_no_thread():
    before = threading.active_count()
    loader = plait.Loader(counted(), 1, workers=3, ahead=4)
    for _ in range(5):
        next(iter(loader))
    deadline = time.monotonic() + 5
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    assert threading.active_count() <= before


# weights


def two_heads(kind):
    x = keras.Input((3,), name="x")
    heads = [keras.layers.Dense(1, name="size", kernel_initializer="ones")(x), keras.layers.Dense(2, activation="softmax", name="grade")(x)]
    model = keras.Model([x], heads if kind == "list" else {"size": heads[0], "grade": heads[1]})
    losses = {"size": "mse", "grade": "sparse_categorical_crossentropy"}
    model.compile(keras.optimizers.SGD(0.1), loss=losses)
    return model


def half_labelled(rows=16):
    rng = np.random.default_rng(0)
    x = rng.random((rows, 3)).astype(np.float32)
    size = x.sum(1)
    size[rows // 4 :] = np.nan
    arrays = plait.Arrays(x=x, size=size, grade=(x[:, 0] > 0.5).astype(int))
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"size": arrays["size"], "grade": arrays["grade"]}, missing={"size": "mask"})


@pytest.mark.parametrize("kind", ["list", "dict"])
def test_weights_arrive_in_the_container_of_the_models_outputs_without_being_told(kind):
    model = two_heads(kind)
    history = model.fit(plait.Loader(half_labelled(), 8), epochs=1, verbose=0).history
    assert np.isfinite(history["size_loss"][0])
    bound = plait.Loader(half_labelled(), 8, model=two_heads(kind))
    assert isinstance(bound[0][2], tuple if kind == "list" else dict)


@pytest.mark.parametrize("labelled", [1, 3, 8, 16])
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_a_masked_target_has_the_loss_and_the_gradient_of_its_labelled_samples_alone(labelled, reduction):
    rng = np.random.default_rng(1)
    x = rng.random((16, 3)).astype(np.float32)
    y = x.sum(1)
    y[labelled:] = np.nan

    def trained(data):
        inputs = keras.Input((3,), name="x")
        model = keras.Model(inputs, keras.layers.Dense(1, name="y", kernel_initializer="zeros")(inputs))
        model.compile(keras.optimizers.SGD(0.1), keras.losses.MeanSquaredError(reduction=reduction))
        loss = model.fit(plait.Loader(data, 16, shuffle=False), epochs=1, verbose=0).history["loss"][0]
        return loss, np.concatenate([w.ravel() for w in model.get_weights()])

    arrays = plait.Arrays(x=x, y=y)
    streams = {"inputs": {"x": arrays["x"]}, "targets": {"y": arrays["y"]}}
    masked_loss, masked = trained(plait.Dataset(**streams, missing={"y": "mask"}))
    dropped_loss, dropped = trained(plait.Dataset(**streams, missing={"y": "drop"}))
    assert masked_loss == pytest.approx(dropped_loss, rel=1e-5)
    np.testing.assert_allclose(masked, dropped, rtol=1e-5, atol=1e-7)


def test_a_batch_without_any_label_trains_nothing_and_stays_finite():
    arrays = plait.Arrays(x=np.ones((4, 3), np.float32), y=np.full(4, np.nan))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, missing={"y": "mask"})
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    assert model.fit(plait.Loader(data, 4), verbose=0).history["loss"] == [0.0]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def test_the_weight_of_an_image_target_weighs_the_image_and_not_a_column_of_it():
    rng = np.random.default_rng(2)
    image = rng.random((4, 4, 4, 1)).astype(np.float32)  # as many samples as columns: the shape that goes wrong in silence
    arrays = plait.Arrays(image=image, mask=np.zeros_like(image), sure=np.array([1.0, 0, 0, 0]))
    data = plait.Dataset(inputs={"image": arrays["image"]}, targets={"mask": arrays["mask"]}, weights={"mask": arrays["sure"]})
    x = keras.Input((4, 4, 1), name="image")
    model = keras.Model(x, keras.layers.Conv2D(1, 1, kernel_initializer="ones", name="mask")(x))
    model.compile("sgd", "mse")
    loss = model.evaluate(plait.Loader(data, 4, shuffle=False), verbose=0)
    assert loss == pytest.approx(float((image[0] ** 2).mean()) / 4, rel=1e-5)


@pytest.mark.parametrize("remainder", ["keep", "pad"])
def test_evaluation_and_validation_are_the_mean_over_all_labelled_samples_however_they_fall_into_batches(remainder):
    x = np.arange(17, dtype=np.float32)[:, None]
    y = np.where(np.arange(17) % 5 < 2, np.nan, 3.0).astype(np.float32)
    arrays = plait.Arrays(x=x, y=y)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, missing={"y": "mask"})
    inputs = keras.Input((1,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones", name="y")(inputs))
    model.compile(keras.optimizers.SGD(0.0), "mse", weighted_metrics=["mae"])
    labelled = ~np.isnan(y)
    loss, mae = ((x[labelled, 0] - 3) ** 2).mean(), np.abs(x[labelled, 0] - 3).mean()
    loader = plait.Loader(data, 4, shuffle=False, remainder=remainder)
    found = model.evaluate(loader, return_dict=True, verbose=0)
    assert (found["loss"], found["mae"]) == (pytest.approx(loss, rel=1e-5), pytest.approx(mae, rel=1e-5))
    history = model.fit(plait.Loader(data, 4), validation_data=loader, verbose=0).history
    assert history["val_loss"][0] == pytest.approx(loss, rel=1e-5)


# errors


def test_predict_gives_rows_in_the_order_of_the_data_and_refuses_a_shuffled_loader():
    model, _ = logged()
    model.set_weights([np.ones((1, 1)) if w.shape == (1, 1) else np.zeros(w.shape) for w in model.get_weights()])
    rows = model.predict(plait.Loader(counted(), 4, shuffle=False), verbose=0)
    assert rows[:, 0].tolist() == list(range(ROWS))
    with pytest.raises(plait.ArgumentError, match=r"predict\(\) on a shuffled Loader .* shuffle=False"):
        model.predict(plait.Loader(counted(), 4), verbose=0)


def test_steps_per_epoch_is_the_loaders_business():
    model, _ = logged()
    with pytest.raises(plait.ArgumentError, match=r"steps_per_epoch=3 would cut epochs .* plait.Loader\(data, 4, steps=3\)"):
        model.fit(plait.Loader(counted(), 4), steps_per_epoch=3, verbose=0)


def test_a_model_of_other_names_is_refused_before_the_first_step():
    x = keras.Input((1,), name="column")
    model = keras.Model({"column": x}, keras.layers.Dense(1, name="y")(x))
    model.compile("sgd", "mse")
    with pytest.raises(plait.CheckError, match=r"an input 'column' and the data set has no input of that name; its inputs are \['row'\]"):
        model.fit(plait.Loader(counted(), 4), verbose=0)
    with pytest.raises(plait.CheckError, match="column"):
        plait.Loader(counted(), 4, model=model)


@pytest.mark.parametrize("place", [1, 17])
def test_a_nan_in_any_batch_is_an_error_of_plaits_that_names_stream_and_sample(place):
    def spoil(row):
        return np.where(row == place, np.nan, row).astype(np.float32)

    model, _ = logged()
    with pytest.raises(plait.SpecError, match=rf"Input 'row' of sample {place} is NaN after its steps \(spoil\).*data.map\(fn, on='row'\)"):
        model.fit(plait.Loader(counted().map(spoil, on="row"), 4, shuffle=False), verbose=0)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.inf, r"Target 'y' of sample 2 is infinite, or too large for float32. Bring it into range .* or write NaN in its place"),
        (np.nan, r"Target 'y' of sample 2 is NaN. Mark it as missing: .*missing=\{'y': 'mask'\}"),
    ],
)
def test_what_is_not_finite_is_told_with_a_remedy_that_helps(value, message):
    y = np.array([0.0, 1.0, value, 2.0])
    arrays = plait.Arrays(x=np.ones((4, 3), np.float32), y=y)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, missing={"y": "keep"})
    with pytest.raises(plait.SpecError, match=message):
        plait.Loader(data, 4, shuffle=False).batch(0)


def test_compile_arguments_that_keras_would_stumble_over_are_told_when_fit_begins():
    arrays = plait.Arrays(x=np.ones((8, 3), np.float32), a=[0, 1] * 4, b=np.zeros(8, np.float32))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"a": arrays["a"], "b": arrays["b"]})

    def model(loss, **more):
        x = keras.Input((3,), name="x")
        heads = [keras.layers.Dense(2, activation="softmax", name="a")(x), keras.layers.Dense(1, name="b")(x)]
        made = keras.Model([x], heads)
        made.compile("sgd", {"a": loss, "b": "mse"}, **more)
        return made

    with pytest.raises(plait.CheckError, match="metrics"):
        model("sparse_categorical_crossentropy", metrics=["accuracy"]).fit(plait.Loader(data, 4), verbose=0)
    with pytest.raises(plait.CheckError, match=r"'a' has .* categorical_crossentropy[\s\S]*sparse_categorical_crossentropy"):
        model("categorical_crossentropy").fit(plait.Loader(data, 4), verbose=0)


def test_buckets_of_few_samples_are_few():
    tokens = [np.ones(1 + n % 20, int) for n in range(200)]
    arrays = plait.Arrays(tokens=tokens, y=np.zeros(200))
    data = plait.Dataset(inputs={"tokens": arrays["tokens"]}, targets={"y": arrays["y"]})
    sizes = [len(batch[1]) for batch in plait.Loader(data, 32, bucket="tokens")]
    assert sorted(sizes)[-6:] == [32] * 6 and sum(sizes) == 200


def test_a_label_that_the_head_has_no_output_for_is_an_error():
    arrays = plait.Arrays(x=np.ones((8, 3), np.float32), grade=[0, 1, 0, 1, 0, 1, 2, 1])
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"grade": arrays["grade"]})
    x = keras.Input((3,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, activation="softmax", name="grade")(x))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(
        plait.SpecError, match=r"Target 'grade' of sample 6 \(\[2\]\) is outside of 0..1, the classes that output 'grade' has"
    ):
        model.fit(plait.Loader(data, 4, shuffle=False), verbose=0)


def test_integers_that_do_not_fit_are_an_error_and_not_wrapped():
    arrays = plait.Arrays(id=np.array([1, 2**40]), y=[0.0, 1.0])
    data = plait.Dataset(inputs={"id": arrays["id"]}, targets={"y": arrays["y"]})
    with pytest.raises(plait.SpecError, match=r"Input 'id' of sample 1 does not fit into int32"):
        plait.Loader(data, 2, shuffle=False).batch(0)
    x = keras.Input((1,), name="id")
    model = keras.Model(x, keras.layers.Dense(1)(x))
    with pytest.raises(plait.SpecError, match=r"beyond 2\*\*24, which float32 rounds"):
        plait.Loader(data, 2, shuffle=False, model=model).batch(0)


def test_a_negative_weight_is_an_error():
    arrays = plait.Arrays(x=np.ones((2, 3), np.float32), y=[0.0, 1.0], w=[1.0, -1.0])
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, weights={"y": arrays["w"]})
    with pytest.raises(plait.SpecError, match=r"'y.weight' of sample 1 is negative"):
        plait.Loader(data, 2, shuffle=False).batch(0)


def test_text_and_ragged_streams_are_refused_with_the_step_that_is_missing():
    arrays = plait.Arrays(words=["a b", "c"], tokens=[[1, 2], [3]], y=[0.0, 1.0])
    with pytest.raises(plait.SpecError, match=r"'words' is text.*plait.Tokenize.fit\(train\['words'\]"):
        plait.Loader(plait.Dataset(inputs={"words": arrays["words"]}, targets={"y": arrays["y"]}))
    with pytest.raises(plait.SpecError, match=r"'tokens' is ragged.*plait.Pad\(20, cut=True\).*bucket='tokens'"):
        plait.Loader(plait.Dataset(inputs={"tokens": arrays["tokens"]}, targets={"y": arrays["y"]}))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size=0: an integer of at least 1"),
        ({"batch_size": 4, "remainder": "fill"}, "remainder='fill': choose"),
        ({"batch_size": 4, "shard": (2, 2)}, r"shard=\(2, 2\): \(index, count\)"),
        ({"batch_size": 4, "workers": -1}, "workers=-1"),
        ({"batch_size": 99, "remainder": "drop"}, "remainder='drop' leaves no batch: 23 samples"),
        ({"batch_size": 4, "balance": "y"}, "balance='y' is .* class codes are needed"),
        ({"batch_size": 4, "bucket": "row"}, r"bucket=\['row'\]: name one ragged stream"),
    ],
)
def test_arguments_that_cannot_be_meant_are_refused(arguments, message):
    with pytest.raises((plait.ArgumentError, plait.SpecError), match=message):
        plait.Loader(counted(), **arguments)


def test_blocks_exclude_other_orders():
    with pytest.raises(plait.ArgumentError, match=r'shuffle="blocks" goes by where samples lie, and not with balance= or bucket='):
        plait.Loader(counted(), 4, shuffle="blocks", balance="y")
    with pytest.raises(plait.ArgumentError, match=r'shuffle=\'block\': choose True, False or "blocks"'):
        plait.Loader(counted(), 4, shuffle="block")  # type: ignore[arg-type]


def test_what_is_no_dataset_is_refused_with_the_way_to_make_one():
    with pytest.raises(plait.ArgumentError, match=r"Loader takes a plait.Dataset, not a ndarray.*Dataset.of"):
        plait.Loader(np.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(
        plait.ArgumentError, match=r"Loader\(model=...\) takes a keras.Model, not a str. Write plait.Loader\(data, 32, model="
    ):
        plait.Loader(counted(), 4, model="m")


# balance and buckets


def test_balanced_batches_hold_every_class_equally_often():
    grade = np.array([0] * 90 + [1] * 10)
    arrays = plait.Arrays(x=np.ones((100, 3), np.float32), grade=grade)
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"grade": arrays["grade"]})
    loader = plait.Loader(data, 10, balance="grade")
    assert [int(batch[1].sum()) for batch in loader] == [5] * 10


def test_buckets_pad_to_their_own_edge_and_train():
    rng = np.random.default_rng(0)
    tokens = [rng.integers(1, 9, n) for n in rng.integers(1, 21, 50)]
    arrays = plait.Arrays(tokens=tokens, y=[float(len(t)) for t in tokens])
    data = plait.Dataset(inputs={"tokens": arrays["tokens"]}, targets={"y": arrays["y"]})
    loader = plait.Loader(data, 8, bucket={"tokens": [5, 10, 20]})
    widths, seen = set(), []
    for inputs, target, _ in loader:
        widths.add(inputs["tokens"].shape[1])
        assert (target <= inputs["tokens"].shape[1]).all()
        assert ((inputs["tokens"] > 0).sum(1) == target).all()
        seen += target.tolist()
    assert (widths, sorted(seen)) == ({5, 10, 20}, sorted(float(len(t)) for t in tokens))
    x = keras.Input((None,), dtype="int32", name="tokens")
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4)(x))))
    model.compile("sgd", "mse")
    assert np.isfinite(model.fit(loader, epochs=2, verbose=0).history["loss"]).all()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"seed": 1.5}, "seed=1.5: a seed is a whole number"),
        ({"seed": "a"}, "seed='a': a seed is a whole number"),
        ({"fuse_steps": 4}, r"fuse_steps=4: True or False; how many steps is said by model.compile\(steps_per_execution=...\)"),
    ],
)
def test_a_seed_is_a_whole_number_and_fusing_yes_or_no(how, message):
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.ones((8, 2), np.float32))})
    with pytest.raises(plait.ArgumentError, match=message):
        plait.Loader(data, 4, **how)


def test_a_loader_says_what_it_is():
    x = plait.Arrays(x=np.zeros((10, 2), np.float32))
    assert repr(plait.Loader(plait.Dataset(inputs={"x": x}), 4)) == "Loader(10 samples, 3 batches of 4 an epoch)"
