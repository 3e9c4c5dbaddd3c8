"""The fields of many documents as columns: one type a field, null and missing as absent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from plait.errors import NameUnknownError, SpecError
from plait.meant import meant
from plait.ragged import Array, Ragged, scatter
from plait.spec import TEXT

__all__ = ["field_columns", "flatten"]

MOST_FIELDS = 10_000
_INT64 = range(-(2**63), 2**63)

Named = Callable[[int], str]


def flatten(document: object, *, name: str) -> dict[str, object]:
    """The fields of one document that have a value, those of nested objects as "outer.inner".

    Raises:
        SpecError: It is no object, a field has no name, or two have one.
    """
    if not isinstance(document, dict):
        raise SpecError(f'{name} holds {_kind(document)}; expected an object of fields, {{"field": value}}.')
    out: dict[str, object] = {}
    _flatten(document, "", out, name)
    return out


def field_columns(
    rows: Sequence[Mapping[str, object]], *, fields: Sequence[str] | None, named: Named, label: str
) -> dict[str, tuple[Array, np.ndarray | None]]:
    """Each field as a column over all rows, and where it is absent.

    Numbers become int64 where all are whole, else float64; true and false bool; text `plait.spec.TEXT`; lists an array where all have one
    shape, else `Ragged`. NaN is absent, too.

    Args:
        rows: Flat documents.
        fields: The ones to take; all when None.
        named: Row -> how messages call it.
        label: The source, for messages.

    Raises:
        SpecError: A field has values of different types, or such that no model takes; the message names field and samples.
        NameUnknownError: A field that no document has.
    """
    places: dict[str, list[int]] = {}
    for row, document in enumerate(rows):
        for field in document:
            places.setdefault(field, []).append(row)
    unknown = sorted(set(fields or ()) - set(places))
    if unknown:
        raise NameUnknownError(f"{label} has no fields {unknown}. It has {sorted(places)[:20]}.{meant(unknown[0], places)}")
    taken = list(places) if fields is None else list(dict.fromkeys(fields))
    if not taken:
        raise SpecError(f"{label}: no document has a field with a value, so there is no stream.")
    if len(taken) > MOST_FIELDS:
        raise SpecError(
            f"{label} has {len(taken)} fields, such as {taken[:3]}; a field is a stream. Name those that are meant: fields=[...]."
        )
    nested = {head: field for field in places for head in _heads(field)}
    for field in (nested.get(name, name) for name in taken):
        outer = next((head for head in _heads(field) if head in places), None)
        if outer is not None:
            raise _mixed(outer, {"objects": places[field], _kind(rows[places[outer][0]][outer]): places[outer]}, named, label)
    return {
        field: _column([rows[row][field] for row in places[field]], np.array(places[field]), len(rows), field, named, label)
        for field in taken
    }


def _flatten(document: dict[object, object], prefix: str, out: dict[str, object], name: str) -> None:
    for field, value in document.items():
        if not isinstance(field, str):
            raise SpecError(f"{name} has the field {field!r}, which is no text. Write it in quotes.")
        full = prefix + field
        if isinstance(value, dict):
            _flatten(value, f"{full}.", out, name)
        elif full in out:
            raise SpecError(f"{name} has two fields {full!r}, one of them nested. Rename one.")
        elif value is not None:
            out[full] = value


def _column(values: list[object], rows: np.ndarray, samples: int, field: str, named: Named, label: str) -> tuple[Array, np.ndarray | None]:
    kinds: dict[str, list[int]] = {}
    for row, value in zip(rows, values, strict=True):
        kinds.setdefault(_kind(value), []).append(int(row))
    if len(kinds) > 1:
        raise _mixed(field, kinds, named, label)
    kind = next(iter(kinds))
    array = _lists(values, rows, field, named, label) if kind == "lists" else _scalars(values, kind, rows, field, named, label)
    nan = _nan(array)
    if len(rows) == samples and not nan.any():
        return array, None
    absent = np.ones(samples, bool)
    absent[rows[~nan]] = False
    return scatter(array, rows, samples), absent


def _scalars(values: list[object], kind: str, rows: np.ndarray, field: str, named: Named, label: str) -> np.ndarray:
    if kind not in ("numbers", "true or false", "text"):
        raise SpecError(f"{label}[{field!r}]: {named(int(rows[0]))} holds {kind}, which is no value for a model. {_others(field)}")
    try:
        if kind == "text":
            return np.array(values, dtype=TEXT)
        if kind == "numbers" and all(isinstance(value, int) for value in values):
            return np.array(values, np.int64)
        return np.array(values, bool if kind == "true or false" else np.float64)
    except (OverflowError, UnicodeEncodeError) as error:
        bad = next(row for row, value in zip(rows, values, strict=True) if _unfit(value))
        what = "a text that is no Unicode" if kind == "text" else "a number beyond 64 bits"
        raise SpecError(f"{label}[{field!r}]: {named(int(bad))} holds {what}. Mend it, or write it as plain text.") from error


def _lists(values: list[object], rows: np.ndarray, field: str, named: Named, label: str) -> Array:
    leaves: dict[str, list[int]] = {}
    for row, value in zip(rows, values, strict=True):
        for kind in _leaf_kinds(value):
            leaves.setdefault(kind, []).append(int(row))
    if len(leaves) > 1:
        raise _mixed(field, {f"lists of {kind}": some for kind, some in leaves.items()}, named, label)
    kind = next(iter(leaves), "numbers")
    if kind not in ("numbers", "true or false", "text"):
        raise SpecError(
            f"{label}[{field!r}]: {named(leaves[kind][0])} holds lists of {kind}, which are no values for a model. {_others(field)}"
        )
    dtype = TEXT if kind == "text" else bool if kind == "true or false" else None
    arrays = []
    for row, value in zip(rows, values, strict=True):
        try:
            array = np.array(value, dtype=dtype)
        except (ValueError, OverflowError) as error:
            raise SpecError(
                f"{label}[{field!r}]: {named(int(row))} holds lists of unequal length within lists, or text that is no Unicode; "
                f"samples may differ in length along their first axis only. {_others(field)}"
            ) from error
        if array.dtype.kind not in "biufT" or array.dtype == np.uint64:
            raise SpecError(f"{label}[{field!r}]: {named(int(row))} holds a number beyond 64 bits. Mend it, or write it as plain text.")
        arrays.append(array if array.size else array.astype(dtype or np.int64))
    if len({array.shape for array in arrays}) == 1 and arrays[0].size:
        return np.stack(arrays)
    shapes = {array.shape[1:] for array in arrays if array.size}
    if len(shapes) > 1:
        found = ", ".join(f"{named(int(row))} {a.shape}" for row, a in list(zip(rows, arrays, strict=True))[:3])
        raise SpecError(f"{label}[{field!r}]: samples differ in more than their length: {found}. {_others(field)}")
    return Ragged.of(arrays)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "numbers"
    if isinstance(value, str):
        return "text"
    return {list: "lists", tuple: "lists", dict: "objects", type(None): "null"}.get(type(value), type(value).__name__)


def _leaf_kinds(value: object) -> set[str]:
    if isinstance(value, (list, tuple)):
        return set().union(*map(_leaf_kinds, value)) if value else set()
    return {_kind(value)}


def _unfit(value: object) -> bool:
    if isinstance(value, int):
        return value not in _INT64
    return isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value)


def _nan(array: Array) -> np.ndarray:
    if array.dtype.kind != "f":
        return np.zeros(len(array), bool)
    if isinstance(array, Ragged):
        count = np.concatenate([[0], np.cumsum(_nan(array.values))])
        return count[array.offsets[1:]] > count[array.offsets[:-1]]
    return np.logical_or.reduce(np.isnan(array).reshape(len(array), -1), axis=1)


def _heads(field: str) -> list[str]:
    parts = field.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _others(field: str) -> str:
    return f"Mend it, or leave {field!r} out: fields=[...] names the ones to take."


def _mixed(field: str, kinds: Mapping[str, Sequence[int]], named: Named, label: str) -> SpecError:
    found = "; ".join(f"{kind} in {len(rows)} samples, such as {named(rows[0])}" for kind, rows in kinds.items())
    return SpecError(f"{label}[{field!r}] has values of several types: {found}. A stream has one. {_others(field)}")
