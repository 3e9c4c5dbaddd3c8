"""What was measured of networks, as Markdown: a page whose sections are written anew one by one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy import stats

sys.path.append(str(Path(__file__).parents[1]))
from machine import machine
from sections import write_section

__all__ = ["certain", "interval", "measured", "write"]

_PACKAGES = ("plait", "numpy", "scikit-learn", "keras", "jax", "torch", "tensorflow-cpu")
_TITLE = """# Networks, measured

Written by `benchmarks/networks`, a section by each of its programs, which say at their heads what is measured. Data are real, and what
is judged by is held out before anything is fitted.
"""


def write(path: Path, section: str, text: str) -> None:
    """Put the text in the place of the section of that name, or at the end of the page."""
    write_section(path, section, text, title=_TITLE)


def measured(note: str = "") -> str:
    """What it was measured on, and with."""
    return machine(_PACKAGES, load=True) + (f". {note}" if note else ".")


def interval(values: Sequence[float], digits: int = 3) -> str:
    """The mean of independent runs, and its 95 % interval by Student's t."""
    mean = float(np.mean(values))
    return f"{mean:.{digits}f} ± {_reach(values):.{digits}f}" if len(values) > 1 else f"{mean:.{digits}f}"


def certain(differences: Sequence[float]) -> bool:
    """Whether that interval leaves out zero."""
    return len(differences) > 1 and abs(float(np.mean(differences))) > _reach(differences)


def _reach(values: Sequence[float]) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)
