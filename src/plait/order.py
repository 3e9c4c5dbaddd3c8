"""Which samples form batch number `step`: a pure function of (seed, step)."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plait.draws import mix, seed_of
from plait.errors import ArgumentError

__all__ = ["Balanced", "Bucketed", "Order", "Pick", "Remainder", "Uniform", "permuted"]

Remainder = Literal["keep", "drop", "pad"]
_ROUNDS, _SMALL, _SMALL_ROUNDS = 6, 4096, 24  # few samples leave little room in a round, so they get more of them


@dataclass(frozen=True, eq=False)
class Pick:
    """The samples of one batch.

    Args:
        rows: (samples,) int64, padding last.
        real: How many of them are not padding.
        epoch: The pass over the data that random steps draw for; one for all or (samples,) one each.
        length: What ragged streams are padded to; 0 where there is no bucket.
    """

    rows: np.ndarray
    real: int
    epoch: int | np.ndarray
    length: int = 0


def permuted(positions: np.ndarray, samples: int | np.ndarray, seed: int | np.ndarray) -> np.ndarray:
    """Where a random permutation of range(samples) sends these positions; any of them in O(1) time and memory.

    A Feistel network over the integers below a * b >= samples, a and b near the square root, with cycle walking: what falls outside
    is sent through again. Integer arithmetic only, so it is the same on every machine and NumPy version.

    Args:
        positions: (n,) integers in range(samples).
        samples: Size of the permuted range; (n,) for one each.
        seed: Which permutation; (n,) for one each, where `samples` is an array too.

    References:
        Black and Rogaway (2002), "Ciphers with arbitrary finite domains", CT-RSA.
    """
    positions, sizes = np.asarray(positions, np.int64), np.asarray(samples, np.int64)
    if not sizes.ndim:
        return _permuted(positions, sizes, seed, _SMALL_ROUNDS if sizes <= _SMALL else _ROUNDS)
    out, seeds = np.empty(len(positions), np.int64), np.broadcast_to(np.asarray(seed, np.uint64), sizes.shape)
    for rounds, chosen in ((_SMALL_ROUNDS, sizes <= _SMALL), (_ROUNDS, sizes > _SMALL)):
        if chosen.any():
            out[chosen] = _permuted(positions[chosen], sizes[chosen], seeds[chosen], rounds)
    return out


def _permuted(positions: np.ndarray, sizes: np.ndarray, seed: int | np.ndarray, rounds: int) -> np.ndarray:
    a = np.maximum(np.ceil(np.sqrt(sizes)).astype(np.int64), 1)
    b = np.maximum(-(-sizes // a), 1)
    keys = [seed_of(seed, number) for number in range(rounds)]
    out = _feistel(positions, a, b, keys)
    outside = np.flatnonzero(out >= sizes)
    while len(outside):
        out[outside] = _feistel(out[outside], _at(a, outside), _at(b, outside), [_at(key, outside) for key in keys])
        outside = outside[out[outside] >= _at(sizes, outside)]
    return out


def _at(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return value[rows] if value.ndim else value


def _feistel(values: np.ndarray, a: np.ndarray, b: np.ndarray, keys: Sequence[np.ndarray]) -> np.ndarray:
    left, right = np.divmod(values, b)
    for number, key in enumerate(keys):
        if number % 2 == 0:
            left += _below(right, key, a)
            left -= np.where(left >= a, a, 0)
        else:
            right += _below(left, key, b)
            right -= np.where(right >= b, b, 0)
    return left * b + right


def _below(values: np.ndarray, key: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """A pseudorandom integer below `bound` for each value."""
    word = mix(values.astype(np.uint64) ^ key)
    return ((word >> np.uint64(32)) * bound.astype(np.uint64) >> np.uint64(32)).astype(np.int64)


class Order(abc.ABC):
    """Batches by number. Every host has the same object; `shard` says which part of a global batch is its own."""

    def __init__(self, batch_size: int, remainder: Remainder, shard: tuple[int, int]) -> None:
        self.batch_size = batch_size
        self.index, self.count = shard
        self.remainder: Remainder = "pad" if remainder == "keep" and self.count > 1 else remainder

    @property
    def whole(self) -> int:
        """Samples of a global batch, over all shards."""
        return self.batch_size * self.count

    @property
    @abc.abstractmethod
    def per_pass(self) -> int:
        """Batches of one pass over the data, on each shard."""

    @abc.abstractmethod
    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches, for this shard."""

    def _batches_of(self, samples: int) -> int:
        return samples // self.whole if self.remainder == "drop" else -(-samples // self.whole)

    def _own(self, start: int, samples: int) -> tuple[np.ndarray, int]:
        """This shard's positions of the global batch that begins at `start`, padding (positions from the beginning) included."""
        left = min(self.whole, samples - start)
        each, more = divmod(left, self.count)
        begin = start + self.index * each + min(self.index, more)
        positions = np.arange(begin, begin + each + (self.index < more), dtype=np.int64)
        real = len(positions)
        if self.remainder == "pad" and real < self.batch_size:
            positions = np.concatenate([positions, np.arange(self.batch_size - real, dtype=np.int64) % samples])
        return positions, real


