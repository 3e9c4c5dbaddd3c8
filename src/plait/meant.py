"""The name that was probably meant, for messages about one that there is not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["meant"]


def meant(name: object, known: Iterable[object]) -> str:
    """ " Did you mean 'age'?" behind a full stop; nothing where no known name is close."""
    names = [one for one in known if isinstance(one, str)]
    word = str(name)
    close = [one for one in names if one.lower() == word.lower()] or difflib.get_close_matches(word, names, 1, 0.6)
    return f" Did you mean {close[0]!r}?" if close else ""
