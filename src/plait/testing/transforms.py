"""The laws of transforms."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from plait.ragged import Array, take
from plait.spec import Spec
from plait.testing.laws import close, law, same

__all__ = ["check_transform"]


def check_transform(transform: Callable[..., Any], data: Array, *, lossless: bool = True, tolerance: float = 1e-5) -> None:
    """Check that a transform keeps the laws that data sets, loaders and `Preprocessing` rely on.

    It is deterministic and leaves what it is given as it was; a sample alone becomes what it becomes within a batch, and no sample
    becomes no sample; it can be pickled. Where it has them: `spec` foretells the result; `to_json` is plain JSON and `from_json` makes a
    transform with the same results, bit for bit; `inverse` takes the result back.

    Args:
        transform: As it is passed to `Dataset.map`.
        data: At least two samples that it takes.
        lossless: Whether `inverse(transform(data))` is `data`; else `transform(inverse(transform(data)))` has to be `transform(data)`.
        tolerance: For what `inverse` gives, relative to the greatest magnitude in the data.

    Raises:
        AssertionError: Saying which law does not hold, and where.
    """
    name = type(transform).__name__
    before = copy.deepcopy(data)
    result = transform(data)
    same(data, before, f"{name} changed the data that it was given")
    same(transform(data), result, f"{name} gave two results for the same data")
    law(len(result) == len(data), f"{name} made {len(result)} samples of {len(data)}")
    law(len(data) > 1, f"{name} is to be checked on at least two samples")
    _alone(transform, data, result, name)
    same(pickle.loads(pickle.dumps(transform))(data), result, f"{name} gives another result after pickling")
    foretell: Any = getattr(transform, "spec", None)
    if callable(foretell):
        declared: Any = foretell(Spec.of(data))
        found = Spec.of(result)
        law(
            (declared.shape, declared.dtype) == (found.shape, found.dtype),
            f"{name}.spec says {declared} of {Spec.of(data)}, and the result is {found}",
        )
    describe: Any = getattr(transform, "to_json", None)
    if callable(describe):
        text = json.dumps(describe(), allow_nan=False)
        again = type(transform).from_json(json.loads(text))  # type: ignore[attr-defined]
        same(again(data), result, f"{name} gives another result after its JSON form")
        law(json.dumps(again.to_json(), allow_nan=False) == text, f"{name} has another JSON form after its JSON form")
    if callable(getattr(transform, "inverse", None)):
        _inverse(transform, data, result, lossless, tolerance)


def _alone(transform: Callable[..., Any], data: Array, result: Array, name: str) -> None:
    for row in sorted({0, 1, len(data) // 2, len(data) - 1}):
        one = np.array([row])
        same(transform(take(data, one)), take(result, one), f"{name} makes something else of row {row} alone than within the batch")
    none = np.zeros(0, np.int64)
    same(transform(take(data, none)), take(result, none), f"{name} of no sample is not what the batch's spec says")


def _inverse(transform: Any, data: Array, result: Array, lossless: bool, tolerance: float) -> None:
    name = f"{type(transform).__name__}.inverse"
    before = copy.deepcopy(result)
    back = transform.inverse(result)
    same(result, before, f"{name} changed what it was given")
    _alone(transform.inverse, result, back, name)
    if lossless:
        close(back, data, tolerance, f"{name} does not give the data back")
    close(transform(back), result, tolerance, f"{name} gives data of which another result is made")
