"""Every finding that check can give is explained in docs/checks.md."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENT = (ROOT / "docs" / "checks.md").read_text(encoding="utf-8")
FILES = [*sorted((ROOT / "src" / "plait" / "checks").glob("*.py")), ROOT / "src" / "plait" / "structure.py"]


def ids():
    """The ids of all findings that the code spells out; parts in braces stand for each of their values."""
    parts = {"role": ["input", "target"], "kind": ["loss", "loss-weights", "metrics"]}
    for path in FILES:
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Finding":
                given = call.args[4] if len(call.args) > 4 else next((k.value for k in call.keywords if k.arg == "id"), None)
                assert given is not None, f"{path.name}, line {call.lineno}: a finding without an id"
                if isinstance(given, ast.Constant):
                    yield given.value
                elif isinstance(given, ast.JoinedStr) and isinstance(given.values[0], ast.FormattedValue):
                    name = given.values[0].value
                    if isinstance(name, ast.Name):
                        yield from (f"{part}{given.values[1].value}" for part in parts[name.id])


@pytest.mark.parametrize("name", sorted(set(ids())))
def test_an_id_is_in_the_document(name):
    assert f"`{name}`" in DOCUMENT


def test_the_document_names_no_id_that_is_never_given():
    rows = [line.split("|")[1] for line in DOCUMENT.splitlines() if line.startswith("| `")]
    documented = {part.strip(" `") for row in rows for part in row.split(",")}
    computed = {"loss-list", "loss-weights-list", "metrics-list", "weighted-metrics-list", "label-range", "label-type"}
    assert documented - computed == set(ids()) - computed
