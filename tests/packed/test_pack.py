"""Packed data sets: the same data, whole or not there, and damage is named."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ReadError
from plait.packed.writing import fingerprint
from plait.testing import check_source

ROWS = 300


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 6, ROWS)
    table = plait.Arrays(
        image=rng.integers(0, 256, (ROWS, 4, 4, 3)).astype(np.uint8),
        words=[rng.integers(0, 50, n) for n in lengths],
        tags=[[f"t{i}ä" for i in range(n)] for n in lengths],
        caption=[f"sample {i}, grün" * (i % 3) for i in range(ROWS)],
        pair=np.array([[f"a{i}", f"b{i}"] for i in range(ROWS)]),
        age=np.where(rng.random(ROWS) < 0.1, np.nan, rng.random(ROWS)),
        day=np.datetime64("2020-01-01") + rng.integers(0, 400, ROWS),
        grade=np.ma.masked_array(rng.integers(0, 3, ROWS), rng.random(ROWS) < 0.2),
        size=rng.random(ROWS).astype(np.float32),
        sure=rng.random(ROWS).astype(np.float32),
        key={"site": ["north", "süd"] * (ROWS // 2), "id": np.arange(ROWS)},
    )
    inputs = ["image", "words", "tags", "caption", "pair", "age", "day"]
    return plait.Dataset(
        inputs={n: table[n] for n in inputs},
        targets={"grade": table["grade"], "size": table["size"]},
        weights={"size": table["sure"]},
        missing={"grade": "mask", "age": "keep"},
    ).map(plait.Vocabulary.fit(table["grade"]), on="grade")


def same(one, other):
    assert one.keys == other.keys
    assert dict(one.inputs) == dict(other.inputs) and dict(one.targets) == dict(other.targets) and dict(one.weights) == dict(other.weights)
    rows = np.random.default_rng(1).permutation(len(one))
    for name in one.spec:
        a, b = one.read([name], rows)[name], other.read([name], rows)[name]
        if isinstance(a, plait.Ragged):
            assert np.array_equal(a.offsets, b.offsets)
            a, b = a.values, b.values
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
        absent = one.absent(name)
        assert (absent is None) == (other.absent(name) is None) and (absent is None or np.array_equal(absent, other.absent(name)))


def test_what_is_opened_is_what_was_packed(data, tmp_path):
    packed = plait.pack(data, tmp_path / "train.plait")
    same(data, packed)
    same(data, plait.open(tmp_path / "train.plait", verify=True))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train.plait"]
    assert all(p.suffix in (".npy", ".json") for p in (tmp_path / "train.plait").iterdir())
    assert str(packed).count("Packed 'train.plait'") == 10


def test_columns_are_plain_arrays_and_a_packed_source_keeps_the_laws(data, tmp_path):
    packed = plait.pack(data.take(range(60)), tmp_path / "few.plait")
    check_source(packed.origin("words").source)
    manifest = json.loads((tmp_path / "few.plait" / "manifest.json").read_text(encoding="utf-8"))
    image = np.load(tmp_path / "few.plait" / manifest["streams"]["image"]["values"]["file"], allow_pickle=False)
    np.testing.assert_array_equal(image, data.read(["image"], np.arange(60))["image"])


def test_row_numbers_stay_row_numbers(tmp_path):
    packed = plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))}), tmp_path / "x.plait")
    assert packed.keys.is_range and packed.read(["x"], np.array([4, 0]))["x"].tolist() == [4.0, 0.0]


SLOW = """
import sys, time
import numpy as np
import plait
import plait.packed.writing as writing
from plait.packed import scan

class Slow(plait.Source):
    label = "Slow"
    keys = plait.Keys.range(200)
    spec = {"x": plait.Spec((100,), np.float64), "words": plait.Spec((None,), np.int64)}

    def read(self, names, rows):
        if len(rows) == 20:  # a block, not a look
            sys.stdout.write(f"{rows[0]}\\n")  # in one piece: two threads write
            sys.stdout.flush()
            time.sleep(float(sys.argv[2]))
        x = rows[:, None] + np.arange(100) / 100
        return {n: x if n == "x" else plait.Ragged.of([np.arange(r % 4) for r in rows], dtype=np.int64) for n in names}

