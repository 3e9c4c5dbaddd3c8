"""A cache is a memo: the same samples under every seed and epoch, made anew when what it was made of changes."""

from __future__ import annotations

import functools
import os
import pickle
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import plait
from plait.errors import ArgumentError, ReadError
from plait.packed.told import told

COUNT = 24


class Counted(plait.Source):
    """Rows of numbers, not in memory; how many were read is counted."""

    label = "Counted"

    def __init__(self, samples: int = COUNT, width: int = 3) -> None:
        self.samples, self.width, self.read_rows = samples, width, 0

    @property
    def keys(self) -> plait.Keys:
        return plait.Keys.range(self.samples)

    @property
    def spec(self) -> dict[str, plait.Spec]:
        return {"x": plait.Spec((self.width,), np.dtype(np.float32)), "words": plait.Spec((None,), np.dtype(np.int64))}

    def read(self, names, rows):
        self.read_rows += len(rows)
        x = (rows[:, None] * 3 + np.arange(self.width)).astype(np.float32)
        return {n: x if n == "x" else plait.Ragged.of([np.arange(r % 4) for r in rows], dtype=np.int64) for n in names}


def noisy(x, rng):
    return x + rng.normal(size=(len(x), 3)).astype(np.float32)


def linked(x, photo, rng):
    return x * rng.random(len(x))[:, None].astype(np.float32), photo + rng.integers(0, 2, len(x))[:, None, None, None].astype(np.uint8)


def twice(x):
    return x * 2


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for number in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(tmp_path / f"{number}.jpg")
    return tmp_path


def made(folder, steps=True):
    """Photos from files, numbers and ragged words of a source of one's own, a table with gaps; steps of every kind."""
    counted = Counted()
    table = plait.Arrays(
        age=np.where(np.arange(COUNT) % 5 == 0, np.nan, np.arange(COUNT, dtype=np.float64)),
        grade=np.ma.masked_array(np.arange(COUNT) % 3, np.arange(COUNT) % 4 == 0),
        caption=[f"word {i % 7} ä" * (i % 3) for i in range(COUNT)],
    )
    data = plait.Dataset(
        inputs={
            "photo": plait.Images(folder / "{id:d}.jpg", size=(8, 6)),
            "x": counted["x"],
            "words": counted["words"],
            "age": table["age"],
            "caption": table["caption"],
        },
        targets={"grade": table["grade"]},
        missing={"age": "keep", "grade": "mask"},
    )
    if not steps:
        return data, counted
    data = data.map(twice, on="x").map(np.nan_to_num, on="age").map(plait.Tokenize.fit(data["caption"], size=9), on="caption")
    data = data.map(plait.Pad(4), on="words").augment(noisy, on="x").map(twice, on="x").map(plait.Vocabulary.fit(data["grade"]), on="grade")
    data = data.map(plait.Resize((4, 4)), on="photo").augment(linked, on=["x", "photo"]).map(plait.Cast("float32"), on="photo")
    return data.map(plait.Pad(6), on="caption"), counted


def same(one, other, rows=None, names=None):
    rng = np.random.default_rng(1)
    for seed, epoch in ((0, 0), (5, 3)):
        at = rng.integers(0, len(one), 40) if rows is None else rows
        for name in names or one.spec:
            a, b = (d.draw([name], at, seed=seed, epoch=epoch)[name] for d in (one, other))
            if isinstance(a, plait.Ragged):
                np.testing.assert_array_equal(a.offsets, b.offsets)
                a, b = a.values, b.values
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        a, b = (d.draw(list(one.spec), at, seed=seed, epoch=epoch) for d in (one, other))
        assert {n: v.tobytes() for n, v in a.items() if isinstance(v, np.ndarray)} == {
            n: v.tobytes() for n, v in b.items() if isinstance(v, np.ndarray)
        }


@pytest.mark.parametrize("where", ["memory", "disk"])
@pytest.mark.parametrize("steps", [True, False])
def test_samples_are_the_same_under_every_seed_and_epoch(folder, tmp_path, where, steps):
    data, counted = made(folder, steps)
    cached = plait.cache(data, None if where == "memory" else tmp_path / "cache")
    same(data, cached)
    assert cached.in_memory and not data.in_memory
    assert str(cached) == str(data) and cached.keys == data.keys and cached.spec == data.spec and cached.steps == data.steps
    for name in data.spec:
        absent = data.absent(name)
        assert (absent is None) == (cached.absent(name) is None) and (absent is None or np.array_equal(absent, cached.absent(name)))
    same(data, pickle.loads(pickle.dumps(cached)))
    before = counted.read_rows
    cached.draw(list(cached.spec), np.arange(COUNT), seed=1, epoch=2)
    assert counted.read_rows == before


