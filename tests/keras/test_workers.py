"""A Loader with worker processes: the same training, on each backend; memory that a backend may still read is never overwritten."""

from __future__ import annotations

import gc
import time

import keras
import numpy as np
import psutil
import pytest
from feeding import jitter

import plait
import plait.buffers
from plait.errors import ArgumentError
from plait.feeder import Feeder
from plait.workers.shared import Ring


def data(samples=200, width=16):
    values = np.random.default_rng(0).random((samples, width)).astype(np.float32)
    arrays = plait.Arrays(x=values, y=values.sum(axis=1))
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}).augment(jitter, on="x")


def plain_data():
    x = np.random.default_rng(0).random((64 * 80, 64)).astype(np.float32)
    return plait.Dataset(inputs={"x": plait.Arrays(x=x)}, targets={"y": plait.Arrays(y=x.sum(axis=1))})


def network(width=16):
    x = keras.Input((width,), name="x")
    model = keras.Model(x, keras.layers.Dense(1, name="y")(keras.layers.Dense(8, activation="relu")(x)))
    model.compile("sgd", "mse")
    return model


HOW = [{"workers": 2, "processes": True}, {"workers": 2}, {}]


@pytest.mark.parametrize("how", HOW[:2])
def test_training_by_workers_ends_with_the_same_weights(how):
    found = []
    for means in ({"workers": 0}, how):
        keras.utils.set_random_seed(1)
        model = network()
        loader = plait.Loader(data(), 16, seed=5, **means)
        model.fit(loader, epochs=3, verbose=0, validation_data=plait.Loader(data(), 50, shuffle=False, **means))
        assert loader.step == 3 * len(loader)
        found.append([*model.get_weights(), model.predict(plait.Loader(data(), 50, shuffle=False, **means), verbose=0)])
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("how", HOW)
def test_resuming_in_the_middle_by_other_means_gives_the_same_batches(how):
    whole = [batch[0]["x"].copy() for batch in plait.Loader(data(), 16, workers=0)]
    loader = plait.Loader(data(), 16, **how)
    loader.step = 5
    assert all(np.array_equal(batch[0]["x"], expected) for batch, expected in zip(loader, whole[5:], strict=True))
    assert all(np.array_equal(batch[0]["x"], whole[n]) for n, batch in enumerate(plait.Loader(data(), 16, **how)))


def tensor(array):
    """What the backend makes of an array, sharing its memory where it can."""
    match keras.backend.backend():
        case "jax":
            import jax

            return jax.device_put(array)
        case "torch":
            import torch

            return torch.from_numpy(array)
        case _:
            import tensorflow as tf

            return tf.convert_to_tensor(array)


def slow_total(backend):
    """A compiled function of a matrix that takes a while, dispatched without waiting where the backend does so."""
    if backend == "jax":
        import jax
        import jax.numpy as jnp

        def total(x):
            return jax.lax.fori_loop(0, 200, lambda _, s: s + (jnp.sin(x) @ x.T).sum(), jnp.float32(0))

        return jax.jit(total)
    return lambda x: keras.ops.sum(keras.ops.matmul(keras.ops.sin(x), keras.ops.transpose(x)))


def totals(loader, held):
    """What the backend computes from each batch, asked for after all are handed out; tensors kept or not."""
    compute = slow_total(keras.backend.backend())
    kept, found = [], []
    for inputs, _, _ in loader:
        x = tensor(inputs["x"])
        found.append(compute(x))
        if held:
            kept.append(x)
        del x, inputs
    values = [float(keras.ops.convert_to_numpy(total)) for total in found]
    return values, [keras.ops.convert_to_numpy(x).copy() for x in kept]


@pytest.mark.parametrize("held", [True, False])
@pytest.mark.parametrize("how", HOW[:2])
def test_memory_that_the_backend_may_still_read_is_not_overwritten(how, held):
    many = data(64 * 40, 64)
    values, kept = totals(plait.Loader(many, 64, workers=0), held)
    found, tensors = totals(plait.Loader(many, 64, **how), held)
    assert found == values
    assert len(tensors) == len(kept)
    assert all(np.array_equal(a, b) for a, b in zip(tensors, kept, strict=True))


