"""Autoregressive: digits, the masked network, its samples, its conditions and its probabilities."""

from __future__ import annotations

import functools
import subprocess
import sys

import keras
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError
from plait.randomness import random_states
from plait.synth.autoregressive import Autoregressive
from plait.synth.digits import Digits
from plait.tabular import Schema

ROWS = 2000
SMALL = {"epochs": 20, "units": 64}


def table(rows=ROWS, seed=0):
    """A class of 3, a number, a share that is often exactly 0 and depends on both, a count, sometimes missing."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 3, rows)
    x = rng.normal(size=rows)
    share = np.where(rng.random(rows) < 0.3, 0.0, np.exp(x + place) / 10)
    count = np.where(rng.random(rows) < 0.1, np.nan, rng.poisson(np.exp(x / 2)))
    arrays = plait.Arrays(place=np.array(["north", "south", "west"])[place], x=x, share=share, count=count)
    return plait.Dataset(
        inputs={"place": arrays["place"], "x": arrays["x"]},
        targets={"share": arrays["share"], "count": arrays["count"]},
        missing={"count": "keep"},
    )


@functools.cache
def fitted():
    return Autoregressive.fit(table(), **SMALL)


def two_bits(rows=4000):
    """P(a) = .3; P(b | a) = .9, P(b | not a) = .2; P(c | a, b) = .1 + .4 a + .4 b."""
    rng = np.random.default_rng(1)
    a = rng.random(rows) < 0.3
    b = rng.random(rows) < np.where(a, 0.9, 0.2)
    c = rng.random(rows) < 0.1 + 0.4 * a + 0.4 * b
    arrays = plait.Arrays(a=a, b=b, c=c)
    return plait.Dataset(inputs={"a": arrays["a"], "b": arrays["b"]}, targets={"c": arrays["c"]})


@functools.cache
def fitted_bits():
    return Autoregressive.fit(two_bits(), epochs=30, units=32, learning_rate=0.01, dropout=0.0)


def columns(data):
    """Stream -> values, NaN where missing, classes by name."""
    found = {name: data.read([name], np.arange(len(data)))[name] for name in data.spec}
    gone = {name: data.absent(name) for name in found}
    return {name: values if gone[name] is None else np.where(gone[name], np.nan, values) for name, values in found.items()}


def same(first, second):
    pairs = zip(columns(first).values(), columns(second).values(), strict=True)
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs)


# Digits


def digits_of(values, **arrays):
    data = plait.Dataset(
        inputs={"v": plait.Arrays(v=values, **arrays)["v"]}, missing={"v": "keep"} if values.dtype.kind == "f" else "raise"
    )
    schema = Schema.of(data)
    column = schema.columns(data)["v"]
    return Digits.of(schema["v"], column), column


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).normal(size=3000),
        np.round(np.random.default_rng(0).lognormal(3, 1, 3000), 2),
        np.random.default_rng(0).poisson(3, 3000),
        np.random.default_rng(0).integers(0, 10**6, 3000) * 10,
        np.where(np.random.default_rng(0).random(3000) < 0.5, 0, np.random.default_rng(1).exponential(size=3000)),
        np.random.default_rng(0).normal(size=12),
        np.full(50, 2.5),
        np.array([f"level {n}" for n in np.random.default_rng(0).zipf(1.3, 3000) % 700]),
    ],
    ids=["numbers", "two decimals", "counts", "tens", "half are 0", "twelve", "one value", "700 levels"],
)
def test_a_value_comes_back_into_its_own_cell(values):
    own, column = digits_of(values)
    digits = own.encode(column)
    back = own.decode(digits, np.random.default_rng(0))
    assert np.array_equal(own.encode(back), digits)
    assert column.min() <= back.min() and back.max() <= column.max()
    assert all((d >= 0).all() and (d < size).all() for d, size in zip(digits.T, own.sizes, strict=True)) and max(own.sizes) <= 72
    if values.dtype.kind in "iuU":
        assert np.isin(back, np.arange(column.min(), column.max() + 1)).all()


def test_spikes_and_missing_values_are_cells_of_their_own():
    values = np.where(np.arange(2000) % 4 == 0, 0.0, np.random.default_rng(0).exponential(size=2000))
    values[::10] = np.nan
    own, column = digits_of(values)
    back = own.decode(own.encode(column), np.random.default_rng(0))
    assert np.array_equal(np.isnan(back), np.isnan(values)) and np.array_equal(back == 0, values == 0)


def test_values_of_single_rows_are_not_handed_out():
    values = np.random.default_rng(0).normal(size=2000)
    own, column = digits_of(values)
    assert not np.isin(own.decode(own.encode(column), np.random.default_rng(0)), values).any()


def test_sixty_thousand_levels_take_small_digits():
    own, column = digits_of(np.arange(60_000).astype(str))
    assert max(own.sizes) <= 72 and np.array_equal(own.decode(own.encode(column), np.random.default_rng(0)), column)


# Samples


def test_samples_have_the_streams_the_spikes_and_the_dependence_of_the_data():
    """Bounds are four standard errors of 2 000 training and 20 000 drawn rows; the seed is fixed."""
    real, fake = columns(table(20_000, seed=5)), columns(fitted().sample(20_000, seed=0))
    assert list(fake) == ["place", "x", "share", "count"] and fitted().sample(3, seed=0).spec == table().spec
    assert abs((fake["share"] == 0).mean() - 0.3) < 0.05
    assert abs(np.isnan(fake["count"]).mean() - 0.1) < 0.03
    for level in ("north", "west"):
        got, true = (np.log(c["share"][(c["place"] == level) & (c["share"] > 0)]) for c in (fake, real))
        assert abs(got.mean() - true.mean()) < 0.15
    links = [np.corrcoef(c["x"][c["share"] > 0], np.log(c["share"][c["share"] > 0]))[0, 1] for c in (real, fake)]
    assert abs(links[0] - links[1]) < 0.1
    seen = columns(table())
    assert fake["x"].min() >= seen["x"].min() and fake["x"].max() <= seen["x"].max()


def test_the_same_seed_gives_the_same_network_and_the_same_samples():
    first, again = (Autoregressive.fit(table(300), seed=4, epochs=2, units=16) for _ in range(2))
    assert first.history == again.history
    assert same(first.sample(100, seed=1), again.sample(100, seed=1)) and not same(first.sample(100, seed=1), first.sample(100, seed=2))


def test_global_random_state_is_left_alone():
    keras.utils.set_random_seed(3)
    random_states()  # Keras makes its own state when it is first asked for
    before = random_states()
    Autoregressive.fit(table(100), epochs=1, units=16)
    after = random_states()
    assert before.keys() <= after.keys() and all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)


def test_a_saved_network_gives_the_same_samples_and_needs_no_keras(tmp_path):
    fitted().save(tmp_path / "net.plait")
    back = plait.load(tmp_path / "net.plait")
    assert same(fitted().sample(200, seed=0), back.sample(200, seed=0)) and back.history == fitted().history
    code = f"import sys, plait; plait.load({str(tmp_path / 'net.plait')!r}).sample(5, seed=0); assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# Conditions


def test_given_inputs_are_kept_and_the_targets_follow_them():
    given = {"place": np.array(["north", "west"] * 2000), "x": np.full(4000, 0.5)}
    fake = columns(fitted().sample(4000, seed=0, given=given))
    assert np.array_equal(fake["place"], given["place"]) and (fake["x"] == 0.5).all()
    above = fake["share"] > 0
    north, west = (np.log(fake["share"][above & (fake["place"] == level)]).mean() for level in ("north", "west"))
    assert abs(north - (0.5 - np.log(10))) < 0.3 and abs(west - (2.5 - np.log(10))) < 0.3


def test_given_targets_condition_the_inputs_as_bayes_says():
    """P(a | c) = .3 (.9*.9 + .1*.5) / (...); a false alarm in 10^5 for a network that is right; the fit adds about 0.02."""
    chances = {(a, b, c): (0.3 if a else 0.7) * _chance(b, 0.9 if a else 0.2) * _chance(c, 0.1 + 0.4 * a + 0.4 * b) for a, b, c in _bits()}
    for known, value in ({"c": True}, None), ({"c": False}, None), ({"b": True, "c": False}, None):
        whole = sum(p for (a, b, c), p in chances.items() if _agrees(a, b, c, known))
        truth = sum(p for (a, b, c), p in chances.items() if a and _agrees(a, b, c, known)) / whole
        fake = fitted_bits().sample(4000, seed=0, given=known)
        assert abs(fake["a"].values().mean() - truth) < 4.3 * np.sqrt(truth * (1 - truth) / 4000) + 0.02, (known, value, truth)


def test_a_value_that_is_missing_for_no_one_cannot_be_scored_as_missing():
    data = table(200)
    holes = plait.Arrays(place=data["place"].values(), x=np.r_[np.nan, data["x"].values()[1:]], share=data["share"].values(),
                         count=data["count"].values())  # fmt: skip
    gaps = plait.Dataset(
        inputs={"place": holes["place"], "x": holes["x"]},
        targets={"share": holes["share"], "count": holes["count"]},
        missing={"x": "keep", "count": "keep"},
    )
    with pytest.raises(ArgumentError, match="'x' has missing values, and had none in the data this was fitted on"):
        fitted().log_prob(gaps)


# Probabilities


def test_probabilities_of_a_small_table_are_the_true_ones():
    """Within 0.03 of the truth for each of the eight cells: about four standard errors of 4 000 rows."""
    cells = list(_bits())
    arrays = plait.Arrays(**{name: np.array([cell[i] for cell in cells]) for i, name in enumerate("abc")})
    data = plait.Dataset(inputs={"a": arrays["a"], "b": arrays["b"]}, targets={"c": arrays["c"]})
    got = np.exp(fitted_bits().log_prob(data))
    truth = [(0.3 if a else 0.7) * _chance(b, 0.9 if a else 0.2) * _chance(c, 0.1 + 0.4 * a + 0.4 * b) for a, b, c in cells]
    assert abs(got.sum() - 1) < 1e-5 and np.abs(got - truth).max() < 0.03


def test_the_density_of_a_normal_number_is_near_the_true_one():
    """On 3 000 fresh rows, whose mean log density has a standard error of 0.02; the rest is what the fit lacks."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=3000)
    arrays = plait.Arrays(x=x, y=x + rng.normal(size=3000))
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    net = Autoregressive.fit(data, epochs=15, units=64, learning_rate=0.01)
    entropy = -np.log(2 * np.pi) - 1
    x = rng.normal(size=3000)
    fresh = plait.Arrays(x=x, y=x + rng.normal(size=3000))
    fresh = plait.Dataset(inputs={"x": fresh["x"]}, targets={"y": fresh["y"]})
    assert abs(net.log_prob(fresh).mean() - entropy) < 0.15


# Tables and options of other kinds


def test_a_table_of_a_few_rows_and_one_of_a_single_column_are_learned():
    few = table(5)
    assert len(Autoregressive.fit(few, epochs=2).sample(7, seed=0)) == 7
    alone = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(50) % 3)["x"]})
    assert set(Autoregressive.fit(alone, epochs=2).sample(50, seed=0)["x"].values().tolist()) <= {0, 1, 2}


@pytest.mark.parametrize("option", ["epochs", "layers", "patience", "particles"])
def test_an_option_below_one_is_an_error(option):
    with pytest.raises(ArgumentError, match=rf"Autoregressive.fit\({option}=0\): a whole number of at least 1 is needed"):
        Autoregressive.fit(table(20), **{option: 0})


def _bits():
    return ((bool(n & 4), bool(n & 2), bool(n & 1)) for n in range(8))


def _chance(value, share):
    return share if value else 1 - share


def _agrees(a, b, c, known):
    return all({"a": a, "b": b, "c": c}[name] == value for name, value in known.items())
