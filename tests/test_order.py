"""The order of samples: every one once a pass, on any number of shards, and never another one for the same seed.

Every statistical test states how often it would fail for perfectly random permutations; its seeds are fixed, so it fails always or never.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

import plait
from plait.order import Balanced, Bucketed, Order, Uniform, permuted

RARELY = 1e-4  # the rate at which a statistical test would fail by chance
REMAINDERS = ("keep", "drop", "pad")


# permutations


@pytest.mark.parametrize("seed", [0, 2**64 - 1])
def test_every_small_size_is_permuted(seed):
    for samples in range(1, 201):
        assert np.array_equal(np.sort(permuted(np.arange(samples), samples, seed)), np.arange(samples)), samples


@pytest.mark.parametrize("samples", [4095, 4096, 4097, 65536, 99991, 10**6])
def test_large_sizes_are_permuted(samples):
    assert np.array_equal(np.sort(permuted(np.arange(samples), samples, 3)), np.arange(samples))


@pytest.mark.parametrize("samples", [2**31 + 11, 10**12, 2**62])
def test_sizes_beyond_memory_send_no_two_positions_to_one(samples):
    positions = np.random.default_rng(0).integers(0, samples, 20_000)
    out = permuted(positions, samples, 1)
    assert out.min() >= 0 and out.max() < samples
    assert len(np.unique(out)) == len(np.unique(positions))


@given(st.integers(1, 10**9), st.integers(0, 2**64 - 1), st.lists(st.integers(0, 2**62), max_size=8))
@settings(max_examples=50)
def test_any_of_the_positions_may_be_asked_for(samples, seed, positions):
    asked = np.array(positions, np.int64) % samples
    out = permuted(asked, samples, seed)
    assert out.tolist() == [int(permuted(asked[i : i + 1], samples, seed)[0]) for i in range(len(asked))]
    assert ((out >= 0) & (out < samples)).all()


@given(st.lists(st.tuples(st.integers(1, 10**5), st.integers(0, 2**64 - 1), st.integers(0, 10**5)), min_size=1, max_size=8))
@settings(max_examples=30)
def test_many_permutations_at_once_are_those_one_by_one(asked):
    sizes, positions = (np.array([one[part] for one in asked]) for part in (0, 2))
    seeds, positions = np.array([one[1] for one in asked], np.uint64), positions % sizes
    one_by_one = [int(permuted(np.array([p]), int(n), int(s))[0]) for p, n, s in zip(positions, sizes, seeds, strict=True)]
    assert permuted(positions, sizes, seeds).tolist() == one_by_one


def test_permutations_never_change():
    assert permuted(np.arange(10), 10, 0).tolist() == [0, 9, 7, 1, 4, 6, 8, 3, 5, 2]
    assert permuted(np.arange(10), 10, 1).tolist() == [5, 2, 4, 1, 0, 9, 7, 6, 3, 8]
    assert permuted(np.arange(4095, 4099), 4099, 3).tolist() == [1866, 3724, 2983, 3902]
    assert permuted(np.arange(5), 10**6, 7).tolist() == [398314, 27888, 433826, 451588, 306001]
    assert permuted(np.arange(3), 2**40, 2**64 - 1).tolist() == [619462967557, 325759106558, 1065085452201]


def test_nothing_is_permuted_to_nothing():
    assert permuted(np.zeros(0, np.int64), 0, 1).shape == (0,)
    assert permuted(np.zeros(1, np.int64), 1, 1).tolist() == [0]


def many(samples, count):
    """(count, samples): a permutation for each of that many seeds."""
    seeds = np.repeat(np.arange(count, dtype=np.uint64), samples)
    return permuted(np.tile(np.arange(samples), count), np.full(count * samples, samples), seeds).reshape(count, samples)


@pytest.mark.parametrize("samples", [2, 3, 4, 5])
def test_all_permutations_of_few_samples_are_equally_frequent(samples):
    count = 24_000
    place = {order: number for number, order in enumerate(itertools.permutations(range(samples)))}
    found = np.bincount([place[tuple(order)] for order in many(samples, count).tolist()], minlength=len(place))
    assert stats.chisquare(found).pvalue > RARELY


@pytest.mark.parametrize("samples", [7, 16, 30])
def test_every_sample_comes_to_every_place_equally_often(samples):
    count = 20_000
    table = np.zeros((samples, samples))
    for place, row in enumerate(many(samples, count).T):
        table[place] = np.bincount(row, minlength=samples)
    statistic = ((table - count / samples) ** 2 / (count / samples)).sum() * (samples - 1) / samples
    assert stats.chi2.sf(statistic, (samples - 1) ** 2) > RARELY


@pytest.mark.parametrize("apart", [1, 2, 317])
def test_neighbours_are_not_sent_to_neighbouring_places(apart):
    """100,000 samples, whose root is 316.2: correlations stay below 4.4 standard errors, failure rate 1e-5; distances are uniform."""
    out = permuted(np.arange(100_000), 100_000, 11)
    assert abs(np.corrcoef(out[apart:], out[:-apart])[0, 1]) * np.sqrt(100_000) < 4.4
    assert stats.kstest((out[apart:] - out[:-apart]) % 100_000 / 100_000, "uniform").pvalue > RARELY


def test_seeds_give_unrelated_permutations():
    """As many places in common as chance has it, 1 of 100,000 on average: 8 or more in none of 20 pairs, failure rate 2e-5."""
    out = [permuted(np.arange(100_000), 100_000, seed) for seed in range(21)]
    assert max((a == b).sum() for a, b in itertools.pairwise(out)) < 8


# laws of every order


def shards_of(make, count):
    return [make((index, count)) for index in range(count)]


def check_pass(shards: list[Order], samples: int, batch: int, remainder: str, number: int = 0) -> None:
    """One pass: every sample once, the same number of steps of the same shape everywhere, and padding counted."""
    steps = shards[0].per_pass
    assert {shard.per_pass for shard in shards} == {steps}
    picks = [shard.picks(range(number * steps, (number + 1) * steps)) for shard in shards]
    real = np.concatenate([p.rows[: p.real] for own in picks for p in own]) if steps else np.zeros(0, int)
    padding = np.concatenate([p.rows[p.real :] for own in picks for p in own]) if steps else np.zeros(0, int)
    assert len(np.unique(real)) == len(real)
    if remainder == "drop":
        assert len(real) == steps * batch * len(shards)
        assert samples - len(real) < batch * len(shards) or isinstance(shards[0], Bucketed)
    else:
        assert np.array_equal(np.sort(real), np.arange(samples))
    assert ((padding >= 0) & (padding < samples)).all()
    for own in zip(*picks, strict=True):
        sizes = {len(p.rows) for p in own}
        assert len(sizes) == 1
        if remainder == "keep" and len(shards) == 1:
            assert all(p.real == len(p.rows) for p in own)
        else:
            assert sizes == {batch}


@pytest.mark.parametrize("remainder", REMAINDERS)
def test_in_order_every_sample_comes_once_a_pass_for_every_size_and_number_of_shards(remainder):
    for samples, count, batch in itertools.product(range(1, 61), range(1, 9), (1, 3, 8)):
        check_pass(shards_of(lambda s, n=samples, b=batch: Uniform(n, b, remainder, s, 0, False), count), samples, batch, remainder)


@pytest.mark.parametrize("remainder", REMAINDERS)
@pytest.mark.parametrize("samples", [1, 2, 5, 16, 31, 60])
def test_shuffled_every_sample_comes_once_a_pass(remainder, samples):
    for count, batch, number in itertools.product((1, 3, 8), (1, 9), (0, 5)):
        shards = shards_of(lambda s, b=batch: Uniform(samples, b, remainder, s, 1, True), count)
        check_pass(shards, samples, batch, remainder, number)


LENGTHS = np.random.default_rng(0).integers(0, 21, 60)


@pytest.mark.parametrize("remainder", REMAINDERS)
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("samples", [1, 7, 31, 60])
def test_in_buckets_every_sample_comes_once_a_pass(remainder, shuffle, samples):
    lengths = LENGTHS[:samples]
    for count, batch, number in ((1, 1, 0), (1, 4, 3), (2, 4, 0), (5, 3, 1)):
        shards = shards_of(lambda s, b=batch: Bucketed(lengths, [4, 9, 20], b, remainder, s, 1, shuffle), count)
        check_pass(shards, samples, batch, remainder, number)


ORDERS = {
    "in order": lambda batch, remainder, shard: Uniform(37, batch, remainder, shard, 9, False),
    "shuffled": lambda batch, remainder, shard: Uniform(37, batch, remainder, shard, 9, True),
    "balanced": lambda batch, remainder, shard: Balanced(np.arange(37) % 5 - 1, batch, remainder, shard, 9),
    "bucketed": lambda batch, remainder, shard: Bucketed(LENGTHS[:37], [4, 9, 20], batch, remainder, shard, 9, True),
}


def told(pick):
    return pick.rows.tolist(), pick.real, np.asarray(pick.epoch).tolist(), pick.length


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("remainder", REMAINDERS)
@given(steps=st.lists(st.integers(0, 200), max_size=12), index=st.integers(0, 2))
@settings(max_examples=10)
def test_steps_are_the_same_together_as_one_by_one(make, remainder, steps, index):
    order = make(4, remainder, (index, 3))
    one_by_one = [told(order.picks([step])[0]) for step in steps]
    assert [told(pick) for pick in (order.picks(steps) if steps else [])] == one_by_one


@pytest.mark.parametrize("make", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("count", [2, 3, 6])
def test_a_global_batch_holds_the_same_samples_whatever_the_number_of_shards(make, count):
    whole = make(6, "pad", (0, 1))
    shards = shards_of(lambda s: make(6 // count, "pad", s), count)
    for step in range(2 * whole.per_pass):
        pick = whole.picks([step])[0]
        parts = [shard.picks([step])[0] for shard in shards]
        assert np.concatenate([p.rows[: p.real] for p in parts]).tolist() == pick.rows[: pick.real].tolist()


@pytest.mark.parametrize("make", [ORDERS[name] for name in ("shuffled", "balanced", "bucketed")])
def test_every_pass_has_an_order_of_its_own(make):
    order = make(5, "keep", (0, 1))
    passes = []
    for number in range(20):
        picks = order.picks(range(number * order.per_pass, (number + 1) * order.per_pass))
        passes.append(tuple(np.concatenate([p.rows for p in picks]).tolist()))
    assert len(set(passes)) == 20


def test_the_epoch_of_a_pick_is_its_pass():
    for name in ("in order", "shuffled", "bucketed"):
        order = ORDERS[name](5, "keep", (0, 1))
        assert [p.epoch for p in order.picks(range(2 * order.per_pass))] == [0] * order.per_pass + [1] * order.per_pass


def test_several_shards_are_padded_where_they_would_be_unequal():
    order = Uniform(3, 2, "keep", (1, 4), 0, False)
    assert order.remainder == "pad"
    assert [told(p) for p in order.picks([0])] == [([1, 0], 1, 0, 0)]
    empty = Uniform(3, 2, "keep", (3, 4), 0, False)
    assert [told(p) for p in empty.picks([0])] == [([0, 1], 0, 0, 0)]


# balanced


@st.composite
def labelled(draw):
    codes = np.array(draw(st.lists(st.integers(-1, 4), min_size=1, max_size=40)))
    return codes if (codes >= 0).any() else np.append(codes, 2)


def sequence(order, passes):
    picks = order.picks(range(passes * order.per_pass))
    return np.concatenate([p.rows[: p.real] for p in picks]), np.concatenate([p.epoch[: p.real] for p in picks])


@given(labelled(), st.sampled_from(REMAINDERS), st.integers(1, 9), st.integers(0, 5))
@settings(max_examples=40)
def test_classes_come_in_turn_and_members_before_any_comes_again(codes, remainder, batch, seed):
    order = Balanced(codes, batch, remainder, (0, 1), seed)
    if not order.per_pass:
        assert remainder == "drop" and len(codes) < batch
        return
    rows, epochs = sequence(order, 6)
    labels = np.unique(codes[codes >= 0])
    assert (codes[rows] >= 0).all()
    whole = len(rows) // len(labels) * len(labels)
    assert (np.sort(codes[rows][:whole].reshape(-1, len(labels)), axis=1) == labels).all()  # every class once in each turn
    for label in labels:
        members = np.flatnonzero(codes == label)
        own, cycles = rows[codes[rows] == label], epochs[codes[rows] == label]
        for start in range(0, len(own), len(members)):
            cycle = own[start : start + len(members)]
            assert len(np.unique(cycle)) == len(cycle)
            assert (cycles[start : start + len(members)] == start // len(members)).all()


def test_blocks_of_a_batch_hold_every_class_equally_often_up_to_one():
    codes = np.repeat([0, 1, 2], [90, 9, 1])
    order = Balanced(codes, 8, "drop", (0, 1), 0)
    for pick in order.picks(range(60)):
        counts = np.bincount(codes[pick.rows], minlength=3)
        assert counts.max() - counts.min() <= 2  # a batch may begin and end within a turn
    even = Balanced(codes, 9, "drop", (0, 1), 0)
    assert all((np.bincount(codes[p.rows]) == 3).all() for p in even.picks(range(60)))


def test_a_pass_of_balanced_batches_has_as_many_samples_as_the_data():
    order = Balanced(np.array([0] * 29 + [-1]), 8, "keep", (0, 1), 0)
    assert (order.per_pass, [len(p.rows) for p in order.picks(range(4))]) == (4, [8, 8, 8, 6])


def test_classes_are_drawn_in_random_order():
    """Each of 3 classes begins a turn equally often; failure rate as stated."""
    codes = np.arange(3000) % 3
    rows, _ = sequence(Balanced(codes, 30, "keep", (0, 1), 0), 3)
    assert stats.chisquare(np.bincount(codes[rows][::3])).pvalue > RARELY


def test_many_classes_are_drawn_quickly_and_rightly():
    codes = np.random.default_rng(0).integers(0, 1000, 100_000)
    rows, _ = sequence(Balanced(codes, 8192, "keep", (0, 1), 0), 1)
    assert np.array_equal(np.bincount(codes[rows], minlength=1000), np.full(1000, 100))


# bucketed


def test_a_sample_is_padded_to_the_first_edge_that_holds_it():
    lengths = np.array([0, 4, 5, 9, 10, 20])
    order = Bucketed(lengths, [4, 9, 20], 1, "keep", (0, 1), 0, True)
    assert {(int(p.rows[0]), p.length) for p in order.picks(range(6))} == {(0, 4), (1, 4), (2, 9), (3, 9), (4, 20), (5, 20)}


def test_batches_of_all_buckets_are_mixed():
    order = Bucketed(np.repeat([1, 5], 200), [1, 5], 2, "keep", (0, 1), 0, True)
    lengths = [p.length for p in order.picks(range(200))]
    changes = sum(a != b for a, b in itertools.pairwise(lengths))
    assert 60 < changes < 140  # 100 on average, within 5.6 standard deviations: failure rate below 1e-7


def test_a_sample_longer_than_the_last_bucket_is_refused():
    with pytest.raises(plait.ArgumentError, match="bucket: the longest sample has 21 values and the last bucket ends at 20"):
        Bucketed(np.array([3, 21]), [4, 20], 2, "keep", (0, 1), 0, True)
    with pytest.raises(plait.ArgumentError, match=r"bucket: there are no edges.*bucket=\{'caption': \[20, 50, 100\]\}"):
        Bucketed(np.array([3, 21]), [], 2, "keep", (0, 1), 0, True)


# golden: a change here is a change of order; raise plait.order.ORDER_VERSION, so that no saved run goes on in another, and say so


def test_orders_never_change():
    uniform = Uniform(10, 4, "keep", (0, 1), 5, True)
    assert [p.rows.tolist() for p in uniform.picks(range(6))] == [[0, 2, 6, 4], [9, 5, 1, 7], [8, 3], [6, 0, 1, 4], [9, 3, 5, 8], [7, 2]]
    shard = Uniform(10, 2, "keep", (1, 2), 5, True)
    assert [(p.rows.tolist(), p.real) for p in shard.picks(range(3))] == [([6, 4], 2), ([1, 7], 2), ([3, 0], 1)]
    balanced = Balanced(np.array([0, 0, 0, 0, 1, 2, 2, -1]), 4, "keep", (0, 1), 5)
    assert [(p.rows.tolist(), np.asarray(p.epoch).tolist()) for p in balanced.picks(range(4))] == [
        ([4, 6, 1, 3], [0, 0, 0, 0]),
        ([5, 4, 4, 0], [0, 1, 2, 0]),
        ([6, 5, 4, 2], [1, 1, 3, 0]),
        ([5, 4, 2, 0], [2, 4, 1, 1]),
    ]
    bucketed = Bucketed(np.array([3, 9, 1, 4, 8, 2, 7]), [4, 9], 2, "keep", (0, 1), 5, True)
    assert [(p.rows.tolist(), p.length) for p in bucketed.picks(range(8))] == [
        ([6, 1], 9),
        ([0, 5], 4),
        ([2, 3], 4),
        ([4], 9),
        ([6], 9),
        ([2, 5], 4),
        ([4, 1], 9),
        ([0, 3], 4),
    ]
