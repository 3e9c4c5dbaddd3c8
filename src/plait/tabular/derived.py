"""Rules by which a column follows from others: formulas and sums."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.errors import ArgumentError
from plait.tabular.formulas import Expression
from plait.tabular.rules import Columns, Rule, listed, without
from plait.tabular.schema import Schema
from plait.tabular.units import apart, in_units, labels, stored
from plait.tabular.variables import Variable

__all__ = ["Derived", "Formula", "Sum"]


@dataclass(frozen=True)
class Derived(Rule):
    """One variable is computed from others, and is not modelled.

    Args:
        name: Of the variable.
    """

    name: str

    @property
    def makes(self) -> tuple[str, ...]:
        return (self.name,)

    @abc.abstractmethod
    def computed(self, columns: Columns, schema: Schema) -> np.ndarray:
        """(rows,) what it is, in the user's units."""

    @abc.abstractmethod
    def solved(self, unknown: str, result: np.ndarray, others: Columns, schema: Schema) -> np.ndarray | None:
        """(rows,) what the one variable that is not known has to be, in the user's units; None where that can't be told."""

    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        made, computed = schema[self.name], self.computed(columns, schema)
        lacking = np.isnan(computed) & ~np.isnan(columns[self.name])  # which could not be computed again
        return apart(in_units(columns[self.name], made, schema), computed, made, schema) | lacking

    def reduce(self, columns: Columns, variables: dict[str, Variable], schema: Schema) -> tuple[Columns, dict[str, Variable], Any]:
        return without(columns, self.name), without(variables, self.name), None

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        if self.name not in given:
            return given
        unknown = [name for name in self.uses if name not in given]
        solved, found = dict(given), None
        if len(unknown) == 1 and not schema[unknown[0]].discrete:
            wanted = in_units(given[self.name], schema[self.name], schema)
            others = {name: given[name] for name in self.uses if name in given}
            found = self.solved(unknown[0], wanted, others, schema)
        if unknown and found is None:
            raise ArgumentError(
                f"given={{{self.name!r}: ...}}: {self} can't be solved for {listed(unknown)}. Give {listed(self.uses)} in place of "
                f"{self.name!r}."
            )
        for name in unknown:
            assert found is not None
            solved[name] = stored(found, schema[name], schema)
            if schema[name].low >= 0 and (solved[name] < 0).any():
                raise ArgumentError(f"given={{{self.name!r}: ...}}: {name!r} would be negative, which it never is in the data.")
        wrong = self.broken(solved, schema)
        if wrong.any():
            shown = schema[self.name].shown(given[self.name][wrong][0])
            raise ArgumentError(
                f"given={{{self.name!r}: ...}} holds {shown}, which {self} does not give for any {listed(self.uses)} given."
            )
        return without(solved, self.name)

    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        computed, made = self.computed(columns, schema), schema[self.name]
        lacking = np.flatnonzero(np.isnan(computed) & ~np.logical_or.reduce([np.isnan(columns[name]) for name in self.uses], initial=False))
        if len(lacking) and not made.missing:
            first = ", ".join(f"{name} = {schema[name].shown(float(columns[name][lacking[0]]))}" for name in self.uses)
            raise ArgumentError(
                f"{self} has no value for {first}, which was drawn, and {self.name!r} always has one in the data. Add a constraint that "
                "keeps such values apart, or leave this one out."
            )
        return {**columns, self.name: stored(computed, made, schema)}


@dataclass(frozen=True)
class Formula(Derived):
    """A variable follows from others: Formula("bmi", "weight / height ** 2"). See `plait.tabular.formulas.Expression`.

    Args:
        name: Of the variable.
        expression: Of other variables.
    """

    expression: str

    @property
    def uses(self) -> tuple[str, ...]:
        return Expression(self.expression).names

    def check(self, schema: Schema) -> None:
        if self.name in self.uses:
            raise ArgumentError(f"{self}: {self.name!r} is made of itself.")
        made = schema[self.name]
        if made.discrete and any(isinstance(level, str) for level in made.levels or ()):
            raise ArgumentError(f"{self}: {self.name!r} is a category of labels; a formula gives numbers, or true and false.")
        self.computed({name: np.zeros(1) for name in self.uses}, schema)

    def computed(self, columns: Columns, schema: Schema) -> np.ndarray:
        values = labels({name: columns[name] for name in self.uses}, schema)
        found = Expression(self.expression)(values)
        rows = len(next(iter(columns.values()), found))
        return found if len(found) == rows else np.broadcast_to(found, (rows,))

    def solved(self, unknown: str, result: np.ndarray, others: Columns, schema: Schema) -> np.ndarray | None:
        return Expression(self.expression).solve(unknown, result, labels(others, schema))


@dataclass(frozen=True)
class Sum(Derived):
    """A variable is the sum of others, its parts: Sum("total", of=["casual", "registered"]).

    Args:
        name: Of the sum.
        of: The parts.
    """

    of: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", (self.of,) if isinstance(self.of, str) else tuple(self.of))

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.of)

    def check(self, schema: Schema) -> None:
        if len(set(self.of)) < max(len(self.of), 1) or self.name in self.of:
            raise ArgumentError(f"{self}: name each part once, and not the sum itself.")
        wrong = [name for name in self.names if schema[name].kind not in ("number", "integer")]
        if wrong:
            raise ArgumentError(f"{self}: {wrong[0]!r} is a {schema[wrong[0]].kind}. A sum is of numbers.")
        dtype = schema.specs[schema[self.name].stream].dtype
        for end in ("low", "high"):
            most = sum(float(in_units(np.array([getattr(schema[part], end)]), schema[part], schema)[0]) for part in self.of)
            if dtype.kind in "iu" and not (np.isnan(most) or np.iinfo(dtype).min <= most <= np.iinfo(dtype).max):
                raise ArgumentError(
                    f"{self}: the parts can come to {most:.0f}, which {dtype} can't hold. Give the data a wider dtype: "
                    f"{self.name}.astype(np.int64)."
                )

    def computed(self, columns: Columns, schema: Schema) -> np.ndarray:
        return np.sum([in_units(columns[name], schema[name], schema) for name in self.of], axis=0)

    def solved(self, unknown: str, result: np.ndarray, others: Columns, schema: Schema) -> np.ndarray | None:
        return result - np.sum([in_units(column, schema[name], schema) for name, column in others.items()], axis=0)
