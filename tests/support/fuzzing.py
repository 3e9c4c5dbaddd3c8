"""Every reader of plait as a target: valid files, what may happen to them, and the law that reading keeps.

The law: a damaged file gives values, or a `PlaitError` that names the file; never another exception, never much time or memory. What has
checksums gives the values that were written, or an error.
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import sqlite3
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import h5py
import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

import plait
from plait.errors import PlaitError
from plait.packed.writing import pack
from plait.pairs import read_pair, write_pair
from plait.spec import TEXT, Spec
from plait.synth.archive import read_archive, write_archive
from plait.tabular import Schema
from plait.transforms.tokenize import Tokenize

MOST_SECONDS, MOST_MEGABYTES = 5.0, 100.0
WORDS = [
    b"NaN",
    b"-1",
    b"0",
    b"9" * 25,
    b"[" * 200,
    b"{" * 200,
    b'"',
    b"\0",
    b"\xff" * 8,
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"../",
    b"null",
]
WORDS += [b"true", b"1e999", b",", b"'", b"\x80\0\0\0\0\0\0\0", b"/dev/zero", b"\x1b[2J", b"<script>", "é".encode(), b"\xed\xa0\x80", b"\n"]

Op = tuple[int, float, float, int]  # what to do, where, how much, with what


@dataclass(frozen=True)
class Target:
    """One reader.

    Args:
        name: Of it.
        make: Write valid files to a folder.
        read: Read all of what is in the folder.
        files: The names of the files that may be damaged; all when left out.
        checked: Whether what is read must be what was written.
    """

    name: str
    make: Callable[[Path], object]
    read: Callable[[Path], object]
    files: tuple[str, ...] = ()
    checked: bool = False

    def damaged(self, folder: Path) -> list[Path]:
        """The files that may be damaged."""
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return [path for path in files if not self.files or path.name in self.files]


def mutated(content: bytes, ops: Sequence[Op]) -> bytes:
    """The content after these changes. Pure."""
    data = bytearray(content)
    for kind, where, much, value in ops:
        at = int(where * max(len(data) - 1, 0))
        if kind == 0 and data:
            data[at] ^= 1 << (value & 7)
        elif kind == 1 and data:
            data[at] = value & 255
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + 1 + int(much * 64)]
        elif kind == 4:
            data[at:at] = WORDS[value % len(WORDS)]
        elif kind == 5:
            data[at : at + len(WORDS[value % len(WORDS)])] = WORDS[value % len(WORDS)]
        elif kind == 6:  # a piece of the file in another place
            other = int(much * max(len(data) - 1, 0))
            data[at:at] = data[other : other + 1 + value % 512]
        elif kind == 7:  # a number of 4 bytes
            data[at : at + 4] = (value & 0xFFFFFFFF).to_bytes(4, "little" if value & 1 else "big")
        elif kind == 8:
            data += bytes([value & 255]) * int(much * 2000)
        elif data:  # zeros
            span = 1 + int(much * 128)
            data[at : at + span] = bytes(len(data[at : at + span]))
    return bytes(data)


def outcome(target: Target, folder: Path, damaged: Path, expected: object) -> str:
    """Read the folder, in which a file is damaged: "same", "other" values, or "refused".

    Raises:
        AssertionError: The law is broken.
    """
    before, began = memory("VmHWM"), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = target.read(folder)
    except PlaitError as error:
        result, text = "refused", str(error)
        assert any(name in text for name in (damaged.name, damaged.stem, folder.name)), f"names no file: {text}"
        assert all(c.isprintable() or c in "\n\t" for c in text), f"commands the terminal: {text!r}"
    else:
        result = "same" if same(found, expected) else "other"
        assert not target.checked or result == "same", f"other values without an error: {found!r:.300}"
    grown = memory("VmHWM") - before
    if grown > MOST_MEGABYTES:
        reset_peak()
        raise AssertionError(f"took {grown:.0f} MB")
    assert time.process_time() - began < MOST_SECONDS, "took long"
    return result


def same(a: Any, b: Any) -> bool:
    """Whether these are equal, NaN equal to NaN."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return isinstance(b, (list, tuple)) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        floats = a.dtype.kind == "f"
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, equal_nan=floats)
    return type(a) is type(b) and repr(a) == repr(b)


