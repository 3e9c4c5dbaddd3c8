"""How the cost of a batch grows: with the rows, with the streams, with the batch; and what memory the loader takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Epochs, Goal, Unavailable

TITLE = "How cost grows"
ABOUT = """Columns in memory, shuffled: one float32 input and one target, from 10^4 rows to {most:,}, batches of 32; {rows:,} rows of 1
to 32 inputs of 8 float32, batches of 32; {rows:,} rows of 20 float32, batches of 1 to 65 536. The limit is `np.take` of 8192 rows (or a
batch, where that is larger) in an order that is there already, sliced into batches. Memory is what setting up and 64 batches add at
most to the data."""
SIZES = {
    "check": {"rows": 300, "most": 300},
    "tiny": {"rows": 20_000, "most": 100_000},
    "small": {"rows": 200_000, "most": 10_000_000},
    "full": {"rows": 1_000_000, "most": 100_000_000},
}
GROUPS = {"plait": {"KERAS_BACKEND": "jax"}, "generator": {"KERAS_BACKEND": "jax"}}
BLOCK = 8192
TRANSPOSED = True


def _batches(rows: int, most: int, batch: int, power: int | None = None, **_: Any) -> int:
    return -(-(rows if power is None else min(10**power, most)) // batch)


ROWS = {f"10^{power} rows": {"power": power, "batch": 32} for power in range(4, 9)}
STREAMS = {f"{streams} streams": {"streams": streams, "batch": 32} for streams in (1, 2, 4, 8, 16, 32)}
BATCHES = {f"batch {batch:,}": {"batch": batch} for batch in (1, 16, 256, 4096, 65_536)}
CASES = {
    **{name: Case(given, batches=_batches, multiple=BLOCK // 32) for name, given in (ROWS | STREAMS).items()},
    **{name: Case(given, batches=_batches, multiple=max(1, BLOCK // given["batch"])) for name, given in BATCHES.items()},
    **{f"{name}, first batch": Case(given, what="first") for name, given in ROWS.items()},
    **{f"{name}, memory": Case(given, what="memory", multiple=64) for name, given in ROWS.items()},
}
EVERY_BATCH = tuple(ROWS | STREAMS | BATCHES)
GENERATOR = "generator, x[rows]"
GOALS = (Goal("10^8 rows, memory", 100e6), Goal("10^8 rows, first batch", 0.020))
WHY = """Of 10^8 rows the first batch waits until all values are read once, to find out what is missing."""
Columns = dict[str, np.ndarray]


def EXPECTED(batch: int, power: int | None = None, streams: int | None = None) -> dict[str, tuple[tuple[int, ...], Any]]:
    shape = () if power is not None else (8,) if streams is not None else (20,)
    return {**{f"x{i}": (shape, np.float32) for i in range(streams or 1)}, "y": ((), np.float32)}


def rows(batch: Columns) -> np.ndarray:
    return batch["y"].astype(np.int64)


class Data:
    """Columns of any number and length; the last that were asked for are kept. Beyond 2^24 rows float32 numbers repeat."""

    def __init__(self, rows: int, most: int) -> None:
        self.rows, self.most = rows, most
        self._held: tuple[Any, Columns] = (None, {})

    def columns(self, power: int | None, streams: int | None) -> Columns:
        if power is not None and 10**power > self.most >= 10_000:  # below that it is for the proof, which asks for fewer
            raise Unavailable(f"this size goes to {self.most:,} rows")
        if self._held[0] != (power, streams):
            rows = self.rows if power is None else min(10**power, self.most)
            y = np.arange(rows, dtype=np.float32)
            shape = () if power is not None else (8,) if streams is not None else (20,)
            x = {f"x{i}": np.ones((rows, *shape), np.float32) for i in range(streams or 1)}
            self._held = ((power, streams), {**x, "y": y})
        return self._held[1]


made = Data


def candidates(group: str) -> dict[str, Candidate]:
    return _plait() if group == "plait" else {GENERATOR: Candidate(_generator)}


def _plait() -> dict[str, Candidate]:
    import plait

    seeds = count()

    def loader(data: Data, batch: int, power: int | None = None, streams: int | None = None) -> Epochs:
        columns = data.columns(power, streams)
        source = plait.Arrays(columns)
        made = plait.Dataset(inputs={n: source[n] for n in columns if n != "y"}, targets={"y": source["y"]})
        batches = plait.Loader(made, batch, seed=next(seeds))
        return lambda: iter(batches)

    return {LIMIT: Candidate(_limit, cases=EVERY_BATCH), OURS: Candidate(loader)}


def _limit(data: Data, batch: int, power: int | None = None, streams: int | None = None) -> Epochs:
    columns = data.columns(power, streams)
    rows, block = len(columns["y"]), max(BLOCK // batch, 1) * batch
    order = np.random.default_rng(1).permutation(rows)

    def epoch() -> Iterator[Any]:
        for start in range(0, rows, block):
            read = {name: np.take(column, order[start : start + block], axis=0, mode="clip") for name, column in columns.items()}
            for i in range(0, len(read["y"]), batch):
                yield {name: column[i : i + batch] for name, column in read.items()}

    return epoch


def _generator(data: Data, batch: int, power: int | None = None, streams: int | None = None) -> Epochs:
    columns = data.columns(power, streams)

    def epoch() -> Iterator[Any]:
        order = np.random.permutation(len(columns["y"]))
        for start in range(0, len(order), batch):
            yield {name: column[order[start : start + batch]] for name, column in columns.items()}

    return epoch
