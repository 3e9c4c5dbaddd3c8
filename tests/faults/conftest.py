"""What the tests of faults have in common: a folder to work in, and a count of all that was tried."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from faults import TALLY

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- counted by a run -->", "<!-- end -->"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work in an empty folder, where an attack that runs would leave its mark."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists(), "an attack was executed"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the count; with PLAIT_COUNTED=1 write it to the page of promises."""
    if not TALLY:
        return
    names = ("faults injected", "bad inputs tried", "samples lost", "samples repeated")
    line = ", ".join(f"{name}: {TALLY[name]}" for name in names)
    terminalreporter.write_line(f"\n{line}")
    if os.environ.get("PLAIT_COUNTED"):
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {TALLY[name]:,} |" for name in names)])
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """A line of JSON for who collects counts of several runs."""
    path = os.environ.get("PLAIT_TALLY")
    if path:
        config.add_cleanup(lambda: Path(path).write_text(json.dumps(TALLY), encoding="utf-8"))
