"""The training of a generator of rows against a critic."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.meant import meant
from plait.synth.learned import Prepared, prepare
from plait.synth.options import epochs_of
from plait.synth.rows import Rows
from plait.synth.watching_rows import even, fit_rows, rows_to_learn
from plait.tabular import Kind, Schema

__all__ = ["TrainedRows", "columns_told", "row_network", "train_rows"]


class TrainedRows(NamedTuple):
    """What training gives: what `GAN` keeps of rows."""

    prepared: Prepared
    rows: Rows
    generator: Any
    shape: dict[str, int]
    conditions: dict[str, np.ndarray]
    history: dict[str, list[float]]


def train_rows(
    data: Dataset,
    *,
    seed: int,
    kinds: Mapping[str, Kind] | None,
    constraints: Sequence[Any],
    condition: Sequence[str],
    epochs: int | None,
    noise: int,
    units: int,
    layers: int,
    batch_size: int,
    learning_rate: float,
    penalty: float,
    patience: int | None,
    sheets: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
    progress: bool,
) -> TrainedRows:
    """Train on a table; the arguments are those of `GAN.fit`."""
    prepared = prepare("GAN", data, kinds, constraints, seed=seed)
    told = _told(prepared.inner, condition)
    from plait.synth import networks, networks_gan, networks_spatial, networks_training

    rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 3])
    rows = Rows.of(prepared.inner, prepared.columns)
    known = columns_told(rows, told)
    train, held = rows_to_learn("GAN", rows.shares(prepared.columns), known, patience=patience, seed=seed)
    batch_size = even(len(train), batch_size)
    shape = {"noise": noise, "units": units, "layers": layers, "seed": int(seed) & 0x7FFFFFFF}
    with networks.undisturbed():
        training = networks_gan.Adversarial(
            lambda: row_network(rows, told, shape),
            networks_gan.row_critic(int((~known).sum()), int(known.sum()), units=units, layers=layers, seed=shape["seed"] + 1000),
            noise=("noise", (noise,)),
            sample="row",
            penalty=penalty,
            seed=shape["seed"],
            notes=networks_training.Notes(None if held is None else row_network(rows, told, shape)),
        )
        training.compile(training.optimizer_for(learning_rate))

    def make(drawn: np.ndarray, condition: np.ndarray) -> np.ndarray:
        return networks_spatial.drawn(training.mean, {"noise": drawn} | ({"condition": condition} if told else {}))

    best = fit_rows(
        training, rows, known, train, held, rng=rng, noise=noise, make=make, sheets=sheets, title="GAN.fit",
        epochs=epochs or epochs_of(len(train) // batch_size), batch_size=batch_size, seed=int(seed),
        resume=resume, patience=patience, shown=progress,
    )  # fmt: skip
    return TrainedRows(prepared, rows, best, shape, {name: prepared.columns[name] for name in told}, training.notes.read())


def row_network(rows: Rows, told: Sequence[str], shape: Mapping[str, int]) -> Any:
    """The generator, untrained."""
    from plait.synth import networks_gan

    heads = [size for name, size in rows.sizes.items() if name not in told]
    condition = sum(rows.sizes[name] for name in told)
    return networks_gan.row_generator(shape["noise"], condition, heads, units=shape["units"], layers=shape["layers"], seed=shape["seed"])


def columns_told(rows: Rows, told: Sequence[str]) -> np.ndarray:
    """(width,) bool, the numbers of a row that the generator is told."""
    names = list(rows.sizes)
    return np.isin(rows.owners, [names.index(name) for name in told])


def _told(schema: Schema, condition: Sequence[str]) -> list[str]:
    """The variables of the streams that the generator is told."""
    streams = list(dict.fromkeys(v.stream for v in schema.variables))
    condition = [condition] if isinstance(condition, str) else list(condition)
    unknown = [name for name in condition if name not in streams]
    if unknown:
        raise NameUnknownError(
            f"GAN.fit(condition={condition}): there is no stream {unknown[0]!r}. There are {streams}.{meant(unknown[0], streams)}"
        )
    told = [v.name for v in schema.variables if v.stream in condition]
    if len(told) == len(schema):
        raise ArgumentError(f"GAN.fit(condition={condition}) names every stream, so that nothing is left to generate.")
    return told
