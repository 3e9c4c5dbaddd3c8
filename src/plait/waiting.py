"""How long a model waits for its batches."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Any, TypeVar

__all__ = ["Clock"]

T = TypeVar("T")


class Clock:
    """Seconds between asking for a batch and having it, summed up; for one reader at a time."""

    def __init__(self) -> None:
        self.watching = False  # whether anybody has asked for a batch
        self._seconds = 0.0
        self._variable: Any = None  # what TensorFlow adds its seconds to

    @property
    def seconds(self) -> float:
        """Waited until now."""
        return self._seconds + (0.0 if self._variable is None else float(self._variable.numpy()))

    def watch(self, batches: Iterator[T]) -> Iterator[T]:
        """The same batches, the waiting for each counted."""
        self.watching = True
        while True:
            start = perf_counter()
            try:
                batch = [next(batches)]
            except StopIteration:
                return
            finally:
                self._seconds += perf_counter() - start
            yield batch.pop()  # not kept here: its memory is free when the reader is done with it

    def watch_tf(self, dataset: Any) -> Any:
        """The same `tf.data.Dataset`, the waiting counted inside TensorFlow, where the model asks for its batches.

        `zip` takes its parts one after the other: a time, a batch, a time.
        """
        import tensorflow as tf

        self.watching = True
        with tf.device("CPU:0"):
            self._variable = total = tf.Variable(tf.constant(self.seconds, tf.float64), trainable=False)
        self._seconds = 0.0

        def batch_of(before: Any, batch: Any, after: Any) -> Any:
            total.assign_add(after - before)
            return batch

        times = tf.data.Dataset.range(2**62).map(lambda _: tf.timestamp())
        timed = tf.data.Dataset.zip(times, dataset, times).map(batch_of)
        options = tf.data.Options()
        options.experimental_optimization.map_parallelization = False
        options.experimental_optimization.inject_prefetch = False
        return timed.with_options(options)
