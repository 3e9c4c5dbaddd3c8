"""Measure one synthesizer on one table.

python benchmarks/synthesis/measure.py METHOD TABLE [--folder FOLDER] [--seeds 3] [--seed 0] [option=value ...]
"""

from __future__ import annotations

import argparse
import ast
import time
from pathlib import Path

import methods
import numpy as np
from measures import dependence, outside, summary
from tables import read

_SHORT = {"fresh": "real rows", "shuffled": "shuffled columns"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help=", ".join([*methods.METHODS, *_SHORT]))
    parser.add_argument("table")
    parser.add_argument("options", nargs="*", help="of fit: leaf=20")
    parser.add_argument("--folder", type=Path, default=Path("build/bench-venv/tables"))
    parser.add_argument("--seeds", type=int, default=3, help="synthetic tables, each of its own seed")
    parser.add_argument("--seed", type=int, default=0, help="of the fit")
    given = parser.parse_args()
    table = read(given.folder, given.table)
    options = {name: _literal(value) for name, _, value in (option.partition("=") for option in given.options)}
    start = time.perf_counter()
    run = methods.run(_SHORT.get(given.method, given.method), table, seeds=range(given.seed, given.seed + given.seeds), **options)
    spent = time.perf_counter() - start
    found = [summary(table, sample, seed=number) for number, sample in enumerate(run.samples)]
    print(f"{given.method} {given.table} {' '.join(given.options)}".rstrip())
    print(f"  fit {run.fit_s:.2f} CPU s, {run.rows_s:.3g} rows/CPU s   (fitting and drawing {spent:.1f} s)")
    for name in found[0]:
        values = np.array([part[name] for part in found])
        if name.endswith(" real"):
            continue
        beside = f"   real {np.mean([part[f'{name} real'] for part in found]):.3f}" if f"{name} real" in found[0] else ""
        print(f"  {name:24} {values.mean():.3f}   {values.min():.3f} .. {values.max():.3f}{beside}")
    pairs = dependence(table, run.samples[0])
    worst = sorted(pairs, key=lambda pair: -pairs[pair])[:3]
    print("  dependence, worst pairs  " + ", ".join(f"{a} | {b}: {pairs[a, b]:.3f}" for a, b in worst))
    beyond = {name: share for name, share in outside(table, run.samples[0]).items() if share}
    print(f"  outside the support      {beyond or 'nothing'}")


def _literal(value: str) -> object:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value


if __name__ == "__main__":
    main()
