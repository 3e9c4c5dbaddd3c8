"""From the samples of a batch to what Keras takes: dtypes, ranks, weights and containers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from plait.buffers import aligned_empty
from plait.contract import Contract, Port
from plait.dataset import Dataset
from plait.errors import SpecError
from plait.failures import Failure
from plait.order import Picks
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.whereabouts import say_where

__all__ = ["Batch", "Emission"]

_EXACT = 2**24  # integers up to here are exact in float32


class Batch(NamedTuple):
    """One batch in NumPy: name -> array, samples first; weights for every target; the samples that should be in it and failed."""

    inputs: dict[str, np.ndarray]
    targets: dict[str, np.ndarray]
    weights: dict[str, np.ndarray]
    failures: tuple[Failure, ...] = ()


class Emission:
    """How the streams of one data set become the batches of one model (or of any, without a contract).

    Floats become float32, 64-bit integers int32 (checked), scalars get the rank of the input or output they go to; every target that
    can have absent samples or padding has weights of the rank of its loss, scaled by samples / labelled samples so that the mean loss
    of a batch is that of its labelled samples; the rest of the targets then get ones.

    Args:
        data: What is read.
        contract: The model's structure; None where it has none.
        padded: Whether batches may hold padding, which has weight 0.
        slots: For evaluation, the samples of an epoch, padding included: weights are then scaled by slots / labelled samples of the
            whole data set, so that the mean over all batches is that over all labelled samples. By itself each batch has a scale of
            its own, so that every training step has the loss of its labelled samples.
    """

    def __init__(self, data: Dataset, contract: Contract | None, *, padded: bool, slots: int | None = None) -> None:
        self.data, self.contract = data, contract
        self.names = [*data.inputs, *data.targets, *(f"{name}.weight" for name in data.weights)]
        self.weighted = bool(data.targets) and (padded or bool(data.weights) or any(data.absent(name) is not None for name in data.targets))
        self._inputs, self._targets = tuple(data.inputs), tuple(data.targets)
        self._masked = {name: gone for name in data.targets if (gone := data.absent(name)) is not None}
        self._scales = {name: np.float32(slots / max(1, self._labelled(name))) for name in self._targets} if slots is not None else {}
        self._ranks = {name: self._loss_rank(name) for name in data.targets}
        self._ones: dict[int, dict[str, np.ndarray]] = {}
        for name, spec in {**data.inputs, **data.targets}.items():
            _check_feedable(name, spec)

    def arrays(self, values: Mapping[str, Array], rows: np.ndarray) -> dict[str, np.ndarray]:
        """Inputs and targets as they are fed: cast, checked, ranks matched.

        Raises:
            SpecError: NaN or infinity, an integer out of range, a label that the head has no output for; by stream and sample.
        """
        out = {}
        for name, array in values.items():
            if isinstance(array, Ragged):
                raise SpecError(f"Stream {name!r} is ragged and not padded. Write data.map(plait.Pad(20), on={name!r}).")
            try:
                out[name] = self._array(name, array, rows)
            except SpecError as error:
                say_where(error, "check", [name])
                raise
        return out

    def _array(self, name: str, array: np.ndarray, rows: np.ndarray) -> np.ndarray:
        target, port = name in self._targets, self._port(name)
        cast = _cast(array, port, target, lambda bad, what: self._error(name, rows, bad, what))
        self._check_finite(name, cast, rows)
        if target:
            self._check_labels(name, cast, port, rows)
        elif name not in self._inputs and (cast < 0).any():
            bad = np.asarray((cast < 0).reshape(len(cast), -1).any(axis=1))
            raise self._error(name, rows, bad, "is negative; a weight is 0 or more. Mend it in its source")
        return _ranked(cast, port)

    def batches(
        self, arrays: Mapping[str, np.ndarray], picks: Picks, *, lost: np.ndarray | None = None, makeup: np.ndarray | None = None
    ) -> list[Batch]:
        """Batches cut from cast arrays, which they share.

        Args:
            arrays: As `arrays` returns them.
            picks: The samples they hold.
            lost: (samples,) bool, those that are fillers and get weight 0.
            makeup: (batches,) float32, for evaluation: by how much the others of a batch weigh more instead.
        """
        weights = {name: self._weight(name, arrays, picks, lost, makeup) for name in self._targets} if self.weighted else {}
        slices = [slice(start, stop) for start, stop in itertools.pairwise(picks.cuts)]
        inputs, targets = ({name: arrays[name] for name in names} for names in (self._inputs, self._targets))
        ones = [{**self._all_one(part.stop - part.start)} for part in slices] if not weights else _cut(weights, slices)
        return list(map(Batch, _cut(inputs, slices), _cut(targets, slices), ones))

    def for_keras(self, batch: Batch) -> tuple[Any, ...]:
        """(x, y, sample_weight) in the containers that the model takes; shorter where there are no weights or targets."""
        bare = self.contract is not None and self.contract.bare and len(batch.inputs) == 1
        x: Any = next(iter(batch.inputs.values())) if bare else batch.inputs
        if not batch.targets:
            return (x,)
        single = self.contract is None or self.contract.container == "single"
        if len(batch.targets) == 1 and single:
            name = next(iter(batch.targets))
            return (x, batch.targets[name], batch.weights[name]) if self.weighted else (x, batch.targets[name])
        if not self.weighted:
            return x, batch.targets
        if self.contract is not None and self.contract.container == "list":
            ordered = tuple(batch.weights[port.name] for port in self.contract.outputs if port.name in batch.weights)
            return x, batch.targets, ordered
        return x, batch.targets, batch.weights

    def _port(self, name: str) -> Port | None:
        if self.contract is None:
            return None
        return self.contract.input(name) if name in self.data.inputs else self.contract.output(name)

    def _weight(
        self, name: str, arrays: Mapping[str, np.ndarray], picks: Picks, lost: np.ndarray | None, makeup: np.ndarray | None
    ) -> np.ndarray:
        """Weights of all the batches: 0 for padding and what is absent, the rest scaled as the class says."""
        given, gone, scale = arrays.get(f"{name}.weight"), self._masked.get(name), self._scales.get(name)
        rows, cuts = picks.rows, np.asarray(picks.cuts)
        weight = np.ones(len(rows), np.float32) if given is None else given.reshape(len(rows)).astype(np.float32)
        sizes = np.diff(cuts)
        counted = np.arange(len(rows)) - np.repeat(cuts[:-1], sizes) < np.repeat(picks.real, sizes)
        if gone is not None:
            counted &= ~gone[rows]
        if lost is not None:
            counted &= ~lost
        if scale is not None and makeup is not None:
            scale = scale * np.repeat(makeup, sizes)
        if scale is None:
            labelled = np.maximum(np.add.reduceat(counted, cuts[:-1], dtype=np.int64), 1)
            scale = np.repeat((sizes / labelled).astype(np.float32), sizes)
        weight = np.where(counted, weight * scale, np.float32(0))
        return weight.reshape(len(rows), *(1,) * (self._ranks[name] - 1))

    def _labelled(self, name: str) -> int:
        gone = self._masked.get(name)
        return len(self.data) if gone is None else int((~gone).sum())

    def _all_one(self, samples: int) -> dict[str, np.ndarray]:
        """Weights of 1 for every target, the same arrays for all batches of that size; they cannot be written to."""
        found = self._ones.get(samples)
        if found is None:
            found = self._ones[samples] = {n: np.ones((samples, *(1,) * (self._ranks[n] - 1)), np.float32) for n in self._targets}
            for ones in found.values():
                ones.flags.writeable = False
        return found

    def _loss_rank(self, name: str) -> int:
        """Axes of the unreduced loss, samples included; Keras squeezes a last axis of 1 where this is one too many."""
        port = self._port(name)
        shape = self.data.targets[name].shape
        if port is not None:
            return max(1, len(port.shape))
        codes = self.data.targets[name].dtype.kind in "iub" and shape[-1:] != (1,)  # then the loss may have as many axes as the labels
        return max(1, len(shape) + codes)

    def _check_finite(self, name: str, array: np.ndarray, rows: np.ndarray) -> None:
        if array.dtype.kind != "f":
            return
        if np.isfinite(np.einsum("i->", array.reshape(-1))):  # NaN or infinite where one value is; read once, and not twice
            return
        bad = np.asarray(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
        if not bad.any():
            return
        if not np.isnan(array[np.flatnonzero(bad)[0]]).any():
            remedy = (
                f"Bring it into range with data.map(fn, on={name!r}), or write NaN in its place in the source, which then counts as missing"
            )
            raise self._error(name, rows, bad, f"is infinite, or too large for float32. {remedy}")
        if any(name in step.on for step in self.data.steps):
            steps = " -> ".join(step.name for step in self.data.steps if name in step.on)
            raise self._error(
                name,
                rows,
                bad,
                f"is NaN after its steps ({steps}). Mend the step that makes it so, or fill it in with data.map(fn, on={name!r})",
            )
        if name in self.data.inputs:
            remedy = f"Fill it in with data.map(fn, on={name!r}), or leave such samples out: missing={{{name!r}: 'drop'}}"
        else:
            remedy = f"Mark it as missing: plait.Dataset(..., missing={{{name!r}: 'mask'}}) gives it weight 0"
        raise self._error(name, rows, bad, f"is NaN. {remedy}")

    def _check_labels(self, name: str, array: np.ndarray, port: Port | None, rows: np.ndarray) -> None:
        if port is None or array.dtype.kind not in "iu" or not port.shape or not isinstance(port.shape[-1], int) or port.shape[-1] < 2:
            return
        labels = self.data.targets[name].shape
        sparse = len(labels) == len(port.shape) - 1 or (len(labels) == len(port.shape) and labels[-1:] == (1,))
        if not sparse or not array.size or (array.min() >= 0 and array.max() < port.shape[-1]):
            return
        bad = np.asarray(((array < 0) | (array >= port.shape[-1])).reshape(len(array), -1).any(axis=1))
        raise self._error(
            name,
            rows,
            bad,
            f"is outside of 0..{port.shape[-1] - 1}, the classes that output {port.name!r} has. Map labels to codes with "
            f"plait.Vocabulary.fit(train[{name!r}]), or give the head more units",
            array,
        )

    def _error(self, name: str, rows: np.ndarray, bad: np.ndarray, what: str, array: np.ndarray | None = None) -> SpecError:
        first = np.flatnonzero(bad)[0]
        role = "Input" if name in self.data.inputs else "Target" if name in self.data.targets else "Stream"
        shown = "" if array is None else f" ({np.ravel(array[first])[:4].tolist()})"
        return SpecError(f"{role} {name!r} of sample {self.data.keys[int(rows[first])]!r}{shown} {what}.")


def _cut(arrays: Mapping[str, np.ndarray], slices: Sequence[slice]) -> list[dict[str, np.ndarray]]:
    """A dict of views for each slice; they follow each other."""
    out: list[dict[str, np.ndarray]] = [{} for _ in slices]
    size = slices[0].stop - slices[0].start
    even = slices[-1].stop == size * len(slices) and slices[-1].start == size * (len(slices) - 1) and size > 0
    for name, array in arrays.items():
        parts = array.reshape(len(slices), size, *array.shape[1:]) if even else map(array.__getitem__, slices)  # the former is quicker
        for views, part in zip(out, parts, strict=True):
            views[name] = part
    return out


def _check_feedable(name: str, spec: Spec) -> None:
    if spec.text:
        raise SpecError(
            f"Stream {name!r} is text, and Keras takes numbers. Write data.map(plait.Tokenize.fit(train[{name!r}], size=1000), "
            f"on={name!r}) for words, or data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r}) for labels."
        )
    if spec.dtype.kind not in "biuf":
        raise SpecError(f"Stream {name!r} has dtype {spec.dtype}; Keras takes numbers. Turn it into some with data.map(fn, on={name!r}).")


def _cast(array: np.ndarray, port: Port | None, target: bool, error: Callable[[np.ndarray, str], SpecError]) -> np.ndarray:
    kind, width = array.dtype.kind, array.dtype.itemsize
    if kind == "f":
        with np.errstate(over="ignore"):
            return _as(array, np.float32)
    if kind in "iu" and not target and port is not None and port.dtype.startswith(("float", "bfloat")) and width > 2:
        _check_range(
            array, -_EXACT, _EXACT, error, "is an integer beyond 2**24, which float32 rounds. Scale it, or declare the input as int32"
        )
        return _as(array, np.float32)
    if kind in "iu" and (width == 8 or (kind == "u" and width > 1)):
        info = np.iinfo(np.int32)
        _check_range(array, info.min, info.max, error, "does not fit into int32. Map ids to codes with plait.Vocabulary, or scale it")
        return _as(array, np.int32)
    return array


def _as(array: np.ndarray, dtype: type[np.number]) -> np.ndarray:
    """In that dtype, in memory that JAX takes without copying it once more."""
    if array.dtype == dtype:
        return array
    out = aligned_empty(array.shape, np.dtype(dtype))
    np.copyto(out, array, casting="unsafe")
    return out


def _check_range(array: np.ndarray, low: int, high: int, error: Callable[[np.ndarray, str], SpecError], what: str) -> None:
    if array.size and (array.min() < low or array.max() > high):
        raise error(np.asarray(((array < low) | (array > high)).reshape(len(array), -1).any(axis=1)), what)


def _ranked(array: np.ndarray, port: Port | None) -> np.ndarray:
    """With a last axis of 1 where the model has one and the data do not."""
    if port is None or len(port.shape) != array.ndim or port.shape[-1:] != (1,):
        return array
    return array[..., None]
