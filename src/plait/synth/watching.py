"""How good a generator of images or series is while it is trained, and what it makes, on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.metrics.signals import frechet
from plait.synth.sheet import rows_of, sheet, write_sheet
from plait.synth.spatial import Scene

if TYPE_CHECKING:
    from plait.metrics.judge import Judge

__all__ = ["Make", "fit_watched", "held_out"]

#: (what samples are told, noise) -> (samples, *space, channels) in the user's units, of the network as it is now.
Make = Callable[[Mapping[str, np.ndarray], np.ndarray], np.ndarray]

_HELD, _LEAST, _COLUMNS, _COMPONENTS = 1000, 4, 8, 16


def fit_watched(
    training: Any,
    scene: Scene,
    train: Dataset,
    held: Dataset | None,
    *,
    rng: np.random.Generator,
    noise: tuple[int, ...],
    make: Make,
    judge: Judge | None,
    sheets: str | os.PathLike[str] | None,
    **options: Any,
) -> Any:
    """Train, and look at the quality and at sheets of samples where they are asked for.

    Args:
        training: The Keras model that learns, with its `mean` and its `notes`.
        scene: What is made, and what is told.
        train: To learn from.
        held: To measure the quality on; None where it is not measured.
        rng: Draws the noise.
        noise: Its shape, of one sample.
        make: Samples of the network as it is now.
        judge, sheets: As of `GAN.fit`.
        options: Of `networks_training.fit`.

    Returns:
        The mean network, or that of the best epoch where the quality was measured.
    """
    from plait.synth import networks_training

    quality = sheet = None
    if held is not None:
        quality = _quality(scene, held, judge, noise=rng.standard_normal((len(held), *noise), np.float32), make=make)
    if sheets is not None:
        sheet = _sheets(scene, sheets, rng=rng, noise=noise, make=make)
    return networks_training.fit(training, scene.coded(train), quality=quality, sheet=sheet, **options)


def held_out(owner: str, data: Dataset, *, seed: int) -> tuple[Dataset, Dataset]:
    """The part to train on, and a tenth to measure the quality on, of at most 1000 samples.

    Raises:
        ArgumentError: There are too few for a distance between distributions.
    """
    if len(data) < 10 * _LEAST:
        raise ArgumentError(
            f"{owner}.fit(patience=...): the quality is measured on a tenth of the samples, and of {len(data)} that is too little to say "
            f"anything; {10 * _LEAST} are needed. Leave patience= out."
        )
    order = np.random.default_rng([int(seed) & 0xFFFFFFFF, 5]).permutation(len(data))
    held = int(np.clip(len(data) // 10, 1, _HELD))
    return data.take(np.sort(order[held:])), data.take(np.sort(order[:held]))


def _quality(scene: Scene, held: Dataset, judge: Judge | None, *, noise: np.ndarray, make: Make) -> Callable[[Any], float]:
    """The Fréchet distance between samples that were held out and as many that are made, told the same: less is better.

    Args:
        scene: What is made, and what is told.
        held: Samples that are not trained on.
        judge: In whose features; in the principal components of the samples held out where there is none.
        noise: (samples, ...) for as many.
        make: Makes them.
    """
    rows = np.arange(len(held))
    names = list(scene.canvas.specs)
    real = {name: np.asarray(values) for name, values in held.plain().read(names, rows).items()}
    told = {c.name: c.codes(np.asarray(held.plain().read([c.name], rows)[c.name])) for c in scene.conditions}
    features = _components(real) if judge is None else judge.features
    expected = features(real)
    return lambda network: frechet(expected, features(scene.canvas.streams(make(told, noise))))


def _sheets(
    scene: Scene, folder: str | os.PathLike[str], *, rng: np.random.Generator, noise: tuple[int, ...], make: Make
) -> Callable[[Any, int], None]:
    """(network, epoch) -> a picture in a folder: a row for each thing it is told, the same noise in every row."""
    told = rows_of(scene)
    rows = len(next(iter(told.values()))) if told else _COLUMNS
    told = {name: np.repeat(values, _COLUMNS, axis=0) for name, values in told.items()}
    drawn = rng.standard_normal((_COLUMNS, *noise), np.float32)
    drawn = np.tile(drawn, (rows, *(1,) * len(noise))) if told else rng.standard_normal((rows * _COLUMNS, *noise), np.float32)
    canvas = scene.canvas
    reach = np.array(canvas.scale) * (1 if canvas.bounded else 3)
    bounds = (float((np.array(canvas.offset) - reach).min()), float((np.array(canvas.offset) + reach).max()))

    def draw(network: Any, epoch: int) -> None:
        write_sheet(folder, epoch, sheet(make(told, drawn), _COLUMNS, bounds=bounds))

    return draw


def _components(real: Mapping[str, np.ndarray]) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    """Streams -> (samples, axes): the principal components of these ones."""
    flat = _flat(real)
    mean = flat.mean(axis=0)
    axes = np.linalg.svd(flat - mean, full_matrices=False)[2][:_COMPONENTS]
    return lambda made: (_flat(made) - mean) @ axes.T


def _flat(streams: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([np.asarray(values, np.float64).reshape(len(values), -1) for values in streams.values()], axis=1)
