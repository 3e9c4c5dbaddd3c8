"""Damage files at random for a long time: python tests/faults/fuzz.py --seconds 600 [--target NAME] [--seed 0] [--findings FOLDER].

Each target runs in a process of its own, which may crash or hang; what it was reading is then kept in the folder of findings. Prints the
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
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))


def main() -> int:
    """All targets in turns until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--target", action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--findings", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--child", action="store_true")
    asked = parser.parse_args()
    asked.findings.mkdir(parents=True, exist_ok=True)
    if asked.child:
        return child(asked.target[0], asked.seed, asked.seconds, asked.findings)
    from fuzzing import DUCKDB, TARGETS

    names = asked.target or [target.name for target in [*TARGETS, DUCKDB]]
    totals: collections.Counter[str] = collections.Counter()
    for number, name in enumerate(names):
        seconds = asked.seconds / len(names)
        command = [sys.executable, __file__, "--child", "--target", name, "--seed", str(asked.seed * 1000 + number)]
        try:
            done = subprocess.run(
                [*command, "--seconds", str(seconds), "--findings", str(asked.findings)],
                capture_output=True, text=True, timeout=3 * seconds + 300, check=False,
            )  # fmt: skip
            counts = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"crashed": 1}
            if done.returncode:
                print(done.stderr[-3000:])
        except subprocess.TimeoutExpired:
            counts = {"hung": 1}
        print(f"{name:22} {counts}", flush=True)
        totals.update(counts)
    print(f"{'all':22} {dict(totals)}")
    return int(any(totals[kind] for kind in ("broken", "crashed", "hung")))


def child(name: str, seed: int, seconds: float, findings: Path) -> int:
    """One target."""
    from fuzzing import DUCKDB, TARGETS, Bench, reset_peak

    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    target = next(target for target in [*TARGETS, DUCKDB] if target.name == name)
    counts: collections.Counter[str] = collections.Counter()
    rng, seen = random.Random(seed), set()
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(target, Path(folder))
        reset_peak()
        kept = findings / f"{name.replace(' ', '-')}.{seed}.running"
        end = max(end, time.monotonic() + 1)
        while time.monotonic() < end:
            which = rng.randrange(64)
            ops = [
                (rng.randrange(10), rng.random() ** rng.choice((1, 3)), rng.random(), rng.getrandbits(32))
                for _ in range(rng.choice((1, 1, 1, 2, 3, 6)))
            ]
            kept.write_text(json.dumps([which, ops]))
            try:
                counts[bench.try_one(which, ops)] += 1
            except Exception as error:
                counts["broken"] += 1
                where = traceback.extract_tb(error.__traceback__)[-1]
                kind = f"{type(error).__name__} {where.name}:{where.lineno} {str(error)[:40]}"
                if kind not in seen:
                    seen.add(kind)
                    (findings / f"{name.replace(' ', '-')}.{len(seen)}.txt").write_text(
                        f"{json.dumps([which, ops])}\n{kind}\n{''.join(traceback.format_exception(error))}"
                    )
        kept.unlink(missing_ok=True)
    print(json.dumps(counts))
    return 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # a library that waits in its own threads does not keep us
