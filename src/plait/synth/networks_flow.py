"""The velocity of a flow as a Keras network, its training, and the same network in NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from plait.starting import Start
from plait.synth.networks_training import Notes
from plait.synth.velocity import FREQUENCIES, Velocity

__all__ = ["FlowTraining", "velocity"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_NOTHING, _INPUTS = 0.4, 0.4  # how often nothing is given in training, and the inputs


class FlowTraining(keras.Model):
    """Conditional flow matching on the straight path from noise to data, any variables given (Lipman et al. 2023).

    Each step draws for each sample a time, noise, and which variables are given; the network learns the velocity of the others. Stock
    `fit` and `train_step`. A running mean of the weights is kept beside them.

    Args:
        owners: (width,) the number of the variable that each number of a row belongs to.
        inputs: (variables,) bool, which variables are inputs.
        units, blocks: Width and depth of the network.
        seed: Of the initial weights and of all draws.
        watched: Whether the best network is kept beside the mean one.
    """

    def __init__(self, owners: np.ndarray, inputs: np.ndarray, *, units: int, blocks: int, seed: int, watched: bool = False) -> None:
        super().__init__(name="flow")
        self._spread = np.eye(int(owners.max()) + 1, dtype="float32")[owners].T  # (variables, width)
        self._inputs = inputs.astype("float32")
        self.network = _network(len(owners), units=units, blocks=blocks, seed=seed)
        self.mean = _network(len(owners), units=units, blocks=blocks, seed=seed)
        self.mean.trainable = False
        self.notes = Notes(_network(len(owners), units=units, blocks=blocks, seed=seed) if watched else None)
        self._draws = keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """ "row" (samples, width) to what the velocity is wrong by, zero for what is given."""
        ops, random = _ops, keras.random
        row = inputs["row"]
        samples, variables = ops.shape(row)[0], self._spread.shape[0]
        time = random.uniform((samples, 1), seed=self._draws)
        noise = random.normal(ops.shape(row), seed=self._draws)
        chance = random.uniform((samples, 1), seed=self._draws)
        which = random.uniform((samples, 1), seed=self._draws)
        some = ops.cast(random.uniform((samples, variables), seed=self._draws) < which, "float32")
        given = ops.where(chance < _NOTHING, 0.0, ops.where(chance < _NOTHING + _INPUTS, ops.convert_to_tensor(self._inputs), some))
        given = ops.matmul(given, self._spread)
        state = given * row + (1 - given) * ((1 - time) * noise + time * row)
        velocity = ops.cast(self.network([state, given, _waves(time)]), "float32")
        return (velocity - (row - noise)) * (1 - given)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: bool = True) -> Any:
        """The mean square of what the velocity is wrong by."""
        if training:
            self.notes.follow(self.mean, self.network)
        return _ops.mean(_ops.square(y_pred))


def velocity(network: keras.Model) -> Velocity:
    """A network of `FlowTraining`, for NumPy."""
    arrays: Mapping[str, np.ndarray] = {
        f"{layer.name}.{part}": np.asarray(_ops.convert_to_numpy(value), np.float32)
        for layer in network.layers
        if layer.variables
        for part, value in (("kernel", layer.kernel), ("bias", layer.bias))
    }
    return Velocity(dict(arrays))


def _network(width: int, *, units: int, blocks: int, seed: int) -> keras.Model:
    """State, what is given, and waves of the time, to the velocity; its layers are called as `Velocity` expects."""
    numbers = iter(range(seed, seed + 1000))

    def dense(size: int, name: str, scale: float = 1.0) -> Any:
        return _layers.Dense(size, name=name, kernel_initializer=Start(scale, seed=next(numbers)))

    state, given, time = (keras.Input((size,), name=name) for size, name in ((width, "state"), (width, "given"), (2 * FREQUENCIES, "time")))
    hidden = dense(units, "first")(_layers.Concatenate()([state, given, time]))
    for number in range(blocks):
        inner = dense(units, f"inner_{number}")(_layers.Activation("relu")(hidden))
        inner = _layers.Add()([inner, dense(units, f"time_{number}", 0.1)(time)])
        hidden = _layers.Add()([hidden, dense(units, f"outer_{number}", 0.1)(_layers.Activation("relu")(inner))])
    return keras.Model([state, given, time], dense(width, "last", 0.01)(_layers.Activation("relu")(hidden)))


def _waves(time: Any) -> Any:
    angles = _ops.multiply(time, (np.pi * np.arange(1, FREQUENCIES + 1)).astype("float32"))
    return _ops.concatenate([_ops.sin(angles), _ops.cos(angles)], axis=-1)