writing._BLOCK = 20 * scan.row_bytes(Slow())
source = Slow()
plait.pack(plait.Dataset(inputs={"x": source["x"], "words": source["words"]}), sys.argv[1])
"""


def run_slow(path, pause):
    return subprocess.Popen([sys.executable, "-c", SLOW, str(path), str(pause)], stdout=subprocess.PIPE, text=True)


def test_a_killed_writer_goes_on_where_it_was(tmp_path):
    path = tmp_path / "slow.plait"
    seen = []
    for _ in range(3):  # three kills, each in the middle of a block
        process = run_slow(path, 0.2)
        lines = [int(process.stdout.readline()) for _ in range(3)]
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        seen.append(lines)
        assert not path.exists()
        with pytest.raises(ReadError, match="holds a part of it: run plait.pack again, which goes on there"):
            plait.open(path)
    assert seen == [[0, 20, 40], [40, 60, 80], [80, 100, 120]]
    process = run_slow(path, 0)
    rest = [int(line) for line in process.stdout]
    assert process.wait() == 0 and rest[0] == 120
    process.stdout.close()
    packed = plait.open(path, verify=True)
    rows = np.arange(200)
    values = packed.read(["x", "words"], rows)
    np.testing.assert_array_equal(values["x"], rows[:, None] + np.arange(100) / 100)
    assert values["words"].lengths.tolist() == (rows % 4).tolist()


def test_a_killed_writer_begins_anew_where_a_file_or_a_step_is_another(tmp_path):
    for row in range(40):
        np.save(tmp_path / f"{row:02}.npy", np.full(3, row, np.float32))

    def data(fn):
        return plait.Dataset(inputs={"x": plait.Npy(tmp_path / "{id}.npy")["array"]}).map(fn, on="x")

    def made(how):
        factor = how
        return lambda x: np.where(x == 3, x * factor, x)

    first = fingerprint(data(made(1.0)))
    assert fingerprint(data(made(1.0))) == first
    assert fingerprint(data(made(2.0))) != first  # in a row that is not looked at
    np.save(tmp_path / "03.npy", np.full(3, 33, np.float32))
    os.utime(tmp_path / "03.npy", ns=(1, 1))
    assert fingerprint(data(made(1.0))) != first


def test_rows_that_take_long_are_noted_every_few_seconds(tmp_path, monkeypatch):
    monkeypatch.setattr("plait.packed.writing._FEW", 8)
    monkeypatch.setattr("plait.packed.writing._OFTEN", 0.05)
    sizes = []

    def slow(x):
        sizes.append(len(x))
        time.sleep(0.002 * len(x))
        return x

    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(300.0))}).map(slow, on="x")
    sizes.clear()
    plait.pack(data, tmp_path / "x.plait", shown=False)
    assert len(sizes) > 10 and max(sizes) < 40


@pytest.mark.parametrize(("old", "new"), [('"a"', '"q"'), ('"c"', '"a"'), ('"nan": []', '"nan": ["y"]'), ('"unit": null', '"unit": "k"')])
def test_any_change_of_the_manifest_is_noticed(tmp_path, old, new):
    y = plait.Vocabulary(["a", "b", "c"])
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(3.0))}, targets={"y": plait.Arrays(y=["a", "b", "c"])}).map(y, on="y")
    plait.pack(data, tmp_path / "x.plait")
    manifest = tmp_path / "x.plait" / "manifest.json"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    with pytest.raises(ReadError, match="is damaged: it is not what was written, by its own checksum. Pack the data anew"):
        plait.open(tmp_path / "x.plait")


def test_two_writers_refuse_each_other(tmp_path):
    path = tmp_path / "slow.plait"
    process = run_slow(path, 0.5)
    assert process.stdout.readline()
    with pytest.raises(ArgumentError, match="is being written by another process. Wait for it, or name another folder."):
        plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))}), path)
    process.kill()
    process.wait()
    process.stdout.close()


def test_other_data_do_not_go_on_where_these_stopped(tmp_path):
    path = tmp_path / "slow.plait"
    process = run_slow(path, 0.2)
    process.stdout.readline()
    time.sleep(0.3)
    process.kill()
    process.wait()
    process.stdout.close()
    other = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(7.0))})
    same(other, plait.pack(other, path))


def test_a_full_disk_is_named_and_the_old_stays(data, tmp_path):
    path = tmp_path / "train.plait"
    plait.pack(data, path)
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    script = f"""
import resource, signal
import numpy as np, plait
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
try:
    plait.pack(plait.Dataset(inputs={{"x": plait.Arrays(x=np.zeros((1000, 100)))}}), {str(path)!r}, overwrite=True)
except plait.PlaitError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ReadError") and re.search(
        r"File too large, and .* has \d+ bytes free. What is written stays in", done.stdout
    )
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    assert resource.getrlimit(resource.RLIMIT_FSIZE)  # that of the child only


def test_every_damaged_file_is_named(data, tmp_path):
    path = tmp_path / "train.plait"
    plait.pack(data.take(range(40)), path)
    for file in sorted(path.glob("*.npy")):
        whole = file.read_bytes()
        file.write_bytes(whole[:-1])
        with pytest.raises(ReadError, match=f"is damaged, {file.name}: it has {len(whole) - 1} bytes, and {len(whole)} were written"):
            plait.open(path)
        changed = bytearray(whole)
        changed[-1] ^= 1
        file.write_bytes(changed)
        with pytest.raises(ReadError, match=f"{file.name}: its contents are not those that were written|does not go|is absent|offsets"):
            plait.open(path, verify=True)
        file.unlink()
        with pytest.raises(ReadError, match=f"{file.name}: it is not there"):
            plait.open(path)
        file.write_bytes(whole)
    same(data.take(range(40)), plait.open(path, verify=True))


