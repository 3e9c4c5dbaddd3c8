"""Where the samples of a data set lie in its sources, and reading them from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from plait.errors import SpecError
from plait.ragged import Array, Ragged, take
from plait.source import Source, Stream
from plait.whereabouts import say_where

__all__ = ["Column", "Read", "read_columns"]

Read = Callable[[Source, list[str], np.ndarray, np.ndarray | None], Mapping[str, Array]]


@dataclass(frozen=True, eq=False)
class Column:
    """One stream of a data set, before its steps.

    Args:
        stream: Of a source.
        rows: (samples,) rows of that source; None for 0, 1, 2, ...
        absent: (samples,) bool, true where it has no value; None where it has all.
        keep: Whether NaN stands there, so that nothing is absent to what follows.
    """

    stream: Stream
    rows: np.ndarray | None
    absent: np.ndarray | None
    keep: bool

    def present(self, samples: np.ndarray) -> np.ndarray | None:
        """Which of these samples have a value, by their place among them; None for all."""
        if self.absent is None or self.keep:
            return None
        here = ~self.absent[samples]
        return None if here.all() else np.flatnonzero(here)


def read_columns(
    columns: Mapping[str, Column], samples: np.ndarray, present: Mapping[str, np.ndarray | None], read: Read
) -> dict[str, Array]:
    """name -> the present ones of these samples, in arrays that nobody else holds.

    Args:
        columns: name -> where its samples lie.
        samples: Of the data set.
        present: name -> those that have a value, by their place.
        read: (source, its streams, its rows, the present places) -> arrays.

    Raises:
        SpecError: A source gives another number of samples than it was asked for.
    """
    calls: dict[tuple[int, str | None], list[str]] = {}  # streams of one source are read together, those with gaps alone
    for name, column in columns.items():
        calls.setdefault((id(column.stream.source), None if present[name] is None else name), []).append(name)
    values: dict[str, Array] = {}
    for names in calls.values():
        column, here = columns[names[0]], present[names[0]]
        picked = samples if here is None else samples[here]
        rows = picked if column.rows is None else column.rows[picked]
        source = column.stream.source
        fields = {name: columns[name].stream.name for name in names}
        try:
            arrays = dict(read(source, list(dict.fromkeys(fields.values())), rows, here))
        except Exception as error:
            say_where(error, "read", names)
            raise
        for name, field in fields.items():
            if len(arrays[field]) != len(rows):
                raise SpecError(f"{source.label}[{field!r}] gave {len(arrays[field])} samples for {len(rows)} rows.")
            values[name] = _with_nan(arrays[field], columns[name], picked)
            if len(fields) > len(arrays):  # two names for one stream: a step may write into the array of one
                arrays[field] = take(arrays[field], np.arange(len(rows)))
    return values


def _with_nan(array: Array, column: Column, samples: np.ndarray) -> Array:
    """NaN where a null is to be kept and the source has put a zero in its place."""
    if not column.keep or column.absent is None or isinstance(array, Ragged):
        return array
    gone = np.flatnonzero(column.absent[samples])
    if len(gone):
        array[gone[~np.isnan(array[gone].reshape(len(gone), -1)).any(axis=1)]] = np.nan
    return array
