"""The training of generators by plain `fit`: what is noted of each epoch, the best network that was, the end of a run that gave up."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.loader import Loader
from plait.progress import progress
from plait.resume import Resume
from plait.synth.networks import undisturbed

__all__ = ["Notes", "fit"]

_ops: Any = keras.ops  # their types are narrower than what they take

_EPOCHS = 10_000  # that notes are kept of
_SOME = 200  # steps before which no network is the best, and without a better one before which none gives up
_KEPT, _WARM = 0.995, 10.0  # of the running mean at each step; steps in which it is less

Quality = Callable[[keras.Model], float]


class Notes(keras.layers.Layer):
    """What a training model keeps beside its networks, so that a resumed run has it: loss and quality of each epoch, the best network.

    Args:
        best: A copy of the network that is sampled from, for the weights it had in its best epoch; None where quality isn't measured.
    """

    def __init__(self, best: keras.Model | None = None) -> None:
        super().__init__(name="notes", trainable=False)
        self.best = best
        if best is not None:
            best.trainable = False
        self.curve = self.add_weight(shape=(_EPOCHS, 2), initializer="zeros", trainable=False, name="curve")
        self.last = self.add_weight(shape=(2,), initializer="zeros", trainable=False, name="last")  # epochs trained, best epoch
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, name="steps")
        self.built = True

    def follow(self, mean: keras.Model, own: keras.Model) -> None:
        """Move the running mean of a network's weights by one step: quickly at the beginning, so that the initial weights are forgotten."""
        self.steps.assign_add(1.0)
        kept = _ops.minimum(_KEPT, self.steps / (self.steps + _WARM))
        for average, variable in zip(mean.weights, own.weights, strict=True):
            average.assign(kept * average + (1 - kept) * _ops.stop_gradient(variable))

    def read(self) -> dict[str, list[float]]:
        """ "loss", and where it was measured "quality", of each epoch."""
        epochs, curve = int(_numpy(self.last)[0]), _numpy(self.curve)
        names = ["loss", "quality"] if self.best is not None else ["loss"]
        return {name: [float(v) for v in curve[:epochs, place]] for place, name in enumerate(names)}


class _Watch(keras.callbacks.Callback):
    def __init__(
        self,
        notes: Notes,
        mean: keras.Model,
        quality: Quality | None,
        patience: int | None,
        steps: int,
        sheet: Any,
        advance: Any,
        epochs: int,
        title: str,
    ) -> None:
        super().__init__()
        self._notes, self._mean, self._quality = notes, mean, quality
        some = -(-_SOME // steps)
        self._first = min(some, epochs // 2)
        self._patience = None if patience is None else max(patience, some)
        self._sheet, self._advance, self._epochs, self._done = sheet, advance, epochs, 0
        self._title = title

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._advance(epoch - self._done)  # what was trained before a resumed run
        self._done = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        curve, last = _numpy(self._notes.curve).copy(), _numpy(self._notes.last).copy()
        loss = float((logs or {}).get("loss", np.nan))
        if not np.isfinite(loss):
            raise ArgumentError(
                f"{self._title}: the loss is {loss} after epoch {epoch + 1}: training went astray. Write a smaller "
                "learning_rate=, such as a tenth; or look for values in the data that are not finite."
            )
        quality = self._quality(self._mean) if self._quality is not None else np.nan
        if self._quality is not None and not np.isfinite(quality):
            raise ArgumentError(
                f"{self._title}: the quality is {quality} after epoch {epoch + 1}: what is made is not finite. Write a smaller "
                "learning_rate=."
            )
        curve[epoch] = loss, quality if self._quality is not None else 0.0
        if self._notes.best is not None and (epoch <= self._first or quality < curve[int(last[1]), 1]):
            last[1] = epoch
            self._notes.best.set_weights(self._mean.get_weights())
        last[0] = epoch + 1
        self._notes.curve.assign(curve)
        self._notes.last.assign(last)
        if self.given_up():
            self._training.stop_training = True
        if self._sheet is not None:
            self._sheet(self._mean, epoch)
        self._done += 1
        self._advance(1, f"loss {loss:.3f}" + (f", quality {quality:.3f}" if self._quality is not None else ""))

    def on_train_end(self, logs: Any = None) -> None:
        self._advance(self._epochs - self._done)

    @property
    def _training(self) -> Any:
        return self.model  # which on JAX brings the variables up to date

    def given_up(self) -> bool:
        """Whether the last epochs that were noted brought no better network."""
        last = _numpy(self._notes.last)
        return self._patience is not None and last[0] > 0 and last[0] - 1 - last[1] >= self._patience


class _Over(Exception):
    """A resumed run had ended already."""


class _Begin(keras.callbacks.Callback):
    """Behind `Resume`, which puts the notes back: a run that had given up is not trained on."""

    def __init__(self, watch: _Watch) -> None:
        super().__init__()
        self._watch = watch

    def on_train_begin(self, logs: Any = None) -> None:
        if self._watch.given_up():
            raise _Over


def fit(
    training: Any,
    data: Dataset,
    *,
    title: str,
    epochs: int,
    batch_size: int,
    seed: int,
    resume: str | os.PathLike[str] | None,
    quality: Quality | None,
    patience: int | None,
    sheet: Callable[[keras.Model, int], None] | None,
    shown: bool,
) -> keras.Model:
    """Train a compiled model, with one bar over the epochs.

    Args:
        training: With `notes`, and `mean`, the network that is sampled from.
        data: Every stream an input.
        title: Of the bar, such as "GAN.fit".
        epochs, batch_size, seed: As usual; the last, partial batch of an epoch is left out, for the sake of compiling once.
        resume: JSON file of `plait.Resume`.
        quality: Of the network, less is better; measured after each epoch.
        patience: Epochs without a better one after which training ends, where they make 200 steps; otherwise as many as do. For as many
            steps at the beginning, or half of all, no network counts as better: what has hardly begun to learn may look right by chance.
        sheet: (network, epoch) -> writes what it makes to a file.
        shown: Whether there is a bar.

    Returns:
        The mean network, or that of the best epoch where the quality was measured.
    """
    if epochs > _EPOCHS:
        raise ArgumentError(
            f"{title}(epochs={epochs}): at most {_EPOCHS} are kept account of. Write a smaller batch_size=: more steps an epoch."
        )
    at_once = min(batch_size, len(data))
    if at_once < 2:
        raise ArgumentError(
            f"{title}: a step takes {at_once} of {len(data)} samples, and at least 2 are needed. Write batch_size=2 or more, and give at "
            "least 2 samples."
        )
    loader = Loader(data, at_once, seed=seed, remainder="drop")
    with progress(title, epochs, shown) as advance, undisturbed():
        watch = _Watch(training.notes, training.mean, quality, patience, len(loader), sheet, advance, epochs, title)
        callbacks = [watch] if resume is None else [watch, Resume(loader, resume), _Begin(watch)]
        try:
            training.fit(loader, epochs=epochs, verbose=0, callbacks=callbacks)
        except _Over:
            for callback in callbacks:
                callback.on_train_end()
    return training.mean if training.notes.best is None else training.notes.best


def _numpy(variable: Any) -> np.ndarray:
    return np.asarray(_ops.convert_to_numpy(variable))
