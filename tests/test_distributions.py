"""Distributions: densities against SciPy's to 1e-10, draws against the densities, and what cannot be meant."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, special, stats

from plait.distributions import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Censored,
    Dirichlet,
    Exponential,
    Gamma,
    Geometric,
    LogNormal,
    Mixture,
    MultivariateNormal,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
    Truncated,
    Uniform,
    ZeroInflated,
)
from plait.distributions.special import log_gamma, normal_cdf, normal_quantile
from plait.errors import ArgumentError
from plait.synth.noise import Noise

CONTINUOUS = {
    "normal": (Normal(1.5, 2.0), stats.norm(1.5, 2.0)),
    "lognormal": (LogNormal(0.3, 0.8), stats.lognorm(0.8, scale=np.exp(0.3))),
    "uniform": (Uniform(-1.0, 3.0), stats.uniform(-1.0, 4.0)),
    "exponential": (Exponential(2.5), stats.expon(scale=2.5)),
    "gamma": (Gamma(0.7, 2.0), stats.gamma(0.7, scale=2.0)),
    "gamma of large shape": (Gamma(40.0), stats.gamma(40.0)),
    "beta": (Beta(0.5, 3.0), stats.beta(0.5, 3.0)),
    "student": (StudentT(3.5, 1.0, 2.0), stats.t(3.5, 1.0, 2.0)),
    "truncated": (Truncated(Normal(1.0, 2.0), -0.5, 4.0), stats.truncnorm(-0.75, 1.5, loc=1.0, scale=2.0)),
}
DISCRETE = {
    "bernoulli": (Bernoulli(0.3), stats.bernoulli(0.3)),
    "binomial": (Binomial(12, 0.4), stats.binom(12, 0.4)),
    "poisson": (Poisson(3.7), stats.poisson(3.7)),
    "negative binomial": (NegativeBinomial(2.5, 0.3), stats.nbinom(2.5, 0.3)),
    "geometric": (Geometric(0.25), stats.geom(0.25)),
}
SAMPLES = 50_000
RATE = 1e-4  # how often a test of fit would fail with another seed, each


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_density_is_scipys(name):
    ours, theirs = CONTINUOUS[name]
    x = np.concatenate([theirs.ppf(np.linspace(1e-6, 1 - 1e-6, 301)), [-50.0, 0.25, 60.0]])
    np.testing.assert_allclose(ours.log_prob(x), theirs.logpdf(x), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", DISCRETE)
def test_a_probability_is_scipys_and_zero_for_what_is_no_count(name):
    ours, theirs = DISCRETE[name]
    k = np.arange(-2, 60)
    np.testing.assert_allclose(ours.log_prob(k), theirs.logpmf(k), rtol=1e-10, atol=1e-10)
    assert ours.log_prob(np.array([0.5, 1.5])).tolist() == [-np.inf, -np.inf]


@pytest.mark.parametrize("rng", [Noise(1, "x", 0), np.random.default_rng(1)], ids=["noise", "numpy"])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_draws_fit_the_distribution_function(name, rng):
    """Kolmogorov and Smirnov's test: fails at one seed in 10 000."""
    ours, theirs = CONTINUOUS[name]
    drawn = ours.sample(SAMPLES, rng=rng)
    assert drawn.shape == (SAMPLES,)
    assert stats.kstest(drawn.astype(np.float64), theirs.cdf).pvalue > RATE


@pytest.mark.parametrize("name", DISCRETE)
def test_draws_of_counts_fit_their_probabilities(name):
    """A chi-squared test: fails at one seed in 10 000."""
    ours, theirs = DISCRETE[name]
    drawn = ours.sample(SAMPLES, rng=Noise(2, "x", 0)).astype(np.int64)
    expected = SAMPLES * theirs.pmf(np.arange(drawn.max() + 1))
    seen = np.bincount(drawn, minlength=len(expected))
    often = expected >= 10
    seen, expected = np.append(seen[often], seen[~often].sum()), np.append(expected[often], SAMPLES - expected[often].sum())
    kept = expected > 0
    assert stats.chisquare(seen[kept], expected[kept], sum_check=False).pvalue > RATE


