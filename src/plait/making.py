"""Make batches: a pure function of their step numbers that any thread or process can compute."""

from __future__ import annotations

from dataclasses import dataclass

from plait.dataset import Dataset
from plait.emit import Batch, Emission
from plait.order import Order
from plait.ragged import Ragged

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
    """

    data: Dataset
    order: Order
    emission: Emission
    seed: int
    bucketed: bool = False

    def __call__(self, steps: range) -> list[Batch]:
        """These batches, read together; an error says in which of them it came up."""
        picks = self.order.together(steps)
        try:
            values = self.data.draw(self.emission.names, picks.rows, seed=self.seed, epoch=picks.epoch)
            if self.bucketed:
                values = {n: v.padded(max(1, picks.length)) if isinstance(v, Ragged) else v for n, v in values.items()}
            return self.emission.batches(self.emission.arrays(values, picks.rows), picks)
        except Exception as error:
            error.add_note(
                f"in batch {steps[0]} of the Loader" if len(steps) == 1 else f"in batches {steps[0]} to {steps[-1]} of the Loader"
            )
            raise
