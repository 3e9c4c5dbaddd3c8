"""Distributions by their standard names, with parameters that may be functions of other variables of a graph."""

from plait.distributions.base import Distribution
from plait.distributions.compound import Censored, Mixture, Truncated, ZeroInflated
from plait.distributions.continuous import Beta, Exponential, Gamma, LogNormal, Normal, StudentT, Uniform
from plait.distributions.discrete import Bernoulli, Binomial, Categorical, Geometric, NegativeBinomial, Poisson
from plait.distributions.multivariate import Dirichlet, MultivariateNormal

__all__ = [
    "Bernoulli",
    "Beta",
    "Binomial",
    "Categorical",
    "Censored",
    "Dirichlet",
    "Distribution",
    "Exponential",
    "Gamma",
    "Geometric",
    "LogNormal",
    "Mixture",
    "MultivariateNormal",
    "NegativeBinomial",
    "Normal",
    "Poisson",
    "StudentT",
    "Truncated",
    "Uniform",
    "ZeroInflated",
]
