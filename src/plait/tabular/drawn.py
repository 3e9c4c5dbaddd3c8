"""Columns that were drawn, as a source with the specs of the data they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from plait.keys import Keys
from plait.ragged import Array, take
from plait.source import Source
from plait.spec import Spec

__all__ = ["Drawn"]


class Drawn(Source):
    """Arrays in memory whose specs, classes and units are declared rather than looked up.

    Args:
        columns: name -> (samples, *shape), of the spec's dtype.
        specs: name -> spec.
        absent: name -> (samples,) bool, where a stream has no value; names without such are left out.
        label: How messages call it: "sample of Sequential".
    """

    in_memory = True

    def __init__(self, columns: Mapping[str, Array], specs: Mapping[str, Spec], absent: Mapping[str, np.ndarray], label: str) -> None:
        self._columns, self._specs, self._absent, self._label = dict(columns), dict(specs), dict(absent), label
        self._keys = Keys.range(len(next(iter(self._columns.values()))))

    @property
    def keys(self) -> Keys:
        """Row numbers."""
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """As declared."""
        return MappingProxyType(self._specs)

    @property
    def label(self) -> str:
        """As given."""
        return self._label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """A gather from each array."""
        return {name: take(self._columns[name], rows) for name in names}

    def absent(self, name: str) -> np.ndarray | None:
        """As given."""
        return self._absent.get(name)
