"""Labels as vectors with one 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from plait.errors import TransformError
from plait.ragged import Array
from plait.spec import Spec
from plait.transforms.columns import Column, Fittable, as_column, as_numbers, row_of, values_of, with_values
from plait.transforms.labels import Label, Places, as_labels, check_kind, codes_of_scores, count_labels, label_array, shown

__all__ = ["OneHot"]


@dataclass(frozen=True)
class OneHot:
    """A label (or code) as a float32 vector of as many entries as there are classes: 1 at its class, 0 elsewhere.

    (samples,) becomes (samples, classes), and so does (samples, 1); masks of (height, width, 1) become (height, width, classes). Pure and
    thread-safe.

    Args:
        classes: All text, all integers or all booleans, in the order of the vector.
    """

    classes: tuple[Label, ...]
    _places: Places = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", as_labels(self.classes, transform="OneHot"))
        object.__setattr__(self, "_places", Places(self.classes))

    @classmethod
    def fit(cls, data: Fittable) -> OneHot:
        """One entry a label that occurs, in sorted order; of a stream that holds codes of known classes, one a class.

        Raises:
            TransformError: There is no sample, or they are no labels.
        """
        column = Column.of(data, transform="OneHot")
        if column.spec.classes and column.spec.dtype.kind in "iu":
            return cls(tuple(range(len(column.spec.classes))))
        return cls(tuple(sorted(count_labels(column, transform="OneHot"))))

    def __call__(self, array: Array) -> Array:
        column = as_column(array, transform="OneHot")
        values = values_of(column)
        if values.ndim > 1 and values.shape[-1] == 1:
            values = values[..., 0]
        codes = self._places.find(values, transform="OneHot")
        if (codes < 0).any():
            at = tuple(int(i) for i in np.argwhere(codes < 0)[0])
            label = values[at] if isinstance(values[at], str) else values[at].item()
            raise TransformError(
                f"OneHot has no class {label!r}, found at row {row_of(column, at[0])}. It knows {len(self.classes)}: "
                f"{shown(self.classes)}. Name it, OneHot([..., {label!r}]), or leave the sample out."
            )
        vectors = np.zeros((*codes.shape, len(self.classes)), np.float32)
        np.put_along_axis(vectors, codes[..., None], 1, axis=-1)
        return with_values(column, vectors)

    def inverse(self, array: Array) -> Array:
        """The label with the greatest entry: of vectors, class probabilities or logits (..., classes).

        Raises:
            TransformError: The last axis has another length, or holds NaN.
        """
        column = as_numbers(array, transform="OneHot.inverse")
        codes = codes_of_scores(values_of(column), len(self.classes), transform="OneHot.inverse")
        return with_values(column, label_array(self.classes)[codes])

    def spec(self, spec: Spec) -> Spec:
        """The same shape with the classes as last axis, in float32."""
        check_kind(spec.dtype, transform="OneHot", label="the stream")
        shape = spec.shape[:-1] if spec.shape[-1:] == (1,) else spec.shape
        return replace(spec, shape=(*shape, len(self.classes)), dtype=np.dtype(np.float32), classes=None, unit=None)

    def to_json(self) -> dict[str, Any]:
        """The classes."""
        return {"classes": list(self.classes)}

    @classmethod
    def from_json(cls, state: Mapping[str, Sequence[Label]]) -> OneHot:
        """The transform that `to_json` described."""
        return cls(tuple(state["classes"]))
