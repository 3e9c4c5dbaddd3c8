"""Regression trees as plain arrays: grown by scikit-learn, cut back on rows they have not seen, walked by NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from plait.errors import ReadError
from plait.extras import require

__all__ = ["Forest", "grow"]

_MOST_ROWS = 100_000  # that one tree is grown from
_DEEPEST = 40
_FEWEST = 12  # rows below which a tree is a single leaf


@dataclass(frozen=True)
class Forest:
    """Several trees in one set of arrays. The two children of a node are neighbours, and a leaf is its own left child.

    Args:
        feature: (nodes,) int32, which row of the table a node asks about; 0 in leaves.
        threshold: (nodes,) float32; values above it go right, the others (NaN too) left; infinite in leaves.
        left: (nodes,) int32.
        roots: (trees,) int32.
        start, count: (nodes,) int32, which entries a leaf holds.
        depth: Steps from a root to the deepest leaf.
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    roots: np.ndarray
    start: np.ndarray
    count: np.ndarray
    depth: int

    def leaves(self, table: np.ndarray, tree: np.ndarray) -> np.ndarray:
        """The leaf that each row falls in.

        Args:
            table: (features, rows) float32, in C order.
            tree: (rows,) which tree to ask.

        Returns:
            (rows,) int32 nodes.
        """
        node, rows = self.roots[tree], table.shape[1]
        if not self.depth:
            return node
        values = table.ravel()
        active, here = np.arange(rows, dtype=np.int32), node
        for step in range(self.depth):
            above = values.take(self.feature.take(here).astype(np.int64) * rows + active) > self.threshold.take(here)
            here = self.left.take(here) + above
            if step % 3 == 2 or step == self.depth - 1:  # rows that have come to a leaf are put down
                node[active] = here
                on = self.left.take(here) != here
                active, here = active[on], here[on]
                if not len(active):
                    break
        return node

    def arrays(self) -> dict[str, np.ndarray]:
        """To save; `of` takes them."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "depth"}

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], depth: int, features: int, entries: int) -> Self:
        """What `arrays` gave.

        Raises:
            ReadError: A node points outside: the arrays are damaged.
        """
        forest = cls(**{f.name: arrays[f.name] for f in fields(cls) if f.name != "depth"}, depth=int(depth))
        nodes = len(forest.left)
        own = np.arange(nodes)
        leaf = forest.left == own
        sound = (
            all(len(getattr(forest, name)) == nodes for name in ("feature", "threshold", "start", "count"))
            and bool((leaf | ((forest.left > own) & (forest.left < nodes - 1))).all())
            and bool(((forest.feature >= 0) & (forest.feature < max(features, 1))).all())
            and bool(((forest.roots >= 0) & (forest.roots < nodes)).all())
            and bool((forest.start >= 0).all() and (forest.count[leaf] > 0).all())
            and bool((forest.start[leaf] + forest.count[leaf] <= entries).all())
            and 0 <= forest.depth <= _DEEPEST
        )
        if not sound:
            raise ReadError("The trees of a saved synthesizer point outside of their arrays: the file is damaged. Save it anew.")
        return forest


def grow(
    table: np.ndarray, features: np.ndarray, aim: np.ndarray, *, trees: int, leaf: int, share: float, rng: np.random.Generator
) -> tuple[Forest, np.ndarray]:
    """Trees that tell rows apart by what they aim at.

    Each is grown on a share of the rows, and cut back where the other rows are foretold no better by a split than without it
    (reduced-error pruning, Quinlan 1987, with the squared error of all aims). Its leaves then take in all of its rows.

    Args:
        table: (all features, rows) float32.
        features: Which rows of the table may be asked about.
        aim: (rows, k) float64.
        trees: How many.
        leaf: The fewest rows that a leaf is grown with.
        share: Of the rows, to grow on.
        rng: Of the shares.

    Returns:
        The forest, and its entries: row numbers, leaf by leaf.
    """
    rows = table.shape[1]
    predictors = np.ascontiguousarray(table[features].T)
    parts: list[dict[str, np.ndarray]] = []
    entries: list[np.ndarray] = []
    nodes = taken = deepest = 0
    for _ in range(trees if len(features) and rows >= _FEWEST else 1):
        chosen = rng.permutation(rows)[:_MOST_ROWS]
        part = _tree(predictors, features, aim, chosen, leaf, share, int(rng.integers(2**31)))
        tree = Forest(**part, roots=np.zeros(1, np.int32), start=part["left"], count=part["left"], depth=_depth(part["left"]))
        fallen = tree.leaves(np.ascontiguousarray(table[:, chosen]), np.zeros(len(chosen), np.int8))
        count = np.bincount(fallen, minlength=len(tree.left))
        part["start"], part["count"] = taken + np.cumsum(count) - count, count
        part["left"] = part["left"] + nodes
        part["roots"] = np.array([nodes])
        parts.append(part)
        entries.append(chosen[np.argsort(fallen, kind="stable")])
        nodes, taken, deepest = nodes + len(count), taken + len(chosen), max(deepest, tree.depth)
    merged: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    whole = {name: array.astype(np.float32 if name == "threshold" else np.int32) for name, array in merged.items()}
    return Forest(**whole, depth=deepest), np.concatenate(entries)


def _tree(
    predictors: np.ndarray, features: np.ndarray, aim: np.ndarray, chosen: np.ndarray, leaf: int, share: float, seed: int
) -> dict[str, np.ndarray]:
    """One tree as arrays, its nodes level by level."""
    stump = {"feature": np.zeros(1, np.int32), "threshold": np.full(1, np.inf, np.float32), "left": np.zeros(1, np.int32)}
    if not len(features) or len(chosen) < _FEWEST:
        return stump
    sklearn = require("sklearn.tree", extra="synth", purpose="Sequential")
    cut = int(share * len(chosen))
    grown, held = np.sort(chosen[:cut]), chosen[cut:]
    model = sklearn.DecisionTreeRegressor(min_samples_leaf=leaf, max_depth=_DEEPEST, random_state=seed)
    tree = model.fit(predictors[grown], aim[grown]).tree_
    left = _pruned(tree, predictors[held], aim[held])
    if left[0] < 0:
        return stump
    out: dict[str, list[np.ndarray]] = {name: [] for name in stump}
    level, offset = np.zeros(1, np.int64), 0
    while len(level):
        inner = left[level] >= 0
        first = offset + len(level)  # where the next level begins
        own = offset + np.arange(len(level))
        own[inner] = first + 2 * np.arange(inner.sum())
        out["left"].append(own)
        out["feature"].append(np.where(inner, features[np.maximum(tree.feature[level], 0)], 0))
        out["threshold"].append(np.where(inner, _below(tree.threshold[level]), np.inf))
        offset, deeper = first, level[inner]
        level = np.stack([left[deeper], tree.children_right[deeper]], axis=1).ravel()
    return {name: np.concatenate(parts) for name, parts in out.items()}


def _pruned(tree: Any, predictors: np.ndarray, aim: np.ndarray) -> np.ndarray:
    """The left child of each node, -1 where the rows held back ask for a leaf."""
    left, right, value = tree.children_left.astype(np.int64), tree.children_right.astype(np.int64), tree.value[:, :, 0]
    fallen, nodes = tree.apply(predictors), len(left)
    count = np.bincount(fallen, minlength=nodes).astype(np.float64)
    total = np.stack([np.bincount(fallen, column, minlength=nodes) for column in aim.T], axis=1)
    levels, level = [], np.zeros(1, np.int64)
    while len(level):
        inner = level[left[level] >= 0]
        levels.append(inner)
        level = np.concatenate([left[inner], right[inner]])
    for inner in reversed(levels):
        count[inner] = count[left[inner]] + count[right[inner]]
        total[inner] = total[left[inner]] + total[right[inner]]
    # squared error, less what is the same for any tree
    loss = count * (value**2).sum(axis=1) - 2 * (total * value).sum(axis=1)
    slack = 1e-12 * max(float(np.abs(loss[0])), 1e-300)
    for inner in reversed(levels):
        below = loss[left[inner]] + loss[right[inner]]
        better = below < loss[inner] - slack
        loss[inner] = np.where(better, below, loss[inner])
        left[inner[~better]] = -1
    return left


def _below(threshold: np.ndarray) -> np.ndarray:
    """As float32, never rounded up: what was on the left stays there."""
    near = threshold.astype(np.float32)
    return np.where(near > threshold, np.nextafter(near, np.float32(-np.inf)), near)


def _depth(left: np.ndarray) -> int:
    level, depth = np.zeros(1, np.int64), 0
    while True:
        inner = level[left[level] != level]
        if not len(inner):
            return depth
        level, depth = np.concatenate([left[inner], left[inner] + 1]), depth + 1
