"""How one variable of a graph, or several together, is drawn given its parents."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from plait.distributions import Distribution
from plait.errors import ArgumentError, SpecError
from plait.ragged import Ragged
from plait.spec import TEXT, Spec
from plait.synth.flags import Flags
from plait.synth.noise import Noise
from plait.synth.synthesizer import Synthesizer

__all__ = ["RESERVED", "Constant", "Declared", "Fitted", "Function", "Node", "checked", "node"]

RESERVED = ("rng", "n")

Values = Mapping[str, np.ndarray]


class Node(abc.ABC):
    """One step of ancestral sampling: draws the variables `names` given those of `parents`."""

    names: tuple[str, ...]
    parents: tuple[str, ...]
    #: What messages and pictures call it: "function", "Normal", "VineCopula".
    label: str
    #: Whether nothing is drawn: the parents decide.
    deterministic: ClassVar[bool] = False

    @abc.abstractmethod
    def draw(self, known: Values, n: int, *, seed: int, block: int) -> Sequence[Any]:
        """The variables for these n rows, in the order of `names`. Pure."""


@dataclass(frozen=True)
class Function(Node):
    """A function whose parameters name its parents.

    Args:
        names: Of the variable.
        parents: Variables among its parameters.
        call: The function.
        places: Its parameters, in order: a parent, "rng", "n", or a default's value.
        label: "function", or its own name.
    """

    names: tuple[str, ...]
    parents: tuple[str, ...]
    call: Callable[..., Any]
    places: tuple[tuple[str | None, Any], ...]
    label: str

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """Whether it takes no rng."""
        return not any(name == "rng" for name, _ in self.places)

    def draw(self, known: Values, n: int, *, seed: int, block: int) -> Sequence[Any]:
        """What the function returns."""
        name = self.names[0]
        given = [self._argument(place, default, known, n, (seed, name, block)) for place, default in self.places]
        try:
            return (self.call(*given),)
        except Exception as error:
            shapes = ", ".join(f"{p} {Spec.of(known[p])} of {n} rows" for p in self.parents) or f"n={n}"
            error.add_note(f"in the function of variable {name!r} of a plait.Graph, called with {shapes}")
            if isinstance(error, ValueError) and "read-only" in str(error):
                error.add_note(f"Other variables need the same values: write {self.parents[0]} = {self.parents[0]}.copy() first.")
            raise

    def _argument(self, place: str | None, default: Any, known: Values, n: int, key: tuple[int, str, int]) -> Any:
        if place is None:
            return default
        if place == "rng":
            return Noise(*key)
        return n if place == "n" else known[place]


@dataclass(frozen=True)
class Declared(Node):
    """A distribution, whose parameters may be functions of parents."""

    names: tuple[str, ...]
    parents: tuple[str, ...]
    distribution: Distribution

    @property
    def label(self) -> str:  # type: ignore[override]
        """The name of the distribution."""
        return type(self.distribution).__name__

    def draw(self, known: Values, n: int, *, seed: int, block: int) -> Sequence[Any]:
        """A draw from the distribution at these parents."""
        try:
            return (self.distribution.at(known, n).sample(n, rng=Noise(seed, self.names[0], block)),)
        except Exception as error:
            error.add_note(f"in the {self.label} of variable {self.names[0]!r} of a plait.Graph")
            raise

    def log_prob(self, value: np.ndarray, known: Values, n: int) -> np.ndarray:
        """(n,) float64: the log density of these values at these parents."""
        try:
            return self.distribution.at(known, n).log_prob_of_rows(value)
        except Exception as error:
            error.add_note(f"in the {self.label} of variable {self.names[0]!r} of a plait.Graph")
            raise


@dataclass(frozen=True)
class Constant(Node):
    """One value for every row."""

    names: tuple[str, ...]
    value: np.ndarray
    parents: tuple[str, ...] = ()
    label: str = "constant"
    deterministic: ClassVar[bool] = True

    def draw(self, known: Values, n: int, *, seed: int, block: int) -> Sequence[Any]:
        """The value, n times."""
        return (np.repeat(self.value[None], n, axis=0),)


@dataclass(frozen=True)
class Fitted(Node):
    """A synthesizer: draws some of its streams given others."""

    names: tuple[str, ...]
    parents: tuple[str, ...]
    synthesizer: Synthesizer

    @property
    def label(self) -> str:  # type: ignore[override]
        """The name of its class."""
        return type(self.synthesizer).__name__

    def draw(self, known: Values, n: int, *, seed: int, block: int) -> Sequence[Any]:
        """A sample of it, given the parents."""
        key = int(Noise(seed, "/".join(self.names), block).integers(0, 2**62))
        given = {name: known[name] for name in self.parents}
        data = self.synthesizer.sample(n, seed=key, given=given or None)
        for name in self.names:
            if data.absent(name) is not None:
                raise SpecError(
                    f"{self.label} of {list(self.names)} draws missing values of {name!r}, and the variables of a graph have a value in "
                    f"every row. Fit it on data without gaps: plait.Dataset(..., missing='drop')."
                )
        values = data.read(list(self.names), np.arange(n))
        return [values[name] for name in self.names]


def node(names: tuple[str, ...], value: Any, others: Sequence[str], before: Sequence[str]) -> Node:
    """What stands for these variables in a graph.

    Args:
        names: The variables; one, but for a synthesizer that draws several together.
        value: A function, a distribution, a synthesizer, or one value for every row.
        others: All other variables of the graph.
        before: Those that are written before it.

    Raises:
        ArgumentError: It is none of these, or its parameters cannot be meant.
    """
    if isinstance(value, Synthesizer):
        return _fitted(names, value, before)
    name = names[0]
    if len(names) > 1:
        raise ArgumentError(
            f"{names} are drawn together by a {type(value).__name__}; only a fitted synthesizer draws several variables. Give each its own "
            f"function: {{{name!r}: lambda rng, n: ..., {names[1]!r}: lambda rng, {name}: ...}}."
        )
    if isinstance(value, Distribution):
        return Declared(names, _known(name, value.parents, others), value)
    if isinstance(value, type) and issubclass(value, (Distribution, Synthesizer)):
        raise ArgumentError(f"Variable {name!r} is the class {value.__name__}; give one with its parameters: {value.__name__}(...).")
    if callable(value):
        return _function(name, value, others)
    return _constant(name, value)


def checked(name: str, value: Any, n: int, spec: Spec | None) -> np.ndarray:
    """The values of one variable as an array of n rows that nobody can write to.

    Args:
        name: Of the variable.
        value: What was drawn.
        n: Rows there should be.
        spec: What the variable is known to be; None the first time.

    Raises:
        SpecError: Another number of rows, another kind of values than at first, values that are not finite, or no numbers or text.
    """
    array = _as_array(name, value)
    if array.ndim == 0 or len(array) != n:
        found = "one value for all rows" if array.ndim == 0 else f"{len(array)} rows"
        raise SpecError(
            f"Variable {name!r} is {found}, and the graph asked for {n}. The first axis is the rows: lambda rng, n: rng.random(n), or, "
            "with a parent x, lambda rng, x: rng.random(len(x))."
        )
    if spec is not None and (array.dtype != spec.dtype or array.shape[1:] != spec.shape):
        raise SpecError(
            f"Variable {name!r} is {Spec.of(array)} in one block and was {spec} in another. Let its function return the same kind for any "
            "values of its parents: np.asarray(..., np.float32)."
        )
    if array.dtype.kind == "f" and not np.isfinite(np.einsum("i->", array.ravel("K"))):
        bad = ~np.isfinite(array)
        if bad.any():
            raise SpecError(
                f"Variable {name!r} is {array[bad].flat[0]} in {int(bad.reshape(n, -1).any(axis=1).sum())} of {n} rows. The variables of a "
                "graph are finite: keep the arguments of np.log and of divisions away from 0, or write np.nan_to_num(...)."
            )
    if array.dtype.kind in "mM" and np.isnat(array).any():
        raise SpecError(f"Variable {name!r} is NaT in some of {n} rows, and has to have a value in each.")
    array = array.view(Flags) if array.dtype == np.bool_ else array.view()
    array.flags.writeable = False
    return array


def _as_array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Ragged):
        raise SpecError(f"Variable {name!r} is ragged. The rows of a variable have one shape: pad them, plait.Pad(20)(...).")
    if isinstance(value, np.ma.MaskedArray) and np.ma.getmaskarray(value).any():
        raise SpecError(f"Variable {name!r} is masked in some rows. The variables of a graph have a value in each: write filled(...).")
    try:
        array = np.asarray(value)
        objects = array.dtype.kind == "O" and array.size and all(isinstance(v, str) for v in array.flat)
        if objects or array.dtype.kind == "U" or (array.dtype.kind == "T" and array.dtype != TEXT):
            array = array.astype(TEXT)
    except (TypeError, ValueError) as error:
        raise SpecError(f"Variable {name!r} is a {type(value).__name__} that is no array: {error}") from error
    if array.dtype.kind not in "biufmMT":
        raise SpecError(
            f"Variable {name!r} holds values of dtype {array.dtype}. A variable is numbers, dates or text: let its function return an "
            "array of them."
        )
    return array


def _function(name: str, call: Callable[..., Any], others: Sequence[str]) -> Function:
    try:
        parameters = list(inspect.signature(call).parameters.values())
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"Variable {name!r} is {call!r}, whose parameters cannot be told. Wrap it: lambda x: {getattr(call, '__name__', 'f')}(x)."
        ) from error
    places: list[tuple[str | None, Any]] = []
    for parameter in parameters:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ArgumentError(
                f"The function of variable {name!r} has the parameter {str(parameter)!r}. Each parameter names a parent, rng or n: "
                "def duration(rng, engaged): ..."
            )
        if parameter.name in (*RESERVED, *others):
            places.append((parameter.name, None))
        elif parameter.default is not parameter.empty:
            places.append((None, parameter.default))
        else:
            _known(name, (parameter.name,), others)
    parents = tuple(p for p, _ in places if p is not None and p not in RESERVED)
    own = getattr(call, "__name__", type(call).__name__)
    return Function((name,), parents, call, tuple(places), "function" if own == "<lambda>" else own)


def _known(name: str, parents: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    for parent in parents:
        if parent == name:
            raise ArgumentError(f"Variable {name!r} is its own parent. Name what it starts from as a variable of its own: {name}_before.")
        if parent not in others:
            raise ArgumentError(
                f"Variable {name!r} has the parent {parent!r}, which is no variable of the graph. There are "
                f"{[*others, name]}, and rng and n. Add it, {{{parent!r}: lambda rng, n: ...}}, or give the parameter a default."
            )
    return tuple(parents)


def _fitted(names: tuple[str, ...], synthesizer: Synthesizer, before: Sequence[str]) -> Fitted:
    label, streams = type(synthesizer).__name__, list(synthesizer.spec)
    lacking = [name for name in names if name not in streams]
    if lacking:
        raise ArgumentError(f"{label} stands for the variable {lacking[0]!r} and has no such stream. It has {streams}.")
    return Fitted(names, tuple(name for name in streams if name in before), synthesizer)


def _constant(name: str, value: Any) -> Constant:
    try:
        array = _as_array(name, value)
    except SpecError as error:
        raise ArgumentError(
            f"Variable {name!r} is a {type(value).__name__}. A variable is a function, a distribution such as "
            "plait.distributions.Normal(0, 1), a fitted synthesizer, or one value for all rows."
        ) from error
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    return Constant((name,), array)
