"""Parts of networks over space or time: layers by rank, sizes, and how a network is told its conditions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from plait.starting import Start
from plait.synth.told import Condition

__all__ = ["Parts", "free_name", "sizes_of", "told_inputs"]

_layers: Any = keras.layers  # their types are narrower than what they take
_SMALLEST = 7  # numbers along the shorter side where a network is at its narrowest, at most
_COPIES = 3  # of maps that pass no normalisation


def sizes_of(space: Sequence[int]) -> list[tuple[int, ...]]:
    """The sizes that a network goes through, the full one first, each half of the one before: 28, 14, 7."""
    sizes = [tuple(space)]
    while min(sizes[-1]) > _SMALLEST:
        sizes.append(tuple(-(-n // 2) for n in sizes[-1]))
    return sizes


def free_name(name: str, taken: Sequence[str]) -> str:
    """The name, with underscores behind it where it is taken."""
    while name in taken:
        name += "_"
    return name


def told_inputs(conditions: Sequence[Condition]) -> dict[str, Any]:
    """A Keras input for each condition, in the user's units; classes as codes."""
    return {c.name: keras.Input(c.shape, dtype="int32" if c.kind == "class" else "float32", name=c.name) for c in conditions}


class Parts:
    """Layers of one rank, with initial weights that follow from one seed in the order in which they are asked for.

    Args:
        rank: 1 for series, 2 for images.
        seed: Of the initial weights.
    """

    def __init__(self, rank: int, seed: int) -> None:
        self.rank = rank
        self._seeds = ((seed * 1000 + number) % 2**31 for number in range(1000))

    def dense(self, units: int, *, scale: float = 2.0, bias: float = 0.0) -> Any:
        """A dense layer; biases begin at the same number."""
        start = keras.initializers.Constant(bias)
        return _layers.Dense(units, kernel_initializer=self._start(scale), bias_initializer=start)

    def clock(self, x: Any, units: int) -> Any:
        """(samples, units): a number from 0 to 1 by hinges that are spread over it."""
        start = keras.initializers.RandomUniform(-1.0, 1.0, seed=next(self._seeds))
        return _layers.LeakyReLU(0.2)(_layers.Dense(units, kernel_initializer=self._start(1.0), bias_initializer=start)(x))

    def conv(self, width: int, size: int = 3, stride: int = 1, *, scale: float = 2.0) -> Any:
        """A convolution that keeps the size, or divides it by the stride, rounded up."""
        kind = _layers.Conv1D if self.rank == 1 else _layers.Conv2D
        return kind(width, size, strides=stride, padding="same", kernel_initializer=self._start(scale))

    def halved(self, x: Any, width: int) -> Any:
        """Half the size, rounded up: a convolution 4 wide with a stride of 2; on JAX as one product of matrices, the same function.

        The second derivative of a strided convolution, which the penalty R1 takes, costs XLA on a CPU five times as much as that of the
        product; TensorFlow and PyTorch are quicker with the convolution.
        """
        if keras.backend.backend() != "jax":
            return self.conv(width, 4, 2)(x)
        halves = tuple(-(-n // 2) for n in x.shape[1:-1])
        around = [(1, 2 * n - have + 1) for n, have in zip(halves, x.shape[1:-1], strict=True)]
        padded = _layers.ZeroPadding1D(around[0])(x) if self.rank == 1 else _layers.ZeroPadding2D(around)(x)
        if self.rank == 1:
            places = _layers.Reshape((halves[0] + 1, 2 * x.shape[-1]))(padded)
            near = [_layers.Cropping1D((at, 1 - at))(places) for at in range(2)]
        else:
            split = _layers.Reshape((halves[0] + 1, 2, halves[1] + 1, 2, x.shape[-1]))(padded)
            places = _layers.Reshape((halves[0] + 1, halves[1] + 1, 4 * x.shape[-1]))(_layers.Permute((1, 3, 2, 4, 5))(split))
            near = [_layers.Cropping2D(((row, 1 - row), (column, 1 - column)))(places) for row in range(2) for column in range(2)]
        return self.dense(width)(_layers.Concatenate()(near))

    def larger(self, x: Any, size: tuple[int, ...], width: int) -> Any:
        """Twice as large, or one less where that is the size wanted: a convolution to 2 or 4 times the channels, which become places.

        A transposed convolution would do the same; its gradient takes XLA twenty times as long on a CPU.
        """
        steps, before = (2,) * self.rank, x.shape[1:-1]
        x = self.conv(width * 2**self.rank)(x)
        if self.rank == 2:
            split = _layers.Reshape((before[0], before[1], *steps, width))(x)
            x = _layers.Permute((1, 3, 2, 4, 5))(split)
        x = _layers.Reshape((*(2 * n for n in before), width))(x)
        over = [have - want for have, want in zip(x.shape[1:-1], size, strict=True)]
        if not any(over):
            return x
        return _layers.Cropping1D((0, over[0]))(x) if self.rank == 1 else _layers.Cropping2D([(0, n) for n in over])(x)

    def pooled(self, x: Any) -> Any:
        """The mean over space or time."""
        rank = len(x.shape) - 2
        return (_layers.GlobalAveragePooling1D if rank == 1 else _layers.GlobalAveragePooling2D)()(x)

    def modulated(self, x: Any, style: Any | None, guide: Any | None) -> Any:
        """Normalised, then scaled and shifted as a vector says (FiLM; Perez et al. 2018), or a map (SPADE; Park et al. 2019), or both."""
        width = x.shape[-1]
        x = _layers.GroupNormalization(_groups(width), scale=style is None and guide is None, center=style is None and guide is None)(x)
        if style is not None:
            shape = (*(1,) * self.rank, width)
            gain, shift = (_layers.Reshape(shape)(self.dense(width, scale=0.1, bias=bias)(style)) for bias in (1.0, 0.0))
            x = _layers.Add()([_layers.Multiply()([x, gain]), shift])
        if guide is not None:
            gain, shift = (self.conv(width, scale=0.1)(guide) for _ in range(2))
            x = _layers.Add()([x, _layers.Multiply()([x, gain]), shift])
        return x

    def beside(self, x: Any, raw: Any, style: Any) -> Any:
        """x, and beside it maps that passed no normalisation, some times over, each channel scaled as a vector says.

        Normalisation takes the level of a map away; so it reaches the end, and what is told decides what becomes of it.
        """
        copies = _layers.Concatenate()([raw] * _COPIES)
        channels = copies.shape[-1]
        gain = _layers.Reshape((*(1,) * self.rank, channels))(self.dense(channels, scale=0.1, bias=1.0)(style))
        return _layers.Concatenate()([x, _layers.Multiply()([copies, gain])])

    def vector(self, conditions: Sequence[Condition], inputs: Mapping[str, Any], units: int) -> Any | None:
        """(samples, numbers): all that is told by vectors, classes, and whatever has another rank than what is made; None for nothing."""
        parts = []
        for condition in conditions:
            x = inputs[condition.name]
            if condition.kind == "class":
                start = keras.initializers.RandomNormal(0.0, 1.0, seed=next(self._seeds))
                parts.append(_layers.Embedding(len(condition.levels), units, embeddings_initializer=start)(x))
            elif not condition.spread(self.rank):
                parts.append(self._summary(_scaled(condition, x), units))
        return None if not parts else parts[0] if len(parts) == 1 else _layers.Concatenate()(parts)

    def maps(self, conditions: Sequence[Condition], inputs: Mapping[str, Any], space: tuple[int, ...]) -> Any | None:
        """(samples, *space, channels): all that is told by maps of the rank of what is made, in its size; None for nothing."""
        parts = []
        for condition in conditions:
            if condition.spread(self.rank):
                x = _scaled(condition, inputs[condition.name])
                parts.append(x if condition.shape[:-1] == space else self._resized(x, space))
        return None if not parts else parts[0] if len(parts) == 1 else _layers.Concatenate()(parts)

    def remembered(self, conditions: Sequence[Condition], inputs: Mapping[str, Any], space: tuple[int, ...], units: int) -> Any | None:
        """(samples, *space, channels): what a recurrent branch of each told series, in both directions, holds at each time."""
        parts = []
        for condition in conditions:
            if condition.spread(self.rank):
                sides = [self._recurrent(units // 2, backwards=backwards) for backwards in (False, True)]
                x = _layers.Bidirectional(sides[0], backward_layer=sides[1])(_scaled(condition, inputs[condition.name]))
                parts.append(x if condition.shape[:-1] == space else self._resized(x, space))
        return None if not parts else parts[0] if len(parts) == 1 else _layers.Concatenate()(parts)

    def _recurrent(self, units: int, *, backwards: bool) -> Any:
        first, own = (keras.initializers.VarianceScaling(1.0, "fan_in", "uniform", seed=next(self._seeds)) for _ in range(2))
        return _layers.GRU(units, return_sequences=True, go_backwards=backwards, kernel_initializer=first, recurrent_initializer=own)

    def pyramid(self, x: Any, sizes: Sequence[tuple[int, ...]], units: int) -> list[Any]:
        """The maps in every size, by convolutions; the full size first."""
        levels = [_layers.LeakyReLU(0.2)(self.conv(units)(x))]
        for number in range(1, len(sizes)):
            levels.append(_layers.LeakyReLU(0.2)(self.conv(units * min(2**number, 4), 4, 2)(levels[-1])))
        return levels

    def _summary(self, x: Any, units: int) -> Any:
        if len(x.shape) == 2:
            return x
        kind = _layers.Conv1D if len(x.shape) == 3 else _layers.Conv2D
        for number in range(3):
            convolved = kind(units * 2 ** min(number, 1), 4, strides=2, padding="same", kernel_initializer=self._start(2.0))(x)
            x = _layers.LeakyReLU(0.2)(convolved)
        return self.dense(units)(_layers.Flatten()(x))

    def _resized(self, x: Any, space: tuple[int, ...]) -> Any:
        if self.rank == 2:
            return _layers.Resizing(*space)(x)
        flat = _layers.Reshape((x.shape[1], 1, x.shape[2]))(x)
        return _layers.Reshape((*space, x.shape[2]))(_layers.Resizing(*space, 1)(flat))

    def _start(self, scale: float) -> Any:
        return Start(scale, seed=next(self._seeds))


def _groups(width: int) -> int:
    return next(groups for groups in (8, 4, 2, 1) if width % groups == 0)


def _scaled(condition: Condition, x: Any) -> Any:
    """With mean 0 and standard deviation 1, or between -1 and 1; (samples, numbers), (samples, time, channels) or an image."""
    if not condition.shape:
        x = _layers.Reshape((1,))(x)
    gain = 1 / np.asarray(condition.scale, np.float64)
    shift = -np.asarray(condition.offset, np.float64) * gain
    return _layers.Rescaling(gain.tolist(), shift.tolist())(x)
