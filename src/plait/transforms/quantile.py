"""Numbers replaced by their rank among the data fitted on: uniform or normal whatever the distribution was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array
from plait.spec import Spec
from plait.transforms.columns import Column, Fittable, as_float32, as_numbers, check_features, numeric_spec, values_of, with_values

__all__ = ["Quantile"]

Output = Literal["uniform", "normal"]
_EDGE = 1e-7  # the share that the least and the greatest value stand for in "normal": -5.2 and 5.2


@dataclass(frozen=True, eq=False)
class Quantile:
    """The share of the data below a value, in 0..1, or the normal score of that share, per feature (last axis), as float32.

    Values beyond what was fitted on map to the ends. Of a value that many samples share, the middle of their ranks is taken, and the
    inverse gives that value back. Pure and thread-safe.

    Args:
        knots: (quantiles,) or (quantiles, features), not decreasing: the values at evenly spaced shares from 0 to 1.
        output: "uniform", or "normal" for mean 0 and standard deviation 1.
    """

    knots: np.ndarray
    output: Output = "uniform"

    def __post_init__(self) -> None:
        knots = np.array(self.knots, np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            sound = knots.ndim in (1, 2) and len(knots) > 0 and bool(np.isfinite(knots[-1] - knots[0]).all())
            if not sound or (np.diff(knots, axis=0) < 0).any():
                raise TransformError("Quantile: knots must be (quantiles,) or (quantiles, features), finite and not decreasing.")
        knots.flags.writeable = False
        object.__setattr__(self, "knots", knots)
        _check_output(self.output)

    @classmethod
    def fit(cls, data: Fittable, *, output: Output = "uniform", quantiles: int = 1000, most: int = 1_000_000, seed: int = 0) -> Quantile:
        """The quantiles of all present samples.

        Exact up to `most` values a feature. Of more, a uniform sample of `most` is kept: the share of a value is then off by at most
        0.002 at a million (with a probability of 99.9 %; Dvoretzky, Kiefer and Wolfowitz 1956, Massart 1990).

        Args:
            data: The training part's stream, or an array, samples first; dense or ragged.
            output: "uniform" or "normal".
            quantiles: Knots between which the share is interpolated; fewer where there are fewer values.
            most: Values of each feature held in memory.
            seed: Of the sample where there are more.

        Raises:
            TransformError: There is no sample, one is not finite, or they are no numbers.
            ArgumentError: Fewer than two quantiles, or an unknown output.
        """
        _check_output(output)
        if quantiles < 2 or most < quantiles:
            raise ArgumentError(f"Quantile.fit: quantiles={quantiles} must be at least 2 and at most most={most}.")
        column = Column.of(data, transform="Quantile")
        features = column.spec.shape[-1] if column.spec.shape else None
        rng = np.random.default_rng(seed)
        parts: list[tuple[np.ndarray, np.ndarray]] = []  # values, and a random rank each
        for values in column.numbers("Quantile"):
            rows = values.reshape(-1, features or 1)
            parts.append((rows, rng.random(len(rows))))
            if sum(len(ranks) for _, ranks in parts) > 2 * most:
                parts = [_lowest(parts, most)]
        if not parts:
            raise TransformError(f"Quantile.fit: the samples of {column.label} are all of length 0; there is no value to fit on.")
        kept, _ = _lowest(parts, most)
        with np.errstate(over="ignore", invalid="ignore"):  # found out by the check of knots
            knots = np.quantile(kept, np.linspace(0, 1, max(2, min(quantiles, len(kept)))), axis=0)
        knots = np.maximum.accumulate(knots, axis=0)  # interpolation may round downwards
        return cls(knots if features is not None else knots[:, 0], output)

    def __call__(self, array: Array) -> Array:
        column = as_numbers(array, transform="Quantile")
        values = values_of(column)
        self._check(values.shape[1:])
        shares = np.linspace(0, 1, len(self.knots))
        ranked = self._each(values, lambda x, knots: (np.interp(x, knots, shares) + 1 - np.interp(-x, -knots[::-1], shares)) / 2)
        scored = _normal_score(np.clip(ranked, _EDGE, 1 - _EDGE)) if self.output == "normal" else ranked
        return with_values(column, as_float32(scored, transform="Quantile"))

    def inverse(self, array: Array) -> Array:
        """In the units that were fitted on; float64. Shares below 0 and above 1 are the ends."""
        column = as_numbers(array, transform="Quantile.inverse")
        values = values_of(column)
        self._check(values.shape[1:])
        shares = np.linspace(0, 1, len(self.knots))
        ranked = _normal_share(values) if self.output == "normal" else values.astype(np.float64)
        return with_values(column, self._each(ranked, lambda u, knots: np.interp(u, shares, knots)))

    def spec(self, spec: Spec) -> Spec:
        """The same shape in float32, without a unit."""
        numeric_spec(spec, transform="Quantile")
        self._check(spec.shape[1:] if spec.ragged else spec.shape)
        return replace(spec, dtype=np.dtype(np.float32), classes=None, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The fitted values."""
        return {"knots": self.knots.tolist(), "output": self.output}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Quantile:
        """The transform that `to_json` described."""
        return cls(state["knots"], state["output"])

    def _check(self, shape: tuple[int | None, ...]) -> None:
        fitted = self.knots.shape[1:]
        check_features(shape, fitted, tuple(range(-len(fitted), 0)), transform="Quantile")

    def _each(self, values: np.ndarray, change: Any) -> np.ndarray:
        values = values.astype(np.float64, copy=False)
        if self.knots.ndim == 1:
            return change(values.ravel(), self.knots).reshape(values.shape)
        out = np.empty(values.shape)
        for feature in range(values.shape[-1]):
            out[..., feature] = change(values[..., feature].ravel(), self.knots[:, feature]).reshape(values.shape[:-1])
        return out


