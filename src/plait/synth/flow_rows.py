"""The training of a flow of rows."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from plait.dataset import Dataset
from plait.synth.learned import Prepared, prepare
from plait.synth.options import epochs_of
from plait.synth.rows import Rows
from plait.synth.velocity import Velocity
from plait.synth.watching_rows import even, fit_rows, rows_to_learn
from plait.tabular import Kind

__all__ = ["FlowOfRows", "train_rows"]

_LOOKS = 6  # steps of the samples that are looked at while training


class FlowOfRows(NamedTuple):
    """What training gives: what `Flow` keeps of rows."""

    prepared: Prepared
    rows: Rows
    velocity: Velocity
    history: dict[str, list[float]]


def train_rows(
    data: Dataset,
    *,
    seed: int,
    kinds: Mapping[str, Kind] | None,
    constraints: Sequence[Any],
    epochs: int | None,
    units: int,
    blocks: int,
    batch_size: int,
    learning_rate: float,
    patience: int | None,
    sheets: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
    progress: bool,
) -> FlowOfRows:
    """Train on a table; the arguments are those of `Flow.fit`."""
    prepared = prepare("Flow", data, kinds, constraints, seed=seed)
    import keras

    from plait.synth import networks, networks_flow

    rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 2])
    rows = Rows.of(prepared.inner, prepared.columns)
    known = np.zeros(rows.width, bool)  # any variables can be given, and no network is told apart for it
    train, held = rows_to_learn("Flow", rows.shares(prepared.columns), known, patience=patience, seed=seed)
    batch_size = even(len(train), batch_size)
    batches = len(train) // batch_size
    epochs = epochs or epochs_of(batches)
    inputs = np.array([v.role == "input" for v in prepared.inner.variables])
    inputs &= not inputs.all()  # where there is no target, nothing would be left to learn
    with networks.undisturbed():
        training = networks_flow.FlowTraining(
            rows.owners, inputs, units=units, blocks=blocks, seed=int(seed) & 0x7FFFFFFF, watched=held is not None
        )
        pace: Any = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * batches)
        training.compile(keras.optimizers.Adam(pace, clipnorm=1.0))

    def make(noise: np.ndarray, told: np.ndarray) -> np.ndarray:
        nothing = np.zeros(rows.width, np.float32)
        return networks_flow.velocity(training.mean).sample(noise, nothing, np.zeros_like(noise), _LOOKS)

    best = fit_rows(
        training, rows, known, train, held, rng=rng, noise=rows.width, make=make, sheets=sheets, title="Flow.fit", epochs=epochs,
        batch_size=batch_size, seed=int(seed), resume=resume, patience=patience, shown=progress,
    )  # fmt: skip
    return FlowOfRows(prepared, rows, networks_flow.velocity(best), training.notes.read())
