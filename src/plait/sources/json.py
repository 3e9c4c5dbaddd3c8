"""JSON documents, one a sample: in a file each, as lines, or as an array."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, ReadError, SpecError
from plait.formats.documents import parse_document
from plait.formats.fields import field_columns, flatten
from plait.formats.paths import file_names, has_field, list_files, read_bytes
from plait.formats.sink import written_whole
from plait.keys import Keys, text_array
from plait.ragged import Array, Ragged, take
from plait.source import Source
from plait.spec import Spec

__all__ = ["Json"]

_LINES = (".jsonl", ".ndjson")
_ROWS = 1024


class Json(Source):
    """One stream a field of the documents; read when it is declared, and kept in memory.

    Numbers become int64 where all are whole, else float64; true and false bool; text text; lists an array where all have one shape, else
    `Ragged`. The fields of a nested object are named "outer.inner". Null, NaN and a missing field make the sample absent in that stream.

    Args:
        path: A template, "meta_{id}.json", for one document a file; or one file of many: "meta.jsonl" with one a line, "meta.json" with an
            array of them. Local, or any fsspec URL. A document is JSON, or a literal dict as Python prints it, which is never evaluated.
        key: Of one file: the field that holds the key, or several; row numbers when left out. With a template the file names hold it.
        fields: The ones to take; all when left out.

    Raises:
        ArgumentError, ReadError: Nothing is found, or a document cannot be read; the message names the sample.
        SpecError: A field has values of several types, or such that no model takes; a key is missing.
        DuplicateKeyError: Two documents have one key.
    """

    in_memory = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: str | Sequence[str] | None = None,
        fields: Sequence[str] | None = None,
    ) -> None:
        path = os.fspath(path)
        self._label = f"Json {path!r}"
        if isinstance(fields, str):
            raise ArgumentError(f"{self._label}: fields={fields!r} is one text. Write fields=[{fields!r}].")
        if has_field(path):
            if key is not None:
                raise ArgumentError(f"{self._label}: the file names hold the keys. Leave key= out, or name one file instead of a template.")
            self._keys, rows, named = _from_files(path, self._label)
        else:
            self._keys, rows, named = _from_one(path, (key,) if isinstance(key, str) else key, self._label)
        columns = field_columns(rows, fields=fields, named=named, label=self._label)
        self._columns: dict[str, Array] = {field: column for field, (column, _) in columns.items()}
        self._absent = {field: absent for field, (_, absent) in columns.items()}
        self._spec = {field: Spec.of(column) for field, column in self._columns.items()}

    @classmethod
    def write(cls, data: Source, path: str | os.PathLike[str]) -> None:
        """Write every stream of a source: with a template a file a key, else one a line (".jsonl") or an array (".json").

        Absent values are left out, "outer.inner" is nested again. In one file the keys are fields under the names of their parts, unless
        they are row numbers that nobody chose.

        Raises:
            ArgumentError: Keys that the file names cannot hold; two streams, or a stream and a key, with one name.
            SpecError: A stream is no number, text, or array of them.
            ReadError: A file cannot be written.
        """
        path = os.fspath(path)
        label = f"Json.write {path!r}"
        for name, spec in data.spec.items():
            if spec.dtype.kind not in "biufT":
                raise SpecError(f"{label}: stream {name!r} is {spec}, which JSON has no form for. Map it to numbers or text first.")
        if has_field(path):
            for name, document in zip(file_names(path, data.keys, label=label), _documents(data, (), label), strict=True):
                os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
                with written_whole(name, label=label, durable=False) as file:
                    file.write(json.dumps(document, ensure_ascii=False).encode())
            return
        lines = path.endswith(_LINES)
        with written_whole(path, label=label) as file:
            for row, document in enumerate(_documents(data, () if data.keys.is_range else data.keys.names, label)):
                begin, end = ("", "\n") if lines else (",\n" if row else "[\n", "")
                file.write(f"{begin}{json.dumps(document, ensure_ascii=False)}{end}".encode())
            file.write(b"" if lines else b"\n]\n" if len(data) else b"[]\n")

    @property
    def keys(self) -> Keys:
        """From the file names or fields, or row numbers."""
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """One stream a field."""
        return self._spec

    @property
    def label(self) -> str:
        """With the path."""
        return self._label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """A gather from memory."""
        return {name: take(self._columns[name], rows) for name in names}

    def absent(self, name: str) -> np.ndarray | None:
        """Where the field is null, NaN or missing."""
        return self._absent[name]


_Read = tuple[Keys, list[dict[str, object]], Callable[[int], str]]


def _from_files(template: str, label: str) -> _Read:
    files = list_files(template, label=label)

    def named(row: int) -> str:
        return f"sample {files.keys[row]!r} ({files.paths[row]!r})"

    rows = []
    for row, path in enumerate(files.paths):
        name = f"{label}: {named(row)}"
        rows.append(flatten(parse_document(read_bytes(path, label=label, key=files.keys[row]), name=name), name=name))
    return files.keys, rows, named


def _from_one(path: str, key: Sequence[str] | None, label: str) -> _Read:
    data = read_bytes(path, label=label, key=os.path.basename(path))
    if path.endswith(_LINES):
        numbered = [(number, line) for number, line in enumerate(data.split(b"\n"), 1) if line.strip()]
        found = [(f"line {number}", parse_document(line, name=f"{label}: line {number}")) for number, line in numbered]
    else:
        whole = parse_document(data, name=label)
        if not isinstance(whole, list):
            raise SpecError(
                f"{label} holds one document, and a sample is one. Write a template, plait.Json('meta_{{id}}.json'); or a file of many: "
                "an array of objects, or one a line in a .jsonl file."
            )
        found = [(f"item {number}", document) for number, document in enumerate(whole)]
    if not found:
        raise ReadError(f"{label} holds no documents.")
    rows = [flatten(document, name=f"{label}: {place}") for place, document in found]
    keys = Keys.range(len(rows)) if key is None else _keys(rows, tuple(key), [place for place, _ in found], label)
    return keys, rows, lambda row: found[row][0] if key is None else f"sample {keys[row]!r} ({found[row][0]})"


def _keys(rows: list[dict[str, object]], parts: tuple[str, ...], places: list[str], label: str) -> Keys:
    columns = {}
    for part in parts:
        values = [row.get(part) for row in rows]
        kinds = {type(value) for value in values}
        if kinds not in ({str}, {int}):
            odd = next(
                (value for value in values if type(value) not in (str, int)), next((v for v in values if type(v) is not type(values[0])), 0)
            )
            bad = next(place for place, value in zip(places, values, strict=True) if type(value) is type(odd))
            names = sorted({type(value).__name__ if value is not None else "no value" for value in values})
            raise SpecError(
                f"{label}: the key {part!r} holds {' and '.join(names)} ({bad}); keys are all text or all integers, in every document."
            )
        columns[part] = values
    try:
        keys = Keys(columns)
    except SpecError as error:
        raise SpecError(f"{label}: {error}") from error
    keys.check_unique(label)
    return keys


def _documents(data: Source, parts: Sequence[str], label: str) -> Iterator[dict[str, Any]]:
    """One nested dict a sample, with the parts of its key."""
    names = list(data.spec)
    for start in range(0, len(data), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(data)), dtype=np.int64)
        flat: list[dict[str, Any]] = [{} for _ in rows]
        for part, column in zip(parts, data.keys.take(rows).columns if parts else (), strict=True):
            for document, value in zip(flat, column.tolist(), strict=True):
                document[part] = value
        for name in names:
            absent = data.absent(name)
            present = rows if absent is None else rows[~absent[rows]]
            values = data.read([name], present)[name]
            if name in parts and not np.array_equal(
                text_array(np.asarray(values)), text_array(data.keys.take(present).columns[parts.index(name)])
            ):
                raise ArgumentError(f"{label}: stream {name!r} has the name of a part of the key and other values. Rename the stream.")
            samples = (sample.tolist() for sample in values) if isinstance(values, Ragged) else values.tolist()
            for row, sample in zip(present, samples, strict=True):
                flat[row - start][name] = sample
        yield from (_nested(document, label) for document in flat)


def _nested(flat: Mapping[str, Any], label: str) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for name, value in flat.items():
        *outer, last = name.split(".")
        place = document
        for head in outer:
            place = place.setdefault(head, {})
            if not isinstance(place, dict):
                break
        if not isinstance(place, dict) or last in place:
            raise ArgumentError(
                f"{label}: the streams {name!r} and {name.rpartition('.')[0] or last!r} cannot be fields of one document. Rename one."
            )
        place[last] = value
    return document