@pytest.mark.parametrize("held", [True, False])
def test_memory_that_is_used_again_is_not_that_which_the_backend_may_still_read(held, monkeypatch):
    monkeypatch.setattr("plait.blocks._ROWS", 256)  # many blocks of 64 KB
    many = plain_data()
    with monkeypatch.context() as without:
        without.setattr("plait.buffers._MOST", 0)
        values, kept = totals(plait.Loader(many, 64, workers=0), held)
    with monkeypatch.context() as counted:
        counted.setattr("plait.buffers._kept", {})
        found, tensors = totals(plait.Loader(many, 64, workers=0), held)
        memory = [raw for of_a_size in plait.buffers._kept.values() for raw in of_a_size]
        assert memory and (held or len(memory) < 40), "nothing was used again"
    assert found == values
    assert len(tensors) == len(kept)
    assert all(np.array_equal(a, b) for a, b in zip(tensors, kept, strict=True))


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow copies")
def test_the_one_above_sees_memory_that_is_overwritten(monkeypatch):
    monkeypatch.setattr("plait.blocks._ROWS", 256)
    monkeypatch.setattr("plait.buffers._kept", {})
    many = plain_data()
    _, kept = totals(plait.Loader(many, 64, workers=0), True)
    monkeypatch.setattr("plait.buffers._UNUSED", 1000)
    _, tensors = totals(plait.Loader(many, 64, workers=0), True)
    assert not all(np.array_equal(a, b) for a, b in zip(tensors, kept, strict=True))


@pytest.mark.skipif(keras.backend.backend() == "tensorflow", reason="TensorFlow copies")
def test_the_first_of_these_sees_memory_that_is_overwritten(monkeypatch):
    def lend_and_take_back(self, slot):
        self._free.appendleft(slot)
        return np.frombuffer(slot.memory, np.uint8, slot.size, slot.start)

    monkeypatch.setattr(Ring, "lend", lend_and_take_back)
    many = data(64 * 40, 64)
    _, kept = totals(plait.Loader(many, 64, workers=0), True)
    _, tensors = totals(plait.Loader(many, 64, workers=2, processes=True), True)
    assert not all(np.array_equal(a, b) for a, b in zip(tensors, kept, strict=True))


def test_what_is_chosen_is_said():
    assert str(plait.Loader(data(), 16, workers=2, processes=True).plan).endswith(
        "one batch of 16 at a time, by 2 processes, up to 4 ahead: workers=2 was asked for, and every source is in memory"
    )
    loader = plait.Loader(data(20_000), 16)
    assert "in the thread that asks, none ahead: every source is in memory" in str(loader.plan)
    list(loader)
    assert "every source is in memory; a batch takes " in str(loader.plan)


def test_a_slow_step_in_python_is_found_and_given_to_processes(monkeypatch):
    monkeypatch.setattr("plait.feeder.cores", lambda: 2)
    monkeypatch.setattr("plait.calibration._LONG", 0.2)
    monkeypatch.setattr("plait.calibration._APART", 9.0)  # on a busy machine two threads may seem to be of use

    def slow(x):
        end = time.thread_time() + 0.01 * len(x) / 16
        while time.thread_time() < end:
            pass
        return x

    expected = [batch[0]["x"].copy() for batch in plait.Loader(data(1600).map(slow, on="x"), 16, workers=0)]
    loader = plait.Loader(data(1600).map(slow, on="x"), 16)
    assert all(np.array_equal(batch[0]["x"], x) for batch, x in zip(loader, expected, strict=True))
    assert "with processes it" in loader.plan.why
    assert "no more than one would" in loader.plan.why

    model = network()

    def predicted(x):
        return slow(x) + 0 * model(x[:1]).shape[0]

    loader = plait.Loader(data(1600).map(predicted, on="x"), 16)
    assert all(np.array_equal(batch[0]["x"], x) for batch, x in zip(loader, expected, strict=True))
    assert (
        "processes cannot make them: Step predicted on 'x' cannot be sent to a worker process: TypeError: it refers to" in loader.plan.why
    )

    lock = __import__("threading").Lock()

    def guarded(x):
        with lock:
            return slow(x)

    loader = plait.Loader(data(1600).map(guarded, on="x"), 16)
    assert all(np.array_equal(batch[0]["x"], x) for batch, x in zip(loader, expected, strict=True))
    assert "processes cannot make them: Step guarded on 'x' cannot be sent to a worker process" in loader.plan.why
    assert (loader.plan.processes, loader.plan.threads) == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"processes": 4}, "processes=4: True or False is needed; how many is said by workers=."),
        (
            {"workers": 0, "processes": True},
            "workers=0 makes batches in the thread that asks, and processes=True in others. Write workers=2,",
        ),
        ({"timeout": 0}, "timeout=0: seconds above 0 are needed, or None for no limit."),
        ({"timeout": "long"}, "timeout='long': seconds above 0 are needed, or None for no limit."),
        ({"workers": 1.5}, "workers=1.5: an integer of at least 0 is needed."),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, message):
    with pytest.raises(ArgumentError) as caught:
        plait.Loader(data(), 16, **arguments)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("how", [{"workers": 2, "processes": True}, {"workers": 2}, {"workers": 0}, {}])
