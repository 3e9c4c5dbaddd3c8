"""The laws of sources."""

from __future__ import annotations

import functools
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from plait.errors import NameUnknownError
from plait.ragged import Array, Ragged, concatenate, take
from plait.source import Source, Stream, only_stream
from plait.spec import Spec
from plait.testing.laws import law, same

__all__ = ["check_source"]


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
    law(isinstance(label, str) and bool(label), f"the label of {type(source).__name__} is {label!r}")
    law(len(source) == len(keys), f"{label} has {len(source)} samples and {len(keys)} keys")
    keys.check_unique(label)
    law(bool(names) and all(isinstance(name, str) for name in names), f"the streams of {label} are called {names}")
    rng = np.random.default_rng(seed)
    present = {name: _present(source, name) for name in names}
    chosen = {name: rng.permutation(rows)[:samples] for name, rows in present.items()}
    chosen = {name: np.concatenate([rows, rows[:2]]) for name, rows in chosen.items()}  # some of them twice
    read = {name: _read_stream(source, name, rows) for name, rows in chosen.items()}
    _read_together(source, present, samples)
    _pure(source, chosen, read)
    _threads(source, chosen, read)
    again = pickle.loads(pickle.dumps(source))
    law(again.keys == keys and dict(again.spec) == dict(source.spec), f"{label} has other keys or another spec after pickling")
    for name, rows in chosen.items():
        same(again.read([name], rows)[name], read[name], f"{label}[{name!r}] is another after pickling")
        _decoder(source, name)
    try:
        source["no such stream"]
    except NameUnknownError:
        return
    raise AssertionError(f"{label} has no error for a stream that does not exist.")


def _present(source: Source, name: str) -> np.ndarray:
    """The rows with a value."""
    absent = source.absent(name)
    if absent is not None:
        law(
            absent.shape == (len(source),) and absent.dtype == bool,
            f"{source.label}.absent({name!r}) is {absent.dtype} {absent.shape} for {len(source)} samples",
        )
        whole = source.read([name], np.arange(min(len(source), 32)))[name]
        law(len(whole) == min(len(source), 32), f"{source.label}[{name!r}] makes {len(whole)} samples of rows of which some are absent")
    return np.arange(len(source), dtype=np.int64) if absent is None else np.flatnonzero(~absent)


def _read_stream(source: Source, name: str, rows: np.ndarray) -> Array:
    """These rows, checked against the spec, one by one, and as a stream."""
    where, declared = f"{source.label}[{name!r}]", source.spec[name]
    before = rows.copy()
    values = source.read([name], rows)[name]
    law(np.array_equal(rows, before), f"{where} changed the rows that it was asked for")
    none = source.read([name], rows[:0])[name]
    for found in (values, none):
        spec = Spec.of(found)
        law((spec.shape, spec.dtype) == (declared.shape, declared.dtype), f"{where} is declared as {declared}; read are {spec}")
    law(len(values) == len(rows) and len(none) == 0, f"{where} gave {len(values)} samples for {len(rows)} rows and {len(none)} for none")
    if len(rows):
        one_by_one = concatenate([source.read([name], rows[i : i + 1])[name] for i in range(len(rows))])
        same(values, one_by_one, f"{where}: many rows are not the rows one by one")
    same(source[name].read(rows), values, f"{where} read as a stream is another")
    law(source[name].spec == declared and len(source[name]) == len(source), f"the stream {where} has another spec or length")
    if len(source.spec) == 1:
        law(only_stream(source).name == name and isinstance(source[name], Stream), f"{source.label} does not stand for its only stream")
    return values


def _read_together(source: Source, present: dict[str, np.ndarray], samples: int) -> None:
    names = list(present)
    rows = functools.reduce(np.intersect1d, present.values())[:samples]
    together = source.read(names, rows)
    law(set(together) == set(names), f"{source.label} was asked for {names} and gave {sorted(together)}")
    for name in names:
        same(together[name], source.read([name], rows)[name], f"{source.label}[{name!r}] read with others is another than alone")


def _pure(source: Source, chosen: dict[str, np.ndarray], read: dict[str, Array]) -> None:
    for name, rows in chosen.items():
        first = source.read([name], rows)[name]
        same(first, read[name], f"{source.label}[{name!r}] gave two results for the same rows")
        values = first.values if isinstance(first, Ragged) else first
        law(values.flags.writeable, f"{source.label}[{name!r}] gives an array that cannot be written to")
        values.fill("changed" if values.dtype.kind == "T" else 1)
        same(source.read([name], rows)[name], read[name], f"{source.label}[{name!r}] hands out its own memory: what a user writes stays")


def _threads(source: Source, chosen: dict[str, np.ndarray], read: dict[str, Array]) -> None:
    def shuffled(number: int) -> None:
        for name, rows in chosen.items():
            order = np.random.default_rng(number).permutation(len(rows))
            found = source.read([name], rows[order])[name]
            same(found, take(read[name], order), f"{source.label}[{name!r}] read from several threads is another")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(shuffled, range(8)))


def _decoder(source: Source, name: str) -> None:
    step: Any = source.decoder(name)
    if step is None:
        return
    where = f"the decoder of {source.label}[{name!r}]"
    law(isinstance(getattr(type(step), "kind", None), str), f"{where} has no kind")
    again = type(step).from_json(json.loads(json.dumps(step.to_json(), allow_nan=False)))
    law(again == step, f"{where} is another after its JSON form")
