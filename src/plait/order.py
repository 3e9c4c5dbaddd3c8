"""Which samples form batch number `step`: a pure function of (seed, step)."""

from __future__ import annotations

import abc
import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plait.draws import mix, seed_of
from plait.errors import ArgumentError

__all__ = ["ORDER_VERSION", "Balanced", "Bucketed", "Onward", "Order", "Pick", "Picks", "Remainder", "Uniform", "permuted"]

#: Of the order that a seed gives, and of what random steps draw: raised when either changes, so that no saved run goes on in another.
ORDER_VERSION = 2

Remainder = Literal["keep", "drop", "pad"]
_ROUNDS, _SMALL, _SMALL_ROUNDS = 6, 4096, 24  # few samples leave little room in a round, so they get more of them
_STRETCH = 2**15  # neighbouring positions that are permuted together and kept, since their like is asked for next
_WIDE = 2**32  # up to here halves of 16 bits will do
_MIXERS = {32: (0x9E3779B1, 0x85EBCA77), 64: (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)}  # odd, of random bits


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


@dataclass(frozen=True, eq=False)
class Picks:
    """The samples of several batches, one behind the other.

    Args:
        rows: (samples,) int64.
        cuts: Batch i is rows[cuts[i] : cuts[i + 1]].
        real: How many of each batch's rows are not padding.
        epoch: The pass over the data that random steps draw for; one for all or (samples,) one each.
        length: What ragged streams are padded to; 0 where there is no bucket.
    """

    rows: np.ndarray
    cuts: Sequence[int]
    real: Sequence[int]
    epoch: int | np.ndarray
    length: int = 0

    @classmethod
    def of(cls, picks: Sequence[Pick]) -> Picks:
        """These batches, put one behind the other."""
        rows = [pick.rows for pick in picks]
        first = picks[0].epoch
        same = all(isinstance(pick.epoch, int) and pick.epoch == first for pick in picks)
        epoch = first if same else np.concatenate([np.broadcast_to(pick.epoch, pick.rows.shape) for pick in picks])
        cuts = [0, *itertools.accumulate(map(len, rows))]
        return cls(np.concatenate(rows), cuts, [pick.real for pick in picks], epoch, picks[0].length)


def permuted(positions: np.ndarray, samples: int | np.ndarray, seed: int | np.ndarray) -> np.ndarray:
    """Where a random permutation of range(samples) sends these positions; any of them in O(1) time and memory.

    A Feistel network over the integers below a * 2**b >= samples, the two factors near the square root, with cycle walking: what falls
    outside is sent through again. Integer arithmetic only, so it is the same on every machine and NumPy version.

    Args:
        positions: (n,) integers in range(samples).
        samples: Size of the permuted range; (n,) for one each.
        seed: Which permutation; (n,) for one each, where `samples` is an array too.

    References:
        Black and Rogaway (2002), "Ciphers with arbitrary finite domains", CT-RSA.
    """
    positions, sizes = np.asarray(positions, np.int64), np.asarray(samples, np.int64)
    if not sizes.ndim:
        return _permuted(positions, sizes, seed, *_kind(int(sizes)))
    out, seeds = np.empty(len(positions), np.int64), np.broadcast_to(np.asarray(seed, np.uint64), sizes.shape)
    for low, high in ((0, _SMALL), (_SMALL, _WIDE), (_WIDE, 2**63 - 1)):
        chosen = (sizes > low) & (sizes <= high)
        if chosen.any():
            out[chosen] = _permuted(positions[chosen], sizes[chosen], seeds[chosen], *_kind(high))
    return out


def _kind(samples: int) -> tuple[int, type[np.unsignedinteger]]:
    """Rounds and word of the network for so many samples."""
    return _SMALL_ROUNDS if samples <= _SMALL else _ROUNDS, np.uint32 if samples <= _WIDE else np.uint64


