"""Random numbers of samples: the same in any batch, of the right distribution, and the same bytes on every machine.

Every statistical test states how often it would fail for a perfect generator; its seeds are fixed, so it fails always or never.
"""

from __future__ import annotations

import copy
import hashlib
import pickle

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import special, stats

import plait
from plait.draws import Draws, mix, seed_of

RARELY = 1e-4  # the rate at which a statistical test would fail by chance

METHODS = {
    "random": lambda rng, n: rng.random(n),
    "random of a shape": lambda rng, n: rng.random((n, 3, 2)),
    "uniform": lambda rng, n: rng.uniform(-2, 5, n),
    "integers": lambda rng, n: rng.integers(-3, 50, (n, 2)),
    "normal": lambda rng, n: rng.normal(10, 2, (n, 4)),
    "standard_normal": lambda rng, n: rng.standard_normal(),
    "choice": lambda rng, n: rng.choice(["a", "bb", "c"], n),
    "choice of unequal chances": lambda rng, n: rng.choice(4, (n, 5), p=[0.1, 0.2, 0, 0.7]),
    "generators": lambda rng, n: np.array([g.integers(0, 1000, 3) for g in rng.generators()]),
}


def draws(count, *, seed=0):
    return Draws(seed_of(seed, np.arange(count, dtype=np.uint64)))


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@given(rows=st.lists(st.integers(0, 19), min_size=1, max_size=25))
@settings(max_examples=25)
def test_what_a_sample_draws_does_not_depend_on_the_batch_around_it(method, rows):
    """Any subset, in any order, with repetitions, gives the same rows; also on the second call."""
    states = seed_of(5, np.arange(20, dtype=np.uint64))
    whole, part = Draws(states), Draws(states[rows])
    for _ in range(2):
        assert np.array_equal(method(part, len(rows)), method(whole, 20)[rows])


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_call_draws_anew_and_every_seed_otherwise(method):
    rng = draws(50)
    first, second = method(rng, 50), method(rng, 50)
    assert not np.array_equal(first, second)
    assert np.array_equal(method(draws(50), 50), first)
    assert not np.array_equal(method(draws(50, seed=1), 50), first)


def test_only_begins_anew_for_some_of_the_samples():
    rng = draws(10)
    first = rng.random((10, 3))
    assert np.array_equal(rng.only(np.array([7, 2])).random((2, 3)), first[[7, 2]])


def test_the_numbers_are_splitmix64():
    """The first outputs for seed 0 that its authors give."""
    bits = Draws(np.zeros(1, np.uint64))._bits((1, 4))
    assert [hex(word) for word in bits[0].tolist()] == [
        "0xe220a8397b1dcdaf",
        "0x6e789e6aa1b965f4",
        "0x6c45d188009454f",
        "0xf88bb8a8724c81ec",
    ]


def test_the_numbers_never_change():
    rng = Draws(seed_of(7, 3, 0, np.arange(4, dtype=np.uint64)))
    assert rng.random().tolist() == [0.3733572903636029, 0.27886538151685647, 0.019179569966712773, 0.07520033450630004]
    assert rng.uniform(-1, 1, (4, 2))[3].tolist() == [-0.05263061971486205, -0.9374342367220241]
    assert rng.integers(0, 1000, 4).tolist() == [788, 596, 859, 385]
    assert [x.hex() for x in rng.standard_normal(4)[:2]] == ["-0x1.35079c9732059p-1", "-0x1.c88a6e7bc3e87p-3"]
    assert rng.normal(5, 2).tolist() == [7.532056329096887, 4.0104541414067585, 4.739217035442521, 7.73116592592957]
    assert rng.choice(["a", "b", "c"], 4, p=[0.2, 0.3, 0.5]).tolist() == ["b", "c", "b", "b"]
    assert rng.choice(10).tolist() == [9, 9, 6, 8]
    normal = draws(10000).standard_normal((10000, 20)).astype("<f8").tobytes()
    assert hashlib.sha256(normal).hexdigest() == "1d20c6314615b6710a768de4ca349e0cb68b893cf2aea8cd1756ecbc967ea422"


