"""Whether a model waits for its data: measured beforehand, or while it trains."""

from __future__ import annotations

from plait.benching.benching import bench
from plait.benching.feed import Feed
from plait.benching.result import Bench
from plait.benching.stages import Stage

__all__ = ["Bench", "Feed", "Stage", "bench"]
