"""Can a classifier tell synthetic rows from real ones, and what gives them away?

A two-sample test by classifier (Lopez-Paz and Oquab 2017, https://arxiv.org/abs/1610.06545): gradient-boosted trees, fitted and tried on
different rows. Linear classifiers are not used: they can't see missing dependence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from plait.metrics.estimate import Estimate, auc
from plait.metrics.learners import Classifier, folds
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.metrics.table import Table
from plait.report import Finding

__all__ = ["Detected", "detect", "detection"]

SCALE = Scale("AUC", slack=0.03)
_FOLDS, _FEWEST = 4, 20
_SHOWN = 8  # rows that give the table away
_TRIED = 1500  # rows of a fold on which a column is shuffled


@dataclass(frozen=True)
class Detected:
    """What a two-sample test found.

    Args:
        auc: How often a synthetic row looks more synthetic than a real one: 0.5 where they can't be told apart.
        suspicion: (real rows + synthetic rows,) probability of being synthetic, by trees that haven't seen the row.
        drops: column name -> how much of the AUC is lost when the column is shuffled among the rows.
    """

    auc: Estimate
    suspicion: np.ndarray
    drops: dict[str, float]


def detection(sides: Sides) -> list[Finding]:
    """One finding: the AUC between its anchors, the columns and the rows that give the table away."""
    if len(sides.real) < _FEWEST:
        message = f"Rows can't be told apart or not: {len(sides.real)} of each are too few; {_FEWEST} are needed."
        return [unanswered("detection", "detection", message, "give more rows")]
    rng = sides.rng("detection")
    found = {name: detect(sides.real, rival, rng, explain=name == "synthetic") for name, rival in sides.rivals.items()}
    seen = found["synthetic"]
    ranked = sorted(seen.drops.items(), key=lambda item: -item[1])
    telling = [name for name, drop in ranked if drop > 0.01 and seen.auc.value > 0.5 + SCALE.slack][:3]
    by = f"{', '.join(telling)} give{'s' if len(telling) == 1 else ''} most of it away." if telling else "No single column gives it away."
    message = f"Gradient-boosted trees tell synthetic from real rows with an AUC of {seen.auc}; 0.5 is a coin. {by}"
    values = {
        "rows": len(sides.real),
        "columns": [{"name": name, "drop": drop} for name, drop in ranked],
        "giveaways": _giveaways(sides, seen),
        "suspicion": _histograms(seen.suspicion, len(sides.real)),
    }
    remedy = (
        f"look at {', '.join(telling)} in the plots below, alone and in pairs" if telling else "look at the rows that give the table away"
    )
    areas = {name: detected.auc for name, detected in found.items()}
    return [line("detection", "detection", message, scale=SCALE, found=areas, remedy=remedy, values=values)]


def detect(real: Table, other: Table, rng: np.random.Generator, *, explain: bool = False, names: list[str] | None = None) -> Detected:
    """Tell two tables apart, cross-fitted; the AUC is the mean over the folds, with DeLong's interval.

    Args:
        real, other: Tables of about as many rows.
        rng: Of folds and shuffles.
        explain: Also find out which columns matter.
        names: Columns to look at; all when left out.
    """
    names = real.names if names is None else names
    matrix = np.concatenate([real.matrix(names), other.matrix(names)])
    nominal = real.nominal(names)
    is_other = np.repeat([0, 1], [len(real), len(other)])
    suspicion, areas = np.zeros(len(matrix)), []
    drops: dict[str, list[float]] = {name: [] for name in names if explain}
    for fit, ask in _both_folds(len(real), len(other), rng):
        model = Classifier(matrix[fit], is_other[fit], nominal, classes=2, seed=int(rng.integers(2**31)))
        suspicion[ask] = model(matrix[ask])[:, 1]
        areas.append(auc(suspicion[ask][is_other[ask] == 0], suspicion[ask][is_other[ask] == 1]))
        if explain:
            _shuffle(model, matrix, is_other, rng.permutation(ask)[:_TRIED], drops, rng)
    value = float(np.mean([area for area, _ in areas]))
    error = math.sqrt(sum(variance for _, variance in areas)) / len(areas)
    return Detected(Estimate.of(value, error, least=0.0, most=1.0), suspicion, {name: float(np.mean(d)) for name, d in drops.items()})


def _both_folds(real: int, other: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """Folds with equal shares of both tables."""
    pairs = zip(folds(real, _FOLDS, rng), folds(other, _FOLDS, rng), strict=True)
    return [(np.concatenate([a, real + b]), np.concatenate([c, real + d])) for (a, c), (b, d) in pairs]


def _shuffle(
    model: Classifier, matrix: np.ndarray, is_other: np.ndarray, rows: np.ndarray, drops: dict[str, list[float]], rng: np.random.Generator
) -> None:
    """How much worse the model does on these rows when one column is shuffled (Breiman 2001)."""
    x, truth = matrix[rows], is_other[rows]
    if truth.min() == truth.max():
        return
    before = _area(model(x)[:, 1], truth)
    for place, name in enumerate(drops):
        shuffled = x.copy()
        shuffled[:, place] = rng.permutation(shuffled[:, place])
        drops[name].append(before - _area(model(shuffled)[:, 1], truth))


def _area(score: np.ndarray, truth: np.ndarray) -> float:
    return auc(score[truth == 0], score[truth == 1])[0]


def _giveaways(sides: Sides, seen: Detected) -> dict[str, object]:
    """The synthetic rows that look most synthetic, and the real rows that look most real: what there is too much and too little of."""
    n = len(sides.real)
    synthetic = np.argsort(-seen.suspicion[n:], kind="stable")[:_SHOWN]
    real = np.argsort(seen.suspicion[:n], kind="stable")[: _SHOWN // 2]
    return {
        "columns": [v.name for v in sides.real.plain],
        "synthetic": [_row(sides.synthetic, int(row), float(seen.suspicion[n + row])) for row in synthetic],
        "real": [_row(sides.real, int(row), float(seen.suspicion[row])) for row in real],
    }


def _row(table: Table, row: int, suspicion: float) -> dict[str, object]:
    key = table.keys[row]
    shown = [v.shown(float(table.columns[v.name][row])) for v in table.plain]
    return {"key": key if isinstance(key, (int, str)) else str(key), "suspicion": suspicion, "values": shown}


def _histograms(suspicion: np.ndarray, real: int) -> dict[str, list[int]]:
    edges = np.linspace(0, 1, 21)
    parts = {"real": suspicion[:real], "synthetic": suspicion[real:]}
    return {name: np.histogram(part, edges)[0].tolist() for name, part in parts.items()}
