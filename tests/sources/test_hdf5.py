"""HDF5: what is a stream, rows in any order, and files that point elsewhere or lie."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, NameUnknownError, ReadError, SpecError
from plait.ragged import Ragged

RNG = np.random.default_rng(0)


def write(path: Path, **datasets: object) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name.replace("__", "/")] = values
    return path


# streams


def test_datasets_are_streams_by_their_path(tmp_path: Path) -> None:
    left, right = RNG.integers(0, 256, (9, 4, 3), np.uint8), RNG.normal(size=9).astype(">f4")
    path = write(tmp_path / "s.h5", scan__left=left, scan__right=right, ok=right > 0, version=3, title="a title")
    source = plait.HDF5(path)
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "ok": "() bool",
        "scan/left": "(4, 3) uint8",
        "scan/right": "() float32",
    }
    assert source.keys == plait.Keys.range(9)
    assert not source.in_memory
    rows = np.array([8, 0, 3, 3, 1])
    found = source.read(["scan/left", "scan/right", "ok"], rows)
    assert np.array_equal(found["scan/left"], left[rows])
    assert np.array_equal(found["scan/right"], right[rows])
    assert found["scan/right"].dtype.isnative
    assert np.array_equal(found["ok"], right[rows] > 0)


def test_strings_of_either_kind_are_text(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", free=["Ä", "", "x\ny"], fixed=np.array([b"low", b"high", b""]), grid=[["a", "b"], ["c", ""], ["", "é"]])
    source = plait.HDF5(path)
    assert all(spec.dtype == plait.spec.TEXT for spec in source.spec.values())
    assert list(source["free"].read(np.array([2, 0]))) == ["x\ny", "Ä"]
    assert list(source["fixed"].values()) == ["low", "high", ""]
    assert source["grid"].values().tolist() == [["a", "b"], ["c", ""], ["", "é"]]  # type: ignore[union-attr]


def test_numbers_of_variable_length_are_ragged(tmp_path: Path) -> None:
    path = tmp_path / "s.h5"
    with h5py.File(path, "w") as file:
        tokens = file.create_dataset("tokens", 5, h5py.vlen_dtype(np.int32))
        for row in range(5):
            tokens[row] = np.arange(row)
    source = plait.HDF5(path)
    assert source.spec["tokens"] == plait.Spec((None,), np.dtype(np.int32))
    found = source["tokens"].read(np.array([4, 0, 2, 4]))
    assert isinstance(found, Ragged)
    assert [sample.tolist() for sample in found] == [[0, 1, 2, 3], [], [0, 1], [0, 1, 2, 3]]
    assert plait.Spec.of(source["tokens"].read(np.array([0, 0]))) == source.spec["tokens"]


def test_numbers_of_variable_length_that_h5py_reads_wrongly_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("tokens", (5,), h5py.vlen_dtype(">i4"))[1] = [1, 2]
    with pytest.raises(
        SpecError, match=r"'tokens' holds variable-length numbers in the byte order '>i4', which h5py 3 reads as other numbers"
    ):
        plait.HDF5(tmp_path / "s.h5")


def test_keys_come_from_datasets(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", id=["b", "a", "c"], site=np.array([1, 1, 2], np.uint8), x=[1, 2, 3])
    assert list(plait.HDF5(path, key="id").keys) == ["b", "a", "c"]
    assert list(plait.HDF5(path, key=("site", "id"), streams=["x"]).keys) == [(1, "b"), (1, "a"), (2, "c")]
    assert set(plait.HDF5(path, key="id", streams=["x"]).spec) == {"x"}
    with pytest.raises(DuplicateKeyError, match=r"HDF5 '.*s.h5' holds 1 repeated keys, such as \[1\]"):
        plait.HDF5(path, key="site")


@pytest.mark.parametrize("chunks", [None, (64, 3)])
def test_rows_come_in_any_order_from_any_distance(tmp_path: Path, chunks: tuple[int, int] | None) -> None:
    values = RNG.normal(size=(5000, 3))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=chunks, compression=chunks and "gzip")
    source = plait.HDF5(tmp_path / "s.h5")["x"]
    for rows in (
        RNG.permutation(5000),
        RNG.integers(0, 5000, 700),
        np.arange(1000, 1100)[::-1],
        np.array([0, 4999]),
        np.arange(0, 5000, 3),
        np.array([7]),
        np.zeros(0, int),
    ):
        assert np.array_equal(source.read(rows), values[rows])


def test_compressed_chunked_and_unlimited_datasets_are_read(tmp_path: Path) -> None:
    values = RNG.integers(0, 9, (40, 5))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("a", data=values, chunks=(7, 5), compression="lzf", shuffle=True, fletcher32=True)
        file.create_dataset("b", data=values, maxshape=(None, 5), compression="gzip")
        file.create_dataset("c", data=np.zeros((40, 100_000), np.uint8), compression="gzip", chunks=(8, 100_000))
    source = plait.HDF5(tmp_path / "s.h5")
    assert np.array_equal(source["a"].values(), values)
    assert np.array_equal(source["b"].values(), values)
    assert source["c"].read(np.arange(3)).sum() == 0  # type: ignore[union-attr]


def test_enumerations_are_their_numbers(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("grade", data=[0, 2, 1], dtype=h5py.enum_dtype({"low": 0, "high": 1, "very": 2}, basetype="i1"))
    source = plait.HDF5(tmp_path / "s.h5")
    assert source.spec["grade"].dtype == np.int8
    assert source["grade"].values().tolist() == [0, 2, 1]  # type: ignore[union-attr]


# what cannot be streams


def test_datasets_of_unequal_length_are_refused_with_what_to_take(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", a=np.zeros(5), b=np.zeros((4, 2)), c=np.zeros((5, 3)))
    with pytest.raises(SpecError, match=r"the datasets have unequal numbers of rows, \{'a': 5, 'b': 4, 'c': 5\}.* streams=\['a', 'c'\]"):
        plait.HDF5(path)
    assert set(plait.HDF5(path, streams=["a", "c"]).spec) == {"a", "c"}
    with pytest.raises(SpecError, match=r"unequal numbers of rows, \{'b': 4, 'a': 5\}"):
        plait.HDF5(path, key="b", streams=["a"])


def test_types_that_no_model_takes_are_refused_unless_left_out(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", x=np.zeros(3), r=np.zeros(3, [("a", "f4"), ("b", "i4")]), z=np.zeros(3, complex), v=np.zeros(3, "V4"))
    with h5py.File(path, "a") as file:
        file.create_dataset("ref", data=[file["x"].ref] * 3, dtype=h5py.ref_dtype)
        grid = file.create_dataset("grid", (3, 2), h5py.vlen_dtype(np.int32))
        grid[0, 0] = [1, 2]
    for name in ("r", "z", "v", "ref", "grid"):
        with pytest.raises(SpecError, match=rf"'{name}' is of dtype .*, which is no stream. Take others: streams=\['x'\]"):
            plait.HDF5(path, streams=[name])
    with pytest.raises(SpecError, match=r"which is no stream"):
        plait.HDF5(path)
    assert set(plait.HDF5(path, streams=["x"]).spec) == {"x"}


def test_names_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", x=np.zeros(3), one=1)
    with pytest.raises(NameUnknownError, match=r"HDF5 '.*s.h5' has no datasets \['id', 'y'\]. It has \['x'\]"):
        plait.HDF5(path, key="id", streams=["y"])
    with pytest.raises(NameUnknownError, match=r"has no datasets \['one'\]"):
        plait.HDF5(path, streams=["one"])
    with pytest.raises(ArgumentError, match=r"streams='x' is one text. Write streams=\['x'\]"):
        plait.HDF5(path, streams="x")
    with pytest.raises(SpecError, match=r"has no dataset with an axis of samples"):
        plait.HDF5(write(tmp_path / "none.h5", one=1))


def test_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", x=np.array([1.5, 2.5]), y=np.zeros((2, 2), int))
    with pytest.raises(SpecError, match=r"Key 'x' is of dtype float64"):
        plait.HDF5(path, key="x")
    with pytest.raises(SpecError, match=r"Key 'y' must have one value a sample"):
        plait.HDF5(path, key="y")


# files that point elsewhere, or lie


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "raw.bin").write_bytes(b"secret!!" * 3)
    return write(folder / "secret.h5", x=np.arange(3.0))


def test_external_links_are_not_followed(tmp_path: Path, secret: Path) -> None:
    path = write(tmp_path / "s.h5", y=np.zeros(3))
    with h5py.File(path, "a") as file:
        file["x"] = h5py.ExternalLink(str(secret), "/x")
        file["group"] = h5py.ExternalLink(str(secret), "/")
    with pytest.raises(
        SpecError, match=r"'.*' is a link into another file, '.*secret.h5', which is not followed. Take others: streams=\['y'\]"
    ):
        plait.HDF5(path)
    for name in ("x", "group/x"):
        with pytest.raises((SpecError, NameUnknownError), match=r"is a link into another file|has no datasets \['group/x'\]"):
            plait.HDF5(path, streams=[name])
    assert set(plait.HDF5(path, streams=["y"]).spec) == {"y"}


def test_external_storage_and_virtual_datasets_are_not_opened(tmp_path: Path, secret: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("raw", (3,), "f8", external=[(str(secret.parent / "raw.bin"), 0, 24)])
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(secret), "x", (3,))
        file.create_virtual_dataset("virtual", layout)
    for name in ("raw", "virtual"):
        with pytest.raises(SpecError, match=rf"'{name}' keeps its values in other files, which are not opened"):
            plait.HDF5(tmp_path / "s.h5", streams=[name])


def test_links_within_the_file_are_no_streams_and_circles_end(tmp_path: Path) -> None:
    path = write(tmp_path / "s.h5", group__x=np.zeros(3))
    with h5py.File(path, "a") as file:
        file["soft"] = h5py.SoftLink("/group/x")
        file["dangling"] = h5py.SoftLink("/nothing")
        file["group/up"] = file["/"]
        file["again"] = file["group"]
    assert set(plait.HDF5(path).spec) <= {"group/x", "again/x"}
    assert len(plait.HDF5(path).spec) == 1


def test_sizes_that_the_file_cannot_hold_are_refused_at_once(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("tera", (10**6, 10**6), "f4", chunks=(100, 100))
        file.create_dataset("long", (10**15,), "u1", chunks=(100,))
        chunk = file.create_dataset("chunk", (2, 2**28 + 1), np.uint8, chunks=(1, 2**28 + 1), compression="gzip")
        chunk.id.write_direct_chunk((0, 0), bytes(1_000_000))
    assert os.path.getsize(tmp_path / "s.h5") < 2_000_000
    began = time.monotonic()
    for name in ("tera", "long"):
        with pytest.raises(SpecError, match=rf"'{name}' declares \d+ bytes and stores 0; it was never written, or is made to fill memory"):
            plait.HDF5(tmp_path / "s.h5", streams=[name])
    with pytest.raises(SpecError, match=r"'chunk' is stored in chunks of 268435457 bytes, more than 268435456"):
        plait.HDF5(tmp_path / "s.h5", streams=["chunk"])
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("chunks", [None, (4,)])
@pytest.mark.parametrize("kind", ["text", "numbers"])
def test_values_that_say_they_are_longer_than_the_file_are_refused_at_once(tmp_path: Path, kind: str, chunks: tuple[int] | None) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        values = file.create_dataset("v", (8,), h5py.string_dtype() if kind == "text" else h5py.vlen_dtype(np.int32), chunks=chunks)
        for row in range(8):
            values[row] = "abc" if kind == "text" else [1, 2, 3]
        place = values.id.get_offset() if chunks is None else values.id.get_chunk_info_by_coord((4,)).byte_offset
    assert len(plait.HDF5(tmp_path / "s.h5")) == 8
    with open(tmp_path / "s.h5", "r+b") as raw:
        raw.seek(place)
        raw.write((2**30).to_bytes(4, "little"))
    with pytest.raises(SpecError, match=r"'v' says that a value has \d{10} bytes and all of them \d{10}, in a file of \d+"):
        plait.HDF5(tmp_path / "s.h5")


def test_too_many_objects_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plait.formats.hdf5_file._MOST_OBJECTS", 50)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        for number in range(52):
            file.create_group(f"g{number}")
    with pytest.raises(SpecError, match=r"holds more than 50 objects"):
        plait.HDF5(tmp_path / "s.h5")


def test_files_that_are_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"HDF5 '.*none.h5' cannot be read: No such file or directory \(working directory"):
        plait.HDF5(tmp_path / "none.h5")
    os.mkfifo(tmp_path / "pipe.h5")  # opening it would wait for a writer
    with pytest.raises(ReadError, match=r"cannot be read: it is no regular file"):
        plait.HDF5(tmp_path / "pipe.h5")
    (tmp_path / "s.h5").write_bytes(b"no HDF5 at all" * 100)
    with pytest.raises(ReadError, match=r"HDF5 '.*s.h5' cannot be read as HDF5: .* Restore the file"):
        plait.HDF5(tmp_path / "s.h5")
    (tmp_path / "s.h5").write_bytes(b"")
    with pytest.raises(ReadError, match=r"cannot be read as HDF5"):
        plait.HDF5(tmp_path / "s.h5")
    path = write(tmp_path / "s.h5", x=np.zeros(10_000))
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(ReadError, match=r"cannot be read as HDF5: .*truncated"):
        plait.HDF5(path)


def test_a_damaged_row_is_named_by_its_key(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["id"] = [f"p{n}" for n in range(20)]
        file.create_dataset("x", data=RNG.normal(size=(20, 100)), chunks=(1, 100), fletcher32=True)
        place = file["x"].id.get_chunk_info_by_coord((13, 0)).byte_offset
        file.create_dataset("t", (20,), h5py.string_dtype())
        file["t"][7] = b"caf\xe9"
    with open(tmp_path / "s.h5", "r+b") as raw:
        raw.seek(place + 50)
        raw.write(b"damage")
    source = plait.HDF5(tmp_path / "s.h5", key="id")
    assert source["x"].read(np.array([1, 12])).shape == (2, 100)  # type: ignore[union-attr]
    with pytest.raises(ReadError, match=r"HDF5 '.*s.h5'\['x'\]: sample 'p13' cannot be read: .* Mend the file"):
        source["x"].values()
    with pytest.raises(ReadError, match=r"HDF5 '.*s.h5'\['t'\]: sample 'p7' cannot be read: 'utf-8' codec can't decode"):
        source["t"].values()


@pytest.mark.parametrize("change", ["replaced", "rewritten", "removed"])
def test_a_file_that_changes_is_noticed(tmp_path: Path, change: str) -> None:
    path = write(tmp_path / "s.h5", x=np.zeros(5))
    source = plait.HDF5(path)
    stored = pickle.dumps(source)
    assert source["x"].values().sum() == 0  # type: ignore[union-attr]
    time.sleep(0.01)
    if change == "removed":
        path.unlink()
    elif change == "replaced":
        os.replace(write(tmp_path / "new.h5", x=np.ones(4)), path)
    else:
        path.write_bytes(path.read_bytes())
    for reader in (source, pickle.loads(stored)):
        with pytest.raises(ChangedError, match=r"HDF5 '.*s.h5' has changed since it was declared. Declare the source again"):
            reader["x"].read(np.array([4]))


# threads and processes


def test_threads_read_at_once(tmp_path: Path) -> None:
    values = RNG.normal(size=(2000, 20))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(50, 20), compression="gzip")
    source = plait.HDF5(tmp_path / "s.h5")["x"]
    with ThreadPoolExecutor(8) as threads:
        rows = [np.random.default_rng(n).integers(0, 2000, 64) for n in range(64)]
        assert all(np.array_equal(found, values[r]) for found, r in zip(threads.map(source.read, rows), rows, strict=True))


def test_a_source_travels_to_another_process(tmp_path: Path) -> None:
    source = plait.HDF5(write(tmp_path / "s.h5", x=np.arange(1000.0)))["x"]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.map(source.read, [np.arange(n, 1000, 7) for n in range(6)])
    assert all(np.array_equal(values, np.arange(n, 1000, 7)) for n, values in enumerate(found))


def test_a_forked_process_opens_the_file_for_itself(tmp_path: Path) -> None:
    source = plait.HDF5(write(tmp_path / "s.h5", x=np.arange(100_000.0)))["x"]
    rows = np.arange(0, 99_000, 9)
    assert np.array_equal(source.read(rows), rows)
    fork = multiprocessing.get_context("fork")
    results = fork.SimpleQueue()
    children = [fork.Process(target=lambda: results.put(np.array_equal(source.read(rows), rows))) for _ in range(3)]
    for child in children:
        child.start()
    assert all(np.array_equal(source.read(rows + n), rows + n) for n in range(8))
    assert [results.get() for _ in children] == [True] * 3
    for child in children:
        child.join(20)
        assert child.exitcode == 0


def test_files_come_from_urls(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/scans/s.h5", write(tmp_path / "s.h5", x=np.arange(5)).read_bytes())
    source = plait.HDF5("memory://scans/s.h5")
    assert source["x"].read(np.array([4, 0])).tolist() == [4, 0]  # type: ignore[union-attr]
    assert pickle.loads(pickle.dumps(source))["x"].read(np.array([2])).tolist() == [2]
    with pytest.raises(ReadError, match=r"cannot be read as HDF5"):
        plait.HDF5("memory://scans/none.h5")


# writing


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    arrays = plait.Arrays(
        {"scan/left": RNG.integers(0, 256, (7, 4, 4, 1), np.uint8)},
        key=[f"p{n}" for n in (3, 1, 2, 0, 6, 5, 4)],
        note=["", "Ärztin", "x\ny", "b", "c", "d", "e"],
        tokens=[list(range(n)) for n in range(7)],
        ok=RNG.random(7) < 0.5,
        size=RNG.normal(size=(7, 2)).astype(np.float16),
    )
    plait.HDF5.write(arrays, tmp_path / "out.h5")
    back = plait.HDF5(tmp_path / "out.h5", key="key")
    assert back.keys == arrays.keys
    assert {name: spec for name, spec in back.spec.items() if name != "key"} == dict(arrays.spec)
    for name in arrays.spec:
        for one, other in zip(arrays[name].values(), back[name].values(), strict=True):
            assert np.array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["out.h5"]


def test_classes_and_units_come_back(tmp_path: Path) -> None:
    class Graded(plait.Arrays):
        @property
        def spec(self) -> dict[str, plait.Spec]:  # type: ignore[override]
            return {
                "grade": plait.Spec((), np.dtype(np.int64), classes=("low", "high")),
                "size": plait.Spec((), np.dtype(float), unit="mm"),
            }

    graded = Graded(grade=[0, 1, 1], size=[1.5, 2, 3])
    plait.HDF5.write(graded, tmp_path / "out.h5")
    assert dict(plait.HDF5(tmp_path / "out.h5").spec) == graded.spec


@pytest.mark.parametrize("value", ["[1,", "many", 3, np.zeros(2), '{"a": 1}', "[[1]]"])
def test_attributes_of_other_programs_are_no_classes(tmp_path: Path, value: object) -> None:
    with h5py.File(write(tmp_path / "s.h5", x=[0, 1]), "a") as file:
        file["x"].attrs["classes"] = value
        file["x"].attrs["unit"] = 7
    assert plait.HDF5(tmp_path / "s.h5").spec["x"] == plait.Spec((), np.dtype(np.int64))


def test_two_part_keys_come_back_and_row_numbers_are_left_out(tmp_path: Path) -> None:
    keys = plait.Keys({"site": np.array(["n", "s"]), "number": np.array([7, 7])})
    plait.HDF5.write(plait.Arrays(x=[1, 2], key=keys), tmp_path / "two.h5")
    assert plait.HDF5(tmp_path / "two.h5", key=("site", "number")).keys == keys
    plait.HDF5.write(plait.Arrays(x=[1, 2]), tmp_path / "rows.h5")
    assert set(plait.HDF5(tmp_path / "rows.h5").spec) == {"x"}


def test_what_hdf5_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out.h5"
    with pytest.raises(SpecError, match=r"HDF5.write '.*out.h5': stream 'x' lacks values, and HDF5 has no null"):
        plait.HDF5.write(plait.Arrays(x=[1.0, np.nan]), path)
    with pytest.raises(SpecError, match=r"stream 't' is \(\) datetime64\[D\], which HDF5 has no form for"):
        plait.HDF5.write(plait.Arrays(t=np.array(["2024-01-01"], "M8[D]")), path)
    with pytest.raises(SpecError, match=r"stream 's' is \(\?, 2\) float64, which HDF5 has no form for. .*Pad"):
        plait.HDF5.write(plait.Arrays(s=[np.zeros((1, 2)), np.zeros((2, 2))]), path)
    with pytest.raises(ArgumentError, match=r"stream 'key' has the name of a part of the key and other values"):
        plait.HDF5.write(plait.Arrays({"key": [1, 2]}, key=["a", "b"]), path)
    with pytest.raises(ArgumentError, match=r"HDF5 is written to a disk"):
        plait.HDF5.write(plait.Arrays(x=[1]), "memory://out.h5")
    with pytest.raises(ReadError, match=r"the file cannot be written"):
        plait.HDF5.write(plait.Arrays(x=[1]), tmp_path / "none" / "out.h5")
    assert not list(tmp_path.iterdir())
