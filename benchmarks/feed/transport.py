"""Worker processes: what it costs to bring a batch to the process that trains, when the worker only fills it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Epochs, Goal

TITLE = "Worker processes"
ABOUT = """Batches of 32 rows of 64, 3136 and 150 528 float32 (8 KB, 392 KB, 19 MB), which two worker processes do nothing but fill.
The limit is the same in the process that asks. CPU time of all processes."""
SIZES = {"check": {"rows": 100}, "tiny": {"rows": 64_000}, "small": {"rows": 128_000}, "full": {"rows": 128_000}}
GROUPS = {
    "plait": {"KERAS_BACKEND": "jax"},
    "keras": {"KERAS_BACKEND": "jax"},
    "torch": {"KERAS_BACKEND": "torch"},
    "grain": {"KERAS_BACKEND": "jax"},
}
BATCH = 32


def _batches(rows: int, **_: Any) -> int:
    return (rows + BATCH - 1) // BATCH


CASES = {
    "8 KB": Case({"width": 64}, batches=_batches),
    "392 KB": Case({"width": 3136}, batches=_batches),
    "19 MB": Case({"width": 150_528}, batches=_batches, least=0.3),
}
PEERS = ("Keras PyDataset, 2 processes", "torch DataLoader, batch sampler, 2 workers", "Grain, 2 processes")
GOALS = (
    Goal("8 KB", 30e-6),
    Goal("392 KB", 30e-6),
    Goal("19 MB", 1.3, (LIMIT,)),
    Goal("8 KB", 5, PEERS, sooner=True),
    Goal("392 KB", 20, PEERS, sooner=True),
    Goal("19 MB", 20, PEERS, sooner=True),
)
WHY = """Of 392 KB and 19 MB the worker fills an array, looks for values that are not finite, and copies it into the shared memory:
three passes over memory where the limit makes one. To have sources fill the shared memory themselves was not tried."""


def EXPECTED(width: int) -> dict[str, tuple[tuple[int, ...], Any]]:
    return {"x": ((width,), np.float32)}


def rows(batch: dict[str, np.ndarray]) -> np.ndarray:
    return batch["x"][:, 0].astype(np.int64)


def made(rows: int) -> int:
    return rows


def candidates(group: str) -> dict[str, Candidate]:
    return {"plait": _plait, "keras": _keras, "torch": _torch, "grain": _grain}[group]()


def filled(chosen: np.ndarray, width: int) -> np.ndarray:
    """(rows, width) float32, whose values are the numbers of the rows."""
    out = np.empty((len(chosen), width), np.float32)
    out[:] = np.asarray(chosen)[:, None]
    return out


def _plait() -> dict[str, Candidate]:
    from filling import Filling

    import plait

    seeds = count()

    def inside(rows: int, width: int) -> Epochs:
        def epoch() -> Iterator[Any]:
            order = np.random.default_rng(0).permutation(rows)
            for start in range(0, rows, BATCH):
                yield {"x": filled(order[start : start + BATCH], width)}

        return epoch

    def loader(rows: int, width: int) -> Epochs:
        data = plait.Dataset(inputs={"x": Filling(rows, width)["x"]}, targets={})
        batches = plait.Loader(data, BATCH, seed=next(seeds), workers=2, processes=True)
        return lambda: iter(batches)

    return {LIMIT: Candidate(inside), OURS: Candidate(loader, alone=True)}


def _keras() -> dict[str, Candidate]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter
    from w1_peers import until_left

    class Batches(keras.utils.PyDataset):
        def __init__(self, rows: int, width: int) -> None:
            super().__init__(workers=2, use_multiprocessing=True)
            self.width, self.order = width, np.random.permutation(rows)

        def __len__(self) -> int:
            return (len(self.order) + BATCH - 1) // BATCH

        def __getitem__(self, index: int) -> Any:
            return {"x": filled(self.order[index * BATCH : (index + 1) * BATCH], self.width)}

    def opened(rows: int, width: int) -> Epochs:
        adapter = PyDatasetAdapter(Batches(rows, width), shuffle=False)
        return lambda: until_left(adapter)

    return {PEERS[0]: Candidate(opened, alone=True)}


def _torch() -> dict[str, Candidate]:
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

    torch.set_num_threads(1)

    class Rows(Dataset):
        def __init__(self, rows: int, width: int) -> None:
            self.rows, self.width = rows, width

        def __len__(self) -> int:
            return self.rows

        def __getitem__(self, chosen: Any) -> Any:
            return {"x": torch.from_numpy(filled(chosen, self.width))}

    def opened(rows: int, width: int) -> Epochs:
        samples = Rows(rows, width)
        order = BatchSampler(RandomSampler(samples), BATCH, drop_last=False)
        loader = DataLoader(samples, batch_size=None, sampler=order, num_workers=2, persistent_workers=True)
        return lambda: iter(loader)

    return {PEERS[1]: Candidate(opened, alone=True)}


def _grain() -> dict[str, Candidate]:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()

    def opened(rows: int, width: int) -> Epochs:
        batches = grain.MapDataset.range(rows).shuffle(seed=0).batch(BATCH).map(lambda chosen: {"x": filled(chosen, width)})
        made = batches.to_iter_dataset(grain.ReadOptions(num_threads=0))
        made = made.mp_prefetch(grain.MultiprocessingOptions(num_workers=2, per_worker_buffer_size=2))
        return lambda: iter(made)

    return {PEERS[2]: Candidate(opened, alone=True)}
