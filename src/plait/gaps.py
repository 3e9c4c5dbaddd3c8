"""Where streams have no value for a sample of the others, what may be done about it, and how messages say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal
from unicodedata import normalize

import numpy as np

from plait.errors import AlignmentError
from plait.keys import Keys
from plait.report import Finding
from plait.source import Source, Stream

__all__ = ["Gap", "Join", "Policy"]

Policy = Literal["raise", "drop", "mask", "keep"]
_DONE = {"drop": "dropped", "mask": "kept with weight 0", "keep": "kept as NaN", "raise": "dropped for another stream"}


@dataclass(frozen=True, eq=False)
class Gap:
    """Where one stream has no value; both are (keys,) bool, None for nowhere.

    Args:
        lacking: Its source does not hold the key.
        null: Its source holds the key and no value for it.
    """

    lacking: np.ndarray | None
    null: np.ndarray | None

    @classmethod
    def of(cls, stream: Stream, rows: np.ndarray | None) -> Gap:
        """The gaps of a stream whose source has these rows for the keys, -1 where it lacks one; None for 0, 1, 2, ..."""
        absent = stream.source.absent(stream.name)
        if absent is not None and not absent.any():
            absent = None
        if rows is None:
            return cls(None, absent)
        held = rows >= 0
        if absent is None:
            return cls(None if held.all() else ~held, None)
        null = np.zeros(len(rows), bool)
        null[held] = absent[rows[held]]
        return cls(None if held.all() else ~held, null if null.any() else None)

    @property
    def missing(self) -> np.ndarray | None:
        """Where there is no value, for either reason."""
        if self.lacking is None or self.null is None:
            return self.null if self.lacking is None else self.lacking
        return self.lacking | self.null


@dataclass(frozen=True, eq=False)
class Join:
    """The matched keys of several sources, before anything is done about what is missing.

    Args:
        keys: Of every source.
        streams: name -> stream.
        rows: name -> (keys,) rows of the stream's source, -1 where it lacks the key; None for 0, 1, 2, ...
        gaps: name -> where the stream has no value.
        policies: name -> what to do there.
        roles: name -> "input", "target" or "weight"; only targets can be masked.
    """

    keys: Keys
    streams: Mapping[str, Stream]
    rows: Mapping[str, np.ndarray | None]
    gaps: Mapping[str, Gap]
    policies: Mapping[str, Policy]
    roles: Mapping[str, str]

    @property
    def drops(self) -> list[np.ndarray]:
        """(keys,) bool each: what the policy of a stream drops, of those that lack anything."""
        return [gap.missing for name, gap in self.gaps.items() if self.policies[name] == "drop" and gap.missing is not None]

    def kept(self) -> np.ndarray:
        """(keys,) bool: what no policy drops."""
        if not self.drops:
            return np.broadcast_to(np.True_, (len(self.keys),))  # which takes no memory
        return ~np.logical_or.reduce(self.drops)

    def check(self, keep: np.ndarray) -> None:
        """Raise where a stream must have a value and has none, or where nothing is left.

        Raises:
            AlignmentError: Saying what is missing and the line to write.
        """
        for name in self.streams:
            wrong = self._forbidden(name)
            if wrong is not None and (wrong & keep).any():
                raise AlignmentError(self._missing(name, keep))
        if not len(keep):
            return
        if any(rows is not None and not (rows[keep] >= 0).any() for rows in self.rows.values()):
            raise AlignmentError(self._nothing_shared())
        if self.drops and not keep.any():
            dropped = {n: int(g.missing.sum()) for n, g in self.gaps.items() if self.policies[n] == "drop" and g.missing is not None}
            raise AlignmentError(
                f"No sample is left of {len(keep)}: {', '.join(f'{name!r} has no value for {count}' for name, count in dropped.items())}, "
                "and missing= drops them all. Mask a target that is often missing, or leave such an input out."
            )

    def findings(self, keep: np.ndarray) -> Iterator[Finding]:
        """What matched, for each stream."""
        for name, stream in self.streams.items():
            missing, rows, label = self.gaps[name].missing, self.rows[name], stream.source.label
            held = len(self.keys) if rows is None else int((rows >= 0).sum())
            values: dict[str, object] = {"keys": len(self.keys), "held": held, "missing": 0, "dropped": 0, "policy": self.policies[name]}
            if missing is None:
                yield Finding("pass", name, f"{held} of {len(self.keys)} keys matched in {label}", id="join", values=values)
                continue
            lost = np.flatnonzero(missing)
            values |= {"missing": len(lost), "dropped": int((missing & ~keep).sum()), "such as": self.keys.some(lost)}
            found = f"{len(self.keys) - len(lost)} of {len(self.keys)} samples have a value in {label}"
            done = f"{len(lost)} have none ({_DONE[self.policies[name]]}), such as {self.keys.some(lost)}"
            yield Finding("warn", name, f"{found}; {done}", id="join", values=values)

    @property
    def _sources(self) -> dict[int, tuple[Source, np.ndarray | None]]:
        return {id(stream.source): (stream.source, self.rows[name]) for name, stream in self.streams.items()}

    def _forbidden(self, name: str) -> np.ndarray | None:
        policy, gap = self.policies[name], self.gaps[name]
        if policy == "keep" and self.streams[name].spec.dtype.kind == "f":
            return gap.lacking
        return gap.missing if policy in ("raise", "keep") else None

    def _missing(self, name: str, keep: np.ndarray) -> str:
        """What this stream has no value for, and the lines that go on without it."""
        stream, gap = self.streams[name], self.gaps[name]
        lacking, null = (np.zeros(0, int) if part is None else np.flatnonzero(part & keep) for part in (gap.lacking, gap.null))
        nulls = f"no value (empty, null or NaN) for {len(null)} of its {len(stream)} samples, such as {self.keys.some(null)}."
        if not len(lacking):
            return f"{stream.label} has {nulls} {self._remedy(name, keep, 'that lack nothing')}"
        held = np.logical_and.reduce([np.ones(len(keep), bool) if rows is None else rows >= 0 for _, rows in self._sources.values()])
        if not held.any():
            return self._nothing_shared()
        first, *others = [f"{source.label} has {len(source)}" for source, _ in self._sources.values()]
        apart, two = np.flatnonzero(~held & keep), len(others) == 1
        counts = f"{', '.join([f'{first} samples', *others[:-1]])} and {others[-1]}"
        found = f"{counts}; {len(apart)} keys are in {'one' if two else 'some'} only, such as {self.keys.some(apart)}"
        found += f".{self._forms()}" if two else f" ({name!r} lacks {self.keys.some(lacking, 3)})."
        if len(null):
            return f"{found} {stream.label} also has {nulls} {self._remedy(name, keep, 'that lack nothing')}"
        return f"{found} {self._remedy(name, keep, 'both hold' if two else 'all hold')}"

    def _remedy(self, name: str, keep: np.ndarray, held: str) -> str:
        open_, settled, whole = [], {}, keep.copy()
        for other, gap in self.gaps.items():
            wrong = self._forbidden(other)
            if wrong is not None and (wrong & keep).any():
                open_.append(other)
                whole &= ~wrong
            elif gap.missing is not None and self.policies[other] != "raise":
                settled[other] = self.policies[other]
        masked = [other for other in open_ if self.roles[other] == "target"]

        def line(policy: str, maskable: str) -> str:
            chosen = {other: maskable if other in masked else policy for other in open_}
            same = not settled and len(set(chosen.values())) == 1
            return f"missing={chosen[open_[0]]!r}".replace("'", '"') if same else f"missing={settled | chosen}"

        left = f"{whole.sum()} samples" if settled else f"the {whole.sum()} {held}"
        ways = [f"{line('drop', 'drop')} to keep {left}"] if whole.any() else []
        if masked == open_:
            ways.append(f"{line('mask', 'mask')} to keep all and give absent targets no weight")
        elif masked:
            ways.append(f"{line('drop', 'mask')} to mask the targets only")
        if all(self._can_be_nan(other) for other in open_):
            ways.append(f"{line('keep', 'keep')} to hand on NaN")
        told = f"Pass {', or '.join(ways)}." if ways else f"Fill {name!r} in, or leave it out."
        return told if masked else f"{told} Only targets can be masked."

    def _can_be_nan(self, name: str) -> bool:
        return self.roles[name] != "weight" and self.streams[name].spec.dtype.kind == "f" and self.gaps[name].lacking is None

    def _nothing_shared(self) -> str:
        sources = [source for source, _ in self._sources.values()]
        shown = [f"{s.label} has {f'keys such as {s.keys.some(range(len(s)), 3)}' if len(s) else 'no samples'}" for s in sources]
        hint = " Arrays without key= are numbered by row: pass key=ids to name their rows." if any(s.keys.is_range for s in sources) else ""
        return f"No key is in all of the sources: {'; '.join(shown)}. Keys are compared as text, '007' is not 7.{hint}{self._forms()}"

    def _forms(self) -> str:
        """What to do where keys that look the same are not: "ë" as one character, and as "e" and two dots."""
        some = [{str(key) for key in source.keys.some(range(len(source)), 100)} for source, _ in self._sources.values()]
        other = any(a != b and normalize("NFC", a) == normalize("NFC", b) for one, two in pairwise(some) for a in one for b in two)
        remedy = " Some differ in their Unicode form only; bring them to one: unicodedata.normalize('NFC', key)."
        return remedy if other and any(not key.isascii() for keys in some for key in keys) else ""
