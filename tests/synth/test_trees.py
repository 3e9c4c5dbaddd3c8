"""Trees as arrays: walked as scikit-learn walks them, cut back where they learn noise."""

from __future__ import annotations

import numpy as np
from sklearn.tree import DecisionTreeRegressor

from plait.synth import trees
from plait.synth.trees import Forest, grow


def test_a_tree_that_is_not_cut_back_is_walked_as_scikit_learn_walks_it(monkeypatch) -> None:
    monkeypatch.setattr(trees, "_pruned", lambda tree, *_: tree.children_left.astype(np.int64))
    rng = np.random.default_rng(0)
    table = rng.normal(size=(4, 3000)).astype(np.float32)
    table[2] = np.round(table[2])
    aim = np.stack([table[0] * table[1], table[2]], axis=1).astype(float)
    forest, entries = grow(table, np.arange(4), aim, trees=1, leaf=3, share=1.0, rng=np.random.default_rng(1))
    assert sorted(entries) == list(range(3000))
    fresh = rng.normal(size=(4, 5000)).astype(np.float32)
    fresh[2] = np.round(fresh[2])
    found = forest.leaves(fresh, np.zeros(5000, np.int8))
    chosen = np.random.default_rng(1)
    chosen.permutation(3000)
    model = DecisionTreeRegressor(min_samples_leaf=3, max_depth=40, random_state=int(chosen.integers(2**31)))
    expected = model.fit(table.T, aim).apply(fresh.T)
    pairs = set(zip(found.tolist(), expected.tolist(), strict=True))
    assert len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs}) > 300


def test_entries_lie_in_the_leaves_that_their_rows_fall_in() -> None:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(3, 2000)).astype(np.float32)
    forest, entries = grow(table, np.arange(3), table[:2].T.astype(float), trees=4, leaf=5, share=0.75, rng=rng)
    assert len(forest.roots) == 4 and len(entries) == 4 * 2000
    for tree in range(4):
        node = forest.leaves(table, np.full(2000, tree))
        for leaf in np.unique(node):
            held = entries[forest.start[leaf] : forest.start[leaf] + forest.count[leaf]]
            assert set(held.tolist()) == set(np.flatnonzero(node == leaf).tolist())


def test_noise_gives_no_splits() -> None:
    rng = np.random.default_rng(0)
    forest, _ = grow(
        rng.normal(size=(5, 3000)).astype(np.float32), np.arange(5), rng.normal(size=(3000, 3)), trees=4, leaf=3, share=0.75, rng=rng
    )
    assert len(forest.left) < 4 * 30  # a tree that is not cut back has 1400 nodes


def test_a_step_is_found_where_it_is() -> None:
    rng = np.random.default_rng(0)
    table = rng.random((2, 1000)).astype(np.float32)
    aim = (table[1] > 0.3).astype(float)[:, None]
    forest, _ = grow(table, np.arange(2), aim, trees=1, leaf=3, share=0.75, rng=rng)
    assert forest.depth == 1 and forest.feature[0] == 1 and abs(forest.threshold[0] - 0.3) < 0.01


def test_thresholds_between_neighbouring_floats_send_rows_where_they_were() -> None:
    low = np.float32(1.0)
    high = np.float32(1 + 2.4e-7)  # the next but one; scikit-learn takes what is nearer than 1e-7 as equal
    table = np.tile(np.array([low, high], np.float32), 50)[None]
    aim = (table[0] == high).astype(float)[:, None]
    forest, _ = grow(table, np.arange(1), aim, trees=1, leaf=1, share=0.75, rng=np.random.default_rng(0))
    node = forest.leaves(table, np.zeros(100, np.int8))
    assert isinstance(forest, Forest) and len(np.unique(node)) == 2
    assert len(set(node[::2])) == 1
