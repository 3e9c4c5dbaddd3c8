"""Does the data fit the model? One question a file; `check` asks them all."""

from __future__ import annotations

from plait.checks.checking import check

__all__ = ["check"]