def memory(what: str) -> float:
    """Megabytes that the process has ("VmRSS") or had at most ("VmHWM"); 0 where the system does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(what))
    return 0.0


def reset_peak() -> None:
    """Let "VmHWM" begin anew."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def everything(source: Any) -> dict[str, Any]:
    """All values of a source as plain lists and arrays."""
    found: dict[str, Any] = {"keys": [str(key) for key in source.keys]}
    for name in source.spec:
        column = source[name].values()
        found[name] = (column.values, column.offsets) if isinstance(column, plait.Ragged) else column
        found[f"{name} absent"] = source.absent(name)
    return found


def _arrays(folder: Path) -> None:
    np.save(folder / "a.npy", np.arange(6.0).reshape(2, 3))
    np.save(folder / "b.npy", np.arange(6.0).reshape(2, 3) + 1)


def _documents(folder: Path) -> None:
    one = {"a": 1, "b": {"c": [1.5, 2.0], "d": "ü\n"}, "e": [[True, False]], "f": None}
    (folder / "1.json").write_text(json.dumps(one))
    (folder / "2.json").write_text(repr(one | {"a": 2}))


def _lines(folder: Path) -> None:
    (folder / "all.jsonl").write_text("".join(json.dumps({"id": f"k{n}", "x": n / 2, "t": "é"}) + "\n" for n in range(8)))


def _csv(folder: Path) -> None:
    rows = "".join(f'{n},{n / 3:.3f},"text, {n}",2024-01-{n + 1:02}\n' for n in range(12))
    (folder / "labels.csv").write_text("id,x,note,day\n" + rows)


def _picture(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6
        options = {"exif": exif} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}
        pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
        if kind == "JPEG":
            Image.fromarray(pixels).save(folder / "p.img", kind, progressive=True, **options)
        else:
            Image.fromarray(pixels).save(folder / "p.img", kind, **options)

    return make


def _mask(folder: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 3, (20, 24), np.uint8)).save(folder / "m.png")


def _hdf5(folder: Path) -> None:
    with h5py.File(folder / "scan.h5", "w") as file:
        file["id"] = [f"s{n}" for n in range(12)]
        file.create_dataset("a/b", data=np.arange(12 * 16, dtype=np.uint8).reshape(12, 4, 4), chunks=(3, 4, 4), compression="gzip")
        tokens = file.create_dataset("tokens", 12, h5py.vlen_dtype(np.int32))
        for row in range(12):
            tokens[row] = np.arange(row)


def _parquet(folder: Path) -> None:
    table = pa.table({"id": [f"k{n}" for n in range(40)], "x": np.arange(40.0), "n": [[n, n] for n in range(40)], "c": ["a", "b"] * 20})
    parquet.write_table(table, folder / "people.parquet", row_group_size=16)


def _packed(folder: Path) -> None:
    source = plait.Arrays(
        x=np.arange(20.0).reshape(10, 2),
        t=np.array([f"text {n}" for n in range(10)], TEXT),
        tokens=plait.Ragged.of([np.arange(n, dtype=np.int32) for n in range(10)]),
        y=np.array([1.0, np.nan, *range(8)]),
        key=[f"k{n}" for n in range(10)],
    )
    streams = {name: source[name] for name in ("x", "t", "tokens")}
    pack(plait.Dataset(inputs=streams, targets={"y": source["y"]}, missing={"y": "mask"}), folder / "set", shown=False)


def _read_packed(folder: Path) -> object:
    data = plait.open(folder / "set", verify=True)
    return everything(data.raw())


def _read_packed_quickly(folder: Path) -> object:
    data = plait.open(folder / "set")
    return everything(data.raw())