def test_seeds_never_change():
    assert [hex(int(seed_of(*parts))) for parts in ((), (0,), (1, 2), (2, 1), (-1,))] == [
        "0x0",
        "0x397ab29740681d9",
        "0x7947b6cb424a7ed5",
        "0xef340a833c3e538d",
        "0x42d30092dcd06d20",
    ]


def test_a_seed_of_arrays_is_that_of_their_elements():
    epochs, keys = np.array([0, 3, 2**40], np.int64), np.array([5, 2**63, 7], np.uint64)
    assert seed_of(1, epochs, 9, keys).tolist() == [int(seed_of(1, int(e), 9, int(k))) for e, k in zip(epochs, keys, strict=True)]
    assert seed_of(np.array([-1]), 2).tolist() == [int(seed_of(-1, 2))]


def test_mixing_loses_nothing():
    words = np.arange(100_000, dtype=np.uint64)
    assert len(np.unique(mix(words))) == len(words)


# distributions


def test_random_is_uniform_on_its_unit_interval():
    values = draws(2000).random((2000, 100)).ravel()
    assert values.min() >= 0 and values.max() < 1
    assert stats.kstest(values, "uniform").pvalue > RARELY


def test_neighbouring_samples_and_calls_are_unrelated():
    """Correlations of 200,000 pairs stay below 4.4 standard errors; failure rate 1e-5 each."""
    rng = draws(200_000)
    one, other = rng.random(), rng.random()
    for first, second in ((one, other), (one[1:], one[:-1]), (one[2:], one[:-2])):
        assert abs(np.corrcoef(first, second)[0, 1]) * np.sqrt(len(first)) < 4.4


def test_uniform_has_its_bounds():
    values = draws(20_000).uniform(-3, 7)
    assert stats.kstest(values, "uniform", (-3, 10)).pvalue > RARELY


@pytest.mark.parametrize(("low", "high"), [(0, 2), (-5, 12), (10, 1000)])
def test_integers_are_equally_frequent(low, high):
    values = draws(30_000).integers(low, high, (30_000, 2)).ravel()
    assert values.dtype == np.int64
    counts = np.bincount(values - low, minlength=high - low)
    assert len(counts) == high - low
    assert stats.chisquare(counts).pvalue > RARELY


def test_integers_of_one_bound_begin_at_zero_and_bounds_may_differ_by_sample():
    assert set(draws(1000).integers(3).tolist()) == {0, 1, 2}
    high = np.arange(1, 1001)
    values = draws(1000).integers(0, high)
    assert (values >= 0).all() and (values < high).all()
    assert stats.kstest((values + draws(1000, seed=1).random()) / high, "uniform").pvalue > RARELY
    assert draws(3).integers(np.array([[0], [10], [20]]), 30, (3, 2)).shape == (3, 2)


def test_integers_of_the_widest_range_stay_below_the_bound():
    values = draws(1000).integers(-(2**52), 2**52, (1000, 50))
    assert values.min() >= -(2**52) and values.max() < 2**52


def test_normal_is_normal():
    values = draws(2000).normal(3, 0.5, (2000, 100)).ravel()
    assert stats.kstest(values, "norm", (3, 0.5)).pvalue > RARELY
    assert stats.kstest(draws(20_000, seed=2).standard_normal(), "norm").pvalue > RARELY


def test_the_tails_of_the_normal_are_those_of_its_quantile_function():
    """All quantiles to 15 digits, the outermost ones that can be drawn among them."""
    from plait.draws import normal_quantile

    inner = (np.floor(np.random.default_rng(0).random(200_000) * 2.0**52) + 0.5) * 2.0**-52
    p = np.concatenate([inner, [2.0**-53, 1 - 2.0**-53, 0.075, 0.925, 2.0**-30, 1e-12]])
    np.testing.assert_allclose(normal_quantile(p), special.ndtri(p), rtol=3e-15)
    assert normal_quantile(np.array([2.0**-53]))[0] == pytest.approx(-8.2095, abs=1e-4)


