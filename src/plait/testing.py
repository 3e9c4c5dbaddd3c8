"""Laws that every source, transform and synthesizer keeps, to be run over one's own."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from plait.errors import NameUnknownError
from plait.ragged import Array, Ragged, concatenate, take
from plait.source import Source, Stream, only_stream
from plait.spec import Spec

__all__ = ["check_source", "check_transform"]


def check_source(source: Source, *, samples: int = 32, seed: int = 0) -> None:
    """Check that a source keeps the laws that data sets and loaders rely on.

    Keys are unique, one a sample. `spec` foretells what `read` gives, for one row, many, none, repeated and in any order; many rows are
    the rows one by one, and many streams the streams one by one. Reading is pure: twice the same, from several threads too, whatever is
    done to the arrays in between, and neither names nor rows are changed. The source can be pickled. `source[name]` is the stream.
    A `decoder` comes back from its JSON form.

    Args:
        source: Any source.
        samples: How many rows are read at most.
        seed: Which rows.

    Raises:
        AssertionError: Saying which law does not hold, and where.
    """
    label, keys, names = source.label, source.keys, list(source.spec)
    _law(isinstance(label, str) and bool(label), f"the label of {type(source).__name__} is {label!r}")
    _law(len(source) == len(keys), f"{label} has {len(source)} samples and {len(keys)} keys")
    keys.check_unique(label)
    _law(bool(names) and all(isinstance(name, str) for name in names), f"the streams of {label} are called {names}")
    rng = np.random.default_rng(seed)
    present = {name: _present(source, name) for name in names}
    chosen = {name: rng.permutation(rows)[:samples] for name, rows in present.items()}
    chosen = {name: np.concatenate([rows, rows[:2]]) for name, rows in chosen.items()}  # some of them twice
    read = {name: _read_stream(source, name, rows) for name, rows in chosen.items()}
    _read_together(source, present, samples)
    _pure(source, chosen, read)
    _threads(source, chosen, read)
    again = pickle.loads(pickle.dumps(source))
    _law(again.keys == keys and dict(again.spec) == dict(source.spec), f"{label} has other keys or another spec after pickling")
    for name, rows in chosen.items():
        _same(again.read([name], rows)[name], read[name], f"{label}[{name!r}] is another after pickling")
        _decoder(source, name)
    try:
        source["no such stream"]
    except NameUnknownError:
        return
    raise AssertionError(f"{label} has no error for a stream that does not exist.")


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
    _same(data, before, f"{name} changed the data that it was given")
    _same(transform(data), result, f"{name} gave two results for the same data")
    _law(len(result) == len(data), f"{name} made {len(result)} samples of {len(data)}")
    _law(len(data) > 1, f"{name} is to be checked on at least two samples")
    _alone(transform, data, result, name)
    _same(pickle.loads(pickle.dumps(transform))(data), result, f"{name} gives another result after pickling")
    foretell: Any = getattr(transform, "spec", None)
    if callable(foretell):
        declared: Any = foretell(Spec.of(data))
        found = Spec.of(result)
        _law(
            (declared.shape, declared.dtype) == (found.shape, found.dtype),
            f"{name}.spec says {declared} of {Spec.of(data)}, and the result is {found}",
        )
    describe: Any = getattr(transform, "to_json", None)
    if callable(describe):
        text = json.dumps(describe(), allow_nan=False)
        again = type(transform).from_json(json.loads(text))  # type: ignore[attr-defined]
        _same(again(data), result, f"{name} gives another result after its JSON form")
        _law(json.dumps(again.to_json(), allow_nan=False) == text, f"{name} has another JSON form after its JSON form")
    if callable(getattr(transform, "inverse", None)):
        _inverse(transform, data, result, lossless, tolerance)


def _present(source: Source, name: str) -> np.ndarray:
    """The rows with a value."""
    absent = source.absent(name)
    if absent is not None:
        _law(
            absent.shape == (len(source),) and absent.dtype == bool,
            f"{source.label}.absent({name!r}) is {absent.dtype} {absent.shape} for {len(source)} samples",
        )
        whole = source.read([name], np.arange(min(len(source), 32)))[name]
        _law(len(whole) == min(len(source), 32), f"{source.label}[{name!r}] makes {len(whole)} samples of rows of which some are absent")
    return np.arange(len(source), dtype=np.int64) if absent is None else np.flatnonzero(~absent)


def _read_stream(source: Source, name: str, rows: np.ndarray) -> Array:
    """These rows, checked against the spec, one by one, and as a stream."""
    where, declared = f"{source.label}[{name!r}]", source.spec[name]
    before = rows.copy()
    values = source.read([name], rows)[name]
    _law(np.array_equal(rows, before), f"{where} changed the rows that it was asked for")
    none = source.read([name], rows[:0])[name]
    for found in (values, none):
        spec = Spec.of(found)
        _law((spec.shape, spec.dtype) == (declared.shape, declared.dtype), f"{where} is declared as {declared}; read are {spec}")
    _law(len(values) == len(rows) and len(none) == 0, f"{where} gave {len(values)} samples for {len(rows)} rows and {len(none)} for none")
    if len(rows):
        one_by_one = concatenate([source.read([name], rows[i : i + 1])[name] for i in range(len(rows))])
        _same(values, one_by_one, f"{where}: many rows are not the rows one by one")
    _same(source[name].read(rows), values, f"{where} read as a stream is another")
    _law(source[name].spec == declared and len(source[name]) == len(source), f"the stream {where} has another spec or length")
    if len(source.spec) == 1:
        _law(only_stream(source).name == name and isinstance(source[name], Stream), f"{source.label} does not stand for its only stream")
    return values


def _read_together(source: Source, present: dict[str, np.ndarray], samples: int) -> None:
    names = list(present)
    rows = functools.reduce(np.intersect1d, present.values())[:samples]
    together = source.read(names, rows)
    _law(set(together) == set(names), f"{source.label} was asked for {names} and gave {sorted(together)}")
    for name in names:
        _same(together[name], source.read([name], rows)[name], f"{source.label}[{name!r}] read with others is another than alone")


def _pure(source: Source, chosen: dict[str, np.ndarray], read: dict[str, Array]) -> None:
    for name, rows in chosen.items():
        first = source.read([name], rows)[name]
        _same(first, read[name], f"{source.label}[{name!r}] gave two results for the same rows")
        values = first.values if isinstance(first, Ragged) else first
        _law(values.flags.writeable, f"{source.label}[{name!r}] gives an array that cannot be written to")
        values.fill("changed" if values.dtype.kind == "T" else 1)
        _same(source.read([name], rows)[name], read[name], f"{source.label}[{name!r}] hands out its own memory: what a user writes stays")


def _threads(source: Source, chosen: dict[str, np.ndarray], read: dict[str, Array]) -> None:
    def shuffled(number: int) -> None:
        for name, rows in chosen.items():
            order = np.random.default_rng(number).permutation(len(rows))
            found = source.read([name], rows[order])[name]
            _same(found, take(read[name], order), f"{source.label}[{name!r}] read from several threads is another")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(shuffled, range(8)))


def _decoder(source: Source, name: str) -> None:
    step: Any = source.decoder(name)
    if step is None:
        return
    where = f"the decoder of {source.label}[{name!r}]"
    _law(isinstance(getattr(type(step), "kind", None), str), f"{where} has no kind")
    again = type(step).from_json(json.loads(json.dumps(step.to_json(), allow_nan=False)))
    _law(again == step, f"{where} is another after its JSON form")


def _alone(transform: Callable[..., Any], data: Array, result: Array, name: str) -> None:
    for row in sorted({0, 1, len(data) // 2, len(data) - 1}):
        one = np.array([row])
        _same(transform(take(data, one)), take(result, one), f"{name} makes something else of row {row} alone than within the batch")
    none = np.zeros(0, np.int64)
    _same(transform(take(data, none)), take(result, none), f"{name} of no sample is not what the batch's spec says")


def _inverse(transform: Any, data: Array, result: Array, lossless: bool, tolerance: float) -> None:
    name = f"{type(transform).__name__}.inverse"
    before = copy.deepcopy(result)
    back = transform.inverse(result)
    _same(result, before, f"{name} changed what it was given")
    _alone(transform.inverse, result, back, name)
    if lossless:
        _close(back, data, tolerance, f"{name} does not give the data back")
    _close(transform(back), result, tolerance, f"{name} gives data of which another result is made")


def _law(holds: bool, message: str) -> None:
    if not holds:
        raise AssertionError(f"{message}.")


def _same(one: Array, other: Array, message: str) -> None:
    """Of one kind, dtype and shape, and equal bit for bit."""
    _law(type(one) is type(other) and Spec.of(one) == Spec.of(other), f"{message}: {Spec.of(one)} instead of {Spec.of(other)}")
    if isinstance(one, Ragged) and isinstance(other, Ragged):
        _law(np.array_equal(one.lengths, other.lengths), f"{message}: other lengths")
        one, other = (column.take(np.arange(len(column))).values for column in (one, other))
    assert isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    _law(one.shape == other.shape, f"{message}: shape {one.shape} instead of {other.shape}")
    equal = np.array_equal(one, other) if one.dtype.kind == "T" else one.tobytes() == other.tobytes()
    _law(equal, f"{message}: other values")


def _close(one: Array, other: Array, tolerance: float, message: str) -> None:
    """Of one shape, and equal up to the tolerance; labels exactly."""
    _law(type(one) is type(other), f"{message}: {type(one).__name__} instead of {type(other).__name__}")
    if isinstance(one, Ragged) and isinstance(other, Ragged):
        _law(np.array_equal(one.lengths, other.lengths), f"{message}: other lengths")
        one, other = (column.take(np.arange(len(column))).values for column in (one, other))
    assert isinstance(one, np.ndarray) and isinstance(other, np.ndarray)
    _law(one.shape == other.shape, f"{message}: shape {one.shape} instead of {other.shape}")
    if "f" not in (one.dtype.kind, other.dtype.kind):
        _law(np.array_equal(one, other), f"{message}: other values")
        return
    unequal = (one != other) & ~(np.isnan(one) & np.isnan(other))
    one, other = one[unequal].astype(np.float64), other[unequal].astype(np.float64)
    apart = np.abs(one - other).max(initial=0)
    scale = max(1.0, float(np.abs(other).max(initial=0)))
    _law(apart <= tolerance * scale, f"{message}: {apart:g} apart at a magnitude of {scale:g}")
