"""Is each pair of columns as it really is? Input with input, input with target, target with target."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist

import numpy as np

from plait.metrics.estimate import Estimate, jackknife
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.metrics.table import Table
from plait.report import Finding
from plait.tabular import Variable

__all__ = ["pairs"]

SCALE = Scale("total variation", slack=0.03)
WORST = Scale("total variation", slack=0.05)
_BINS, _GROUPS = 8, 20
_MOST = 1500  # pairs
_DOTS = 400


@dataclass(frozen=True)
class _Pair:
    """Two columns, and how far each rival is from real in them; each estimate with what it is without one group of rows."""

    a: Variable
    b: Variable
    whole: dict[str, float]
    without: dict[str, np.ndarray]  # (groups,)

    def estimate(self, rival: str, among: int) -> Estimate:
        """With an interval that holds for so many pairs at once (Bonferroni), as the worst of them was sought out."""
        found = jackknife(self.whole[rival], self.without[rival], most=1.0)
        return Estimate.of(found.value, found.error * NormalDist().inv_cdf(1 - 0.025 / among) / 1.96, least=0.0, most=1.0)


def pairs(sides: Sides) -> list[Finding]:
    """Two findings for each kind of pair: the mean over all pairs, and the worst pair."""
    variables = sides.real.plain
    every = list(combinations(variables, 2))
    if not every:
        return [unanswered("pairs", "pairs", "Pairs: not applicable, as fewer than two streams are columns.", level="pass")]
    rng = sides.rng("pairs")
    chosen = every if len(every) <= _MOST else [every[k] for k in np.sort(rng.choice(len(every), _MOST, replace=False))]
    codes = _codes(sides)
    groups = {who: rng.permutation(np.arange(len(table)) % _GROUPS) for who, table in _tables(sides).items()}
    measured = [_measure(a, b, codes, groups) for a, b in chosen]
    findings = []
    for kind, roles in (("input-input", {"input"}), ("input-target", {"input", "target"}), ("target-target", {"target"})):
        group = [pair for pair in measured if {pair.a.role, pair.b.role} == roles]
        if group:
            findings += _group(kind, group, sides)
    if len(chosen) < len(every):
        message = f"{len(chosen)} of {len(every)} pairs are looked at, drawn at random."
        findings.append(unanswered("pairs", "pairs", message, level="warn"))
    return findings


def _tables(sides: Sides) -> dict[str, Table]:
    return {"real": sides.real, **sides.rivals}


def _codes(sides: Sides) -> dict[str, dict[str, np.ndarray]]:
    """table -> column -> (rows,) bin from 0 to 8: eighths of the real values, the seven commonest levels and the others; missing is 8."""
    tables = _tables(sides)
    out: dict[str, dict[str, np.ndarray]] = {who: {} for who in tables}
    for v in sides.real.plain:
        real = sides.real.columns[v.name]
        real = real[~np.isnan(real)]
        if v.kind == "category":
            levels, counts = np.unique(real, return_counts=True)
            common = levels[np.argsort(-counts, kind="stable")[: _BINS - 1]]
            place = {float(level): k for k, level in enumerate(common)}
            for who, t in tables.items():
                column = t.columns[v.name]
                found, inverse = np.unique(column, return_inverse=True)
                bins = np.array([_BINS if np.isnan(value) else place.get(float(value), _BINS - 1) for value in found])
                out[who][v.name] = bins[inverse]
        else:
            edges = np.unique(np.quantile(real, np.arange(1, _BINS) / _BINS, method="inverted_cdf")) if len(real) else np.zeros(0)
            for who, t in tables.items():
                column = t.columns[v.name]
                out[who][v.name] = np.where(np.isnan(column), _BINS, np.searchsorted(edges, column, "left"))
    return out


def _measure(a: Variable, b: Variable, codes: dict[str, dict[str, np.ndarray]], groups: dict[str, np.ndarray]) -> _Pair:
    size = (_BINS + 1) ** 2
    counts = {}
    for who, columns in codes.items():
        cell = columns[a.name] * (_BINS + 1) + columns[b.name]
        counts[who] = np.bincount(groups[who] * size + cell, minlength=_GROUPS * size).reshape(_GROUPS, size)
    whole = {who: count.sum(axis=0) for who, count in counts.items()}
    without = {who: whole[who] - count for who, count in counts.items()}
    rivals = [who for who in counts if who != "real"]
    return _Pair(
        a,
        b,
        {who: float(_variation(whole["real"], whole[who])) for who in rivals},
        {who: _variation(without["real"], without[who]) for who in rivals},
    )


def _variation(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    p, q = (counts / np.maximum(counts.sum(axis=-1, keepdims=True), 1) for counts in (one, other))
    return 0.5 * np.abs(p - q).sum(axis=-1)


def _group(kind: str, group: list[_Pair], sides: Sides) -> list[Finding]:
    total = {
        who: jackknife(float(np.mean([p.whole[who] for p in group])), np.mean([p.without[who] for p in group], axis=0), most=1.0)
        for who in sides.rivals
    }
    if len(group) == 1:
        return [_worst(kind, group[0], sides, among=1)]
    ranked = sorted(group, key=lambda pair: pair.whole["ceiling"] - pair.whole["synthetic"])
    message = (
        f"Over {len(group)} pairs of columns, {kind}, the total variation between real and synthetic rows is "
        f"{total['synthetic']} on average."
    )
    figures = {"pairs": [_listed(pair) for pair in ranked]}
    mean = line("pairs", kind, message, scale=SCALE, found=total, remedy="look at the worst pair", values=figures)
    return [mean, _worst(kind, ranked[0], sides, among=len(group))]


def _listed(pair: _Pair) -> dict[str, object]:
    return {"a": pair.a.name, "b": pair.b.name, **pair.whole}


def _worst(kind: str, pair: _Pair, sides: Sides, *, among: int) -> Finding:
    alone, value = among == 1, pair.estimate("synthetic", among)
    which = f"The only pair, {kind}," if alone else f"The worst pair, {kind},"
    message = f"{which} is {pair.a.name} and {pair.b.name}, with a total variation of {value}."
    found = {who: pair.estimate(who, among) for who in sides.rivals}
    figures = {
        "of": [pair.a.name, pair.b.name],
        "pairs": [_listed(pair)] if alone else [],
        "dots": {who: _dots(table, pair) for who, table in (("real", sides.real), ("synthetic", sides.synthetic))},
        "levels": [_levels(v) for v in (pair.a, pair.b)],
    }
    about = f"{pair.a.name}, {pair.b.name}"
    return line("pair", about, message, scale=WORST, found=found, remedy="look at its plot", values=figures)


def _levels(variable: Variable) -> list[str] | None:
    return [str(level) for level in variable.levels] if variable.discrete and variable.levels else None


def _dots(table: Table, pair: _Pair) -> list[list[float]]:
    x, y = table.columns[pair.a.name], table.columns[pair.b.name]
    rows = np.flatnonzero(~np.isnan(x + y))[:_DOTS]
    return [[float(a), float(b)] for a, b in zip(x[rows], y[rows], strict=True)]
