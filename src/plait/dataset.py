"""Aligned streams with roles: what one trains on."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from plait.align import align
from plait.columns import Column, read_columns
from plait.draws import Draws, seed_of
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.gaps import Policy
from plait.held import Held, settled
from plait.keys import Keys
from plait.meant import meant
from plait.ragged import Array, scatter
from plait.report import Report
from plait.roles import check_roles, check_weight, policies_of, weight_name
from plait.source import Source, Stream, only_stream, row_numbers
from plait.spec import Spec
from plait.split import Given, overlap_report, split_rows
from plait.steps import Step, check_result, run_step, turn
from plait.visible import printable
from plait.whereabouts import say_where

__all__ = ["Dataset"]

_TRIED = 64  # samples of which one can be read, to see what a step makes of them
_BELOW = 8  # sets the draws of a data set apart from those of the one that is built on it


class Dataset(Source):
    """Named inputs, targets and weights, matched by key. Immutable: `map`, `augment`, `take` and `split` return new ones.

    Args:
        inputs: name -> stream (or a source that has only one).
        targets: name -> stream. A name is an input or a target, never both.
        weights: target name -> stream of one number a sample, not negative.
        missing: What to do about samples that a stream has no value for: because its source lacks the key, or holds null or NaN.
            "raise"; "drop" the sample; "mask": keep it, give the target a finite filler and weight 0 (targets only);
            "keep": hand on NaN (streams of floats whose source has the key). One policy for all, or a mapping name -> policy ("raise"
            for those not named; the weight of target "grade" is "grade.weight").

    Raises:
        AlignmentError: The keys of the sources do not agree; the message says how many and which.
        ArgumentError, NameUnknownError: Roles or policies that cannot be meant.
        SpecError: A weight is no number.
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
        check_roles(inputs, targets, weights)
        streams = {name: only_stream(stream) for name, stream in {**inputs, **targets}.items()}
        streams |= {weight_name(target): only_stream(stream) for target, stream in weights.items()}
        policies = policies_of(missing, inputs, targets, weights)
        roles = dict.fromkeys(streams, "weight") | dict.fromkeys(inputs, "input") | dict.fromkeys(targets, "target")
        joined = align(streams, policies, roles)
        for target in weights:
            check_weight(target, streams[weight_name(target)].spec, joined.absent, joined.keys)
        self._columns = {
            name: Column(stream, joined.rows[name], joined.absent[name], policies[name] == "keep") for name, stream in streams.items()
        }
        self._inputs, self._targets, self._weights = tuple(inputs), tuple(targets), tuple(weights)
        self._all_keys, self._rows = joined.keys, None
        self._selected: Keys | None = None
        self._join = joined.report
        self._steps: tuple[Step, ...] = ()
        self._specs = {name: stream.spec for name, stream in streams.items()}
        self._drawn = _drawn(streams)
        self._held = Held({}, frozenset())

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
            weights={n: columns.arrays[weight_name(n)] for n in columns.weights},
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
        return MappingProxyType(self._specs)

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
        return {name: self._specs[weight_name(name)] for name in self._weights}

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
        return all(self.storage(name).source.in_memory for name in self._columns)

    @property
    def mapped_bytes(self) -> int:  # type: ignore[override]
        """Bytes of files that rows are gathered from."""
        sources = {id(source): source for name in self._columns for source in [self.storage(name).source]}
        return sum(source.mapped_bytes for source in sources.values())

    @property
    def endless(self) -> bool:  # type: ignore[override]
        """Whether the samples have no end, because they are drawn."""
        return self._rows is None and any(column.stream.source.endless for column in self._columns.values())

    @property
    def block(self) -> int | None:  # type: ignore[override]
        """Samples that are drawn together, where they are drawn."""
        return max((column.stream.source.block or 0 for column in self._columns.values()), default=0) or None

    def __len__(self) -> int:
        return super().__len__() if self.endless else self._count

    @property
    def _count(self) -> int:
        """The number of samples; `ENDLESS` where they have no end."""
        return len(self._all_keys) if self._rows is None else len(self._rows)

    def absent(self, name: str) -> np.ndarray | None:
        """(samples,) bool, true where a masked stream has no value and is filled with zeros; None where there are none."""
        self._check_names([name])
        gone = None if self._columns[name].keep else self._columns[name].absent
        if gone is None or self._rows is None:
            return gone
        gone = gone[self._rows]
        return gone if gone.any() else None

    def decoder(self, name: str) -> Callable[[Sequence[object]], Array] | None:
        """The source's own step from raw material to values, if it has one."""
        self._check_names([name])
        stream = self._columns[name].stream
        return stream.source.decoder(stream.name)

    def origin(self, name: str) -> Stream:
        """The stream of the source that this one is read from, before any step."""
        self._check_names([name])
        return self._columns[name].stream

    def path(self, name: str, row: int) -> str:
        """The file that holds a sample of a stream, where each has one; else empty."""
        self._check_names([name])
        column, sample = self._columns[name], int(row) if self._rows is None else int(self._rows[row])
        return column.stream.source.path(column.stream.name, sample if column.rows is None else int(column.rows[sample]))

    def storage(self, name: str) -> Stream:
        """The stream that is read for this one: of what `plait.cache` keeps, else its origin."""
        self._check_names([name])
        return self._held.columns.get(name, self._columns[name]).stream

    @property
    def pending(self) -> tuple[tuple[int, Step], ...]:
        """The steps that run for every batch, with their numbers: all but those whose results `plait.cache` keeps."""
        return tuple((number, step) for number, step in enumerate(self._steps) if number not in self._held.steps)

    def raw(self) -> Dataset:
        """The same samples as their sources give them, without any step."""
        specs = {name: column.stream.spec for name, column in self._columns.items()}
        return self._with(_steps=(), _specs=specs, _held=Held({}, frozenset()))

    def stored(self) -> Dataset:
        """The same samples as they are read: as `plait.cache` keeps them, else as their sources give them."""
        return self._with(_steps=(), _specs={name: self.storage(name).spec for name in self._columns})

    def settled(self) -> tuple[Dataset, frozenset[int]]:
        """What is the same in every epoch and takes time: a part of the streams, after the steps before which nothing random touches them.

        Returns:
            A data set of those streams as inputs, each sample once, in the order of the rows; and the numbers of those steps.
        """
        random = {n for n, c in self._columns.items() if isinstance(c.stream.source, Dataset) and c.stream.source._draws()}
        steps, _ = settled(self._steps, random)
        new = {name for number, step in self.pending if number in steps for name in step.on}
        names = tuple(n for n in self._columns if n in new or (n not in random and not self.storage(n).source.in_memory))
        data = self.raw()
        for number, step in enumerate(self._steps):
            data = data._with_step(step) if number in steps else data._with(_steps=(*data._steps, Step(_unchanged, (), False)))
        rows = None if self._rows is None else np.unique(self._rows)
        roles: dict[str, object] = {"_inputs": names, "_targets": (), "_weights": (), "_rows": rows, "_selected": None, "_held": self._held}
        columns, specs = ({name: table[name] for name in names} for table in (self._columns, data._specs))
        return data._with(_columns=columns, _specs=specs, **roles), steps

    def hold(self, source: Source, steps: frozenset[int]) -> Dataset:
        """The same data set, which reads what a source has of the streams of `settled`, after these steps, from there."""
        rows = None
        if self._rows is not None:
            unique = np.unique(self._rows)
            rows = np.full(len(self._all_keys), -1, np.int64)
            rows[unique] = np.arange(len(unique))
        columns = {n: Column(source[n], rows, None if c.keep else c.absent, False) for n, c in self._columns.items() if n in source.spec}
        return self._with(_held=Held({**self._held.columns, **columns}, self._held.steps | steps))

    def plain(self) -> Dataset:
        """The same data set without what `augment` added."""
        below = {id(c.stream.source): c.stream.source for c in self._columns.values()}
        plain = {number: source.plain() for number, source in below.items() if isinstance(source, Dataset) and source._draws()}
        columns = {
            name: replace(column, stream=Stream(plain.get(id(column.stream.source), column.stream.source), column.stream.name))
            for name, column in self._columns.items()
        }
        data = self._with(_columns=columns).raw()
        for step in self._steps:
            data = data if step.random else data._with_step(step)
        kept = [number for number, step in enumerate(self._steps) if not step.random]
        return data._with(_held=Held(self._held.columns, frozenset(kept.index(number) for number in self._held.steps)))

    def __str__(self) -> str:
        lines = [f"Dataset of {len(self)} samples, keys such as {self.keys.some(range(min(3, len(self))))}"] if not self.endless else []
        lines = lines or [f"Dataset without end, drawn {self.block} samples at a time"]
        roles = [(n, "input") for n in self._inputs] + [(n, "target") for n in self._targets]
        roles += [(weight_name(n), "weight") for n in self._weights]
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
        return printable("\n".join(lines))

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
        if self._drawn is not None and not self._steps and self._rows is None:
            return self._drawn.read(names, rows)
        rows = row_numbers(rows, self._count, self.label)
        needed, steps = self._needed(names)
        samples = rows if self._rows is None else self._rows[rows]
        columns = {name: self._held.columns.get(name, self._columns[name]) for name in sorted(needed)}
        present = {name: column.present(samples) for name, column in columns.items()}

        def read(source: Source, fields: list[str], at: np.ndarray, here: np.ndarray | None) -> Mapping[str, Array]:
            if not isinstance(source, Dataset):
                return source.read(fields, at)
            epochs = epoch if here is None or np.ndim(epoch) == 0 else np.asarray(epoch)[here]
            return source.draw(fields, at, seed=int(seed_of(seed, _BELOW)), epoch=epochs)

        values = read_columns(columns, samples, present, read)
        hashes = self.keys.hashes(rows) if any(self._steps[number].random for number in steps) else None
        for number in steps:
            step = self._steps[number]
            rng = Draws(seed_of(seed, epoch, turn(self._steps, number), hashes)) if step.random and hashes is not None else None
            try:
                run_step(step, values, present, rng, lambda place: self.keys[int(rows[place])], samples=len(rows))
            except Exception as error:
                say_where(error, f"step {step.name}", step.on)
                raise
        out = {}
        for name in names:
            here = present[name]
            array = values[name] if here is None else scatter(values[name], here, len(rows))
            try:
                check_result(name, array, self._specs[name], self._steps, lambda: self.keys.some(rows))
            except SpecError as error:
                say_where(error, "check", [name])
                raise
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
        return self._with_step(_step(fn, on, random=False))

    def augment(self, fn: Callable[..., Any], on: str | Sequence[str]) -> Dataset:
        """Apply a random function to one or several linked streams: `flip(photo, lesion, rng)`. For the training part.

        Args:
            fn: (array, ..., rng) -> as many arrays. `rng` has NumPy's method names; row i of what it draws belongs to sample i:
                the same for (seed, epoch, key) in any batch, worker and shard, and other in every epoch. See `plait.draws.Draws`.
            on: Name, or names that get the same draw.
        """
        return self._with_step(_step(fn, on, random=True))

    def take(self, rows: Sequence[int] | np.ndarray | slice) -> Dataset:
        """The samples at these rows (numbers, from the end where negative; a mask; a slice), in this order, repetitions allowed.

        Raises:
            ArgumentError: A row is out of range, or the mask has another length.
        """
        count = self._count
        if self.endless and isinstance(rows, slice) and (rows.stop is None or rows.stop < 0):
            raise ArgumentError(f"take({rows}): the data have no end. Say where to stop: data.take(slice(0, 1000)).")
        chosen = np.asarray(rows) if not isinstance(rows, slice) else np.arange(*rows.indices(count))
        if chosen.dtype == bool:
            if chosen.shape != (count,):
                found = "data without end" if self.endless else f"{count} samples"
                raise ArgumentError(f"take(mask): the mask has the shape {chosen.shape} for {found}.")
            chosen = np.flatnonzero(chosen)
        if chosen.dtype.kind in "iu" and not self.endless:
            chosen = np.where((chosen < 0) & (chosen >= -count), chosen + count, chosen)
        chosen = row_numbers(chosen, count, "take(rows)")
        return self._with(_rows=chosen if self._rows is None else self._rows[chosen], _selected=None)

    def split(
        self,
        fraction: float,
        *,
        seed: int = 0,
        by: Given | None = None,
        stratify: Given | Sequence[Given] | None = None,
        time: Given | None = None,
    ) -> tuple[Dataset, Dataset]:
        """Two parts without a common sample: the first holds `fraction` of them.

        Args:
            fraction: Between 0 and 1.
            seed: Which split; the same on every machine, and decided by key, not by order.
            by: No value of this stream is on both sides (hospital, patient).
            stratify: Keep the shares of these classes on both sides; several targets at once; numbers are binned by quintiles, and
                samples without a value are a class of their own.
            time: The first part is the earlier one; samples of equal time stay together. Numbers, np.datetime64 or ISO dates.

        A stream is a name of this data set's, or any stream whose source has the same keys.

        Raises:
            ArgumentError: Arguments that exclude each other, or a part would be empty.
            AlignmentError, SpecError: A stream that has no value for a sample, or several, or is no time.
        """
        if self.endless:
            raise ArgumentError(
                f"split({fraction}): the data have no end, so no parts. Draw a second data set with another seed to test on: "
                "synthesizer.sample(10_000, seed=1)."
            )
        first = split_rows(self, fraction, seed=seed, by=by, stratify=stratify, time=time)
        return self.take(first), self.take(~first)

    def overlap(self, other: Dataset, *, by: Given | None = None) -> Report:
        """Whether another part shares samples (keys) with this one, or values of the stream `by`; false when it does."""
        return overlap_report(self, other, by)

    # how it is done

    def _with(self, **changes: object) -> Dataset:
        other = copy.copy(self)
        vars(other).update(changes)
        return other

    def _draws(self) -> bool:
        below = {id(c.stream.source): c.stream.source for c in self._columns.values()}.values()
        return any(step.random for step in self._steps) or any(isinstance(s, Dataset) and s._draws() for s in below)

    def _with_step(self, step: Step) -> Dataset:
        self._check_names(step.on)
        if len(set(step.on)) != len(step.on):
            raise ArgumentError(f"{step.name}: on={list(step.on)} names a stream twice.")
        specs = dict(self._specs) | dict(zip(step.on, self._specs_after(step), strict=True))
        return self._with(_steps=(*self._steps, step), _specs=specs)

    def _specs_after(self, step: Step) -> list[Spec]:
        before = [self._specs[name] for name in step.on]
        describe: Any = getattr(step.fn, "spec", None)
        if callable(describe) and len(step.on) == 1:
            described = describe(before[0])
            if isinstance(described, Spec):
                return [described]
            raise SpecError(f"{step.name}.spec returned a {type(described).__name__}; it is to say what it makes of a Spec, as a Spec.")
        present = np.ones(min(self._count, 2) if self.endless else self._count, bool)
        for name in step.on:
            gone = self.absent(name)
            present &= True if gone is None else ~gone
        rows, values = self._readable(step.on, np.flatnonzero(present)[:_TRIED])
        rng = Draws(seed_of(0, 0, turn(self._steps, len(self._steps)), self.keys.hashes(rows))) if step.random else None
        run_step(step, values, dict.fromkeys(step.on), rng, lambda place: self.keys[int(rows[place])], samples=len(rows))
        return [_kept_meaning(Spec.of(values[name]), spec) for name, spec in zip(step.on, before, strict=True)]

    def _readable(self, names: Sequence[str], rows: np.ndarray) -> tuple[np.ndarray, dict[str, Array]]:
        """The first samples, to see what a step makes of them; one that can be read where they cannot: who feeds them minds that."""
        try:
            return rows[:2], self.read(names, rows[:2])
        except Exception:  # of a source, or of a step before
            for row in rows:
                with contextlib.suppress(Exception):
                    return np.array([row]), self.read(names, np.array([row]))
            raise

    def _needed(self, names: Sequence[str]) -> tuple[set[str], list[int]]:
        """The streams and the steps (by number) that these streams are made of."""
        needed, steps = set(names), []
        for number, step in reversed(self.pending):
            if needed & set(step.on):
                needed |= set(step.on)
                steps.append(number)
        return needed, steps[::-1]

    def _check_names(self, names: Sequence[str]) -> None:
        for name in names:
            if name not in self._specs:
                raise NameUnknownError(f"The data set has no stream {name!r}. It has {list(self._specs)}.{meant(name, self._specs)}")


def _drawn(streams: Mapping[str, Stream]) -> Source | None:
    """The source of samples without end that has these streams by these names, and so can be read as it is."""
    source = next(iter(streams.values())).source
    same = all(stream.source is source and stream.name == name for name, stream in streams.items())
    return source if source.endless and same and not isinstance(source, Dataset) else None


def _step(fn: Callable[..., Any], on: str | Sequence[str], *, random: bool) -> Step:
    names = (on,) if isinstance(on, str) else tuple(on) if isinstance(on, Sequence) else ()
    if not callable(fn) or not names:
        raise ArgumentError(f"A step is a function and the streams it works on: data.map(fn, on='age'); found {fn!r} and on={on!r}.")
    return Step(fn, names, random)


def _unchanged(*arrays: Array) -> tuple[Array, ...]:
    """In the place of a step that is left out, so that the others keep their numbers."""
    return arrays


def _kept_meaning(found: Spec, before: Spec) -> Spec:
    """Classes where shape and dtype of the codes are the same as before, and the unit."""
    same = (found.shape, found.dtype) == (before.shape, before.dtype) and found.dtype.kind in "iu"
    return replace(found, classes=before.classes if same else None, unit=before.unit)
