"""One variable of a table: what its numbers mean, and how they are made of a stream and become one again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.spec import TEXT

__all__ = ["Kind", "Variable"]

Kind = Literal["number", "integer", "category", "ordered", "date"]
Role = Literal["input", "target"]
_EXACT = 2**53  # integers up to here are exact in float64
_MOST = math.nextafter(2.0**64, 0)
_MOST_DECIMALS = 6


@dataclass(frozen=True)
class Variable:
    """One column of float64 that stands for a stream, or for one number of a vector stream.

    Args:
        name: "grade"; "x[3]" for one number of a vector.
        stream: The stream it belongs to.
        place: Which number of the sample; None where the sample is one value.
        role: "input" or "target".
        kind: "number"; "integer"; "category" and "ordered", codes from 0; "date", whole steps since the first date.
        levels: What code 0, 1, ... of a category stands for.
        decimals: All values are multiples of 10**-decimals; None where there is no such grid.
        low, high: The least and the greatest value seen; NaN where there is none.
        missing: Whether values are missing; in columns they are NaN.
        origin, step: An integer or a date is origin + step * value, in the units of its dtype.
        dtype: Of the stream, where it holds dates or durations: "datetime64[ms]"; else empty.
    """

    name: str
    stream: str
    place: int | None
    role: Role
    kind: Kind
    levels: tuple[Any, ...] | None = None
    decimals: int | None = None
    low: float = math.nan
    high: float = math.nan
    missing: bool = False
    origin: int = 0
    step: int = 1
    dtype: str = ""

    @classmethod
    def of(cls, name: str, stream: str, place: int | None, role: Role, kind: Kind, values: np.ndarray, gone: np.ndarray) -> Variable:
        """The variable that these values are of.

        Args:
            name, stream, place, role, kind: As of the variable.
            values: (rows,) of the stream's dtype.
            gone: (rows,) bool, where a value is missing.
        """
        here, missing = values[~gone], bool(gone.any())
        if kind in ("category", "ordered"):
            levels = tuple(np.unique(here.astype(object) if here.dtype.kind == "b" else here).tolist())
            return cls(name, stream, place, role, kind, levels, 0, 0.0, len(levels) - 1.0, missing)
        if not len(here):
            return cls(name, stream, place, role, kind, decimals=0 if kind != "number" else None, missing=missing)
        if kind == "number":
            finite = here.astype(np.float64)
            if not np.isfinite(finite).all():
                raise SpecError(
                    f"{name!r} holds infinite values. A table has finite numbers and missing ones: write "
                    f"np.where(np.isfinite(v), v, np.nan) for {name!r}, or leave those samples out."
                )
            return cls(name, stream, place, role, kind, None, _decimals(here), float(finite.min()), float(finite.max()), missing)
        ticks = here.view(np.int64) if here.dtype.kind in "mM" else here
        low, high = int(ticks.min()), int(ticks.max())
        origin, step = 0, 1
        if kind == "date" or max(-low, high) > _EXACT:
            origin, step = low, max(int(np.gcd.reduce(_above(np.unique(ticks), low))), 1)
        scaled = ((low - origin) / step, _below((high - origin) // step))
        dtype = str(here.dtype) if here.dtype.kind in "mM" else ""
        return cls(name, stream, place, role, kind, None, 0, *scaled, missing, origin, step, dtype)

    @property
    def discrete(self) -> bool:
        """Whether values are codes of levels."""
        return self.kind in ("category", "ordered")

    def encode(self, values: np.ndarray, gone: np.ndarray | None = None) -> np.ndarray:
        """Values of the stream as (rows,) float64; NaN where `gone`.

        Raises:
            ArgumentError: A category has no such level.
        """
        if self.discrete:
            column = self._codes(values, gone)
        elif self.kind == "number":
            column = values.astype(np.float64)
        else:
            ticks = values.view(np.int64) if values.dtype.kind in "mM" else values
            if self._far:
                column = self._steps(ticks)
            else:
                column = (ticks.astype(np.int64) - self.origin if self.origin else ticks).astype(np.float64) / self.step
        if gone is not None and gone.any():
            column[gone] = np.nan
        return column

    def decode(self, column: np.ndarray, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray | None]:
        """The column as values of the stream, and where they are missing (None for nowhere)."""
        gone = np.isnan(column)
        missing = gone if gone.any() else None
        if missing is not None and not (self.kind == "number" and dtype.kind == "f"):
            column = np.where(gone, 0.0, column)
        if self.discrete:
            assert self.levels is not None
            levels = np.array(self.levels or ("",), TEXT) if dtype == TEXT else np.array(self.levels or (0,)).astype(dtype)
            return levels[column.astype(np.int64)], missing
        if self.kind == "number":
            return (column if dtype.kind == "f" else np.rint(column)).astype(dtype), missing
        ticks = self._ticks(np.rint(column)) if self._far else np.rint(column).astype(np.int64) * self.step + self.origin
        return ticks.view(dtype) if dtype.kind in "mM" else ticks.astype(dtype), missing

    def shown(self, value: float) -> str:
        """One value of the column as a reader knows it: the label, the date, the number."""
        if math.isnan(value):
            return "missing"
        if self.discrete:
            assert self.levels is not None
            return str(self.levels[int(value)])
        if self.kind == "number":
            return f"{value:.6g}" if self.decimals is None else f"{value:.{self.decimals}f}"
        ticks = int(value) * self.step + self.origin
        return _moment(ticks, self.dtype) if self.dtype else str(ticks)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        state = asdict(self)
        state["levels"] = None if self.levels is None else list(self.levels)
        return {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in state.items()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Variable:
        """What `to_json` gave."""
        if state["kind"] not in get_args(Kind):
            raise ArgumentError(f"{state['kind']!r} is no kind of variable; there are {', '.join(get_args(Kind))}.")
        levels = None if state["levels"] is None else tuple(state["levels"])
        ends = {name: math.nan if state[name] is None else float(state[name]) for name in ("low", "high")}
        return cls(**{**state, **ends, "levels": levels})

    @property
    def _far(self) -> bool:
        """Whether values lie so far out that int64 or float64 may not hold them, or what they are above the first, exactly."""
        return abs(self.origin) > _EXACT or self.high * self.step > _EXACT

    def _steps(self, ticks: np.ndarray) -> np.ndarray:
        above = _above(ticks, self.origin)
        up = ticks >= self.origin
        count, rest = np.divmod(np.where(up, above, np.uint64(0) - above), np.uint64(self.step))
        column = np.minimum(count.astype(np.float64), _MOST)
        column = np.where(column.astype(np.uint64) > count, np.nextafter(column, 0), column)  # rounded down, so within the range
        return np.where(up, 1, -1) * (column + rest / self.step)

    def _ticks(self, column: np.ndarray) -> np.ndarray:
        """In arithmetic modulo 2**64, which is right for int64 and for uint64."""
        moved = np.abs(column).astype(np.uint64) * np.uint64(self.step)
        origin = np.uint64(self.origin % 2**64)
        return np.where(column < 0, origin - moved, origin + moved).view(np.int64)

    def _codes(self, values: np.ndarray, gone: np.ndarray | None) -> np.ndarray:
        assert self.levels is not None
        here = values if gone is None else values[~gone]
        found, inverse = np.unique(here.astype(object) if here.dtype.kind == "b" else here, return_inverse=True)
        codes = {level: float(code) for code, level in enumerate(self.levels)}
        unknown = [level for level in found.tolist() if level not in codes]
        if unknown:
            some = ", ".join(map(repr, self.levels[:8])) + (", ..." if len(self.levels) > 8 else "")
            raise ArgumentError(f"{self.name!r} has no level {unknown[0]!r}. It has {some or 'none'}.")
        column = np.full(len(values), np.nan)
        column[slice(None) if gone is None else ~gone] = np.array([codes[level] for level in found.tolist()] or [0.0])[inverse]
        return column


def _moment(ticks: int, dtype: str) -> str:
    """A date in ISO's form, without a time of day where it is midnight; a duration with its unit."""
    moment = np.array(min(max(ticks, 1 - 2**63), 2**63 - 1), np.int64).view(dtype)
    if moment.dtype.kind == "M":
        days, seconds = moment.astype("datetime64[D]"), moment.astype("datetime64[s]")
        moment = moment if dtype.endswith(("[Y]", "[M]")) else days if days == moment else seconds if seconds == moment else moment
    return str(moment)


def _above(ticks: np.ndarray, origin: int) -> np.ndarray:
    """By how much integers are above one, as uint64 modulo 2**64."""
    whole = ticks if ticks.dtype == np.uint64 else ticks.astype(np.int64).view(np.uint64)
    return whole - np.uint64(origin % 2**64)


def _below(whole: int) -> float:
    """The greatest float64 that is no greater."""
    near = float(whole)
    return near if int(near) <= whole else math.nextafter(near, -math.inf)


def _decimals(values: np.ndarray) -> int | None:
    """How many decimals the numbers are written with; None where they are not."""
    finest = 16 * float(np.spacing(np.abs(values).max().astype(values.dtype if values.dtype.kind == "f" else np.float64)))
    for decimals in range(_MOST_DECIMALS + 1):
        if 10.0**-decimals < finest:  # the dtype itself is no finer
            return None
        for part in (values[:1000], values):
            if not np.array_equal(np.round(part.astype(np.float64), decimals).astype(values.dtype), part):
                break
        else:
            return decimals
    return None