def _archive(folder: Path) -> None:
    write_archive(folder / "model.plait", {"kind": "x", "schema": {"a": [1, 2.5, "é"]}}, {"w": np.arange(30.0), "n": np.arange(5)})


def _saved_run(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for step in (3, 6):
        known = {"order": {"samples": 9, "shard": [0, 1]}, "dtypes": {"model": ["float32"] * 2}, "errors": [], "handed": [[0, step, 1]]}
        arrays = {"model.0": rng.random((2, 3), np.float32), "model.1": np.float32(step), "random.python": np.arange(99 + step)}
        write_pair(str(folder / "run.json"), {"step": step, **known}, arrays, name=str(step))


def _read_saved_run(folder: Path) -> object:
    """The last pair; where the one before it is used, what was said of the last."""
    copy = folder.parent / "copy"  # reading gives the pair before it another name
    shutil.copytree(folder, copy)
    try:
        state, arrays, wrong = read_pair(str(copy / "run.json")) or ({}, {}, "")
        assert state["step"] == arrays["model.1"] == (3 if wrong else 6), "a pair of two saves"
        if wrong:
            raise plait.ResumeError(wrong)
        return [json.dumps(state, sort_keys=True), arrays]
    finally:
        shutil.rmtree(copy)


def _prepared(folder: Path) -> None:
    text = np.array(["a red fox", "a dog"], TEXT)
    source = plait.Arrays(x=np.arange(4.0), kind=np.array(["a", "b", "a", "c"]), note=np.tile(text, 2))
    data = plait.Dataset(inputs={"x": source["x"], "note": source["note"]}, targets={"kind": source["kind"]})
    data = data.map(plait.Standardize.fit(data["x"]), on="x").map(plait.Vocabulary.fit(data["kind"]), on="kind")
    data = data.map(Tokenize.fit(data["note"], size=10), on="note").map(plait.Pad(4), on="note")
    plait.Preprocessing(data).save(folder / "ready.json")


def _read_prepared(folder: Path) -> object:
    ready = plait.Preprocessing.load(folder / "ready.json")
    assert str(ready)
    try:
        return ready({"x": [1.0, 2.0], "note": ["a fox", "dog"]})
    except PlaitError as error:  # of what was given, which has no file
        raise plait.TransformError(f"ready.json: {error}") from error


def _specs(folder: Path) -> None:
    specs = [Spec((2, None)[::-1], np.dtype("<f4"), None, "mm"), Spec((), TEXT), Spec((3,), np.dtype("i8"), ("a", "b", 1))]
    (folder / "specs.json").write_text(json.dumps([spec.to_json() for spec in specs]))


def _read_specs(folder: Path) -> object:
    from plait.formats.documents import parse_json

    try:
        states: Any = parse_json((folder / "specs.json").read_bytes(), most=2**20)
        return [str(Spec.from_json(state)) for state in states]
    except (ValueError, KeyError, TypeError) as error:  # which who reads a file turns into an error that names it
        raise plait.ReadError(f"specs.json: {error}") from error


def _schema(folder: Path) -> None:
    source = plait.Arrays(x=np.arange(9.0), c=np.array(list("abcabcabc")), d=np.arange(9).astype("M8[D]"))
    data = plait.Dataset(inputs={"x": source["x"], "d": source["d"]}, targets={"c": source["c"]})
    (folder / "schema.json").write_text(json.dumps(Schema.of(data).to_json()))


def _read_schema(folder: Path) -> object:
    from plait.formats.documents import parse_json

    try:
        state: Any = parse_json((folder / "schema.json").read_bytes(), most=2**20)
        return json.dumps(Schema.from_json(state).to_json())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise plait.ReadError(f"schema.json: {error}") from error


def _tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text(Tokenize.fit(np.array(["a red fox", "a dog"], TEXT), size=10).state)


def _read_tokenizer(folder: Path) -> object:
    words = Tokenize(folder / "tokenizer.json")
    try:
        found = words(np.array(["a red fox!", "cat"], TEXT))
    except PlaitError as error:
        raise plait.TransformError(f"tokenizer.json: {error}") from error
    return found.values, found.offsets


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "ab":
            buffer = io.BytesIO()
            np.save(buffer, np.arange(50.0))
            archive.writestr(f"{name}.npy", buffer.getvalue())


def _sqlite(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "trial.db")) as connection:
        connection.execute("create table labels (id text, x real, n integer)")
        connection.executemany("insert into labels values (?, ?, ?)", [(f"k{n}", n / 3, n) for n in range(50)])
        connection.commit()


