"""Look at what a data set holds: one batch, every stream side by side by key, before and after its steps."""

from __future__ import annotations

from plait.preview.batch import Preview, show

__all__ = ["Preview", "show"]
