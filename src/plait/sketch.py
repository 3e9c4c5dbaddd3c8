"""A few numbers by which data are known again, also on a machine that rounds otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np

from plait.dataset import Dataset
from plait.ragged import Array, Ragged

__all__ = ["different_values", "sketch"]

_ROWS, _VALUES, _CLOSE = 16, 6, 1e-3


def sketch(data: Dataset) -> dict[str, list[object]]:
    """For each stream some of the values of samples all over the data, their mean and their spread, after all steps; JSON-able.

    Random steps draw as in epoch 0 of seed 0. Samples that cannot be read are left out.
    """
    names = [*data.inputs, *data.targets, *(f"{name}.weight" for name in data.weights)]
    if data.endless or not len(data):
        return {}
    rows = np.unique(np.linspace(0, len(data) - 1, _ROWS).astype(np.int64))
    return {name: _of(data, name, rows) for name in names}


def different_values(saved: Mapping[str, list[object]], here: Mapping[str, list[object]]) -> list[str]:
    """The streams whose values are others, in words."""
    other = [name for name in here if name in saved and not _alike(saved[name], here[name])]
    return [f"the values of {name!r} were {_shown(saved[name])} and are {_shown(here[name])}" for name in other]


def _of(data: Dataset, name: str, rows: np.ndarray) -> list[object]:
    found = _read(data, name, rows) or [values for row in rows for values in _read(data, name, np.array([row]))]
    flat = np.concatenate(found) if found else np.zeros(0)
    if flat.dtype.kind not in "biuf":
        return [hashlib.blake2b(repr(flat.tolist()).encode(), digest_size=8).hexdigest()]
    numbers = flat.astype(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return []
    some = numbers[np.linspace(0, len(numbers) - 1, _VALUES).astype(np.int64)]
    return [float(f"{value:.6g}") for value in (numbers.mean(), numbers.std(), *some)]


def _read(data: Dataset, name: str, rows: np.ndarray) -> list[np.ndarray]:
    try:
        values: Array = data.read([name], rows)[name]
    except Exception:  # what is done about it is said where it is fed
        return []
    return [np.asarray(values.values if isinstance(values, Ragged) else values).reshape(-1)]


def _alike(one: list[object], other: list[object]) -> bool:
    if any(isinstance(value, str) for value in (*one, *other)) or len(one) != len(other):
        return one == other
    a, b = (np.array(values, np.float64) for values in (one, other))
    scale = np.abs(np.concatenate([a, b])).max(initial=0.0)
    return bool(np.allclose(a, b, rtol=_CLOSE, atol=_CLOSE * scale))


def _shown(values: list[object]) -> str:
    return f"of mean {values[0]:g} and spread {values[1]:g}" if len(values) > 1 else "other text" if values else "none"
