"""The training of a flow of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from plait.dataset import Dataset
from plait.synth.learned import Prepared, prepare
from plait.synth.rows import Rows
from plait.synth.velocity import Velocity
from plait.tabular import Kind

__all__ = ["FlowOfRows", "train_rows"]


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
    progress: bool,
) -> FlowOfRows:
    """Train on a table; the arguments are those of `Flow.fit`."""
    prepared = prepare("Flow", data, kinds, constraints, seed=seed)
    import keras

    from plait.synth import networks, networks_flow

    rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 2])
    rows = Rows.of(prepared.inner, prepared.columns)
    values = rows.encode(prepared.columns, rng)
    kept, held = networks.divided(len(values), rng)
    batches = -(-len(kept) // batch_size)
    epochs = epochs or int(np.clip(4000 // batches, 10, 400))
    inputs = np.array([v.role == "input" for v in prepared.inner.variables])
    with networks.undisturbed():
        training = networks_flow.FlowTraining(rows.owners, inputs, units=units, blocks=blocks, seed=int(seed) & 0x7FFFFFFF)
        pace: Any = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * batches)
        training.compile(keras.optimizers.Adam(pace, clipnorm=1.0))
    history = networks.train(
        training,
        {"row": values[kept]},
        np.zeros(len(kept), np.float32),
        ({"row": values[held]}, np.zeros(len(held), np.float32)),
        title="Flow.fit",
        epochs=epochs,
        batch_size=batch_size,
        seed=int(seed),
        shown=progress,
    )
    losses = {name: [float(v) for v in history.history[name]] for name in ("loss", "val_loss")}
    return FlowOfRows(prepared, rows, networks_flow.velocity(training), losses)