@pytest.mark.parametrize(
    "change", [{"samples": -1}, {"samples": "many"}, {"format": 9}, {"streams": []}, {"specs": {"x": 1}}, {"roles": {"inputs": ["x"]}}]
)
def test_a_manifest_that_cannot_be_is_refused(tmp_path, change):
    path = tmp_path / "x.plait"
    plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))}), path)
    manifest = path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | change))
    with pytest.raises(ReadError, match=r"Pack the data anew|Pack the data\b"):
        plait.open(path)


def test_text_that_is_damaged_is_named(tmp_path):
    path = tmp_path / "x.plait"
    plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.array(["a", "b"]))["x"]}), path)
    (file,) = path.glob("*.values.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"\xff")
    with pytest.raises(ReadError, match="Packed data set .*x.plait': a column of text is damaged: .* verify=True"):
        plait.open(path).read(["x"], np.arange(2))


def test_a_manifest_cannot_name_files_elsewhere(tmp_path):
    path = tmp_path / "x.plait"
    plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))}), path)
    np.save(tmp_path / "secret.npy", np.arange(5.0))
    manifest = path / "manifest.json"
    manifest.write_text(manifest.read_text().replace("000.values.npy", "../secret.npy"))
    with pytest.raises(ReadError, match=r"is damaged: it names the file '../secret.npy'. Pack the data anew."):
        plait.open(path)


def test_what_cannot_be_packed_is_refused(data, tmp_path):
    path = tmp_path / "x.plait"
    with pytest.raises(ArgumentError, match="pack takes a plait.Dataset, not a Arrays"):
        plait.pack(plait.Arrays(x=np.arange(3)), path)  # type: ignore[arg-type]
    few = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))})
    with pytest.raises(ArgumentError, match=r"pack takes the data first, then where to write them: plait.pack\(data, 'data.plait'\)"):
        plait.pack(path, few)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"pack: 5 is no path of a folder. Write plait.pack\(data, 'data.plait'\)"):
        plait.pack(few, 5)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match=r"pack: 'noise' is random, .* Pack what comes before it, plait.pack\(data.plain\(\), path\)"):

        def noise(x, rng):
            return x + rng.normal(0, 1, x.shape)

        plait.pack(few.augment(noise, on="x"), path)
    with pytest.raises(ArgumentError, match="the data set has no samples"):
        plait.pack(few.take([]), path)
    plait.pack(few, path)
    with pytest.raises(
        ArgumentError, match=r"is there already. Open it with plait.open, or write plait.pack\(data, path, overwrite=True\)"
    ):
        plait.pack(few, path)
    same(few.take([1, 2]), plait.pack(few.take([1, 2]), path, overwrite=True))
    os.makedirs(tmp_path / "mine")
    with pytest.raises(ArgumentError, match="is no packed data set, so it is not overwritten"):
        plait.pack(few, tmp_path / "mine", overwrite=True)
    with pytest.raises(ReadError, match="has no manifest.json, so it is no packed data set"):
        plait.open(tmp_path / "mine")
    with pytest.raises(ReadError, match="is not there. Name a folder."):
        plait.open(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReadError, match=r"is a file, not a packed data set \(a synthesizer is read by plait.load\)"):
        plait.open(tmp_path / "file")


def test_random_steps_draw_the_same_before_and_after_packing(tmp_path):
    def jitter(x, rng):
        return x + rng.normal(0, 1, x.shape)

    def linked(x, z, rng):
        scale = rng.uniform(1, 2, (len(x), 1))
        return x * scale, z * scale

    arrays = plait.Arrays(x=np.arange(24.0).reshape(8, 3), z=np.ones((8, 2)), key=[f"p{i}" for i in range(8)])
    plain = plait.Dataset(inputs={"x": arrays["x"], "z": arrays["z"]}).map(np.sqrt, on="x").map(np.exp, on="z")
    opened = plait.pack(plain, tmp_path / "x.plait")
    assert not opened.steps

    def drawn(data):
        data = data.augment(jitter, on="x").map(np.abs, on="x").augment(linked, on=["x", "z"])
        return [data.draw(["x", "z"], np.arange(8), seed=3, epoch=epoch) for epoch in (0, 2)]

    expected = drawn(plain)
    for data in (opened, plait.cache(plain), plait.cache(plain, tmp_path / "cache"), plait.cache(opened)):
        for found, wanted in zip(drawn(data), expected, strict=True):
            assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in wanted.items()}
    assert not np.array_equal(expected[0]["z"], expected[1]["z"])
