"""What the laws are made of: a condition with a message, and columns that are equal or close."""

from __future__ import annotations

import numpy as np

from plait.ragged import Array, Ragged
from plait.spec import Spec

__all__ = ["close", "law", "same"]


def law(holds: bool, message: str) -> None:
    """Raise with the message where it does not hold."""
    if not holds:
        raise AssertionError(f"{message}.")


def same(one: Array, other: Array, message: str) -> None:
    """Of one kind, dtype and shape, and equal bit for bit."""
    law(type(one) is type(other) and Spec.of(one) == Spec.of(other), f"{message}: {Spec.of(one)} instead of {Spec.of(other)}")
    if isinstance(one, Ragged) and isinstance(other, Ragged):
        law(np.array_equal(one.lengths, other.lengths), f"{message}: other lengths")
        one, other = (column.take(np.arange(len(column))).values for column in (one, other))
    assert isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    law(one.shape == other.shape, f"{message}: shape {one.shape} instead of {other.shape}")
    equal = np.array_equal(one, other) if one.dtype.kind == "T" else one.tobytes() == other.tobytes()
    law(equal, f"{message}: other values")


def close(one: Array, other: Array, tolerance: float, message: str) -> None:
    """Of one shape, and equal up to the tolerance; labels exactly."""
    law(type(one) is type(other), f"{message}: {type(one).__name__} instead of {type(other).__name__}")
    if isinstance(one, Ragged) and isinstance(other, Ragged):
        law(np.array_equal(one.lengths, other.lengths), f"{message}: other lengths")
        one, other = (column.take(np.arange(len(column))).values for column in (one, other))
    assert isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    law(one.shape == other.shape, f"{message}: shape {one.shape} instead of {other.shape}")
    if "f" not in (one.dtype.kind, other.dtype.kind):
        law(np.array_equal(one, other), f"{message}: other values")
        return
    unequal = (one != other) & ~(np.isnan(one) & np.isnan(other))
    one, other = one[unequal].astype(np.float64), other[unequal].astype(np.float64)
    apart = np.abs(one - other).max(initial=0)
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    law(apart <= tolerance * scale, f"{message}: {apart:g} apart at a magnitude of {scale:g}")
