"""Candidates beside each other: long-lived processes that take turns, told what to do one line of JSON at a time."""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cpu import stolen

__all__ = ["Found", "measure", "single_threaded"]

_PATIENCE = 600.0  # seconds that a process may take to answer
_HERE = Path(__file__).parent


@dataclass
class Found:
    """What was measured: candidate -> case -> one figure a round; and why there is none."""

    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)  # candidate -> process
    missing: dict[str, dict[str, str]] = field(default_factory=dict)  # candidate -> case, or "" -> why
    seconds: float = 0.0
    stolen: float = 0.0  # share of the processors' time that other guests of the same host took


def measure(
    workload: str, size: str, *, rounds: int, python: str = sys.executable, only: Sequence[str] = (), say: Callable[[str], None] = print
) -> Found:
    """All candidates of a workload in all cases, in turns: a round asks each of them once, whichever process it lives in."""
    module, begin, found, before = importlib.import_module(workload), time.perf_counter(), Found(), stolen()
    if hasattr(module, "prepare"):
        for settings in {size: module.SIZES[size], "check": module.SIZES["check"]}.values():
            _run_prepare(python, workload, settings)
    servers = _servers(module, size, python, only, found)
    try:
        for case_name, case in module.CASES.items():
            taking = [server for server in servers if case.groups is None or server.group in case.groups]
            for server in taking if case.what == "cold" else ():
                server.end()
            opened = [(server, name) for server in taking for name in server.names if _open(server, name, case_name, found)]
            for _ in range(rounds):
                for server, name in list(opened):
                    answer = _measured(server, name, case_name, cold=case.what == "cold")
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
    found.stolen = (stolen() - before) / found.seconds / (os.cpu_count() or 1)
    return found


def _measured(server: _Server, name: str, case: str, *, cold: bool) -> dict[str, Any]:
    """One figure; where files are to be out of the page cache, from a process that has mapped none yet, and keeps none mapped."""
    if not cold:
        return server.ask("measure", name=name, case=case)
    server.end()
    server.ask("open", name=name, case=case)
    answer = server.ask("measure", name=name, case=case)
    server.end()
    return answer


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
        "PYTHONWARNINGS": "ignore",
    }


def _run_prepare(python: str, workload: str, settings: Mapping[str, Any]) -> None:
    code = f"import json, sys; sys.path.insert(0, {str(_HERE)!r}); import {workload}; {workload}.prepare(**json.loads(sys.argv[1]))"
    subprocess.run([python, "-c", code, json.dumps(dict(settings))], env={**os.environ, **single_threaded()}, check=True)


def _open(server: _Server, name: str, case: str, found: Found) -> bool:
    answer = server.ask("open", name=name, case=case)
    if "failed" in answer:
        found.missing.setdefault(name, {})["" if answer.get("everywhere") else case] = answer["failed"]
    return answer.get("ready", False)


class _Server:
    """A process that holds the data and the candidates of one group and does as it is asked, one line of JSON at a time."""

    def __init__(self, workload: str, group: str, size: str, environment: dict[str, str], python: str) -> None:
        self._command = [python, str(_HERE / "serving.py"), workload, group, size]
        self._environment = {**os.environ, **environment}
        self.group, self.names = group, list[str]()
        self._process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )

    def ask(self, what: str, **given: Any) -> dict[str, Any]:
        """Its answer; where it dies or doesn't answer, that it failed, and the next question goes to a new process."""
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
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
