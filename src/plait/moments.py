"""The range, mean and spread of a stream of numbers, read some samples at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from plait.dataset import Dataset
from plait.errors import SpecError

__all__ = ["Moments", "blocks_of"]

_BLOCK = 1024  # samples read at once


@dataclass(frozen=True)
class Moments:
    """What the numbers of a stream are like, along its last axis.

    Args:
        low, high, mean, deviation: (width,) float64; the deviation is 1 where nothing varies.
    """

    low: np.ndarray
    high: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def of(cls, data: Dataset, name: str) -> Moments:
        """Of all samples of a stream; what `augment` added is left out.

        Raises:
            SpecError: A value is NaN or infinite.
        """
        shape = data.spec[name].shape
        width = int(shape[-1] or 0) if shape else 1
        low, high = np.full(width, np.inf), np.full(width, -np.inf)
        count, total, square = 0, np.zeros(width), np.zeros(width)
        middle: np.ndarray | float = 0.0
        for block in blocks_of(data.plain(), name):
            flat = block.astype(np.float64).reshape(-1, width)
            if not np.isfinite(flat).all():
                raise SpecError(
                    f"{name!r} holds NaN or infinity, which a network can't take. Fill them, "
                    f"data.map(lambda values: np.nan_to_num(values), on={name!r}), or drop those samples: "
                    "plait.Dataset(..., missing='drop')."
                )
            middle = middle if count else flat.mean(axis=0)  # so that a spread far from 0 isn't lost
            low, high = np.minimum(low, flat.min(axis=0)), np.maximum(high, flat.max(axis=0))
            count, total, square = count + len(flat), total + (flat - middle).sum(axis=0), square + np.square(flat - middle).sum(axis=0)
        mean = total / count
        deviation = np.sqrt(np.maximum(square / count - mean**2, 0))
        return cls(low, high, mean + middle, np.where(deviation > 1e-9 * (1 + np.abs(mean + middle)), deviation, 1.0))


def blocks_of(data: Dataset, name: str) -> Iterator[np.ndarray]:
    """The values of a stream, some samples at a time."""
    for start in range(0, len(data), _BLOCK):
        yield np.asarray(data.read([name], np.arange(start, min(start + _BLOCK, len(data))))[name])
