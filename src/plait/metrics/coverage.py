"""Do synthetic rows lie where real ones do, everywhere they do: neighbourhoods, rare levels, tails.

Precision and recall after Kynkäänniemi et al. 2019 (https://arxiv.org/abs/1904.06991), density and coverage after Naeem et al. 2020
(https://arxiv.org/abs/2002.09797), with the 5 nearest neighbours, in the space of `plait.metrics.distances`.
"""

from __future__ import annotations

import math

import numpy as np

from plait.metrics.distances import Space
from plait.metrics.estimate import Estimate, mean, share
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.report import Finding, Level

__all__ = ["coverage", "neighbourhoods"]

SCALES = {
    "precision": (Scale("precision", slack=0.04, best="high"), "of the synthetic rows lie among real ones"),
    "recall": (Scale("recall", slack=0.04, best="high"), "of the real rows lie among synthetic ones"),
    "density": (Scale("density", slack=0.05, best="high"), "is how densely synthetic rows lie where real ones do, 1 being as densely"),
    "coverage": (Scale("coverage", slack=0.04, best="high"), "of the real rows have a synthetic one in their neighbourhood"),
}
TAILS = Scale("tails misplaced", slack=0.25)
_NEIGHBOURS, _MOST, _FEWEST = 5, 4000, 12
_BLOCK = 1000
_TAIL = 0.01


def coverage(sides: Sides) -> list[Finding]:
    """Precision, recall, density and coverage; rare levels; tails."""
    return [*_around(sides), _rare(sides), _tails(sides)]


def neighbourhoods(real: np.ndarray, other: np.ndarray) -> dict[str, Estimate]:
    """Precision, recall, density, coverage of the points `other` beside the points `real`, with normal intervals of independent rows."""
    real_radius, other_radius = _radius(real), _radius(other)
    inside, reached, held = np.zeros(len(other), np.int64), np.zeros(len(real), bool), np.zeros(len(real), bool)
    for start in range(0, len(other), _BLOCK):
        part = slice(start, start + _BLOCK)
        distance = _squares(other[part], real)
        within = distance <= real_radius
        inside[part] = within.sum(axis=1)
        reached |= within.any(axis=0)
        held |= (distance <= other_radius[part, None]).any(axis=0)
    return {
        "precision": share(float((inside > 0).sum()), len(other)),
        "recall": share(float(held.sum()), len(real)),
        "density": mean(inside / _NEIGHBOURS, least=0.0),
        "coverage": share(float(reached.sum()), len(real)),
    }


def _around(sides: Sides) -> list[Finding]:
    n = min(_MOST, len(sides.real))
    if n < _FEWEST:
        message = f"Coverage can't be measured: {n} rows of each are too few for neighbourhoods; {_FEWEST} are needed."
        return [unanswered("coverage", "coverage", message, "give more rows")]
    space, rows = Space.of(sides.real), np.arange(n)
    real = space(sides.real.take(rows))
    found = {who: neighbourhoods(real, space(table.take(rows))) for who, table in sides.rivals.items()}
    findings = []
    for name, (scale, words) in SCALES.items():
        value = found["synthetic"][name]
        amount = f"{value} {words}." if name == "density" else f"{value.value:.1%} ({value.low:.1%} to {value.high:.1%}) {words}."
        rivals = {who: figures[name] for who, figures in found.items()}
        remedy = (
            "rows where no real ones are: look at what gives the table away"
            if name in ("precision", "density")
            else "real rows without a like: sample more widely"
        )
        findings.append(
            line(
                name,
                name if name == "coverage" else f"coverage, {name}",
                amount,
                scale=scale,
                found=rivals,
                remedy=remedy,
                values={"rows": n},
            )
        )
    return findings


def _radius(points: np.ndarray) -> np.ndarray:
    """(points,) squared distance to the 5th nearest other point, and a hair's breadth, as equal points are at no distance."""
    k = min(_NEIGHBOURS, len(points) - 1)
    parts = [np.partition(_squares(points[s : s + _BLOCK], points), k, axis=1)[:, k] for s in range(0, len(points), _BLOCK)]
    return np.concatenate(parts) + 1e-6


def _squares(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.maximum(np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1)[None] - 2 * (a @ b.T), 0.0)


