"""Whether the values can be read and trained on: NaN, infinity, range of dtype, scale."""

from __future__ import annotations

import math
from collections.abc import Iterator

from plait.checks.compiled import HeadLoss, consumers, rescaled
from plait.checks.kinds import kind_of
from plait.checks.looks import Look
from plait.checks.subject import Subject
from plait.report import Finding

__all__ = ["check_values"]

_WILD = 100.0  # absolute values beyond which an input should be scaled
_FAR = 1000.0  # the same of a regression target
_UNEQUAL = 100.0  # ratio of the first losses of two heads
_EXACT = 2**24  # integers up to here are exact in float32
_SCALING = ("Rescaling", "Normalization", "BatchNormalization", "LayerNormalization", "GroupNormalization", "UnitNormalization",
            "RMSNormalization")  # fmt: skip
_WEIGHING = ("Dense", "EinsumDense", "Conv", "SeparableConv", "DepthwiseConv", "LSTM", "GRU", "SimpleRNN", "RNN", "Bidirectional",
             "TimeDistributed", "MultiHeadAttention", "GroupQueryAttention")  # fmt: skip


def check_values(subject: Subject) -> Iterator[Finding]:
    """Every stream: readable, finite, in range of the dtype it is fed as, of a scale that trains."""
    for name in [*subject.data.inputs, *subject.data.targets]:
        seen = subject.looks.get(name)
        if seen is None:
            continue
        role = "input" if name in subject.data.inputs else "target"
        findings = [*_unreadable(seen, role), *_not_finite(subject, seen, role)]
        if seen.seen:
            findings += _input(subject, seen) if role == "input" else _target_range(seen)
        if not any(f.level == "fail" for f in findings) and seen.seen:
            message = f"{role} {name!r} is finite, {seen.low:g} to {seen.high:g} ({seen.extent} looked at)"
            yield Finding("pass", name, message, id="values", values={"low": seen.low, "high": seen.high, "rows": seen.rows})
        yield from findings
    yield from _target_scales(subject)


def _unreadable(seen: Look, role: str) -> Iterator[Finding]:
    for text in dict.fromkeys(seen.errors):
        yield Finding("fail", seen.name, f"{role} {seen.name!r} cannot be read: {text}", id="read")


def _not_finite(subject: Subject, seen: Look, role: str) -> Iterator[Finding]:
    if seen.bad_rows:
        message = f"{role} {seen.name!r} is NaN or infinite in {len(seen.bad_rows)} of {seen.rows} samples: {subject.keys(seen.bad_rows)}"
        if role == "input":
            remedy = f"data.map(np.nan_to_num, on={seen.name!r}), or leave them out: missing={{{seen.name!r}: 'drop'}}"
        else:
            remedy = f"plait.Dataset(..., missing={{{seen.name!r}: 'mask'}}) gives NaN weight 0; "
            remedy += f"infinity is brought into range with data.map(fn, on={seen.name!r})"
        yield Finding("fail", seen.name, message, remedy, "not-finite", {"rows": len(seen.bad_rows)})


def _input(subject: Subject, seen: Look) -> Iterator[Finding]:
    name, port = seen.name, subject.inputs.get(seen.name)
    if port is None:
        return
    kind, whole, readers = seen.spec.dtype.kind, port.dtype.startswith(("int", "uint")), consumers(subject.model, port.name)
    wide = max(abs(seen.low), abs(seen.high))
    held = f"{seen.low:g} to {seen.high:g}" if kind == "f" else f"{seen.low} to {seen.high}"
    if kind == "f" and whole and not seen.whole:
        message = f"input {name!r} holds fractions, {held}, and the model takes {port.dtype}: Keras cuts them off"
        yield Finding("fail", name, message, f"keras.Input({seen.spec.shape}, dtype='float32', name={name!r})", "dtype")
    elif whole and (seen.low < -(2**31) or seen.high >= 2**31):
        message = f"input {name!r} holds {held} and {port.dtype} is fed as int32, which ends at {2**31 - 1}: ids would wrap around"
        yield Finding("fail", name, message, f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r})", "int-range")
    elif kind in "iu" and not whole and wide > _EXACT:
        message = f"input {name!r} holds {held} and the model takes {port.dtype}, which rounds integers beyond {_EXACT}"
        yield Finding("fail", name, message, f"keras.Input({seen.spec.shape}, dtype='int32', name={name!r}), or scale it", "int-range")
    elif kind == "f" and wide > _largest(port.dtype):
        message = f"input {name!r} reaches {wide:g}, which is infinite as {port.dtype}"
        yield Finding("fail", name, message, f"data.map(plait.Standardize.fit(train[{name!r}]), on={name!r})", "not-finite")
    else:
        yield from _embedding(subject, seen, readers)
        yield from _scale(seen, readers, wide)


