"""File-name templates, and opening what they find, on disk or behind any fsspec URL."""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.errors import ArgumentError, DuplicateKeyError, PlaitError, ReadError
from plait.formats.contents import file_stamp, is_url, read_bytes, stamp_of
from plait.formats.remote import filesystem
from plait.keys import Keys
from plait.spec import TEXT

__all__ = ["Files", "file_names", "file_stamp", "has_field", "is_url", "list_files", "read_bytes", "stamp_of"]

_FIELD = re.compile(r"\{([^\W\d]\w*)(?::(0?\d*d))?\}")
_BRACES = re.compile(r"\{[^{}/]*\}")
_INT64 = range(-(2**63), 2**63)


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


def has_field(template: str | os.PathLike[str]) -> bool:
    """Whether a file name is a template: "sensor_{id}.npy"."""
    return _BRACES.search(os.fspath(template)) is not None


def list_files(template: str | os.PathLike[str], *, label: str) -> Files:
    """List what a template matches, in the order of the keys.

    A field `{id}` stands for any text without "/" (that does not begin with "." where the name does), `{id:d}` or `{id:04d}` for an
    integer; a field that occurs twice has the same text twice. "*" and "?" outside of fields match as in a shell, so long as they find
    one file a key. Links are followed; folders are left out.

    Raises:
        ArgumentError: The template has no field, or one that is not understood.
        ReadError: Nothing matches; the message shows what is there instead.
        DuplicateKeyError: Several files have one key.
    """
    template = os.fspath(template)
    names, integer = _fields(template, label)
    paths = _url_paths(template, label) if is_url(template) else _local_paths(template, label)
    found = sorted((_parts(match, names, integer, template, label), path) for match, path in paths)
    if not found:
        raise ReadError(f"{label}: no file matches {template!r}. {_nearby(template)}")
    for (key, path), (after, other) in itertools.pairwise(found):
        if key == after:
            raise DuplicateKeyError(
                f"{label}: {path!r} and {other!r} have the same key {'/'.join(map(str, key))!r}. "
                f"Give {template!r} a further field, such as '{{folder}}/{{id}}.png', or make what matches narrower."
            )
    try:
        listed = np.array([path for _, path in found], dtype=TEXT)
    except UnicodeEncodeError as error:
        raise ReadError(f"{label}: the file name {error.object!r} is not UTF-8. Rename the file.") from error
    columns = {name: np.array([key[i] for key, _ in found], dtype=np.int64 if name in integer else None) for i, name in enumerate(names)}
    return Files(template, listed, Keys(columns))


def file_names(template: str | os.PathLike[str], keys: Keys, *, label: str) -> list[str]:
    """The file of each key, as `list_files` would find it: what a sink writes to.

    Raises:
        ArgumentError: The template has not one field a part of the key, or a key cannot be (part of) a file name.
    """
    template = os.fspath(template)
    names, integer = _fields(template, label)
    if len(names) != len(keys.names) or "*" in template or "?" in template:
        raise ArgumentError(
            f"{label}: the keys have the parts {list(keys.names)} and {template!r} the fields {list(names)}. "
            "Write one field a part, and no '*' or '?'."
        )
    order = keys.names if set(keys.names) == set(names) else names
    pattern = re.compile(_regex(template), re.DOTALL)
    return [_file_name(template, pattern, dict(zip(order, _as_parts(key), strict=True)), names, integer, label) for key in keys]


