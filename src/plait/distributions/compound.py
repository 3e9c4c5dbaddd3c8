"""Distributions made of others: mixed, cut off, piled up at a bound, with extra zeros."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plait.distributions.base import Distribution, Parameter, Rng
from plait.errors import ArgumentError

__all__ = ["Censored", "Mixture", "Truncated", "ZeroInflated"]


@dataclass(frozen=True)
class Mixture(Distribution):
    """One of several distributions, at random.

    Args:
        weights: (components,) or a function that gives (rows, components): the probability of each; they add up to 1.
        components: Distributions of numbers, all continuous or all discrete.
    """

    weights: Parameter
    components: tuple[Distribution, ...]
    core: ClassVar = {"weights": 1}

    def _check(self) -> None:
        self._need("weights", lambda weights: weights >= 0, "0 or more")
        if not callable(self.weights) and not (np.abs(self.weights.sum(axis=-1) - 1) <= 0.01).all():
            raise ArgumentError(f"Mixture(weights=...): they add up to {np.ravel(self.weights.sum(axis=-1))[0]:g}, not 1.")
        if not callable(self.weights) and self.weights.shape[-1] != len(self.components):
            raise ArgumentError(
                f"Mixture(...) has {self.weights.shape[-1]} weights and {len(self.components)} components; one each is needed."
            )

    def __post_init__(self) -> None:
        object.__setattr__(self, "components", tuple(self.components))
        if not self.components or not all(isinstance(c, Distribution) and c.event == 0 for c in self.components):
            raise ArgumentError("Mixture(components=...): a list of distributions of numbers is needed: [Normal(0, 1), Normal(5, 1)].")
        super().__post_init__()

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw, from every component, and choose."""
        edges = np.cumsum(self.weights, axis=-1, dtype=np.float64)
        chosen = (rng.random(size)[..., None] >= (edges / edges[..., -1:])[..., :-1]).sum(axis=-1)
        return np.choose(chosen, np.broadcast_arrays(*(c.sample(size, rng=rng) for c in self.components)))

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density."""
        weights = np.asarray(self.weights, np.float64)
        with np.errstate(divide="ignore"):
            logs = np.log(weights / weights.sum(axis=-1, keepdims=True))
        return _log_sum([logs[..., i] + c.log_prob(value) for i, c in enumerate(self.components)])


@dataclass(frozen=True)
class Truncated(Distribution):
    """A distribution given that its values lie between two bounds.

    Args:
        base: Normal, LogNormal, Uniform or Exponential.
        low, high: The bounds, high above low.
    """

    base: Distribution
    low: Parameter = -np.inf
    high: Parameter = np.inf

    def _check(self) -> None:
        _check_base(self, self.base, self.low, self.high)

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw, by the inverse of the distribution function."""
        low, high = self.base.cdf(self.low), self.base.cdf(self.high)
        share = rng.random(size, dtype=np.float64)
        return np.clip(self.base.quantile(low + (high - low) * share), self.low, self.high).astype(np.float32)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf outside of the bounds."""
        value = np.asarray(value, np.float64)
        inside = self.base.cdf(self.high) - self.base.cdf(self.low)
        with np.errstate(divide="ignore"):
            return np.where((value >= self.low) & (value <= self.high), self.base.log_prob(value) - np.log(inside), -np.inf)


@dataclass(frozen=True)
class Censored(Distribution):
    """A distribution whose values beyond a bound are put at the bound: a purchase that cannot be negative.

    Args:
        base: Normal, LogNormal, Uniform or Exponential.
        low, high: The bounds, high above low. The probability of a value at a bound is that of all values beyond it.
    """

    base: Distribution
    low: Parameter = -np.inf
    high: Parameter = np.inf

    def _check(self) -> None:
        _check_base(self, self.base, self.low, self.high)

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        numbers = self.base.sample(size, rng=rng)
        return np.clip(numbers, np.asarray(self.low, numbers.dtype), np.asarray(self.high, numbers.dtype))

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density between the bounds, of the probability at them; -inf beyond."""
        value = np.asarray(value, np.float64)
        with np.errstate(divide="ignore"):
            at_low, at_high = np.log(self.base.cdf(self.low)), np.log1p(-self.base.cdf(self.high))
        inside = np.where((value > self.low) & (value < self.high), self.base.log_prob(value), -np.inf)
        return np.where(value == self.low, at_low, np.where(value == self.high, at_high, inside))


@dataclass(frozen=True)
class ZeroInflated(Distribution):
    """A distribution with more zeros than it has by itself.

    Args:
        zero: The probability of a zero that is none of the base's.
        base: A distribution of numbers. A continuous one has no zeros of its own.
    """

    zero: Parameter
    base: Distribution

    def _check(self) -> None:
        self._need("zero", lambda zero: (zero >= 0) & (zero <= 1), "from 0 to 1")
        if not isinstance(self.base, Distribution) or self.base.event:
            raise ArgumentError("ZeroInflated(base=...): a distribution of numbers is needed, such as Poisson(3).")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        empty = rng.random(size) < self.zero
        numbers = self.base.sample(size, rng=rng)
        return np.where(empty, np.zeros((), numbers.dtype), numbers)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability or density; at 0 that of either kind of zero."""
        value, zero = np.asarray(value), np.asarray(self.zero, np.float64)
        with np.errstate(divide="ignore"):
            extra, own = np.log(zero), np.log1p(-zero) + self.base.log_prob(value)
        discrete = type(self.base).__module__.endswith("discrete")
        return np.where(value == 0, np.logaddexp(extra, own) if discrete else extra, own)


def _log_sum(parts: list[np.ndarray]) -> np.ndarray:
    total = parts[0]
    for part in parts[1:]:
        total = np.logaddexp(total, part)
    return total


def _check_base(of: Distribution, base: Distribution, low: Any, high: Any) -> None:
    name = type(of).__name__
    if not isinstance(base, Distribution) or type(base).cdf is Distribution.cdf:
        raise ArgumentError(f"{name}(base=...): Normal, LogNormal, Uniform or Exponential is needed, found {type(base).__name__}.")
    if not callable(low) and not callable(high) and not np.all(np.asarray(low) < high):
        raise ArgumentError(f"{name}(low={np.ravel(low)[0]:g}, high={np.ravel(high)[0]:g}): high has to be above low.")
