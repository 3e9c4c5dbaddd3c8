"""A page whose sections are written anew one by one."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["write_section"]


def write_section(path: Path, section: str, text: str, *, title: str) -> None:
    """Put the text in the place of the section of that name, or at the end of the page, which begins with `title` where there is none."""
    whole = path.read_text(encoding="utf-8") if path.exists() else title
    block = f"<!-- {section} -->\n{text}\n<!-- end of {section} -->"
    pattern = re.compile(f"<!-- {section} -->.*?<!-- end of {section} -->", re.DOTALL)
    whole = pattern.sub(lambda _: block, whole) if pattern.search(whole) else f"{whole.rstrip()}\n\n{block}\n"
    path.write_text(whole, encoding="utf-8")
