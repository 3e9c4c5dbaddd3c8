"""One line after `fit`: how long the model waited for its data."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter
from typing import Any

import keras

from plait.benching.result import LITTLE, advice, ordered
from plait.benching.stages import stages
from plait.errors import ArgumentError
from plait.loader import Loader
from plait.waiting import Clock

__all__ = ["Feed"]


class Feed(keras.callbacks.Callback):
    """A callback that says after `fit` how much of the time the model waited for its data, what was slowest, and what to do.

    From the second step on, since the first one compiles; validation is not counted. Where more than a twentieth was spent waiting, each
    stage of one more block of batches is timed by itself after training. It costs two looks at a clock a step, on TensorFlow three small
    operations. On a GPU the share is an upper bound: what the waiting hides behind the device's work is counted too.

    Args:
        loader: The one that `fit` is given.

    Attributes:
        waiting: Share of the time of the last `fit`, 0 to 1; nan before, and where there was one step only.
        line: What was printed.

    Raises:
        ArgumentError: It is no loader; or, in the first step, `fit` is fed by something else.
    """

    def __init__(self, loader: Loader) -> None:
        super().__init__()
        if not isinstance(loader, Loader):
            raise ArgumentError(
                f"Feed takes the plait.Loader that fit is given, not a {type(loader).__name__}: model.fit(loader, "
                "callbacks=[plait.Feed(loader)])."
            )
        self.loader, self.clock = loader, Clock()
        loader.clock = self.clock
        self.waiting, self.line = float("nan"), ""
        self._begin()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Count from zero."""
        self._begin()

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Leave out what lies between epochs."""
        if self._at:
            self._at = perf_counter()

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Add the time since the last step."""
        now = perf_counter()
        if self._at:
            self._seconds += now - self._at
            self._steps += batch - self._batch if batch > self._batch else batch + 1  # several a call with steps_per_execution
        elif not self.clock.watching:
            raise ArgumentError(
                "Feed was given a Loader that does not feed this fit. Write model.fit(loader, callbacks=[plait.Feed(loader)])."
            )
        else:
            self._before = self.clock.seconds
        self._at, self._batch = now, batch

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Print the line."""
        if not self._seconds:
            return
        waited = min(self.clock.seconds - self._before, self._seconds)
        self.waiting = waited / self._seconds
        self.line = f"Feed: the model waited for its data {self.waiting:.0%} of the time ({waited:.2g} s of {self._seconds:.2g} s)."
        if self.waiting >= LITTLE:
            self.line += f" {self._why(waited)}"
        print(self.line)

    def _begin(self) -> None:
        self._at = self._seconds = self._before = 0.0
        self._steps = self._batch = 0

    def _why(self, waited: float) -> str:
        timed = stages(self.loader, self.loader._bind(self._model, "fit"), steps=len(self.loader), blocks=1)
        worst = ordered(timed, wait=waited / self._steps, backend=keras.backend.backend())[0]
        return f"Slowest: {worst}, {1e3 * worst.seconds:.2g} ms a batch. {advice(self.loader.data, self.loader.plan, worst)}"
