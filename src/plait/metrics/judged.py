"""What a judge says of generated images or series: do they show their class, are they as varied, can one learn from them.

Precision and recall after Kynkäänniemi et al. 2019 (https://arxiv.org/abs/1904.06991), density and coverage after Naeem et al. 2020
(https://arxiv.org/abs/2002.09797), the Fréchet distance after Heusel et al. 2017 (https://arxiv.org/abs/1706.08500) with classes in the
same shares, all in the features of a classifier that was trained here on real samples. What it doesn't do: see more than the classifier.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.metrics.coverage import SCALES, neighbourhoods
from plait.metrics.estimate import Estimate, jackknife, share
from plait.metrics.judge import Judge
from plait.metrics.signals import frechet
from plait.metrics.standing import Scale, line
from plait.ragged import Array
from plait.report import Finding
from plait.tabular.drawn import Drawn

__all__ = ["judged"]

_NUMBERS = "numbers in any order"
ACCURACY = Scale("classes shown", slack=0.03, best="high", floor=_NUMBERS)
DISTANCE = Scale("Fréchet distance", slack=0.02, floor=_NUMBERS)
LEARNED = Scale("classes learned", slack=0.03, best="high", floor=_NUMBERS)
_GROUPS, _FEWEST = 20, 20


def judged(judge: Judge, data: dict[str, Dataset], *, rows: int, seed: int) -> list[Finding]:
    """Accuracy, Fréchet distance, precision, recall, density, coverage, and what a judge learns that never saw a real sample.

    The two ends are fresh real samples, and samples each of whose numbers is in an order of its own.

    Args:
        judge: Trained on real samples; better not on those of `data["real"]`.
        data: "real" and "synthetic", and "holdout" or "train".
        rows: At most so many of each.
        seed: Of which, and of what is trained.

    Raises:
        ArgumentError, NameUnknownError: There is no fresh real data, or the judge looks at other streams.
    """
    fresh = data.get("holdout", data.get("train"))
    if fresh is None:
        raise ArgumentError("compare(judge=...) needs fresh real data: give train=, what the synthesizer was fitted on, or holdout=.")
    missing = [name for name in (*judge.seen, judge.tells) if name not in data["real"].spec]
    if missing:
        raise NameUnknownError(f"compare(judge=...): this judge needs {missing[0]!r}, and the data have {list(data['real'].spec)}.")
    rng = np.random.default_rng([seed, 7])
    n = min(rows, *(len(part) for part in (data["real"], data["synthetic"], fresh)))
    sides = {"real": data["real"], "synthetic": data["synthetic"], "ceiling": fresh}
    sides = {who: _some(part, n, judge, rng) for who, part in sides.items()}
    sides["floor"] = _shuffled(sides["ceiling"], judge, rng)
    looks = {who: judge.look(_streams(part, judge)) for who, part in sides.items()}
    codes = {who: judge.codes(part) for who, part in sides.items()}
    about = f"{', '.join(judge.seen)} by a judge"
    return [
        _accuracy(judge, looks, codes, about),
        _distance({who: look[0] for who, look in looks.items()}, codes, about, rng),
        *_around({who: look[0] for who, look in looks.items()}, about),
        _learned(judge, sides, codes, about, seed),
    ]


def _accuracy(judge: Judge, looks: dict[str, tuple[np.ndarray, np.ndarray]], codes: dict[str, np.ndarray], about: str) -> Finding:
    of = {"synthetic": "synthetic", "floor": "floor", "ceiling": "real"}  # of real samples, those that it was not trained on
    found = {who: share(float((looks[side][1] == codes[side]).sum()), len(codes[side])) for who, side in of.items()}
    value = found["synthetic"]
    message = f"The judge says the {judge.tells} that they bear of {value.value:.1%} ({value.low:.1%} to {value.high:.1%}) of them."
    return line("judge-accuracy", about, message, scale=ACCURACY, found=found, remedy=f"look whether they show their {judge.tells}")


def _distance(points: dict[str, np.ndarray], codes: dict[str, np.ndarray], about: str, rng: np.random.Generator) -> Finding:
    rows = {who: _matched(codes["real"], codes[who], rng) for who in ("synthetic", "floor", "ceiling")}
    whole = float(np.trace(np.atleast_2d(np.cov(points["real"].T)))) or 1.0
    groups = {who: rng.permutation(np.arange(len(x)) % _GROUPS) for who, x in points.items()}

    def apart(who: str, without: int | None) -> float:
        ours, theirs = rows[who]
        if without is not None:
            ours, theirs = ours[groups["real"][ours] != without], theirs[groups[who][theirs] != without]
        return frechet(points["real"][ours], points[who][theirs])

    found: dict[str, Estimate] = {who: jackknife(apart(who, None), np.array([apart(who, g) for g in range(_GROUPS)])) for who in rows}
    value = found["synthetic"]
    message = (
        f"The Fréchet distance to real ones, classes in the same shares, is {value} of the real variance "
        f"({value.value * whole:.3g} in all)."
    )
    remedy = "train longer, or look at what they lack: recall and coverage"
    return line("judge-frechet", about, message, scale=DISTANCE, found=found, remedy=remedy, values={"distance": value.value * whole})


def _around(points: dict[str, np.ndarray], about: str) -> list[Finding]:
    found = {who: neighbourhoods(points["real"], points[who]) for who in ("synthetic", "floor", "ceiling")}
    findings = []
    for name, (scale, words) in SCALES.items():
        rivals = {who: figures[name] for who, figures in found.items()}
        message = f"{scale.name.capitalize()}: {rivals['synthetic']} {words}."
        remedy = "some are nothing real" if name in ("precision", "density") else "some of what is real is never made"
        own = Scale(scale.name, scale.slack, scale.best, floor=_NUMBERS)
        findings.append(line(f"judge-{name}", about, message, scale=own, found=rivals, remedy=remedy))
    return findings


def _learned(judge: Judge, sides: dict[str, Dataset], codes: dict[str, np.ndarray], about: str, seed: int) -> Finding:
    found = {}
    for who in ("synthetic", "floor", "ceiling"):
        epochs = max(2, round(judge.samples / len(sides[who])))  # shown as many as the judge itself
        other = Judge.fit(sides[who], judge.tells, seen=judge.seen, epochs=epochs, seed=seed, progress=False)
        said = np.array([judge.levels.index(level) if level in judge.levels else -1 for level in other.levels])
        guesses = said[other.look(_streams(sides["real"], judge))[1]]
        found[who] = share(float((guesses == codes["real"]).sum()), len(guesses))
    value = found["synthetic"]
    message = (
        f"A judge trained on synthetic ones alone tells the {judge.tells} of {value.value:.1%} ({value.low:.1%} to {value.high:.1%}) "
        "of real ones."
    )
    remedy = "they are too much alike, or show too little: train longer"
    return line("judge-utility", about, message, scale=LEARNED, found=found, remedy=remedy)


def _some(data: Dataset, n: int, judge: Judge, rng: np.random.Generator) -> Dataset:
    """n samples drawn at random, in memory."""
    rows = np.sort(rng.choice(len(data), n, replace=False)) if len(data) > n else np.arange(n)
    names = [*judge.seen, judge.tells]
    values = data.plain().read(names, rows)
    return _held(values, data, judge)


def _shuffled(data: Dataset, judge: Judge, rng: np.random.Generator) -> Dataset:
    """Every number of every image or series, and every class, in an order of its own."""
    values = dict(data.read([*judge.seen, judge.tells], np.arange(len(data))))
    for name in judge.seen:
        flat = np.asarray(values[name]).reshape(len(data), -1)
        values[name] = rng.permuted(flat, axis=0).reshape(np.asarray(values[name]).shape)
    values[judge.tells] = rng.permutation(np.asarray(values[judge.tells]))
    return _held(values, data, judge)


def _held(values: Mapping[str, Array], data: Dataset, judge: Judge) -> Dataset:
    source = Drawn(values, {name: data.spec[name] for name in values}, {}, "sample")
    return Dataset(inputs={name: source[name] for name in judge.seen}, targets={judge.tells: source[judge.tells]})


def _streams(data: Dataset, judge: Judge) -> dict[str, np.ndarray]:
    return {name: np.asarray(values) for name, values in data.read(list(judge.seen), np.arange(len(data))).items()}


def _matched(real: np.ndarray, other: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both with the same number of each class; all rows where that leaves too few."""
    ours, theirs = [], []
    for code in np.unique(real):
        both = [np.flatnonzero(real == code), np.flatnonzero(other == code)]
        n = min(map(len, both))
        ours.append(rng.permutation(both[0])[:n])
        theirs.append(rng.permutation(both[1])[:n])
    matched = np.concatenate(ours), np.concatenate(theirs)
    return matched if len(matched[0]) >= _FEWEST else (np.arange(len(real)), np.arange(len(other)))
