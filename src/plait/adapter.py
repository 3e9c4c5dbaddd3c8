"""What Keras asks of a Loader in `fit`, `evaluate` and `predict`: batches in its backend's types, and where epochs begin and end."""

from __future__ import annotations

import abc
import importlib
import sys
import warnings
import weakref
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import keras

from plait.blocks import Blocks
from plait.checks.before import before_fit
from plait.contract import Contract
from plait.dataset import Dataset
from plait.emit import Batch, Emission
from plait.errors import ArgumentError, CheckError
from plait.failures import OnError
from plait.frameworks import Anew, equal_stacks, tf_dataset, tf_stacked_dataset, torch_tensors
from plait.fused import fuse, grouped, obstacle
from plait.ledger import Ledger
from plait.structure import structure
from plait.waiting import Clock

try:  # not exported by Keras: an instance of it is taken by `fit` as it is, and so in exactly its own order
    from keras.src.trainers.data_adapters.data_adapter import DataAdapter
except ImportError:  # then `fit` treats a Loader as the PyDataset it also is
    DataAdapter = object  # type: ignore[assignment,misc]

__all__ = ["Adapter"]


class Adapter(keras.utils.PyDataset, DataAdapter, abc.ABC):  # type: ignore[misc]
    """A Loader as Keras sees it. How the batches come about is the Loader's business."""

    data: Dataset
    shuffle: bool
    steps: int  # batches an epoch
    fuse_steps: bool  # whether JAX may run several steps in one call

    def __init__(self) -> None:
        super().__init__(workers=1, use_multiprocessing=False)
        self.clock: Clock | None = None  # counts how long `fit` waits for batches, where somebody wants to know
        self._bound: tuple[weakref.ref[Any] | None, dict[str, Emission]] = (None, {})  # model, verb -> how to feed it
        self._step = self._start = 0  # batches handed out; where the epoch begins
        self._open, self._opened_by = False, 0  # whether Keras is in an epoch, and which of its iterators
        self._failure: Exception | None = None  # what ended a TensorFlow generator before its time
        self._emission: Emission  # without a model
        self._ledger: Ledger  # what was handed out
        self._blocks: Blocks  # batches that are read at once
        self._policy: OnError  # about bad samples
        self._told: str | None = None  # why steps are not fused, as was said already

    @property
    @abc.abstractmethod
    def batch_size(self) -> int:
        """Samples a batch, on each shard."""

    @abc.abstractmethod
    def _made(self, start: int, stop: int, emission: Emission) -> Iterator[list[Batch]]:
        """These batches, in order, in the parts that are made at once."""

    @abc.abstractmethod
    def _make(self, steps: range, emission: Emission) -> list[Batch]:
        """These batches, read together. Pure and thread-safe."""

    @abc.abstractmethod
    def _emission_for(self, contract: Contract | None, *, evaluating: bool = False) -> Emission:
        """How the batches become those of such a model."""

    @property
    @abc.abstractmethod
    def _varying(self) -> bool:
        """Whether batches differ in more than the number of their samples."""

    def _end(self, start: int) -> int:
        """Where the epoch ends that batch lies in."""
        return (start // self.steps + 1) * self.steps

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """Batch `index` of the epoch, as Keras takes it: for Keras versions that know a Loader only as a PyDataset."""
        return self._emission.for_keras(self._make(range(self._start + index, self._start + index + 1), self._emission)[0])

    def get_numpy_iterator(self) -> Any:
        """For Keras."""
        emission = self._bind_caller()
        return Anew(lambda: self._timed(self._keras_epoch(emission), emission))

    def get_jax_iterator(self) -> Any:
        """For Keras on JAX: NumPy arrays, which a compiled step takes without a copy."""
        emission = self._bind_caller()
        model = self._fusing(emission)
        if model is None:
            return Anew(lambda: self._timed(self._keras_epoch(emission), emission))
        fuse(model)
        return Anew(lambda: self._timed(grouped(self._keras_epoch(emission), model.steps_per_execution), emission))

    def get_torch_dataloader(self) -> Any:
        """For Keras on PyTorch: tensors that share the arrays' memory."""
        emission = self._bind_caller()
        self._fusing(emission)
        return Anew(lambda: self._timed(map(torch_tensors, self._keras_epoch(emission)), emission))

    def get_tf_dataset(self) -> Any:
        """For Keras on TensorFlow: a dataset with a declared signature and a known number of batches."""
        emission = self._bind_caller()
        self._fusing(emission)
        if self._blocks.size > 1 and not importlib.import_module("tensorflow").distribute.has_strategy():
            dataset = tf_stacked_dataset(lambda: self._tf_epoch(self._keras_stacks, emission), self._example(emission))
        else:
            dataset = tf_dataset(
                lambda: self._tf_epoch(self._keras_epoch, emission), self._example(emission), varying=self._varying, batches=None
            )
        dataset = dataset.prefetch(2)
        return dataset if self.clock is None or not self._trains(emission) else self.clock.watch_tf(dataset)

    def on_epoch_begin(self) -> None:
        """For Keras. An epoch that goes on in its middle has fewer batches than Keras was told; tell it, so that it asks for no more."""
        iterator: Any = sys._getframe(1).f_locals.get("self")
        steps = getattr(iterator, "steps_per_epoch", None)
        if steps is not None:
            raise ArgumentError(
                f"steps_per_epoch={steps} would cut epochs (or validation) short of the loader's {len(self)} batches. "
                f"Let the loader have them: plait.Loader(data, {self.batch_size}, steps={steps})."
            )
        if hasattr(iterator, "_num_batches"):
            iterator._num_batches = self._end(self._start) - self._start
        self._open, self._opened_by = True, id(iterator)

    def on_epoch_end(self) -> None:
        """For Keras, which also calls it before the first epoch, from `reset`; that counts nothing."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        caller = sys._getframe(1)
        if self._open and caller.f_code.co_name != "reset":
            self._start = self._step = self._end(self._start)
        elif self._open and id(caller.f_locals.get("self")) == self._opened_by:
            self._ledger.handed.drop()  # Keras took the first batch to build the model, and takes it again
        self._open = False

    @property
    def feeding(self) -> bool:
        """Whether a model is in an epoch of this loader."""
        return self._open

    # how it is done

    def _keras_epoch(self, emission: Emission) -> Iterator[tuple[Any, ...]]:
        start = self._start
        return map(emission.for_keras, self._ledger.noted(start, self._made(start, self._end(start), emission)))

    def _keras_stacks(self, emission: Emission) -> Iterator[tuple[Any, ...]]:
        """The same, many batches at once in arrays of (batches, samples, ...)."""
        start, stop = self._start, self._end(self._start)
        batches = self._keras_epoch(emission)
        for block in self._blocks.cut(start, stop):
            yield from equal_stacks(list(islice(batches, len(block))))

    def _tf_epoch(self, epoch: Callable[[Emission], Iterator[Any]], emission: Emission) -> Iterator[Any]:
        """The same, ending at an error: TensorFlow would wrap it; Keras asks `on_epoch_end` about an early end, which raises it."""
        try:
            yield from epoch(emission)
        except Exception as error:
            self._failure = error

    def _timed(self, batches: Iterator[Any], emission: Emission) -> Iterator[Any]:
        return batches if self.clock is None or not self._trains(emission) else self.clock.watch(batches)

    def _trains(self, emission: Emission) -> bool:
        return emission is self._bound[1].get("fit")

    def _fusing(self, emission: Emission) -> Any:
        """The model whose steps are to be run several at once; None where they are not, which is said where it was asked for."""
        model: Any = self._bound[0]() if self._bound[0] is not None else None
        if not self.fuse_steps or model is None or not self._trains(emission) or _building():
            return None
        reason = obstacle(model, varying=self._varying)
        if reason is not None and reason != self._told:
            warnings.warn(f"fuse_steps=True, but steps are taken one by one: {reason}.", stacklevel=2)
        self._told = reason
        return model if reason is None and model.train_function is not None else None

    def _bind(self, model: Any, verb: str) -> Emission:
        """How to feed this model, for "fit", "evaluate" or "predict"; the data are compared with it once for each.

        Raises:
            ArgumentError: It is no model.
            CheckError: The data do not fit it.
        """
        if not isinstance(model, keras.Model):
            raise ArgumentError(
                f"Loader(model=...) takes a keras.Model, not a {type(model).__name__}. Write plait.Loader(data, 32, model=model)."
            )
        bound, known = self._bound
        if bound is None or bound() is not model:
            known = {}
        if verb not in known:
            contract = Contract.of(model)
            if contract is not None:
                self._compare(model, contract, targets=verb != "predict")
            known[verb] = self._emission_for(contract, evaluating=verb == "evaluate")
        self._bound = weakref.ref(model), known
        return known[verb]

    def _compare(self, model: Any, contract: Contract, *, targets: bool) -> None:
        compared = targets and bool(self.data.targets)
        failures = before_fit(self.data, model, contract) if compared else structure(self.data, contract, targets=False).failures
        if failures:
            listed = "\n".join(map(str, failures))
            raise CheckError(f"The data do not fit model {model.name!r}; plait.check(data, model) tells all:\n{listed}")

    def _bind_caller(self) -> Emission:
        """Fit the batches to the model whose fit, evaluate or predict is asking. Keras passes an adapter no model, so look who calls."""
        model, verb, given = _calling_model()
        if model is None:
            return self._emission
        if given.get("x") is self:
            self._check_call(verb, given)
        elif verb == "fit":
            verb = "evaluate"  # validation
        if verb == "predict" and self.shuffle:
            raise ArgumentError(
                "predict() on a shuffled Loader would return rows in an order that nobody knows. "
                f"Write model.predict(plait.Loader(data, {self.batch_size}, shuffle=False))."
            )
        if verb == "predict" and self._policy == "skip":
            raise ArgumentError(
                "predict() with on_error='skip' would return fewer rows than there are samples, and nobody knows which are missing. "
                f"Write model.predict(plait.Loader(data, {self.batch_size}, shuffle=False, on_error='mask')): bad samples keep their row."
            )
        if verb != "predict" and self._policy == "mask" and not self.data.targets:
            raise ArgumentError(
                "on_error='mask' gives bad samples weight 0 for every target, and the data have none. Take on_error='skip'."
            )
        return self._bind(model, verb)

    def _check_call(self, verb: str, given: Mapping[str, Any]) -> None:
        """Refuse what Keras would leave out without a word."""
        remedies = {
            "batch_size": f"The loader has its own: plait.Loader(data, {given.get('batch_size')}).",
            "class_weight": "Weigh the samples of each target: plait.Dataset(..., weights={'grade': ...}), or draw classes equally "
            "often: plait.Loader(data, 32, balance='grade').",
            "y": "The loader has the targets: plait.Dataset(..., targets={...}).",
            "sample_weight": "The loader has the weights: plait.Dataset(..., weights={...}).",
        }
        for name, remedy in remedies.items():
            if given.get(name) is not None:
                raise ArgumentError(f"Keras ignores {verb}({name}=...) where it is fed by a Loader. {remedy}")

    def _example(self, emission: Emission) -> tuple[Any, ...]:
        """The first batch of the epoch."""
        return emission.for_keras(self._make(range(self._start, self._start + 1), emission)[0])


def _calling_model() -> tuple[Any, str, Mapping[str, Any]]:
    """The model whose method is running, which one, and what it was given by the user (of validation in `fit`: nothing)."""
    frame, found = sys._getframe(1), None
    while frame is not None:
        caller = frame.f_locals.get("self") if frame.f_code.co_name in ("fit", "evaluate", "predict") else None
        if isinstance(caller, keras.Model):
            if found is not None:
                return found[0], found[1], {}
            found = caller, frame.f_code.co_name, frame.f_locals
        frame = frame.f_back  # type: ignore[assignment]
    return found or (None, "", {})


def _building() -> bool:
    """Whether Keras asks for one batch only, to build a model by it."""
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_name != "_symbolic_build":
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None
