"""What a variable is foretold from: the variables before it as rows of float32, categories by what follows from their levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from plait.synth.linear import ABSENT, FOLDS, fit_linear, linear_predictor, standardised
from plait.tabular import Variable

__all__ = ["Predictors", "Scales"]

_MOST = 32  # predictors of one variable
_MOST_VALUES = 64  # of a number that is encoded like a category, beside being a number
_PRIOR = 10.0  # rows of the whole table that each level is mixed with
_LONG = 50.0  # times the distance of the quartiles, from which tails are bent
_END = 1e30
_MOST_HALF = float(np.finfo(np.float64).max) / 2


@dataclass(frozen=True)
class Scales:
    """How numbers are put on a scale that float32, and trees, tell apart well: their quartiles lie at about -1/2 and 1/2.

    Args:
        names: Of the variables that are numbers, in order: the first rows of every table.
        center, width: (numbers,) float64, the median and the distance of the quartiles.
        bent: (numbers,) bool, whether tails are so long that the inverse hyperbolic sine is taken.
        mean, spread: (numbers,) float64, on that scale.
    """

    names: tuple[str, ...]
    center: np.ndarray
    width: np.ndarray
    bent: np.ndarray
    mean: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, columns: Mapping[str, np.ndarray], variables: Sequence[Variable]) -> Self:
        """From columns of float64, NaN where missing."""
        names = tuple(v.name for v in variables if not v.discrete or v.kind == "ordered")
        found = [_scale(columns[name]) for name in names]
        center, width, bent, mean, spread = (np.array([f[k] for f in found], float) for k in range(5))
        return cls(names, center, width, bent > 0, mean, spread)

    def put(self, table: np.ndarray, name: str, column: np.ndarray) -> None:
        """Write a column into its row of the table, where it has one."""
        if name in self.names:
            row = self.names.index(name)
            scaled = _scaled(column, self.center[row], self.width[row], bool(self.bent[row]))
            scaled[np.isnan(scaled)] = ABSENT
            table[row] = scaled


@dataclass(frozen=True)
class Predictors:
    """What one variable is foretold from. Rows of the table: numbers (`Scales`), then levels' encodings, then a linear predictor.

    A level is encoded by how the variable behaves where it occurs (target encoding), in up to two directions. The linear predictor is a
    ridge regression on all of these and on products of the numbers. Both are cross-fitted: a training row's own value has no part in
    its own encoding.

    Args:
        numbers: Rows of the table that are numbers.
        encoded: names of categories, and of numbers with few values.
        values: name -> (levels,) float64, what the levels of those numbers are.
        codes: name -> (levels + 1, directions) float32, the last for missing.
        mean, spread: (numbers + encodings,) that the linear predictor standardises with.
        weights: (1 + numbers + encodings, outputs), or None where there is no linear predictor.
        crossed: Which of the standardised predictors are multiplied with each other.
        products: (outputs, crossed, crossed).
    """

    numbers: np.ndarray
    encoded: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]
    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray | None
    crossed: np.ndarray
    products: np.ndarray | None

    @property
    def outputs(self) -> int:
        """Of the linear predictor."""
        return 0 if self.weights is None else self.weights.shape[1]

    @property
    def encodings(self) -> int:
        """Rows that categories take."""
        return sum(codes.shape[1] for codes in self.codes.values())

    def features(self, first: int) -> np.ndarray:
        """Rows of the table that trees may ask about; encodings begin with row `first`."""
        return np.concatenate([self.numbers, first + np.arange(self.encodings + self.outputs)]).astype(np.int64)

    def put(self, table: np.ndarray, first: int, columns: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Write encodings and linear predictor into the table; return the latter, (outputs, rows) float32."""
        row = first
        for name in self.encoded:
            codes = self.codes[name]
            level = _level(columns[name], self.values.get(name), len(codes) - 1)
            for direction in range(codes.shape[1]):
                table[row] = codes[:, direction].take(level)
                row += 1
        if self.weights is None:
            return None
        standard = standardised(table[np.concatenate([self.numbers, np.arange(first, row)])], self.mean, self.spread)
        linear = linear_predictor(standard, self.weights, self.crossed, self.products)
        table[row : row + len(linear)] = linear
        return linear


