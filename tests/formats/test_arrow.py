"""What each type of Arrow becomes."""

from __future__ import annotations

import datetime
import decimal
import uuid

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import SpecError
from plait.formats.arrow import REFUSED, Field, as_key, convert, fields, narrow
from plait.ragged import Ragged
from plait.spec import TEXT

DAY = datetime.date(2024, 2, 29)
MOMENT = datetime.datetime(2024, 2, 29, 12, 30, tzinfo=datetime.UTC)

# name, column of a value, a null and a value, dtype, the two values
SINGLE = [
    ("bool", pa.array([True, None, False]), "bool", [True, False]),
    *[(str(t), pa.array([1, None, 100], t), str(t), [1, 100]) for t in (pa.int8(), pa.int16(), pa.int32(), pa.int64())],
    *[(str(t), pa.array([1, None, 200], t), str(t), [1, 200]) for t in (pa.uint8(), pa.uint16(), pa.uint32())],
    ("uint64", pa.array([1, None, 2**64 - 1], pa.uint64()), "uint64", [1, 2**64 - 1]),
    ("float16", pa.array([1.5, None, -2.0], pa.float16()), "float16", [1.5, -2]),
    ("float32", pa.array([1.5, None, -2.0], pa.float32()), "float32", [1.5, -2]),
    ("float64", pa.array([1.5, None, np.inf]), "float64", [1.5, np.inf]),
    *[
        (str(t), pa.array([decimal.Decimal("1.25"), None, decimal.Decimal(-3)], t), "float64", [1.25, -3])
        for t in (pa.decimal128(20, 2), pa.decimal256(50, 2))
    ],
    ("date32", pa.array([DAY, None, DAY]), "datetime64[D]", [np.datetime64("2024-02-29")] * 2),
    ("date64", pa.array([DAY, None, DAY], pa.date64()), "datetime64[ms]", [np.datetime64("2024-02-29")] * 2),
    *[
        (
            f"timestamp[{unit}]",
            pa.array([MOMENT, None, MOMENT], pa.timestamp(unit)),
            f"datetime64[{unit}]",
            [np.datetime64("2024-02-29T12:30")] * 2,
        )
        for unit in ("s", "ms", "us", "ns")
    ],
    (
        "timestamp with zone",
        pa.array([MOMENT, None, MOMENT], pa.timestamp("us", "Asia/Tokyo")),
        "datetime64[us]",
        [np.datetime64("2024-02-29T12:30")] * 2,
    ),
    (
        "time32",
        pa.array([datetime.time(1, 0, 1), None, datetime.time(0)], pa.time32("s")),
        "timedelta64[s]",
        [np.timedelta64(3601, "s"), 0],
    ),
    ("time64", pa.array([datetime.time(0, 0, 1), None, datetime.time(0)], pa.time64("ns")), "timedelta64[ns]", [np.timedelta64(1, "s"), 0]),
    ("duration", pa.array([datetime.timedelta(1), None, datetime.timedelta(0)]), "timedelta64[us]", [np.timedelta64(1, "D"), 0]),
    ("categories of integers", pa.array([7, None, 9]).dictionary_encode(), "int64", [7, 9]),
]
UUID = uuid.UUID(int=7)
TEXTS = [
    ("string", pa.array(["ü", None, ""]), ["ü", ""]),
    ("large_string", pa.array(["ü", None, ""], pa.large_string()), ["ü", ""]),
    ("string_view", pa.array(["ü", None, ""], pa.string_view()), ["ü", ""]),
    ("categories", pa.array(["ü", None, ""]).dictionary_encode(), ["ü", ""]),
    (
        "categories of views, one of them null",
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int8()), pa.array(["ü", None, ""], pa.string_view())),
        ["ü", ""],
    ),
    ("json", pa.array(["[]", None, "{}"], pa.json_(pa.string())), ["[]", "{}"]),
    ("uuid", pa.array([UUID.bytes, None, UUID.bytes], pa.uuid()), [str(UUID)] * 2),
]
REFUSALS = [
    (
        pa.binary(),
        "is of type binary, which no stream can hold; keep pictures and arrays as files and read them by plait.Images or plait.Npy",
    ),
    (pa.binary(4), r"is of type fixed_size_binary\[4\], .*plait.Images or plait.Npy"),
    (pa.list_(pa.string()), "is of type list<item: string>, which no stream can hold; join each list to one text"),
    (pa.list_(pa.string(), 2), r"is of type fixed_size_list<item: string>\[2\], .*; join each list to one text"),
    (pa.list_(pa.list_(pa.int8())), "is of type list<item: list<item: int8>>, which no stream can hold; cast it to numbers, text"),
    (pa.list_(pa.struct([("a", pa.int8())])), "is of type list<item: struct<a: int8>>, .*; cast it to numbers, text"),
    (pa.map_(pa.string(), pa.int8()), r"is of type map<string, int8>, .*or leave it out by columns=\[...\]"),
    (pa.month_day_nano_interval(), "is of type month_day_nano_interval, .*cast it"),
    (pa.opaque(pa.binary(), "inet", "PostgreSQL"), "is of type inet, which no stream can hold; cast it"),
]


