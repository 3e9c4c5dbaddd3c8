"""What a batch costs to make: each stream and each step timed by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Literal

import numpy as np

from plait.dataset import Dataset
from plait.draws import Draws, seed_of
from plait.emit import Emission
from plait.loader import Loader
from plait.order import Picks
from plait.ragged import Array, Ragged, scatter, take
from plait.steps import run_step, turn

__all__ = ["Kind", "Stage", "stages"]

Kind = Literal["reading", "step", "random step", "checks", "order", "hand-over"]


@dataclass(frozen=True)
class Stage:
    """One part of making a batch, timed by itself in one thread.

    Args:
        kind: "reading" from the source, a "step" of `map`, a "random step" of `augment`, "checks" (casts among them), "order": choosing
            the samples and cutting batches, for all streams together; "hand-over": what lies between the loader and the model.
        on: The streams it is for.
        name: The source's label or the step's name.
        seconds: A batch, the median.
    """

    kind: Kind
    on: tuple[str, ...]
    name: str
    seconds: float

    def __str__(self) -> str:
        streams = ", ".join(map(repr, self.on))
        if self.kind == "reading":
            return f"reading {streams} from {self.name}"
        if self.kind == "checks":
            return f"casting and checking {streams}"
        return self.name if not self.on else f"the {self.kind} {self.name} on {streams}"


def stages(loader: Loader, emission: Emission, *, steps: int, blocks: int = 3) -> tuple[Stage, ...]:
    """Time every stage on some blocks of batches, in the order in which a batch is made.

    Streams of one source are read together in training and one by one here, so the sum may be more than a batch costs.

    Args:
        loader: Whose batches; it is left as it is.
        emission: How they are fed to the model.
        steps: Of an epoch; a block has no more batches.
        blocks: How many times; the median counts.
    """
    laps = _Laps()
    each = min(loader.plan.block, steps)
    for first in range(0, blocks * each, each):
        with laps.lap("order", (), "choosing samples"):
            picks = loader._order.together(range(first, first + each))
        arrays = _arrays(loader, emission, picks, laps)
        with laps.lap("order", (), "cutting batches and weighing"):
            emission.batches(arrays, picks)
    return tuple(Stage(kind, on, name, median(spent) / each) for (kind, on, name, _), spent in laps.seconds.items())


class _Laps:
    """Seconds of each stage, one entry a block."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[Kind, tuple[str, ...], str, int], list[float]] = defaultdict(list)

    @contextmanager
    def lap(self, kind: Kind, on: tuple[str, ...], name: str, number: int = 0) -> Iterator[None]:
        begin = perf_counter()
        yield
        self.seconds[kind, on, name, number].append(perf_counter() - begin)


def _arrays(loader: Loader, emission: Emission, picks: Picks, laps: _Laps) -> dict[str, np.ndarray]:
    """What the loader makes of these samples, stream by stream and step by step."""
    data, rows = loader.data, picks.rows
    stored = data.stored()
    present = {name: _present(data, name, rows) for name in emission.names}
    values: dict[str, Array] = {}
    for name in emission.names:
        with laps.lap("reading", (name,), data.storage(name).source.label):
            read = stored.draw([name], rows, seed=loader.seed, epoch=picks.epoch)[name]
        here = present[name]
        values[name] = read if here is None else take(read, here)
    for number, step in data.pending:
        with laps.lap("random step" if step.random else "step", step.on, step.name, number):
            rng = Draws(seed_of(loader.seed, picks.epoch, turn(data.steps, number), data.keys.hashes(rows))) if step.random else None
            run_step(step, values, present, rng, lambda place: data.keys[int(rows[place])], samples=len(rows))
    out = {}
    for name, array in values.items():
        here = present[name]
        whole = array if here is None else scatter(array, here, len(rows))
        with laps.lap("checks", (name,), ""):
            padded = whole.padded(max(1, picks.length)) if isinstance(whole, Ragged) else whole
            out |= emission.arrays({name: padded}, rows)
    return out


def _present(data: Dataset, name: str, rows: np.ndarray) -> np.ndarray | None:
    """The places in the batch that have a value; None where all have."""
    gone = data.absent(name)
    here = None if gone is None else np.flatnonzero(~gone[rows])
    return None if here is None or len(here) == len(rows) else here
