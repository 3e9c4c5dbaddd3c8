"""What can be saved of a batch that failed: the bad samples found by halving, the others fed in their places."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from plait.dataset import Dataset
from plait.emit import Batch, Emission
from plait.failures import Failure, OnError
from plait.order import Picks
from plait.ragged import Array
from plait.whereabouts import where_of

__all__ = ["Salvage", "failure_of", "readable"]

_SLOW = 5.0  # seconds of a failing read beyond which nothing is read again to name the sample
_GONE = 60.0  # seconds of failing reads without one that succeeds after which it is not the samples that are bad

T = TypeVar("T")
Arrays = Mapping[str, np.ndarray]
Read = Callable[[np.ndarray], Arrays]


@dataclass(frozen=True, eq=False)
class Salvage:
    """Batches of the samples that are good, where reading them together failed.

    What is fed does not depend on what failed before: rows that did are only tried by themselves, which finds them in fewer reads.

    Args:
        policy: "skip": a bad sample is left out of its batch, or its place padded with copies of the others at weight 0 where batches
            are padded. "mask": it stays, as zeros of weight 0. "raise": the error, with the sample's name.
        padded: Whether every batch has its full size.
    """

    policy: OnError = "raise"
    padded: bool = False
    known: set[int] = field(default_factory=set)

    def __call__(
        self, error: Exception, seconds: float, steps: range, picks: Picks, read: Read, data: Dataset, emission: Emission
    ) -> list[Batch]:
        """The batches.

        Args:
            error: What reading all at once raised.
            seconds: How long that took.
            steps: Numbers of the batches.
            picks: Their samples.
            read: Places among them -> cast arrays.
            data: What is read.
            emission: From arrays to batches.

        Raises:
            Exception: `error`, with what is known about the sample as a note, where the policy is to raise or nothing can be read.
        """
        if self.policy == "raise":
            found = None if seconds > _SLOW else _first(read, len(picks.rows), seconds)
            _explain(error, steps, [] if found is None else [_failure(data, steps, picks, *found)])
            raise error
        parts, failed = _halved(read, self._apart(picks.rows))
        if not parts and failed and len(failed) < len(picks.rows):  # given up
            note = "No sample beside it can be read either: is the source there?"
            _explain(error, steps, [_failure(data, steps, picks, *failed[0])], note)
            raise error
        self.known.update(int(picks.rows[place]) for place, _ in failed)
        failures = [_failure(data, steps, picks, place, wrong) for place, wrong in failed if _is_real(place, picks)]
        return self._put_together(parts, np.array([place for place, _ in failed], np.int64), failures, picks, steps, data, emission)

    def _apart(self, rows: np.ndarray) -> list[np.ndarray]:
        """The places in order, cut in two and around those that failed before."""
        known = np.array(tuple(self.known), np.int64)  # a copy that no other thread changes
        bad = np.flatnonzero(np.isin(rows, known))
        cuts = sorted({*bad.tolist(), *(bad + 1).tolist()} - {0, len(rows)}) or [len(rows) // 2] * (len(rows) > 1)
        return np.split(np.arange(len(rows)), cuts)

    def _put_together(
        self,
        parts: list[tuple[np.ndarray, Arrays]],
        failed: np.ndarray,
        failures: list[Failure],
        picks: Picks,
        steps: range,
        data: Dataset,
        emission: Emission,
    ) -> list[Batch]:
        good = np.concatenate([places for places, _ in parts]) if parts else np.zeros(0, np.int64)
        chosen, cuts, real = self._chosen(picks, failed)
        at = np.full(len(picks.rows), -1)
        at[good] = np.arange(len(good))
        taken = at[chosen]
        empty = np.flatnonzero(taken < 0)
        blank = emission.arrays(_zeros(data, emission, picks.length), picks.rows[:1])
        arrays = {}
        for name, zero in blank.items():
            column = np.concatenate([part[name] for _, part in parts]) if parts else zero
            arrays[name] = column[np.maximum(taken, 0)]
            arrays[name][empty] = zero
        lost = np.zeros(len(chosen), bool)
        lost[empty] = True
        done = Picks(picks.rows[chosen], cuts, real, picks.epoch, picks.length)
        counted = [int((~lost[start : start + some]).sum()) for start, some in zip(cuts, real, strict=False)]
        makeup = np.array([was / max(1, now) for was, now in zip(picks.real, counted, strict=True)], np.float32)
        whole = self.padded or self.policy == "mask"
        batches = emission.batches(arrays, done, lost=lost, makeup=makeup if whole else None)
        mine = {step: tuple(f for f in failures if f.step == step) for step in steps}
        return [batch._replace(failures=mine[step]) for step, batch in zip(steps, batches, strict=True)]

    def _chosen(self, picks: Picks, failed: np.ndarray) -> tuple[np.ndarray, list[int], list[int]]:
        """Which place stands where in the batches, where these are cut, and how many of each are no padding."""
        if self.policy == "mask":
            return np.arange(len(picks.rows)), list(picks.cuts), list(picks.real)
        out, real = [], []
        for (start, stop), some in zip(itertools.pairwise(picks.cuts), picks.real, strict=True):
            places = np.arange(start, stop)
            good = places[~np.isin(places, failed)]
            used = good[good < start + some]
            if not len(used):
                chosen = places if not len(good) or not self.padded else np.resize(good, len(places))
            else:
                chosen = np.concatenate([used, np.resize(used, len(places) - len(used))]) if self.padded else used
            out.append(chosen)
            real.append(len(used))
        return np.concatenate(out), [0, *itertools.accumulate(map(len, out))], real


def readable(
    read: Callable[[np.ndarray], T], rows: np.ndarray, *, tolerant: bool
) -> tuple[list[tuple[np.ndarray, T]], list[tuple[int, Exception]]]:
    """What can be read of these rows, in order, and those that cannot be; an error where one fails and nothing is tolerated."""
    return _halved(read, [rows]) if tolerant else ([(rows, read(rows))], [])


def _halved(read: Callable[[np.ndarray], T], blocks: list[np.ndarray]) -> tuple[list[tuple[np.ndarray, T]], list[tuple[int, Exception]]]:
    parts: list[tuple[np.ndarray, T]] = []
    failed: list[tuple[int, Exception]] = []
    start, waiting = time.monotonic(), blocks[::-1]
    while waiting:
        places = waiting.pop()
        try:
            parts.append((places, read(places)))
            continue
        except Exception as error:
            if len(places) == 1:
                failed.append((int(places[0]), error))
                if not parts and time.monotonic() - start > _GONE:
                    break
                continue
        half = len(places) // 2
        waiting += [places[half:], places[:half]]
    return parts, failed


def failure_of(data: Dataset, error: Exception, row: int, step: int) -> Failure:
    """What is known about a sample that failed by itself."""
    stage, streams = where_of(error)
    streams = [name for name in streams if name in data.spec]
    if stage == "read" and len(streams) > 1:
        streams = [name for name in streams if not _readable(data, name, row)][:1] or streams
    path = next((path for name in streams if (path := data.path(name, row))), "")
    return Failure(step, row, data.keys[row], ", ".join(streams), stage, path, f"{type(error).__name__}: {error}")


def _readable(data: Dataset, name: str, row: int) -> bool:
    try:
        data.raw().read([name], np.array([row]))
    except Exception:  # whatever it is, it is this stream
        return False
    return True


def _first(read: Read, samples: int, seconds: float) -> tuple[int, Exception] | None:
    """The first place that fails by itself, unless that takes too long or nothing fails any more."""
    until = time.monotonic() + max(_SLOW, seconds)
    low, high = 0, samples  # it is one of these
    while low < high and time.monotonic() < until:
        half = low + max(1, (high - low) // 2)
        try:
            read(np.arange(low, half))
        except Exception as error:
            if half - low == 1:
                return low, error
            high = half
            continue
        low = half
    return None


def _explain(error: Exception, steps: range, failures: list[Failure], note: str = "") -> None:
    """Say in notes which batches, and which sample."""
    error.add_note(f"in batch {steps[0]} of the Loader" if len(steps) == 1 else f"in batches {steps[0]} to {steps[-1]} of the Loader")
    for failure in failures:
        stream = f" of stream {failure.stream!r}" if failure.stream else ""
        error.add_note(
            f"sample {failure.key!r}{stream} (batch {failure.step}), failed at: {failure.stage}"
            + (f", file {failure.path!r}" if failure.path else "")
            + ". Mend it, or go on without such samples: plait.Loader(..., on_error='skip')"
        )
    if note:
        error.add_note(note)


def _failure(data: Dataset, steps: range, picks: Picks, place: int, error: Exception) -> Failure:
    step = steps[int(np.searchsorted(np.asarray(picks.cuts), place, side="right")) - 1]
    return failure_of(data, error, int(picks.rows[place]), step)


def _is_real(place: int, picks: Picks) -> bool:
    batch = int(np.searchsorted(np.asarray(picks.cuts), place, side="right")) - 1
    return place - picks.cuts[batch] < picks.real[batch]


def _zeros(data: Dataset, emission: Emission, length: int) -> dict[str, Array]:
    """One sample of zeros of every stream that is fed, as it is before it is cast."""
    out: dict[str, Array] = {}
    for name in emission.names:
        spec = data.spec[name]
        shape = (max(1, length), *spec.shape[1:]) if spec.ragged else spec.shape
        out[name] = np.zeros((1, *(n or 0 for n in shape)), spec.dtype)
    return out