def test_a_dirichlet_is_scipys():
    alpha = np.array([0.5, 2.0, 4.0])
    drawn = Dirichlet(alpha).sample(4000, rng=Noise(3, "x", 0))
    assert drawn.shape == (4000, 3)
    np.testing.assert_allclose(drawn.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(drawn.mean(axis=0), alpha / alpha.sum(), atol=0.02)
    exact = np.random.default_rng(0).dirichlet(alpha, 50)
    np.testing.assert_allclose(Dirichlet(alpha).log_prob(exact), [stats.dirichlet(alpha).logpdf(row) for row in exact], rtol=1e-10)
    assert Dirichlet(alpha).log_prob([0.5, 0.5, 0.5]) == -np.inf


def test_a_multivariate_normal_is_scipys_with_one_covariance_or_one_a_row():
    mean, cov = np.array([1.0, -2.0]), np.array([[2.0, 0.6], [0.6, 0.5]])
    drawn = MultivariateNormal(mean, cov).sample(SAMPLES, rng=Noise(4, "x", 0))
    np.testing.assert_allclose(np.cov(drawn.T), cov, atol=0.05)
    points = np.random.default_rng(0).normal(size=(40, 2))
    expected = stats.multivariate_normal(mean, cov).logpdf(points)
    np.testing.assert_allclose(MultivariateNormal(mean, cov).log_prob(points), expected, rtol=1e-10)
    each = MultivariateNormal(np.tile(mean, (40, 1)), np.tile(cov, (40, 1, 1)))
    np.testing.assert_allclose(each.log_prob(points), expected, rtol=1e-10)
    assert each.sample((40,), rng=Noise(4, "y", 0)).shape == (40, 2)


def test_classes_are_codes_or_labels():
    """Shares within five standard errors: fails at one seed in a million."""
    p = np.array([0.2, 0.3, 0.5])
    codes = Categorical(p).sample(SAMPLES, rng=Noise(5, "x", 0))
    np.testing.assert_allclose(np.bincount(codes) / SAMPLES, p, atol=5 * 0.5 / np.sqrt(SAMPLES))
    named = Categorical(p, labels=["low", "mid", "high"])
    words = named.sample(SAMPLES, rng=Noise(5, "x", 0))
    assert (words == np.array(["low", "mid", "high"], words.dtype)[codes]).all()
    np.testing.assert_allclose(Categorical(p).log_prob([0, 2, 3, -1, 0.5]), [np.log(0.2), np.log(0.5), -np.inf, -np.inf, -np.inf])
    np.testing.assert_allclose(named.log_prob(["high", "low", "none"]), [np.log(0.5), np.log(0.2), -np.inf])
    assert Categorical(p, labels=[10, 20, 30]).sample(5, rng=Noise(5, "x", 0)).dtype.kind == "i"


def test_a_mixture_is_the_weighted_sum_of_its_parts():
    mixture = Mixture([0.3, 0.7], [Normal(-2, 1), Normal(3, 0.5)])
    x = np.linspace(-6, 6, 101)
    expected = 0.3 * stats.norm(-2, 1).pdf(x) + 0.7 * stats.norm(3, 0.5).pdf(x)
    np.testing.assert_allclose(mixture.log_prob(x), np.log(expected), rtol=1e-10)
    drawn = mixture.sample(SAMPLES, rng=Noise(6, "x", 0)).astype(np.float64)
    assert stats.kstest(drawn, lambda v: 0.3 * stats.norm.cdf(v, -2, 1) + 0.7 * stats.norm.cdf(v, 3, 0.5)).pvalue > RATE


def test_what_is_censored_piles_up_at_the_bounds():
    """Shares within five standard errors."""
    censored = Censored(Normal(1, 2), low=0.0, high=4.0)
    drawn = censored.sample(SAMPLES, rng=Noise(7, "x", 0))
    assert drawn.min() == 0 and drawn.max() == 4
    np.testing.assert_allclose((drawn == 0).mean(), stats.norm.cdf(-0.5), atol=5 * 0.5 / np.sqrt(SAMPLES))
    np.testing.assert_allclose(censored.log_prob([0.0, 4.0]), [stats.norm.logcdf(-0.5), stats.norm.logsf(1.5)], rtol=1e-10)
    np.testing.assert_allclose(censored.log_prob([1.0, -1.0, 5.0]), [stats.norm(1, 2).logpdf(1.0), -np.inf, -np.inf])
    whole = integrate.quad(lambda v: np.exp(censored.log_prob(v)), 1e-9, 4 - 1e-9)[0] + np.exp(censored.log_prob([0.0, 4.0])).sum()
    assert whole == pytest.approx(1, abs=1e-6)


def test_a_truncated_distribution_in_the_tail_keeps_to_its_bounds():
    tail = Truncated(Normal(0, 1), low=4.0)
    drawn = tail.sample(10_000, rng=Noise(8, "x", 0))
    assert drawn.min() >= 4
    assert stats.kstest(drawn.astype(float), lambda v: 1 - stats.norm.sf(v) / stats.norm.sf(4)).pvalue > RATE


def test_extra_zeros_count_beside_those_of_a_discrete_base_and_alone_with_a_continuous_one():
    counts = ZeroInflated(0.4, Poisson(2.0))
    np.testing.assert_allclose(counts.log_prob([0, 3]), [np.log(0.4 + 0.6 * np.exp(-2)), np.log(0.6) + stats.poisson(2).logpmf(3)])
    spent = ZeroInflated(0.4, Gamma(2.0))
    np.testing.assert_allclose(spent.log_prob([0.0, 1.5]), [np.log(0.4), np.log(0.6) + stats.gamma(2.0).logpdf(1.5)])
    drawn = spent.sample(SAMPLES, rng=Noise(9, "x", 0))
    assert (drawn == 0).mean() == pytest.approx(0.4, abs=5 * 0.5 / np.sqrt(SAMPLES))


def test_parameters_broadcast_as_numpys_do():
    loc = np.array([0.0, 100.0])
    assert Normal(loc, 1).sample((1000, 2), rng=Noise(0, "x", 0)).mean(axis=0) == pytest.approx(loc, abs=0.2)
    assert Normal(loc, 1).log_prob(loc) == pytest.approx([-0.9189385, -0.9189385])


@pytest.mark.parametrize(
    "declared",
    [
        Normal(lambda x: x, 2.0),
        Normal(np.array([1.0, 2.0]), lambda x: x + 1),
        Mixture([0.5, 0.5], [Normal(lambda x: x, 1), Normal(0, lambda x: x + 1)]),
    ],
    ids=["number", "vector", "mixture"],
)
def test_parameters_that_are_functions_take_the_columns_of_other_variables(declared):
    x = np.linspace(0, 5, 40)
    assert declared.parents == ("x",)
    rows = declared.at({"x": x}, 40)
    drawn = rows.sample(40, rng=Noise(0, "y", 0))
    assert drawn.shape == ((40, 2) if rows.shape else (40,))
    assert rows.log_prob_of_rows(drawn).shape == (40,)


def test_the_density_of_a_vector_is_the_sum_over_its_numbers():
    x = np.array([0.5, 2.0])
    rows = Normal(np.array([1.0, 2.0, 3.0]), lambda x: x).at({"x": x}, 2)
    values = np.array([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    expected = stats.norm(np.array([[1.0, 2.0, 3.0]]), x[:, None]).logpdf(values).sum(axis=1)
    np.testing.assert_allclose(rows.log_prob_of_rows(values), expected)


def test_the_special_functions_are_scipys():
    x = np.concatenate([np.geomspace(1e-8, 1e8, 500), np.linspace(0.5, 3, 101)])
    np.testing.assert_allclose(log_gamma(x), special.gammaln(x), rtol=1e-13, atol=1e-13)
    z = np.linspace(-8, 8, 201)
    np.testing.assert_allclose(normal_cdf(z), special.ndtr(z), rtol=1e-12)
    np.testing.assert_allclose(normal_quantile([0.0, 0.01, 0.5, 1.0]), special.ndtri([0.0, 0.01, 0.5, 1.0]), rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Normal(0, -1), r"Normal\(scale=...\): found -1, and it has to be above 0."),
        (lambda: Normal(np.nan), r"Normal\(loc=...\): found nan, and it has to be finite."),
        (lambda: Uniform(2, 1), r"Uniform\(high=...\): found 1, and it has to be above low."),
        (lambda: Bernoulli(1.5), r"Bernoulli\(p=...\): found 1.5, and it has to be from 0 to 1."),
        (lambda: Binomial(2.5, 0.5), r"Binomial\(n=...\): found 2.5, and it has to be a whole number of 0 or more."),
        (lambda: Poisson(-1), r"Poisson\(mu=...\): found -1, and it has to be 0 or more, and finite."),
        (lambda: Categorical([0.5, 0.4]), r"the probabilities of the classes add up to 0.9, not 1. Divide them"),
        (lambda: Categorical(0.5), r"Categorical\(p=0.5\): 1 axes are needed, such as one number a class."),
        (lambda: Categorical([0.5, 0.5], labels=["a"]), r"2 probabilities and 1 labels; one a class is needed."),
        (lambda: Categorical([0.5, 0.5], labels=["a", "a"]), r"a label occurs twice."),
        (lambda: Mixture([1.0], []), r"Mixture\(components=...\): a list of distributions of numbers is needed"),
        (lambda: Mixture([0.5, 0.2], [Normal(), Normal()]), r"Mixture\(weights=...\): they add up to 0.7, not 1."),
        (lambda: Mixture([0.5, 0.5], [Normal()]), r"has 2 weights and 1 components; one each is needed."),
        (lambda: MultivariateNormal([0, 0], np.eye(3)), r"the mean has the shape \(2,\) and cov has the shape \(3, 3\)"),
        (lambda: MultivariateNormal([0, 0], [[1, 2], [0, 1]]), r"the covariances are not symmetric. Write \(cov \+ cov.T\) / 2."),
        (lambda: MultivariateNormal([0, 0], [[1, 2], [2, 1]]), r"not positive definite, so no numbers have them. Add a little"),
        (lambda: Truncated(Gamma(1.0), 0, 1), r"Normal, LogNormal, Uniform or Exponential is needed, found Gamma."),
        (lambda: Censored(Normal(), 3, 1), r"Censored\(low=3, high=1\): high has to be above low."),
        (lambda: ZeroInflated(0.5, 3), r"ZeroInflated\(base=...\): a distribution of numbers is needed, such as Poisson\(3\)."),
        (lambda: Normal("a"), r"Normal\(loc='a'\): a parameter is a number, an array, or a function of other variables"),
        (lambda: Normal(lambda rng: rng.random()), r"Normal\(loc=...\) draws: it has the parameter rng. Make what it draws a variable"),
        (lambda: Normal(lambda *x: 1), r"has the parameter '\*x'. Each parameter names a variable: lambda x: ..."),
        (lambda: Normal(np.maximum), r"whose parameters cannot be told. Wrap it|has the parameter"),
        (lambda: Gamma(1.0).cdf(1.0), r"Gamma has no distribution function here."),
        (lambda: Gamma(1.0).quantile(0.5), r"Gamma has no quantiles here."),
        (lambda: Normal(lambda x: x.sum()).at({"x": np.ones(4)}, 4), r"the function gives \(\) for 4 rows. It takes whole columns"),
        (lambda: Normal(0, lambda x: -x).at({"x": np.ones(4)}, 4), r"Normal\(scale=...\): found -1, and it has to be above 0."),
    ],
)
def test_what_cannot_be_meant_is_an_error_that_says_what_to_write(make, message):
    with pytest.raises(ArgumentError, match=message):
        make()
