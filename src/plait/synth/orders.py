"""In which order the levels of a category stand, for methods that see only order: by what they go with in the other columns."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.tabular.variables import Variable

__all__ = ["orders"]

_PASSES = 3
_WEIGHT = 20.0  # a level of so many rows counts half: the mean of a rare one is noise
_FEW = 60  # a number of at most so many values may stand in another order than its own
_ROWS = 20  # and has so many rows a value
_GAIN = 0.05  # of explained variance, summed over the other columns, for which it does


def orders(
    columns: Mapping[str, np.ndarray], variables: Mapping[str, Variable], *, numbers: bool = False, rows: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """name -> the values in order, for each category of more than two levels, and each number that gains by it.

    Levels are ordered by their place on the first axis of the between-level means of the other columns' ranks (the first step of
    optimal scaling; Gifi 1990), so that what goes with high values stands at one end. Pure.

    Args:
        columns: (rows,) float64 each, NaN where missing.
        variables: What they mean.
        numbers: Whether numbers of few values, such as the hour of the day, are ordered too where that explains more.
        rows: What to look at; all by itself.
    """
    chosen = slice(None) if rows is None else rows
    ranks = {name: _ranks(column[chosen]) for name, column in columns.items()}
    nominal = [n for n in columns if variables[n].kind == "category" and len(variables[n].levels or ()) > 2]
    found: dict[str, np.ndarray] = {}
    few = [n for n in columns if n not in nominal and not variables[n].discrete] if numbers else []
    coded = {name: _codes(columns[name], variables[name]) for name in [*nominal, *few]}
    own = {name: ranks[name] for name in few}
    for _ in range(_PASSES):
        for name in [*nominal, *few]:
            codes, levels = coded[name][0][chosen], coded[name][1]
            if len(levels) < 3 or (name in few and len(levels) > min(_FEW, len(codes) / _ROWS)):
                continue
            others = np.column_stack([r for n, r in ranks.items() if n != name]) if len(ranks) > 1 else np.zeros((len(codes), 1))
            order = _order(codes, len(levels), others)
            place = np.empty(len(order))
            place[order] = np.arange(len(order))
            placed = np.where(codes < 0, np.nan, place[codes])
            if name in few and _explained(_ranks(placed), others) < _explained(own[name], others) + _GAIN:
                continue
            ranks[name] = _ranks(placed)
            found[name] = levels[order]
    return found


def _order(codes: np.ndarray, count: int, others: np.ndarray) -> np.ndarray:
    """Levels from one end of the first axis to the other."""
    here = codes >= 0
    rows = np.bincount(codes[here], minlength=count).astype(np.float64)
    means = np.column_stack([np.bincount(codes[here], other[here], minlength=count) for other in others.T]) / (rows[:, None] + _WEIGHT)
    axes, _, _ = np.linalg.svd(np.sqrt(rows)[:, None] * means, full_matrices=False)
    scores = axes[:, 0] / np.sqrt(np.maximum(rows, 1))
    return np.argsort(scores * (1 if scores.sum() >= 0 else -1), kind="stable")


def _explained(ranks: np.ndarray, others: np.ndarray) -> float:
    return float(((ranks @ others / len(ranks)) ** 2).sum())


def _ranks(column: np.ndarray) -> np.ndarray:
    """Mid-ranks with mean 0 and variance 1; missing values below all others; 0 for a column of one value."""
    _, inverse, counts = np.unique(np.nan_to_num(column, nan=-np.inf, neginf=-np.inf), return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - counts / 2)[inverse]
    spread = ranks.std()
    return (ranks - ranks.mean()) / spread if spread else np.zeros(len(column))


def _codes(column: np.ndarray, variable: Variable) -> tuple[np.ndarray, np.ndarray]:
    gone = np.isnan(column)
    if variable.discrete:
        return np.where(gone, -1, np.nan_to_num(column)).astype(np.int64), np.arange(len(variable.levels or ()), dtype=np.float64)
    levels, inverse = np.unique(column[~gone], return_inverse=True)
    codes = np.full(len(column), -1)
    codes[~gone] = inverse
    return codes, levels
