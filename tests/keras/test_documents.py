"""The examples of README, docs and docstrings that need Keras run on this backend."""

from __future__ import annotations

import pytest
from documents import docstrings, documents, run_docstrings, run_document


@pytest.mark.parametrize("document", documents(keras=True))
def test_every_example_of_a_document_runs(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_document(document)


@pytest.mark.parametrize("module", docstrings(keras=True))
def test_every_example_in_a_docstring_shows_what_it_says(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_docstrings(module)
