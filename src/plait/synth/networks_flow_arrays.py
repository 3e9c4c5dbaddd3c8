"""The velocity of a flow of images or series as a Keras network, its training, and a sampler that is a plain model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from plait.starting import settled
from plait.synth.canvas import Canvas
from plait.synth.networks_parts import Parts, free_name, sizes_of, told_inputs
from plait.synth.networks_spatial import in_units
from plait.synth.networks_training import Notes
from plait.synth.told import Condition

__all__ = ["ArrayFlowTraining", "array_velocity", "carried", "sampler"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_UNTOLD = 0.1  # how often nothing is told in training
_WIDEST = 4  # times `units`


def array_velocity(
    shape: tuple[int, ...], conditions: Sequence[Condition], *, units: int, seed: int, recurrent: bool = False
) -> keras.Model:
    """Where an image or a series moves, at a time, told its conditions or not: a U-Net (Ronneberger et al. 2015) of stock layers.

    The mean of the narrowest maps modulates the way back beside time and conditions, so that what holds for the whole, such as how bright
    it is, is decided once (squeeze and excitation; Hu et al. 2018).

    Its inputs are the state, (samples, *shape); the time, (samples, 1) from 0 (noise) to 1 (data); whether it is told, (samples, 1) of 1
    or 0; and the conditions.

    Args:
        shape: (height, width, channels) or (time, channels).
        conditions: Inputs beside them.
        units: Channels in half size.
        seed: Of the initial weights.
        recurrent: Whether each series that is told passes a recurrent branch of its own before.
    """
    parts, space = Parts(len(shape) - 1, seed), shape[:-1]
    sizes = sizes_of(space)
    told = told_inputs(conditions)
    state, time, asked = _names(conditions)
    inputs = {state: keras.Input(shape, name=state), time: keras.Input((1,), name=time), asked: keras.Input((1,), name=asked), **told}
    clock = parts.clock(inputs[time], 2 * units)
    vector = parts.vector(conditions, inputs, units)
    heard = [clock, inputs[asked]] + ([] if vector is None else [_layers.Multiply()([vector, inputs[asked]])])
    style = _layers.LeakyReLU(0.2)(parts.dense(4 * units)(_layers.Concatenate()(heard)))
    x = inputs[state]
    maps = parts.maps(conditions, inputs, space)
    told_at_all = _layers.Reshape((1,) * len(shape))(inputs[asked])
    if maps is not None:
        x = _layers.Concatenate()([x, _layers.Multiply()([maps, told_at_all])])
    raw = x
    if recurrent and (held := parts.remembered(conditions, inputs, space, units)) is not None:
        x = _layers.Concatenate()([x, _layers.Multiply()([held, told_at_all])])
    widths = [units * min(2**level, _WIDEST) // 2 for level in range(len(sizes))]
    passed = [x]
    for level in range(1, len(sizes)):
        x = _block(parts, parts.conv(widths[level], 4, 2)(x), style)
        passed.append(x)
    if len(sizes) == 1:
        x = parts.conv(widths[0])(x)
    x = _block(parts, x, style)
    style = _layers.LeakyReLU(0.2)(parts.dense(4 * units)(_layers.Concatenate()([style, parts.pooled(x)])))
    for level in reversed(range(len(sizes) - 1)):
        x = _layers.Concatenate()([parts.larger(x, sizes[level], widths[level]), passed[level]])
        x = _block(parts, parts.conv(widths[level])(x), style) if level else parts.conv(widths[0])(x)
    x = parts.beside(_layers.LeakyReLU(0.2)(parts.modulated(x, style, None)), raw, style)
    return settled(keras.Model(inputs, parts.conv(shape[-1], scale=0.05)(x), name="velocity"))


class ArrayFlowTraining(keras.Model):
    """Conditional flow matching on the straight path from noise to images or series (Lipman et al. 2023), by stock `fit`.

    Each step draws for each sample a time, noise, and whether it is told its conditions (Ho and Salimans 2022). A running mean of the
    weights is kept beside them.

    Args:
        make_network: () -> an `array_velocity`. Called twice.
        conditions: What it is told.
        real: What `fit` is given -> the samples.
        seed: Of all draws.
        notes: What is kept of each epoch.
    """

    def __init__(
        self,
        make_network: Callable[[], keras.Model],
        conditions: Sequence[Condition],
        *,
        real: Callable[[Mapping[str, Any]], Any],
        seed: int,
        notes: Notes,
    ) -> None:
        super().__init__(name="flow")
        self.network, self.mean, self.notes = make_network(), make_network(), notes
        self.mean.trainable = False
        self._names, self._told = _names(conditions), [c.name for c in conditions]
        self._real, self._draws = real, keras.random.SeedGenerator(seed)
        self.built = True

    def call(self, inputs: Mapping[str, Any]) -> Any:
        """Streams to what the velocity is wrong by."""
        ops, random = _ops, keras.random
        real = self._real(inputs)
        ones = (1,) * (len(real.shape) - 1)
        samples = ops.shape(real)[0]
        # more often in the middle of the way, where most is decided (Esser et al. 2024)
        time = ops.sigmoid(random.normal((samples, 1), seed=self._draws))
        noise = random.normal(ops.shape(real), seed=self._draws)
        asked = ops.cast(random.uniform((samples, 1), seed=self._draws) >= _UNTOLD, "float32")
        share = ops.reshape(time, (-1, *ones))
        feed = dict(zip(self._names, ((1 - share) * noise + share * real, time, asked), strict=True))
        velocity = self.network({**feed, **{name: inputs[name] for name in self._told}})
        return ops.cast(velocity, "float32") - (real - noise)

    def compute_loss(self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training: Any = True) -> Any:
        """The mean square of what the velocity is wrong by."""
        if training:
            self.notes.follow(self.mean, self.network)
        return _ops.mean(_ops.square(y_pred))


def carried(
    evaluate: Callable[[dict[str, np.ndarray]], np.ndarray],
    conditions: Sequence[Condition],
    noise: np.ndarray,
    told: Mapping[str, np.ndarray],
    *,
    steps: int,
    guidance: float,
) -> np.ndarray:
    """Noise carried to samples, by Heun's method; the last step is Euler's (Karras et al. 2022).

    So the velocity is never asked for at the end, where it was hardly trained, and the noise that is left goes with the last step: in N2
    six steps left half of the roughness that twelve of Heun's alone left.

    Args:
        evaluate: The velocity: a dict as `array_velocity` takes it -> (samples, *shape).
        conditions: What it is told.
        noise: (samples, *shape) float32.
        told: name -> (samples, ...).
        steps: Of equal length, with two evaluations each, the last with one.
        guidance: 1 for what was learned; more exaggerates what is told, at twice the cost.
    """
    state, time, asked = _names(conditions)
    samples = len(noise)

    def at(x: np.ndarray, now: float) -> np.ndarray:
        feed = {state: x, time: np.full((samples, 1), now, np.float32), **told}
        ours = evaluate({**feed, asked: np.ones((samples, 1), np.float32)})
        if guidance == 1:
            return ours
        without = evaluate({**feed, asked: np.zeros((samples, 1), np.float32)})
        return without + np.float32(guidance) * (ours - without)

    x = noise
    for step in range(steps):
        here = at(x, step / steps)
        there = x + here / np.float32(steps)
        x = there if step + 1 == steps else x + (here + at(there, (step + 1) / steps)) * np.float32(0.5 / steps)
    return x


def sampler(network: Any, canvas: Canvas, conditions: Sequence[Condition], *, steps: int, guidance: float) -> keras.Model:
    """Noise and conditions to samples in the user's units, as one model of stock layers: `carried`, unrolled.

    The time of each evaluation is made of the noise, times 0, as a layer has to have an input.
    """
    state, time, asked = _names(conditions)
    drawn = free_name("noise", [c.name for c in conditions])
    told = told_inputs(conditions)
    noise = keras.Input(canvas.shape, name=drawn)
    some = _layers.Flatten()(noise)[:, :1]

    def constant(value: float) -> Any:
        return _layers.Rescaling(0.0, value)(some)

    def at(x: Any, now: float) -> Any:
        feed = {state: x, time: constant(now), **told}
        ours = network({**feed, asked: constant(1.0)})
        if guidance == 1:
            return ours
        without = network({**feed, asked: constant(0.0)})
        return _layers.Add()([_layers.Rescaling(1.0 - guidance)(without), _layers.Rescaling(guidance)(ours)])

    def moved(x: Any, velocity: Any, far: float) -> Any:
        return _layers.Add()([x, _layers.Rescaling(far)(velocity)])

    x = noise
    for step in range(steps):
        here = at(x, step / steps)
        there = moved(x, here, 1 / steps)
        x = there if step + 1 == steps else moved(x, _layers.Add()([here, at(there, (step + 1) / steps)]), 0.5 / steps)
    return in_units(keras.Model({drawn: noise, **told}, x, name="sampler"), canvas)


def _names(conditions: Sequence[Condition]) -> tuple[str, str, str]:
    """What the state, the time, and whether it is told are called."""
    taken = [c.name for c in conditions]
    state, time, asked = (free_name(name, taken) for name in ("state", "time", "asked"))
    return state, time, asked


def _block(parts: Parts, x: Any, style: Any) -> Any:
    return _layers.Add()([x, parts.conv(x.shape[-1], scale=0.1)(_layers.LeakyReLU(0.2)(parts.modulated(x, style, None)))])
