"""Labels and predictions made up so that a loss which compares them can be seen to: patterns of two values, and their opposites."""

from __future__ import annotations

import numpy as np

from plait.checks.kinds import kind_of
from plait.contract import Port
from plait.spec import Spec

__all__ = ["labels", "predictions", "sizes"]


def labels(spec: Spec, port: Port, loss: str, samples: int, *, flipped: bool) -> np.ndarray:
    """(samples, *shape of the target) labels that the loss takes; `flipped`: the opposite ones, everywhere.

    Args:
        spec: Of the target.
        port: Its head.
        loss: The name of the loss function.
        samples: How many.
    """
    shape, kind = sizes(spec.shape, port.shape), kind_of(loss).labels
    if kind == "one-hot" and shape:
        return _one_hot(_parity((samples, *shape[:-1]), flipped), shape[-1]).astype(spec.dtype)
    parity = _parity((samples, *shape), flipped)
    if kind in ("number", "positive", "own"):
        if spec.dtype.kind == "f":
            return (0.2 + 0.6 * parity).astype(spec.dtype)
        return (parity + (kind != "own")).astype(spec.dtype)
    return parity.astype(spec.dtype)


def predictions(port: Port, shape: tuple[int | None, ...], loss: str, samples: int, *, flipped: bool) -> np.ndarray:
    """(samples, *shape of the head) float32 between 0 and 1 that the loss takes; `flipped`: the opposite ones in the first half.

    Args:
        port: The head.
        shape: Of its target, which fills in the sizes that the head leaves open.
        loss: The name of the loss function, "" for none.
        samples: How many.
    """
    size = sizes(port.shape, shape)
    flip = (np.arange(samples) < samples // 2) & flipped
    if size and kind_of(loss).labels in ("codes", "one-hot"):
        spread = 0.3 / max(1, size[-1] - 1)
        return (spread + (0.7 - spread) * _one_hot(_parity((samples, *size[:-1]), flip), size[-1])).astype(np.float32)
    return (0.3 + 0.4 * _parity((samples, *size), flip)).astype(np.float32)


def sizes(shape: tuple[int | None, ...], other: tuple[int | None, ...]) -> tuple[int, ...]:
    """The shape with open sizes taken from another shape of the same rank, else 2."""
    alike = other if len(other) == len(shape) else (None,) * len(shape)
    return tuple(n if n is not None else 2 if m is None else m for n, m in zip(shape, alike, strict=True))


def _parity(shape: tuple[int, ...], flipped: bool | np.ndarray) -> np.ndarray:
    """0 and 1 in turn along the samples and the last axis that is longer than 1."""
    samples, *rest = shape
    while rest and rest[-1] == 1:
        rest.pop()
    rows = np.arange(samples) + np.asarray(flipped, np.int64)
    if not rest:
        return (rows % 2).reshape(samples, *(1,) * (len(shape) - 1))
    table = (rows[:, None] + np.arange(rest[-1])) % 2
    whole = np.broadcast_to(table.reshape(samples, *(1,) * (len(rest) - 1), rest[-1]), (samples, *rest))
    return whole.reshape(shape)


def _one_hot(codes: np.ndarray, count: int) -> np.ndarray:
    return (codes[..., None] == np.arange(count)).astype(np.float32)
