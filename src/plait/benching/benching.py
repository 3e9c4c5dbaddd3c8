"""Time training steps with the real feed beside a perfect one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any

import keras
import numpy as np

from plait.benching.replay import Replay
from plait.benching.result import LITTLE, Bench, advice, ordered
from plait.benching.stages import stages
from plait.benching.unchanged import unchanged
from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.loader import Loader
from plait.waiting import Clock

__all__ = ["bench"]

_ROUNDS = 5
_SECONDS = 0.5  # a round, about
_LEAST, _MOST = 4, 512  # steps of a round
_KEPT = 8  # batches that are replayed


def bench(data: Dataset | Loader, model: Any, *, batch_size: int = 32, steps: int | None = None, seed: int = 0) -> Bench:
    """Whether a model waits for its data, what is slowest, and what to do: `print(plait.bench(train, model))`.

    Trains for a few seconds with the real feed and, in turns with it, with batches that are there already; the difference is what a
    perfect feed would gain. Then times each stream and each step by itself. Weights, optimizer, metrics, history and global random states
    are put back; a loader is left at its step. Only whole batches are timed.

    On a GPU the waiting is an upper bound: what it hides behind the device's work is counted too, and the gain is what counts.

    Args:
        data: A data set, or a loader that was set up as it will be used.
        model: A compiled `keras.Model`.
        batch_size: Samples a batch, for a data set.
        steps: Training steps of a round; when left out as many as half a second takes, from 4 to 512. There are 5 rounds of each feed.
        seed: Of the order, for a data set.

    Raises:
        ArgumentError: `data` is neither, or `model` is no compiled Keras model, or `steps` no positive number.
        CheckError: The data do not fit the model.
    """
    _check(data, model, steps)
    loader = copy.copy(data) if isinstance(data, Loader) else Loader(data, batch_size, seed=seed)
    if loader._order.remainder == "keep" and not loader.data.endless and len(loader.data) >= loader._order.whole and not loader._bucket:
        loader._order = copy.copy(loader._order)  # a last batch of another size would be compiled anew in the middle
        loader._order.remainder = "drop"
    loader.step = 0
    emission = loader._bind(model, "fit")
    kept = [emission.for_keras(batch) for block in loader._made(0, _KEPT, emission) for batch in block]
    with unchanged(model, kept[0][0]):
        _round(loader, model, kept, _LEAST, 0)  # compiles what has to be compiled
        count = _steps(loader, model, kept) if steps is None else int(steps)
        rounds = [_round(loader, model, kept, count, number) for number in range(_ROUNDS)]
    real, wait, replayed = (median(values) for values in zip(*rounds, strict=True))
    found = ordered(stages(loader, emission, steps=count), wait=wait, backend=keras.backend.backend())
    waiting = median(min(1.0, waited / whole) for whole, waited, _ in rounds)
    remedy = "Nothing to do: what is left to gain is in the model." if waiting < LITTLE else advice(loader.data, loader.plan, found[0])
    samples = "data without end" if loader.data.endless else f"{len(loader.data)} samples"
    title = f"bench of {samples} for model {model.name!r} on {keras.backend.backend()}, batches of {loader.batch_size}"
    return Bench(title, real, replayed, waiting, found, loader.plan, remedy, _ROUNDS, count)


def _steps(loader: Loader, model: Any, kept: list[tuple[Any, ...]]) -> int:
    """How many steps a round has."""
    real, _, perfect = _round(loader, model, kept, _LEAST, 0)
    return int(np.clip(_SECONDS / max(real, perfect), _LEAST, _MOST))


def _round(loader: Loader, model: Any, kept: list[tuple[Any, ...]], steps: int, number: int) -> tuple[float, float, float]:
    """Seconds a step with the real feed, of them waiting, and seconds a step with batches that are there.

    The first call of the model starts threads and iterators and is not timed. The loader begins so that the batches that are timed are
    the first ones of a block: all their reading falls into the time.
    """
    call = max(1, int(getattr(model, "steps_per_execution", 1) or 1))
    steps = -(-steps // call) * call
    block = loader.plan.block
    begin = -(-(call + number * steps) // block) * block
    feed = copy.copy(loader)
    feed.steps, feed.step, feed.clock = begin + steps, begin - call, Clock()
    real = _Lap(feed.clock)
    model.fit(feed, epochs=1, verbose=0, callbacks=[real])
    perfect = _Lap(Clock())
    model.fit(Replay(kept, call + steps), epochs=1, verbose=0, callbacks=[perfect])
    return real.seconds / steps, real.waited / steps, perfect.seconds / steps


class _Lap(keras.callbacks.Callback):
    """Seconds of an epoch from the end of its first call on, and how many of them were spent waiting."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock, self.seconds, self.waited = clock, 0.0, 0.0
        self._begin = 0.0

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        if not self._begin:
            self.waited, self._begin = self.clock.seconds, perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.seconds = perf_counter() - self._begin
        self.waited = self.clock.seconds - self.waited


def _check(data: object, model: object, steps: object) -> None:
    if not isinstance(data, (Dataset, Loader)):
        raise ArgumentError(
            f"bench takes a plait.Dataset or a plait.Loader, not a {type(data).__name__}. Write plait.bench(train, model), or "
            "plait.bench(plait.Loader(train, 32), model)."
        )
    if not isinstance(model, keras.Model):
        raise ArgumentError(
            f"bench trains a keras.Model for a few steps, and was given a {type(model).__name__}. Write plait.bench(data, model)."
        )
    if not getattr(model, "compiled", False):
        raise ArgumentError(f"Model {model.name!r} is not compiled, so there is no training step to time. Write model.compile(...) first.")
    if steps is not None and (not isinstance(steps, (int, np.integer)) or isinstance(steps, bool) or steps < 1):
        raise ArgumentError(f"steps={steps!r}: an integer of at least 1 is needed; leave it out to let bench choose.")
