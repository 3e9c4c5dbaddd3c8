"""Values of a variable as digits: small classes, coarse first, that a softmax each can stand for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.tabular import Variable

__all__ = ["Digits"]

_SINGLE = 40  # values that fit in one digit
_COARSE, _FINE = 48, 24  # bins of a number's first digit; cells of each, on average
_ROWS_A_CELL = 10  # values in an interval, at least
_SPIKE, _SPIKE_ON_GRID = 10, 5  # a value that is rarer never stands alone, so that none is handed out because one row had it
_MOST_BEFORE = 4096  # combinations of digits that frequencies are told apart for
_PRIOR = 2.0  # rows that the frequencies of all bins count for in those of each
_NEVER = -1e9  # the log of no chance
_TOP, _GROUPS, _BASE = 48, 16, 64  # of a category with many levels: frequent ones by themselves, the rest in groups


@dataclass(frozen=True)
class Digits:
    """How one variable is written in digits. A value lies in a cell; a cell is a tuple of digits.

    A number's cells are its frequent values, each by itself, and between them intervals that hold about equally many values. A first
    digit counts groups of cells, a second one counts the cells of a group. A missing value is a cell of its own. A category has a cell a
    level; where levels are many, the first digit names the frequent ones and groups of rare ones.

    Args:
        sizes: How many values each digit has.
        cells: (cells, digits) int64, the digits of each cell.
        low, high: (cells,) where each cell begins and ends; equal for a single value. Codes of a category; NaN for a missing value.
        grid: Values of a cell are low, low + grid, ..., high; 0 where they lie anywhere between.
        decimals: To which values are rounded on a grid.
    """

    sizes: tuple[int, ...]
    cells: np.ndarray
    low: np.ndarray
    high: np.ndarray
    grid: float = 0.0
    decimals: int = 0

    @classmethod
    def of(cls, variable: Variable, column: np.ndarray) -> Digits:
        """The digits for a variable, from (rows,) float64 values of it."""
        here = column[~np.isnan(column)]
        missing = variable.missing or len(here) < len(column)
        if variable.kind == "category" or (variable.kind == "ordered" and len(variable.levels or ()) <= _SINGLE):
            levels = max(len(variable.levels or ()), 1)
            counts = np.bincount(here.astype(np.int64), minlength=levels)
            sizes, cells = _levels(counts, missing)
            ends = np.append(np.arange(levels, dtype=np.float64), [np.nan] * missing)
            return cls(sizes, cells, ends, ends, 1.0)
        grid = _grid(here, variable.decimals)
        low, high, rows = _cells(here, len(column), grid)
        sizes, cells = _bins(rows, len(column), missing)
        low, high = (np.append(ends, [np.nan] * missing) for ends in (low, high))
        return cls(sizes, cells, low, high, grid, variable.decimals or 0)

    @property
    def missing(self) -> bool:
        """Whether there is a cell for missing values."""
        return bool(np.isnan(self.low[-1]))

    def encode(self, column: np.ndarray) -> np.ndarray:
        """(rows,) values as (rows, digits) int64; one beyond all cells lies in the nearest. NaN only where there is a cell for it."""
        gone = np.isnan(column)
        last = len(self.low) - 1 - self.missing
        values = np.where(gone, self.low[0], column)
        cell = np.clip(np.searchsorted(self.low[: last + 1], values, side="right") - 1, 0, last)
        beyond = (values > self.high[cell]) & (cell < last)  # between two cells: the nearer one
        upper = np.minimum(cell + 1, last)
        cell = np.where(beyond & (self.low[upper] - values < values - self.high[cell]), upper, cell)
        return self.cells[np.where(gone, len(self.low) - 1, cell)]

    def decode(self, digits: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(rows, digits) as (rows,) values, drawn evenly within the cell."""
        cell = self._number(digits)
        low, high = self.low[cell], self.high[cell]
        wide = np.flatnonzero(high > low)
        values = low.copy()
        share = rng.random(len(wide))
        if self.grid:
            steps = np.rint((high[wide] - low[wide]) / self.grid)
            values[wide] = np.round(low[wide] + np.floor(share * (steps + 1)) * self.grid, self.decimals)
        else:
            values[wide] = low[wide] + share * (high[wide] - low[wide])
        return values

    def log_density(self, digits: np.ndarray) -> np.ndarray:
        """(rows,) log of the density, or of the probability on a grid, of one value within its cell."""
        cell = self._number(digits)
        width = self.high - self.low
        width = np.rint(width / self.grid) + 1 if self.grid else np.where(width > 0, width, 1.0)
        return -np.log(np.where(np.isnan(width), 1.0, width))[cell]

    def frequencies(self, digits: np.ndarray) -> list[np.ndarray]:
        """How often each value of each digit follows the digits before it.

        Args:
            digits: (rows, digits) of the data.

        Returns:
            For each digit the log of (values of the digits before, ..., values) float32, smoothed; -1e9 where none can follow. Where
            there would be too many, digits far before are not told apart.
        """
        out = []
        for place, size in enumerate(self.sizes):
            first = next(start for start in range(place + 1) if math.prod(self.sizes[start:place]) <= _MOST_BEFORE)
            before = self.sizes[first:place]
            counts, can = np.zeros((*before, size)), np.zeros((*before, size), bool)
            np.add.at(counts, tuple(digits[:, first : place + 1].T), 1.0)
            can[tuple(self.cells[:, first : place + 1].T)] = True
            whole = counts.sum(axis=tuple(range(len(before))), keepdims=True) + 0.5
            whole = np.where(can, whole, 0) / np.maximum(np.where(can, whole, 0).sum(axis=-1, keepdims=True), 1e-9)
            counts += np.where(can, 0.5 + _PRIOR * whole, 0) if before else 0.5
            share = counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1e-9)
            can |= ~can.any(axis=-1, keepdims=True)  # never asked for
            out.append(np.where(can, np.log(np.maximum(share, 1e-9)), _NEVER).astype(np.float32))
        return out

    def to_json(self) -> dict[str, Any]:
        """What is no array; `from_state` reads it."""
        return {"sizes": list(self.sizes), "grid": self.grid, "decimals": self.decimals}

    def arrays(self) -> dict[str, np.ndarray]:
        """What is arrays."""
        return {"cells": self.cells, "low": self.low, "high": self.high}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Digits:
        """What `to_json` and `arrays` gave."""
        sizes = tuple(int(size) for size in state["sizes"])
        return cls(sizes, arrays["cells"], arrays["low"], arrays["high"], float(state["grid"]), int(state["decimals"]))

    def _number(self, digits: np.ndarray) -> np.ndarray:
        """(rows,) which cell these digits are."""
        key, keys = (np.asarray(np.ravel_multi_index(tuple(part.T), self.sizes)) for part in (digits, self.cells))
        order: np.ndarray = np.argsort(keys)
        return order[np.maximum(np.searchsorted(keys[order], key, side="right") - 1, 0)]


