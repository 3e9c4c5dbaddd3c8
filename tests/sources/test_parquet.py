"""Parquet: files, folders, globs; columns read when they are used; files that change."""

from __future__ import annotations

import gc
import os
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import plait
from plait.spec import TEXT


@pytest.fixture
def patients(tmp_path) -> Path:
    path = tmp_path / "patients.parquet"
    columns = {
        "id": [f"p{i:03d}" for i in range(500)],
        "age": pa.array([None if i % 10 == 0 else i for i in range(500)], pa.int16()),
        "name": [f"ü{i}" for i in range(500)],
        "scores": pa.array([[i, i + 0.5] for i in range(500)], pa.list_(pa.float32(), 2)),
        "visits": pa.array([list(range(i % 4)) for i in range(500)]),
    }
    pq.write_table(pa.table(columns), path, row_group_size=64)
    return path


def values(source: plait.Source, name: str) -> list:
    taken = source[name].read(np.arange(len(source)))
    return [sample.tolist() for sample in taken] if isinstance(taken, plait.Ragged) else taken.tolist()


def test_a_file_is_read_with_its_types(patients) -> None:
    source = plait.Parquet(patients, key="id")
    assert source.label == f"Parquet '{patients}'"
    assert source.keys[499] == "p499"
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "id": "() text",
        "age": "() int16",
        "name": "() text",
        "scores": "(2,) float32",
        "visits": "(?,) int64",
    }
    assert values(source, "age") == [0 if i % 10 == 0 else i for i in range(500)]
    assert source.absent("age").tolist() == [i % 10 == 0 for i in range(500)]
    assert values(source, "scores") == [[i, i + 0.5] for i in range(500)]
    assert values(source, "visits") == [list(range(i % 4)) for i in range(500)]
    assert source.in_memory


def test_a_column_is_read_when_it_is_first_used_and_once(patients) -> None:
    source = plait.Parquet(patients, key="id")
    source["age"].read(np.array([1]))
    patients.unlink()
    assert source["age"].read(np.array([2])).tolist() == [2]
    with pytest.raises(plait.ChangedError, match="a file is gone that was listed: .*patients.parquet.*Declare the source again."):
        source["name"].read(np.array([2]))


@pytest.mark.parametrize("how", ["replaced", "overwritten", "touched"])
def test_a_file_that_changed_since_it_was_declared_is_an_error(patients, how) -> None:
    source = plait.Parquet(patients, key="id")
    if how == "replaced":
        other = patients.with_name("other")
        other.write_bytes(patients.read_bytes())
        os.utime(other, ns=(patients.stat().st_atime_ns, patients.stat().st_mtime_ns))
        other.replace(patients)
    elif how == "overwritten":
        pq.write_table(pq.read_table(patients).slice(1), patients)
    else:
        os.utime(patients)
    with pytest.raises(
        plait.ChangedError, match="patients.parquet' was changed since the source was declared. Declare the source again, and do not write"
    ):
        source.absent("age")


def test_a_file_that_changes_while_it_is_read_is_an_error(patients, monkeypatch) -> None:
    from plait.sources import parquet

    source = plait.Parquet(patients, key="id")
    real = parquet.gather

    def slow(batches, *arguments, **options):
        def touched():
            for batch in batches:
                os.utime(patients)
                yield batch

        return real(touched(), *arguments, **options)

    monkeypatch.setattr(parquet, "gather", slow)
    with pytest.raises(plait.ChangedError, match="was changed since the source was declared"):
        source["age"].read(np.array([0]))


@pytest.mark.parametrize("memory", [0, 3000])
def test_columns_beyond_the_memory_are_mapped_from_disk(patients, tmp_path, memory) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    whole, source = plait.Parquet(patients, key="id"), plait.Parquet(patients, key="id", memory=memory, spool=spool)
    assert whole.in_memory
    assert not source.in_memory
    for name in whole.spec:
        assert values(source, name) == values(whole, name)
    assert list(spool.glob("*/*.values"))
    copy = pickle.loads(pickle.dumps(source))
    assert values(copy, "name") == values(whole, "name")
    del source, copy
    gc.collect()
    assert list(spool.iterdir()) == []


def test_a_pickle_reads_the_file_again_and_notices_when_it_changed(patients) -> None:
    source = plait.Parquet(patients, key="id")
    source["age"].read(np.array([0]))
    data = pickle.dumps(source)
    assert values(pickle.loads(data), "age") == values(source, "age")
    os.utime(patients)
    with pytest.raises(plait.ChangedError, match="was changed since"):
        values(pickle.loads(data), "age")


