"""What the folder of a packed data set says of itself, and which files it has."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from plait.errors import ReadError
from plait.formats.documents import parse_json

__all__ = ["MANIFEST", "Column", "Manifest", "read_manifest"]

MANIFEST = "manifest.json"
_FORMAT = 2
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}\.npy")  # of a file in the folder itself
_MOST = 16 * 2**20  # bytes of a manifest


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
        """As JSON, with a checksum of the rest."""
        state = {"format": _FORMAT, **asdict(self)}
        return json.dumps({**state, "blake2b": _checksum(state)}, indent=1, allow_nan=False)

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
        if os.path.islink(path):
            raise ValueError(f"it is a link to {os.readlink(path)!r}, and files elsewhere are not read")
        with open(path, "rb") as file:
            state: Any = parse_json(file.read(_MOST + 1), most=_MOST)
        if state["format"] != _FORMAT:
            raise ValueError(f"its format is {state['format']!r}, and this plait reads {_FORMAT}")
        samples = state["samples"]
        if type(samples) is not int or samples < 0:
            raise ValueError(f"it says {samples!r} samples")
        streams, keys = ({n: {p: Column(**c) for p, c in parts.items()} for n, parts in state[g].items()} for g in ("streams", "keys"))
        if {"inputs", "targets", "weights"} - state["roles"].keys():
            raise ValueError(f"it has the roles {list(state['roles'])}")
        made = Manifest(samples, state["roles"], state["specs"], streams, keys, state["nan"], state["made"])
        for column in made.columns():
            if not isinstance(column.file, str) or not _NAME.fullmatch(column.file):
                raise ValueError(f"it names the file {column.file!r}")
            if type(column.bytes) is not int or not isinstance(column.blake2b, str):
                raise ValueError(f"it says {column.bytes!r} bytes with the checksum {column.blake2b!r} of {column.file!r}")
        _check_roles(made)
        if _checksum({name: value for name, value in state.items() if name != "blake2b"}) != state["blake2b"]:
            raise ValueError("it is not what was written, by its own checksum")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ReadError(f"{path!r} is damaged: {error}. Pack the data anew.") from error
    return made


def _checksum(state: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(state, sort_keys=True).encode(), digest_size=16).hexdigest()


def _check_roles(made: Manifest) -> None:
    """Raise where a role names a stream that there is not, or what names streams names none.

    Raises:
        ValueError: Saying which.
    """
    for role, names in made.roles.items():
        unknown = [name for name in names if name not in made.streams] if isinstance(names, list) else [names]
        if unknown:
            raise ValueError(f"its {role} are {unknown}, and its streams {list(made.streams)}")
    if set(made.specs) != set(made.streams) or not isinstance(made.nan, list):
        raise ValueError(f"it describes the streams {list(made.specs)}, and holds {list(made.streams)}")