def _fields(template: str, label: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The names of the fields in order, and those of integers."""
    if "\0" in template:
        raise ArgumentError(f"{label}: {template!r} holds a NUL character, which no file name can. Write for instance 'photos/{{id}}.jpg'.")
    odd = _BRACES.findall(_FIELD.sub("", template))
    if odd:
        raise ArgumentError(
            f"{label}: {odd[0]!r} in {template!r} is no field. Write {{id}} for text, {{id:d}} or {{id:04d}} for an integer, "
            "and '?' for a brace that the file name really has."
        )
    fields = list(_FIELD.finditer(template))
    if not fields:
        raise ArgumentError(f"{label}: the template {template!r} has no field for the key. Write for instance 'photos/{{id}}.jpg'.")
    return tuple(dict.fromkeys(m.group(1) for m in fields)), frozenset(m.group(1) for m in fields if m.group(2))


def _parts(match: re.Match[str], names: tuple[str, ...], integer: frozenset[str], template: str, label: str) -> tuple[int | str, ...]:
    key = tuple(int(match[name]) if name in integer else match[name] for name in names)
    if any(isinstance(part, int) and part not in _INT64 for part in key):
        raise ArgumentError(
            f"{label}: {match[0]!r} holds a number beyond 64 bits. Write {{{names[0]}}} in {template!r} to take it as text."
        )
    return key


def _local_paths(template: str, label: str) -> list[tuple[re.Match[str], str]]:
    pattern = re.compile(_regex(template), re.DOTALL)
    wildcard = _FIELD.sub("*", template).replace("[", "[[]")
    folders = {path.rstrip(os.sep) for path in glob.glob(wildcard + os.sep)}
    return [(match, path) for path in glob.glob(wildcard) if path not in folders and (match := pattern.match(path))]


def _url_paths(template: str, label: str) -> list[tuple[re.Match[str], str]]:
    protocol, separator, address = template.partition("://")
    within, chain, outer = address.partition("::")
    if _FIELD.search(outer):
        raise ArgumentError(f"{label}: a field must stand before '::' in {template!r}: one archive holds all samples.")
    try:
        store, stripped = filesystem(template, label=label)
        pattern = re.compile(_regex(stripped), re.DOTALL)
        found = _url_files(store, _FIELD.sub("*", stripped).replace("[", "[[]"))
    except PlaitError:
        raise
    except Exception as error:  # what fsspec's file systems raise of their own
        raise ReadError(f"{label}: {template!r} cannot be listed: {type(error).__name__}: {error}") from error
    pairs = [(match, path) for path in found if (match := pattern.match(path))]
    rooted = within.startswith("/") or protocol in ("file", "local")
    return [(m, p if is_url(p) else f"{protocol}{separator}{p if rooted else p.lstrip('/')}{chain}{outer}") for m, p in pairs]


def _url_files(store: Any, wildcard: str) -> list[str]:
    entries = store.glob(wildcard, detail=True)
    return [path for path, entry in entries.items() if entry.get("type") != "directory"]


def _regex(template: str) -> str:
    parts, seen, at = [], set(), 0
    for match in _FIELD.finditer(template):
        parts.append(_literal(template[at : match.start()]))
        name, number = match.groups()
        if name in seen:
            parts.append(f"(?P={name})")
        else:
            shown = "" if match.start() and template[match.start() - 1] != "/" else r"(?!\.)"
            parts.append(f"(?P<{name}>-?[0-9]+)" if number else f"(?P<{name}>{shown}[^/]+?)")
        seen.add(name)
        at = match.end()
    return "".join([*parts, _literal(template[at:]), r"\Z"])


def _literal(text: str) -> str:
    return re.escape(text).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")


def _as_parts(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)


def _file_name(
    template: str, pattern: re.Pattern[str], parts: dict[str, object], names: Sequence[str], integer: frozenset[str], label: str
) -> str:
    def shown(field: re.Match[str]) -> str:
        part = parts[field.group(1)]
        return format(part, field.group(2)) if field.group(2) and isinstance(part, int) else str(part)

    name = _FIELD.sub(shown, template)
    match = pattern.match(name)
    if match is None or "\0" in name or any(_text(match[n], n in integer) != _text(parts[n], n in integer) for n in names):
        raise ArgumentError(
            f"{label}: the key {tuple(parts.values()) if len(parts) > 1 else next(iter(parts.values()))!r} makes no file name of "
            f"{template!r} that gives it back. Keys of files are not empty, hold no '/' and do not begin with '.'."
        )
    return name


def _text(part: object, integer: bool) -> str:
    return str(int(part)) if integer and str(part).lstrip("-").isdigit() else str(part)  # type: ignore[call-overload]


def _nearby(template: str) -> str:
    if is_url(template):
        return "Check the address."
    folder = os.path.dirname(_FIELD.split(template)[0]) or "."
    if not os.path.isdir(folder):
        return f"The folder {folder!r} does not exist (working directory {os.getcwd()!r})."
    names = os.listdir(folder)
    return f"{folder!r} holds {len(names)} entries, such as {sorted(names)[:3]}." if names else f"The folder {folder!r} is empty."
