"""Ask everything that can be asked of a data set and a model before training."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from plait.checks.arguments import check_arguments
from plait.checks.compiled import arguments, ends, symbolic
from plait.checks.looks import look
from plait.checks.losses import check_activations, check_labels
from plait.checks.shapes import check_feedable, check_shapes
from plait.checks.subject import Subject
from plait.checks.values import check_values
from plait.checks.weights import check_weights
from plait.checks.wiring import check_forward, check_inputs, check_targets
from plait.checks.writing import first_line
from plait.contract import Contract
from plait.dataset import Dataset
from plait.emit import Emission
from plait.errors import ArgumentError, CheckError, PlaitError
from plait.report import Finding, Report

__all__ = ["asked", "check"]

# Failures of labels and arguments after which a batch can still be tried: no real label is in it.
_HARMLESS = ("not-compiled", "from-logits", "label-none", "label-range", "label-sum", "label-type", "weight-range", "metrics-argument",
             "metrics-flat", "metrics-list", "metrics-unknown", "loss-weights-swapped")  # fmt: skip


def check(data: Dataset, model: Any, *, samples: int = 10_000) -> Report:
    """Whether a data set fits a compiled Keras model: `assert plait.check(train, model)` before `fit`.

    Names, structure, rank, shape and dtype; each loss against type and range of its labels; compile arguments; NaN, infinity, scale;
    weights and the share of labelled samples; and a sentinel batch which proves, on the Keras that is installed, that every input and
    every head gets its own stream. Weights, optimizer, metrics, seeds and what `compile` made stay as they are; a subclassed model that
    was never called gets its variables, as `fit` would give it. docs/checks.md lists the findings.

    Args:
        data: What `fit` would be fed from.
        model: Any `keras.Model`, compiled.
        samples: Samples looked at, spread over the data; of large ones fewer, of scalar targets in memory all. Findings say how many.

    Returns:
        A report that is false when one finding fails. Samples that cannot be read are findings too.

    Raises:
        ArgumentError: `data` is no Dataset, `model` no Keras model, or `samples` no positive number.
    """
    _check_given(data, model, samples)
    subject, findings = asked(data, model, samples)
    stopped = dict.fromkeys(f.about for f in findings if f.level == "fail" and f.id not in _HARMLESS)
    if subject is not None and stopped:
        message = f"no batch was tried, since what fails for {', '.join(stopped)} comes first"
        findings.append(Finding("warn", "wiring", message, id="wiring"))
    elif subject is not None:
        try:
            findings.extend(_tried(subject))
        except PlaitError as error:
            findings.append(Finding("fail", model.name, f"no batch can be made: {error}", id="feed"))
    what = "data without end" if data.endless else f"{len(data)} samples"
    return Report(f"check of {what} against model {model.name!r}", tuple(findings))


def asked(data: Dataset, model: Any, samples: int = 10_000) -> tuple[Subject | None, list[Finding]]:
    """What can be told without a batch: from specs, compile arguments and values.

    Returns:
        What was found out about both, None where that was not enough to go on; and the findings.
    """
    findings = list(check_feedable(data))
    if not data:
        return None, [*findings, Finding("fail", "data", "the data set has no samples", "print(data.join) says what was dropped", "empty")]
    try:
        contract, container, problem = _structure(data, model, feedable=not any(f.level == "fail" for f in findings))
        findings += problem
        if contract is None:
            return None, findings
        subject = Subject(data, model, contract, container, arguments(model))
        about_arguments = [Finding("warn", "targets", "the data set has no targets: it will do for predict() only", id="no-targets")]
        if data.targets:
            subject, about_arguments = check_arguments(subject)
        subject = replace(subject, looks={name: look(data, name, samples, label=label) for name, label in _streams(data)})
        findings += [*check_shapes(subject), *about_arguments, *check_activations(subject), *check_labels(subject)]
        findings += [*check_values(subject), *check_weights(subject)]
    except CheckError as error:  # a structure that cannot be fed, or a Keras that plait does not know
        return None, [*findings, Finding("fail", model.name, str(error), id="model")]
    return subject, findings


def _streams(data: Dataset) -> list[tuple[str, bool]]:
    """(name, whether it is a target) of all streams."""
    inputs, weights = [(name, False) for name in data.inputs], [(f"{name}.weight", False) for name in data.weights]
    return inputs + [(name, True) for name in data.targets] + weights


def _tried(subject: Subject) -> Iterator[Finding]:
    """What batches tell: a few real samples through the model, sentinels through inputs and losses."""
    compiled, model = subject.compiled, subject.model
    emission = Emission(subject.data, Contract.of(model), padded=False)
    yield from check_inputs(subject, emission)
    about_forward, added = check_forward(subject, emission)
    yield from about_forward
    if compiled is None or not subject.data.targets:
        return
    if compiled.own:
        message = "the model computes its loss itself, so which target trains which head cannot be told from outside"
        yield Finding("pass", model.name, message, id="own-loss")
    elif compiled.loss is not None:
        yield from check_targets(subject, emission)
    elif added <= 0:
        remedy = f"model.compile(optimizer='adam', loss={{{subject.declared[0]!r}: 'mean_squared_error'}})"
        yield Finding("fail", model.name, "compile() was given no loss, so nothing trains the model", remedy, "no-loss")


def _structure(data: Dataset, model: Any, *, feedable: bool) -> tuple[Contract | None, type, list[Finding]]:
    """The model's inputs and outputs; of a subclassed model by calling it on symbols."""
    contract = Contract.of(model)
    if contract is not None:
        return contract, object if contract.container == "single" else type(ends(model)[1]), []
    if not feedable:
        return None, type(None), []
    emission = Emission(data, None, padded=False)
    rows = np.zeros(2, np.int64)
    try:
        zeros = {name: np.zeros((2, *(n or 2 for n in spec.shape)), spec.dtype) for name, spec in data.inputs.items()}
        x = emission.arrays(zeros, rows)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Keras warns of is said below
            outputs = symbolic(model, x)
    except Exception as error:  # the model's own code, or Keras about it, may raise anything
        if isinstance(error, PlaitError):
            raise
        message = f"the model cannot be called on a dict of the inputs {list(data.inputs)}: {type(error).__name__}: {first_line(error)}"
        remedy = "def call(self, inputs): " + "; ".join(f"{name} = inputs[{name!r}]" for name in data.inputs)
        if isinstance(model, keras.Sequential):
            name, spec = next(iter(data.inputs.items()))
            remedy = f"begin the Sequential with keras.Input({spec.shape}, name={name!r})"
        return None, type(None), [Finding("fail", model.name, message, remedy, "forward")]
    if isinstance(outputs, (list, tuple)) or any(isinstance(o, (list, tuple, Mapping)) for o in _parts(outputs)):
        message = f"call() returns {'a ' + type(outputs).__name__ + ' of tensors'} without names for the targets {list(data.targets)}"
        remedy = f"return {{{', '.join(f'{name!r}: ...' for name in data.targets)}}}"
        return None, type(None), [Finding("fail", model.name, message, remedy, "output-names")]
    return Contract.seen(x, outputs), type(outputs), []


def _parts(outputs: Any) -> list[Any]:
    return list(outputs.values()) if isinstance(outputs, Mapping) else []


def _check_given(data: object, model: object, samples: object) -> None:
    if not isinstance(data, Dataset):
        inner = getattr(data, "data", None)
        hint = (
            "Write plait.check(loader.data, model)." if isinstance(inner, Dataset) else "Write plait.Dataset(inputs={...}, targets={...})."
        )
        raise ArgumentError(f"check() takes a plait.Dataset, not a {type(data).__name__}. {hint}")
    if not isinstance(model, keras.Model):
        raise ArgumentError(f"check() takes a keras.Model, not a {type(model).__name__}. Write plait.check(data, model).")
    if not isinstance(samples, int) or isinstance(samples, bool) or samples < 1:
        raise ArgumentError(f"samples={samples!r}: a positive number of samples to look at is needed.")
