"""The Gaussian copula: what it holds, and what it is given."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm

import plait
from plait import ArgumentError, GaussianCopula
from plait.gaps import Policy
from plait.synth.orders import orders
from plait.tabular import Schema
from plait.testing import check_synthesizer


def table(targets: tuple[str, ...] = (), **columns: np.ndarray) -> plait.Dataset:
    source = plait.Arrays(columns)
    keep: dict[str, Policy] = {name: "keep" for name, column in columns.items() if column.dtype.kind == "f" and np.isnan(column).any()}
    return plait.Dataset(
        inputs={name: source[name] for name in columns if name not in targets},
        targets={name: source[name] for name in targets},
        missing=keep,
    )


def mixed(rows: int = 400) -> plait.Dataset:
    rng = np.random.default_rng(3)
    latent = rng.normal(size=(rows, 3)) @ np.array([[1, 0.8, 0.5], [0, 0.6, 0.3], [0, 0, 0.8]])
    return table(
        ("count", "label"),
        size=np.where(rng.random(rows) < 0.1, np.nan, np.round(np.exp(latent[:, 0]), 2)),
        point=latent[:, :2].astype(np.float32),
        day=np.datetime64("2024-01-01") + rng.integers(0, 300, rows),
        ok=latent[:, 1] > 0.5,
        count=rng.poisson(np.exp(latent[:, 2] / 2)),
        label=np.array(["a", "b", "c"])[np.digitize(latent[:, 1], [-0.5, 0.7])],
    )


def column(data: plait.Dataset, name: str) -> np.ndarray:
    return np.asarray(data.read([name], np.arange(len(data)))[name])


def normal(rows: int = 4000, rho: float = 0.7) -> plait.Dataset:
    rng = np.random.default_rng(5)
    x = rng.normal(size=rows)
    return table(("y",), x=x, y=rho * x + np.sqrt(1 - rho**2) * rng.normal(size=rows))


def test_it_keeps_the_laws_of_synthesizers():
    check_synthesizer(lambda: GaussianCopula.fit(mixed(), seed=2, progress=False))


def test_the_correlation_of_normal_columns_is_held():
    drawn = GaussianCopula.fit(normal()).sample(20_000, seed=1)
    found = np.corrcoef(column(drawn, "x"), column(drawn, "y"))[0, 1]
    assert abs(found - 0.7) < 0.035  # four standard errors of the fit and the draw: fails for one seed in 10 000


def test_binary_columns_agree_as_often_as_in_the_data():
    rng = np.random.default_rng(6)
    latent = rng.normal(size=(5000, 2)) @ np.array([[1, 0.9], [0, 0.4]])
    data = table(("b",), a=latent[:, 0] > 0.8, b=latent[:, 1] > -0.5)
    drawn = GaussianCopula.fit(data).sample(20_000, seed=1)
    both = [(column(d, "a") & column(d, "b")).mean() for d in (data, drawn)]
    assert abs(both[0] - both[1]) < 0.025  # four standard errors; independent columns would be 0.06 off


def test_a_given_number_gives_the_conditional_normal_distribution():
    drawn = GaussianCopula.fit(normal(20_000)).sample(2000, seed=4, given={"x": 1.0})
    assert kstest(column(drawn, "y"), norm(0.7, np.sqrt(0.51)).cdf).pvalue > 1e-3  # fails for one seed in 1000


@pytest.mark.parametrize("given", [{"label": "c"}, {"ok": True, "label": "b"}, {"count": 2, "ok": False}])
def test_given_levels_give_what_selecting_them_gives(given):
    model = GaussianCopula.fit(mixed(2000))
    many = model.sample(200_000, seed=1)
    chosen = np.logical_and.reduce([column(many, name) == value for name, value in given.items()])
    point = column(many, "point")[chosen]
    some = column(model.sample(4000, seed=2, given=given), "point")
    errors = np.sqrt(point.var(axis=0) * (1 / len(point) + 1 / len(some)))
    assert (np.abs(point.mean(axis=0) - some.mean(axis=0)) < 4 * errors).all()  # fails for one seed in 8000


def test_what_is_given_beyond_the_data_is_kept_as_it_is():
    drawn = GaussianCopula.fit(normal()).sample(10, seed=0, given={"x": 99.0})
    assert (column(drawn, "x") == 99).all() and np.isfinite(column(drawn, "y")).all()


def test_rows_beyond_most_are_not_needed():
    drawn = GaussianCopula.fit(normal(20_000), most=1000).sample(20_000, seed=1)
    assert abs(np.corrcoef(column(drawn, "x"), column(drawn, "y"))[0, 1] - 0.7) < 0.07  # four standard errors of 1000 rows


def test_levels_stand_in_the_order_of_what_goes_with_them():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 3000)
    value = np.array([3.0, 0.0, 4.0, 1.0, 2.0])[codes] + 0.1 * rng.normal(size=3000)
    data = table(letter=np.array(list("abcde"))[codes], value=value)
    schema = Schema.of(data)
    order = orders(schema.columns(data), {v.name: v for v in schema.variables})["letter"]
    assert order.tolist() in ([1, 3, 4, 0, 2], [2, 0, 4, 3, 1])


def test_an_hour_of_the_day_is_ordered_by_what_happens_then():
    rng = np.random.default_rng(1)
    hour = rng.integers(0, 24, 4000)
    busy = rng.poisson(5 + 40 * np.exp(-((hour - 8) ** 2) / 4) + 40 * np.exp(-((hour - 17) ** 2) / 4))
    drawn = GaussianCopula.fit(table(("busy",), hour=hour, busy=busy)).sample(20_000, seed=0)
    at = {h: column(drawn, "busy")[column(drawn, "hour") == h].mean() for h in (3, 8, 12, 17)}
    assert min(at[8], at[17]) > 25 and max(at[3], at[12]) < 15


@pytest.mark.parametrize(
    "data",
    [
        table(x=np.array([1.0, 2.0])),
        table(("y",), x=np.full(50, 3), y=np.arange(50.0)),
        table(("y",), x=np.arange(50.0), y=np.arange(50.0)),
        table(wide=np.random.default_rng(0).normal(size=(10, 40))),
        table(("y",), x=np.full(5, np.nan), y=np.array(list("aabbc"))),
    ],
    ids=["two rows of one column", "a constant", "one column twice", "more columns than rows", "nothing but missing values"],
)
def test_unusual_tables_are_no_trouble(data):
    drawn = GaussianCopula.fit(data).sample(100, seed=0)
    assert len(drawn) == 100 and dict(drawn.spec) == dict(data.spec)


def test_fewer_than_two_rows_for_the_correlation_are_an_error():
    with pytest.raises(ArgumentError, match=r"GaussianCopula.fit\(most=1\): at least 2 rows are needed."):
        GaussianCopula.fit(normal(), most=1)