def test_a_loop_that_has_failed_does_not_end_as_if_it_were_whole(how):
    def odd(x):
        if (x[:, 0] > 9).any():
            raise ValueError("no such luck")
        return x

    values = np.zeros((100, 3), np.float32)
    values[77] = 10
    arrays = plait.Arrays(x=values)
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"]}).map(odd, on="x"), 10, shuffle=False, **how)
    batches = iter(loader)
    got = 0
    for _ in range(3):
        with pytest.raises(plait.TransformError, match="sample 77 raised ValueError: no such luck"):
            while True:
                next(batches)
                got += 1
    assert got <= 7
    loader._feeder._parked.clear()
    gc.collect()


def test_fit_has_the_same_processes_in_every_epoch():
    """Keras asks for no more batches than there are, so an epoch ends without anybody saying so."""
    loader, seen, before = plait.Loader(data(64), 16, workers=2, processes=True), [], {child.pid for child in psutil.Process().children()}

    class Note(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                gc.collect()
                seen.append(sorted(child.pid for child in psutil.Process().children() if child.pid not in before))

    network().fit(loader, epochs=3, verbose=0, callbacks=[Note()])
    assert seen[1] == seen[2]
    assert len(seen[2]) == 2


class Holder:
    def __init__(self, model):
        self.model = model

    def __call__(self, x):
        return x


@pytest.mark.parametrize("how", ["closure", "method", "object", "layer"])
def test_a_step_that_refers_to_a_keras_model_stays_in_this_process(how):
    model = network()
    layer = model.layers[1]
    step = {
        "closure": lambda x: x + 0 * np.asarray(model.get_weights()[1])[0],
        "method": Holder(model).__call__,
        "object": Holder(model),
        "layer": lambda x: x * layer.units,
    }[how]
    made = data().map(step, on="x")
    kind = "layer" if how == "layer" else "model"
    with pytest.raises(
        ArgumentError, match=rf"cannot be sent to a worker process: TypeError: it refers to the Keras {kind} '.*'; a copy of it"
    ):
        next(iter(plait.Loader(made, 16, workers=1, processes=True)))


def test_a_step_of_a_module_that_uses_a_keras_layer_stays_too(tmp_path, monkeypatch):
    (tmp_path / "stepping.py").write_text("import keras\nlayer = keras.layers.Rescaling(2)\ndef step(x): return x * layer.scale\n")
    monkeypatch.syspath_prepend(tmp_path)
    import stepping

    with pytest.raises(ArgumentError, match=r"Step step on 'x' cannot be sent .* it refers to the Keras layer 'rescaling.*'; a copy"):
        next(iter(plait.Loader(data().map(stepping.step, on="x"), 16, workers=1, processes=True)))


def test_small_batches_are_asked_for_several_at_once_and_are_the_same(monkeypatch):
    def content_of(loader):
        return [(x["x"].tobytes(), x["x"].shape) for _ in range(3) for x, _, _ in loader]

    class Files(plait.Source):
        label, keys, spec = "Files", plait.Keys.range(403), {"x": plait.Spec((5,), np.float32)}

        def read(self, names, rows):
            return {name: (rows[:, None] + np.arange(5)).astype(np.float32) for name in names}

    files = plait.Dataset(inputs={"x": Files()["x"]}).augment(jitter, on="x")
    asked = []
    run = Feeder.run

    def watched(self, making, blocks, **given):
        return run(self, making, (asked.append(len(block)) or block for block in blocks), **given)

    monkeypatch.setattr(Feeder, "run", watched)
    apart = content_of(plait.Loader(files, 8, seed=4, workers=2, processes=True))
    assert max(asked) > 1 and sum(asked) == 3 * 51
    assert apart == content_of(plait.Loader(files, 8, seed=4, workers=0))


@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 0}, {"workers": 2, "processes": True}])
def test_steps_that_take_long_are_not_run_for_a_block_of_batches(how):
    """In memory 1024 batches would be read at once, and the first of them be waited for."""

    def slow(x):
        time.sleep(0.004 * len(x))
        return x

    loader = plait.Loader(data(9000).map(slow, on="x"), 8, timeout=5, **how)
    begin = time.monotonic()
    for _, _ in zip(range(30), loader, strict=False):
        pass
    assert time.monotonic() - begin < 10  # 30 batches take 1 s one after the other
