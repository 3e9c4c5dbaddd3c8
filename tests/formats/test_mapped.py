"""Rows of a file, whether the page cache holds them or not: real files, whose pages are dropped."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, strategies as st

import plait
from plait.errors import ChangedError, ReadError
from plait.formats import mapped
from plait.formats.mapped import MappedRows

ROWS, EACH = 700, 5000


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("mapped") / "rows.npy"
    np.save(path, np.random.default_rng(0).integers(0, 2**16, (ROWS, EACH // 2), np.uint16))
    return path


def dropped(path):
    """Whether the page cache has let go of the file; on a file system in memory it cannot."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def opened(path):
    with path.open("rb") as file:
        return MappedRows(file, np.dtype(np.uint16), (ROWS, EACH // 2), 128, label="Rows")


@given(st.lists(st.integers(0, ROWS - 1), max_size=80), st.booleans())
def test_cold_or_not_the_rows_are_those_of_the_array(path, rows, runs):
    whole, rows = np.load(path), np.array(rows, np.int64)
    if runs and len(rows):
        rows = (rows[:2, None] + np.arange(300)).ravel() % ROWS
        np.random.default_rng(0).shuffle(rows)
    dropped(path)
    there = opened(path)
    out = np.empty((len(rows), EACH // 2), np.uint16)
    there._read_into(out, rows) if len(rows) else None
    assert np.array_equal(out, whole[rows])
    assert np.array_equal(there.read(rows), whole[rows])


def test_what_is_not_in_the_page_cache_is_seen_and_then_is_in_it(path):
    there = opened(path)
    rows = np.random.default_rng(0).permutation(ROWS)
    there.read(np.arange(ROWS))
    dropped(path)
    if there.is_resident(rows):
        pytest.skip("this file system keeps its pages")
    found = there.read(rows)
    assert there.is_resident(rows)
    assert np.array_equal(found, there.read(rows))
    dropped(path)
    there.ask_for(np.array([0, 300, 9]), np.array([100, 300, 400]))  # waits for nothing


def test_sources_read_cold_rows_as_warm_ones(path, tmp_path):
    source = plait.Npy(path)
    words = [np.arange(n % 9) for n in range(ROWS)]
    data = plait.Dataset(inputs={"x": source["array"], "words": plait.Arrays(words=words)["words"]})
    packed = plait.pack(data, tmp_path / "packed")
    rows = np.random.default_rng(1).permutation(ROWS)[:200]
    warm = data.read(["x", "words"], rows)
    for held in (data, packed, pickle.loads(pickle.dumps(packed))):
        dropped(path)
        for file in (tmp_path / "packed").glob("*.npy"):
            dropped(file)
        cold = held.read(["x", "words"], rows)
        assert np.array_equal(cold["x"], warm["x"])
        assert np.array_equal(cold["words"].values, warm["words"].values)
    assert source.mapped_bytes == path.stat().st_size and packed.mapped_bytes > source.mapped_bytes
    assert plait.Npy(path.parent / "{id}.npy").mapped_bytes == 0


def test_a_forked_process_reads_too(path):
    script = f"""
import os, numpy as np
from plait.formats.mapped import MappedRows
there = MappedRows(open({str(path)!r}, "rb"), np.dtype(np.uint16), ({ROWS}, {EACH // 2}), 128, label="Rows")
rows = np.arange(0, {ROWS}, 3)
def total():
    out = np.empty((len(rows), {EACH // 2}), np.uint16)
    there._read_into(out, rows)
    return int(out.sum())
first = total()
child = os.fork()
if not child:
    os._exit(0 if total() == first else 1)
print(os.waitpid(child, 0)[1])
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "0\n"


def test_a_file_that_was_cut_is_named(path, tmp_path):
    cut = tmp_path / "cut.npy"
    cut.write_bytes(path.read_bytes())
    there, source = opened(cut), plait.Npy(cut)
    os.truncate(cut, 128 + EACH * 10 + 7)
    with pytest.raises(ReadError, match=r"Rows ends at byte 50135, before its last row. Declare the source again"):
        there._read_into(np.empty((2, EACH // 2), np.uint16), np.array([10, 500]))
    with pytest.raises(ChangedError, match=r"has changed since it was declared"):
        source.read(["array"], np.array([10]))


def test_a_call_that_reads_less_is_followed_by_others(path, monkeypatch):
    """As after a signal; a file on disk never does it of itself."""
    there, real = opened(path), os.preadv
    monkeypatch.setattr(mapped.os, "preadv", lambda file, parts, at, *flags: real(file, [memoryview(parts[0])[:1234]], at, *flags))
    out = np.empty((3, EACH // 2), np.uint16)
    there._read_into(out, np.array([5, 6, 400]))
    assert np.array_equal(out, np.load(path)[[5, 6, 400]])


def test_other_layouts_are_read_from_the_map(tmp_path):
    odd = [np.asfortranarray(np.arange(60.0).reshape(12, 5)), np.zeros((0, 3)), np.zeros((4, 0)), np.array(["a", "bcd"])]
    odd.append(np.arange(9, dtype=">i4"))
    for number, array in enumerate(odd):
        np.save(tmp_path / f"{number}.npy", array)
        source = plait.Npy(tmp_path / f"{number}.npy")
        rows = np.arange(len(array))[::-1]
        dropped(tmp_path / f"{number}.npy")
        assert np.asarray(source.read(["array"], rows)["array"]).tolist() == array[rows].tolist()
