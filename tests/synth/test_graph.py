"""Graph: what is declared is what is drawn; seeds, blocks, interventions, and every kind of variable."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import plait
from plait.distributions import Bernoulli, Categorical, Normal, Poisson
from plait.synth.synthesizer import Synthesizer
from plait.tabular.drawn import Drawn
from plait.testing import check_synthesizer


def sessions() -> plait.Graph:
    """Document 000, example 1."""
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 5)),
            "engaged": lambda rng, x: rng.random(len(x)) < x.mean(axis=1),
            "duration": lambda rng, engaged: rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)),
        },
        inputs=["x"],
        targets=["engaged", "duration"],
    )


def customers() -> plait.Graph:
    """Document 000, example 2."""
    return plait.Graph(
        {
            "purchase": lambda x, z: np.maximum(0, 50 + 10 * z + 5 * x.sum(axis=1)),
            "churn": lambda rng, x, z: rng.random(len(x)) < 1 / (1 + np.exp(-(0.5 * z + x.sum(axis=1) - 2))),
            "z": lambda rng, n: rng.normal(size=n),
            "x": lambda rng, n: rng.random((n, 3)),
        },
        inputs=["x"],
        targets=["churn", "purchase"],
    )


class Pair(Synthesizer):
    """u is normal, v is u (or what is given) and a little noise."""

    @property
    def inputs(self):
        return {"u": plait.Spec((), np.dtype(np.float32))}

    @property
    def targets(self):
        return {"v": plait.Spec((), np.dtype(np.float32))}

    def sample(self, n, *, seed, given=None):
        rng = np.random.default_rng(seed)
        u, noise = rng.normal(size=(2, n)).astype(np.float32)
        u = np.asarray((given or {}).get("u", u))
        source = Drawn({"u": u, "v": (u + noise / 10).astype(np.float32)}, dict(self.spec), {}, "sample of Pair")
        return plait.Dataset(inputs={"u": source["u"]}, targets={"v": source["v"]})


@pytest.mark.parametrize("make", [sessions, customers, lambda: plait.Graph({("u", "v"): Pair()}, inputs=["u"], targets=["v"])])
def test_a_graph_keeps_the_laws_of_synthesizers(make):
    check_synthesizer(make)


def test_sequential_generation_has_the_declared_moments():
    """Within five standard errors: fails at one seed in a million, each."""
    values = sessions().values(400_000, seed=0)
    assert values["engaged"].mean() == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(400_000))
    for engaged, (mean, spread) in {True: (10, 2), False: (2, 1)}.items():
        duration = values["duration"][values["engaged"] == engaged]
        assert duration.mean() == pytest.approx(mean, abs=5 * spread / np.sqrt(len(duration)))
        assert duration.std() == pytest.approx(spread, abs=5 * spread / np.sqrt(2 * len(duration)))
    share, mean = values["engaged"], values["x"].mean(axis=1)
    high = share[mean > 0.6].mean()
    assert high == pytest.approx(mean[mean > 0.6].mean(), abs=0.01)


def test_a_latent_variable_makes_targets_depend_on_each_other_given_the_inputs():
    graph = customers()
    data = graph.sample(100_000, seed=0)
    assert list(data.inputs) == ["x"] and list(data.targets) == ["churn", "purchase"] and list(graph.latent) == ["z"]
    values = data.read(["x", "churn", "purchase"], np.arange(len(data)))
    total = values["x"].sum(axis=1)
    near = np.abs(total - 1.5) < 0.05
    assert stats.pearsonr(values["churn"][near], values["purchase"][near]).statistic > 0.15
    assert values["purchase"].min() >= 0


def test_the_order_in_which_variables_are_written_does_not_matter():
    nodes = {"x": lambda rng, n: rng.random(n), "y": lambda rng, x: rng.normal(x, 1), "w": lambda y: 2 * y}
    first = plait.Graph(nodes, inputs=["x"], targets=["w"]).values(50, seed=3)
    second = plait.Graph(dict(reversed(nodes.items())), inputs=["x"], targets=["w"]).values(50, seed=3)
    assert all((first[name] == second[name]).all() for name in nodes)


def test_a_seed_reproduces_and_another_does_not():
    graph = sessions()
    first, again, other = (graph.values(100, seed=seed) for seed in (5, 5, 6))
    assert all((first[name] == again[name]).all() for name in first)
    assert (first["x"] != other["x"]).mean() > 0.99
    assert (graph.values(100, seed=-1)["x"] != graph.values(100, seed=2**80)["x"]).any()


@pytest.mark.parametrize("n", [1, 1000, 32768, 32769, 100_000])
def test_a_sample_is_the_beginning_of_the_stream_and_of_larger_samples(n):
    graph = sessions()
    assert graph.block == 32768
    sample, larger, stream = graph.sample(n, seed=0), graph.sample(120_000, seed=0), graph.stream(seed=0)
    names, rows = ["x", "engaged", "duration"], np.arange(n)
    for name in names:
        part = sample.read([name], rows)[name]
        assert (part == larger.read([name], rows)[name]).all()
        assert (part == stream.read([name], rows)[name]).all()


def test_an_intervention_leaves_the_noise_of_all_other_variables():
    graph = customers()
    plain, moved = graph.values(50_000, seed=0), graph.values(50_000, seed=0, given={"z": np.full(50_000, 1.5)})
    assert (plain["x"] == moved["x"]).all()
    assert (moved["z"] == 1.5).all()
    np.testing.assert_allclose(moved["purchase"] - plain["purchase"], 10 * (1.5 - plain["z"]), atol=1e-3)
    assert (moved["churn"] >= plain["churn"])[plain["z"] < 1.5].all(), "the same uniform numbers meet higher probabilities"


def test_an_intervention_is_no_observation_what_comes_before_stays():
    graph = sessions()
    plain, treated = graph.sample(10_000, seed=0), graph.sample(10_000, seed=0, given={"engaged": np.ones(10_000, bool)})
    assert (plain["x"].values() == treated["x"].values()).all()
    assert treated["engaged"].values().all()
    engaged = plain["engaged"].values()
    np.testing.assert_allclose(treated["duration"].values()[engaged], plain["duration"].values()[engaged])


def test_one_value_stands_for_all_rows_of_a_sample_and_of_a_stream():
    graph = sessions()
    one = graph.sample(50_000, seed=0, given={"x": [0.0, 0, 0, 0, 1]})
    assert (one["x"].values() == np.array([0, 0, 0, 0, 1])).all()
    assert one["engaged"].values().mean() == pytest.approx(0.2, abs=0.01)
    stream = graph.stream(seed=0, given={"engaged": True})
    rows = np.arange(100)
    read = stream.read(["engaged", "x"], rows)
    assert read["engaged"].all() and (read["x"] == graph.sample(100, seed=0)["x"].values()).all()


def test_variables_are_numbers_vectors_counts_text_dates_series_images_and_constants():
    graph = plait.Graph(
        {
            "grade": Categorical([0.2, 0.8], labels=["low", "high"]),
            "word": lambda rng, n: rng.choice(["yes", "no"], n),
            "visits": Poisson(lambda grade: np.where(grade == "high", 5.0, 1.0)),
            "day": lambda rng, n: np.datetime64("2024-01-01") + rng.integers(0, 365, n),
            "series": lambda rng, visits: rng.normal(visits[:, None], 1, (len(visits), 30)),
            "image": lambda rng, n: rng.integers(0, 256, (n, 8, 8, 3)).astype(np.uint8),
            "pair": Normal(np.array([0.0, 5.0]), 1),
            "site": "Bonn",
            "place": [1.0, 2.0],
        },
        inputs=["word", "grade", "day", "series", "image", "site", "place"],
        targets=["visits", "pair"],
    )
    assert {name: str(spec) for name, spec in graph.variables.items()} == {
        "grade": "() text",
        "word": "() text",
        "visits": "() int64",
        "day": "() datetime64[D]",
        "series": "(30,) float32",
        "image": "(8, 8, 3) uint8",
        "pair": "(2,) float32",
        "site": "() text",
        "place": "(2,) float32",
    }
    values = graph.values(5000, seed=0)
    assert set(values["word"].tolist()) == {"yes", "no"} and set(values["site"].tolist()) == {"Bonn"}
    assert values["visits"][values["grade"] == "high"].mean() == pytest.approx(5, abs=0.3)
    assert (values["place"] == [1, 2]).all()
    assert values["pair"].mean(axis=0) == pytest.approx([0, 5], abs=0.1)
    data = graph.sample(10, seed=0, given={"grade": "high", "day": np.datetime64("2020-02-02")})
    assert set(data["grade"].values().tolist()) == {"high"} and set(data["day"].values().tolist()) == {np.datetime64("2020-02-02").item()}


def test_large_rows_come_in_smaller_blocks():
    def images(side: int) -> plait.Graph:
        return plait.Graph({"image": lambda rng, n: rng.random((n, side, side, 3)), "y": lambda image: image[:, 0, 0, 0]}, inputs=["image"])

    assert [images(side).block for side in (4, 64, 512)] == [4096, 256, 16]


def test_functions_see_whole_blocks():
    seen = []
    graph = plait.Graph({"x": lambda rng, n: rng.random(n), "y": lambda x: seen.append(len(x)) or x}, inputs=["x"], targets=["y"])
    seen.clear()
    graph.sample(10, seed=0)
    assert seen == [graph.block]


def test_defaults_of_parameters_and_functions_with_names_are_taken_as_they_are():
    def slope(rng, x, by=2.0):
        return by * x

    graph = plait.Graph({"x": lambda rng, n: rng.random(n), "y": slope}, inputs=["x"], targets=["y"])
    values = graph.values(10, seed=0)
    assert (values["y"] == 2 * values["x"]).all()
    assert "target  y  () float32  slope given x" in str(graph)


def test_a_synthesizer_draws_several_variables_together():
    graph = plait.Graph({("u", "v"): Pair(), "y": lambda u, v: v - u}, inputs=["u"], targets=["v", "y"])
    values = graph.values(5000, seed=0)
    assert values["y"].std() == pytest.approx(0.1, rel=0.1) and graph.block == 4096
    moved = graph.values(5000, seed=0, given={"u": 3.0})
    assert (moved["v"] == values["v"]).all(), "what is drawn together is one step: the other is as it was drawn"


def test_a_synthesizer_draws_one_variable_given_those_before_it():
    graph = plait.Graph({"u": lambda rng, n: rng.uniform(5, 6, n), "v": Pair(), "y": lambda v: -v}, inputs=["u"], targets=["v", "y"])
    values = graph.values(5000, seed=0)
    assert np.abs(values["v"] - values["u"]).max() < 0.6
    assert "target  v  () float32  Pair given u" in str(graph)
    free = plait.Graph({"v": Pair(), "u": lambda v: v}, inputs=["u"], targets=["v"]).values(5000, seed=0)
    assert free["v"].mean() == pytest.approx(0, abs=0.1)


def test_a_learned_copula_stands_for_the_inputs_and_a_function_for_the_target():
    table = sessions().sample(2000, seed=1)
    inputs = plait.Dataset(inputs={"x": table["x"]}, targets={"engaged": table["engaged"]})
    from plait.synth.independent import Independent

    graph = plait.Graph(
        {"x": Independent.fit(inputs, progress=False), "engaged": Bernoulli(lambda x: x.mean(axis=1))}, inputs=["x"], targets=["engaged"]
    )
    values = graph.values(3000, seed=0)
    assert values["x"].shape == (3000, 5) and values["engaged"].mean() == pytest.approx(0.5, abs=0.05)


def test_printing_a_graph_says_variables_roles_and_parents():
    assert str(customers()).splitlines() == [
        "Graph of 4 variables, drawn 32768 rows at a time",
        "  latent  z         () float32    function",
        "  input   x         (3,) float32  function",
        "  target  purchase  () float32    function given x, z",
        "  target  churn     () bool       function given x, z",
    ]
    assert repr(sessions()) == str(sessions())


def test_a_sample_can_be_changed_and_the_next_is_as_it_was():
    graph = sessions()
    first = graph.values(100, seed=0)
    kept = first["x"].copy()
    first["x"][:] = 0
    read = graph.stream(seed=0).read(["x"], np.arange(100))["x"]
    read[:] = 0
    assert (graph.values(100, seed=0)["x"] == kept).all()
