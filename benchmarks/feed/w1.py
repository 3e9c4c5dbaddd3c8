"""Workload W1: four columns in memory, shuffled; what a batch costs in plait.Loader and its peers: python benchmarks/feed/w1.py.

x1 (rows, 10) and x2 (rows, 20) float32, y1 integers, y2 float32. CPU time of all threads (nothing here starts a process), candidates in
turns, medians. Frameworks that don't live together have a process each; the limit and plait run in every one, and a ratio is to the
limit of the same process.
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from page import table, write

BATCHES = (32, 256, 4096)
ROWS = 1_000_000
GROUPS = {"numpy": "jax", "torch": "torch", "tensorflow": "tensorflow", "grain": "jax"}  # and the Keras backend of each
BLOCK = 8192
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3"}
LIMIT, OURS = "np.take of 8192 rows, sliced (the limit)", "plait.Loader"

Columns = dict[str, np.ndarray]
Feed = Callable[[Columns, int], Iterator[Any]]  # one epoch of batches


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--many", type=int, default=100_000_000, help="rows of the large table, for the first batch; 0 leaves it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--groups", nargs="*", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--page", type=Path)
    parser.add_argument("--one", choices=list(GROUPS), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(group(given.one, given.rows, given.many, given.rounds)))
        return 0
    results: dict[str, dict[str, Any]] = {}
    for name in given.groups:
        if name != "numpy" and importlib.util.find_spec(name) is None:
            print(f"{name} is left out: it is not installed")
            continue
        command = [sys.executable, __file__, "--one", name, "--rows", given.rows, "--many", given.many, "--rounds", given.rounds]
        environment = {**os.environ, **ONE_THREAD, "KERAS_BACKEND": GROUPS[name]}
        done = subprocess.run(list(map(str, command)), env=environment, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            print(f"{name} failed with status {done.returncode}")
            return 1
        results[name] = json.loads(done.stdout.splitlines()[-1])
    text = table(results, BATCHES, limit=LIMIT, ours=OURS, rows=given.rows, many=given.many, rounds=given.rounds)
    print(text)
    if given.page:
        write(given.page, text)
    return 0


def group(name: str, rows: int, many: int, rounds: int) -> dict[str, Any]:
    """CPU seconds a batch and seconds to the first batch of the candidates of one process."""
    feeds = {LIMIT: views, OURS: loader, **PEERS[name]()}
    few = made_up(1000)
    for make in feeds.values():  # what is imported and compiled once is not timed
        next(make(few, 32))
    columns = made_up(rows)
    cpu: dict[str, dict[str, list[float]]] = {feed: {} for feed in feeds}
    first: dict[str, list[float]] = {}
    for batch in BATCHES:
        running = {}
        for feed, make in feeds.items():
            for _ in range(3 if batch == BATCHES[0] else 1):
                begin = time.perf_counter()
                running[feed] = endless(make, columns, batch)
                next(running[feed])
                spent = time.perf_counter() - begin
                if batch == BATCHES[0]:
                    first.setdefault(feed, []).append(spent)
                if spent > 1:  # a shuffle buffer that fills; once is enough
                    break
        gc.collect()
        gc.freeze()  # what a candidate holds is not looked through while another one makes its batches
        counts = {feed: enough(batches, batch) for feed, batches in running.items()}
        for _ in range(rounds):
            for feed, batches in running.items():
                cpu[feed].setdefault(str(batch), []).append(spent_on(batches, counts[feed]))
    found: dict[str, Any] = {
        "cpu": {feed: {batch: statistics.median(times) for batch, times in by.items()} for feed, by in cpu.items()},
        "first": {feed: statistics.median(times) for feed, times in first.items() if feed != LIMIT},
    }
    if name == "numpy" and many:
        memory = Path("/dev/shm")
        places = {"memory-mapped files, read for the first time": None, **({"files in memory": memory} if memory.is_dir() else {})}
        found["first of many"] = {place: first_of_many(many, folder) for place, folder in places.items()}
    return found


def endless(make: Feed, columns: Columns, batch: int) -> Iterator[Any]:
    """Epoch after epoch."""
    while True:
        yield from make(columns, batch)


def enough(batches: Iterator[Any], batch: int) -> int:
    """So many batches that several blocks are read and the clock is fine enough: 4 blocks, and 20 ms or more."""
    count = max(4 * BLOCK // batch, 8)
    while (spent := spent_on(batches, count) * count) < 0.02:
        count *= max(2, min(8, int(0.02 / max(spent, 1e-4)) + 1))
    return count


def spent_on(batches: Iterator[Any], count: int) -> float:
    """CPU seconds a batch, of all threads, until those that read ahead are at rest: their work is not another candidate's."""
    begin = now = time.process_time()
    deque(islice(batches, count), maxlen=0)
    while time.process_time() - now > 0.0005:
        now = time.process_time()
        time.sleep(0.02)
    return (time.process_time() - begin) / count


