"""Labels and the codes 0, 1, ... that stand for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.spec import TEXT
from plait.transforms.columns import Column, values_of

__all__ = ["Label", "Places", "as_labels", "check_kind", "codes_of_scores", "count_labels", "label_array", "shown"]

Label = str | int | bool


def as_labels(classes: Sequence[object], *, transform: str) -> tuple[Label, ...]:
    """The classes as plain Python values, all text, all integers or all booleans, each once.

    Raises:
        ArgumentError: They are not.
    """
    labels: tuple[Any, ...] = tuple(c.item() if isinstance(c, np.generic) else c for c in classes)
    kinds = {type(label) for label in labels}
    if len(kinds) != 1 or not kinds <= {str, int, bool}:
        raise ArgumentError(
            f"{transform}: classes must be all text, all integers or all booleans; found {shown(labels)} "
            f"of {sorted(k.__name__ for k in kinds) or 'no type, there is none'}."
        )
    twice = [label for label, times in Counter(labels).items() if times > 1]
    if twice:
        raise ArgumentError(f"{transform}: each class is to be listed once; found {shown(twice)} more than once.")
    if int in kinds and not all(-(2**63) <= int(label) < 2**63 for label in labels):
        raise ArgumentError(f"{transform}: integer classes must fit 64 bits.")
    return labels


def label_array(labels: Sequence[Label]) -> np.ndarray:
    """The labels as an array of text, int64 or bool."""
    dtype = {str: TEXT, bool: np.dtype(bool)}.get(type(labels[0]), np.dtype(np.int64))
    return np.array(labels, dtype=dtype)


def count_labels(column: Column, *, transform: str) -> Counter[Label]:
    """How often each label occurs among all present samples.

    Raises:
        TransformError: They are neither text nor integers nor booleans, or there is none.
    """
    check_kind(column.spec.dtype, transform=f"{transform}.fit", label=column.label)
    counts: Counter[Label] = Counter()
    for _, chunk in column.chunks():
        values = values_of(chunk)
        if values.dtype.kind == "T":
            counts.update(values.ravel().tolist())
        else:
            counts.update(dict(zip(*(found.tolist() for found in np.unique(values, return_counts=True)), strict=True)))
    if not counts:
        raise TransformError(f"{transform}.fit: the samples of {column.label} are all of length 0; there is no label to fit on.")
    return counts


def check_kind(dtype: np.dtype, *, transform: str, label: str) -> None:
    """Raise where values of this dtype are no labels.

    Raises:
        TransformError: Saying what to write.
    """
    if dtype.kind not in "biuT":
        remedy = "turn whole numbers into integers with Cast('int64')" if dtype.kind == "f" else "turn them into text with Cast(str)"
        raise TransformError(f"{transform} takes labels, text or integers, and {label} is of dtype {dtype}; {remedy} first.")


class Places:
    """The place of each label, looked up many times. Immutable.

    Args:
        labels: As `as_labels` returns them.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self.labels = labels
        self.text = isinstance(labels[0], str)
        self._of_text = {label: at for at, label in enumerate(labels)} if self.text else {}
        known = np.zeros(0, np.int64) if self.text else np.array(labels, np.int64)
        self._order = np.argsort(known)
        self._known = known[self._order]

    def find(self, values: np.ndarray, *, transform: str) -> np.ndarray:
        """The place of each value, -1 where it is none of the labels; int64, of the shape of the values.

        Raises:
            TransformError: Text is given where labels are numbers, or the other way round.
        """
        if not values.size:
            return np.zeros(values.shape, np.int64)
        check_kind(values.dtype, transform=transform, label="the column")
        if self.text != (values.dtype.kind == "T"):
            kinds = ("text", "numbers") if self.text else ("numbers", "text")
            raise TransformError(f"{transform} knows labels that are {kinds[0]}, {shown(self.labels)}, and the column holds {kinds[1]}.")
        if self.text:
            flat = values.ravel().tolist()
            return np.fromiter((self._of_text.get(v, -1) for v in flat), np.int64, len(flat)).reshape(values.shape)
        at = np.minimum(np.searchsorted(self._known, values), len(self._known) - 1)
        return np.where(self._known[at] == values, self._order[at], -1)


def codes_of_scores(scores: np.ndarray, classes: int, *, transform: str) -> np.ndarray:
    """The class that a model's scores, probabilities or logits, speak for; int64.

    Args:
        scores: (..., classes): the greatest wins, the first of several. Or (..., 1) for two classes: a probability of the second,
            which wins from 0.5.
        classes: How many there are.

    Raises:
        TransformError: The shape fits neither, a score is NaN, or a score of (..., 1) is no probability.
    """
    if np.isnan(scores).any():
        raise TransformError(
            f"{transform}: {int(np.isnan(scores).any(axis=-1).sum())} of the predictions hold NaN; they stand for no class."
        )
    if scores.ndim > 1 and scores.shape[-1] == classes:
        return scores.argmax(axis=-1)
    if scores.ndim > 1 and scores.shape[-1] == 1 and classes == 2:
        if scores.size and not 0 <= scores.min() <= scores.max() <= 1:
            raise TransformError(
                f"{transform}: one score for two classes must be a probability, and these reach from {scores.min():g} to {scores.max():g}. "
                "Of logits take keras.ops.sigmoid(predictions) first."
            )
        return (scores[..., 0] >= 0.5).astype(np.int64)
    wanted = f"(samples, {classes}), a score a class" + (", or (samples, 1), a probability" if classes == 2 else "")
    raise TransformError(f"{transform}: predictions have shape {scores.shape}; for {classes} classes they must be {wanted}.")


def shown(labels: Sequence[object], most: int = 8) -> str:
    """A few of the labels, for a message."""
    rest = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f"{list(labels[:most])}{rest}"
