"""What a data set does to its samples, kept for later: applied to raw samples, turned around for predictions, saved as JSON."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, SpecError, TransformError
from plait.meant import meant
from plait.preprocessing.decoding import decode
from plait.preprocessing.raw import column_of
from plait.preprocessing.saved import Entry, read_state, write_state
from plait.ragged import Array, Ragged
from plait.spec import Spec
from plait.steps import Step, check_result, run_step
from plait.visible import printable

__all__ = ["Preprocessing"]


class Preprocessing:
    """Every step of a data set that draws nothing, in order, and how its sources read raw material. Immutable, thread-safe.

    What `augment` added is left out: it is for training. Needs neither Keras nor the training data, nor in a fresh process the sources.

    Args:
        data: The training part, with its steps.

    Raises:
        TransformError: A step works on inputs and targets together, or on streams that the data set does not have; or a random step
            changes shape or dtype, so that the samples to predict from would not fit.
    """

    inputs: Mapping[str, Entry]
    targets: Mapping[str, Entry]
    steps: tuple[Step, ...]

    def __init__(self, data: Dataset) -> None:
        if not isinstance(data, Dataset):
            raise ArgumentError(
                f"Preprocessing takes the training part, a plait.Dataset with its steps, and was given a {type(data).__name__}. "
                "To read a saved one write plait.Preprocessing.load(path)."
            )
        ready = data.plain().spec
        names = [*data.inputs, *data.targets]
        steps, raw = _collected(data, names)
        entries = {name: Entry(raw[name], ready[name], data.decoder(name)) for name in names}
        self.inputs = {name: entries[name] for name in data.inputs}
        self.targets = {name: entries[name] for name in data.targets}
        self.steps = tuple(steps)
        for step in steps:
            both = [sorted(set(step.on) & set(role)) for role in (self.inputs, self.targets)]
            if all(both):
                raise TransformError(
                    f"Step {step.name} works on the inputs {both[0]} and the targets {both[1]} together, and there are no targets when one "
                    f"predicts. Map it on each by itself: data.map(fn, on={both[0][0]!r}).map(fn, on={both[1][0]!r})."
                )

    def __call__(self, samples: Mapping[str, Sequence[object] | Array]) -> dict[str, np.ndarray]:
        """Raw samples as the model takes them.

        Args:
            samples: Every input (and targets, where they are wanted), a list or array each, samples first and equally many:
                `{"photo": ["new.jpg"], "age": [41]}`. Where the source reads files: their paths, or whatever else it takes, or a numeric
                array of what it gives.

        Returns:
            name -> array of what a `Loader` would emit: float32, int32, bool. Samples that stay of unequal length are filled up with
            zeros to the longest.

        Raises:
            NameUnknownError, ArgumentError: Names that do not exist or are missing; unequal numbers of samples.
            SpecError: Values that are not what the stream holds, or a result that no model takes.
            TransformError, ReadError: A step or a file fails; naming the stream and the sample.
        """
        if not hasattr(samples, "keys"):
            raise ArgumentError(
                f"Raw samples are a dict, input name -> list, and a {type(samples).__name__} was given. It takes {list(self.inputs)}."
            )
        given = {str(name): samples[name] for name in samples.keys()}  # noqa: SIM118 - a table of pandas iterates otherwise
        self._check_names(given)
        known = {**self.inputs, **self.targets}
        role = {name: f"Input {name!r}" if name in self.inputs else f"Target {name!r}" for name in given}
        values = {name: column_of(values, known[name].raw, known[name].decoder, label=role[name]) for name, values in given.items()}
        counts = {name: len(column) for name, column in values.items()}
        if len(set(counts.values())) > 1:
            raise ArgumentError(f"Unequal numbers of samples: {counts}. Give every stream one entry a sample.")
        for step in self.steps:
            lacking = sorted(set(step.on) - set(values))
            if len(lacking) == len(step.on):
                continue
            if lacking:
                raise ArgumentError(f"Step {step.name} makes {list(step.on)} together; give {lacking} too.")
            run_step(step, values, dict.fromkeys(values), None, lambda row: row, samples=next(iter(counts.values())))
        for name, column in values.items():
            check_result(name, column, known[name].ready, self.steps, lambda: "of those given")
        return {name: _fed(column, role[name]) for name, column in values.items()}

    def decode(self, predictions: Any) -> dict[str, Array]:
        """Predictions in the words and units of the raw targets; see `plait.decoding.decode`.

        Args:
            predictions: As `model.predict` returns them: target name -> array, or one array where there is one target, or a list in the
                order of the targets.
        """
        return decode(predictions, {name: (entry.raw, entry.ready) for name, entry in self.targets.items()}, self.steps)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it as JSON: whole or not at all.

        Raises:
            TransformError: A step or decoder has no JSON form.
            ReadError: The file cannot be written.
        """
        write_state(os.fspath(path), self.inputs, self.targets, self.steps)

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, transforms: Mapping[str, Any] | None = None) -> Preprocessing:
        """Read what `save` wrote. Nothing in it is executed.

        Args:
            path: Of the file.
            transforms: The classes of steps and decoders that are not plait's own, by name: `{"Log": Log}`.

        Raises:
            ReadError: The file cannot be read.
            TransformError: It is damaged, no preprocessing, of a later version, or names a step that plait does not know.
        """
        self = cls.__new__(cls)
        self.inputs, self.targets, self.steps = read_state(os.fspath(path), transforms)
        return self

    def __str__(self) -> str:
        lines = ["Preprocessing"]
        for role, entries in (("input", self.inputs), ("target", self.targets)):
            for name, entry in entries.items():
                steps = [step.name for step in self.steps if name in step.on]
                first = [type(entry.decoder).__name__] if entry.decoder is not None else []
                lines.append(
                    f"  {role:6}  {name}  " + " -> ".join([*first, str(entry.raw), *steps, *([str(entry.ready)] if steps else [])])
                )
        return printable("\n".join(lines))

    __repr__ = __str__

    def _check_names(self, given: Mapping[str, object]) -> None:
        unknown = sorted(set(given) - set(self.inputs) - set(self.targets))
        if unknown:
            targets = f" (and, where wanted, the targets {list(self.targets)})" if self.targets else ""
            raise NameUnknownError(
                f"There is no stream {', '.join(map(repr, unknown))}. Give the inputs {list(self.inputs)}{targets}."
                f"{meant(unknown[0], [*self.inputs, *self.targets])}"
            )
        missing = [name for name in self.inputs if name not in given]
        if missing:
            raise ArgumentError(f"Inputs are missing: {missing}. Give all of {list(self.inputs)}, one entry a sample each.")


