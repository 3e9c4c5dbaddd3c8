"""Match the samples of several sources by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from plait.errors import AlignmentError
from plait.keys import Keys, text_array
from plait.report import Finding, Report
from plait.source import Source, Stream

__all__ = ["Alignment", "Policy", "align", "match"]

Policy = Literal["raise", "drop", "mask", "keep"]


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


def align(streams: Mapping[str, Stream], policies: Mapping[str, Policy]) -> Alignment:
    """Join streams by the keys of their sources.

    Args:
        streams: name -> stream.
        policies: name -> what to do about a sample without a value in that stream: "raise"; "drop" the sample; "mask": keep it and
            say so in `absent`; "keep": keep it with the value as it is stored (a NaN).

    Raises:
        AlignmentError: A sample has no value in a stream whose policy is "raise", or the keys cannot be compared.
    """
    sources = list({id(s.source): s.source for s in streams.values()}.values())
    keys, positions = _positions(sources)
    where = {id(source): rows for source, rows in zip(sources, positions, strict=True)}
    missing = {name: _missing(stream, where[id(stream.source)]) for name, stream in streams.items()}
    keep = np.ones(len(keys), bool)
    for name, gone in missing.items():
        if policies[name] == "drop" and gone is not None:
            keep &= ~gone
    for name, gone in missing.items():
        if policies[name] == "raise" and gone is not None and (gone & keep).any():
            raise AlignmentError(_missing_message(name, streams, where, gone & keep, keys))
    report = Report("join", tuple(_findings(streams, policies, missing, where, keys, keep)))
    kept = None if keep.all() else np.flatnonzero(keep)
    rows = {name: _pick(where[id(stream.source)], kept) for name, stream in streams.items()}
    absent = {}
    for name, gone in missing.items():
        left = None if gone is None or policies[name] != "mask" else gone if kept is None else gone[kept]
        absent[name] = left if left is not None and left.any() else None
    return Alignment(keys if kept is None else keys.take(kept), rows, absent, report)


def match(keys: Keys, others: Keys) -> np.ndarray:
    """(len(keys),) int64: for each key its row in `others`, -1 where it is not there.

    Raises:
        AlignmentError: The keys have different parts.
    """
    codes, _ = _codes([keys, others], ["the data", "the other source"])
    where = np.full(int(max(c.max(initial=-1) for c in codes)) + 1, -1, np.int64)
    where[codes[1]] = np.arange(len(others))
    return where[codes[0]]


def _positions(sources: Sequence[Source]) -> tuple[Keys, list[np.ndarray | None]]:
    """All keys in order of first appearance, and each source's row for every one of them (None: the same rows)."""
    first = sources[0].keys
    if all(source.keys == first for source in sources[1:]):
        return first, [None] * len(sources)
    codes, count = _codes([source.keys for source in sources], [source.label for source in sources])
    joined = np.concatenate(codes)
    _, appeared = np.unique(joined, return_index=True)
    appeared.sort()
    order = joined[appeared]  # codes in order of first appearance
    starts = np.cumsum([0, *map(len, codes)])
    positions: list[np.ndarray | None] = []
    for code in codes:
        where = np.full(count, -1, np.int64)
        where[code] = np.arange(len(code))
        positions.append(where[order])
    owners = np.searchsorted(starts, appeared, side="right") - 1
    names = first.names
    parts: dict[str, np.ndarray] = {}
    for place, name in enumerate(names):
        columns = [_part(source.keys, names, place) for source in sources]
        columns = columns if all(c.dtype.kind == "i" for c in columns) else [text_array(c) for c in columns]
        parts[name] = np.concatenate([c[appeared[owners == i] - starts[i]] for i, c in enumerate(columns)])
    return Keys(parts), positions


def _codes(all_keys: Sequence[Keys], labels: Sequence[str]) -> tuple[list[np.ndarray], int]:
    """One integer a key, equal where the keys are, over all sources; and how many there are."""
    names = all_keys[0].names
    for keys, label in zip(all_keys, labels, strict=True):
        if len(keys.names) != len(names) or (len(names) > 1 and set(keys.names) != set(names)):
            raise AlignmentError(
                f"{labels[0]} has keys of the parts {names} and {label} of the parts {keys.names}. "
                "Name the same parts in both: key=['site', 'id'] in a table, '{site}/{id}.png' in a template."
            )
    code: np.ndarray | None = None
    for place in range(len(names)):
        columns = [_part(keys, names, place) for keys in all_keys]
        if not all(c.dtype.kind == "i" for c in columns):
            columns = [text_array(c) for c in columns]
        _, part = np.unique(np.concatenate(columns), return_inverse=True)
        code = part if code is None else np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    assert code is not None
    cuts = np.cumsum([len(keys) for keys in all_keys])[:-1]
    return np.split(code, cuts), int(code.max(initial=-1)) + 1


