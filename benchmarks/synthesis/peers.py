"""SDV's synthesizers on one table, in an interpreter of their own: SDV is source-available, so it is beside plait and never part of it.

    PEERS_PYTHON benchmarks/synthesis/peers.py METHOD TRAIN.parquet OUT --rows N --seeds 3

writes OUT/0.parquet, OUT/1.parquet, ... and OUT/run.json: CPU seconds of fitting, rows a CPU second, version.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
import warnings
from importlib.metadata import version
from pathlib import Path

from tables import Run, Table, read_parquet, write_parquet

__all__ = ["NEEDS", "PEERS", "available", "run"]

NEEDS = "pip install sdv"
PEERS = {
    "SDV GaussianCopula": "GaussianCopulaSynthesizer",
    "SDV TVAE": "TVAESynthesizer",
    "SDV CTGAN": "CTGANSynthesizer",
}
_TIMED = 100_000


def available(python: Path) -> bool:
    """Whether this interpreter has SDV."""
    return python.exists() and subprocess.run([python, "-c", "import sdv"], capture_output=True, check=False).returncode == 0


def run(method: str, table: Table, *, python: Path, folder: Path, seeds: range) -> Run:
    """Fit the peer in its own process and read what it drew."""
    out = folder / f"{table.name} {method}"
    out.mkdir(parents=True, exist_ok=True)
    write_parquet(table.train, out / "train.parquet")
    rows = len(table.held[table.names[0]])
    command = [python, __file__, method, out / "train.parquet", out, "--rows", rows, "--seed", seeds[0], "--seeds", len(seeds)]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{method} on {table.name}: {done.stderr.strip().splitlines()[-1]}")
    figures = json.loads((out / "run.json").read_text())
    samples = [read_parquet(out / f"{number}.parquet") for number in range(len(seeds))]
    return Run(
        [{name: sample[name].astype(table.train[name].dtype.kind) for name in table.names} for sample in samples],
        figures["fit_s"],
        figures["rows_s"],
    )


def main() -> None:
    """Fit one peer, with its defaults, and write what it draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=PEERS)
    parser.add_argument("train", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    import numpy as np
    import pandas as pd
    import sdv.single_table
    import torch
    from sdv.metadata import Metadata

    np.random.seed(given.seed)  # SDV has no seed of its own
    torch.manual_seed(given.seed)
    frame = pd.read_parquet(given.train)
    metadata = Metadata.detect_from_dataframes({"table": frame})
    peer = getattr(sdv.single_table, PEERS[given.method])(metadata)
    start = time.process_time()
    peer.fit({"table": frame})
    fit_s = time.process_time() - start
    for number in range(given.seeds):
        peer.sample(given.rows)["table"].to_parquet(given.out / f"{number}.parquet", index=False)
    start = time.process_time()
    peer.sample(_TIMED)
    figures = {"fit_s": fit_s, "rows_s": _TIMED / (time.process_time() - start), "version": f"SDV {version('sdv')}"}
    (given.out / "run.json").write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
