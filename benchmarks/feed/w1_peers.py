"""Who else feeds columns from memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from frame import Candidate, Epochs
from w1 import EACH, GRAIN, PY_DATASET, TF, TORCH, Columns, Data, cut

__all__ = ["candidates", "until_left"]


def candidates(group: str) -> dict[str, Candidate]:
    return {"keras": _keras, "tensorflow": _tensorflow, "torch": _torch, "grain": _grain}[group]()


def _keras() -> dict[str, Candidate]:
    import keras
    from keras.src.trainers.data_adapters.py_dataset_adapter import PyDatasetAdapter

    class Batches(keras.utils.PyDataset):
        def __init__(self, columns: Columns, batch: int, **options: Any) -> None:
            super().__init__(**options)
            self.columns, self.batch = columns, batch
            self.on_epoch_end()

        def on_epoch_end(self) -> None:
            self.order = np.random.permutation(len(self.columns["y2"]))

        def __len__(self) -> int:
            return (len(self.order) + self.batch - 1) // self.batch

        def __getitem__(self, index: int) -> Any:
            chosen = self.order[index * self.batch : (index + 1) * self.batch]
            columns = self.columns
            return cut(columns, "x", chosen), cut(columns, "y", chosen)

    def opened(**options: Any) -> Any:
        def open(data: Data, batch: int, many: bool = False) -> Epochs:
            adapter = PyDatasetAdapter(Batches(data.of(many), batch, **options), shuffle=False)
            return lambda: until_left(adapter)

        return open

    def arrays(data: Data, batch: int) -> Epochs:
        from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

        x, y = ({n: c for n, c in data.columns.items() if n[0] == first} for first in "xy")
        adapter = ArrayDataAdapter(x, y, batch_size=batch, shuffle=True)
        return lambda: iter(adapter.get_numpy_iterator())

    all_but_many = (*EACH, "first batch")
    return {
        PY_DATASET: Candidate(opened()),
        "Keras PyDataset, 2 threads": Candidate(opened(workers=2), cases=all_but_many, alone=True),
        "Keras PyDataset, 2 processes": Candidate(opened(workers=2, use_multiprocessing=True), cases=all_but_many, alone=True),
        "Keras, fit on arrays": Candidate(arrays, cases=all_but_many),
    }


def until_left(adapter: Any) -> Iterator[Any]:
    """An epoch as Keras takes it, its workers stopped when it is left."""
    try:
        adapter.on_epoch_begin()
        yield from adapter.get_numpy_iterator()
    finally:
        if adapter.enqueuer is not None:
            adapter.enqueuer.stop()
        adapter.on_epoch_end()


def _torch() -> dict[str, Candidate]:
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler, TensorDataset

    torch.set_num_threads(1)

    class Rows(Dataset):
        """Takes the rows of a batch at once, as torch's documentation tells those who want speed."""

        def __init__(self, columns: Columns) -> None:
            self.tensors = {name: torch.from_numpy(column) for name, column in columns.items()}

        def __len__(self) -> int:
            return len(self.tensors["y2"])

        def __getitem__(self, chosen: Any) -> Any:
            chosen = torch.as_tensor(chosen)
            return {name: tensor[chosen] for name, tensor in self.tensors.items()}

    def default(workers: int) -> Any:
        def open(data: Data, batch: int) -> Epochs:
            tensors = TensorDataset(*map(torch.from_numpy, data.columns.values()))
            loader = DataLoader(tensors, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
            return lambda: iter(loader)

        return open

    def sampler(workers: int) -> Any:
        def open(data: Data, batch: int) -> Epochs:
            rows = Rows(data.columns)
            order = BatchSampler(RandomSampler(rows), batch, drop_last=False)
            loader = DataLoader(rows, batch_size=None, sampler=order, num_workers=workers, persistent_workers=workers > 0)
            return lambda: iter(loader)

        return open

    cases = (*EACH, "first batch")
    return {
        TORCH: Candidate(default(0), cases=cases),
        f"{TORCH}, 2 workers": Candidate(default(2), cases=cases, alone=True),
        f"{TORCH}, batch sampler": Candidate(sampler(0), cases=cases),
        f"{TORCH}, batch sampler, 2 workers": Candidate(sampler(2), cases=cases, alone=True),
    }


def _tensorflow() -> dict[str, Candidate]:
    import tensorflow as tf

    def numpy(dataset: Any) -> Any:
        return lambda: iter(dataset)

    def gather(data: Data, batch: int) -> Epochs:
        held = {name: tf.constant(column) for name, column in data.columns.items()}
        rows = len(data.columns["y2"])

        def epoch() -> Iterator[Any]:
            order = tf.data.Dataset.from_tensor_slices(tf.random.shuffle(tf.range(rows)))
            return iter(
                order.batch(batch).map(lambda chosen: {n: tf.gather(c, chosen) for n, c in held.items()}).prefetch(tf.data.AUTOTUNE)
            )

        return epoch

    def slices(data: Data, batch: int) -> Epochs:
        rows = len(data.columns["y2"])
        return numpy(tf.data.Dataset.from_tensor_slices(data.columns).shuffle(rows).batch(batch).prefetch(tf.data.AUTOTUNE))

    def generator(data: Data, batch: int) -> Epochs:
        columns = data.columns

        def batches() -> Iterator[Any]:
            order = np.random.permutation(len(columns["y2"]))
            for start in range(0, len(order), batch):
                chosen = order[start : start + batch]
                yield {n: c[chosen] for n, c in columns.items()}

        signature = {n: tf.TensorSpec((None, *c.shape[1:]), c.dtype) for n, c in columns.items()}
        return numpy(tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(tf.data.AUTOTUNE))

    cases = (*EACH, "first batch")
    return {
        TF[0]: Candidate(gather, cases=cases, alone=True),
        TF[1]: Candidate(slices, cases=cases, alone=True),
        "tf.data, from_generator of batches": Candidate(generator, cases=cases, alone=True),
    }


def _grain() -> dict[str, Candidate]:
    import grain
    from absl import flags

    flags.FLAGS.mark_as_parsed()  # outside an absl program its worker processes fail without it
    here, ahead = grain.ReadOptions(num_threads=0), grain.ReadOptions(num_threads=2, prefetch_buffer_size=16)

    def samples(processes: int) -> Any:
        def open(data: Data, batch: int) -> Epochs:
            columns = data.columns
            rows = grain.MapDataset.range(len(columns["y2"])).shuffle(seed=0)
            each = rows.map(lambda row: {name: column[row] for name, column in columns.items()}).batch(batch)
            made = each.to_iter_dataset(ahead if processes else here)
            if processes:
                made = made.mp_prefetch(grain.MultiprocessingOptions(num_workers=processes))
            return lambda: iter(made)

        return open

    def gather(data: Data, batch: int) -> Epochs:
        columns = data.columns
        rows = grain.MapDataset.range(len(columns["y2"])).shuffle(seed=0).batch(batch)
        made = rows.map(lambda chosen: {name: column[chosen] for name, column in columns.items()}).to_iter_dataset(here)
        return lambda: iter(made)

    cases = (*EACH, "first batch")
    return {
        GRAIN[0]: Candidate(samples(0), cases=cases),
        GRAIN[1]: Candidate(gather, cases=cases),
        GRAIN[2]: Candidate(samples(2), cases=cases, alone=True),
    }
