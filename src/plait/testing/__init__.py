"""Laws that every source, transform and synthesizer keeps, to be run over one's own."""

from plait.testing.sources import check_source
from plait.testing.synthesizers import check_synthesizer
from plait.testing.transforms import check_transform

__all__ = ["check_source", "check_synthesizer", "check_transform"]
