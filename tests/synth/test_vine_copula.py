"""The vine copula: what it holds, and what it is given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp

import plait
from plait import ArgumentError, VineCopula
from plait.testing import check_synthesizer

RNG = np.random.default_rng(11)
N = 3000


def table(targets: tuple[str, ...] = (), **columns: np.ndarray) -> plait.Dataset:
    source = plait.Arrays(columns)
    return plait.Dataset(
        inputs={name: source[name] for name in columns if name not in targets}, targets={name: source[name] for name in targets}
    )


def bowl() -> plait.Dataset:
    x = np.random.default_rng(0).normal(size=N)
    noise = np.random.default_rng(1).normal(size=(2, N))
    kind = np.array(["low", "high"])[(x > 0.3).astype(int)]
    return table(("y", "z"), x=x, kind=kind, y=x**2 + 0.2 * noise[0], z=np.round(3 * x + noise[1]))


@pytest.fixture(scope="module")
def vine() -> VineCopula:
    return VineCopula.fit(bowl(), progress=False)


def column(data: plait.Dataset, name: str) -> np.ndarray:
    return np.asarray(data.read([name], np.arange(len(data)))[name])


def test_it_keeps_the_laws_of_synthesizers():
    columns = {name: column(bowl(), name)[:300] for name in ("x", "kind", "y", "z")}
    check_synthesizer(lambda: VineCopula.fit(table(("y", "z"), **columns), seed=2, progress=False))


def test_dependence_that_falls_and_rises_is_held(vine):
    drawn = vine.sample(20_000, seed=0)
    x, y = column(drawn, "x"), column(drawn, "y")
    assert np.corrcoef(x**2, y)[0, 1] > 0.9  # 0.99 in the data; nearly 0 from a Gaussian copula


def test_targets_depend_on_each_other_given_the_inputs(vine):
    drawn = vine.sample(20_000, seed=0)
    residual = column(drawn, "z") - 3 * column(drawn, "x")
    assert abs(np.corrcoef(residual, column(drawn, "y") - column(drawn, "x") ** 2)[0, 1]) < 0.05  # independent given x: four errors


@pytest.mark.parametrize(
    "given", [{"x": 1.0, "kind": "high"}, {"y": 1.0}, {"z": 3.0}], ids=["the inputs", "one target", "a value with a mass"]
)
def test_what_is_drawn_given_values_is_what_selecting_them_gives(vine, given):
    many = vine.sample(400_000, seed=3)
    near = [
        np.abs(column(many, name) - value) < 0.02 if isinstance(value, float) else column(many, name) == value
        for name, value in given.items()
    ]
    chosen = np.logical_and.reduce(near)
    some = vine.sample(1000, seed=4, given=given)
    for name in {"x", "y", "z"} - given.keys():
        picked = column(many, name)[chosen][:1000]
        assert ks_2samp(picked, column(some, name)).pvalue > 1e-4, name  # type: ignore[attr-defined]  # fails for one seed in 10 000


def test_any_set_can_be_given_by_a_vine_arranged_around_it(vine):
    given = {"x": 0.8, "z": 2.0}
    some = vine.sample(2000, seed=4, given={**given})
    assert (column(some, "x") == 0.8).all() and (column(some, "z") == 2).all()
    assert abs(np.median(column(some, "y")) - 0.64) < 0.15
    other = vine.sample(2000, seed=4, given={"kind": "low", "y": 1.0})
    assert (column(other, "x") < 0.35).mean() > 0.7  # a half without `kind`, nearly all in the data
    assert abs(np.median(column(other, "x")) + 1) < 0.15


def test_samples_do_not_depend_on_the_number_of_threads(tmp_path, vine):
    two = VineCopula.fit(bowl(), progress=False, threads=2)
    for given in (None, {"x": 0.5}):
        a, b = vine.sample(500, seed=0, given=given), two.sample(500, seed=0, given=given)
        assert all((column(a, name) == column(b, name)).all() for name in ("x", "y", "z", "kind"))


def test_a_loaded_vine_draws_the_same_given_any_set(tmp_path, vine):
    vine.save(tmp_path / "vine.plait")
    again = plait.load(tmp_path / "vine.plait")
    given = {"kind": "low", "y": 1.0}
    a, b = vine.sample(200, seed=0, given=given), again.sample(200, seed=0, given=given)
    assert all((column(a, name) == column(b, name)).all() for name in ("x", "y", "z", "kind"))


@pytest.mark.parametrize(
    "data",
    [
        table(x=np.array([1.0, 2.0])),
        table(("y",), x=np.array([1.0, 2.0]), y=np.array(["a", "b"])),
        table(("y",), x=np.full(50, 3), y=np.arange(50.0)),
        table(("y",), x=np.arange(50.0), y=np.arange(50.0)),
        table(("y",), x=np.linspace(-3, 3, 300), z=np.linspace(-2, 4, 300), y=np.linspace(0, 1, 300)),
        table(wide=RNG.normal(size=(10, 12))),
    ],
    ids=["one column", "two rows", "a constant", "one column twice", "one column thrice", "more columns than rows"],
)
def test_unusual_tables_are_no_trouble(data):
    drawn = VineCopula.fit(data).sample(100, seed=0)
    assert len(drawn) == 100 and dict(drawn.spec) == dict(data.spec)


def test_fewer_trees_and_rows_may_be_asked_for():
    drawn = VineCopula.fit(bowl(), trees=1, most=500, grid=20, smoothing=2.0).sample(1000, seed=0)
    assert len(drawn) == 1000


@pytest.mark.parametrize("option", ["most", "grid", "smoothing", "trees", "threads"])
def test_an_option_of_nothing_is_an_error(option):
    with pytest.raises(ArgumentError, match=rf"VineCopula.fit\({option}=0\): it must be greater than 0."):
        VineCopula.fit(bowl(), **{option: 0})  # type: ignore[arg-type]
