"""A generator and its critic as plain Keras networks, and their training as one model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from plait.starting import Start, settled
from plait.synth.networks_training import Notes

__all__ = ["Adversarial", "row_critic", "row_generator", "slope_at"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_STEP = 0.05  # of the finite difference


class Adversarial(keras.Model):
    """A generator against a critic, trained by stock `fit` and `train_step` on any backend.

    The loss is the non-saturating logistic one (Goodfellow et al. 2014) with a penalty on the critic's gradient at the data (R1; Mescheder,
    Geiger, Nowozin 2018). Both losses are added; the generator's sees the critic with its weights held, the critic's sees what was
    generated held. A running mean of the generator is kept to sample from.

    Args:
        make_generator: () -> a model of a dict: the noise, and conditions. Called twice.
        critic: Of a dict: the sample, and the same conditions; to (samples, 1).
        noise: The name of the noise, and the shape of one sample's.
        sample: The name of the sample.
        penalty: Weight of the penalty.
        seed: Of all draws.
        real: What `fit` is given -> the sample, as the generator makes it; by itself what is called `sample` there.
        augment: (sample, seed) -> the sample changed at random, for the critic only, real and generated alike (Zhao et al. 2020).
        exact: Whether the gradient is computed, at the cost of a second derivative, rather than taken as a finite difference along a
            random direction.
        notes: What is kept of each epoch.
    """

    def __init__(
        self,
        make_generator: Callable[[], keras.Model],
        critic: keras.Model,
        *,
        noise: tuple[str, tuple[int, ...]],
        sample: str,
        penalty: float,
        seed: int,
        real: Callable[[Mapping[str, Any]], Any] | None = None,
        augment: Callable[[Any, Any], Any] | None = None,
        exact: bool = False,
        notes: Notes | None = None,
    ) -> None:
        super().__init__(name="adversarial")
        self.generator, self.mean, self.critic = make_generator(), make_generator(), critic
        self.mean.trainable = False
        (self._drawn, self._noise), self._sample, self._penalty = noise, sample, penalty
        self._real, self._augment, self._exact = real or (lambda inputs: inputs[sample]), augment, exact
        self._told = [tensor.name for tensor in critic.inputs if tensor.name != sample]
        self._draws = keras.random.SeedGenerator(seed)
        self.notes = notes or Notes()
        self.built = True

    def optimizer_for(self, rate: float, *, steps: int | None = None) -> keras.optimizers.Optimizer:
        """One optimizer for each of the two, told apart by whose a variable is; over so many steps their rate falls along a cosine."""
        own = {id(variable) for variable in self.generator.trainable_variables}
        paces: list[Any] = [keras.optimizers.schedules.CosineDecay(rate, steps, alpha=0.05) if steps else rate for _ in range(2)]
        makes, judges = (keras.optimizers.Adam(pace, beta_1=0.0, beta_2=0.99) for pace in paces)
        return keras.optimizers.MultiOptimizer(lambda variable: makes if id(variable) in own else judges)

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Real samples, of which only the number and the conditions count, to generated ones."""
        some = next(iter(inputs.values()))
        noise = keras.random.normal((_ops.shape(some)[0], *self._noise), seed=self._draws)
        return self.generator({self._drawn: noise, **self._conditions(inputs)})

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: Any = True) -> Any:
        """The critic's loss and the generator's, added."""
        ops = _ops
        told = self._conditions(x)
        real, made = self._seen(self._real(x)), self._seen(y_pred)
        fake = ops.stop_gradient(made)
        if self._exact and training:  # nothing is validated by a gradient: there is none to take
            on_real, slope = slope_at(lambda at: self._judge(at, told), real)
            slope = ops.sum(ops.square(ops.reshape(slope, (ops.shape(real)[0], -1))), axis=1, keepdims=True)
        else:
            direction = keras.random.normal(ops.shape(real), seed=self._draws)
            on_real = self._judge(real, told)
            slope = ops.square((self._judge(real + _STEP * direction, told) - on_real) / _STEP)
        judged = ops.softplus(-on_real) + ops.softplus(self._judge(fake, told))
        fooled = self._judge(made, told, held=True)
        if training:
            self.notes.follow(self.mean, self.generator)
        return ops.mean(judged + 0.5 * self._penalty * slope) + ops.mean(ops.softplus(-fooled))

    def _judge(self, sample: Any, told: Mapping[str, Any], *, held: bool = False) -> Any:
        """What the critic says, without a change to its state, which an inner gradient would leak on JAX."""
        weights = [_ops.stop_gradient(v) if held else v for v in self.critic.trainable_variables]
        others = [_ops.stop_gradient(v) for v in self.critic.non_trainable_variables]
        return _ops.cast(self.critic.stateless_call(weights, others, {self._sample: sample, **told})[0], "float32")

    def _seen(self, sample: Any) -> Any:
        return sample if self._augment is None else self._augment(sample, self._draws)

    def _conditions(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        return {name: inputs[name] for name in self._told}


def slope_at(function: Callable[[Any], Any], at: Any) -> tuple[Any, Any]:
    """(values, gradients): a function of samples to one number each, and its gradient at each, which can be differentiated again."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(at)
            values = function(at)
        return values, tape.gradient(values, at)
    if backend == "torch":
        import torch

        at = at.detach().requires_grad_()
        with torch.enable_grad():
            values = function(at)
        return values, torch.autograd.grad(values.sum(), at, create_graph=True)[0]
    import jax

    def total(point: Any) -> tuple[Any, Any]:
        values = function(point)
        return values.sum(), values

    gradients, values = jax.grad(total, has_aux=True)(at)
    return values, gradients


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
        part = _layers.Dense(size, kernel_initializer=Start(1.0, "fan_avg", "uniform", seed=seed + 50 + number))(hidden)
        if size > 1:
            part = _layers.Rescaling(2.0, -1.0)(_layers.Softmax()(part))
        parts.append(part)
    row = _layers.Concatenate(name="row")(parts) if len(parts) > 1 else _layers.Identity(name="row")(parts[0])
    return settled(keras.Model(inputs, row, name="generator"))


def row_critic(width: int, condition: int, *, units: int, layers: int, seed: int) -> keras.Model:
    """Rows, and their condition where there is one, to one logit: high for real."""
    inputs = _inputs({"row": width, "condition": condition})
    hidden = _body(list(inputs.values()), units, layers, seed)
    last = _layers.Dense(1, kernel_initializer=Start(1.0, "fan_avg", "uniform", seed=seed + 90))
    return settled(keras.Model(inputs, last(hidden), name="critic"))


def _inputs(sizes: Mapping[str, int]) -> dict[str, Any]:
    return {name: keras.Input((size,), name=name) for name, size in sizes.items() if size}


def _body(inputs: Sequence[Any], units: int, layers: int, seed: int) -> Any:
    hidden = _layers.Concatenate()(inputs) if len(inputs) > 1 else inputs[0]
    for number in range(layers):
        dense = _layers.Dense(units, kernel_initializer=Start(2.0, seed=seed + number))
        hidden = _layers.LeakyReLU(0.2)(dense(hidden))
    return hidden


def values_of(model: keras.Model) -> list[np.ndarray]:
    """All weights, in the order of the model."""
    return [np.asarray(_ops.convert_to_numpy(variable), np.float32) for variable in model.variables]
