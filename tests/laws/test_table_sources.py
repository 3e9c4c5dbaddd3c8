"""One table is the same through every door that it can come in by."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import duckdb
import numpy as np
import pandas
import polars
import pyarrow as pa
import pytest
from pyarrow import csv, parquet

import plait
from plait.spec import TEXT

TABLE = pa.table(
    {
        "id": ["b", "a", "C", "ä", "10", "9"],
        "n": pa.array([1, None, 2**53 + 1, -4, 0, 6], pa.int64()),
        "x": pa.array([0.1, -1e300, None, 1e-300, 2.5, float("nan")]),
        "t": ["a,b", None, 'say "ü"', "x\ny", "NA", "-"],
    }
)


def by_duckdb(folder: Path) -> str:
    with duckdb.connect(folder / "x.duckdb") as connection:
        connection.from_arrow(TABLE).create("t")
    return f"duckdb:///{folder / 'x.duckdb'}"


def by_sqlite(folder: Path) -> str:
    connection = sqlite3.connect(folder / "x.db")
    with connection:
        connection.execute("create table t (id text, n, x, t)")
        connection.executemany("insert into t values (?, ?, ?, ?)", zip(*TABLE.to_pydict().values(), strict=True))
    connection.close()
    return f"sqlite:///{folder / 'x.db'}"


def written(kind: type, folder: Path) -> Path:
    (csv.write_csv if kind is plait.Csv else parquet.write_table)(TABLE, folder / "x")
    return folder / "x"


DOORS = {
    "pyarrow": lambda folder: plait.Frame(TABLE, key="id"),
    "pyarrow in pieces": lambda folder: plait.Frame(pa.concat_tables([TABLE[:2], TABLE[2:2], TABLE[2:]]), key="id"),
    "pandas": lambda folder: plait.Frame(TABLE.to_pandas(types_mapper={pa.int64(): pandas.Int64Dtype()}.get), key="id"),
    "polars": lambda folder: plait.Frame(polars.from_arrow(TABLE), key="id"),
    "csv": lambda folder: plait.Csv(written(plait.Csv, folder), key="id"),
    "parquet": lambda folder: plait.Parquet(written(plait.Parquet, folder), key="id"),
    "parquet on disk": lambda folder: plait.Parquet(written(plait.Parquet, folder), key="id", memory=0, spool=folder),
    "sqlite": lambda folder: plait.SQL(by_sqlite(folder), "t", key="id"),
    "sqlite on disk": lambda folder: plait.SQL(by_sqlite(folder), "t", key="id", memory=0, spool=folder),
    "duckdb": lambda folder: plait.SQL(by_duckdb(folder), "t", key="id"),
    "duckdb on disk": lambda folder: plait.SQL(by_duckdb(folder), "t", key="id", memory=0, spool=folder),
}


@pytest.mark.parametrize("door", DOORS)
def test_keys_values_and_absence_are_the_same(door: str, tmp_path: Path) -> None:
    source = DOORS[door](tmp_path)
    assert {name: spec.dtype for name, spec in source.spec.items()} == {"id": TEXT, "n": np.int64, "x": np.float64, "t": TEXT}
    order = np.argsort(np.asarray(source.keys))
    assert [source.keys[row] for row in order] == ["10", "9", "C", "a", "b", "ä"]
    assert source["id"].read(order).tolist() == ["10", "9", "C", "a", "b", "ä"]
    assert source["n"].read(order).tolist() == [0, 6, 2**53 + 1, 0, 1, -4]
    assert source["x"].read(order).tolist() == [2.5, 0, 0, -1e300, 0.1, 1e-300]
    assert source["t"].read(order).tolist() == ["NA", "-", 'say "ü"', "", "a,b", "x\ny"]
    assert source.absent("id") is None
    assert source.absent("n")[order].tolist() == [False, False, False, True, False, False]
    assert source.absent("x")[order].tolist() == [False, True, True, False, False, False]
    assert source.absent("t")[order].tolist() == [False, False, False, True, False, False]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("sink", ["csv", "parquet", "sqlite", "duckdb"])
def test_what_is_written_comes_back_the_same(door: str, sink: str, tmp_path: Path) -> None:
    first = DOORS[door](tmp_path)
    out = tmp_path / "out"
    if sink == "csv":
        plait.Csv.write(first, out)
        again: plait.Source = plait.Csv(out, key="id")
    elif sink == "parquet":
        plait.Parquet.write(first, out)
        again = plait.Parquet(out, key="id")
    else:
        plait.SQL.write(first, f"{sink}:///{out}", "t")
        again = plait.SQL(f"{sink}:///{out}", "t", key="id")
    one, two = (np.argsort(np.asarray(source.keys)) for source in (first, again))
    assert first.keys.take(one) == again.keys.take(two)
    assert list(again.spec) == list(first.spec)
    for name in first.spec:
        assert again.spec[name].dtype == first.spec[name].dtype
        assert again[name].read(two).tolist() == first[name].read(one).tolist(), name
        absent = [np.zeros(6, bool) if mask is None else mask for mask in (first.absent(name), again.absent(name))]
        assert absent[0][one].tolist() == absent[1][two].tolist(), name
