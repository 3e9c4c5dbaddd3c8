"""What a Graph refuses, by name, with the line to write."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.distributions import Normal
from plait.errors import ArgumentError, NameUnknownError, SpecError

X = {"x": lambda rng, n: rng.random(n)}


def _with(value, name="y"):
    return plait.Graph({**X, name: value}, inputs=["x"])


@pytest.mark.parametrize(
    ("declare", "error", "message"),
    [
        (
            lambda: plait.Graph({"a": lambda b: b, "b": lambda c: c, "c": lambda a: a}, inputs=["a"]),
            ArgumentError,
            r"The variables go round in a circle: a -> c -> b -> a. A variable cannot be drawn before its parents",
        ),
        (lambda: _with(lambda y: y), ArgumentError, r"Variable 'y' is its own parent. Name what it starts from .*: y_before."),
        (
            lambda: _with(lambda rng, age: age),
            ArgumentError,
            r"Variable 'y' has the parent 'age', which is no variable of the graph. There are \['x', 'y'\], and rng and n. Add it, "
            r"\{'age': lambda rng, n: ...\}, or give the parameter a default.",
        ),
        (lambda: _with(Normal(lambda age: age)), ArgumentError, r"Variable 'y' has the parent 'age', which is no variable"),
        (
            lambda: _with(lambda *x: 1),
            ArgumentError,
            r"The function of variable 'y' has the parameter '\*x'. Each parameter names a parent",
        ),
        (lambda: _with(Normal), ArgumentError, r"Variable 'y' is the class Normal; give one with its parameters: Normal\(...\)."),
        (lambda: _with(object()), ArgumentError, r"Variable 'y' is a object. A variable is a function, a distribution such as"),
        (lambda: _with(max), ArgumentError, r"whose parameters cannot be told. Wrap it: lambda x: max\(x\).|has the parent"),
        (lambda: _with(1.0, "rng"), ArgumentError, r"is called 'rng', and a parameter of that name is something else: rng the random"),
        (lambda: _with(1.0, 3), ArgumentError, r"A variable of the Graph is called 3; names are text, those of parameters: 'x'."),
        (lambda: plait.Graph({}, inputs=["x"]), ArgumentError, r"A Graph is made of named variables"),
        (lambda: plait.Graph(X, inputs=[]), ArgumentError, r"A Graph needs at least one input: plait.Graph\(\{...\}, inputs=\['x'\]"),
        (lambda: plait.Graph(X, inputs="x"), ArgumentError, r"Graph\(inputs='x'\): a list of names is needed, inputs=\['x'\]."),
        (lambda: plait.Graph(X, inputs=["x"], targets=["x"]), ArgumentError, r"'x' is an input and a target. Give the target a variable"),
        (
            lambda: plait.Graph(X, inputs=["x"], targets=["price"]),
            NameUnknownError,
            r"Graph\(targets=\['price', ...\]\): there is no such variable. There are \['x'\].",
        ),
        (
            lambda: plait.Graph({("x", "y"): lambda rng, n: 1}, inputs=["x"]),
            ArgumentError,
            r"\('x', 'y'\) are drawn together by a function; only a fitted synthesizer draws several variables. Give each its own function",
        ),
        (lambda: plait.Graph({"x": 1.0, ("x", "y"): 2.0}, inputs=["x"]), ArgumentError, r"Variable 'x' is drawn twice, alone and together"),
        (
            lambda: plait.Graph({"y": plait.Graph(X, inputs=["x"])}, inputs=["y"]),
            ArgumentError,
            r"Graph stands for the variable 'y' and has no such stream. It has \['x'\].",
        ),
        (
            lambda: _with(lambda x: x[:5]),
            SpecError,
            r"Variable 'y' is 5 rows, and the graph asked for 7. The first axis is the rows: lambda rng, n: rng.random\(n\)",
        ),
        (lambda: _with(lambda rng: rng.random()), SpecError, r"Variable 'y' is one value for all rows, and the graph asked for 7."),
        (lambda: _with(lambda x: x / 0), SpecError, r"Variable 'y' is (inf|nan) in 7 of 7 rows. The variables of a graph are finite"),
        (
            lambda: _with(lambda n: np.array([object()] * n)),
            SpecError,
            r"Variable 'y' holds values of dtype object. A variable is numbers, dates or text",
        ),
        (lambda: _with(lambda n: [[1], [2, 3]]), SpecError, r"Variable 'y' is a list that is no array"),
        (lambda: _with(lambda n: plait.Ragged.of([np.ones(2)] * n)), SpecError, r"Variable 'y' is ragged. The rows of a variable have one"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")
def test_what_cannot_be_meant_is_refused_where_it_is_declared(declare, error, message):
    with pytest.raises(error, match=message):
        declare()


def test_what_a_function_raises_says_which_variable_and_what_it_was_given():
    with pytest.raises(AttributeError) as caught:
        _with(lambda rng, x: x.no_such)
    assert caught.value.__notes__ == ["in the function of variable 'y' of a plait.Graph, called with x () float32 of 7 rows"]
    with pytest.raises(ArgumentError, match="has to be above 0") as caught:
        _with(Normal(0, lambda x: -x))
    assert caught.value.__notes__ == ["in the Normal of variable 'y' of a plait.Graph"]


def test_a_function_that_writes_into_its_parent_is_told_to_copy_it():
    def spoil(x):
        x *= 2
        return x

    with pytest.raises(ValueError, match="read-only") as caught:
        _with(spoil)
    assert caught.value.__notes__[1] == "Other variables need the same values: write x = x.copy() first."


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda n: np.random.random(size=n), r"Variable 'y' is something else each time it is drawn, so no seed decides it. Draw from rng"),
        (lambda x: np.ma.masked_array(x, x > 0), r"Variable 'y' is masked in some rows. .* have a value in each: write filled\(...\)."),
        (lambda n: np.full(n, np.datetime64("NaT", "D")), r"Variable 'y' is NaT in some of 7 rows."),
    ],
)
def test_what_no_seed_decides_or_has_no_value_is_refused(function, message):
    with pytest.raises(SpecError, match=message):
        _with(function)


def test_a_variable_is_of_one_kind_in_all_blocks():
    changing = plait.Graph({"y": lambda rng, n: np.zeros(n, np.float32 if n == 7 else np.float64)}, inputs=["y"])
    with pytest.raises(SpecError, match=r"Variable 'y' is \(\) float64 in one block and was \(\) float32 in another. Let its function"):
        changing.sample(5, seed=0)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n": 0}, ArgumentError, r"Graph.sample\(0\): the number of samples is a whole number of at least 1."),
        ({"seed": "a"}, ArgumentError, r"Graph.sample\(seed='a'\): a seed is a whole number. Write seed=0."),
        ({"given": [1]}, ArgumentError, r"Graph.sample\(given=list\): write given=\{'name': values\}."),
        ({"given": {"age": 1}}, NameUnknownError, r"Graph.sample\(given=...\): there is no 'age'. There are \['x', 'y'\]."),
        ({"given": {"x": np.zeros(3)}}, ArgumentError, r"given=\{'x': ...\} has the shape \(3,\); one value for each of the 10 samples"),
        ({"given": {"x": "a"}}, ArgumentError, r"given=\{'x': ...\} is StringDType\(\), and the stream is \(\) float32"),
        ({"given": {"x": np.nan}}, ArgumentError, r"given=\{'x': ...\} holds missing values."),
    ],
)
def test_arguments_of_sample_that_cannot_be_meant(arguments, error, message):
    graph = _with(lambda x: x)
    with pytest.raises(error, match=message):
        graph.sample(**{"n": 10, "seed": 0, **arguments})


def test_a_stream_takes_one_value_for_all_samples():
    graph = _with(lambda x: x)
    with pytest.raises(ArgumentError, match=r"Graph.stream\(given=\{'x': ...\}\) has the shape \(9,\). A stream has no number of samples"):
        graph.stream(seed=0, given={"x": np.zeros(9)})
    with pytest.raises(ArgumentError, match=r"Graph.stream\(seed=None\): a seed is a whole number."):
        graph.stream(seed=None)  # pyright: ignore[reportArgumentType]
