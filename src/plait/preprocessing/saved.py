"""The file of a preprocessing: streams, decoders and steps as JSON, nothing of which is executed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import plait
from plait.errors import PlaitError, ReadError, TransformError
from plait.formats.documents import parse_json
from plait.formats.sink import written_whole
from plait.spec import Spec
from plait.steps import Step
from plait.transforms import from_json, to_json

__all__ = ["Entry", "read_state", "write_state"]

_FORMAT = "plait-preprocessing"
_VERSION = 1
_MOST = 2**25  # bytes of JSON

# The kind of a source's decoder -> where its class is. A class is imported when a file names it.
_DECODERS = {
    "read-image": "plait.sources.images:ReadImage",
    "read-mask": "plait.sources.masks:ReadMask",
    "read-npy": "plait.sources.npy:ReadNpy",
    "read-text": "plait.sources.text:ReadText",
}

Entries = dict[str, "Entry"]


@dataclass(frozen=True, eq=False)
class Entry:
    """One stream, before and after its steps.

    Args:
        raw: What its source gives.
        ready: What the model is fed with.
        decoder: The source's step from raw material (paths) to `raw`; None where there is none.
    """

    raw: Spec
    ready: Spec
    decoder: Any


def write_state(path: str, inputs: Mapping[str, Entry], targets: Mapping[str, Entry], steps: tuple[Step, ...]) -> None:
    """Write all of it, whole or not at all.

    Raises:
        TransformError: A step, a decoder or a class has no JSON form.
        ReadError: The file cannot be written.
    """
    state = {
        "format": _FORMAT,
        "version": _VERSION,
        "plait": plait.__version__,
        "inputs": {name: _entry_state(entry, name) for name, entry in inputs.items()},
        "targets": {name: _entry_state(entry, name) for name, entry in targets.items()},
        "steps": [
            {"on": list(step.on), "fn": to_json(step.fn, where=f"Step {step.name} on {', '.join(map(repr, step.on))}")} for step in steps
        ],
    }
    text = json.dumps(state, indent=1, allow_nan=False)
    with written_whole(path, label=f"Preprocessing {path!r}") as file:
        file.write(text.encode("utf-8"))


def read_state(path: str, transforms: Mapping[str, Any] | None) -> tuple[Entries, Entries, tuple[Step, ...]]:
    """Inputs, targets and steps as `write_state` wrote them.

    Raises:
        ReadError: The file cannot be read.
        TransformError: It is damaged, no preprocessing, of a later version, or names a step that is not known.
    """
    state = _loaded(path)
    try:
        inputs, targets = ({name: _entry(entry, transforms) for name, entry in state[role].items()} for role in ("inputs", "targets"))
        steps = [Step(from_json(step["fn"], transforms=transforms), tuple(step["on"]), random=False) for step in state["steps"]]
    except PlaitError as error:
        if path in str(error):
            raise
        raise TransformError(f"{path!r}: {error}") from error
    except (KeyError, TypeError, AttributeError, ValueError, IndexError, OverflowError) as error:
        raise TransformError(f"{path!r} is damaged: {type(error).__name__}: {error}. Save it again.") from error
    return inputs, targets, tuple(steps)


def _entry_state(entry: Entry, name: str) -> dict[str, Any]:
    decoder = entry.decoder
    if decoder is not None and not (isinstance(getattr(decoder, "kind", None), str) and callable(getattr(decoder, "to_json", None))):
        raise TransformError(
            f"Stream {name!r} cannot be saved: its decoder {type(decoder).__name__} needs a class attribute kind and to_json."
        )
    return {
        "raw": _spec_state(entry.raw, name),
        "ready": _spec_state(entry.ready, name),
        "decoder": None if decoder is None else {"kind": decoder.kind, **decoder.to_json()},
    }


def _entry(state: Mapping[str, Any], transforms: Mapping[str, Any] | None) -> Entry:
    return Entry(
        Spec.from_json(state["raw"]),
        Spec.from_json(state["ready"]),
        None if state["decoder"] is None else _decoder(state["decoder"], transforms),
    )


def _decoder(state: Mapping[str, Any], transforms: Mapping[str, Any] | None) -> Any:
    kind, values = state["kind"], {name: value for name, value in state.items() if name != "kind"}
    if transforms and kind in transforms:
        return transforms[kind].from_json(values)
    if kind not in _DECODERS:
        raise TransformError(
            f"A decoder of kind {kind!r} was saved, which plait does not know. Import its class and write "
            f"Preprocessing.load(path, transforms={{{kind!r}: ...}}). plait knows {sorted(_DECODERS)}."
        )
    module, _, name = _DECODERS[kind].partition(":")
    return getattr(importlib.import_module(module), name).from_json(values)


def _spec_state(spec: Spec, name: str) -> dict[str, Any]:
    classes = None if spec.classes is None else [c.item() if isinstance(c, np.generic) else c for c in spec.classes]
    if classes is not None and not all(isinstance(c, (str, int, float, bool)) for c in classes):
        raise TransformError(f"Stream {name!r} cannot be saved: its classes {classes[:4]} are neither text nor numbers.")
    return {"shape": list(spec.shape), "dtype": "text" if spec.text else spec.dtype.name, "classes": classes, "unit": spec.unit}


def _loaded(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            state = parse_json(file.read(_MOST + 1), most=_MOST)
    except OSError as error:
        raise ReadError(f"No preprocessing can be read from {path!r}: {error.strerror or error}.") from error
    except ValueError as error:
        raise TransformError(
            f"{path!r} is no JSON file, or a truncated one: {error}. Save it again with Preprocessing(train).save."
        ) from error
    if not isinstance(state, dict) or state.get("format") != _FORMAT:
        raise TransformError(f"{path!r} is JSON, but no preprocessing. Give the file that Preprocessing(train).save wrote.")
    if state.get("version") != _VERSION:
        raise TransformError(
            f"{path!r} is of version {state.get('version')}, written by plait {state.get('plait')}; this plait {plait.__version__} reads "
            f"version {_VERSION}. Update plait, or save it again."
        )
    return state
