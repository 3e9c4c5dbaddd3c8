"""Whether every sample comes exactly once: proved for the plan over all shards, and for the batches that a run was given."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from plait.keys import Keys
from plait.ledger import Handed
from plait.order import Balanced, Onward, Order
from plait.report import Finding, Report

__all__ = ["audit_report"]

_ROWS = 2**20  # samples whose rows are looked at together
_SHOWN = 5


def audit_report(order: Order, keys: Keys | None, handed: Handed, bad: int) -> Report:
    """What `Loader.audit` returns.

    Args:
        order: Which samples form which batch, on this shard.
        keys: Of the samples; None where they have no end.
        handed: The batches that this shard was given.
        bad: How many samples were left out or had weight 0.
    """
    runs = handed.runs()
    first, last = (runs[0][0], max(stop for _, stop, _ in runs)) if runs else (0, 0)
    findings: list[Finding] = []
    if isinstance(order, Onward):
        findings.append(Finding("pass", "plan", "samples without end, none twice: batch n holds the n-th of them", id="plan"))
        findings += _run(order, handed, first, last, None, "the run", ends=False)
    else:
        for number in range(first // order.per_pass, max(first // order.per_pass, (last - 1) // order.per_pass) + 1):
            start, stop = number * order.per_pass, (number + 1) * order.per_pass
            findings += _planned(order, keys, number)
            if runs:
                findings += _run(order, handed, max(start, first), min(stop, last), keys, f"epoch {number}", ends=last >= stop)
    if not runs:
        findings.append(Finding("pass", "run", "no batch was handed out yet, so this is about the plan alone", id="run"))
    if bad:
        findings.append(Finding("warn", "bad samples", f"{bad} samples could not be used; loader.errors lists them", id="bad-samples"))
    return Report("Coverage: every sample exactly once", tuple(findings))


def _planned(order: Order, keys: Keys | None, number: int) -> Iterator[Finding]:
    """Whether one pass holds every sample once, over all shards."""
    samples = int(getattr(order, "samples", 0)) or sum(map(len, getattr(order, "members", ())))
    counts = np.zeros(samples, np.uint32)
    for index in range(order.count):
        for rows in _rows(order, index, number):
            np.add.at(counts, rows, np.uint32(1))
    where = f"epoch {number}" + (f", over {order.count} shards of {order.per_pass} batches" if order.count > 1 else "")
    values: dict[str, object] = {"epoch": number, "samples": samples, "shards": order.count, "batches": order.per_pass}
    if isinstance(order, Balanced):
        text = f"{where}: {samples} samples, every class equally often, so a sample comes {counts.min()} to {counts.max()} times"
        yield Finding("warn", "plan", text, "leave balance= out for every sample exactly once", "plan", values)
        return
    missing, repeated = np.flatnonzero(counts == 0), np.flatnonzero(counts > 1)
    if not len(missing) and not len(repeated):
        yield Finding("pass", "plan", f"{where}: {samples} samples, each exactly once", id="plan", values=values)
    if len(missing):
        text = f"{where}: {len(missing)} of {samples} samples never come: {_some(keys, missing)}"
        remedy = "plait.Loader(..., remainder='pad')" if order.remainder == "drop" else ""
        yield Finding("fail", "plan", text, remedy, "missing", {**values, "missing": len(missing), "repeated": 0})
    if len(repeated):
        text = f"{where}: {len(repeated)} of {samples} samples come several times: {_some(keys, repeated)}"
        yield Finding("fail", "plan", text, "", "repeated", {**values, "missing": 0, "repeated": len(repeated)})


def _run(order: Order, handed: Handed, start: int, stop: int, keys: Keys | None, name: str, *, ends: bool) -> Iterator[Finding]:
    """Whether this shard was given each batch of an epoch once."""
    times = handed.times(start, stop)
    missing, repeated = np.flatnonzero(times == 0) + start, np.flatnonzero(times > 1) + start
    values: dict[str, object] = {"first": start, "behind": stop, "missing": len(missing), "repeated": len(repeated)}
    if not len(missing) and not len(repeated):
        text = f"{name}: batches {start} to {stop - 1} were handed out, each once{'' if ends else ', and it goes on'}"
        yield Finding("pass", "run", text, id="run", values=values)
    if len(missing):
        text = f"{name}: {len(missing)} batches were never handed out: {missing[:_SHOWN].tolist()}{_samples(order, keys, missing)}"
        yield Finding("fail", "run", text, "", "missing", values)
    if len(repeated):
        text = (
            f"{name}: {len(repeated)} batches were handed out more than once: {repeated[:_SHOWN].tolist()}{_samples(order, keys, repeated)}"
        )
        remedy = "callbacks=[plait.Resume(loader, path)] goes on where a run stopped; a loop that is left early begins its epoch afresh"
        yield Finding("fail", "run", text, remedy, "repeated", values)


def _rows(order: Order, index: int, number: int) -> Iterator[np.ndarray]:
    """The samples of one pass on one shard, padding left out."""
    other = copy.copy(order)
    other.index = index
    each = max(1, _ROWS // other.batch_size)
    start, stop = number * other.per_pass, (number + 1) * other.per_pass
    for first in range(start, stop, each):
        picks = other.together(range(first, min(first + each, stop)))
        sizes = np.diff(picks.cuts)
        place = np.arange(len(picks.rows)) - np.repeat(np.asarray(picks.cuts)[:-1], sizes)
        yield picks.rows[place < np.repeat(np.asarray(picks.real), sizes)]


def _samples(order: Order, keys: Keys | None, steps: np.ndarray) -> str:
    pick = order.picks([int(steps[0])])[0]
    return f"; samples {_some(keys, pick.rows[: pick.real])} of batch {int(steps[0])}"


def _some(keys: Keys | None, rows: np.ndarray) -> str:
    shown = [int(row) for row in rows[:_SHOWN]] if keys is None else [keys[int(row)] for row in rows[:_SHOWN]]
    return f"{shown}{' ...' if len(rows) > _SHOWN else ''}"
