"""Push a sentinel batch through what Keras will use, and see that every input and every head gets its own stream."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from plait.checks.compiled import activation, build_loss, compact, ends, forward, fresh_loss, numpy, slow_to_compile, symbolic
from plait.checks.kinds import kind_of
from plait.checks.sentinels import labels, predictions, sizes
from plait.checks.subject import Subject, contained
from plait.checks.writing import first_line
from plait.emit import Batch, Emission
from plait.errors import PlaitError
from plait.order import Picks
from plait.ragged import Array, Ragged
from plait.report import Finding

__all__ = ["check_forward", "check_inputs", "check_targets", "read_inputs"]

_SAMPLES = 4
_SEEN = 1e-4  # share of the loss that counts as a change; the sentinels change it by 2% and more


def check_inputs(subject: Subject, emission: Emission) -> Iterator[Finding]:
    """Feed each input a number of its own, as the Loader would, and look at what arrives at the input layers."""
    given = ends(subject.model)[0]
    if given is None:  # a subclassed model takes what it wants from the dict by itself
        return
    tensors = list(given.values()) if isinstance(given, Mapping) else list(given) if isinstance(given, (list, tuple)) else [given]
    names, sent = list(subject.inputs), {}
    for number, (name, port) in enumerate(subject.inputs.items(), 1):
        spec = subject.data.inputs[name]
        sent[name] = np.full((_SAMPLES, *sizes(spec.shape, port.shape)), number, spec.dtype)
    rows = np.zeros(_SAMPLES, np.int64)
    batch = Batch(emission.arrays(sent, rows), {}, {})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        echo = keras.Model(given, tensors, name="plait_echo")
        try:
            arrived = echo(emission.for_keras(batch)[0])
        except Exception as error:  # Keras refuses a structure in many ways
            yield Finding("fail", "inputs", f"Keras does not take the inputs {names}: {first_line(error)}", _inputs_line(names), "wiring")
            return
    numbers = [round(float(np.max(numpy(part)))) for part in _listed(arrived)]
    for number, (name, found) in enumerate(zip(names, numbers, strict=True), 1):
        wanted = 1 if subject.data.inputs[name].dtype.kind == "b" else number
        if found != wanted:
            other = names[found - 1] if 0 < found <= len(names) else "something else"
            message = f"Keras {keras.__version__} hands stream {other!r} to input {name!r}"
            yield Finding("fail", name, message, _inputs_line(names), "wiring")
        else:
            told = " (Keras warns, but pairs them right)" if any("structure of `inputs`" in str(w.message) for w in caught) else ""
            yield Finding("pass", name, f"input {name!r} gets its own stream and no other{told}", id="wiring")


def check_forward(subject: Subject, emission: Emission) -> tuple[list[Finding], int]:
    """One inference step on a few real samples: does it run, is it finite, are probabilities probabilities.

    Returns:
        Findings, and how many losses the layers add of their own; -1 where that is not known.
    """
    try:
        x = read_inputs(subject.data, emission, _samples(subject))
    except PlaitError as error:
        return [Finding("fail", subject.model.name, f"no batch can be made: {error}", id="feed")], -1
    try:
        if slow_to_compile(subject.model):
            symbolic(subject.model, x)
            message = f"the model takes a batch of {_shapes(x)}; what it gives was not computed, since JAX would compile all of it for that"
            return [Finding("pass", subject.model.name, message, id="forward")], -1
        outputs, added = forward(subject.model, x)
    except Exception as error:  # the model's own code may raise anything
        message = f"the model cannot be called on a batch of {_shapes(x)}: {first_line(error)}"
        return [Finding("fail", subject.model.name, message, id="forward")], -1
    findings = []
    made = dict(zip(subject.declared, _in_order(subject, outputs), strict=True))
    for target, port in subject.heads.items():
        values, loss = numpy(made[port.name]).astype(np.float64), subject.loss_of(target)
        if not np.isfinite(values).all():
            message = f"head {port.name!r} gives NaN or infinity for the samples {subject.keys(_samples(subject).tolist())}"
            findings.append(
                Finding("fail", port.name, message, "look for a logarithm, division or square root in the model", "output-not-finite")
            )
        elif loss is not None and kind_of(loss.name).probabilities and activation(subject.model, port.name, subject.contract) is None:
            findings += _probabilities(port.name, loss.from_logits, loss.name, values)
    if not findings:
        findings = [Finding("pass", subject.model.name, f"the model takes a batch of {_shapes(x)} and gives finite numbers", id="forward")]
    return findings, len(added)


def check_targets(subject: Subject, emission: Emission) -> Iterator[Finding]:
    """See which head's loss changes together with which target, and with which weight.

    A loss term that compares target s with head h is where the change of both differs from the sum of the changes of each; terms
    that hold only one of them cancel. Nothing but the loss is asked, so this holds whatever Keras does inside.
    """
    heads = subject.heads
    if not subject.losses or not heads:
        return
    try:
        term = _terms(subject, emission)
    except Exception as error:  # Keras or a loss of the user's own may raise anything
        own = any(kind_of(loss.name).labels == "own" for loss in subject.losses.values())
        message = f"the losses cannot be computed on the batches that the Loader gives: {first_line(error)}"
        listed = issubclass(subject.container, (list, tuple)) and not hasattr(subject.model, "output_names")
        remedy = f"return a dict from call(): {{{', '.join(f'{n!r}: ...' for n in subject.data.targets)}}}" if listed else ""
        yield Finding("warn" if own and not listed else "fail", subject.model.name, message, remedy, "wiring")
        return
    for target, port in heads.items():
        streams = [target, f"{target}.weight"] if emission.weighted else [target]
        strays = [(stream, head) for stream in streams for head in subject.declared if head != port.name and term(stream, head)]
        for stream, head in strays:
            message = f"Keras {keras.__version__} compares {_role(stream)} with head {head!r}, not with {port.name!r}"
            yield Finding("fail", target, message, _outputs_line(subject), "wiring")
        if strays or port.name not in subject.losses or subject.losses[port.name].weight == 0:
            continue
        silent = [stream for stream in streams if not term(stream, port.name)]
        if silent:
            message = f"changing {' and '.join(map(_role, silent))} did not change the loss of head {port.name!r}"
            yield Finding("warn", target, message, "look whether the loss of that head uses its target", "wiring")
        else:
            also = " and its weight" if len(streams) > 1 else ""
            message = f"target {target!r}{also} changes the loss of head {port.name!r} and of no other"
            yield Finding("pass", target, message, id="wiring", values={"keras": keras.__version__, "backend": keras.backend.backend()})


def read_inputs(data: Any, emission: Emission, rows: np.ndarray) -> Any:
    """x as the Loader would emit it for these rows.

    Raises:
        PlaitError: A sample cannot be read or fed.
    """
    values = {name: _dense(array) for name, array in data.read(list(data.inputs), rows).items()}
    return emission.for_keras(Batch(emission.arrays(values, rows), {}, {}))[0]


# how it is done


def _terms(subject: Subject, emission: Emission) -> Callable[[str, str], bool]:
    """A function of (stream, head): whether some loss term holds both."""
    count = _samples(subject).size
    y = {stream: _batch(subject, emission, stream, count) for stream in [None, *_streams(subject, emission)]}
    p = {head: _outputs(subject, head, count) for head in [None, *subject.declared]}
    loss = fresh_loss(subject.model, weighted=False)
    build_loss(loss, y[None][0], p[None])

    def total(given: tuple[Any, Any], made: Any) -> Any:
        with keras.StatelessScope():
            return loss(given[0], made, given[1])

    total = compact(total)
    values = {(s, h): float(numpy(total(y[s], p[h]))) for s in y for h in p}
    least = _SEEN * max(1.0, *map(abs, values.values()))
    return lambda s, h: abs(values[s, h] - values[s, None] - values[None, h] + values[None, None]) > least


def _streams(subject: Subject, emission: Emission) -> list[str]:
    return [*subject.heads, *(f"{target}.weight" for target in subject.heads if emission.weighted)]


def _batch(subject: Subject, emission: Emission, changed: str | None, count: int) -> tuple[Any, Any]:
    """(y, sample_weight) as the Loader emits them, with one stream changed."""
    data, rows = subject.data, np.zeros(count, np.int64)
    values = {}
    for target, port in subject.heads.items():
        loss = subject.losses.get(port.name)
        values[target] = labels(data.targets[target], port, loss.name if loss else "", count, flipped=changed == target)
    arrays = emission.arrays(values, rows)
    picks = Picks(rows, [0, count], [count], 0)
    shapes = emission.batches({**arrays, **dict.fromkeys(data.inputs, rows)}, picks)[0].weights
    weights = {}
    for target in subject.heads:
        plain = np.ones_like(shapes[target])
        heavy = (np.arange(count) < count // 2).reshape(plain.shape)
        weights[target] = np.where(heavy, np.float32(3), plain) if changed == f"{target}.weight" else plain
    emitted = emission.for_keras(Batch({}, arrays, weights))
    return emitted[1], emitted[2] if len(emitted) > 2 else None


def _outputs(subject: Subject, flipped: str | None, count: int) -> Any:
    targets = {port.name: subject.data.targets[target].shape for target, port in subject.heads.items()}
    losses = {head: loss.name for head, loss in subject.losses.items()}
    made = {
        port.name: predictions(port, targets.get(port.name, ()), losses.get(port.name, ""), count, flipped=flipped == port.name)
        for port in subject.contract.outputs
    }
    return contained(subject.container, made)


def _samples(subject: Subject) -> np.ndarray:
    """Rows of a small batch: spread over the data, of the batch size that the model insists on, if it does."""
    batches = [tensor.shape[0] for tensor in getattr(subject.model, "inputs", None) or []]
    count = next((size for size in batches if size), _SAMPLES)
    last = count - 1 if subject.data.endless else len(subject.data) - 1
    return np.linspace(0, last, count).astype(np.int64)


def _dense(array: Array) -> np.ndarray:
    return array.padded(max(1, int(array.lengths.max(initial=0)))) if isinstance(array, Ragged) else array


def _probabilities(head: str, from_logits: bool, loss: str, values: np.ndarray) -> Iterator[Finding]:
    inside = values.min() >= 0 and values.max() <= 1
    if not from_logits and not inside:
        message = f"{loss} takes probabilities and head {head!r} gives {values.min():.3g} to {values.max():.3g}"
        yield Finding(
            "fail", head, message, f"end head {head!r} with softmax or sigmoid, or pass from_logits=True to the loss", "from-logits"
        )


def _in_order(subject: Subject, outputs: Any) -> list[Any]:
    if isinstance(outputs, Mapping):
        return [outputs[name] for name in subject.declared]
    return _listed(outputs)


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _shapes(x: Any) -> str:
    return ", ".join(f"{name} {tuple(array.shape)}" for name, array in x.items()) if isinstance(x, Mapping) else str(tuple(x.shape))


def _role(stream: str) -> str:
    return f"the weight of target {stream.removesuffix('.weight')!r}" if stream.endswith(".weight") else f"target {stream!r}"


def _inputs_line(names: list[str]) -> str:
    return f"keras.Model(inputs={{{', '.join(f'{n!r}: {n}' for n in names)}}}, ...), with keras.Input(..., name=) of the same names"


def _outputs_line(subject: Subject) -> str:
    return f"keras.Model(inputs, {{{', '.join(f'{n!r}: {n}' for n in subject.data.targets)}}}), a dict by name"
