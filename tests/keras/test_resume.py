"""A run that was killed and started again ends with the weights of one that was not, on the backend of this process."""

from __future__ import annotations

import json
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import plait

SCRIPT = Path(__file__).parent.parent / "support" / "resumed_run.py"


def run(state: Path, *, kill: int = 0, every: int = 0, how: str = "SIGKILL"):
    """One process of the same training; (exit status, what it printed last)."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(state), str(kill), str(every), how], capture_output=True, text=True, timeout=300, check=False
    )
    return done.returncode, (done.stdout.strip().splitlines() or [done.stderr[-2000:]])[-1]


def test_killed_runs_end_with_the_same_weights_and_curves(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(tmp_path / "whole.json"), "0", "0", "none"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    expected = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    state = tmp_path / "killed.json"
    for kill, every, how in ((10, 3, "SIGKILL"), (9, 4, "SIGTERM")):
        status, _ = run(state, kill=kill, every=every, how=how)
        assert status == -getattr(signal, how)
    status, resumed = run(state)
    assert status == 0, resumed
    assert json.loads(resumed) == expected


@pytest.mark.parametrize("kind", ["balance", "bucket", "pad"])
def test_a_run_that_an_exception_ended_goes_on_with_buckets_and_balance_and_threads(tmp_path, kind):
    def train(state, stop_after=0):
        keras.utils.set_random_seed(3)
        model, loader = special(kind)
        callbacks = [plait.Resume(loader, state, every=2), Stop(stop_after)]
        model.fit(loader, epochs=3, callbacks=callbacks, verbose=0)
        return np.concatenate([np.ravel(w) for w in model.get_weights()])

    expected = train(tmp_path / "whole.json")
    for stop_after in (5, 4):
        with pytest.raises(KeyboardInterrupt):
            train(tmp_path / "stopped.json", stop_after)
    assert train(tmp_path / "stopped.json").tobytes() == expected.tobytes()


def test_a_finished_run_trains_no_further_and_a_longer_one_goes_on(tmp_path):
    model, loader = small()
    path = tmp_path / "run" / "loader.json"
    model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path)], verbose=0)
    weights = model.get_weights()
    again, loader = small()
    assert again.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path)], verbose=0).history == {}
    assert all(np.array_equal(a, b) for a, b in zip(weights, again.get_weights(), strict=True))
    longer, loader = small()
    assert len(longer.fit(loader, epochs=3, callbacks=[plait.Resume(loader, path)], verbose=0).history["loss"]) == 1
    assert sorted(os.listdir(path.parent)) == ["loader.json", f"loader.json.{loader.step}.npz"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch": 5}, "batch_size was 4 and is 5"),
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"rows": 11}, "samples was 10 and is 11"),
        ({"keys": [f"k{i}" for i in range(10)]}, "keys was"),
        ({"units": 3}, "saved by another model.*first different at"),
    ],
)
def test_another_order_or_model_is_refused_with_the_difference(tmp_path, changes, message):
    model, loader = small()
    model.fit(loader, epochs=1, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)
    model, loader = small(**changes)
    with pytest.raises(plait.ResumeError, match=message):
        model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)


def test_a_file_that_is_no_saved_run_is_refused(tmp_path):
    (tmp_path / "loader.json").write_text("{}")
    model, loader = small()
    with pytest.raises(plait.ResumeError, match="is no run that plait saved"):
        model.fit(loader, callbacks=[plait.Resume(loader, tmp_path / "loader.json")], verbose=0)


def test_arguments_of_resume_are_checked(tmp_path):
    with pytest.raises(plait.ArgumentError, match=r"Resume takes the plait.Loader"):
        plait.Resume(np.zeros(3), tmp_path / "x.json")  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match="every=0"):
        plait.Resume(small()[1], tmp_path / "x.json", every=0)


def small(batch=4, seed=0, rows=10, units=2, keys=None):
    x = np.random.default_rng(0).random((rows, 3)).astype(np.float32)
    arrays = plait.Arrays(x=x, y=x.sum(1), key=keys)
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}), batch, seed=seed)
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(units)(inputs)))
    model.compile("adam", "mse")
    return model, loader


class Stop(keras.callbacks.Callback):
    def __init__(self, after):
        super().__init__()
        self.left = after

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def special(kind):
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(x=[rng.integers(1, 9, n) for n in rng.integers(1, 12, 50)], y=(rng.random(50) > 0.8).astype(int))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    more = {"balance": {"balance": "y", "workers": 4}, "bucket": {"bucket": {"x": [4, 12]}}, "pad": {"remainder": "pad", "workers": 1}}
    data = data if kind == "bucket" else data.map(plait.Pad(12), on="x")
    loader = plait.Loader(data, 16, seed=3, **more[kind])
    x = keras.Input((None,), dtype="int32", name="x")
    model = keras.Model(x, keras.layers.Dense(1)(keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4)(x))))
    model.compile("adam", "mse")
    return model, loader
