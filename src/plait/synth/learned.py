"""Synthesizers that are learned from the columns of a table, and the one way they are fitted, conditioned, saved and loaded."""

from __future__ import annotations

import abc
import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np

import plait
from plait.dataset import Dataset
from plait.errors import ArgumentError, ReadError, SpecError
from plait.spec import Spec
from plait.synth.archive import read_archive, write_archive
from plait.synth.synthesizer import Synthesizer, check_draw, check_seed
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["Learned", "Prepared", "load", "prepare"]

#: The name a saved file bears -> where the class is.
_KINDS = {
    "sequential": ("plait.synth.sequential", "Sequential"),
    "autoregressive": ("plait.synth.autoregressive", "Autoregressive"),
    "gaussian_copula": ("plait.synth.gaussian_copula", "GaussianCopula"),
    "vine_copula": ("plait.synth.vine_copula", "VineCopula"),
    "flow": ("plait.synth.flow", "RowFlow"),
    "flow.arrays": ("plait.synth.flow", "ArrayFlow"),
    "gan": ("plait.synth.gan", "RowGAN"),
    "gan.arrays": ("plait.synth.gan", "ArrayGAN"),
    "bootstrap": ("plait.synth.bootstrap", "Bootstrap"),
    "independent": ("plait.synth.independent", "Independent"),
}


class Learned(Synthesizer):
    """A joint distribution learned from a data set of columns.

    Implementations are final and frozen: `fit` is a class method that returns the finished object.

    Args:
        schema: Of the data.
        constraints: What every sample obeys.
        inner: The schema of what the method itself models: without the variables that constraints derive.
    """

    #: What a saved file calls it.
    kind: ClassVar[str]
    #: What messages call it, where that is not the name of the class.
    called: ClassVar[str] = ""
    #: Of what `save` writes.
    version: ClassVar[int] = 1

    def __init__(self, schema: Schema, constraints: Constraints, inner: Schema) -> None:
        self.schema, self.constraints, self.inner = schema, constraints, inner

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like."""
        return self.schema.input_specs

    @property
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like."""
        return self.schema.target_specs

    def sample(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """Draw n samples; `given` conditions: the other streams are drawn from their distribution given those values."""
        name = self.called or type(self).__name__
        check_draw(name, n, seed, given, self.spec)
        exact = self.schema.given(given or {}, n)
        known = self.schema.encode(exact, n)
        inside = self.constraints.reduce_given(known)
        columns = self._draw(n, rng=np.random.default_rng(_words(seed)), given=inside)
        whole = {**self.constraints.restore(columns), **known}
        return self.schema.dataset({v: whole[v] for v in self.schema.names}, label=f"sample of {name}", given=exact)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to one file, whole or not at all: a zip of JSON and arrays, without pickle. `plait.load` reads it."""
        state, arrays = self._state()
        written = {
            "kind": self.kind,
            "plait": plait.__version__,
            "version": self.version,
            "schema": self.schema.to_json(),
            "constraints": self.constraints.to_json(),
            "inner": self.inner.to_json(),
            "state": state,
        }
        write_archive(path, written, arrays)

    @classmethod
    def from_file(cls, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """What `save` wrote."""
        schema, inner = Schema.from_json(state["schema"]), Schema.from_json(state["inner"])
        return cls._restore(schema, Constraints.from_json(state["constraints"]), inner, state["state"], arrays)

    def __repr__(self) -> str:
        return f"{self.called or type(self).__name__}({list(self.inputs)} -> {list(self.targets)})"

    @abc.abstractmethod
    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every variable of `inner` as a (n,) float64 column, on its grid and within its levels; those in `given` as they are."""

    @abc.abstractmethod
    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """What `_restore` needs beside the schemas: JSON, and arrays by name."""

    @classmethod
    @abc.abstractmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        """The object that `_state` was of."""


class Prepared:
    """A data set ready to be learned from.

    Attributes:
        schema, constraints, inner: As `Learned` takes them.
        columns: variable of `inner` -> (rows,) float64, NaN where missing.
    """

    def __init__(self, schema: Schema, constraints: Constraints, inner: Schema, columns: dict[str, np.ndarray]) -> None:
        self.schema, self.constraints, self.inner, self.columns = schema, constraints, inner, columns

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))


def prepare(
    owner: str, data: Dataset, kinds: Mapping[str, Kind] | None = None, constraints: Sequence[Any] = (), *, seed: object = 0
) -> Prepared:
    """Check the data and take it apart into columns, without what constraints derive.

    Args:
        owner: Who asks: "Sequential".
        data: With at least two samples.
        kinds: stream (or variable) name -> kind, where another than the obvious is meant.
        constraints: What every sample obeys; the data too.
        seed: Of the fit, to be checked.

    Raises:
        ArgumentError, NameUnknownError: It is no data set, or kinds, constraints or seed cannot be meant.
        SpecError: A stream is no column, there are too few samples, or the data break a constraint.
    """
    if not isinstance(data, Dataset):
        raise ArgumentError(
            f"{owner}.fit takes a plait.Dataset, not a {type(data).__name__}. Write plait.Dataset(inputs=..., targets=...)."
        )
    check_seed(owner, seed, method="fit")
    if len(data) < 2:
        raise SpecError(f"{owner}.fit: the data set has {len(data)} samples; nothing can be learned from fewer than 2.")
    schema = Schema.of(data, kinds=kinds)
    rules, columns, inner = Constraints.fit(constraints, schema.columns(data), schema, data.keys)
    return Prepared(schema, rules, inner, columns)


def load(path: str | os.PathLike[str]) -> Synthesizer:
    """The synthesizer that `save` wrote. Nothing in the file is executed.

    Raises:
        ReadError: There is no such file, it is damaged, or it is something else.
    """
    state, arrays = read_archive(path)
    kind = state.get("kind")
    if kind not in _KINDS:
        raise ReadError(f"{os.fspath(path)!r} holds a synthesizer of kind {kind!r}; known: {', '.join(_KINDS)}.")
    module, name = _KINDS[kind]
    cls = getattr(importlib.import_module(module), name)
    if state.get("version") != cls.version:
        raise ReadError(
            f"{os.fspath(path)!r} holds a {cls.called or name} of version {state.get('version')!r}, saved by plait {state.get('plait')!r}; "
            f"plait {plait.__version__} reads version {cls.version}. Fit it and save it anew."
        )
    try:
        return cls.from_file(state, arrays)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise ReadError(f"{os.fspath(path)!r} is damaged: {error!r}. Save it anew.") from error


def _words(seed: int) -> list[int]:
    """Any integer as words that NumPy takes as a seed."""
    seed = int(seed)
    further = [(abs(seed) >> shift) & 0xFFFFFFFF for shift in range(64, seed.bit_length(), 32)]
    return [seed & 0xFFFFFFFF, (seed >> 32) & 0xFFFFFFFF, int(seed < 0), *further]
