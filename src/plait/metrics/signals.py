"""Are images and series as they really are: fidelity, diversity, and whether they show what their label says.

Every measure is taken on features that are computed here, without any download: the principal components of the real images or series,
and, where there is a class to tell, the hidden layer of a small network trained on the real ones to tell it. Fréchet distance after Heusel
et al. 2017 (https://arxiv.org/abs/1706.08500), within each class where there are classes. What it doesn't do: components are linear, so
that fine texture, and what moves from place to place, is seen less well than by a network trained on millions of photographs.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np

from plait.extras import require
from plait.metrics.coverage import SCALES, neighbourhoods
from plait.metrics.detection import SCALE as AUC, detect
from plait.metrics.distances import Space
from plait.metrics.estimate import Estimate, jackknife, share
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line
from plait.metrics.table import Table
from plait.report import Finding
from plait.tabular import Variable

__all__ = ["frechet", "signals"]

DISTANCE = Scale("Fréchet distance", slack=0.02)
LABELS = Scale("labels agreed", slack=0.03, best="high")
_MOST, _GROUPS, _DIMENSIONS = 4000, 20, 8
_FEWEST = 25  # rows of a class on either side
_CLASSES = 50


def signals(sides: Sides) -> list[Finding]:
    """For each image or series: two-sample AUC, precision, recall, density, coverage, Fréchet distance, agreement with the classes."""
    labels = [v for v in sides.real.plain if _is_class(v)]
    targets = [v for v in labels if v.role == "target"] or labels
    return [finding for stream in sides.real.signals for finding in _stream(stream, sides, targets[:1])]


def frechet(real: np.ndarray, other: np.ndarray) -> float:
    """Squared Fréchet distance of the normal distributions with the means and covariances of these points, over the variance of `real`.

    Args:
        real, other: (rows, axes).
    """
    a, b = np.atleast_2d(np.cov(real.T)), np.atleast_2d(np.cov(other.T))
    values, vectors = np.linalg.eigh(a)
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ b @ root), 0)).sum()
    apart = float(np.square(real.mean(axis=0) - other.mean(axis=0)).sum())
    return max(0.0, apart + float(np.trace(a) + np.trace(b) - 2 * cross)) / (float(np.trace(a)) or 1.0)


def _stream(stream: str, sides: Sides, labels: list[Variable]) -> list[Finding]:
    rng = sides.rng(f"signals {stream}")
    names = [v.name for v in sides.real.variables if v.stream == stream]
    rows = np.arange(min(_MOST, len(sides.real)))
    tables = {who: _present(table.take(rows), names) for who, table in {"real": sides.real, **sides.rivals}.items()}
    rivals = ("synthetic", "floor", "ceiling")
    found = {who: detect(tables["real"], tables[who], rng, names=names).auc for who in rivals}
    value = found["synthetic"]
    message = f"Gradient-boosted trees tell synthetic from real {stream} with an AUC of {value}, by {len(names)} principal components."
    remedy = f"look at {stream} beside real ones: plait.show(synthetic)"
    findings = [line("signal-detection", stream, message, scale=AUC, found=found, remedy=remedy)]
    findings += _around(stream, {who: table.only(stream) for who, table in tables.items()}, remedy)
    points, how, said = _features(tables, names, labels, rng)
    findings.append(_distance(stream, tables, points, labels, how, rng, remedy))
    if said is not None:
        findings.append(_labels(stream, tables, labels[0], said))
    return findings


def _is_class(variable: Variable) -> bool:
    if variable.discrete:
        return 2 <= len(variable.levels or ()) <= _CLASSES
    return variable.kind == "integer" and 0 <= variable.low < variable.high < _CLASSES


def _present(table: Table, names: list[str]) -> Table:
    gone = np.isnan(table.columns[names[0]])
    return table.take(np.flatnonzero(~gone)) if gone.any() else table


def _around(stream: str, tables: dict[str, Table], remedy: str) -> list[Finding]:
    space = Space.of(tables["real"])
    points = {who: space(table) for who, table in tables.items()}
    found = {who: neighbourhoods(points["real"], points[who]) for who in ("synthetic", "floor", "ceiling")}
    findings = []
    for name, (scale, words) in SCALES.items():
        rivals = {who: figures[name] for who, figures in found.items()}
        message = f"{scale.name.capitalize()} of {stream}: {rivals['synthetic']} {words}."
        findings.append(line(f"signal-{name}", stream, message, scale=scale, found=rivals, remedy=remedy))
    return findings


def _features(
    tables: dict[str, Table], names: list[str], labels: list[Variable], rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], str, dict[str, np.ndarray] | None]:
    """(rows, axes) features of each table, what they are, and the class said for each row where there are classes."""
    raw = {who: table.matrix(names) for who, table in tables.items()}
    scale = float(raw["real"][:, 0].std()) or 1.0
    points, said, how = {who: x / scale for who, x in raw.items()}, None, "principal components"
    if labels and (network := _network(points["real"], tables["real"].columns[labels[0].name], rng)) is not None:
        hidden, guess = network
        said = {who: guess(x) for who, x in points.items()}
        points = {who: hidden(x) for who, x in points.items()}
        how = f"features of a small network that was trained on the real ones to tell {labels[0].name}"
    centre = points["real"].mean(axis=0)
    axes = np.linalg.svd(points["real"] - centre, full_matrices=False)[2][:_DIMENSIONS]
    return {who: (x - centre) @ axes.T for who, x in points.items()}, how, said


Map = Callable[[np.ndarray], np.ndarray]


def _network(x: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> tuple[Map, Map] | None:
    """A network of one hidden layer, trained to tell the classes: its hidden layer, and the class it says."""
    here = ~np.isnan(codes)
    if here.sum() < 2 * _FEWEST or len(np.unique(codes[here])) < 2:
        return None
    networks = require("sklearn.neural_network", extra="synth", purpose="plait.compare")
    model = networks.MLPClassifier((48,), alpha=1e-3, max_iter=60, random_state=int(rng.integers(2**31)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it need not converge
        model.fit(x[here], codes[here].astype(np.int64))
    return lambda points: np.maximum(points @ model.coefs_[0] + model.intercepts_[0], 0.0), model.predict


def _distance(
    stream: str,
    tables: dict[str, Table],
    points: dict[str, np.ndarray],
    labels: list[Variable],
    how: str,
    rng: np.random.Generator,
    remedy: str,
) -> Finding:
    groups = {who: rng.permutation(np.arange(len(x)) % _GROUPS) for who, x in points.items()}
    codes = {who: table.columns[labels[0].name] if labels else np.zeros(len(table)) for who, table in tables.items()}
    counts = {who: {float(k): int((c == k).sum()) for k in np.unique(c[~np.isnan(c)])} for who, c in codes.items()}
    matched = [k for k in counts["real"] if all(n.get(k, 0) >= _FEWEST for n in counts.values())]
    within = labels and len(matched) > 1

    def apart(who: str, without: int | None) -> float:
        rows, others = (groups[name] != without for name in ("real", who))
        if not within:
            return frechet(points["real"][rows], points[who][others])
        each = [frechet(points["real"][rows & (codes["real"] == k)], points[who][others & (codes[who] == k)]) for k in matched]
        return float(np.average(each, weights=[counts["real"][k] for k in matched]))

    found: dict[str, Estimate] = {
        who: jackknife(apart(who, None), np.array([apart(who, g) for g in range(_GROUPS)])) for who in ("synthetic", "floor", "ceiling")
    }
    where = f" within each of {len(matched)} classes of {labels[0].name}" if within else ""
    message = f"The Fréchet distance{where} between synthetic and real {stream} is {found['synthetic']} of the real variance, in {how}."
    return line("frechet", stream, message, scale=DISTANCE, found=found, remedy=remedy)


def _labels(stream: str, tables: dict[str, Table], label: Variable, said: dict[str, np.ndarray]) -> Finding:
    """How often a network trained on real rows says the class that the row bears."""
    found = {}
    for who in ("synthetic", "floor", "ceiling"):
        codes = tables[who].columns[label.name]
        here = ~np.isnan(codes)
        found[who] = share(float((said[who][here] == codes[here]).sum()), max(1, int(here.sum())))
    value = found["synthetic"]
    message = f"A small network trained on real {stream} says the {label.name} that synthetic ones bear with a share of {value}."
    remedy = f"look whether {stream} shows its {label.name}"
    return line("labels", stream, message, scale=LABELS, found=found, remedy=remedy)