def _duckdb(folder: Path) -> None:
    with duckdb.connect(folder / "trial.duckdb") as connection:
        connection.execute("create table labels as select 'k' || i as id, i / 3 as x from range(50) r(i)")


PICTURES = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF")

TARGETS = [
    Target("npy files", _arrays, lambda f: everything(plait.Npy(f / "{id}.npy"))),
    Target("npy mapped", _arrays, lambda f: everything(plait.Npy(f / "a.npy")), files=("a.npy",)),
    Target("npy in a zip", _zip, lambda f: everything(plait.Npy(f"zip://{{id}}.npy::{f}/set.zip"))),
    Target("json files", _documents, lambda f: everything(plait.Json(f / "{id}.json"))),
    Target("json lines", _lines, lambda f: everything(plait.Json(f / "all.jsonl", key="id"))),
    Target("csv", _csv, lambda f: everything(plait.Csv(f / "labels.csv", key="id"))),
    *(Target(f"image {kind}", _picture(kind), lambda f: everything(plait.Images(f / "{id}.img", size=(8, 8)))) for kind in PICTURES),
    Target("mask", _mask, lambda f: everything(plait.Masks(f / "{id}.png", size=(8, 8)))),
    Target("text", lambda f: (f / "t.txt").write_text("Ein Text, größer\n"), lambda f: everything(plait.Text(f / "{id}.txt"))),
    Target("hdf5", _hdf5, lambda f: everything(plait.HDF5(f / "scan.h5", key="id"))),
    Target("parquet", _parquet, lambda f: everything(plait.Parquet(f / "people.parquet", key="id"))),
    Target("sqlite", _sqlite, lambda f: everything(plait.SQL(f"sqlite:///{f}/trial.db", "labels", key="id"))),
    Target("packed, checked", _packed, _read_packed, checked=True),
    Target("packed, not checked", _packed, _read_packed_quickly),
    Target("synthesizer archive", _archive, lambda f: list(read_archive(f / "model.plait")), checked=True),
    Target("saved run", _saved_run, _read_saved_run, checked=True),
    Target("preprocessing", _prepared, _read_prepared),
    Target("spec", _specs, _read_specs),
    Target("schema", _schema, _read_schema),
    Target("tokenizer", _tokenizer, _read_tokenizer),
]
DUCKDB = Target("duckdb", _duckdb, lambda f: everything(plait.SQL(f"duckdb:///{f}/trial.duckdb", "labels", key="id")))


class Bench:
    """Valid files of a target, and a place to damage a copy of them."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.valid, self.work = target, folder / "valid", folder / "work"
        self.valid.mkdir(parents=True)
        target.make(self.valid)
        shutil.copytree(self.valid, self.work)
        self.expected = target.read(self.work)
        self.paths = [path.relative_to(self.valid) for path in target.damaged(self.valid)]
        self.contents = [(self.valid / path).read_bytes() for path in self.paths]

    def try_one(self, which: int, ops: Sequence[Op]) -> str:
        """Damage one file, read, and mend it again."""
        place = which % len(self.paths)
        path, content = self.work / self.paths[place], mutated(self.contents[place], ops)
        path.unlink()  # a file of its own, so that nothing that is still mapped changes
        path.write_bytes(content)
        try:
            found = outcome(self.target, self.work, path, self.expected)
            assert content != self.contents[place] or found == "same", f"the file is what it was, and {found}"
            return found
        finally:
            if not path.exists() or path.read_bytes() != self.contents[place]:
                path.unlink(missing_ok=True)
                path.write_bytes(self.contents[place])
