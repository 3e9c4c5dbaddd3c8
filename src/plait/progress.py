"""A progress bar for work that takes long: on a terminal, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["progress"]


@contextmanager
def progress(title: str, total: float, shown: bool = True) -> Iterator[Callable[..., None]]:
    """A bar on standard error while the block runs.

    Args:
        title: What is being done: "Sequential.fit".
        total: Steps in all.
        shown: Whether there is a bar at all; without a terminal there is none.

    Yields:
        `advance(steps=1, note="")`: so many steps are done; the note stands behind the bar.
    """
    if not shown or not sys.stderr.isatty():
        yield lambda steps=1, note="": None
        return
    from rich.console import Console  # comes with Keras
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = ("{task.description}", BarColumn(), "{task.percentage:>3.0f} %", TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=total, note="")

        def advance(steps: float = 1, note: str = "") -> None:
            bar.update(task, advance=steps, note=note)

        yield advance
