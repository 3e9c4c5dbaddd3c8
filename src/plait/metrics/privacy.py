"""Do synthetic rows lie nearer to the rows the synthesizer was fitted on than to rows it has never seen?

The share of synthetic rows whose nearest real row is a training row, where training and unseen rows count alike (distance to closest
record; Platzer and Reutterer 2021, https://arxiv.org/abs/2104.00635); exact copies; and an attack that tells members of the training set
by their distance to the nearest synthetic row (Chen et al. 2020, https://arxiv.org/abs/1909.03935). None of this is a privacy guarantee.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from plait.metrics.distances import Points, Space, nearest, same_rows
from plait.metrics.estimate import Estimate, auc, clustered, share
from plait.metrics.sides import Sides, is_seen, repeats
from plait.metrics.standing import Scale, line, unanswered
from plait.metrics.table import Table
from plait.report import Finding
from plait.tabular import Variable

__all__ = ["near", "privacy"]

NEAR = Scale(
    "share near to training rows",
    slack=0.02,
    passes=0.9,
    fails=0.8,
    floor="training rows themselves",
    ceiling="unseen real rows",
    strict=True,
)
ATTACK = replace(NEAR, name="AUC of the attack", slack=0.03)
_CAVEAT = "This is not a privacy guarantee."
_REMEDY = "fit with larger leaves, fewer epochs or on more rows"
_QUERIES, _ANCHOR_QUERIES, _KNOWN, _CANDIDATES, _SHOWN = 5000, 2000, 50_000, 2500, 5
_FEWEST = 20


def privacy(sides: Sides) -> list[Finding]:
    """Findings: nearness to training rows, exact copies, columns whose values name training rows, and a membership attack."""
    if sides.train is None:
        return _without_train(sides)
    overlap = _seen_before(sides.unseen, sides.train)
    if overlap is not None:
        return [overlap]
    if len(sides.unseen) < _FEWEST or len(sides.train) < _FEWEST:
        message = (
            f"Privacy can't be measured: there are {len(sides.unseen)} unseen real rows and {len(sides.train)} training rows; "
            f"{_FEWEST} of each are needed. {_CAVEAT}"
        )
        return [unanswered("privacy", "privacy", message, "give more rows")]
    rng = sides.rng("privacy")
    space = Space.of(sides.train, sides.unseen)
    known = _at_most(sides.train, _KNOWN, rng)
    seen_share = len(known) / len(sides.train)
    spots = {"train": space(known), "unseen": space(_at_most(sides.unseen, _KNOWN, rng)), "synthetic": space(sides.all_synthetic)}
    return [
        _near(sides, known, spots, seen_share, rng),
        *(_near_signal(stream, sides, known, seen_share, rng) for stream in sides.real.signals),
        _copies(sides, sides.train, sides.unseen),
        *(_named(v, part, sides, sides.train) for v in sides.real.plain if (part := sides.naming(v)) is not None),
        _attack(spots, rng),
    ]


def near(synthetic: np.ndarray, train: np.ndarray, unseen: np.ndarray, *, of: float = 1.0) -> tuple[Estimate, Points, np.ndarray]:
    """How near synthetic rows are to training rows: 0.5 where they are no nearer than to unseen ones, 1 where each is a copy.

    With T training and U unseen rows a row that was drawn independently of both has its nearest neighbour among the training rows with
    probability T / (T + U), whatever its distribution. What is beyond that is brought to a scale on which equal numbers have 0.5. Rows
    that are equal share.

    Args:
        synthetic, train, unseen: (rows, axes) points.
        of: Share of the training rows that `train` holds.

    Returns:
        The figure, its interval from rows that share a nearest neighbour as clusters; neighbours; (rows,) which of them are training rows.
    """
    which = np.concatenate(same_rows(train, unseen))
    first = np.unique(which, return_index=True)[1]
    counts = np.bincount(which[: len(train)], minlength=len(first)), np.bincount(which[len(train) :], minlength=len(first))
    found = nearest(np.concatenate([train, unseen])[first], synthetic)
    record = found.row[:, 0]
    trained = (counts[0] / (counts[0] + counts[1]))[record]
    even = len(train) / len(which)
    raw = clustered(trained, np.unique(record, return_inverse=True)[1])
    scale = 0.5 / (1 - even) / of
    value = 0.5 + scale * (raw.value - even)
    return Estimate.of(value, scale * raw.error), Points(found.distance, first[found.row]), trained


def _near(sides: Sides, known: Table, spots: dict[str, np.ndarray], of: float, rng: np.random.Generator) -> Finding:
    rows = rng.permutation(len(spots["synthetic"]))[:_QUERIES]
    rivals, found = _rivals(spots, rows, of, rng)
    message = (
        "On a scale on which 0.5 is no nearer to training rows than to unseen ones and 1 a copy, "
        f"synthetic rows have {rivals['synthetic']}. {_CAVEAT}"
    )
    figures: dict[str, object] = {
        "rows": len(rows),
        "distances": _distances(spots, rows, rng),
        "columns": [v.name for v in known.plain],
        "closest": _closest(sides, known, rows, found, len(spots["train"])),
    }
    return line(
        "near", "privacy, nearness", message, scale=NEAR, found=rivals, remedy=f"{_REMEDY}; look at the closest pairs", values=figures
    )


def _near_signal(stream: str, sides: Sides, known: Table, of: float, rng: np.random.Generator) -> Finding:
    """The same for one image or series alone: a copied image may bear another label."""
    tables = {"train": known.only(stream), "unseen": sides.unseen.only(stream), "synthetic": sides.all_synthetic.only(stream)}
    space = Space.of(tables["train"], tables["unseen"])
    spots = {who: space(_at_most(table, _KNOWN, rng)) for who, table in tables.items()}
    rivals, _ = _rivals(spots, rng.permutation(len(spots["synthetic"]))[:_QUERIES], of, rng)
    message = (
        f"As to {stream} alone, 0.5 being no nearer to training than to unseen ones and 1 a copy, "
        f"synthetic ones have {rivals['synthetic']}."
    )
    told = any(v.role == "input" for v in known.variables if v.stream == stream)
    remedy = f"if {stream} is told and not made, tell that of the test: sample(n, seed=0, given={{{stream!r}: ...}}); else {_REMEDY}"
    return line("near", f"privacy, {stream}", f"{message} {_CAVEAT}", scale=NEAR, found=rivals, remedy=remedy if told else _REMEDY)


def _rivals(spots: dict[str, np.ndarray], rows: np.ndarray, of: float, rng: np.random.Generator) -> tuple[dict[str, Estimate], Points]:
    """Nearness of the synthetic rows, of training rows, and of half of the unseen ones beside the other half."""
    value, found, _ = near(spots["synthetic"][rows], spots["train"], spots["unseen"], of=of)
    order = rng.permutation(len(spots["unseen"]))
    one, other = spots["unseen"][order[::2][:_ANCHOR_QUERIES]], spots["unseen"][order[1::2]]
    ceiling, _, _ = near(one, spots["train"], other, of=of)
    floor, _, _ = near(spots["train"][rng.permutation(len(spots["train"]))[:_ANCHOR_QUERIES]], spots["train"], spots["unseen"])
    return {"synthetic": value, "floor": floor, "ceiling": _coin(ceiling)}, found


def _copies(sides: Sides, train: Table, unseen: Table) -> Finding:
    """Synthetic rows that are a training row to the last digit, beside unseen real rows that are."""
    known, synthetic, others = same_rows(train.matrix(), sides.all_synthetic.matrix(), unseen.matrix())
    rates = {name: share(float(np.isin(rows, known).sum()), len(rows)) for name, rows in (("synthetic", synthetic), ("unseen", others))}
    here, there = rates["synthetic"], rates["unseen"]
    message = (
        f"{here.value:.2%} of the synthetic rows ({here.low:.2%} to {here.high:.2%}) are a training row to the last digit; of the unseen "
        f"real rows {there.value:.2%} are ({there.low:.2%} to {there.high:.2%}). {_CAVEAT}"
    )
    more = here.low > there.high
    level = "fail" if more and here.value > there.value + 0.01 else "warn" if more else "pass"
    remedy = "leave copies out, or fit with larger leaves or fewer epochs" if more else ""
    figures = {"question": "copies", "scale": "share", "best": "low", **here.to_json(), "ceiling": there.to_json()}
    return Finding(level, "privacy, copies", message, remedy, "copies", figures)


def _named(variable: Variable, part: float, sides: Sides, train: Table) -> Finding:
    """Values that name one training row each, handed out again."""
    name = variable.name
    rates = {}
    for who, table in (("synthetic", sides.all_synthetic), ("unseen", sides.unseen)):
        values = table.columns[name][~np.isnan(table.columns[name])]
        rates[who] = share(float(np.isin(values, train.columns[name]).sum()), max(len(values), 1))
    here, there = rates["synthetic"], rates["unseen"]
    more = here.low > there.high
    level = "fail" if more and here.value > 0.5 else "warn" if more else "pass"
    message = (
        f"{name}: {part:.0%} of its values name one training row each; synthetic rows {'repeat them' if more else 'do not repeat them'}. "
        f"{here.value:.0%} of the synthetic values ({here.low:.0%} to {here.high:.0%}) are values of training rows; of unseen real ones "
        f"{there.value:.0%} are ({there.low:.0%} to {there.high:.0%}). {_CAVEAT}"
    )
    remedy = f"leave {name!r} out of the data set" if more else ""
    figures = {"question": "naming", "scale": "share", "best": "low", "once": part, **here.to_json(), "ceiling": there.to_json()}
    return Finding(level, f"privacy, {name}", message, remedy, "naming", figures)


def _attack(spots: dict[str, np.ndarray], rng: np.random.Generator) -> Finding:
    n = min(_CANDIDATES, len(spots["train"]), len(spots["unseen"]) // 2)
    members = spots["train"][rng.permutation(len(spots["train"]))[:n]]
    order = rng.permutation(len(spots["unseen"]))
    others, fresh = spots["unseen"][order[:n]], spots["unseen"][order[n:]]
    synthetic = spots["synthetic"]
    value = _members(members, others, synthetic)
    ceiling = _members(members, others, fresh[: len(synthetic)])
    floor = _members(members, others, spots["train"][: len(synthetic)] if len(synthetic) >= len(spots["train"]) else members)
    message = (
        f"Who holds the synthetic rows and guesses by distance which of two real rows was in the training set, is right with {value}; "
        f"0.5 is a coin. {_CAVEAT}"
    )
    remedy = "as for nearness to training rows"
    figures: dict[str, object] = {"candidates": int(n)}
    rivals = {"synthetic": value, "floor": floor, "ceiling": _coin(ceiling)}
    return line("membership", "privacy, attack", message, scale=ATTACK, found=rivals, remedy=remedy, values=figures)


def _members(members: np.ndarray, others: np.ndarray, synthetic: np.ndarray) -> Estimate:
    far, close = (-nearest(synthetic, points).distance[:, 0] for points in (others, members))
    value, variance = auc(far, close)
    return Estimate.of(value, variance**0.5, least=0.0, most=1.0)


def _coin(measured: Estimate) -> Estimate:
    """What unseen rows have, but no less than a coin, which is what they have but for chance."""
    return Estimate(max(0.5, measured.value), measured.low, max(0.5, measured.high))


def _seen_before(unseen: Table, train: Table) -> Finding | None:
    """Where the unseen rows are training rows, nothing about privacy can be said."""
    again, repeated = repeats(unseen, train)
    if not is_seen(unseen, train):
        return None
    message = (
        f"Privacy can't be judged: {again:.0%} of the real rows given as unseen are rows of `train` to the last digit ({repeated:.0%} of "
        f"the training rows occur twice there). {_CAVEAT}"
    )
    return unanswered(
        "privacy", "all columns", message, "plait.compare(test, fake, train=train), with train, test = data.split(0.8, seed=0)"
    )


def _without_train(sides: Sides) -> list[Finding]:
    ours, theirs = same_rows(sides.all_synthetic.matrix(), sides.all_real.matrix())
    copied = float(np.isin(ours, theirs).mean())
    message = (
        f"Privacy is not judged, as the rows the synthesizer was fitted on are not given. {copied:.2%} of the synthetic rows are a row of "
        "`real` to the last digit. If `real` is what it was fitted on, nothing here tells learning from copying, and a perfect copy would "
        f"pass every other question. {_CAVEAT}"
    )
    return [unanswered("privacy", "privacy", message, "plait.compare(test, fake, train=train)", level="warn")]


def _distances(spots: dict[str, np.ndarray], rows: np.ndarray, rng: np.random.Generator) -> dict[str, object]:
    """How far synthetic and unseen rows are from their nearest training row, as two histograms."""
    some = rng.permutation(len(spots["unseen"]))[:_ANCHOR_QUERIES]
    away = {
        "synthetic": nearest(spots["train"], spots["synthetic"][rows[:_ANCHOR_QUERIES]]).distance[:, 0],
        "unseen": nearest(spots["train"], spots["unseen"][some]).distance[:, 0],
    }
    most = max(float(np.quantile(d, 0.99)) for d in away.values()) or 1.0
    edges = np.linspace(0, most, 31)
    shares = {name: (np.histogram(np.minimum(d, most), edges)[0] / len(d)).tolist() for name, d in away.items()}
    return {"edges": edges.tolist(), **shares}


def _closest(sides: Sides, known: Table, rows: np.ndarray, found: Points, train: int) -> list[dict[str, object]]:
    """The synthetic rows nearest to a training row, beside that row."""
    inside = np.flatnonzero(found.row[:, 0] < train)
    chosen = inside[np.argsort(found.distance[inside, 0], kind="stable")[:_SHOWN]]
    pairs = []
    for place in chosen:
        mine, its = int(rows[place]), int(found.row[place, 0])
        pairs.append({
            "distance": float(found.distance[place, 0]),
            "synthetic": _shown(sides.all_synthetic, mine),
            "train": _shown(known, its),
        })  # fmt: skip
    return pairs


def _shown(table: Table, row: int) -> dict[str, object]:
    key = table.keys[row]
    values = [v.shown(float(table.columns[v.name][row])) for v in table.plain]
    return {"key": key if isinstance(key, (int, str)) else str(key), "values": values}


def _at_most(table: Table, rows: int, rng: np.random.Generator) -> Table:
    return table if len(table) <= rows else table.take(np.sort(rng.choice(len(table), rows, replace=False)))
