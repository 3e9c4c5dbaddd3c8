"""What is measured: each synthesizer of plait by its name, and two anchors that need none."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from datasets import as_columns, as_dataset
from tables import Run, Table

import plait

__all__ = ["ANCHORS", "METHODS", "run"]

METHODS = {
    "sequential": "Sequential",
    "autoregressive": "Autoregressive",
    "gaussian_copula": "GaussianCopula",
    "vine_copula": "VineCopula",
    "flow": "Flow",
    "gan": "GAN",
    "bootstrap": "Bootstrap",
    "independent": "Independent",
}
ANCHORS = ("real rows", "shuffled columns")
_TIMED = 200_000  # rows drawn to time a method that is fast enough


def run(method: str, table: Table, *, seeds: range, **options: Any) -> Run:
    """Fit on the training half, and draw one table for each seed."""
    n = len(table.held[table.names[0]])
    if method == "real rows":
        return Run([{name: column[:n] for name, column in table.train.items()} for _ in seeds], 0.0, float("nan"))
    if method == "shuffled columns":
        rngs = [np.random.default_rng(seed) for seed in seeds]
        return Run([{name: rng.permutation(column)[:n] for name, column in table.train.items()} for rng in rngs], 0.0, float("nan"))
    data = as_dataset(table, table.train)
    kind = getattr(plait, METHODS[method])
    start = time.process_time()
    fitted = kind.fit(data, seed=seeds[0], **options)
    fit_s = time.process_time() - start
    samples = [as_columns(fitted.sample(n, seed=seed + 1), table) for seed in seeds]
    start = time.process_time()
    fitted.sample(n, seed=1000)
    rate = n / max(time.process_time() - start, 1e-9)
    if rate > _TIMED / 10:
        start = time.process_time()
        fitted.sample(_TIMED, seed=1001)
        rate = _TIMED / max(time.process_time() - start, 1e-9)
    return Run(samples, fit_s, rate)
