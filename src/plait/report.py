"""Findings, and the report that holds them: what `check` and `compare` return."""

from __future__ import annotations

import html
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from plait.atomic import replacing
from plait.errors import ReadError
from plait.visible import printable

__all__ = ["Finding", "Report", "write_page"]

Level = Literal["fail", "warn", "pass"]
_MARK = {"fail": "✗", "warn": "!", "pass": "✓"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at, and what was seen.

    Args:
        level: "fail", "warn" or "pass".
        about: The stream, head or question, in the user's own names.
        message: What was found and what was expected.
        remedy: The line to write instead; empty where nothing needs to be done.
        id: A short fixed name of the kind of finding, "shape" or "label-range", for machines and tests.
        values: Figures behind the message, JSON-able.
    """

    level: Level
    about: str
    message: str
    remedy: str = ""
    id: str = ""
    values: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        line = f"{_MARK[self.level]} {self.about}: {self.message}"
        return printable(f"{line}\n    -> {self.remedy}" if self.remedy else line)


@dataclass(frozen=True)
class Report:
    """Findings in order; false when one of them fails, so that `assert report` is a test.

    Args:
        title: What was looked at.
        findings: In the order in which it was.
        page: Writes the report as a page of its own kind; a table of the findings where there is none.
    """

    title: str
    findings: tuple[Finding, ...] = ()
    page: Callable[[Report], str] | None = field(default=None, repr=False, compare=False)

    def __bool__(self) -> bool:
        return not self.failures

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that fail."""
        return tuple(f for f in self.findings if f.level == "fail")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that warn."""
        return tuple(f for f in self.findings if f.level == "warn")

    def __str__(self) -> str:
        worst_first = sorted(self.findings, key=lambda f: ("fail", "warn", "pass").index(f.level))
        passed = len(self.findings) - len(self.failures) - len(self.warnings)
        counts = f"{len(self.failures)} failed, {len(self.warnings)} warned, {passed} passed"
        return "\n".join([printable(f"{self.title}: {counts}"), *map(str, worst_first)])

    __repr__ = __str__

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as JSON text, also written to `path` where given.

        Raises:
            ReadError: It cannot be written.
        """
        found = {"title": self.title, "passed": bool(self), "findings": [_plain(asdict(f)) for f in self.findings]}
        return _written(json.dumps(found, indent=1, allow_nan=False), path)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one HTML page without outside resources, also written to `path` where given.

        Raises:
            ReadError: It cannot be written.
        """
        if self.page is not None:
            return _written(self.page(self), path)
        rows = "\n".join(
            f'<tr class="{f.level}"><td>{_MARK[f.level]}</td><td>{html.escape(f.about)}</td>'
            f"<td>{html.escape(f.message)}{f'<br><code>{html.escape(f.remedy)}</code>' if f.remedy else ''}</td></tr>"
            for f in sorted(self.findings, key=lambda f: ("fail", "warn", "pass").index(f.level))
        )
        return _written(_PAGE.format(title=html.escape(self.title), rows=rows), path)


def _plain(value: Any) -> Any:
    """The value in JSON's types: NumPy's numbers as numbers, NaN and whatever else there is as text."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        write_page(text, path)
    return text


def write_page(text: str, path: str | os.PathLike[str]) -> None:
    """Write text, half characters as "?": the name holds what it held, or all of it.

    Raises:
        ReadError: It cannot be written.
    """
    try:
        with replacing(path) as file:
            file.write(text.encode("utf-8", "replace"))
    except OSError as error:
        raise ReadError(f"The page cannot be written to {os.fspath(path)!r}: {error.strerror or error}.") from error


_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #222 }}
table {{ border-collapse: collapse; width: 100% }} td {{ border-top: 1px solid #ddd; padding: .4rem .6rem; vertical-align: top }}
.fail td:first-child {{ color: #b00020 }} .warn td:first-child {{ color: #a15c00 }} .pass td:first-child {{ color: #1b7f3b }}
code {{ background: #f4f4f4; padding: .1rem .3rem }}
</style>
<h1>{title}</h1>
<table>
{rows}
</table>
</html>
"""