def test_what_is_done_with_it_afterwards_is_as_without_it(folder, tmp_path):
    data, _ = made(folder)
    cached = plait.cache(data, tmp_path / "cache")
    for change in (
        lambda d: d.take([5, 3, 3, 20]),
        lambda d: d.split(0.5, seed=1)[1].take(slice(None, None, -1)),
        lambda d: d.map(twice, on="photo").augment(noisy, on="x"),
        lambda d: d.plain(),
        lambda d: d.plain().augment(noisy, on="x"),
        lambda d: d.raw(),
        lambda d: plait.Dataset(inputs={"photo": d["photo"], "x": d["x"]}),
        lambda d: plait.cache(d.map(twice, on="age"), tmp_path / "again"),
    ):
        same(change(data), change(cached))
    assert cached.plain().in_memory
    assert cached.stored().spec["photo"].shape == (4, 4, 3) and cached.raw().spec["photo"].shape == (8, 6, 3)
    raw = {"photo": [str(folder / "3.jpg")], "x": np.ones((1, 3), np.float32), "words": [[1]], "age": [2.0], "caption": ["word 1"]}
    one, other = (plait.Preprocessing(d)(raw) for d in (data, cached))
    assert {n: v.tobytes() for n, v in one.items()} == {n: v.tobytes() for n, v in other.items()}


def test_a_part_is_kept_and_read_by_its_own_rows(folder, tmp_path):
    data, counted = made(folder)
    part = data.take([7, 2, 2, 19])
    counted.read_rows = 0
    cached = plait.cache(part)
    assert counted.read_rows < 2 * COUNT
    same(part, cached)
    same(part.take([3, 0]), cached.take([3, 0]))
    train, test = (plait.cache(d, tmp_path / "cache") for d in data.split(0.5))
    again = [plait.cache(d, tmp_path / "cache") for d in data.split(0.5)]
    same(data.split(0.5)[0], again[0])
    same(data.split(0.5)[1], again[1])
    assert len(list((tmp_path / "cache").iterdir())) == 2
    assert len(train) + len(test) == COUNT


def test_what_is_random_below_is_not_kept(folder):
    below, counted = made(folder)
    data = plait.Dataset(inputs={"x": below["x"], "words": below["words"]}).map(twice, on="x").map(twice, on="words")
    counted.read_rows = 0
    cached = plait.cache(data)
    assert cached is data and counted.read_rows == 0
    plain = plait.Dataset(inputs={"x": below.plain()["x"]}).map(twice, on="x").augment(noisy, on="x")
    same(plain, plait.cache(plain))
    assert plait.cache(plain) is not plain


def test_what_is_in_memory_and_has_no_steps_is_left_as_it_is():
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(9.0))})
    assert plait.cache(data) is data
    cached = plait.cache(data.map(twice, on="x"))
    assert plait.cache(cached) is cached


def versions(path):
    return {p.name: os.stat(p / "manifest.json").st_ino for p in path.iterdir()}


def test_it_is_made_anew_when_files_steps_or_arrays_change_and_not_otherwise(folder, tmp_path):
    cache = tmp_path / "cache"
    ages = np.arange(float(COUNT))

    def build(size=(8, 8), factor=2.0, offset=0.0):
        data = plait.Dataset(inputs={"photo": plait.Images(folder / "{id:d}.jpg", size=size), "age": plait.Arrays(age=ages)["age"]})
        return (
            data.map(lambda x: x * factor + offset, on="age")
            .map(plait.Pad(8) if factor < 0 else twice, on="photo")
            .augment(blink, on="age")
        )

    def blink(x, rng):
        return x * rng.random(len(x))

    same(build(), plait.cache(build(), cache))
    first = versions(cache)
    for _ in range(2):
        same(build(), plait.cache(build(), cache))
        assert versions(cache) == first
    photo = folder / "17.jpg"
    stamp = os.stat(photo)
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(photo)
    changes = [lambda: None]
    changes.append(lambda: os.utime(photo, ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1)))
    changes.append(lambda: ages.__setitem__(11, 77.0))  # none of the 16 samples that are looked at
    for change in changes:
        change()
        same(build(), plait.cache(build(), cache))
        assert versions(cache) != first and len(versions(cache)) == 1
        first = versions(cache)
    for arguments in ({"size": (8, 6)}, {"factor": 3.0}, {"offset": 1e-9}, {}):
        same(build(**arguments), plait.cache(build(**arguments), cache))
        assert versions(cache) != first and len(versions(cache)) == 1
        first = versions(cache)
    Image.fromarray(np.zeros((20, 24, 3), np.uint8)).save(folder / "24.jpg")
    ages = np.arange(float(COUNT + 1))
    same(build(), plait.cache(build(), cache))
    assert len(versions(cache)) == 2  # other samples


