"""Every example runs as it stands, and its models beat a plain baseline: each says so itself, with an assertion at its end."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
FEWER = {}  # epochs, where fewer are enough to see it


@pytest.mark.parametrize("name", sorted(path.stem for path in EXAMPLES.glob("*.py")))
def test_an_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]
    main(**FEWER.get(name, {}))
    assert capsys.readouterr().out.strip()
