"""What Keras's own callbacks have counted in a `fit` (a patience, the best loss, the weights it came with), to be saved with a run."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

__all__ = ["Counters"]

_COUNTING = (keras.callbacks.EarlyStopping, keras.callbacks.ReduceLROnPlateau, keras.callbacks.ModelCheckpoint)
_COUNTED = ("wait", "best", "best_epoch", "best_weights", "stopped_epoch", "cooldown_counter")  # others are set up anew


class Counters:
    """What EarlyStopping, ReduceLROnPlateau and ModelCheckpoint have counted since training began.

    Callbacks of somebody's own are left alone: nobody knows which of their attributes count, and which say what is wanted now.

    Args:
        among: The list of callbacks that Keras goes through, or anything else where somebody calls by hand.
        mine: The callback that saves; it is moved behind the others, so that they have counted an epoch before it is saved.
    """

    def __init__(self, among: object, mine: keras.callbacks.Callback) -> None:
        listed = list(getattr(among, "callbacks", ()))
        self._others = [one for one in listed if isinstance(one, _COUNTING)]
        if self._others:
            among.callbacks = [*(one for one in listed if one is not mine), mine]  # type: ignore[attr-defined]
        self._before: list[dict[str, Any]] | None = None
        self._saved: list[tuple[str, dict[str, Any]]] = []  # of each its name, and what it had counted

    def begin(self) -> None:
        """To be called when all have begun to train: puts back what was saved."""
        if self._before is not None:
            return
        self._before = [_held(one) for one in self._others]
        saved, self._saved = self._saved, []
        were, are = [name for name, _ in saved], [type(one).__name__ for one in self._others]
        if were == are:
            for one, (_, counted) in zip(self._others, saved, strict=True):
                for attribute, value in counted.items():
                    setattr(one, attribute, value)
        elif any(counted for _, counted in saved):
            warnings.warn(f"Resume: what the callbacks {were} counted is not put back, since they are {are} now.", stacklevel=2)

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """For each callback its name, its values, and by attribute the dtypes of its arrays, JSON-able; and the arrays."""
        told, arrays = [], {}
        for place, (one, before) in enumerate(zip(self._others, self._before or [{}] * len(self._others), strict=True)):
            changed = {name: value for name, value in _held(one).items() if not _same(before.get(name, _MISSING), value)}
            lists = {name: changed.pop(name) for name in list(changed) if isinstance(changed[name], list)}
            arrays |= {f"callbacks.{place}.{name}.{i}": part for name, parts in lists.items() for i, part in enumerate(parts)}
            dtypes = {name: [str(part.dtype) for part in parts] for name, parts in lists.items()}
            told.append([type(one).__name__, {name: _plain(value) for name, value in changed.items()}, dtypes])
        return told, arrays

    def restore(self, told: list[Any], arrays: Mapping[str, np.ndarray], load: Callable[[np.ndarray, str], np.ndarray]) -> None:
        """What `state` gave, to be put back when the others have begun.

        Args:
            told, arrays: As they were saved.
            load: (array, dtype) -> the array in that dtype.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: It is nothing that `state` gives.
        """
        saved = []
        for place, (name, values, dtypes) in enumerate(told):
            if not isinstance(name, str) or not set(values) | set(dtypes) <= set(_COUNTED):
                raise ValueError(f"callbacks[{place}] is no name and values")
            parts = {
                attribute: [load(arrays[f"callbacks.{place}.{attribute}.{i}"], dtype) for i, dtype in enumerate(each)]
                for attribute, each in dtypes.items()
            }
            saved.append((name, {attribute: _float(value) for attribute, value in values.items()} | parts))
        self._saved = saved


_MISSING = object()


def _held(callback: object) -> dict[str, Any]:
    """The attributes that can be saved."""
    found = {name: vars(callback)[name] for name in _COUNTED if name in vars(callback)}
    return {name: value for name, value in found.items() if _can_be_saved(value)}


def _can_be_saved(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and all(isinstance(part, np.ndarray) for part in value)
    return value is None or isinstance(value, (bool, int, float, str, np.generic))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) or isinstance(other, list):
        return one is other
    return type(one) is type(other) and repr(one) == repr(other)  # NaN is NaN


def _plain(value: Any) -> object:
    value = value.item() if isinstance(value, np.generic) else value
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _float(value: Any) -> Any:
    """What `_plain` was given.

    Raises:
        ValueError: It gives no such thing.
    """
    if isinstance(value, Mapping) and set(value) == {"float"} and value["float"] in ("inf", "-inf", "nan"):
        return float(value["float"])
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise ValueError(f"{str(value)[:80]} is nothing that a callback counted")
