"""Several training steps on JAX as one compiled loop, where that gives the same bits as one step after the other."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, NamedTuple

import keras

from plait.frameworks import equal_stacks

__all__ = ["Fused", "Steps", "fuse", "grouped", "obstacle"]


class Steps(NamedTuple):
    """Batches for as many steps.

    Args:
        batches: As Keras takes one, in arrays of (steps, samples, ...).
    """

    batches: Any


def grouped(batches: Iterator[Any], steps: int) -> Iterator[Any]:
    """So many batches at once as `Steps`; one by one where fewer are left, or one of them has another size."""
    while group := list(islice(batches, steps)):
        stacks = list(equal_stacks(group))
        yield from [Steps(stacks[0])] if len(stacks) == 1 and len(group) == steps else group


def obstacle(model: Any, *, varying: bool) -> str | None:
    """Why the steps of this model are not fused; None where they are.

    Args:
        model: Compiled.
        varying: Whether batches differ in shape.
    """
    if keras.backend.backend() != "jax":
        return f"it is for JAX, and Keras runs on {keras.backend.backend()}"
    import jax

    plain = keras.Model.train_step
    reasons = {
        "compile the model with steps_per_execution=32, which says how many steps": not _several(model),
        "the model was compiled with run_eagerly=True or jit_compile=False": model.run_eagerly or not model.jit_compile,
        f"{type(model).__name__} has a train_step of its own": getattr(type(model), "train_step", None) is not plain,
        "a keras.distribution is set": keras.distribution.distribution() is not None,
        "several processes train together": jax.process_count() > 1,
        "Keras runs with NNX": getattr(keras.config, "is_nnx_enabled", bool)(),
        "batches of buckets differ in shape": varying,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def fuse(model: Any) -> None:
    """Let `fit` run `Steps` in one call. What it is fed otherwise, it trains on as before; `compile` undoes it."""
    if not isinstance(model.train_function, Fused):
        model.train_function = Fused(model.train_step, model.train_function)


class Fused:
    """The train function of a model, for `Steps` and for batches.

    The first time it sees `Steps` of a shape it runs them both ways, from copies of one state. If a single bit of weights, optimizer,
    metrics, random seeds or logs differs, it says so and takes steps of that shape one by one from then on.

    Args:
        step: (state, batch) -> (logs, state), without side effects.
        plain: What Keras made of it: (state, iterator of batches) -> (logs, state), for `steps_per_execution` steps.
    """

    def __init__(self, step: Callable[[Any, Any], tuple[Any, Any]], plain: Callable[[Any, Iterator[Any]], tuple[Any, Any]]) -> None:
        self._plain, self._loop = plain, _loop(step)
        self._same: dict[tuple[object, ...], bool] = {}  # shapes and dtypes -> whether both ways gave the same bits

    def __call__(self, state: Any, iterator: Iterator[Any]) -> tuple[Any, Any]:
        """Logs of the last step, and the state after it."""
        data = next(iterator)
        if not isinstance(data, Steps):
            return self._plain(state, chain([data], iterator))
        kind = tuple((leaf.shape, str(leaf.dtype)) for leaf in keras.tree.flatten(data.batches))
        if kind not in self._same:
            return self._compared(state, data.batches, kind)
        return self._loop(state, data.batches) if self._same[kind] else self._plain(state, _apart(data.batches))

    def _compared(self, state: Any, batches: Any, kind: tuple[object, ...]) -> tuple[Any, Any]:
        import jax

        other = jax.tree.map(lambda leaf: leaf.copy(), state)  # both give the state's memory away
        plain = self._plain(state, _apart(batches))
        self._same[kind] = _same_bits(plain, self._loop(other, batches))
        if not self._same[kind]:
            warnings.warn(
                "fuse_steps=True, but steps are taken one by one: as one loop they gave other bits for this model on this machine.",
                stacklevel=2,
            )
        return plain


def _loop(step: Callable[[Any, Any], tuple[Any, Any]]) -> Callable[[Any, Any], tuple[Any, Any]]:
    import jax

    def loop(state: Any, batches: Any) -> tuple[Any, Any]:
        structure = jax.tree.structure(state)

        def body(before: Any, batch: Any) -> tuple[Any, Any]:
            logs, after = step(before, batch)
            return jax.tree.unflatten(structure, jax.tree.leaves(after)), logs

        state, logs = jax.lax.scan(body, state, batches)
        return jax.tree.map(lambda of_steps: of_steps[-1], logs), state

    return jax.jit(loop, donate_argnums=0)


def _several(model: Any) -> bool:
    return isinstance(model.steps_per_execution, int) and model.steps_per_execution > 1


def _apart(batches: Any) -> Iterator[Any]:
    steps = len(keras.tree.flatten(batches)[0])
    return (keras.tree.map_structure(lambda leaf, step=step: leaf[step], batches) for step in range(steps))


def _same_bits(one: Any, other: Any) -> bool:
    import jax

    pairs = zip(jax.tree.leaves(jax.device_get(one)), jax.tree.leaves(jax.device_get(other)), strict=True)
    return all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs)
