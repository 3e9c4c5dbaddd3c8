"""The order of the samples: the same for a seed on every machine and in every version, each sample once, shards of one global batch."""

from __future__ import annotations

import numpy as np
import pytest

from plait.order import Uniform, permuted


def test_the_order_that_a_seed_gives_never_changes():
    assert permuted(np.arange(10), 10, 7).tolist() == [1, 0, 9, 5, 7, 8, 6, 4, 2, 3]
    assert permuted(np.array([0, 1, 2, 999_999]), 1_000_000, 7).tolist() == [398314, 27888, 433826, 781075]
    order = Uniform(10, 4, "keep", (0, 1), 3, True)
    assert [pick.rows.tolist() for pick in order.picks([0, 1, 2, 3])] == [[0, 3, 6, 2], [4, 7, 8, 5], [9, 1], [1, 5, 0, 3]]


@pytest.mark.parametrize("samples", [1, 2, 3, 10, 97, 1000, 4096, 4097, 100_003])
def test_an_order_holds_every_sample_once(samples):
    assert np.array_equal(np.sort(permuted(np.arange(samples), samples, 11)), np.arange(samples))


def test_any_position_is_known_without_the_others():
    whole = permuted(np.arange(5000), 5000, 3)
    some = np.array([4999, 0, 17])
    assert np.array_equal(permuted(some, 5000, 3), whole[some])


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_the_shards_of_a_batch_are_the_batch_of_one_shard(shards):
    steps = range(2 * 10)  # two passes
    whole = Uniform(113, 12, "pad", (0, 1), 5, True).picks(steps)
    parts = [Uniform(113, 12 // shards, "pad", (index, shards), 5, True).picks(steps) for index in range(shards)]
    for step in steps:
        real = np.concatenate([part[step].rows[: part[step].real] for part in parts])
        assert sorted(real.tolist()) == sorted(whole[step].rows[: whole[step].real].tolist())
