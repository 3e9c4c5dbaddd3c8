"""Constraints: every sample obeys them, and what can't be meant or kept is refused by name."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import plait
from plait import ArgumentError, GaussianCopula, NameUnknownError, SpecError, VineCopula
from plait.constraints import Bounds, Combination, Formula, Increasing, Sum, Unique
from plait.synth.bootstrap import Bootstrap
from plait.synth.independent import Independent
from plait.synth.sequential import Sequential
from plait.tabular import Schema
from plait.tabular.constraints import Constraints
from plait.tabular.formulas import Expression, Text

TARGETS = ("bmi", "obese", "total", "sent", "signal")
RULES = [
    Formula("obese", "bmi >= 30"),
    Bounds("weight", 20, 200),
    Unique("id"),
    Unique("signal"),
    Formula("bmi", "weight / height ** 2"),
    Sum("total", of=["a", "b"]),
    Increasing(["ordered", "sent", "received"]),
    Combination(["city", "country"]),
    Bounds("total", low=0),
    Bounds("ordered", "2020-01-01", "2030-01-01"),
]

RNG = np.random.default_rng(7)
SOLVABLE = [
    "x + y", "y - x", "x - y", "x * y", "x / y", "y / x", "-x", "+x + 3 * y", "exp(x / 9) - y", "2 * sqrt(x)", "log(x)", "x ** 3"
]  # fmt: skip


def arrays(rows: int = 400) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    weight, height = np.round(rng.normal(75, 14, rows), 1), np.round(rng.normal(1.7, 0.1, rows), 2)
    ordered = np.datetime64("2024-01-01") + rng.integers(0, 365, rows)
    a, b, city = rng.poisson(3, rows), rng.poisson(5, rows), rng.integers(0, 4, rows)
    bmi = np.round(weight / height**2, 1)
    sent = ordered + rng.poisson(2, rows)
    return {
        "id": 1000 + rng.permutation(2 * rows)[:rows],
        "weight": weight,
        "height": height,
        "ordered": ordered,
        "received": sent + rng.poisson(4, rows),
        "city": np.array(["Bonn", "Köln", "Lyon", "Nice"])[city],
        "country": np.array(["DE", "FR"])[city // 2],
        "a": a,
        "b": b,
        "bmi": bmi,
        "obese": bmi >= 30,
        "total": a + b,
        "sent": sent,
        "signal": rng.normal(size=rows).astype(np.float32),
    }


def dataset(columns: dict[str, np.ndarray], **options: Any) -> plait.Dataset:
    source = plait.Arrays(columns, **options)
    targets = [name for name in columns if name in TARGETS]
    inputs = [name for name in columns if name not in targets]
    return plait.Dataset(inputs={name: source[name] for name in inputs}, targets={name: source[name] for name in targets})


def some(*names: str, **changed: np.ndarray) -> plait.Dataset:
    return dataset({**{name: arrays()[name] for name in names}, **changed})


def read(data: plait.Dataset) -> dict[str, np.ndarray]:
    return {name: np.asarray(column) for name, column in data.read(list(data.spec), np.arange(len(data))).items()}


def fit(data: plait.Dataset, *rules: Any) -> GaussianCopula:
    return GaussianCopula.fit(data, constraints=rules, progress=False)


@pytest.mark.parametrize("method", [GaussianCopula, VineCopula, Bootstrap, Independent, Sequential])
def test_every_sample_obeys_every_constraint_exactly(method):
    data = dataset(arrays())
    drawn = read(method.fit(data, constraints=RULES).sample(300, seed=1))
    assert (np.abs(drawn["bmi"] - drawn["weight"] / drawn["height"] ** 2) <= 0.05 + 1e-9).all()
    np.testing.assert_array_equal(drawn["obese"], drawn["bmi"] >= 30)
    np.testing.assert_array_equal(drawn["total"], drawn["a"] + drawn["b"])
    assert (drawn["ordered"] <= drawn["sent"]).all() and (drawn["sent"] <= drawn["received"]).all()
    assert drawn["received"].max() <= arrays()["received"].max()
    assert len(np.unique(drawn["id"])) == len(np.unique(drawn["signal"])) == 300
    assert set(zip(drawn["city"], drawn["country"], strict=True)) <= set(zip(arrays()["city"], arrays()["country"], strict=True))
    assert drawn["weight"].min() >= 20 and drawn["weight"].max() <= 200


def test_a_saved_synthesizer_keeps_its_constraints(tmp_path):
    model = fit(dataset(arrays()), *RULES)
    model.save(tmp_path / "model.plait")
    again = plait.load(tmp_path / "model.plait")
    assert again.constraints.rules == model.constraints.rules
    for name, column in read(model.sample(100, seed=3)).items():
        np.testing.assert_array_equal(read(again.sample(100, seed=3))[name], column)


def test_what_is_left_to_learn_comes_back_as_it_was():
    data = dataset(arrays())
    schema = Schema.of(data)
    columns = schema.columns(data)
    rules, inner, rest = Constraints.fit(RULES, columns, schema, data.keys)
    assert set(rest.names) == set(schema.names) - {"bmi", "obese", "total", "country"}
    back = rules.restore(inner)
    for name in schema.names:
        np.testing.assert_allclose(back[name], columns[name], err_msg=name, atol=1e-12)
    assert not any(broken.any() for broken in rules.broken(back).values())
    np.testing.assert_array_equal(rules.reduce(columns, data.keys)["city"], inner["city"])


def test_the_time_between_is_learned_not_the_later_time():
    drawn = read(fit(some("ordered", "sent"), Increasing(["ordered", "sent"])).sample(5000, seed=0))
    waited = (drawn["sent"] - drawn["ordered"]).astype(int)
    assert abs(waited.mean() - 2) < 0.35 and waited.max() < 12


def test_unlike_precisions_keep_their_order():
    rng = np.random.default_rng(0)
    low = rng.normal(size=500).astype(np.float32)
    data = dataset({"low": low, "high": np.round(low + rng.exponential(size=500), 1) + 0.1})
    drawn = read(fit(data, Increasing(["low", "high"])).sample(5000, seed=0))
    assert (drawn["low"] <= drawn["high"]).all()


@pytest.mark.parametrize(
    "values",
    [
        RNG.normal(size=300) * 3,
        (RNG.normal(size=300) * 3).astype(np.float32),
        np.unique((RNG.normal(size=300) * 3).astype(np.float16)),
        RNG.integers(-(2**63), 2**63 - 1, 300),
        RNG.integers(0, 2**64 - 1, 300, np.uint64),
        np.r_[np.arange(300), 2**63 - 1],
        np.datetime64("2020-01-01", "ns") + RNG.integers(0, 10**18, 300).astype("m8[ns]"),
    ],
    ids=["float64", "float32", "float16", "int64", "uint64", "an integer far out", "nanoseconds"],
)
@pytest.mark.parametrize("method", [Bootstrap, GaussianCopula])
def test_values_of_any_kind_can_be_unique(method, values):
    drawn = read(method.fit(dataset({"id": values}), constraints=[Unique("id")], progress=False).sample(200, seed=0))["id"]
    assert len(np.unique(drawn)) == 200 and drawn.min() >= values.min() and drawn.max() <= values.max()


def test_times_of_nanoseconds_keep_their_order():
    start = np.datetime64("2020-01-01", "ns") + 1000 * RNG.integers(0, 10**15, 300).astype("m8[ns]")
    end = start + 1000 * (RNG.integers(0, 3, 300) * RNG.integers(0, 10**9, 300)).astype("m8[ns]")
    drawn = read(fit(dataset({"start": start, "end": end}), Increasing(["start", "end"])).sample(2000, seed=0))
    assert (drawn["start"] <= drawn["end"]).all()
    assert 0.2 < (drawn["start"] == drawn["end"]).mean() < 0.5


def test_what_a_rule_makes_is_within_its_dtype():
    a = RNG.integers(0, 200, 300).astype(np.uint8)
    data = dataset({"a": a, "b": np.uint8(250) - a, "total": np.full(300, 250, np.uint8), "twice": a.astype(np.float32) * 2})
    with pytest.raises(
        ArgumentError, match=r"Sum.*: the parts can come to 4.., which uint8 can't hold. Give the data a wider dtype: total.a"
    ):
        fit(data, Sum("total", ["a", "b"]))
    small = np.arange(100, dtype=np.uint8)
    fitted = fit(dataset({"a": small, "twice": small * np.uint8(2)}), Formula("twice", "2 * a"))
    with pytest.raises(ArgumentError, match=r"'twice' would be 400, which uint8 can't hold. Give the data a wider one: twice.astype"):
        fitted.sample(3, seed=0, given={"a": 200})


def test_a_formula_without_a_value_is_refused():
    data = dataset({"a": np.arange(1.0, 300.0), "b": np.arange(299.0), "c": np.log(np.arange(1.0, 300.0) - np.arange(299.0))})
    with pytest.raises(ArgumentError, match=r"has no value for a = .*, which was drawn, and 'c' always has one in the data. Add a constr"):
        Independent.fit(data, constraints=[Formula("c", "log(a - b)")], progress=False).sample(300, seed=0)
    with pytest.raises(SpecError, match=r"Formula\(name='c', expression='a / 0'\): 299 of 299 samples do not obey it"):
        fit(data, Formula("c", "a / 0"))
    with pytest.raises(ArgumentError, match=r"3 is no formula, which is text."):
        fit(data, Formula("c", 3))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("bounds", [Bounds("a", np.nan), Bounds("a", None, np.nan), Bounds("a", [1])])  # pyright: ignore[reportArgumentType]
def test_bounds_that_are_no_numbers_are_refused(bounds):
    with pytest.raises(ArgumentError, match=r"is no bound of 'a'"):
        fit(dataset({"a": np.arange(9.0)}), bounds)


@pytest.mark.parametrize("constraints", [Bounds("a", 0), "a", None])
def test_constraints_are_a_list(constraints):
    with pytest.raises(ArgumentError, match=r"constraints=.*: a list is needed, such as constraints=\[plait.constraints.Bounds"):
        Bootstrap.fit(dataset({"a": np.arange(9.0)}), constraints=constraints, progress=False)


def test_missing_values_obey_and_stay():
    a = np.where(np.random.default_rng(0).random(300) < 0.2, np.nan, np.random.default_rng(1).random(300))
    source = plait.Arrays({"a": a, "b": np.ones(300), "c": a + 1})
    data = plait.Dataset(inputs={"a": source["a"], "b": source["b"], "c": source["c"]}, missing="keep")
    drawn = read(fit(data, Sum("c", ["a", "b"])).sample(500, seed=0))
    np.testing.assert_array_equal(np.isnan(drawn["a"]), np.isnan(drawn["c"]))
    assert 0.1 < np.isnan(drawn["c"]).mean() < 0.3


def test_an_unused_constraint_list_changes_nothing():
    assert fit(some("a", "b")).constraints.to_json() is None


# given


@pytest.mark.parametrize(
    ("given_", "name", "value"),
    [
        ({"total": 8, "a": 3}, "b", 5),
        ({"bmi": 25.0, "height": 1.7}, "weight", 72.2),
        ({"ordered": np.datetime64("2024-03-01"), "sent": np.datetime64("2024-03-04")}, "sent", np.datetime64("2024-03-04")),
        ({"city": "Lyon", "country": "FR"}, "country", "FR"),
        ({"weight": 90.0}, "weight", 90.0),
    ],
)
def test_given_values_are_kept_and_solved_for(given_, name, value):
    drawn = read(fit(dataset(arrays()), *RULES).sample(20, seed=0, given=given_))
    assert (drawn[name] == value).all()
    assert (drawn["total"] == drawn["a"] + drawn["b"]).all()
    for other, wanted in given_.items():
        assert (drawn[other] == wanted).all()


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        (
            {"total": 3},
            "given={'total': ...}: Sum(name='total', of=('a', 'b')) can't be solved for 'a' and 'b'. Give 'a' and 'b' in place of",
        ),
        ({"total": 3, "a": 9}, "given={'total': ...}: 'b' would be negative, which it never is in the data."),
        (
            {"total": 3, "a": 1, "b": 1},
            "given={'total': ...} holds 3, which Sum(name='total', of=('a', 'b')) does not give for any 'a' and",
        ),
        (
            {"obese": True, "bmi": 20.0, "height": 1.7},
            "given={'obese': ...} holds True, which Formula(name='obese', expression='bmi >= 30')",
        ),
        (
            {"obese": True},
            "given={'obese': ...}: Formula(name='obese', expression='bmi >= 30') can't be solved for 'bmi'. Give 'bmi' in place",
        ),
        ({"sent": np.datetime64("2024-03-04")}, "draws 'sent' from 'ordered' upwards. Give 'ordered' too."),
        (
            {"ordered": np.datetime64("2024-03-04"), "sent": np.datetime64("2024-03-01")},
            "given={'ordered': ..., 'sent': ...}: Increasing(of=('ordered', 'sent', 'received')) does not allow 'sent' below 'ordered'.",
        ),
        (
            {"city": "Bonn"},
            "Combination(of=('city', 'country')) draws 'city' and 'country' as one. Give all of them, or none: 'country' is",
        ),
        (
            {"city": "Bonn", "country": "FR"},
            "given= combines 'Bonn' and 'FR', which Combination(of=('city', 'country')) does not allow: they",
        ),
        ({"weight": 300.0}, "given={'weight': ...} holds 300.0, which Bounds(name='weight', low=20, high=200) does not allow."),
        ({"id": 1001}, "given={'id': ...} repeats 1001, which Unique(name='id') does not allow. Give a different value each."),
    ],
)
def test_given_values_that_cannot_be_kept_are_refused(given_, message):
    model = fit(dataset(arrays()), *RULES)
    with pytest.raises(ArgumentError, match=re.escape(message)):
        model.sample(4, seed=0, given=given_)


def test_more_unique_values_than_there_are_is_an_error():
    model = fit(some("a", id=np.arange(400) + 1), Unique("id"))
    assert len(np.unique(read(model.sample(400, seed=0))["id"])) == 400
    message = "Unique(name='id'): 401 samples are asked for, and 'id' has 400 different values from 1 to 400. Draw fewer at once, or leave"
    with pytest.raises(ArgumentError, match=re.escape(message)):
        model.sample(401, seed=0)


# the data


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            Bounds("a", 0, 8),
            "Bounds(name='a', low=0, high=8): 1 of 400 samples do not obey it, such as ['p7']; the first has a = 9. Correct",
        ),
        (Unique("city"), "Unique(name='city'): 396 of 400 samples do not obey it, such as ["),
        (Sum("total", ["a"]), "Sum(name='total', of=('a',)): "),
        (Formula("total", "a + b + (a > 8)"), "such as ['p7']; the first has a = 9, b = "),
        (Increasing(["b", "a"]), "Increasing(of=('b', 'a')): "),
    ],
)
def test_data_that_break_a_rule_are_refused_by_key(rule, message):
    a = np.minimum(arrays()["a"], 8)
    a[7] = 9
    columns = {"a": a, "b": arrays()["b"], "city": arrays()["city"], "total": a + arrays()["b"]}
    data = dataset(columns, key=np.array([f"p{i}" for i in range(400)]))
    with pytest.raises(SpecError, match=re.escape(message)):
        fit(data, rule)


# rules that can't be meant


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            ["positive"],
            "constraints=[..., 'positive']: a constraint is a Bounds or Combination or Formula or Increasing or Sum or Unique, such",
        ),
        ([Bounds("city", 0, 1)], "'city' is a category. Bounds are for numbers and dates."),
        ([Bounds("a", 3, 1)], "Bounds(name='a', low=3, high=1): give low, high or both, low not above high."),
        ([Bounds("a")], "give low, high or both"),
        ([Bounds("ordered", "soon")], "Bounds(name='ordered', low='soon', high=None): 'soon' is no bound of 'ordered': "),
        ([Sum("total", ["a", "a"])], "Sum(name='total', of=('a', 'a')): name each part once, and not the sum itself."),
        ([Sum("total", ["a", "city"])], "'city' is a category. A sum is of numbers."),
        ([Formula("bmi", "bmi + 1")], "Formula(name='bmi', expression='bmi + 1'): 'bmi' is made of itself."),
        ([Formula("city", "a")], "'city' is a category of labels; a formula gives numbers, or true and false."),
        (
            [Formula("a", "city + 1")],
            "'city + 1': 'city' is a category of labels. Labels are compared with == or != with a label in quotes.",
        ),
        ([Formula("a", "'Bonn'")], "\"'Bonn'\": 'Bonn' is a label. Labels are compared with == or != with a category."),
        ([Formula("a", "city == 'Rome'")], "'city' has no level 'Rome'. It has 'Bonn', 'Köln', 'Lyon', 'Nice'."),
        ([Increasing(["a"])], "Increasing(of=('a',)): name two or more variables, each once."),
        ([Increasing(["a", "ordered"])], "Increasing(of=('a', 'ordered')): the variables are 'integer' and 'date' of "),
        ([Combination(["a"])], "Combination(of=('a',)): name two or more variables, each once."),
        ([Sum("total", ["a", "b"]), Formula("total", "a + b")], "both make 'total'. Leave one of them out."),
        ([Formula("a", "b"), Formula("b", "a")], "go round in a circle; each needs another one first."),
        ([Bounds("bmi", 5, 90), Formula("bmi", "weight / height ** 2")], "would change. Give bounds to 'weight' and 'height'."),
        ([Unique("total"), Sum("total", ["a", "b"])], "can't both be kept: what one makes of 'total' the other would change. Leave one"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules, message):
    with pytest.raises(ArgumentError, match=re.escape(message)):
        fit(dataset(arrays()), *rules)


def test_an_unknown_name_is_refused():
    with pytest.raises(NameUnknownError, match=r"Bounds\(name='ag', low=0, high=None\) names 'ag', which there is not. There are \['a', "):
        fit(some("a", "b"), Bounds("ag", 0))


def test_a_formula_that_gives_no_level_is_refused():
    with pytest.raises((ArgumentError, SpecError), match="'grade'"):
        data = some("a", grade=np.array([True, False] * 200))
        fit(data, Formula("grade", "a + 2"))


# formulas


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + y * 2 - 1", [4.0, 9.0]),
        ("-x ** 2 / 2 // 1 % 3", [2.0, 1.0]),
        ("abs(min(x, y)) + max(x, 2) + round(1.4)", [4.0, 5.0]),
        ("sqrt(x * x) + exp(log(y)) + ceil(.2) - floor(.2)", [4.0, 7.0]),
        ("where(x > 1, 10, y)", [2.0, 10.0]),
        ("10 if x > 1 else y", [2.0, 10.0]),
        ("1 < y < 4 and not x == 1 or x != x", [0.0, 0.0]),
        ("kind == 'b'", [0.0, 1.0]),
        ("'b' != kind", [1.0, 0.0]),
        ("x[1] + True", [6.0, 7.0]),
        ("7", [7.0, 7.0]),
    ],
)
def test_formulas_are_evaluated(text, wanted):
    values = {"x": np.array([1.0, 2.0]), "y": np.array([2.0, 4.0]), "x[1]": np.array([5.0, 6.0])}
    np.testing.assert_allclose(Expression(text)({**values, "kind": Text(np.array([0.0, 1.0]), ("a", "b"))}), wanted)


@pytest.mark.parametrize("text", ["x > 0", "x + 1", "where(x > 0, 1, 2)", "not x", "x and 1", "1 if x else 2", "log(x - 5)", "1 / (x - x)"])
def test_what_has_no_value_is_missing(text):
    assert np.isnan(Expression(text)({"x": np.array([np.nan, 1.0])})[0])


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('ls')",
        "x.__class__",
        "(lambda: 1)()",
        "[i for i in x]",
        "open('f')",
        "x if y else eval('1')",
        "f'{x}'",
        "x @ y",
        "x[y]",
        "abs(x, key=1)",
        "{1: 2}",
        "x is y",
        "(y := 1)",
        "...",
        "b'1'",
        "1j",
        "9" * 400,
    ],
)
def test_nothing_else_is_allowed_in_a_formula(text):
    with pytest.raises(ArgumentError, match="is not allowed in a formula. There are numbers, 'labels', variables,"):
        Expression(text)


@pytest.mark.parametrize("text", ["", "x +", "x; y", "a = 1", "x" * 3000, "(" * 1500 + ")" * 1500, "-" * 1900 + "x", "\0"])
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(ArgumentError, match="is no formula: .*Write one such as 'weight / height"):
        Expression(text)


def test_a_function_of_the_wrong_number_of_values_is_refused():
    with pytest.raises(ArgumentError, match=r"'min\(x\)': min takes 2 values; it is given 1."):
        Expression("min(x)")


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(SOLVABLE),
    st.lists(st.tuples(st.floats(0.5, 9), st.floats(0.5, 9)), min_size=1, max_size=5),
)
def test_solving_a_formula_gives_back_what_it_was_made_of(text, pairs):
    x, y = np.array(pairs).T
    expression = Expression(text)
    found = expression.solve("x", expression({"x": x, "y": y}), {"y": y})
    assert found is not None
    np.testing.assert_allclose(found, x, rtol=1e-7)


@pytest.mark.parametrize("text", ["x * x", "abs(x)", "x > 1", "2 ** x", "x % 2"])
def test_what_cannot_be_turned_round_is_not_solved(text):
    assert Expression(text).solve("x", np.ones(1), {}) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), st.sampled_from(["integer", "number"]))
def test_unique_moves_no_more_values_than_it_must(values, kind):
    column = np.array(values, np.int64 if kind == "integer" else np.float64)
    wide = np.arange(-60, 60).astype(column.dtype)
    data = dataset({"v": np.unique(np.r_[wide, column])})
    schema = Schema.of(data)
    rules, _, _ = Constraints.fit([Unique("v")], schema.columns(data), schema, data.keys)
    found = rules.restore({"v": column.astype(np.float64)})["v"]
    assert len(np.unique(found)) == len(values)
    assert (np.argsort(found, kind="stable") == np.argsort(column, kind="stable")).all()
    if len(set(values)) == len(values):
        np.testing.assert_array_equal(found, column)
