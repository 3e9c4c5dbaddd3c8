"""Read a data set from end to end; where that fails, name every sample that is bad and not only the first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from plait.ahead import ahead
from plait.dataset import Dataset
from plait.errors import BadSamplesError
from plait.failures import Failure
from plait.ragged import Array, Ragged
from plait.salvage import failure_of, readable

__all__ = ["blocks", "naming", "row_bytes"]

_LOOK = 10.0  # s that are spent to find more of what is bad
_SHOWN = 10
_LISTED = 100  # keys in the line to write
_FEW = 64


def row_bytes(data: Dataset) -> int:
    """Bytes of a sample, about; of the first that can be read."""
    parts, _ = readable(_reads(data), np.arange(min(len(data), 8)), tolerant=True)
    sizes = [v.nbytes if isinstance(v, Ragged) or v.dtype.kind != "T" else 64 * v.size for _, values in parts for v in values.values()]
    return int(sum(sizes) / max(1, sum(len(rows) for rows, _ in parts))) or 1


def blocks(data: Dataset, starts: range, size: int, threads: int, *, title: str) -> Iterator[Mapping[str, Array]]:
    """All streams of the samples from each start on, so many at once, read ahead on threads.

    Raises:
        BadSamplesError: Several samples cannot be read; the message names them. One alone raises what it raised.
    """
    read, count, done = _reads(data), len(data), 0
    try:
        for block in ahead(lambda start: read(np.arange(start, min(start + size, count))), starts, workers=threads, depth=max(1, threads)):
            yield block
            done += 1
    except Exception as error:
        _name_all(data, starts[done:], size, title, error)
        raise


@contextmanager
def naming(data: Dataset, title: str) -> Iterator[None]:
    """Where it fails to read some samples, name all that are bad, as `blocks` does."""
    try:
        yield
    except Exception as error:
        _name_all(data, range(0, len(data), _FEW), _FEW, title, error)
        raise


def _reads(data: Dataset) -> Callable[[np.ndarray], Mapping[str, Array]]:
    names = list(data.spec)
    return lambda rows: data.read(names, rows)


def _name_all(data: Dataset, starts: range, size: int, title: str, error: Exception) -> None:
    """Raise an error that names the samples from here on that are bad where there are several; else say in a note what to do."""
    bad, to_the_end = _bad(data, starts, size)
    if len(bad) > 1:
        raise BadSamplesError(_said(title, bad, len(data), to_the_end)) from error
    if bad:
        error.add_note(f"{title} needs every sample. Mend it, or leave it out: {_without(bad)}.")


def _bad(data: Dataset, starts: range, size: int) -> tuple[list[Failure], bool]:
    """The samples from here on that cannot be read, and whether all were looked at."""
    read, found = _reads(data), list[Failure]()
    until = time.monotonic() + _LOOK
    for start in starts:
        _, failed = readable(read, np.arange(start, min(start + size, len(data))), tolerant=True)
        found += [failure_of(data, error, row, 0) for row, error in failed]
        if time.monotonic() > until:
            return found, start == starts[-1]
    return found, True


def _said(title: str, bad: list[Failure], count: int, to_the_end: bool) -> str:
    lines = "".join(f"\n  {failure}" for failure in bad[:_SHOWN])
    more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    least = "" if to_the_end else "At least "
    return f"{title}: {least}{len(bad)} of {count} samples cannot be used:{lines}{more}\nMend them, or leave them out: {_without(bad)}."


def _without(bad: list[Failure]) -> str:
    if len(bad) > _LISTED:
        return "plait.Loader(data, on_error='skip', budget=0.5) feeds the others without, and loader.errors lists what is bad"
    keys = ", ".join(repr(failure.key) for failure in bad) or "..."
    return f"bad = {{{keys}}}; data = data.take([row for row, key in enumerate(data.keys) if key not in bad])"
