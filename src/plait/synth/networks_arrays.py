"""The generator and the critic of images and series, as plain Keras networks of stock layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from plait.starting import settled
from plait.synth.networks_parts import Parts, free_name, sizes_of, told_inputs
from plait.synth.told import Condition

__all__ = ["array_critic", "array_generator", "noise_name", "sample_name"]

_layers: Any = keras.layers  # their types are narrower than what they take
_WIDEST = 4  # times `units`


def array_generator(
    shape: tuple[int, ...],
    conditions: Sequence[Condition],
    *,
    noise: int,
    units: int,
    bounded: bool,
    seed: int,
    recurrent: bool = False,
) -> keras.Model:
    """Noise and conditions to an image or a series, doubled in size step by step.

    Noise and what is told by vectors modulate every step; what is told by maps is brought to every size by convolutions and modulates
    there.

    Args:
        shape: (height, width, channels) or (time, channels).
        conditions: Inputs beside the noise.
        noise: How many numbers the noise has.
        units: Three quarters of it are the channels in full size; smaller sizes have more.
        bounded: Whether values lie between -1 and 1.
        seed: Of the initial weights.
        recurrent: Whether each series that is told passes a recurrent branch of its own before.
    """
    space, parts = shape[:-1], Parts(len(shape) - 1, seed)
    sizes = sizes_of(space)
    inputs = told_inputs(conditions)
    drawn = noise_name(conditions)
    inputs = {drawn: keras.Input((noise,), name=drawn), **inputs}
    told = parts.vector(conditions, inputs, units)
    style = inputs[drawn] if told is None else _layers.Concatenate()([inputs[drawn], told])
    maps = parts.maps(conditions, inputs, space)
    held = parts.remembered(conditions, inputs, space, units) if recurrent else None
    heard = maps if held is None else _layers.Concatenate()([maps, held])
    guides = [None] * len(sizes) if heard is None else parts.pyramid(heard, sizes, units // 2)
    widths = [_even(units * min(2**level, _WIDEST) * 3 // 4) for level in range(len(sizes))]
    first, start = sizes[-1], widths[-1]
    length = 1
    for n in first:
        length *= n
    x = _layers.Reshape((*first, start))(parts.dense(length * start, scale=1.0)(style))
    for level in reversed(range(len(sizes))):
        if level < len(sizes) - 1:
            x = parts.larger(x, sizes[level], widths[level])
        if level > 0 or len(sizes) == 1:  # convolutions in full size cost most, and show least
            x = parts.conv(widths[level])(_layers.LeakyReLU(0.2)(parts.modulated(x, style, guides[level])))
    x = _layers.LeakyReLU(0.2)(parts.modulated(x, style, guides[0]))
    if maps is not None:
        x = parts.beside(x, maps, style)
    x = parts.conv(shape[-1], scale=1.0)(x)
    return settled(keras.Model(inputs, _layers.Activation("tanh")(x) if bounded else x, name="generator"))


def array_critic(shape: tuple[int, ...], conditions: Sequence[Condition], *, units: int, seed: int) -> keras.Model:
    """An image or a series, with its conditions, to one logit: high for real.

    Maps are stacked on its channels; what is told by vectors is compared with what it sees (projection; Miyato and Koyama 2018).

    Args:
        shape: (height, width, channels) or (time, channels).
        conditions: Inputs beside the sample.
        units: Channels in half size.
        seed: Of the initial weights.
    """
    space, parts = shape[:-1], Parts(len(shape) - 1, seed)
    inputs = told_inputs(conditions)
    sample = sample_name(conditions)
    inputs = {sample: keras.Input(shape, name=sample), **inputs}
    maps = parts.maps(conditions, inputs, space)
    x = inputs[sample] if maps is None else _layers.Concatenate()([inputs[sample], maps])
    for level in range(len(sizes_of(space))):
        x = _layers.LeakyReLU(0.2)(parts.halved(x, units * min(2**level, _WIDEST)))
    seen = _layers.LeakyReLU(0.2)(parts.dense(units * _WIDEST)(_layers.Flatten()(x)))
    logit = parts.dense(1, scale=1.0)(seen)
    told = parts.vector(conditions, inputs, units)
    if told is not None:
        logit = _layers.Add()([logit, _layers.Dot(1)([seen, parts.dense(units * _WIDEST, scale=1.0 / units)(told)])])
    return settled(keras.Model(inputs, logit, name="critic"))


def _even(width: int) -> int:
    return -(-width // 4) * 4


def noise_name(conditions: Sequence[Condition]) -> str:
    """What the noise is called among the inputs of a generator."""
    return free_name("noise", [c.name for c in conditions])


def sample_name(conditions: Sequence[Condition]) -> str:
    """What the sample is called among the inputs of a critic."""
    return free_name("sample", [c.name for c in conditions])
