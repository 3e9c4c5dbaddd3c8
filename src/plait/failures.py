"""Samples that could not be used: which, where it failed and why; counted once each, and never more than was allowed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

from plait.errors import ArgumentError, BadSamplesError
from plait.report import Finding, Report

__all__ = ["Failure", "Failures", "OnError", "allowed"]

OnError = Literal["raise", "skip", "mask"]
_SHARE = 0.01  # of the samples may fail where nobody says how many


class Failure(NamedTuple):
    """One sample that could not be used.

    Args:
        step: The batch it was missing from.
        row: Of the data set.
        key: Of the sample.
        stream: The name, or several where it cannot be told which.
        stage: "read", "step <name>" or "check".
        path: The file that holds it, where each sample has one; else empty.
        error: What was raised, with its kind.
    """

    step: int
    row: int
    key: Any
    stream: str
    stage: str
    path: str
    error: str

    def __str__(self) -> str:
        stream = f", stream {self.stream!r}" if self.stream else ""
        path = f", file {self.path!r}" if self.path else ""
        return f"sample {self.key!r}{stream}, {self.stage}{path}: {self.error}"


class Failures:
    """The samples of a run that failed, each counted once however often it comes.

    Args:
        policy: What is done about them.
        samples: Of the data set; None where it has no end.
        limit: How many may fail.
        budget: As the user wrote it, for messages.
    """

    def __init__(self, policy: OnError, samples: int | None, limit: int, budget: float) -> None:
        self.policy, self.samples, self.limit, self.budget = policy, samples, limit, budget
        self._found: dict[int, Failure] = {}

    def __len__(self) -> int:
        return len(self._found)

    def add(self, failures: Iterable[Failure]) -> None:
        """Count these.

        Raises:
            BadSamplesError: They are more than the budget allows.
        """
        for failure in failures:
            self._found.setdefault(failure.row, failure)
        if len(self._found) > self.limit:
            first = min(self._found.values())
            of = "" if self.samples is None else f" of {self.samples}"
            more = len(self._found) if self.samples is None or len(self._found) * 4 < self.samples else "0.5"
            raise BadSamplesError(
                f"{len(self._found)} samples{of} could not be used so far, and budget={self.budget} allows {self.limit}. The first: "
                f"{str(first).rstrip('.')}. loader.errors lists them all. Mend them or leave them out with data.take(rows); or allow more: "
                f"plait.Loader(..., on_error={self.policy!r}, budget={more})."
            )

    def before(self, step: int) -> list[dict[str, Any]]:
        """Those of the batches before `step`, JSON-able."""
        return [
            {name: value for name, value in f._asdict().items() if name != "key"}
            for f in sorted(self._found.values(), key=lambda f: f.row)
            if f.step < step
        ]

    def restore(self, saved: Iterable[Mapping[str, Any]], key_of: Callable[[int], object]) -> None:
        """Have exactly what `before` returned."""
        found = [Failure(**{**dict(state), "key": key_of(int(state["row"]))}) for state in saved]
        self._found = {failure.row: failure for failure in found}

    def report(self) -> Report:
        """One finding a sample; it fails when they are more than was allowed."""
        done = {"raise": "raised", "skip": "left out", "mask": "given weight 0"}[self.policy]
        of = "" if self.samples is None else f" of {self.samples}"
        title = f"Bad samples: {len(self._found)}{of} {done}"
        if not self._found:
            return Report(title, (Finding("pass", "samples", "every sample so far could be used", id="bad-samples"),))
        over = len(self._found) > self.limit
        findings = [
            Finding(
                "warn",
                f.stream or "samples",
                f"sample {f.key!r}, {f.stage}{f', file {f.path!r}' if f.path else ''}: {f.error}",
                id="bad-sample",
                values={"key": list(f.key) if isinstance(f.key, tuple) else f.key, **{k: v for k, v in f._asdict().items() if k != "key"}},
            )
            for f in sorted(self._found.values())
        ]
        if over:
            text = f"{len(self._found)} samples failed, and budget={self.budget} allows {self.limit}"
            findings.insert(0, Finding("fail", "budget", text, id="budget", values={"found": len(self._found), "allowed": self.limit}))
        return Report(title, tuple(findings))


def allowed(on_error: object, budget: object, samples: int | None) -> tuple[OnError, int, float]:
    """The policy, how many samples may fail, and the budget as it stands.

    Raises:
        ArgumentError: They cannot be meant.
    """
    if on_error not in get_args(OnError):
        raise ArgumentError(f"on_error={on_error!r}: choose 'raise', 'skip' (leave bad samples out) or 'mask' (give them weight 0).")
    if budget is None:
        budget = _SHARE if samples is not None else 100
    elif on_error == "raise":
        raise ArgumentError(f"budget={budget!r} allows bad samples, and on_error='raise' none. Add on_error='skip' or 'mask'.")
    whole = isinstance(budget, int) and not isinstance(budget, bool) and budget >= 0
    share = isinstance(budget, float) and 0 <= budget < 1
    if isinstance(budget, float) and 1 <= budget < math.inf:
        one = "one sample is budget=1" if budget == 1 else f"a number of samples is whole, such as budget={math.ceil(budget)}"
        raise ArgumentError(f"budget={budget!r}: a share is below 1; {one}, and all of them budget={samples or 'len(data)'}.")
    if not (whole or share):
        raise ArgumentError(f"budget={budget!r}: a number of samples, such as 20, or their share, such as 0.01.")
    if share and samples is None:
        raise ArgumentError(f"budget={budget!r} is a share, and the data have no end. Allow a number: budget=100.")
    if on_error == "raise":
        return "raise", 0, 0
    return on_error, budget if whole else -int(-budget * samples // 1), budget  # type: ignore[operator, return-value]
