"""Which samples belong to the first part: by fraction, group, class and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plait.align import match
from plait.draws import mix, seed_of
from plait.errors import AlignmentError, ArgumentError, SpecError
from plait.keys import Keys, text_array
from plait.ragged import Ragged, take
from plait.report import Finding, Report
from plait.source import Source, Stream, only_stream

__all__ = ["overlap_report", "split_rows", "values_for"]


def values_for(data: Source, stream: Stream | Source | str, argument: str) -> np.ndarray:
    """One value for each sample of `data`, from a stream of its own or of another source with the same keys.

    Raises:
        AlignmentError: The other source lacks a key, or a value is absent.
        SpecError: The stream has more than one value a sample.
    """
    column = data[stream] if isinstance(stream, str) else only_stream(stream)
    if column.spec.shape not in ((), (1,)):
        raise SpecError(f"{argument}={column.label} is {column.spec}; one value a sample is needed, such as people['hospital'].")
    rows = np.arange(len(data)) if column.source is data else match(data.keys, column.source.keys)
    gone = rows < 0
    absent = column.source.absent(column.name)
    if absent is not None:
        gone = gone | absent[np.maximum(rows, 0)]
    if gone.any() and argument != "stratify":
        lost = np.flatnonzero(gone)
        raise AlignmentError(
            f"{argument}={column.label} has no value for {len(lost)} of the {len(data)} samples, such as {data.keys.some(lost)}. "
            "Fill them in, or take() the samples that have one first."
        )
    values = take(column.read(rows[~gone]), np.arange(int((~gone).sum())))
    assert not isinstance(values, Ragged)
    values = values.reshape(len(values))
    if not gone.any():
        return values
    filled = np.full(len(rows), "(absent)", dtype=object)  # absence is a stratum of its own
    filled[~gone] = values.astype(object)
    return filled.astype(str)


def split_rows(
    keys: Keys,
    fraction: float,
    *,
    seed: int,
    groups: np.ndarray | None = None,
    strata: Sequence[np.ndarray] = (),
    times: np.ndarray | None = None,
) -> np.ndarray:
    """(samples,) bool: true for the first part.

    Samples (or groups) are put in the order of a hash of their key and the seed, so the same sample falls on the same side whatever
    the order of the files; with strata each stratum is cut at the fraction, the rest dealt out by largest remainder.

    Raises:
        ArgumentError: The fraction is not between 0 and 1, arguments exclude each other, or a part would be empty.
    """
    if not 0 < fraction < 1:
        raise ArgumentError(f"split({fraction}): the fraction is the share of the first part, between 0 and 1, such as 0.8.")
    if times is not None and (groups is not None or strata):
        raise ArgumentError("split(time=...) cuts at one moment and goes with neither by= nor stratify=.")
    if times is not None:
        first = _before(times, fraction)
    elif groups is not None:
        codes = np.unique(groups, return_inverse=True)[1]
        names = np.unique(groups)
        first = _by_group(codes, Keys.of(text_array(names)), fraction, seed, _stratum(strata, len(keys)))
    else:
        first = _by_sample(keys, fraction, seed, _stratum(strata, len(keys)))
    if first.all() or not first.any():
        what = "groups" if groups is not None else "moments" if times is not None else "samples"
        raise ArgumentError(
            f"split({fraction}) of {len(keys)} samples leaves one part empty: there are too few {what}. Choose another fraction."
        )
    return first


def overlap_report(data: Source, other: Source, by: Stream | str | None) -> Report:
    """Findings on common keys, and on common values of `by`."""
    both = np.flatnonzero(match(data.keys, other.keys) >= 0)
    findings = [_finding("keys", data.keys.some(both), len(both))]
    if by is not None:
        common = np.intersect1d(values_for(data, by, "by"), values_for(other, by, "by"))
        name = by if isinstance(by, str) else by.name
        findings.append(_finding(name, common[:5].tolist(), len(common)))
    return Report("overlap", tuple(findings))


def _finding(about: str, some: Sequence[object], count: int) -> Finding:
    if not count:
        return Finding("pass", about, "none in both parts", id="overlap")
    return Finding(
        "fail",
        about,
        f"{count} in both parts, such as {list(some)}",
        f"train, test = data.split(0.8, seed=0{'' if about == 'keys' else f', by={about!r}'})",
        "overlap",
        {"count": count},
    )


def _by_sample(keys: Keys, fraction: float, seed: int, stratum: np.ndarray | None) -> np.ndarray:
    order = np.argsort(mix(keys.hashes() ^ seed_of(seed, 1)), kind="stable")
    first = np.zeros(len(keys), bool)
    if stratum is None:
        first[order[: _count(len(keys), fraction)]] = True
        return first
    sizes = np.bincount(stratum)
    share = sizes * fraction
    counts = np.floor(share).astype(np.int64)
    left = _count(len(keys), fraction) - int(counts.sum())
    counts[np.argsort(-(share - counts), kind="stable")[:left]] += 1
    by_stratum = order[np.argsort(stratum[order], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(keys)) - np.repeat(starts, sizes)
    first[by_stratum[rank < np.repeat(counts, sizes)]] = True
    return first


def _by_group(codes: np.ndarray, names: Keys, fraction: float, seed: int, stratum: np.ndarray | None) -> np.ndarray:
    """Whole groups, in hashed order, to the side that is further from its share (of every stratum)."""
    strata = np.zeros(len(codes), np.int64) if stratum is None else stratum
    table = np.zeros((int(codes.max()) + 1, int(strata.max()) + 1))
    np.add.at(table, (codes, strata), 1)
    wanted = table.sum(axis=0) * fraction
    held, chosen = np.zeros_like(wanted), np.zeros(len(table), bool)
    scale = np.maximum(table.sum(axis=0), 1)
    hashed = np.argsort(mix(names.hashes() ^ seed_of(seed, 1)), kind="stable")
    order = hashed if stratum is None else hashed[np.argsort(-table[hashed].sum(axis=1), kind="stable")]
    for group in order:
        without = ((wanted - held) ** 2 / scale).sum()
        with_it = ((wanted - held - table[group]) ** 2 / scale).sum()
        if with_it <= without:
            chosen[group] = True
            held += table[group]
    return chosen[codes]


def _before(times: np.ndarray, fraction: float) -> np.ndarray:
    ordered = np.sort(times)
    cut = ordered[min(_count(len(times), fraction), len(times) - 1)]
    return times < cut


def _stratum(columns: Sequence[np.ndarray], samples: int) -> np.ndarray | None:
    if not columns:
        return None
    code = np.zeros(samples, np.int64)
    for column in columns:
        values = column
        if values.dtype.kind == "f" or (values.dtype.kind in "iu" and len(np.unique(values)) > 20):
            values = np.digitize(values, np.quantile(values, [0.2, 0.4, 0.6, 0.8]))
        part = np.unique(values, return_inverse=True)[1]
        code = np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return code


def _count(samples: int, fraction: float) -> int:
    return int(np.floor(samples * fraction + 0.5))
