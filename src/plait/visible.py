"""Text for a terminal: whatever could command it is shown as its escape."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """The text with control, formatting and half characters as Python writes them, "\\x1b"; lines and blanks stay.

    Names, labels and keys come from files: one that holds escape sequences could clear the screen, hide the text before it, or turn the
    order of reading around.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode("ascii") for c in text)
