"""From what a model predicts back to labels and units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, NameUnknownError, PlaitError, TransformError
from plait.meant import meant
from plait.ragged import Array
from plait.spec import Spec
from plait.steps import Step
from plait.transforms.labels import as_labels, codes_of_scores, label_array

__all__ = ["decode"]


def decode(predictions: Any, targets: Mapping[str, tuple[Spec, Spec]], steps: Sequence[Step]) -> dict[str, Array]:
    """Take predictions back through the inverse of each step, the last first.

    Scores become codes first. Of a target of class codes (samples, classes) the greatest wins, be it probability or logit; of two classes
    (samples, 1) is the probability of the second, which wins from 0.5, and so it is with a target of booleans. A last axis of 1 that
    the target does not have is dropped. Codes whose source names its classes become those names, unless they are images: masks stay
    codes. Numbers stay floats, also where the data hold whole ones.

    Args:
        predictions: target name -> array, or one array where there is one target, or a list in the order of the targets. A part of the
            targets will do.
        targets: name -> (spec of its source, spec after its steps).
        steps: In the order in which they were applied.

    Returns:
        name -> array, also for a single target.

    Raises:
        NameUnknownError, ArgumentError: They can't be told apart by name or number.
        TransformError: A shape fits neither target nor scores, a class is predicted as NaN, or a step has no inverse.
    """
    values: dict[str, Array] = {
        name: _in_form(name, _array(name, array), targets[name][1]) for name, array in _by_name(predictions, list(targets)).items()
    }
    for step in reversed(steps):
        here = [name for name in step.on if name in values]
        if not here:
            continue
        back = getattr(step.fn, "inverse", None)
        if not callable(back):
            others = [name for name in targets if name not in step.on]
            raise TransformError(
                f"Target {here[0]!r} cannot be decoded: the step {step.name} has no inverse. Write it as a frozen dataclass with a method "
                f"inverse(self, array)" + (f", or decode the others alone: {others}." if others else ".")
            )
        if len(here) < len(step.on):
            raise ArgumentError(
                f"Step {step.name} made {list(step.on)} together; decode them together: {sorted(set(step.on) - set(here))} too."
            )
        try:
            result: Any = back(*(values[name] for name in here))
        except PlaitError as error:
            raise type(error)(f"Target {', '.join(map(repr, here))}: {error}") from error
        values.update(zip(here, (result,) if len(here) == 1 else result, strict=True))
    return {name: _named(name, array, targets[name][0]) for name, array in values.items()}


def _by_name(predictions: Any, names: list[str]) -> dict[str, Any]:
    if not names:
        raise ArgumentError("There are no targets to decode predictions of.")
    if isinstance(predictions, Mapping):
        unknown = [name for name in predictions if name not in names]
        if unknown:
            raise NameUnknownError(
                f"There is no target {', '.join(map(repr, unknown))}; the targets are {names}.{meant(unknown[0], names)}"
            )
        return dict(predictions)
    parts = list(predictions) if isinstance(predictions, (list, tuple)) else [predictions]
    if len(parts) != len(names):
        raise ArgumentError(f"{len(parts)} arrays are given for {len(names)} targets. Name them: {{{names[0]!r}: ..., ...}} of {names}.")
    return dict(zip(names, parts, strict=True))


def _array(name: str, prediction: Any) -> np.ndarray:
    try:
        array = np.asarray(prediction)
    except (TypeError, RuntimeError) as error:  # a tensor of PyTorch with a gradient, or on another device
        raise TransformError(f"Target {name!r}: the prediction is no array. Write keras.ops.convert_to_numpy(prediction).") from error
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    if array.dtype.kind not in "biuf" or array.ndim == 0:
        raise TransformError(
            f"Target {name!r}: predictions are arrays of numbers, samples first; found dtype {array.dtype}, shape {array.shape}."
        )
    return array


def _in_form(name: str, array: np.ndarray, spec: Spec) -> np.ndarray:
    """As the target is after its steps: codes of scores, no last axis of 1 that it does not have."""
    shape, found = spec.shape, array.shape[1:]
    scored = array.dtype.kind == "f" and spec.dtype.kind in "biu" and bool(found)
    over = [form for form in (shape, shape[:-1] if shape[-1:] == (1,) else shape) if scored and _fits(found[:-1], form)]
    classes = len(spec.classes) if spec.classes is not None else 2 if spec.dtype.kind == "b" else None
    if over and (found[-1] > 1 or classes == 2):
        try:
            codes = codes_of_scores(array, classes or found[-1], transform=f"Target {name!r}")
        except TransformError as error:
            raise TransformError(f"{error} The target is {spec}.") from error
        array = codes if _fits(codes.shape[1:], shape) else codes[..., None]
    elif _fits(found[:-1], shape) and found[-1:] == (1,):
        array = array[..., 0]
    elif shape[-1:] == (1,) and _fits(found, shape[:-1]):
        array = array[..., None]
    elif not _fits(found, shape):
        scores = f", or scores of its {classes} classes" if classes else ""
        raise TransformError(f"Target {name!r} is {spec}; predictions of it have that shape{scores}. Found samples of shape {found}.")
    if spec.dtype.kind == "b" and array.dtype.kind == "f":
        return codes_of_scores(array[..., None], 2, transform=f"Target {name!r}").astype(bool)
    return array.astype(bool) if spec.dtype.kind == "b" else array


def _fits(found: tuple[int, ...], shape: tuple[int | None, ...]) -> bool:
    return len(found) == len(shape) and all(b is None or a == b for a, b in zip(found, shape, strict=True))


def _named(name: str, array: Array, raw: Spec) -> Array:
    """With the last axis of 1 of the source, and with the names of its classes."""
    if isinstance(array, np.ndarray):
        if raw.shape[-1:] == (1,) and _fits(array.shape[1:], raw.shape[:-1]):
            array = array[..., None]
        elif array.shape[1:][-1:] == (1,) and _fits(array.shape[1:-1], raw.shape):
            array = array[..., 0]
        if raw.classes and array.dtype.kind in "iu" and len(raw.shape) < 2:
            if array.size and not 0 <= array.min() <= array.max() < len(raw.classes):
                raise TransformError(
                    f"Target {name!r}: codes reach from {array.min()} to {array.max()}; "
                    f"its classes have the codes 0 to {len(raw.classes) - 1}."
                )
            return label_array(as_labels(raw.classes, transform="classes"))[array]
    return array
