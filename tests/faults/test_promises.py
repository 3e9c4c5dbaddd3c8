"""The page of promises: every test that it names is there, and its counts come from a run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_test_that_the_page_names_is_there(file: str, name: str) -> None:
    assert re.search(rf"^def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), f"{file} has no {name}"


def test_every_row_names_a_test_and_no_sample_was_lost() -> None:
    rows = [line for line in PAGE.partition("## Counted")[0].splitlines() if line.startswith("| ") and not line.startswith("| promise")]
    assert len(NAMED) >= 50
    assert all("`tests/" in row for row in rows)
    counts = dict(re.findall(r"^\| (faults injected|bad inputs tried|samples lost|samples repeated) \| ([\d,]+) \|$", PAGE, re.MULTILINE))
    assert counts["samples lost"] == counts["samples repeated"] == "0"
    assert int(counts["bad inputs tried"].replace(",", "")) > 1000
