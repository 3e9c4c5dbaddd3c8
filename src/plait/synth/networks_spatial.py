"""Networks over space or time and the user's units: streams to the one array that a network makes, and back; drawing from them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from plait.synth.canvas import Canvas

__all__ = ["drawn", "in_units", "stacked"]

_layers: Any = keras.layers  # their types are narrower than what they take
_ops: Any = keras.ops

_LOCK = threading.Lock()
_BLOCK = 64  # samples made at once


def stacked(canvas: Canvas) -> Callable[[Mapping[str, Any]], Any]:
    """Streams in the user's units -> the one array that a network makes."""
    names = list(canvas.specs)
    offset, gain = np.array(canvas.offset, np.float32), (1 / np.array(canvas.scale)).astype(np.float32)

    def real(inputs: Mapping[str, Any]) -> Any:
        parts = [_ops.cast(inputs[name], "float32") for name in names]
        return _ops.multiply(_ops.subtract(_ops.concatenate(parts, axis=-1), offset), gain)

    return real


def in_units(network: keras.Model, canvas: Canvas, *, joined: bool = False) -> keras.Model:
    """The network with its output in the user's units.

    Args:
        network: Makes the array that `canvas` describes.
        canvas: What its channels are.
        joined: Whether streams stay the channels of one output, rather than being outputs by name where there are several.
    """
    inputs = {tensor.name: tensor for tensor in network.inputs}
    whole = _layers.Rescaling(list(canvas.scale), list(canvas.offset), name="units")(network.output)
    if joined or len(canvas.specs) == 1:
        return keras.Model(inputs, whole, name=network.name)
    outputs, start = {}, 0
    for name, width in canvas.widths.items():
        outputs[name] = whole[..., start : start + width]
        start += width
    return keras.Model(inputs, outputs, name=network.name)


def drawn(network: Any, feed: Mapping[str, np.ndarray]) -> np.ndarray:
    """(samples, ...) float32: what the network makes, always so many samples at once, so that it is compiled once, from any thread."""
    samples = len(next(iter(feed.values())))
    parts = []
    with _LOCK:
        for start in range(0, samples, _BLOCK):
            part = {name: values[start : start + _BLOCK] for name, values in feed.items()}
            short = _BLOCK - len(next(iter(part.values())))
            if short:
                part = {name: np.concatenate([values, np.repeat(values[-1:], short, axis=0)]) for name, values in part.items()}
            parts.append(np.asarray(network.predict_on_batch(part), np.float32)[: _BLOCK - short])
    return np.concatenate(parts)
