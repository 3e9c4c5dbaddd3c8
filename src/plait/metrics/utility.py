"""Does a model that is trained on synthetic rows predict real ones, as one trained on real rows does?

Train on synthetic, test on real (Esteban et al. 2017, https://arxiv.org/abs/1706.02633), for each target from the inputs, and along the
chain of targets: each from the inputs and the true targets before it, which no table can pass whose targets don't belong together.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from plait.metrics.estimate import Estimate, auc
from plait.metrics.learners import Classifier, Regressor
from plait.metrics.sides import Sides
from plait.metrics.standing import Scale, line, unanswered
from plait.metrics.table import Table
from plait.report import Finding
from plait.tabular import Variable

__all__ = ["utility"]

R2, AUC = Scale("R²", slack=0.03, best="high"), Scale("AUC", slack=0.02, best="high")
CALIBRATION = Scale("calibration error", slack=0.03)
_MOST = 12  # targets
_ROWS = 20_000  # to fit on
_FEWEST = 20  # rows to test on
_BINS = 10
_DRAWS = 100
Predictions = dict[str, np.ndarray]  # trained on -> (rows,) numbers or (rows, classes) probabilities


def utility(sides: Sides) -> list[Finding]:
    """A finding for each target, one for each target given those before it, and the calibration of class targets."""
    targets = sides.real.targets
    if not targets:
        return [unanswered("utility", "targets", "Utility: not applicable, as no target is a column.", level="pass")]
    rng = sides.rng("utility")
    tests, trainings, how = _parts(sides, rng)
    findings = []
    for place, target in enumerate(targets[:_MOST]):
        findings += _target(target, sides.real.inputs, tests, trainings, how, rng, chain=False)
        if place:
            before = [v.name for v in targets[:place]]
            findings += _target(target, [*sides.real.inputs, *before], tests, trainings, how, rng, chain=True)
    if len(targets) > _MOST:
        rest = ", ".join(v.name for v in targets[_MOST:])
        findings.append(
            unanswered("utility", "targets", f"Utility is measured for the first {_MOST} targets; not for {rest}.", level="warn")
        )
    return findings


def _parts(sides: Sides, rng: np.random.Generator) -> tuple[Table, dict[str, Table], str]:
    """Real rows to test on, and as many rows of each kind to train on."""
    train = sides.train if sides.train is not None else sides.fresh
    tests = sides.real if sides.halved or len(sides.all_real) > 2 * _ROWS else sides.all_real
    rows = min(len(train), len(sides.all_synthetic), _ROWS)
    chosen = {"synthetic": sides.all_synthetic, "ceiling": train, "floor": train.independent(rng)}
    trainings = {name: t.take(np.sort(rng.choice(len(t), rows, replace=False))) for name, t in chosen.items()}
    return tests, trainings, f"{rows} rows to train on, {len(tests)} real rows to test on"


def _target(
    target: Variable, given: list[str], tests: Table, trainings: dict[str, Table], how: str, rng: np.random.Generator, *, chain: bool
) -> list[Finding]:
    about = target.name if not chain else f"{target.name} after {', '.join(g for g in given if g not in tests.inputs)}"
    question = "utility-chain" if chain else "utility"
    truth = tests.columns[target.name]
    here = np.flatnonzero(~np.isnan(truth))
    lacking = [name for name, t in trainings.items() if (~np.isnan(t.columns[target.name])).sum() < _FEWEST]
    if len(here) < _FEWEST or lacking:
        where = "the real rows to test on" if len(here) < _FEWEST else "the rows to train on"
        message = f"Utility for {target.name} can't be measured: fewer than {_FEWEST} of {where} have a value of it."
        return [unanswered(question, about, message, f"give more rows with {target.name!r}")]
    x, truth, nominal = tests.matrix(given)[here], truth[here], tests.nominal(given)
    if np.ptp(truth) == 0:
        shown = target.shown(float(truth[0]))
        message = f"Utility for {target.name}: not applicable, as all real rows to test on have the value {shown}."
        return [unanswered(question, about, message, level="pass")]
    seed = int(rng.integers(2**31))
    said = {name: _fitted(target, t, given, nominal, seed)(x) for name, t in trainings.items()}
    draws = rng.integers(0, len(here), (_DRAWS, len(here)))
    score, scale = (_auc, AUC) if target.discrete else (_r2, R2)
    scores = {name: _bootstrapped(score, truth, guess, draws) for name, guess in said.items()}
    message = (
        f"Trained on synthetic rows, {target.name} is predicted{' from the inputs and the true targets before it' if chain else ''} with "
        f"{scale.name} {scores['synthetic']}; trained on as many real rows, {scores['ceiling'].value:.3f}."
    )
    remedy = f"look at how {target.name} depends on {'the targets before it' if chain else 'the inputs'}: pairs and dependence"
    figures: dict[str, object] = {"setup": how}
    if target.discrete:
        figures["accuracy"] = {name: float((guess.argmax(axis=1) == truth).mean()) for name, guess in said.items()}
    findings = [line(question, about, message, scale=scale, found=scores, remedy=remedy, values=figures)]
    return findings if chain or not target.discrete else [*findings, _calibration(target, truth, said, draws)]


def _fitted(target: Variable, table: Table, given: list[str], nominal: np.ndarray, seed: int) -> Classifier | Regressor:
    y = table.columns[target.name]
    here = np.flatnonzero(~np.isnan(y))
    x = table.matrix(given)[here]
    if target.discrete:
        return Classifier(x, y[here], nominal, classes=len(target.levels or ()), seed=seed)
    return Regressor(x, y[here], nominal, seed=seed)


def _bootstrapped(score: Callable[..., float], truth: np.ndarray, said: np.ndarray, draws: np.ndarray, least: float = -np.inf) -> Estimate:
    value, drawn = score(truth, said, None), [score(truth, said, rows) for rows in draws]
    return Estimate.of(value, float(np.std(drawn)), least=least, most=1.0)


def _r2(truth: np.ndarray, said: np.ndarray, rows: np.ndarray | None) -> float:
    truth, said = (truth, said) if rows is None else (truth[rows], said[rows])
    spread = float(np.square(truth - truth.mean()).mean())
    return 1 - float(np.square(truth - said).mean()) / spread if spread > 0 else 0.0


def _auc(truth: np.ndarray, said: np.ndarray, rows: np.ndarray | None) -> float:
    """Mean over the classes of the area under the ROC curve of each against the rest, weighted by how many there are."""
    truth, said = (truth, said) if rows is None else (truth[rows], said[rows])
    classes, counts = np.unique(truth.astype(np.int64), return_counts=True)
    if len(classes) == 2 and said.shape[1] == 2:
        classes, counts = classes[1:], counts[1:]
    if len(classes) == 1 and counts[0] == len(truth):
        return 0.5
    areas = [auc(said[truth != k, k], said[truth == k, k])[0] for k in classes]
    return float(np.average(areas, weights=counts))


def _calibration(target: Variable, truth: np.ndarray, said: Predictions, draws: np.ndarray) -> Finding:
    """Expected calibration error of the likeliest class (Naeini et al. 2015)."""
    errors = {name: _bootstrapped(_miscalibrated, truth, guess, draws, 0.0) for name, guess in said.items()}
    message = (
        f"Trained on synthetic rows, the probability of the class said for {target.name} is off by {errors['synthetic']} on average; "
        f"trained on real rows by {errors['ceiling'].value:.3f}."
    )
    curves = {name: _reliability(truth, guess) for name, guess in said.items() if name != "floor"}
    remedy = f"compare how often each class of {target.name} occurs, below"
    return line("calibration", target.name, message, scale=CALIBRATION, found=errors, remedy=remedy, values={"reliability": curves})


def _miscalibrated(truth: np.ndarray, said: np.ndarray, rows: np.ndarray | None) -> float:
    truth, said = (truth, said) if rows is None else (truth[rows], said[rows])
    sure, right = said.max(axis=1), said.argmax(axis=1) == truth
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    gaps = np.bincount(bins, sure - right, _BINS)
    return float(np.abs(gaps).sum() / len(truth))


def _reliability(truth: np.ndarray, said: np.ndarray) -> list[list[float]]:
    """How sure, how often right, how many, for each tenth of sureness."""
    sure, right = said.max(axis=1), said.argmax(axis=1) == truth
    bins = np.minimum((sure * _BINS).astype(int), _BINS - 1)
    filled = [k for k in range(_BINS) if (bins == k).any()]
    return [[float(sure[bins == k].mean()), float(right[bins == k].mean()), float((bins == k).sum())] for k in filled]
