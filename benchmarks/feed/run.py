"""Measure the workloads, print as it comes, and write the page.

    python benchmarks/feed/run.py [w1 w2 ...] [--size tiny|small|full] [--rounds 5] [--page docs/benchmarks.md]

Results are kept in a folder, a file a workload: what was measured before stays on the page until it is measured again.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from pathlib import Path

from page import measured, page, section
from turns import measure

__all__ = ["main"]

WORKLOADS = ("w1", "w2", "w3", "w4", "transport", "fit", "growth")


def main(arguments: list[str] | None = None) -> None:
    """Measure what is asked for; the page has all that is kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS), metavar="WORKLOAD", help=f"of {', '.join(WORKLOADS)}; all")
    parser.add_argument("--size", default="full", choices=("check", "tiny", "small", "full"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--groups", nargs="*", default=(), help="processes to leave it at, such as: plait torch")
    parser.add_argument("--keep", type=Path, default=Path("build/bench"), help="folder of results")
    parser.add_argument("--page", type=Path, help="Markdown to write")
    parser.add_argument("--kept", action="store_true", help="measure nothing, write the page from what is kept")
    given = parser.parse_args(arguments)
    if unknown := set(given.workloads) - set(WORKLOADS):
        parser.error(f"no such workload: {', '.join(sorted(unknown))}; there are {', '.join(WORKLOADS)}")
    given.keep.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("KERAS_BACKEND", "jax")
    for workload in () if given.kept else given.workloads:
        found = measure(workload, given.size, rounds=given.rounds, only=given.groups, say=lambda line: print(line, flush=True))
        result = {"size": given.size, "rounds": given.rounds, "measured": measured(), "found": asdict(found)}
        (given.keep / f"{workload}.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
        print("\n" + section(workload, result), flush=True)
        _write(given.page, given.keep)
    _write(given.page, given.keep)


def _write(where: Path | None, keep: Path) -> None:
    if where is not None:
        kept = {name: path for name in WORKLOADS if (path := keep / f"{name}.json").exists()}
        where.write_text(page({name: json.loads(path.read_text()) for name, path in kept.items()}), encoding="utf-8")


if __name__ == "__main__":
    main()
