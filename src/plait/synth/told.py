"""What a generator is told: conditions of every kind, and how they are written for a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, SpecError
from plait.intake import check_name
from plait.moments import Moments, blocks_of
from plait.spec import TEXT, Spec
from plait.tabular import Kind

__all__ = ["Condition", "whole"]

_LEVELS = 50  # whole numbers of so many values at most are classes
_NUMBERS = ("number", "integer", "ordered")


@dataclass(frozen=True)
class Condition:
    """One stream that a generator is told.

    Args:
        name: Of the stream.
        kind: "class", told by its code; or "array": numbers, vectors, series, images, masks and noise maps.
        shape: Of one sample.
        levels: Of a class, in the order of the codes.
        offset, scale: What is taken away from numbers, and what they are divided by then: one number for each of the last axis.
    """

    name: str
    kind: Literal["class", "array"]
    shape: tuple[int, ...] = ()
    levels: tuple[Any, ...] = ()
    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    @classmethod
    def fit(cls, owner: str, data: Dataset, name: str, kind: Kind | None) -> Condition:
        """What the samples of a stream are like.

        Args:
            owner: Who asks: "GAN".
            data: The samples.
            name: Of the stream.
            kind: "category" or "number", where another is meant than is obvious.

        Raises:
            SpecError: It is neither numbers nor classes, or has a name that Keras doesn't take.
        """
        spec = data.spec[name]
        check_name(f"{owner}.fit", name)
        if spec.ragged or spec.dtype.kind not in "biufT" or (spec.text and spec.shape) or len(spec.shape) > 3:
            raise SpecError(
                f"{owner}.fit: {name!r} is {spec}, and a condition is a class, or an array of numbers of one shape, such as a vector, a "
                f"series or an image. data.map(fn, on={name!r}) makes it one, or leave it out: {owner}.fit(data, condition=[...])."
            )
        if not spec.shape and (levels := _levels(data, name, spec, kind)) is not None:
            return cls(name, "class", (), levels)
        if spec.text:
            raise SpecError(f"{owner}.fit: {name!r} is text. Give it as numbers, such as an embedding, or as a category: kinds={{{name!r}: "
                            "'category'}.")  # fmt: skip
        shape = tuple(int(n or 0) for n in spec.shape)
        moments = Moments.of(data, name)
        return cls(name, "array", shape, (), tuple(moments.mean.tolist()), tuple(moments.deviation.tolist()))

    def spread(self, rank: int) -> bool:
        """Whether it is a map over the same space as what is made."""
        return self.kind == "array" and len(self.shape) == rank + 1

    def codes(self, values: np.ndarray) -> np.ndarray:
        """(samples,) int32 codes of classes; other values as they are.

        Raises:
            ArgumentError: There is no such class.
        """
        if self.kind == "array":
            return values
        places = {level: code for code, level in enumerate(self.levels)}
        found = np.asarray(values).tolist()
        unknown = [value for value in found if value not in places]
        if unknown:
            raise ArgumentError(f"There is no {unknown[0]!r} among the {len(self.levels)} classes of {self.name!r}: {_some(self.levels)}.")
        return np.array([places[value] for value in found], np.int32)

    def values(self, codes: np.ndarray, spec: Spec) -> np.ndarray:
        """What `codes` came from, in the dtype of the stream."""
        if self.kind == "array":
            return codes.astype(spec.dtype, copy=False)
        return np.array(self.levels, TEXT if spec.text else spec.dtype)[codes]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Condition:
        """What `to_json` gave."""
        parts = (tuple(state[part]) for part in ("shape", "levels", "offset", "scale"))
        return cls(state["name"], state["kind"], *parts)


def whole(owner: str, data: Dataset, names: Sequence[str]) -> None:
    """Raise where a stream lacks values of some samples.

    Raises:
        SpecError: Saying how many.
    """
    for name in names:
        gone = data.absent(name)
        if gone is not None and gone.any():
            raise SpecError(
                f"{owner}.fit: {name!r} has no value for {int(gone.sum())} of {len(data)} samples, which can't be learned as such. "
                'Leave them out: plait.Dataset(..., missing="drop").'
            )


def _levels(data: Dataset, name: str, spec: Spec, kind: Kind | None) -> tuple[Any, ...] | None:
    if spec.classes is not None and spec.dtype.kind in "iu":
        return tuple(range(len(spec.classes)))
    if kind in _NUMBERS or (kind is None and spec.dtype.kind == "f"):
        return None
    found: set[Any] = set()
    for block in blocks_of(data.plain(), name):
        found.update(np.unique(block).tolist())
        if len(found) > _LEVELS and kind is None and not spec.text:
            return None
    return tuple(sorted(found))


def _some(levels: Sequence[Any]) -> str:
    return ", ".join(map(repr, levels[:10])) + (" ..." if len(levels) > 10 else "")
