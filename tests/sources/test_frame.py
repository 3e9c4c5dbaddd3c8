"""Data frames of pandas, polars, pyarrow and whatever speaks Arrow."""

from __future__ import annotations

import sys

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest

import plait
from plait.spec import TEXT

COLUMNS = {"id": [3, 1, 2], "age": [1.5, None, 2.5], "name": ["a", None, "ü"], "n": [1, 2, 300]}
MAKERS = {
    "pandas": lambda: pandas.DataFrame(COLUMNS),
    "pandas over Arrow": lambda: pandas.DataFrame(COLUMNS).convert_dtypes(dtype_backend="pyarrow"),
    "polars": lambda: polars.DataFrame(COLUMNS),
    "pyarrow": lambda: pa.table(COLUMNS),
    "batch": lambda: pa.record_batch(COLUMNS),
    "reader": lambda: pa.table(COLUMNS).to_reader(),
    "duckdb": lambda: duckdb.sql("select * from columns order by rowid"),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_every_kind_of_frame_gives_the_same_streams(maker) -> None:
    if maker == "duckdb":
        columns = pa.table(COLUMNS)  # noqa: F841 - DuckDB finds it by its name
        made = duckdb.sql("select * from columns")
    else:
        made = MAKERS[maker]()
    frame = plait.Frame(made, key="id")
    assert list(frame.keys) == [3, 1, 2]
    assert list(frame.spec) == ["id", "age", "name", "n"]
    assert (frame.spec["n"].dtype, frame.spec["age"].dtype, frame.spec["name"].dtype) == (np.int64, np.float64, TEXT)
    rows = np.array([2, 0])
    assert frame["age"].read(rows).tolist() == [2.5, 1.5]
    assert frame["name"].read(rows).tolist() == ["ü", "a"]
    assert frame.absent("age").tolist() == frame.absent("name").tolist() == [False, True, False]
    assert frame.absent("n") is None
    assert frame.in_memory


def test_the_label_shows_the_columns() -> None:
    assert plait.Frame(pandas.DataFrame({"a": [1]})).label == "Frame ['a']"
    assert plait.Frame(polars.DataFrame(COLUMNS)).label == "Frame ['id', 'age', 'name', ...]"
    assert plait.Frame(pa.table(COLUMNS)).label == "Frame ['id', 'age', 'name', ...]"


def test_dtypes_of_pandas_are_kept_and_its_nulls_are_absent() -> None:
    frame = plait.Frame(
        pandas.DataFrame(
            {
                "small": np.array([1, 2, 3], np.int8),
                "half": np.array([1, np.nan, 3], np.float16),
                "nullable": pandas.array([1, None, 2**62], dtype="Int64"),
                "flag": pandas.array([True, None, False], dtype="boolean"),
                "when": pandas.to_datetime(["2024-01-01", None, "2024-01-03"]),
                "zone": pandas.to_datetime(["2024-01-01T12:00+02:00", None, "2024-01-03T12:00+02:00"], utc=True),
                "kind": pandas.Categorical(["x", None, "y"]),
                "object": np.array(["x", None, "y"], object),
                "nan": np.array(["x", np.nan, "y"], object),
                "list": [[1, 2], None, [3]],
                "array": [np.arange(2.0), None, np.arange(3.0)],
                "period": pandas.period_range("2024-01", periods=3, freq="M"),
            }
        )
    )
    dtypes = {name: spec.dtype for name, spec in frame.spec.items()}
    assert dtypes["small"] == np.int8
    assert dtypes["half"] == np.float16
    assert dtypes["nullable"] == np.int64
    assert dtypes["flag"] == np.bool_
    assert dtypes["when"].kind == dtypes["zone"].kind == "M"
    assert dtypes["kind"] == dtypes["object"] == dtypes["nan"] == TEXT
    assert frame.spec["list"].shape == frame.spec["array"].shape == (None,)
    for name in ("half", "nullable", "flag", "when", "zone", "kind", "object", "nan", "list", "array"):
        assert frame.absent(name).tolist() == [False, True, False], name
    assert frame["nullable"].read(np.array([2])).tolist() == [2**62]
    assert frame["zone"].read(np.array([0])) == np.datetime64("2024-01-01T10:00")
    with pytest.raises(plait.SpecError, match="column 'period' is of type .*which no stream can hold"):
        frame["period"]


def test_types_of_polars() -> None:
    frame = plait.Frame(
        polars.DataFrame(
            {
                "kind": polars.Series(["x", None], dtype=polars.Categorical),
                "enum": polars.Series(["x", None], dtype=polars.Enum(["x", "y"])),
                "box": polars.Series([[1.0, 2.0], None], dtype=polars.Array(polars.Float32, 2)),
                "list": polars.Series([[1], None]),
                "money": polars.Series(["1.25", None]).cast(polars.Decimal(10, 2)),
                "day": polars.Series(["2024-01-01", None]).str.to_date(),
                "struct": polars.Series([{"a": 1}, None]),
                "big": polars.Series([2**63, None], dtype=polars.UInt64),
                "raw": polars.Series([b"x", None]),
            }
        )
    )
    assert frame["kind"].read(np.array([0])).tolist() == frame["enum"].read(np.array([0])).tolist() == ["x"]
    assert frame["box"].read(np.array([0, 1])).tolist() == [[1, 2], [0, 0]]
    assert frame["list"].read(np.array([0]))[0].tolist() == [1]
    assert frame["money"].read(np.array([0])).tolist() == [1.25]
    assert frame["day"].read(np.array([0])) == np.datetime64("2024-01-01")
    assert frame["struct.a"].read(np.array([0])).tolist() == [1]
    assert frame["big"].read(np.array([0])).tolist() == [2**63]
    assert all(frame.absent(name).tolist() == [False, True] for name in frame.spec)
    with pytest.raises(plait.SpecError, match="column 'raw' is of type .*binary.*plait.Images or plait.Npy"):
        frame["raw"]


def test_a_type_of_polars_that_arrow_has_not_blocks_no_other_column() -> None:
    frame = plait.Frame(polars.DataFrame({"wide": [2**100, 1], "n": [1, 2]}, schema={"wide": polars.Int128, "n": polars.Int8}))
    assert frame["n"].read(np.array([1])).tolist() == [2]
    assert frame.spec["n"].dtype == np.int8
    with pytest.raises(plait.SpecError, match="column 'wide' cannot be read as one type: .*; cast it to numbers or text"):
        frame["wide"]


def test_later_changes_of_the_frame_change_nothing() -> None:
    df = pandas.DataFrame({"x": [1.0, 2.0], "n": [1, 2]})
    array = df["n"].to_numpy()
    frame = plait.Frame(df)
    df.loc[0, "x"] = 99
    df["n"] = df["n"] * 2
    if array.flags.writeable:
        array[:] = 7
    assert frame["x"].read(np.array([0, 1])).tolist() == [1, 2]
    assert frame["n"].read(np.array([0, 1])).tolist() == [1, 2]


def test_the_index_of_pandas_is_not_read_and_is_pointed_to() -> None:
    df = pandas.DataFrame({"id": [5, 6], "x": [1, 2]}).set_index("id")
    assert list(plait.Frame(df).spec) == ["x"]
    assert list(plait.Frame(df).keys) == [0, 1]
    with pytest.raises(
        plait.NameUnknownError,
        match=r"Frame \['x'\] has 'id' in its index, which is not read. Write plait.Frame\(df.reset_index\(\), key=...\).",
    ):
        plait.Frame(df, key="id")
    assert list(plait.Frame(df.reset_index(), key="id").keys) == [5, 6]


def test_a_column_of_mixed_types_blocks_no_other_and_says_why() -> None:
    df = pandas.DataFrame({"id": [1, 2], "odd": [1, "a"], "complex": [1j, 2j], "wide": [10**30, 1]})
    frame = plait.Frame(df, key="id")
    assert list(frame.spec) == ["id"]
    for name in ("odd", "complex", "wide"):
        with pytest.raises(plait.SpecError, match=f"column '{name}' cannot be read as one type: .*; cast it to numbers or text"):
            frame[name]
    with pytest.raises(plait.SpecError, match="the key 'odd' cannot be read as one type"):
        plait.Frame(df, key="odd")


def test_column_names_of_pandas_that_are_no_text_become_text() -> None:
    frame = plait.Frame(pandas.DataFrame(np.arange(4).reshape(2, 2)))
    assert list(frame.spec) == ["0", "1"]


def test_repeated_column_names_of_pandas_are_refused_when_asked_for() -> None:
    df = pandas.DataFrame([[1, 2, 3]], columns=["id", "x", "x"])
    frame = plait.Frame(df, key="id")
    with pytest.raises(plait.SpecError, match="column 'x' occurs 2 times; rename all but one"):
        frame["x"]


def test_keys_of_pandas_with_a_gap_are_floats_and_the_gap_is_named() -> None:
    with pytest.raises(plait.SpecError, match="the key 'id' is of type double, and keys are integers or text"):
        plait.Frame(pandas.DataFrame({"id": [1, None, 3]}), key="id")
    with pytest.raises(plait.AlignmentError, match="the key 'id' is empty in 1 of 3 rows, such as row 1"):
        plait.Frame(pandas.DataFrame({"id": pandas.array([1, None, 3], dtype="Int64")}), key="id")


def test_a_frame_without_rows_has_its_types() -> None:
    frame = plait.Frame(pandas.DataFrame(COLUMNS)[:0], key="id")
    assert len(frame) == 0
    assert frame.spec["age"].dtype == np.float64
    assert frame["name"].read(np.zeros(0, np.int64)).dtype == TEXT


def test_odd_names_are_names() -> None:
    names = ["select", 'a"b', "a'b", "a b", "ü", "", "a.b", "--"]
    frame = plait.Frame(pa.table([[i] for i in range(len(names))], names=names), key='a"b')
    assert [frame[name].read(np.array([0])).tolist() for name in names] == [[i] for i in range(len(names))]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": [1]}, r"builtins.dict is no data frame. plait.Arrays\(\*\*columns\) takes arrays by name."),
        (np.zeros((2, 2)), "numpy.ndarray is no data frame. Pass pandas, polars or pyarrow."),
        (pandas.Series([1]), "Series cannot be read as a table"),
        (polars.LazyFrame({"x": [1]}), r"is no data frame. Write frame.collect\(\)."),
        (None, "builtins.NoneType is no data frame"),
    ],
    ids=["dict", "array", "series", "lazy", "none"],
)
def test_what_is_no_frame_says_what_to_write(given, message) -> None:
    with pytest.raises(plait.ArgumentError, match=message):
        plait.Frame(given)


def test_without_pyarrow_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(plait.MissingExtraError, match=r"Frame needs the package 'pyarrow'.*pip install 'plait\[tables\]'"):
        plait.Frame(polars.DataFrame({"x": [1]}))
