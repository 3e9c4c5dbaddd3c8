"""Go on where a killed run stopped: weights, optimizer, random state and the loader's one integer, saved together."""

from __future__ import annotations

import glob
import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from types import FrameType
from typing import Any

import keras
import numpy as np

import plait
from plait.errors import ArgumentError, ResumeError
from plait.loader import Loader
from plait.randomness import random_states, restore_random_states

__all__ = ["Resume"]

_FORMAT = 1


class Resume(keras.callbacks.Callback):
    """A callback that saves a run and, when `fit` begins, goes on from what was saved.

    `path` is a small JSON file: the loader's step and what the data were. Beside it lies one file of arrays without pickle: the
    variables of the model (random seeds among them) and of the optimizer. The JSON names the arrays that belong to it and is replaced
    last, in one atomic step, so a kill at any moment leaves the last whole pair. A run that has reached `epochs` trains no further;
    delete the file to begin anew.

    Args:
        loader: The one that `fit` is given.
        path: Of the JSON file; folders are made.
        every: Batches between saves; at the end of every epoch when left out. SIGTERM saves after the running batch and ends the run.

    Raises:
        ResumeError: When `fit` begins: the saved run is of other data, another order, or another model; the differences are shown.
    """

    def __init__(self, loader: Loader, path: str | os.PathLike[str], *, every: int | None = None) -> None:
        super().__init__()
        if not isinstance(loader, Loader):
            raise ArgumentError(f"Resume takes the plait.Loader that fit is given, not a {type(loader).__name__}.")
        if every is not None and every < 1:
            raise ArgumentError(f"every={every}: a number of batches, at least 1; leave it out to save once an epoch.")
        self.loader, self.path, self.every = loader, os.fspath(path), every
        self._begin = 0  # step at which the running epoch began
        self._metrics: list[np.ndarray] = []  # of the epoch that goes on
        self._terminated = False
        self._handler: Any = None

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Restore what was saved, if anything was."""
        self._terminated = False
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.signal(signal.SIGTERM, self._on_signal)
        if os.path.exists(self.path):
            self._restore()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Give the signal back."""
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note where the epoch begins; put back the metrics of one that goes on."""
        self._begin = self.loader.step
        if self._metrics:
            model: Any = self.model
            variables = list(model.metrics_variables)
            if [v.shape for v in variables] == [m.shape for m in self._metrics]:
                for variable, value in zip(variables, self._metrics, strict=True):
                    variable.assign(value)
            self._metrics = []

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Count, and save when it is time."""
        end = (self._begin // len(self.loader) + 1) * len(self.loader)
        before, step = self.loader.step, min(self._begin + batch + 1, end)  # the last call of an epoch may have fewer steps than it says
        self.loader.mark(step)
        if self._terminated or (self.every is not None and step // self.every > before // self.every):
            self._save()
        if self._terminated:
            self.on_train_end()
            signal.raise_signal(signal.SIGTERM)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Save the finished epoch."""
        self._save(finished=True)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._terminated = True

    def _save(self, *, finished: bool = False) -> None:
        model: Any = self.model  # on JAX this brings the variables up to date
        step = self.loader.step
        groups = {
            "model": _values(model.variables),
            "optimizer": _values(model.optimizer.variables),
            "metrics": [] if finished or step % len(self.loader) == 0 else _values(model.metrics_variables),
        }
        folder, name = os.path.split(os.path.abspath(self.path))
        os.makedirs(folder, exist_ok=True)
        arrays = f"{name}.{step}.npz"
        flat = {f"{group}.{i}": _storable(value) for group, values in groups.items() for i, value in enumerate(values)}
        flat |= {f"random.{name}": value for name, value in random_states().items()}
        _replace(os.path.join(folder, arrays), lambda file: np.savez(file, allow_pickle=False, **flat))
        state = {
            "format": _FORMAT,
            "plait": plait.__version__,
            "keras": keras.__version__,
            "step": step,
            "epoch": step // len(self.loader),
            "arrays": arrays,
            "dtypes": {group: [str(v.dtype) for v in values] for group, values in groups.items()},
            "order": order_of(self.loader),
            **self.loader.known(step),
        }
        _replace(self.path, lambda file: file.write(json.dumps(state, indent=1).encode()))
        for old in glob.glob(os.path.join(glob.escape(folder), f"{glob.escape(name)}.*.npz")):
            if os.path.basename(old) != arrays:
                os.remove(old)

    def _restore(self) -> None:
        with open(self.path, encoding="utf-8") as file:
            try:
                state = json.load(file)
                saved_order, arrays, dtypes = state["order"], state["arrays"], state["dtypes"]
            except (ValueError, KeyError, TypeError) as error:
                raise ResumeError(f"{self.path!r} is no run that plait saved: {error}. Name another file, or delete it.") from error
        different = _differences(saved_order, order_of(self.loader))
        if different:
            raise ResumeError(
                f"{self.path!r} was saved by a run with another order of samples: {'; '.join(different)}. Set the loader up as it was, or "
                "delete the file to begin anew."
            )
        folder = os.path.dirname(os.path.abspath(self.path))
        model: Any = self.model
        if not model.built:
            model(self.loader.batch(0)[0])
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        with np.load(os.path.join(folder, os.path.basename(arrays)), allow_pickle=False) as file:
            self._assign("model", model.variables, file, dtypes["model"])
            self._assign("optimizer", model.optimizer.variables, file, dtypes["optimizer"])
            self._metrics = [_loaded(file[f"metrics.{i}"], dtype) for i, dtype in enumerate(dtypes["metrics"])]
            restore_random_states({name.removeprefix("random."): file[name] for name in file.files if name.startswith("random.")})
        self.loader.step = state["step"]
        self.loader.restore(state)
        print(
            f"Resume: {self.path} goes on after {state['step']} batches, in epoch {state['step'] // len(self.loader) + 1}; "
            f"delete it and {arrays} to begin anew."
        )
        model._initial_epoch = state["step"] // len(self.loader)  # as keras.callbacks.BackupAndRestore does

    def _assign(self, group: str, variables: Sequence[Any], file: Mapping[str, np.ndarray], dtypes: Sequence[str]) -> None:
        shapes = [tuple(file[f"{group}.{i}"].shape) for i in range(len(dtypes))]
        theirs = [tuple(v.shape) for v in variables]
        if shapes != theirs:
            at = next((i for i, (a, b) in enumerate(zip(shapes, theirs, strict=False)) if a != b), min(len(shapes), len(theirs)))
            what = variables[at].path if at < len(theirs) else f"variable {at}"
            raise ResumeError(
                f"{self.path!r} was saved by another model: {len(shapes)} {group} variables there and {len(theirs)} here, first different "
                f"at {what!r}. Build the model as it was, or delete the file to begin anew."
            )
        for i, variable in enumerate(variables):
            variable.assign(_loaded(file[f"{group}.{i}"], dtypes[i]))


def order_of(loader: Loader) -> dict[str, object]:
    """What decides which samples a step holds: a saved step means nothing where one of these differs."""
    data = loader.data
    roles: dict[str, object] = {"inputs": sorted(data.inputs), "targets": sorted(data.targets)}
    if data.endless:
        sources = sorted({data.origin(name).source.label for name in data.spec})
        return {"samples": "without end", "keys": sources, **roles, "seed": loader.seed, **loader.layout}
    with np.errstate(over="ignore"):
        places = np.arange(1, len(data) + 1, dtype=np.uint64)
        keys = int((data.keys.hashes() * (2 * places + np.uint64(1))).sum(dtype=np.uint64))
    return {
        "samples": len(data),
        "keys": f"{keys:016x}",
        **roles,
        "seed": loader.seed,
        **loader.layout,
    }


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

    return value.view(np.dtype(getattr(ml_dtypes, dtype)))


def _replace(path: str, write: Any) -> None:
    """Write a file so that its name holds either the old or the whole new contents."""
    partial = f"{path}.partial"
    with open(partial, "wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
