"""Go on where a killed run stopped: weights, optimizer, random state and the loader's one integer, saved together."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

import keras
import numpy as np

import plait
from plait.counters import Counters
from plait.errors import ArgumentError, ResumeError
from plait.loader import Loader
from plait.order import ORDER_VERSION
from plait.pairs import read_pair, write_pair
from plait.randomness import random_states, restore_random_states
from plait.sketch import different_values, sketch
from plait.visible import printable

__all__ = ["Resume"]

_MOST_STEPS = 2**53


class Resume(keras.callbacks.Callback):
    """A callback that saves a run and, when `fit` begins, goes on from what was saved.

    `path` is a small JSON file: the loader's step, what the data were, the bad samples so far. Beside it lies one file of arrays without
    pickle: the variables of the model (random seeds among them) and of the optimizer. The JSON names the arrays that belong to it and is
    replaced last, in one atomic step, and the pair before it is kept; so a kill or a power cut at any moment leaves a whole pair, and a
    damaged one is noticed and passed over. A run that has reached `epochs` trains no further; delete the files to begin anew.

    Args:
        loader: The one that `fit` is given.
        path: Of the JSON file; folders are made.
        every: Batches between saves; at the end of every epoch when left out. SIGTERM saves after the running batch and ends the run.
        elastic: Go on also with another number of shards, as long as batch_size * count, the samples of a global batch, stays what it
            was: the global batches are the same, in the same order. `path` is one for all shards, which must all see it; the first
            shard writes it.

    Raises:
        ResumeError: When `fit` begins: the saved run is of other data, another order, or another model; the differences are shown. Or no
            pair is whole. While it trains: a save does not fit on the disk; the one before it is whole, and the same script goes on from
            there once there is room.
    """

    def __init__(self, loader: Loader, path: str | os.PathLike[str], *, every: int | None = None, elastic: bool = False) -> None:
        super().__init__()
        if not isinstance(loader, Loader):
            raise ArgumentError(f"Resume takes the plait.Loader that fit is given, not a {type(loader).__name__}.")
        if every is not None and (not isinstance(every, (int, np.integer)) or isinstance(every, bool) or every < 1):
            raise ArgumentError(f"every={every}: a number of batches, at least 1; leave it out to save once an epoch.")
        self.loader, self.path, self.every, self.elastic = loader, os.fspath(path), every, elastic
        self._begin = 0  # step at which the running epoch began
        self._metrics: list[np.ndarray] = []  # of the epoch that goes on
        self._terminated = False
        self._handler: Any = None
        self._sketch: dict[str, list[object]] = {}  # of the data
        self._counters = Counters(None, self)  # of the other callbacks

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restore what was saved, if anything was."""
        self._terminated = False
        self._sketch = sketch(self.loader.data)
        self._counters = Counters(sys._getframe(1).f_locals.get("self"), self)
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._on_signal)
        try:
            self._restore()
        except BaseException:
            self.on_train_end()
            raise

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Give the signal back."""
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note where the epoch begins; put back the metrics of one that goes on."""
        self._begin = self.loader.step
        self._counters.begin()
        if self._metrics:
            model: Any = self.model
            variables = list(model.metrics_variables)
            if [v.shape for v in variables] == [m.shape for m in self._metrics]:
                for variable, value in zip(variables, self._metrics, strict=True):
                    variable.assign(value)
            self._metrics = []

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count, and save when it is time."""
        if not self.loader.feeding:
            self.on_train_end()
            raise ArgumentError(
                "Resume was given a Loader that does not feed this fit, so the step that it saves would mean nothing. Write "
                "model.fit(loader, callbacks=[plait.Resume(loader, path)])."
            )
        end = (self._begin // len(self.loader) + 1) * len(self.loader)
        before, step = self.loader.step, min(self._begin + batch + 1, end)  # the last call of an epoch may have fewer steps than it says
        self.loader.mark(step)
        if self._terminated or (self.every is not None and step // self.every > before // self.every):
            self._save()
        self._end_if_terminated()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save the finished epoch."""
        self._save(finished=True)
        self._end_if_terminated()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True
        if not self._fits(frame):  # `fit` ended by an exception, of which Keras tells no callback
            self._end_if_terminated()

    def _fits(self, frame: FrameType | None) -> bool:
        while frame is not None:
            if frame.f_code.co_name == "fit" and frame.f_locals.get("self") is self._model:
                return True
            frame = frame.f_back
        return False

    def _end_if_terminated(self) -> None:
        if self._terminated:
            self.on_train_end()
            signal.raise_signal(signal.SIGTERM)

    def _save(self, *, finished: bool = False) -> None:
        if self.elastic and self.loader.layout["shard"][0] != 0:  # type: ignore[index]
            return
        model: Any = self.model  # on JAX this brings the variables up to date
        step = self.loader.step
        groups = {
            "model": _values(model.variables),
            "optimizer": _values(model.optimizer.variables),
            "metrics": [] if finished or step % len(self.loader) == 0 else _values(model.metrics_variables),
        }
        flat = {f"{group}.{i}": _storable(value) for group, values in groups.items() for i, value in enumerate(values)}
        flat |= {f"random.{name}": value for name, value in random_states().items()}
        counters, counted = self._counters.state()
        flat |= {name: _storable(value) for name, value in counted.items()}
        state = {
            "plait": plait.__version__,
            "keras": keras.__version__,
            "step": step,
            "epoch": step // len(self.loader),
            "dtypes": {group: [str(v.dtype) for v in values] for group, values in groups.items()},
            "order": order_of(self.loader),
            "values": self._sketch,
            "callbacks": counters,
            **self.loader.known(step),
        }
        write_pair(self.path, state, flat, name=f"{step}.end" if finished else str(step))

    def _restore(self) -> None:
        found = read_pair(self.path)
        if found is None:
            return
        state, arrays, damaged = found
        with self._refusing():
            groups, random = _saved_values(state, arrays)
            self._check_order(state)
        model: Any = self.model
        if not model.built:
            model(self.loader.batch(0)[0])
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        variables = {"model": model.variables, "optimizer": model.optimizer.variables}
        for group, theirs in variables.items():
            self._check_variables(group, theirs, groups[group])
        with self._refusing():
            restore_random_states(random)
            self.loader.step = state["step"]  # which forgets what was handed out
            self.loader.restore(state)
            self._counters.restore(state["callbacks"], arrays, _loaded)
        for group, theirs in variables.items():
            for variable, value in zip(theirs, groups[group], strict=True):
                variable.assign(value)
        self._metrics = groups["metrics"]
        if damaged:
            print(f"Resume: {damaged}; the pair before it is whole and is used.")
        done, epochs = state["step"] // len(self.loader), (self.params or {}).get("epochs", math.inf)
        found = f"goes on after {state['step']} batches, in epoch {done + 1}"
        if done >= epochs:
            found = f"is finished: {state['step']} batches, {done} epochs; more are trained with fit(epochs={done + 1})"
        print(f"Resume: {self.path} {found}; delete it and {printable(state['arrays'])} to begin anew.")
        model._initial_epoch = done  # as keras.callbacks.BackupAndRestore does

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """What cannot be understood is a file that somebody changed, digest and all."""
        try:
            yield
        except ResumeError:
            raise
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, RuntimeError) as error:
            raise ResumeError(
                f"{self.path!r} is no run that plait saved: {type(error).__name__}: {str(error)[:200]}. Restore the file, or delete it to "
                "begin anew."
            ) from error

    def _check_order(self, state: Mapping[str, Any]) -> None:
        saved, here = state["order"], order_of(self.loader)
        shared = [_of_all_shards(order, sharded=saved["shard"] != here["shard"]) for order in (saved, here)]
        if self.elastic:
            saved, here = shared
        different = [*_differences(saved, here), *different_values(state["values"], self._sketch)]
        if not different:
            return
        hint = ""
        if not self.elastic and not _differences(*shared) and _differences(saved, here):
            hint = " The global batches are the same: plait.Resume(..., elastic=True) goes on with another number of shards."
        raise ResumeError(
            f"{self.path!r} was saved by a run (plait {state.get('plait')}, keras {state.get('keras')}) with another order of samples: "
            f"{'; '.join(different)}. Set the loader up as it was, or delete the file to begin anew.{hint}"
        )

    def _check_variables(self, group: str, variables: Sequence[Any], saved: Sequence[np.ndarray]) -> None:
        looks = [_look(value.shape, str(value.dtype)) for value in saved]
        theirs = [_look(v.shape, keras.backend.standardize_dtype(v.value.dtype)) for v in variables]
        if looks != theirs:
            at = next((i for i, (a, b) in enumerate(zip(looks, theirs, strict=False)) if a != b), min(len(looks), len(theirs)))
            what = variables[at].path if at < len(theirs) else f"variable {at}"
            raise ResumeError(
                f"{self.path!r} was saved by another model: {len(looks)} {group} variables there and {len(theirs)} here, first different "
                f"at {what!r}. Build the model as it was, or delete the file to begin anew."
            )


