"""What README, docs and docstrings show is so; examples that need Keras are in tests/keras/test_documents.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import ROOT, blocks, docstrings, documents, links, run_docstrings, run_document


@pytest.mark.parametrize("document", documents(keras=False))
def test_every_example_of_a_document_runs(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_document(document)


def test_every_example_in_a_docstring_shows_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in docstrings(keras=False):
        run_docstrings(module)


def test_the_readme_has_an_example():
    assert blocks(ROOT / "README.md")


@pytest.mark.parametrize(("document", "target"), list(links()))
def test_a_link_to_a_file_leads_to_it(document, target):
    assert ((ROOT / document).parent / target).exists(), f"{document} links to {target}"


def test_an_example_that_prints_something_else_is_found(tmp_path, monkeypatch):
    document = _document(tmp_path, "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n")
    with pytest.raises(AssertionError, match=r"line 2, prints\n2\n\nand the document says\n3"):
        run_document(document)


def test_an_example_that_raises_names_its_line_in_the_document(tmp_path):
    document = _document(tmp_path, "# Title\n\n```python\nfirst = 1\n```\nand\n```python\nfirst / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run_document(document)
    last = caught.traceback[-1]
    assert (Path(str(last.path)).name, last.lineno + 1) == ("document.md", 8)


def _document(folder: Path, text: str) -> str:
    (folder / "document.md").write_text(text, encoding="utf-8")
    return str(folder / "document.md")
