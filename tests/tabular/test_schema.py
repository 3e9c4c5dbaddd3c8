"""A data set as columns of numbers and back: nothing is lost, and what is no table is refused by name."""

from __future__ import annotations

import datetime
import json

import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, NameUnknownError, SpecError
from plait.tabular import Schema

ROWS = 400


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    day = np.datetime64("2020-01-01") + rng.integers(0, 400, ROWS)
    table = plait.Arrays(
        x=rng.random((ROWS, 3)).astype(np.float32),
        city=np.array(["Bonn", "Köln", "Ulm"])[rng.integers(0, 3, ROWS)],
        day=day,
        at=day.astype("M8[ns]") + np.timedelta64(90, "s"),
        flag=rng.random(ROWS) < 0.5,
        shape=np.eye(4, dtype=np.float32)[rng.integers(0, 4, ROWS)],
        score=np.where(rng.random(ROWS) < 0.1, np.nan, rng.random(ROWS)),
        price=np.round(rng.lognormal(5, 1, ROWS), 2),
        grade=np.ma.masked_array(rng.integers(0, 3, ROWS), rng.random(ROWS) < 0.2),
        name=np.array([None, "a", "b"], object)[rng.integers(0, 3, ROWS)],
        number=rng.integers(2**60, 2**60 + 50, ROWS),
    )
    inputs = ["x", "city", "day", "at", "flag", "shape", "score", "number"]
    targets = ["price", "grade", "name"]
    return plait.Dataset(
        inputs={n: table[n] for n in inputs},
        targets={n: table[n] for n in targets},
        missing={"grade": "mask", "name": "mask", "score": "keep"},
    )


def test_columns_become_the_same_data_again(data):
    schema = Schema.of(data)
    again = schema.dataset(schema.columns(data))
    assert dict(again.inputs) == dict(data.inputs) and dict(again.targets) == dict(data.targets)
    rows = np.arange(ROWS)
    for name in data.spec:
        here, there = data.read([name], rows)[name], again.read([name], rows)[name]
        absent = data.absent(name)
        if absent is not None:
            assert np.array_equal(again.absent(name), absent)
            here, there = here[~absent], there[~absent]
        assert here.dtype == there.dtype
        np.testing.assert_array_equal(here, there)


def test_a_schema_comes_back_from_its_json(data):
    schema = Schema.of(data)
    again = Schema.from_json(json.loads(json.dumps(schema.to_json(), allow_nan=False)))
    assert again.specs == schema.specs
    assert repr(again.variables) == repr(schema.variables)  # NaN is not equal to itself
    np.testing.assert_equal(again.columns(data), schema.columns(data))


def test_each_kind_is_seen(data):
    schema = Schema.of(data)
    kinds = {v.name: v.kind for v in schema.variables}
    assert kinds == {
        "x[0]": "number",
        "x[1]": "number",
        "x[2]": "number",
        "city": "category",
        "day": "date",
        "at": "date",
        "flag": "category",
        "shape": "category",
        "score": "number",
        "number": "integer",
        "price": "number",
        "grade": "integer",
        "name": "category",
    }
    assert schema.inputs[:3] == ["x[0]", "x[1]", "x[2]"] and schema.targets == ["price", "grade", "name"]
    assert schema["price"].decimals == 2 and schema["x[0]"].decimals is None and schema["score"].missing
    assert schema["city"].levels == ("Bonn", "Köln", "Ulm") and schema["shape"].levels == (0, 1, 2, 3)
    assert schema["at"].step % 86_400_000_000_000 == 0  # whole days apart, whatever the unit
    assert schema["day"].low == 0 and schema["number"].high - schema["number"].low < 50


