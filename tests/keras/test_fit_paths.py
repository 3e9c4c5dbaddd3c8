"""The quick ways into `fit`: batches in stacks on TensorFlow, several steps at once, fused steps on JAX; the same training as ever."""

from __future__ import annotations

import warnings

import keras
import numpy as np
import pytest

import plait
import plait.source
from plait import blocks as blocks_module
from plait.frameworks import equal_stacks, stacked, torch_tensors
from plait.fused import Steps, fuse, grouped, obstacle

ROWS = 46
several = pytest.mark.skipif(keras.backend.backend() == "torch", reason="Keras takes one step a call on PyTorch")
on_jax = pytest.mark.skipif(keras.backend.backend() != "jax", reason="fuse_steps is for JAX")


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch):
    monkeypatch.setattr(blocks_module, "_ROWS", 16)  # four batches of 4, so that a few samples are several blocks


def data(rows=ROWS, bad=None):
    """Two inputs and two targets with weights; a label is missing here and there."""
    rng = np.random.default_rng(0)
    x, z = rng.random((rows, 3)).astype(np.float32), rng.random((rows, 2)).astype(np.float32)
    size = x.sum(1) + z[:, 0]
    size[3::7] = np.nan
    if bad is not None:
        x[bad, 1] = np.nan
    arrays = plait.Arrays(x=x, z=z, size=size, grade=(x[:, 0] > 0.5).astype(int), sure=rng.random(rows).astype(np.float32))
    return plait.Dataset(
        inputs={"x": arrays["x"], "z": arrays["z"]},
        targets={"size": arrays["size"], "grade": arrays["grade"]},
        weights={"grade": arrays["sure"]},
        missing={"size": "mask", "x": "keep"},
    )


def network(steps=1, *, large=False, drop=0.4, **more):
    """Linear heads; a large one has dropout, a moving average of the weights, batch statistics and metrics: all that a step carries on."""
    keras.utils.set_random_seed(7)
    x, z = keras.Input((3,), name="x"), keras.Input((2,), name="z")
    hidden = keras.layers.Concatenate()([x, z])
    if large:
        hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(hidden))
    hidden = keras.layers.Dropout(drop)(hidden)
    size = keras.layers.Dense(1, name="size")(hidden)
    grade = keras.layers.Dense(2, activation="softmax", name="grade")(hidden)
    model = keras.Model({"x": x, "z": z}, {"size": size, "grade": grade})
    average = {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 5}
    optimizer = keras.optimizers.Adam(0.01, **average) if large else keras.optimizers.SGD(0.1, momentum=0.5)
    losses = {"size": "mse", "grade": "sparse_categorical_crossentropy"}
    model.compile(optimizer, losses, metrics={"size": ["mae"]} if large else None, steps_per_execution=steps, **more)
    return model


def trained(model, loader, epochs=3, **more):
    """Everything that training changes, in bytes, and the history."""
    history = model.fit(loader, epochs=epochs, verbose=0, **more).history
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(keras.ops.convert_to_numpy(v.value)).tobytes() for v in variables], history


# stacks


def test_views_that_lie_one_behind_the_other_are_stacked_without_a_copy():
    whole = np.arange(24, dtype=np.float32).reshape(12, 2)
    batches = [{"x": whole[i : i + 4]} for i in (0, 4, 8)]
    together = stacked(batches)["x"]
    assert np.shares_memory(together, whole)
    np.testing.assert_array_equal(together, whole.reshape(3, 4, 2))


def test_other_arrays_are_copied_into_a_stack_in_their_order():
    whole = np.arange(24, dtype=np.float32).reshape(12, 2)
    for places in ([8, 4, 0], [0, 8, 4], [0, 4, 4], [0, 0, 0], [0, 6, 8]):
        views = [whole[i : i + 4] for i in places]
        np.testing.assert_array_equal(stacked(views), np.stack(views))
    columns = [whole[:, i : i + 1] for i in (0, 1)]
    np.testing.assert_array_equal(stacked(columns), np.stack(columns))
    apart = [(np.full(2, i), {"y": np.full(2, -i)}) for i in range(3)]
    numbers, named = stacked(apart)
    assert (numbers[:, 0].tolist(), named["y"][:, 1].tolist()) == ([0, 1, 2], [0, -1, -2])


def test_a_batch_of_another_size_is_a_stack_of_its_own():
    batches = [({"x": np.zeros((n, 2))}, np.zeros(n)) for n in (4, 4, 3, 4)]
    assert [y.shape for _, y in equal_stacks(batches)] == [(2, 4), (1, 3), (1, 4)]


# fit


