"""Batches made by worker processes, handed over in shared memory; none is lost when a process is."""

from __future__ import annotations

from plait.workers.pool import Made, Pool

__all__ = ["Made", "Pool"]
