"""How far a synthetic table is from real rows: detection, copying, dependence between targets, utility, support.

Detection, nearness, copies and utility are those of `plait.compare`; dependence is measured in numbers as they are, where `compare` takes
ranks first; support is only counted here.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
from datasets import as_dataset
from scipy.stats import spearmanr
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.model_selection import KFold
from tables import Columns, Table

from plait.metrics.detection import detect
from plait.metrics.distances import Space, same_rows
from plait.metrics.privacy import near
from plait.metrics.sides import Sides
from plait.metrics.table import Table as Typed
from plait.metrics.utility import utility
from plait.tabular import Schema

__all__ = ["dependence", "outside", "summary"]

_FOLDS = 4


def summary(table: Table, synthetic: Columns, *, seed: int = 0) -> dict[str, float]:
    """Every measure of one synthetic table by name; figures of real rows bear "real" or "held" in their name."""
    train, held, ours = _typed(table, table.train, table.held, synthetic)
    sides = Sides.of(held, ours, train=train, holdout=None, rows=len(held), seed=seed)
    errors = dependence(table, synthetic, seed=seed)
    found = {
        "auc": detect(held, ours, np.random.default_rng(seed)).auc.value,
        "near": _near(*_apart(table, synthetic)),
        "dep max": max(errors.values()),
        "dep mean": float(np.mean(list(errors.values()))),
        "copies": _copies(*_apart(table, synthetic)),
        "copies held": _copies(table, table.held),
        "outside": max(outside(table, synthetic).values()),
    }
    for finding in utility(sides):
        if finding.id in ("utility", "utility-chain"):
            share = finding.values.get("accuracy", {})  # of classes; R2 of numbers
            ends = {"synthetic": finding.values["value"], "ceiling": finding.values["ceiling"]["value"], **share}
            found |= {f"use {finding.about}": ends["synthetic"], f"use {finding.about} real": ends["ceiling"]}
    return found


def dependence(table: Table, synthetic: Columns, *, seed: int = 0) -> dict[tuple[str, str], float]:
    """For each pair of targets: how much the Spearman correlation of their residuals given the inputs differs from the held-out half's.

    E[y | x] is fitted inside each table by gradient boosting, cross-fitted. A category has a residual for each of its classes.
    """
    _, held, ours = _typed(table, table.train, table.held, synthetic)
    real, fake = _residuals(held, seed), _residuals(ours, seed)
    return {
        (a, b): abs(_spearman(fake[a], fake[b]) - _spearman(real[a], real[b]))
        for a, b in itertools.combinations(real, 2)
        if a.partition(" = ")[0] != b.partition(" = ")[0]
    }


def outside(table: Table, synthetic: Columns) -> dict[str, float]:
    """For each column the share of values beyond the range of the training half, or of levels that it lacks."""
    out = {}
    for name in table.names:
        real, ours = table.train[name], synthetic[name]
        if real.dtype.kind == "U":
            out[name] = float((~np.isin(ours, real)).mean())
        else:
            real, ours = (np.where(_gone(c), np.nan, c.astype("M8[D]").astype(float) if c.dtype.kind == "M" else c) for c in (real, ours))
            width = 1e-9 * max(1.0, float(np.nanmax(np.abs(real))))
            out[name] = float(((ours < np.nanmin(real) - width) | (ours > np.nanmax(real) + width)).mean())
    return out


def _typed(table: Table, *parts: Columns) -> list[Typed]:
    data = [as_dataset(table, part) for part in parts]
    schema = Schema.of(data[0], also=data[1:])
    return [Typed(schema.variables, schema.columns(part), part.keys) for part in data]


def _near(table: Table, rows: Columns) -> float:
    train, held, ours = _typed(table, table.train, table.held, rows)
    space = Space.of(train, held)
    return near(space(ours), space(train), space(held))[0].value


def _copies(table: Table, rows: Columns) -> float:
    train, ours = same_rows(*(part.matrix() for part in _typed(table, table.train, rows)))
    return float(np.isin(ours, train).mean())


def _apart(table: Table, synthetic: Columns) -> tuple[Table, Columns]:
    """Where the synthetic rows are the training half itself, half of the held-out rows in their place, and the rest to compare with."""
    name = table.names[0]
    if not np.shares_memory(synthetic[name], table.train[name]):
        return table, synthetic
    half = len(table.held[name]) // 2
    first, rest = ({n: column[part] for n, column in table.held.items()} for part in (slice(half), slice(half, 2 * half)))
    return replace(table, train={n: column[:half] for n, column in table.train.items()}, held=rest), first


def _residuals(table: Typed, seed: int) -> Columns:
    """Target, or target = class -> (rows,) what the inputs don't say about it; NaN where it is missing."""
    x, nominal = table.matrix(table.inputs), table.nominal(table.inputs)
    out: Columns = {}
    for target in table.targets:
        y = table.columns[target.name]
        here = ~np.isnan(y)
        codes = range(1, 2) if len(target.levels or ()) == 2 else range(min(len(target.levels or ()), 20))  # one of two classes says it all
        parts = {f"{target.name} = {target.shown(code)}": (y == code) * 1.0 for code in codes} if target.discrete else {target.name: y}
        said = {name: np.full(len(y), np.nan) for name in parts}
        for fit, test in KFold(_FOLDS, shuffle=True, random_state=seed).split(x):
            known = fit[here[fit]]
            if not target.discrete:
                model = HistGradientBoostingRegressor(categorical_features=nominal, random_state=seed).fit(x[known], y[known])
                said[target.name][test] = model.predict(x[test])
                continue
            chance = np.zeros((len(test), len(target.levels or ())))
            if len(found := np.unique(y[known]).astype(int)) > 1:
                model = HistGradientBoostingClassifier(categorical_features=nominal, random_state=seed).fit(x[known], y[known])
                chance[:, found] = model.predict_proba(x[test])
            else:
                chance[:, found] = 1.0
            for name, code in zip(parts, codes, strict=True):
                said[name][test] = chance[:, code]
        out |= {name: np.where(here, part - said[name], np.nan) for name, part in parts.items()}
    return out


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    here = ~(np.isnan(a) | np.isnan(b))
    if here.sum() < 3 or np.ptp(a[here]) == 0 or np.ptp(b[here]) == 0:
        return 0.0
    return float(spearmanr(a[here], b[here]).statistic)


def _gone(column: np.ndarray) -> np.ndarray:
    return np.isnat(column) if column.dtype.kind == "M" else np.isnan(column.astype(float))
