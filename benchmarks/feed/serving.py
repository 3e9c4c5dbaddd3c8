"""The processes that are measured: each holds the data and the candidates of one group, and proves and times them as it is asked."""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np
from cpu import cpu_seconds, forget_peak, give_back, resident, settle
from frame import Candidate, Case, Epochs, Unavailable, named

__all__ = ["serve"]

_MARGIN = 20  # batches that nobody reads further ahead: a window that ends nearer to the epoch's end would miss work


def serve(workload: str, group: str, size: str) -> None:
    """Answer questions from standard input until it ends. What libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    bench = _Bench(importlib.import_module(workload), group, size)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = getattr(bench, asked.pop("do"))(**asked)
        except (ImportError, Unavailable) as error:
            everywhere = isinstance(error, ImportError)
            answer = {"failed": f"not installed: {error}" if everywhere else str(error), "everywhere": everywhere}
        except Exception as error:
            traceback.print_exc()
            answer = {"failed": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]}
        print(json.dumps(answer), file=answers, flush=True)
    os._exit(0)  # what a framework's threads do at the end is of no interest


class _Bench:
    def __init__(self, module: Any, group: str, size: str) -> None:
        self.module, self.group, self.size = module, group, size
        self.data: dict[str, Any] = {}
        self.running: dict[str, _Running] = {}
        self.candidates: dict[str, Candidate] | None = None

    def names(self) -> dict[str, Any]:
        self.candidates = self.module.candidates(self.group)
        return {"names": {name: candidate.alone for name, candidate in self.candidates.items()}}

    def open(self, name: str, case: str) -> dict[str, Any]:
        candidate, column = self._candidate(name), self.module.CASES[case]
        if candidate.cases is not None and case not in candidate.cases:
            return {"ready": False}
        if candidate.proof and candidate.open is not None:
            self._prove(candidate, column)
        self.running[name] = _Running(candidate, column, self._data(self.size), self.module.SIZES[self.size])
        self.running[name].warm()
        gc.collect()
        gc.freeze()  # what one candidate holds is not looked through while another one makes its batches
        return {"ready": True}

    def measure(self, name: str, case: str) -> dict[str, Any]:
        return {"value": self.running[name].measured()}

    def close(self) -> dict[str, Any]:
        for running in self.running.values():
            running.close()
        self.running.clear()
        gc.unfreeze()
        gc.collect()
        return {}

    def _candidate(self, name: str) -> Candidate:
        if self.candidates is None:
            self.candidates = self.module.candidates(self.group)
        return self.candidates[name]

    def _data(self, size: str) -> Any:
        if size not in self.data:
            self.data[size] = self.module.made(**self.module.SIZES[size])
        return self.data[size]

    def _prove(self, candidate: Candidate, case: Case) -> None:
        """An epoch of the small data is every row once, and the arrays are what they should be."""
        assert candidate.open is not None
        expected, seen = self.module.EXPECTED(**case.given), []
        for batch in candidate.open(self._data("check"), **case.given)():
            arrays = named(batch, list(expected))
            for stream, (shape, dtype) in expected.items():
                array = arrays[stream]
                if array.shape[1:] != shape or array.dtype != dtype:
                    raise AssertionError(f"{stream} is {array.shape[1:]} {array.dtype}, expected {shape} {np.dtype(dtype)}")
            seen.append(self.module.rows(arrays))
        rows = np.sort(np.concatenate(seen))
        count = self.module.SIZES["check"]["rows"]
        if not np.array_equal(rows, np.arange(count)):
            raise AssertionError(f"an epoch of {count} rows had {len(rows)}, {len(np.unique(rows))} of them different")


class _Running:
    """A candidate in one case, between its measurements."""

    def __init__(self, candidate: Candidate, case: Case, data: Any, settings: Mapping[str, Any]) -> None:
        self.candidate, self.case, self.data = candidate, case, data
        self.least = case.least / 10 if settings.get("rows", 1000) < 1000 else case.least  # a trial, whose figures nobody looks at
        self.length = case.batches(**settings, **case.given) if case.batches is not None else 0
        self.epochs: Epochs | None = None
        self.epoch: Iterator[Any] | None = None
        self.position = self.count = 0
        self.step: Callable[[int], Any] | None = None

    def warm(self) -> None:
        """What is imported, compiled and started once is not timed; and how many batches a window has."""
        if self.case.what != "cpu":
            return
        if self.candidate.steps is not None:
            self.step = self.candidate.steps(self.data, **self.case.given)
            self.step(1)
        self.count, room = self.case.multiple, self.length - _MARGIN - 1
        while True:
            if self.length and self.count > room // self.case.multiple * self.case.multiple:
                self.count = -(-self.count // self.length) * self.length  # whole epochs
            spent = self._window()
            if spent >= 0.7 * self.least:
                return
            self.count *= max(2, min(16, int(1.2 * self.least / max(spent, 1e-5)) + 1))

    def measured(self) -> float:
        """What the case asks for."""
        if self.case.what == "cpu":
            return self._window() / self.count
        return {"first": self._first, "cold": self._cold, "memory": self._memory}[self.case.what]()

    def close(self) -> None:
        for held in (self.epoch, self.epochs, self.step):
            close = getattr(held, "close", None)
            if close is not None:
                close()
        self.epoch = self.epochs = self.step = None

    def _first(self) -> float:
        assert self.candidate.open is not None
        begin = time.perf_counter()
        self.epochs = self.candidate.open(self.data, **self.case.given)
        self.epoch = self.epochs()
        next(self.epoch)
        spent = time.perf_counter() - begin
        self.close()
        gc.collect()
        return spent

    def _cold(self) -> float:
        count = min(self.case.multiple, self.length)
        if self.case.before is not None:
            self.case.before(self.data)
        batches = self._epochs()()
        begin = time.perf_counter()
        _drained(batches, count)
        spent = time.perf_counter() - begin
        self.epoch = batches
        del batches
        self.close()  # what stays mapped would not leave the page cache
        gc.collect()
        return spent / count

    def _memory(self) -> float:
        """What a second setting up takes: the first brings the data, which are not counted, and what is imported."""
        for count in (1, self.case.multiple):
            self.close()
            gc.collect()
            give_back()
            before = forget_peak()
            self.epoch = self._epochs()()
            _drained(self.epoch, count)
        taken = resident(peak=True) - before
        self.close()
        return float(taken)

    def _window(self) -> float:
        """CPU seconds of `count` batches inside an epoch, read ahead at its beginning as far as at its end."""
        work = self._ready()
        settle()
        begin = cpu_seconds()
        work()
        nobodys = settle()
        return cpu_seconds() - begin - nobodys

    def _ready(self) -> Callable[[], Any]:
        if self.step is not None:
            step = self.step
            return lambda: step(self.count)
        if self.length and self.count % self.length == 0:
            return self._whole_epochs
        if self.epoch is None or (self.length and self.position + self.count + _MARGIN > self.length):
            self._begin()
        self.position += self.count
        return self._take

    def _take(self) -> None:
        """The next batches; those of a next epoch where this one has fewer than it was said to have."""
        missing = self.count - _drained(self.epoch, self.count)
        while missing:
            self._begin()
            missing -= 1 + _drained(self.epoch, missing - 1)

    def _whole_epochs(self) -> None:
        """From the beginning of one to the end of one: where read-ahead is as long as they are, a window inside would miss work."""
        self._leave()
        for _ in range(self.count // self.length):
            for _ in self._epochs()():
                pass

    def _begin(self) -> None:
        self._leave()
        self.epoch = self._epochs()()
        next(self.epoch)
        self.position = 1

    def _leave(self) -> None:
        close = getattr(self.epoch, "close", None)
        if close is not None:
            close()
        self.epoch = None

    def _epochs(self) -> Epochs:
        if self.epochs is None:
            assert self.candidate.open is not None
            self.epochs = self.candidate.open(self.data, **self.case.given)
        return self.epochs


def _drained(batches: Any, count: int) -> int:
    counted = enumerate(islice(batches, count), 1)
    last = deque(counted, maxlen=1)
    return last[0][0] if last else 0


if __name__ == "__main__":
    serve(*sys.argv[1:4])
