"""Trees in sequence: each variable drawn given those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, NameUnknownError
from plait.extras import require
from plait.meant import meant
from plait.progress import progress as bar
from plait.synth.conditional import TAGS, Conditional
from plait.synth.learned import Learned, prepare
from plait.synth.predictors import Scales, room
from plait.tabular import Kind, Schema, Variable
from plait.tabular.constraints import Constraints

__all__ = ["Sequential"]

_BLOCK = 16_384  # rows drawn at once
_LEAF = 2  # fewest rows a leaf is grown with
_SHARE = 0.85  # of the rows a tree is grown on; the others cut it back
_ENTRIES = 50_000  # rows that all trees of a variable hold together, where there are few
_FEWEST_TREES, _MOST_TREES = 4, 12
_RELEARNED = (5_000, 30_000)  # rows drawn to turn an order round: least and most


@final
class Sequential(Learned):
    """Variables one after the other, each drawn by trees given those before it.

    The way of synthpop (Nowok, Raab and Dibben 2016, after Reiter 2005), with these changes, which keep samples from lying nearer to
    the training rows than fresh data would: trees are cut back where rows that they were not grown on say so; there are several, of
    which each sample asks one; a training row gives one value to a sample, not several; and numbers that are mostly a linear function
    of what came before are drawn as that function and a residual. Values stay within the support of the data.

    `given` conditions on any streams. Where a given stream comes later in the order than one to be drawn, the trees in the order do not
    say how: trees for the other order are then learned from a sample of this object, once for each such set of streams, and kept. That
    is approximate, rejects nothing, and needs scikit-learn.

    What is saved are trees and, leaf by leaf, values of the training data, each with a mark of 6 bits of the row it is from. Who has the
    file can tell from the marks which values may belong together: treat it with the care the data asked for. This is no differential
    privacy.

    Args:
        schema, constraints, inner: As of `Learned`.
        scales: Of the numbers.
        steps: One for each variable of `inner`, in the order in which they are drawn.
        rows: How many it was learned from.
        seed: Of `fit`.
    """

    kind: ClassVar[str] = "sequential"

    def __init__(
        self,
        schema: Schema,
        constraints: Constraints,
        inner: Schema,
        scales: Scales,
        steps: Sequence[Conditional],
        rows: int,
        seed: int,
    ) -> None:
        super().__init__(schema, constraints, inner)
        self.scales, self.steps, self.rows, self.seed = scales, tuple(steps), rows, seed
        self._relearned: dict[frozenset[str], tuple[Conditional, ...]] = {}  # what `_steps` found: a memo of a pure function

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        order: Sequence[str] | None = None,
        leaf: int = _LEAF,
        trees: int | None = None,
        progress: bool = True,
    ) -> Self:
        """Learn from a data set.

        Args:
            data: To learn from.
            seed: Of the rows that trees are grown on and cut back with.
            kinds: stream name -> kind, where another than the obvious is meant.
            constraints: What every sample obeys.
            order: Names of streams, in the order in which they are drawn; the others follow: inputs as declared, then targets, categories
                before numbers, which follow from categories more plainly than these from them.
            leaf: The fewest rows that a leaf is grown with. More of them make samples less like the training data.
            trees: How many for each variable; 4 or, where rows are few, up to 12.
            progress: Whether to show a bar.

        Raises:
            ArgumentError, NameUnknownError, SpecError: The arguments cannot be meant, or a stream is no column.
            MissingExtraError: scikit-learn is not installed.
        """
        prepared = prepare("Sequential", data, kinds, constraints, seed=seed)
        for name, value in (("leaf", leaf), ("trees", trees)):
            if value is not None and (not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1):
                raise ArgumentError(f"Sequential.fit({name}={value!r}): a whole number of at least 1 is needed.")
        seed = int(seed)
        require("sklearn.tree", extra="synth", purpose="Sequential")
        variables = _ordered(prepared.inner, order)
        scales = Scales.of(prepared.columns, variables)
        steps = _learn(variables, [], prepared.columns, scales, seed, leaf, trees, progress)
        return cls(prepared.schema, prepared.constraints, prepared.inner, scales, steps, len(prepared), seed)

    @property
    def order(self) -> list[str]:
        """Names of the variables, in the order in which they are drawn."""
        return [step.variable.name for step in self.steps]

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        steps = self._steps(frozenset(given))
        out = {name: given[name] if name in given else np.empty(n) for name in self.inner.names}
        for start in range(0, n, _BLOCK):
            part = slice(start, min(start + _BLOCK, n))
            block = self._block(part.stop - start, steps, {name: column[part] for name, column in given.items()}, rng)
            for step in steps:
                out[step.variable.name][part] = block[step.variable.name]
        return out

    def _block(
        self, rows: int, steps: Sequence[Conditional], given: Mapping[str, np.ndarray], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        table = np.empty((len(self.scales.names) + room(self.inner.variables), rows), np.float32)
        used, columns = np.zeros(rows, np.uint64), dict(given)
        for name, column in given.items():
            self.scales.put(table, name, column)
        for step in steps:
            name = step.variable.name
            columns[name] = step.draw(table, len(self.scales.names), columns, used, rng)
            self.scales.put(table, name, columns[name])
        return columns

    def _steps(self, given: frozenset[str]) -> tuple[Conditional, ...]:
        """How to draw the variables that are not given: the trees of the order, or ones learned from a sample where they don't do."""
        order = self.order
        last = max((order.index(name) for name in given), default=-1)
        turned = [name for name in order[: last + 1] if name not in given]
        if turned and given not in self._relearned:
            rows = int(np.clip(2 * self.rows, *_RELEARNED))
            columns = self._draw(rows, rng=np.random.default_rng([abs(self.seed), len(given)]), given={})
            before = [self.inner[name] for name in order if name in given]
            found = _learn([self.inner[name] for name in turned], before, columns, self.scales, self.seed, _LEAF, None, False)
            self._relearned[given] = tuple(found)
        kept = tuple(step for step in self.steps[last + 1 :] if step.variable.name not in given)
        return self._relearned[given] + kept if turned else kept

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        arrays: dict[str, np.ndarray] = {f"scales.{name}": getattr(self.scales, name) for name in _SCALES}
        steps: list[dict[str, Any]] = []
        for place, step in enumerate(self.steps):
            state, own = step.state()
            steps.append({"name": step.variable.name, **state})
            arrays |= {f"{place}.{name}": array for name, array in own.items()}
        return {"steps": steps, "scaled": list(self.scales.names), "rows": self.rows, "seed": self.seed}, arrays

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        scales = Scales(tuple(state["scaled"]), *(arrays[f"scales.{name}"] for name in _SCALES))
        steps = []
        for place, own in enumerate(state["steps"]):
            mine = {name.partition(".")[2]: array for name, array in arrays.items() if name.partition(".")[0] == str(place)}
            steps.append(Conditional.restore(inner[own["name"]], own, mine, len(scales.names)))
        return cls(schema, constraints, inner, scales, steps, int(state["rows"]), int(state["seed"]))


