"""Is each column, taken alone, as it really is? Necessary, and no more: independent columns pass."""

from __future__ import annotations

import math

import numpy as np

from plait.metrics.estimate import Estimate
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.report import Finding, Level
from plait.tabular import Variable

__all__ = ["marginals", "shape_distance"]

KS, TV = Scale("Kolmogorov-Smirnov distance", slack=0.03), Scale("total variation", slack=0.03)
_ATOM = 0.02  # share of a value that is an atom of a number
_BINS, _LEVELS = 24, 12  # of a histogram
_LEVELS_OF: tuple[Level, ...] = ("pass", "warn", "fail")


def marginals(sides: Sides) -> list[Finding]:
    """One finding a column: distance of the distributions, atoms, range left, values never seen, missing share."""
    return [_column(sides, variable) for variable in sides.real.plain]


def shape_distance(real: np.ndarray, other: np.ndarray, *, discrete: bool) -> Estimate:
    """Kolmogorov-Smirnov distance of numbers, total variation of codes, from the values that are there."""
    levels = np.unique(np.concatenate([real, other]))
    p, q = (np.bincount(np.searchsorted(levels, part), minlength=len(levels)) / len(part) for part in (real, other))
    if discrete:
        distance = 0.5 * float(np.abs(p - q).sum())
        a, b = float(p[p > q].sum()), float(q[p > q].sum())
    else:
        below, under = np.cumsum(p), np.cumsum(q)
        at = int(np.abs(below - under).argmax())
        a, b = float(below[at]), float(under[at])
        distance = abs(a - b)
    error = math.sqrt(max(0.0, a * (1 - a)) / len(real) + max(0.0, b * (1 - b)) / len(other))
    return Estimate.of(distance, error, least=0.0, most=1.0)


def _column(sides: Sides, variable: Variable) -> Finding:
    name = variable.name
    columns = {who: table.columns[name] for who, table in {"real": sides.real, **sides.rivals}.items()}
    here = {who: column[~np.isnan(column)] for who, column in columns.items()}
    gone = {who: float(np.isnan(column).mean()) for who, column in columns.items()}
    empty = [who for who in ("real", "synthetic", "ceiling") if not len(here[who])]
    if empty:
        if len(empty) == 3:
            return unanswered("marginals", name, "has no value, in real and synthetic rows alike.", level="pass")
        who = {"ceiling": "fresh real"}.get(empty[0], empty[0])
        return unanswered(
            "marginals", name, f"can't be compared: no {who} row has a value of it.", f"leave {name!r} out, or give its values"
        )
    if (part := sides.naming(variable)) is not None:
        level, text = _missing(gone, len(sides.real))
        message = f"{text} Its levels can't be compared: {part:.0%} of its values name one real row each.".strip()
        return unanswered("marginals", name, message, f"leave {name!r} out of the data set", level="fail" if level == "fail" else "warn")
    distance = {
        who: shape_distance(here["real"], here[who], discrete=variable.kind == "category") for who in ("synthetic", "floor", "ceiling")
    }
    remarks = [_missing(gone, len(sides.real)), *_values(sides, variable, here)]
    scale = TV if variable.kind == "category" else KS
    loud = " ".join(text for level, text in sorted(remarks, key=lambda r: -_LEVELS_OF.index(r[0])) if level != "pass")
    noted = " ".join(text for level, text in remarks if text and level == "pass")
    message = f"{loud} The {scale.name} between real and synthetic values is {distance['synthetic']}. {noted}".strip()
    figures = {
        "kind": variable.kind, "role": variable.role, "missing": {"real": gone["real"], "synthetic": gone["synthetic"]},
        "histogram": _histogram(variable, here["real"], here["synthetic"]),
    }  # fmt: skip
    found = line("marginals", name, message, scale=scale, found=distance, values=figures)
    level: Level = max([found.level, *(level for level, _ in remarks)], key=_LEVELS_OF.index)
    remedy = f"look at the histogram of {name}" if level != "pass" else ""
    return Finding(level, name, found.message, remedy, found.id, found.values)


def _missing(gone: dict[str, float], rows: int) -> tuple[Level, str]:
    real, fake = gone["real"], gone["synthetic"]
    if not real and not fake:
        return "pass", ""
    level = _graded(abs(real - fake), math.sqrt((real * (1 - real) + fake * (1 - fake)) / rows), 0.02, 0.1)
    return level, f"{fake:.1%} of the synthetic values are missing, and {real:.1%} of the real ones."


