"""Images and series as a few numbers each: principal components, fitted to real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plait.dataset import Dataset
from plait.extras import require
from plait.spec import Spec

__all__ = ["Components", "is_signal"]

_SERIES = 32  # numbers from which a vector is taken for a series
_COMPONENTS, _FITTED, _BLOCK, _WIDEST = 24, 3000, 500, 4096


def is_signal(spec: Spec) -> bool:
    """Whether samples are images, series or volumes, rather than columns."""
    if spec.ragged or spec.dtype.kind not in "biuf":
        return False
    return len(spec.shape) > 1 or (len(spec.shape) == 1 and (spec.shape[0] or 0) > _SERIES)


@dataclass(frozen=True, eq=False)
class Components:
    """A step: (samples, *shape) to (samples, components).

    Args:
        pool: How many neighbouring numbers are averaged first, so that there are at most 4096.
        mean: (numbers,) of the real samples.
        axes: (components, numbers).
    """

    pool: int
    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def fit(cls, data: Dataset, name: str, *, seed: int) -> Components:
        """The components of at most 3000 real samples.

        Args:
            data: Real.
            name: Of the stream.
            seed: Of which samples, and of the decomposition.
        """
        gone = data.absent(name)
        rows = np.arange(len(data)) if gone is None else np.flatnonzero(~gone)
        rng = np.random.default_rng([seed, 2])
        rows = np.sort(rng.choice(rows, min(_FITTED, len(rows)), replace=False))
        numbers = int(np.prod([n or 1 for n in data.spec[name].shape]))
        pool = -(-numbers // _WIDEST)
        values = np.asarray(data.plain().read([name], rows)[name])
        flat = np.concatenate([_flat(values[s : s + _BLOCK], pool) for s in range(0, len(rows), _BLOCK)])
        decomposition = require("sklearn.decomposition", extra="synth", purpose="plait.compare")
        count = min(_COMPONENTS, *flat.shape)
        fitted = decomposition.PCA(count, svd_solver="randomized", random_state=int(rng.integers(2**31))).fit(flat)
        return cls(pool, fitted.mean_, fitted.components_)

    def spec(self, spec: Spec) -> Spec:
        """(components,) float64."""
        return Spec((len(self.axes),), np.dtype(np.float64))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The components of each sample."""
        out = np.zeros((len(values), len(self.axes)))
        for start in range(0, len(values), _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = (_flat(values[part], self.pool) - self.mean) @ self.axes.T
        return out


def _flat(values: np.ndarray, pool: int) -> np.ndarray:
    """(samples, numbers) float64; missing numbers are 0."""
    flat = np.nan_to_num(np.asarray(values, np.float64).reshape(len(values), -1))
    if pool == 1:
        return flat
    whole = flat.shape[1] // pool * pool
    return flat[:, :whole].reshape(len(flat), -1, pool).mean(axis=2)
