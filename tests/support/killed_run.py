"""Training runs that are killed: python killed_run.py reads one run a line, does each in a process of its own, and says how it ended.

A line is JSON: kind, workers, processes, state (a file), every, and at most one of
  "event": kill at the n-th thing done to a file in the folder of the state (so in the middle of a save, at every place in turn);
  "after": kill so many seconds after `fit` has begun;
  "batch": kill at the end of the n-th batch;
with "how": "SIGKILL" or "SIGTERM". The answer is one line: the exit status, and what the run ended with where it came to its end.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import sys
import time
from typing import Any

import keras
import numpy as np

import plait


def serve() -> None:
    """Fork for each line, so that Keras is imported once."""
    for line in sys.stdin:
        asked = json.loads(line)
        begun, begin = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(begun)
            try:
                asked["begin"] = begin
                train(**asked)
            except BaseException:
                import traceback

                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        os.close(begin)
        if asked.get("after") is not None:
            select.select([begun], [], [], 120)
            time.sleep(asked["after"])
            os.kill(pid, getattr(signal, asked.get("how", "SIGKILL")))
        limit = time.monotonic() + 120
        while (done := os.waitpid(pid, os.WNOHANG))[0] == 0:
            time.sleep(0.005)
            if time.monotonic() > limit:
                os.kill(pid, signal.SIGKILL)
        os.close(begun)
        status = os.waitstatus_to_exitcode(done[1])
        result = asked["state"] + ".result"
        ended = None
        if status == 0:
            with open(result, encoding="utf-8") as file:
                ended = json.load(file)
            os.remove(result)
        print(json.dumps({"status": status, **(ended or {})}), flush=True)


def train(kind: str, workers: int, processes: bool, state: str, every: int, begin: int, how: str = "SIGKILL", **kill: Any) -> None:
    """One run from wherever the state says."""
    keras.utils.set_random_seed(1)
    model, loader = setup(kind, workers, processes)
    begun = time.monotonic()

    class Killer(keras.callbacks.Callback):
        """Before Resume, so that a signal in its methods finds it at work."""

        batches = 0

        def on_train_begin(self, logs=None):
            nonlocal begun
            begun = time.monotonic()
            os.write(begin, b"1")

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            if self.batches == kill.get("batch"):
                os.kill(os.getpid(), getattr(signal, how))

    if kill.get("event") is not None:
        folder, left = os.path.dirname(state), [kill["event"]]

        def watch(event: str, arguments: tuple[Any, ...]) -> None:
            if event in ("open", "os.rename", "os.remove", "os.listdir", "os.mkdir") and str(arguments[0]).startswith(folder):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), getattr(signal, how))

        sys.addaudithook(watch)
    history = model.fit(loader, epochs=3, verbose=0, callbacks=[Killer(), plait.Resume(loader, state, every=every)]).history
    seconds = time.monotonic() - begun
    values = [np.asarray(keras.ops.convert_to_numpy(w)) for w in [*model.variables, *model.optimizer.variables]]
    report = {
        "weights": hashlib.sha256(b"".join(v.tobytes() for v in values)).hexdigest(),
        "last": history["loss"][-1:],
        "audit": str(loader.audit()),
        "errors": loader.errors.to_json(),
        "step": loader.step,
        "seconds": seconds,
    }
    with open(state + ".result", "w", encoding="utf-8") as file:
        json.dump(report, file)


def setup(kind: str, workers: int, processes: bool) -> tuple[Any, Any]:
    """Model and loader; data with a bad sample in them."""
    more: dict[str, Any] = {"processes": True} if processes else {}
    rng = np.random.default_rng(0)
    rows = 48
    x = rng.random((rows, 10)).astype(np.float32)
    x[7] = np.nan
    tokens = [rng.integers(1, 9, n) for n in rng.integers(1, 12, rows)]
    arrays = plait.Arrays(x=x, tokens=tokens, y=(rng.random(rows) > 0.7).astype(np.int64))
    data = plait.Dataset(inputs={"x": arrays["x"], "tokens": arrays["tokens"]}, targets={"y": arrays["y"]}, missing={"x": "keep"})
    data = data.augment(jitter, on="x")
    data = data if kind == "bucket" else data.map(plait.Pad(12), on="tokens")
    special: dict[str, Any] = {
        "plain": {},
        "bucket": {"bucket": {"tokens": [5, 12]}, "remainder": "pad"},
        "balance": {"balance": "y"},
        "shards": {"shard": (1, 2)},
    }[kind]
    loader = plait.Loader(data, 8, seed=3, workers=workers, on_error="skip", budget=1, **special, **more)
    one, two = keras.Input((10,), name="x"), keras.Input((None,), dtype="int32", name="tokens")
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(one))
    read = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 4)(two))
    both = keras.layers.Dropout(0.3)(keras.layers.Concatenate()([hidden, read]))
    model = keras.Model([one, two], keras.layers.Dense(1, activation="sigmoid", name="y")(both))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model, loader


def jitter(x: np.ndarray, rng: Any) -> np.ndarray:
    """Noise that belongs to sample and epoch."""
    return x + rng.normal(0, 0.01, x.shape).astype(np.float32)


if __name__ == "__main__":
    serve()
