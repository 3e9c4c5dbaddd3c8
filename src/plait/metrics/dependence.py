"""Are the targets as dependent on each other, given the inputs, as they really are?

Within each table E[y | x] is fitted by gradient-boosted trees, cross-fitted, for the ranks of a number and for each class of a category.
What is left is compared between the tables, pair by pair: its correlation (of ranks: Spearman's), and the dependence of any form, as
mutual information on the scale of a correlation (Linfoot 1957). Fitting inside each table matters: with one model for both, independent
columns would look right. What it doesn't do: targets whose spread changes with the inputs in the same way count as dependent, in every
table alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from plait.metrics.estimate import Estimate, correlation, difference, midranks
from plait.metrics.learners import Classifier, Regressor, folds
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.metrics.table import Table
from plait.report import Finding
from plait.tabular import Variable

__all__ = ["Residual", "dependence", "residuals"]

CORRELATION = Scale("difference in correlation", slack=0.03)
FORM = Scale("difference in dependence of any form", slack=0.06)
_FOLDS = 3
_LEVELS = 8  # classes of a target that are looked at one by one
_MOST = 8  # targets
_WORK = 30_000  # rows times targets that are fitted
_BINS = 5
_FEWEST = 30  # rows that hold both targets
_DRAWS = 200
_DOTS = 500


@dataclass(frozen=True)
class Residual:
    """What the inputs don't say about one target.

    Args:
        parts: What is left of it -> (rows,) numbers, NaN where the target is missing: one for a number, one for each class.
        ranks: (rows,) in [0, 1], for mutual information and plots; a class draws its place within its share of probability.
    """

    parts: dict[str, np.ndarray]
    ranks: np.ndarray


def dependence(sides: Sides) -> list[Finding]:
    """Two findings for each pair of targets: correlation given the inputs, and dependence of any form."""
    targets = sides.real.targets
    if len(targets) < 2:
        found = f"one target is a column, {targets[0].name!r}" if targets else "no target is a column"
        return [
            unanswered("dependence", "targets", f"Dependence between targets given the inputs: not applicable, as {found}.", level="pass")
        ]
    rng, chosen = sides.rng("dependence"), targets[:_MOST]
    rows = min(len(sides.real), max(1000, _WORK // len(chosen)))
    tables = {name: table.take(np.arange(rows)) for name, table in {"real": sides.real, **sides.rivals}.items()}
    left = {name: residuals(table, chosen, rng) for name, table in tables.items()}
    findings = []
    for a, b in combinations(chosen, 2):
        pair = {name: (r[a.name], r[b.name]) for name, r in left.items()}
        findings += _pair(a, b, pair, rng)
    if len(targets) > _MOST:
        rest = ", ".join(v.name for v in targets[_MOST:])
        message = f"Dependence is looked at between the first {_MOST} of {len(targets)} targets; not for {rest}."
        findings.append(unanswered("dependence", "targets", message, level="warn"))
    return findings


def residuals(table: Table, targets: list[Variable], rng: np.random.Generator) -> dict[str, Residual]:
    """target name -> what the inputs don't say about it, cross-fitted within this table."""
    x, nominal = table.matrix(table.inputs), table.nominal(table.inputs)
    return {v.name: _residual(v, x, nominal, table.columns[v.name], rng) for v in targets}


def _residual(variable: Variable, x: np.ndarray, nominal: np.ndarray, column: np.ndarray, rng: np.random.Generator) -> Residual:
    here = np.flatnonzero(~np.isnan(column))
    ranks = np.full(len(column), np.nan)
    if variable.kind != "category":
        left = np.full(len(column), np.nan)
        y = (midranks(column[here]) - 0.5) / max(len(here), 1)
        for fit, ask in folds(len(here), _FOLDS, rng):
            if len(fit):
                left[here[ask]] = y[ask] - Regressor(x[here[fit]], y[fit], nominal, seed=int(rng.integers(2**31)))(x[here[ask]])
        ranks[here] = midranks(left[here]) / max(len(here), 1)
        return Residual({variable.name: _ranked(left, here)}, ranks)
    levels = len(variable.levels or ())
    codes = column[here].astype(np.int64)
    chances = np.zeros((len(here), levels))
    for fit, ask in folds(len(here), _FOLDS, rng):
        if len(fit):
            model = Classifier(x[here[fit]], codes[fit], nominal, classes=levels, seed=int(rng.integers(2**31)))
            chances[ask] = model(x[here[ask]])
    below = np.cumsum(chances, axis=1)[np.arange(len(here)), codes]
    own = chances[np.arange(len(here)), codes]
    ranks[here] = np.clip(below - own * rng.random(len(here)), 0, 1)
    shown = range(1, 2) if levels == 2 else range(min(levels, _LEVELS))  # one of two classes says it all
    parts = {}
    for level in shown:
        left = np.full(len(column), np.nan)
        left[here] = (codes == level) - chances[:, level]
        parts[f"{variable.name} = {variable.shown(level)}"] = left
    return Residual(parts or {variable.name: np.full(len(column), np.nan)}, ranks)