OFFSET = 1


def with_global(x):
    return x + OFFSET


def run_hashed(script, seed):
    environment = {**os.environ, "PYTHONHASHSEED": seed}
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment).stdout


def test_a_step_is_told_by_code_arguments_and_what_it_refers_to():

    def maker(n):
        return lambda x: x + n

    weights = np.arange(3.0)
    steps = [
        twice,
        with_global,
        maker(1),
        maker(2),
        functools.partial(np.clip, min=0),
        functools.partial(np.clip, min=1),
        lambda x: x * weights,
        lambda x: [y for y in x if y in {"a", "b"}],
        lambda x: [y for y in x if y in {"a", "c"}],
        plait.Resize((3, 4)),
        plait.Resize((3, 5)),
        plait.Pad(3).spec,
        np.log1p,
        np.log,
    ]
    texts = [told(step) for step in steps]
    assert len(set(texts)) == len(steps)
    assert texts == [told(step) for step in steps]
    assert told(maker(1)) == told(maker(1))
    globals()["OFFSET"] = 2
    weights[0] = 5
    after = [told(step) for step in steps]
    assert [number for number, (a, b) in enumerate(zip(texts, after, strict=True)) if a != b] == [1, 6]
    globals()["OFFSET"] = 1
    script = "from plait.packed.told import told; print(told(lambda x: [y for y in x if y in {'a', 'b', 'c', 'd'}]))"
    runs = {run_hashed(script, seed) for seed in ("1", "2")}
    assert len(runs) == 1


