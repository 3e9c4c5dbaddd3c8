"""A data set as a folder of plain .npy columns: made once, opened at the speed of memory."""

from plait.packed.caching import cache
from plait.packed.reading import open
from plait.packed.writing import pack

__all__ = ["cache", "open", "pack"]
