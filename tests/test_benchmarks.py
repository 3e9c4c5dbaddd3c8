"""The benchmarks run without the packages of peers and tables, small; what they measure is not looked at here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from documents import ROOT

SYNTHESIS = ROOT / "benchmarks" / "synthesis"


def test_the_benchmark_of_synthesis_writes_its_page_without_the_peers(tmp_path):
    page = tmp_path / "page.md"
    methods = ["real rows", "shuffled columns", "gaussian_copula", "SDV TVAE"]
    printed = _run("run.py", "--tables", "made_up", "--repeats", "1", "--methods", *methods, "--peers", tmp_path / "none", "--page", page)
    assert f"SDV is left out: {tmp_path / 'none'} can't import it" in printed
    text = page.read_text(encoding="utf-8")
    assert [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| ")][1:] == [f"| {name}" for name in methods[:3]]
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


def test_the_benchmark_of_the_feed_writes_its_page(tmp_path):
    page = tmp_path / "page.md"
    arguments = ["--rows", "20000", "--many", "50000", "--rounds", "1", "--groups", "numpy"]
    _run("w1.py", *arguments, "--page", page, folder=ROOT / "benchmarks" / "feed")
    text = page.read_text(encoding="utf-8")
    assert "| np.take of 8192 rows, sliced (the limit) | " in text
    assert "| plait.Loader | " in text
    assert "plait's first batch of 32 of 50,000 rows, memory-mapped files, read for the first time: " in text


def _run(script: str, *arguments: object, folder: Path = SYNTHESIS) -> str:
    command = [sys.executable, str(folder / script), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
