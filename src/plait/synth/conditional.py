"""One variable given those before it: trees that choose among rows seen, and what of those rows is handed out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Self

import numpy as np

from plait.errors import ReadError
from plait.synth.predictors import Predictors, Scales, fit_predictors
from plait.synth.trees import Forest, grow
from plait.tabular import Variable

__all__ = ["TAGS", "Conditional"]

TAGS = 64  # rows bear one of so many tags; the same for all variables
_WAVES = 3  # cosines of a number's rank that trees aim at: its place, its spread, its skewness
_WIDEST = 12  # outputs for a category; more levels than these are mixed at random
_ATOM = 0.02  # share of rows from which a single value of a number counts as an atom
_MOST_ATOMS = 6
_SPIKE = 0.05  # share of rows with one value, from which a number is no sum of a linear predictor and a residual
_FINE = 20  # distinct values that a number needs for one
_SHARED = 0.25  # distinct values to rows, below which values come back and only values seen are handed out
_EXPLAINED = 0.5  # share of the mean deviation that the linear predictor takes away, for its residuals to be drawn
_RETRIES = 3
_MOST_KNOTS = 1000
_HUGE = 1e100


@dataclass(frozen=True)
class Residual:
    """How a linear predictor and a residual become a value.

    Args:
        knots: (values,) ascending: where each value of the support lies on the scale of the sum.
        grid: Whether the nearest value is handed out; what lies between two is rounded to the decimals otherwise.
    """

    knots: np.ndarray
    grid: bool


@dataclass(frozen=True)
class Conditional:
    """The distribution of one variable given some before it.

    A tree, one of several, leads to a leaf, and one of the leaf's rows gives its value; not a row that has given an earlier value of the
    same sample, as far as 64 tags tell rows apart. Where a linear predictor explains most of a number, leaves hold residuals, and the
    sum is put back on the grid and within the bounds of the values seen. Numbers whose values hardly ever repeat are moved by less than
    half the distance to the next value seen.

    Args:
        variable: Which.
        predictors: What it is foretold from.
        forest: Trees over the table's rows.
        entries: (entries,) what leaves hold: places in `support`, its length for missing; or residuals, NaN for missing.
        tags: (entries,) uint8, of the row each entry is from.
        support: (values,) the distinct values seen, ascending; of residuals without a grid, the least and the greatest.
        atoms: (values,) bool, which values were seen more than once; None where no value is to be moved.
        residual: How entries become values, where they are residuals.
    """

    variable: Variable
    predictors: Predictors
    forest: Forest
    entries: np.ndarray
    tags: np.ndarray
    support: np.ndarray
    atoms: np.ndarray | None = None
    residual: Residual | None = None

    @classmethod
    def fit(
        cls,
        variable: Variable,
        before: Sequence[Variable],
        columns: Mapping[str, np.ndarray],
        *,
        scales: Scales,
        table: np.ndarray,
        tags: np.ndarray,
        trees: int,
        leaf: int,
        share: float,
        rng: np.random.Generator,
    ) -> Self:
        """Learn from columns.

        Args:
            variable: To learn.
            before: Those it is foretold from.
            columns: variable name -> (rows,) float64.
            scales, table: Of the numbers; rows beyond them are written over.
            tags: (rows,) uint8.
            trees, leaf, share: As of `grow`.
            rng: Of everything drawn.
        """
        column = columns[variable.name]
        gone = np.isnan(column)
        here = column[~gone]
        support, place, count = np.unique(here, return_inverse=True, return_counts=True)
        aim = _aims(variable, gone, place, count, rng)
        scalings = [] if variable.discrete or len(support) < 2 else [_standardised(support, count), _scores(count)]
        linear_aims = []
        for scaling in scalings:
            linear_aims.append(np.full((len(column), 1), np.nan))
            linear_aims[-1][~gone, 0] = scaling[place]
        predictors, linear, taken = fit_predictors(table, scales, columns, before, aim, linear_aims or [aim], rng)
        atoms, residual = None, None
        values = np.full(len(column), len(support), np.min_scalar_type(len(support)))
        values[~gone] = place
        if linear is not None and scalings and _explains(linear[0], linear_aims[taken][:, 0], gone, count):
            values = (linear_aims[taken][:, 0] - linear[0]).astype(np.float32)
            _, place, seen = np.unique(values[~gone], return_inverse=True, return_counts=True)
            missing = [gone.astype(float)[:, None]] if gone.any() else []
            aim = np.concatenate([_waves(place, seen, gone), *missing], axis=1)
            grid = len(support) < _SHARED * len(here)
            kept = slice(None) if grid else [0, -1] if taken == 0 else _thinned(len(support))
            residual, support = Residual(scalings[taken][kept], grid), support[kept]
        elif not variable.discrete and len(here) >= _FINE and (count == 1).sum() > 0.5 * len(here):
            atoms = count > 1
        features = predictors.features(len(scales.names))
        forest, rows = grow(table, features, aim, trees=trees, leaf=leaf, share=share, rng=rng)
        return cls(variable, predictors, forest, values[rows], tags[rows], support, atoms, residual)

    def draw(
        self, table: np.ndarray, first: int, columns: Mapping[str, np.ndarray], used: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Values for rows whose earlier variables are known.

        Args:
            table: (numbers + room, rows) float32, its numbers in place; rows from `first` on are written over.
            first: How many numbers there are.
            columns: The earlier variables.
            used: (rows,) uint64, one bit for each tag that gave a value already; set anew here.
            rng: Of the draws.

        Returns:
            (rows,) float64, NaN for missing.
        """
        rows, trees = table.shape[1], len(self.forest.roots)
        linear = self.predictors.put(table, first, columns)
        tree = rng.integers(trees, size=rows, dtype=np.int8) if trees > 1 else np.zeros(rows, np.int8)
        node = self.forest.leaves(table, tree)
        start, count = self.forest.start.take(node), self.forest.count.take(node)
        pick = start + (rng.random(rows) * count).astype(np.int32)
        tag = self.tags.take(pick).astype(np.uint64)
        again = np.flatnonzero((used >> tag) & np.uint64(1))
        for _ in range(_RETRIES):
            if not len(again):
                break
            pick[again] = start[again] + (rng.random(len(again)) * count[again]).astype(np.int32)
            tag[again] = self.tags[pick[again]]
            again = again[((used[again] >> tag[again]) & np.uint64(1)) > 0]
        used |= np.uint64(1) << tag
        entry = self.entries.take(pick)
        if self.residual is not None and linear is not None:
            return self._snapped(self.residual, linear[0] + entry)
        if self.atoms is not None:
            return self._blurred(self.atoms, entry, rng)
        return np.append(self.support, np.nan).take(entry)

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """JSON and arrays; `restore` takes them."""
        p = self.predictors
        arrays = {**self.forest.arrays(), "entries": self.entries, "tags": self.tags, "support": self.support}
        arrays |= {"numbers": p.numbers, "mean": p.mean, "spread": p.spread, "crossed": p.crossed}
        arrays |= {f"codes.{place}": p.codes[name] for place, name in enumerate(p.encoded)}
        arrays |= {} if p.weights is None else {"weights": p.weights}
        arrays |= {} if p.products is None else {"products": p.products}
        arrays |= {} if self.atoms is None else {"atoms": self.atoms}
        arrays |= {} if self.residual is None else {"knots": self.residual.knots}
        arrays |= {f"values.{p.encoded.index(name)}": values for name, values in p.values.items()}
        grid = None if self.residual is None else self.residual.grid
        return {"encoded": list(p.encoded), "depth": self.forest.depth, "grid": grid}, arrays

    @classmethod
    def restore(cls, variable: Variable, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray], first: int) -> Self:
        """What `state` gave.

        Raises:
            ReadError: The arrays do not go together.
        """
        encoded = tuple(state["encoded"])
        codes = {name: arrays[f"codes.{place}"] for place, name in enumerate(encoded)}
        fixed = [arrays[name] for name in ("numbers", "mean", "spread")]
        few = {name: arrays[f"values.{place}"] for place, name in enumerate(encoded) if f"values.{place}" in arrays}
        predictors = Predictors(
            fixed[0], encoded, few, codes, fixed[1], fixed[2], arrays.get("weights"), arrays["crossed"], arrays.get("products")
        )
        entries, support, atoms = arrays["entries"], arrays["support"], arrays.get("atoms")
        residual = None if state["grid"] is None else Residual(arrays["knots"], bool(state["grid"]))
        forest = Forest.of(arrays, state["depth"], first + predictors.encodings + predictors.outputs, len(entries))
        sound = len(arrays["tags"]) == len(entries) and int(arrays["tags"].max(initial=0)) < TAGS
        sound = sound and (residual is not None or (entries.dtype.kind == "u" and int(entries.max(initial=0)) <= len(support)))
        sound = sound and (residual is None or (predictors.outputs == 1 and len(support) == len(residual.knots) >= 2))
        sound = sound and (atoms is None or len(atoms) == len(support))
        if not sound:
            raise ReadError(f"What is saved of {variable.name!r} does not go together: the file is damaged. Save it anew.")
        return cls(variable, predictors, forest, entries, arrays["tags"], support, atoms, residual)

    def _snapped(self, residual: Residual, sums: np.ndarray) -> np.ndarray:
        """On the grid and within the bounds of what was seen; NaN stays."""
        if residual.grid:
            middles = (residual.knots[1:] + residual.knots[:-1]) / 2
            return np.where(np.isnan(sums), np.nan, self.support.take(np.searchsorted(middles, sums)))
        values = np.interp(sums, residual.knots, self.support)
        return values if self.variable.decimals is None else np.round(values, self.variable.decimals)

    def _blurred(self, atoms: np.ndarray, entry: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Values seen once, moved by less than half the gap to their neighbours."""
        gaps = np.diff(self.support)
        below, above = np.r_[0.0, gaps, 0.0], np.r_[gaps, 0.0, 0.0]  # one more, for missing
        known = np.minimum(entry, len(self.support) - 1)
        shift = rng.random(len(entry)) - 0.5
        shift *= np.where(shift < 0, below.take(known), above.take(known)) * ~atoms.take(known)
        moved = self.support.take(known) + shift
        if self.variable.decimals is not None:
            moved = np.round(moved, self.variable.decimals)
        return np.where(entry == len(self.support), np.nan, moved)


def _aims(variable: Variable, gone: np.ndarray, place: np.ndarray, count: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What trees foretell, (rows, k): levels, or cosines of the rank and atoms; and whether the value is missing.

    A split that makes means of these apart makes distributions apart (as in distributional random forests, Cevid et al. 2022).
    """
    missing = [gone.astype(float)[:, None]] if gone.any() else []
    if variable.kind == "category":
        mixed = len(count) > _WIDEST
        codes = rng.choice([-1.0, 1.0], (len(count), _WIDEST)) / np.sqrt(_WIDEST) if mixed else np.eye(len(count))
        spread = np.zeros((len(gone), codes.shape[1]))
        spread[~gone] = codes[place]
        return np.concatenate([spread, *missing], axis=1)
    waves = _waves(place, count, gone)
    atoms = np.argsort(-count, kind="stable")[:_MOST_ATOMS] if len(count) > 2 * _MOST_ATOMS else np.zeros(0, np.int64)
    spikes = np.zeros((len(gone), len(atoms)))
    spikes[~gone] = place[:, None] == atoms
    return np.concatenate([waves, spikes[:, count[atoms] > _ATOM * len(gone)], *missing], axis=1)


def _standardised(support: np.ndarray, count: np.ndarray) -> np.ndarray:
    if (most := float(np.abs(support).max())) > _HUGE:  # whose squares overflow
        support = support / most
    mean = np.average(support, weights=count)
    return (support - mean) / max(float(np.sqrt(np.average((support - mean) ** 2, weights=count))), 1e-300)


def _scores(count: np.ndarray) -> np.ndarray:
    """Normal scores of ascending values that were seen so often."""
    normal = NormalDist()
    rank = (np.cumsum(count) - count / 2) / count.sum()
    places = np.linspace(1e-6, 1 - 1e-6, 4097)  # cheaper than a score for each
    inverse = np.array([normal.inv_cdf(place) for place in places])
    return np.interp(rank, places, inverse)


def _thinned(values: int) -> np.ndarray:
    return np.unique(np.linspace(0, values - 1, _MOST_KNOTS).round().astype(np.int64))


def _waves(place: np.ndarray, count: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Cosines of the ranks, (rows, k); 0 where missing."""
    rank = ((np.cumsum(count) - count / 2) / max(len(place), 1))[place]
    out = np.zeros((len(gone), _WAVES))
    out[~gone] = np.stack([np.sqrt(2) * np.cos(np.pi * k * rank) / k for k in range(1, _WAVES + 1)], axis=1)
    return out


def _explains(linear: np.ndarray, values: np.ndarray, gone: np.ndarray, count: np.ndarray) -> bool:
    """Whether most of a number without atoms lies in its linear predictor."""
    if len(count) < _FINE or count.max() > _SPIKE * len(values):
        return False
    here = values[~gone]
    return float(np.abs(here - linear[~gone]).mean()) < (1 - _EXPLAINED) * float(np.abs(here - np.median(here)).mean())
