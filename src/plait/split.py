"""Which samples belong to the first part: by fraction, group, class and time."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from plait.align import match, shared
from plait.draws import mix, seed_of
from plait.errors import AlignmentError, ArgumentError, SpecError
from plait.keys import Keys, text_array
from plait.ragged import Ragged
from plait.report import Finding, Report
from plait.source import Source, Stream, only_stream

__all__ = ["Given", "overlap_report", "split_rows"]

Given = Stream | Source | str  # a stream of the data set by name, or one of a source with the same keys

_CLASSES = 20  # numbers of more different values are binned
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d{1,6})?)?)?)?)?)?")


def split_rows(
    data: Source, fraction: float, *, seed: int, by: Given | None, stratify: Given | Sequence[Given] | None, time: Given | None
) -> np.ndarray:
    """(samples,) bool: true for the first part.

    Samples (or groups) are put in the order of a hash of their key and the seed, so the same sample falls on the same side whatever
    the order of the files; with strata each stratum is cut at the fraction, the rest dealt out by largest remainder.

    Raises:
        ArgumentError: The fraction is not between 0 and 1, arguments exclude each other, or a part would be empty.
        AlignmentError: A stream lacks a sample, or has no value for it.
        SpecError: A stream has more than one value a sample, or is no time.
    """
    if not 0 < fraction < 1:
        raise ArgumentError(f"split({fraction}): the fraction is the share of the first part, between 0 and 1, such as 0.8.")
    many = [] if stratify is None else [stratify] if isinstance(stratify, (str, Stream, Source)) else list(stratify)
    if time is not None and (by is not None or many):
        raise ArgumentError("split(time=...) cuts at one moment and goes with neither by= nor stratify=.")
    stratum = _stratum([_column(data, given, "stratify") for given in many]) if many else None
    if time is not None:
        first, what = _before(_moments(_whole_column(data, time, "time")), fraction), "moments"
    elif by is not None:
        names, codes = np.unique(_whole_column(data, by, "by"), return_inverse=True)
        first, what = _by_group(codes, Keys.of(text_array(names)).hashes(), fraction, seed, stratum), "groups"
    else:
        hashes = data.keys.hashes()
        distinct, codes = (hashes, None) if data.keys.is_range else np.unique(hashes, return_inverse=True)
        if codes is None or len(distinct) == len(hashes):
            first, what = _by_sample(hashes, fraction, seed, stratum), "samples"
        else:  # take() repeats samples, and all of one go to one side
            first, what = _by_group(codes, distinct, fraction, seed, stratum), "samples"
    if first.all() or not first.any():
        raise ArgumentError(
            f"split({fraction}) of {len(data)} samples leaves one part empty: there are too few {what}. Choose another fraction."
        )
    return first


def overlap_report(data: Source, other: Source, by: Given | None) -> Report:
    """Findings on common keys, and on common values of `by`."""
    both = np.flatnonzero(shared(data.keys, other.keys))
    findings = [_finding("keys", data.keys.some(both), len(both))]
    if by is not None:
        common = np.intersect1d(_whole_column(data, by, "by"), _whole_column(other, by, "by"))
        findings.append(_finding(by if isinstance(by, str) else only_stream(by).name, common[:5].tolist(), len(common)))
    return Report("overlap", tuple(findings))


def _finding(about: str, some: Sequence[object], count: int) -> Finding:
    if not count:
        return Finding("pass", about, "none in both parts", id="overlap", values={"count": 0})
    remedy = f"train, test = data.split(0.8, seed=0{'' if about == 'keys' else f', by={about!r}'})"
    return Finding("fail", about, f"{count} in both parts, such as {list(some)}", remedy, "overlap", {"count": count})


def _whole_column(data: Source, given: Given, argument: str) -> np.ndarray:
    """(samples,) one value for each sample."""
    values, present = _column(data, given, argument)
    if not present.all():
        lost = np.flatnonzero(~present)
        label = given if isinstance(given, str) else only_stream(given).label
        raise AlignmentError(
            f"{argument}={label} has no value for {len(lost)} of the {len(data)} samples, such as {data.keys.some(lost)}. "
            "Fill them in, or take() the samples that have one first."
        )
    return values


def _column(data: Source, given: Given, argument: str) -> tuple[np.ndarray, np.ndarray]:
    """(present,) values of a stream of the data or of another source, and (samples,) bool where there is one."""
    stream = data[given] if isinstance(given, str) else only_stream(given)
    if stream.spec.shape not in ((), (1,)):
        raise SpecError(f"{argument}={stream.label} is {stream.spec}; one value a sample is needed, such as people['hospital'].")
    rows = np.arange(len(data)) if stream.source is data else match(data.keys, stream.source.keys, label=stream.source.label)
    present = rows >= 0
    absent = stream.source.absent(stream.name)
    if absent is not None:
        present[present] = ~absent[rows[present]]
    values = stream.read(rows[present])
    if isinstance(values, Ragged):
        raise SpecError(f"{argument}={stream.label} is declared as one value a sample and is read as sequences.")
    values = values.reshape(len(values))
    if values.dtype.kind in "fMm":
        here = ~(np.isnan(values) if values.dtype.kind == "f" else np.isnat(values))
        present[present], values = here, values[here]
    return values, present


def _by_sample(hashes: np.ndarray, fraction: float, seed: int, stratum: np.ndarray | None) -> np.ndarray:
    order = np.argsort(mix(hashes ^ seed_of(seed, 1)), kind="stable")
    first = np.zeros(len(hashes), bool)
    if stratum is None:
        first[order[: _count(len(hashes), fraction)]] = True
        return first
    sizes = np.bincount(stratum)
    share = sizes * fraction
    counts = np.floor(share).astype(np.int64)
    left = _count(len(hashes), fraction) - int(counts.sum())
    counts[np.argsort(-(share - counts), kind="stable")[:left]] += 1
    by_stratum = order[np.argsort(stratum[order], kind="stable")]
    starts = np.cumsum(sizes) - sizes
    rank = np.arange(len(hashes)) - np.repeat(starts, sizes)
    first[by_stratum[rank < np.repeat(counts, sizes)]] = True
    return first


def _by_group(codes: np.ndarray, hashes: np.ndarray, fraction: float, seed: int, stratum: np.ndarray | None) -> np.ndarray:
    """Whole groups, in hashed order, where that brings the share of all samples, and those of the strata, nearer to the fraction."""
    strata = np.zeros(len(codes), np.int64) if stratum is None else stratum
    width = int(strata.max(initial=0)) + 1
    cells, counts = np.unique(codes * width + strata, return_counts=True)  # how many of each group are in which stratum
    starts = np.searchsorted(cells, np.arange(len(hashes) + 1) * width).tolist()
    places, counts = (cells % width).tolist(), counts.tolist()
    sizes, totals = np.bincount(codes, minlength=len(hashes)), np.bincount(strata, minlength=width).tolist()
    wanted, whole = [total * fraction for total in totals], len(codes) * fraction  # still to be had
    order = np.argsort(mix(hashes ^ seed_of(seed, 1)), kind="stable")
    chosen = np.zeros(len(hashes), bool)
    for group, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        own = range(starts[group], starts[group + 1])
        farther = size * (size - 2 * whole) / len(codes)  # the change of the squared distance if it is chosen
        if farther + sum(counts[i] * (counts[i] - 2 * wanted[places[i]]) / totals[places[i]] for i in own) <= 0:
            chosen[group] = True
            whole -= size
            for i in own:
                wanted[places[i]] -= counts[i]
    return chosen[codes]


def _moments(values: np.ndarray) -> np.ndarray:
    """Times that can be compared: numbers, dates, and text that is a date as ISO 8601 writes it, without a zone."""
    if values.dtype.kind != "T":
        return values
    odd = [text for text in values.tolist() if not _DATE.fullmatch(text)]
    if odd:
        raise SpecError(
            f"time= holds text such as {odd[0]!r}, and as text it would be sorted in no order of time. Write dates like '2024-01-31' or "
            "'2024-01-31T12:00', or turn them into numbers or np.datetime64 first."
        )
    return text_array(values).astype("datetime64[us]")


def _before(times: np.ndarray, fraction: float) -> np.ndarray:
    """Up to the moment at which the share is nearest to the fraction."""
    moments, counts = np.unique(times, return_counts=True)
    if len(moments) < 2:  # nothing to cut between
        return np.zeros(len(times), bool)
    earlier = np.cumsum(counts)[:-1]
    return times <= moments[np.argmin(np.abs(earlier - len(times) * fraction))]


def _stratum(columns: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(samples,) one code for each combination of values; absence is a value of its own."""
    code = np.zeros(len(columns[0][1]), np.int64)
    for values, present in columns:
        part = np.zeros(len(present), np.int64)
        part[present] = 1 + _binned(values)
        code = np.unique(code * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return code


def _binned(values: np.ndarray) -> np.ndarray:
    """(samples,) the number of each class; of numbers with many different values that of the fifth they are in."""
    distinct, code = np.unique(values, return_inverse=True)
    if len(distinct) <= _CLASSES or values.dtype.kind not in "iufMm":
        return code
    edges = np.sort(values)[[len(values) * fifth // 5 for fifth in range(1, 5)]]
    return np.searchsorted(np.unique(edges), values)


def _count(samples: int, fraction: float) -> int:
    return int(np.floor(samples * fraction + 0.5))