def test_what_is_meant_goes_before_what_is_seen(data):
    schema = Schema.of(data, kinds={"grade": "category", "x": "ordered"})
    assert schema["grade"].levels == (0, 1, 2) and schema["x[1]"].kind == "ordered"
    assert Schema.of(data, kinds={"shape": "category"}) == Schema.of(data)  # one 1 among zeros is one category already
    assert Schema.of(data, kinds={"shape": "number"})["shape[3]"].kind == "number"


def test_levels_of_other_data_count_too(data):
    rows = np.arange(ROWS)
    without = data.take(data.read(["city"], rows)["city"] != "Köln")
    assert Schema.of(without)["city"].levels == ("Bonn", "Ulm")
    assert Schema.of(without, also=[data])["city"].levels == ("Bonn", "Köln", "Ulm")
    with pytest.raises(ArgumentError, match="'city' has no level 'Köln'. It has 'Bonn', 'Ulm'."):
        Schema.of(without).columns(data)


@pytest.mark.parametrize("day", ["2020-02-01", ["2020-02-01", "2020-02-01"], datetime.date(2020, 2, 1), datetime.datetime(2020, 2, 1)])
def test_dates_are_given_as_text_and_as_what_python_has_for_them(data, day):
    schema = Schema.of(data)
    found, known = schema.encode({"day": day}, 2), schema.encode({"day": np.datetime64("2020-02-01")}, 2)
    assert found["day"].tolist() == known["day"].tolist()


def test_constant_and_empty_columns_are_columns():
    table = plait.Arrays(one=np.ones(5), none=np.full(5, np.nan), y=np.arange(5.0))
    data = plait.Dataset(inputs={"one": table["one"], "none": table["none"]}, targets={"y": table["y"]}, missing={"none": "keep"})
    schema = Schema.of(data)
    assert schema["one"].low == schema["one"].high == 1 and schema["none"].missing and np.isnan(schema["none"].low)
    again = schema.dataset(schema.columns(data))
    assert np.isnan(again.read(["none"], np.arange(5))["none"]).all()
    assert json.dumps(schema.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    "values",
    [
        np.random.default_rng(0).integers(-(2**63), 2**63 - 1, 50),
        np.random.default_rng(0).integers(2**63, 2**64 - 1, 50, np.uint64),
        np.array([0, 2**64 - 1], np.uint64),
        np.array([-(2**63), 2**63 - 1]),
        np.random.default_rng(0).integers(0, 10**18, 50).astype("M8[ns]"),
        np.array(["0001-01-01", "9999-12-31"], "M8[us]"),
    ],
    ids=["int64", "uint64", "all of uint64", "all of int64", "nanoseconds", "years apart"],
)
def test_integers_of_any_size_stay_within_their_range(values):
    data = plait.Dataset(inputs={"x": plait.Arrays(x=values)["x"]})
    schema = Schema.of(data)
    column = schema.columns(data)["x"]
    assert schema["x"].low == column.min() and column.max() <= schema["x"].high
    again = np.asarray(schema.dataset({"x": column}).read(["x"], np.arange(len(values)))["x"])
    assert again.dtype == values.dtype and again.min() == values.min() and again.max() <= values.max()
    apart = np.abs(again.view(np.int64).astype(object) - values.view(np.int64).astype(object))
    assert max(apart) <= 2**11  # the spacing of float64 at 2**64


def test_vectors_of_two_levels_each_are_vectors_again():
    flags = np.random.default_rng(0).random((50, 3)) < 0.5
    data = plait.Dataset(inputs={"flags": plait.Arrays(flags=flags)["flags"]})
    schema = Schema.of(data)
    np.testing.assert_array_equal(schema.dataset(schema.columns(data)).read(["flags"], np.arange(50))["flags"], flags)