def _values(sides: Sides, variable: Variable, here: dict[str, np.ndarray]) -> list[tuple[Level, str]]:
    """Remarks on atoms, range and values that never occur, for what is no category."""
    if variable.discrete:
        return []
    everything = [t.columns[variable.name] for t in (sides.all_real, sides.train, sides.unseen) if t is not None]
    known = np.unique(np.concatenate([column[~np.isnan(column)] for column in everything]))
    fake = here["synthetic"]
    outside = float(((fake < known[0]) | (fake > known[-1])).mean())
    remarks: list[tuple[Level, str]] = [_atoms(variable, here)]
    if outside:
        ends = f"{variable.shown(known[0])} to {variable.shown(known[-1])}"
        usual = 2 / (sum(map(len, everything)) + 1)  # of fresh real values
        level = _graded(outside - usual, 1.5 * math.sqrt(max(outside, usual) / len(fake)), 0.002, 0.02)
        remarks.append((level, f"{outside:.1%} leave the range of all real values, {ends}."))
    new = {who: float((~np.isin(here[who], known)).mean()) for who in ("synthetic",)}
    beyond = float((~np.isin(here["ceiling"], here["real"])).mean())
    if beyond < 0.05 and new["synthetic"] > 0.01:
        level = _graded(new["synthetic"], math.sqrt(new["synthetic"] / len(fake)), 0.02, 0.1)
        remarks.append((level, f"{new['synthetic']:.1%} are values that no real row has, though real values recur."))
    return remarks


def _atoms(variable: Variable, here: dict[str, np.ndarray]) -> tuple[Level, str]:
    """Single values that hold a share of their own, zeros above all."""
    real, fake = here["real"], here["synthetic"]
    candidates = np.unique(np.concatenate([_common(real), _common(fake)]))
    if not len(candidates) or len(candidates) > 1 / _ATOM / 2:
        return "pass", ""
    shares = [(float(value), float((real == value).mean()), float((fake == value).mean())) for value in candidates]
    value, p, q = max(shares, key=lambda share: abs(share[1] - share[2]))
    level = _graded(abs(p - q), math.sqrt(p * (1 - p) / len(real) + q * (1 - q) / len(fake)), 0.02, 0.1)
    return level, "" if level == "pass" else f"{q:.1%} are exactly {variable.shown(value)}, and {p:.1%} of the real ones."


def _common(values: np.ndarray) -> np.ndarray:
    found, counts = np.unique(values, return_counts=True)
    return found[counts >= max(2, _ATOM * len(values))]


def _graded(gap: float, error: float, warns: float, fails: float) -> Level:
    if gap - 3 * error <= 0 or gap <= warns:
        return "pass"
    return "fail" if gap > fails else "warn"


def _histogram(variable: Variable, real: np.ndarray, fake: np.ndarray) -> dict[str, object]:
    """Shares of the values in bins, of real and synthetic rows: one bin a level, or a value, or a stretch of numbers."""
    values = np.unique(np.concatenate([real, fake]))
    if variable.discrete or (len(values) <= _BINS and variable.kind != "date"):
        counts = {who: np.array([(part == v).mean() for v in values]) for who, part in (("real", real), ("synthetic", fake))}
        kept = np.arange(len(values))
        if variable.kind == "category":
            kept = np.argsort(-(counts["real"] + counts["synthetic"]), kind="stable")[:_LEVELS]
        elif len(values) > _BINS:
            kept = kept[:_BINS]
        labels = [variable.shown(float(values[k])) for k in kept]
        shares = {who: [float(count[k]) for k in kept] for who, count in counts.items()}
        if len(kept) < len(values):
            labels.append(f"{len(values) - len(kept)} others")
            shares = {who: [*part, max(0.0, 1 - sum(part))] for who, part in shares.items()}
        return {"labels": labels, **shares}
    low, high = np.quantile(real, [0.005, 0.995])
    if high <= low:
        low, high = float(values[0]), float(values[-1])
    edges = np.linspace(low, high, _BINS + 1)
    shares = {
        who: (np.histogram(np.clip(part, low, high), edges)[0] / len(part)).tolist() for who, part in (("real", real), ("synthetic", fake))
    }
    return {"edges": edges.tolist(), "ends": [variable.shown(float(low)), variable.shown(float(high))], **shares}
