"""`import plait` is quick and loads nothing heavy; what needs no Keras loads none."""

from __future__ import annotations

import statistics
import subprocess
import sys

from members import WITH_KERAS, home

BACKENDS = {"jax", "keras", "tensorflow", "torch"}
FORMATS = {"PIL", "adbc_driver_manager", "duckdb", "fsspec", "h5py", "pandas", "polars", "pyarrow", "scipy", "sklearn", "tokenizers"}
LOADED = f"import sys; print(*sorted(set(sys.modules) & {BACKENDS | FORMATS!r}))"


def test_import_takes_less_than_three_tenths_of_a_second():
    code = "from time import perf_counter as now; start = now(); import plait; print(now() - start)"
    assert statistics.median(float(_run(code)) for _ in range(5)) < 0.3


def test_import_loads_nothing_heavy():
    assert _run(f"import plait; {LOADED}") == ""


def test_what_needs_no_keras_loads_nothing_heavy():
    names = sorted(home().keys() - WITH_KERAS)
    assert "Dataset" in names
    assert _run(f"import plait; [getattr(plait, name) for name in {names!r}]; {LOADED}") == ""


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
