"""Synthesizers of images and series: what they are told, sampled, saved and loaded, whatever network makes the samples."""

from __future__ import annotations

import abc
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

import plait
from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.meant import meant
from plait.spec import Spec
from plait.synth.archive import write_archive
from plait.synth.canvas import Canvas
from plait.synth.endless import endless
from plait.synth.synthesizer import Synthesizer, check_draw, check_seed
from plait.synth.told import Condition, whole
from plait.tabular import Kind
from plait.tabular.drawn import Drawn
from plait.tabular.given import given_array
from plait.tabular.schema import check_kinds

__all__ = ["Scene", "Spatial", "is_spatial", "weights_in", "weights_of"]

_KEPT = 4_000_000  # numbers of the conditions that are kept to draw from
_FEWEST = 256  # samples of them, however large
_STREAMED = 64  # samples of a stream drawn at once


def is_spatial(data: Dataset) -> bool:
    """Whether a data set holds images or series, rather than columns alone."""
    return any(len(spec.shape) > 1 and not spec.ragged for spec in {**data.inputs, **data.targets}.values())


class Scene:
    """Which streams of a data set are made, and which are told.

    Attributes:
        inputs, targets: stream name -> what one sample looks like.
        canvas: What is made.
        conditions: What is told.
        known: name -> (samples, ...) what some training samples were told, classes as codes: drawn from where nothing is given.
    """

    def __init__(
        self,
        inputs: Mapping[str, Spec],
        targets: Mapping[str, Spec],
        canvas: Canvas,
        conditions: Sequence[Condition],
        known: Mapping[str, np.ndarray],
    ) -> None:
        self.inputs, self.targets, self.canvas = dict(inputs), dict(targets), canvas
        self.conditions, self.known = tuple(conditions), dict(known)

    @classmethod
    def fit(cls, owner: str, data: Dataset, *, condition: Sequence[str] | None, kinds: Mapping[str, Kind] | None, seed: int) -> Scene:
        """What the samples are like.

        Args:
            owner: Who asks: "GAN".
            data: With at least two samples.
            condition: What is told; the inputs when left out.
            kinds: stream -> "category" or "number", where a condition is meant as another than is obvious.
            seed: Of which conditions are kept.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The data or the options cannot be meant.
        """
        check_seed(owner, seed, method="fit")
        check_kinds(kinds)
        if len(data) < 2:
            raise SpecError(f"{owner}.fit: the data set has {len(data)} samples; nothing can be learned from fewer than 2.")
        streams = [*data.inputs, *data.targets]
        told = list(data.inputs) if condition is None else [condition] if isinstance(condition, str) else list(condition)
        unknown = [name for name in [*told, *(kinds or {})] if name not in streams]
        if unknown:
            raise NameUnknownError(f"{owner}.fit: there is no stream {unknown[0]!r}. There are {streams}.{meant(unknown[0], streams)}")
        made = [name for name in streams if name not in told]
        if not made:
            raise ArgumentError(f"{owner}.fit(condition={told}) names every stream, so that nothing is left to generate.")
        whole(owner, data, streams)
        canvas = Canvas.fit(owner, data, made)
        conditions = [Condition.fit(owner, data, name, (kinds or {}).get(name)) for name in told]
        numbers = sum(int(np.prod(c.shape)) for c in conditions) or 1
        rows = np.arange(len(data))
        if len(rows) > (most := max(_FEWEST, _KEPT // numbers)):
            rows = np.sort(np.random.default_rng([int(seed) & 0xFFFFFFFF, 4]).choice(rows, most, replace=False))
        values = data.plain().read(told, rows) if told else {}
        return cls(data.inputs, data.targets, canvas, conditions, {c.name: c.codes(np.asarray(values[c.name])) for c in conditions})

    def hears_series(self, owner: str, recurrent: bool) -> bool:
        """Whether series that are told pass recurrent branches, as was asked.

        Raises:
            ArgumentError: Asked for, and no series is made, or none told.
        """
        if recurrent and not (self.canvas.rank == 1 and any(c.spread(1) for c in self.conditions)):
            made, told = list(self.canvas.specs), [c.name for c in self.conditions] or "nothing"
            raise ArgumentError(
                f"{owner}.fit(recurrent=True) is for series (time, channels) made out of series, and here {told} is told to make {made}. "
                "Leave recurrent= out."
            )
        return bool(recurrent)

    def coded(self, data: Dataset) -> Dataset:
        """The data with every stream as an input, classes as codes: what a network is trained on."""
        streams = {name: data[name] for name in [*data.inputs, *data.targets]}
        whole_set = Dataset(inputs=streams)
        for condition in self.conditions:
            if condition.kind == "class":
                whole_set = whole_set.map(condition.codes, on=condition.name)
        return whole_set

    def told(
        self, owner: str, n: int, given: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """What n samples are told, as a network takes it and as the data hold it.

        Raises:
            ArgumentError: Something is given that is made, or a part of the conditions only.
        """
        names = [c.name for c in self.conditions]
        if given and set(given) != set(names):
            raise ArgumentError(
                f"{owner}.sample(given={sorted(given)}): this {owner} is told {names or 'nothing'}, all or none of it. Other streams are "
                f"told when it is fitted with them: {owner}.fit(data, condition=[...])."
            )
        specs = {**self.inputs, **self.targets}
        if given:
            exact = {c.name: given_array(c.name, given[c.name], specs[c.name], n) for c in self.conditions}
            return {c.name: c.codes(exact[c.name]) for c in self.conditions}, exact
        if not names:
            return {}, {}
        at = rng.integers(0, len(self.known[names[0]]), n)
        coded = {name: values[at] for name, values in self.known.items()}
        return coded, {c.name: c.values(coded[c.name], specs[c.name]) for c in self.conditions}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; `from_state` reads it, with the arrays of `known`."""
        roles = {"inputs": self.inputs, "targets": self.targets}
        specs = {role: [[name, spec.to_json()] for name, spec in own.items()] for role, own in roles.items()}
        return {**specs, "canvas": self.canvas.to_json(), "conditions": [c.to_json() for c in self.conditions]}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], known: Mapping[str, np.ndarray]) -> Scene:
        """What `to_json` gave."""
        inputs, targets = ({name: Spec.from_json(spec) for name, spec in state[role]} for role in ("inputs", "targets"))
        conditions = [Condition.from_json(c) for c in state["conditions"]]
        return cls(inputs, targets, Canvas.from_json(state["canvas"]), conditions, known)


def weights_of(network: Any) -> dict[str, np.ndarray]:
    """The weights of a Keras model by name, to be saved; `weights_in` reads them, in their order."""
    return {f"weight.{number}": np.asarray(value, np.float32) for number, value in enumerate(network.get_weights())}


def weights_in(arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Those that `weights_of` named."""
    return [arrays[f"weight.{number}"] for number in range(sum(name.startswith("weight.") for name in arrays))]


class Spatial(Synthesizer):
    """A distribution of images or series, learned in Keras, given what it is told. Implementations are final and frozen.

    Args:
        scene: What is made and what is told.
    """

    #: What a saved file calls it, and what messages do.
    kind: ClassVar[str]
    called: ClassVar[str]
    version: ClassVar[int] = 2  # of what `save` writes: 1 held networks of another shape

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like."""
        return self._scene.inputs

    @property
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like."""
        return self._scene.targets

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """What it is told; of classes, the levels in the order of their codes."""
        return self._scene.conditions

    def sample(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """Draw n samples; `given` sets what it is told, all of it. By itself it is told what training samples drawn at random were."""
        check_draw(self.called, n, seed, given, self.spec)
        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, (int(seed) >> 32) & 0xFFFFFFFF, int(seed < 0)])
        coded, exact = self._scene.told(self.called, n, given or {}, rng)
        made = self._scene.canvas.streams(self._make(n, coded, rng))
        source = Drawn({**made, **exact}, self.spec, {}, f"sample of {self.called}")
        return Dataset(inputs={name: source[name] for name in self.inputs}, targets={name: source[name] for name in self.targets})

    def stream(self, *, seed: int) -> Dataset:
        """A data set without end, in constant memory, drawn some samples at a time. For `Loader(..., steps=...)`."""
        check_seed(self.called, seed, method="stream")
        return endless(self, seed=seed, block=_STREAMED)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file, whole or not at all: a zip of JSON and arrays, without pickle. `plait.load` reads it."""
        state, arrays = self._state()
        known = {f"known.{number}": values for number, values in enumerate(self._scene.known.values())}
        head = {"kind": self.kind, "plait": plait.__version__, "version": self.version, "scene": self._scene.to_json()}
        write_archive(path, {**head, "known": list(self._scene.known), "state": state}, {**arrays, **known})

    @classmethod
    def from_file(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """What `save` wrote."""
        known = {name: arrays[f"known.{number}"] for number, name in enumerate(state["known"])}
        return cls._restore(Scene.from_state(state["scene"], known), state["state"], arrays)

    def __repr__(self) -> str:
        return f"{self.called}({[c.name for c in self.conditions]} -> {list(self._scene.canvas.specs)})"

    @abc.abstractmethod
    def _make(self, n: int, told: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
        """(n, *space, channels) in the user's units."""

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What `_restore` needs beside the scene: JSON, and arrays by name."""

    @classmethod
    @abc.abstractmethod
    def _restore(cls, scene: Scene, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The object that `_state` was of."""
