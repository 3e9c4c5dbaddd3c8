"""An exception out of `fit` that somebody keeps, as a notebook does, with the iterator in its traceback: workers end all the same."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from feeding import descendants, open_files, wait_until

import plait
import plait.pace
from plait.workers.shared import PAGE

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at /proc")


def data(samples=2000):
    values = np.random.default_rng(0).random((samples, 16)).astype(np.float32)
    arrays = plait.Arrays(x=values, y=values.sum(axis=1))
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})


def network():
    x = keras.Input((16,), name="x")
    model = keras.Model(x, keras.layers.Dense(1, name="y")(x))
    model.compile("sgd", "mse")
    return model


class Failing(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if batch == 5:
            raise ValueError("in a callback")


HELD = {"jax": 0, "torch": 1, "tensorflow": 4}  # batches that Keras and the backend have taken and not let go of


def ours():
    """Processes below this one, and threads and memory of plait's: slots of shared memory in use."""
    gc.collect()
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("plait")]
    return descendants(os.getpid()), threads, shared() // PAGE


def shared():
    """Bytes of files of shared memory without a name."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            if "memfd:plait" in os.readlink(entry):
                status = entry.stat()
                found[status.st_ino] = 512 * status.st_blocks
        except OSError:
            continue  # the descriptor that lists the others
    return sum(found.values())


def left(most):
    return (ours()[:2] == ([], [])) and ours()[2] <= most


def kept_error(model, loader):
    with pytest.raises(ValueError, match="in a callback") as caught:
        model.fit(loader, epochs=2, verbose=0, callbacks=[Failing()])
    return caught.value


@pytest.mark.parametrize("processes", [True, False])
def test_an_exception_out_of_fit_that_is_kept_leaves_nothing(processes, monkeypatch):
    monkeypatch.setattr(plait.pace, "LEAST", 0.5)
    monkeypatch.setattr(plait.pace, "_TIMES", 0)
    model, held = network(), HELD[keras.backend.backend()] * processes
    kept = kept_error(model, plait.Loader(data(), 16, workers=2, processes=processes, ahead=8))
    assert wait_until(lambda: left(held)), ours()
    files = open_files()
    again = kept_error(model, plait.Loader(data(), 16, workers=2, processes=processes, ahead=8))
    assert wait_until(lambda: left(2 * held)), ours()
    assert open_files() <= files + held
    assert kept.__traceback__ is not None
    assert again.__traceback__ is not None


@pytest.mark.in_turn
@pytest.mark.parametrize("processes", [True, False])
def test_training_that_pauses_for_longer_than_workers_wait_ends_with_the_same_weights(processes, monkeypatch):
    monkeypatch.setattr(plait.pace, "LEAST", 0.2)
    monkeypatch.setattr(plait.pace, "_TIMES", 0)
    found, gone = [], []

    def pause(batch, logs):
        if batch in (0, 7):
            gone.append(wait_until(lambda: not ours()[0] and not ours()[1]))

    for means in ({"workers": 0}, {"workers": 2, "processes": processes}):
        keras.utils.set_random_seed(1)
        model = network()
        model.fit(
            plait.Loader(data(400), 16, **means),
            epochs=2,
            verbose=0,
            callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=pause)],
        )
        found.append(model.get_weights())
    assert gone == [True] * 8
    assert all(np.array_equal(a, b) for a, b in zip(*found, strict=True))


NOTEBOOK = """
import sys, time
import plait.pace
from test_reader_gone import data, kept_error, network, ours, wait_until
import plait

plait.pace.LEAST = 0.3
sys.last_value = kept_error(network(), plait.Loader(data(), 16, workers=2, processes={processes}))
if {later}:
    assert wait_until(lambda: not ours()[0]), ours()
print("the end", flush=True)
"""


@pytest.mark.in_turn
@pytest.mark.parametrize(("processes", "later"), [(True, False), (True, True), (False, False)])
def test_a_program_that_keeps_the_exception_ends(processes, later, tmp_path):
    (tmp_path / "notebook.py").write_text(NOTEBOOK.format(processes=processes, later=later))
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])}
    done = subprocess.run([sys.executable, "notebook.py"], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "the end\n"), done.stderr
