"""A disk that is full: the old file stays whole, nothing is left beside it, and the error says what and how much. On a real, small disk."""

from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from disks import grow, small_disk
from faults import count, files_below, refused

import plait
from plait.report import Finding, Report
from plait.synth.archive import read_archive, write_archive


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a megabyte."""
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def large(rows: int = 100_000) -> plait.Arrays:
    return plait.Arrays(x=np.random.default_rng(0).normal(size=rows), key=np.arange(rows))


def page(path: str) -> None:
    Report("x", tuple(Finding("pass", str(n), "x" * 4000) for n in range(500))).to_html(path)


WRITERS = {
    "csv": lambda path: plait.Csv.write(large(), path),
    "parquet": lambda path: plait.Parquet.write(large(200_000), path),
    "json": lambda path: plait.Json.write(large(), path),
    "npy": lambda path: plait.Npy.write(plait.Arrays(x=np.zeros(300_000)), path),
    "h5": lambda path: plait.HDF5.write(large(200_000), path),
    "html": page,
    "plait": lambda path: write_archive(path, {}, {"x": np.random.default_rng(0).normal(size=300_000)}),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_a_full_disk_leaves_the_old_file_and_nothing_else(disk: Path, kind: str) -> None:
    count("faults injected")
    path = disk / f"out.{kind}"
    path.write_bytes(b"old")
    with refused(r"No space left on device", seconds=5):
        WRITERS[kind](str(path))
    assert path.read_bytes() == b"old"
    assert files_below(disk) == {f"/out.{kind}"}


def test_the_error_says_how_much_was_written_and_how_much_is_free(disk: Path) -> None:
    count("faults injected")
    with refused(
        r"Npy.write '.*out.npy': the file cannot be written: No space left on device after \d+ bytes, and '.*disk' has \d+ bytes free"
    ):
        plait.Npy.write(plait.Arrays(x=np.zeros(300_000)), disk / "out.npy")


def test_a_preprocessing_and_a_synthesizer_that_do_not_fit_leave_the_old_ones(disk: Path) -> None:
    count("faults injected", 2)
    source = plait.Arrays(x=np.arange(4.0), c=np.array([f"level {n}" for n in range(60_000)])[:4])
    data = plait.Dataset(inputs={"x": source["x"]})
    path = disk / "ready.json"
    plait.Preprocessing(data.map(plait.Standardize.fit(data["x"]), on="x")).save(path)
    old = path.read_bytes()
    wide = plait.Arrays(c=np.array([f"a long level {n:07d}" for n in range(60_000)]))
    words = plait.Dataset(inputs={"c": wide["c"]})
    with refused(r"Preprocessing '.*ready.json': the file cannot be written: No space left on device after", seconds=5):
        plait.Preprocessing(words.map(plait.Vocabulary.fit(words["c"]), on="c")).save(path)
    assert path.read_bytes() == old
    write_archive(disk / "model.plait", {"a": 1}, {})
    with refused(r"save\('.*model.plait'\): nothing can be written there: No space left on device after \d+ bytes", seconds=5):
        write_archive(disk / "model.plait", {"a": 2}, {"x": np.random.default_rng(0).normal(size=300_000)})
    assert read_archive(disk / "model.plait")[0]["a"] == 1
    assert files_below(disk) == {"/ready.json", "/model.plait"}


def test_a_packed_set_that_does_not_fit_leaves_the_old_one_and_goes_on_when_there_is_room(disk: Path) -> None:
    count("faults injected")
    old = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(10.0))})
    plait.pack(old, disk / "set", shown=False)
    new = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(300_000.0))})
    with refused(
        r"'.*set': No space left on device, and '.*set.partial' has \d+ bytes free. What is written stays in '.*set.partial'", seconds=5
    ):
        plait.pack(new, disk / "set", overwrite=True, shown=False)
    assert plait.open(disk / "set", verify=True).read(["x"], np.arange(10))["x"].tolist() == list(range(10))  # type: ignore[union-attr]
    grow(disk, 2**24)
    opened = plait.pack(new, disk / "set", overwrite=True, shown=False)
    assert opened.read(["x"], np.array([299_999]))["x"].tolist() == [299_999]  # type: ignore[union-attr]
    assert {name.split("/")[1] for name in files_below(disk)} == {"set"}


def test_a_table_that_is_spooled_to_a_full_disk_is_named_and_nothing_stays(disk: Path, tmp_path: Path) -> None:
    count("faults injected")
    plait.Parquet.write(large(300_000), tmp_path / "a.parquet")
    source = plait.Parquet(tmp_path / "a.parquet", key="key", memory=1000, spool=disk)
    with refused(r"is larger than memory=... and cannot be spooled to '.*disk': No space left on device. Pass spool=", seconds=5):
        source["x"].values()
    del source
    gc.collect()
    assert files_below(disk) == set()


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from plait.atomic import replacing
with replacing(sys.argv[1]) as file:
    file.write(b"x")
    file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    count("faults injected")
    Path("out.bin").write_bytes(b"old")
    assert subprocess.run([sys.executable, "-c", code, "out.bin"], check=False).returncode < 0
    assert Path("out.bin").read_bytes() == b"old" and len(files_below(tmp_path)) == 2
    page("out.bin")
    assert files_below(tmp_path) == {"/out.bin"}