def test_choice_is_as_frequent_as_told():
    chances = np.array([0.1, 0.2, 0.0, 0.3, 0.4])
    values = draws(50_000).choice(5, p=chances)
    counts = np.bincount(values, minlength=5)
    assert counts[2] == 0
    assert stats.chisquare(counts[chances > 0], 50_000 * chances[chances > 0]).pvalue > RARELY
    assert stats.chisquare(np.bincount(draws(50_000).choice(np.int64(7)))).pvalue > RARELY


def test_choice_gives_elements():
    assert set(draws(200).choice(["lung", "heart"]).tolist()) == {"lung", "heart"}
    rows = draws(200).choice(np.array([[1, 2], [3, 4]]), 200)
    assert rows.shape == (200, 2)
    assert set(map(tuple, rows.tolist())) == {(1, 2), (3, 4)}
    assert draws(100).choice(3, p=[0.0, 0.0, 1.0]).tolist() == [2] * 100


def test_generators_are_one_each_and_unrelated():
    generators = draws(2000).generators()
    assert stats.kstest([g.random() for g in generators], "uniform").pvalue > RARELY
    assert all(isinstance(g, np.random.Generator) for g in generators)
    values = generators[0].permutation(5).tolist()
    assert sorted(values) == [0, 1, 2, 3, 4]


# what cannot be asked for


@pytest.mark.parametrize("size", [7, (7, 3), (), 0, (-5, 2), (5, -1)])
def test_a_size_that_does_not_begin_with_the_samples_is_refused(size):
    rng = draws(5)
    with pytest.raises(plait.ArgumentError, match=r"rng was asked for size=.* and this batch has 5 samples.*rng.random\(len\(photo\)\)"):
        rng.random(size)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: rng.integers(3, 3), r"rng.integers\(3, 3\) is empty: high must be above low"),
        (lambda rng: rng.integers(0), r"rng.integers\(0, 0\) is empty: high must be above low"),
        (lambda rng: rng.integers(0, np.array([1, 0, 1])), r"rng.integers\(0, \[1 0 1\]\) is empty"),
        (lambda rng: rng.integers(0, 2.5), r"rng.integers\(0, 2.5\): bounds are integers. Write rng.uniform for real numbers"),
        (lambda rng: rng.integers(0, 2**60), r"at most 2\*\*53 different integers can be drawn"),
        (lambda rng: rng.choice([]), "rng.choice: there is nothing to choose from"),
        (lambda rng: rng.choice(0), "rng.choice: there is nothing to choose from"),
        (lambda rng: rng.choice(3, p=[0.5, 0.5]), "p has 2 values that sum to 1; 3 not below 0 that sum to 1 are needed"),
        (lambda rng: rng.choice(2, p=[0.5, 0.4]), "p has 2 values that sum to 0.9; 2 not below 0 that sum to 1 are needed"),
        (lambda rng: rng.choice(2, p=[1.5, -0.5]), "p has 2 values that sum to 1; 2 not below 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, message):
    with pytest.raises(plait.ArgumentError, match=message):
        call(draws(3))


def test_a_method_that_is_not_there_says_what_is():
    with pytest.raises(
        AttributeError, match="rng has no 'poisson'. It has random, uniform, .*rng.generators\\(\\) gives one NumPy generator"
    ):
        draws(3).poisson(4)  # pyright: ignore[reportCallIssue]


def test_draws_of_no_samples_are_empty():
    rng = draws(0)
    assert rng.random().shape == (0,)
    assert rng.normal(size=(0, 3)).shape == (0, 3)
    assert rng.generators() == []


def test_draws_can_be_copied_and_pickled_where_they_stand():
    rng = draws(4)
    rng.random()
    others = [copy.deepcopy(rng), pickle.loads(pickle.dumps(rng))]
    expected = rng.random()
    assert all(np.array_equal(other.random(), expected) for other in others)
