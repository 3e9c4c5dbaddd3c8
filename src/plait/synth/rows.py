"""Columns of a table as one vector of real numbers a sample, and back: for networks that generate such vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.extras import require
from plait.synth.margins import Margin
from plait.synth.orders import orders
from plait.tabular import Schema, Variable

__all__ = ["Rows", "placed"]

_ONE_HOT = 32  # levels of a category that are told apart by a number each; where there are more, they stand in an order
_EDGE = 1e-6  # shares stay away from 0 and 1, whose normal score is infinite


@dataclass(frozen=True)
class Rows:
    """How variables are written as real numbers: a number by its normal score, a category by 1 among -1.

    A normal score is the place of a value in its column, as a standard normal number; values that repeat are spread over their share of the
    column, and found again on the way back (`Margin`). So is a category of more than 32 levels, in an order in which
    neighbours go with similar values of the other variables.

    Args:
        margins: variable name -> margin; None for one that is one-hot.
        sizes: variable name -> how many numbers it takes.
        missing: variable name -> whether the last of them stands for a missing value.
    """

    margins: Mapping[str, Margin | None]
    sizes: Mapping[str, int]
    missing: Mapping[str, bool]

    @classmethod
    def of(cls, schema: Schema, columns: Mapping[str, np.ndarray]) -> Rows:
        """The way to write these columns."""
        margins: dict[str, Margin | None] = {}
        sizes, missing = {}, {}
        many = [v for v in schema.variables if v.kind == "category" and not _one_hot(v, columns[v.name])]
        places = orders(columns, {v.name: v for v in schema.variables}) if many else {}
        for variable in schema.variables:
            name, column = variable.name, columns[variable.name]
            missing[name] = bool(np.isnan(column).any())
            if _one_hot(variable, column):
                margins[name], sizes[name] = None, len(variable.levels or ()) + missing[name]
            else:
                margins[name], sizes[name] = Margin.fit(column, variable, order=places.get(name)), 1
        return cls(margins, sizes, missing)

    @property
    def width(self) -> int:
        """How many numbers a sample takes."""
        return sum(self.sizes.values())

    @property
    def owners(self) -> np.ndarray:
        """(width,) the number of the variable that each belongs to."""
        return np.repeat(np.arange(len(self.sizes)), list(self.sizes.values()))

    def part(self, name: str) -> slice:
        """Where the numbers of a variable are."""
        names = list(self.sizes)
        start = sum(self.sizes[other] for other in names[: names.index(name)])
        return slice(start, start + self.sizes[name])

    def encode(self, columns: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """Some or all columns as (rows, width) float32; zeros for those that are not there."""
        return placed(self.shares(columns), rng)

    def shares(self, columns: Mapping[str, np.ndarray]) -> np.ndarray:
        """Some or all columns as (rows, width, 2) float32: where each value's share of its column begins and ends; `placed` draws in it."""
        special: Any = require("scipy.special", extra="synth", purpose="A normal score")
        rows = len(next(iter(columns.values())))
        out = np.full((rows, self.width, 2), 0.5, np.float32)
        for name, column in columns.items():
            margin, part = self.margins[name], self.part(name)
            if margin is not None:
                out[:, part.start] = np.clip(np.stack(margin.interval(column), axis=1), _EDGE, 1 - _EDGE)
                continue
            codes = np.where(np.isnan(column), self.sizes[name] - 1, column).astype(np.int64)
            out[:, part] = special.ndtr(-1.0)
            out[np.arange(rows), part.start + codes] = special.ndtr(1.0)
        return out

    def decode(self, values: np.ndarray) -> dict[str, np.ndarray]:
        """(rows, width) as columns: the value at a normal score, the category whose number is largest."""
        special: Any = require("scipy.special", extra="synth", purpose="A normal score")
        columns = {}
        for name, margin in self.margins.items():
            part = self.part(name)
            if margin is not None:
                columns[name] = margin.from_uniform(special.ndtr(values[:, part.start].astype(np.float64)))
                continue
            codes = values[:, part].argmax(axis=1).astype(np.float64)
            columns[name] = np.where(codes == self.sizes[name] - 1, np.nan, codes) if self.missing[name] else codes
        return columns

    def to_json(self) -> dict[str, Any]:
        """What is no array; `from_state` reads it."""
        return {"sizes": dict(self.sizes), "missing": dict(self.missing), "scored": [n for n, m in self.margins.items() if m is not None]}

    def arrays(self) -> dict[str, np.ndarray]:
        """What is arrays."""
        numbered = enumerate(self.margins.values())
        return {f"margin.{i}.{part}": array for i, m in numbered if m is not None for part, array in m.arrays().items()}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Rows:
        """What `to_json` and `arrays` gave."""
        names: Sequence[str] = list(state["sizes"])
        own = [{n.removeprefix(f"margin.{i}."): a for n, a in arrays.items() if n.startswith(f"margin.{i}.")} for i in range(len(names))]
        margins = {name: Margin.of_arrays(part) if name in state["scored"] else None for name, part in zip(names, own, strict=True)}
        return cls(margins, {name: int(size) for name, size in state["sizes"].items()}, dict(state["missing"]))


def placed(shares: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The normal scores of random places within (rows, width, 2) shares: (rows, width) float32.

    Training draws them anew in every epoch, so that no place within a repeated value is learned by heart (uniform dequantization; Theis,
    van den Oord, Bethge 2016).
    """
    special: Any = require("scipy.special", extra="synth", purpose="A normal score")
    low, high = shares[..., 0], shares[..., 1]
    return special.ndtri(low + (high - low) * rng.random(low.shape)).astype(np.float32)


def _one_hot(variable: Variable, column: np.ndarray) -> bool:
    return variable.kind == "category" and len(variable.levels or ()) + bool(np.isnan(column).any()) <= _ONE_HOT
