"""A data set without end, drawn in blocks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from plait.dataset import Dataset
from plait.draws import seed_of
from plait.errors import SpecError
from plait.keys import Keys
from plait.ragged import Array, Ragged, concatenate, take
from plait.roles import weight_name
from plait.source import ENDLESS, Source, row_numbers
from plait.spec import Spec

if TYPE_CHECKING:
    from plait.synth.synthesizer import Synthesizer

__all__ = ["Endless", "endless", "endless_dataset"]

_KEPT = 2  # blocks remembered, so that batches can be cut from them


class Endless(Source):
    """Rows 0, 1, 2, ... without end: row i lies in block i // block, which is a pure function of its number. Constant memory.

    Args:
        draw: Number of a block -> name -> (block, *shape), of the specs' dtypes. Pure and thread-safe.
        specs: name -> spec.
        block: Rows of a block.
        label: How messages call it: "Graph.stream(seed=0)".
    """

    in_memory = True  # threads would not make it quicker: a block is many batches
    endless = True

    def __init__(self, draw: Callable[[int], Mapping[str, Array]], specs: Mapping[str, Spec], block: int, label: str) -> None:
        self._draw, self._specs, self._label = draw, dict(specs), label
        self._size = int(block)
        self._blocks: dict[int, Mapping[str, Array]] = {}
        self._lock = threading.Lock()

    @property
    def keys(self) -> Keys:
        """Row numbers."""
        return Keys.range(ENDLESS)

    @property
    def spec(self) -> Mapping[str, Spec]:
        """As declared."""
        return MappingProxyType(self._specs)

    @property
    def block(self) -> int:  # type: ignore[override]
        """Rows of a block."""
        return self._size

    @property
    def label(self) -> str:
        """As given; it names the seed."""
        return self._label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """Cut from blocks; rows in order are quickest."""
        if not isinstance(rows, np.ndarray) or rows.dtype != np.int64 or rows.ndim != 1:
            rows = row_numbers(rows, ENDLESS, self.label)
        if not len(rows):
            values = self._block(0)
            return {name: take(values[name], rows) for name in names}
        first, last = rows[0].item(), rows[-1].item()
        if first >= 0 and last - first == len(rows) - 1 and (rows[1:] > rows[:-1]).all():
            return self._cut(names, first, last + 1)
        rows = row_numbers(rows, ENDLESS, self.label)
        numbers, at = np.divmod(rows, self.block)
        found, inverse = np.unique(numbers, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        parts: dict[str, list[Array]] = {name: [] for name in names}
        for number, places in zip(found, np.split(order, np.cumsum(np.bincount(inverse))[:-1]), strict=True):
            values = self._block(int(number))
            for name in names:
                parts[name].append(take(values[name], at[places]))
        back = np.argsort(order)
        return {name: take(concatenate(part), back) for name, part in parts.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_blocks")}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._blocks, self._lock = {}, threading.Lock()

    def _cut(self, names: Sequence[str], start: int, stop: int) -> dict[str, Array]:
        number, at = divmod(start, self._size)
        end = at + stop - start
        if end <= self._size:
            values = self._blocks.get(number) or self._block(number)
            return {name: _copied(values[name], at, end) for name in names}
        pieces = []
        while start < stop:
            number, at = divmod(start, self.block)
            end = min(stop, (number + 1) * self.block)
            values = self._block(number)
            pieces.append({name: _piece(values[name], at, at + end - start) for name in names})
            start = end
        return {name: _joined([piece[name] for piece in pieces]) for name in names}

    def _block(self, number: int) -> Mapping[str, Array]:
        found = self._blocks.get(number)
        if found is not None:
            return found
        values = self._draw(number)
        with self._lock:
            while len(self._blocks) >= _KEPT:
                del self._blocks[min(self._blocks)]
            self._blocks[number] = values
        return values


def endless(synthesizer: Synthesizer, *, seed: int, block: int) -> Dataset:
    """A synthesizer's samples without end: block i is `synthesizer.sample(block, seed=...)` with a seed made of (seed, i).

    Where targets may be missing they have weights, 0 where there is no value and so scaled that a block's add up to its samples; missing
    numbers among the inputs stay NaN.

    Args:
        synthesizer: What is sampled.
        seed: Of the stream.
        block: Samples drawn at once.
    """
    draws = _Draws(synthesizer, int(seed), int(block))
    label = f"{type(synthesizer).__name__}.stream(seed={seed})"
    masked = draws.masked
    specs = {**synthesizer.spec, **{weight_name(name): Spec((), np.dtype(np.float32)) for name in masked}}
    return endless_dataset(Endless(draws, specs, block, label), list(synthesizer.inputs), list(synthesizer.targets), masked)


def endless_dataset(source: Endless, inputs: Sequence[str], targets: Sequence[str], weights: Sequence[str] = ()) -> Dataset:
    """The streams of an endless source with their roles; weights are called "<target>.weight"."""
    return Dataset(
        inputs={name: source[name] for name in inputs},
        targets={name: source[name] for name in targets},
        weights={name: source[weight_name(name)] for name in weights},
    )


class _Draws:
    """The blocks of a synthesizer's stream, by number."""

    def __init__(self, synthesizer: Synthesizer, seed: int, block: int) -> None:
        self._synthesizer, self._seed, self._size = synthesizer, seed, block
        schema = getattr(synthesizer, "schema", None)
        missing = {v.stream for v in schema.variables if v.missing} if schema is not None else set[str]()
        self.masked = [name for name in synthesizer.targets if name in missing]

    def __call__(self, number: int) -> dict[str, Array]:
        data = self._synthesizer.sample(self._size, seed=int(seed_of(self._seed, 7, number) >> np.uint64(1)))
        values = data.read([*data.inputs, *data.targets], np.arange(self._size))
        for name in data.targets:
            gone = data.absent(name)
            if name in self.masked:
                here = np.ones(self._size, np.float32) if gone is None else (~gone).astype(np.float32)
                values[weight_name(name)] = here / max(here.mean(), np.float32(1e-6))
            elif gone is not None:
                raise SpecError(
                    f"Target {name!r} is missing in some samples of block {number}, and was not where the stream began. Take samples, "
                    "which mask it: sample(n, seed=...)."
                )
        return values


def _piece(values: Array, start: int, stop: int) -> Array:
    if isinstance(values, Ragged):
        return take(values, np.arange(start, stop))
    return values[start:stop]


def _copied(values: Array, start: int, stop: int) -> Array:
    return np.array(values[start:stop], order="K") if isinstance(values, np.ndarray) else _piece(values, start, stop)


def _joined(pieces: list[Array]) -> Array:
    """One after the other, in the order of memory that they have."""
    if isinstance(pieces[0], np.ndarray) and pieces[0].ndim == 2:
        return np.concatenate([np.asarray(piece).T for piece in pieces], axis=1).T
    return concatenate(pieces)