def test_threads_that_ask_at_once_read_a_column_once(patients, monkeypatch) -> None:
    from plait.sources import parquet

    real, calls, together = parquet.gather, [], threading.Barrier(4)
    source = plait.Parquet(patients, key="id")
    monkeypatch.setattr(parquet, "gather", lambda *a, **k: calls.append(1) or real(*a, **k))

    def read(_: int) -> list:
        together.wait()
        return values(source, "name")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(read, range(4)))
    assert found == [[f"ü{i}" for i in range(500)]] * 4
    assert len(calls) == 1


def test_a_folder_is_its_files_in_the_order_of_their_names_with_folders_as_columns(tmp_path) -> None:
    for site, part, ids in (("B", "1", [5]), ("A", "2", [3, 4]), ("A", "10", [1, 2])):
        folder = tmp_path / "trial" / f"site={site}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"id": ids, "x": [i * 10 for i in ids]}), folder / f"{part}.parquet")
    (tmp_path / "trial" / "_temporary").mkdir()
    (tmp_path / "trial" / "_temporary" / "0.parquet").write_bytes(b"half")
    (tmp_path / "trial" / ".crc.parquet").write_bytes(b"crc")
    (tmp_path / "trial" / "_SUCCESS").write_bytes(b"")
    source = plait.Parquet(tmp_path / "trial", key=["site", "id"])
    assert list(source.keys) == [("A", 1), ("A", 2), ("A", 3), ("A", 4), ("B", 5)]
    assert values(source, "x") == [10, 20, 30, 40, 50]
    assert values(source, "site") == ["A"] * 4 + ["B"]
    some = plait.Parquet(str(tmp_path / "trial" / "*" / "1*.parquet"), key="id")
    assert list(some.keys) == [1, 2, 5]
    assert "site" not in some.spec


def test_files_of_which_one_has_no_values_in_a_column_are_one_table(tmp_path) -> None:
    pq.write_table(pa.table({"id": [1], "x": pa.nulls(1)}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"x": [2.5], "id": [2]}), tmp_path / "b.parquet")
    source = plait.Parquet(tmp_path, key="id")
    assert values(source, "x") == [0, 2.5]
    assert source.absent("x").tolist() == [True, False]


def test_files_of_different_schemas_are_an_error_that_names_them(tmp_path) -> None:
    pq.write_table(pa.table({"id": [1], "x": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"id": [2], "y": [1]}), tmp_path / "b.parquet")
    with pytest.raises(
        plait.SpecError, match=r"b.parquet' and '.*a.parquet' have different columns: \['x', 'y'\] are in one only. Write them with one"
    ):
        plait.Parquet(tmp_path)
    pq.write_table(pa.table({"id": [2], "x": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(plait.SpecError, match="the files have columns of different types: .*x.*Write them with one schema."):
        plait.Parquet(tmp_path)


def test_columns_are_chosen_and_odd_names_are_names(tmp_path) -> None:
    names = ["select", 'a"b', "a b", "ü", "a.b", "a"]
    table = pa.table([pa.array([i]) for i in range(5)] + [pa.array([{"c": 7}])], names=names)
    pq.write_table(table, tmp_path / "x.parquet")
    source = plait.Parquet(tmp_path / "x.parquet", key='a"b')
    assert [values(source, name) for name in names[:5]] == [[i] for i in range(5)]
    assert values(source, "a.c") == [7]
    assert list(plait.Parquet(tmp_path / "x.parquet", key='a"b', columns=["a.b"]).spec) == ["a.b"]


def test_repeated_columns_are_an_error(tmp_path) -> None:
    pq.write_table(pa.table([[1], [2]], names=["x", "x"]), tmp_path / "x.parquet")
    with pytest.raises(plait.SpecError, match=r"columns \['x'\] occur twice. Write the file again with a name for each column."):
        plait.Parquet(tmp_path / "x.parquet")


def test_a_column_no_stream_can_hold_blocks_no_other(tmp_path) -> None:
    table = pa.table({"id": [1, 2], "raw": [b"x", b"y"], "odd": pa.array([[1], [None]], pa.list_(pa.int8()))})
    pq.write_table(table, tmp_path / "x.parquet")
    source = plait.Parquet(tmp_path / "x.parquet", key="id")
    with pytest.raises(plait.SpecError, match="column 'raw' is of type binary"):
        source["raw"]
    with pytest.raises(plait.SpecError, match="x.parquet': column 'odd' holds null inside a list of int8"):
        source["odd"].read(np.array([0]))
    assert values(source, "id") == [1, 2]


def test_a_file_without_rows_has_its_types(tmp_path) -> None:
    pq.write_table(pa.table({"id": ["a"], "x": [1]})[:0], tmp_path / "x.parquet")
    source = plait.Parquet(tmp_path / "x.parquet", key="id")
    assert len(source) == 0
    assert values(source, "x") == []
    assert source.spec["id"].dtype == TEXT


def test_keys_are_checked_when_the_source_is_declared(tmp_path) -> None:
    pq.write_table(pa.table({"id": [1, None], "twice": [1, 1], "x": [0.5, 1.5]}), tmp_path / "x.parquet")
    with pytest.raises(plait.AlignmentError, match="the key 'id' is empty in 1 of 2 rows"):
        plait.Parquet(tmp_path / "x.parquet", key="id")
    with pytest.raises(plait.DuplicateKeyError, match=r"repeated keys, such as \[1\]"):
        plait.Parquet(tmp_path / "x.parquet", key="twice")
    with pytest.raises(plait.SpecError, match="the key 'x' is of type double, and keys are integers or text"):
        plait.Parquet(tmp_path / "x.parquet", key="x")
    with pytest.raises(plait.NameUnknownError, match=r"has no column 'ID' to take the key from. Did you mean 'id'\?"):
        plait.Parquet(tmp_path / "x.parquet", key="ID")
    assert plait.Parquet(tmp_path / "x.parquet").keys.is_range


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: b"", "x.parquet' is damaged, cut short or no Parquet: Parquet file size is 0 bytes.*Write it again from its origin."),
        (lambda data: b"hello" * 100, "is damaged, cut short or no Parquet: Parquet magic bytes not found"),
        (lambda data: data[:-100], "is damaged, cut short or no Parquet"),
        (lambda data: data[:50] + data[90:], "is damaged, cut short or no Parquet"),
    ],
    ids=["empty", "no parquet", "cut", "hole"],
)
def test_a_damaged_file_is_an_error_that_names_it(patients, damage, message) -> None:
    path = patients.with_name("x.parquet")
    path.write_bytes(damage(patients.read_bytes()))
    with pytest.raises(plait.ReadError, match=message):
        values(plait.Parquet(path, key="id"), "scores")


