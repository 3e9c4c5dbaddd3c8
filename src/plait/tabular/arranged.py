"""Rules about how columns go together: in increasing order, or only in the combinations that were seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from plait.errors import ArgumentError
from plait.tabular.rules import Columns, Rule, listed, without
from plait.tabular.schema import Schema
from plait.tabular.units import in_units, stored
from plait.tabular.variables import Variable

__all__ = ["Combination", "Increasing"]


@dataclass(frozen=True)
class Increasing(Rule):
    """Each variable is at least as great as the one before: Increasing(["ordered", "sent", "received"]).

    What is modelled is the first one, and by how much each exceeds the one before.

    Args:
        of: Names of two or more variables, all numbers or all dates.
    """

    of: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", (self.of,) if isinstance(self.of, str) else tuple(self.of))

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.of[:1])

    @property
    def makes(self) -> tuple[str, ...]:
        return tuple(self.of[1:])

    def check(self, schema: Schema) -> None:
        if len(set(self.of)) < max(len(self.of), 2):
            raise ArgumentError(f"{self}: name two or more variables, each once.")
        kinds = [schema[name].kind for name in self.of]
        dtypes = {schema.specs[schema[name].stream].dtype for name in self.of}
        if not set(kinds) <= {"number", "integer"} and not (set(kinds) == {"date"} and len(dtypes) == 1):
            raise ArgumentError(
                f"{self}: the variables are {listed(kinds)} of {listed([str(d) for d in dtypes])}. All must be numbers, "
                "or dates of one dtype."
            )

    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        values = [self._measured(columns[name], name, schema) for name in self.of]
        return np.logical_or.reduce([a > b for a, b in pairwise(values)])

    def reduce(self, columns: Columns, variables: dict[str, Variable], schema: Schema) -> tuple[Columns, dict[str, Variable], Any]:
        out, inner = dict(columns), dict(variables)
        for before, name in pairwise(self.of):
            out[name] = self._excess(columns, before, name, schema)
            here, old = out[name][~np.isnan(out[name])], variables[name]
            ends = {"low": float(here.min()), "high": float(here.max())} if len(here) else {"low": np.nan, "high": np.nan}
            kind = "number" if "number" in (schema[before].kind, old.kind) else "integer"
            decimals = _decimals(schema[before], old)
            inner[name] = replace(old, kind=kind, decimals=decimals, origin=0, step=1, missing=len(here) < len(out[name]), **ends)
        return out, inner, None

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        out = dict(given)
        for before, name in pairwise(self.of):
            if name not in given:
                continue
            if before not in given:
                raise ArgumentError(f"given={{{name!r}: ...}}: {self} draws {name!r} from {before!r} upwards. Give {before!r} too.")
            out[name] = self._excess(given, before, name, schema)
            if (out[name] < 0).any():
                raise ArgumentError(f"given={{{before!r}: ..., {name!r}: ...}}: {self} does not allow {name!r} below {before!r}.")
        return out

    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        out = dict(columns)
        for before, name in pairwise(self.of):
            variable, floor = schema[name], self._measured(out[before], before, schema)
            ends = self._measured(np.array([variable.low, variable.high]), name, schema)
            values = np.maximum(np.clip(floor + columns[name], *ends), floor)  # as far as was seen, and no further
            found = self._stored(values, name, schema)
            low = self._measured(found, name, schema) < floor  # rounded to below
            out[name] = np.where(low, _above(found, variable, schema), found)
        return out

    def _excess(self, columns: Columns, before: str, name: str, schema: Schema) -> np.ndarray:
        found = self._measured(columns[name], name, schema) - self._measured(columns[before], before, schema)
        decimals = _decimals(schema[before], schema[name])
        return found if decimals is None else np.round(found, decimals)

    def _measured(self, column: np.ndarray, name: str, schema: Schema) -> np.ndarray:
        """Numbers as they are; dates and integers in whole units from one origin, which float64 holds exactly where `in_units` does not."""
        common, variable = self._common(schema), schema[name]
        if common is None:
            return in_units(column, variable, schema)
        origin, unit = common
        return (variable.origin - origin) // unit + variable.step // unit * column

    def _stored(self, values: np.ndarray, name: str, schema: Schema) -> np.ndarray:
        """The opposite of `_measured`."""
        common, variable = self._common(schema), schema[name]
        if common is None:
            return stored(values, variable, schema)
        origin, unit = common
        return np.rint((values - (variable.origin - origin) // unit) / (variable.step // unit))

    def _common(self, schema: Schema) -> tuple[int, int] | None:
        """The first origin and the unit that dates or integers share; None for numbers."""
        variables = [schema[name] for name in self.of]
        if any(v.kind == "number" for v in variables):
            return None
        origin = min(v.origin for v in variables)
        return origin, math.gcd(*(v.step for v in variables), *(v.origin - origin for v in variables))


@dataclass(frozen=True)
class Combination(Rule):
    """Only values that were seen together come together: Combination(["city", "country"]).

    What is modelled is one category, each combination a level.

    Args:
        of: Names of two or more variables.
    """

    of: Sequence[str]

    def __post_init__(self) -> None:
        object.__setattr__(self, "of", (self.of,) if isinstance(self.of, str) else tuple(self.of))

    @property
    def makes(self) -> tuple[str, ...]:
        return tuple(self.of)

    def check(self, schema: Schema) -> None:
        if len(set(self.of)) < max(len(self.of), 2):
            raise ArgumentError(f"{self}: name two or more variables, each once.")

    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        if seen is None:  # the data themselves say what goes together
            return np.zeros(len(columns[self.of[0]]), bool)
        allowed = {tuple(row) for row in seen}
        table = np.column_stack([columns[name] for name in self.of])
        rows, inverse = np.unique(np.where(np.isnan(table), np.inf, table), axis=0, return_inverse=True)
        return np.array([tuple(None if v == np.inf else v for v in row) not in allowed for row in rows.tolist()])[inverse.ravel()]

    def reduce(self, columns: Columns, variables: dict[str, Variable], schema: Schema) -> tuple[Columns, dict[str, Variable], Any]:
        table = np.column_stack([columns[name] for name in self.of])
        seen, codes = np.unique(np.where(np.isnan(table), np.inf, table), axis=0, return_inverse=True)
        shown = [" | ".join(schema[n].shown(np.nan if v == np.inf else v) for n, v in zip(self.of, row, strict=True)) for row in seen]
        first = self.of[0]
        joined = replace(
            variables[first],
            kind="category",
            levels=tuple(shown),
            decimals=0,
            low=0.0,
            high=len(seen) - 1.0,
            missing=False,
            origin=0,
            step=1,
        )
        rest = without({**variables, first: joined}, *self.of[1:])
        kept = without({**columns, first: codes.ravel().astype(np.float64)}, *self.of[1:])
        return kept, rest, [[None if v == np.inf else v for v in row] for row in seen.tolist()]

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        known = [name for name in self.of if name in given]
        if not known:
            return given
        if len(known) < len(self.of):
            raise ArgumentError(
                f"given={{{known[0]!r}: ...}}: {self} draws {listed(self.of)} as one. Give all of them, or none: "
                f"{listed([name for name in self.of if name not in given])} is missing."
            )
        codes = {tuple(row): code for code, row in enumerate(seen)}
        table = np.column_stack([given[name] for name in self.of])
        rows = [tuple(row) for row in np.where(np.isnan(table), None, table).tolist()]  # type: ignore[arg-type]
        unseen = [row for row in rows if row not in codes]
        if unseen:
            shown = listed([schema[name].shown(float(value)) for name, value in zip(self.of, unseen[0], strict=True)])
            raise ArgumentError(f"given= combines {shown}, which {self} does not allow: they were never seen together.")
        return without({**given, self.of[0]: np.array([codes[row] for row in rows], np.float64)}, *self.of[1:])

    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        table = np.array([[np.nan if v is None else v for v in row] for row in seen], np.float64)
        picked = table[columns[self.of[0]].astype(np.int64)]
        return {**columns, **dict(zip(self.of, picked.T.copy(), strict=True))}


def _decimals(*variables: Variable) -> int | None:
    known = [v.decimals for v in variables]
    return None if None in known else max(d for d in known if d is not None)


def _above(column: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    """The next value that can be stored."""
    if variable.decimals is not None:
        return np.round(column + 10.0**-variable.decimals, variable.decimals)
    dtype = schema.specs[variable.stream].dtype
    return np.nextafter(column.astype(dtype), dtype.type(np.inf)).astype(np.float64)
