"""What goes to a worker process, and how: files by path, arrays through shared memory, what stands in a script by value."""

from __future__ import annotations

import dataclasses
import functools
import mmap
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from feeding import feeder, making, table

import plait
from plait.workers import rebuilding
from plait.workers.crossing import pack
from plait.workers.shared import anonymous


@pytest.fixture
def across():
    """A function that takes a value apart and makes it again: (the value, bytes of pickle, bytes of shared memory)."""
    numbers = []

    def cross(value):
        numbers.append(anonymous("plait-test"))
        data = pack(value, numbers[-1])
        rebuilding.share(numbers[-1])
        return pickle.loads(data), len(data), os.fstat(numbers[-1]).st_size

    yield cross
    for number in numbers:
        os.close(number)


def test_large_arrays_go_once_through_shared_memory_views_and_all(across):
    whole = np.arange(100_000.0).reshape(1000, 100)
    views = {"whole": whole, "again": whole, "rows": whole[100:900], "back": whole[::-1, ::2], "turned": whole.T, "small": whole[:3, :3]}
    made, pickled, shared = across(views)
    assert all(np.array_equal(made[name], value) and made[name].dtype == value.dtype for name, value in views.items())
    assert pickled < 2000
    assert shared == whole.nbytes
    sparse = whole[:, :1]  # a hundredth of the memory that it is a view of
    made, _, shared = across(sparse)
    assert np.array_equal(made, sparse)
    assert shared == sparse.nbytes


def test_writability_dtypes_and_text_are_kept(across):
    fixed = np.arange(5000)
    fixed.flags.writeable = False
    odd = {
        "fixed": fixed,
        "swapped": np.arange(5000).astype(">i4"),
        "times": np.arange(5000).astype("M8[s]"),
        "fortran": np.asfortranarray(np.random.default_rng(0).random((70, 80))),
        "text": np.array([f"key {i}" for i in range(2000)], np.dtypes.StringDType()),
        "empty": np.zeros((0, 5000)),
    }
    made, _, _ = across(odd)
    for name, value in odd.items():
        assert made[name].dtype == value.dtype
        assert made[name].flags.writeable == value.flags.writeable
        assert np.array_equal(made[name], value)


def test_what_is_written_to_an_array_there_is_seen_by_nobody_else(across):
    whole = np.zeros(5000)
    made, _, _ = across(whole)
    made[:] = 1
    again = rebuilding.shared(0, whole.shape, whole.dtype, whole.strides, True)
    assert (whole == 0).all()
    assert made is not again


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_a_memory_map_goes_as_path_and_offset(tmp_path, across, mode):
    path = tmp_path / "big.npy"
    np.save(path, np.arange(300_000.0).reshape(3000, 100))
    mapped = np.load(path, mmap_mode=mode)
    parts = {"all": mapped, "plain": np.asarray(mapped), "rows": np.asarray(mapped)[10:], "back": mapped[::-1], "turned": mapped[:, ::-3].T}
    made, pickled, shared = across(parts)
    assert all(np.array_equal(made[name], part) for name, part in parts.items())
    assert pickled < 3000
    if mode != "c":  # what was written to such a copy is in no file
        assert shared == 0


def test_a_memory_map_whose_file_is_another_one_now_goes_by_value(tmp_path, across):
    path = tmp_path / "big.npy"
    np.save(path, np.arange(300_000.0))
    mapped = np.load(path, mmap_mode="r")
    os.unlink(path)
    made, _, shared = across(mapped)
    assert np.array_equal(made, mapped)
    assert shared == mapped.nbytes
    np.save(path, np.arange(300_000.0) + 1)
    made, _, _ = across(mapped)
    assert np.array_equal(made, mapped)


def test_an_array_over_a_map_of_ones_own_goes_by_value(tmp_path, across):
    (tmp_path / "raw").write_bytes(bytes(range(256)) * 64)
    with open(tmp_path / "raw", "rb") as file:
        array = np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    assert np.array_equal(across(array)[0], array)


class Base:
    def area(self):
        return self.side**2


SCALE = 3


