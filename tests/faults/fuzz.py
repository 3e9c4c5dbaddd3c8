"""Damage files at random for a long time: python tests/faults/fuzz.py --seconds 600 [--target NAME] [--seed 0] [--findings FOLDER].

Each target runs in a process of its own, which may crash or hang: a case that takes longer than --limit seconds ends it with the stack of
where it hung. The files that were read are then kept in the folder of findings, and the next process goes on with another seed. Prints the
cases, and how many gave the same values, other values, and an error. Ends with status 1 where the law was broken.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))

if TYPE_CHECKING:
    from fuzzing import Target


def main() -> int:
    """All targets in turns until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--target", action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--limit", type=float, default=60)
    parser.add_argument("--child", action="store_true")
    asked = parser.parse_args()
    asked.findings.mkdir(parents=True, exist_ok=True)
    from fuzzing import DUCKDB, TARGETS

    known = {target.name: target for target in [*TARGETS, DUCKDB]}
    names = asked.target or list(known)
    if asked.child:
        return child(known[names[0]], asked.seed, asked.seconds, asked.limit, asked.findings)
    totals: collections.Counter[str] = collections.Counter()
    for number, name in enumerate(names):
        counts = in_processes(name, asked.seed * 1000 + number, asked.seconds / len(names), asked.limit, asked.findings)
        print(f"{name:22} {dict(counts)}", flush=True)
        totals.update(counts)
    print(f"{'all':22} {dict(totals)}")
    return int(any(totals[kind] for kind in ("broken", "crashed", "hung")))


def in_processes(name: str, seed: int, seconds: float, limit: float, findings: Path) -> collections.Counter[str]:
    """One target, in one process after the other until the time is over."""
    counts: collections.Counter[str] = collections.Counter()
    end = time.monotonic() + seconds
    while not counts or time.monotonic() < end - 1:
        left = max(end - time.monotonic(), 1)
        command = [sys.executable, __file__, "--child", "--target", name, "--seed", str(seed), "--seconds", str(left)]
        try:
            done = subprocess.run(
                [*command, "--limit", str(limit), "--findings", str(findings)],
                capture_output=True, text=True, timeout=left + 2 * limit + 60, check=False,
            )  # fmt: skip
            status, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired:
            status, said = -1, "Timeout of the whole process"
        kept = running(name, seed, findings)
        if kept.exists():
            counts.update(json.loads(kept.read_text())["counts"])
        if status:
            counts["hung" if "Timeout" in said else "crashed"] += 1
            print(f"{name} ended with status {status}, seed {seed}; what it read is in {kept.with_suffix('')}\n{said[-3000:]}", flush=True)
        else:
            kept.unlink()
            shutil.rmtree(kept.with_suffix(""))
        seed += 100_000
    return counts


def running(name: str, seed: int, findings: Path) -> Path:
    """The file that says what a process is at."""
    return findings.resolve() / f"{name.replace(' ', '-')}.{seed}.running"


def child(target: Target, seed: int, seconds: float, limit: float, findings: Path) -> int:
    """One target."""
    from fuzzing import Bench, reset_peak

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    counts: collections.Counter[str] = collections.Counter()
    rng, seen = random.Random(seed), set()
    end = time.monotonic() + seconds
    kept = running(target.name, seed, findings)
    shutil.rmtree(kept.with_suffix(""), ignore_errors=True)
    bench = Bench(target, kept.with_suffix(""))
    reset_peak()
    while not counts or time.monotonic() < end:
        which = rng.randrange(64)
        ops = [
            (rng.randrange(10), rng.random() ** rng.choice((1, 3)), rng.random(), rng.getrandbits(32))
            for _ in range(rng.choice((1, 1, 1, 2, 3, 6)))
        ]
        kept.write_text(json.dumps({"which": which, "ops": ops, "counts": counts}))
        faulthandler.dump_traceback_later(limit, exit=True)
        try:
            counts[bench.try_one(which, ops)] += 1
        except Exception as error:
            counts["broken"] += 1
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} {where.name}:{where.lineno} {str(error)[:40]}"
            if kind not in seen:
                seen.add(kind)
                (findings / f"{target.name.replace(' ', '-')}.{seed}.{len(seen)}.txt").write_text(
                    f"{json.dumps([which, ops])}\n{kind}\n{''.join(traceback.format_exception(error))}"
                )
    faulthandler.cancel_dump_traceback_later()
    kept.write_text(json.dumps({"counts": counts}))
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # a library that waits in its own threads does not keep us
