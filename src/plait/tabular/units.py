"""Columns in the units a user thinks in, and back, as they will be stored."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.errors import ArgumentError
from plait.tabular.formulas import Text
from plait.tabular.schema import Schema
from plait.tabular.variables import Variable

__all__ = ["apart", "in_units", "labels", "stored"]


def in_units(column: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    """(rows,) float64: the numbers a user knows; a date in ticks of its dtype, a level by its value where it is a number."""
    if variable.discrete:
        levels = np.array([*(variable.levels or ()), np.nan], np.float64)
        return levels[np.where(np.isnan(column), len(levels) - 1, column).astype(np.int64)]
    if variable.kind == "number":
        return _cast(column, variable, schema)
    return variable.origin + variable.step * column


def labels(columns: Mapping[str, np.ndarray], schema: Schema) -> dict[str, np.ndarray | Text]:
    """Columns as a formula takes them: numbers, and labels of categories."""
    out: dict[str, np.ndarray | Text] = {}
    for name, column in columns.items():
        variable = schema[name]
        named = variable.discrete and any(isinstance(level, str) for level in variable.levels or ())
        out[name] = Text(column, variable.levels or ()) if named else in_units(column, variable, schema)
    return out


def stored(values: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    """Numbers as the column that holds them: on its grid, in the precision of its dtype; the opposite of `in_units`.

    Raises:
        ArgumentError: A category has no such level, or the dtype no such number.
    """
    if variable.discrete:
        levels = np.array(variable.levels or (), np.float64)
        places = np.searchsorted(levels, values)
        found = levels[np.minimum(places, len(levels) - 1)]
        unknown = ~np.isnan(values) & (found != values)
        if unknown.any():
            raise ArgumentError(f"{variable.name!r} would be {values[unknown][0]:g}, which is none of its levels {variable.levels}.")
        return np.where(np.isnan(values), np.nan, places)
    dtype = schema.specs[variable.stream].dtype
    if dtype.kind in "iu":
        ends = np.iinfo(dtype)
        beyond = (values < ends.min) | (values > ends.max)
        if beyond.any():
            raise ArgumentError(
                f"{variable.name!r} would be {values[beyond][0]:.0f}, which {dtype} can't hold. Give the data a wider one: "
                f"{variable.name}.astype(np.int64)."
            )
    if variable.kind != "number":
        return np.rint((values - variable.origin) / variable.step)
    rounded = values if variable.decimals is None else np.round(values, variable.decimals)
    return _cast(rounded, variable, schema)


def apart(a: np.ndarray, b: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    """(rows,) bool: where two columns differ by more than rounding explains; missing values do not count."""
    single = schema.specs[variable.stream].dtype == np.float32
    slack = 0.0 if variable.decimals is None else 0.5 * 10.0**-variable.decimals * (1 + 1e-6)
    return np.abs(a - b) > slack + (1e-5 if single else 1e-9) * np.maximum(np.abs(a), np.abs(b))


def _cast(column: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    dtype = schema.specs[variable.stream].dtype
    return column.astype(dtype).astype(np.float64) if dtype.kind == "f" else column