def _part(keys: Keys, names: tuple[str, ...], place: int) -> np.ndarray:
    return keys.columns[place if len(names) == 1 else keys.names.index(names[place])]


def _missing(stream: Stream, rows: np.ndarray | None) -> np.ndarray | None:
    """(keys,) bool, or None where the stream has a value for every key."""
    absent = stream.source.absent(stream.name)
    if rows is None:
        return absent
    gone = rows < 0
    if absent is not None:
        gone = gone | absent[np.maximum(rows, 0)]
    return gone if gone.any() else None


def _pick(rows: np.ndarray | None, kept: np.ndarray | None) -> np.ndarray | None:
    if kept is None:
        return rows
    return kept if rows is None else rows[kept]


def _missing_message(name: str, streams: Mapping[str, Stream], where: Mapping[int, np.ndarray | None], gone: np.ndarray, keys: Keys) -> str:
    stream = streams[name]
    rows = where[id(stream.source)]
    lost = np.flatnonzero(gone)
    complete = len(keys) - len(lost)
    remedy = (
        f'Pass missing="drop" to keep the {complete} that have all, or missing="mask" to keep all and give absent targets no weight; '
        f'missing={{{name!r}: "drop"}} does so for one stream.'
    )
    if rows is None or (rows[lost] >= 0).any():
        held = lost if rows is None else lost[rows[lost] >= 0]
        return f"{stream.label} has no value (empty, null or NaN) for {len(held)} of its samples, such as {keys.some(held)}. {remedy}" + (
            f' missing={{{name!r}: "keep"}} keeps the NaN.' if stream.spec.dtype.kind == "f" else ""
        )
    labels = list(dict.fromkeys(f"{s.source.label} has {len(s.source)}" for s in streams.values()))
    sources = list({id(s.source): s.source for s in streams.values()}.values())
    everywhere = np.ones(len(keys), bool)
    for source in sources:
        held_rows = where[id(source)]
        everywhere &= True if held_rows is None else held_rows >= 0
    common = int(everywhere.sum())
    if not common:
        shown = "; ".join(f"{s.label} has keys such as {s.keys.some(range(min(3, len(s))))}" for s in sources)
        rows_hint = (
            " Arrays without key= are numbered by row: pass key=ids to name their rows." if any(s.keys.is_range for s in sources) else ""
        )
        return f"No key is in all of the sources: {shown}. Keys are compared as text, '007' is not 7.{rows_hint}"
    apart = np.flatnonzero(~everywhere)
    return (
        f"{' samples and '.join(labels[:1])} samples and {', '.join(labels[1:])}; {len(apart)} keys are not in all of them, such as "
        f"{keys.some(apart)} ({name!r} lacks {keys.some(lost, 3)}). "
        f'Pass missing="drop" to keep the {common} all hold, or missing="mask" to keep all and give absent targets no weight '
        f'(inputs cannot be masked: missing={{{name!r}: "drop"}} decides for one stream).'
    )


def _findings(
    streams: Mapping[str, Stream],
    policies: Mapping[str, Policy],
    missing: Mapping[str, np.ndarray | None],
    where: Mapping[int, np.ndarray | None],
    keys: Keys,
    keep: np.ndarray,
) -> Sequence[Finding]:
    findings = []
    for name, stream in streams.items():
        gone, rows = missing[name], where[id(stream.source)]
        held = len(keys) if rows is None else int((rows >= 0).sum())
        values = {"keys": len(keys), "held": held, "missing": 0, "dropped": 0, "policy": policies[name]}
        if gone is None:
            findings.append(Finding("pass", name, f"{held} of {len(keys)} keys matched in {stream.source.label}", id="join", values=values))
            continue
        lost = np.flatnonzero(gone)
        done = {"drop": "dropped", "mask": "kept with weight 0", "keep": "kept as they are", "raise": "dropped for another stream"}[
            policies[name]
        ]
        values |= {"missing": len(lost), "dropped": int((gone & ~keep).sum()), "such as": keys.some(lost)}
        message = f"{len(keys) - len(lost)} of {len(keys)} samples have a value in {stream.source.label}; {len(lost)} have none ({done}), such as {keys.some(lost)}"
        findings.append(Finding("warn", name, message, id="join", values=values))
    return findings
