"""What a run was given: which batches were handed out, and which samples failed in them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from plait.drift import Watch
from plait.emit import Batch
from plait.failures import Failures

__all__ = ["Handed", "Ledger"]

_OPEN = 64  # runs beyond which those that have ended are counted together


class Ledger:
    """Bad samples and batches handed out, noted as they go; and compared with a profile where there is one."""

    def __init__(self, failures: Failures) -> None:
        self.failures, self.handed = failures, Handed()
        self.watch: Watch | None = None

    def noted(self, start: int, blocks: Iterable[list[Batch]]) -> Generator[Batch, None, None]:
        """The batches of these blocks, from number `start`, each noted when it is handed out.

        Raises:
            BadSamplesError: More samples failed than the budget allows.
        """
        run, watch = self.handed.begin(start), self.watch
        for block in blocks:
            block.reverse()
            while block:
                if block[-1].failures:
                    self.failures.add(block[-1].failures)
                if watch is not None:
                    watch.look(run[1], block[-1])
                run[1] += 1
                yield block.pop()  # kept nowhere here: its memory is free when the reader is done with it

    def before(self, step: int) -> dict[str, object]:
        """What is known about the batches before `step`, JSON-able."""
        return {"errors": self.failures.before(step), "handed": self.handed.before(step)}

    def restore(self, known: Mapping[str, Any], key_of: Callable[[int], object]) -> None:
        """Go on with what `before` returned."""
        self.failures.restore(known["errors"], key_of)
        self.handed.restore(known["handed"])


class Handed:
    """The numbers of the batches that were handed out, as runs of consecutive ones; a few integers however long it goes on."""

    def __init__(self) -> None:
        self._runs: dict[tuple[int, int], int] = {}  # (first, behind the last) -> how many times
        self._last: list[list[int]] = []  # as above; whoever hands out counts on

    def begin(self, step: int) -> list[int]:
        """A new run from `step`: count on with `run[1] += 1` for every batch."""
        if len(self._last) > _OPEN:
            for first, stop in self._last[:-2]:
                self._runs[first, stop] = self._runs.get((first, stop), 0) + 1
            del self._last[:-2]
        self._last.append([step, step])
        return self._last[-1]

    def clear(self) -> None:
        """Nothing was handed out."""
        self._runs, self._last = {}, []

    def drop(self) -> None:
        """Forget the run that began last: it was a look and no more."""
        if self._last:
            self._last.pop()

    def runs(self) -> list[tuple[int, int, int]]:
        """(first, behind the last, how many times), sorted."""
        found = dict(self._runs)
        for first, stop in self._last:
            found[first, stop] = found.get((first, stop), 0) + 1
        return sorted((first, stop, times) for (first, stop), times in found.items() if first < stop)

    def before(self, step: int) -> list[list[int]]:
        """The runs up to `step`, those that follow each other as one; JSON-able."""
        out: list[list[int]] = []
        for first, stop, times in self.runs():
            if first >= step:
                continue
            if out and out[-1][1] == first and out[-1][2] == times == 1:
                out[-1][1] = min(stop, step)
            else:
                out.append([first, min(stop, step), times])
        return out

    def restore(self, runs: Iterable[Sequence[int]]) -> None:
        """Have exactly these runs."""
        self._runs, self._last = {(first, stop): times for first, stop, times in runs}, []

    def times(self, start: int, stop: int) -> np.ndarray:
        """(stop - start,) int64: how many times each of these batches was handed out."""
        change = np.zeros(stop - start + 1, np.int64)
        for first, behind, times in self.runs():
            if first < stop and behind > start:
                change[max(first, start) - start] += times
                change[min(behind, stop) - start] -= times
        return np.cumsum(change[:-1])
