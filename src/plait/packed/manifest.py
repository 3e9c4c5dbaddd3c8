"""What the folder of a packed data set says of itself, and which files it has."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from plait.errors import ReadError

__all__ = ["MANIFEST", "Column", "Manifest", "read_manifest"]

MANIFEST = "manifest.json"
_FORMAT = 1
_MOST = 64 * 2**20  # bytes of a manifest


@dataclass(frozen=True)
class Column:
    """The file of one array.

    Args:
        file: Its name in the folder.
        bytes: Its size.
        blake2b: Of its contents, 16 bytes in hexadecimal.
    """

    file: str
    bytes: int
    blake2b: str


@dataclass(frozen=True)
class Manifest:
    """A packed data set.

    Args:
        samples: How many.
        roles: "inputs", "targets" and "weights" -> names, in order; the weight of target "grade" is "grade.weight".
        specs: stream -> its spec, as JSON.
        streams: stream -> part -> its file; parts are "values", "offsets" (where samples differ in length, and of text) and "absent".
        keys: part of the key -> as `streams`; empty for row numbers.
        nan: Streams that hold NaN.
        made: What made it: the fingerprint, and plait's version.
    """

    samples: int
    roles: Mapping[str, list[str]]
    specs: Mapping[str, Mapping[str, Any]]
    streams: Mapping[str, Mapping[str, Column]]
    keys: Mapping[str, Mapping[str, Column]]
    nan: Sequence[str]
    made: Mapping[str, str]

    def text(self) -> str:
        """As JSON."""
        return json.dumps({"format": _FORMAT, **asdict(self)}, indent=1, allow_nan=False)

    def columns(self) -> list[Column]:
        """Every file."""
        return [column for parts in [*self.streams.values(), *self.keys.values()] for column in parts.values()]


def read_manifest(folder: str) -> Manifest:
    """The manifest of a packed data set.

    Raises:
        ReadError: The folder is none, is not finished, or the manifest is damaged.
    """
    path = os.path.join(folder, MANIFEST)
    if not os.path.isdir(folder):
        partial = f"{folder}.partial"
        what = f"{partial!r} holds a part of it: run plait.pack again, which goes on there" if os.path.isdir(partial) else "Name a folder"
        found = "a file, not a packed data set (a synthesizer is read by plait.load)" if os.path.exists(folder) else "not there"
        raise ReadError(f"{folder!r} is {found}. {what}.")
    if not os.path.isfile(path):
        raise ReadError(f"{folder!r} has no {MANIFEST}, so it is no packed data set. Write one with plait.pack(data, {folder!r}).")
    try:
        if os.path.getsize(path) > _MOST:
            raise ValueError("it is too large")
        with open(path, encoding="utf-8") as file:
            state = json.load(file)
        if state["format"] != _FORMAT:
            raise ValueError(f"its format is {state['format']!r}, and this plait reads {_FORMAT}")
        samples = state["samples"]
        if not isinstance(samples, int) or samples < 0:
            raise ValueError(f"it says {samples!r} samples")
        streams, keys = ({n: {p: Column(**c) for p, c in parts.items()} for n, parts in state[g].items()} for g in ("streams", "keys"))
        if {"inputs", "targets", "weights"} - state["roles"].keys():
            raise ValueError(f"it has the roles {list(state['roles'])}")
        made = Manifest(samples, state["roles"], state["specs"], streams, keys, state["nan"], state["made"])
        for column in made.columns():
            if os.path.basename(column.file) != column.file or not column.file.endswith(".npy"):
                raise ValueError(f"it names the file {column.file!r}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ReadError(f"{path!r} is damaged: {error}. Pack the data anew.") from error
    return made
