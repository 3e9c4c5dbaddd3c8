"""Distributions of real numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.distributions.base import Distribution, Parameter, Rng
from plait.distributions.special import log_beta, log_gamma, normal_cdf, normal_quantile, x_log_y

__all__ = ["Beta", "Exponential", "Gamma", "LogNormal", "Normal", "StudentT", "Uniform"]

_LOG_ROOT = 0.5 * math.log(2 * math.pi)


@dataclass(frozen=True)
class Normal(Distribution):
    """The normal distribution.

    Args:
        loc: Mean.
        scale: Standard deviation, above 0.
    """

    loc: Parameter = 0.0
    scale: Parameter = 1.0

    def _check(self) -> None:
        self._need("loc", np.isfinite, "finite")
        self._need("scale", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.normal(self.loc, self.scale, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density."""
        loc, scale, value = _doubles(self.loc, self.scale, value)
        return -0.5 * np.square((value - loc) / scale) - np.log(scale) - _LOG_ROOT

    def cdf(self, value: Any) -> np.ndarray:
        """The distribution function."""
        loc, scale, value = _doubles(self.loc, self.scale, value)
        return normal_cdf((value - loc) / scale)

    def quantile(self, p: Any) -> np.ndarray:
        """Its inverse."""
        loc, scale, p = _doubles(self.loc, self.scale, p)
        return loc + scale * normal_quantile(p)


@dataclass(frozen=True)
class LogNormal(Distribution):
    """exp of a normal number.

    Args:
        mean: Of the logarithm.
        sigma: Standard deviation of the logarithm, above 0.
    """

    mean: Parameter = 0.0
    sigma: Parameter = 1.0

    def _check(self) -> None:
        self._need("mean", np.isfinite, "finite")
        self._need("sigma", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.lognormal(self.mean, self.sigma, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf at 0 and below."""
        mean, sigma, value = _doubles(self.mean, self.sigma, value)
        inside = value > 0
        log = np.log(np.where(inside, value, 1.0))
        return np.where(inside, Normal(mean, sigma).log_prob(log) - log, -np.inf)

    def cdf(self, value: Any) -> np.ndarray:
        """The distribution function."""
        mean, sigma, value = _doubles(self.mean, self.sigma, value)
        return np.where(value > 0, Normal(mean, sigma).cdf(np.log(np.where(value > 0, value, 1.0))), 0.0)

    def quantile(self, p: Any) -> np.ndarray:
        """Its inverse."""
        return np.exp(Normal(self.mean, self.sigma).quantile(p))


@dataclass(frozen=True)
class Uniform(Distribution):
    """All numbers from `low` up to `high` alike.

    Args:
        low: The least.
        high: The bound that is not reached; above `low`.
    """

    low: Parameter = 0.0
    high: Parameter = 1.0

    def _check(self) -> None:
        self._need("low", np.isfinite, "finite")
        if callable(self.low):
            self._need("high", np.isfinite, "finite")
        else:
            self._need("high", lambda high: np.isfinite(high) & (high > self.low), "above low")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.uniform(self.low, self.high, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf outside."""
        low, high, value = _doubles(self.low, self.high, value)
        return np.where((value >= low) & (value <= high), -np.log(high - low), -np.inf)

    def cdf(self, value: Any) -> np.ndarray:
        """The distribution function."""
        low, high, value = _doubles(self.low, self.high, value)
        return np.clip((value - low) / (high - low), 0.0, 1.0)

    def quantile(self, p: Any) -> np.ndarray:
        """Its inverse."""
        low, high, p = _doubles(self.low, self.high, p)
        return low + (high - low) * p


@dataclass(frozen=True)
class Exponential(Distribution):
    """Waiting times.

    Args:
        scale: Mean, above 0: 1 / rate.
    """

    scale: Parameter = 1.0

    def _check(self) -> None:
        self._need("scale", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.exponential(self.scale, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf below 0."""
        scale, value = _doubles(self.scale, value)
        return np.where(value >= 0, -value / scale - np.log(scale), -np.inf)

    def cdf(self, value: Any) -> np.ndarray:
        """The distribution function."""
        scale, value = _doubles(self.scale, value)
        return -np.expm1(-np.maximum(value, 0.0) / scale)

    def quantile(self, p: Any) -> np.ndarray:
        """Its inverse."""
        scale, p = _doubles(self.scale, p)
        with np.errstate(divide="ignore"):
            return -scale * np.log1p(-p)


@dataclass(frozen=True)
class Gamma(Distribution):
    """Sums of waiting times.

    Args:
        shape: Above 0; SciPy's `a`.
        scale: Above 0; the mean is shape * scale.
    """

    shape: Parameter
    scale: Parameter = 1.0

    def _check(self) -> None:
        self._need("shape", _positive, "above 0")
        self._need("scale", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.gamma(self.shape, self.scale, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf below 0."""
        shape, scale, value = _doubles(self.shape, self.scale, value)
        ratio = np.maximum(value, 0.0) / scale
        return np.where(value >= 0, x_log_y(shape - 1, ratio) - ratio - log_gamma(shape) - np.log(scale), -np.inf)


@dataclass(frozen=True)
class Beta(Distribution):
    """Shares, between 0 and 1.

    Args:
        a, b: Above 0; the mean is a / (a + b).
    """

    a: Parameter
    b: Parameter

    def _check(self) -> None:
        self._need("a", _positive, "above 0")
        self._need("b", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.beta(self.a, self.b, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density; -inf outside of [0, 1]."""
        a, b, value = _doubles(self.a, self.b, value)
        inside = (value >= 0) & (value <= 1)
        share = np.where(inside, value, 0.5)
        with np.errstate(invalid="ignore"):
            density = x_log_y(a - 1, share) + x_log_y(b - 1, 1 - share) - log_beta(a, b)
        return np.where(inside, density, -np.inf)


@dataclass(frozen=True)
class StudentT(Distribution):
    """Student's t: like the normal distribution, with heavy tails.

    Args:
        df: Degrees of freedom, above 0.
        loc: Centre.
        scale: Above 0; not the standard deviation.
    """

    df: Parameter
    loc: Parameter = 0.0
    scale: Parameter = 1.0

    def _check(self) -> None:
        self._need("df", _positive, "above 0")
        self._need("loc", np.isfinite, "finite")
        self._need("scale", _positive, "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        numbers = rng.standard_t(self.df, size)
        numbers *= np.asarray(self.scale, numbers.dtype)
        numbers += np.asarray(self.loc, numbers.dtype)
        return numbers

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density."""
        df, loc, scale, value = _doubles(self.df, self.loc, self.scale, value)
        square = np.square((value - loc) / scale)
        norm = log_gamma((df + 1) / 2) - log_gamma(df / 2) - 0.5 * np.log(df * math.pi) - np.log(scale)
        return norm - (df + 1) / 2 * np.log1p(square / df)


def _positive(value: np.ndarray) -> np.ndarray:
    return (value > 0) & np.isfinite(value)


def _doubles(*values: Any) -> list[np.ndarray]:
    return [np.asarray(value, np.float64) for value in values]
