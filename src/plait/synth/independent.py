"""Each column on its own: the baseline that keeps every marginal distribution and no dependence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from plait.dataset import Dataset
from plait.errors import ReadError
from plait.progress import progress as bar
from plait.synth.learned import Learned, prepare
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["Independent"]


@final
class Independent(Learned):
    """Columns drawn from the values seen, each without regard to the others.

    A baseline: scores that look at one column at a time call it perfect. What is `given` changes nothing else.

    Args:
        schema, constraints, inner: As of `Learned`.
        values: variable -> (values,) float64, the distinct ones seen, NaN last where some are missing.
        counts: variable -> (values,) int64, how often.
    """

    kind: ClassVar[str] = "independent"

    def __init__(
        self,
        schema: Schema,
        constraints: Constraints,
        inner: Schema,
        values: Mapping[str, np.ndarray],
        counts: Mapping[str, np.ndarray],
    ) -> None:
        super().__init__(schema, constraints, inner)
        self.values, self.counts = dict(values), dict(counts)

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
        """Count the values of each column.

        Args:
            data: To learn from.
            seed: Changes nothing; there is nothing random in it.
            kinds: stream name -> kind, where another than the obvious is meant.
            constraints: What every sample obeys.
            progress: Whether to show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The arguments cannot be meant, or a stream is no column.
        """
        prepared = prepare("Independent", data, kinds, constraints, seed=seed)
        found = {}
        with bar("Independent", len(prepared.columns), progress) as advance:
            for name, column in prepared.columns.items():
                found[name] = np.unique(column, return_counts=True)
                advance(1)
        values, counts = ({name: pair[part] for name, pair in found.items()} for part in (0, 1))
        return cls(prepared.schema, prepared.constraints, prepared.inner, values, counts)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = {}
        for name in self.inner.names:
            if name in given:
                out[name] = given[name]
                continue
            upto = np.cumsum(self.counts[name])
            out[name] = self.values[name].take(np.searchsorted(upto, rng.integers(upto[-1], size=n), side="right"))
        return out

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays = {f"{place}.values": self.values[name] for place, name in enumerate(self.inner.names)}
        return {}, arrays | {f"{place}.counts": self.counts[name] for place, name in enumerate(self.inner.names)}

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        values, counts = ({name: arrays[f"{place}.{part}"] for place, name in enumerate(inner.names)} for part in ("values", "counts"))
        if any(len(values[name]) != len(counts[name]) or not (counts[name] > 0).all() for name in inner.names):
            raise ReadError("Values and counts of a saved Independent do not go together: the file is damaged. Save it anew.")
        return cls(schema, constraints, inner, values, counts)
