"""The benchmarks run without the packages of peers and tables, small; what they measure is not looked at here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from documents import ROOT

SYNTHESIS, FEED, NETWORKS = (ROOT / "benchmarks" / name for name in ("synthesis", "feed", "networks"))


def test_the_benchmark_of_synthesis_writes_its_page_without_the_peers(tmp_path):
    page = tmp_path / "page.md"
    methods = ["real rows", "gaussian_copula", "SDV TVAE"]
    printed = _run("run.py", "--tables", "made_up", "--repeats", "1", "--methods", *methods, "--peers", tmp_path / "none", "--page", page)
    assert f"SDV is left out: {tmp_path / 'none'} can't import it" in printed
    text = page.read_text(encoding="utf-8")
    assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:] == [f"| {name}" for name in methods[:2]]
    assert "failed" not in text


def test_the_benchmark_of_sampling_writes_its_section_beside_the_others(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- sampling -->\nold\n<!-- end of sampling -->\n\nthe rest\n", encoding="utf-8")
    _run("sampling.py", "--rows", "2000", "--repeats", "1", "--without-loader", "--page", page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title")
    assert text.endswith("the rest\n")
    assert "old" not in text
    assert "plait.Graph, endless, batches of 256" in text


def test_the_benchmark_of_the_feed_writes_its_page_and_keeps_what_was_measured(tmp_path):
    page, kept = tmp_path / "page.md", tmp_path / "kept"
    arguments = ["w1", "--size", "check", "--rounds", "1", "--groups", "plait", "--keep", kept, "--page", page]
    _run("run.py", *arguments, folder=FEED)
    text = page.read_text(encoding="utf-8")
    assert "| limit | " in text
    assert "| plait.Loader | " in text
    assert "| batch 32 | at most 2.5 of the limit | " in text
    assert "| batch 32 | 70 times less than torch DataLoader | not measured |  |" in text
    found = json.loads((kept / "w1.json").read_text())["found"]
    assert {len(figures) for by in found["figures"].values() for figures in by.values()} == {1}
    assert found["missing"] == {}
    again = tmp_path / "again.md"
    _run("run.py", "--kept", "--keep", kept, "--page", again, folder=FEED)
    assert again.read_text(encoding="utf-8") == text


def test_the_benchmark_of_loss_weights_writes_its_section(tmp_path):
    page = tmp_path / "page.md"
    _run("weights.py", "--sets", "digits", "--rows", "200", "--seeds", "2", "--epochs", "1", "--page", page, folder=NETWORKS)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Networks, measured\n") and "| | digit, accuracy | ink, R² | runs |" in text
    rows = [line.split(" | ") for line in text.splitlines() if line.endswith(" | 2 |")]
    assert len(rows) == 7 and all(" ± " in cell for row in rows for cell in row[1:3])


def test_the_gauges_of_the_feed_see_memory_that_was_freed_and_time_that_a_child_used():
    code = """
import subprocess, sys, time
import numpy as np
from cpu import cpu_seconds, forget_peak, resident
before = forget_peak()
np.ones(30_000_000, np.uint8)
print((resident(peak=True) - before) / 1e6)
begin, own = cpu_seconds(), time.process_time()
child = subprocess.Popen([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.4: pass\\ntime.sleep(60)"])
time.sleep(0.2)
while cpu_seconds() - begin - (time.process_time() - own) < 0.39: time.sleep(0.05)
alive = child.poll() is None
child.kill(); child.wait()
print(alive, cpu_seconds() - begin - (time.process_time() - own))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=FEED, capture_output=True, text=True, check=True, timeout=60)
    memory, rest = done.stdout.splitlines()
    assert 29 < float(memory) < 33
    alive, spent = rest.split()
    assert alive == "True"
    assert 0.39 < float(spent) < 0.6


def test_a_size_says_which_numbers_of_rows_it_does_not_reach():
    code = "from growth import Data\nData(1000, 100_000).columns(5, None)\nData(1000, 100_000).columns(6, None)"
    done = subprocess.run([sys.executable, "-c", code], cwd=FEED, capture_output=True, text=True, check=False, timeout=60)
    assert "Unavailable: this size goes to 100,000 rows" in done.stderr


def _run(script: str, *arguments: object, folder: Path = SYNTHESIS) -> str:
    command = [sys.executable, str(folder / script), *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