_SCALES = ("center", "width", "bent", "mean", "spread")


def _learn(
    variables: Sequence[Variable],
    before: Sequence[Variable],
    columns: Mapping[str, np.ndarray],
    scales: Scales,
    seed: int,
    leaf: int,
    trees: int | None,
    shown: bool,
) -> list[Conditional]:
    """Each variable given those `before` and those that come earlier in `variables`."""
    rows = len(columns[variables[0].name])
    rng = np.random.default_rng([abs(seed), int(seed < 0)])
    tags = rng.integers(TAGS, size=rows, dtype=np.uint8)
    table = np.empty((len(scales.names) + room([*before, *variables]), rows), np.float32)
    for name in scales.names:
        scales.put(table, name, columns[name])
    several = trees or int(np.clip(_ENTRIES // rows, _FEWEST_TREES, _MOST_TREES))
    steps: list[Conditional] = []
    with bar("Sequential", len(variables), shown) as advance:
        for place, variable in enumerate(variables):
            known = [*before, *variables[:place]]
            steps.append(
                Conditional.fit(
                    variable, known, columns, scales=scales, table=table, tags=tags, trees=several, leaf=leaf, share=_SHARE, rng=rng
                )
            )
            advance(1)
    return steps


def _ordered(schema: Schema, order: Sequence[str] | None) -> list[Variable]:
    """The variables, inputs first, then targets, categories first; streams named in `order` before the others."""
    variables = sorted(schema.variables, key=lambda v: v.role == "target" and (1 if v.discrete else 2))
    streams = list(dict.fromkeys(v.stream for v in variables))
    wanted = [order] if isinstance(order, str) else list(order or ())
    unknown = [name for name in wanted if name not in streams]
    if unknown:
        raise NameUnknownError(f"Sequential.fit(order=...): there is no {unknown[0]!r}. There are {streams}.{meant(unknown[0], streams)}")
    if len(set(wanted)) < len(wanted):
        twice = next(name for name in wanted if wanted.count(name) > 1)
        raise ArgumentError(f"Sequential.fit(order=...) names {twice!r} twice.")
    return [v for stream in dict.fromkeys([*wanted, *streams]) for v in schema.of_stream(stream)]
