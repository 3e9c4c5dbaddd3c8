"""Attacks and faults: what plait may cost while it refuses one, and a count of all of them."""

from __future__ import annotations

import gc
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fuzzing import memory, reset_peak

from plait.errors import PlaitError

#: "faults injected", "bad inputs tried", "samples lost", "samples repeated": of this run, shown at its end.
TALLY: Counter[str] = Counter()


def count(what: str, times: int = 1) -> None:
    """Add to the tally: "faults injected", "bad inputs tried", "samples lost", "samples repeated"."""
    TALLY[what] += times


@contextmanager
def cheap(*, seconds: float = 1.0, megabytes: float = 100.0) -> Iterator[None]:
    """What is done inside takes no more than that, of the processor and of memory."""
    gc.collect()
    reset_peak()
    before, began = memory("VmRSS"), time.process_time()
    yield
    took, grown = time.process_time() - began, memory("VmHWM") - before
    assert took < seconds, f"took {took:.2f} s"
    assert grown < megabytes, f"took {grown:.0f} MB"


@contextmanager
def refused(match: str, *, seconds: float = 1.0, megabytes: float = 100.0, error: type[Exception] = PlaitError) -> Iterator[None]:
    """An attack: it has to end in an error with this message, at little cost, and nothing may be executed on the way."""
    count("bad inputs tried")
    with cheap(seconds=seconds, megabytes=megabytes), pytest.raises(error, match=match) as found:
        yield
    assert isinstance(found.value, PlaitError)
    text = str(found.value)
    assert all(c.isprintable() or c in "\n\t" for c in text), f"commands the terminal: {text!r}"
    assert not Path("executed").exists()


def shared(ids: list[object], expected: list[object]) -> None:
    """Every one of these samples came once: count what was lost and what came twice, and fail where anything did."""
    seen, wanted = Counter(ids), Counter(expected)
    lost, repeated = (wanted - seen).total(), (seen - wanted).total()
    count("samples lost", lost)
    count("samples repeated", repeated)
    assert (lost, repeated) == (0, 0), f"{lost} lost, {repeated} repeated"


def files_below(folder: Path) -> set[str]:
    """Every name below a folder."""
    return {os.path.join(at, name)[len(str(folder)) :] for at, folders, names in os.walk(folder) for name in [*folders, *names]}