def _embedding(subject: Subject, seen: Look, readers: list[object]) -> Iterator[Finding]:
    sizes = [int(getattr(reader, "input_dim", 0)) for reader in readers if type(reader).__name__ == "Embedding"]
    if len(sizes) != 1:
        return
    (size,) = sizes
    if seen.low < 0 or seen.high >= size:
        row = seen.low_row if seen.low < 0 else seen.high_row
        message = (
            f"input {seen.name!r} holds ids from {seen.low:g} to {seen.high:g} (sample {subject.keys([row])}; {seen.extent} looked at), "
            f"and the Embedding that reads it has {size}, 0 to {size - 1}"
        )
        remedy = f"keras.layers.Embedding({int(seen.high) + 1}, ...)" if seen.low >= 0 else f"plait.Vocabulary.fit(train[{seen.name!r}])"
        yield Finding("fail", seen.name, message, remedy, "id-range")


def _scale(seen: Look, readers: list[object], wide: float) -> Iterator[Finding]:
    kinds = [type(reader).__name__ for reader in readers]
    if any(kind.startswith(_SCALING) for kind in kinds) or not any(kind.startswith(_WEIGHING) for kind in kinds):
        return
    if seen.spec.dtype.kind == "u" and seen.spec.dtype.itemsize == 1 and seen.spec.shape and wide > 1:
        message = f"input {seen.name!r} is {seen.spec.dtype}, {seen.low:g} to {seen.high:g}, and reaches the model as it is"
        yield Finding("warn", seen.name, message, "keras.layers.Rescaling(1 / 255) as the first layer of that input", "unscaled")
    elif wide > _WILD:
        message = f"input {seen.name!r} reaches from {seen.low:g} to {seen.high:g} and nothing scales it"
        yield Finding("warn", seen.name, message, f"data.map(plait.Standardize.fit(train[{seen.name!r}]), on={seen.name!r})", "input-scale")


def _target_range(seen: Look) -> Iterator[Finding]:
    name, wide = seen.name, max(abs(seen.low), abs(seen.high))
    scale = f"data.map(plait.Standardize.fit(train[{name!r}]), on={name!r})"
    if seen.spec.dtype.kind == "f" and wide > _largest("float32"):
        message = f"target {name!r} reaches from {seen.low:g} to {seen.high:g}, which is infinite as float32"
        yield Finding("fail", name, message, scale, "not-finite")
    elif seen.spec.dtype.kind in "iu" and wide > _EXACT:
        message = (
            f"target {name!r} holds {seen.low} to {seen.high}, and Keras casts targets to float32, which rounds integers beyond {_EXACT}"
        )
        fails = wide >= 2**31
        yield Finding("fail" if fails else "warn", name, message, scale, "int-range")


def _target_scales(subject: Subject) -> Iterator[Finding]:
    """Heads whose first loss is so much larger than another's that the other would not be trained."""
    first = {}
    for target, port in subject.heads.items():
        seen, loss = subject.looks.get(target), subject.loss_of(target)
        if rescaled(subject.model, port.name, subject.contract):
            continue  # it begins on the target's scale
        if seen is not None and seen.seen and loss is not None and (size := _first_loss(seen, loss, port.shape)) > 0:
            first[target] = size
    if not first:
        return
    least = min(first, key=first.__getitem__)
    for target, size in first.items():
        seen, loss = subject.looks[target], subject.loss_of(target)
        if loss is None or kind_of(loss.name).labels not in ("number", "positive"):
            continue
        remedy = f"scale = plait.Standardize.fit(train[{target!r}]); train = train.map(scale, on={target!r})"
        values = {"first loss": size, "least": first[least]}
        if size > _UNEQUAL * first[least]:
            message = (
                f"target {target!r} is {seen.size:.3g} in the mean, so its loss begins near {size:.2g} and that of {least!r} near "
                f"{first[least]:.2g}: {least!r} would hardly be trained"
            )
            yield Finding("warn", target, message, remedy, "target-scale", values)
        elif math.sqrt(seen.power) > _FAR:
            message = f"target {target!r} is {seen.size:.3g} in the mean, far from what a new head gives"
            yield Finding("warn", target, message, remedy, "target-scale", values)


def _first_loss(seen: Look, loss: HeadLoss, shape: tuple[int | None, ...]) -> float:
    """About the weighted loss of a head that gives zeros, or knows nothing of the classes."""
    kind = kind_of(loss.name)
    if kind.labels in ("codes", "one-hot"):
        plain = math.log(max(2, shape[-1] or 2)) if shape else 1.0
    elif kind.labels in ("probability", "sign"):
        plain = math.log(2)
    elif loss.name == "mean_squared_error":
        plain = seen.power
    elif loss.name in ("mean_absolute_error", "huber", "log_cosh"):
        plain = seen.size
    else:
        return 0.0
    return plain * loss.weight


def _largest(dtype: str) -> float:
    return 65504.0 if dtype == "float16" else 3.4028235e38
