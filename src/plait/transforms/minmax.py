"""Numbers moved into a range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array
from plait.spec import Spec
from plait.transforms.columns import (
    Column,
    Fittable,
    as_float32,
    as_numbers,
    check_features,
    kept_axes,
    numeric_spec,
    spread,
    values_of,
    with_values,
)

__all__ = ["MinMax"]


@dataclass(frozen=True, eq=False)
class MinMax:
    """`low` to `high` mapped onto `range` in a straight line, as float32; its inverse as float64.

    Values beyond what was fitted on land beyond the range: nothing is clipped. Pure and thread-safe. For images of bytes
    `MinMax(0, 255)` needs no fit.

    Args:
        low: Of each feature, aligned with the last axes of a sample: () for one in all, (channels,).
        high: Of the same shape, not below `low`. Where they are equal, the value maps to the range's begin.
        range: Where low and high go.
        axis: The axes of `low` that samples must agree with, counted from the end; all of them where not given.
    """

    low: np.ndarray
    high: np.ndarray
    range: tuple[float, float] = (0.0, 1.0)
    axis: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        low, high = (np.array(values, np.float64) for values in (self.low, self.high))
        begin, end = _range(self.range)
        with np.errstate(over="ignore", invalid="ignore"):
            span = high - low if low.shape == high.shape else np.full((), np.nan)
        if not (np.isfinite(span).all() and (span >= 0).all()):
            raise TransformError(
                f"MinMax: low and high must be finite, of one shape and low <= high; found low {_short(low)} and high {_short(high)}."
            )
        low.flags.writeable = high.flags.writeable = False
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "range", (begin, end))
        object.__setattr__(self, "axis", tuple(range(-low.ndim, 0)) if self.axis is None else tuple(self.axis))

    @classmethod
    def fit(cls, data: Fittable, *, range: tuple[float, float] = (0.0, 1.0), axis: int | Sequence[int] | None = -1) -> MinMax:
        """The least and the greatest value of all present samples; exact, in one pass.

        Args:
            data: The training part's stream, or an array, samples first; dense or ragged.
            range: Where they go.
            axis: With a range of its own for each index: the last by default, None for one in all.

        Raises:
            TransformError: There is no sample, one is not finite, or they are no numbers.
            ArgumentError: The axis does not exist, or the range has no width.
        """
        _range(range)
        column = Column.of(data, transform="MinMax")
        kept = kept_axes(column.spec, axis, transform="MinMax")
        low, high = np.full((), np.inf), np.full((), -np.inf)
        for values in column.numbers("MinMax"):
            over = tuple(a for a, _ in enumerate(values.shape) if a - values.ndim not in kept)
            low = np.minimum(low, values.min(axis=over, keepdims=True))
            high = np.maximum(high, values.max(axis=over, keepdims=True))
        if np.isinf(low).any():
            raise TransformError(f"MinMax.fit: the samples of {column.label} are all of length 0; there is no value to fit on.")
        shape = low.shape[kept[0] :] if kept else ()
        return cls(low.reshape(shape), high.reshape(shape), range, kept)

    def __call__(self, array: Array) -> Array:
        column = as_numbers(array, transform="MinMax")
        values = values_of(column)
        self._check(values.shape[1:])
        begin, end = self.range
        span = np.where(self.high == self.low, 1, self.high - self.low)
        exact = np.float32 if values.dtype.itemsize == 1 else np.float64  # float32 holds any byte
        low, span = (spread(statistics, values.shape[1:], exact) for statistics in (self.low, span))
        scaled = np.subtract(values, low, dtype=exact)
        scaled /= span
        if (begin, end) != (0.0, 1.0):
            scaled *= exact(end - begin)
            scaled += exact(begin)
        return with_values(column, as_float32(scaled, transform="MinMax"))

    def inverse(self, array: Array) -> Array:
        """In the units that were fitted on; float64."""
        column = as_numbers(array, transform="MinMax.inverse")
        values = values_of(column)
        self._check(values.shape[1:])
        begin, end = self.range
        share = (values.astype(np.float64, copy=False) - begin) / (end - begin)
        return with_values(column, share * (self.high - self.low) + self.low)

    def spec(self, spec: Spec) -> Spec:
        """The same shape in float32, without a unit."""
        numeric_spec(spec, transform="MinMax")
        self._check(spec.shape[1:] if spec.ragged else spec.shape)
        return replace(spec, dtype=np.dtype(np.float32), classes=None, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The fitted values."""
        return {"low": self.low.tolist(), "high": self.high.tolist(), "range": list(self.range), "axis": list(self.axis or ())}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> MinMax:
        """The transform that `to_json` described."""
        return cls(state["low"], state["high"], tuple(state["range"]), tuple(state["axis"]))

    def _check(self, shape: tuple[int | None, ...]) -> None:
        check_features(shape, self.low.shape, self.axis or (), transform="MinMax")


def _range(range: tuple[float, float]) -> tuple[float, float]:
    begin, end = (float(v) for v in range)
    if not (np.isfinite([begin, end]).all() and begin < end):
        raise ArgumentError(f"MinMax: range={range} must begin below its end, both finite, such as (0, 1) or (-1, 1).")
    return begin, end


def _short(values: np.ndarray) -> str:
    return np.array2string(values, threshold=5, precision=4)
