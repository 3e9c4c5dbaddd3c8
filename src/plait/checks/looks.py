"""Read a stream's values once and keep their figures: range, classes, NaN, and the samples that hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from plait.dataset import Dataset
from plait.errors import PlaitError
from plait.ragged import Array, Ragged
from plait.source import ENDLESS
from plait.spec import Spec

__all__ = ["Look", "look"]

_CHUNK = 65_536  # samples read at once, and
_BLOCK = 2**20  # values read at once
_BUDGET = 2**23  # values of one stream that are looked at
_SMALL = 64  # values in a sample that is read like a scalar
_SLOW = 256  # large samples that are looked at where reading means decoding files
_CODES = 4096  # distinct whole numbers that are counted


@dataclass
class Look:
    """What was seen of one stream.

    Args:
        name: The stream.
        spec: What it declares.
        label: Whether it is a target, whose whole numbers are counted and whose last axis is summed.
        total: How many samples have a value; more than anybody counts where they have no end.
        rows: How many of them were looked at.
        low, high: Of the finite values; NaN where there are none.
        low_row, high_row: Rows of the data set that hold them.
        whole: Whether all finite values are whole numbers.
        counts: whole number -> how often; None where there are too many, or values are not whole.
        sums: Lowest and highest sum over the last axis.
        sums_rows: Rows that hold them.
        bad_rows: Rows with NaN or infinity.
        size: Mean of the absolute values.
        power: Mean of the squares.
        errors: What reading raised, at most three.
    """

    name: str
    spec: Spec
    label: bool
    total: int
    rows: int = 0
    low: float = math.nan
    high: float = math.nan
    low_row: int = 0
    high_row: int = 0
    whole: bool = True
    counts: dict[int, int] | None = None
    sums: tuple[float, float] = (math.inf, -math.inf)
    sums_rows: tuple[int, int] = (0, 0)
    bad_rows: list[int] = field(default_factory=list)
    size: float = 0.0
    power: float = 0.0
    errors: list[str] = field(default_factory=list)

    @property
    def seen(self) -> bool:
        """Whether there is a finite value."""
        return not math.isnan(self.low)

    @property
    def constant(self) -> bool:
        """Whether all finite values are the same."""
        return self.seen and self.low == self.high

    @property
    def extent(self) -> str:
        """How much was looked at, for messages."""
        if self.total == ENDLESS:
            return f"the first {self.rows} samples"
        return f"all {self.rows} samples" if self.rows == self.total else f"{self.rows} of {self.total} samples"


def look(data: Dataset, name: str, samples: int, *, label: bool) -> Look:
    """Read a stream, spread over the data, and sum it up. What reading raises becomes part of the result.

    Args:
        data: What holds it.
        name: The stream.
        samples: Samples at most; of large ones fewer (8 million values, 256 samples where reading means decoding files).
        label: Whether it is a target: then scalars in memory are read to the last.
    """
    gone = data.absent(name)
    most_of_all = samples if data.endless else len(data)
    present = np.arange(most_of_all) if gone is None else np.flatnonzero(~gone)
    seen = Look(name, data.spec[name], label, ENDLESS if data.endless else len(present), counts={} if label else None)
    if seen.spec.dtype.kind not in "biuf":
        return seen
    values = math.prod(_SMALL if n is None else n for n in seen.spec.shape)
    most = _most(values, samples, in_memory=data.storage(name).source.in_memory, label=label)
    rows = present if len(present) <= most else present[np.linspace(0, len(present) - 1, most).astype(np.int64)]
    step = max(1, min(_CHUNK, _BLOCK // max(1, values)))
    for start in range(0, len(rows), step):
        chunk = rows[start : start + step]
        try:
            array = data.read([name], chunk)[name]
        except PlaitError as error:
            seen.errors.append(str(error))
        except Exception as error:  # a source or step of the user's own may raise anything
            seen.errors.append(f"{type(error).__name__}: {error}")
        else:
            _add(seen, array, chunk)
        if len(seen.errors) == 3:
            break
    return seen


def _most(values: int, samples: int, *, in_memory: bool, label: bool) -> int:
    if values <= _SMALL:
        return 2**62 if label and in_memory and values == 1 else samples
    most = min(samples, max(16, _BUDGET // values))
    return most if in_memory else min(most, _SLOW)


def _add(seen: Look, array: Array, rows: np.ndarray) -> None:
    values = array.values if isinstance(array, Ragged) else array
    owners = np.repeat(rows, array.lengths) if isinstance(array, Ragged) else rows
    flat = values.reshape(len(values), math.prod(values.shape[1:]))
    flat = flat.astype(np.uint8) if flat.dtype.kind == "b" else flat
    if flat.dtype.kind == "f" and flat.size:
        bad = ~np.isfinite(flat).all(axis=1)
        if bad.any():
            seen.bad_rows.extend(np.unique(owners[bad]).tolist())
            flat, owners = flat[~bad], owners[~bad]
    if flat.size:
        _extend(seen, flat, owners, len(rows))
        if seen.counts is not None:
            seen.counts = _counted(seen, seen.counts, flat)
        if seen.label and values.ndim > 1 and values.shape[-1] > 1 and not isinstance(array, Ragged):
            _add_sums(seen, flat.reshape(-1, values.shape[-1]).sum(axis=1, dtype=np.float64), owners)
    seen.rows += len(rows)


def _extend(seen: Look, flat: np.ndarray, owners: np.ndarray, rows: int) -> None:
    low, high, width = int(flat.argmin()), int(flat.argmax()), flat.shape[1]
    if not seen.low <= flat.flat[low]:
        seen.low, seen.low_row = flat.flat[low].item(), int(owners[low // width])
    if not seen.high >= flat.flat[high]:
        seen.high, seen.high_row = flat.flat[high].item(), int(owners[high // width])
    wide = flat.astype(np.float64)
    share = rows / (seen.rows + rows)
    seen.size += share * (float(np.abs(wide).mean()) - seen.size)
    with np.errstate(over="ignore"):
        seen.power += share * (float(np.square(wide).mean()) - seen.power)
    if flat.dtype.kind == "f" and seen.whole:
        seen.whole = bool((flat == np.floor(flat)).all())


def _counted(seen: Look, counts: dict[int, int], flat: np.ndarray) -> dict[int, int] | None:
    if not seen.whole or seen.high - seen.low >= _CODES or abs(seen.high) > 2**53:
        return None
    low = int(flat.min())
    here = np.bincount(flat.reshape(-1).astype(np.int64) - low)
    return counts | {low + int(c): counts.get(low + int(c), 0) + int(here[c]) for c in np.flatnonzero(here)}


def _add_sums(seen: Look, sums: np.ndarray, owners: np.ndarray) -> None:
    each = len(sums) // len(owners)
    low, high = int(sums.argmin()), int(sums.argmax())
    (least, most), (low_row, high_row) = seen.sums, seen.sums_rows
    if sums[low] < least:
        least, low_row = float(sums[low]), int(owners[low // each])
    if sums[high] > most:
        most, high_row = float(sums[high]), int(owners[high // each])
    seen.sums, seen.sums_rows = (least, most), (low_row, high_row)
