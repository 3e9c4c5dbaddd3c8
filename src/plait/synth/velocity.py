"""A trained flow in NumPy: its velocity, and samples along it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["FREQUENCIES", "Velocity"]

FREQUENCIES = 8  # of the waves that time is written in


@dataclass(frozen=True)
class Velocity:
    """The weights of a residual network that says where each number of a row moves. Pure.

    Args:
        weights: "first.kernel", "first.bias"; "inner_0.kernel", "time_0.kernel", "outer_0.kernel", ... for each block; "last.kernel".
    """

    weights: Mapping[str, np.ndarray]

    def sample(self, noise: np.ndarray, given: np.ndarray, known: np.ndarray, steps: int) -> np.ndarray:
        """Follow the velocity from noise to data, by Heun's method.

        Args:
            noise: (rows, width) float32.
            given: (width,) float32, 1 where a number is known.
            known: (rows, width) float32, the numbers that are.
            steps: Of equal length, with two evaluations each.

        Returns:
            (rows, width) float32.
        """
        state = np.where(given > 0, known, noise)
        here = self(state, given, 0.0)
        for step in range(steps):
            ahead = self(state + here / steps, given, (step + 1) / steps)
            state = state + (here + ahead) * np.float32(0.5 / steps)
            here = self(state, given, (step + 1) / steps) if step + 1 < steps else ahead
        return state

    def __call__(self, state: np.ndarray, given: np.ndarray, time: float) -> np.ndarray:
        """(rows, width) float32, zero for what is given."""
        w = self.weights
        angles = np.float32(time) * (np.pi * np.arange(1, FREQUENCIES + 1, dtype=np.float32))
        waves = np.concatenate([np.sin(angles), np.cos(angles)])
        width = state.shape[1]
        first = w["first.kernel"]
        hidden = state @ first[:width] + (given @ first[width : 2 * width] + waves @ first[2 * width :] + w["first.bias"])
        for number in range(sum(name.startswith("inner_") and name.endswith(".kernel") for name in w)):
            inner = np.maximum(hidden, 0) @ w[f"inner_{number}.kernel"]
            inner += w[f"inner_{number}.bias"] + waves @ w[f"time_{number}.kernel"] + w[f"time_{number}.bias"]
            hidden += np.maximum(inner, 0, out=inner) @ w[f"outer_{number}.kernel"]
            hidden += w[f"outer_{number}.bias"]
        return (np.maximum(hidden, 0, out=hidden) @ w["last.kernel"] + w["last.bias"]) * (1 - given)