def read(array: pa.Array, *, key: bool = False) -> tuple[Field, np.ndarray | Ragged, np.ndarray | None]:
    batch = pa.record_batch([array], names=["x"])
    (field,) = fields(batch.schema)
    field = as_key(field) if key else field
    return field, *convert(field, batch)


@pytest.mark.parametrize("slice_", [False, True], ids=["whole", "slice"])
@pytest.mark.parametrize(("array", "dtype", "expected"), [case[1:] for case in SINGLE], ids=[case[0] for case in SINGLE])
def test_a_single_value_keeps_its_dtype_and_null_is_absent_and_zero(array, dtype, expected, slice_) -> None:
    if slice_:
        array = pa.concat_arrays([array, array])[3:]
    field, values, absent = read(array)
    assert (field.spec.shape, field.spec.dtype) == ((), np.dtype(dtype))
    assert values.dtype == np.dtype(dtype)
    assert absent.tolist() == [False, True, False]
    assert values[1] == np.zeros((), dtype)
    assert values[[0, 2]].tolist() == np.array(expected, dtype).tolist()
    _, values, absent = read(array.take(pa.array([0, 2])))
    assert absent is None
    assert values.tolist() == np.array(expected, dtype).tolist()
    _, values, absent = read(array[:0])
    assert len(values) == 0
    assert values.dtype == np.dtype(dtype)


@pytest.mark.parametrize("slice_", [False, True], ids=["whole", "slice"])
@pytest.mark.parametrize(("array", "expected"), [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_text_of_every_kind_is_text(array, expected, slice_) -> None:
    if slice_:
        array = pa.concat_arrays([array, array])[3:]
    field, values, absent = read(array)
    assert (field.spec.shape, field.spec.dtype) == ((), TEXT)
    assert absent.tolist() == [False, True, False]
    assert [bytes(v).decode() for v in values] == [expected[0], "", expected[1]]
    assert len(read(array[:0])[1]) == 0


def test_nan_is_absent_as_null_is() -> None:
    for kind in (pa.float16(), pa.float32(), pa.float64()):
        _, values, absent = read(pa.array([1.0, np.nan, None, 2.0], kind, from_pandas=False))
        assert values.tolist() == [1, 0, 0, 2]
        assert absent.tolist() == [False, True, True, False]


def test_a_column_without_a_type_is_absent_throughout() -> None:
    field, values, absent = read(pa.nulls(3))
    assert field.spec.dtype == np.float64
    assert values.tolist() == [0, 0, 0]
    assert absent.all()


def test_the_numeric_of_postgresql_comes_as_text_and_becomes_float64() -> None:
    kind = pa.opaque(pa.string(), "numeric", "PostgreSQL")
    field, values, absent = read(pa.ExtensionArray.from_storage(kind, pa.array(["1.25", None, "NaN", "-Infinity"])))
    assert field.spec.dtype == np.float64
    assert values.tolist() == [1.25, 0, 0, -np.inf]
    assert absent.tolist() == [False, True, True, False]


@pytest.mark.parametrize("start", [0, 1])
def test_a_list_of_fixed_size_is_dense(start) -> None:
    array = pa.array([[9, 9], [1, 2], None, [3, 4]], pa.list_(pa.int16(), 2))[start:]
    field, values, absent = read(array)
    assert (field.spec.shape, field.spec.dtype) == ((2,), np.dtype("int16"))
    assert values[-3:].tolist() == [[1, 2], [0, 0], [3, 4]]
    assert absent[-3:].tolist() == [False, True, False]


def test_nested_lists_of_fixed_size_are_dense() -> None:
    array = pa.array([[[1, 2], [3, 4], [5, 6]], None], pa.list_(pa.list_(pa.float32(), 2), 3))
    field, values, absent = read(array)
    assert field.spec.shape == (3, 2)
    assert values.tolist() == [[[1, 2], [3, 4], [5, 6]], [[0, 0], [0, 0], [0, 0]]]
    assert absent.tolist() == [False, True]


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.large_list(pa.int32())], ids=str)
@pytest.mark.parametrize("start", [0, 1])
def test_a_list_is_ragged(kind, start) -> None:
    field, values, absent = read(pa.array([[7], [1, 2], None, [], [3]], kind)[start:])
    assert (field.spec.shape, field.spec.dtype) == ((None,), np.dtype("int32"))
    assert [v.tolist() for v in values][-4:] == [[1, 2], [], [], [3]]
    assert absent[-4:].tolist() == [False, True, False, False]


def test_a_list_of_points_is_ragged_with_points_as_items() -> None:
    field, values, _ = read(pa.array([[[1, 2]], [], [[3, 4], [5, 6]]], pa.list_(pa.list_(pa.float64(), 2))))
    assert field.spec.shape == (None, 2)
    assert [v.tolist() for v in values] == [[[1, 2]], [], [[3, 4], [5, 6]]]


