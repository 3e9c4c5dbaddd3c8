"""Match the samples of several sources by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.errors import AlignmentError
from plait.gaps import Gap, Join, Policy
from plait.keys import Keys, text_array
from plait.report import Finding, Report
from plait.source import Source, Stream

__all__ = ["Alignment", "align", "match", "shared"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """Which row of each source belongs to which sample.

    Args:
        keys: One a sample: in the order of the first stream's source, then what only later sources hold.
        rows: stream name -> (samples,) int64 rows of its source, -1 where it has no such key; None for 0, 1, 2, ...
        absent: stream name -> (samples,) bool, true where the stream has no value; None where it has all.
        report: What matched, what is missing from which stream, and what was done about it.
    """

    keys: Keys
    rows: Mapping[str, np.ndarray | None]
    absent: Mapping[str, np.ndarray | None]
    report: Report


def align(streams: Mapping[str, Stream], policies: Mapping[str, Policy], roles: Mapping[str, str]) -> Alignment:
    """Join streams by the keys of their sources.

    Args:
        streams: name -> stream.
        policies: name -> what to do about a sample without a value in that stream: "raise"; "drop" the sample; "mask": keep it and
            say so in `absent`; "keep": the same for a null or NaN among floats, and "raise" for everything else.
        roles: name -> "input", "target" or "weight", for the messages.

    Raises:
        AlignmentError: A sample has no value in a stream whose policy is "raise", no sample is left, or the keys cannot be compared.
        DuplicateKeyError: A source that has to be matched holds a key twice.
    """
    sources = list({id(s.source): s.source for s in streams.values()}.values())
    if any(source.endless for source in sources):
        return _endless(streams, sources)
    keys, positions = _positions(sources)
    where = {id(source): rows for source, rows in zip(sources, positions, strict=True)}
    rows = {name: where[id(stream.source)] for name, stream in streams.items()}
    gaps = {name: Gap.of(stream, rows[name]) for name, stream in streams.items()}
    join = Join(keys, streams, rows, gaps, policies, roles)
    keep = join.kept()
    join.check(keep)
    report = Report("join", tuple(join.findings(keep)))
    if not join.drops or keep.all():  # the former at no cost, and there may be 1e8 keys
        return Alignment(keys, rows, {name: gap.missing for name, gap in gaps.items()}, report)
    kept = np.flatnonzero(keep)
    where = {number: kept if at is None else at[kept] for number, at in where.items()}
    absent = {name: None if gap.missing is None else gap.missing[kept] for name, gap in gaps.items()}
    absent = {name: gone if gone is not None and gone.any() else None for name, gone in absent.items()}
    return Alignment(keys.take(kept), {name: where[id(stream.source)] for name, stream in streams.items()}, absent, report)


def _endless(streams: Mapping[str, Stream], sources: Sequence[Source]) -> Alignment:
    """Rows without end, side by side.

    Raises:
        AlignmentError: Some sources end.
    """
    finite = [source for source in sources if not source.endless]
    if finite:
        label = next(source.label for source in sources if source.endless)
        raise AlignmentError(
            f"{label} has no end and {finite[0].label} has {len(finite[0])} samples. Take as many of the former: "
            f"data.take(range({len(finite[0])}))."
        )
    values: dict[str, object] = {"policy": "raise", "missing": 0, "keys": 0, "held": 0, "dropped": 0}
    found = [
        Finding("pass", name, f"{stream.source.label} draws as many as are asked for", id="join", values=values)
        for name, stream in streams.items()
    ]
    none = dict.fromkeys(streams)
    return Alignment(sources[0].keys, none, none, Report("join", tuple(found)))


def match(keys: Keys, others: Keys, *, label: str) -> np.ndarray:
    """(len(keys),) int64: for each key its row in `others`, -1 where it is not there.

    Raises:
        AlignmentError: The keys have different parts.
        DuplicateKeyError: `others`, which is called `label`, holds a key twice.
    """
    codes, count = _codes([keys, others], ["the data set", label])
    _check_unique(others, codes[1], label)
    return _rows_of(codes[1], count)[codes[0]]


def shared(keys: Keys, others: Keys) -> np.ndarray:
    """(len(keys),) bool: whether each key is among the others too.

    Raises:
        AlignmentError: The keys have different parts.
    """
    codes, count = _codes([keys, others], ["the data set", "the other"])
    return _rows_of(codes[1], count)[codes[0]] >= 0


def _positions(sources: Sequence[Source]) -> tuple[Keys, list[np.ndarray | None]]:
    """All keys in order of first appearance, and each source's row for every one of them (None: the same rows)."""
    first = sources[0].keys
    if all(source.keys == first for source in sources[1:]):
        return first, [None] * len(sources)
    codes, count = _codes([source.keys for source in sources], [source.label for source in sources])
    seen = np.zeros(count, bool)
    new = []  # rows of each source whose keys no earlier one holds
    for source, code in zip(sources, codes, strict=True):
        _check_unique(source.keys, code, source.label)
        new.append(np.flatnonzero(~seen[code]))
        seen[code] = True
    order = np.concatenate([code[rows] for code, rows in zip(codes, new, strict=True)])
    positions: list[np.ndarray | None] = [_rows_of(code, count)[order] for code in codes]
    if len(order) == len(first):
        positions[0] = None
        return first, positions
    columns = {name: _columns([source.keys for source in sources], place) for place, name in enumerate(first.names)}
    return Keys({name: np.concatenate([c[r] for c, r in zip(cs, new, strict=True)]) for name, cs in columns.items()}), positions