def _collected(data: Dataset, names: Sequence[str]) -> tuple[list[Step], dict[str, Spec]]:
    """The steps that make these streams, also those of data sets that it is built on; and what their sources give."""
    plain = data.plain()
    for name in names:
        (declared, found) = (data.spec[name], plain.spec[name])
        step = next((step for step in reversed(data.steps) if step.random and name in step.on), None)  # else it is one of a data set below
        if step is not None and (declared.shape, declared.dtype) != (found.shape, found.dtype):
            raise TransformError(
                f"The random step {step.name} makes {declared} of {name!r}, and without it, as when one predicts, it is {found}. "
                f"Do what is not random with data.map before: data.map(fn, on={name!r}).augment({step.name}, on={name!r})."
            )
    raw = {name: data.origin(name).spec for name in names}
    steps: list[Step] = []
    below: dict[int, dict[str, str]] = {}  # a data set that this one is built on -> our name -> its name
    for name in names:
        origin = data.origin(name)
        if isinstance(origin.source, Dataset):
            below.setdefault(id(origin.source), {})[name] = origin.name
    for theirs in below.values():
        inner = data.origin(next(iter(theirs))).source
        assert isinstance(inner, Dataset)
        made, sources = _collected(inner, list(dict.fromkeys(theirs.values())))
        raw |= {ours: sources[their] for ours, their in theirs.items()}
        steps += [renamed for step in made for renamed in _renamed(step, theirs)]
    wanted = set(names)
    return steps + [step for step in data.steps if not step.random and wanted & set(step.on)], raw


def _renamed(step: Step, theirs: Mapping[str, str]) -> list[Step]:
    """The same step under our names: several where several of our streams are one of theirs."""
    ours = {their: [our for our, name in theirs.items() if name == their] for their in step.on}
    if len(step.on) == 1:
        return [Step(step.fn, (our,), random=False) for our in ours[step.on[0]]]
    if any(len(found) != 1 for found in ours.values()):
        raise TransformError(
            f"Step {step.name} makes {list(step.on)} of a data set together, and the data set built on it uses "
            f"{sorted(their for their, found in ours.items() if found)}. Map it on each by itself, or use all of them once."
        )
    return [Step(step.fn, tuple(ours[their][0] for their in step.on), random=False)]


def _fed(column: Array, label: str) -> np.ndarray:
    """As a `Loader` casts it: floats to float32, integers to int32 where they are wider."""
    if isinstance(column, Ragged):
        column = column.padded(int(column.lengths.max(initial=0)), value="" if column.dtype.kind == "T" else 0)
    kind, width = column.dtype.kind, column.dtype.itemsize
    if kind not in "biuf":
        what = "text" if kind == "T" else f"of dtype {column.dtype}"
        raise SpecError(f"{label} is {what} after its steps, and a model takes numbers. Map Tokenize or Vocabulary on it before training.")
    if kind == "f":
        with np.errstate(over="ignore"):
            column = column.astype(np.float32, copy=False)
        bad, fault = ~np.isfinite(column), "is NaN or infinite after its steps (or too large for float32)"
    elif width == 8 or (kind == "u" and width > 1):
        info = np.iinfo(np.int32)
        bad, fault = (column < info.min) | (column > info.max), "does not fit int32 after its steps"
        column = column.astype(np.int32)
    else:
        return column
    if bad.any():
        raise SpecError(f"{label} {fault} at sample {int(np.argwhere(bad)[0][0])}. Leave the sample out, or mend it before.")
    return column
