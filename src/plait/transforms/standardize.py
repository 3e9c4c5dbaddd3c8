"""Numbers with mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import TransformError
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

__all__ = ["Standardize"]


@dataclass(frozen=True, eq=False)
class Standardize:
    """`(x - mean) / std` as float32; its inverse as float64, so that nothing of a large mean is lost.

    NaN and infinity stay what they are. Pure and thread-safe.

    Args:
        mean: Of each feature, aligned with the last axes of a sample: () for one in all, (channels,), (time, 1).
        std: Of the same shape, positive.
        axis: The axes of `mean` that samples must agree with, counted from the end; all of them where not given.
    """

    mean: np.ndarray
    std: np.ndarray
    axis: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        mean, std = (np.array(values, np.float64) for values in (self.mean, self.std))
        if mean.shape != std.shape:
            raise TransformError(f"Standardize: mean has shape {mean.shape} and std {std.shape}; both hold one value a feature.")
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise TransformError("Standardize: mean must be finite and std positive; a feature that never changes takes std 1.")
        mean.flags.writeable = std.flags.writeable = False
        object.__setattr__(self, "mean", mean)
        object.__setattr__(self, "std", std)
        object.__setattr__(self, "axis", tuple(range(-mean.ndim, 0)) if self.axis is None else tuple(self.axis))

    @classmethod
    def fit(cls, data: Fittable, *, axis: int | Sequence[int] | None = -1) -> Standardize:
        """Mean and standard deviation (divided by n) of all present samples, in one pass.

        A feature that never changes gets std 1: it becomes 0, and its inverse is the constant.

        Args:
            data: The training part's stream, `train["age"]`, or an array, samples first; dense or ragged.
            axis: With statistics of its own for each index, as in `keras.layers.Normalization`: the last by default, so one mean a
                feature or channel (samples that are scalars have one in all); None for one in all; axis 0 is the samples'.

        Raises:
            TransformError: There is no sample, one is not finite, or they are no numbers.
            ArgumentError: The axis does not exist.

        References:
            Chan, Golub and LeVeque 1983, "Algorithms for Computing the Sample Variance": the merging of chunks.
        """
        column = Column.of(data, transform="Standardize")
        kept = kept_axes(column.spec, axis, transform="Standardize")
        count, mean, squares, origin = 0, np.zeros(()), np.zeros(()), np.zeros(())
        low, high = np.full((), np.inf), np.full((), -np.inf)
        with np.errstate(over="ignore", invalid="ignore"):
            for values in column.numbers("Standardize"):
                over = tuple(a for a in range(values.ndim) if a - values.ndim not in kept)
                here = int(np.prod([values.shape[a] for a in over], dtype=np.int64))
                low = np.minimum(low, values.min(axis=over, keepdims=True))
                high = np.maximum(high, values.max(axis=over, keepdims=True))
                if not count:
                    origin = values.mean(axis=over, keepdims=True)
                near = values - origin  # so that a mean far above the spread takes no digits
                centre = near.mean(axis=over, keepdims=True)
                spread = np.square(near - centre).sum(axis=over, keepdims=True)
                shift = centre - mean
                mean = mean + shift * (here / (count + here))
                squares = squares + spread + np.square(shift) * (count * here / (count + here))
                count += here
        if not count:
            raise TransformError(f"Standardize.fit: the samples of {column.label} are all of length 0; there is no value to fit on.")
        if not np.isfinite(squares).all():
            raise TransformError(f"Standardize.fit: the values of {column.label} are so large that their squares exceed float64.")
        std = np.sqrt(squares / count)
        mean = np.where(low == high, low, origin + mean)
        std = np.where((low == high) | (std == 0), 1.0, std)
        shape = mean.shape[kept[0] :] if kept else ()
        return cls(mean.reshape(shape), std.reshape(shape), kept)

    def __call__(self, array: Array) -> Array:
        column = as_numbers(array, transform="Standardize")
        values = values_of(column)
        self._check(values.shape[1:])
        exact = np.float32 if values.dtype.itemsize == 1 else np.float64  # float32 holds any byte
        mean, std = (spread(statistics, values.shape[1:], exact) for statistics in (self.mean, self.std))
        scaled = np.subtract(values, mean, dtype=exact)
        scaled /= std
        return with_values(column, as_float32(scaled, transform="Standardize"))

    def inverse(self, array: Array) -> Array:
        """In the units that were fitted on; float64."""
        column = as_numbers(array, transform="Standardize.inverse")
        values = values_of(column)
        self._check(values.shape[1:])
        return with_values(column, values.astype(np.float64, copy=False) * self.std + self.mean)

    def spec(self, spec: Spec) -> Spec:
        """The same shape in float32, without a unit."""
        numeric_spec(spec, transform="Standardize")
        self._check(spec.shape[1:] if spec.ragged else spec.shape)
        return replace(spec, dtype=np.dtype(np.float32), classes=None, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The fitted values."""
        return {"mean": self.mean.tolist(), "std": self.std.tolist(), "axis": list(self.axis or ())}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Standardize:
        """The transform that `to_json` described."""
        return cls(state["mean"], state["std"], tuple(state["axis"]))

    def _check(self, shape: tuple[int | None, ...]) -> None:
        check_features(shape, self.mean.shape, self.axis or (), transform="Standardize")
