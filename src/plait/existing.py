"""The data set that a user already has, as arrays with roles: what `Dataset.of` reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plait.parts import read_parts
from plait.sources.arrays import Arrays

__all__ = ["Collected", "collect"]


@dataclass(frozen=True, eq=False)
class Collected:
    """Arrays, and which of them are what.

    Args:
        arrays: All columns; the weight of target "grade" is "grade.weight".
        inputs: Names.
        targets: Names.
        weights: Names of the targets that have one.
    """

    arrays: Arrays
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    weights: tuple[str, ...]


def collect(
    existing: object,
    *,
    inputs: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    key: Any = None,
    samples: int | None = None,
    batched: bool | None = None,
) -> Collected:
    """Read it once, into memory. The arguments are those of `plait.Dataset.of`.

    Raises:
        ArgumentError, NameUnknownError, SpecError: See `plait.parts.read_parts`.
        DuplicateKeyError: A key stands for two samples.
    """
    part = key if isinstance(key, str) else None
    parts = read_parts(existing, inputs=inputs, targets=targets, key=part, samples=samples, batched=batched)
    arrays = Arrays(parts.arrays, key=key if part is None else {part: parts.key})
    return Collected(arrays, parts.inputs, parts.targets, parts.weights)
