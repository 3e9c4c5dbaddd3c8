"""What is probable given evidence: likelihood weighting, and the density of samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.dataset import Dataset
from plait.draws import seed_of
from plait.errors import ArgumentError, NameUnknownError
from plait.meant import meant
from plait.roles import weight_name
from plait.spec import Spec
from plait.synth.ancestral import Ancestral
from plait.synth.nodes import Declared, Node, checked
from plait.tabular.drawn import Drawn
from plait.tabular.given import given_array

__all__ = ["Conditioned", "condition", "log_prob"]

_ENOUGH = 100.0  # independent samples that weighted ones have to be worth


@dataclass(frozen=True, eq=False)
class Conditioned:
    """Weighted samples given evidence.

    Args:
        values: variable, latent ones too -> (n, *shape).
        weights: (n,) float64, with mean 1.
        log_evidence: Logarithm of the estimated probability (density) of the evidence.
        roles: Names of the inputs, and of the targets.
        specs: variable -> spec.
    """

    values: Mapping[str, np.ndarray]
    weights: np.ndarray
    log_evidence: float
    roles: tuple[tuple[str, ...], tuple[str, ...]]
    specs: Mapping[str, Spec]

    @property
    def effective(self) -> float:
        """How many independent, unweighted samples these are worth (Kish): (sum of weights)² / sum of squared weights."""
        return float(self.weights.sum() ** 2 / np.square(self.weights).sum())

    @property
    def data(self) -> Dataset:
        """The samples with their weights, one a target: a loader hands them on, and Keras weighs each sample's loss."""
        inputs, targets = self.roles
        weights = {weight_name(name): self.weights.astype(np.float32) for name in targets}
        return self._dataset({**{name: self.values[name] for name in (*inputs, *targets)}, **weights}, weighted=True)

    def mean(self, name: str) -> np.ndarray:
        """The weighted mean of a variable: its expected value given the evidence."""
        values = np.asarray(self.values[name], np.float64)
        return np.tensordot(self.weights, values, axes=1) / self.weights.sum()

    def resample(self, n: int, *, seed: int) -> Dataset:
        """n samples without weights: drawn in proportion to them, systematically; the same one may come several times.

        References:
            Kitagawa (1996), "Monte Carlo filter and smoother for non-Gaussian nonlinear state space models", JCGS 5.
        """
        if not isinstance(n, (int, np.integer)) or n < 1:
            raise ArgumentError(f"resample({n!r}): the number of samples is a whole number of at least 1.")
        rng = np.random.Generator(np.random.SFC64([int(seed_of(seed, 8)), len(self.weights)]))
        edges = np.cumsum(self.weights)
        rows = np.searchsorted(edges, (np.arange(n) + rng.random()) / n * edges[-1], side="right").clip(0, len(edges) - 1)
        rows = rng.permutation(rows)
        inputs, targets = self.roles
        return self._dataset({name: self.values[name][rows] for name in (*inputs, *targets)}, weighted=False)

    def _dataset(self, columns: Mapping[str, np.ndarray], *, weighted: bool) -> Dataset:
        inputs, targets = self.roles
        specs = {name: self.specs.get(name, Spec((), np.dtype(np.float32))) for name in columns}
        source = Drawn(columns, specs, {}, "Graph given evidence")
        return Dataset(
            inputs={name: source[name] for name in inputs},
            targets={name: source[name] for name in targets},
            weights={name: source[weight_name(name)] for name in targets} if weighted else None,
        )

    def __repr__(self) -> str:
        return f"Conditioned({len(self.weights)} weighted samples, worth {self.effective:.0f} independent ones)"


