"""The training of networks of rows by plain `fit`, how good they are meanwhile, and what they make, on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.extras import require
from plait.sources.arrays import Arrays
from plait.synth.rows import Rows, placed
from plait.synth.sheet import pairs, write_sheet
from plait.synth.watching import held_out

__all__ = ["MakeRows", "even", "fit_rows", "rows_to_learn"]

#: (noise, what is told, (samples, 0) where nothing is) -> (samples, numbers made), of the network as it is now.
MakeRows = Callable[[np.ndarray, np.ndarray], np.ndarray]

_SHOWN = 1000


def even(rows: int, batch_size: int) -> int:
    """The batch size at most so large of which all batches of an epoch are: no partial one is left out but for a few rows. 2 stay 2."""
    return max(min(2, batch_size, rows), rows // -(-rows // batch_size))


def rows_to_learn(owner: str, shares: np.ndarray, known: np.ndarray, *, patience: int | None, seed: int) -> tuple[Dataset, Dataset | None]:
    """The rows to learn from, each value placed anew in every epoch, and those to measure the quality on where there is patience.

    Args:
        owner: Who asks: "GAN".
        shares: (rows, width, 2) of `Rows.shares`.
        known: (width,) bool, which numbers are told rather than made.
        patience: As of `GAN.fit`.
        seed: Of what is held out.

    Returns:
        Two data sets of "row", and where something is told of "condition".
    """
    streams = {"row": shares[:, ~known]} | ({"condition": shares[:, known]} if known.any() else {})
    arrays = Arrays(streams)
    train = Dataset(inputs={name: arrays[name] for name in streams})
    train, held = (train, None) if patience is None else held_out(owner, train, seed=seed)
    for name in streams:
        train = train.augment(placed, on=name)
    return train, held


def fit_rows(
    training: Any,
    rows: Rows,
    known: np.ndarray,
    train: Dataset,
    held: Dataset | None,
    *,
    rng: np.random.Generator,
    noise: int,
    make: MakeRows,
    sheets: str | os.PathLike[str] | None,
    **options: Any,
) -> Any:
    """Train, and look at the quality and at sheets of samples where they are asked for.

    Args:
        training: The Keras model that learns, with its `mean` and its `notes`.
        rows: How rows are written.
        known: (width,) bool, which numbers are told.
        train, held: What `rows_to_learn` gave.
        rng: Draws the noise.
        noise: How many numbers it has.
        make: Rows of the network as it is now.
        sheets: As of `GAN.fit`.
        options: Of `networks_training.fit`.

    Returns:
        The mean network, or that of the best epoch where the quality was measured.
    """
    from plait.synth import networks_training

    def looked_at(data: Dataset) -> tuple[np.ndarray, Callable[[], np.ndarray]]:
        """(rows, width) real ones, and () -> as many that are made, told the same."""
        count = min(len(data), _SHOWN)
        some = np.sort(rng.permutation(len(data))[:count])
        parts = {name: placed(np.asarray(v), rng) for name, v in data.plain().read(list(data.inputs), some).items()}
        told, drawn = parts.get("condition", np.zeros((count, 0), np.float32)), rng.standard_normal((count, noise), np.float32)

        def whole(made: np.ndarray) -> np.ndarray:
            values = np.empty((count, len(known)), np.float32)
            values[:, ~known], values[:, known] = made, told
            return values

        return whole(parts["row"]), lambda: whole(make(drawn, told))

    quality = sheet = None
    if held is not None:
        quality = _quality(*looked_at(held))
    if sheets is not None:
        sheet = _sheets(rows, sheets, *looked_at(train if held is None else held))
    return networks_training.fit(training, train, quality=quality, sheet=sheet, **options)


def _quality(real: np.ndarray, made: Callable[[], np.ndarray]) -> Callable[[Any], float]:
    """The energy distance (Székely, Rizzo 2013) between rows that were held out and as many that are made: less is better.

    Unbiased, so that it comes to nothing, or a little below, for rows of the same distribution; pairs that were told the same are left out.
    """
    distances: Any = require("scipy.spatial.distance", extra="synth", purpose="The quality of rows")
    among = distances.pdist(real).mean()

    def measured(network: Any) -> float:
        own, rows = made(), len(real)
        apart = distances.cdist(real, own)
        between = (apart.sum() - np.trace(apart)) / (rows * (rows - 1))
        return float(2 * between - among - distances.pdist(own).mean())

    return measured


def _sheets(rows: Rows, folder: str | os.PathLike[str], real: np.ndarray, made: Callable[[], np.ndarray]) -> Callable[[Any, int], None]:
    """(network, epoch) -> a picture in a folder: each variable against each other one, real ones and made ones."""
    known: Mapping[str, np.ndarray] = rows.decode(real)
    return lambda network, epoch: write_sheet(folder, epoch, pairs(known, rows.decode(made())))
