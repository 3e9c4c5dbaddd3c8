"""A vine copula: each column's own distribution, joined pair by pair by copulas of any shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self, final

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError
from plait.extras import require
from plait.synth.learned import Learned, prepare
from plait.synth.margins import Margin
from plait.synth.orders import orders
from plait.tabular import Kind, Schema
from plait.tabular.constraints import Constraints

__all__ = ["VineCopula"]

_EDGE = 1e-6  # shares nearer to 0 or 1 stand for this
_NARROW, _ENOUGH = 0.4, 10_000  # times the usual bandwidth, from so many rows; wider below
_THRESHOLD = 0.1  # pairs of a weaker maximal correlation are independent
_BLOCK = 65_536  # rows drawn at once


@final
class VineCopula(Learned):
    """Columns with the distribution they had, and their dependence built of pairs: the inputs first, the targets given them.

    A pair may depend in any way, so that it holds more than `GaussianCopula`; how a pair depends may not change with the values of the
    columns it is conditioned on (the simplifying assumption), so that interactions are lost. Private and quick to draw from.

    Args:
        schema, constraints, inner: As of `Learned`.
        margins: One for each variable of `inner`, in order.
        vine: As pyvinecopulib's JSON; empty for a single variable.
        threads: That fit and draw; the samples do not depend on it.
    """

    kind: ClassVar[str] = "vine_copula"

    def __init__(
        self, schema: Schema, constraints: Constraints, inner: Schema, margins: Sequence[Margin], vine: str, *, threads: int = 1
    ) -> None:
        super().__init__(schema, constraints, inner)
        self.margins, self.vine, self.threads = tuple(margins), vine, threads
        self._made: dict[tuple[int, ...], Any] = {}  # conditions -> the vine for them: a memo of a pure function

    @classmethod
    def fit(
        cls,
        data: Dataset,
        *,
        seed: int = 0,
        kinds: Mapping[str, Kind] | None = None,
        constraints: Sequence[Any] = (),
        progress: bool = True,
        most: int = 20_000,
        grid: int = 40,
        smoothing: float = 1.0,
        trees: int | None = None,
        threads: int = 1,
    ) -> Self:
        """Learn from a data set.

        The margins are those of all rows, with ties spread at random (the distributional transform). The structure is found tree by
        tree (Dissmann et al. 2013), with the inputs as a vine of their own; pairs are estimated by local likelihood (TLL; Nagler 2018,
        doi:10.1080/10618600.2017.1378572), with pyvinecopulib. Neither its margins nor its mode for discrete columns are used.

        Args:
            data: To learn from.
            seed: Of ties, and of the rows chosen where there are more than `most`.
            kinds: stream name -> kind, where another than the obvious is meant.
            constraints: What every sample obeys.
            progress: Taken like everywhere; the library that fits does not say how far it is.
            most: Rows that pairs are estimated on; the time to fit is proportional to it.
            grid: Points along each side of a pair's density; the time to fit rises with its square.
            smoothing: Times the bandwidth.
            trees: Of the vine; all by itself. Fewer are quicker for many columns, and hold less.
            threads: That fit and draw.

        Raises:
            ArgumentError, NameUnknownError, SpecError: As `Learned`, or an option cannot be meant.
            MissingExtraError: pyvinecopulib is not installed.
        """
        options = {"most": most, "grid": grid, "smoothing": smoothing, "trees": 1 if trees is None else trees, "threads": threads}
        wrong = [name for name, value in options.items() if not value > 0]
        if wrong:
            raise ArgumentError(f"VineCopula.fit({wrong[0]}={options[wrong[0]]}): it must be greater than 0.")
        prepared = prepare("VineCopula", data, kinds, constraints, seed=seed)
        rng = np.random.default_rng([int(seed) & 0xFFFFFFFF, 1])
        variables = {v.name: v for v in prepared.inner.variables}
        rows = np.sort(rng.permutation(len(prepared))[:most])
        chosen = orders(prepared.columns, variables, numbers=True, rows=rows)
        margins = [Margin.fit(prepared.columns[n], v, order=chosen.get(n)) for n, v in variables.items()]
        shares = np.column_stack([m.to_uniform(prepared.columns[n][rows], rng) for n, m in zip(variables, margins, strict=True)])
        first = [k for k, v in enumerate(variables.values()) if v.role == "input"]
        width = smoothing * float(np.clip(_NARROW * (_ENOUGH / len(rows)) ** 0.25, _NARROW, 1.0))
        vine = _fitted(shares, first, grid=grid, width=width, trees=trees, threads=threads)
        return cls(prepared.schema, prepared.constraints, prepared.inner, margins, vine.to_json() if vine else "", threads=threads)

    def _draw(self, n: int, *, rng: np.random.Generator, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        names = self.inner.names
        fixed = [k for k, name in enumerate(names) if name in given]
        columns = {name: np.array(given[name], np.float64) if name in given else np.empty(n) for name in names}
        if len(fixed) == len(names):
            return columns
        vine = self._vine(fixed)
        for start in range(0, n, _BLOCK):
            rows = slice(start, min(start + _BLOCK, n))
            known = [self.margins[k].to_uniform(columns[names[k]][rows], rng) for k in fixed]
            shares = self._shares(vine, rows.stop - start, fixed, known, rng)
            for k, name in enumerate(names):
                if k not in fixed:
                    columns[name][rows] = self.margins[k].from_uniform(shares[:, k])
        return columns

    def _shares(self, vine: Any, n: int, fixed: Sequence[int], known: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        if vine is None:
            return rng.random((n, len(self.inner)))
        if not fixed:
            return vine.inverse_rosenblatt(rng.random((n, len(self.inner))), num_threads=self.threads)
        conditions = np.asfortranarray(np.clip(np.column_stack(known), _EDGE, 1 - _EDGE))
        seeds = rng.integers(0, 2**31, 8).tolist()
        return vine.sample_conditional(conditions, seeds=seeds, num_threads=self.threads, conditioning_set=[k + 1 for k in fixed])

    def _vine(self, fixed: Sequence[int]) -> Any:
        """The vine, arranged so that these variables come first.

        A set that is not at the end of the vine's order asks for another arrangement. That one is fitted to draws from this vine, always
        the same ones: the table is not kept.
        """
        key = tuple(fixed)
        if key not in self._made:
            pv = _library()
            vine = pv.Vinecop.from_json(self.vine) if self.vine else None
            if vine is not None and fixed and not _admits(vine, fixed):
                rng = np.random.default_rng(0)
                drawn = vine.inverse_rosenblatt(rng.random((_ENOUGH, len(self.inner))), num_threads=self.threads)
                vine = _fitted(drawn, fixed, grid=30, width=_NARROW, trees=None, threads=self.threads)
            self._made[key] = vine
        return self._made[key]

    def _state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        vine = np.frombuffer(self.vine.encode(), np.uint8)
        return {"threads": self.threads}, {"vine": vine, **Margin.many(self.margins)}

    @classmethod
    def _restore(
        cls, schema: Schema, constraints: Constraints, inner: Schema, state: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> Self:
        margins = Margin.of_many(arrays, len(inner))
        return cls(schema, constraints, inner, margins, arrays["vine"].tobytes().decode(), threads=int(state["threads"]))


def _fitted(shares: np.ndarray, first: Sequence[int], *, grid: int, width: float, trees: int | None, threads: int) -> Any:
    pv, (_, columns) = _library(), shares.shape
    if columns == 1:
        return None
    controls = pv.FitControlsVinecop(
        family_set=[pv.families.tll],
        nonparametric_method="linear",
        nonparametric_mult=width,
        nonparametric_grid_size=grid,
        tree_criterion="mcor",  # maximal correlation: sees dependence that rises and falls, which rank correlation does not
        threshold=_THRESHOLD,
        trunc_lvl=trees or columns - 1,
        num_threads=threads,
        seeds=[1],
    )
    controls.conditioning_set = [k + 1 for k in first] if 0 < len(first) < columns else []
    table = np.asfortranarray(np.clip(shares, _EDGE, 1 - _EDGE))
    try:
        return pv.Vinecop.from_data(table, controls=controls)
    except ValueError as error:
        if "negative weight" not in str(error):
            raise
        controls.tree_criterion = "tau"  # of columns that follow from each other mcor is rounded to more than 1
        return pv.Vinecop.from_data(table, controls=controls)


def _admits(vine: Any, fixed: Sequence[int]) -> bool:
    """Whether the vine can be drawn from with these variables first."""
    try:
        vine.sample_conditional(np.full((1, len(fixed)), 0.5, order="F"), seeds=[1], conditioning_set=[k + 1 for k in fixed])
    except RuntimeError:
        return False
    return True


def _library() -> Any:
    return require("pyvinecopulib", extra="vine", purpose="VineCopula")
