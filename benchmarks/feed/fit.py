"""`fit` of a small model: what a step costs under each feed, on the three backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Goal
from w1 import Data, cut

TITLE = "fit"
ABOUT = """A model with two inputs (10 and 20 float32) and two outputs, one Dense layer of 16 between, batches of 32, {rows:,} rows;
CPU time of `fit` for one step, of all threads, the beginning and the end of `fit` shared out over 1024 steps or more. The limit is the
same batch again and again, as the backend likes it best. With several steps at once the model was compiled with that
`steps_per_execution`; on JAX plait then has `fuse_steps=True`."""
SIZES = {
    "check": {"rows": 35_000, "many": 0},
    "tiny": {"rows": 60_000, "many": 0},
    "small": {"rows": 200_000, "many": 0},
    "full": {"rows": 1_000_000, "many": 0},
}
GROUPS = {
    "jax": {"KERAS_BACKEND": "jax"},
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "torch": {"KERAS_BACKEND": "torch"},
}
AT_ONCE, STEPS, BATCH = 16, 1024, 32
CASES = {
    "JAX": Case({}, multiple=STEPS, least=0.3, groups=("jax",)),
    f"JAX, {AT_ONCE} at once": Case({"at_once": AT_ONCE}, multiple=STEPS, least=0.3, groups=("jax",)),
    "TensorFlow": Case({}, multiple=STEPS, least=0.3, groups=("tensorflow",)),
    f"TensorFlow, {AT_ONCE} at once": Case({"at_once": AT_ONCE}, multiple=STEPS, least=0.3, groups=("tensorflow",)),
    "torch": Case({}, multiple=STEPS, least=0.3, groups=("torch",)),
}
GENERATOR, PY_DATASET = "generator, x[rows]", "Keras PyDataset"
made = Data
GOALS = (
    Goal("JAX", 1.05, (LIMIT,)),
    Goal("TensorFlow", 1.05, (LIMIT,)),
    Goal(f"JAX, {AT_ONCE} at once", 6, (GENERATOR,), sooner=True, to_case="JAX"),
    Goal(f"TensorFlow, {AT_ONCE} at once", 3, (GENERATOR,), sooner=True, to_case="TensorFlow"),
)
WHY = """The limit is a batch that is there already, in arrays of the backend's own. Every feed hands over
arrays that the backend has not seen before, which the limit does not; how much of the rest that is was not measured apart."""

Feed = Callable[[int], dict[str, Any]]  # steps -> what `fit` is given


def candidates(group: str) -> dict[str, Candidate]:
    feeds: dict[str, Callable[..., Feed]] = {
        LIMIT: _same,
        OURS: _loader,
        GENERATOR: _generator,
        PY_DATASET: _py_dataset,
        "arrays": _arrays,
        **({"tf.data, indices and tf.gather": _gather} if group == "tensorflow" else {}),
        **({"torch DataLoader, batch sampler": _batch_sampler} if group == "torch" else {}),
    }
    return {name: Candidate(steps=lambda data, feed=feed, **given: _fitting(feed, data, **given)) for name, feed in feeds.items()}


def _fitting(make: Callable[..., Feed], data: Data, at_once: int = 1) -> Callable[[int], None]:
    import keras

    x1, x2 = keras.Input((10,), name="x1"), keras.Input((20,), name="x2")
    both = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()([x1, x2]))
    outputs = {name: keras.layers.Dense(units, name=name)(both) for name, units in (("y1", 10), ("y2", 1))}
    model = keras.Model({"x1": x1, "x2": x2}, outputs)
    losses = {"y1": keras.losses.SparseCategoricalCrossentropy(from_logits=True), "y2": "mse"}
    model.compile(keras.optimizers.SGD(1e-9), loss=losses, steps_per_execution=at_once)
    feed = make(data, at_once)

    def steps(wanted: int) -> None:
        for _ in range(max(1, wanted // STEPS)):
            model.fit(**feed(STEPS), epochs=1, verbose=0)

    return steps


def _batch(data: Data) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    rows = np.arange(BATCH)
    return cut(data.columns, "x", rows), cut(data.columns, "y", rows)


def _same(data: Data, at_once: int) -> Feed:
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter

    class Same(DataAdapter):
        """One batch, made once, as the backend's own tensors."""

        batch_size, has_partial_batch, partial_batch_size, num_batches = BATCH, False, None, 0

        def __init__(self, steps: int) -> None:
            self.num_batches = steps

        def get_numpy_iterator(self) -> Any:
            return [_batch(data)] * self.num_batches

        def get_jax_iterator(self) -> Any:
            import jax

            return [jax.device_put(_batch(data))] * self.num_batches

        def get_tf_dataset(self) -> Any:
            import tensorflow as tf

            return tf.data.Dataset.from_tensors(_batch(data)).repeat(self.num_batches)

        def get_torch_dataloader(self) -> Any:
            import torch

            batch = tuple({name: torch.from_numpy(column) for name, column in part.items()} for part in _batch(data))
            return [batch] * self.num_batches

    return lambda steps: {"x": Same(steps)}


