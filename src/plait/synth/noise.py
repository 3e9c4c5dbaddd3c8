"""The random numbers of one variable of a graph in one block: NumPy's method names, float32, column by column."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from plait.synth.normal import normal_pairs

__all__ = ["Noise"]

Size = int | tuple[int, ...] | None
_UNIT = np.float32(2.0**-24)
_PART = 2**15  # numbers made at once, so that they stay in the processor's cache; even, so that no word is cut


class Noise:
    """A random generator with the method names of `numpy.random.Generator`, made for large arrays.

    Real numbers are float32 unless `dtype=np.float64` asks for more, and (n, k) arrays are column-major, so that what is done with one
    column, or along the columns, runs through memory in order. What has no method here is NumPy's own, with its result as float32.

    Which numbers it gives is decided by (seed, name, block) alone. They are made of the words of NumPy's SFC64, a stream that NumPy
    guarantees: uniform and normal numbers by exact arithmetic, so that they are the same bytes on every machine and version; all others
    by NumPy's `Generator`, whose methods may change with NumPy (its release notes say when).

    Args:
        seed: Any whole number.
        name: Of the variable.
        block: Number of the block.
    """

    __slots__ = ("_generator", "_words")

    def __init__(self, seed: int, name: str, block: int) -> None:
        seeds: Any = _Seed(f"{seed}/{block}/{name}")
        self._words = np.random.SFC64(seeds)
        self._generator = np.random.Generator(self._words)

    def random(self, size: Size = None, dtype: Any = np.float32) -> Any:
        """Uniform on [0, 1), on a grid of 2**-24 (2**-53 as float64)."""
        if size is None:
            return self._uniform(1, dtype)[0]
        count = _count(size)
        return _arranged(self._uniform(count, dtype), size)

    def uniform(self, low: Any = 0.0, high: Any = 1.0, size: Size = None, dtype: Any = np.float32) -> Any:
        """Uniform on [low, high)."""
        low, high = _as(low, dtype), _as(high, dtype)
        numbers = self.random(_size(size, low, high), dtype)
        numbers *= high - low
        numbers += low
        return numbers

    def standard_normal(self, size: Size = None, dtype: Any = np.float32) -> Any:
        """Normal with mean 0 and standard deviation 1."""
        if size is None:
            return self._normal(1, dtype)[0]
        return _arranged(self._normal(_count(size), dtype), size)

    def normal(self, loc: Any = 0.0, scale: Any = 1.0, size: Size = None, dtype: Any = np.float32) -> Any:
        """Normal with mean `loc` and standard deviation `scale`, which are numbers or arrays."""
        loc, scale = _as(loc, dtype), _as(scale, dtype)
        if np.min(scale) < 0:
            raise ValueError(f"rng.normal: scale is {np.min(scale)}, and a standard deviation is not below 0")
        numbers = self.standard_normal(_size(size, loc, scale), dtype)
        numbers *= scale
        numbers += loc
        return numbers

    def standard_exponential(self, size: Size = None, dtype: Any = np.float32) -> Any:
        """Exponential with mean 1."""
        if size is None:
            return self._generator.standard_exponential(None, dtype)
        return _arranged(self._generator.standard_exponential(_count(size), dtype), size)

    def exponential(self, scale: Any = 1.0, size: Size = None, dtype: Any = np.float32) -> Any:
        """Exponential with mean `scale`."""
        scale = _as(scale, dtype)
        if np.min(scale) < 0:
            raise ValueError(f"rng.exponential: scale is {np.min(scale)}, and a mean waiting time is not below 0")
        numbers = self.standard_exponential(_size(size, scale), dtype)
        numbers *= scale
        return numbers

    def lognormal(self, mean: Any = 0.0, sigma: Any = 1.0, size: Size = None, dtype: Any = np.float32) -> Any:
        """exp of a normal number."""
        return np.exp(self.normal(mean, sigma, size, dtype))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(object.__getattribute__(self, "_generator"), name)

        def single(*args: Any, **options: Any) -> Any:
            wanted = options.pop("dtype", None) if name not in ("integers", "standard_gamma") else None
            numbers = method(*args, **options)
            real = getattr(numbers, "dtype", None) == np.float64 and options.get("dtype") is None
            return numbers.astype(wanted or np.float32) if real else numbers

        return single

    def _normal(self, count: int, dtype: Any) -> np.ndarray:
        if not _is_single(dtype):
            return self._generator.standard_normal(count, dtype)
        out = np.empty(count + count % 2, np.float32)
        for start in range(0, len(out), _PART):
            part = out[start : start + _PART]
            normal_pairs(self._words.random_raw(len(part) // 2), part)
        return out[:count]

    def _uniform(self, count: int, dtype: Any) -> np.ndarray:
        if _is_single(dtype):
            out = np.empty(count, np.float32)
            for start in range(0, count, _PART):
                part = out[start : start + _PART]
                words = self._words.random_raw((len(part) + 1) // 2).view(np.uint32)[: len(part)]
                words >>= np.uint32(8)
                np.multiply(words.view(np.int32), _UNIT, out=part, dtype=np.float32)
            return out
        return (self._words.random_raw(count) >> np.uint64(11)).astype(np.float64) * 2.0**-53


class _Seed(ISeedSequence):
    """The seed of NumPy's bit generator: a hash, which is much quicker than `SeedSequence`."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> np.ndarray:
        """So many words, all bits of which depend on the key."""
        size = n_words * np.dtype(dtype).itemsize
        return np.frombuffer(blake2b(self._key.encode(), digest_size=size).digest(), np.dtype(dtype))


def _is_single(dtype: Any) -> bool:
    return dtype is np.float32 or np.dtype(dtype) == np.float32


def _count(size: Any) -> int:
    if isinstance(size, (int, np.integer)):
        return int(size)
    count = 1
    for length in size:
        count *= int(length)
    return count


def _arranged(flat: np.ndarray, size: Any) -> np.ndarray:
    if isinstance(size, (int, np.integer)) or len(size) == 1:
        return flat
    if len(size) == 2:
        return flat.reshape(size[1], size[0]).T
    return flat.reshape(size)


def _as(value: Any, dtype: Any) -> Any:
    """A parameter in the dtype of the result, so that nothing is computed in another."""
    return value.astype(dtype, copy=False) if isinstance(value, np.ndarray) else np.asarray(value, dtype)


def _size(size: Size, *parameters: np.ndarray) -> Size:
    if size is not None:
        return size
    shape = np.broadcast_shapes(*(p.shape for p in parameters))
    return shape or None