def test_given_values_are_told_apart_by_name(data):
    schema = Schema.of(data)
    columns = schema.encode({"city": "Ulm", "x": np.zeros(3), "flag": [True, False], "day": np.datetime64("2020-02-01")}, 2)
    assert columns["city"].tolist() == [2, 2] and columns["flag"].tolist() == [1, 0] and set(columns) >= {"x[0]", "x[1]", "x[2]", "day"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"city": "Rom"}, "'city' has no level 'Rom'. It has 'Bonn', 'Köln', 'Ulm'."),
        ({"town": 1}, "there is no stream 'town'. There are"),
        ({"grade": 1.5}, "given={'grade': ...} holds fractions, and the stream is () int64."),
        ({"flag": 2}, "holds values beyond bool, such as 2."),
        ({"score": np.nan}, "given={'score': ...} holds missing values. Give a value for every sample, or leave the stream out."),
        ({"price": np.zeros(3)}, "has the shape (3,); one value for each of the 2 samples is needed, (2,), or one for all, ()."),
        ({"city": 3}, "given={'city': ...} is int64, and the stream is () text. Give values of that kind."),
        ({"shape": [0, 1, 1, 0]}, "given={'shape': ...}: every sample of 'shape' is a single 1 among zeros. Give it so."),
        ({"price": np.ma.masked_array([1.0, 2.0], [False, True])}, "given={'price': ...} holds missing values."),
        ({"price": np.inf}, "given={'price': ...} holds infinite values. Give finite ones, or leave the stream out."),
        ({"x": np.full(3, 1e300)}, "given={'x': ...} holds values beyond float32, such as 1e+300."),
        ({"day": np.datetime64("2020-02-01T05:00")}, "holds 2020-02-01T05:00, which datetime64[D] cannot tell. Write values.astype("),
        ({"day": 3}, "and the stream is () datetime64[D]. Give values of that kind."),
        ({"day": "noon"}, "given={'day': ...} is no date such as '2024-03-01': "),
    ],
)
def test_given_values_that_cannot_be_meant_are_refused(data, given, message):
    with pytest.raises((ArgumentError, NameUnknownError)) as error:
        Schema.of(data).encode(given, 2)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("streams", "message"),
    [
        (
            {"photo": np.zeros((3, 4, 4))},
            "Stream 'photo' is (4, 4) float64: a table has numbers, categories, dates, and vectors of at most",
        ),
        ({"words": [[1], [1, 2], [3]]}, "Stream 'words' is (?,) int64: a table has numbers"),
        ({"far": np.array([0.0, np.inf, 1])}, "'far' holds infinite values. A table has finite numbers and missing ones"),
    ],
)
def test_what_is_no_table_is_refused_by_name(streams, message):
    data = plait.Dataset(inputs={name: plait.Arrays({name: values}) for name, values in streams.items()})
    with pytest.raises(SpecError) as error:
        Schema.of(data)
    assert message in str(error.value)


def test_kinds_that_cannot_be_are_refused(data):
    with pytest.raises(ArgumentError, match=r"kinds=\['grade'\]: write a kind for each name, kinds=\{'grade': 'category'\}."):
        Schema.of(data, kinds=["grade"])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ArgumentError, match="a kind is one of 'number', 'integer', 'category', 'ordered', 'date'."):
        Schema.of(data, kinds={"price": "money"})  # type: ignore[dict-item]
    with pytest.raises(NameUnknownError, match=r"kinds= names \['prize'\]; the data set has \['x', 'city'"):
        Schema.of(data, kinds={"prize": "number"})
    with pytest.raises(ArgumentError, match="the stream is \\(\\) text, which can be 'category' or 'ordered'."):
        Schema.of(data, kinds={"city": "number"})


def test_data_of_other_streams_are_refused(data):
    other = plait.Dataset(inputs={"x": plait.Arrays(x=np.zeros((3, 2)))})
    with pytest.raises(SpecError, match=r"The data set has no stream 'city'. It has \['x'\] and \[\]."):
        Schema.of(data).columns(other)
    with pytest.raises(SpecError, match="must be alike"):
        Schema.of(plait.Dataset(inputs={"x": plait.Arrays(x=np.zeros((3, 3)))})).columns(other)