class Uniform(Order):
    """Every sample once a pass, in order or shuffled."""

    def __init__(self, samples: int, batch_size: int, remainder: Remainder, shard: tuple[int, int], seed: int, shuffle: bool) -> None:
        super().__init__(batch_size, remainder, shard)
        self.samples, self.seed, self.shuffle = samples, seed, shuffle

    @property
    def per_pass(self) -> int:
        """Batches of one pass over the data."""
        return self._batches_of(self.samples)

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        owned = [self._own(step % self.per_pass * self.whole, self.samples) for step in steps]
        passes = np.array([step // self.per_pass for step in steps])
        rows = [positions for positions, _ in owned]
        if self.shuffle:
            for number in np.unique(passes):
                members = np.flatnonzero(passes == number)
                joined = permuted(np.concatenate([rows[i] for i in members]), self.samples, int(seed_of(self.seed, 2, int(number))))
                for i, part in zip(members, np.split(joined, np.cumsum([len(rows[i]) for i in members])[:-1]), strict=True):
                    rows[i] = part
        return [Pick(r, real, int(p)) for r, (_, real), p in zip(rows, owned, passes, strict=True)]


class Balanced(Order):
    """Every class equally often: classes in turn, in random order, and within a class each member once before any comes again.

    A pass has as many samples as the data; rare classes repeat within it (and draw anew for random steps), frequent ones go on in the
    next pass where they stopped.

    Args:
        codes: (samples,) class of each sample, from 0; -1 for samples without a label, which are left out.
    """

    def __init__(self, codes: np.ndarray, batch_size: int, remainder: Remainder, shard: tuple[int, int], seed: int) -> None:
        super().__init__(batch_size, remainder, shard)
        self.samples, self.seed = len(codes), seed
        labelled = np.flatnonzero(codes >= 0)
        self.members = labelled[np.argsort(codes[labelled], kind="stable")]  # one class after the other
        self.sizes = np.unique(codes[labelled], return_counts=True)[1]
        self.starts = np.cumsum(self.sizes) - self.sizes

    @property
    def per_pass(self) -> int:
        """Batches of as many samples as the data have."""
        return self._batches_of(self.samples)

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        owned = [self._own(step % self.per_pass * self.whole, self.samples) for step in steps]
        each = min(self.samples, self.per_pass * self.whole)  # samples of a pass, without those that are dropped
        places = np.concatenate([step // self.per_pass * each + rows for step, (rows, _) in zip(steps, owned, strict=True)])
        turn, place = np.divmod(places, len(self.sizes))
        turns, row = np.unique(turn, return_inverse=True)
        order = np.argsort(mix(seed_of(self.seed, 3, turns)[:, None] ^ np.arange(1, len(self.sizes) + 1, dtype=np.uint64)), kind="stable")
        label = order[row, place]
        cycle, item = np.divmod(turn, self.sizes[label])
        item = permuted(item, self.sizes[label], seed_of(self.seed, 4, label, cycle))
        rows, cuts = self.members[self.starts[label] + item], np.cumsum([len(rows) for rows, _ in owned])[:-1]
        return [Pick(r, real, e) for r, (_, real), e in zip(np.split(rows, cuts), owned, np.split(cycle, cuts), strict=True)]


class Bucketed(Order):
    """Every sample once a pass, batches of samples of similar length, batches in random order.

    Args:
        lengths: (samples,) of the ragged stream.
        edges: Increasing; a sample belongs to the first edge that is not below its length and is padded to it.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        edges: Sequence[int],
        batch_size: int,
        remainder: Remainder,
        shard: tuple[int, int],
        seed: int,
        shuffle: bool,
    ) -> None:
        super().__init__(batch_size, remainder, shard)
        if not len(edges):
            raise ArgumentError("bucket: there are no edges. Name the greatest lengths of the buckets: bucket={'caption': [20, 50, 100]}.")
        if len(lengths) and lengths.max() > edges[-1]:
            raise ArgumentError(f"bucket: the longest sample has {lengths.max()} values and the last bucket ends at {edges[-1]}.")
        self.edges, self.seed, self.shuffle = list(edges), seed, shuffle
        bucket = np.searchsorted(np.asarray(edges), lengths)
        self.members = [np.flatnonzero(bucket == i) for i in range(len(edges))]
        counts = [self._batches_of(len(m)) for m in self.members]
        self.starts = np.cumsum([0, *counts])

    @property
    def per_pass(self) -> int:
        """Batches of all buckets together."""
        return int(self.starts[-1])

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        return [self._pick(step) for step in steps]

    def _pick(self, step: int) -> Pick:
        number, within = divmod(step, self.per_pass)
        if self.shuffle:
            within = int(permuted(np.array([within]), self.per_pass, int(seed_of(self.seed, 5, number)))[0])
        bucket = int(np.searchsorted(self.starts, within, side="right")) - 1
        members = self.members[bucket]
        positions, real = self._own((within - int(self.starts[bucket])) * self.whole, len(members))
        if self.shuffle:
            positions = permuted(positions, len(members), int(seed_of(self.seed, 6, number, bucket)))
        return Pick(members[positions], real, number, self.edges[bucket])
