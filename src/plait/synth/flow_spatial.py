"""The training of a flow of images or series."""

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

__all__ = ["FlowOfArrays", "carry", "spatial_velocity", "train_spatial"]

_STREAM = 7  # sets these random numbers apart
_LOOKS = 6  # steps of the samples that are looked at while training


class FlowOfArrays(NamedTuple):
    """What training gives: what `Flow` keeps of images and series."""

    scene: Scene
    network: Any
    shape: dict[str, int]
    history: dict[str, list[float]]


def train_spatial(
    data: Dataset,
    *,
    seed: int,
    kinds: Mapping[str, Kind] | None,
    condition: Sequence[str] | None,
    epochs: int | None,
    units: int,
    batch_size: int,
    learning_rate: float,
    judge: Judge | None,
    patience: int | None,
    sheets: str | os.PathLike[str] | None,
    resume: str | os.PathLike[str] | None,
    recurrent: bool,
    progress: bool,
) -> FlowOfArrays:
    """Train on images or series; the arguments are those of `Flow.fit`."""
    scene = Scene.fit("Flow", data, condition=condition, kinds=kinds, seed=seed)
    shape = {"units": units, "seed": int(seed) & 0x7FFFFFFF, "recurrent": int(scene.hears_series("Flow", recurrent))}
    import keras

    from plait.synth import networks, networks_flow_arrays, networks_spatial, networks_training

    train, held = (data, None) if patience is None else held_out("Flow", data, seed=seed)
    batches = max(1, len(train) // batch_size)
    epochs = epochs or epochs_of(batches)
    rng = np.random.default_rng([shape["seed"], _STREAM])
    with networks.undisturbed():
        training = networks_flow_arrays.ArrayFlowTraining(
            lambda: _network(scene, shape),
            scene.conditions,
            real=networks_spatial.stacked(scene.canvas),
            seed=shape["seed"],
            notes=networks_training.Notes(None if held is None else _network(scene, shape)),
        )
        pace: Any = keras.optimizers.schedules.CosineDecay(learning_rate, epochs * batches)
        training.compile(keras.optimizers.Adam(pace, clipnorm=1.0))

    def make(told: Mapping[str, np.ndarray], noise: np.ndarray) -> np.ndarray:
        return carry(scene, training.mean, noise, told, steps=_LOOKS, guidance=1.0)

    network = fit_watched(
        training, scene, train, held, title="Flow.fit", rng=rng, noise=scene.canvas.shape, make=make, judge=judge, patience=patience,
        sheets=sheets, epochs=epochs, batch_size=batch_size, seed=int(seed), resume=resume, shown=progress,
    )  # fmt: skip
    return FlowOfArrays(scene, network, shape, training.notes.read())


def carry(scene: Scene, network: Any, noise: np.ndarray, told: Mapping[str, np.ndarray], *, steps: int, guidance: float) -> np.ndarray:
    """(samples, *shape) in the user's units: the noise carried to the data."""
    from plait.synth import networks_flow_arrays, networks_spatial

    made = networks_flow_arrays.carried(
        lambda feed: networks_spatial.drawn(network, feed), scene.conditions, noise, told, steps=steps, guidance=guidance
    )
    canvas = scene.canvas
    made = np.clip(made, -1, 1) if canvas.bounded else made
    return made * np.array(canvas.scale, np.float32) + np.array(canvas.offset, np.float32)


def spatial_velocity(scene: Scene, shape: Mapping[str, int], weights: Sequence[np.ndarray]) -> Any:
    """A trained velocity again, of its weights."""
    network = _network(scene, shape)
    network.set_weights(list(weights))
    return network


def _network(scene: Scene, shape: Mapping[str, int]) -> Any:
    from plait.synth import networks_flow_arrays

    return networks_flow_arrays.array_velocity(
        scene.canvas.shape, scene.conditions, units=shape["units"], seed=shape["seed"], recurrent=bool(shape["recurrent"])
    )