def test_a_version_that_is_in_use_stays(folder, tmp_path):
    data, _ = made(folder)
    mine, theirs = plait.cache(data, tmp_path / "cache"), plait.cache(data.map(twice, on="age"), tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2
    same(data, mine)
    same(data.map(twice, on="age"), theirs)
    del theirs
    plait.cache(data, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 1


SLOW = """
import sys, time
import numpy as np
import plait
from plait.packed import writing

class Slow(plait.Source):
    label = "Slow"
    keys = plait.Keys.range(200)
    spec = {"x": plait.Spec((100,), np.float64)}

    def read(self, names, rows):
        if len(rows) == 10:  # a block, not a look
            sys.stdout.write(f"{rows[0]}\\n")  # in one piece: two threads write
            sys.stdout.flush()
            time.sleep(float(sys.argv[2]))
        return {n: rows[:, None] + np.arange(100) / 100 for n in names}

writing._BLOCK = 800 * 20
import os
os.cpu_count = lambda: 2
data = plait.Dataset(inputs={"x": Slow()["x"]})
cached = plait.cache(data, sys.argv[1])
print("sum", cached.read(["x"], np.arange(200))["x"].sum(), flush=True)
"""


def run_slow(path, pause):
    return subprocess.Popen([sys.executable, "-c", SLOW, str(path), str(pause)], stdout=subprocess.PIPE, text=True)


def test_a_killed_process_goes_on_where_it_was(tmp_path):
    process = run_slow(tmp_path / "cache", 0.1)
    for _ in range(9):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [".partial"]
    process = run_slow(tmp_path / "cache", 0)
    lines = process.communicate()[0].split()
    assert process.returncode == 0
    read = [int(line) for line in lines[:-2]]
    assert min(read) >= 20 and len(read) == (200 - min(read)) // 10
    assert float(lines[-1]) == pytest.approx(100 * np.arange(200).sum() + 200 * (np.arange(100) / 100).sum())


def test_of_several_processes_one_writes_and_the_others_wait(tmp_path):
    processes = [run_slow(tmp_path / "cache", 0.03) for _ in range(3)]
    lines = [process.communicate()[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert sorted(len(found) for found in lines) == [2, 2, 22]
    assert len({found[-1] for found in lines}) == 1
    assert [p.suffix for p in (tmp_path / "cache").iterdir()] == [""]


def test_a_cache_that_is_damaged_is_made_anew(folder, tmp_path):
    data, _ = made(folder)
    plait.cache(data, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    for damage in (lambda: (kept / "manifest.json").write_text("{"), lambda: next(kept.glob("*.values.npy")).write_bytes(b"")):
        damage()
        same(data, plait.cache(data, tmp_path / "cache"))


def test_a_bad_sample_is_named_and_nothing_is_left_that_looks_whole(folder, tmp_path):
    data, _ = made(folder)
    (folder / "20.jpg").write_bytes((folder / "20.jpg").read_bytes()[:-50])
    for path in (None, tmp_path / "cache"):
        with pytest.raises(ReadError, match=r"sample 20 \('.*20.jpg'\) is truncated or damaged"):
            plait.cache(data, path)


@pytest.mark.parametrize("bad", [[1, 7], [5, 20, 23], list(range(3, 16))])
@pytest.mark.parametrize("by", ["memory", "disk", "pack"])
def test_all_that_are_bad_are_named_in_one_error_with_what_to_write(folder, tmp_path, bad, by, monkeypatch):
    monkeypatch.setattr("plait.packed.writing._BLOCK", 5 * 20 * 24 * 3)  # several blocks
    monkeypatch.setattr("plait.packed.caching._BLOCK", 5 * 20 * 24 * 3)
    for number in bad:
        photo = folder / f"{number}.jpg"
        photo.write_bytes(photo.read_bytes()[:-50])
    photos = plait.Images(folder / "{id}.jpg")
    data = plait.Dataset(inputs={"photo": photos})
    write = {"memory": plait.cache, "disk": lambda d: plait.cache(d, tmp_path / "c"), "pack": lambda d: plait.pack(d, tmp_path / "p")}[by]
    title = "pack" if by == "pack" else "cache"
    with pytest.raises(plait.BadSamplesError, match=rf"^{title}: {len(bad)} of {COUNT} samples cannot be used:\n  sample ") as caught:
        write(data)
    text = str(caught.value)
    assert len(re.findall(r"\n  sample '\d+', stream 'photo', read, file '.*\d+.jpg': ReadError", text)) == min(10, len(bad))
    assert ("\n  and 3 more\n" in text) == (len(bad) == 13)
    remedy = text.rpartition("leave them out: ")[2].rstrip(".")
    names = {"data": data}
    exec(remedy, names)
    assert sorted(int(key) for key in names["data"].keys) == sorted(set(range(COUNT)) - set(bad))
    write(names["data"])


def test_of_one_bad_sample_a_note_says_what_to_write(folder):
    data = plait.Dataset(inputs={"photo": plait.Images(folder / "{id}.jpg")})
    (folder / "20.jpg").write_bytes(b"")
    with pytest.raises(ReadError) as caught:
        plait.cache(data)
    assert any(
        note.startswith("cache needs every sample. Mend it, or leave it out: bad = {'20'}; data = ") for note in caught.value.__notes__
    )


def test_where_looking_takes_long_it_says_at_least(folder, monkeypatch):
    monkeypatch.setattr("plait.packed.scan._LOOK", 0)
    monkeypatch.setattr("plait.packed.caching._BLOCK", 8 * 20 * 24 * 3)
    for number in range(1, COUNT):
        (folder / f"{number}.jpg").write_bytes((folder / f"{number}.jpg").read_bytes()[:-50])
    with pytest.raises(plait.BadSamplesError, match=rf"^cache: At least \d+ of {COUNT} samples cannot be used"):
        plait.cache(plait.Dataset(inputs={"photo": plait.Images(folder / "{id}.jpg")}))


def test_what_cannot_be_kept_is_refused(folder, tmp_path):
    data, _ = made(folder)
    with pytest.raises(ArgumentError, match=r"cache takes a plait.Dataset, not a list"):
        plait.cache([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"cache: 5 is no path of a folder. Write plait.cache\(data, 'cache'\), or"):
        plait.cache(data, 5)  # type: ignore[arg-type]
    endless = plait.Graph({"x": lambda rng, n: rng.random(n)}, inputs=["x"]).stream(seed=0)
    with pytest.raises(ArgumentError, match=r"cache: the data have no end, and none of them comes twice. Take some"):
        plait.cache(endless)
    large = plait.Dataset(inputs={"x": Counted(10**7, 2**16)["x"]})
    with pytest.raises(ArgumentError, match=r"cache: .* need .* GiB, and .* are free. Keep them on disk: plait.cache\(data, \"cache\"\)"):
        plait.cache(large)
    plait.cache(data, tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    (kept / "manifest.json").unlink()
    with pytest.raises(ArgumentError, match=r"is in the way of a cache, and is none"):
        plait.cache(data, tmp_path / "cache")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReadError, match=r"file"):
        plait.cache(data, tmp_path / "file")


def test_of_very_many_bad_samples_no_list_is_to_be_written():
    def small(x):
        if (x >= 150).any():
            raise ValueError("too large")
        return x * 2

    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(300.0))}).map(small, on="x")
    remedy = r"plait.Loader\(data, on_error='skip', budget=0.5\) feeds the others"
    with pytest.raises(plait.BadSamplesError, match=rf"(?s)150 of 300 samples.*and 140 more\nMend them, or .*: {remedy}"):
        plait.cache(data)
