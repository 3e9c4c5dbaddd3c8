"""`plait demo`: the whole road on real handwriting, from files to predictions in a fresh process."""

from __future__ import annotations

__all__: list[str] = []
