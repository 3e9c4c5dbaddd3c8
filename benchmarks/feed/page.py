"""What was measured, as Markdown: a section a workload, goals beside figures, and what has no figure with the reason."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

from frame import LIMIT, Goal
from turns import Found

sys.path.append(str(Path(__file__).parents[1]))
from machine import machine

__all__ = ["measured", "page", "section"]

_PACKAGES = (
    *("plait", "numpy", "keras", "jax", "torch", "tensorflow-cpu", "tensorflow", "grain", "webdataset", "mosaicml-streaming", "spdl-core"),
    *("nvidia-dali-cuda120", "simplejpeg", "opencv-python-headless", "pillow", "orjson", "isal", "numba"),
)
_TITLE = """# The feed, measured

Written by `make bench`; the candidates stand in `benchmarks/feed`, a workload a file. Each is in the form that its documentation gives to
those who want speed, takes its rows in a new order every epoch, and has proved before that an epoch is every row once, in the same shapes
and dtypes as everybody's.

Figures are CPU time of the whole process tree for one batch, of all its threads and worker processes, unless a column says otherwise.
Candidates take turns, also those that live in other processes; figures are medians of the rounds, and the ratio in brackets is the median
of the rounds' ratios to the limit. Numerical libraries have one thread each, and idle ones sleep (`OMP_WAIT_POLICY=PASSIVE`).
Ratios below 1.15 are ties.
"""
_TRIAL = """**A trial**, smaller than the workload and with few rounds: it shows that everything runs, and its figures are not to be quoted,
nor do they say whether a goal is reached."""


def page(results: Mapping[str, Mapping[str, Any]]) -> str:
    """All sections there are."""
    return "\n".join([_TITLE, *(section(name, result) for name, result in results.items())])


def section(workload: str, result: Mapping[str, Any]) -> str:
    """A workload: what it is, its table, its goals, and why something has no figure."""
    module, found = importlib.import_module(workload), Found(**result["found"])
    settings = module.SIZES[result["size"]]
    trial = [] if result["size"] == "full" else [_TRIAL, ""]
    lines = [f"## {module.TITLE}", "", *trial, module.ABOUT.format(**settings), "", *_table(module, found), ""]
    goals = [line for goal in module.GOALS for line in _goal(goal, module, found, verdict=not trial)]
    if goals:
        lines += ["| goal | asked for | found | |", "|---|---|---|---|", *goals, ""]
    if not trial and (why := getattr(module, "WHY", "")):
        lines += [why, ""]
    lines += _missing(found)
    lines += [
        f"Size {result['size']!r}, {result['rounds']} rounds, {found.seconds / 60:.0f} minutes, in which other guests of the host took "
        f"{found.stolen:.1%} of the processors' time. {result['measured']}",
        "",
    ]
    return "\n".join(lines)


def _missing(found: Found) -> list[str]:
    """Why something has no figure, a line a candidate and reason."""
    cases: dict[tuple[str, str], list[str]] = {}
    for name, by in found.missing.items():
        for case, why in by.items():
            cases.setdefault((name, why.rstrip(".")), []).append(case)
    lines = [f"- {name}{', ' * bool(where[0])}{', '.join(where)}: {why}." for (name, why), where in cases.items()]
    return [*lines, ""] if lines else []


def measured() -> str:
    """What it was measured on, and with."""
    return f"{machine(_PACKAGES, load=True)}."


def _table(module: Any, found: Found) -> list[str]:
    cases = [case for case in module.CASES if any(case in by for by in found.figures.values())]
    cells = {case: {name: _cell(module, found, name, case) if case in by else "" for name, by in found.figures.items()} for case in cases}
    if getattr(module, "TRANSPOSED", False):
        head, rows = list(found.figures), [(case, list(by.values())) for case, by in cells.items()]
    else:
        head, rows = cases, [(name, [by[name] for by in cells.values()]) for name in found.figures]
    return [f"| | {' | '.join(head)} |", f"|---|{'---|' * len(head)}", *(f"| {first} | {' | '.join(rest)} |" for first, rest in rows)]


def _cell(module: Any, found: Found, name: str, case: str) -> str:
    ratio = _ratio(found, name, LIMIT, case)
    return _words(median(found.figures[name][case]), module, case) + (f" ({ratio:,.3g})" if ratio is not None else "")


def _ratio(found: Found, name: str, to: str, case: str, to_case: str = "") -> float | None:
    """The median over the rounds of one's figure to another's."""
    pair = [found.figures.get(which, {}).get(where) for which, where in ((name, case), (to, to_case or case))]
    return median(a / b for a, b in zip(*pair, strict=False)) if all(pair) else None  # type: ignore[arg-type]


def _goal(goal: Goal, module: Any, found: Found, *, verdict: bool) -> list[str]:
    ours = found.figures.get(goal.ours, {}).get(goal.case)
    what = goal.words or goal.case
    if not goal.to:
        shown = (_words(median(ours), module, goal.case), median(ours) <= goal.factor) if ours else ("not measured", None)
        return [f"| {what} | at most {_words(goal.factor, module, goal.case)} | {shown[0]} | {_verdict(shown[1] if verdict else None)} |"]
    where = goal.to_case or goal.case
    there = [to for to in goal.to if found.figures.get(to, {}).get(where)]
    name = min(there, key=lambda to: median(found.figures[to][where]), default=goal.to[0])
    ratio = _ratio(found, name, goal.ours, where, goal.case) if goal.sooner else _ratio(found, goal.ours, name, goal.case)
    asked = f"{goal.factor:.3g} times less than {name}" if goal.sooner else f"at most {goal.factor:.3g} of the {name}"
    reached = None if ratio is None else ratio >= goal.factor if goal.sooner else ratio <= goal.factor
    return [f"| {what} | {asked} | {'not measured' if ratio is None else f'{ratio:,.3g}'} | {_verdict(reached if verdict else None)} |"]


def _verdict(reached: bool | None) -> str:
    return "" if reached is None else "reached" if reached else "**not reached**"


def _words(figure: float, module: Any, case: str) -> str:
    if module.CASES[case].what == "memory":
        return f"{figure / 1e6:,.3g} MB"
    for unit, factor in (("us", 1e6), ("ms", 1e3)):
        if figure * factor < 1000:
            return f"{figure * factor:,.3g} {unit}"
    return f"{figure:,.3g} s"
