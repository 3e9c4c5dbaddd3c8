"""Data sets as tables with the same variables; images and series as their principal components."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.comparison.features import Components, is_signal
from plait.dataset import Dataset
from plait.errors import SpecError
from plait.metrics.table import Table
from plait.spec import Spec
from plait.tabular import Kind, Schema

__all__ = ["tables_of"]

_MOST = 100_000  # rows read of a data set
_NUMBERS = 200_000_000  # of the images and series read of a data set


def tables_of(data: Mapping[str, Dataset], *, kinds: Mapping[str, Kind] | None, seed: int) -> dict[str, Table]:
    """name -> table; all of the same variables, whose levels and ranges are those of all of them.

    Images, series and volumes become principal components, fitted to the training rows where they are given, else to the real ones.

    Args:
        data: "real", "synthetic" and others -> data set; "real" says what the streams are.
        kinds: stream -> kind, where another one is meant.
        seed: Of which rows are read.

    Raises:
        SpecError: They differ in their streams, or a stream is none that can be compared.
    """
    for name, part in data.items():
        _check_same(data["real"], part, name)
    rng = np.random.default_rng([seed, 0])
    specs = {**data["real"].inputs, **data["real"].targets}
    signals = [name for name, spec in specs.items() if is_signal(spec) and name not in (kinds or {})]
    numbers = sum(int(np.prod([n or 1 for n in specs[name].shape])) for name in signals)
    most = min(_MOST, max(1000, _NUMBERS // numbers)) if numbers else _MOST
    some = {name: _some(part, most, rng) for name, part in data.items()}
    for name in signals:
        components = Components.fit(some.get("train", some["real"]), name, seed=seed)
        some = {who: part.map(components, on=name) for who, part in some.items()}
    first, *others = some.values()
    schema = Schema.of(first, kinds=kinds, also=others)
    made = frozenset(v.name for v in schema.variables if v.stream in signals)
    return {name: Table(schema.variables, schema.columns(part), part.keys, made) for name, part in some.items()}


def _check_same(real: Dataset, other: Dataset, name: str) -> None:
    for role, ours, theirs in (("inputs", real.inputs, other.inputs), ("targets", real.targets, other.targets)):
        lacking, further = [n for n in ours if n not in theirs], [n for n in theirs if n not in ours]
        if lacking or further:
            parts = [f"lacks {lacking}" if lacking else "", f"has {further} besides" if further else ""]
            raise SpecError(
                f"compare: the {role} of real are {list(ours)}, and {name} {' and '.join(p for p in parts if p)}. "
                "Give the same streams in the same roles: plait.Dataset(inputs=..., targets=...)."
            )

    ours, theirs = {**real.inputs, **real.targets}, {**other.inputs, **other.targets}
    unlike = [n for n in ours if ours[n].shape != theirs[n].shape or _family(ours[n]) != _family(theirs[n])]
    if unlike:
        listed = "; ".join(f"{n!r} is {ours[n]} in real and {theirs[n]} in {name}" for n in unlike)
        raise SpecError(
            f"compare: {listed}. Both must have the same shape and kind of values; data.map(fn, on={unlike[0]!r}) makes them alike."
        )


def _family(spec: Spec) -> str:
    return "number" if spec.dtype.kind in "biuf" else spec.dtype.kind


def _some(data: Dataset, most: int, rng: np.random.Generator) -> Dataset:
    return data if len(data) <= most else data.take(np.sort(rng.choice(len(data), most, replace=False)))
