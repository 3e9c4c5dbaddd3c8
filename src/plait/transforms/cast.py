"""Another dtype, so long as nothing is lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import ArgumentError, TransformError
from plait.ragged import Array
from plait.spec import TEXT, Spec
from plait.transforms.columns import as_column, row_of, values_of, with_values

__all__ = ["Cast"]


@dataclass(frozen=True)
class Cast:
    """The same values in another dtype. Pure and thread-safe.

    A value out of range, a fraction where integers are asked for, an integer that a float can't hold exactly, and text that is no number
    are errors. The rounding of one float to a smaller one is not.

    Args:
        dtype: "int32", "float32", "bool", or `str` for text.
    """

    dtype: np.dtype

    def __init__(self, dtype: Any) -> None:
        try:
            found = TEXT if dtype in (str, "str", "text") else np.dtype(dtype)
        except TypeError as error:
            raise ArgumentError(f"Cast: {dtype!r} is no dtype; write for instance Cast('int32').") from error
        if found.kind == "U":
            found = TEXT
        if found.kind not in "biufT":
            raise ArgumentError(f"Cast: dtype {found} is neither a number, a boolean nor text; write for instance Cast('int32').")
        object.__setattr__(self, "dtype", found)

    def __call__(self, array: Array) -> Array:
        column = as_column(array, transform=self._name)
        values = values_of(column)
        self._check(values.dtype)
        if values.dtype == self.dtype:
            return column
        if values.dtype.kind == "T":
            return with_values(column, self._parsed(values, column))
        with np.errstate(over="ignore", invalid="ignore"):
            cast = values.astype(self.dtype)
        if self.dtype.kind == "T":
            return with_values(column, cast)
        lost = self._lost(values, cast)
        if lost.any():
            at = tuple(int(i) for i in np.argwhere(lost)[0])
            remedy = "np.round them first" if self.dtype.kind in "iu" and np.isfinite(values[at]) else "choose a wider dtype"
            raise TransformError(
                f"{self._name}: {values[at].item()!r} at row {row_of(column, at[0])} does not fit {self.dtype} "
                f"({int(lost.sum())} of {lost.size} values do not); {remedy}, or leave them out."
            )
        return with_values(column, cast)

    def inverse(self, array: Array) -> Array:
        """Values as they are: a prediction keeps the fractions that it has."""
        return array

    def spec(self, spec: Spec) -> Spec:
        """The same shape in this dtype."""
        self._check(spec.dtype)
        return replace(spec, dtype=self.dtype, classes=spec.classes if self.dtype.kind in "iu" else None)

    def to_json(self) -> dict[str, Any]:
        """The dtype's name."""
        return {"dtype": "text" if self.dtype.kind == "T" else self.dtype.name}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Cast:
        """The transform that `to_json` described."""
        return cls(state["dtype"])

    @property
    def _name(self) -> str:
        return f"Cast({'text' if self.dtype.kind == 'T' else self.dtype.name!r})"

    def _check(self, dtype: np.dtype) -> None:
        if dtype.kind not in "biufT" or (dtype.kind == "T" and self.dtype.kind == "b"):
            raise TransformError(f"{self._name} takes numbers or text that holds numbers, and the values are of dtype {dtype}.")

    def _parsed(self, text: np.ndarray, column: Array) -> np.ndarray:
        try:
            return text.astype(self.dtype)
        except (ValueError, OverflowError) as error:
            for at, value in enumerate(text.reshape(len(text), -1)):
                try:
                    value.astype(self.dtype)
                except (ValueError, OverflowError):
                    worst = next(v for v in value.tolist() if not _parses(v, self.dtype))
                    raise TransformError(
                        f"{self._name}: {worst!r} at row {row_of(column, at)} is no {self.dtype} number. "
                        "Turn labels into codes with Vocabulary, or leave the sample out."
                    ) from error
            raise

    def _lost(self, values: np.ndarray, cast: np.ndarray) -> np.ndarray:
        """True where the value is no longer what it was."""
        if values.dtype.kind == "f" and self.dtype.kind == "f":
            return np.isfinite(values) & ~np.isfinite(cast)
        if self.dtype.kind in "iu" and values.dtype.kind == "f":
            low, high = float(np.iinfo(self.dtype).min), float(np.iinfo(self.dtype).max) + 1  # both exact
            exact = values.astype(np.float64)
            return ~((exact >= low) & (exact < high)) | (np.floor(exact) != exact)
        if self.dtype.kind in "iu":
            info = np.iinfo(self.dtype)
            return (values < info.min) | (values > info.max) if values.dtype.kind != "b" else np.zeros(values.shape, bool)
        if self.dtype.kind == "b":
            return (values != 0) & (values != 1)
        digits = np.finfo(self.dtype).nmant + 1  # integers into floats
        wide = np.abs(values.astype(np.float64)) >= 2.0**digits
        if not wide.any():
            return np.zeros(values.shape, bool)
        lost = np.zeros(values.shape, bool)
        lost[wide] = [not np.isfinite(c) or int(c) != int(v) for v, c in zip(values[wide].tolist(), cast[wide].tolist(), strict=True)]
        return lost


def _parses(text: str, dtype: np.dtype) -> bool:
    try:
        np.array([text], TEXT).astype(dtype)
    except (ValueError, OverflowError):
        return False
    return True