def test_fit_in_stacks_is_training_batch_by_batch():
    loader, model, by_hand = plait.Loader(data(), 4, seed=2), network(drop=0), network(drop=0)
    model.fit(loader, epochs=2, verbose=0)
    bound = plait.Loader(data(), 4, seed=2, model=by_hand)
    for step in range(2 * len(loader)):
        by_hand.train_on_batch(*bound.batch(step))
    for ours, theirs in zip(model.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


def test_an_error_in_a_later_block_is_plaits_own_and_comes_after_the_steps_before_it():
    class Count(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1

    counted = Count()
    with pytest.raises(plait.SpecError, match="Input 'x' of sample 33 is NaN"):
        network().fit(plait.Loader(data(bad=33), 4, shuffle=False), callbacks=[counted], verbose=0)
    assert counted.steps == 8  # sample 33 is in batch 8, which begins the third block


def test_evaluate_and_predict_in_stacks_are_those_of_all_at_once():
    model = network()
    small, whole = (plait.Loader(data(), size, shuffle=False) for size in (4, ROWS))
    np.testing.assert_allclose(model.predict(small, verbose=0)["size"], model.predict(whole, verbose=0)["size"], rtol=1e-5)
    assert model.evaluate(small, return_dict=True, verbose=0)["loss"] == pytest.approx(
        model.evaluate(whole, return_dict=True, verbose=0)["loss"], rel=1e-5
    )


@several
def test_several_steps_a_call_train_as_one_a_call_also_from_the_middle_of_an_epoch():
    results = []
    for each in (1, 4):
        loader = plait.Loader(data(), 4, seed=2)
        loader.step = 7
        results.append(trained(network(each), loader, epochs=2, validation_data=plait.Loader(data(), 23, shuffle=False)))
        assert loader.step == 24
    assert results[0] == results[1] or keras.backend.backend() == "tensorflow"  # where another graph may round otherwise
    np.testing.assert_allclose(results[0][1]["loss"], results[1][1]["loss"], rtol=1e-4)
    np.testing.assert_allclose(results[0][1]["val_loss"], results[1][1]["val_loss"], rtol=1e-4)


@several
@pytest.mark.parametrize("stop", [2, 3])  # in the middle of an epoch, and in its last call, which has fewer steps
@pytest.mark.filterwarnings("ignore:fuse_steps=True, but steps are taken one by one. it is for JAX")
def test_a_run_of_several_steps_a_call_goes_on_where_it_stopped(tmp_path, stop):
    class Stop(keras.callbacks.Callback):
        calls = 0

        def on_train_batch_end(self, batch, logs=None):
            self.calls += 1
            if self.calls == stop:
                raise KeyboardInterrupt

    def run(state, *more):
        loader = plait.Loader(data(), 4, seed=2, fuse_steps=stop == 2)
        return trained(network(5), loader, epochs=2, callbacks=[plait.Resume(loader, state, every=1), *more])

    weights, history = run(tmp_path / "whole.json")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped.json", Stop())
    resumed, rest = run(tmp_path / "stopped.json")
    assert resumed == weights
    assert len(rest["loss"]) == (2 if stop == 2 else 1)
    known = 1 if keras.backend.backend() == "tensorflow" else 2  # which has no metrics of several heads yet when the epoch goes on
    assert rest["loss"][-known:] == history["loss"][-len(rest["loss"][-known:]) :]


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="the others take several")
def test_pytorch_takes_one_step_a_call_and_keras_says_so():
    with pytest.raises(ValueError, match="`steps_per_execution` must be 1 with the PyTorch backend"):
        network(2).fit(plait.Loader(data(), 4), verbose=0)


# memory


class Counted(plait.source.Source):
    """In memory, of a given shape; remembers how many rows it was asked for."""

    in_memory, label = True, "Counted"

    def __init__(self, shape):
        self.asked, self.shape = [], shape

    @property
    def keys(self):
        return plait.Keys.range(1000)

    @property
    def spec(self):
        return {"x": plait.Spec(self.shape, np.dtype(np.float32))}

    def read(self, names, rows):
        self.asked.append(len(rows))
        return {"x": np.zeros((len(rows), *self.shape), np.float32)}


def test_the_first_batch_is_read_alone_and_the_others_in_blocks_of_few_bytes(monkeypatch):
    monkeypatch.setattr(blocks_module, "_ROWS", 8192)
    small, large = Counted((3,)), Counted((256, 256))
    for source, asked in ((small, [32, 968]), (large, [4, 12, 16])):
        batches = iter(plait.Loader(plait.Dataset(inputs={"x": source}), asked[0], shuffle=False, workers=0))
        next(batches)
        assert source.asked == asked[:1]
        for _ in range(8 if source is large else 31):
            next(batches)
        assert source.asked[: len(asked)] == asked


@pytest.mark.parametrize(("size", "aligned"), [(64, 1.0), (10, 0.1), (2731, 0.5)])
def test_batches_begin_where_jax_takes_them_without_a_copy(monkeypatch, size, aligned):
    monkeypatch.setattr(blocks_module, "_ROWS", 8192)
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(x=rng.random((20_000, 7)), y=rng.integers(0, 9, 20_000), z=rng.random((20_000, 20), np.float32))
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"], "z": arrays["z"]}, targets={"y": arrays["y"]}), size)
    places = [array.ctypes.data % 64 for inputs, y, _ in loader for array in (*inputs.values(), y)]
    assert np.mean(np.equal(places, 0)) >= aligned


def test_a_large_batch_is_never_in_the_middle_of_a_line(monkeypatch):
    monkeypatch.setattr(blocks_module, "_ROWS", 8192)
    arrays = plait.Arrays(x=np.zeros((4000, 257), np.float32), y=np.zeros(4000))
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}), 999)
    assert loader.plan.block == 1
    assert [inputs["x"].ctypes.data % 64 for inputs, _, _ in loader] == [0] * 5


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="tensors are PyTorch's")
def test_tensors_share_the_memory_of_the_batches():
    loader = plait.Loader(data(), 4, shuffle=False)
    for batch in [batch for block in loader._made(0, 3, loader._emission) for batch in block]:
        inputs, targets, weights = torch_tensors(loader._emission.for_keras(batch))
        for ours, theirs in ((inputs, batch.inputs), (targets, batch.targets), (weights, batch.weights)):
            assert all(np.shares_memory(ours[name].numpy(), theirs[name]) for name in theirs)


