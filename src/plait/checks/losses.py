"""Whether the labels are what the loss of their head expects, and the head's last activation too."""

from __future__ import annotations

from collections.abc import Iterator

from plait.checks.compiled import HeadLoss, activation
from plait.checks.kinds import kind_of
from plait.checks.looks import Look
from plait.checks.subject import Subject
from plait.contract import Port
from plait.report import Finding

__all__ = ["check_activations", "check_labels"]

_MANY = 1000  # classes beyond which the unseen ones are not listed
_CLOSE = 1e-3  # how far a one-hot row may be from a sum of 1
_NO_PROBABILITY = ("linear", "relu", "tanh", "elu", "selu", "gelu", "silu", "leaky_relu", "softplus", "exponential", "softsign")
_RANGES = {"sigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0), "relu": (0.0, float("inf")), "softplus": (0.0, float("inf"))}


def check_labels(subject: Subject) -> Iterator[Finding]:
    """Range and type of all labels that were looked at, against the loss; classes that never occur; targets that never change."""
    for target, port in subject.heads.items():
        seen, loss = subject.looks.get(target), subject.loss_of(target)
        if seen is None or not seen.seen:
            continue
        findings = [] if loss is None else list(_values(subject, seen, port, loss))
        if seen.constant and not any(f.level == "fail" for f in findings) and seen.rows > 1:
            message = f"every label that was looked at ({seen.extent}) is {seen.low:g}: there is nothing to learn"
            findings = [Finding("warn", target, message, f"look where it comes from: print(data[{target!r}].label)", "constant")]
        if not findings:
            message = f"labels from {seen.low:g} to {seen.high:g} suit {_called(loss)} ({seen.extent} looked at)"
            findings = [Finding("pass", target, message, id="label-range", values={"low": seen.low, "high": seen.high, "rows": seen.rows})]
        yield from findings


def _values(subject: Subject, seen: Look, port: Port, loss: HeadLoss) -> Iterator[Finding]:
    kind = kind_of(loss.name).labels
    if kind == "codes" and port.shape and port.shape[-1] is not None:
        yield from _codes(subject, seen, port, loss, port.shape[-1])
    elif kind == "one-hot":
        yield from _one_hot(subject, seen, loss)
    elif kind == "probability" and not (seen.low >= 0 and seen.high <= 1):
        row = seen.low_row if seen.low < 0 else seen.high_row
        if (seen.low, seen.high) in ((1, 2), (-1, 1)):
            remedy = f"data.map(lambda y: y {'- 1' if seen.low == 1 else '> 0'}, on={seen.name!r})"
        else:
            remedy = f"data.map(lambda y: y > 0, on={seen.name!r}), or loss='mean_squared_error' for a number"
        yield _range(subject, seen, row, f"{loss.name} takes labels from 0 to 1", remedy)
    elif kind == "sign" and not set(seen.counts or {0: 0, 2: 0}) <= {-1, 0, 1}:
        row = seen.low_row if seen.low < -1 else seen.high_row
        yield _range(subject, seen, row, f"{loss.name} takes labels -1 and 1, or 0 and 1", f"data.map(lambda y: y > 0, on={seen.name!r})")
    elif kind == "positive" and seen.low < 0:
        remedy = f"loss={{{port.name!r}: 'mean_squared_error'}} for numbers of either sign"
        yield _range(subject, seen, seen.low_row, f"{loss.name} takes the logarithm and no negative labels", remedy)
    elif loss.name == "mean_absolute_percentage_error" and seen.low <= 0 <= seen.high:
        message = f"{loss.name} divides by the label, and labels reach from {seen.low:g} to {seen.high:g}, on both sides of 0 or up to it"
        yield Finding("warn", seen.name, message, f"loss={{{port.name!r}: 'mean_absolute_error'}}", "label-range")


def _codes(subject: Subject, seen: Look, port: Port, loss: HeadLoss, count: int) -> Iterator[Finding]:
    if not seen.whole:
        yield _range(
            subject,
            seen,
            seen.high_row,
            f"{loss.name} takes class codes, whole numbers; Keras cuts the fraction off",
            _vocabulary(seen.name),
            "label-type",
        )
        return
    counts = {code: n for code, n in (seen.counts or {}).items() if code != loss.ignored}
    low, high = (min(counts), max(counts)) if counts else (seen.low, seen.high)
    if low < 0 or high >= count:
        row = seen.low_row if low < 0 else seen.high_row
        wide = f"keras.layers.Dense({high + 1:g}, name={port.name!r})"
        if low >= 1 and high == count:
            remedy = f"data.map(lambda y: y - 1, on={seen.name!r}), as codes begin at 0"
        else:
            remedy = _vocabulary(seen.name) if low < 0 or high > 4 * count + 10 else f"{wide}, or {_vocabulary(seen.name)}"
        expected = f"head {port.name!r} has {count} outputs, so codes 0 to {count - 1}"
        yield _range(subject, seen, row, f"{expected}. JAX counts such a label as loss 0 and says nothing", remedy)
        return
    missing = [code for code in range(count) if code not in counts] if counts and count <= _MANY else []
    classes = subject.data.targets[seen.name].classes
    if missing and len(counts) > 1:
        names = [f"{code} ({classes[code]!r})" if classes is not None and code < len(classes) else str(code) for code in missing[:5]]
        message = f"{len(missing)} of the {count} classes of head {port.name!r} never occur in {seen.extent}: {', '.join(names)}"
        remedy = f"keras.layers.Dense({high + 1:g}, name={port.name!r}), or a split that has all: data.split(0.8, stratify={seen.name!r})"
        yield Finding("warn", seen.name, message, remedy, "class-unseen", {"classes": missing})


def _one_hot(subject: Subject, seen: Look, loss: HeadLoss) -> Iterator[Finding]:
    if seen.low < 0 or seen.high > 1:
        row = seen.low_row if seen.low < 0 else seen.high_row
        yield _range(
            subject, seen, row, f"{loss.name} takes probabilities of classes, 0 to 1", f"{_one_hot_line(seen.name)} of the class codes"
        )
    elif seen.sums[0] < 1 - _CLOSE or seen.sums[1] > 1 + _CLOSE:
        low = seen.sums[0] < 1 - _CLOSE
        row, found = (seen.sums_rows[0], seen.sums[0]) if low else (seen.sums_rows[1], seen.sums[1])
        what = "a row of zeros has loss 0" if found == 0 else f"{loss.name} takes rows that sum to 1"
        several = f"loss='binary_crossentropy' where several classes may hold at once, or {_one_hot_line(seen.name)}"
        message = f"sample {subject.keys([row])} sums to {found:g} over its classes, and {what} ({seen.extent} looked at)"
        yield Finding("fail", seen.name, message, several, "label-sum")


def check_activations(subject: Subject) -> Iterator[Finding]:
    """The head's last activation against `from_logits` of its loss, and against the range of its target."""
    for target, port in subject.heads.items():
        loss, last = subject.loss_of(target), activation(subject.model, port.name, subject.contract)
        if loss is None or last is None:
            continue
        found = _activation(port.name, loss, last)
        seen = subject.looks.get(target)
        if found is None and seen is not None and seen.seen and last in _RANGES and kind_of(loss.name).labels in ("number", "positive"):
            low, high = _RANGES[last]
            if seen.low < low or seen.high > high:
                message = (
                    f"labels from {seen.low:g} to {seen.high:g} and head {port.name!r} ends with {last}, which gives {low:g} to {high:g}"
                )
                remedy = f"keras.layers.Dense(..., activation=None, name={port.name!r})"
                found = Finding("warn", target, message, remedy, "activation")
        if found is not None:
            yield found


def _activation(head: str, loss: HeadLoss, last: str) -> Finding | None:
    kind = kind_of(loss.name)
    if not kind.probabilities:
        if loss.name == "poisson" and last in ("linear", "tanh"):
            message = f"poisson takes positive predictions and head {head!r} ends with {last}"
            return Finding("warn", head, message, f"keras.layers.Dense(..., activation='exponential', name={head!r})", "activation")
        return None
    wanted = "sigmoid" if kind.labels == "probability" else "softmax"
    if loss.from_logits and last in ("softmax", "sigmoid"):
        message = f"head {head!r} ends with {last} and its loss has from_logits=True, so {last} is applied twice"
        return Finding(
            "fail", head, message, f"loss={{{head!r}: {loss.name!r}}}, without from_logits, or no activation in the head", "from-logits"
        )
    if not loss.from_logits and last in _NO_PROBABILITY:
        message = f"{loss.name} takes probabilities and head {head!r} ends with {last}"
        options = f"loss={{{head!r}: keras.losses.{_class(loss.name)}(from_logits=True)}}" if last == "linear" else ""
        remedy = f"keras.layers.Dense(..., activation={wanted!r}, name={head!r})" + (f", or {options}" if options else "")
        return Finding("fail", head, message, remedy, "from-logits")
    if not loss.from_logits and last in ("softmax", "sigmoid") and last != wanted:
        message = f"{loss.name} goes with {wanted} and head {head!r} ends with {last}"
        return Finding("warn", head, message, f"keras.layers.Dense(..., activation={wanted!r}, name={head!r})", "activation")
    return None


def _class(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _range(subject: Subject, seen: Look, row: int, expected: str, remedy: str, kind: str = "label-range") -> Finding:
    message = f"labels reach from {seen.low:g} to {seen.high:g} (sample {subject.keys([row])}; {seen.extent} looked at), and {expected}"
    return Finding("fail", seen.name, message, remedy, kind, {"low": seen.low, "high": seen.high, "rows": seen.rows})


def _vocabulary(name: str) -> str:
    return f"data.map(plait.Vocabulary.fit(train[{name!r}]), on={name!r})"


def _one_hot_line(name: str) -> str:
    return f"data.map(plait.OneHot.fit(train[{name!r}]), on={name!r})"


def _called(loss: HeadLoss | None) -> str:
    return "any loss of a number" if loss is None else loss.name or "a loss of your own"
