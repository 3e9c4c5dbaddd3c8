"""Random numbers that belong to the sample: the same in any batch, worker, thread or shard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plait.errors import ArgumentError

__all__ = ["Draws", "mix", "normal_quantile", "seed_of"]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mix(state: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: a bijection of 64-bit words under which neighbours become unrelated.

    References:
        Steele, Lea and Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA.
    """
    with np.errstate(over="ignore"):
        state = (state ^ (state >> np.uint64(30))) * _M1
        state = (state ^ (state >> np.uint64(27))) * _M2
        return state ^ (state >> np.uint64(31))


def seed_of(*parts: int | np.ndarray) -> np.ndarray:
    """A 64-bit word for each combination of these integers (arrays broadcast), the same on every machine."""
    state = np.zeros((), np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            word = part.astype(np.uint64) if isinstance(part, np.ndarray) else np.asarray(int(part) & 0xFFFFFFFFFFFFFFFF, np.uint64)
            state = mix(np.asarray((state + _GAMMA) ^ mix(np.asarray(word + _GAMMA))))
    return state


class Draws:
    """A random generator with NumPy's method names and one stream of its own for each sample of a batch.

    Every `size` starts with the number of samples: `rng.random(len(photo))`, `rng.normal(0, 1, photo.shape)`; left out it is one
    number a sample. Row i of a result depends on sample i alone (and on the calls before), not on the batch around it. The numbers
    are counter-based (SplitMix64) and use only IEEE basic operations, so they are the same bytes on every machine and NumPy version.

    Args:
        states: (samples,) uint64, one seed a sample.
    """

    def __init__(self, states: np.ndarray) -> None:
        self._states = np.asarray(states, np.uint64)
        self._used = 0

    def __len__(self) -> int:
        return len(self._states)

    def random(self, size: int | tuple[int, ...] | None = None) -> np.ndarray:
        """Uniform on [0, 1), float64, of shape `size`."""
        return (self._bits(size) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def uniform(self, low: float = 0.0, high: float = 1.0, size: int | tuple[int, ...] | None = None) -> np.ndarray:
        """Uniform on [low, high)."""
        return low + (high - low) * self.random(size)

    def integers(
        self, low: int | np.ndarray, high: int | np.ndarray | None = None, size: int | tuple[int, ...] | None = None
    ) -> np.ndarray:
        """Integers from low (0 when only one bound is given) up to and without high, int64; bounds may differ by sample."""
        below, above = np.asarray(0 if high is None else low), np.asarray(low if high is None else high)
        if below.dtype.kind not in "iu" or above.dtype.kind not in "iu":
            raise ArgumentError(f"rng.integers({low}, {high}): bounds are integers. Write rng.uniform for real numbers.")
        count = above.astype(np.float64) - below
        if (count <= 0).any():
            raise ArgumentError(f"rng.integers({below}, {above}) is empty: high must be above low.")
        if (count > 2.0**53).any():
            raise ArgumentError(f"rng.integers({below}, {above}): at most 2**53 different integers can be drawn.")
        return below.astype(np.int64) + np.floor(self.random(size) * count).astype(np.int64)

    def standard_normal(self, size: int | tuple[int, ...] | None = None) -> np.ndarray:
        """Normal with mean 0 and standard deviation 1."""
        return normal_quantile((np.floor(self.random(size) * 2.0**52) + 0.5) * 2.0**-52)

    def normal(self, loc: float = 0.0, scale: float = 1.0, size: int | tuple[int, ...] | None = None) -> np.ndarray:
        """Normal with mean `loc` and standard deviation `scale`."""
        return loc + scale * self.standard_normal(size)

    def choice(self, a: int | Sequence[object] | np.ndarray, size: int | tuple[int, ...] | None = None, p: object = None) -> np.ndarray:
        """Elements of `a` (or of range(a)), with replacement, with probabilities `p`."""
        options = np.arange(a) if isinstance(a, (int, np.integer)) else np.asarray(a)
        if not len(options):
            raise ArgumentError("rng.choice: there is nothing to choose from.")
        if p is None:
            return options[self.integers(0, len(options), size)]
        shares = np.asarray(p, np.float64)
        if shares.shape != (len(options),) or not (shares >= 0).all() or abs(shares.sum() - 1) > 1e-8:
            raise ArgumentError(
                f"rng.choice: p has {shares.size} values that sum to {shares.sum():g}; {len(options)} not below 0 that sum to 1 are needed."
            )
        edges = np.cumsum(shares)
        return options[np.searchsorted(edges, self.random(size) * edges[-1], side="right")]

    def generators(self) -> list[np.random.Generator]:
        """One NumPy generator a sample, for code that works sample by sample."""
        return [np.random.Generator(np.random.Philox(key=int(seed))) for seed in self._bits(None)]

    def only(self, rows: np.ndarray) -> Draws:
        """The same draws from the beginning, for these samples alone."""
        return Draws(self._states[rows])

    def __getattr__(self, name: str) -> object:
        raise AttributeError(
            f"rng has no {name!r}. It has random, uniform, integers, standard_normal, normal and choice; for everything else "
            "rng.generators() gives one NumPy generator a sample."
        )

    def _bits(self, size: int | tuple[int, ...] | None) -> np.ndarray:
        shape = (len(self),) if size is None else (int(size),) if isinstance(size, (int, np.integer)) else tuple(size)
        if not shape or shape[0] != len(self) or min(shape) < 0:
            raise ArgumentError(
                f"rng was asked for size={size} and this batch has {len(self)} samples. The first axis of size is the samples: "
                "rng.random(len(photo)), rng.normal(0, 1, photo.shape)."
            )
        each = int(np.prod(shape[1:], dtype=np.int64))
        counters = np.arange(self._used + 1, self._used + each + 1, dtype=np.uint64)
        self._used += each
        with np.errstate(over="ignore"):
            return mix(self._states[:, None] + counters * _GAMMA).reshape(shape)


def normal_quantile(p: np.ndarray) -> np.ndarray:
    """The normal distribution's quantile function, to about 16 digits.

    References:
        Wichura (1988), "Algorithm AS 241: The percentage points of the normal distribution", Applied Statistics 37.
    """
    q = p - 0.5
    out = np.empty_like(p)
    central = np.abs(q) <= 0.425
    r = 0.180625 - q[central] ** 2
    out[central] = q[central] * _ratio(r, _A, _B)
    tail = ~central
    r = np.sqrt(-_log(np.minimum(p[tail], 1 - p[tail])))
    value = np.where(r <= 5, _ratio(r - 1.6, _C, _D), _ratio(r - 5, _E, _F))
    out[tail] = np.where(q[tail] < 0, -value, value)
    return out


def _ratio(x: np.ndarray, above: tuple[float, ...], below: tuple[float, ...]) -> np.ndarray:
    numerator, denominator = np.full_like(x, above[-1]), np.full_like(x, below[-1])
    for a, b in zip(above[-2::-1], below[-2::-1], strict=True):
        numerator, denominator = numerator * x + a, denominator * x + b
    return numerator / denominator


def _log(x: np.ndarray) -> np.ndarray:
    """Natural logarithm from basic operations alone: libraries differ in the last bit of theirs."""
    mantissa, exponent = np.frexp(x)
    small = mantissa < 0.7071067811865476
    mantissa, exponent = np.where(small, mantissa * 2, mantissa), np.where(small, exponent - 1, exponent)
    s = (mantissa - 1) / (mantissa + 1)
    square, total = s * s, np.zeros_like(s)
    for odd in range(25, 0, -2):
        total = total * square + 1.0 / odd
    return exponent * 0.6931471805599453 + 2 * s * total


_A = (
    3.3871328727963666080,
    1.3314166789178437745e2,
    1.9715909503065514427e3,
    1.3731693765509461125e4,
    4.5921953931549871457e4,
    6.7265770927008700853e4,
    3.3430575583588128105e4,
    2.5090809287301226727e3,
)
_B = (
    1.0,
    4.2313330701600911252e1,
    6.8718700749205790830e2,
    5.3941960214247511077e3,
    2.1213794301586595867e4,
    3.9307895800092710610e4,
    2.8729085735721942674e4,
    5.2264952788528545610e3,
)
_C = (
    1.42343711074968357734,
    4.63033784615654529590,
    5.76949722146069140550,
    3.64784832476320460504,
    1.27045825245236838258,
    2.41780725177450611770e-1,
    2.27238449892691845833e-2,
    7.74545014278341407640e-4,
)
_D = (
    1.0,
    2.05319162663775882187,
    1.67638483018380384940,
    6.89767334985100004550e-1,
    1.48103976427480074590e-1,
    1.51986665636164571966e-2,
    5.47593808499534494600e-4,
    1.05075007164441684324e-9,
)
_E = (
    6.65790464350110377720,
    5.46378491116411436990,
    1.78482653991729133580,
    2.96560571828504891230e-1,
    2.65321895265761230930e-2,
    1.24266094738807843860e-3,
    2.71155556874348757815e-5,
    2.01033439929228813265e-7,
)
_F = (
    1.0,
    5.99832206555887937690e-1,
    1.36929880922735805310e-1,
    1.48753612908506148525e-2,
    7.86869131145613259100e-4,
    1.84631831751005468180e-5,
    1.42151175831644588870e-7,
    2.04426310338993978564e-15,
)
