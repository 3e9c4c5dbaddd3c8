"""Rows as points, so that near means alike; nearest neighbours among them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plait.extras import require
from plait.metrics.table import Table

__all__ = ["Points", "Space", "nearest", "same_rows"]

_LEVELS = 40  # of a category that have an axis of their own


@dataclass(frozen=True)
class Space:
    """Numbers as their share of the real values below (so that no scale counts), categories as corners one apart, missing as an axis.

    Components of an image or a series keep their proportions; the first is as wide as a number.

    Args:
        axes: variable name -> sorted real values, the commonest codes, or the one scale of a component.
        nominal: Names of those that are codes.
        made: Names of components.
    """

    axes: dict[str, np.ndarray]
    nominal: frozenset[str]
    made: frozenset[str]

    @classmethod
    def of(cls, *tables: Table) -> Space:
        """The space in which these real rows are spread."""
        first, axes = tables[0], {}
        widest: dict[str, float] = {}
        for v in first.variables:
            column = np.concatenate([t.columns[v.name] for t in tables])
            column = column[~np.isnan(column)]
            if v.name in first.made:
                axes[v.name] = np.array([widest.setdefault(v.stream, float(column.std()) * 12**0.5 or 1.0)])
            elif v.kind == "category":
                codes, counts = np.unique(column, return_counts=True)
                axes[v.name] = np.sort(codes[np.argsort(-counts, kind="stable")[:_LEVELS]])
            else:
                axes[v.name] = np.sort(column)
        return cls(axes, frozenset(v.name for v in first.variables if v.kind == "category"), first.made)

    def __call__(self, table: Table) -> np.ndarray:
        """(rows, axes) float32."""
        return np.column_stack([part for v in table.variables for part in self._axes(v.name, table.columns[v.name], v.missing)]).astype(
            np.float32
        )

    def _axes(self, name: str, column: np.ndarray, lacking: bool) -> list[np.ndarray]:
        gone, known = np.isnan(column), self.axes[name]
        missing = [gone * 0.5] if lacking else []  # in any of the tables, so that all have the same axes
        if name in self.made:
            return [column / known[0]]
        if name in self.nominal:
            return [(column == code) / 2**0.5 for code in known] + missing
        if not len(known):
            return [np.where(gone, 0.0, 1.0)]
        share = (np.searchsorted(known, column, "left") + np.searchsorted(known, column, "right")) / (2 * len(known))
        return [np.where(gone, 0.5, share), *missing]


@dataclass(frozen=True)
class Points:
    """Found neighbours.

    Args:
        distance: (rows, count).
        row: (rows, count) which of the points looked among.
    """

    distance: np.ndarray
    row: np.ndarray


def nearest(among: np.ndarray, of: np.ndarray, count: int = 1) -> Points:
    """The nearest points of each, nearest first.

    Args:
        among: (points, axes).
        of: (rows, axes).
        count: How many.
    """
    neighbors = require("sklearn.neighbors", extra="synth", purpose="plait.compare")
    tree = among.shape[1] <= 12
    finder = neighbors.NearestNeighbors(n_neighbors=min(count, len(among)), algorithm="kd_tree" if tree else "brute").fit(among)
    distance, row = finder.kneighbors(of)
    return Points(distance, row)


def same_rows(*matrices: np.ndarray) -> list[np.ndarray]:
    """For each matrix (rows,) int: which distinct row it is, counted over all of them; missing values are alike."""
    together = np.concatenate(matrices).astype(np.float64) + 0.0  # -0.0 is 0.0
    together[np.isnan(together)] = np.nan  # one bit pattern
    rows = np.ascontiguousarray(together).view(np.dtype((np.void, together.dtype.itemsize * together.shape[1]))).ravel()
    _, which = np.unique(rows, return_inverse=True)
    return np.split(which, np.cumsum([len(m) for m in matrices])[:-1])
