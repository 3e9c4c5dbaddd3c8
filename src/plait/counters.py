"""What Keras's own callbacks have counted in a `fit` (a patience, the best loss, the weights it came with), to be saved with a run."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
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
        self._saved: tuple[list[Any], Mapping[str, np.ndarray]] | None = None

    def begin(self) -> None:
        """To be called when all have begun to train: puts back what was saved."""
        if self._before is not None:
            return
        self._before = [_held(one) for one in self._others]
        saved, self._saved = self._saved, None
        if saved is None:
            return
        told, arrays = saved
        names = [name for name, *_ in told]
        if names != self._names:
            if any(values or lists for _, values, lists in told):
                warnings.warn(
                    f"Resume: what the callbacks {names} counted is not put back, since they are {self._names} now.", stacklevel=2
                )
            return
        for place, (one, (_, values, lists)) in enumerate(zip(self._others, told, strict=True)):
            for attribute, value in values.items():
                setattr(one, attribute, _float(value))
            for attribute, count in lists.items():
                found = [arrays[f"callbacks.{place}.{attribute}.{number}"] for number in range(abs(count))]
                setattr(one, attribute, found if count >= 0 else found[0])

    def state(self) -> tuple[list[Any], dict[str, np.ndarray]]:
        """For each callback its name, its values and how many arrays it has by attribute; and the arrays. JSON-able and storable."""
        told, arrays = [], {}
        for place, (one, before) in enumerate(zip(self._others, self._before or [{}] * len(self._others), strict=True)):
            changed = {name: value for name, value in _held(one).items() if not _same(before.get(name, _MISSING), value)}
            lists: dict[str, int] = {}
            for name in [name for name, value in changed.items() if isinstance(value, (list, np.ndarray))]:
                value = changed.pop(name)
                lists[name] = len(value) if isinstance(value, list) else -1
                arrays |= {f"callbacks.{place}.{name}.{i}": part for i, part in enumerate(value if isinstance(value, list) else [value])}
            told.append([type(one).__name__, {name: _plain(value) for name, value in changed.items()}, lists])
        return told, arrays

    def restore(self, told: list[Any], arrays: Mapping[str, np.ndarray]) -> None:
        """What `state` gave, to be put back when the others have begun.

        Raises:
            ValueError, TypeError, KeyError, AttributeError: It is nothing that `state` gives.
        """
        for place, (name, values, lists) in enumerate(told):
            known = isinstance(name, str) and set(values) | set(lists) <= set(_COUNTED)
            if not known or any(_float(value) is _MISSING for value in values.values()):
                raise ValueError(f"callbacks[{place}] is no name and values")
            for attribute, count in lists.items():
                for number in range(abs(int(count))):
                    arrays[f"callbacks.{place}.{attribute}.{number}"]
        self._saved = told, arrays

    @property
    def _names(self) -> list[str]:
        return [type(one).__name__ for one in self._others]


_MISSING = object()


def _held(callback: object) -> dict[str, Any]:
    """The attributes that can be saved."""
    found: dict[str, Any] = {}
    for name in _COUNTED:
        value = vars(callback).get(name)
        if isinstance(value, list) and value and all(_is_array(part) for part in value):
            found[name] = list(value)
        elif name in vars(callback) and (value is None or _is_array(value) or isinstance(value, (bool, int, float, str, np.generic))):
            found[name] = value
    return found


def _is_array(value: object) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, (list, np.ndarray)) or isinstance(other, (list, np.ndarray)):
        return one is other
    return type(one) is type(other) and repr(one) == repr(other)  # NaN is NaN


def _plain(value: Any) -> object:
    value = value.item() if isinstance(value, np.generic) else value
    return {"float": str(value)} if isinstance(value, float) and not math.isfinite(value) else value


def _float(value: Any) -> Any:
    """What `_plain` was given; _MISSING where it gives no such thing."""
    if isinstance(value, Mapping):
        return float(value["float"]) if set(value) == {"float"} and value["float"] in ("inf", "-inf", "nan") else _MISSING
    return value if value is None or isinstance(value, (bool, int, float, str)) else _MISSING
