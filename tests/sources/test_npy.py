"""Npy: a file a sample, one mapped file, and headers that lie."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import struct
import time
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, NameUnknownError, ReadError, SpecError, TransformError
from plait.ragged import Ragged
from plait.sources.npy import ReadNpy

RNG = np.random.default_rng(0)
EVIL = {"calls": 0}


def save(folder: Path, **arrays: object) -> Path:
    folder.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", np.asarray(array))
    return folder / "{id}.npy"


def npy(header: str, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """An .npy file with this header, whatever it says."""
    text = header.encode("latin-1")
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version == (1, 0) else "<I", len(text)) + text + body


# a file a sample


def test_each_file_is_a_sample(tmp_path: Path) -> None:
    arrays = {name: RNG.normal(size=(100, 5)) for name in ("b", "a", "c")}
    source = plait.Npy(save(tmp_path, **arrays))
    assert list(source.keys) == ["a", "b", "c"]
    assert source.spec == {"array": plait.Spec((100, 5), np.dtype(np.float64))}
    assert not source.in_memory
    assert np.array_equal(source.read(["array"], np.array([2, 0, 2]))["array"], np.stack([arrays["c"], arrays["a"], arrays["c"]]))


@pytest.mark.parametrize("dtype", ["?", "i1", "<u2", ">i4", "<i8", "<f2", ">f4", "<f8", "<M8[s]", ">m8[ms]"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_every_dtype_comes_in_native_byte_order_and_c_order(tmp_path: Path, dtype: str, order: str) -> None:
    array = np.asarray(RNG.integers(0, 100, (6, 4)).astype(dtype), order=order)  # type: ignore[call-overload]
    np.save(tmp_path / "a.npy", array)
    found = plait.Npy(tmp_path / "{id}.npy")["array"].values()
    assert isinstance(found, np.ndarray)
    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.dtype.isnative
    assert np.array_equal(found, array[None])


def test_single_values_and_text_are_samples_too(tmp_path: Path) -> None:
    numbers = plait.Npy(save(tmp_path / "n", a=1.5, b=2.5))
    assert numbers["array"].values().tolist() == [1.5, 2.5]  # type: ignore[union-attr]
    words = plait.Npy(save(tmp_path / "w", a=["lung", ""], b=["übermäßig", "x"]))
    assert words.spec["array"] == plait.Spec((2,), plait.spec.TEXT)
    assert words["array"].values().tolist() == [["lung", ""], ["übermäßig", "x"]]  # type: ignore[union-attr]


def test_files_of_version_2_and_headers_in_any_order_are_read(tmp_path: Path) -> None:
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(6.0), version=(2, 0))
    (tmp_path / "b.npy").write_bytes(npy('{"shape": (6,), "fortran_order": False, "descr": "<f8"}', np.arange(6.0).tobytes()))
    (tmp_path / "c.npy").write_bytes(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (6L,), }", np.arange(6.0).tobytes()))
    assert plait.Npy(tmp_path / "{id}.npy")["array"].values().tolist() == [list(range(6))] * 3  # type: ignore[union-attr]


def test_samples_that_differ_in_length_are_ragged_when_declared_so(tmp_path: Path) -> None:
    arrays = {f"s{n}": RNG.normal(size=(n, 5)) for n in (3, 0, 7)}
    source = plait.Npy(save(tmp_path, **arrays), shape=(None, 5))
    assert source.spec["array"] == plait.Spec((None, 5), np.dtype(float))
    found = source["array"].values()
    assert isinstance(found, Ragged)
    assert found.lengths.tolist() == [0, 3, 7]
    assert np.array_equal(found[2], arrays["s7"])
    only_empty = source.read(["array"], np.array([0, 0]))["array"]
    assert plait.Spec.of(only_empty) == source.spec["array"]


def test_another_shape_than_the_first_is_an_error_that_names_both(tmp_path: Path) -> None:
    template = save(tmp_path, a=np.zeros((100, 5)), b=np.zeros((99, 5)), c=np.zeros((5, 100)), d=np.zeros(()))
    source = plait.Npy(template)
    with pytest.raises(
        SpecError,
        match=r"Npy '.*\{id\}.npy': sample 'b' \('.*b.npy'\) has shape \(99, 5\), and the first has \(100, 5\). Pass shape=\(None, 5\)",
    ):
        source.read(["array"], np.array([1]))
    with pytest.raises(SpecError, match=r"sample 'c' .* has shape \(5, 100\), and the first has \(100, 5\). Mend the file, or remove it"):
        source.read(["array"], np.array([2]))
    with pytest.raises(SpecError, match=r"sample 'd' .* has shape \(\)"):
        source.read(["array"], np.array([3]))
    with pytest.raises(SpecError, match=r"sample 'a' .* has shape \(100, 5\), declared is \(100, 6\)"):
        plait.Npy(template, shape=(100, 6))["array"].read(np.array([0]))
    with pytest.raises(SpecError, match=r"sample 'c' .* has shape \(5, 100\), declared is \(None, 5\)"):
        plait.Npy(template, shape=(None, 5))["array"].values()


def test_another_dtype_than_the_first_is_an_error(tmp_path: Path) -> None:
    source = plait.Npy(save(tmp_path, a=np.zeros(3), b=np.zeros(3, np.float32), c=np.zeros(3, ">f8")))
    with pytest.raises(SpecError, match=r"sample 'b' .* has dtype float32, and the others have float64.* array.astype\('float64'\)"):
        source.read(["array"], np.array([0, 1]))
    assert source.read(["array"], np.array([2]))["array"].dtype == np.float64


@pytest.mark.parametrize("shape", [(5, None), (None, None), (-1, 5), (2.0,), ("a",)])
def test_a_shape_that_cannot_be_meant_is_refused(shape: tuple[object, ...]) -> None:
    with pytest.raises(ArgumentError, match=r"write the sizes of (one|a) sample, such as \(100, 5\), or \(None, 5\) where lengths differ"):
        plait.Npy("nowhere/{id}.npy", shape=shape)  # type: ignore[arg-type]


def test_what_cannot_be_meant_together_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ArgumentError, match=r"an .npz file holds several arrays, compressed. Write plait.Arrays\(\*\*numpy.load\('x.npz'\)\)"
    ):
        plait.Npy("x.npz")
    with pytest.raises(ArgumentError, match=r"the file names hold the keys. Leave key= out"):
        plait.Npy("{id}.npy", key=[1, 2])
    with pytest.raises(ArgumentError, match=r"is memory-mapped, so it must be on disk"):
        plait.Npy("memory://x.npy")


def test_arrays_come_from_urls(tmp_path: Path) -> None:
    fsspec.filesystem("memory").pipe("/arrays/1.npy", (save(tmp_path, a=np.arange(3)).parent / "a.npy").read_bytes())
    assert plait.Npy("memory://arrays/{id:d}.npy")["array"].values().tolist() == [[0, 1, 2]]  # type: ignore[union-attr]


# files that lie


class Runs:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("executed",)


def test_pickled_objects_are_never_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / "a.npy", np.array([Runs()], object), allow_pickle=True)
    for path in ("{id}.npy", "a.npy"):
        with pytest.raises(
            ReadError, match=r"holds pickled Python objects, which are never loaded, for they can run any code. Save numbers or text"
        ):
            plait.Npy(path)
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Runs()))
    for path in ("{id}.npy", "a.npy"):
        with pytest.raises(ReadError, match=r"is no .npy file: it begins with"):
            plait.Npy(path)
    assert not (tmp_path / "executed").exists()


GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"
LIES = {
    "truncated": (npy(GOOD, bytes(47)), r"is truncated: \(2, 3\) of float64 are 48 bytes, and 47 follow the header"),
    "longer": (npy(GOOD, bytes(49)), r"is longer than its header says: \(2, 3\) of float64 are 48 bytes, and 49 follow"),
    "4 TB": (npy(GOOD.replace("(2, 3)", "(500000000000,)"), bytes(64)), r"is truncated: .* are 4000000000000 bytes, and 64 follow"),
    "beyond 64 bits": (npy(GOOD.replace("(2, 3)", "(4611686018427387904, 8)"), bytes(64)), r"is truncated"),
    "zero times much": (
        npy(GOOD.replace("(2, 3)", "(9999999999999999999, 0)")),
        r"declares the shape \(9999999999999999999, 0\), which no array has",
    ),
    "negative": (npy(GOOD.replace("(2, 3)", "(-1, 4)"), bytes(128)), r"declares the shape \(-1, 4\), which no array has"),
    "many axes": (npy(GOOD.replace("(2, 3)", f"({'1,' * 70})"), bytes(8)), r"declares the shape \(1, 1, .*, which no array has"),
    "records": (
        npy("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (2,), }", bytes(16)),
        r"holds records \(\[\('a', '<f8'\)\]\)",
    ),
    "bytes": (npy(GOOD.replace("<f8", "|S8"), bytes(48)), r"has dtype \|S8, which no model takes"),
    "complex": (npy(GOOD.replace("<f8", "<c16"), bytes(96)), r"has dtype complex128, which no model takes"),
    "long double": (npy(GOOD.replace("<f8", "<f16"), bytes(96)), r"has dtype float128, which no model takes"),
    "void": (npy(GOOD.replace("<f8", "|V8"), bytes(48)), r"has dtype \|V8, which no model takes"),
    "unknown dtype": (npy(GOOD.replace("<f8", "<q9"), bytes(48)), r"has the unknown dtype '<q9'"),
    "impossible dtype": (npy(GOOD.replace("<f8", "<f9"), bytes(48)), r"has the unknown dtype '<f9'"),
    "code as header": (npy("__import__('os').mkdir('executed') or " + GOOD, bytes(48)), r"has a damaged header: \"__import__"),
    "code as shape": (npy(GOOD.replace("(2, 3)", "(2, __import__('os').mkdir('executed'))"), bytes(48)), r"has a damaged header"),
    "nested": (npy("(" * 9000, bytes(48)), r"has a damaged header"),
    "minus signs": (npy(GOOD.replace("(2, 3)", f"({'-' * 9000}1,)"), bytes(48)), r"has a damaged header"),
    "a field twice": (npy("{'descr': '<f8', 'descr': '<f8', 'shape': (2, 3), }", bytes(48)), r"has a damaged header"),
    "a field missing": (npy("{'descr': '<f8', 'fortran_order': False}", bytes(48)), r"has a damaged header"),
    "long header": (npy(GOOD + " " * 20_000, bytes(48)), r"has a damaged header \(version \(1, 0\), \d+ bytes of"),
    "4 GB header": (b"\x93NUMPY\x02\0" + struct.pack("<I", 2**32 - 1) + b"{", r"has a damaged header \(version \(2, 0\), 4294967295 bytes"),
    "no such version": (npy(GOOD, bytes(48), version=(9, 0)), r"has a damaged header \(version \(9, 0\)"),
    "cut in its magic": (b"\x93NUM", r"is no .npy file"),
    "cut in its header": (npy(GOOD)[:30], r"has a damaged header"),
    "empty": (b"", r"is empty|is no .npy file"),
    "text": (b"1,2,3\n", r"is no .npy file: it begins with b'1,2,3\\n'"),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("mapped", [False, True], ids=["files", "mapped"])
def test_a_file_that_lies_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str, mapped: bool) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = LIES[lie]
    (tmp_path / "b.npy").write_bytes(content)
    began = time.monotonic()
    if mapped:
        with pytest.raises((ReadError, SpecError), match=rf"Npy 'b.npy'.*{message}|damaged header"):
            plait.Npy("b.npy", shape=(2, 3))
    else:
        save(tmp_path, a=np.zeros((2, 3)))
        source = plait.Npy("{id}.npy")
        with pytest.raises((ReadError, SpecError), match=rf"Npy '{{id}}.npy': sample 'b' .*({message})"):
            source["array"].values()
    assert time.monotonic() - began < 1
    assert not (tmp_path / "executed").exists()


def test_an_npz_archive_by_another_name_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npy", "w") as archive:
        archive.writestr("x.npy", bytes(100))
    with pytest.raises(ReadError, match=r"sample 'a' is an .npz archive \(or another zip file\)"):
        plait.Npy(tmp_path / "{id}.npy")


# one mapped file


def test_the_rows_of_one_file_are_the_samples(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (50, 4, 3), np.uint8)
    np.save(tmp_path / "big.npy", array)
    source = plait.Npy(tmp_path / "big.npy")
    assert source.keys == plait.Keys.range(50)
    assert source.spec["array"] == plait.Spec((4, 3), np.dtype(np.uint8))
    rows = np.array([49, 0, 0, 7])
    assert np.array_equal(source.read(["array"], rows)["array"], array[rows])
    assert source.decoder("array") is None
    named = plait.Npy(tmp_path / "big.npy", key=[f"p{n}" for n in range(50)], shape=(4, 3))
    assert named.keys[3] == "p3"


def test_a_file_without_rows_is_an_empty_source(tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.zeros((0, 3)))
    source = plait.Npy(tmp_path / "big.npy")
    assert len(source) == 0
    assert source["array"].values().shape == (0, 3)  # type: ignore[union-attr]


def test_what_does_not_fit_the_rows_is_an_error(tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.zeros((5, 3)))
    with pytest.raises(SpecError, match=r"Npy '.*big.npy': key= has 4 keys for 5 rows; one key a row is needed"):
        plait.Npy(tmp_path / "big.npy", key=[1, 2, 3, 4])
    with pytest.raises(DuplicateKeyError, match=r"Npy '.*big.npy' holds 1 repeated keys, such as \[4\]"):
        plait.Npy(tmp_path / "big.npy", key=[1, 2, 3, 4, 4])
    with pytest.raises(SpecError, match=r"has rows of shape \(3,\); declared is \(4,\). Pass shape=\(3,\)"):
        plait.Npy(tmp_path / "big.npy", shape=(4,))
    np.save(tmp_path / "one.npy", np.float32(3))
    with pytest.raises(SpecError, match=r"holds a single value, and the rows of one file are its samples"):
        plait.Npy(tmp_path / "one.npy")
    with pytest.raises(ReadError, match=r"cannot be read: No such file or directory \(working directory"):
        plait.Npy(tmp_path / "none.npy")
    with pytest.raises(ReadError, match=r"cannot be read: it is a folder"):
        plait.Npy(tmp_path)
    os.mkfifo(tmp_path / "pipe.npy")  # opening it would wait for a writer
    with pytest.raises(ReadError, match=r"cannot be read: it is no regular file"):
        plait.Npy(tmp_path / "pipe.npy")


@pytest.mark.parametrize("change", ["cut", "grown", "replaced", "rewritten", "removed"])
def test_a_mapped_file_that_changes_is_noticed_and_does_not_end_the_process(tmp_path: Path, change: str) -> None:
    path = tmp_path / "big.npy"
    np.save(path, np.zeros((20_000, 8)))
    source = plait.Npy(path)
    stored = pickle.dumps(source)
    assert source["array"].read(np.array([19_999])).sum() == 0  # type: ignore[union-attr]
    time.sleep(0.01)
    if change == "cut":
        os.truncate(path, 200)
    elif change == "grown":
        path.open("ab").write(b"x")
    elif change == "replaced":
        np.save(tmp_path / "new.npy", np.ones((20_000, 8)))
        os.replace(tmp_path / "new.npy", path)
    elif change == "rewritten":
        np.save(path, np.ones((20_000, 8)))
    else:
        path.unlink()
    for read in (lambda: source["array"].read(np.array([19_999])), lambda: pickle.loads(stored)):
        with pytest.raises(ChangedError, match=r"Npy '.*big.npy' has changed since it was declared. Declare the source again"):
            read()


def test_a_mapped_source_travels_to_another_process_without_its_values(tmp_path: Path) -> None:
    np.save(tmp_path / "big.npy", np.arange(400_000.0).reshape(-1, 4))
    source = plait.Npy(tmp_path / "big.npy")
    assert len(pickle.dumps(source)) < 3000
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(source["array"].read, (np.array([99_999]),)).tolist() == [[399_996, 399_997, 399_998, 399_999]]


# writing


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    arrays = plait.Arrays(x=RNG.normal(size=(30, 4, 2)).astype(np.float32))
    plait.Npy.write(arrays, tmp_path / "x.npy")
    assert np.array_equal(np.load(tmp_path / "x.npy"), arrays["x"].values())
    back = plait.Npy(tmp_path / "x.npy")
    assert back.keys == arrays.keys
    assert back.spec["array"] == arrays.spec["x"]
    ragged = plait.Arrays(s=[np.arange(n) for n in (3, 0, 2)], key=["c", "a", "b"])
    plait.Npy.write(ragged, tmp_path / "deep" / "s_{id}.npy")
    again = plait.Npy(tmp_path / "deep" / "s_{id}.npy", shape=(None,))
    assert list(again.keys) == ["a", "b", "c"]
    assert [s.tolist() for s in again["array"].values()] == [[], [0, 1], [0, 1, 2]]
    words = plait.Arrays(w=["lung", "", "übermäßig"])
    plait.Npy.write(words["w"], tmp_path / "w_{row:d}.npy")
    assert plait.Npy(tmp_path / "w_{row:d}.npy")["array"].values().tolist() == ["lung", "", "übermäßig"]  # type: ignore[union-attr]


def test_what_npy_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"one .npy file has no place for keys. Write"):
        plait.Npy.write(plait.Arrays(x=[1.0, 2], key=["a", "b"]), tmp_path / "x.npy")
    with pytest.raises(SpecError, match=r"is \(\?,\) int64, which one array cannot hold"):
        plait.Npy.write(plait.Arrays(x=[[1], [1, 2]]), tmp_path / "x.npy")
    with pytest.raises(SpecError, match=r"and .npy has no null"):
        plait.Npy.write(plait.Arrays(x=[1.0, np.nan]), tmp_path / "x.npy")
    with pytest.raises(NameUnknownError, match=r"has 2 streams"):
        plait.Npy.write(plait.Arrays(x=[1.0], y=[2.0]), tmp_path / "x.npy")
    with pytest.raises(ReadError, match=r"cannot be written"):
        plait.Npy.write(plait.Arrays(x=[1.0]), tmp_path / "none" / "x.npy")
    assert not list(tmp_path.iterdir())


# new raw samples


@pytest.mark.parametrize("shape", [None, (None, 5)])
def test_the_decoder_gives_what_was_read_for_paths_bytes_and_arrays(tmp_path: Path, shape: tuple[int | None, ...] | None) -> None:
    arrays = [RNG.normal(size=(4 if shape is None else n, 5)).astype(np.float32) for n in range(1, 4)]
    template = save(tmp_path, **{f"s{n}": array for n, array in enumerate(arrays)})
    source = plait.Npy(template, shape=shape)
    step = source.decoder("array")
    assert step is not None
    again = ReadNpy.from_json(json.loads(json.dumps(step.to_json())))
    assert again == step
    assert again.sample == source.spec["array"]
    paths = [tmp_path / f"s{n}.npy" for n in range(3)]
    for raw in (paths, [str(p) for p in paths], [p.read_bytes() for p in paths], arrays, [a.astype(">f4") for a in arrays]):
        found, expected = again(raw), source["array"].values()
        assert plait.Spec.of(found) == plait.Spec.of(expected)
        for one, other in zip(found, expected, strict=True):
            assert np.array_equal(one, other)
    assert plait.Spec.of(again([])) == source.spec["array"]


def test_raw_material_that_is_no_array_is_refused() -> None:
    step = ReadNpy((2,), "float64")
    with pytest.raises(TransformError, match=r"ReadNpy takes a list of raw samples and got one str"):
        step("new.npy")
    with pytest.raises(TransformError, match=r"ReadNpy: sample 0 is a float; an array is a path, the bytes of a file, or an array"):
        step([1.5])
    with pytest.raises(SpecError, match=r"sample 0 has dtype object, and the others have float64"):
        step([np.array([1, None])])
    with pytest.raises(SpecError, match=r"sample 1 has shape \(3,\), declared is \(2,\)"):
        step([np.zeros(2), np.zeros(3)])
