"""Distributions of vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plait.distributions.base import Distribution, Parameter, Rng
from plait.distributions.special import log_gamma, x_log_y
from plait.errors import ArgumentError

__all__ = ["Dirichlet", "MultivariateNormal"]


@dataclass(frozen=True)
class Dirichlet(Distribution):
    """Shares that add up to 1.

    Args:
        alpha: (shares,) or a function that gives (rows, shares): above 0.
    """

    alpha: Parameter
    core: ClassVar = {"alpha": 1}
    event: ClassVar = 1

    def _check(self) -> None:
        self._need("alpha", lambda alpha: (alpha > 0) & np.isfinite(alpha), "above 0")

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw: (*size, shares)."""
        parts = np.asarray(rng.standard_gamma(self.alpha, (*_tuple(size), np.shape(self.alpha)[-1])))
        total = parts.sum(axis=-1, keepdims=True)
        return parts / np.where(total > 0, total, 1)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density, one number a vector; -inf where the shares do not add up to 1 (to within 1e-5)."""
        alpha, value = np.asarray(self.alpha, np.float64), np.asarray(value, np.float64)
        here = (value >= 0).all(axis=-1) & (np.abs(value.sum(axis=-1) - 1) <= 1e-5)
        norm = log_gamma(alpha.sum(axis=-1)) - log_gamma(alpha).sum(axis=-1)
        with np.errstate(invalid="ignore"):
            return np.where(here, x_log_y(alpha - 1, np.maximum(value, 0)).sum(axis=-1) + norm, -np.inf)


@dataclass(frozen=True)
class MultivariateNormal(Distribution):
    """Correlated normal numbers.

    Args:
        mean: (k,) or a function that gives (rows, k).
        cov: (k, k) covariances, symmetric and positive definite; or a function that gives (rows, k, k).
    """

    mean: Parameter
    cov: Parameter
    core: ClassVar = {"mean": 1, "cov": 2}
    event: ClassVar = 1

    def _check(self) -> None:
        self._need("mean", np.isfinite, "finite")
        if callable(self.cov):
            return
        shape = self.cov.shape
        if shape[-1] != shape[-2] or (not callable(self.mean) and self.mean.shape[-1] != shape[-1]):
            mean = "" if callable(self.mean) else f"the mean has the shape {np.shape(self.mean)} and "
            raise ArgumentError(f"MultivariateNormal(...): {mean}cov has the shape {shape}; (k,) and (k, k) go together.")
        if not np.allclose(self.cov, np.swapaxes(self.cov, -1, -2)):
            raise ArgumentError("MultivariateNormal(cov=...): the covariances are not symmetric. Write (cov + cov.T) / 2.")
        self._root()

    def sample(self, size: int | tuple[int, ...], *, rng: Rng) -> np.ndarray:
        """Draw: (*size, k)."""
        root = self._root()
        numbers = rng.standard_normal((*_tuple(size), root.shape[-1]))
        root = root.astype(numbers.dtype)
        mixed = numbers @ root.T if root.ndim == 2 else np.einsum("...ij,...j->...i", root, numbers)
        return mixed + np.asarray(self.mean, numbers.dtype)

    def log_prob(self, value: Any) -> np.ndarray:
        """The logarithm of the density, one number a vector."""
        root, away = self._root(), np.asarray(value, np.float64) - np.asarray(self.mean, np.float64)
        inverse = np.linalg.inv(root)
        white = away @ inverse.T if root.ndim == 2 else np.einsum("...ij,...j->...i", inverse, away)
        size = np.log(np.diagonal(root, axis1=-2, axis2=-1)).sum(axis=-1)
        return -0.5 * np.square(white).sum(axis=-1) - size - 0.5 * root.shape[-1] * math.log(2 * math.pi)

    def _root(self) -> np.ndarray:
        """Cholesky's factor of the covariances."""
        try:
            return np.linalg.cholesky(np.asarray(self.cov, np.float64))
        except np.linalg.LinAlgError as error:
            raise ArgumentError(
                "MultivariateNormal(cov=...): the covariances are not positive definite, so no numbers have them. Add a little to the "
                "diagonal: cov + 1e-6 * np.eye(k)."
            ) from error


def _tuple(size: int | tuple[int, ...]) -> tuple[int, ...]:
    return (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)