def test_one_flipped_bit_in_a_page_that_plait_wrote_is_found(tmp_path) -> None:
    path = tmp_path / "x.parquet"
    rng = np.random.default_rng(0)
    plait.Parquet.write(plait.Arrays(x=rng.random(2000)), path)
    data = path.read_bytes()
    column = pq.ParquetFile(path).metadata.row_group(0).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    for place in rng.integers(start + 60, start + column.total_compressed_size - 60, 20):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(plait.ReadError, match="x.parquet' is damaged"):
            values(plait.Parquet(path), "x")
    path.write_bytes(data)
    assert len(values(plait.Parquet(path), "x")) == 2000


def test_a_missing_file_says_what_is_there(tmp_path, monkeypatch, patients) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(plait.ReadError, match=r"Parquet 'patient.parquet' does not exist. '.' holds \['patients.parquet'\]."):
        plait.Parquet("patient.parquet")
    with pytest.raises(plait.ReadError, match=r"Parquet 'none\*.parquet' does not exist."):
        plait.Parquet("none*.parquet")
    with pytest.raises(plait.ReadError, match=r"there is no folder 'nowhere' \(working directory"):
        plait.Parquet("nowhere/x.parquet")
    Path("empty").mkdir()
    with pytest.raises(plait.ReadError, match="Parquet 'empty' holds no file whose name ends in .parquet."):
        plait.Parquet("empty")
    with pytest.raises(plait.ReadError, match="does not exist, nor any .parquet beside it."):
        plait.Parquet("empty/x.parquet")
    with pytest.raises(plait.ReadError, match="Parquet 'memory://none.parquet' does not exist. Check the address."):
        plait.Parquet("memory://none.parquet")
    with pytest.raises(plait.ArgumentError, match="Protocol not known: gopher"):
        plait.Parquet("gopher://x.parquet")


def test_a_url_is_read_as_a_file_a_folder_and_a_glob(patients) -> None:
    import fsspec

    for name in ("a", "b"):
        table = pq.read_table(patients).set_column(0, "id", pa.array([f"{name}{i}" for i in range(500)]))
        with fsspec.open(f"memory://trial/{name}.parquet", "wb") as file:
            pq.write_table(table, file)
    one = plait.Parquet("memory://trial/a.parquet", key="id")
    assert values(one, "name") == [f"ü{i}" for i in range(500)]
    for many in ("memory://trial", "memory://trial/*.parquet"):
        source = plait.Parquet(many, key="id")
        assert len(source) == 1000
        assert values(pickle.loads(pickle.dumps(source)), "visits")[-1] == [0, 1, 2]
    source = plait.Parquet("memory://trial/a.parquet", key="id")
    with fsspec.open("memory://trial/a.parquet", "wb") as file:
        pq.write_table(pq.read_table(patients)[:10], file)
    with pytest.raises(plait.ChangedError, match="was changed since the source was declared"):
        source["age"].read(np.array([0]))


