"""Rows of the training data, drawn with replacement: the baseline that copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from plait.dataset import Dataset
from plait.errors import ReadError
from plait.extras import require
from plait.progress import progress as bar
from plait.synth.learned import Learned, prepare
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["Bootstrap"]

_APART = 2.0  # between levels; numbers differ by 1 at most
_FAR = -4.0  # where missing values lie
_FEWEST = 16  # combinations below which no search tree is needed


@final
class Bootstrap(Learned):
    """Training rows, drawn with replacement.

    **Every sample is a copy of a training row.** It is a baseline: no synthesizer has better dependence, and none is less private;
    `compare(..., train=)` counts its copies. The saved file holds the training data.

    Streams that are `given` come back as given; the others are those of a training row with these values, or, where there is none, of
    the nearest one: numbers are measured on their range, and a level that differs counts more than any number.

    Args:
        schema, constraints, inner: As of `Learned`.
        columns: variable -> (rows,) float64, NaN where missing.
    """

    kind: ClassVar[str] = "bootstrap"

    def __init__(self, schema: Schema, constraints: Constraints, inner: Schema, columns: Mapping[str, np.ndarray]) -> None:
        super().__init__(schema, constraints, inner)
        self.columns = dict(columns)

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        progress: bool = True,
    ) -> Self:
        """Keep the data.

        Args:
            data: To draw from.
            seed: Changes nothing; there is nothing random in it.
            kinds: stream name -> kind, where another than the obvious is meant.
            constraints: What every sample obeys.
            progress: Whether to show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The arguments cannot be meant, or a stream is no column.
        """
        with bar("Bootstrap", 1, progress) as advance:
            prepared = prepare("Bootstrap", data, kinds, constraints, seed=seed)
            advance(1)
        return cls(prepared.schema, prepared.constraints, prepared.inner, prepared.columns)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        rows = self._alike(given, rng) if given else rng.integers(len(self), size=n)
        return {name: given[name] if name in given else self.columns[name].take(rows) for name in self.inner.names}

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def _alike(self, given: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """For each row given, a training row with these values, or the nearest."""
        known = np.stack([self._placed(name, self.columns[name]) for name in given], axis=1)
        wanted = np.stack([self._placed(name, column) for name, column in given.items()], axis=1)
        distinct, which, count = np.unique(known, axis=0, return_inverse=True, return_counts=True)
        if len(distinct) < _FEWEST:
            nearest = np.abs(wanted[:, None] - distinct).sum(axis=2).argmin(axis=1)
        else:
            scipy = require("scipy.spatial", extra="synth", purpose="Bootstrap with given values")
            nearest = scipy.cKDTree(distinct).query(wanted, p=1)[1]
        order = np.argsort(which.reshape(-1), kind="stable")
        start = np.cumsum(count) - count
        return order.take(start.take(nearest) + (rng.random(len(nearest)) * count.take(nearest)).astype(np.int64))

    def _placed(self, name: str, column: np.ndarray) -> np.ndarray:
        """A column on the scale on which rows are near or far."""
        variable = self.inner[name]
        if variable.kind == "category":
            return np.nan_to_num(column * _APART, nan=_FAR)
        half = variable.high / 2 - variable.low / 2  # the whole may be more than a float64 holds
        with np.errstate(over="ignore"):
            place = (column / 2 - variable.low / 2) / (half if half > 0 else 1.0)
        return np.nan_to_num(np.clip(place, -1.0, 2.0), nan=_FAR)

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {str(place): self.columns[name] for place, name in enumerate(self.inner.names)}

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        columns = {name: arrays[str(place)] for place, name in enumerate(inner.names)}
        if len({len(column) for column in columns.values()}) != 1 or not len(next(iter(columns.values()))):
            raise ReadError("The columns of a saved Bootstrap differ in length: the file is damaged. Save it anew.")
        return cls(schema, constraints, inner, columns)
