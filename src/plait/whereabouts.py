"""At which stage, and in which streams, an exception came up: noted on it, whoever raised it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

__all__ = ["say_where", "where_of"]


def say_where(error: BaseException, stage: str, streams: Sequence[str]) -> None:
    """Note on an exception at which stage and in which streams it came up; who does so first is nearest to it."""
    if not hasattr(error, "plait_where"):
        with contextlib.suppress(AttributeError, TypeError):
            error.plait_where = (stage, tuple(streams))  # type: ignore[attr-defined]


def where_of(error: BaseException) -> tuple[str, tuple[str, ...]]:
    """The stage and the streams that `say_where` noted: "read", "step <name>" or "check"."""
    return getattr(error, "plait_where", ("read", ()))