def test_without_pyarrow_the_extra_is_named(patients, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.dataset", None)
    with pytest.raises(plait.MissingExtraError, match=r"patients.parquet' needs the package 'pyarrow'.*pip install 'plait\[tables\]'"):
        plait.Parquet(patients)


def test_what_is_written_is_read_back_bit_for_bit(tmp_path) -> None:
    rng = np.random.default_rng(0)
    n = 10_000  # more than one batch
    streams: dict[str, object] = {
        name: rng.integers(0, 100, n).astype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")
    }
    streams |= {name: rng.normal(size=n).astype(name) for name in ("float16", "float32", "float64")}
    streams |= {
        "uint64": rng.integers(0, 2**64, n, np.uint64),
        "bool": rng.random(n) < 0.5,
        "text": np.array([f"ü{i}\n" * (i % 3) for i in range(n)], TEXT),
        "day": rng.integers(-1000, 1000, n).astype("M8[D]"),
        "when": rng.integers(-1000, 1000, n).astype("M8[ms]"),
        "long": rng.integers(-1000, 1000, n).astype("m8[ns]"),
        "image": rng.integers(0, 255, (n, 2, 3, 1), np.uint8),
        "list": plait.Ragged.of([rng.integers(0, 9, i % 4).astype(np.int16) for i in range(n)]),
        "points": plait.Ragged.of([rng.random((i % 3, 2)) for i in range(n)]),
    }
    data = plait.Arrays(**streams, key=[f"k{i}" for i in range(n)])
    plait.Parquet.write(data, tmp_path / "x.parquet")
    again = plait.Parquet(tmp_path / "x.parquet", key="key")
    assert again.keys == data.keys
    rows = rng.permutation(n)
    for name in streams:
        found, expected = again[name].read(rows), data[name].read(rows)
        assert again.spec[name] == data.spec[name], name
        assert again.absent(name) is None
        if isinstance(expected, plait.Ragged):
            assert isinstance(found, plait.Ragged)
            assert np.array_equal(found.offsets, expected.offsets)
            found, expected = found.values, expected.values
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected), name


def test_absence_is_written_back_also_where_samples_are_lists(patients, tmp_path) -> None:
    table = pa.table(
        {
            "id": [1, 2, 3],
            "x": pa.array([1, None, 3], pa.int8()),
            "t": ["a", None, ""],
            "r": [[1], None, []],
            "d": pa.array([[1, 2], None, [3, 4]], pa.list_(pa.float32(), 2)),
        }
    )
    first = plait.Frame(table, key="id")
    plait.Parquet.write(first, tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet").to_pydict() == table.to_pydict()
    again = plait.Parquet(tmp_path / "x.parquet", key="id")
    for name in ("x", "t", "r", "d"):
        assert again.absent(name).tolist() == [False, True, False]
        assert values(again, name) == values(first, name)


def test_a_dataset_is_written(patients, tmp_path) -> None:
    source = plait.Parquet(patients, key="id")
    data = plait.Dataset(inputs={"scores": source["scores"]}, targets={"age": source["age"]}, missing="mask")
    plait.Parquet.write(data, tmp_path / "x.parquet")
    again = plait.Parquet(tmp_path / "x.parquet", key="id")
    assert list(again.spec)[:3] == ["id", "scores", "age"]
    assert again.absent("age").tolist() == [i % 10 == 0 for i in range(500)]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"old")
    with pytest.raises(
        plait.SpecError,
        match=r"Parquet.write '.*x.parquet': stream 'x' is \(\) datetime64\[M\], which a table cannot hold. Map it to numbers",
    ):
        plait.Parquet.write(plait.Arrays(x=np.zeros(2, "M8[M]")), path)
    other = plait.Frame(pa.table({"id": [1, 2], "x": [3, 4]}), key="id")
    clash = plait.Dataset(inputs={"id": other["x"]}, targets={"x": other["x"]})
    with pytest.raises(
        plait.ArgumentError, match="stream 'id' has the name of the key and other values, and a table has one column of a name. Rename the"
    ):
        plait.Parquet.write(clash, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
