"""What a workload is made of: cases, candidates and goals.

A workload is a module of this folder. It holds

- `TITLE` and `ABOUT` (Markdown; `{name}` is filled in from the settings);
- `SIZES`: name -> settings, and among them `check`, small, on which every candidate has to prove that an epoch is every row once;
- `GROUPS`: name -> environment variables. Each is a process, since frameworks don't always live together; that of plait and of the limit
  is called "plait";
- `CASES`: name -> `Case`, what is varied;
- `GOALS`: what is to be reached; `WHY` (Markdown, may be left out): what holds what is not;
- `made(**settings)`: the data, called in each process (what takes long is written to a folder once, by `prepare(**settings)`);
- `candidates(group)`: name -> `Candidate`. One that isn't installed raises ImportError when it is opened and is shown so;
- `EXPECTED(case)`, `rows(batch)`: stream -> (shape of a sample, dtype) and the row numbers in a batch, for the proof.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["LIMIT", "OURS", "Candidate", "Case", "Epochs", "Goal", "Unavailable", "named"]

LIMIT, OURS = "limit", "plait.Loader"
Epochs = Callable[[], Iterator[Any]]  # one epoch of batches each time it is called


class Unavailable(Exception):
    """Why a candidate has no figure here."""


@dataclass(frozen=True)
class Case:
    """One column of a table.

    Args:
        given: Handed to the candidates' `open` as keywords.
        what: "cpu", CPU seconds a batch; "first", seconds from setting up to the first batch; "cold", seconds a batch of the first
            `multiple` of an epoch, set up anew; "memory", bytes that setting up and `multiple` batches took at most.
        batches: An epoch has, from the settings; a window stays inside an epoch where it can.
        multiple: A window has a multiple of so many batches, as those are read at once, or as many as the epoch has.
        least: CPU seconds that a window takes at least.
        before: Called with the data before each "cold" measurement.
        groups: Which processes take part; all when left out.
    """

    given: Mapping[str, Any]
    what: str = "cpu"
    batches: Callable[..., int] | None = None
    multiple: int = 1
    least: float = 0.05
    before: Callable[[Any], None] | None = None
    groups: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Candidate:
    """One row of a table.

    Args:
        open: (data, **case.given) -> epochs; called once a case, and what it takes counts only where the first batch is timed.
        steps: Instead of it: (data, **case.given) -> a function that does so many steps.
        cases: Which columns it has; all when left out.
        proof: Whether an epoch of it has to be every row once.
        alone: In a process of its own, since threads or processes that it leaves running would be counted as another one's.
    """

    open: Callable[..., Epochs] | None = None
    steps: Callable[..., Callable[[int], Any]] | None = None
    cases: tuple[str, ...] | None = None
    proof: bool = True
    alone: bool = False


@dataclass(frozen=True)
class Goal:
    """`ours` is to take at most `factor` times as long as `to` in this case, or, where `sooner`, `to` (in `to_case`, where that is another)
    at least `factor` times as long as `ours`. Without `to`, `factor` is the most that `ours` may take, in seconds. Several names in `to`:
    the best of them."""

    case: str
    factor: float
    to: tuple[str, ...] = ()
    sooner: bool = False
    ours: str = OURS
    to_case: str = ""
    words: str = ""


def named(batch: Any, names: Sequence[str]) -> dict[str, np.ndarray]:
    """The arrays of a batch by stream: by the names they have, the rest in order."""
    found: dict[str, np.ndarray] = {}
    loose: list[np.ndarray] = []

    def walk(part: Any, name: str | None) -> None:
        if isinstance(part, Mapping):
            for key, value in part.items():
                walk(value, key)
        elif isinstance(part, (tuple, list)):
            for value in part:
                walk(value, None)
        elif name is not None:
            found[name] = np.asarray(part)
        elif part is not None:
            loose.append(np.asarray(part))

    walk(batch[:2] if isinstance(batch, tuple) and len(batch) == 3 else batch, None)  # without weights
    found.update(zip([name for name in names if name not in found], loose, strict=False))
    return found
