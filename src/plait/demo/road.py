"""The whole road: files, join, split, steps, check, training, scores, and what is needed to predict later."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

import plait
from plait.draws import Draws

__all__ = ["BATCH", "Parts", "build", "declare", "prepare", "train"]

SIZE, POINTS, BATCH = 28, 128, 64


def declare(folder: Path) -> tuple[plait.Dataset, plait.Stream]:
    """What a model is to see and to say, from three kinds of files matched by key; and the hand of each drawing."""
    drawings = plait.Images(folder / "drawings/{id}.png", size=(SIZE, SIZE), mode="grey")
    pens = plait.Npy(folder / "pens/{id}.npy", shape=(None, 3))
    labels = plait.Csv(folder / "labels.csv", key="id")
    data = plait.Dataset(
        inputs={"drawing": drawings, "pen": pens, "usual": labels["usual"]},
        targets={"script": labels["script"], "seconds": labels["seconds"]},
        missing={"seconds": "mask"},  # no time: weight 0, and the loss keeps its size
    )
    return data, labels["hand"]


@dataclass(frozen=True)
class Parts:
    """The data set in two parts, ready for a model.

    Args:
        train: Of 80 of the 100 hands, with the augmentation.
        test: Of the other 20 hands.
    """

    train: plait.Dataset
    test: plait.Dataset


def prepare(data: plait.Dataset, hand: plait.Stream, *, seed: int = 0) -> Parts:
    """Split by hand, so that nobody's writing is on both sides, in every script alike; fit every step on the first part."""
    train, test = data.split(0.8, seed=seed, by=hand, stratify="script")
    scripts = plait.Vocabulary.fit(train["script"])
    usual = plait.Quantile.fit(train["usual"], output="normal")
    seconds = plait.Quantile.fit(train["seconds"], output="normal")
    train, test = (
        part.map(plait.Pad(POINTS), on="pen").map(usual, on="usual").map(scripts, on="script").map(seconds, on="seconds")
        for part in (train, test)
    )
    return Parts(train.augment(nudge, on=["drawing", "pen"]), test)


def nudge(drawing: np.ndarray, pen: np.ndarray, rng: Draws) -> tuple[np.ndarray, np.ndarray]:
    """Move picture and pen together by up to two pixels, so that they stay one drawing."""
    by = rng.integers(-2, 3, (len(drawing), 2))
    x, y = (np.clip(np.arange(SIZE) - by[:, [axis]], 0, SIZE - 1) for axis in (0, 1))
    moved = drawing[np.arange(len(drawing))[:, None, None], y[:, :, None], x[:, None, :]]
    touched = pen[..., 2:] > 0  # the rest is padding
    return moved, np.concatenate([pen[..., :2] + touched * (by[:, None] / SIZE), pen[..., 2:]], axis=2, dtype=np.float32)


def build(scripts: int, steps: int) -> Any:
    """Three inputs, two outputs, by name. Nothing of plait in it.

    Args:
        scripts: How many there are.
        steps: Of training in all; the rate falls to zero over them.
    """
    drawing, pen = keras.Input((SIZE, SIZE, 1), name="drawing"), keras.Input((POINTS, 3), name="pen")
    usual = keras.Input((1,), name="usual")
    seen = layers.Rescaling(-1 / 255, 1)(drawing)
    for filters in (16, 32, 64):
        seen = layers.Conv2D(filters, 3, padding="same", activation="relu")(seen)
        seen = layers.MaxPooling2D()(seen)
    seen = layers.Dense(64, activation="relu")(layers.Flatten()(seen))
    felt = pen
    for filters in (32, 64, 64):
        felt = layers.Conv1D(filters, 5, strides=2, padding="same", activation="relu")(felt)
    felt = layers.Concatenate()([layers.GlobalMaxPooling1D()(felt), layers.GlobalAveragePooling1D()(felt)])
    both = layers.Dropout(0.4)(layers.Dense(96, activation="relu")(layers.Concatenate()([seen, felt])))
    script = layers.Dense(scripts, activation="softmax", name="script")(both)
    timed = layers.Dense(32, activation="relu")(layers.Concatenate()([both, usual]))
    seconds = layers.Dense(1, name="seconds")(layers.Concatenate()([timed, usual]))
    model = keras.Model({"drawing": drawing, "pen": pen, "usual": usual}, {"script": script, "seconds": seconds}, name="handwriting")
    rate: Any = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    model.compile(
        keras.optimizers.Adam(rate),
        loss={"script": "sparse_categorical_crossentropy", "seconds": "mean_absolute_error"},
        weighted_metrics={"script": ["accuracy"]},
    )
    return model


def train(model: Any, parts: Parts, epochs: int) -> dict[str, list[float]]:
    """Fit, with a line an epoch; the test part is only looked at. Returns name -> value after each epoch."""
    history = model.fit(
        plait.Loader(parts.train, BATCH, seed=0, remainder="pad"),  # batches of one shape: JAX compiles once
        validation_data=plait.Loader(parts.test, len(parts.test), shuffle=False),
        epochs=epochs,
        verbose=0,
        callbacks=[Lines(epochs)],
    )
    return history.history


class Lines(keras.callbacks.Callback):
    """One line an epoch; on a terminal also how far the epoch is."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self.epochs, self.epoch, self.began = epochs, 0, 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """For Keras."""
        self.began, self.epoch = time.monotonic(), epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        """For Keras."""
        if sys.stdout.isatty():
            steps = (self.params or {}).get("steps")
            print(f"\r   epoch {self.epoch + 1:2}/{self.epochs}   batch {batch + 1} of {steps}", end="", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """For Keras."""
        seen = logs or {}
        print("\r" if sys.stdout.isatty() else "", end="")
        print(
            f"   epoch {epoch + 1:2}/{self.epochs}   loss {seen['loss']:.3f}   right scripts {seen['script_accuracy']:.1%}"
            f"   |  hands not seen: loss {seen['val_loss']:.3f}   right scripts {seen['val_script_accuracy']:.1%}"
            f"   {time.monotonic() - self.began:.1f} s",
            flush=True,
        )
