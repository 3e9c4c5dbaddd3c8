"""Choose the order of a data set's batches: shuffled or not, balanced by class, or bucketed by length."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.failures import Failures
from plait.meant import meant
from plait.order import Balanced, Bucketed, Onward, Order, Remainder, Uniform
from plait.ragged import Ragged
from plait.salvage import failure_of, readable
from plait.windows import Windowed, window_of

__all__ = ["plan"]


def plan(
    data: Dataset,
    batch_size: int,
    remainder: Remainder,
    shard: tuple[int, int],
    *,
    seed: int,
    shuffle: bool,
    balance: str | None,
    bucket: Mapping[str, Sequence[int] | None],
    failures: Failures | None = None,
    blocks: bool = False,
) -> Order:
    """The order that these arguments of a Loader ask for.

    Args:
        failures: Where to note samples whose class cannot be read, which are left out; None to raise. Those whose length cannot be
            read go to the first bucket, and fail again in their batch.
        blocks: Whether neighbours are to stay near each other when shuffled.

    Raises:
        ArgumentError, NameUnknownError, SpecError: They exclude each other, or name a stream that cannot serve.
    """
    if data.endless:
        if balance is not None or bucket:
            name = "balance" if balance is not None else "bucket"
            raise ArgumentError(f"{name}= chooses among all samples, and the data have no end. Take some first: data.take(range(100_000)).")
        return Onward(batch_size, shard)
    if blocks and (balance is not None or bucket):
        raise ArgumentError('shuffle="blocks" goes by where samples lie, and not with balance= or bucket=. Leave one of them out.')
    if balance is not None and bucket:
        raise ArgumentError("balance= and bucket= exclude each other: a batch has either equal classes or equal lengths.")
    if balance is not None:
        if not shuffle:
            raise ArgumentError("balance= draws samples at random; it does not go with shuffle=False.")
        return Balanced(_class_codes(data, balance, failures), batch_size, remainder, shard, seed)
    if bucket:
        lengths, edges = _lengths(data, bucket, batch_size * shard[1], tolerant=failures is not None)
        return Bucketed(lengths, edges, batch_size, remainder, shard, seed, shuffle)
    if blocks:
        block, window = window_of(_sample_bytes(data.stored()), batch_size * shard[1])
        return Windowed(len(data), batch_size, remainder, shard, seed, block=block, window=window)
    return Uniform(len(data), batch_size, remainder, shard, seed, shuffle)


def _sample_bytes(data: Dataset) -> int:
    """Bytes of a sample, as far as they are the same for all."""
    return sum(spec.dtype.itemsize * math.prod(n or 0 for n in spec.shape) for spec in data.spec.values())


def _class_codes(data: Dataset, name: str, failures: Failures | None) -> np.ndarray:
    if name not in data.spec:
        raise NameUnknownError(f"balance={name!r} is no stream of the data set. It has {list(data.spec)}.{meant(name, data.spec)}")
    spec = data.spec[name]
    if spec.shape not in ((), (1,)) or spec.dtype.kind not in "iub":
        raise SpecError(
            f"balance={name!r} is {spec}; class codes are needed, one integer a sample: "
            f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r})."
        )
    parts, failed = readable(lambda rows: np.asarray(data.read([name], rows)[name]), np.arange(len(data)), tolerant=failures is not None)
    values, gone = np.zeros(len(data), np.int64), data.absent(name)
    for rows, found in parts:
        values[rows] = found.reshape(len(rows))
    if failed and failures is not None:
        failures.add(failure_of(data, error, row, 0) for row, error in failed)
        gone = np.zeros(len(data), bool) if gone is None else gone.copy()
        gone[[row for row, _ in failed]] = True
    codes = np.unique(values, return_inverse=True)[1]
    codes = codes if gone is None else np.where(gone, -1, codes)
    if (codes < 0).all():
        raise SpecError(f"balance={name!r}: no sample has a label.")
    return codes


def _lengths(data: Dataset, bucket: Mapping[str, Sequence[int] | None], whole: int, *, tolerant: bool) -> tuple[np.ndarray, Sequence[int]]:
    name, edges = next(iter(bucket.items()))
    if len(bucket) > 1 or name not in data.spec or not data.spec[name].ragged:
        ragged = [n for n, s in data.spec.items() if s.ragged]
        raise ArgumentError(f"bucket={list(bucket)}: name one ragged stream. The data set has {ragged or 'none: nothing needs buckets'}.")
    others = [n for n, s in data.spec.items() if s.ragged and n != name]
    if others:
        raise ArgumentError(f"bucket={name!r}: {others} are ragged too; pad them first: data.map(plait.Pad(20), on={others[0]!r}).")
    lengths = np.zeros(len(data), np.int64)
    for start in range(0, len(data), 4096):
        block = np.arange(start, min(start + 4096, len(data)))
        for rows, found in readable(lambda rows: _ragged_lengths(data, name, rows), block, tolerant=tolerant)[0]:
            lengths[rows] = found
    if edges is None:
        count = min(8, max(1, len(data) // (4 * whole)))  # so many that most batches are full
        edges = np.unique(np.ceil(np.quantile(lengths, np.arange(1, count + 1) / count)).astype(int)).tolist()
    return lengths, sorted({max(1, int(e)) for e in edges})


def _ragged_lengths(data: Dataset, name: str, rows: np.ndarray) -> np.ndarray:
    column = data.read([name], rows)[name]
    if not isinstance(column, Ragged):
        raise SpecError(f"Stream {name!r} is declared ragged and read as a dense array.")
    return column.lengths
