"""What all tables have in common: which columns are streams, which are the key, and reading rows of them."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

import plait
from plait.formats.arrow import fields
from plait.formats.spool import gather
from plait.formats.table import Table, choose, keys_of
from plait.source import only_stream

SCHEMA = pa.schema(
    [
        ("id", pa.int64()),
        ("site", pa.string()),
        ("age", pa.float32()),
        ("raw", pa.binary()),
        ("age", pa.int8()),
        ("s", pa.struct([("a", pa.int8())])),
    ]
)


def frame(**columns: object) -> plait.Frame:
    return plait.Frame(pa.table(columns), key="id")


def test_all_columns_are_streams_the_key_among_them_and_what_cannot_be_one_is_kept_with_its_reason() -> None:
    choice = choose(fields(SCHEMA), key=["site", "id"], columns=None, label="T")
    assert list(choice.streams) == ["id", "site", "s.a"]
    assert list(choice.keys) == ["site", "id"]
    assert set(choice.refused) == {"raw", "age"}


def test_columns_chooses_the_streams_in_the_order_given() -> None:
    choice = choose(fields(SCHEMA), key="id", columns=["s.a", "site"], label="T")
    assert list(choice.streams) == ["s.a", "site"]
    assert choose(fields(SCHEMA), key=None, columns="site", label="T").streams.keys() == {"site"}


@pytest.mark.parametrize(
    ("key", "columns", "error", "message"),
    [
        ("ID", None, plait.NameUnknownError, r"T has no column 'ID' to take the key from. Did you mean 'id'\? It has \['id', 'site', "),
        ("id", ["sites"], plait.NameUnknownError, r"T has no column 'sites'. Did you mean 'site'\? It has"),
        ("id", ["zzz"], plait.NameUnknownError, r"T has no column 'zzz'. It has"),
        ("raw", None, plait.SpecError, "T: the key 'raw' is of type binary, and keys are integers or text; cast it"),
        ("age", None, plait.SpecError, "T: the key 'age' occurs 2 times; rename all but one."),
        (None, ["age"], plait.SpecError, "T: column 'age' occurs 2 times; rename all but one."),
        (None, ["raw"], plait.SpecError, "T: column 'raw' is of type binary, which no stream can hold; keep pictures"),
        (3, None, plait.ArgumentError, r"T: key=3 is no column. Write key='id', or key=\['site', 'id'\], each once."),
        (["id", "id"], None, plait.ArgumentError, r"T: key=\['id', 'id'\] is no column"),
        ([], None, plait.ArgumentError, r"T: key=\[\] is no column"),
        (None, [], plait.ArgumentError, r"T: columns=\[\] is no column"),
        (None, ["id", 3], plait.ArgumentError, r"T: columns=\['id', 3\] is no column"),
    ],
)  # fmt: skip
def test_a_column_that_cannot_be_had_says_why(key, columns, error, message) -> None:
    with pytest.raises(error, match=message):
        choose(fields(SCHEMA), key=key, columns=columns, label="T")


def test_a_table_without_columns_is_an_error() -> None:
    with pytest.raises(plait.SpecError, match="T has no columns."):
        choose([], key=None, columns=None, label="T")


def test_a_table_of_many_columns_lists_some() -> None:
    many = fields(pa.schema([(f"c{i}", pa.int8()) for i in range(100)]))
    with pytest.raises(plait.NameUnknownError, match="'c11'] and 88 more.$"):
        choose(many, key="zzz", columns=None, label="T")


def test_a_refused_column_says_why_when_it_is_asked_for_and_blocks_no_other() -> None:
    table = frame(id=[1, 2], raw=[b"x", b"y"], age=[3, 4])
    assert list(table.spec) == ["id", "age"]
    for ask in (lambda: table["raw"], lambda: table.read(["raw"], np.array([0])), lambda: table.absent("raw")):
        with pytest.raises(
            plait.SpecError, match=r"Frame \['id', 'raw', 'age'\]: column 'raw' is of type binary, which no stream can hold"
        ):
            ask()
    with pytest.raises(plait.NameUnknownError, match=r"has no stream 'old'. It has \['age', 'id'\]"):
        table["old"]
    with pytest.raises(plait.NameUnknownError, match="has no stream 'old'"):
        table.read(["old"], np.array([0]))


@pytest.mark.parametrize(
    ("ids", "rows", "first"),
    [([1, None, 3, None], 2, 1), (["a", "b", None], 1, 2), (["", "b"], 1, 0), ([None, None], 2, 0)],
)
def test_a_key_that_is_null_or_empty_is_an_error(ids, rows, first) -> None:
    with pytest.raises(
        plait.AlignmentError,
        match=rf"the key 'id' is empty in {rows} of {len(ids)} rows, such as row {first} \(the first is 0\). Every sample needs",
    ):
        frame(id=ids)


def test_a_part_of_a_key_that_is_null_is_named() -> None:
    with pytest.raises(plait.AlignmentError, match="the key 'site' is empty in 1 of 2 rows"):
        plait.Frame(pa.table({"id": [1, 2], "site": ["a", None]}), key=["id", "site"])


def test_a_repeated_key_is_an_error_that_shows_it() -> None:
    with pytest.raises(plait.DuplicateKeyError, match=r"Frame \['id'\] holds 1 repeated keys, such as \[7\]"):
        frame(id=[7, 1, 7])
    plait.Frame(pa.table({"id": [7, 7], "site": ["a", "b"]}), key=["id", "site"])
    with pytest.raises(plait.DuplicateKeyError, match=r"repeated keys, such as \[\(7, 'a'\)\]"):
        plait.Frame(pa.table({"id": [7, 7], "site": ["a", "a"]}), key=["id", "site"])


def test_without_a_key_rows_are_numbered() -> None:
    table = plait.Frame(pa.table({"x": [5, 6]}))
    assert table.keys.is_range
    assert list(table.keys) == [0, 1]


def test_a_key_of_integers_matches_the_same_numbers_as_text_and_no_others() -> None:
    numbers, text = frame(id=[7, 70, 8]), frame(id=["8", "007", "7"])
    same = np.isin(numbers.keys.hashes(), text.keys.hashes())
    assert same.tolist() == [True, False, True]


def test_rows_come_in_the_order_asked_for_and_as_often() -> None:
    table = frame(id=[1, 2, 3], x=[1.0, None, 3.0], t=["a", "b", None], r=[[1], [], None])
    rows = np.array([2, 0, 0, 1])
    read = table.read(["t", "x", "r"], rows)
    assert list(read) == ["t", "x", "r"]
    assert read["x"].tolist() == [3, 1, 1, 0]
    assert read["t"].tolist() == ["", "a", "a", "b"]
    assert [sample.tolist() for sample in read["r"]] == [[], [1], [1], []]
    assert table.absent("x").tolist() == [False, True, False]
    assert table.absent("t").tolist() == [False, False, True]
    assert table.absent("r").tolist() == [False, False, True]
    assert table.absent("id") is None


def test_what_is_read_may_be_written_to_and_the_table_stays() -> None:
    table = frame(id=[1, 2], x=[1.0, 2.0], r=[[1], [2]])
    read = table.read(["x", "r"], np.array([0, 1]))
    read["x"][:] = 9
    read["r"].values[:] = 9
    assert table["x"].read(np.array([0, 1])).tolist() == [1, 2]
    assert table["r"].read(np.array([0])).values.tolist() == [1]


def test_an_order_puts_rows_keys_and_absence_where_they_belong() -> None:
    batch = pa.record_batch({"x": pa.array([None, 20, 30])})
    found = gather([batch], {field.name: field for field in fields(batch.schema)}, {}, label="T")
    spec = {name: column.spec for name, column in found.columns.items()}
    order = np.array([2, 0, 1])
    table = Table("T", plait.Keys.of([1, 2, 3]), spec, found.columns, {}, order=order)
    assert table["x"].read(np.arange(3)).tolist() == [30, 0, 20]
    assert table.absent("x").tolist() == [False, True, False]


def test_the_only_column_beside_the_key_stands_for_the_table() -> None:
    table = frame(id=[1, 2], grade=[3, 4])
    assert only_stream(table).name == "grade"
    assert only_stream(frame(id=[1, 2])).name == "id"
    with pytest.raises(plait.NameUnknownError, match=r"has 2 streams, \['grade', 'id'\]; say which: source\['id'\]"):
        only_stream(plait.Frame(pa.table({"id": [1, 2], "grade": [3, 4]})))
    with pytest.raises(plait.NameUnknownError, match=r"has 3 streams, \['age', 'grade', 'id'\]; say which: source\['grade'\]"):
        only_stream(frame(id=[1, 2], grade=[3, 4], age=[5, 6]))


def test_a_pickle_is_the_same_table() -> None:
    table = frame(id=["b", "a"], x=[1.0, None], t=["ü", None], r=[[1], [2, 3]])
    again = pickle.loads(pickle.dumps(table))
    assert again.keys == table.keys
    assert again.spec == table.spec
    assert again.label == table.label
    assert again.in_memory
    assert again.read(["t"], np.array([0]))["t"].tolist() == ["ü"]
    assert again.absent("x").tolist() == [False, True]


def test_threads_read_what_one_reads() -> None:
    n = 2000
    table = frame(id=range(n), x=np.arange(n) / 3, t=[f"t{i}" for i in range(n)], r=[list(range(i % 5)) for i in range(n)])
    parts = [np.random.default_rng(seed).integers(0, n, 300) for seed in range(40)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda rows: table.read(["x", "t", "r"], rows), parts))
    for rows, read in zip(parts, found, strict=True):
        assert read["x"].tolist() == (rows / 3).tolist()
        assert read["t"].tolist() == [f"t{i}" for i in rows]
        assert read["r"].lengths.tolist() == (rows % 5).tolist()


def test_keys_of_nothing_are_row_numbers() -> None:
    assert keys_of({}, rows=3, label="T").is_range
