"""An encoder for each kind of input: from an input to a vector, and to the sequence or map that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from plait.nets.kinds import Given
from plait.starting import relu

__all__ = ["Encoded", "encode", "enter", "pooled"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_COARSE = {1: 16, 2: 4}  # axes -> how long the longest side of the coarsest features may be
_LEAST = 8  # channels


@dataclass(frozen=True)
class Encoded:
    """What an encoder made of an input.

    Args:
        vector: (samples, width); None where only the features are wanted.
        features: (samples, length, width) or (samples, height, width, width); None where there are none.
        mask: (samples, length) bool, false where the features are of padding; None where nothing is.
        finer: Features at twice the resolution of the next, the finest, in the input's own resolution, first.
        words: Whether the features are of tokens, so that their places are none in time.
    """

    vector: Any
    features: Any = None
    mask: Any = None
    finer: tuple[Any, ...] = ()
    words: bool = False

    def branch(self) -> Any:
        """The features where there are some, else the vector."""
        return self.vector if self.features is None else self.features


def enter(given: Given) -> Any:
    """The `keras.Input` of this name."""
    whole = given.kind in ("tokens", "category", "labels")
    return keras.Input(given.shape or (1,), dtype="int32" if whole else "float32", name=given.name.replace("/", "_"))


def encode(given: Given, entered: Any, width: int, *, name: str, vector: bool = True) -> Encoded:
    """Vector and features of an input, by a model of this name; without a vector where only the features are wanted.

    Images, maps of labels and series: convolutions that halve the resolution until 4 places a side (16 of a series) are left; the vector
    is made of mean and maximum over the places. Tokens: embedding, a convolution of three, the mean. Numbers: two dense layers. Category:
    an embedding. Vectors are normalised, so that branches are of one scale when they meet.
    """
    inner = keras.Input(entered.shape[1:], dtype=entered.dtype, name=given.name.replace("/", "_"))
    made = _encoder(given, inner, width)
    if made.features is not None:
        made = replace(made, vector=_summary(made, width) if vector else None)
    normal = None if made.vector is None else _layers.LayerNormalization()(made.vector)
    parts = {"vector": normal, "features": made.features, "mask": made.mask, **{f"finer_{n}": x for n, x in enumerate(made.finer)}}
    outputs: Any = keras.Model(inner, {key: part for key, part in parts.items() if part is not None}, name=name)(entered)
    finer = tuple(outputs[f"finer_{n}"] for n in range(len(made.finer)))
    return Encoded(outputs.get("vector"), outputs.get("features"), outputs.get("mask"), finer, made.words)


def _encoder(given: Given, entered: Any, width: int) -> Encoded:
    if given.kind == "category":
        return Encoded(_layers.Flatten()(_layers.Embedding(given.size, width)(entered)))
    if given.kind == "numbers":
        return Encoded(_dense(_dense(_scaled(given, entered), width), width))
    if given.kind == "tokens":
        return _read(given, entered, width)
    if given.kind == "labels":
        flat = _layers.Reshape(given.shape[:2])(entered) if len(given.shape) == 3 else entered
        return _pyramid(_layers.Embedding(given.size, _LEAST)(flat), None, width)
    if given.bytes:
        return _pyramid(_layers.Rescaling(1 / 255)(entered), None, width)
    mask = None if given.pad is None else _ops.any(_ops.not_equal(entered, given.pad), axis=-1)
    x = _scaled(given, entered)
    return _pyramid(x if mask is None else _kept(x, mask), mask, width)


def pooled(features: Any, mask: Any = None) -> Any:
    """(samples, channels), the mean over all places, or over those that are not padding; zeros where all of them are."""
    if mask is not None:
        there = _ops.expand_dims(_ops.cast(mask, features.dtype), -1)
        return _ops.sum(features * there, axis=1) / _ops.maximum(_ops.sum(there, axis=1), 1.0)
    return _layers.GlobalAveragePooling1D()(features) if len(features.shape) == 3 else _layers.GlobalAveragePooling2D()(features)


def _read(given: Given, entered: Any, width: int) -> Encoded:
    mask = None if given.pad is None else _ops.not_equal(entered, int(given.pad))
    x = _layers.Embedding(given.size, width)(entered)
    x = _layers.Conv1D(width, 3, padding="same", **relu())(x if mask is None else _kept(x, mask))
    return Encoded(None, x, mask, words=True)


def _pyramid(x: Any, mask: Any, width: int) -> Encoded:
    axes = len(x.shape) - 2
    conv = _layers.Conv1D if axes == 1 else _layers.Conv2D
    side, halvings = max(x.shape[1:-1]), 0
    while -(-side // 2**halvings) > _COARSE[axes]:
        halvings += 1
    levels = []
    for level in range(halvings + 1):
        channels = max(min(_LEAST, width), width // 2 ** (halvings - level))
        if level:
            levels.append(x)
        x = conv(channels, 5 if axes == 1 else 3, strides=2 if level else 1, padding="same", **relu())(x)
        if mask is not None:
            mask = _halved(mask) if level else mask
            x = _kept(x, mask)
    features = conv(width, 3, padding="same", **relu())(x)
    return Encoded(None, features if mask is None else _kept(features, mask), mask, tuple(levels))


def _summary(made: Encoded, width: int) -> Any:
    mean = pooled(made.features, made.mask)
    if made.words:
        return _dense(mean, width)
    highest = _ops.max(made.features, axis=tuple(range(1, len(made.features.shape) - 1)))  # of padding it is 0, the least there is
    return _dense(_layers.Concatenate()([mean, highest]), width)


def _halved(mask: Any) -> Any:
    """True where one of two places is no padding."""
    wide = _ops.expand_dims(_ops.cast(mask, "float32"), -1)
    return _ops.squeeze(_layers.MaxPooling1D(2, padding="same")(wide), -1) > 0.5


def _scaled(given: Given, entered: Any) -> Any:
    if given.scale is None:
        return entered
    mean, std = (np.broadcast_to(part, entered.shape[-1:]) for part in (given.scale.mean, given.scale.std))
    return _layers.Normalization(mean=mean.tolist(), variance=np.square(std).tolist())(entered)


def _kept(x: Any, mask: Any) -> Any:
    return x * _ops.expand_dims(_ops.cast(mask, x.dtype), -1)


def _dense(x: Any, width: int) -> Any:
    return _layers.Dense(width, **relu())(x)
