"""W1: four columns in memory, shuffled anew every epoch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Epochs, Goal

TITLE = "W1: columns in memory"
ABOUT = """Four columns in memory, 10 and 20 float32, an int32 and a float32, {rows:,} rows, shuffled anew every epoch. The limit is
`np.take` of 8192 rows in an order that is there already, sliced into batches. The last two columns are the wall time from setting a feed up
to its first batch of 32: of these rows, and of {many:,} rows of two float32 columns."""
SIZES = {
    "check": {"rows": 1003, "many": 1003},
    "tiny": {"rows": 60_000, "many": 100_000},
    "small": {"rows": 1_000_000, "many": 10_000_000},
    "full": {"rows": 1_000_000, "many": 100_000_000},
}
GROUPS = {
    "plait": {"KERAS_BACKEND": "jax"},
    "keras": {"KERAS_BACKEND": "jax"},
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "torch": {"KERAS_BACKEND": "torch"},
    "grain": {"KERAS_BACKEND": "jax"},
}


BLOCK = 8192


def _batches(rows: int, batch: int, **_: Any) -> int:
    return -(-rows // batch)


CASES = {
    "batch 32": Case({"batch": 32}, batches=_batches, multiple=BLOCK // 32),
    "batch 256": Case({"batch": 256}, batches=_batches, multiple=BLOCK // 256),
    "batch 4096": Case({"batch": 4096}, batches=_batches, multiple=BLOCK // 4096),
    "first batch": Case({"batch": 32}, what="first"),
    "first of many": Case({"batch": 32, "many": True}, what="first"),
}
VECTORISED, PY_DATASET, TORCH = "generator, x[rows]", "Keras PyDataset", "torch DataLoader"
TF = ("tf.data, indices and tf.gather", "tf.data, from_tensor_slices and shuffle")
GRAIN = ("Grain", "Grain, indices and a gather", "Grain, 2 processes")
GOALS = (
    Goal("batch 32", 2.5, (LIMIT,)),
    Goal("batch 256", 2.0, (LIMIT,)),
    Goal("batch 4096", 1.6, (LIMIT,)),
    Goal("batch 32", 3, (VECTORISED,), sooner=True),
    Goal("batch 32", 5, (PY_DATASET,), sooner=True),
    Goal("batch 32", 70, (TORCH,), sooner=True),
    Goal("batch 32", 100, TF, sooner=True),
    Goal("batch 32", 150, GRAIN, sooner=True),
    Goal("first batch", 0.010),
    Goal("first of many", 0.020),
    Goal("first batch", 100, (TF[1],), sooner=True),
)
WHY = """Beyond the gather a batch of 32 costs about 3 us: cutting it into views and dicts 1.2, looking for values that are not
finite 0.4, the permutation 0.4, counting and handing it on 0.7. That is the price of checked values and of an order that can be
taken up anywhere, and the ratios to the peers fall short by it. Before the first batch all values are read
once, to find out what is missing: 9 ms of a million rows, 60 ms of a hundred million, which is the speed of memory."""
Columns = dict[str, np.ndarray]


def EXPECTED(many: bool = False, **_: Any) -> dict[str, tuple[tuple[int, ...], Any]]:
    if many:
        return {"x1": ((), np.float32), "y2": ((), np.float32)}
    return {"x1": ((10,), np.float32), "x2": ((20,), np.float32), "y1": ((), np.int32), "y2": ((), np.float32)}


def rows(batch: Columns) -> np.ndarray:
    return batch["y2"].astype(np.int64)


def cut(columns: Columns, first: str, chosen: np.ndarray) -> Columns:
    """Those columns whose name begins so, in these rows, by a fancy index."""
    return {name: column[chosen] for name, column in columns.items() if name[0] == first}


class Data:
    """The columns, and the larger ones when they are asked for. y2 is the number of the row, as far as a float32 can say it."""

    def __init__(self, rows: int, many: int) -> None:
        rng = np.random.default_rng(0)
        self.columns: Columns = {
            "x1": rng.random((rows, 10), np.float32),
            "x2": rng.random((rows, 20), np.float32),
            "y1": rng.integers(0, 10, rows, np.int32),
            "y2": np.arange(rows, dtype=np.float32),
        }
        self.orders: dict[int, np.ndarray] = {}
        self._many, self._large = many, None

    def of(self, many: bool) -> Columns:
        if many and self._large is None:
            y2 = np.arange(self._many, dtype=np.float32)
            self._large = {"x1": y2 + 1, "y2": y2}
        return self._large if many and self._large is not None else self.columns


made = Data


def candidates(group: str) -> dict[str, Candidate]:
    import w1_peers

    return _plait() if group == "plait" else w1_peers.candidates(group)


EACH = ("batch 32", "batch 256", "batch 4096")  # columns that the limit has


def _plait() -> dict[str, Candidate]:
    import plait

    seeds = count()

    def views(data: Data, batch: int) -> Epochs:
        """The least that NumPy can do."""
        columns = list(data.columns.values())
        rows = len(columns[0])
        order = data.orders.setdefault(rows, np.random.default_rng(1).permutation(rows))
        block = max(BLOCK // batch, 1) * batch

        def epoch() -> Iterator[Any]:
            for start in range(0, rows, block):
                chosen = order[start : start + block]
                x1, x2, y1, y2 = (np.take(array, chosen, axis=0, mode="clip") for array in columns)
                for i in range(0, len(chosen), batch):
                    j = i + batch
                    yield (x1[i:j], x2[i:j]), (y1[i:j], y2[i:j])

        return epoch

    def loader(data: Data, batch: int, many: bool = False) -> Epochs:
        columns = data.of(many)
        source = plait.Arrays(columns)
        dataset = plait.Dataset(
            inputs={n: source[n] for n in columns if n[0] == "x"},
            targets={n: source[n] for n in columns if n[0] == "y"},
        )
        made = plait.Loader(dataset, batch, seed=next(seeds))
        return lambda: iter(made)

    def generator(data: Data, batch: int, many: bool = False) -> Epochs:
        """What one writes without thinking of speed, and without a loop over samples."""
        columns = data.of(many)

        def epoch() -> Iterator[Any]:
            order = np.random.permutation(len(columns["y2"]))
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                yield cut(columns, "x", chosen), cut(columns, "y", chosen)

        return epoch

    def samples(data: Data, batch: int) -> Epochs:
        """A loop over samples, stacked."""
        columns = data.columns

        def epoch() -> Iterator[Any]:
            order = np.random.permutation(len(columns["y2"]))
            for start in range(0, len(order), batch):
                read = [{n: c[row] for n, c in columns.items()} for row in order[start : start + batch]]
                yield {n: np.stack([sample[n] for sample in read]) for n in columns}

        return epoch

    return {
        LIMIT: Candidate(views, cases=EACH),
        OURS: Candidate(loader),
        VECTORISED: Candidate(generator),
        "generator, sample by sample": Candidate(samples, cases=(*EACH, "first batch")),
    }