def fit_predictors(
    table: np.ndarray,
    scales: Scales,
    columns: Mapping[str, np.ndarray],
    before: Sequence[Variable],
    aim: np.ndarray,
    linear_aims: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[Predictors, np.ndarray | None, int]:
    """Predictors, and the table with the cross-fitted rows of the training data.

    Args:
        table: (numbers + room, rows) float32 with the numbers in place; encodings and linear predictor are written into it.
        scales: Of the numbers.
        columns: Of the variables before.
        before: The variables before.
        aim: (rows, k) what trees aim at.
        linear_aims: (rows, k) each, what the linear predictor may aim at, NaN where missing; the one it explains most of is taken.
        rng: Of the folds.

    Returns:
        The predictors, the cross-fitted linear predictor, (outputs, rows), and which aim it has.
    """
    first = len(scales.names)
    fold = rng.integers(FOLDS, size=table.shape[1])
    numbers = np.array([scales.names.index(v.name) for v in before if v.name in scales.names], np.int64)
    values = {v.name: _few(columns[v.name]) for v in before if v.name in scales.names}
    values = {name: found for name, found in values.items() if found is not None}
    levels = {v.name: len(values.get(v.name, v.levels or ())) for v in before}
    encodings = {
        v.name: _encode(_level(columns[v.name], values.get(v.name), levels[v.name]), levels[v.name], aim, fold)
        for v in before
        if v.name in values or v.name not in scales.names
    }
    numbers, kept = _strongest(table, numbers, encodings, aim)
    codes = {name: encodings[name][0] for name in kept}
    row = first
    for name in kept:
        crossfitted = encodings[name][1]
        table[row : row + len(crossfitted)] = crossfitted
        row += len(crossfitted)
    rows = np.concatenate([numbers, np.arange(first, row)])
    encoded = table[first:row].astype(np.float64)
    mean = np.concatenate([scales.mean[numbers], encoded.mean(axis=1)])
    spread = np.concatenate([scales.spread[numbers], np.maximum(encoded.std(axis=1), 1e-12)])
    values = {name: found for name, found in values.items() if name in kept}
    plain = Predictors(numbers, tuple(kept), values, codes, mean, spread, None, np.zeros(0, np.int64), None)
    if not len(rows):
        return plain, None, 0
    standard = standardised(table[rows], mean, spread)
    tried = [fit_linear(standard, linear_aim, fold) for linear_aim in linear_aims]
    taken = max(range(len(tried)), key=lambda k: tried[k][0])
    explained, weights, crossed, products, crossfitted = tried[taken]
    if not explained:
        return plain, None, 0
    table[row : row + len(crossfitted)] = crossfitted
    return Predictors(numbers, tuple(kept), values, codes, mean, spread, weights, crossed, products), crossfitted, taken


def room(variables: Sequence[Variable]) -> int:
    """Rows that a table needs beside those of the numbers."""
    return 2 * min(len(variables), 2 * _MOST) + 2


def _scale(column: np.ndarray) -> tuple[float, float, bool, float, float]:
    here = column[~np.isnan(column)]
    if not len(here):
        return 0.0, 1.0, False, 0.0, 1.0
    low, center, high = (float(q) for q in np.quantile(here, [0.25, 0.5, 0.75]))
    apart = np.abs(here / 2 - center / 2)  # halves, as the whole may be more than a float64 holds
    half = high / 2 - low / 2 if high > low else float(np.median(apart[apart > 0])) if (apart > 0).any() else 0.5
    width = min(half, _MOST_HALF) * 2 or 1.0
    bent = bool(apart.max() / _LONG > half)
    scaled = _scaled(here, center, width, bent)
    return center, width, bent, float(scaled.mean()), max(float(scaled.std()), 1e-12)


def _scaled(column: np.ndarray, center: float, width: float, bent: bool) -> np.ndarray:
    with np.errstate(over="ignore"):
        scaled = (column / 2 - center / 2) / (width / 2 or width)
    return np.arcsinh(np.clip(scaled, -_END, _END, out=scaled), out=scaled) if bent else np.clip(scaled, -_END, _END, out=scaled)


def _few(column: np.ndarray) -> np.ndarray | None:
    """The values of a number that has few, each often; a curve over them need not rise or fall."""
    values = np.unique(column[~np.isnan(column)])
    return values if 3 <= len(values) <= _MOST_VALUES and len(column) > 20 * len(values) else None


def _level(column: np.ndarray, values: np.ndarray | None, missing: int) -> np.ndarray:
    """Which level each row has; of a number, the nearest value from below."""
    if values is None:
        return np.nan_to_num(column, nan=missing).astype(np.int64)
    place = np.maximum(np.searchsorted(values, column, side="right") - 1, 0)
    return np.where(np.isnan(column), missing, place)


def _encode(level: np.ndarray, levels: int, aim: np.ndarray, fold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes (levels + 1, directions), and the rows' cross-fitted codes (directions, rows)."""
    mean, k = aim.mean(axis=0), aim.shape[1]
    cell = level * FOLDS + fold
    count = np.bincount(cell, minlength=(levels + 1) * FOLDS).reshape(levels + 1, FOLDS).astype(float)
    total = np.stack([np.bincount(cell, aim[:, j] - mean[j], minlength=(levels + 1) * FOLDS) for j in range(k)], axis=1)
    total = total.reshape(levels + 1, FOLDS, k)
    counts = count.sum(axis=1)
    whole = total.sum(axis=1) / (counts + _PRIOR)[:, None]
    _, strength, directions = np.linalg.svd(whole * np.sqrt(counts)[:, None], full_matrices=False)
    used = max(1, int((strength[:2] > 1e-6 * max(strength[0], 1e-300)).sum()))
    directions = directions[:used].T
    other = (total.sum(axis=1, keepdims=True) - total) / (counts[:, None] - count + _PRIOR)[:, :, None]
    apart = np.where((counts < 50 * FOLDS)[:, None, None], other, whole[:, None, :]) @ directions
    return (whole @ directions).astype(np.float32), apart[level, fold].T.astype(np.float32)


def _strongest(table: np.ndarray, numbers: np.ndarray, encodings: Mapping[str, Any], aim: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """At most so many predictors: those with the highest correlation with an aim."""
    if len(numbers) + len(encodings) <= _MOST:
        return numbers, list(encodings)
    centred = (aim - aim.mean(axis=0)) / np.maximum(aim.std(axis=0), 1e-12)
    strength = {int(row): _correlation(table[row], centred) for row in numbers}
    named = {name: max(_correlation(row, centred) for row in rows) for name, (_, rows) in encodings.items()}
    limit = sorted([*strength.values(), *named.values()])[-_MOST]
    return np.array([row for row in strength if strength[row] >= limit], np.int64), [name for name in named if named[name] >= limit]


def _correlation(row: np.ndarray, centred: np.ndarray) -> float:
    values = row.astype(np.float64)
    spread = values.std()
    return float(np.abs((values - values.mean()) @ centred).max() / (len(row) * spread)) if spread > 0 else 0.0
