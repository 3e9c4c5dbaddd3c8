"""Samples of unequal length brought to one length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.transforms.columns import as_column

__all__ = ["Pad"]


@dataclass(frozen=True)
class Pad:
    """Ragged samples, or dense ones along their first axis, as (samples, length, *item): filled behind with `value`. Pure.

    Longer samples are an error unless `cut=True`: a series loses nothing unless asked. A Keras user who wants
    `pad_sequences(maxlen=20)` writes `Pad(20, before=True, cut=True)`.

    Args:
        length: Of each sample afterwards.
        value: What fills the rest; in text, 0 stands for "".
        before: Fill in front instead of behind.
        cut: Cut longer samples, at the end that is filled.
    """

    length: int
    value: float | int | str | bool = 0
    before: bool = False
    cut: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.length, bool) or not isinstance(self.length, (int, np.integer)) or self.length < 1:
            raise ArgumentError(f"Pad: length={self.length!r} must be a whole number from 1 on, such as Pad(20).")
        value = self.value.item() if isinstance(self.value, np.generic) else self.value
        if isinstance(value, float) and not np.isfinite(value):
            raise ArgumentError(f"Pad: value={value} would reach the model as it is; fill with a finite value.")
        object.__setattr__(self, "length", int(self.length))
        object.__setattr__(self, "value", value)

    def __call__(self, array: Array) -> np.ndarray:
        column = as_column(array, transform="Pad")
        if not isinstance(column, Ragged):
            column = _as_ragged(column)
        longest = int(column.lengths.max(initial=0))
        if longest > self.length and not self.cut:
            raise TransformError(
                f"Pad({self.length}) is given a sample of length {longest} at row {int(column.lengths.argmax())} "
                f"({int((column.lengths > self.length).sum())} of {len(column)} are longer). Write Pad({longest}), or cut them: "
                f"Pad({self.length}, cut=True)."
            )
        return column.padded(self.length, value=self._fill(column.dtype), before=self.before)

    def inverse(self, array: Array) -> Ragged:
        """Samples without the run of fill values at the filled end, ragged. Values of their own that equal it are lost there.

        Raises:
            TransformError: They have another length.
        """
        column = as_column(array, transform="Pad.inverse")
        if isinstance(column, Ragged) or column.ndim < 2 or column.shape[1] != self.length:
            found = "of unequal lengths" if isinstance(column, Ragged) else f"of shape {column.shape}"
            raise TransformError(
                f"Pad.inverse takes samples of length {self.length}, (samples, {self.length}, ...); found a column {found}."
            )
        own = column != self._fill(column.dtype)
        kept = own.any(axis=tuple(range(2, own.ndim)))
        ahead = kept if self.before else kept[:, ::-1]
        lengths = np.where(kept.any(axis=1), self.length - ahead.argmax(axis=1), 0)
        places = np.arange(self.length)
        inside = places >= self.length - lengths[:, None] if self.before else places < lengths[:, None]
        return Ragged(column[inside], np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]))

    def spec(self, spec: Spec) -> Spec:
        """The first axis of the length given."""
        if not spec.shape:
            raise TransformError("Pad takes samples with a length, and these are scalars. Give a ragged stream, or leave Pad out.")
        if not spec.ragged and (spec.shape[0] or 0) > self.length and not self.cut:
            raise TransformError(
                f"Pad({self.length}) is given samples of length {spec.shape[0]}. Write Pad({spec.shape[0]}), or cut them: "
                f"Pad({self.length}, cut=True)."
            )
        self._fill(spec.dtype)
        return replace(spec, shape=(self.length, *spec.shape[1:]))

    def to_json(self) -> dict[str, Any]:
        """The arguments."""
        return {"length": self.length, "value": self.value, "before": self.before, "cut": self.cut}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Pad:
        """The transform that `to_json` described."""
        return cls(state["length"], state["value"], state["before"], state["cut"])

    def _fill(self, dtype: np.dtype) -> object:
        """The fill value, checked to be one of this dtype."""
        if dtype.kind == "T":
            fits, value = isinstance(self.value, str) or self.value == 0, self.value or ""
        elif isinstance(self.value, str) or dtype.kind not in "biuf":
            fits, value = False, self.value
        else:
            value = self.value
            with np.errstate(over="ignore"):
                fits = float(np.array(value).astype(dtype)) == float(value) if dtype.kind != "f" else bool(np.isfinite(dtype.type(value)))
        if not fits:
            raise TransformError(
                f"Pad: value={self.value!r} is no value of dtype {dtype}. Write a value that is, or Cast the stream first."
            )
        return value


def _as_ragged(array: np.ndarray) -> Ragged:
    if array.ndim < 2:
        raise TransformError("Pad takes samples with a length, and these are scalars. Give a ragged stream, or leave Pad out.")
    samples, length = array.shape[:2]
    return Ragged(array.reshape(samples * length, *array.shape[2:]), np.arange(samples + 1, dtype=np.int64) * length)
