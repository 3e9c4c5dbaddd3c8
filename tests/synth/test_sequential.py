"""Trees in sequence: what they keep, what they don't hand out, and how they condition."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, NameUnknownError, ReadError
from plait.synth.learned import load
from plait.synth.sequential import Sequential


def mixed(rows: int, seed: int = 0) -> plait.Dataset:
    """Numbers with spikes and bounds, counts, categories, dates, missing values."""
    rng = np.random.default_rng(seed)
    group = rng.choice(np.array(["a", "b", "c", "d"], object), rows, p=[0.4, 0.3, 0.2, 0.1])
    level = np.array([{"a": 0.0, "b": 2.0, "c": 4.0, "d": 8.0}[g] for g in group])
    size = np.round(rng.normal(level, 1.0), 2)
    spent = np.where(rng.random(rows) < 0.4, 0.0, np.round(np.exp(rng.normal(1 + level / 8, 0.5, rows)), 1))
    visits = rng.poisson(1 + level / 4)
    day = np.datetime64("2024-01-01") + rng.integers(0, 366, rows).astype("timedelta64[D]")
    weight = np.where(group == "c", np.nan, np.round(3 * size + rng.normal(0, 0.5, rows), 1))
    good = (size + rng.normal(0, 1, rows) > 2).astype(np.int64)
    text = group.astype(np.dtypes.StringDType())
    columns = {"group": text, "size": size, "spent": spent, "visits": visits, "day": day, "weight": weight, "good": good}
    source = plait.Arrays(**columns)
    inputs = {name: source[name] for name in columns if name != "good"}
    return plait.Dataset(inputs=inputs, targets={"good": source["good"]}, missing={"weight": "keep"})


def columns(data: plait.Dataset) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in data.read(list(data.spec), np.arange(len(data))).items()}


def table(**arrays: np.ndarray) -> plait.Dataset:
    """All but the last are inputs."""
    source = plait.Arrays(**arrays)
    *inputs, target = arrays
    return plait.Dataset(inputs={name: source[name] for name in inputs}, targets={target: source[target]}, missing="drop")


@pytest.fixture(scope="module")
def data() -> plait.Dataset:
    return mixed(3000)


@pytest.fixture(scope="module")
def trees(data: plait.Dataset) -> Sequential:
    return Sequential.fit(data, progress=False)


def test_no_value_leaves_the_support_of_the_data(data: plait.Dataset, trees: Sequential) -> None:
    seen, drawn = columns(data), columns(trees.sample(5000, seed=1))
    for name in ("group", "spent", "visits", "good"):
        assert set(np.unique(drawn[name]).tolist()) <= set(np.unique(seen[name]).tolist()), name
    for name, decimals in (("size", 2), ("weight", 1)):
        here = drawn[name][~np.isnan(drawn[name])]
        assert (np.round(here, decimals) == here).all(), name
        assert here.min() >= np.nanmin(seen[name]) and here.max() <= np.nanmax(seen[name]), name
    assert drawn["day"].min() >= seen["day"].min() and drawn["day"].max() <= seen["day"].max()


def test_spikes_and_missing_values_stay_where_they_were(data: plait.Dataset, trees: Sequential) -> None:
    seen, drawn = columns(data), columns(trees.sample(20_000, seed=1))
    assert (np.isnan(drawn["weight"]) == (drawn["group"] == "c")).mean() > 0.995
    # 5 standard deviations of two binomial shares: fails for one seed in a million
    for name, value in (("spent", 0.0), ("visits", 0), ("good", 1), ("group", "d")):
        one, other = (seen[name] == value).mean(), (drawn[name] == value).mean()
        assert abs(one - other) < 5 * np.sqrt(one * (1 - one) * (1 / 3000 + 1 / 20_000)), name


def test_dependence_between_targets_and_inputs_is_kept(data: plait.Dataset, trees: Sequential) -> None:
    seen, drawn = columns(data), columns(trees.sample(20_000, seed=1))
    for part in "abd":
        one = np.polyfit(seen["size"][seen["group"] == part], seen["weight"][seen["group"] == part], 1)[0]
        other = np.polyfit(drawn["size"][drawn["group"] == part], drawn["weight"][drawn["group"] == part], 1)[0]
        assert abs(one - other) < 0.25, (part, one, other)  # of a slope of 3
    edges = np.quantile(seen["size"], np.linspace(0, 1, 6))[1:-1]
    share = [[part["good"][np.digitize(part["size"], edges) == k].mean() for k in range(5)] for part in (seen, drawn)]
    assert np.abs(np.subtract(share[0], share[1])).max() < 0.08


def test_samples_lie_no_nearer_to_the_training_rows_than_to_fresh_ones() -> None:
    rng = np.random.default_rng(0)
    turn = rng.normal(size=(5, 5))
    rows = rng.normal(size=(4000, 5)) @ turn
    train, held = rows[:2000], rows[2000:]
    fitted = Sequential.fit(table(**{f"x{k}": train[:, k] for k in range(5)}), progress=False)
    drawn = columns(fitted.sample(2000, seed=0))
    found = np.stack([drawn[f"x{k}"] for k in range(5)], axis=1)
    near = [np.array([((part - row) ** 2).sum(axis=1).min() for row in found]) for part in (train, held)]
    assert 0.45 < (near[0] < near[1]).mean() < 0.56  # 0.5 +- 0.011 for fresh rows
    assert (near[0] == 0).sum() == 0


def test_given_what_comes_first_the_others_follow_it(trees: Sequential) -> None:
    drawn = columns(trees.sample(4000, seed=3, given={"group": "d"}))
    assert (drawn["group"] == "d").all()
    assert abs(drawn["size"].mean() - 8) < 0.3
    assert drawn["good"].mean() > 0.97


def test_given_what_comes_last_the_others_follow_it() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=6000)
    kind = rng.integers(0, 3, 6000)
    y = 2 * x + kind + rng.normal(size=6000)
    source = plait.Arrays(x=x, kind=kind, y=y)
    data = plait.Dataset(inputs={"x": source["x"], "kind": source["kind"]}, targets={"y": source["y"]})
    fitted = Sequential.fit(data, kinds={"kind": "category"}, progress=False)
    for value in (-2.0, 1.0, 4.0):
        drawn = columns(fitted.sample(8000, seed=2, given={"y": value}))
        assert (drawn["y"] == value).all()
        # given y and kind, x is normal with mean 0.4 (y - kind) and variance 0.2; kind follows from y
        weight = np.exp(-((value - np.arange(3)) ** 2) / 10)
        weight /= weight.sum()
        share = np.bincount(drawn["kind"], minlength=3) / 8000
        assert np.abs(share - weight).max() < 0.08, (value, share, weight)
        assert abs(drawn["x"].mean() - (weight * 0.4 * (value - np.arange(3))).sum()) < 0.15
        for part in range(3):
            own = drawn["x"][drawn["kind"] == part]
            assert abs(own.mean() - 0.4 * (value - part)) < 0.2, (value, part, own.mean())
            assert abs(own.std() - np.sqrt(0.2)) < 0.17, (value, part, own.std())


def test_given_differs_from_row_to_row(trees: Sequential) -> None:
    group = np.array(["a", "d"] * 1000, object)
    drawn = columns(trees.sample(2000, seed=3, given={"group": group, "good": np.tile([0, 1], 1000)}))
    assert drawn["size"][1::2].mean() - drawn["size"][::2].mean() > 6


@pytest.mark.parametrize("rows", [2, 3, 25, 150])
def test_few_rows_are_enough(rows: int) -> None:
    fitted = Sequential.fit(mixed(rows), progress=False)
    assert len(fitted.sample(10, seed=0)) == 10
    assert len(fitted.sample(10, seed=0, given={"good": int(columns(mixed(rows))["good"][0])})) == 10


def test_odd_columns_are_drawn_as_they_are() -> None:
    rng = np.random.default_rng(0)
    rows = 2000
    odd = {
        "same": np.full(rows, 7.5),
        "gone": np.full(rows, np.nan),
        "id": np.arange(rows) + 10**12,
        "word": np.array([f"w{k}" for k in rng.integers(0, 1500, rows)], object).astype(np.dtypes.StringDType()),
        "heavy": rng.standard_cauchy(rows) ** 3,
        "flag": rng.random(rows) < 0.5,
        "y": rng.normal(size=(rows, 2)),
    }
    source = plait.Arrays(**odd)
    data = plait.Dataset(inputs={name: source[name] for name in odd if name != "y"}, targets={"y": source["y"]}, missing={"gone": "keep"})
    drawn = columns(Sequential.fit(data, progress=False).sample(3000, seed=0))
    assert (drawn["same"] == 7.5).all() and np.isnan(drawn["gone"]).all()
    assert drawn["id"].min() >= 10**12 and drawn["id"].max() < 10**12 + rows
    assert set(drawn["word"].tolist()) <= set(odd["word"].tolist())
    assert np.isfinite(drawn["heavy"]).all() and drawn["heavy"].max() <= odd["heavy"].max()
    assert drawn["y"].shape == (3000, 2) and abs(drawn["flag"].mean() - 0.5) < 0.05


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_numbers_of_any_magnitude_are_drawn() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    data = table(
        huge=x * 1e300, tiny=x * 1e-300, widest=1.7e308 * np.sign(x) * rng.random(300), all=10.0 ** rng.integers(-300, 300, 300), y=x
    )
    drawn, seen = columns(Sequential.fit(data, progress=False).sample(500, seed=0)), columns(data)
    for name, column in drawn.items():
        assert np.isfinite(column).all() and column.min() >= seen[name].min() and column.max() <= seen[name].max()
    assert np.corrcoef(drawn["huge"] / 1e300, drawn["y"])[0, 1] > 0.9


def test_what_is_missing_beside_a_single_value_is_no_trouble() -> None:
    x = np.random.default_rng(0).normal(size=300)
    source = plait.Arrays(x=x, one=np.where(x > 0, np.nan, 5.0), y=x)
    data = plait.Dataset(inputs={"x": source["x"]}, targets={"one": source["one"], "y": source["y"]}, missing={"one": "mask"})
    drawn = Sequential.fit(data, progress=False).sample(500, seed=0)
    gone = drawn.absent("one")
    assert gone is not None and 0.35 < gone.mean() < 0.65


def test_continuous_values_are_not_handed_out_again() -> None:
    x = np.random.default_rng(0).normal(size=1000)
    drawn = columns(Sequential.fit(table(x=x, y=np.exp(x)), progress=False).sample(1000, seed=0))
    assert not set(drawn["x"].tolist()) & set(x.tolist())


def test_the_order_is_inputs_and_then_targets_unless_named(data: plait.Dataset, trees: Sequential) -> None:
    assert trees.order == ["group", "size", "spent", "visits", "day", "weight", "good"]
    turned = Sequential.fit(data.take(np.arange(300)), order=["good", "visits"], progress=False)
    assert turned.order == ["good", "visits", "group", "size", "spent", "day", "weight"]


def test_a_loaded_one_samples_the_same_without_scikit_learn(trees: Sequential, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trees.save(tmp_path / "trees.plait")
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    loaded = load(tmp_path / "trees.plait")
    for given in (None, {"group": "a"}):
        one, other = (columns(t.sample(500, seed=5, given=given)) for t in (trees, loaded))
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("array, change", [("left", 10_000), ("start", 10_000), ("tags", 64), ("entries", 60_000), ("roots", -10_000)])
def test_damaged_trees_are_refused(trees: Sequential, array: str, change: int) -> None:
    state, arrays = trees._state()
    broken = arrays[f"2.{array}"].astype(np.int64)
    broken[-1] += change
    arrays[f"2.{array}"] = broken if array != "entries" else broken.astype(np.uint32)
    with pytest.raises(ReadError, match="the file is damaged. Save it anew"):
        Sequential._restore(trees.schema, trees.constraints, trees.inner, state, arrays)


def test_an_order_with_an_unknown_name_is_an_error(data: plait.Dataset) -> None:
    with pytest.raises(NameUnknownError, match=r"order=...\): there is no 'grade'. There are \['group', "):
        Sequential.fit(data, order=["grade"])


def test_a_name_twice_in_the_order_is_an_error(data: plait.Dataset) -> None:
    with pytest.raises(ArgumentError, match=r"order=...\) names 'size' twice"):
        Sequential.fit(data, order=["size", "size"])


@pytest.mark.parametrize("options", [{"leaf": 0}, {"leaf": 2.5}, {"trees": 0}, {"trees": True}])
def test_a_leaf_or_a_number_of_trees_below_one_is_an_error(data: plait.Dataset, options: dict) -> None:
    with pytest.raises(ArgumentError, match="a whole number of at least 1 is needed"):
        Sequential.fit(data, **options)
