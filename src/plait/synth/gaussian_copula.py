"""A Gaussian copula: each column's own distribution, joined by the correlation of normal scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.extras import require
from plait.synth.learned import Learned, prepare
from plait.synth.margins import Margin
from plait.synth.orders import orders
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["GaussianCopula"]

_EDGE = 1e-5  # shares nearer to 0 or 1 stand for this: normal scores end at 4.3
_WIDE = 0.01  # a column in which no value has a greater mass is taken as continuous
_SWEEPS = 20  # of the fit, the second half of which is averaged
_GIVEN_SWEEPS = 10
_BLOCK = 8192  # rows drawn at once, so that they stay in the processor's cache


@final
class GaussianCopula(Learned):
    """Columns with the distribution they had, and the dependence of a normal distribution.

    Quick, private, and conditional on any subset of streams. What it can't hold: dependence that rises and falls again, interactions,
    and levels that are in no order (they are put in the best one). See `docs/learned.md` for what that means in figures.

    Args:
        schema, constraints, inner: As of `Learned`.
        margins: One for each variable of `inner`, in order.
        correlation: (variables, variables) of the normal scores.
    """

    kind: ClassVar[str] = "gaussian_copula"

    def __init__(self, schema: Schema, constraints: Constraints, inner: Schema, margins: Sequence[Margin], correlation: np.ndarray) -> None:
        super().__init__(schema, constraints, inner)
        self.margins, self.correlation = tuple(margins), correlation

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        progress: bool = True,
        most: int = 50_000,
    ) -> Self:
        """Learn from a data set.

        A value that repeats stands for an interval of normal scores. Where in it a row lies is drawn given the row's other columns, in
        turn with the correlation (Hoff 2007, "Extending the rank likelihood for semiparametric copula estimation"; here the margins are
        the empirical ones and the correlation is a mean over the last draws, so that its uncertainty is not kept). The correlation is
        shrunk towards none by as much as its own noise asks for (Schäfer and Strimmer 2005).

        Args:
            data: To learn from.
            seed: Of the draws.
            kinds: stream name -> kind, where another than the obvious is meant.
            constraints: What every sample obeys.
            progress: Taken like everywhere; there is nothing to wait for.
            most: Rows that the correlation is estimated on, chosen at random; the margins are those of all.

        Raises:
            ArgumentError, NameUnknownError, SpecError: As `Learned`, or `most` cannot be meant.
            MissingExtraError: SciPy is not installed.
        """
        if most < 2:
            raise ArgumentError(f"GaussianCopula.fit(most={most}): at least 2 rows are needed.")
        prepared = prepare("GaussianCopula", data, kinds, constraints, seed=seed)
        require("scipy.special", extra="synth", purpose="GaussianCopula")
        variables = {v.name: v for v in prepared.inner.variables}
        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 0])
        rows = np.sort(rng.permutation(len(prepared))[:most])
        chosen = orders(prepared.columns, variables, numbers=True, rows=rows)
        margins = [Margin.fit(prepared.columns[n], v, order=chosen.get(n)) for n, v in variables.items()]
        intervals = [m.interval(prepared.columns[n][rows]) for n, m in zip(variables, margins, strict=True)]
        correlation = _fitted(intervals, rng)
        return cls(prepared.schema, prepared.constraints, prepared.inner, margins, correlation)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        special = require("scipy.special", extra="synth", purpose="GaussianCopula")
        names = self.inner.names
        fixed = [k for k, name in enumerate(names) if name in given]
        free = [k for k, name in enumerate(names) if name not in given]
        known = self._known(given, fixed, n, rng) if fixed else np.zeros((n, 0))
        inside = self.correlation[np.ix_(fixed, fixed)]
        slopes = np.linalg.solve(inside, self.correlation[np.ix_(fixed, free)])  # of the others on those given
        rest = self.correlation[np.ix_(free, free)] - self.correlation[np.ix_(free, fixed)] @ slopes
        root = _root(rest)
        columns = {name: np.array(given[name], np.float64) if name in given else np.empty(n) for name in names}
        for start in range(0, n if free else 0, _BLOCK):
            rows = slice(start, min(start + _BLOCK, n))
            scores = rng.standard_normal((rows.stop - start, len(free))) @ root.T + known[rows] @ slopes
            shares = special.ndtr(scores.T)
            for place, k in enumerate(free):
                columns[names[k]][rows] = self.margins[k].from_uniform(shares[place])
        return columns

    def _known(self, given: Mapping[str, np.ndarray], fixed: Sequence[int], n: int, rng: np.random.Generator) -> np.ndarray:
        """(n, fixed) normal scores of what is given; those of values with a mass drawn given each other, by Gibbs sampling."""
        intervals = [self.margins[k].interval(given[self.inner.names[k]]) for k in fixed]
        low, high, scores = _scores(intervals, rng)
        if len(fixed) > 1:
            for _ in range(_GIVEN_SWEEPS):
                _sweep(scores, low, high, self.correlation[np.ix_(fixed, fixed)], rng)
        return scores

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        return {}, {"correlation": self.correlation, **Margin.many(self.margins)}

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        return cls(schema, constraints, inner, Margin.of_many(arrays, len(inner)), arrays["correlation"])


def _fitted(intervals: Sequence[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> np.ndarray:
    low, high, scores = _scores(intervals, rng)
    correlation = _correlation(scores)
    if not _wide(low, high).any() or len(intervals) == 1:
        return correlation
    kept = []
    for sweep in range(_SWEEPS):
        _sweep(scores, low, high, correlation, rng)
        correlation = _correlation(scores)
        if sweep >= _SWEEPS // 2:
            kept.append(correlation)
    return np.mean(kept, axis=0)


def _scores(intervals: Sequence[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows, columns) each: shares below and above, and a normal score at a random place between them."""
    special = require("scipy.special", extra="synth", purpose="GaussianCopula")
    low, high = (np.clip(np.column_stack(side), _EDGE, 1 - _EDGE) for side in zip(*intervals, strict=True))
    scores = special.ndtri(low + (high - low) * rng.random(low.shape))
    return low, high, scores


