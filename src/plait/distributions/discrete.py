"""Distributions of classes and counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plait.distributions.base import Distribution, Parameter, Rng
from plait.distributions.special import log_choose, log_gamma, x_log_y
from plait.errors import ArgumentError
from plait.spec import TEXT

__all__ = ["Bernoulli", "Binomial", "Categorical", "Geometric", "NegativeBinomial", "Poisson"]


@dataclass(frozen=True)
class Bernoulli(Distribution):
    """Yes or no; values are bool.

    Args:
        p: The probability of True.
    """

    p: Parameter

    def _check(self) -> None:
        self._need("p", _share, "from 0 to 1")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.random(size) < self.p

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for anything else than 0 and 1."""
        p, value = np.asarray(self.p, np.float64), np.asarray(value, np.float64)
        return np.where((value == 0) | (value == 1), x_log_y(value, p) + x_log_y(1 - value, 1 - p), -np.inf)


@dataclass(frozen=True)
class Categorical(Distribution):
    """One of several classes; values are codes from 0, or labels.

    Args:
        p: (classes,) or a function that gives (rows, classes): not negative; they are divided by their sum, which must be 1 to within
            one per cent.
        labels: What the classes are called: text or numbers, one each. Then values are labels.
    """

    p: Parameter
    labels: tuple[Any, ...] | None = None
    core: ClassVar = {"p": 1}
    static: ClassVar = ("labels",)

    def _check(self) -> None:
        self._need("p", lambda p: p >= 0, "0 or more")
        if not callable(self.p):
            total = self.p.sum(axis=-1)
            if not (np.abs(total - 1) <= 0.01).all():
                raise ArgumentError(
                    f"Categorical(p=...): the probabilities of the classes add up to {np.ravel(total)[0]:g}, not 1. Divide them by their "
                    "sum: p / p.sum(axis=-1, keepdims=True)."
                )
        if self.labels is not None:
            object.__setattr__(self, "labels", tuple(self.labels))
            if len(set(self.labels or ())) != len(self.labels or ()):
                raise ArgumentError(f"Categorical(labels={list(self.labels or ())}): a label occurs twice.")
            if not callable(self.p) and len(self.labels or ()) != self.p.shape[-1]:
                raise ArgumentError(
                    f"Categorical(...) has {self.p.shape[-1]} probabilities and {len(self.labels or ())} labels; one a class is needed."
                )

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        edges = np.cumsum(self.p, axis=-1, dtype=np.float64)
        edges /= edges[..., -1:]
        shares = rng.random(size)
        if edges.ndim == 1:
            codes = np.searchsorted(edges[:-1], shares, side="right")
        else:
            codes = (shares[..., None] >= edges[..., :-1]).sum(axis=-1)
        return codes if self.labels is None else self._label_array()[codes]

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for what is no class."""
        p = np.asarray(self.p, np.float64)
        p = p / p.sum(axis=-1, keepdims=True)
        codes = np.asarray(value) if self.labels is None else self._codes(value)
        here = (codes >= 0) & (codes < p.shape[-1]) & (codes == np.floor(codes))
        codes = np.where(here, codes, 0).astype(np.int64)
        shape = np.broadcast_shapes(codes.shape, p.shape[:-1])
        picked = np.take_along_axis(np.broadcast_to(p, (*shape, p.shape[-1])), np.broadcast_to(codes, shape)[..., None], axis=-1)[..., 0]
        with np.errstate(divide="ignore"):
            return np.where(here, np.log(picked), -np.inf)

    def _label_array(self) -> np.ndarray:
        labels = list(self.labels or ())
        return np.array(labels, TEXT) if all(isinstance(label, str) for label in labels) else np.asarray(labels)

    def _codes(self, value: Any) -> np.ndarray:
        values, labels = np.asarray(value), self._label_array()
        values = values.astype(TEXT) if labels.dtype == TEXT else values
        order = np.argsort(labels, kind="stable")
        place = np.searchsorted(labels[order], values).clip(0, len(labels) - 1)
        codes = order[place]
        return np.where(labels[codes] == values, codes, -1)


@dataclass(frozen=True)
class Binomial(Distribution):
    """How many of n tries succeed.

    Args:
        n: Tries, whole, 0 or more.
        p: The probability that one succeeds.
    """

    n: Parameter
    p: Parameter

    def _check(self) -> None:
        self._need("n", _whole, "a whole number of 0 or more")
        self._need("p", _share, "from 0 to 1")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.binomial(np.asarray(self.n).astype(np.int64), self.p, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for what cannot be."""
        n, p, value = np.asarray(self.n, np.float64), np.asarray(self.p, np.float64), np.asarray(value, np.float64)
        here = _count(value) & (value <= n)
        k = np.where(here, value, 0.0)
        return np.where(here, log_choose(n, k) + x_log_y(k, p) + x_log_y(n - k, 1 - p), -np.inf)


@dataclass(frozen=True)
class Poisson(Distribution):
    """Counts of independent events.

    Args:
        mu: Mean, 0 or more.
    """

    mu: Parameter

    def _check(self) -> None:
        self._need("mu", lambda mu: (mu >= 0) & np.isfinite(mu), "0 or more, and finite")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.poisson(self.mu, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for what is no count."""
        mu, value = np.asarray(self.mu, np.float64), np.asarray(value, np.float64)
        k = np.where(_count(value), value, 0.0)
        return np.where(_count(value), x_log_y(k, mu) - mu - log_gamma(k + 1), -np.inf)


@dataclass(frozen=True)
class NegativeBinomial(Distribution):
    """Failures before the n-th success: counts that vary more than Poisson's.

    Args:
        n: Successes, above 0, whole or not.
        p: The probability of a success, above 0; the mean is n (1 - p) / p.
    """

    n: Parameter
    p: Parameter

    def _check(self) -> None:
        self._need("n", lambda n: (n > 0) & np.isfinite(n), "above 0")
        self._need("p", lambda p: (p > 0) & (p <= 1), "above 0 and up to 1")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.negative_binomial(self.n, self.p, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for what is no count."""
        n, p, value = np.asarray(self.n, np.float64), np.asarray(self.p, np.float64), np.asarray(value, np.float64)
        k = np.where(_count(value), value, 0.0)
        chosen = log_gamma(k + n) - log_gamma(k + 1) - log_gamma(n)
        return np.where(_count(value), chosen + n * np.log(p) + x_log_y(k, 1 - p), -np.inf)


@dataclass(frozen=True)
class Geometric(Distribution):
    """Tries up to and with the first success: 1, 2, ...

    Args:
        p: The probability of a success, above 0.
    """

    p: Parameter

    def _check(self) -> None:
        self._need("p", lambda p: (p > 0) & (p <= 1), "above 0 and up to 1")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw."""
        return rng.geometric(self.p, size)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the probability; -inf for what is no count from 1."""
        p, value = np.asarray(self.p, np.float64), np.asarray(value, np.float64)
        here = _count(value) & (value >= 1)
        k = np.where(here, value, 1.0)
        return np.where(here, x_log_y(k - 1, 1 - p) + np.log(p), -np.inf)


def _share(value: np.ndarray) -> np.ndarray:
    return (value >= 0) & (value <= 1)


def _whole(value: np.ndarray) -> np.ndarray:
    return (value >= 0) & (value == np.floor(value)) & np.isfinite(value)


def _count(value: np.ndarray) -> np.ndarray:
    return (value >= 0) & (value == np.floor(value))
