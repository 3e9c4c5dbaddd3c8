"""Gradient-boosted trees (scikit-learn's), fitted and cross-fitted: every prediction is for a row that the trees haven't seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from plait.extras import require

__all__ = ["Classifier", "Regressor", "folds", "ready"]


def folds(rows: int, count: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows to fit on, rows to predict), `count` times; each row is predicted once."""
    part = rng.permutation(np.arange(rows) % count)
    return ((np.flatnonzero(part != k), np.flatnonzero(part == k)) for k in range(count))


def ready(matrix: np.ndarray) -> np.ndarray:
    """The matrix with 0 in columns without a single value."""
    empty = np.isnan(matrix).all(axis=0)
    if empty.any():
        matrix = matrix.copy()
        matrix[:, empty] = 0.0
    return matrix


class Regressor:
    """E[y | x]."""

    def __init__(self, x: np.ndarray, y: np.ndarray, nominal: np.ndarray, *, seed: int) -> None:
        self._constant = float(y.mean()) if np.ptp(y) == 0 or len(y) < 8 else None
        if self._constant is None:
            self._model = _boosted("HistGradientBoostingRegressor", len(y), nominal, seed).fit(ready(x), y)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(rows,) expected values."""
        return np.full(len(x), self._constant) if self._constant is not None else self._model.predict(ready(x))


class Classifier:
    """P(y = k | x) for classes 0 to `classes` - 1, of which the rows need not hold all."""

    def __init__(self, x: np.ndarray, y: np.ndarray, nominal: np.ndarray, *, classes: int, seed: int) -> None:
        self._classes = classes
        self._seen, codes = np.unique(y.astype(np.int64), return_inverse=True)
        self._shares = np.bincount(codes) / max(len(codes), 1)
        self._model = None
        if len(self._seen) > 1 and len(y) >= 8:
            self._model = _boosted("HistGradientBoostingClassifier", len(y), nominal, seed, len(self._seen)).fit(ready(x), codes)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """(rows, classes) probabilities."""
        out = np.zeros((len(x), self._classes))
        out[:, self._seen] = self._shares if self._model is None else self._model.predict_proba(ready(x))
        return out


def _boosted(name: str, rows: int, nominal: np.ndarray, seed: int, classes: int = 2) -> Any:
    ensemble = require("sklearn.ensemble", extra="synth", purpose="plait.compare")
    quick = rows < 2000  # half as many steps, each as long again by half
    steps = 100 if classes == 2 else max(25, 200 // classes)  # a tree a class
    return getattr(ensemble, name)(
        max_iter=steps // 2 if quick else steps,
        learning_rate=0.15 if quick else 0.1,
        min_samples_leaf=max(3, min(20, rows // 20)),
        categorical_features=nominal if nominal.any() else None,
        early_stopping=False,
        random_state=seed,
    )
