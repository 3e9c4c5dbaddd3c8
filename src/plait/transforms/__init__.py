"""Transforms, one idea a file; and their JSON form: which kind is which class."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from plait.errors import PlaitError, TransformError

__all__ = ["KINDS", "from_json", "to_json"]

# The kind that a JSON form names -> where its class is. A class is imported when a file names it.
KINDS = {
    "Cast": "plait.transforms.cast",
    "MinMax": "plait.transforms.minmax",
    "OneHot": "plait.transforms.onehot",
    "Pad": "plait.transforms.pad",
    "Quantile": "plait.transforms.quantile",
    "Resize": "plait.transforms.resize",
    "Standardize": "plait.transforms.standardize",
    "Tokenize": "plait.transforms.tokenize",
    "Vocabulary": "plait.transforms.vocabulary",
    "Window": "plait.transforms.window",
}


def to_json(transform: Callable[..., Any], *, where: str = "this step") -> dict[str, Any]:
    """`{"kind": class name, **transform.to_json()}`.

    Args:
        transform: One of plait's, or an object of a class with `to_json` and `from_json`.
        where: What uses it, for the message: "the step log on 'age'".

    Raises:
        TransformError: It has no JSON form.
    """
    own = type(transform)
    kind = own.__name__
    describe = getattr(transform, "to_json", None)
    if isinstance(transform, type) or not callable(describe) or not callable(getattr(own, "from_json", None)):
        name = getattr(transform, "__name__", None) or kind
        raise TransformError(
            f"{where} cannot be saved: {name} has no JSON form. Write it as a frozen dataclass with to_json(self) -> dict and "
            f"a class method from_json(cls, state), and load with Preprocessing.load(path, transforms={{'Name': Name}})."
        )
    if kind in KINDS and own.__module__ != KINDS[kind]:
        raise TransformError(f"{where} cannot be saved: its class is called {kind}, as one of plait's own. Give it another name.")
    state = describe()
    try:
        json.dumps(state, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise TransformError(
            f"{where} cannot be saved: what {kind}.to_json() returns is no JSON ({error}). Return numbers, text, lists and dicts; "
            "write array.tolist() for arrays."
        ) from error
    if not isinstance(state, dict) or "kind" in state:
        raise TransformError(f"{where} cannot be saved: {kind}.to_json() must return a dict without 'kind'; it returned {state!r:.80}.")
    return {"kind": kind, **state}


def from_json(state: Mapping[str, Any], *, transforms: Mapping[str, Any] | None = None) -> Callable[..., Any]:
    """The transform that `to_json` described.

    Args:
        state: Its JSON form.
        transforms: kind -> class, for those that are not plait's own.

    Raises:
        TransformError: The kind is not known, or the form is damaged.
    """
    kind, values = str(state.get("kind")), {name: value for name, value in state.items() if name != "kind"}
    if transforms and kind in transforms:
        own = transforms[kind]
    elif kind in KINDS:
        own = getattr(importlib.import_module(KINDS[kind]), kind)
    else:
        raise TransformError(
            f"A step of kind {kind!r} was saved, which plait does not know. Import its class and write "
            f"Preprocessing.load(path, transforms={{{kind!r}: {kind}}}). plait knows {sorted(KINDS)}."
        )
    try:
        return own.from_json(values)
    except PlaitError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, AssertionError, IndexError, OverflowError, MemoryError) as error:
        raise TransformError(f"The saved form of a step {kind} is damaged: {type(error).__name__}: {error}.") from error
