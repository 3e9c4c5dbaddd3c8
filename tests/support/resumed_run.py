"""One training run that may be killed: python resumed_run.py STATE KILL_AFTER_BATCH SAVE_EVERY SIGNAL."""

from __future__ import annotations

import json
import os
import signal
import sys

import keras
import numpy as np

import plait

PATH, KILL, EVERY, HOW = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]


def main() -> None:
    keras.utils.set_random_seed(1)
    model, loader = setup()
    callbacks = [plait.Resume(loader, PATH, every=EVERY or None), Kill()]
    history = model.fit(loader, epochs=4, verbose=0, callbacks=callbacks).history
    weights = b"".join(np.asarray(keras.ops.convert_to_numpy(w)).tobytes() for w in [*model.weights, *model.optimizer.variables])
    print(json.dumps({"weights": weights.hex(), "last": history["loss"][-1:]}))


class Kill(keras.callbacks.Callback):
    """Ends the process as the out-of-memory killer (or a scheduler) would."""

    batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches == KILL:
            os.kill(os.getpid(), getattr(signal, HOW))


def setup():
    x = np.random.default_rng(0).random((100, 10)).astype(np.float32)
    arrays = plait.Arrays(x=x, y=x.sum(1))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    data = data.augment(lambda x, rng: x + rng.normal(0, 0.01, x.shape).astype(np.float32), on="x")
    inputs = keras.Input((10,), name="x")
    hidden = keras.layers.BatchNormalization()(keras.layers.Dense(8, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.3)(hidden)))
    model.compile("adam", "mse")
    return model, plait.Loader(data, 16, seed=3, workers=2)


main()
