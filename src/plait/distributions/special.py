"""The special functions that densities need, in NumPy: SciPy is not needed to sample or weigh."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["log_beta", "log_choose", "log_gamma", "normal_cdf", "normal_quantile", "x_log_y"]

_SHIFT = 10.0  # from here on Stirling's series is exact to float64
_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def log_gamma(x: np.ndarray) -> np.ndarray:
    """Logarithm of the gamma function of numbers above 0, to about 14 digits (absolutely, where it is near 0).

    Stirling's series, after numbers below 10 were raised above by the recurrence.
    """
    x = np.asarray(x, np.float64)
    small = x < _SHIFT
    below = np.where(small, x, 1.0)
    product = np.ones_like(x)
    for step in range(int(_SHIFT)):
        product = product * (below + step)
    y = np.where(small, x + _SHIFT, x)
    inverse = 1.0 / y
    square = inverse * inverse
    series = np.zeros_like(y)
    for coefficient in reversed(_SERIES):
        series = series * square + coefficient
    stirling = (y - 0.5) * np.log(y) - y + 0.5 * math.log(2 * math.pi) + series * inverse
    return np.where(small, stirling - np.log(product), stirling)


def log_beta(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Logarithm of the beta function."""
    return log_gamma(a) + log_gamma(b) - log_gamma(np.asarray(a) + b)


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Logarithm of n over k, 0 <= k <= n."""
    n, k = np.asarray(n, np.float64), np.asarray(k, np.float64)
    return log_gamma(n + 1) - log_gamma(k + 1) - log_gamma(n - k + 1)


def x_log_y(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x log(y), and 0 where x is 0."""
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0.0, x * np.log(y))


def normal_cdf(x: np.ndarray) -> np.ndarray:
    """The normal distribution function."""
    return 0.5 * np.asarray(_erfc(-np.asarray(x, np.float64) / math.sqrt(2)), np.float64)


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """The inverse of `normal_cdf`; infinite at 0 and 1."""
    from plait.draws import normal_quantile as inside

    p = np.asarray(p, np.float64)
    out = np.where(p <= 0, -np.inf, np.inf)
    within = (p > 0) & (p < 1)
    out[within] = inside(p[within])
    return out
