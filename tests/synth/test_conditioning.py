"""Conditioning on evidence, and densities of samples, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import plait
from plait.distributions import Bernoulli, Categorical, Normal
from plait.errors import ArgumentError, NameUnknownError


def chain() -> plait.Graph:
    """z ~ N(0, 1), x ~ N(z, 1), y ~ N(x, 1/2): everything is normal."""
    return plait.Graph(
        {"z": Normal(0, 1), "x": Normal(lambda z: z, 1), "y": Normal(lambda x: x, 0.5), "sure": lambda x: x > 0},
        inputs=["x"],
        targets=["y"],
    )


def test_the_posterior_of_a_normal_chain_is_the_closed_form():
    """Means within five standard errors of the effective number of samples."""
    found = chain().condition({"y": 2.0}, 200_000, seed=0)
    precise = 1 / 0.25 + 1 / 2  # of x given y: likelihood and prior
    mean, error = (2.0 / 0.25) / precise, np.sqrt(1 / precise)
    assert found.mean("x") == pytest.approx(mean, abs=5 * error / np.sqrt(found.effective))
    assert found.mean("z") == pytest.approx(mean / 2, abs=5 / np.sqrt(found.effective))
    spread = np.sqrt(np.average((found.values["x"] - mean) ** 2, weights=found.weights))
    assert spread == pytest.approx(error, rel=0.03)
    assert found.log_evidence == pytest.approx(stats.norm(0, np.sqrt(2.25)).logpdf(2.0), abs=0.02)
    assert 20_000 < found.effective < 100_000


def test_bayes_rule_for_a_test_of_a_rare_disease():
    graph = plait.Graph(
        {"ill": Bernoulli(0.1), "positive": Bernoulli(lambda ill: np.where(ill, 0.9, 0.2))}, inputs=["positive"], targets=["ill"]
    )
    found = graph.condition({"positive": True}, 100_000, seed=0)
    assert found.mean("ill") == pytest.approx(0.09 / 0.27, abs=0.01)
    assert np.exp(found.log_evidence) == pytest.approx(0.27, abs=0.005)
    assert repr(found).startswith("Conditioned(100000 weighted samples, worth ")


def test_weighted_samples_are_a_data_set_and_can_be_resampled():
    found = chain().condition({"y": 2.0}, 50_000, seed=0)
    data = found.data
    assert list(data.weights) == ["y"] and (data["y"].values() == 2).all()
    assert data["y.weight"].values().mean() == pytest.approx(1, abs=1e-4)
    again = found.resample(20_000, seed=1)
    assert not again.weights and len(again) == 20_000
    assert again["x"].values().mean() == pytest.approx(found.mean("x"), abs=0.02)
    assert (again["x"].values() == found.resample(20_000, seed=1)["x"].values()).all()


def test_evidence_that_is_text_or_a_label_is_taken():
    graph = plait.Graph(
        {"grade": Categorical([0.5, 0.5], labels=["low", "high"]), "size": Normal(lambda grade: np.where(grade == "high", 3.0, 0.0), 1)},
        inputs=["grade"],
        targets=["size"],
    )
    assert graph.condition({"grade": "high"}, 5000, seed=0).mean("size") == pytest.approx(3, abs=0.1)


def test_rare_evidence_is_warned_of_and_impossible_evidence_refused():
    with pytest.warns(
        UserWarning, match=r"The evidence \{'y': 9.0\} is rare: the 1000 samples are worth \d+.\d independent ones. Draw more."
    ):
        chain().condition({"y": 9.0}, 1000, seed=0)
    graph = plait.Graph({"a": Bernoulli(0.0), "x": 1.0}, inputs=["x"])
    with pytest.raises(ArgumentError, match=r"The evidence \{'a': True\} has no probability in all of the 50 samples drawn."):
        graph.condition({"a": True}, 50, seed=0)


@pytest.mark.parametrize(
    ("evidence", "error", "message"),
    [
        (
            {"sure": True},
            ArgumentError,
            r"Variable 'sure' is drawn by a function, whose density is not known. Make it a distribution: 'sure'",
        ),
        ({"age": 1}, NameUnknownError, r"Graph.condition\(given=...\): there is no 'age'"),
        ({}, ArgumentError, r"Graph.condition\(\{\}\) has no evidence. Name what was seen"),
    ],
)
def test_evidence_that_cannot_be_meant(evidence, error, message):
    with pytest.raises(error, match=message):
        chain().condition(evidence, 100, seed=0)


def test_a_resample_of_no_samples_is_refused():
    with pytest.raises(ArgumentError, match=r"resample\(0\): the number of samples is a whole number of at least 1."):
        chain().condition({"y": 1.0}, 1000, seed=0).resample(0, seed=0)


def test_the_density_of_samples_is_the_product_of_their_conditionals():
    graph = chain()
    values = graph.values(50, seed=0)
    expected = stats.norm.logpdf(values["z"].astype(float)) + stats.norm.logpdf(values["x"].astype(float), values["z"].astype(float), 1)
    np.testing.assert_allclose(graph.log_prob({"z": values["z"], "x": values["x"]}), expected, rtol=1e-6)
    expected += stats.norm.logpdf(values["y"].astype(float), values["x"].astype(float), 0.5)
    np.testing.assert_allclose(graph.log_prob({name: values[name] for name in "zxy"}), expected, rtol=1e-6)
    assert (graph.log_prob(values) == graph.log_prob({name: values[name] for name in "zxy"})).all()
    values["sure"] = ~values["sure"]
    assert (graph.log_prob(values) == -np.inf).all()


def test_a_latent_variable_that_nothing_given_depends_on_is_left_out():
    graph = plait.Graph(
        {"x": Normal(0, 1), "y": Normal(lambda x: x, 1), "noise": lambda rng, x: rng.normal(x, 1)}, inputs=["x"], targets=["y"]
    )
    data = graph.sample(20, seed=0)
    x, y = (data[name].values().astype(float) for name in "xy")
    np.testing.assert_allclose(graph.log_prob(data), stats.norm.logpdf(x) + stats.norm.logpdf(y - x), rtol=1e-6)


def test_a_latent_variable_that_follows_from_its_parents_is_computed():
    graph = plait.Graph({"x": Normal(0, 1), "twice": lambda x: 2 * x, "y": Normal(lambda twice: twice, 1)}, inputs=["x"], targets=["y"])
    data = graph.sample(20, seed=0)
    x, y = (data[name].values().astype(float) for name in "xy")
    np.testing.assert_allclose(graph.log_prob(data), stats.norm.logpdf(x) + stats.norm.logpdf(y - 2 * x), rtol=1e-6)


def test_a_density_that_is_an_integral_or_not_known_is_refused_by_name():
    with pytest.raises(ArgumentError, match=r"variable 'z' is not in the data, and others depend on it. Give its values too"):
        chain().log_prob(chain().sample(5, seed=0))
    graph = plait.Graph({"x": lambda rng, n: rng.random(n), "y": Normal(lambda x: x, 1)}, inputs=["x"], targets=["y"])
    with pytest.raises(ArgumentError, match=r"Variable 'x' is drawn by a function, whose density is not known. .*Normal\(0, 1\)."):
        graph.log_prob(graph.sample(5, seed=0))
    with pytest.raises(NameUnknownError, match=r"Graph.log_prob: there is no variable 'w'. There are \['x', 'y'\]."):
        graph.log_prob({"w": [1.0]})
    with pytest.raises(ArgumentError, match=r"Graph.log_prob\(\{\}\): there are no samples."):
        graph.log_prob({})
