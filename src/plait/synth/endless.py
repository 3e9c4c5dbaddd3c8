"""A data set without end, drawn in blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plait.dataset import Dataset

if TYPE_CHECKING:
    from plait.synth.synthesizer import Synthesizer

__all__ = ["endless"]


def endless(synthesizer: Synthesizer, *, seed: int, block: int) -> Dataset:
    """TEMPORARY: the helper for Graph replaces this file. Block i is a pure function of (seed, i)."""
    raise NotImplementedError
