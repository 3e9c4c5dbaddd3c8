"""A table of numbers with named, typed columns: what every metric reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.keys import Keys
from plait.tabular import Variable

__all__ = ["Table"]

_MOST_LEVELS = 254  # that a histogram tree can tell apart; beyond, codes are taken for numbers


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of float64, NaN where a value is missing, codes where it is a category.

    Args:
        variables: What the columns are, inputs first.
        columns: variable name -> (rows,) float64.
        keys: Of the rows.
        made: Names of variables that stand for an image or a series: its principal components.
    """

    variables: tuple[Variable, ...]
    columns: Mapping[str, np.ndarray]
    keys: Keys
    made: frozenset[str] = frozenset()

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def names(self) -> list[str]:
        """Of all variables."""
        return [v.name for v in self.variables]

    @property
    def plain(self) -> tuple[Variable, ...]:
        """The variables that are columns of the data themselves."""
        return tuple(v for v in self.variables if v.name not in self.made)

    @property
    def inputs(self) -> list[str]:
        """Names of the inputs, what stands for images and series among them."""
        return [v.name for v in self.variables if v.role == "input"]

    @property
    def targets(self) -> list[Variable]:
        """The targets that are columns of the data."""
        return [v for v in self.plain if v.role == "target"]

    @property
    def signals(self) -> list[str]:
        """The streams that are images or series."""
        return list(dict.fromkeys(v.stream for v in self.variables if v.name in self.made))

    def only(self, stream: str) -> Table:
        """The variables of one stream, and the rows that have a value of it."""
        variables = tuple(v for v in self.variables if v.stream == stream)
        columns = {v.name: self.columns[v.name] for v in variables}
        here = np.flatnonzero(~np.isnan(columns[variables[0].name]))
        table = Table(variables, columns, self.keys, self.made & set(columns))
        return table if len(here) == len(table) else table.take(here)

    def take(self, rows: np.ndarray) -> Table:
        """These rows, in this order."""
        return Table(self.variables, {name: column[rows] for name, column in self.columns.items()}, self.keys.take(rows), self.made)

    def matrix(self, names: Sequence[str] | None = None) -> np.ndarray:
        """(rows, columns) float64 of these columns, or of all; what has no value anywhere is 0."""
        names = self.names if names is None else names
        if not names:
            return np.zeros((len(self), 1))
        return np.column_stack([self.columns[name] for name in names])

    def nominal(self, names: Sequence[str] | None = None) -> np.ndarray:
        """(columns,) bool: which columns of `matrix` are codes without order."""
        names = self.names if names is None else names
        kinds = {v.name: v.kind == "category" and len(v.levels or ()) <= _MOST_LEVELS for v in self.variables}
        return np.array([kinds[name] for name in names] or [False])

    def independent(self, rng: np.random.Generator) -> Table:
        """The same columns, each in an order of its own: right in every column, without any dependence."""
        columns = {name: rng.permutation(column) for name, column in self.columns.items()}
        return Table(self.variables, columns, Keys.range(len(self)), self.made)
