"""What each input and each target of a data set is, by its spec, its steps and its values; knows no Keras."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.intake import check_channels
from plait.ragged import Ragged
from plait.spec import Spec
from plait.transforms.pad import Pad
from plait.transforms.standardize import Standardize
from plait.transforms.tokenize import Tokenize

__all__ = ["Given", "Wanted", "given", "wanted"]

_VALUES = 2**23  # of one stream that are looked at, at most
_SAMPLES = 100_000  # likewise
_LARGE, _SMALL = 10.0, 0.1  # an input that reaches further, or not even as far, is scaled
_FEW = 50  # whole numbers from 0 or 1 on, without a gap and no more of them, may be classes
_ALIKE = 1.1  # features whose standard deviations differ by no more than that have one scale


@dataclass(frozen=True)
class Given:
    """One input.

    Args:
        name: Of the stream.
        kind: "image" (height, width, channels); "labels", a map of codes (height, width[, 1]); "tokens", ids (length,);
            "series" (length, channels); "category", one code; "numbers", one or (features,).
        shape: Of one sample.
        size: How many ids or codes there are.
        pad: The value that is padding; None where there is none.
        scale: What brings the values to mean 0 and standard deviation 1; None where they are of order 1 as they are.
        bytes: Whether the values are 0 to 255.
    """

    name: str
    kind: Literal["image", "labels", "tokens", "series", "category", "numbers"]
    shape: tuple[int, ...]
    size: int = 0
    pad: float | None = None
    scale: Standardize | None = None
    bytes: bool = False


@dataclass(frozen=True)
class Wanted:
    """One target.

    Args:
        name: Of the stream.
        kind: "classes" (codes), "one-hot", "yes-no" (bool), "numbers", "bytes" (0 to 255).
        place: "vector" (features,), "series" (length, channels), "map" (height, width, channels).
        shape: Of one sample.
        channels: What the head gives on its last axis.
        mean, std: (channels,) of numbers and bytes.
    """

    name: str
    kind: Literal["classes", "one-hot", "yes-no", "numbers", "bytes"]
    place: Literal["vector", "series", "map"]
    shape: tuple[int, ...]
    channels: int
    mean: np.ndarray | None = None
    std: np.ndarray | None = None


def given(data: Dataset, name: str) -> Given:
    """What an input is.

    Raises:
        ArgumentError: No encoder is known for it; the message says what to write.
        SpecError: It looks like an image without its axis of channels.
    """
    spec = data.inputs[name]
    shape = _fixed(data, name, spec, "input")
    if spec.dtype.kind in "iu" and spec.classes is not None:
        size = len(spec.classes)
        if not shape:
            return Given(name, "category", shape, size)
        if len(shape) == 1:
            return Given(name, "tokens", shape, size, _padding(data, name))
        if len(shape) == 2 or (len(shape) == 3 and shape[2] == 1):
            return Given(name, "labels", shape, size)
    if spec.dtype.kind in "iu" and len(shape) == 1 and not _small_unsigned(spec):
        return _tokens(data, name, shape)
    if len(shape) > 3:
        raise ArgumentError(
            f"fusion: input {name!r} is {spec}, and there is no encoder for samples of {len(shape)} axes. Give your own, a model or "
            f"function from the input to a vector: encoders={{{name!r}: my_model}}."
        )
    check_channels("fusion", name, spec)
    kind = ("numbers", "numbers", "series", "image")[len(shape)]
    whole = kind == "image" and _small_unsigned(spec)
    pad = _padding(data, name) if kind == "series" else None
    return Given(name, kind, shape, pad=pad, scale=None if whole else _scale(data, name), bytes=whole)


def wanted(data: Dataset, name: str) -> Wanted:
    """What a target is.

    Raises:
        ArgumentError: No head is known for it, or it may be two things; the message says what to write.
    """
    spec = data.targets[name]
    shape = _fixed(data, name, spec, "target")
    if spec.dtype.kind in "iu" and spec.classes is not None:
        return _labels(name, spec, shape)
    if len(shape) > 3:
        raise ArgumentError(
            f"fusion: target {name!r} is {spec}, and there is no head for samples of {len(shape)} axes. Give your own, a layer or function "
            f"from the fused vector to the answer: heads={{{name!r}: my_head}}."
        )
    place = ("vector", "vector", "series", "map")[len(shape)]
    channels = shape[-1] if shape else 1
    if spec.dtype.kind == "b":
        return Wanted(name, "yes-no", place, shape, channels)
    if place == "map" and _small_unsigned(spec):
        return Wanted(name, "bytes", place, shape, channels, *_spread(data, name, channels))
    if place == "vector" and channels > 1 and _one_hot(data, name):
        return Wanted(name, "one-hot", place, shape, channels)
    if spec.dtype.kind in "iu":
        _check_whole(data, name, shape)
    return Wanted(name, "numbers", place, shape, channels, *_spread(data, name, channels))


def _fixed(data: Dataset, name: str, spec: Spec, role: str) -> tuple[int, ...]:
    """The shape, of numbers of equal length."""
    if spec.text:
        step = f"plait.Vocabulary.fit(train[{name!r}])" if role == "target" else f"plait.Tokenize.fit(train[{name!r}], size=1000)"
        pad = "" if role == "target" else f".map(plait.Pad(20), on={name!r})"
        raise ArgumentError(f"fusion: {role} {name!r} is text, and a network takes numbers. Write data.map({step}, on={name!r}){pad}.")
    if spec.dtype.kind not in "biuf":
        raise ArgumentError(
            f"fusion: {role} {name!r} has dtype {spec.dtype}, and a network takes numbers. Write "
            f"data.map(lambda t: t.astype('float64'), on={name!r})."
        )
    if spec.ragged:
        raise ArgumentError(
            f"fusion: the samples of {role} {name!r} differ in length, {spec}, and a batch is one array. Write "
            f"data.map(plait.Pad(20), on={name!r})."
        )
    if 0 in spec.shape:
        raise ArgumentError(f"fusion: {role} {name!r} is {spec}: a sample of it holds nothing.")
    return tuple(int(n or 0) for n in spec.shape)


def _labels(name: str, spec: Spec, shape: tuple[int, ...]) -> Wanted:
    classes = len(spec.classes or ())
    if classes < 2:
        raise ArgumentError(f"fusion: target {name!r} is {spec}, and one class leaves nothing to learn. Leave it out of the targets.")
    place = "vector" if not shape else "series" if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1) else "map"
    if place == "map" and not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 1)):
        raise ArgumentError(
            f"fusion: target {name!r} is {spec}, and there is no head for codes of that shape; codes are one a sample, (length,), "
            f"(height, width) or (height, width, 1). Give your own: heads={{{name!r}: my_head}}."
        )
    if place == "map" and classes == 2 and len(shape) == 3:
        return Wanted(name, "yes-no", place, shape, 1)
    return Wanted(name, "classes", place, shape, classes)


def _tokens(data: Dataset, name: str, shape: tuple[int, ...]) -> Given:
    steps = [step.fn for step in data.steps if step.on == (name,) and isinstance(step.fn, Tokenize)]
    values = values_of(data, name)
    low, high = (int(values.min()), int(values.max())) if values.size else (0, 0)
    if low < 0:
        raise ArgumentError(
            f"fusion: input {name!r} holds whole numbers from {low} to {high}, {data.inputs[name]}, which are taken as ids of tokens, and "
            f"these begin at 0. Numbers to reckon with are floats: data.map(plait.Cast('float32'), on={name!r})."
        )
    if not steps:
        high = max([int(chunk.max()) for chunk in data[name].chunks() if isinstance(chunk, np.ndarray) and chunk.size] or [0])
    return Given(name, "tokens", shape, len(steps[-1]) if steps else high + 1, _padding(data, name, by_itself=0))


def _padding(data: Dataset, name: str, by_itself: float | None = None) -> float | None:
    """What the last Pad on a stream fills with."""
    pads = [step.fn.value for step in data.steps if step.on == (name,) and isinstance(step.fn, Pad)]
    return float(pads[-1]) if pads and not isinstance(pads[-1], str) else by_itself


def _scale(data: Dataset, name: str) -> Standardize | None:
    values = values_of(data, name)
    far = float(np.abs(values, dtype=np.float64).max()) if values.size and values.dtype.kind != "b" else 1.0
    if math.isfinite(far) and (_SMALL <= far <= _LARGE or far == 0):
        return None
    return Standardize.fit(_some(data, name)[name])


def _spread(data: Dataset, name: str, channels: int) -> tuple[np.ndarray, np.ndarray]:
    """(channels,) mean and standard deviation of the labelled samples; one scale for features that are about alike."""
    scale = Standardize.fit(_some(data, name)[name])
    mean, std = (np.broadcast_to(part, (channels,)).astype(np.float64) for part in (scale.mean, scale.std))
    if std.max() <= _ALIKE * std.min():
        std = np.full(channels, math.sqrt(float(np.square(std).mean())))
    return mean, std


def _one_hot(data: Dataset, name: str) -> bool:
    values = values_of(data, name)
    return bool(values.size) and bool(((values == 0) | (values == 1)).all() and (values.sum(axis=-1) == 1).all())


def _check_whole(data: Dataset, name: str, shape: tuple[int, ...]) -> None:
    """Whole numbers without names may be counts or codes: that is for the user to say."""
    values = np.unique(values_of(data, name))
    low, high = (int(values[0]), int(values[-1])) if values.size else (0, 0)
    if low in (0, 1) and high - low + 1 == len(values) <= _FEW:
        classes = f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r})"
        raise ArgumentError(
            f"fusion: target {name!r} holds the whole numbers {low} to {high}, and nothing says whether they are classes or a quantity. "
            f"Classes: {classes}. A quantity: data.map(plait.Cast('float32'), on={name!r})."
        )


def _small_unsigned(spec: Spec) -> bool:
    return spec.dtype == np.uint8


def values_of(data: Dataset, name: str) -> np.ndarray:
    """Some of the present samples."""
    values = _some(data, name)[name].values()
    return values.values if isinstance(values, Ragged) else values


def _some(data: Dataset, name: str) -> Dataset:
    """Samples that have a value, spread over the data; of small ones all."""
    most = int(min(_SAMPLES, max(64, _VALUES // max(1, math.prod(n or 1 for n in data.spec[name].shape)))))
    if data.endless:
        return data.take(slice(0, min(most, 4096)))
    gone = data.absent(name)
    rows = np.arange(len(data)) if gone is None else np.flatnonzero(~gone)
    if not len(rows):
        raise ArgumentError(f"fusion: no sample has a value of {name!r}, so nothing tells what it is. Leave it out of the data.")
    return data.take(rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)])