# fused steps


@on_jax
def test_fused_steps_give_the_same_bits_as_one_step_after_the_other():
    results = []
    for each, fused in ((1, False), (5, True)):
        loader = plait.Loader(data(), 4, seed=2, fuse_steps=fused)
        model = network(each, large=True)
        results.append(trained(model, loader, validation_data=plait.Loader(data(), 23, shuffle=False)))
    assert list(model.train_function._same.values()) == [True]
    assert results[0] == results[1]


@on_jax
def test_a_model_that_was_fused_trains_on_other_data_as_before():
    models = [network(4), network(4)]
    models[0].fit(plait.Loader(data(), 4, fuse_steps=True), verbose=0)
    models[1].fit(plait.Loader(data(), 4), verbose=0)
    one, other = (trained(model, plait.Loader(data(), 4), epochs=1) for model in models)
    assert one == other


@on_jax
def test_where_one_loop_gives_other_bits_it_is_said_and_steps_are_taken_one_by_one():
    expected = trained(network(4), plait.Loader(data(), 4, seed=2))
    model = network(4)
    model.make_train_function()
    fuse(model)
    loop = model.train_function._loop

    def one_bit_off(state, batches):
        logs, (weights, *rest) = loop(state, batches)
        return logs, ([weights[0] * (1 + 2**-20), *weights[1:]], *rest)

    model.train_function._loop = one_bit_off
    with pytest.warns(UserWarning, match="fuse_steps=True, but steps are taken one by one: as one loop they gave other bits"):
        found = trained(model, plait.Loader(data(), 4, seed=2, fuse_steps=True))
    assert found == expected


@on_jax
def test_what_cannot_be_fused_is_said_with_the_reason_and_trained_one_by_one():
    class Own(keras.Model):
        def train_step(self, state, batch):
            return super().train_step(state, batch)

    plain = network(4)
    own = Own(plain.inputs, plain.outputs)
    own.compile("sgd", "mse", steps_per_execution=4)
    assert obstacle(own, varying=False) == "Own has a train_step of its own"
    assert obstacle(plain, varying=True) == "batches of buckets differ in shape"
    assert obstacle(plain, varying=False) is None
    assert "run_eagerly" in str(obstacle(network(4, run_eagerly=True), varying=False))
    with pytest.warns(UserWarning, match=r"steps are taken one by one: compile the model with steps_per_execution=32"):
        found = trained(network(), plait.Loader(data(), 4, fuse_steps=True))
    assert found == trained(network(), plait.Loader(data(), 4))


def test_on_other_backends_fuse_steps_is_said_to_be_for_jax(backend):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network(1 if backend == "torch" else 4).fit(plait.Loader(data(), 4, fuse_steps=True), epochs=2, verbose=0)
    said = [str(w.message) for w in caught if "fuse_steps" in str(w.message)]
    about = f"fuse_steps=True, but steps are taken one by one: it is for JAX, and Keras runs on {backend}."
    assert said == ([] if backend == "jax" else [about])


def test_groups_hold_batches_of_one_size_and_the_rest_comes_singly():
    batches = [np.zeros(n) for n in (4, 4, 4, 4, 4, 3, 4)]
    found = list(grouped(iter(batches), 2))
    assert [type(g) is Steps for g in found] == [True, True, False, False, False]
    assert [g.batches.shape if isinstance(g, Steps) else g.shape for g in found] == [(2, 4), (2, 4), (4,), (3,), (4,)]
