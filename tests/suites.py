"""Run the suites, each in a process of its own, two at a time, and sum them up: python tests/suites.py [data tensorflow jax torch].

"data" is everything that needs no Keras; the others are tests/keras with that backend. What a suite prints is shown when it ends, and
kept in build/tests. The last line counts all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "tests"
BACKENDS = ("tensorflow", "jax", "torch")
LIMIT = 30 * 60  # seconds a suite may take

# The models of the tests are small: threads inside an operation cost more than they bring (two suites run at once), and so does the
# time that XLA takes to make them quick.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
}


@dataclass(frozen=True)
class Result:
    """How one suite ended; tests that end a process count as one error."""

    suite: str
    seconds: float
    passed: int
    failed: int
    errors: int
    skipped: int


def main(suites: list[str]) -> int:
    """Run them; 0 when every test of every suite passed."""
    unknown = set(suites) - {"data", *BACKENDS}
    if unknown:
        print(f"There is no suite {sorted(unknown)}. There are: data, {', '.join(BACKENDS)}.")
        return 2
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    start = time.monotonic()
    at_once = min(2, os.cpu_count() or 1)
    print(f"== {len(suites)} suites, {at_once} at a time: {', '.join(suites)}", flush=True)
    with ThreadPoolExecutor(at_once) as pool:
        results = []
        for done in as_completed([pool.submit(run, suite) for suite in suites]):
            results.append(done.result())
            show(results[-1])
    print(closing_line(results, time.monotonic() - start))
    return int(any(r.failed or r.errors or not r.passed for r in results))


def run(suite: str) -> Result:
    """Run one suite, its output in build/tests/<suite>.log."""
    start = time.monotonic()
    log, report = OUT / f"{suite}.log", OUT / f"{suite}.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--durations=5",
        "--continue-on-collection-errors",
        f"--junitxml={report}",
        "-o",
        f"cache_dir={OUT / suite}",
    ]
    with log.open("w", encoding="utf-8") as out:
        try:
            status = subprocess.run(
                [*command, "tests" if suite == "data" else "tests/keras"],
                cwd=ROOT,
                env=environment(suite),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                timeout=LIMIT,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            out.write(f"\nThe suite {suite} did not end within {LIMIT} s and was stopped.\n")
            status = -1
    counts = counted(report)
    if status != 0 and not counts["failures"] + counts["errors"]:
        with log.open("a", encoding="utf-8") as out:
            out.write(f"\nThe suite {suite} ended with status {status}.\n")
        counts["errors"] = 1
    passed = counts["tests"] - counts["failures"] - counts["errors"] - counts["skipped"]
    return Result(suite, time.monotonic() - start, max(passed, 0), counts["failures"], counts["errors"], counts["skipped"])


def environment(suite: str) -> dict[str, str]:
    """The user's own, with the backend chosen, few threads, and none of the user's settings of Keras."""
    chosen = {} if suite == "data" else {"KERAS_BACKEND": suite}
    own = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    return {**ONE_THREAD, "TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONUNBUFFERED": "1", **own, **chosen, "KERAS_HOME": str(OUT / f"keras-{suite}")}


def counted(report: Path) -> dict[str, int]:
    """What the suite's report counts; zeros when the process ended before it wrote one."""
    names = ("tests", "failures", "errors", "skipped")
    if not report.exists():
        return dict.fromkeys(names, 0)
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    totals: dict[str, int] = dict.fromkeys(names, 0)
    for suite in suites:
        for name in names:
            totals[name] += int(suite.get(name, 0))
    return totals


def show(result: Result) -> None:
    """Print what the suite printed."""
    print(f"\n== {result.suite}, {result.seconds:.0f} s", flush=True)
    print((OUT / f"{result.suite}.log").read_text(encoding="utf-8", errors="replace").rstrip(), flush=True)


def closing_line(results: list[Result], seconds: float) -> str:
    """One line of pytest's form for all suites."""
    totals = {
        "failed": sum(r.failed for r in results),
        "passed": sum(r.passed for r in results),
        "skipped": sum(r.skipped for r in results),
        "error": sum(r.errors for r in results),
    }
    counts = ", ".join(f"{count} {what}" for what, count in totals.items() if count) or "no tests ran"
    return f"\n==== {', '.join(r.suite for r in results)} ====\n==== {counts} in {seconds:.2f}s ===="


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or [*BACKENDS, "data"]))
