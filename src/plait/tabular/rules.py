"""What a rule about the columns of a table is; and those about a single column: bounds, and no repetition."""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from plait.errors import ArgumentError
from plait.tabular.schema import Schema
from plait.tabular.units import in_units
from plait.tabular.variables import Variable

__all__ = ["Bounds", "Columns", "Rule", "Unique", "listed", "without"]

Columns = dict[str, np.ndarray]
_T = TypeVar("_T")


@dataclass(frozen=True)
class Rule(abc.ABC):
    """What every sample obeys. Methods take and give (rows,) float64 columns by variable, and are pure."""

    @property
    def uses(self) -> tuple[str, ...]:
        """Variables that it reads."""
        return ()

    @property
    def makes(self) -> tuple[str, ...]:
        """Variables that it derives from others."""
        return ()

    @property
    def adjusts(self) -> tuple[str, ...]:
        """Variables that it changes where they stand."""
        return ()

    @property
    def names(self) -> tuple[str, ...]:
        """All variables that it is about."""
        return tuple(dict.fromkeys([*self.uses, *self.makes, *self.adjusts]))

    def check(self, schema: Schema) -> None:  # noqa: B027 - most can always be meant
        """Raise where the rule can't be meant for these variables."""

    @abc.abstractmethod
    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        """(rows,) bool, where it is not obeyed; missing values obey."""

    def reduce(self, columns: Columns, variables: dict[str, Variable], schema: Schema) -> tuple[Columns, dict[str, Variable], Any]:
        """Columns and variables without what the rule makes, and what `restore` needs beside them, as JSON."""
        return columns, variables, None

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        """Given columns as given columns of what is left by `reduce`."""
        return given

    @abc.abstractmethod
    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        """With what the rule makes; such that it is obeyed."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {"rule": type(self).__name__, **asdict(self)}


@dataclass(frozen=True)
class Bounds(Rule):
    """A variable stays within bounds.

    Args:
        name: Of the variable.
        low, high: The least and the greatest value allowed; None for no bound. For dates ISO text: "2020-01-31".
    """

    name: str
    low: float | str | None = None
    high: float | str | None = None

    @property
    def adjusts(self) -> tuple[str, ...]:
        return (self.name,)

    def check(self, schema: Schema) -> None:
        if schema[self.name].discrete:
            raise ArgumentError(f"{self}: {self.name!r} is a category. Bounds are for numbers and dates.")
        low, high = self._ends(schema)
        if low > high or (self.low is None and self.high is None):
            raise ArgumentError(f"{self}: give low, high or both, low not above high.")

    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        values, (low, high) = in_units(columns[self.name], schema[self.name], schema), self._ends(schema)
        return (values < low) | (values > high)

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        if self.name in given and (wrong := self.broken(given, schema)).any():
            shown = schema[self.name].shown(given[self.name][wrong][0])
            raise ArgumentError(f"given={{{self.name!r}: ...}} holds {shown}, which {self} does not allow.")
        return given

    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        column, variable = columns[self.name], schema[self.name]
        wrong = self.broken(columns, schema)
        return {**columns, self.name: np.where(wrong, np.clip(column, variable.low, variable.high), column)}

    def _ends(self, schema: Schema) -> tuple[float, float]:
        dtype = schema.specs[schema[self.name].stream].dtype
        ends = []
        for value, otherwise in ((self.low, -np.inf), (self.high, np.inf)):
            try:
                if value is None:
                    ends.append(otherwise)
                elif dtype.kind == "M":
                    ends.append(float(np.datetime64(str(value)).astype(dtype).astype(np.int64)))
                else:
                    ends.append(float(dtype.type(value)) if dtype.kind == "f" else float(value))
                if np.isnan(ends[-1]):
                    raise ValueError("it is no number")
            except (ValueError, TypeError) as error:
                raise ArgumentError(f"{self}: {value!r} is no bound of {self.name!r}: {error}.") from error
        return ends[0], ends[1]


@dataclass(frozen=True)
class Unique(Rule):
    """No value occurs twice in one sample() or one block of stream(): a number that an earlier row has moves to the next that is free.

    Values stay within the range that was seen, on its grid; labels are those that were seen.
    """

    name: str

    @property
    def adjusts(self) -> tuple[str, ...]:
        return (self.name,)

    def broken(self, columns: Columns, schema: Schema, seen: Any = None) -> np.ndarray:
        here = np.flatnonzero(~np.isnan(columns[self.name]))
        column, variable = columns[self.name][here], schema[self.name]
        far = _apart(variable) > 1
        _, first = np.unique(np.rint(column) if far else _places(column, variable, schema), return_index=True)
        repeated = np.zeros(len(columns[self.name]), bool)
        repeated[np.delete(here, first)] = True
        return repeated

    def reduce_given(self, given: Columns, schema: Schema, seen: Any) -> Columns:
        if self.name in given and (wrong := self.broken(given, schema)).any():
            shown = schema[self.name].shown(given[self.name][wrong][0])
            raise ArgumentError(f"given={{{self.name!r}: ...}} repeats {shown}, which {self} does not allow. Give a different value each.")
        return given

    def restore(self, columns: Columns, schema: Schema, seen: Any) -> Columns:
        column, variable = columns[self.name], schema[self.name]
        if not self.broken(columns, schema).any():
            return columns
        here = np.flatnonzero(~np.isnan(column))
        places, low, high = (_places(part, variable, schema) for part in (column[here], [variable.low], [variable.high]))
        order, count = np.argsort(places, kind="stable"), np.arange(len(here))
        if (values := int(high[0]) - int(low[0]) + 1) < len(here):
            raise ArgumentError(
                f"{self}: {len(here)} samples are asked for, and {self.name!r} has {values} different values from "
                f"{variable.shown(variable.low)} to {variable.shown(variable.high)}. Draw fewer at once, or leave {self.name!r} out."
            )
        upwards = count + np.maximum.accumulate(places[order] - count)
        free = np.minimum(upwards, high[0] - (len(here) - 1 - count))
        found = np.array(column)
        found[here[order]] = _values(free, variable, schema)
        return {**columns, self.name: found}


def without(columns: Mapping[str, _T], *names: str) -> dict[str, _T]:
    """The others."""
    return {name: column for name, column in columns.items() if name not in names}


def listed(names: Sequence[str]) -> str:
    """'a', 'b' and 'c'"""
    quoted = [repr(name) for name in names]
    return " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _places(column: Any, variable: Variable, schema: Schema) -> np.ndarray:
    """Integers in the order of the values, one for each that there can be."""
    values = np.asarray(column, np.float64)
    if variable.decimals is not None:
        return np.floor(np.rint(values * 10.0**variable.decimals) / _apart(variable)).astype(np.int64)
    real, whole = _bits(variable, schema)
    bits = values.astype(real).view(whole).astype(np.int64)
    return np.where(bits < 0, -(bits & np.iinfo(whole).max), bits)


def _values(places: np.ndarray, variable: Variable, schema: Schema) -> np.ndarray:
    if variable.decimals is not None:
        return np.round(places * _apart(variable) / 10.0**variable.decimals, variable.decimals)
    real, whole = _bits(variable, schema)
    return np.copysign(np.abs(places).astype(whole).view(real).astype(np.float64), places)


def _apart(variable: Variable) -> float:
    """By how many steps of the grid numbers have to differ for float64 to tell them apart: 1, and a power of 2 beyond 2**53."""
    most = max(abs(variable.low), abs(variable.high), 1.0) * 10.0 ** (variable.decimals or 0)
    return 2.0 ** max(0, int(np.ceil(np.log2(most))) - 53)


def _bits(variable: Variable, schema: Schema) -> tuple[type, type]:
    """The dtype, and integers of its size."""
    size = schema.specs[variable.stream].dtype.itemsize
    return {2: (np.float16, np.int16), 4: (np.float32, np.int32)}.get(size, (np.float64, np.int64))