def test_null_inside_a_list_of_floats_is_nan() -> None:
    for kind in (pa.list_(pa.float32()), pa.list_(pa.float32(), 2)):
        _, values, absent = read(pa.array([[1, None], [np.nan, 2]], kind, from_pandas=False))
        assert np.isnan(np.asarray(values[0])).tolist() == [False, True]
        assert np.isnan(np.asarray(values[1])).tolist() == [True, False]
        assert absent is None


@pytest.mark.parametrize("kind", [pa.list_(pa.int32()), pa.list_(pa.int32(), 2)], ids=str)
def test_null_inside_a_list_of_integers_is_refused(kind) -> None:
    with pytest.raises(
        SpecError, match="holds null inside a list of int32, which has no value for it; fill it in, or cast the list to floats"
    ):
        read(pa.array([[1, None]], kind))


def test_text_that_is_not_utf8_is_refused() -> None:
    stored = pa.array([b"\xff"], pa.binary())
    with pytest.raises(SpecError, match="holds text that is not UTF-8; store it as UTF-8 first"):
        read(pa.Array.from_buffers(pa.string(), 1, stored.buffers()))


def test_a_struct_is_a_stream_a_field_and_null_where_it_is_null() -> None:
    batch = pa.record_batch([pa.array([{"a": 1, "b": {"c": "x"}}, None])], names=["s"])
    found = fields(batch.schema)
    assert [field.name for field in found] == ["s.a", "s.b.c"]
    assert [convert(field, batch)[1].tolist() for field in found] == [[False, True]] * 2
    assert convert(found[0], batch)[0].tolist() == [1, 0]


@pytest.mark.parametrize(("kind", "reason"), REFUSALS, ids=[str(kind) for kind, _ in REFUSALS])
def test_what_no_stream_can_hold_says_why(kind, reason) -> None:
    (field,) = fields(pa.schema([("x", kind)]))
    assert field.spec is None
    with pytest.raises(SpecError, match=reason):
        raise SpecError(field.refused)


def test_a_name_that_occurs_twice_is_refused_also_where_a_struct_makes_it() -> None:
    found = fields(
        pa.schema([("a", pa.int8()), ("a", pa.int8()), ("s.x", pa.int8()), ("s", pa.struct([("x", pa.int8())])), ("b", pa.int8())])
    )
    assert [field.refused for field in found] == ["occurs 2 times; rename all but one"] * 4 + [""]


def test_who_makes_a_schema_may_refuse_a_column() -> None:
    (field,) = fields(pa.schema([pa.field("x", pa.int8(), metadata={REFUSED: "is of no use"})]))
    assert (field.spec, field.refused) == (None, "is of no use")
    with pytest.raises(SpecError, match="is of no use"):
        as_key(field)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pa.array([3, 1], pa.int16()), [3, 1]),
        (pa.array([True, False]), [1, 0]),
        (pa.array([2**64 - 1, 1], pa.uint64()), ["18446744073709551615", "1"]),
        (pa.array([decimal.Decimal(7), decimal.Decimal(8)], pa.decimal128(38, 0)), ["7", "8"]),
        (pa.array(["007", "7"]).dictionary_encode(), ["007", "7"]),
        (pa.array([UUID.bytes], pa.uuid()), [str(UUID)]),
    ],
    ids=["int16", "bool", "uint64", "decimal", "categories", "uuid"],
)
def test_a_key_is_integers_or_text(array, expected) -> None:
    field, values, absent = read(array, key=True)
    assert field.spec.dtype in (np.int64, TEXT)
    assert ([bytes(v).decode() for v in values] if isinstance(values, Ragged) else values.tolist()) == expected
    assert absent is None


def test_a_date_may_be_a_key() -> None:
    _, values, _ = read(pa.array([DAY]), key=True)
    assert values.tolist() == [DAY]


@pytest.mark.parametrize("kind", [pa.float64(), pa.decimal128(5, 2), pa.binary(), pa.list_(pa.int8()), pa.json_(pa.string())], ids=str)
def test_what_can_be_no_key_says_why(kind) -> None:
    (field,) = fields(pa.schema([("x", kind)]))
    with pytest.raises(SpecError, match="is of type .*, and keys are integers or text; cast it to one of them first"):
        as_key(field)


def test_narrow_finds_the_fields_among_the_columns_they_need() -> None:
    found = {
        field.name: field
        for field in fields(pa.schema([("a", pa.int8()), ("s", pa.struct([("x", pa.int8()), ("y", pa.int8())])), ("b", pa.int8())]))
    }
    places, (streams, keys) = narrow({"s.y": found["s.y"]}, {"b": found["b"]})
    assert places == [1, 2]
    assert (streams["s.y"].path, keys["b"].path) == ((0, 1), (1,))