def _ranked(left: np.ndarray, here: np.ndarray) -> np.ndarray:
    out = np.full(len(left), np.nan)
    out[here] = midranks(left[here]) / max(len(here), 1)
    return out


def _pair(a: Variable, b: Variable, pair: dict[str, tuple[Residual, Residual]], rng: np.random.Generator) -> list[Finding]:
    about = f"{a.name}, {b.name}"
    few = {name: n for name, (ra, rb) in pair.items() if (n := int((~np.isnan(ra.ranks + rb.ranks)).sum())) < _FEWEST}
    if few:
        counts = ", ".join(f"{'fresh real' if n == 'ceiling' else 'independent' if n == 'floor' else n} {k}" for n, k in few.items())
        message = f"Dependence between {a.name} and {b.name} can't be measured: fewer than {_FEWEST} rows hold both ({counts})."
        return [unanswered("dependence", about, message, "give more rows that hold both targets")]
    corr = {name: _correlations(*both) for name, both in pair.items()}
    gaps = {name: _worst_gap(corr["real"], corr[name]) for name in ("synthetic", "floor", "ceiling")}
    what, value = gaps["synthetic"]
    (real, _), (fake, _) = corr["real"][what], corr["synthetic"][what]
    message = (
        f"Given the inputs, {' and '.join(what)} correlate with {real:+.2f} in real and {fake:+.2f} in synthetic rows; "
        f"they differ by {value}."
    )
    remedy = "let each target be drawn given those before it: plait.Sequential.fit(train), plait.Autoregressive.fit(train)"
    figures = {"of": list(what), "real": real, "synthetic": fake, "dots": {n: _dots(*pair[n]) for n in ("real", "synthetic")}}
    findings = [
        line(
            "dependence",
            about,
            message,
            scale=CORRELATION,
            found={name: gap for name, (_, gap) in gaps.items()},
            remedy=remedy,
            values=figures,
        )
    ]
    form = {name: _information(*both, rng) for name, both in pair.items()}
    gap = {name: difference(form["real"], form[name]) for name in ("synthetic", "floor", "ceiling")}
    message = (
        f"Dependence of any form between {a.name} and {b.name} given the inputs is {form['real'][0]:.2f} in real and "
        f"{form['synthetic'][0]:.2f} in synthetic rows (0 none, 1 one decides the other); they differ by {gap['synthetic']}."
    )
    figures = {"real": form["real"][0], "synthetic": form["synthetic"][0]}
    return [*findings, line("dependence-form", about, message, scale=FORM, found=gap, remedy=remedy, values=figures)]


def _correlations(a: Residual, b: Residual) -> dict[tuple[str, str], tuple[float, float]]:
    """What of the one, what of the other -> correlation and its standard error."""
    both = ~np.isnan(a.ranks + b.ranks)
    return {(na, nb): correlation(pa[both], pb[both]) for na, pa in a.parts.items() for nb, pb in b.parts.items()}


def _worst_gap(
    real: dict[tuple[str, str], tuple[float, float]], other: dict[tuple[str, str], tuple[float, float]]
) -> tuple[tuple[str, str], Estimate]:
    gaps = {what: difference(real[what], other[what]) for what in real}
    worst = max(gaps, key=lambda what: gaps[what].value)
    return worst, gaps[worst]


def _information(a: Residual, b: Residual, rng: np.random.Generator) -> tuple[float, float]:
    """sqrt(1 - exp(-2 I)) of the ranks in 5 by 5 bins, without the bias of counting, and its standard error by multinomial draws."""
    both = ~np.isnan(a.ranks + b.ranks)
    n = int(both.sum())
    bins = [np.minimum((midranks(r.ranks[both]) - 0.5) / n * _BINS, _BINS - 1).astype(int) for r in (a, b)]
    counts = np.bincount(bins[0] * _BINS + bins[1], minlength=_BINS**2)
    draws = rng.multinomial(n, counts / n, size=_DRAWS)
    informed = _linfoot(np.concatenate([counts[None], draws]), n, twice=np.r_[False, np.ones(_DRAWS, bool)])
    return float(informed[0]), float(informed[1:].std())


def _linfoot(counts: np.ndarray, n: int, twice: np.ndarray) -> np.ndarray:
    p = counts.reshape(-1, _BINS, _BINS) / n
    outer = p.sum(axis=2, keepdims=True) * p.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        information = np.where(p > 0, p * np.log(p / outer), 0.0).sum(axis=(1, 2))
    bias = (_BINS - 1) ** 2 / (2 * n) * (1 + twice)  # draws from the counts carry it twice
    return np.sqrt(1 - np.exp(-2 * np.maximum(information - bias, 0.0)))


def _dots(a: Residual, b: Residual) -> list[list[float]]:
    rows = np.flatnonzero(~np.isnan(a.ranks + b.ranks))[:_DOTS]
    return [[round(float(x), 4), round(float(y), 4)] for x, y in zip(a.ranks[rows], b.ranks[rows], strict=True)]
