"""File-name templates, and opening what they find, on disk or behind any fsspec URL."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, ReadError
from plait.extras import require
from plait.keys import Keys

__all__ = ["Files", "is_url", "list_files", "read_bytes"]

_FIELD = re.compile(r"\{(\w+)(?::(0?\d*d))?\}")


@dataclass(frozen=True, eq=False)
class Files:
    """The files that a template matches, one a key.

    Args:
        template: As the user wrote it, "photos/{id}.jpg".
        paths: (files,) text.
        keys: One a file, of as many parts as the template has fields.
    """

    template: str
    paths: np.ndarray
    keys: Keys


def is_url(path: str) -> bool:
    """Whether fsspec is to open this: "s3://bucket/x", "memory://x", "zip://a.npy::set.zip"."""
    return "://" in path


def list_files(template: str, *, label: str) -> Files:
    """List what a template matches, in the order of the keys.

    A field `{id}` stands for any text without "/", `{id:d}` or `{id:04d}` for an integer; a field that occurs twice has the same
    value twice. "*" and "?" outside of fields match as in a shell, so long as they find one file a key.

    Raises:
        ArgumentError: The template has no field.
        ReadError: Nothing matches; the message shows what is there instead.
        DuplicateKeyError: Several files have one key.
    """
    template = os.fspath(template)
    fields = [m.group(1) for m in _FIELD.finditer(template)]
    if not fields:
        raise ArgumentError(f"{label}: the template {template!r} has no field for the key. Write for instance 'photos/{{id}}.jpg'.")
    pattern = re.compile(_regex(template), re.DOTALL)
    found = sorted((m, path) for path in _candidates(_FIELD.sub("*", template)) if (m := _match(pattern, path)) is not None)
    if not found:
        raise ReadError(f"{label}: no file matches {template!r}. {_nearby(template)}")
    names = tuple(dict.fromkeys(fields))
    integer = {m.group(1) for m in _FIELD.finditer(template) if m.group(2)}
    columns = {
        name: np.array([key[i] for key, _ in found], dtype=np.int64 if name in integer else None) for i, name in enumerate(names)
    }
    if integer:
        order = np.lexsort(tuple(columns.values())[::-1])
        found = [found[i] for i in order]
        columns = {name: column[order] for name, column in columns.items()}
    paths = [path for _, path in found]
    for (key, path), (after, other) in zip(found, found[1:], strict=False):
        if key == after:
            raise DuplicateKeyError(
                f"{label}: {path!r} and {other!r} have the same key {'/'.join(key)!r}. "
                f"Give {template!r} a further field, such as '{{folder}}/{{id}}.png'."
            )
    return Files(template, np.array(paths), Keys(columns))


def read_bytes(path: str, *, label: str, key: object, most: int | None = None) -> bytes:
    """The contents of one listed file.

    Args:
        path: On disk or a URL.
        label: The stream, for the message.
        key: The sample's key, for the message.
        most: Read no more than that many bytes.

    Raises:
        ChangedError: It is gone since it was listed.
        ReadError: It is empty or cannot be read.
    """
    try:
        if is_url(path):
            fsspec = require("fsspec", extra="remote", purpose=f"{label} at {path!r}")
            with fsspec.open(path, "rb") as file:
                data = file.read() if most is None else file.read(most)
        else:
            with open(path, "rb", buffering=0) as file:
                data = file.readall() if most is None else file.read(most)
    except FileNotFoundError as error:
        raise ChangedError(
            f"{label}: sample {key!r} is gone: {path!r} was listed and is no longer there. "
            'Declare the source again to list anew; missing="drop" then leaves the sample out.'
        ) from error
    except OSError as error:
        raise ReadError(f"{label}: sample {key!r} cannot be read from {path!r}: {error.strerror or error}.") from error
    if not data:
        raise ReadError(f"{label}: sample {key!r} is empty: {path!r} has 0 bytes. Restore the file, or remove it to leave the sample out.")
    return data


def _regex(template: str) -> str:
    parts, seen, at = [], set(), 0
    for match in _FIELD.finditer(template):
        parts.append(_literal(template[at : match.start()]))
        name, number = match.groups()
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            parts.append(f"(?P<{name}>-?\\d+)" if number else f"(?P<{name}>[^/]+?)")
        seen.add(name)
        at = match.end()
    return "".join([*parts, _literal(template[at:]), r"\Z"])


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _match(pattern: re.Pattern[str], path: str) -> tuple[str, ...] | None:
    match = pattern.match(path)
    return None if match is None else tuple(match.groupdict()[name] for name in pattern.groupindex)


def _candidates(wildcard: str) -> Sequence[str]:
    if not is_url(wildcard):
        return glob.glob(_escape_brackets(wildcard))
    fsspec = require("fsspec", extra="remote", purpose=f"{wildcard!r}")
    filesystem, path = fsspec.core.url_to_fs(wildcard)
    protocol = wildcard.partition("://")[0]
    return [f"{protocol}://{found.lstrip('/') if protocol == 'memory' else found}" for found in filesystem.glob(path)]


def _escape_brackets(wildcard: str) -> str:
    return wildcard.replace("[", "[[]")


def _nearby(template: str) -> str:
    if is_url(template):
        return "Check the address."
    folder = os.path.dirname(_FIELD.split(template)[0]) or "."
    if not os.path.isdir(folder):
        return f"The folder {folder!r} does not exist (working directory {os.getcwd()!r})."
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry, _ in zip(entries, range(200), strict=False))
    return f"{folder!r} holds {len(names)} entries, such as {names[:3]}." if names else f"The folder {folder!r} is empty."
