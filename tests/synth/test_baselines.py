"""Rows copied and columns on their own: the baselines between which synthesizers lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ReadError
from plait.synth.bootstrap import Bootstrap
from plait.synth.independent import Independent
from plait.synth.learned import load


def data(rows: int = 1000) -> plait.Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=rows)
    group = np.where(x > 0, "high", "low").astype(object).astype(np.dtypes.StringDType())
    y = np.where(rng.random(rows) < 0.2, np.nan, 3 * x)
    source = plait.Arrays(x=x, group=group, y=y)
    return plait.Dataset(inputs={"x": source["x"], "group": source["group"]}, targets={"y": source["y"]}, missing={"y": "mask"})


def columns(found: plait.Dataset) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in found.read(list(found.spec), np.arange(len(found))).items()}


def test_each_row_of_a_bootstrap_is_a_training_row() -> None:
    seen, drawn = columns(data()), columns(Bootstrap.fit(data(), progress=False).sample(5000, seed=0))
    known = {x: (g, y) for x, g, y in zip(seen["x"], seen["group"], np.nan_to_num(seen["y"], nan=-99), strict=True)}
    for x, g, y in zip(drawn["x"], drawn["group"], np.nan_to_num(drawn["y"], nan=-99), strict=True):
        assert known[x][0] == g and (known[x][1] == y or known[x][1] == -99)
    assert len(set(drawn["x"].tolist())) > 950  # of 1000, in 5000 draws; 7 are missed in the mean


def test_a_bootstrap_given_a_level_copies_a_row_of_that_level() -> None:
    drawn = columns(Bootstrap.fit(data(), progress=False).sample(500, seed=0, given={"group": "high"}))
    assert (drawn["group"] == "high").all() and (drawn["x"] > 0).all() and len(set(drawn["x"].tolist())) > 200


def test_a_bootstrap_given_a_number_copies_the_nearest_row() -> None:
    seen = columns(data())
    wanted = np.linspace(-2, 2, 300)
    drawn = columns(Bootstrap.fit(data(), progress=False).sample(300, seed=0, given={"x": wanted}))
    np.testing.assert_array_equal(drawn["x"], wanted)
    nearest = np.abs(seen["x"][:, None] - wanted).argmin(axis=0)
    np.testing.assert_array_equal(drawn["group"], seen["group"][nearest])


def test_a_bootstrap_given_a_level_and_a_number_keeps_to_the_level() -> None:
    drawn = columns(Bootstrap.fit(data(), progress=False).sample(50, seed=0, given={"group": "low", "y": 6.0}))
    assert (drawn["group"] == "low").all() and (drawn["x"] <= 0).all()


def test_what_is_given_comes_back_to_the_last_digit() -> None:
    rng = np.random.default_rng(0)
    large, day = rng.integers(-(2**63), 2**63 - 1, 50), np.datetime64("2024-01-01") + 7 * np.arange(50)
    source = plait.Arrays(large=large, day=day, y=rng.normal(size=50))
    fitted = Bootstrap.fit(plait.Dataset(inputs={"large": source["large"], "day": source["day"]}, targets={"y": source["y"]}))
    drawn = columns(fitted.sample(50, seed=0, given={"large": large, "day": np.datetime64("2024-03-01")}))  # another day of the week
    assert (drawn["large"] == large).all() and (drawn["day"] == np.datetime64("2024-03-01")).all()


@pytest.mark.parametrize("seed", [None, 1.5, True, "a"])
def test_a_seed_that_is_no_whole_number_is_an_error(seed: Any) -> None:
    with pytest.raises(ArgumentError, match=r"Bootstrap.fit\(seed=.*\): a seed is a whole number. Write seed=0."):
        Bootstrap.fit(data(), seed=seed)
    with pytest.raises(ArgumentError, match=r"Bootstrap.stream\(seed=.*\): a seed is a whole number. Write seed=0."):
        Bootstrap.fit(data()).stream(seed=seed)


def test_seeds_of_any_size_differ() -> None:
    fitted = Bootstrap.fit(data())
    drawn = [tuple(columns(fitted.sample(20, seed=seed))["x"]) for seed in (1, -1, 1 + 2**64, 1 - 2**64, 2**200, -(2**200))]
    assert len(set(drawn)) == len(drawn)


def test_independent_columns_keep_their_distribution_and_nothing_else() -> None:
    seen, drawn = columns(data()), columns(Independent.fit(data(), progress=False).sample(20_000, seed=0))
    # 5 standard deviations: fails for one seed in a million
    assert abs((drawn["group"] == "high").mean() - (seen["group"] == "high").mean()) < 5 * 0.5 / np.sqrt(20_000)
    assert set(drawn["x"].tolist()) <= set(seen["x"].tolist())
    assert abs(np.corrcoef(drawn["x"], drawn["group"] == "high")[0, 1]) < 5 / np.sqrt(20_000)


def test_what_is_given_changes_nothing_else_of_independent_columns() -> None:
    fitted = Independent.fit(data(), progress=False)
    drawn = columns(fitted.sample(5000, seed=0, given={"group": "low"}))
    assert (drawn["group"] == "low").all() and abs((drawn["x"] > 0).mean() - 0.5) < 0.06


@pytest.mark.parametrize("method", [Bootstrap, Independent])
def test_a_loaded_baseline_samples_the_same(method: type, tmp_path: Path) -> None:
    fitted = method.fit(data(), progress=False)
    fitted.save(tmp_path / "baseline.plait")
    for name, column in columns(load(tmp_path / "baseline.plait").sample(100, seed=4)).items():
        np.testing.assert_array_equal(column, columns(fitted.sample(100, seed=4))[name])


def test_a_damaged_bootstrap_is_refused() -> None:
    fitted = Bootstrap.fit(data(), progress=False)
    state, arrays = fitted._state()
    arrays["1"] = arrays["1"][:-1]
    with pytest.raises(ReadError, match="saved Bootstrap differ in length: the file is damaged"):
        Bootstrap._restore(fitted.schema, fitted.constraints, fitted.inner, state, arrays)


def test_damaged_independent_columns_are_refused() -> None:
    fitted = Independent.fit(data(), progress=False)
    state, arrays = fitted._state()
    arrays["0.counts"] = arrays["0.counts"] - 1
    with pytest.raises(ReadError, match="saved Independent do not go together: the file is damaged"):
        Independent._restore(fitted.schema, fitted.constraints, fitted.inner, state, arrays)
