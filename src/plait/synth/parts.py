"""Which part of a generator's output a stream is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard

import numpy as np

from plait.errors import ArgumentError, NameUnknownError, SpecError

__all__ = ["Part", "Place"]

Columns: TypeAlias = int | slice | Sequence[int]
#: A column, several columns, an output by its name, or columns of one output.
Place: TypeAlias = Columns | str | tuple[str, Columns]


@dataclass(frozen=True)
class Part:
    """Columns of one output, or a whole output.

    Args:
        output: Which one; "" where there is only one.
        columns: A number gives one value a sample, a slice or a list a vector; None the whole output.
    """

    output: str
    columns: int | slice | tuple[int, ...] | None

    @classmethod
    def of(cls, owner: str, stream: str, place: Place, outputs: Mapping[str, np.ndarray]) -> Part:
        """The part that `place` means.

        Args:
            owner: For messages: "Pretrained 'gan.keras'".
            stream: The stream that it is to be.
            place: As the user wrote it.
            outputs: output name -> (samples, *shape), an example.

        Raises:
            ArgumentError, NameUnknownError: It is no place, or there is no such output.
            SpecError: A column lies beyond the output.
        """
        output: str | None
        columns: object
        output, columns = place if _named(place) else (place, None) if isinstance(place, str) else (None, place)
        if output is None and len(outputs) > 1:
            raise ArgumentError(
                f"{owner}: {stream!r} is {place!r}, and the generator has the outputs {list(outputs)}. Say which one: "
                f"{{{stream!r}: ({next(iter(outputs))!r}, {place!r})}}."
            )
        if output is not None and output not in outputs and list(outputs) != [""]:
            raise NameUnknownError(f"{owner}: {stream!r} is the output {output!r}, and the generator has {list(outputs)}.")
        if output is not None and list(outputs) == [""]:
            raise NameUnknownError(f"{owner}: {stream!r} is the output {output!r}, and the generator has one output. Name its columns.")
        name = output if output is not None else next(iter(outputs))
        return cls(name, _columns(owner, stream, columns, outputs[name].shape[1:]))

    def __call__(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """(samples, *shape) of the stream."""
        values = outputs[self.output]
        if self.columns is None:
            return values
        return values[..., list(self.columns) if isinstance(self.columns, tuple) else self.columns]


def _named(place: object) -> TypeGuard[tuple[str, object]]:
    return isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], str)


def _columns(owner: str, stream: str, columns: object, shape: tuple[int, ...]) -> int | slice | tuple[int, ...] | None:
    """The columns, checked against the shape of one sample of the output."""
    if columns is None:
        return None
    width = shape[-1] if shape else 0
    if isinstance(columns, slice):
        if not range(*columns.indices(width)) or any(abs(end) > width for end in (columns.start or 0, columns.stop or 0)):
            raise SpecError(_beyond(owner, stream, f"slice({columns.start or 0}, {columns.stop})", width))
        return columns
    if isinstance(columns, (int, np.integer)) and not isinstance(columns, bool):
        if not -width <= columns < width:
            raise SpecError(_beyond(owner, stream, f"column {columns}", width))
        return int(columns)
    if isinstance(columns, (Sequence, np.ndarray)) and len(columns) and all(isinstance(c, (int, np.integer)) for c in columns):
        if any(not -width <= c < width for c in columns):
            raise SpecError(_beyond(owner, stream, f"columns {list(map(int, columns))}", width))
        return tuple(map(int, columns))
    raise ArgumentError(
        f"{owner}: {stream!r} is {columns!r}; write a column, 5, or columns, slice(0, 5) or [0, 2], or the name of an output."
    )


def _beyond(owner: str, stream: str, what: str, width: int) -> str:
    return f"{owner}: {stream!r} is {what}, and the generator's output is {width} wide: columns 0 to {width - 1}."
