"""Files that are cut, replaced or written to while an epoch reads them: an error, and never the end of the process or other values."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from faults import count, refused
from PIL import Image

import plait
from plait.errors import ChangedError
from plait.formats import npy_rows

READ = """
import os, sys
import numpy as np
import plait

kind = sys.argv[1]
if kind == "npy":
    np.save("big.npy", np.arange(200_000.0).reshape(-1, 4))
    source, cut = plait.Npy("big.npy"), "big.npy"
elif kind == "memmap":
    np.save("big.npy", np.arange(200_000.0).reshape(-1, 4))
    source, cut = plait.Arrays(x=np.load("big.npy", mmap_mode="r")[10:]), "big.npy"
elif kind == "ragged":
    np.save("big.npy", np.arange(200_000.0))
    offsets = np.arange(0, 200_001, 4)
    source, cut = plait.Arrays(x=plait.Ragged(np.load("big.npy", mmap_mode="r"), offsets)), "big.npy"
else:
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(200_000.0).reshape(-1, 4))})
    plait.pack(data, "set", shown=False)
    source, cut = plait.open("set"), "set/000.values.npy"
name, last = next(iter(source.spec)), np.array([len(source) - 1])
first = source.read([name], np.array([0]))
os.truncate(cut, 5000)
try:
    source.read([name], last)
except plait.PlaitError as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize("kind", ["npy", "memmap", "ragged", "packed"])
def test_a_map_whose_file_is_cut_is_an_error_and_not_the_end_of_the_process(kind: str) -> None:
    count("faults injected")
    done = subprocess.run([sys.executable, "-c", READ, kind], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stderr[-500:]}"
    assert done.stdout.startswith("ChangedError"), done.stdout
    assert "big.npy" in done.stdout or "000.values.npy" in done.stdout


def test_without_the_check_a_cut_map_ends_the_process() -> None:
    code = "import numpy, os; numpy.save('a.npy', numpy.zeros(100_000)); m = numpy.load('a.npy', mmap_mode='r'); "
    code += "os.truncate('a.npy', 500); m[-1]"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False).returncode < 0


@pytest.mark.parametrize("change", ["cut", "grown", "overwritten", "replaced", "removed"])
def test_a_packed_set_whose_file_changes_while_it_is_open_says_so(tmp_path: Path, change: str) -> None:
    count("faults injected")
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(40.0)), "t": plait.Arrays(t=np.array(["a", "bc"] * 20))["t"]})
    opened = plait.pack(data, "set", shown=False)
    file = tmp_path / "set" / "000.values.npy"
    time.sleep(0.01)
    if change == "cut":
        os.truncate(file, 200)
    elif change == "grown":
        os.truncate(file, 2000)
    elif change == "overwritten":
        file.write_bytes(file.read_bytes()[:-8] + bytes(8))
    elif change == "replaced":
        (tmp_path / "other").write_bytes(file.read_bytes())
        os.replace(tmp_path / "other", file)
    else:
        file.unlink()
    with refused(
        r"Packed data set '.*set': 000.values.npy has changed since it was opened. Open it again with plait.open", error=ChangedError
    ):
        opened.read(["x"], np.arange(3))
    assert opened.read(["t"], np.arange(2))["t"].tolist() == ["a", "bc"]  # type: ignore[union-attr]


def test_files_that_are_cut_in_mid_epoch_are_named_by_their_sample(tmp_path: Path) -> None:
    for name in "abc":
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(tmp_path / f"{name}.png")
        np.save(tmp_path / f"{name}.npy", np.arange(100.0))
    images, arrays = plait.Images("{id}.png"), plait.Npy("{id}.npy")
    data = plait.Dataset(inputs={"image": images, "array": arrays})
    batches = iter([np.array([row]) for row in range(3)])
    data.read(["image", "array"], next(batches))
    for name, rest in (("b.png", 2000), ("b.npy", 300)):
        count("faults injected")
        os.truncate(name, rest)
    with refused(r"sample 'b' \('b.png'\) is truncated or damaged"):
        data.read(["image"], np.array([1]))
    with refused(r"sample 'b' .*is truncated"):
        data.read(["array"], np.array([1]))
    data.read(["image", "array"], np.array([2]))


@pytest.mark.parametrize("waited", [0.0, 0.05], ids=["within a tick of the clock", "later"])
def test_a_file_that_is_written_while_it_is_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waited: float) -> None:
    """Somebody writes between our two looks at the file; right after it was made, so that its time is the same before and after, too."""
    path, read, straight, size = tmp_path / "a.npy", os.read, npy_rows._readv, 1000
    np.save(path, np.zeros(size))
    source = plait.Npy("{id}.npy")

    def write() -> None:
        with path.open("r+b") as other:
            other.seek(128 + 4000)
            other.write(np.full(size // 2, 7.0).tobytes())

    def disturbed(file: int, most: int) -> bytes:
        data = read(file, most)
        if most > 1000:
            write()
        return data

    def disturbed_straight(file: int, parts: list[memoryview]) -> int:
        found = straight(file, parts)
        write()
        return found

    path.touch()
    time.sleep(waited)
    count("faults injected")
    with monkeypatch.context() as patched:
        patched.setattr(os, "read", disturbed)
        patched.setattr(npy_rows, "_readv", disturbed_straight)
        with refused(r"sample 'a' was written to while it was read: 'a.npy'. Write new data to a new file, and rename", error=ChangedError):
            source.read(["array"], np.array([0]))
    assert source.read(["array"], np.array([0]))["array"].sum() == 7 * size // 2  # type: ignore[union-attr]


def test_a_file_that_is_replaced_as_a_whole_gives_one_or_the_other(tmp_path: Path) -> None:
    size, stop, path = 100_000, threading.Event(), tmp_path / "a.npy"
    np.save(path, np.zeros(size))
    source = plait.Npy("{id}.npy")

    def write() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            np.save(tmp_path / "new", np.full(size, float(value)))
            os.replace(tmp_path / "new.npy", path)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for _ in range(60):
            count("faults injected")
            values = source.read(["array"], np.array([0]))["array"]
            assert len(np.unique(values)) == 1  # type: ignore[arg-type]
    finally:
        stop.set()
        writer.join()
