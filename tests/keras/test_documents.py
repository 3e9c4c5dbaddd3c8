"""The examples of README, docs and docstrings that need Keras run on this backend."""

from __future__ import annotations

import pytest
from documents import docstrings, documents, run_docstrings, run_document


def each():
    for document in documents(keras=True):
        long = any(name in str(document) for name in ("generators", "fusion"))
        yield pytest.param(document, id=str(document), marks=[pytest.mark.in_turn] * long)


@pytest.mark.parametrize("document", list(each()))
def test_every_example_of_a_document_runs(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_document(document)


def test_every_example_in_a_docstring_shows_what_it_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for module in docstrings(keras=True):
        run_docstrings(module)
