"""A source that only fills: in a module of its own, since worker processes import it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

import plait

__all__ = ["Filling"]


class Filling(plait.Source):
    """(width,) float32 rows whose values are the number of the row."""

    label = "Filling"

    def __init__(self, rows: int, width: int) -> None:
        self.rows, self.width = rows, width

    @property
    def keys(self) -> plait.Keys:
        return plait.Keys.range(self.rows)

    @property
    def spec(self) -> Mapping[str, plait.Spec]:
        return {"x": plait.Spec((self.width,), np.float32)}

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
        out = np.empty((len(rows), self.width), np.float32)
        out[:] = rows[:, None]
        return dict.fromkeys(names, out)
