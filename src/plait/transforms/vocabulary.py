"""Labels as the codes 0, 1, ... of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array
from plait.spec import Spec
from plait.transforms.columns import Column, Fittable, as_column, as_numbers, row_of, values_of, with_values
from plait.transforms.labels import Label, Places, as_labels, check_kind, codes_of_scores, count_labels, label_array, shown

__all__ = ["Vocabulary"]

Unknown = Literal["raise", "reserve"]
_UNKNOWN_TEXT, _UNKNOWN_NUMBER = "[UNK]", -1  # what code 0 decodes to, as in Keras's StringLookup and IntegerLookup


@dataclass(frozen=True)
class Vocabulary:
    """A label as the int32 code of its class, value for value, whatever the shape; text or integers or booleans.

    Pure and thread-safe.

    Args:
        labels: In the order of their codes.
        unknown: "raise" on a label that is not among them (codes begin at 0), or "reserve" code 0 for all of those (codes of known
            labels begin at 1). Code 0 decodes to "[UNK]", of integers to -1.
    """

    labels: tuple[Label, ...]
    unknown: Unknown = "raise"
    _places: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        labels = as_labels(self.labels, transform="Vocabulary")
        if self.unknown not in get_args(Unknown):
            raise ArgumentError(f"Vocabulary: unknown={self.unknown!r} is not known; write 'raise' or 'reserve'.")
        if self.unknown == "reserve":
            if isinstance(labels[0], bool):
                raise ArgumentError("Vocabulary: true and false leave no label unknown; write unknown='raise'.")
            labels = tuple(label for label in labels if label != _placeholder(labels))
            labels = labels or as_labels((), transform="Vocabulary")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "_places", Places(labels))

    @classmethod
    def fit(cls, data: Fittable, *, size: int | None = None, unknown: Unknown = "raise") -> Vocabulary:
        """All labels that occur, in sorted order; with `size`, the most frequent ones, the most frequent first.

        Args:
            data: The training part's stream, or an array.
            size: How many codes there are at most, the reserved one included: the first argument of an Embedding. Labels of equal
                frequency are taken in sorted order.
            unknown: "raise" or "reserve", for labels that occur later.

        Raises:
            TransformError: There is no sample, or they are no labels.
            ArgumentError: `size` leaves labels out that "raise" would then refuse.
        """
        column = Column.of(data, transform="Vocabulary")
        counts = count_labels(column, transform="Vocabulary")
        if size is None:
            return cls(tuple(sorted(counts)), unknown)
        ranked = sorted(counts, key=lambda label: (-counts[label], label))
        if unknown == "reserve":
            ranked = [label for label in ranked if label != _placeholder(ranked)]
        room = size - (unknown == "reserve")
        if room < 1:
            raise ArgumentError(f"Vocabulary.fit: size={size} leaves no code for a label.")
        if unknown == "raise" and len(ranked) > room:
            raise ArgumentError(
                f"Vocabulary.fit: {column.label} holds {len(ranked)} labels and size={size} leaves out {len(ranked) - room}, such as "
                f"{shown(ranked[room:], 3)}. Give those code 0: Vocabulary.fit(..., size={size}, unknown='reserve')."
            )
        return cls(tuple(ranked[:room]), unknown)

    @property
    def classes(self) -> tuple[Label, ...]:
        """What each code stands for."""
        return (_placeholder(self.labels), *self.labels) if self.unknown == "reserve" else self.labels

    def __len__(self) -> int:
        return len(self.classes)

    def __call__(self, array: Array) -> Array:
        column = as_column(array, transform="Vocabulary")
        values = values_of(column)
        codes = self._places.find(values, transform="Vocabulary")
        if self.unknown == "reserve":
            codes = codes + 1
        elif (codes < 0).any():
            at = tuple(int(i) for i in np.argwhere(codes < 0)[0])
            label = values[at] if isinstance(values[at], str) else values[at].item()
            raise TransformError(
                f"Vocabulary has no label {label!r}, found at row {row_of(column, at[0])}. It knows {len(self.labels)}: "
                f"{shown(self.labels)}. Name it, Vocabulary([..., {label!r}]), leave the sample out, or give all unknown labels code 0: "
                "Vocabulary.fit(..., unknown='reserve')."
            )
        return with_values(column, codes.astype(np.int32))

    def inverse(self, array: Array) -> Array:
        """Labels of codes (integers, any shape), or of class probabilities or logits (floats; ..., classes), the greatest of which wins.

        For two classes, (..., 1) may hold the probability of the second, which wins from 0.5.

        Raises:
            TransformError: A code is out of range, or the scores fit neither form.
        """
        column = as_numbers(array, transform="Vocabulary.inverse")
        values = values_of(column)
        if values.dtype.kind == "f":
            codes = codes_of_scores(values, len(self), transform="Vocabulary.inverse")
        else:
            codes = values.astype(np.int64)
            if values.size and not 0 <= codes.min() <= codes.max() < len(self):
                raise TransformError(
                    f"Vocabulary.inverse: codes reach from {codes.min()} to {codes.max()}; the codes are 0 to {len(self) - 1}."
                )
        return with_values(column, label_array(self.classes)[codes])

    def spec(self, spec: Spec) -> Spec:
        """The same shape in int32, with the classes; of codes of known classes, these."""
        check_kind(spec.dtype, transform="Vocabulary", label="the stream")
        classes: tuple[object, ...] = self.classes
        if spec.classes and spec.dtype.kind in "iu":
            names = dict(enumerate(spec.classes))
            classes = tuple(names.get(label, label) if isinstance(label, int) else label for label in classes)
        return replace(spec, dtype=np.dtype(np.int32), classes=classes, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The labels."""
        return {"labels": list(self.labels), "unknown": self.unknown}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Vocabulary:
        """The transform that `to_json` described."""
        return cls(tuple(state["labels"]), state["unknown"])


def _placeholder(labels: tuple[Label, ...] | list[Label]) -> Label:
    return _UNKNOWN_TEXT if isinstance(labels[0], str) else _UNKNOWN_NUMBER
