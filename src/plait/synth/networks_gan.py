"""A generator and its critic as plain Keras networks, and their training as one model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

__all__ = ["Adversarial", "row_critic", "row_generator"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_KEPT = 0.995  # of the running mean of the generator's weights, at each step
_STEP = 0.05  # of the finite difference


class Adversarial(keras.Model):
    """A generator against a critic, trained by stock `fit` and `train_step` on any backend.

    The loss is the non-saturating logistic one (Goodfellow et al. 2014) with a penalty on the critic's gradient at the data (R1; Mescheder,
    Geiger, Nowozin 2018), taken as a finite difference along a random direction. Both losses are added; the generator's sees the critic
    with its weights held, the critic's sees what was generated held. A running mean of the generator is kept to sample from.

    Args:
        make_generator: () -> a model of {"noise": ..., "condition": ...} (or "noise" alone). Called twice.
        critic: Of the same dict with "row" for "noise", to (samples, 1).
        noise: Shape of one sample's noise.
        penalty: Weight of the penalty.
        seed: Of all draws.
    """

    def __init__(self, make_generator: Any, critic: keras.Model, *, noise: tuple[int, ...], penalty: float, seed: int) -> None:
        super().__init__(name="adversarial")
        self.generator, self.mean, self.critic = make_generator(), make_generator(), critic
        self.mean.trainable = False
        self._noise, self._penalty = noise, penalty
        self._draws = keras.random.SeedGenerator(seed)
        self.built = True

    def optimizer_for(self, rate: float) -> keras.optimizers.Optimizer:
        """One optimizer for each of the two, told apart by whose a variable is."""
        own = {id(variable) for variable in self.generator.trainable_variables}
        makes, judges = (keras.optimizers.Adam(rate, beta_1=0.0, beta_2=0.99) for _ in range(2))
        return keras.optimizers.MultiOptimizer(lambda variable: makes if id(variable) in own else judges)

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Real samples, of which only the number and the condition count, to generated ones."""
        noise = keras.random.normal((_ops.shape(inputs["row"])[0], *self._noise), seed=self._draws)
        return self.generator({"noise": noise, **_condition(inputs)})

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: Any = True) -> Any:
        """The critic's loss and the generator's, added."""
        ops = _ops
        real, made, condition = x["row"], y_pred, _condition(x)
        direction = keras.random.normal(ops.shape(real), seed=self._draws)
        on_real = self.critic({"row": real, **condition})
        slope = (self.critic({"row": real + _STEP * direction, **condition}) - on_real) / _STEP
        judged = ops.softplus(-on_real) + ops.softplus(self.critic({"row": ops.stop_gradient(made), **condition}))
        held = [ops.stop_gradient(variable) for variable in self.critic.trainable_variables]
        others = [ops.stop_gradient(variable) for variable in self.critic.non_trainable_variables]
        fooled = self.critic.stateless_call(held, others, {"row": made, **condition})[0]
        if training:
            for mean, own in zip(self.mean.variables, self.generator.variables, strict=True):
                mean.assign(_KEPT * mean + (1 - _KEPT) * ops.stop_gradient(own))
        return ops.mean(judged + 0.5 * self._penalty * ops.square(slope)) + ops.mean(ops.softplus(-fooled))


def row_generator(noise: int, condition: int, heads: Sequence[int], *, units: int, layers: int, seed: int) -> keras.Model:
    """Noise, and a condition where there is one, to rows: stock layers, so that it loads wherever Keras is.

    Args:
        noise, condition: How many numbers each has; condition 0 for none.
        heads: How many numbers each variable takes: 1 for a score, more for a category, as chances between -1 and 1.
        units, layers: Width and depth.
        seed: Of the initial weights.
    """
    inputs = _inputs({"noise": noise, "condition": condition})
    hidden = _body(list(inputs.values()), units, layers, seed)
    parts = []
    for number, size in enumerate(heads):
        part = _layers.Dense(size, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 50 + number))(hidden)
        if size > 1:
            part = _layers.Rescaling(2.0, -1.0)(_layers.Softmax()(part))
        parts.append(part)
    row = _layers.Concatenate(name="row")(parts) if len(parts) > 1 else _layers.Identity(name="row")(parts[0])
    return keras.Model(inputs, row, name="generator")


def row_critic(width: int, condition: int, *, units: int, layers: int, seed: int) -> keras.Model:
    """Rows, and their condition where there is one, to one logit: high for real."""
    inputs = _inputs({"row": width, "condition": condition})
    hidden = _body(list(inputs.values()), units, layers, seed)
    return keras.Model(inputs, _layers.Dense(1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 90))(hidden), name="critic")


def _inputs(sizes: Mapping[str, int]) -> dict[str, Any]:
    return {name: keras.Input((size,), name=name) for name, size in sizes.items() if size}


def _body(inputs: Sequence[Any], units: int, layers: int, seed: int) -> Any:
    hidden = _layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    for number in range(layers):
        dense = _layers.Dense(units, kernel_initializer=keras.initializers.HeNormal(seed=seed + number))
        hidden = _layers.LeakyReLU(0.2)(dense(hidden))
    return hidden


def _condition(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {"condition": inputs["condition"]} if "condition" in inputs else {}


def values_of(model: keras.Model) -> list[np.ndarray]:
    """All weights, in the order of the model."""
    return [np.asarray(_ops.convert_to_numpy(variable), np.float32) for variable in model.variables]
