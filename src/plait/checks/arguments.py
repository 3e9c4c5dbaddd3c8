"""Whether the arguments of `compile` reach the heads they were written for."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from plait.checks.compiled import HeadLoss, arguments, build_metrics, counts_batches, ends, hand_out, head_losses
from plait.checks.kinds import kind_of
from plait.checks.subject import Subject, contained
from plait.checks.writing import compile_line, first_line, loss_name, shown, written
from plait.contract import Contract
from plait.dataset import Dataset
from plait.errors import CheckError
from plait.report import Finding

__all__ = ["check_arguments", "free_heads"]


def check_arguments(subject: Subject) -> tuple[Subject, list[Finding]]:
    """Assign losses and metrics to heads as Keras does, and compare with what the user wrote.

    Returns:
        The subject with the losses it found, and the findings.
    """
    compiled, name = subject.compiled, subject.model.name
    if compiled is None:
        finding = Finding("fail", name, "the model is not compiled, so nothing would train it", compile_line(subject), "not-compiled")
        return subject, [finding]
    made, given = _stand_ins(subject)
    findings = [*_unknown_names(subject), *_ordered(subject)]
    losses: dict[str, HeadLoss] = {}
    if compiled.loss is not None and not findings:
        try:
            findings += _lists(subject, hand_out(subject.model, subject.contract, made, given))
            losses = {loss.head: loss for loss in head_losses(subject.model, subject.contract, made, given)}
        except CheckError:
            raise
        except Exception as error:  # Keras raises KeyError, ValueError, TypeError and others about arguments
            message = f"Keras cannot use the losses: {first_line(error)}"
            findings.append(Finding("fail", name, message, compile_line(subject), "loss-argument"))
    if not any(f.id in ("metrics-unknown", "metrics-flat") for f in findings):
        try:
            build_metrics(subject.model, given, made)
        except CheckError:
            raise
        except Exception as error:  # likewise
            remedy = f"metrics={{{subject.declared[0]!r}: ['...']}}, a list for each head by name"
            findings.append(Finding("fail", name, f"Keras cannot use the metrics: {first_line(error)}", remedy, "metrics-argument"))
    swapped = any(f.id == "loss-list" and f.level == "fail" for f in findings)
    subject = replace(subject, losses={} if swapped else losses)
    findings += [*_loss_weights(subject), *_heads(subject), *_reported(subject), *_unweighted(subject)]
    return subject, findings


def free_heads(data: Dataset, model: Any, contract: Contract) -> set[str]:
    """The heads whose targets may have any shape: their loss is not one of Keras's that compare value by value. Quick; never raises."""
    try:
        compiled = arguments(model)
        if compiled is None:
            return set()
        if compiled.own or compiled.loss is None:
            return {port.name for port in contract.outputs}
        container = object if contract.container == "single" else type(ends(model)[1])
        made, given = _stand_ins(Subject(data, model, contract, container, compiled))
        losses = head_losses(model, contract, made, given)
    except Exception:  # Keras will say what is wrong with the arguments, and `check` does so before
        return set()
    return {loss.head for loss in losses if kind_of(loss.name).labels == "own"}


# lists for heads that have names


def _lists(subject: Subject, order: list[str]) -> Iterator[Finding]:
    """Lists against the order in which Keras hands them out."""
    compiled, declared = subject.compiled, subject.declared
    if compiled is None or len(declared) < 2:
        return
    by_key = issubclass(subject.container, Mapping) and not issubclass(subject.container, OrderedDict)
    for argument in ("loss", "loss_weights", "metrics", "weighted_metrics"):
        value = getattr(compiled, argument)
        if not isinstance(value, (list, tuple)) or len(value) != len(declared):
            continue  # one for all heads, or Keras says so itself
        named = dict(zip(declared, value, strict=True))
        if by_key:
            swapped = order != declared and len({shown(v) for v in value}) > 1
            message = f"{argument}= is a list and the outputs are a dict: Keras hands the list out as {order}" + (
                f", and the heads were declared as {declared}" if swapped else ", which happens to change nothing here"
            )
            level = "fail" if swapped else "warn"
            yield Finding(level, argument, message, f"{argument}={written(named)}", f"{argument.replace('_', '-')}-list")
        elif "metrics" in argument and not any(isinstance(v, (list, tuple, dict)) for v in value):
            message = f"{argument}= is a list of {len(value)}, and Keras takes one for each head, not all for every head"
            remedy = f"{argument}={written({name: [v] for name, v in named.items()})}"
            yield Finding("warn", argument, message, remedy, "metrics-list")


