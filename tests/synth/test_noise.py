"""The random numbers of a graph: NumPy's names, float32, column-major, and bytes that never change."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest
from scipy import stats

from plait.synth.noise import Noise
from plait.synth.normal import normal_pairs

MANY = 400_000


def test_the_same_seed_name_and_block_give_the_same_numbers_and_others_give_others():
    first = Noise(0, "x", 0).random(5)
    assert (first == Noise(0, "x", 0).random(5)).all()
    for other in (Noise(1, "x", 0), Noise(0, "y", 0), Noise(0, "x", 1), Noise(-1, "x", 0)):
        assert (first != other.random(5)).all()


def test_uniform_and_normal_numbers_are_these_bytes_on_every_machine():
    noise = Noise(0, "x", 0)
    numbers = noise.random(100_001).tobytes() + noise.standard_normal(100_001).tobytes()
    assert sha256(numbers).hexdigest()[:16] == "011af93be448c4a8"


@pytest.mark.parametrize(
    ("draw", "exact"),
    [
        (lambda rng: rng.random(MANY), stats.uniform()),
        (lambda rng: rng.uniform(2, 5, MANY), stats.uniform(2, 3)),
        (lambda rng: rng.standard_normal(MANY), stats.norm()),
        (lambda rng: rng.normal(3, 2, MANY), stats.norm(3, 2)),
        (lambda rng: rng.exponential(2, MANY), stats.expon(scale=2)),
        (lambda rng: rng.lognormal(0, 0.5, MANY), stats.lognorm(0.5)),
        (lambda rng: rng.gamma(2.0, 1.0, MANY), stats.gamma(2.0)),
    ],
    ids=["random", "uniform", "standard normal", "normal", "exponential", "lognormal", "gamma"],
)
def test_numbers_fit_their_distribution(draw, exact):
    """Kolmogorov and Smirnov's test: fails at one seed in 10 000, each."""
    drawn = draw(Noise(11, "x", 0))
    assert drawn.dtype == np.float32
    assert stats.kstest(drawn.astype(np.float64), exact.cdf).pvalue > 1e-4


def test_normal_numbers_have_the_tails_and_the_centre_of_a_normal_distribution():
    """Counts within five standard errors: fails at one seed in a million, each."""
    drawn = np.abs(Noise(12, "x", 0).standard_normal(4_000_000))
    for bound in (0.001, 0.01, 1.0, 3.0, 4.0, 4.5):
        expected = len(drawn) * 2 * stats.norm.sf(bound)
        assert (drawn > bound).sum() == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_the_two_normal_numbers_of_a_word_are_independent_and_as_exact_arithmetic_has_them():
    words = np.random.SFC64(3).random_raw(2**16)
    halves = words.copy().view(np.uint32)
    radius = np.sqrt(-2 * np.log(((halves[: len(words)] >> 1) + 0.5) * 2.0**-31)) * np.where(halves[len(words) :] & 1, -1, 1)
    angle = halves[len(words) :].view(np.int32) * 2.0**-31 * np.pi / 2
    out = np.empty(2 * len(words), np.float32)
    normal_pairs(words, out)
    np.testing.assert_allclose(out[: len(words)], radius * np.cos(angle), atol=3e-6)
    np.testing.assert_allclose(out[len(words) :], radius * np.sin(angle), atol=3e-6)
    assert stats.pearsonr(*np.split(np.abs(out), 2)).pvalue > 1e-4


def test_normal_numbers_reach_their_bounds_finitely():
    words = np.array([0, 2**64 - 1, 1, 2**32 - 1, 2**63, 2**31, 2**33], np.uint64)
    out = np.empty(2 * len(words), np.float32)
    normal_pairs(words, out)
    assert np.isfinite(out).all()
    assert 6.6 < np.abs(out).max() < 6.8


def test_matrices_are_column_major_images_row_major_and_numbers_the_same_in_both():
    columns = Noise(0, "x", 0).random((1000, 5))
    assert columns.flags.f_contiguous and columns.shape == (1000, 5)
    assert (columns.T.ravel() == Noise(0, "x", 0).random(5000)).all()
    assert Noise(0, "x", 0).normal(0, 1, (10, 4, 4, 3)).flags.c_contiguous


def test_double_precision_is_there_for_those_who_ask():
    for method in ("random", "standard_normal", "standard_exponential"):
        assert getattr(Noise(0, "x", 0), method)(10, dtype=np.float64).dtype == np.float64
    assert Noise(0, "x", 0).normal(np.zeros(3), 1, dtype=np.float64).dtype == np.float64
    assert Noise(0, "x", 0).beta(1.0, 2.0, 3, dtype=np.float64).dtype == np.float64


def test_every_other_method_is_numpys_in_single_precision():
    noise = Noise(0, "x", 0)
    assert noise.beta(1.0, 2.0, 3).dtype == np.float32
    assert noise.integers(0, 10, 1000).max() == 9
    assert noise.poisson(np.array([1.0, 1e6])).shape == (2,)
    assert sorted(noise.permutation(5).tolist()) == [0, 1, 2, 3, 4]
    assert set(noise.choice(["a", "b"], 50).tolist()) == {"a", "b"}
    assert noise.standard_gamma(2.0, 3, dtype=np.float32).dtype == np.float32
    with pytest.raises(AttributeError, match="no_such"):
        noise.no_such(3)


def test_without_a_size_parameters_decide_the_shape():
    noise = Noise(0, "x", 0)
    assert noise.normal(np.zeros((4, 1)), np.ones(3)).shape == (4, 3)
    assert noise.uniform(np.zeros(4), 1).shape == (4,)
    assert np.ndim(noise.normal()) == np.ndim(noise.random()) == np.ndim(noise.exponential()) == 0


def test_a_negative_scale_is_an_error():
    with pytest.raises(ValueError, match=r"rng.normal: scale is -1.0, and a standard deviation is not below 0"):
        Noise(0, "x", 0).normal(0, -1, 3)
    with pytest.raises(ValueError, match=r"rng.exponential: scale is -1.0"):
        Noise(0, "x", 0).exponential(-1, 3)