def _loader(data: Data, at_once: int) -> Feed:
    import keras

    import plait

    source, seeds = plait.Arrays(data.columns), count()
    dataset = plait.Dataset(inputs={n: source[n] for n in ("x1", "x2")}, targets={n: source[n] for n in ("y1", "y2")})
    fused = {"fuse_steps": True} if at_once > 1 and keras.backend.backend() == "jax" else {}
    loaders: dict[int, Any] = {}

    def feed(steps: int) -> dict[str, Any]:
        if steps not in loaders:
            loaders[steps] = plait.Loader(dataset, BATCH, seed=next(seeds), steps=steps, **fused)
        return {"x": loaders[steps]}

    return feed


def _generator(data: Data, at_once: int) -> Feed:
    def batches() -> Iterator[Any]:
        while True:
            order = np.random.permutation(len(data.columns["y2"]))
            for start in range(0, len(order) - BATCH + 1, BATCH):
                chosen = order[start : start + BATCH]
                yield cut(data.columns, "x", chosen), cut(data.columns, "y", chosen)

    endless = batches()
    return lambda steps: {"x": endless, "steps_per_epoch": steps}


def _py_dataset(data: Data, at_once: int) -> Feed:
    import keras

    class Batches(keras.utils.PyDataset):
        def __init__(self, steps: int) -> None:
            super().__init__()
            self.steps, self.order = steps, np.random.permutation(len(data.columns["y2"]))

        def __len__(self) -> int:
            return self.steps

        def __getitem__(self, index: int) -> Any:
            start = index * BATCH % (len(self.order) - BATCH + 1)
            chosen = self.order[start : start + BATCH]
            return cut(data.columns, "x", chosen), cut(data.columns, "y", chosen)

    return lambda steps: {"x": Batches(steps)}


def _arrays(data: Data, at_once: int) -> Feed:
    """Of as many rows as the steps need, since `fit` on arrays has no shorter epochs."""

    def feed(steps: int) -> dict[str, Any]:
        rows = slice(0, steps * BATCH)
        x, y = ({name: column[rows] for name, column in data.columns.items() if name[0] == first} for first in "xy")
        return {"x": x, "y": y, "batch_size": BATCH}

    return feed


def _gather(data: Data, at_once: int) -> Feed:
    import tensorflow as tf

    held = {name: tf.constant(column) for name, column in data.columns.items()}
    rows = len(data.columns["y2"])

    def batch(chosen: Any) -> Any:
        found = {name: tf.gather(column, chosen) for name, column in held.items()}
        return {n: found[n] for n in ("x1", "x2")}, {n: found[n] for n in ("y1", "y2")}

    def feed(steps: int) -> dict[str, Any]:
        order = tf.data.Dataset.from_tensor_slices(tf.random.shuffle(tf.range(rows))[: steps * BATCH])
        return {"x": order.repeat().batch(BATCH, drop_remainder=True).map(batch).take(steps).prefetch(tf.data.AUTOTUNE)}

    return feed


def _batch_sampler(data: Data, at_once: int) -> Feed:
    import torch
    from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

    class Rows(Dataset):
        def __init__(self) -> None:
            self.tensors = {name: torch.from_numpy(column) for name, column in data.columns.items()}

        def __len__(self) -> int:
            return len(self.tensors["y2"])

        def __getitem__(self, chosen: Any) -> Any:
            found = {name: tensor[torch.as_tensor(chosen)] for name, tensor in self.tensors.items()}
            return {n: found[n] for n in ("x1", "x2")}, {n: found[n] for n in ("y1", "y2")}

    def feed(steps: int) -> dict[str, Any]:
        rows = Rows()
        order = BatchSampler(RandomSampler(rows, replacement=True, num_samples=steps * BATCH), BATCH, drop_last=True)
        return {"x": DataLoader(rows, batch_size=None, sampler=order)}

    return feed
