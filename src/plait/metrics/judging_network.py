"""The network of a judge, in Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from plait.dataset import Dataset
from plait.loader import Loader
from plait.progress import progress
from plait.randomness import random_states, restore_random_states
from plait.starting import Start, settled

__all__ = ["FEATURES", "network", "trained"]

_layers: Any = keras.layers  # their types are narrower than what they take

FEATURES = "judge_features"  # the name of the last hidden layer


def network(
    shapes: Mapping[str, tuple[int | None, ...]],
    scales: Mapping[str, tuple[np.ndarray, np.ndarray]],
    tells: str,
    classes: int,
    *,
    features: int,
    smallest: int,
    seed: int,
) -> keras.Model:
    """Images and series in the user's units to the chances of the classes; the layer before is called `FEATURES`.

    Those of one size are stacked by their channels and looked at together, point by point: how an answer differs from what was asked
    about shows there.

    Args:
        shapes: name -> (height, width, channels) or (time, channels).
        scales: name -> (offset, scale) of the channels.
        tells: The name of the class.
        classes: How many.
        features: How many numbers the last hidden layer has.
        smallest: Convolutions halve until the shorter side has no more.
        seed: Of the initial weights and the dropout.
    """
    seeds = iter(range(seed * 100, seed * 100 + 100))

    def start() -> Any:
        return Start(2.0, seed=next(seeds))

    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    together: dict[tuple[int, ...], list[Any]] = {}
    for name, given in inputs.items():
        offset, scale = scales[name]
        x = _layers.Rescaling((1 / scale).tolist(), (-offset / scale).tolist())(given)
        together.setdefault(tuple(x.shape[1:-1]), []).append(x)
    parts = []
    for alike in together.values():
        x = alike[0] if len(alike) == 1 else _layers.Concatenate()(alike)
        rank, width = len(x.shape) - 2, 32
        convolution, pooling = (_layers.Conv1D, _layers.MaxPooling1D) if rank == 1 else (_layers.Conv2D, _layers.MaxPooling2D)
        while True:
            x = convolution(width, 3, padding="same", activation="relu", kernel_initializer=start())(x)
            x = pooling(2, padding="same")(x)
            if min(x.shape[1:-1]) <= smallest and width >= 64:
                break
            width = 64
        parts.append(_layers.Flatten()(x))
    x = parts[0] if len(parts) == 1 else _layers.Concatenate()(parts)
    x = _layers.Dropout(0.3, seed=next(seeds))(x)
    x = _layers.Dense(features, activation="relu", kernel_initializer=start(), name=FEATURES)(x)
    x = _layers.Dropout(0.3, seed=next(seeds))(x)
    last = _layers.Dense(classes, activation="softmax", kernel_initializer=Start(1.0, "fan_avg", "uniform", seed=next(seeds)))(x)
    return settled(keras.Model(inputs, last, name="judge"))


def trained(model: Any, data: Dataset, *, epochs: int, batch_size: int, seed: int, shown: bool) -> None:
    """Train it by plain `fit`, the rate falling along a cosine; the global random state stays as it was."""
    states = random_states()
    try:
        loader = Loader(data, min(batch_size, len(data)), seed=seed, remainder="drop")
        rate: Any = keras.optimizers.schedules.CosineDecay(0.002, epochs * len(loader))
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
        with progress("Judge.fit", epochs, shown) as advance:
            bar = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: advance(1, f"loss {(logs or {}).get('loss', 0):.3f}"))
            model.fit(loader, epochs=epochs, verbose=0, callbacks=[bar])
    finally:
        restore_random_states(states)
