"""Every reader under damaged files: values or an error that names the file, never another exception, a crash, a hang or much memory.

Deterministic. PLAIT_FUZZ=20 tries twenty times as many; `python tests/faults/fuzz.py` goes on for as long as one likes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from faults import count
from fuzzing import DUCKDB, TARGETS, Bench, Op, Target
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

SIZE = float(os.environ.get("PLAIT_FUZZ", "1"))
SECONDS = float(os.environ.get("PLAIT_FUZZ_SECONDS", "60")) * max(SIZE, 1)  # for all targets; what is not done by then is left
SLOW = {"duckdb": 8, "parquet": 40, "tokenizer": 40, "hdf5": 50, "csv": 60, "sqlite": 60}
EXAMPLES = 80

_OPS: st.SearchStrategy[list[Op]] = st.lists(
    st.tuples(st.integers(0, 9), st.floats(0, 1, width=32), st.floats(0, 1, width=32), st.integers(0, 2**32 - 1)), min_size=1, max_size=4
)
_SPENT = [0.0]  # seconds of the processor, by the targets so far


@pytest.mark.parametrize("target", [*TARGETS, DUCKDB], ids=lambda target: target.name)
def test_a_damaged_file_gives_values_or_an_error_that_names_it(target: Target, tmp_path: Path) -> None:
    bench = Bench(target, tmp_path)
    found: dict[str, int] = {}

    @settings(
        max_examples=int(SLOW.get(target.name, EXAMPLES) * SIZE),
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(which=st.integers(0, 63), ops=_OPS)
    def law(which: int, ops: list[Op]) -> None:
        if _SPENT[0] < SECONDS:
            began = time.process_time()
            result = bench.try_one(which, ops)
            found[result] = found.get(result, 0) + 1
            _SPENT[0] += time.process_time() - began

    law()
    count("bad inputs tried", sum(found.values()))
    assert found or _SPENT[0] >= SECONDS
    assert not found or found.get("refused", 0) > sum(found.values()) / 10, f"hardly anything was damaged: {found}"


def test_the_law_can_be_broken(tmp_path: Path) -> None:
    def make(folder: Path) -> None:
        (folder / "a.txt").write_text("12")

    broken = {
        "another exception": Target("x", make, lambda folder: int((folder / "a.txt").read_text())),
        "other values": Target("x", make, lambda folder: (folder / "a.txt").read_bytes(), checked=True),
        "memory": Target("x", make, lambda folder: len(bytearray(400_000_000)) if (folder / "a.txt").read_bytes() != b"12" else 0),
    }
    for kind, target in broken.items():
        with pytest.raises((AssertionError, ValueError), match=r"other values|MB|invalid literal"):
            Bench(target, tmp_path / kind).try_one(0, [(1, 0.0, 0.0, ord("x"))])


def test_a_case_that_hangs_is_named_with_its_stack_and_its_files_are_kept(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/../support"]
import fuzz
from fuzzing import Target
read = lambda folder: (folder / "a.txt").read_bytes() != b"12" and time.sleep(99)
fuzz.child(Target("slow reader", lambda folder: (folder / "a.txt").write_text("12"), read), 7, 60, 1, Path(sys.argv[2]))
"""
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", code, str(Path(__file__).parent), str(tmp_path)], capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 1 and "Timeout (0:00:01)!" in done.stderr and "in <lambda>" in done.stderr
    assert (tmp_path / "slow-reader.7" / "work" / "a.txt").read_bytes() != b"12"
    assert json.loads((tmp_path / "slow-reader.7.running").read_text())["ops"]
    assert time.monotonic() - began < 40
