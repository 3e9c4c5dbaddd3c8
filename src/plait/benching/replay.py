"""A perfect feed: batches that are there already, handed out again and again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from typing import Any

import keras

from plait.frameworks import Anew, torch_tensors

try:  # not exported by Keras; as in the loader
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter
except ImportError:
    DataAdapter = object  # type: ignore[assignment,misc]

__all__ = ["Replay"]


class Replay(keras.utils.PyDataset, DataAdapter):  # type: ignore[misc]
    """The same few batches for every step, each backend's in its own types.

    Args:
        batches: As Keras takes them.
        steps: Of an epoch.
    """

    def __init__(self, batches: Sequence[tuple[Any, ...]], steps: int) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.batches, self.steps = list(batches), steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        return self.batches[index % len(self.batches)]

    @property
    def num_batches(self) -> int:
        """For Keras."""
        return self.steps

    @property
    def has_partial_batch(self) -> bool:
        """For Keras."""
        return False

    @property
    def partial_batch_size(self) -> int | None:
        """For Keras."""
        return None

    def get_numpy_iterator(self) -> Any:
        """For Keras."""
        return Anew(lambda: islice(cycle(self.batches), self.steps))

    def get_jax_iterator(self) -> Any:
        """For Keras on JAX."""
        return self.get_numpy_iterator()

    def get_torch_dataloader(self) -> Any:
        """For Keras on PyTorch."""
        tensors = [torch_tensors(batch) for batch in self.batches]
        return Anew(lambda: islice(cycle(tensors), self.steps))

    def get_tf_dataset(self) -> Any:
        """For Keras on TensorFlow: the tensors themselves, none made anew."""
        import tensorflow as tf

        dataset = tf.data.Dataset.from_tensors(self.batches[0])
        for batch in self.batches[1:]:
            dataset = dataset.concatenate(tf.data.Dataset.from_tensors(batch))
        return dataset.repeat().take(self.steps).prefetch(2)
