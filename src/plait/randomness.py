"""The global random states of a process: Python's, NumPy's, Keras's and PyTorch's, as arrays."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

__all__ = ["random_states", "restore_random_states", "seeded"]


def random_states() -> dict[str, np.ndarray]:
    """What the next global random numbers depend on; plait itself uses none of them, layers and users' code may.

    Looking changes nothing: a generator that was not made yet (Keras makes its own when it is first asked, from Python's) is not made.
    """
    version, words, spare = random.getstate()
    _, key, position, has_gauss, gauss = np.random.get_state(legacy=True)  # type: ignore[misc]
    states = {
        "python": np.array([version, *words], np.int64),
        "python.spare": np.array([np.nan if spare is None else spare]),
        "numpy.key": np.asarray(key),
        "numpy.rest": np.array([position, has_gauss, gauss], np.float64),
    }
    known, seeds = _keras()
    generator = None if known is None else known.get_global_attribute(seeds.GLOBAL_SEED_GENERATOR)
    if generator is not None:
        states["keras"] = np.asarray(keras.ops.convert_to_numpy(generator.state.value))
    torch = _torch()
    if torch is not None:
        states["torch"] = torch.get_rng_state().numpy()
        for device in range(torch.cuda.device_count()):
            states[f"torch.cuda.{device}"] = torch.cuda.get_rng_state(device).numpy()
    return states


def restore_random_states(states: Mapping[str, np.ndarray]) -> None:
    """Put back what `random_states` returned; states of libraries that are not in use here are passed over."""
    known, seeds = _keras()
    if known is not None and "keras" in states:
        seeds.global_seed_generator().state.assign(states["keras"])  # made here, if it must be, before Python's state is put back
    elif known is not None:
        known.set_global_attribute(seeds.GLOBAL_SEED_GENERATOR, None)
    version, *words = (int(word) for word in states["python"])
    spare = float(states["python.spare"][0])
    random.setstate((version, tuple(words), None if np.isnan(spare) else spare))
    position, has_gauss, gauss = states["numpy.rest"]
    np.random.set_state(("MT19937", states["numpy.key"], int(position), int(has_gauss), float(gauss)))
    torch = _torch()
    if torch is not None and "torch" in states:
        torch.set_rng_state(torch.from_numpy(states["torch"].copy()))
        for device in range(torch.cuda.device_count()):
            if f"torch.cuda.{device}" in states:
                torch.cuda.set_rng_state(torch.from_numpy(states[f"torch.cuda.{device}"].copy()), device)


def _keras() -> tuple[Any, Any]:
    """Keras's global state and the module of its generators, one of which layers use that are given no seed; neither is exported."""
    try:
        from keras.src.backend.common import global_state
        from keras.src.random import seed_generator
    except ImportError:
        return None, None
    return global_state, seed_generator


def _torch() -> Any:
    return sys.modules.get("torch") if keras.backend.backend() == "torch" else None


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within, layers that are given no seed draw theirs from this one; afterwards the global states are as they were."""
    states = random_states()
    random.seed(seed)  # initializers and dropout of Keras take their seeds from Python's generator when they are made
    try:
        yield
    finally:
        restore_random_states(states)
