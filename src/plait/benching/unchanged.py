"""Train a model and leave it, and the process's random states, as they were."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from plait.randomness import random_states, restore_random_states

__all__ = ["unchanged"]


@contextmanager
def unchanged(model: Any, inputs: Any) -> Iterator[None]:
    """Put back weights, optimizer, metrics, history and random states when the block ends, however it ends.

    Args:
        model: Compiled; it is built on the inputs where it is not yet.
        inputs: Of one batch.
    """
    states = random_states()
    if not model.built:
        model(inputs)
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    variables = {id(v): v for v in [*model.variables, *model.optimizer.variables, *model.metrics_variables]}
    saved = {number: np.array(keras.ops.convert_to_numpy(v.value)) for number, v in variables.items()}  # copied: a view would change
    history, stop = getattr(model, "history", None), getattr(model, "stop_training", False)
    try:
        yield
    finally:
        model.reset_metrics()  # those that came with the first batch
        for number, variable in variables.items():
            variable.assign(saved[number])
        model.history, model.stop_training = history, stop
        restore_random_states(states)
