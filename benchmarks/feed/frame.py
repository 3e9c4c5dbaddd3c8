"""Candidates beside each other: long-lived processes that take turns, CPU time of their whole trees, medians.

A workload is a module of this folder. It holds

- `TITLE` and `ABOUT` (Markdown; `{name}` is filled in from the settings);
- `SIZES`: name -> settings, and among them `check`, small, on which every candidate has to prove that an epoch is every row once;
- `GROUPS`: name -> environment variables. Each is a process, since frameworks don't always live together; that of plait and of the limit
  is called "plait";
- `CASES`: name -> `Case`, what is varied;
- `GOALS`: what is to be reached;
- `made(**settings)`: the data, called in each process (what takes long is written to a folder once, by `prepare(**settings)`);
- `candidates(group)`: name -> `Candidate`. One that isn't installed raises ImportError when it is opened and is shown so;
- `EXPECTED(case)`, `rows(batch)`: stream -> (shape of a sample, dtype) and the row numbers in a batch, for the proof.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from cpu import cpu_seconds, forget_peak, resident, settle

__all__ = ["LIMIT", "OURS", "Candidate", "Case", "Goal", "Unavailable", "measure", "named", "single_threaded"]

LIMIT, OURS = "limit", "plait.Loader"
Epochs = Callable[[], Iterator[Any]]  # one epoch of batches each time it is called
_PATIENCE = 600.0  # seconds that a process may take to answer
_MARGIN = 20  # batches that nobody reads further ahead: a window that ends nearer to the epoch's end would miss work


class Unavailable(Exception):
    """Why a candidate has no figure here."""


@dataclass(frozen=True)
class Case:
    """One column of a table.

    Args:
        given: Handed to the candidates' `open` as keywords.
        what: "cpu", CPU seconds a batch; "first", seconds from setting up to the first batch; "cold", seconds a batch of the first
            `multiple` of an epoch, set up anew; "memory", bytes that setting up and `multiple` batches took at most.
        batches: An epoch has, from the settings; a window stays inside an epoch where it can.
        multiple: A window has a multiple of so many batches, as those are read at once, or as many as the epoch has.
        least: CPU seconds that a window takes at least.
        before: Called with the data before each "cold" measurement.
        groups: Which processes take part; all when left out.
    """

    given: Mapping[str, Any]
    what: str = "cpu"
    batches: Callable[..., int] | None = None
    multiple: int = 1
    least: float = 0.05
    before: Callable[[Any], None] | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Candidate:
    """One row of a table.

    Args:
        open: (data, **case.given) -> epochs; called once a case, and what it takes counts only where the first batch is timed.
        steps: Instead of it: (data, **case.given) -> a function that does so many steps.
        cases: Which columns it has; all when left out.
        proof: Whether an epoch of it has to be every row once.
        alone: In a process of its own, since threads or processes that it leaves running would be counted as another one's.
    """

    open: Callable[..., Epochs] | None = None
    steps: Callable[..., Callable[[int], Any]] | None = None
    cases: tuple[str, ...] | None = None
    proof: bool = True
    alone: bool = False


@dataclass(frozen=True)
class Goal:
    """`ours` is to take at most `factor` times as long as `to` in this case, or, where `sooner`, `to` at least `factor` times as long as
    `ours`. Without `to`, `factor` is the most that `ours` may take, in seconds. Several names in `to`: the best of them."""

    case: str
    factor: float
    to: tuple[str, ...] = ()
    sooner: bool = False
    ours: str = OURS
    words: str = ""


# --- in the process that leads -------------------------------------------------------------------------------------------------------


@dataclass
class Found:
    """What was measured: candidate -> case -> one figure a round; and why there is none."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # candidate -> process
    missing: dict[str, dict[str, str]] = field(default_factory=dict)  # candidate -> case, or "" -> why
    seconds: float = 0.0


def measure(
    workload: str, size: str, *, rounds: int, python: str = sys.executable, only: Sequence[str] = (), say: Callable[[str], None] = print
) -> Found:
    """All candidates of a workload in all cases, in turns: a round asks each of them once, whichever process it lives in."""
    module, begin, found = importlib.import_module(workload), time.perf_counter(), Found()
    if hasattr(module, "prepare"):
        for settings in {size: module.SIZES[size], "check": module.SIZES["check"]}.values():
            _run_prepare(python, workload, settings)
    servers = _servers(module, size, python, only, found)
    try:
        for case_name, case in module.CASES.items():
            taking = [server for server in servers if case.groups is None or server.group in case.groups]
            opened = [(server, name) for server in taking for name in server.names if _open(server, name, case_name, found)]
            for _ in range(rounds):
                for server, name in list(opened):
                    answer = server.ask("measure", name=name, case=case_name)
                    if "failed" in answer:
                        found.missing.setdefault(name, {})[case_name] = answer["failed"]
                        opened.remove((server, name))
                        continue
                    found.figures.setdefault(name, {}).setdefault(case_name, []).append(answer["value"])
            for server in taking:
                server.ask("close")
            say(f"{workload}: {case_name} {time.perf_counter() - begin:.0f} s")
    finally:
        for server in servers:
            server.end()
    found.seconds = time.perf_counter() - begin
    return found


