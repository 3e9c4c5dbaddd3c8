"""Memory, threads and descriptors over many epochs, and keys that are not Python objects. PLAIT_EPOCHS=200 for the long form."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import psutil
import pytest
from faults import count
from feeding import fed, feeder, making, wait_until
from fuzzing import memory

import plait
from plait.spec import TEXT

EPOCHS = int(os.environ.get("PLAIT_EPOCHS", "40"))

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="what a process takes is read from /proc")


def state() -> tuple[float, int, int]:
    gc.collect()
    return memory("VmRSS"), len(os.listdir("/proc/self/fd")), threading.active_count()


def source(folder: Path) -> plait.Dataset:
    for number in range(24):
        np.save(folder / f"{number}.npy", np.full((64, 64), number, np.float32))
    words = plait.Arrays(t=np.array([f"text {n}" for n in range(24)], TEXT), y=np.arange(24.0), key=np.arange(24))
    return plait.Dataset(inputs={"x": plait.Npy(folder / "{id}.npy"), "t": words["t"]}, targets={"y": words["y"]})


def epoch(data: plait.Dataset, number: int) -> float:
    rows = np.random.default_rng(number).permutation(len(data))
    return sum(float(data.draw(list(data.spec), rows[at : at + 8], seed=0, epoch=number)["y"].sum()) for at in range(0, 24, 8))  # type: ignore


@pytest.mark.parametrize("kind", ["files", "packed"])
def test_many_epochs_take_no_more_than_the_first_ones(tmp_path: Path, kind: str) -> None:
    data = source(tmp_path)
    if kind == "packed":
        data = plait.pack(data, tmp_path / "set", shown=False)
    for number in range(10):
        epoch(data, number)
    resident, files, threads = state()
    for number in range(EPOCHS):
        assert epoch(data, number) == 276
    after = state()
    assert after[1:] == (files, threads)
    assert after[0] < resident * 1.01 + 0.5, f"{resident:.1f} MB became {after[0]:.1f} MB"


def test_errors_leave_nothing_open(tmp_path: Path) -> None:
    data = source(tmp_path)
    os.truncate(tmp_path / "3.npy", 200)
    rows = np.arange(24)

    def fail() -> None:
        with pytest.raises(plait.ReadError, match="'3'"):
            data.read(["x"], rows)

    fail()
    resident, files, threads = state()
    for _ in range(EPOCHS):
        count("faults injected")
        fail()
    after = state()
    assert after[1:] == (files, threads)
    assert after[0] < resident * 1.01 + 1


def tree() -> tuple[float, int, int]:
    """Resident megabytes of this process and its workers together, descriptors, and processes and threads."""
    gc.collect()
    children = psutil.Process().children(recursive=True)
    resident = memory("VmRSS") + sum(child.memory_full_info().uss for child in children) / 2**20
    return resident, len(os.listdir("/proc/self/fd")), threading.active_count() + len(children)


@pytest.mark.parametrize(("workers", "processes"), [(0, False), (2, False), (2, True)], ids=["inline", "threads", "processes"])
def test_many_epochs_by_workers_of_each_kind_take_no_more_than_the_first_ones(tmp_path: Path, workers: int, processes: bool) -> None:
    """The workers stay between the epochs; what they and this process hold together is looked at."""
    made, by = making(source(tmp_path).map(np.strings.str_len, on="t")), feeder(workers, processes)
    before = threading.active_count() + processes  # the one that ends idle workers

    def one(number: int) -> float:
        first = number * made.order.per_pass
        return sum(float(batch.targets["y"].sum()) for batch in fed(made, first, first + made.order.per_pass, by=by))

    for number in range(15):
        one(number)
    wait_until(lambda: threading.active_count() == before)
    resident, files, running = tree()
    for number in range(EPOCHS):
        assert one(number) == 276
    assert wait_until(lambda: tree()[1:] == (files, running)), tree()  # threads end by themselves, after the pass that they worked for
    after = tree()
    assert after[0] < resident * 1.01 + 0.5 * (1 + 2 * processes), f"{resident:.1f} MB became {after[0]:.1f} MB"


KEYS = """
import numpy as np
import plait

def resident():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmRSS"))

n = 100_000_000
x = np.broadcast_to(np.zeros(1, np.uint8), (n,))
before = resident()
source = plait.Arrays(x=x)
data = plait.Dataset(inputs={"x": source["x"]})
assert data.keys[n - 1] == n - 1 and len(data) == n
data.read(["x"], np.array([0, n - 1]))
print(resident() - before)
before = resident()
named = plait.Keys(dict(site=np.arange(2_000_000), id=np.arange(2_000_000)))
assert named[1_999_999] == (1_999_999, 1_999_999)
print((resident() - before) / 2)
"""


def test_a_hundred_million_keys_are_no_python_objects() -> None:
    done = subprocess.run([sys.executable, "-c", KEYS], capture_output=True, text=True, check=True, timeout=120)
    rows, named = map(float, done.stdout.split())
    assert rows < 100, f"{rows:.0f} MB for the keys of 1e8 rows"
    assert named < 25, f"{named:.0f} MB for a million keys of two integers"
