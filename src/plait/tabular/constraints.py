"""What every sample obeys, kept by construction where possible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from plait.keys import Keys
from plait.tabular.schema import Schema

__all__ = ["Constraints"]


@dataclass(frozen=True)
class Constraints:
    """TEMPORARY: the interface that `Learned` uses; the helper for constraints replaces this file."""

    rules: tuple[Any, ...] = ()

    @classmethod
    def of(cls, rules: Sequence[Any], schema: Schema) -> Self:
        """Checked against the schema."""
        return cls(tuple(rules))

    def reduce(self, columns: dict[str, np.ndarray], schema: Schema, keys: Keys) -> tuple[dict[str, np.ndarray], Schema]:
        """Columns and schema without what is derived; raises SpecError where the data break a rule, naming keys."""
        return columns, schema

    def reduce_given(self, given: dict[str, np.ndarray], schema: Schema) -> dict[str, np.ndarray]:
        """Given columns of the whole schema as given columns of the inner one."""
        return given

    def restore(self, columns: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Columns of the inner schema as columns of the whole one."""
        return dict(columns)

    def to_json(self) -> list[Any]:
        """Plain JSON; `from_json` reads it."""
        return []

    @classmethod
    def from_json(cls, state: Sequence[Any]) -> Self:
        """What `to_json` gave."""
        return cls()