def test_functions_and_classes_that_cannot_be_imported_go_by_value(across):
    offset = [10]

    def count(n):
        return 0 if n == 0 else 1 + count(n - 1)

    @dataclasses.dataclass(frozen=True)
    class Square(Base):
        side: int
        tags: list = dataclasses.field(default_factory=list)

        def area(self):
            return super().area() * SCALE + offset[0]

        @property
        def twice(self):
            return 2 * self.side

        @functools.cached_property
        def cached(self):
            return self.side + 1

        @classmethod
        def unit(cls):
            return cls(1)

        @staticmethod
        def none():
            return None

    class Waves(plait.Source):
        label = "Waves"
        keys = plait.Keys.range(3)
        spec = {"w": plait.Spec((), np.float64)}  # noqa: RUF012

        def read(self, names, rows):
            return {name: np.sin(rows) for name in names}

    def with_defaults(x, /, y=2, *, z=SCALE):
        return np.add(x, y) * z + len(os.path.join("a", "b"))

    code = [lambda x: x + offset[0], count, Square, Square(4), Waves(), with_defaults, functools.partial(count, 3)]
    add, counted, square, four, waves, defaults, three = across(code)[0]
    assert (add(1), counted(5), three(), defaults(1)) == (11, 5, 3, 12)
    assert square is not Square
    assert isinstance(four, square)
    assert (four.area(), four.twice, four.cached, square.unit().area(), square.none(), four.tags) == (4 * 4 * 3 + 10, 8, 5, 13, None, [])
    with pytest.raises(dataclasses.FrozenInstanceError):
        four.side = 5
    assert waves.read(["w"], np.arange(2))["w"].tolist() == np.sin(np.arange(2)).tolist()
    assert isinstance(waves, plait.Source)


def test_what_can_be_imported_goes_by_name(across):
    made, pickled, _ = across([np.sin, plait.Dataset, table, making])
    assert made == [np.sin, plait.Dataset, table, making]
    assert pickled < 300


def test_what_cannot_go_is_named_with_its_step_and_stream():
    lock = __import__("threading").Lock()

    def guarded(z):
        with lock:
            return z

    made = making(table(step=guarded))
    with pytest.raises(plait.errors.ArgumentError) as caught:
        next(feeder(1).run(made, iter([range(1)]), batches=1))
    text = str(caught.value)
    assert text.startswith(
        "Step guarded on 'z' cannot be sent to a worker process: TypeError: cannot pickle '_thread.lock' object. Let it "
    )
    assert text.endswith("or make batches in threads: plait.Loader(data, processes=False).")


def test_globals_that_bear_the_name_of_an_attribute_only_stay_behind(across):
    space = {"kept": 3, "left": __import__("threading").Lock()}
    exec("def named(x): return x.left + kept + (lambda: kept)()", space)
    made = across(space["named"])[0]
    assert "left" not in made.__globals__
    assert made.__globals__["kept"] == 3


SCRIPT = """
import numpy as np, plait, sys
from feeding import content, fed, feeder, making
print("the script runs")
FACTOR = 2

class Plus:
    def __init__(self, n): self.n = n
    def __call__(self, x): return x + self.n * FACTOR

class Odd(Exception): pass

def picky(x):
    if 7 in x: raise Odd("seven")
    return x

data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(40.0))}).map(Plus(3), on="x").map(lambda x: np.sqrt(x), on="x")
made = making(data)
assert [content(b) for b in fed(made, by=feeder(2))] == [content(b) for b in fed(made)]
assert "keras" not in sys.modules
print("the same")
"""


def test_a_script_without_a_guard_is_not_run_again_and_its_classes_and_lambdas_go(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    paths = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "the script runs\nthe same\n", "")


def test_a_module_that_a_worker_cannot_import_is_an_error_that_says_so(tmp_path, monkeypatch):
    (tmp_path / "gone_tomorrow.py").write_text("def step(z):\n    return z\n")
    monkeypatch.syspath_prepend(tmp_path)
    import gone_tomorrow  # type: ignore[import-not-found]

    by, made = feeder(1), making(table(step=gone_tomorrow.step))
    pool = by.pool(made)
    (tmp_path / "gone_tomorrow.py").unlink()
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for cached in tmp_path.glob("__pycache__/*"):
        cached.unlink()
    by.park(pool)
    pool._bury(pool._processes[0])  # a worker that begins now
    with pytest.raises(plait.errors.ArgumentError, match="A worker process cannot make the data of this Loader: ModuleNotFoundError"):
        list(by.run(made, iter([range(1)]), batches=1))
