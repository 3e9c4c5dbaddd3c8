"""Aligned streams with roles: what one trains on."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plait.align import Policy, align
from plait.draws import Draws, seed_of
from plait.errors import AlignmentError, ArgumentError, NameUnknownError, SpecError
from plait.keys import Keys
from plait.ragged import Array, scatter
from plait.report import Report
from plait.source import Source, Stream, only_stream
from plait.spec import Spec
from plait.split import overlap_report, split_rows, values_for
from plait.steps import Step, check_result, run_step

__all__ = ["Dataset"]

_POLICIES = ("raise", "drop", "mask", "keep")


@dataclass(frozen=True, eq=False)
class _Column:
    stream: Stream
    rows: np.ndarray | None  # aligned sample -> row of the source; None: the same
    absent: np.ndarray | None  # aligned sample -> whether it has no value; None: all have


class Dataset(Source):
    """Named inputs, targets and weights, matched by key. Immutable: `map`, `augment`, `take` and `split` return new ones.

    Args:
        inputs: name -> stream (or a source that has only one).
        targets: name -> stream. A name is an input or a target, never both.
        weights: target name -> stream of one number a sample, not negative.
        missing: What to do about samples that a stream has no value for: because its source lacks the key, or holds null or NaN.
            "raise"; "drop" the sample; "mask": keep it, give the target a finite filler and weight 0 (targets only);
            "keep": hand on the NaN. One policy for all, or a mapping name -> policy ("raise" for those not named).

    Raises:
        AlignmentError: The keys of the sources do not agree; the message says how many and which.
        ArgumentError, NameUnknownError: Roles or policies that cannot be meant.
    """

    def __init__(
        self,
        *,
        inputs: Mapping[str, Source | Stream],
        targets: Mapping[str, Source | Stream] | None = None,
        weights: Mapping[str, Source | Stream] | None = None,
        missing: Policy | Mapping[str, Policy] = "raise",
    ) -> None:
        targets, weights = targets or {}, weights or {}
        _check_roles(inputs, targets, weights)
        streams = {name: only_stream(stream) for name, stream in {**inputs, **targets}.items()}
        streams |= {_weight_name(target): only_stream(stream) for target, stream in weights.items()}
        policies = _policies(missing, inputs, targets, weights)
        joined = align(streams, policies)
        absent = dict(joined.absent)
        for target in weights:
            _check_weight(target, streams[_weight_name(target)].spec, absent, joined.keys)
        self._columns = {name: _Column(stream, joined.rows[name], absent[name]) for name, stream in streams.items()}
        self._inputs, self._targets, self._weights = tuple(inputs), tuple(targets), tuple(weights)
        self._all_keys, self._rows = joined.keys, None
        self._selected: Keys | None = None
        self._join = joined.report
        self._steps: tuple[Step, ...] = ()
        self._specs = {name: stream.spec for name, stream in streams.items()}

    @classmethod
    def of(
        cls,
        existing: object,
        *,
        inputs: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        key: Any = None,
        missing: Policy | Mapping[str, Policy] | None = None,
        samples: int | None = None,
        batched: bool | None = None,
    ) -> Dataset:
        """What a user already has: a `tf.data.Dataset`, `PyDataset`, torch `Dataset` or `DataLoader`, or any iterable of batches.

        It yields (inputs[, targets[, weights]]), each a dict, a tuple or one array, and is read once, into memory: a `PyDataset` or torch
        `Dataset` by index, in order; anything else in the order in which it comes, so one that shuffles gives the samples the row numbers
        of that one pass (name a `key` where samples have one). Parts whose samples differ in length become ragged.

        Args:
            existing: What to read.
            inputs: Names for unnamed inputs, in order ("input", "input_1", ... by itself); or which names of a dict are inputs.
            targets: Names for unnamed targets ("target", "target_1", ...); or which names of a dict are targets.
            key: (samples,) keys, or the name of the part that holds them; row numbers when left out.
            missing: As for `Dataset`; by itself a target that is NaN is masked and an input must not be.
            samples: Read so many and no more; for what has no end.
            batched: Whether it yields batches or single samples, where that cannot be seen.

        Raises:
            ArgumentError, NameUnknownError: It is something else, is empty or has no end, or the names do not go with its parts.
            SpecError: Parts of unequal length, or values that are neither numbers nor text.
        """
        from plait.existing import collect

        columns = collect(existing, inputs=inputs, targets=targets, key=key, samples=samples, batched=batched)
        masked: dict[str, Policy] = {n: "mask" for n in columns.targets if columns.arrays.absent(n) is not None}
        return cls(
            inputs={n: columns.arrays[n] for n in columns.inputs},
            targets={n: columns.arrays[n] for n in columns.targets},
            weights={n: columns.arrays[_weight_name(n)] for n in columns.weights},
            missing=masked if missing is None else missing,
        )

    # what it is

    @property
    def keys(self) -> Keys:
        """The keys of the samples, in order."""
        if self._rows is None:
            return self._all_keys
        if self._selected is None:
            self._selected = self._all_keys.take(self._rows)
        return self._selected

    @property
    def spec(self) -> Mapping[str, Spec]:
        """Every stream by name; the weight of target "grade" is "grade.weight"."""
        return self._specs

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like after the steps."""
        return {name: self._specs[name] for name in self._inputs}

    @property
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like after the steps."""
        return {name: self._specs[name] for name in self._targets}

    @property
    def weights(self) -> Mapping[str, Spec]:
        """Target name -> spec of its weight, for the targets that have one."""
        return {name: self._specs[_weight_name(name)] for name in self._weights}

    @property
    def steps(self) -> tuple[Step, ...]:
        """What `map` and `augment` added, in order."""
        return self._steps

    @property
    def join(self) -> Report:
        """What matched when the sources were joined, what is missing from which, and what was done about it."""
        return self._join

    @property
    def label(self) -> str:
        """Short, for messages."""
        return "Dataset"

    @property
    def in_memory(self) -> bool:  # type: ignore[override]
        """Whether every source is in memory."""
        return all(column.stream.source.in_memory for column in self._columns.values())

    def __len__(self) -> int:
        return len(self._all_keys) if self._rows is None else len(self._rows)

    def absent(self, name: str) -> np.ndarray | None:
        """(samples,) bool, true where a masked stream has no value and is filled with zeros; None where there are none."""
        self._check_names([name])
        gone = self._columns[name].absent
        if gone is None or self._rows is None:
            return gone
        gone = gone[self._rows]
        return gone if gone.any() else None

    def decoder(self, name: str) -> Callable[[Sequence[object]], Array] | None:
        """The source's own step from raw material to values, if it has one."""
        stream = self._columns[name].stream
        return stream.source.decoder(stream.name)

    def origin(self, name: str) -> Stream:
        """The stream of the source that this one is read from, before any step."""
        self._check_names([name])
        return self._columns[name].stream

    def raw(self) -> Dataset:
        """The same samples as their sources give them, without any step."""
        return self._with(_steps=(), _specs={name: column.stream.spec for name, column in self._columns.items()})

    def plain(self) -> Dataset:
        """The same data set without what `augment` added."""
        data = self.raw()
        for step in self._steps:
            data = data if step.random else data._with_step(step)
        return data

    def __str__(self) -> str:
        lines = [f"Dataset of {len(self)} samples, keys such as {self.keys.some(range(min(3, len(self))))}"]
        roles = [(n, "input") for n in self._inputs] + [(n, "target") for n in self._targets]
        roles += [(_weight_name(n), "weight") for n in self._weights]
        width = max(len(name) for name, _ in roles)
        for name, role in roles:
            gone = self.absent(name)
            note = "" if gone is None else f"   {int(gone.sum())} missing, weight 0"
            steps = " -> ".join(step.name for step in self._steps if name in step.on)
            source = self._columns[name].stream.source.label
            lines.append(f"  {role:6}  {name:{width}}  {self._specs[name]!s:24}  {source}{' -> ' + steps if steps else ''}{note}")
        lacking = [f.about for f in self._join if f.values["policy"] == "drop" and f.values["missing"]]
        if lacking:
            dropped = max(int(str(f.values["keys"])) for f in self._join) - len(self._all_keys)
            lines.append(f"  dropped when joined: {dropped} samples without {' or '.join(lacking)}; print(data.join) says which")
        return "\n".join(lines)

    __repr__ = __str__

    # reading

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """The samples at these rows after all steps; random steps draw as in epoch 0 of seed 0."""
        return self.draw(names, rows, seed=0, epoch=0)

    def draw(self, names: Sequence[str], rows: np.ndarray, *, seed: int, epoch: int | np.ndarray) -> dict[str, Array]:
        """The samples at these rows, random steps drawn for this seed and epoch. Pure: (seed, epoch, key, step) decide.

        Args:
            names: Streams, inputs and targets and "<target>.weight".
            rows: (samples,) int64.
            seed: Of the run.
            epoch: One for all, or (samples,) one each.

        Returns:
            name -> (samples, *shape); zeros where a masked target has no value.
        """
        self._check_names(names)
        rows = np.asarray(rows, np.int64)
        needed = self._needed(names)
        samples = rows if self._rows is None else self._rows[rows]
        present = {n: self._present(n, samples) for n in needed}
        values = self._read_sources(needed, samples, present)
        for number, step in enumerate(self._steps):
            if not set(step.on) <= needed:
                continue
            rng = Draws(seed_of(seed, epoch, number, self.keys.hashes(rows))) if step.random else None
            run_step(step, values, present, rng, lambda index: self.keys[int(rows[index])])
        out = {}
        for name in names:
            here = present[name]
            array = values[name] if here is None else scatter(values[name], here, len(rows))
            check_result(name, array, self._specs[name], self._steps, lambda: self.keys.some(rows))
            out[name] = array
        return out

    # what one does with it

    def map(self, fn: Callable[..., Any], on: str | Sequence[str]) -> Dataset:
        """Apply a function to a stream (or to several together) from here on.

        Args:
            fn: array -> array, samples first and as many as before; for several streams arrays -> a tuple (or dict) of as many.
                A `spec` method says what it makes of a spec; without one the first samples are tried.
            on: Name, or names.

        Raises:
            SpecError: The result is no array with one row a sample.
        """
        return self._with_step(Step(fn, (on,) if isinstance(on, str) else tuple(on), random=False))

    def augment(self, fn: Callable[..., Any], on: str | Sequence[str]) -> Dataset:
        """Apply a random function to one or several linked streams: `flip(photo, lesion, rng)`. For the training part.

        Args:
            fn: (array, ..., rng) -> as many arrays. `rng` has NumPy's method names; row i of what it draws belongs to sample i:
                the same for (seed, epoch, key) in any batch, worker and shard, and other in every epoch. See `plait.draws.Draws`.
            on: Name, or names that get the same draw.
        """
        return self._with_step(Step(fn, (on,) if isinstance(on, str) else tuple(on), random=True))

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> Dataset:
        """The samples at these rows (numbers, a mask, a slice), in this order.

        Raises:
            ArgumentError: A row is out of range.
        """
        chosen = np.asarray(rows) if not isinstance(rows, slice) else np.arange(len(self))[rows]
        if chosen.dtype == bool:
            if len(chosen) != len(self):
                raise ArgumentError(f"take(mask): the mask has {len(chosen)} values for {len(self)} samples.")
            chosen = np.flatnonzero(chosen)
        chosen = chosen.astype(np.int64)
        if len(chosen) and not (-len(self) <= chosen.min() and chosen.max() < len(self)):
            raise ArgumentError(f"take(rows): rows from {chosen.min()} to {chosen.max()} of a data set of {len(self)} samples.")
        chosen = np.where(chosen < 0, chosen + len(self), chosen)
        return self._with(_rows=chosen if self._rows is None else self._rows[chosen], _selected=None)

    def split(
        self,
        fraction: float,
        *,
        seed: int = 0,
        by: Stream | str | None = None,
        stratify: Stream | str | Sequence[Stream | str] | None = None,
        time: Stream | str | None = None,
    ) -> tuple[Dataset, Dataset]:
        """Two parts without a common sample: the first holds `fraction` of them.

        Args:
            fraction: Between 0 and 1.
            seed: Which split; the same on every machine, and decided by key, not by order.
            by: No value of this stream is on both sides (hospital, patient).
            stratify: Keep the shares of these classes on both sides; several targets at once; numbers are binned by quintiles.
            time: The first part is the earlier one; samples of equal time stay together.

        A stream is a name of this data set's, or any stream whose source has the same keys.

        Raises:
            ArgumentError: Arguments that exclude each other, or a part would be empty.
        """
        asked = {"by": by, "time": time}
        columns = {k: values_for(self, v, k) for k, v in asked.items() if v is not None}
        many = [] if stratify is None else [stratify] if isinstance(stratify, (str, Stream)) else list(stratify)
        strata = [values_for(self, s, "stratify") for s in many]
        first = split_rows(self.keys, fraction, seed=seed, groups=columns.get("by"), strata=strata, times=columns.get("time"))
        return self.take(first), self.take(~first)

    def overlap(self, other: Dataset, *, by: Stream | str | None = None) -> Report:
        """Whether another part shares samples (keys) with this one, or values of the stream `by`; false when it does."""
        return overlap_report(self, other, by)

    # how it is done

    def _with(self, **changes: object) -> Dataset:
        other = copy.copy(self)
        other.__dict__.update(changes)
        return other

    def _with_step(self, step: Step) -> Dataset:
        self._check_names(step.on)
        if len(set(step.on)) != len(step.on):
            raise ArgumentError(f"{step.name}: on={list(step.on)} names a stream twice.")
        specs = dict(self._specs)
        for name, spec in zip(step.on, self._specs_after(step), strict=True):
            specs[name] = spec
        return self._with(_steps=(*self._steps, step), _specs=specs)

    def _specs_after(self, step: Step) -> list[Spec]:
        before = [self._specs[name] for name in step.on]
        describe = getattr(step.fn, "spec", None)
        if callable(describe) and len(step.on) == 1:
            return [describe(before[0])]
        present = np.ones(len(self), bool)
        for name in step.on:
            gone = self.absent(name)
            present &= True if gone is None else ~gone
        rows = np.flatnonzero(present)[:2]
        values = self.read(step.on, rows)
        rng = Draws(seed_of(0, 0, len(self._steps), self.keys.hashes(rows))) if step.random else None
        run_step(step, values, dict.fromkeys(step.on), rng, lambda index: self.keys[int(rows[index])])
        kept = [Spec.of(values[name]) for name in step.on]
        return [
            Spec(s.shape, s.dtype, b.classes if s.dtype.kind in "iu" and s.shape == b.shape and s.dtype == b.dtype else None, b.unit)
            for s, b in zip(kept, before, strict=True)
        ]

    def _needed(self, names: Sequence[str]) -> set[str]:
        needed = set(names)
        for step in reversed(self._steps):
            if needed & set(step.on):
                needed |= set(step.on)
        return needed

    def _present(self, name: str, samples: np.ndarray) -> np.ndarray | None:
        gone = self._columns[name].absent
        if gone is None:
            return None
        here = ~gone[samples]
        return None if here.all() else np.flatnonzero(here)

    def _read_sources(self, needed: set[str], samples: np.ndarray, present: Mapping[str, np.ndarray | None]) -> dict[str, Array]:
        calls: dict[tuple[int, str | None], list[str]] = {}
        for name in sorted(needed):
            column = self._columns[name]
            calls.setdefault((id(column.stream.source), None if present[name] is None else name), []).append(name)
        values: dict[str, Array] = {}
        for names in calls.values():
            column, here = self._columns[names[0]], present[names[0]]
            picked = samples if here is None else samples[here]
            rows = picked if column.rows is None else column.rows[picked]
            fields = {name: self._columns[name].stream.name for name in names}
            arrays = column.stream.source.read(list(dict.fromkeys(fields.values())), rows)
            values |= {name: arrays[field] for name, field in fields.items()}
        return values

    def _check_names(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._specs:
                raise NameUnknownError(f"The data set has no stream {name!r}. It has {list(self._specs)}.")


def _weight_name(target: str) -> str:
    return f"{target}.weight"


def _check_roles(inputs: Mapping[str, object], targets: Mapping[str, object], weights: Mapping[str, object]) -> None:
    for role, given in (("inputs", inputs), ("targets", targets), ("weights", weights)):
        if not isinstance(given, Mapping):
            raise ArgumentError(f"{role}= is a {type(given).__name__}; give names: {role}={{'age': people['age']}}.")
    if not inputs:
        raise ArgumentError("A data set needs at least one input: plait.Dataset(inputs={'x': ...}, targets={'y': ...}).")
    both = sorted(set(inputs) & set(targets))
    if both:
        raise ArgumentError(
            f"{both} are the names of inputs and of targets. Give the target a name of its own, the one of the model's output: "
            f"targets={{'{both[0]}_out': ...}}; the same stream may stand behind both."
        )
    unknown = sorted(set(weights) - set(targets))
    if unknown:
        raise NameUnknownError(f"weights= names {unknown}, which are no targets. The targets are {list(targets)}.")


def _policies(
    missing: object, inputs: Mapping[str, object], targets: Mapping[str, object], weights: Mapping[str, object]
) -> dict[str, Policy]:
    names = [*inputs, *targets, *map(_weight_name, weights)]
    given = missing if isinstance(missing, Mapping) else dict.fromkeys(names, missing)
    for name, policy in given.items():
        if name not in names:
            raise NameUnknownError(f"missing= names {name!r}, which is no stream of the data set. It has {names}.")
        if policy not in _POLICIES:
            raise ArgumentError(f"missing={policy!r} for {name!r}: choose one of {', '.join(map(repr, _POLICIES))}.")
    if isinstance(missing, Mapping):
        masked = [name for name in inputs if given.get(name) == "mask"]
        if masked:
            raise ArgumentError(f"missing= masks the inputs {masked}; only targets can have weight 0. Use 'drop' for an input.")
    policies: dict[str, Policy] = {name: given.get(name, "raise") for name in names}
    if missing == "mask":
        policies |= dict.fromkeys(inputs, "raise")
    for target in weights:  # where the target has no value, its weight is 0 whatever the table says
        if policies[target] == "mask":
            policies[_weight_name(target)] = "mask"
    return policies


def _check_weight(target: str, spec: Spec, absent: dict[str, np.ndarray | None], keys: Keys) -> None:
    if spec.shape not in ((), (1,)) or spec.dtype.kind not in "biuf":
        raise SpecError(f"The weight of target {target!r} is {spec}; a weight is one number a sample.")
    gone, target_gone = absent[_weight_name(target)], absent[target]
    if gone is not None:
        alone = np.flatnonzero(gone if target_gone is None else gone & ~target_gone)
        if len(alone):
            raise AlignmentError(
                f"{len(alone)} samples have a value of target {target!r} and no weight for it, such as {keys.some(alone)}. "
                "Fill in the weights (1 where in doubt), or leave weights= out."
            )
