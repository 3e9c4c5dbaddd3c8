"""What was measured, as Markdown: a page whose sections are written anew one by one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from tables import Table

sys.path.append(str(Path(__file__).parents[1]))
from machine import machine
from sections import write_section

__all__ = ["measured", "median", "quality", "short", "write"]

_PACKAGES = ("plait", "numpy", "scipy", "scikit-learn", "keras", "jax", "torch", "tensorflow-cpu", "pyvinecopulib")
_TITLE = """# Synthesis, measured

Written by `make bench-synthesis`; what each figure is, is in `benchmarks/synthesis/measures.py`.
"""
_LEGEND = """Half of each table to fit, half held out: {sizes}. All defaults; those of plait were chosen
on these tables and their held-out halves, so the figures lean in its favour.

- **AUC**: gradient boosting tells synthetic from held-out rows, cross-fitted; 0.5 is perfect.
- **Near**: share of synthetic rows nearer to the training half than to the held-out half; 0.5 is private, 1 a copy.
- **Dependence**: difference to the held-out half in the Spearman correlation of two targets' residuals given the inputs, with E[y|x]
  fitted inside each table; the worst pair.
- **Utility lost**: what a model gets on the held-out half when fitted on real rows, less what it gets when fitted on synthetic ones (R², or
  accuracy of classes); the worst target, from the inputs, or from the inputs and the targets before it.
- **Copies**: synthetic rows that equal a training row in every column. Held-out rows do in {held}.

Where a cell has several figures they are of {side}. Medians of {repeats}. CPU seconds of all threads together.
"""


def quality(results: dict[str, dict[str, list[dict[str, float]]]], tables: list[Table]) -> str:
    """One table of all methods: a row each, a column a figure, the tables' figures side by side."""
    names = [table.name for table in tables]
    methods = [method for method in results[names[0]] if any(_good(results[name].get(method, [])) for name in names)]
    sizes = ", ".join(f"{t.name} {len(t.train[t.names[0]])} rows of {len(t.names)} columns" for t in tables)
    counts = {len(_good(results[name].get(method, []))) for name in names for method in methods}
    repeats = f"{max(counts)} fits" + (f" ({min(counts)} where a fit takes minutes)" if len(counts) > 1 else "")
    side = " / ".join(names)
    held = [median(results[name][methods[0]]).get("copies held", 0.0) for name in names]
    lines = [
        _LEGEND.format(sizes=sizes, repeats=repeats, side=side, held=" / ".join(f"{rate:.1%}" for rate in held)),
        "| | AUC | mean | near | dependence | utility lost | copies | fit, CPU s | rows / CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        found = [median(results[name].get(method, [])) for name in names]
        cells = [
            _side(found, "auc"),
            f"{np.mean([f['auc'] for f in found]):.3f}" if all(found) else "",
            _side(found, "near"),
            _side(found, "dep max"),
            _side([{"": _lost(f)} if f else {} for f in found], ""),
            " / ".join(f"{f['copies']:.1%}" if f else "failed" for f in found),
            _side(found, "fit", 1) if any(f.get("fit") for f in found) else "",
            " / ".join(f"{f['rate']:.0e}".replace("e+0", "e") for f in found if f) if any(f.get("rate", 0) > 0 for f in found) else "",
        ]
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    lines.append(f"\n{measured()}")
    return "\n".join(lines)


def short(figures: dict[str, float]) -> str:
    """One fit in a line."""
    if "failed" in figures:
        return "failed"
    shown = " ".join(f"{name} {figures[name]:.3f}" for name in ("auc", "near", "dep max", "copies", "outside"))
    return f"{shown} lost {_lost(figures):.3f} fit {figures['fit']:.1f} s rate {figures['rate']:.2g}"


def median(repeats: list[dict[str, float]]) -> dict[str, float]:
    """Of each figure over the repeats that did not fail."""
    good = _good(repeats)
    return {name: float(np.median([figures[name] for figures in good])) for name in good[0]} if good else {}


def write(path: Path, section: str, text: str) -> None:
    """Put the text in the place of the section of that name, or at the end of the page."""
    write_section(path, section, text, title=_TITLE)


def measured() -> str:
    """What it was measured on, and with."""
    return f"{machine(_PACKAGES)}; Keras on {os.environ.get('KERAS_BACKEND', 'tensorflow')}."


def _good(repeats: list[dict[str, float]]) -> list[dict[str, float]]:
    return [figures for figures in repeats if "failed" not in figures]


def _lost(figures: dict[str, float]) -> float:
    """R2 or accuracy that the worst target lost against real rows."""
    uses = [name.removesuffix(" real") for name in figures if name.endswith(" real")]
    return max(figures[f"{name} real"] - figures[name] for name in uses)


def _side(found: list[dict[str, float]], name: str, digits: int = 3) -> str:
    return " / ".join(f"{f[name]:.{digits}f}" if f else "failed" for f in found)