def _lowest(parts: list[tuple[np.ndarray, np.ndarray]], most: int) -> tuple[np.ndarray, np.ndarray]:
    """The `most` rows with the lowest random rank: a uniform sample without replacement."""
    kept, ranks = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if len(kept) <= most:
        return kept, ranks
    chosen = np.argpartition(ranks, most)[:most]
    return kept[chosen], ranks[chosen]


def _normal_share(scores: np.ndarray) -> np.ndarray:
    """The distribution function of the normal distribution."""
    share = np.frompyfunc(lambda z: math.erfc(-z / math.sqrt(2)) / 2, 1, 1)
    return np.asarray(share(scores.astype(np.float64)), np.float64)


def _normal_score(shares: np.ndarray) -> np.ndarray:
    """The quantile function of the normal distribution, to 16 digits; Wichura 1988, "Algorithm AS 241", PPND16."""
    centre = shares - 0.5
    tail = np.sqrt(-np.log(np.minimum(shares, 1 - shares)))
    near = 0.180625 - centre * centre
    inner = centre * np.polyval(_NEAR[0], near) / np.polyval(_NEAR[1], near)
    middle = np.polyval(_MIDDLE[0], tail - 1.6) / np.polyval(_MIDDLE[1], tail - 1.6)  # good to 1e-11; _EDGE is far within
    return np.where(np.abs(centre) <= 0.425, inner, np.copysign(middle, centre))


def _check_output(output: str) -> None:
    if output not in get_args(Output):
        raise ArgumentError(f"Quantile: output={output!r} is not known; write 'uniform' or 'normal'.")


# Highest power first. (numerator, denominator)
_NEAR = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4, 1.3731693765509461125e4,
     1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080e0),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4, 5.3941960214247511077e3,
     6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_MIDDLE = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258e0,
     3.64784832476320460504e0, 5.76949722146069140550e0, 4.63033784615654529590e0, 1.42343711074968357734e0),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940e0, 2.05319162663775882187e0, 1.0),
)  # fmt: skip
