"""The benchmarks run without the packages of peers and tables, small; what they measure is not looked at here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from documents import ROOT

SYNTHESIS, FEED = ROOT / "benchmarks" / "synthesis", ROOT / "benchmarks" / "feed"


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


def _run(script: str, *arguments: object, folder: Path = SYNTHESIS) -> str:
    command = [sys.executable, str(folder / script), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=ROOT, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