def _look(shape: Sequence[int], dtype: str) -> tuple[tuple[int, ...], str]:
    """Shape and dtype; integers are counters and seeds, of which backends have their own widths."""
    return tuple(shape), "integer" if "int" in dtype else dtype


def _saved_values(state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, list[np.ndarray]], dict[str, np.ndarray]]:
    """The variables by group, and the random states.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: The file is not as it was saved.
    """
    step, dtypes, order = state["step"], state["dtypes"], state["order"]
    counts = [step, order["batch_size"], *order["shard"]]
    if any(not isinstance(count, int) or isinstance(count, bool) or not 0 <= count < _MOST_STEPS for count in counts):
        raise ValueError(f"step, batch_size and shard are {str(counts)[:80]}")
    groups = {
        group: [_loaded(arrays[f"{group}.{i}"], dtype) for i, dtype in enumerate(dtypes[group])]
        for group in ("model", "optimizer", "metrics")
    }
    return groups, {name.removeprefix("random."): value for name, value in arrays.items() if name.startswith("random.")}


def order_of(loader: Loader) -> dict[str, object]:
    """What decides which samples a step holds, and what they are made into: a saved step means nothing where one of these differs."""
    data = loader.data
    known: dict[str, object] = {
        "order_version": ORDER_VERSION,
        "inputs": {name: str(spec) for name, spec in sorted(data.inputs.items())},
        "targets": {name: str(spec) for name, spec in sorted(data.targets.items())},
        "data_steps": [f"{step.name} on {', '.join(step.on)}{' at random' * step.random}" for step in data.steps],
        "seed": loader.seed,
        **loader.layout,
    }
    if data.endless:
        return {"samples": "without end", "keys": sorted({data.origin(name).source.label for name in data.spec}), **known}
    with np.errstate(over="ignore"):
        places = np.arange(1, len(data) + 1, dtype=np.uint64)
        keys = int((data.keys.hashes() * (2 * places + np.uint64(1))).sum(dtype=np.uint64))
    return {"samples": len(data), "keys": f"{keys:016x}", **known}


