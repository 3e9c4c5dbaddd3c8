"""The examples in README, docs and docstrings, as tests run them.

Every ```python block of a document runs, in order, in one namespace and one temporary folder. A ```text block right behind one is what it
prints ("..." stands for anything). Where a document names files or data that it does not make, tests/documents/<document>.py makes them
first, in the same namespace. A document whose examples speak of Keras, a model or a Loader belongs to the suites with a backend.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SETUP = ROOT / "tests" / "documents"
SOURCES = ROOT / "src"

_BLOCK = re.compile(r"^```python *\n(?P<code>.*?)^```$(?:\s*^```text\n(?P<prints>.*?)^```$)?", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
_KERAS = re.compile(r"\b(keras|Loader|model)\b")
_LOOSE = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True)
class Block:
    """One example: its code, the line it begins on, and what it prints where the document says so."""

    line: int
    code: str
    prints: str | None


def documents(*, keras: bool) -> list[str]:
    """The documents that have examples, by their path from the root; those that need Keras, or those that do not."""
    found = [path for path in _documents() if blocks(path)]
    return [_name(path) for path in found if needs_keras("".join(b.code for b in blocks(path))) == keras]


def links() -> Iterator[tuple[str, str]]:
    """(document, target) of every link to a file."""
    return ((_name(path), target) for path in _documents() for target in _LINK.findall(path.read_text(encoding="utf-8")))


def docstrings(*, keras: bool) -> list[str]:
    """The modules of plait whose docstrings have examples, by name; those whose examples need Keras, or those whose do not."""
    texts = {path: _examples(path) for path in sorted(SOURCES.rglob("*.py"))}
    found = [path for path, text in texts.items() if text and needs_keras(text) == keras]
    return [".".join(path.relative_to(SOURCES).with_suffix("").parts).removesuffix(".__init__") for path in found]


def blocks(path: Path) -> list[Block]:
    """The examples of one document."""
    text = path.read_text(encoding="utf-8")
    return [Block(text.count("\n", 0, m.start("code")) + 1, m["code"], m["prints"]) for m in _BLOCK.finditer(text)]


def needs_keras(code: str) -> bool:
    """Whether these examples speak of Keras, a model or a Loader."""
    return _KERAS.search(code) is not None


def run_document(name: str) -> None:
    """Run its examples in the working directory, its set-up first.

    Raises:
        AssertionError: An example prints something else than the document says.
    """
    path, setup = ROOT / name, (SETUP / name).with_suffix(".py")
    namespace: dict[str, object] = {"__name__": "__main__"}
    if setup.exists():
        exec(compile(setup.read_text(encoding="utf-8"), str(setup), "exec"), namespace)
    for block in blocks(path):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # The empty lines in front make a traceback name the line of the document.
            exec(compile("\n" * (block.line - 1) + block.code, str(path), "exec"), namespace)
        if block.prints is not None and not doctest.OutputChecker().check_output(block.prints, printed.getvalue(), _LOOSE):
            raise AssertionError(f"{name}, line {block.line}, prints\n{printed.getvalue()}\nand the document says\n{block.prints}")


def run_docstrings(module: str) -> None:
    """Run the examples in the docstrings of one module.

    Raises:
        AssertionError: One of them shows something else than the docstring says.
    """
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=_LOOSE)
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(module)):
        runner.run(test, out=report.write)
    assert runner.failures == 0, report.getvalue()
    assert runner.tries > 0, f"{module} shows examples that no docstring holds."


def _documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _examples(path: Path) -> str:
    return "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.lstrip().startswith((">>> ", "... ")))
