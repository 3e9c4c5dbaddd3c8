"""Data sets as tables with the same variables; images and series as their principal components."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.dataset import Dataset
from plait.errors import SpecError
from plait.metrics.table import Table
from plait.tabular import Kind, Schema

__all__ = ["tables_of"]

_MOST = 100_000  # rows read of a data set


def tables_of(data: Mapping[str, Dataset], *, kinds: Mapping[str, Kind] | None, rows: int, seed: int) -> dict[str, Table]:
    """name -> table; all of the same variables, whose levels and ranges are those of all of them.

    Args:
        data: "real", "synthetic" and others -> data set; "real" says what the streams are.
        kinds: stream -> kind, where another one is meant.
        rows: That will be set beside each other.
        seed: Of which rows are read.

    Raises:
        SpecError: They differ in their streams, or a stream is none that can be compared.
    """
    for name, part in data.items():
        _check_same(data["real"], part, name)
    rng = np.random.default_rng([seed, 0])
    some = {name: _some(part, _MOST, rng) for name, part in data.items()}
    first, *others = some.values()
    schema = Schema.of(first, kinds=kinds, also=others)
    return {name: Table(schema.variables, schema.columns(part), part.keys) for name, part in some.items()}


def _check_same(real: Dataset, other: Dataset, name: str) -> None:
    for role, ours, theirs in (("inputs", real.inputs, other.inputs), ("targets", real.targets, other.targets)):
        lacking, further = [n for n in ours if n not in theirs], [n for n in theirs if n not in ours]
        if lacking or further:
            parts = [f"lacks {lacking}" if lacking else "", f"has {further} besides" if further else ""]
            raise SpecError(
                f"compare: the {role} of real are {list(ours)}, and {name} {' and '.join(p for p in parts if p)}. "
                "Give the same streams in the same roles: plait.Dataset(inputs=..., targets=...)."
            )


def _some(data: Dataset, most: int, rng: np.random.Generator) -> Dataset:
    return data if len(data) <= most else data.take(np.sort(rng.choice(len(data), most, replace=False)))