def condition(
    ancestral: Ancestral, evidence: Mapping[str, np.ndarray], n: int, *, seed: int, roles: tuple[tuple[str, ...], tuple[str, ...]]
) -> Conditioned:
    """Draw what is not evidence, and weigh each sample with the density of the evidence given its parents.

    Args:
        ancestral: The graph.
        evidence: variable -> (1, *shape), its one value.
        n: Samples.
        seed: Of the draws.
        roles: Names of the inputs, and of the targets.

    Raises:
        ArgumentError: A variable of the evidence has no density, or no sample can have had it.
    """
    if not evidence:
        raise ArgumentError("Graph.condition({}) has no evidence. Name what was seen: graph.condition({'churn': True}, 10_000, seed=0).")
    nodes = [_dense(node) for node in ancestral.nodes if set(node.names) & set(evidence)]
    fixed = {name: np.repeat(value, n, axis=0) for name, value in evidence.items()}
    values: dict[str, list[np.ndarray]] = {}
    logs = []
    for start, stop, block in ancestral.blocks(n, seed=seed, given=fixed):
        here = {name: array[: stop - start] for name, array in block.items()}
        logs.append(sum((node.log_prob(here[node.names[0]], here, stop - start) for node in nodes), np.zeros(stop - start)))
        for name, array in here.items():
            values.setdefault(name, []).append(np.array(array))
    log = np.concatenate(logs)
    most = log.max()
    if not np.isfinite(most):
        raise ArgumentError(
            f"The evidence {_shown(evidence)} has {'no' if most < 0 else 'infinite'} probability in all of the {n} samples drawn. "
            "It cannot be, or is so rare that other samples have to be tried: draw more, or widen the distributions."
        )
    weights = np.exp(log - most)
    total = float(weights.mean())
    columns = {name: np.concatenate(parts) for name, parts in values.items()}
    found = Conditioned(columns, weights / total, float(most + np.log(total)), roles, ancestral.specs)
    if found.effective < min(_ENOUGH, n / 2):
        warnings.warn(
            f"The evidence {_shown(evidence)} is rare: the {n} samples are worth {found.effective:.1f} independent ones. Draw more.",
            stacklevel=3,
        )
    return found


def log_prob(ancestral: Ancestral, given: Mapping[str, object]) -> np.ndarray:
    """(samples,) float64: the log density of these values of the variables.

    Variables that are not given are left out where nothing that is given depends on them, and computed where their parents decide them.

    Raises:
        ArgumentError: Naming the variable that has no density, or is not there.
    """
    unknown = [name for name in given if name not in ancestral.specs]
    if unknown:
        raise NameUnknownError(
            f"Graph.log_prob: there is no variable {unknown[0]!r}. There are {list(ancestral.specs)}.{meant(unknown[0], ancestral.specs)}"
        )
    if not given:
        raise ArgumentError("Graph.log_prob({}): there are no samples. Write graph.log_prob(data).")
    n = len(np.asarray(next(iter(given.values()))))
    known = {name: checked(name, given_array(name, v, ancestral.specs[name], n), n, ancestral.specs[name]) for name, v in given.items()}
    total = np.zeros(n)
    for node in _counting(ancestral.nodes, set(known)):
        observed = all(name in known for name in node.names)
        if isinstance(node, Declared) and observed:
            total += node.log_prob(known[node.names[0]], known, n)
        elif node.deterministic:
            name = node.names[0]
            value = checked(name, node.draw(known, n, seed=0, block=0)[0], n, ancestral.specs[name])
            if observed:
                same = np.isclose(value, known[name], rtol=1e-5) if value.dtype.kind == "f" else value == known[name]
                total += np.where(same.reshape(n, -1).all(axis=1), 0.0, -np.inf)
            else:
                known[name] = value
        elif not observed:
            raise ArgumentError(
                f"Graph.log_prob: variable {next(m for m in node.names if m not in known)!r} is not in the data, and others depend on it. "
                "Give its values too: graph.log_prob(graph.values(1000, seed=0)); without them the density is an integral."
            )
        else:
            _dense(node)
    return total


def _counting(nodes: Sequence[Node], given: set[str]) -> list[Node]:
    """The nodes that are given, or that one which is given depends on, in order."""
    wanted, out = set(given), []
    for node in reversed(nodes):
        if wanted & set(node.names):
            wanted |= set(node.parents)
            out.append(node)
    return out[::-1]


def _dense(node: Node) -> Declared:
    if isinstance(node, Declared):
        return node
    loc = f"lambda {', '.join(node.parents)}: ..." if node.parents else "0"
    raise ArgumentError(
        f"Variable {node.names[0]!r} is drawn by a {node.label}, whose density is not known. Make it a distribution: "
        f"{node.names[0]!r}: plait.distributions.Normal({loc}, 1)."
    )


def _shown(evidence: Mapping[str, np.ndarray]) -> str:
    return "{" + ", ".join(f"{name!r}: {value.tolist()[0] if value.size < 5 else '...'!r}" for name, value in evidence.items()) + "}"
