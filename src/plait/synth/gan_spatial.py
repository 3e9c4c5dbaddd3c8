"""The training of a generator of images or series against a critic."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from plait.dataset import Dataset
from plait.synth.options import epochs_of
from plait.synth.spatial import Scene
from plait.synth.watching import fit_watched, held_out
from plait.tabular import Kind

if TYPE_CHECKING:
    from plait.metrics.judge import Judge

__all__ = ["TrainedSpatial", "spatial_generator", "train_spatial"]

_FEW = 2000  # samples below which they are changed at random before the critic sees them
_STREAM = 6  # sets these random numbers apart


class TrainedSpatial(NamedTuple):
    """What training gives: what `GAN` keeps of images and series."""

    scene: Scene
    core: Any  # the generator, without units
    shape: dict[str, int]
    history: dict[str, list[float]]


def train_spatial(
    data: Dataset,
    *,
    seed: int,
    kinds: Mapping[str, Kind] | None,
    condition: Sequence[str] | None,
    epochs: int | None,
    noise: int,
    units: int,
    batch_size: int,
    learning_rate: float,
    penalty: float,
    augment: bool | None,
    judge: Judge | None,
    patience: int | None,
    sheets: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
    recurrent: bool,
    progress: bool,
) -> TrainedSpatial:
    """Train on images or series; the arguments are those of `GAN.fit`."""
    scene = Scene.fit("GAN", data, condition=condition, kinds=kinds, seed=seed)
    shape = {"noise": noise, "units": units, "seed": int(seed) & 0x7FFFFFFF, "recurrent": int(scene.hears_series("GAN", recurrent))}
    from plait.synth import networks, networks_arrays, networks_augment, networks_gan, networks_spatial, networks_training

    canvas, conditions = scene.canvas, scene.conditions
    mapped = any(c.spread(canvas.rank) for c in conditions)
    train, held = (data, None) if patience is None else held_out("GAN", data, seed=seed)
    batches = max(1, len(train) // batch_size)
    epochs = epochs or epochs_of(batches)
    rng = np.random.default_rng([shape["seed"], _STREAM])
    drawn = networks_arrays.noise_name(conditions)
    changed = len(train) < _FEW if augment is None else augment
    with networks.undisturbed():
        training = networks_gan.Adversarial(
            lambda: _network(scene, shape),
            networks_arrays.array_critic(canvas.shape, conditions, units=units, seed=shape["seed"] + 1),
            noise=(drawn, (noise,)),
            sample=networks_arrays.sample_name(conditions),
            penalty=penalty,
            seed=shape["seed"],
            real=networks_spatial.stacked(canvas),
            augment=networks_augment.augmenting(shifts=not mapped) if changed else None,
            exact=True,
            notes=networks_training.Notes(None if held is None else _network(scene, shape)),
        )
        training.compile(training.optimizer_for(learning_rate, steps=epochs * batches))
        whole = networks_spatial.in_units(training.mean, canvas, joined=True)

    def make(told: Mapping[str, np.ndarray], values: np.ndarray) -> np.ndarray:
        return networks_spatial.drawn(whole, {drawn: values, **told})

    core = fit_watched(
        training, scene, train, held, title="GAN.fit", rng=rng, noise=(noise,), make=make, judge=judge, patience=patience, sheets=sheets,
        epochs=epochs, batch_size=batch_size, seed=int(seed), resume=resume, shown=progress,
    )  # fmt: skip
    return TrainedSpatial(scene, core, shape, training.notes.read())


def spatial_generator(scene: Scene, shape: Mapping[str, int], weights: Sequence[np.ndarray]) -> Any:
    """A trained generator again, of its weights."""
    core = _network(scene, shape)
    core.set_weights(list(weights))
    return core


def _network(scene: Scene, shape: Mapping[str, int]) -> Any:
    from plait.synth import networks_arrays

    canvas = scene.canvas
    return networks_arrays.array_generator(
        canvas.shape, scene.conditions, noise=shape["noise"], units=shape["units"], bounded=canvas.bounded, seed=shape["seed"],
        recurrent=bool(shape["recurrent"]),
    )  # fmt: skip