def _codes(all_keys: Sequence[Keys], labels: Sequence[str]) -> tuple[list[np.ndarray], int]:
    """One integer a key, equal where the keys are, over all sources; and a bound that all are below."""
    names = all_keys[0].names
    for keys, label in zip(all_keys, labels, strict=True):
        if len(keys.names) != len(names) or (len(names) > 1 and set(keys.names) != set(names)):
            raise AlignmentError(
                f"{labels[0]} has keys of the parts {names} and {label} of the parts {keys.names}. "
                "Name the same parts in both: key=['site', 'id'] in a table, '{site}/{id}.png' in a template."
            )
    parts = [np.concatenate(_columns(all_keys, place)) for place in range(len(names))]
    if len(parts) == 1 and parts[0].dtype.kind == "i":
        code, count = _dense(parts[0])
    else:
        code, count = _dense(np.concatenate([keys.hashes() for keys in all_keys]))
        known = _rows_of(code, count)[code]  # of every key the last one with the same hash
        if not all(np.array_equal(part[known], part) for part in parts):  # different keys have one hash, so compare the keys themselves
            code, count = np.zeros(len(code), np.int64), 1
            for part in parts:
                place, more = _dense(part)
                code, count = _dense(code * more + place)
    return np.split(code, np.cumsum([len(keys) for keys in all_keys])[:-1]), count


def _columns(all_keys: Sequence[Keys], place: int) -> list[np.ndarray]:
    """One part of the keys of every source: as integers if they all are, else as text."""
    name = all_keys[0].names[place]
    columns = [keys.columns[keys.names.index(name) if len(keys.names) > 1 else 0] for keys in all_keys]
    return columns if all(c.dtype.kind == "i" for c in columns) else [text_array(c) for c in columns]


def _dense(values: np.ndarray) -> tuple[np.ndarray, int]:
    """An integer for each value, equal where the values are, and a bound of about their number."""
    if not len(values):
        return np.zeros(0, np.int64), 0
    if values.dtype.kind == "i" and int(values.max()) - int(values.min()) < 4 * len(values):
        code = values - values.min()
        return code, int(code.max()) + 1
    distinct, code = np.unique(values, return_inverse=True)
    return code, len(distinct)


def _rows_of(code: np.ndarray, count: int) -> np.ndarray:
    """(count,) int64: the row of each code, -1 for those that do not occur."""
    rows = np.full(count, -1, np.int64)
    rows[code] = np.arange(len(code))
    return rows


def _check_unique(keys: Keys, code: np.ndarray, label: str) -> None:
    if len(code) and np.bincount(code).max() > 1:
        keys.check_unique(label)
