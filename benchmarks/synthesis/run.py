"""Every synthesizer and peer beside each other on the same tables, in one run.

    python benchmarks/synthesis/run.py [--tables flights diamonds bike] [--methods ...] [--peers PYTHON] [--page PAGE.md]

`--peers` is an interpreter that has SDV; without it the peers are left out. One repeat fits every method once, with a seed of its own, and
draws as many rows as are held out; repeats go round all methods, so that a machine that slows down slows all of them. The page is written
as far as the run has come.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import traceback
from pathlib import Path

import numpy as np
import page
import peers
from measures import summary
from methods import ANCHORS, METHODS, run
from tables import MAIN, Table, read

__all__ = ["main"]

SLOW = ("autoregressive", "flow", "gan", "SDV CTGAN", "SDV TVAE")  # minutes of CPU time: fitted once unless told otherwise
Results = dict[str, dict[str, list[dict[str, float]]]]  # table -> method -> figures of each repeat


def main(arguments: list[str] | None = None) -> Results:
    """Measure, print as it comes, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("build/bench-venv/tables"), help="where tables.py wrote them")
    parser.add_argument("--tables", nargs="+", default=list(MAIN))
    parser.add_argument("--methods", nargs="+", default=[*ANCHORS, *METHODS, *peers.PEERS])
    parser.add_argument("--peers", type=Path, default=Path("build/bench-venv/bin/python"), help="an interpreter that has SDV")
    parser.add_argument("--repeats", type=int, default=3, help="fits of each method")
    parser.add_argument("--slow-repeats", type=int, default=1, help="fits of methods that take minutes")
    parser.add_argument("--page", type=Path, help="Markdown to write the tables into")
    parser.add_argument("--keep", type=Path, help="a file of results: what it has is not measured again")
    given = parser.parse_args(arguments)
    methods = given.methods
    if any(method in peers.PEERS for method in methods) and not peers.available(given.peers):
        print(f"SDV is left out: {given.peers} can't import it. In an environment of its own: {peers.NEEDS}; then --peers ITS/bin/python.")
        methods = [method for method in methods if method not in peers.PEERS]
    tables = [read(given.folder, name) for name in given.tables]
    results: Results = json.loads(given.keep.read_text()) if given.keep and given.keep.exists() else {}
    with tempfile.TemporaryDirectory() as scratch:
        for repeat in range(given.repeats):
            for table in tables:
                for method in methods:
                    done = results.setdefault(table.name, {}).setdefault(method, [])
                    if len(done) > repeat or (method in SLOW and repeat >= given.slow_repeats):
                        continue
                    done.append(measure(method, table, repeat, given.peers, Path(scratch)))
                    print(f"{repeat} {table.name:10} {method:20} " + page.short(done[-1]), flush=True)
                    if given.keep:
                        given.keep.write_text(json.dumps(results))
    print("\n" + page.quality(results, tables))
    if given.page:
        page.write(given.page, "quality", page.quality(results, tables))
    return results


def measure(method: str, table: Table, repeat: int, python: Path, scratch: Path) -> dict[str, float]:
    """The figures of one fit; {"failed": 1} where it raises, which is told and then goes on."""
    seeds = range(10 * repeat, 10 * repeat + 1)
    try:
        if method in peers.PEERS:
            fitted = peers.run(method, table, python=python, folder=scratch, seeds=seeds)
        else:
            fitted = run(method, table, seeds=seeds)
        found = summary(table, fitted.samples[0], seed=repeat)
    except Exception:
        traceback.print_exc()
        return {"failed": 1.0}
    return {"fit": fitted.fit_s, "rate": fitted.rows_s, **found}


if __name__ == "__main__":
    np.seterr(all="ignore")
    main()