def _rare(sides: Sides) -> Finding:
    """Levels that real rows have and synthetic ones lack, and levels that no real row has."""
    variables = [v for v in sides.real.plain if v.discrete and sides.naming(v) is None]
    if not variables:
        return unanswered(
            "rare", "rare levels", "Rare levels: not applicable, as there are no categories whose levels recur.", level="pass"
        )
    known = [t for t in (sides.all_real, sides.train, sides.unseen) if t is not None]
    lacking, invented, rows = [], [], len(sides.all_synthetic)
    for v in variables:
        real = np.concatenate([t.columns[v.name] for t in known])
        shares = _shares(real, len(v.levels or ()))
        counts = _shares(sides.all_synthetic.columns[v.name], len(v.levels or ())) * rows
        lacking += [(float(shares[k]), v.name, v.shown(float(k))) for k in np.flatnonzero((counts == 0) & (shares * rows >= 8))]
        invented += [(float(counts[k] / rows), v.name, v.shown(float(k))) for k in np.flatnonzero((shares == 0) & (counts > 0))]
    level: Level = "pass"
    if lacking or invented:
        level = "fail" if sum(s for s, *_ in lacking) > 0.02 or sum(s for s, *_ in invented) > 0.01 else "warn"
    parts = [
        f"Synthetic rows lack {_listed(lacking)}, which real rows have." if lacking else "",
        f"They have {_listed(invented)}, which no real row has." if invented else "",
    ]
    message = " ".join(part for part in parts if part) or f"All levels of {len(variables)} categories that should occur do, and no others."
    figures = {"question": "rare", "lacking": [list(x) for x in lacking], "invented": [list(x) for x in invented]}
    remedy = "larger leaves blur rare levels away; fit on more rows, or leave the level out" if level != "pass" else ""
    return Finding(level, "rare levels", message, remedy, "rare", figures)


def _shares(codes: np.ndarray, levels: int) -> np.ndarray:
    here = codes[~np.isnan(codes)].astype(np.int64)
    return np.bincount(here, minlength=levels)[:levels] / max(len(codes), 1)


def _listed(found: list[tuple[float, str, str]]) -> str:
    some = ", ".join(f"{name} = {level} ({amount:.2%})" for amount, name, level in sorted(found, reverse=True)[:5])
    return some + (f" and {len(found) - 5} others" if len(found) > 5 else "")


def _tails(sides: Sides) -> Finding:
    """How much of the lowest and the highest hundredth of each number is misplaced; a larger part where rows are few."""
    part = max(_TAIL, 10 / len(sides.real))  # ten rows at least
    if part > 0.4:
        return unanswered("tails", "tails", f"Tails can't be measured: {len(sides.real)} rows of each are too few.", "give 40 rows or more")
    cuts = {v.name: cut for v in sides.real.plain if not v.discrete and (cut := _cuts(sides, v.name, part)) is not None}
    if not cuts:
        return unanswered("tails", "tails", "Tails: not applicable, as there are no numbers that vary.", level="pass")
    beyond = {
        who: {name: _beyond(t.columns[name], cut) for name, cut in cuts.items()} for who, t in {"real": sides.real, **sides.rivals}.items()
    }
    found = {who: _misplaced(beyond["real"], beyond[who], len(sides.real), part) for who in sides.rivals}
    worst = max(cuts, key=lambda name: float(np.abs(beyond["synthetic"][name] - beyond["real"][name]).max()))
    side = int(np.abs(beyond["synthetic"][worst] - beyond["real"][worst]).argmax())
    message = (
        f"Of the lowest and highest {part:.3g} of {len(cuts)} numbers, {found['synthetic'].value:.0%} ({found['synthetic'].low:.0%} to "
        f"{found['synthetic'].high:.0%}) is misplaced. Worst: {'above' if side else 'below'} {_cut(sides, worst, cuts[worst][side])} lie "
        f"{beyond['synthetic'][worst][side]:.2%} of {worst}, and {beyond['real'][worst][side]:.2%} of the real rows."
    )
    remedy = f"look at the histogram of {worst}"
    return line("tails", "tails", message, scale=TAILS, found=found, remedy=remedy, values={"worst": worst})


def _cuts(sides: Sides, name: str, part: float) -> np.ndarray | None:
    column = np.concatenate([sides.all_real.columns[name], sides.fresh.columns[name]])
    column = column[~np.isnan(column)]
    if len(column) < 20 or np.ptp(column) == 0:
        return None
    return np.quantile(column, [part, 1 - part])


def _cut(sides: Sides, name: str, value: float) -> str:
    variable = next(v for v in sides.real.plain if v.name == name)
    return variable.shown(value) if variable.kind == "date" else f"{value:.6g}"


def _beyond(column: np.ndarray, cut: np.ndarray) -> np.ndarray:
    column = column[~np.isnan(column)]
    return np.array([(column < cut[0]).mean(), (column > cut[1]).mean()]) if len(column) else np.zeros(2)


def _misplaced(real: dict[str, np.ndarray], other: dict[str, np.ndarray], rows: int, part: float) -> Estimate:
    p, q = (np.concatenate(list(side.values())) for side in (real, other))
    gap = float(np.abs(p - q).mean()) / part
    error = (
        math.sqrt(float(((p + q) / rows).mean())) / part / math.sqrt(len(p) / 2)
    )  # tails of one column are independent; columns may not be
    return Estimate.of(gap, error, least=0.0)
