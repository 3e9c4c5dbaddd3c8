"""Compile arguments, losses and errors as one would write them in a line of code or of a message."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from plait.checks.compiled import HeadLoss
from plait.checks.subject import Subject

__all__ = ["compile_line", "first_line", "loss_name", "shown", "written"]

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def compile_line(subject: Subject) -> str:
    """`compile` as it would be right: what the user gave where that is clear, a guess by the target's type elsewhere."""
    loss = subject.compiled.loss if subject.compiled else None
    weights = subject.compiled.loss_weights if subject.compiled else None
    declared = subject.declared
    if isinstance(loss, (list, tuple)) and len(loss) == len(declared):
        losses = dict(zip(declared, loss, strict=True))
    elif isinstance(loss, Mapping):
        losses = {name: loss[name] for name in declared if name in loss}
    else:
        losses = {}
    targets = {port.name: target for target, port in subject.heads.items()}
    for name in declared:
        if name not in losses and name in targets:
            losses[name] = _guess(subject, targets[name])
    extra = f", loss_weights={written(weights)}" if isinstance(weights, Mapping) else ""
    loss = shown(next(iter(losses.values()))) if len(declared) == 1 and losses else written(losses)
    return f"model.compile(optimizer='adam', loss={loss}{extra})"


def _guess(subject: Subject, target: str) -> str:
    spec, port = subject.data.targets[target], subject.heads[target]
    outputs = port.shape[-1] if port.shape else 1
    if spec.dtype.kind in "biu" and len(spec.shape) < max(1, len(port.shape)) and outputs != 1:
        return "sparse_categorical_crossentropy"
    return "binary_crossentropy" if spec.dtype.kind == "b" else "mean_squared_error"


def written(values: Mapping[str, Any]) -> str:
    """A dict of compile arguments."""
    return "{" + ", ".join(f"{name!r}: {shown(value)}" for name, value in values.items()) + "}"


def shown(value: Any) -> str:
    """A compile argument as one would write it."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(shown, value)) + "]"
    if value is None or isinstance(value, (str, int, float)):
        return repr(value)
    kind = type(value)
    if kind.__module__.startswith("keras."):
        return f"keras.{kind.__module__.split('.')[2]}.{kind.__name__}(...)"
    return getattr(value, "__name__", kind.__name__)


def loss_name(loss: HeadLoss) -> str:
    """How messages call a loss."""
    return loss.name or getattr(getattr(loss.loss, "fn", None), "__name__", None) or type(loss.loss).__name__


def first_line(error: Exception) -> str:
    """The line of Keras's message that says what is wrong."""
    text = error.args[0] if isinstance(error, KeyError) and error.args else str(error)
    lines = [line.strip() for line in _COLOUR.sub("", str(text)).split("\n") if line.strip()]
    telling = [line for line in lines if not line.startswith("Exception encountered")]
    return (telling or lines or [type(error).__name__])[0]