def _sweep(scores: np.ndarray, low: np.ndarray, high: np.ndarray, correlation: np.ndarray, rng: np.random.Generator) -> None:
    """Draw each score that lies in an interval anew, given the others of its row. In place."""
    special = require("scipy.special", extra="synth", purpose="GaussianCopula")
    precision = np.linalg.inv(correlation)
    for k in np.flatnonzero(_wide(low, high)).tolist():
        others = scores @ precision[k] - scores[:, k] * precision[k, k]
        mean, spread = -others / precision[k, k], precision[k, k] ** -0.5
        a, b = (special.ndtri(low[:, k]) - mean) / spread, (special.ndtri(high[:, k]) - mean) / spread
        flip = np.where(a + b > 0, -1.0, 1.0)  # the lower tail has the digits
        a, b = np.where(flip < 0, -b, a), np.where(flip < 0, -a, b)
        below, above = special.ndtr(a), special.ndtr(b)
        drawn = np.clip(special.ndtri(below + (above - below) * rng.random(len(a))), a, b)
        scores[:, k] = mean + spread * flip * drawn


def _wide(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return (high - low).max(axis=0, initial=0.0) > _WIDE


def _correlation(scores: np.ndarray) -> np.ndarray:
    """Of the columns, shrunk, and positive definite; a column of one value goes with none."""
    centred = scores - scores.mean(axis=0)
    spread = centred.std(axis=0)
    centred /= np.where(spread > 1e-9, spread, 1.0)
    found = centred.T @ centred / len(scores)
    off = found - np.diag(np.diag(found))
    noise = ((1 - off**2) ** 2 - np.eye(len(off))).sum() / max(len(scores) - 1, 1)
    shrunk = off * (1 - min(1.0, noise / max((off**2).sum(), 1e-12)))
    values, axes = np.linalg.eigh(shrunk + np.eye(len(off)))
    sound = (axes * np.maximum(values, 1e-6)) @ axes.T
    scale = np.sqrt(np.diag(sound))
    return sound / np.outer(scale, scale)


def _root(covariance: np.ndarray) -> np.ndarray:
    values, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(np.maximum(values, 0))
