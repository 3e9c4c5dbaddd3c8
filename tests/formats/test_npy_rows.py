"""Arrays read straight to their places: the usual files, and no others."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from plait.formats import npy_rows
from plait.formats.npy_rows import Rows
from plait.sources.npy import ReadNpy

ARRAY = np.arange(12.0).reshape(4, 3)


def aged(path):
    """The path, its file an hour older: one written a moment ago is left to who looks twice."""
    then = time.time() - 3600
    os.utime(path, (then, then))
    return str(path)


@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int32", "bool", "<M8[D]", "complex64"])
@pytest.mark.parametrize("shape", [(4, 3), (5,), ()])
def test_what_numpy_saves_is_read_to_its_place(tmp_path, dtype, shape):
    rng = np.random.default_rng(0)
    arrays = rng.integers(0, 2**15, (3, *shape)).astype(dtype)
    out = np.zeros_like(arrays)
    rows = Rows(out)
    for number in (2, 0, 1):
        np.save(tmp_path / f"{number}.npy", arrays[number])
        assert rows.read(number, aged(tmp_path / f"{number}.npy"))
    assert np.array_equal(out, arrays)


def test_any_other_file_is_left_to_who_can_say_what_it_is(tmp_path):
    np.save(tmp_path / "a.npy", ARRAY)
    whole = (tmp_path / "a.npy").read_bytes()
    files = {
        "other dtype": ARRAY.astype(np.float32),
        "other shape": ARRAY.T.copy(),
        "other order": np.asfortranarray(ARRAY),
        "other bytes": ARRAY.astype(">f8"),
        "longer": whole + b"x",
        "shorter": whole[:-1],
        "empty": b"",
        "version 2": whole[:6] + b"\x02\x00" + (116).to_bytes(4, "little") + whole[10:-2],
        "text": b"hello" * 100,
    }
    rows = Rows(np.zeros((1, 4, 3)))
    for name, content in files.items():
        if isinstance(content, bytes):
            (tmp_path / name).write_bytes(content)
        else:
            with open(tmp_path / name, "wb") as file:
                np.save(file, content)
        assert not rows.read(0, aged(tmp_path / name)), name
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "nowhere", "nul\0", "."):
        assert not rows.read(0, str(tmp_path / name)), name
    assert not rows.read(0, "/dev/zero")
    assert rows.read(0, aged(tmp_path / "a.npy"))


def test_files_of_another_order_among_the_usual_ones_give_the_same_values(tmp_path):
    arrays = [ARRAY, ARRAY * 2, ARRAY * 3]
    for number, write in enumerate((lambda a: a, np.asfortranarray, lambda a: a.astype(">f8"))):
        np.save(tmp_path / f"{number}.npy", write(arrays[number]))
    found = ReadNpy((4, 3), "float64")([str(tmp_path / f"{number}.npy") for number in (1, 0, 2, 0)])
    assert np.array_equal(found, [arrays[1], arrays[0], arrays[2], arrays[0]])


def test_where_the_system_cannot_scatter_the_same_is_read(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", ARRAY)
    monkeypatch.setattr(npy_rows, "_readv", npy_rows._read_into)
    out = np.zeros((2, 4, 3))
    assert Rows(out).read(1, aged(tmp_path / "a.npy"))
    assert np.array_equal(out[1], ARRAY)
    with open(tmp_path / "a.npy", "ab") as file:
        file.write(b"x")
    assert not Rows(out).read(1, aged(tmp_path / "a.npy"))


def test_a_file_written_a_moment_ago_or_meanwhile_is_left_to_who_looks_twice(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", ARRAY)
    rows = Rows(np.zeros((1, 4, 3)))
    assert not rows.read(0, str(tmp_path / "a.npy"))
    straight = npy_rows._readv

    def disturbed(file, parts):
        count = straight(file, parts)
        (tmp_path / "a.npy").touch()
        return count

    monkeypatch.setattr(npy_rows, "_readv", disturbed)
    assert not rows.read(0, aged(tmp_path / "a.npy"))
