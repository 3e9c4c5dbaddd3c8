"""Ask every question of a synthetic data set, and put the answers into one report."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from importlib import metadata

import numpy as np

from plait.comparison.page import comparison_page
from plait.comparison.reading import tables_of
from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.extras import require
from plait.metrics.coverage import coverage
from plait.metrics.dependence import dependence
from plait.metrics.detection import detection
from plait.metrics.judge import Judge
from plait.metrics.judged import judged
from plait.metrics.marginals import marginals
from plait.metrics.pairs import pairs
from plait.metrics.privacy import privacy
from plait.metrics.sides import Sides
from plait.metrics.signals import signals
from plait.metrics.standing import unanswered
from plait.metrics.utility import utility
from plait.progress import progress as bar
from plait.report import Finding, Report
from plait.tabular import Kind

__all__ = ["compare"]

_QUESTIONS: dict[str, Callable[[Sides], list[Finding]]] = {
    "detection": detection,
    "dependence": dependence,
    "utility": utility,
    "signals": signals,
    "privacy": privacy,
    "coverage": coverage,
    "pairs": pairs,
    "marginals": marginals,
}
_FEW, _LEAST = 500, 8  # rows
_JUDGED = 4000  # that a judge is asked about, at most


def compare(
    real: Dataset,
    synthetic: Dataset,
    *,
    train: Dataset | None = None,
    holdout: Dataset | None = None,
    judge: Judge | None = None,
    kinds: Mapping[str, Kind] | None = None,
    seed: int = 0,
    rows: int = 10_000,
    progress: bool = True,
) -> Report:
    """How synthetic data differ from real data, each figure with its interval, between independent columns and fresh real data.

    Args:
        real: Real samples that the synthesizer hasn't seen.
        synthetic: Its samples, with the same streams; about as many as there are real ones; of data without end the first `rows`.
        train: What it was fitted on: for privacy, and as fresh real data where there is no holdout.
        holdout: Further real samples it hasn't seen: as fresh real data, and for privacy.
        judge: A classifier trained on real images or series, `plait.Judge.fit(train, "digit")`, to be asked about them. Needs Keras.
        kinds: stream -> "number", "integer", "category", "ordered" or "date", where another kind is meant than the dtype says.
        seed: Of everything random; the same seed gives the same report.
        rows: At most so many rows of each are set beside each other, drawn at random.
        progress: Whether a bar shows how far it is, on a terminal.

    Returns:
        The report: worst first as text, `to_html("report.html")` with plots, `to_json()` for machines; false when a finding fails.

    Raises:
        ArgumentError: It is no data set, or an empty one.
        SpecError: The data sets differ in their streams, or a stream is none that can be compared.
        MissingExtraError: scikit-learn is not installed.
    """
    given = {"real": real, "synthetic": synthetic, "train": train, "holdout": holdout}
    data = {name: part for name, part in given.items() if part is not None}
    _check(data, seed, rows)
    if judge is not None and not isinstance(judge, Judge):
        raise ArgumentError(f"compare(judge=...) takes a plait.Judge, not a {type(judge).__name__}. Write plait.Judge.fit(train, 'digit').")
    data = {name: part.take(range(rows)) if part.endless else part for name, part in data.items()}
    require("sklearn", extra="synth", purpose="plait.compare")
    threads = require("threadpoolctl", extra="synth", purpose="plait.compare")
    # one thread: sums come out alike on every machine, and small fits don't wait for each other
    with threads.threadpool_limits(1), bar("compare", len(_QUESTIONS) + 1 + (judge is not None), progress) as advance:
        tables = tables_of(data, kinds=kinds, seed=seed)
        sides = Sides.of(
            tables["real"], tables["synthetic"], train=tables.get("train"), holdout=tables.get("holdout"), rows=rows, seed=seed
        )
        advance(1)
        findings = [_conditions(data, sides, seed)]
        for name, question in _QUESTIONS.items():
            findings += _asked(name, question, sides)
            advance(1)
        if judge is not None:
            findings += judged(judge, data, rows=min(rows, _JUDGED), seed=seed)
            advance(1)
    return Report("Synthetic beside real data", tuple(findings), page=comparison_page)


def _asked(name: str, question: Callable[[Sides], list[Finding]], sides: Sides) -> list[Finding]:
    try:
        return question(sides)
    except (ValueError, ArithmeticError, IndexError, MemoryError) as error:
        return [unanswered(name, "all columns", f"This can't be computed for these data: {type(error).__name__}: {error}")]


def _check(data: Mapping[str, object], seed: int, rows: int) -> None:
    for name, part in data.items():
        if not isinstance(part, Dataset):
            raise ArgumentError(
                f"compare({name}=...) takes a plait.Dataset, not a {type(part).__name__}. "
                "Write plait.Dataset(inputs={...}, targets={...})."
            )
        if not part.endless and len(part) < _LEAST:
            raise ArgumentError(f"compare({name}=...) has {len(part)} samples; {_LEAST} are the least that can be compared.")
    for name, value, least in (("seed", seed, 0), ("rows", rows, 10)):
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise ArgumentError(f"compare({name}={value!r}): a whole number of at least {least} is needed.")


def _conditions(data: Mapping[str, Dataset], sides: Sides, seed: int) -> Finding:
    """What was compared, how, and with which versions."""
    sizes = {name: len(part) for name, part in data.items()}
    versions = {name: metadata.version(name) for name in ("numpy", "scikit-learn")} | {"python": platform.python_version()}
    fresh = "the other half of real" if sides.halved else "holdout" if "holdout" in data else "train"
    few = len(sides.real) < _FEW
    message = (
        f"{', '.join(f'{count} {name}' for name, count in sizes.items())} samples; {len(sides.real)} of each are set beside each other, "
        f"seed {seed}. Fresh real data: {fresh}."
    )
    if few:
        message += f" With fewer than {_FEW} rows the intervals are wide, and only coarse faults can be seen."
    remedy = "give train= or holdout=, so that real need not be halved" if sides.halved else "sample more rows" if few else ""
    values: dict[str, object] = {
        "question": "conditions", "sizes": sizes, "compared": len(sides.real), "fresh": fresh, "seed": seed, "versions": versions,
        "columns": [{"name": v.name, "role": v.role, "kind": v.kind} for v in sides.real.variables],
    }  # fmt: skip
    return Finding("warn" if few else "pass", "conditions", message, remedy if few else "", "conditions", values)
