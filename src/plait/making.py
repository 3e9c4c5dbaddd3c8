"""Make batches: a pure function of their step numbers that any thread or process can compute."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.emit import Batch, Emission
from plait.order import Order, Picks
from plait.ragged import Ragged
from plait.salvage import Salvage
from plait.steps import Step

__all__ = ["Making"]


@dataclass(frozen=True, eq=False)
class Making:
    """From step numbers to batches. Pure, thread-safe, and all that a worker process is told of a Loader; needs no Keras.

    Args:
        data: What is read.
        order: Which samples form which batch.
        emission: How samples become batches of a model.
        seed: Of random steps.
        bucketed: Whether ragged streams are padded to the length of their bucket.
        salvage: What is done about samples that fail.
    """

    data: Dataset
    order: Order
    emission: Emission
    seed: int
    bucketed: bool = False
    salvage: Salvage = field(default_factory=Salvage)

    def __call__(self, steps: range) -> list[Batch]:
        """These batches, read together; an error says in which of them it came up, and which sample."""
        picks = self.order.together(steps)
        start = time.monotonic()
        try:
            return self.emission.batches(self._arrays(picks, picks.rows, picks.epoch), picks)
        except Exception as error:
            seconds = time.monotonic() - start
            return self.salvage(error, seconds, steps, picks, lambda places: self._some(picks, places), self.data, self.emission)

    def alone(self, steps: range, sample: int, stream: int | None = None) -> None:
        """Read one sample of these batches by itself, and run its steps; of all its streams or of one."""
        picks = self.order.together(steps)
        at = slice(sample, sample + 1)
        epoch = picks.epoch if isinstance(picks.epoch, int) else picks.epoch[at]
        names = self.emission.names if stream is None else [self.emission.names[stream]]
        self.data.draw(names, picks.rows[at], seed=self.seed, epoch=epoch)

    def samples(self, steps: range) -> list[object]:
        """The keys of the samples in these batches, padding too."""
        return list(self.data.keys.take(self.order.together(steps).rows))

    def streams(self) -> list[str]:
        """The streams that are read, each with its source and its steps, for messages."""
        return [
            f"{name!r} ({' -> '.join([self.data.origin(name).source.label, *(step.name for step in self._on(name))])})"
            for name in self.emission.names
        ]

    def parts(self) -> dict[str, Any]:
        """What another process has to be told, by the name that messages give it."""
        sources = {f"{source.label} of stream {n!r}": source for n in self.data.spec if (source := self.data.origin(n).source)}
        steps = {f"Step {step.name} on {', '.join(map(repr, step.on))}": step.fn for step in self.data.steps}
        return {**steps, **sources}

    def _on(self, name: str) -> list[Step]:
        return [step for step in self.data.steps if name in step.on]

    def _some(self, picks: Picks, places: np.ndarray) -> dict[str, np.ndarray]:
        return self._arrays(picks, picks.rows[places], picks.epoch if np.ndim(picks.epoch) == 0 else np.asarray(picks.epoch)[places])

    def _arrays(self, picks: Picks, rows: np.ndarray, epoch: int | np.ndarray) -> dict[str, np.ndarray]:
        values = self.data.draw(self.emission.names, rows, seed=self.seed, epoch=epoch)
        if self.bucketed:
            values = {n: v.padded(max(1, picks.length)) if isinstance(v, Ragged) else v for n, v in values.items()}
        return self.emission.arrays(values, rows)
