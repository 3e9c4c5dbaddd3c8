"""Blocks of neighbours in random order: every sample once, any batch by itself, near neighbours near."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from plait.windows import Windowed, window_of


def made(samples, batch=4, *, remainder="keep", shard=(0, 1), seed=0, block=8, window=32):
    return Windowed(samples, batch, remainder, shard, seed, block=block, window=window)


@settings(max_examples=25)
@given(st.integers(1, 120), st.integers(1, 9), st.integers(1, 40), st.integers(1, 5), st.integers(0, 3))
def test_every_sample_comes_once_a_pass(samples, batch, block, batches, seed):
    order = made(samples, batch, seed=seed, block=block, window=batches * batch)
    for number in range(2):
        steps = range(number * order.per_pass, (number + 1) * order.per_pass)
        picks = order.picks(steps)
        assert sorted(np.concatenate([pick.rows for pick in picks]).tolist()) == list(range(samples))
        assert {pick.epoch for pick in picks} == {number}


@settings(max_examples=40)
@given(st.integers(1, 200), st.integers(1, 9), st.integers(0, 60), st.integers(1, 30), st.sampled_from(["keep", "drop", "pad"]))
def test_batches_together_are_the_batches_one_by_one(samples, batch, first, count, remainder):
    order = made(samples, batch, remainder=remainder, window=3 * batch)
    if not order.per_pass:
        return
    steps = range(first, first + count)
    together = order.together(steps)
    alone = [order.picks([step])[0] for step in steps]
    assert together.rows.tolist() == np.concatenate([pick.rows for pick in alone]).tolist()
    assert list(np.diff(together.cuts)) == [len(pick.rows) for pick in alone] and list(together.real) == [pick.real for pick in alone]


@pytest.mark.parametrize("remainder", ["pad", "drop"])
def test_shards_share_out_what_one_would_get(remainder):
    whole = made(203, 6, remainder=remainder, window=24)
    parts = [made(203, 2, remainder=remainder, shard=(index, 3), window=24) for index in range(3)]
    for step in range(whole.per_pass):
        real = [pick.rows[: pick.real] for pick in (part.picks([step])[0] for part in parts)]
        one = whole.picks([step])[0]
        assert np.concatenate(real).tolist() == one.rows[: one.real].tolist()


def test_a_window_holds_few_runs_of_neighbours_and_is_mixed():
    order = made(100_000, 32, block=256, window=4096)
    picks = order.together(range(128))
    rows = np.sort(picks.rows)
    assert (np.diff(rows) != 1).sum() < 20  # 16 blocks, one or two of them cut
    batch = np.sort(picks.rows[:32])
    assert len(np.unique(batch // 256)) > 8
    assert (np.diff(picks.rows) == 1).mean() < 0.01


def test_each_pass_and_seed_has_another_order_and_other_blocks():
    rows = [made(1000, 10, seed=seed, window=80).together(range(n * 100, n * 100 + 8)).rows for seed, n in ((0, 0), (0, 1), (1, 0))]
    assert len({tuple(r) for r in rows}) == 3
    starts = [set((np.sort(r)[np.flatnonzero(np.diff(np.sort(r)) > 1) + 1] % 8).tolist()) for r in rows]
    assert len({frozenset(s) for s in starts}) > 1  # the cuts between blocks lie elsewhere


def test_the_last_block_is_no_other_samples_than_the_rest():
    """Over 400 passes each of 50 samples comes last about as often: 8 times of 400; beyond 25 in one of 10^6 runs."""
    last = [made(50, 1, block=8, window=16).picks([number * 50 + 49])[0].rows[0] for number in range(400)]
    assert np.bincount(last, minlength=50).max() < 25


@pytest.mark.parametrize(
    ("sample", "whole", "block", "window"),
    [(12288, 64, 256, 5440), (132, 32, 8192, 131072), (4, 1, 8192, 131072), (2**20, 7, 4, 63), (2**30, 64, 1, 64)],
)
def test_blocks_and_windows_have_a_size_in_bytes(sample, whole, block, window):
    assert window_of(sample, whole) == (block, window)