def _ordered(subject: Subject) -> Iterator[Finding]:
    compiled = subject.compiled
    if compiled is not None and issubclass(subject.container, OrderedDict) and isinstance(compiled.loss, Mapping):
        message = "the outputs are an OrderedDict, and Keras finds no loss of a dict in it"
        remedy = f"keras.Model(inputs, {{{', '.join(f'{n!r}: {n}' for n in subject.declared)}}}), a plain dict"
        yield Finding("fail", subject.model.name, message, remedy, "ordered-outputs")


# names that are no outputs


def _unknown_names(subject: Subject) -> Iterator[Finding]:
    compiled, declared = subject.compiled, subject.declared
    if compiled is None:
        return
    kinds = {"loss": "loss", "loss_weights": "loss-weights", "metrics": "metrics", "weighted_metrics": "metrics"}
    for argument, kind in kinds.items():
        value = getattr(compiled, argument)
        if not isinstance(value, Mapping) or (len(declared) == 1 and kind == "metrics"):
            continue
        for key in value:
            if key not in declared:
                close = difflib.get_close_matches(str(key), declared, 1)
                message = f"{argument}= names {key!r}, and the model has no such output; its outputs are {declared}"
                remedy = f"{argument}={{{(close[0] if close else declared[0])!r}: {shown(value[key])}}}"
                yield Finding("fail", argument, message, remedy, f"{kind}-unknown")
    loss = compiled.loss
    if isinstance(loss, Mapping) and not issubclass(subject.container, Mapping) and set(loss) < set(declared):
        lacking = [name for name in declared if name not in loss]
        message = f"loss= has nothing for {lacking}; where the outputs are a list, Keras wants a loss, or None, for each of {declared}"
        yield Finding("fail", "loss", message, f"loss={written({**loss, **dict.fromkeys(lacking)})}", "loss-keys")
    for argument in ("metrics", "weighted_metrics"):
        value = getattr(compiled, argument)
        flat = isinstance(value, (list, tuple)) and not any(isinstance(v, (list, tuple, dict)) for v in value)
        if value and flat and 1 < len(declared) != len(value):
            wanted = written({name: list(value) for name in declared})
            message = f"{argument}= is one list for {len(declared)} heads, and Keras wants a list for each"
            yield Finding("fail", argument, message, f"{argument}={wanted}", "metrics-flat")


# what each head is trained with


def _loss_weights(subject: Subject) -> Iterator[Finding]:
    compiled = subject.compiled
    if compiled is None or compiled.loss_weights is None or not subject.losses:
        return
    weights, declared = compiled.loss_weights, subject.declared
    if isinstance(weights, Mapping):
        wanted = {name: float(weights[name]) for name in declared if name in weights}
        wrong = {n: w for n, w in wanted.items() if n in subject.losses and not np.isclose(subject.losses[n].weight, w)}
        if wrong:
            got = {n: subject.losses[n].weight for n in declared if n in subject.losses}
            message = f"Keras pairs loss_weights={written(wanted)} with a list of losses by sorted names, and so uses {written(got)}"
            yield Finding("fail", "loss_weights", message, compile_line(subject), "loss-weights-swapped")
    for name, loss in subject.losses.items():
        if loss.weight <= 0:
            message = f"the loss of head {name!r} has weight {loss.weight:g}" + (", so nothing trains it" if loss.weight == 0 else "")
            yield Finding("warn", name, message, f"loss_weights={{{name!r}: 1.0}}", "loss-weight-zero")


