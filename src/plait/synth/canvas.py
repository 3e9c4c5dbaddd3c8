"""Images or series of one space as the channels of one array, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import SpecError
from plait.intake import check_channels
from plait.moments import Moments
from plait.spec import Spec

__all__ = ["Canvas"]

_SMALLEST = 4  # numbers along each side


@dataclass(frozen=True)
class Canvas:
    """What a generator makes: streams, their channels one behind the other.

    A network sees each channel less `offset`, over `scale`: between -1 and 1 where values have bounds (pictures, and whole numbers), with
    mean 0 and standard deviation 1 where they have none (series).

    Args:
        specs: stream name -> what one sample looks like.
        bounded: Whether values have bounds.
        offset, scale: One number for each channel of all streams.
    """

    specs: Mapping[str, Spec]
    bounded: bool
    offset: tuple[float, ...]
    scale: tuple[float, ...]

    @classmethod
    def fit(cls, owner: str, data: Dataset, names: Sequence[str]) -> Canvas:
        """What the samples of these streams are like.

        Args:
            owner: Who asks: "GAN".
            data: The samples.
            names: Of the streams: images (height, width, channels) or series (time, channels), all of the same height and width, or time.

        Raises:
            SpecError: They are something else, or do not go together.
        """
        specs = {name: data.spec[name] for name in names}
        for name, spec in specs.items():
            if spec.ragged or spec.dtype.kind not in "biuf" or len(spec.shape) not in (2, 3):
                raise SpecError(
                    f"{owner}.fit: {name!r} is {spec}; beside images (height, width, channels) and series (time, channels) of "
                    f"{_SMALLEST} or more a side nothing else is made. Name it as a condition: {owner}.fit(data, condition=[{name!r}, "
                    "...]), or leave it out."
                )
            if min(_space(spec)) < _SMALLEST:
                raise SpecError(
                    f"{owner}.fit: {name!r} is {spec}, and images and series that are made have {_SMALLEST} or more a side. Make it "
                    f"larger, or make rows of it: data.map(lambda values: values.reshape(len(values), -1), on={name!r})."
                )
        first = next(iter(specs))
        for name, spec in specs.items():
            check_channels(f"{owner}.fit", name, spec)
        unlike = next((name for name, spec in specs.items() if _space(spec) != _space(specs[first])), None)
        if unlike is not None:
            images = len(specs[first].shape) == len(specs[unlike].shape) == 3
            mend = f"Bring them to one size first: data.map(plait.Resize(...), on={unlike!r})."
            apart = f"Tell one of them, {owner}.fit(data, condition=[{unlike!r}, ...]), or make each by a {owner} of its own."
            raise SpecError(
                f"{owner}.fit: {first!r} is {specs[first]} and {unlike!r} is {specs[unlike]}; what is made together has one height and "
                f"width, or one time. {mend if images else apart}"
            )
        bounded = len(_space(specs[first])) == 2 or all(spec.dtype.kind != "f" for spec in specs.values())
        ranges = [_range(data, name, bounded) for name in names]
        offset, scale = (np.concatenate([r[part] for r in ranges]) for part in (0, 1))
        return cls(specs, bounded, tuple(offset.tolist()), tuple(scale.tolist()))

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width, channels) or (time, channels), the channels of all streams."""
        return (*_space(next(iter(self.specs.values()))), len(self.offset))

    @property
    def rank(self) -> int:
        """2 for images, 1 for series."""
        return len(self.shape) - 1

    @property
    def widths(self) -> dict[str, int]:
        """stream name -> how many channels it has."""
        return {name: int(spec.shape[-1] or 0) for name, spec in self.specs.items()}

    def streams(self, made: np.ndarray) -> dict[str, np.ndarray]:
        """(samples, *shape) in the user's units to stream name -> values of its dtype, whole numbers rounded."""
        parts = np.split(made, np.cumsum(list(self.widths.values()))[:-1], axis=-1)
        return {name: self._cast(part, spec) for part, (name, spec) in zip(parts, self.specs.items(), strict=True)}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        specs = {name: spec.to_json() for name, spec in self.specs.items()}
        return {"specs": specs, "bounded": self.bounded, "offset": self.offset, "scale": self.scale}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> Canvas:
        """What `to_json` gave."""
        specs = {name: Spec.from_json(spec) for name, spec in state["specs"].items()}
        return cls(specs, bool(state["bounded"]), tuple(state["offset"]), tuple(state["scale"]))

    def _cast(self, part: np.ndarray, spec: Spec) -> np.ndarray:
        if spec.dtype.kind == "b":
            return part > 0.5
        if spec.dtype.kind in "iu":
            bounds, classes = np.iinfo(spec.dtype), len(spec.classes or ())
            low, high = (0, classes - 1) if classes else (bounds.min, bounds.max)
            return np.clip(np.rint(part.astype(np.float64)), float(low), float(high)).astype(spec.dtype)
        return part.astype(spec.dtype)


def _space(spec: Spec) -> tuple[int, ...]:
    return tuple(int(n or 0) for n in spec.shape[:-1])


def _range(data: Dataset, name: str, bounded: bool) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale of each channel."""
    spec = data.spec[name]
    width = int(spec.shape[-1] or 0)
    if spec.dtype == np.uint8:  # a picture: black and white are what they are
        return np.full(width, 127.5), np.full(width, 127.5)
    moments = Moments.of(data, name)
    if not bounded:
        return moments.mean, moments.deviation
    return (moments.low + moments.high) / 2, np.where(moments.high > moments.low, (moments.high - moments.low) / 2, 1.0)