def _servers(module: Any, size: str, python: str, only: Sequence[str], found: Found) -> list[_Server]:
    """A process a group, and one more for each candidate that wants to be alone."""
    servers: list[_Server] = []
    for group, environment in module.GROUPS.items():
        if only and group not in only:
            continue
        first = _Server(module.__name__, group, size, {**single_threaded(), **environment}, python)
        servers.append(first)
        answer = first.ask("names")
        if "failed" in answer:
            found.missing[f"all of {group}"] = {"": answer["failed"]}
        for name, alone in answer.get("names", {}).items():
            found.groups[name] = group
            if alone:
                servers.append(_Server(module.__name__, group, size, {**single_threaded(), **environment}, python))
            servers[-1 if alone else servers.index(first)].names.append(name)
    return servers


def single_threaded() -> dict[str, str]:
    """The environment in which nobody's numerical threads spin beside the others."""
    return {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "OMP_WAIT_POLICY": "PASSIVE",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        "TF_ENABLE_ONEDNN_OPTS": "0",
        "PYTHONWARNINGS": "ignore",
    }


def _run_prepare(python: str, workload: str, settings: Mapping[str, Any]) -> None:
    here = str(Path(__file__).parent)
    code = f"import json, sys; sys.path.insert(0, {here!r}); import {workload}; {workload}.prepare(**json.loads(sys.argv[1]))"
    subprocess.run([python, "-c", code, json.dumps(dict(settings))], env={**os.environ, **single_threaded()}, check=True)


def _open(server: _Server, name: str, case: str, found: Found) -> bool:
    answer = server.ask("open", name=name, case=case)
    if "failed" in answer:
        found.missing.setdefault(name, {})["" if answer.get("everywhere") else case] = answer["failed"]
    return answer.get("ready", False)


class _Server:
    """A process that holds the data and the candidates of one group and does as it is asked, one line of JSON at a time."""

    def __init__(self, workload: str, group: str, size: str, environment: dict[str, str], python: str) -> None:
        self._command = [python, __file__, workload, group, size]
        self._environment = {**os.environ, **environment}
        self.group, self.names = group, list[str]()
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        """Its answer; where it dies or doesn't answer, that it failed, and the next question goes to a new process."""
        import select

        if self._process.poll() is not None:
            self._process = self._started()
        try:
            print(json.dumps({"do": what, **given}), file=self._process.stdin, flush=True)
        except BrokenPipeError:
            return {"failed": f"the process ended with status {self._process.wait()}"}
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _PATIENCE)[0]:
            self._kill()
            return {"failed": f"no answer in {_PATIENCE:.0f} s"}
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"failed": f"the process ended with status {self._process.wait()}"}

    def end(self) -> None:
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._kill()

    def _kill(self) -> None:
        import signal

        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


# --- in the processes that are measured -----------------------------------------------------------------------------------------------


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
            if spent >= 0.7 * self.case.least:
                return
            self.count *= max(2, min(16, int(1.2 * self.case.least / max(spent, 1e-5)) + 1))

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
        gc.collect()
        before = forget_peak()
        self.epoch = self._epochs()()
        _drained(self.epoch, self.case.multiple)
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


def named(batch: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays of a batch by stream: by the names they have, the rest in order."""
    found: dict[str, np.ndarray] = {}
    loose: list[np.ndarray] = []

    def walk(part: Any, name: str | None) -> None:
        if isinstance(part, Mapping):
            for key, value in part.items():
                walk(value, key)
        elif isinstance(part, (tuple, list)):
            for value in part:
                walk(value, None)
        elif name is not None:
            found[name] = np.asarray(part)
        elif part is not None:
            loose.append(np.asarray(part))

    walk(batch[:2] if isinstance(batch, tuple) and len(batch) == 3 else batch, None)  # without weights
    found.update(zip([name for name in names if name not in found], loose, strict=False))
    return found


if __name__ == "__main__":
    import frame  # by its name, as the workloads import it

    frame.serve(*sys.argv[1:4])
