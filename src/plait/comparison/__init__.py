"""Synthetic data set against real data: the questions of `plait.metrics`, asked together, as one report and one page."""

from plait.comparison.comparing import compare

__all__ = ["compare"]
