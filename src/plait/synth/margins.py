"""How one column is distributed, kept as it was found: to uniform numbers and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.errors import ArgumentError
from plait.tabular.variables import Variable

__all__ = ["Margin"]

_KNOTS = 2000  # at most so many quantiles, and so many values with a mass of their own
_FEW = 1000  # up to so many different values, each that occurs twice has a mass of its own
_STATE = ("shares", "values", "missing", "order", "grid")
_HUGE = 1e200
_EDGE = 0.49999  # the cell of a value on a grid reaches nearly half a step to either side


@dataclass(frozen=True, eq=False)
class Margin:
    """The distribution function of one column, with its jumps, and its inverse. Pure and thread-safe.

    A value that repeats keeps a mass of its own: it is spread over the height of its jump on the way to uniform numbers, and comes back
    as it was (the distributional transform; Ferguson 1967, Rüschendorf 2009). Between values that occur once, the inverse interpolates,
    so that they are not copied, and rounds to the column's decimals. Nothing lies outside of what was seen. Missing values have a mass
    too, below the others; levels stand in a chosen order.

    Args:
        shares: (knots,) in 0..1, not decreasing: shares of the column.
        values: (knots,) not decreasing: the values at these shares; a value with a mass of its own stands twice. In units of the grid
            where the column has one; the place in `order` where there is an order.
        missing: The share that is missing.
        order: (levels,) the values that places 0, 1, ... stand for; None for numbers in their own order.
        grid: (first value, step, decimals) where all values are first + step * an integer, divided by 10**decimals; None elsewhere.
    """

    shares: np.ndarray
    values: np.ndarray
    missing: float
    order: np.ndarray | None = None
    grid: tuple[int, int, int] | None = None

    @classmethod
    def fit(cls, values: np.ndarray, variable: Variable, *, order: Sequence[float] | np.ndarray | None = None) -> Margin:
        """The margin of a column.

        Args:
            values: (rows,) float64, NaN where missing.
            variable: What they mean.
            order: The values in the order to take, each once: codes of a category, or the few values of a number. By itself codes are
                ordered by number and numbers by size.

        Raises:
            ArgumentError: There is no row, or a value is not in `order`.
        """
        if not len(values):
            raise ArgumentError(f"Margin.fit: {variable.name!r} has no rows; at least one is needed.")
        here = values[~np.isnan(values)]
        missing = float(np.isnan(values).mean())
        if variable.discrete and order is None:
            order = np.arange(len(variable.levels or ()))
        if order is not None:
            return cls._ordered(here, missing, np.asarray(order, np.float64), variable)
        if not len(here):
            return cls(np.empty(0), np.empty(0), 1.0)
        grid, units = _on_grid(here, variable.decimals)
        places, counts = np.unique(units, return_counts=True)
        knots, shares = _knots(places, counts, on_grid=grid is not None)
        return cls(missing + (1 - missing) * shares, knots, missing, None, grid)

    @classmethod
    def _ordered(cls, here: np.ndarray, missing: float, order: np.ndarray, variable: Variable) -> Margin:
        by_value = np.argsort(order, kind="stable")
        at = np.searchsorted(order[by_value], here)
        known = at < len(order)
        known[known] = order[by_value][at[known]] == here[known]
        if not known.all():
            value = variable.shown(float(here[~known][0]))
            raise ArgumentError(f"Margin.fit: {variable.name!r} holds {value}, which is not in order=. Name every value once.")
        counts = np.bincount(by_value[at], minlength=len(order)).astype(np.float64)
        tops = missing + (1 - missing) * np.cumsum(counts) / max(counts.sum(), 1)
        if len(here):
            tops[np.flatnonzero(counts)[-1] :] = 1.0
        shares = np.column_stack([np.r_[missing, tops[:-1]], tops]).ravel()
        return cls(shares, np.repeat(np.arange(len(order), dtype=np.float64), 2), missing, order)

    @property
    def stepped(self) -> bool:
        """Whether the column holds nothing but values with a mass of their own."""
        return len(self.values) % 2 == 0 and bool((self.values[::2] == self.values[1::2]).all())

    def to_uniform(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The share below each value; for a value with a mass of its own a random place within it.

        Args:
            values: (rows,) float64, NaN where missing.
            rng: Decides the places.

        Returns:
            (rows,) float64 in 0..1; uniform for the column fitted on.
        """
        low, high = self.interval(values)
        return low + (high - low) * rng.random(len(values))

    def interval(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The shares below each value, without and with it: (rows,) float64 each. Equal where the value has no mass of its own."""
        gone = np.isnan(values)
        if not len(self.shares):
            return np.zeros(len(values)), np.ones(len(values))
        reach = 0.0
        if self.order is not None:
            by_value = np.argsort(self.order, kind="stable")
            ranked = self.order[by_value]
            at = np.minimum(np.searchsorted(ranked, values), len(ranked) - 1)
            at = at - ((at > 0) & (np.abs(ranked[np.maximum(at - 1, 0)] - values) < np.abs(ranked[at] - values)))
            places = by_value[at].astype(np.float64)
        elif self.grid is not None:
            first, step, decimals = self.grid
            places, reach = (np.rint(values * 10.0**decimals) - first) / step, 0.5
        else:
            places = values
        places = np.where(gone, 0.0, places)
        high = np.interp(places + reach, self.values, self.shares)  # at a jump this is its top
        low = np.interp(places - reach, self.values, self.shares)
        if not reach:
            foot = np.minimum(np.searchsorted(self.values, places), len(self.values) - 1)
            low = np.where(self.values[foot] == places, self.shares[foot], low)
        return np.where(gone, 0.0, low), np.where(gone, self.missing, high)

    def from_uniform(self, shares: np.ndarray) -> np.ndarray:
        """The value below which a share of the column lies: the quantile.

        Args:
            shares: (rows,) in 0..1.

        Returns:
            (rows,) float64; NaN where missing.
        """
        if not len(self.shares):
            return np.full(len(shares), np.nan)
        if self.stepped:
            tops = self.shares[1::2]
            last = np.searchsorted(tops, tops[-1])  # levels without a mass are never drawn
            column = self._steps()[np.minimum(np.searchsorted(tops, shares, side="right"), last)]
        else:
            column = _between(shares, self.shares, self.values)
            if self.grid is not None:
                column = _off_grid(np.clip(np.rint(column), np.ceil(self.values[0]), np.floor(self.values[-1])), self.grid)
        if self.missing:
            column[shares < self.missing] = np.nan
        return column

    def arrays(self) -> dict[str, np.ndarray]:
        """The state as arrays; `of_arrays` reads it."""
        order = np.empty(0) if self.order is None else self.order
        return {
            "shares": self.shares,
            "values": self.values,
            "missing": np.array([self.missing]),
            "order": order,
            "grid": np.array(self.grid if self.grid is not None else (), np.int64),
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Margin:
        """What `arrays` gave."""
        grid = tuple(arrays["grid"].tolist())
        order = arrays["order"] if len(arrays["order"]) else None
        return cls(arrays["shares"], arrays["values"], float(arrays["missing"][0]), order, (grid[0], grid[1], grid[2]) if grid else None)

    @classmethod
    def of_many(cls, arrays: Mapping[str, np.ndarray], count: int) -> list[Margin]:
        """The margins that `many` gave."""
        return [cls.of_arrays({name: arrays[f"margin{k}.{name}"] for name in _STATE}) for k in range(count)]

    @staticmethod
    def many(margins: Sequence[Margin]) -> dict[str, np.ndarray]:
        """The state of several margins as arrays; `of_many` reads it."""
        return {f"margin{k}.{name}": array for k, margin in enumerate(margins) for name, array in margin.arrays().items()}

    def _steps(self) -> np.ndarray:
        places = self.values[1::2]
        if self.order is not None:
            return self.order[places.astype(np.int64)]
        return places if self.grid is None else _off_grid(places, self.grid)


def _between(shares: np.ndarray, knots: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`np.interp`, whose slopes overflow where values are huge."""
    if np.abs(values[[0, -1]]).max() < _HUGE:
        return np.interp(shares, knots, values)
    return np.clip(np.interp(shares, knots, values / _HUGE) * _HUGE, values[0], values[-1])


def _on_grid(here: np.ndarray, decimals: int | None) -> tuple[tuple[int, int, int] | None, np.ndarray]:
    """The grid that the values stand on, and their places on it; the values themselves where there is none."""
    if decimals is None:
        return None, here
    ticks = np.rint(here * 10.0**decimals)
    if np.abs(ticks).max() > 2**53:
        return None, here
    whole = ticks.astype(np.int64)
    first = int(whole.min())
    step = max(int(np.gcd.reduce(np.unique(whole) - first)), 1)
    return (first, step, decimals), ((whole - first) // step).astype(np.float64)


def _off_grid(places: np.ndarray, grid: tuple[int, int, int]) -> np.ndarray:
    first, step, decimals = grid
    ticks = places * step + first
    return np.round(ticks / 10.0**decimals, decimals) if decimals else ticks


def _knots(places: np.ndarray, counts: np.ndarray, *, on_grid: bool) -> tuple[np.ndarray, np.ndarray]:
    """Values and shares: two knots for a value with a mass of its own, quantiles for each run of values between them."""
    total = int(counts.sum())
    least = 2 if len(places) <= _FEW else max(3, total / _KNOTS)
    alone = (counts >= least) | (_run_lengths(counts >= least) == 1)
    starts = np.flatnonzero(np.r_[True, alone[1:] | alone[:-1]])  # of each value with a mass of its own, and of each run
    stops = np.r_[starts[1:], len(places)]
    below = np.r_[0, np.cumsum(counts)]
    density = min(1.0, _KNOTS / max(int((~alone).sum()), 1))
    knots, shares = [], []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        if alone[start]:
            knots.append(places[[start, start]])
            shares.append(below[[start, stop]].astype(np.float64))
            continue
        inside, heights = _run(places[start:stop], counts[start:stop], density, on_grid=on_grid)
        knots.append(inside)
        shares.append(below[start] + (below[stop] - below[start]) * heights)
    return np.concatenate(knots), np.concatenate(shares) / total


def _run_lengths(split: np.ndarray) -> np.ndarray:
    """(values,) how many values stand in the run that each belongs to; 0 for those that are split off."""
    number = np.cumsum(np.r_[True, split[1:] | split[:-1]]) - 1
    return np.where(split, 0, np.bincount(number)[number])


def _run(places: np.ndarray, counts: np.ndarray, density: float, *, on_grid: bool) -> tuple[np.ndarray, np.ndarray]:
    """Knots of a run of at least two values, and the share of the run below each: from 0 to 1, even, and dense towards both ends."""
    before = np.cumsum(counts) - counts
    heights = (before + (counts - 1) / 2) / (counts.sum() - 1) if not on_grid else (before + counts / 2) / counts.sum()
    last = len(places) - 1
    even = np.rint(np.linspace(0, last, max(2, int(np.ceil(density * len(places)))))).astype(np.int64)
    near_ends = 2 ** np.arange(int(np.log2(last)) + 1) - 1
    kept = np.unique(np.r_[even, near_ends, last - near_ends])
    inside, heights = places[kept], heights[kept]
    if on_grid:
        return np.r_[inside[0] - _EDGE, inside, inside[-1] + _EDGE], np.r_[0.0, heights, 1.0]
    return np.r_[inside, inside[-1]], np.r_[0.0, heights[1:-1], 1 - 1e-9, 1.0]  # 1.0 alone would be the foot of what follows