def _of_all_shards(order: Mapping[str, Any], *, sharded: bool) -> dict[str, object]:
    """The same without what may change between shards that share global batches: how many there are, and how large the part of each is."""
    shared = {name: value for name, value in order.items() if name not in ("batch_size", "shard")}
    shared["global_batch"] = order["batch_size"] * order["shard"][1]
    if sharded and order["remainder"] == "pad":
        shared["remainder"] = "keep"  # padding has weight 0: the same samples, the same loss
    return shared


def _differences(saved: Mapping[str, object], here: Mapping[str, object]) -> list[str]:
    names = [name for name in {**saved, **here} if saved.get(name) != here.get(name)]
    return [f"{name} was {saved.get(name)!r} and is {here.get(name)!r}" for name in names]


def _values(variables: Sequence[Any]) -> list[np.ndarray]:
    return [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in variables]


def _storable(value: np.ndarray) -> np.ndarray:
    """bfloat16 and its like are no NumPy dtypes of its own: stored as their bits."""
    return value if value.dtype.kind in "biuf" else value.view(np.dtype(f"u{value.dtype.itemsize}"))


def _loaded(value: np.ndarray, dtype: str) -> np.ndarray:
    if value.dtype == dtype:
        return value
    import ml_dtypes

    stored = np.dtype(getattr(ml_dtypes, dtype))
    if value.dtype != f"u{stored.itemsize}":
        raise ValueError(f"{dtype} is stored as {value.dtype}")
    return value.view(stored)
