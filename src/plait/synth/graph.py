"""A joint distribution written down: one function or distribution a variable, given its parents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.meant import meant
from plait.ragged import Array
from plait.spec import Spec
from plait.synth.ancestral import Ancestral, empty_like, ordered
from plait.synth.conditioning import Conditioned, condition, log_prob
from plait.synth.drawing import Picture, picture
from plait.synth.endless import Endless, endless_dataset
from plait.synth.nodes import RESERVED, Node, node
from plait.synth.synthesizer import Synthesizer, check_draw
from plait.tabular.drawn import Drawn
from plait.tabular.given import given_array

__all__ = ["Graph"]


class Graph(Synthesizer):
    """An explicit joint distribution: a directed graph without circles, in which each variable is drawn given its parents.

        sessions = plait.Graph({
            "x":        lambda rng, n: rng.random((n, 5)),
            "engaged":  lambda rng, x: rng.random(len(x)) < x.mean(axis=1),
            "duration": lambda rng, engaged: rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)),
        }, inputs=["x"], targets=["engaged", "duration"])

    A function's parameters name its parents; `rng` is a random generator (`plait.synth.noise.Noise`: NumPy's methods, float32) and `n`
    the number of rows. It sees whole columns, thousands of rows at once, and returns as many rows: numbers, vectors, images, series,
    text or dates. A variable may also be a distribution (`plait.distributions`), a fitted synthesizer, or one value for all rows. Where a
    synthesizer stands for one name it draws that stream given those of its streams that are written before it; under a tuple of names it
    draws them together.

    Every variable has random numbers of its own, decided by (seed, its name, number of the block). So `given`, which sets variables
    whatever their parents are (an intervention; `condition` is the other thing), leaves the noise of all others as it is.
    Samples are the beginning of the stream: `sample(n, seed=s)` is the first n rows of `stream(seed=s)`.

    Args:
        variables: name (or a tuple of names) -> function, distribution, synthesizer, or value. Any order.
        inputs: Names of the variables that are inputs of a model.
        targets: Names of those that are targets. What has no role is latent.

    Raises:
        ArgumentError: A circle, an unknown parent, or something that draws no variable; by name.
        NameUnknownError: A role for a variable that there is not.
        SpecError: A variable is no array of one row a row, or not finite. All are drawn once, seven rows, when the graph is declared.
    """

    def __init__(self, variables: Mapping[Any, Any], *, inputs: Sequence[str], targets: Sequence[str] = ()) -> None:
        keys = _keys(variables)
        names = [name for key in keys for name in key]
        nodes: list[Node] = []
        for key, value in zip(keys, variables.values(), strict=True):
            before = [name for done in nodes for name in done.names]
            nodes.append(node(key, value, [name for name in names if name not in key], before))
        self._inputs, self._targets = _role("inputs", inputs, names), _role("targets", targets, names)
        if not self._inputs:
            raise ArgumentError(f"A Graph needs at least one input: plait.Graph({{...}}, inputs=[{names[0]!r}], targets=[...]).")
        both = [name for name in self._inputs if name in self._targets]
        if both:
            name = both[0]
            raise ArgumentError(f"{name!r} is an input and a target. Give the target a variable of its own: 'y': lambda {name}: {name}.")
        self._names = tuple(names)
        self._ancestral = Ancestral(ordered(nodes))

    # what it is

    @property
    def inputs(self) -> Mapping[str, Spec]:
        """Input name -> what one sample looks like."""
        return {name: self.variables[name] for name in self._inputs}

    @property
    def targets(self) -> Mapping[str, Spec]:
        """Target name -> what one sample looks like."""
        return {name: self.variables[name] for name in self._targets}

    @property
    def latent(self) -> Mapping[str, Spec]:
        """Variable without a role -> what one sample looks like."""
        return {name: spec for name, spec in self.variables.items() if name not in (*self._inputs, *self._targets)}

    @property
    def variables(self) -> Mapping[str, Spec]:
        """Every variable in the order in which they are written."""
        return {name: self._ancestral.specs[name] for name in self._names}

    @property
    def nodes(self) -> tuple[Node, ...]:
        """What draws the variables, in the order in which they are drawn."""
        return self._ancestral.nodes

    @property
    def block(self) -> int:
        """Rows that are drawn together, and that functions see."""
        return self._ancestral.rows

    def role(self, name: str) -> str:
        """ "input", "target" or "latent"."""
        return "input" if name in self._inputs else "target" if name in self._targets else "latent"

    def __str__(self) -> str:
        width = max(map(len, self._names))
        kinds = {name: str(spec) for name, spec in self.variables.items()}
        wide = max(map(len, kinds.values()))
        lines = [f"Graph of {len(self._names)} variables, drawn {self.block} rows at a time"]
        for part in self.nodes:
            for name in part.names:
                given = f" given {', '.join(part.parents)}" if part.parents else ""
                lines.append(f"  {self.role(name):6}  {name:{width}}  {kinds[name]:{wide}}  {part.label}{given}")
        return "\n".join(lines)

    __repr__ = __str__

    def draw(self) -> Picture:
        """A picture: it shows itself in a notebook, and `save("graph.svg")` writes it."""
        return picture(self.nodes, {name: self.role(name) for name in self._names}, self.variables)

    # what one does with it

    def sample(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """Draw n samples: the first n rows of `stream(seed=seed)`.

        Args:
            n: How many.
            seed: Any whole number.
            given: variable, latent ones too -> (n, *shape) values, or one value for all samples, that it is set to: an intervention.
                What comes before it in the graph stays as it is; what comes after it follows.

        Raises:
            ArgumentError, NameUnknownError: n, seed or given cannot be meant.
            SpecError, or what a function raises: A variable cannot be drawn.
        """
        columns = self._columns(n, [*self._inputs, *self._targets], seed, given)
        return self._dataset(columns, "sample of Graph")

    def values(self, n: int, *, seed: int, given: Mapping[str, Any] | None = None) -> dict[str, np.ndarray]:
        """Every variable, latent ones too, of what `sample` draws: name -> (n, *shape)."""
        return self._columns(n, list(self._names), seed, given)

    def stream(self, *, seed: int, given: Mapping[str, Any] | None = None) -> Dataset:
        """A data set without end, in constant memory: every batch is a pure function of (seed, its rows).

        Args:
            seed: Any whole number.
            given: variable -> one value for all samples, that it is set to.
        """
        check_draw("Graph", 1, seed, given, self.variables, method="stream")
        for name, value in (given or {}).items():
            if np.shape(value) != self.variables[name].shape:
                raise ArgumentError(
                    f"Graph.stream(given={{{name!r}: ...}}) has the shape {np.shape(value)}. A stream has no number of samples, so give "
                    f"one value for all, {self.variables[name].shape}."
                )
        fixed = {name: given_array(name, value, self.variables[name], self.block) for name, value in (given or {}).items()}
        names = [*self._inputs, *self._targets]
        draws = _Blocks(self._ancestral, names, int(seed), fixed)
        source = Endless(draws, {name: self.variables[name] for name in names}, self.block, f"Graph.stream(seed={seed})")
        return endless_dataset(source, self._inputs, self._targets)

    def log_prob(self, data: Dataset | Mapping[str, Any]) -> np.ndarray:
        """(samples,) float64: the log density of these samples, where everything that matters is a distribution.

        Args:
            data: Its streams, or name -> (samples, *shape), are the variables; latent ones too, where others depend on them.

        Raises:
            ArgumentError: A variable is drawn by a function or a synthesizer, which has no density here, or is not in the data and
                cannot be left out; by name.
        """
        if isinstance(data, Dataset):
            rows = np.arange(len(data))
            given: Mapping[str, Any] = data.read([name for name in data.spec if name in self.variables], rows)
        else:
            given = data
        return log_prob(self._ancestral, given)

    def condition(self, evidence: Mapping[str, Any], n: int, *, seed: int) -> Conditioned:
        """Weighted samples of all variables given what some of them turned out to be (`given` sets them instead).

        Likelihood weighting: other variables are drawn, evidence is not, and each sample is weighted with the probability of the
        evidence given its parents. Good for few, likely observations of variables near the roots; `effective` of the result says how
        good, and a warning when it is too low.

        Args:
            evidence: variable -> the one value it has. It has to be a distribution.
            n: Samples to draw.
            seed: Any whole number.

        Raises:
            ArgumentError, NameUnknownError: There is no such variable or it has no density, or the evidence is impossible.

        References:
            Fung and Chang (1989), "Weighing and integrating evidence for stochastic simulation in Bayesian networks", UAI.
        """
        check_draw("Graph", n, seed, evidence, self.variables, method="condition")
        roles = (self._inputs, self._targets)
        fixed = {name: given_array(name, value, self.variables[name], 1) for name, value in evidence.items()}
        return condition(self._ancestral, fixed, n, seed=int(seed), roles=roles)

    # how it is done

    def _columns(self, n: int, names: Sequence[str], seed: int, given: Mapping[str, Any] | None) -> dict[str, np.ndarray]:
        check_draw("Graph", n, seed, given, self.variables)
        fixed = {name: given_array(name, value, self.variables[name], n) for name, value in (given or {}).items()}
        columns: dict[str, np.ndarray] = {}
        for start, stop, values in self._ancestral.blocks(n, seed=int(seed), given=fixed):
            columns = columns or {name: empty_like(values[name], n) for name in names}
            for name, column in columns.items():
                column[start:stop] = values[name][: stop - start]
        return columns

    def _dataset(self, columns: Mapping[str, Array], label: str) -> Dataset:
        source = Drawn(columns, {name: self.variables[name] for name in columns}, {}, label)
        return Dataset(inputs={name: source[name] for name in self._inputs}, targets={name: source[name] for name in self._targets})


class _Blocks:
    """The blocks of a stream, by number."""

    def __init__(self, ancestral: Ancestral, names: Sequence[str], seed: int, given: Mapping[str, np.ndarray]) -> None:
        self._ancestral, self._names, self._seed, self._given = ancestral, tuple(names), seed, dict(given)

    def __call__(self, number: int) -> dict[str, np.ndarray]:
        values = self._ancestral.block(number, seed=self._seed, given=self._given)
        return {name: values[name] for name in self._names}


def _keys(variables: object) -> list[tuple[str, ...]]:
    if not isinstance(variables, Mapping) or not variables:
        raise ArgumentError("A Graph is made of named variables: plait.Graph({'x': lambda rng, n: rng.random((n, 5)), ...}, inputs=['x']).")
    keys = [key if isinstance(key, tuple) else (key,) for key in variables]
    names = [name for key in keys for name in key]
    for name in names:
        if not isinstance(name, str) or not name:
            raise ArgumentError(f"A variable of the Graph is called {name!r}; names are text, those of parameters: 'x'.")
        if name in RESERVED:
            raise ArgumentError(
                f"A variable of the Graph is called {name!r}, and a parameter of that name is something else: rng the random "
                "generator, n the number of rows. Give it another name."
            )
        if names.count(name) > 1:
            raise ArgumentError(f"Variable {name!r} is drawn twice, alone and together with others. Take one of them out.")
    return keys


def _role(role: str, given: object, names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence):
        raise ArgumentError(f"Graph({role}={given!r}): a list of names is needed, {role}=[{given!r}].")
    unknown = [name for name in given if name not in names]
    if unknown:
        raise NameUnknownError(
            f"Graph({role}=[{unknown[0]!r}, ...]): there is no such variable. There are {list(names)}.{meant(unknown[0], names)}"
        )
    return tuple(dict.fromkeys(given))