def _levels(counts: np.ndarray, missing: bool) -> tuple[tuple[int, ...], np.ndarray]:
    """Digits of a category: one where levels are few, else the frequent levels first and groups of the rest."""
    levels = len(counts)
    if levels + missing <= _BASE:
        return (levels + missing,), np.arange(levels + missing)[:, None]
    rank = np.empty(levels, np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(levels)
    rest = levels - _TOP
    block = math.ceil(rest / _GROUPS)
    depth = max(1, math.ceil(math.log(block, _BASE)))
    base = math.ceil(block ** (1 / depth))
    base += base**depth < block
    behind = np.maximum(rank - _TOP, 0)
    within = behind % block
    groups = int(behind.max()) // block + 1
    first = np.where(rank < _TOP, rank, _TOP + behind // block)
    digits = [first, *[np.where(rank < _TOP, 0, within // base**place % base) for place in range(depth - 1, -1, -1)]]
    cells = np.stack(digits, axis=1)
    if missing:
        cells = np.vstack([cells, [[_TOP + groups] + [0] * depth]])
    return (_TOP + groups + missing, *[base] * depth), cells


def _grid(values: np.ndarray, decimals: int | None) -> float:
    """The step between neighbouring values of the column, 0 where there is none."""
    if decimals is None or len(values) < 2:
        return 0.0
    ticks = np.unique(np.rint(values * 10.0**decimals)).astype(np.int64)
    return int(max(np.gcd.reduce(np.diff(ticks)), 1)) / 10.0**decimals if len(ticks) > 1 else 10.0**-decimals


def _cells(values: np.ndarray, rows: int, grid: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the cells of a number begin and end, and how many values lie in each."""
    if not len(values):
        return np.zeros(1), np.zeros(1), np.zeros(1)
    unique, counts = np.unique(values, return_counts=True)
    most = max(1, min(_COARSE * _FINE, rows // _ROWS_A_CELL))
    spike = counts >= max(_SPIKE, len(values) / most)
    if grid:  # on a grid a value may stand alone sooner: many rows share it by nature
        spike |= counts >= max(_SPIKE_ON_GRID, len(values) / (2 * most))
    middle = np.cumsum(counts) - counts / 2
    share = np.floor(middle / len(values) * most).astype(np.int64)
    # a new cell begins where the share changes, and before and after each spike
    begins = np.ones(len(unique), bool)
    begins[1:] = (share[1:] != share[:-1]) | spike[1:] | spike[:-1]
    begins = _merged(begins, spike, counts)
    at = np.flatnonzero(begins)
    number = np.cumsum(begins) - 1
    low, high = unique[at].copy(), unique[np.append(at[1:], len(unique)) - 1].copy()
    if not grid:  # cells that touch meet half-way
        touch = ~spike[at[1:]] & ~spike[at[1:] - 1]
        meet = (low[1:] + high[:-1]) / 2
        low[1:], high[:-1] = np.where(touch, meet, low[1:]), np.where(touch, meet, high[:-1])
    return low, high, np.bincount(number, counts)


def _merged(begins: np.ndarray, spike: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Where cells begin once those with too few values have joined the one before, between the same spikes."""
    begins = begins.copy()
    held = 0
    for at in np.flatnonzero(begins):
        if at and not spike[at] and not spike[at - 1] and held < _ROWS_A_CELL:
            begins[at] = False
        stop = np.flatnonzero(begins[at + 1 :])
        end = at + 1 + stop[0] if len(stop) else len(begins)
        held = int(counts[at:end].sum()) + (0 if begins[at] else held)
    return begins


def _bins(rows: np.ndarray, total: int, missing: bool) -> tuple[tuple[int, ...], np.ndarray]:
    """Digits of a number's cells: one where cells are few, else bins of about equally many values, and the cell within."""
    if len(rows) + missing <= _SINGLE:
        return (len(rows) + missing,), np.arange(len(rows) + missing)[:, None]
    bins = int(np.clip(round(math.sqrt(total) / 2), 8, _COARSE))
    middle = np.cumsum(rows) - rows / 2
    share = np.floor(middle / rows.sum() * bins).astype(np.int64)
    large = rows >= rows.sum() / bins  # a value as frequent as a bin is one
    begins = np.ones(len(rows), bool)
    begins[1:] = (share[1:] != share[:-1]) | large[1:] | large[:-1]
    first = np.cumsum(begins) - 1
    within = np.arange(len(rows)) - np.flatnonzero(begins)[first]
    cells = np.stack([first, within], axis=1)
    if missing:
        cells = np.vstack([cells, [[first[-1] + 1, 0]]])
    return (int(cells[:, 0].max()) + 1, int(within.max()) + 1), cells
