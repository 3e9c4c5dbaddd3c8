"""A figure with its 95 % interval, and the intervals there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Estimate", "auc", "clustered", "correlation", "difference", "jackknife", "mean", "midranks", "share"]

_Z = 1.959964  # 95 %


@dataclass(frozen=True)
class Estimate:
    """One figure and where it may lie.

    Args:
        value: The figure.
        low, high: The ends of its 95 % interval.
    """

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, value: float, error: float, *, least: float = -math.inf, most: float = math.inf) -> Estimate:
        """value ± 1.96 standard errors, within what the figure can be."""
        return cls(float(value), float(max(least, value - _Z * error)), float(min(most, value + _Z * error)))

    @property
    def error(self) -> float:
        """The standard error that the interval stands for, by its longer side: the other one may end at what the figure can be."""
        return max(self.high - self.value, self.value - self.low) / _Z

    def alike(self, other: Estimate) -> bool:
        """Whether the two can't be told apart: their difference is within its 95 % interval."""
        return abs(self.value - other.value) <= _Z * math.hypot(self.error, other.error)

    def to_json(self) -> dict[str, float]:
        """Plain JSON."""
        return {"value": self.value, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def mean(values: np.ndarray, *, least: float = -math.inf, most: float = math.inf) -> Estimate:
    """The mean of independent values, normal interval."""
    error = float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else math.inf
    return Estimate.of(float(values.mean()), error, least=least, most=most)


def share(hits: float, total: float) -> Estimate:
    """A share of independent draws, Wilson's interval (1927)."""
    p, z2 = hits / total, _Z**2
    middle = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(p * (1 - p) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return Estimate(p, min(p, max(0.0, middle - half)), max(p, min(1.0, middle + half)))


def clustered(values: np.ndarray, clusters: np.ndarray) -> Estimate:
    """The mean of values of which those with the same cluster belong together (rows that share a nearest record).

    Args:
        values: (n,) numbers.
        clusters: (n,) integers from 0.
    """
    centre = float(values.mean())
    sums = np.bincount(clusters, values - centre)
    return Estimate.of(centre, math.sqrt(float(np.square(sums).sum())) / len(values))


def auc(negatives: np.ndarray, positives: np.ndarray) -> tuple[float, float]:
    """Area under the ROC curve and its variance (DeLong et al. 1988): how often a positive has the higher score, ties as one half."""
    ranks = midranks(np.concatenate([negatives, positives]))
    n, p = len(negatives), len(positives)
    below = (ranks[n:] - midranks(positives)) / n
    above = 1 - (ranks[:n] - midranks(negatives)) / p
    variance = (below.var(ddof=1) / p if p > 1 else 0.25) + (above.var(ddof=1) / n if n > 1 else 0.25)
    return float(below.mean()), float(variance + 0.25 / (n * p))  # at 1.0 too it is not known for certain


def correlation(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Pearson's correlation and its standard error from the influence of each row; 0 where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    if scale <= 1e-12 * max(len(a), 1):
        return 0.0, 0.0
    a, b = a / math.sqrt(float(a @ a) / len(a)), b / math.sqrt(float(b @ b) / len(b))
    r = float(a @ b) / len(a)
    influence = a * b - 0.5 * r * (a * a + b * b)
    return r, float(influence.std()) / math.sqrt(len(a))


def difference(one: tuple[float, float], other: tuple[float, float]) -> Estimate:
    """The distance between two figures of independent tables, each (value, standard error); never below 0."""
    gap, error = abs(one[0] - other[0]), math.hypot(one[1], other[1])
    return Estimate.of(gap, error, least=0.0)


def jackknife(whole: float, without: np.ndarray, *, least: float = 0.0, most: float = math.inf) -> Estimate:
    """A figure with the interval of the delete-a-group jackknife.

    Args:
        whole: Of all rows.
        without: (groups,) the figure of all rows but those of one group.
    """
    groups = len(without)
    error = math.sqrt((groups - 1) / groups * float(np.square(without - without.mean()).sum()))
    return Estimate.of(whole, error, least=least, most=most)


def midranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks from 1, ties sharing their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]
