"""The sides of a comparison: real, synthetic, fresh real data and independent columns, in equal numbers."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from plait.metrics.distances import same_rows
from plait.metrics.table import Table
from plait.tabular import Variable

__all__ = ["Sides", "is_seen", "repeats"]

_FEWEST = 10  # levels of a category that names rows


@dataclass(frozen=True, eq=False)
class Sides:
    """What is compared, and what it is measured by.

    Args:
        real: Real rows that the synthesizer hasn't seen.
        synthetic: Rows of the synthesizer.
        fresh: Further real rows, in the place of the synthetic ones: what a perfect synthesizer would do.
        floor: Real columns, each in an order of its own: no dependence at all.
        all_real, all_synthetic: The same before they were cut to equal numbers.
        train: What the synthesizer was fitted on; None where it isn't given.
        unseen: Real rows that the synthesizer hasn't seen, for privacy: the holdout, or `all_real`.
        seed: Of everything random.
        halved: Whether `real` and `fresh` are the two halves of the real rows.
    """

    real: Table
    synthetic: Table
    fresh: Table
    floor: Table
    all_real: Table
    all_synthetic: Table
    train: Table | None
    unseen: Table
    seed: int
    halved: bool = False

    @classmethod
    def of(cls, real: Table, synthetic: Table, *, train: Table | None, holdout: Table | None, rows: int, seed: int) -> Sides:
        """Equal numbers of rows of each; half of the real rows stand for fresh ones where there are no others.

        Args:
            real, synthetic, train, holdout: Tables with the same variables.
            rows: At most so many of each.
            seed: Of which rows are taken.
        """
        rng = np.random.default_rng([seed, 1])
        fresh = next((table for table in (holdout, train) if table is not None and not is_seen(real, table)), None)
        halved = fresh is None
        reference = real
        if fresh is None:
            order = rng.permutation(len(real))
            reference, fresh = real.take(np.sort(order[::2])), real.take(np.sort(order[1::2]))
        rows = min(rows, len(reference), len(synthetic), len(fresh))
        columns = (train if train is not None else fresh).independent(rng)
        one, other, third, fourth = (_some(table, rows, rng) for table in (reference, synthetic, fresh, columns))
        return cls(one, other, third, fourth, real, synthetic, train, real if holdout is None else holdout, seed, halved)

    @property
    def rivals(self) -> dict[str, Table]:
        """What is set beside the real rows: "synthetic", "floor" and "ceiling"."""
        return {"synthetic": self.synthetic, "floor": self.floor, "ceiling": self.fresh}

    def naming(self, variable: Variable) -> float | None:
        """The share of the values of a category that name one real row each, where so many do that levels can't be compared; else None."""
        column = (self.all_real if self.train is None else self.train).columns[variable.name]
        column = column[~np.isnan(column)]
        if not variable.discrete or not len(column):
            return None
        counts = np.unique(column, return_counts=True)[1]
        once = int((counts == 1).sum())
        return once / len(column) if once > len(counts) / 2 and len(counts) > max(_FEWEST, len(column) / 5) else None

    def rng(self, question: str) -> np.random.Generator:
        """Random numbers of one question, whatever the others draw."""
        return np.random.default_rng([self.seed, zlib.crc32(question.encode())])


def is_seen(rows: Table, among: Table) -> bool:
    """Whether rows that should be new are those of another table: many more recur there than do within it."""
    again, repeated = repeats(rows, among)
    return again > 0.2 + 1.5 * repeated


def repeats(rows: Table, among: Table) -> tuple[float, float]:
    """The share of the rows that are, to the last digit, a row of the other table, and of that table's own rows that occur in it twice."""
    ours, theirs = same_rows(rows.matrix(), among.matrix())
    counts = np.bincount(theirs)
    return float(np.isin(ours, theirs).mean()), float((counts[theirs] > 1).mean())


def _some(table: Table, rows: int, rng: np.random.Generator) -> Table:
    return table if len(table) <= rows else table.take(np.sort(rng.choice(len(table), rows, replace=False)))
