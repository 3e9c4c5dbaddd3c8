"""Whether every head has labels, and weights that can be used."""

from __future__ import annotations

from collections.abc import Iterator

from plait.checks.subject import Subject
from plait.report import Finding

__all__ = ["check_weights"]


def check_weights(subject: Subject) -> Iterator[Finding]:
    """The share of labelled samples of each head, and the values of the weights."""
    data = subject.data
    for target in data.targets:
        gone = data.absent(target)
        if data.endless:
            yield Finding("pass", target, "every sample is drawn with its label", id="label-rate", values={"rate": 1.0})
            continue
        total, labelled = len(data), len(data) - (0 if gone is None else int(gone.sum()))
        values = {"labelled": labelled, "samples": total, "rate": labelled / max(1, total)}
        if labelled == 0:
            message = f"none of the {total} samples has a label of target {target!r}, so nothing trains its head"
            yield Finding("fail", target, message, "print(data.join) says what matched", "label-none", values)
        else:
            yield Finding(
                "pass", target, f"{labelled} of {total} samples are labelled, {labelled / total:.0%}", id="label-rate", values=values
            )
    for target in data.weights:
        seen = subject.looks.get(f"{target}.weight")
        if seen is None:
            continue
        about, fix = f"{target}.weight", f"weights={{{target!r}: ...}}"
        if seen.errors:
            yield Finding("fail", about, f"the weight of target {target!r} cannot be read: {seen.errors[0]}", id="read")
        elif seen.bad_rows:
            message = f"the weight of target {target!r} is NaN or infinite for {subject.keys(seen.bad_rows)}"
            yield Finding("fail", about, message, f"{fix} with numbers of 0 and more, 1 where in doubt", "weight-range")
        elif seen.seen and seen.low < 0:
            message = f"the weight of target {target!r} is {seen.low:g} for sample {subject.keys([seen.low_row])}; a weight is 0 or more"
            yield Finding("fail", about, message, f"{fix} with numbers of 0 and more", "weight-range")
        elif seen.seen and seen.high == 0:
            message = f"all weights of target {target!r} are 0 ({seen.extent} looked at), so nothing trains its head"
            yield Finding("fail", about, message, f"leave {fix} out, or give numbers above 0", "weight-range")
        elif seen.seen:
            message = f"weights from {seen.low:g} to {seen.high:g}, {seen.size:.3g} in the mean ({seen.extent} looked at)"
            yield Finding("pass", about, message, id="weight-range", values={"low": seen.low, "high": seen.high})
