"""Whether samples have the shape and dtype that inputs, heads and losses take."""

from __future__ import annotations

from collections.abc import Iterator

from plait.checks.arguments import free_heads
from plait.checks.kinds import kind_of
from plait.checks.subject import Subject
from plait.contract import Port
from plait.dataset import Dataset
from plait.report import Finding
from plait.spec import Spec
from plait.structure import structure

__all__ = ["check_feedable", "check_shapes"]


def check_feedable(data: Dataset) -> Iterator[Finding]:
    """Streams that no model can be fed with: text, dates, samples of unequal length."""
    for name, spec in {**data.inputs, **data.targets}.items():
        role = "input" if name in data.inputs else "target"
        if spec.text:
            words = f"data.map(plait.Tokenize.fit(train[{name!r}], size=1000), on={name!r}).map(plait.Pad(20), on={name!r})"
            labels = f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r})"
            message = f"{role} {name!r} is text, and Keras takes numbers"
            yield Finding("fail", name, message, words if role == "input" else labels, "text")
        elif spec.dtype.kind not in "biuf":
            message = f"{role} {name!r} has dtype {spec.dtype}, and Keras takes numbers"
            yield Finding("fail", name, message, f"data.map(lambda t: t.astype('float64'), on={name!r})", "dtype")
        elif spec.ragged:
            message = f"the samples of {role} {name!r} differ in length, {spec.shape}, and a batch is one array"
            remedy = f"data.map(plait.Pad(20), on={name!r}), or plait.Loader(data, 32, bucket={name!r})"
            yield Finding("warn", name, message, remedy, "ragged")


def check_shapes(subject: Subject) -> Iterator[Finding]:
    """Names, ranks and shapes against the model, and each target against the loss of its head."""
    data, contract = subject.data, subject.contract
    found = [f for f in structure(data, contract, free=free_heads(data, subject.model, contract)) if f.level != "pass"]
    yield from found
    for name, spec in data.inputs.items():
        port = subject.inputs.get(name)
        if port is None or spec.text:
            continue
        if spec.ragged:
            fixed = port.shape[0] if port.shape else None
            if fixed is not None:
                message = f"the samples of input {name!r} differ in length and the model's input takes {fixed}"
                yield Finding("fail", name, message, f"data.map(plait.Pad({fixed}), on={name!r})", "ragged")
        elif not any(f.about == name for f in found):
            yield Finding("pass", name, f"input {name!r}, {spec}, fits {_shape(port)} {port.dtype}", id="input-shape")
    for name, port in subject.heads.items():
        spec = data.targets[name]
        if spec.text or spec.ragged or any(f.about == name for f in found):
            continue
        yield _target(subject, name, spec, port)


def _target(subject: Subject, name: str, spec: Spec, port: Port) -> Finding:
    loss = subject.loss_of(name)
    head, shape = f"head {port.name!r}, {_shape(port)},", spec.shape
    codes = port.shape[:-1]
    same = _same(shape, port.shape) or (port.shape[-1:] == (1,) and _same(shape, codes))
    sparse = bool(port.shape) and (_same(shape, codes) or _same(shape, (*codes, 1)))
    passed = Finding("pass", name, f"target {name!r}, {spec}, fits {head[:-1]}", id="target-shape")
    if loss is None or not loss.name:
        return passed  # `structure` has refused what no loss of Keras can compare
    if kind_of(loss.name).labels == "codes":
        if sparse and port.shape[-1] != 1:
            return passed
        if sparse or port.shape[-1:] == (1,):
            message = f"{loss.name} on {head} which has one output, is 0 whatever the label is"
            remedy = f"keras.layers.Dense(<number of classes>, activation='softmax', name={port.name!r}), or loss='binary_crossentropy'"
            return Finding("fail", name, message, remedy, "target-shape")
        message = f"target {name!r} has {_shape(spec)} a sample, one value for each output of {head} and {loss.name} takes class codes"
        return Finding("fail", name, message, f"loss={{{port.name!r}: {_dense_loss(loss.name)!r}}}", "target-shape")
    if kind_of(loss.name).labels == "own":
        return passed
    if kind_of(loss.name).labels == "one-hot" and port.shape[-1:] == (1,):
        message = f"{loss.name} on {head} which has one output, is 0 whatever the label is"
        return Finding("fail", name, message, f"loss={{{port.name!r}: 'binary_crossentropy'}}", "target-shape")
    if same:
        return passed
    message = (
        f"target {name!r} has {_shape(spec)} a sample and {head} is compared with it by {loss.name}: Keras would broadcast one to the other"
    )
    if sparse and kind_of(loss.name).labels == "one-hot":
        count = port.shape[-1]
        remedy = f"loss={{{port.name!r}: 'sparse_categorical_crossentropy'}}, or data.map(plait.OneHot(range({count})), on={name!r})"
    else:
        remedy = f"give the head the shape of the target: keras.layers.Dense({shape[-1] if shape else 1}, name={port.name!r})"
    return Finding("fail", name, message, remedy, "target-shape")


def _dense_loss(name: str) -> str:
    return "categorical_crossentropy" if name == "sparse_categorical_crossentropy" else "categorical_focal_crossentropy"


def _same(shape: tuple[int | None, ...], other: tuple[int | None, ...]) -> bool:
    return len(shape) == len(other) and all(a is None or b is None or a == b for a, b in zip(shape, other, strict=True))


def _shape(thing: Spec | Port) -> str:
    return "(" + ", ".join("?" if n is None else str(n) for n in thing.shape) + ("," if len(thing.shape) == 1 else "") + ")"
