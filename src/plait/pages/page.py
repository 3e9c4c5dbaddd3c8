"""Pages: HTML without scripts or outside resources, light and dark, for wide and narrow screens."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

from plait.report import Finding, Report

__all__ = ["Html", "badge", "escape", "page", "report", "section", "table", "tag"]


_FEW = 6  # findings that pass and are shown at once
_MARK = {"fail": "✗", "warn": "!", "pass": "✓"}


class Html(str):
    """Text that is HTML already. Whatever else is put into a page is escaped."""


def escape(value: object) -> Html:
    """Any value as text of a page; `Html` as it is."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def tag(name: str, *content: object, **attributes: object) -> Html:
    """An element; content is escaped unless it is `Html`, attributes are always. `class_` stands for class, `data_x` for data-x."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"' for key, value in attributes.items() if value != "")
    inner = "".join(map(escape, content))
    return Html(f"<{name}{given}>" if name in ("img", "br", "meta") else f"<{name}{given}>{inner}</{name}>")


def badge(text: object, kind: str = "") -> Html:
    """A word in a small box: "input", "target", "missing"."""
    return tag("span", text, class_=f"badge {kind}".strip())


def section(title: object, *content: object, lead: object = "") -> Html:
    """A heading, a sentence on what is to be seen, and the content."""
    return tag("section", tag("h2", title), tag("p", lead, class_="lead") if lead else "", *content)


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, shown: Sequence[object] | None = None, kind: str = "") -> Html:
    """A table. On narrow screens each row becomes a card whose cells bear the names of their columns.

    Args:
        head: Names of the columns.
        rows: One cell a column.
        shown: What stands above the columns instead of their names.
        kind: Class of the element.
    """
    top = tag("thead", tag("tr", *(tag("th", h, scope="col") for h in (head if shown is None else shown))))
    body = tag("tbody", *(tag("tr", *(tag("td", cell, data_name=name) for cell, name in zip(row, head, strict=True))) for row in rows))
    return tag("div", tag("table", top, body, class_=kind), class_="scroll")


def report(found: Report) -> Html:
    """The findings of a report, each with its remedy: what fails, what warns, and folded up what passes where it is much."""
    loud, passed = [*found.failures, *found.warnings], [f for f in found if f.level == "pass"]
    if len(passed) <= _FEW:
        return _findings([*loud, *passed])
    folded = tag("details", tag("summary", f"{len(passed)} passed"), _findings(passed))
    return Html(_findings(loud) + folded) if loud else folded


def _findings(findings: Iterable[Finding]) -> Html:
    lines = [
        tag(
            "li",
            tag("span", _MARK[f.level], class_="mark", title=f.level),
            tag("div", tag("b", f.about), " ", f.message, tag("code", f.remedy, class_="remedy") if f.remedy else ""),
            class_=f.level,
        )
        for f in findings
    ]
    return tag("ul", *lines, class_="findings")


def page(title: str, *content: object, subtitle: object = "") -> str:
    """A whole document."""
    header = tag("header", tag("h1", title), tag("p", subtitle, class_="lead") if subtitle else "")
    return _DOCUMENT.format(title=html.escape(title), style=_STYLE.read_text(encoding="utf-8"), body=header + "".join(map(escape, content)))


_STYLE = Path(__file__).with_name("style.css")

_DOCUMENT = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""
