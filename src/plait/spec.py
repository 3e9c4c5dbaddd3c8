"""What one sample of a stream looks like."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.ragged import Array, Ragged

__all__ = ["TEXT", "Spec"]

_DTYPE = re.compile(  # what NumPy calls numbers, times and text, short and long
    r"[<>|=]?(?:[biuf][1248]|\?|[Mm]8(?:\[\w{1,6}\])?|U[0-9]{1,6})|bool|(?:u?int|float)(?:8|16|32|64)|(?:datetime|timedelta)64(?:\[\w{1,6}\])?"
)
TEXT = np.dtypes.StringDType()  # the dtype of text in plait: variable width, no object arrays


@dataclass(frozen=True)
class Spec:
    """Shape, dtype and meaning of one sample.

    Args:
        shape: Without the samples axis; the first axis is None where samples differ in length.
        dtype: Of one value; `plait.spec.TEXT` for text.
        classes: What the integer codes 0, 1, ... stand for, where the stream holds codes of classes.
        unit: Of the values, where known: "mm".
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype
    classes: tuple[object, ...] | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        object.__setattr__(self, "dtype", np.dtype(self.dtype))
        if self.classes is not None:
            object.__setattr__(self, "classes", tuple(self.classes))

    @classmethod
    def of(cls, array: Array) -> Spec:
        """The spec of the samples that this column holds."""
        if isinstance(array, Ragged):
            return cls((None, *array.values.shape[1:]), array.dtype)
        return cls(array.shape[1:], array.dtype)

    @property
    def ragged(self) -> bool:
        """Whether samples differ in length."""
        return None in self.shape

    @property
    def text(self) -> bool:
        """Whether the values are text."""
        return self.dtype.kind == "T"

    def with_array(self, array: Array) -> Spec:
        """Shape and dtype of this column; classes and unit as here."""
        return replace(self, shape=Spec.of(array).shape, dtype=array.dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        classes = None if self.classes is None else [c.item() if isinstance(c, np.generic) else c for c in self.classes]
        return {"shape": list(self.shape), "dtype": "text" if self.text else self.dtype.str, "classes": classes, "unit": self.unit}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Spec:
        """What `to_json` gave.

        Raises:
            KeyError, ValueError: It gave nothing like it.
        """
        shape, name, classes, unit = (state[part] for part in ("shape", "dtype", "classes", "unit"))
        if not isinstance(shape, (list, tuple)) or any(n is not None and (type(n) is not int or n < 0) for n in shape) or None in shape[1:]:
            raise ValueError(f"the shape {shape!r:.80} is none")
        if name != "text" and not (isinstance(name, str) and _DTYPE.fullmatch(name)):
            raise ValueError(f"the dtype {name!r:.80} is none")
        if classes is not None and not (isinstance(classes, list) and all(isinstance(c, (str, int, float)) for c in classes)):
            raise ValueError(f"the classes {classes!r:.80} are neither text nor numbers")
        if unit is not None and not isinstance(unit, str):
            raise ValueError(f"the unit {unit!r:.80} is no text")
        try:
            dtype = TEXT if name == "text" else np.dtype(name)
        except TypeError as error:
            raise ValueError(f"the dtype {name!r} is none") from error
        return cls(tuple(shape), dtype, None if classes is None else tuple(classes), unit)

    def __str__(self) -> str:
        shape = "(" + ", ".join("?" if n is None else str(n) for n in self.shape) + ("," if len(self.shape) == 1 else "") + ")"
        name = "text" if self.text else str(self.dtype)
        parts = [shape, name]
        if self.classes is not None:
            parts.append(f"{len(self.classes)} classes")
        if self.unit:
            parts.append(self.unit)
        return " ".join(parts)
