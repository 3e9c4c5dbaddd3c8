"""Whether what is fed is as the training part was: type, range, levels, gaps; watched while it is handed out."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

import numpy as np

from plait.dataset import Dataset
from plait.emit import Batch
from plait.errors import ArgumentError, ReadError, TransformError
from plait.order import Balanced, Onward, Order
from plait.ragged import Ragged
from plait.report import Finding, Report
from plait.spec import Spec

__all__ = ["Known", "Profile", "Watch"]

_ALARM = 0.01  # of the runs fed with data like the training part have any finding of chance
_TESTS = 5  # of each stream: two ends of the range, gaps, levels, constancy
_LEVELS = 1000  # different values beyond which they are not told apart
_FIRST = 64  # samples of the first look; each look after it has twice as many
_EVERY = 8  # one batch in so many is looked at, and each of the first
_CHUNK = 8192


@dataclass(frozen=True)
class Known:
    """What one stream of the training part was like.

    Args:
        spec: Shape and dtype, in words.
        samples: That have a value.
        missing: That have none.
        low, high: Of all values; None where there is none.
        most: How often the most frequent value comes, of streams of one value a sample; else 0.
        levels: The different values, of whole numbers, where they are at most 1000; else None.
    """

    spec: str
    samples: int
    missing: int
    low: float | None
    high: float | None
    most: int
    levels: tuple[int, ...] | None


@dataclass(frozen=True)
class Profile:
    """What the streams of a training part are like, as they are fed: fitted, frozen, with a JSON form.

    Args:
        streams: Input and target name -> what it is like.
    """

    streams: Mapping[str, Known]

    @classmethod
    def fit(cls, data: Dataset) -> Profile:
        """Read all samples once, after their steps; random steps as in epoch 0.

        Raises:
            ArgumentError: It is no data set, or one without end: `data.take(range(10_000))` of it has one.
        """
        if not isinstance(data, Dataset) or data.endless:
            found = "data without end" if isinstance(data, Dataset) else f"a {type(data).__name__}"
            raise ArgumentError(f"Profile.fit takes the training part, a plait.Dataset with an end, not {found}.")
        return cls({name: _known(data, name, spec) for name, spec in {**data.inputs, **data.targets}.items()})

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """As JSON text, also written to `path` where given."""
        text = json.dumps({"kind": "plait-profile", "streams": {name: asdict(known) for name, known in self.streams.items()}}, indent=1)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """The profile that `to_json` described.

        Raises:
            TransformError: It is no profile.
        """
        given = _no_text(text)
        if given:
            raise TransformError(f"Profile.from_json takes the text that Profile.to_json returned, not {given}.")
        try:
            state = json.loads(text)
            if state["kind"] != "plait-profile":
                raise ReadError(state["kind"])
            streams = {
                name: Known(**{**known, "levels": None if known["levels"] is None else tuple(map(int, known["levels"]))})
                for name, known in state["streams"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, ReadError) as error:
            found = f"This is no profile: {type(error).__name__}: {error}"
            raise TransformError(f"{found}. Give the text that Profile.to_json returned.") from error
        return cls(streams)


def _no_text(given: object) -> str:
    """What was given in the place of JSON text, and what to write; empty where it may be some."""
    if isinstance(given, Mapping):
        return "what json.loads made of it. Write plait.Profile.from_json(json.dumps(state))"
    if not isinstance(given, (str, os.PathLike)):
        return f"a {type(given).__name__}. Write plait.Profile.from_json(profile.to_json())"
    path = os.fspath(given)
    if isinstance(given, str) and (path.lstrip()[:1] in ("{", "[") or not path.endswith(".json")):
        return ""
    return f"the path {path!r}. Write plait.Profile.from_json(pathlib.Path({path!r}).read_text())"


@dataclass
class _Seen:
    """What was fed of one stream, so far."""

    samples: int = 0
    missing: int = 0
    below: int = 0
    above: int = 0
    lowest: float = math.inf
    highest: float = -math.inf
    first: float | None = None
    constant: bool = True
    unknown: Counter[int] = field(default_factory=Counter)


class Watch:
    """Compares batches with a profile as they are handed out.

    Only the first pass is looked at, in which no sample comes twice, and of that one batch in eight. The tests ask nothing of the
    distributions: where fed and training samples are exchangeable, the chance is counted that so many of those fed are beyond all
    others, of a level of their own, without a value, or all equal. They are made at 64, 128, 256, ... samples, at levels that sum to one
    in a hundred over all looks, streams and tests: so often a run without drift has any finding. Samples in an order of their own (not
    shuffled, or in buckets) are not exchangeable at the first looks.

    Args:
        profile: Of the training part.
        data: What is fed.
        order: Which samples form which batch.

    Raises:
        ArgumentError: The profile is none, or the order repeats samples.
    """

    def __init__(self, profile: Profile, data: Dataset, order: Order) -> None:
        if not isinstance(profile, Profile):
            raise ArgumentError(
                f"A profile is compared with, not a {type(profile).__name__}: write loader.watch(plait.Profile.fit(train))."
            )
        if isinstance(order, Balanced):
            raise ArgumentError("A profile compares samples with those of the training part, and balance= repeats them. Leave one out.")
        self.profile, self.data, self.order = profile, data, order
        specs = {**data.inputs, **data.targets}
        self._names = [name for name in specs if name in profile.streams]
        self._seen = {name: _Seen() for name in self._names}
        self._look, self._looked, self._next, self._steps = 0, 0, _FIRST, -1
        self._found: dict[tuple[str, str], Finding] = {}
        for name, spec in specs.items():
            known = profile.streams.get(name)
            if known is None:
                self._add(name, "unknown", f"{name!r} is not in the profile, which has {list(profile.streams)}")
            elif known.spec != str(spec):
                self._add(name, "dtype", f"{name!r} is {spec}, and the training part's was {known.spec}")
                self._names.remove(name)
            elif spec.ragged:  # padded where it is fed: only its form is compared
                self._names.remove(name)
        self._gone = {name: gone for name in self._names if (gone := data.absent(name)) is not None}
        for name in profile.streams:
            if name not in specs:
                self._add(name, "gone", f"{name!r} is in the profile and is not fed")

    def look(self, step: int, batch: Batch) -> None:
        """Look at this batch, if it is one of those that are."""
        endless = isinstance(self.order, Onward)
        sampled = step % _EVERY == 0 or step < _EVERY
        if not sampled or step <= self._steps or batch.failures or not (endless or step < self.order.per_pass):
            return
        self._steps = step
        real, rows = len(next(iter(batch.inputs.values()))), None
        if self._gone or self.order.remainder == "pad":
            pick = self.order.picks([step])[0]
            real, rows = pick.real, pick.rows[: pick.real]
        for name in self._names:
            array = batch.inputs[name] if name in batch.inputs else batch.targets[name]
            gone = self._gone.get(name)
            self._count(name, array[:real], None if gone is None else gone[rows])
        self._looked += real
        if self._looked >= self._next:
            self._look, self._next = self._look + 1, 2 * self._looked
            level = _ALARM / (_TESTS * max(1, len(self._names)) * self._look * (self._look + 1))
            for name in self._names:
                self._test(name, level)

    def report(self) -> Report:
        """What was found; it fails when something was."""
        findings = list(self._found.values())
        for name in self._names:
            if not any(about == name for about, _ in self._found):
                text = f"{name!r} is as in the training part, in {self._seen[name].samples} samples that were looked at"
                findings.append(Finding("pass", name, text, id="as-before", values={"samples": self._seen[name].samples}))
        return Report(f"Drift, in {self._looked} samples", tuple(findings))

    def _count(self, name: str, array: np.ndarray, gone: np.ndarray | None) -> None:
        seen, known = self._seen[name], self.profile.streams[name]
        if gone is not None:
            seen.missing += int(gone.sum())
            array = array[~gone]
        if not array.size:
            return
        flat = array.reshape(len(array), -1)
        low, high = flat.min(axis=1), flat.max(axis=1)
        seen.samples += len(array)
        if known.low is not None and known.high is not None:
            seen.below += int((low < array.dtype.type(known.low)).sum())
            seen.above += int((high > array.dtype.type(known.high)).sum())
        seen.lowest, seen.highest = min(seen.lowest, float(low.min())), max(seen.highest, float(high.max()))
        if known.most:
            seen.first = float(flat[0, 0]) if seen.first is None else seen.first
            seen.constant = seen.constant and bool((flat == seen.first).all())
        if known.levels is not None and len(seen.unknown) < _LEVELS:
            seen.unknown.update(flat[~np.isin(flat, known.levels)].astype(int).tolist())

    def _test(self, name: str, level: float) -> None:
        seen, known = self._seen[name], self.profile.streams[name]
        fed, trained = seen.samples, known.samples
        for count, which, edge, reached in (
            (seen.below, "below", known.low, seen.lowest),
            (seen.above, "above", known.high, seen.highest),
        ):
            if count and beyond(count, fed, trained) < level:
                text = f"{name!r}: {count} of {fed} samples are {which} all of the training part ({edge:g}), {reached:g} the farthest"
                self._add(name, f"range-{which}", text, {"samples": fed, "outside": count})
        if seen.missing and more_often(seen.missing, fed + seen.missing, known.missing, trained + known.missing) < level:
            text = f"{name!r}: {seen.missing} of {fed + seen.missing} samples have no value, and {known.missing} of "
            self._add(name, "missing", f"{text}{trained + known.missing} of the training part", {"missing": seen.missing})
        if seen.unknown and known.levels is not None:
            value, times = seen.unknown.most_common(1)[0]
            if (len(known.levels) + len(seen.unknown)) * beyond(times, fed, trained) < level:
                text = f"{name!r}: the value {value} comes {times} times in {fed} samples, and never in {trained} of the training part"
                self._add(name, "levels", text, {"value": value, "times": times, "unknown": len(seen.unknown)})
        if known.most and seen.constant and known.most < trained and fed and all_one(fed, trained, known.most) < level:
            self._add(name, "constant", f"{name!r} is {seen.first:g} in all of {fed} samples, and varied in the training part")

    def _add(self, name: str, kind: str, text: str, values: dict[str, object] | None = None) -> None:
        remedy = "Look at what changed where these values come from; where it is meant to, fit another profile: plait.Profile.fit(data)"
        self._found.setdefault((name, kind), Finding("fail", name, text, remedy, kind, values or {}))


def beyond(count: int, fed: int, trained: int) -> float:
    """The chance that the `count` largest of fed + trained exchangeable samples are all fed ones."""
    return math.prod((fed - i) / (fed + trained - i) for i in range(min(count, 2000)))


def more_often(count: int, fed: int, known: int, trained: int) -> float:
    """The chance that of count + known samples of one kind, dealt at random, at least `count` are among those fed (hypergeometric)."""
    both, total = count + known, 0.0
    for n in range(count, min(both, fed) + 1):
        term = math.exp(_choose(both, n) + _choose(fed + trained - both, fed - n) - _choose(fed + trained, fed))
        total += term
        if n > count and term < 1e-3 * total * 1e-9:
            break
    return min(1.0, total)


def all_one(fed: int, trained: int, most: int) -> float:
    """At most this is the chance that all of `fed` samples hold one value, of which the training part holds at most `most`."""
    both = fed + trained
    logs = sum(math.log((fed + most - i) / (both - i)) for i in range(min(fed, 2000)))
    return min(1.0, both / fed * math.exp(logs))


def _choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _known(data: Dataset, name: str, spec: Spec) -> Known:
    gone, samples, lows, highs, single = data.absent(name), 0, [], [], []
    for start in range(0, len(data), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(data)))
        rows = rows if gone is None else rows[~gone[rows]]
        if not len(rows):
            continue
        column = data.read([name], rows)[name]
        values = np.asarray(column.values if isinstance(column, Ragged) else column)
        if values.dtype.kind == "f" and not isinstance(column, Ragged):
            values = values[np.isfinite(values.reshape(len(values), -1)).all(axis=1)]
        samples += len(rows) if isinstance(column, Ragged) else len(values)
        if values.size and values.dtype.kind in "biuf":
            lows.append(float(values.min()))
            highs.append(float(values.max()))
            if values.size == len(values) and not isinstance(column, Ragged):
                single.append(values.reshape(len(values)))
    found, counts = np.unique(np.concatenate(single), return_counts=True) if single else (np.zeros(0), np.zeros(0, np.int64))
    levels = tuple(int(v) for v in found) if len(found) and found.dtype.kind in "biu" and len(found) <= _LEVELS else None
    low, high = (min(lows), max(highs)) if lows and not spec.ragged else (None, None)
    missing = len(data) - samples
    return Known(str(spec), samples, missing, low, high, int(counts.max()) if len(counts) else 0, levels)
