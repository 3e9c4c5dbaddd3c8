"""How good the heads are, beside what is plain: the commonest answer, and a linear model on the same inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

import plait
from plait.demo.road import Parts

__all__ = ["Score", "Truth", "score", "truth_of"]

_RIDGE = 100.0  # on features of standard deviation 1


@dataclass(frozen=True)
class Truth:
    """What the table says about the test part.

    Args:
        script: (samples,) text.
        seconds: (samples,) float64, NaN where there is no time.
    """

    script: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True)
class Score:
    """One head on the test part.

    Args:
        head: Its name.
        measure: What the figures are, with their unit.
        model: Of the model.
        plain: Of the commonest answer.
        linear: Of the linear model.
        samples: How many labelled samples it is the mean of.
        most: Whether more is better.
    """

    head: str
    measure: str
    model: float
    plain: float
    linear: float
    samples: int
    most: bool

    def shown(self, value: float) -> str:
        """The figure with its unit."""
        return f"{value:.1%}" if self.most else f"{value:.2f} s"


def truth_of(part: plait.Dataset) -> Truth:
    """The labels as the table gives them."""
    values = part.raw().read(["script", "seconds"], np.arange(len(part)))
    gone = part.absent("seconds")
    seconds = np.asarray(values["seconds"], np.float64)
    return Truth(np.array(np.asarray(values["script"]).tolist()), seconds if gone is None else np.where(gone, np.nan, seconds))


def score(parts: Parts, predicted: Mapping[str, np.ndarray]) -> list[Score]:
    """Score decoded predictions of the test part.

    Args:
        parts: Train and test.
        predicted: "script" as text and "seconds" as numbers, one a test sample.
    """
    seen, truth = truth_of(parts.train), truth_of(parts.test)
    timed, known = np.isfinite(truth.seconds), np.isfinite(seen.seconds)
    names, counts = np.unique(seen.script, return_counts=True)
    features, asked = _features(parts.train.plain()), _features(parts.test)
    codes = (seen.script[:, None] == names).astype(float)
    linear_script = names[_ridge(features, codes, asked).argmax(axis=1)]
    linear_seconds = _ridge(features[known], seen.seconds[known, None], asked)[:, 0]

    def right(script: np.ndarray | str) -> float:
        return float(np.mean(np.asarray(script) == truth.script))

    def off(seconds: np.ndarray | float) -> float:
        return float(np.mean(np.abs(seconds - truth.seconds)[timed]))

    said = np.array(predicted["script"].tolist())
    return [
        Score("script", "right answers", right(said), right(names[counts.argmax()]), right(linear_script), len(said), True),
        Score("seconds", "mean error", off(predicted["seconds"]), off(float(np.median(seen.seconds[known]))), off(linear_seconds),
              int(timed.sum()), False),
    ]  # fmt: skip


def _features(part: plait.Dataset) -> np.ndarray:
    """(samples, features): every input value of a sample in a row."""
    values = part.read(list(part.inputs), np.arange(len(part)))
    return np.concatenate([np.asarray(values[name], np.float64).reshape(len(part), -1) for name in part.inputs], axis=1)


def _ridge(features: np.ndarray, wanted: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Least squares with a penalty, fitted on the first two, applied to the third."""
    mean, spread = features.mean(axis=0), features.std(axis=0)
    scaled, offset = (features - mean) / np.where(spread > 0, spread, 1), wanted.mean(axis=0)
    weights = np.linalg.solve(scaled.T @ scaled + _RIDGE * np.eye(scaled.shape[1]), scaled.T @ (wanted - offset))
    return (asked - mean) / np.where(spread > 0, spread, 1) @ weights + offset
