"""Loss weights by learned uncertainty (Kendall, Gal and Cipolla 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

__all__ = ["Uncertainty"]

_ops: Any = keras.ops

_TINY = 1e-12  # a loss that is not larger says nothing


@dataclass(frozen=True)
class Uncertainty:
    """Weights exp(-s) with s moved down the gradient of exp(-s) * loss + s, which is 0 where s is the log of the loss.

    A loss that is 0 in a batch, as when none of its samples is labelled, moves nothing.

    Args:
        rate: Of the steps; gradients are clipped to 1.
    """

    rate: float

    def norms(self, model: Any, x: Any, losses: Any) -> None:
        """It needs no gradients."""

    def step(self, state: tuple[Any, Any, Any], losses: Any, norms: None) -> tuple[Any, Any, Any, Any]:
        """(log weights of this step, log weights of the next, first losses, which of them are known), each (heads,)."""
        logs, first, begun = state
        live = losses > _TINY
        safe = _ops.where(live, losses, 1.0)
        begins = _ops.logical_and(live, begun < 0.5)
        logs = _ops.where(begins, -_ops.log(safe), logs)
        moved = logs + self.rate * _ops.clip(1 - _ops.exp(logs) * safe, -1.0, 1.0)
        return logs, _ops.where(live, moved, logs), _ops.where(begins, safe, first), _ops.where(begins, 1.0, begun)
