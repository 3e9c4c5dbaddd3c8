"""Initial weights drawn by NumPy: the same on every backend, and without the quarter of a second that JAX compiles for each shape."""

from __future__ import annotations

import math
import random
from typing import Any, Literal

import keras
import numpy as np

__all__ = ["Start", "relu", "settled"]

_BEYOND = 2.0  # standard deviations at which a truncated normal ends
_NARROWED = 0.87962566103423978  # the standard deviation of what is left of it


class Start(keras.initializers.VarianceScaling):
    """`keras.initializers.VarianceScaling`, drawn by NumPy. A model that is made with it is to be `settled`, so that it loads anywhere.

    Args:
        scale: Variance times fan: 2 for what a ReLU follows (He et al. 2015), 1 for others.
        mode: "fan_in" or "fan_avg".
        distribution: "truncated_normal" or "uniform".
        seed: A whole number; by itself from Python's generator, as Keras's have it.
    """

    def __init__(
        self,
        scale: float,
        mode: Literal["fan_in", "fan_avg"] = "fan_in",
        distribution: Literal["truncated_normal", "uniform"] = "truncated_normal",
        *,
        seed: int | None = None,
    ) -> None:
        super().__init__(scale, mode, distribution, seed=random.randint(1, 10**9) if seed is None else seed)

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        """A tensor of that shape; of the last two axes the first is what comes in, the second what goes out."""
        field = math.prod(shape[:-2])
        fan_in, fan_out = (shape[-2] if len(shape) > 1 else shape[-1]) * field, shape[-1] * field
        deviation = math.sqrt(self.scale / max(1.0, fan_in if self.mode == "fan_in" else (fan_in + fan_out) / 2))
        seed: Any = self.seed  # a number, where Keras allows for a generator too
        rng = np.random.default_rng(seed)
        if self.distribution == "uniform":
            values = rng.uniform(-math.sqrt(3) * deviation, math.sqrt(3) * deviation, shape)
        else:
            values = rng.standard_normal(shape)
            while (far := np.abs(values) > _BEYOND).any():
                values[far] = rng.standard_normal(int(far.sum()))
            values *= deviation / _NARROWED
        return keras.ops.convert_to_tensor(values.astype(np.float32), dtype=dtype)


def relu() -> dict[str, Any]:
    """Arguments of a layer that ends in a ReLU."""
    return {"activation": "relu", "kernel_initializer": Start(2.0, distribution="uniform")}


def settled(model: Any) -> Any:
    """The same model, each `Start` in it replaced by the initializer of Keras that it stands for."""
    for layer in model._flatten_layers():
        for name, value in vars(layer).copy().items():
            if isinstance(value, Start):
                setattr(layer, name, keras.initializers.VarianceScaling(value.scale, value.mode, value.distribution, seed=value.seed))
    return model