def _permuted(positions: np.ndarray, sizes: np.ndarray, seed: int | np.ndarray, rounds: int, word: type[np.unsignedinteger]) -> np.ndarray:
    bits = np.maximum(np.frexp((sizes - 1).astype(np.float64))[1], 2)
    low = np.asarray(bits - bits // 2, np.int64)  # bits of the right half
    above = -(-sizes >> low)  # what the left half is below
    keys = _keys(seed, rounds, word) if isinstance(seed, int) else [seed_of(seed, number).astype(word) for number in range(rounds)]
    out = _feistel(positions, above, low, keys, word)
    outside = np.flatnonzero(out >= sizes)
    while len(outside):
        again = _feistel(out[outside], _at(above, outside), _at(low, outside), [_at(key, outside) for key in keys], word)
        out[outside] = again
        outside = outside[again >= _at(sizes, outside)]
    return out


@functools.lru_cache(256)
def _keys(seed: int, rounds: int, word: type[np.unsignedinteger]) -> list[np.ndarray]:
    return list(seed_of(seed, np.arange(rounds)).astype(word))


def _at(value: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return value[rows] if value.ndim else value


def _feistel(
    values: np.ndarray, above: np.ndarray, low: np.ndarray, keys: Sequence[np.ndarray], word: type[np.unsignedinteger]
) -> np.ndarray:
    """Every operation in place and in words as narrow as will do: this is what a batch of small rows costs most."""
    width = np.iinfo(word).bits
    half, below, shift = word(width // 2), above.astype(word), (width - low).astype(word)
    left = (values >> low).astype(word)
    right = (values & ((np.int64(1) << low) - 1)).astype(word)
    mixed, other = np.empty_like(left), np.empty_like(left)
    first, second = word(_MIXERS[width][0]), word(_MIXERS[width][1])
    for number, key in enumerate(keys):
        np.add(right if number % 2 == 0 else left, key, out=mixed)
        np.multiply(mixed, first, out=mixed)
        np.right_shift(mixed, half, out=other)
        np.bitwise_xor(mixed, other, out=mixed)
        np.multiply(mixed, second, out=mixed)
        if number % 2:
            np.right_shift(mixed, shift, out=mixed)
            np.bitwise_xor(right, mixed, out=right)
            continue
        np.right_shift(mixed, half, out=mixed)
        np.multiply(mixed, below, out=mixed)
        np.right_shift(mixed, half, out=mixed)  # below `above`
        np.add(left, mixed, out=left)
        np.subtract(left, below, out=mixed)  # wraps where it is below 0
        np.minimum(left, mixed, out=left)
    out = left.astype(np.int64)
    np.left_shift(out, low, out=out)
    np.bitwise_or(out, right, out=out, casting="unsafe", dtype=np.int64)
    return out


def _shuffled(start: int, stop: int, samples: int, seed: int) -> np.ndarray:
    """`permuted` for the positions from `start` to `stop`; read-only."""
    first, last = start // _STRETCH, (stop - 1) // _STRETCH
    parts = [_stretch(place, samples, seed)[max(start - place * _STRETCH, 0) : stop - place * _STRETCH] for place in range(first, last + 1)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


@functools.lru_cache(16)
def _stretch(place: int, samples: int, seed: int) -> np.ndarray:
    start = place * _STRETCH
    rows = permuted(np.arange(start, min(start + _STRETCH, samples), dtype=np.int64), samples, seed)
    rows.flags.writeable = False
    return rows


@functools.lru_cache(16)
def _pass_seed(seed: int, number: int) -> int:
    return int(seed_of(seed, 2, number))


class Order(abc.ABC):
    """Batches by number. Every host has the same object; `shard` says which part of a global batch is its own."""

    words = ""  # which samples come, for `loader.plan`

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

    def together(self, steps: range) -> Picks:
        """The samples of these batches, one behind the other: what `picks` gives, quicker where an order can."""
        return Picks.of(self.picks(steps))

    def _run(self, start: int, stop: int, samples: int) -> tuple[np.ndarray, list[int], list[int]] | None:
        """Positions, cuts and sizes of a run of whole batches of the only shard; None where there is more to it."""
        if self.count > 1 or (stop > samples and self.remainder != "keep"):
            return None
        stop = min(stop, samples)
        cuts = [*range(0, stop - start, self.batch_size), stop - start]
        return np.arange(start, stop, dtype=np.int64), cuts, [b - a for a, b in itertools.pairwise(cuts)]

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

    words = "every sample once an epoch"

    def __init__(self, samples: int, batch_size: int, remainder: Remainder, shard: tuple[int, int], seed: int, shuffle: bool) -> None:
        super().__init__(batch_size, remainder, shard)
        self.samples, self.seed, self.shuffle = samples, seed, shuffle

    @property
    def per_pass(self) -> int:
        """Batches of one pass over the data."""
        return self._batches_of(self.samples)

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        return [self._pick(*divmod(step, self.per_pass)) for step in steps]

    def _pick(self, number: int, place: int) -> Pick:
        positions, real = self._own(place * self.whole, self.samples)
        if not self.shuffle or not len(positions):
            return Pick(positions, real, number)
        seed = _pass_seed(self.seed, number)
        rows = _shuffled(int(positions[0]), int(positions[0]) + real, self.samples, seed) if real else positions[:0]
        padding = positions[real:]
        return Pick(np.concatenate([rows, permuted(padding, self.samples, seed)]) if len(padding) else rows, real, number)

    def together(self, steps: range) -> Picks:
        """The samples of these batches, permuted at once where they are of one pass."""
        number, first = divmod(steps[0], self.per_pass)
        last = first + len(steps)
        run = self._run(first * self.whole, last * self.whole, self.samples) if last <= self.per_pass else None
        if run is None:
            return super().together(steps)
        rows, cuts, sizes = run
        rows = _shuffled(int(rows[0]), int(rows[-1]) + 1, self.samples, _pass_seed(self.seed, number)) if self.shuffle else rows
        return Picks(rows, cuts, sizes, number)


class Onward(Order):
    """Samples without end, one after the other: every batch is full, and no sample comes twice."""

    words = "samples without end, none twice"

    def __init__(self, batch_size: int, shard: tuple[int, int]) -> None:
        super().__init__(batch_size, "drop", shard)

    @property
    def per_pass(self) -> int:
        """More batches than anybody reads."""
        return 2**62 // self.whole

    def picks(self, steps: Sequence[int]) -> list[Pick]:
        """The samples of these batches."""
        starts = [step * self.whole + self.index * self.batch_size for step in steps]
        return [Pick(np.arange(start, start + self.batch_size, dtype=np.int64), self.batch_size, 0) for start in starts]

    def together(self, steps: range) -> Picks:
        """The samples of these batches."""
        run = self._run(steps[0] * self.whole, (steps[0] + len(steps)) * self.whole, 2**63 - 1)
        return super().together(steps) if run is None else Picks(*run, 0)


class Balanced(Order):
    """Every class equally often: classes in turn, in random order, and within a class each member once before any comes again.

    A pass has as many samples as the data; rare classes repeat within it (and draw anew for random steps), frequent ones go on in the
    next pass where they stopped.

    Args:
        codes: (samples,) class of each sample, from 0; -1 for samples without a label, which are left out.
    """

    words = "every class equally often"

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

    words = "batches of samples of similar length"

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