def made_up(rows: int) -> Columns:
    rng = np.random.default_rng(0)
    return {
        "x1": rng.random((rows, 10), np.float32),
        "x2": rng.random((rows, 20), np.float32),
        "y1": rng.integers(0, 10, rows),
        "y2": rng.random(rows, np.float32),
    }


def first_of_many(rows: int, where: Path | None) -> float:
    """Seconds to plait's first batch of 32, median of 3, from files with holes: so many rows, and no room for them."""
    with tempfile.TemporaryDirectory(dir=where) as folder:
        shapes = {"x1": (rows, 10), "x2": (rows, 20), "y1": (rows,), "y2": (rows,)}
        columns: Columns = {
            name: np.memmap(os.path.join(folder, name), np.int32 if name == "y1" else np.float32, "w+", shape=shape)
            for name, shape in shapes.items()
        }
        data = dataset(columns)
        times = []
        for seed in range(3):
            begin = time.perf_counter()
            next(iter(loader_of(data, 32, seed)))
            times.append(time.perf_counter() - begin)
        return statistics.median(times)


# The candidates. Each takes its batches in a new order every epoch.


def views(columns: Columns, batch: int) -> Iterator[Any]:
    """The least that NumPy can do: the order is there already, rows are gathered by the block, batches are views."""
    arrays, rows = list(columns.values()), len(columns["y1"])
    order = ORDERS.setdefault(rows, np.random.default_rng(1).permutation(rows))
    block = max(BLOCK // batch, 1) * batch
    for start in range(0, rows, block):
        chosen = order[start : start + block]
        x1, x2, y1, y2 = (np.take(array, chosen, axis=0, mode="clip") for array in arrays)
        for i in range(0, len(chosen), batch):
            j = i + batch
            yield (x1[i:j], x2[i:j]), (y1[i:j], y2[i:j])


ORDERS: dict[int, np.ndarray] = {}


def take(columns: Columns, batch: int) -> Iterator[Any]:
    """The order is there already; each batch is gathered by itself."""
    x1, x2, y1, y2 = columns.values()
    order = ORDERS.setdefault(len(y1), np.random.default_rng(1).permutation(len(y1)))
    for start in range(0, len(y1), batch):
        rows = order[start : start + batch]
        yield (x1.take(rows, 0), x2.take(rows, 0)), (y1.take(rows), y2.take(rows))


def generator(columns: Columns, batch: int) -> Iterator[Any]:
    """What one writes without thinking of speed, and without a loop over samples."""
    order = np.random.permutation(len(columns["y1"]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        yield {"x1": columns["x1"][rows], "x2": columns["x2"][rows]}, {"y1": columns["y1"][rows], "y2": columns["y2"][rows]}


DATASETS: dict[int, Any] = {}
SEEDS = iter(range(10**9))


def loader(columns: Columns, batch: int) -> Iterator[Any]:
    """plait.Loader, with casts and checks of every value."""
    if id(columns) not in DATASETS:
        DATASETS[id(columns)] = dataset(columns)
    return iter(loader_of(DATASETS[id(columns)], batch, next(SEEDS)))


def dataset(columns: Columns) -> Any:
    import plait

    source = plait.Arrays(columns)
    return plait.Dataset(inputs={n: source[n] for n in ("x1", "x2")}, targets={n: source[n] for n in ("y1", "y2")})


def loader_of(data: Any, batch: int, seed: int) -> Any:
    import plait

    return plait.Loader(data, batch, seed=seed)


def numpy_peers() -> dict[str, Feed]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    class Batches(keras.utils.PyDataset):
        def __init__(self, columns: Columns, batch: int) -> None:
            super().__init__()
            self.columns, self.batch = columns, batch
            self.order = np.random.permutation(len(columns["y1"]))

        def __len__(self) -> int:
            return (len(self.order) + self.batch - 1) // self.batch

        def __getitem__(self, index: int) -> Any:
            rows = self.order[index * self.batch : (index + 1) * self.batch]
            x1, x2, y1, y2 = self.columns.values()
            return {"x1": x1[rows], "x2": x2[rows]}, {"y1": y1[rows], "y2": y2[rows]}

    def py_dataset(columns: Columns, batch: int) -> Iterator[Any]:
        return iter(PyDatasetAdapter(Batches(columns, batch), shuffle=False).get_numpy_iterator())

    return {"np.take of each batch": take, "generator of fancy indices": generator, "Keras PyDataset": py_dataset}


def torch_peers() -> dict[str, Feed]:
    import torch
    from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

    torch.set_num_threads(1)

    def tensors(columns: Columns) -> TensorDataset:
        return TensorDataset(*map(torch.from_numpy, columns.values()))

    def default(columns: Columns, batch: int) -> Iterator[Any]:
        return iter(DataLoader(tensors(columns), batch, shuffle=True))

    def sampler(columns: Columns, batch: int) -> Iterator[Any]:
        data = tensors(columns)
        return iter(DataLoader(data, batch_size=None, sampler=BatchSampler(RandomSampler(data), batch, drop_last=False)))

    return {"torch DataLoader": default, "torch DataLoader, batch sampler": sampler}


def tensorflow_peers() -> dict[str, Feed]:
    import tensorflow as tf

    def gather(columns: Columns, batch: int) -> Iterator[Any]:
        held = TENSORS.setdefault(id(columns), {name: tf.constant(column) for name, column in columns.items()})
        order = tf.data.Dataset.from_tensor_slices(tf.random.shuffle(tf.range(len(columns["y1"]))))
        return iter(order.batch(batch).map(lambda rows: {name: tf.gather(column, rows) for name, column in held.items()}).prefetch(2))

    def slices(columns: Columns, batch: int) -> Iterator[Any]:
        rows = len(columns["y1"])
        return iter(tf.data.Dataset.from_tensor_slices(columns).shuffle(rows).batch(batch).prefetch(2))

    return {"tf.data, indices and tf.gather": gather, "tf.data, from_tensor_slices and shuffle": slices}


TENSORS: dict[int, Any] = {}


def grain_peers() -> dict[str, Feed]:
    from grain import MapDataset  # type: ignore[import-not-found]

    def samples(columns: Columns, batch: int) -> Iterator[Any]:
        rows = MapDataset.range(len(columns["y1"])).shuffle(seed=0)
        return iter(rows.map(lambda row: {name: column[row] for name, column in columns.items()}).batch(batch).to_iter_dataset())

    def gather(columns: Columns, batch: int) -> Iterator[Any]:
        rows = MapDataset.range(len(columns["y1"])).shuffle(seed=0).batch(batch)
        return iter(rows.map(lambda rows: {name: column[rows] for name, column in columns.items()}).to_iter_dataset())

    return {"Grain": samples, "Grain, indices and a gather": gather}


PEERS = {"numpy": numpy_peers, "torch": torch_peers, "tensorflow": tensorflow_peers, "grain": grain_peers}

if __name__ == "__main__":
    sys.exit(main())