def _heads(subject: Subject) -> Iterator[Finding]:
    if not subject.losses:
        return
    targets = {port.name: target for target, port in subject.heads.items()}
    for head in subject.declared:
        target, loss = targets.get(head), subject.losses.get(head)
        if loss is None:
            told = f"the data set has a target for head {head!r} and" if target else f"head {head!r} has no target and"
            remedy = f"loss={{{head!r}: ...}} in compile(), or leave the head out of the model's outputs"
            yield Finding("warn", head, f"{told} no loss trains it", remedy, "head-untrained")
        elif target:
            weight = "" if loss.weight == 1 else f", weight {loss.weight:g}"
            yield Finding("pass", head, f"head {head!r} is trained on target {target!r} with {loss_name(loss)}{weight}", id="head")


def _reported(subject: Subject) -> Iterator[Finding]:
    """Figures that Keras reports of single heads, and how to read them."""
    compiled = subject.compiled
    if compiled is None or len(subject.losses) < 2:
        return
    message = "evaluate() returns a list whose order is not that of model.metrics_names"
    yield Finding("pass", "evaluate", message, "model.evaluate(loader, return_dict=True)", "evaluate-order")
    bare = [
        head
        for head in subject.losses
        if not _metrics_of(compiled.metrics, head, subject.declared) and not _metrics_of(compiled.weighted_metrics, head, subject.declared)
    ]
    if bare and counts_batches():
        listed = ", ".join(f"{head}_loss" for head in bare)
        message = (
            f"on TensorFlow this Keras counts a last, partial batch in {listed} like a full one (the total loss and metrics are right)"
        )
        remedy = f"weighted_metrics={written({head: [subject.losses[head].name or '...'] for head in bare})}"
        yield Finding("warn", "evaluate", message, remedy, "partial-batch")


def _unweighted(subject: Subject) -> Iterator[Finding]:
    """Metrics that count samples without a label, or without their weight."""
    compiled = subject.compiled
    if compiled is None:
        return
    for target, port in subject.heads.items():
        metrics = _metrics_of(compiled.metrics, port.name, subject.declared)
        gone = subject.data.absent(target)
        if metrics and (gone is not None or target in subject.data.weights):
            why = (
                f"also counts the {int(gone.sum())} samples without a label, as zeros"
                if gone is not None
                else "ignores the samples' weights"
            )
            told = written({port.name: metrics})
            message = f"metrics={told} {why}: Keras weighs only weighted_metrics"
            yield Finding("warn", target, message, f"weighted_metrics={told}", "metric-unweighted")


def _metrics_of(metrics: Any, head: str, declared: Sequence[str]) -> Any:
    if isinstance(metrics, Mapping):
        return metrics.get(head)
    if isinstance(metrics, (list, tuple)) and len(declared) > 1:
        return metrics[declared.index(head)] if len(metrics) == len(declared) else None
    return metrics


# how it is done


def _stand_ins(subject: Subject) -> tuple[Any, Any]:
    """Zeros with the shapes of the outputs and of the targets, both in the container of the outputs."""
    targets = {port.name: subject.data.targets[target] for target, port in subject.heads.items()}
    made, given = {}, {}
    for port in subject.contract.outputs:
        spec = targets.get(port.name)
        alike = spec is not None and len(spec.shape) == len(port.shape)
        sizes = [n if n is not None else spec.shape[i] if spec is not None and alike else None for i, n in enumerate(port.shape)]
        made[port.name] = np.zeros((2, *(2 if n is None else n for n in sizes)), np.float32)
        given[port.name] = made[port.name] if spec is None else np.zeros((2, *(2 if n is None else n for n in spec.shape)), np.float32)
    return contained(subject.container, made), contained(subject.container, given)
