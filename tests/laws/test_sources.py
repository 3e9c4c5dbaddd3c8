"""Every source keeps the laws of sources. To add one: append to CASES a name and a function from an empty folder to the source."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import csv, parquet

import plait
from plait.draws import Draws
from plait.ragged import Array, Ragged
from plait.source import Source
from plait.testing import check_source


class Case(NamedTuple):
    """A source to be made in a folder."""

    name: str
    make: Callable[[Path], Source]


IDS = ("p7", "a", "é0", "b-c", "10", "9")


def photos(folder: Path, suffix: str = "jpg") -> Path:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for number, name in enumerate(IDS):
        height, width = 40 + 7 * number, 61 - 5 * number
        Image.fromarray(rng.integers(0, 256, (height, width, 3), np.uint8)).save(folder / f"{name}.{suffix}")
    return folder


def masks(folder: Path) -> Path:
    rng = np.random.default_rng(1)
    for number, name in enumerate(IDS):
        values = np.where(rng.random((30 + number, 41)) < 0.3, np.uint8(255), np.uint8(0))
        Image.fromarray(values).save(folder / f"{name}.png")
    return folder


def series(folder: Path, unequal: bool = False) -> Path:
    rng = np.random.default_rng(2)
    for number in range(6):
        np.save(folder / f"sensor_{number}.npy", rng.normal(size=(number if unequal else 100, 5)))
    return folder


def big(folder: Path, order: str = "C", dtype: str = "<f4") -> Path:
    array = np.random.default_rng(3).normal(size=(50, 4, 3)).astype(dtype)
    np.save(folder / "big.npy", np.asarray(array, order=order))  # type: ignore[call-overload]
    return folder / "big.npy"


def words(folder: Path) -> Path:
    np.save(folder / "words.npy", np.array(["lung", "", "übermäßig", "a b"] * 5))
    return folder / "words.npy"


def documents(folder: Path, literal: bool = False) -> Path:
    for number in range(7):
        document = {
            "age": 40 + number,
            "size": number / 2,
            "sure": number % 2 == 0,
            "site": {"name": f"Saal {number}", "floor": None if number == 3 else number},
            "tags": ["a", "ü"][: number % 3],
            "box": [[1, 2.5], [number, 4]],
            "note": "rund",
        }
        if number == 5:
            del document["note"]
        text = repr(document) if literal else json.dumps(document)
        (folder / f"meta_{number}.txt").write_text(text, encoding="utf-8")
    return folder


def lines(folder: Path) -> Path:
    rows = [{"id": f"k{n}", "side": "lr"[n % 2], "x": [n] * (n % 4), "y": None if n == 2 else n} for n in range(9)]
    (folder / "all.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return folder / "all.jsonl"


def notes(folder: Path) -> Path:
    for number, name in enumerate(IDS):
        (folder / f"{name}.txt").write_text(f"Befund {number}:\r\nklein, rund ☺\0", encoding="utf-8")
    return folder


def scans(folder: Path) -> Path:
    rng = np.random.default_rng(4)
    with h5py.File(folder / "scans.h5", "w") as file:
        file["id"] = [f"s{n}" for n in range(40)]
        file["number"] = np.arange(40)[::-1]
        file.create_dataset("scan/left", data=rng.integers(0, 256, (40, 8, 8, 1), np.uint8), chunks=(7, 8, 8, 1), compression="gzip")
        file["scan/right"] = rng.normal(size=(40, 3)).astype(">f8")
        file["healthy"] = rng.random(40) < 0.5
        file["report"] = [f"Ärztin {n}" for n in range(40)]
        file["grade"] = np.array([b"low", b"high"] * 20)
        tokens = file.create_dataset("tokens", 40, h5py.vlen_dtype(np.int32))
        for row in range(40):
            tokens[row] = np.arange(row % 5)
        file["version"] = 3
    return folder / "scans.h5"


def table() -> pa.Table:
    rng = np.random.default_rng(9)
    return pa.table(
        {
            "site": ["A", "B"] * 20,
            "id": [f"{n:03d}" for n in np.repeat(rng.permutation(20), 2)],
            "grade": pa.array([None if n % 7 == 0 else n for n in range(40)], pa.int16()),
            "size": pa.array([None if n % 5 == 0 else n / 3 for n in range(40)], pa.float32()),
            "note": [None if n % 9 == 0 else "ü" * (n % 4) + str(n) for n in range(40)],
            "day": pa.array(range(40), pa.int32()).cast(pa.date32()),
            "box": pa.array([[n, n + 1] for n in range(40)], pa.list_(pa.float64(), 2)),
            "visits": pa.array([None if n % 8 == 0 else list(range(n % 4)) for n in range(40)]),
        }
    )


def labels(folder: Path) -> Path:
    csv.write_csv(table().drop_columns(["box", "visits"]), folder / "labels.csv")
    return folder / "labels.csv"


def patients(folder: Path) -> Path:
    parquet.write_table(table(), folder / "patients.parquet", row_group_size=9)
    return folder / "patients.parquet"


def trial(folder: Path) -> str:
    with sqlite3.connect(folder / "trial.db") as connection:
        connection.execute("create table labels (site text, id integer, grade integer, size real, note text)")
        rows = table().select(["site", "id", "grade", "size", "note"]).to_pylist()
        connection.executemany("insert into labels values (:site, :id, :grade, :size, :note)", rows)
    connection.close()
    return f"sqlite:///{folder / 'trial.db'}"


def columns(**more: object) -> plait.Arrays:
    rng = np.random.default_rng(6)
    given: dict[str, object] = {
        "x": rng.normal(size=(40, 3)).astype(np.float32),
        "columns": np.asfortranarray(rng.normal(size=(40, 5)))[:, ::2],
        "big-endian": np.arange(40, dtype=">i4"),
        "gaps": np.where(np.arange(40) % 7 == 0, np.nan, 1.0),
        "words": [None if n % 5 == 0 else f"Ä{n}" for n in range(40)],
        "tokens": [None if n == 11 else list(range(n % 4)) for n in range(40)],
        "masked": np.ma.masked_less(np.arange(40), 3),
        "day": np.arange(40).astype("M8[D]"),
    }
    return plait.Arrays(given, **more)  # type: ignore[arg-type]


def half(x: Array) -> Array:
    return x / 2  # type: ignore[operator,return-value]


def noise(x: np.ndarray, gaps: np.ndarray, rng: Draws) -> tuple[np.ndarray, np.ndarray]:
    return x + rng.normal(0, 1, x.shape).astype(np.float32), gaps + rng.random()


def data() -> plait.Dataset:
    arrays, others = columns(), plait.Arrays(y=np.arange(50), key=np.arange(50)[::-1] * 2)
    return plait.Dataset(
        inputs={name: arrays[name] for name in ("x", "columns", "big-endian", "day")} | {"again": arrays["x"]},
        targets={name: arrays[name] for name in ("gaps", "words", "tokens")} | {"y": others},
        weights={"gaps": arrays["big-endian"]},
        missing=dict.fromkeys(("gaps", "words", "tokens", "y"), "mask")
        | dict.fromkeys(("x", "columns", "big-endian", "day", "again"), "drop"),
    )


CASES = [
    Case("Arrays", lambda folder: columns()),
    Case("Arrays of two-part keys", lambda folder: columns(key={"site": np.arange(40) % 3, "id": [f"i{n}" for n in range(40)]})),
    Case("Arrays mapped", lambda folder: plait.Arrays(big=np.load(big(folder, dtype=">f4"), mmap_mode="r"))),
    Case("Dataset", lambda folder: data()),
    Case("Dataset with steps", lambda folder: data().map(half, on="columns").augment(noise, on=["x", "gaps"])),
    Case("Dataset of some samples", lambda folder: data().take(np.arange(20)[::-1])),
    Case(
        "Dataset of a Dataset", lambda folder: plait.Dataset(inputs={n: data().augment(noise, on=["x", "gaps"])[n] for n in ("x", "day")})
    ),
    Case("Dataset with NaN kept", lambda folder: plait.Dataset(inputs={"gaps": columns()["gaps"]}, missing="keep").map(half, on="gaps")),
    Case("Images resized", lambda folder: plait.Images(photos(folder) / "{id}.jpg", size=(32, 24))),
    Case("Images grey", lambda folder: plait.Images(photos(folder, "png") / "{id}.png", size=(64, 80), mode="grey")),
    Case("Images of two-part keys", lambda folder: plait.Images(photos(folder / "north").parent / "{site}" / "{id}.jpg", size=(8, 8))),
    Case("Masks as they are", lambda folder: plait.Masks(masks(folder) / "{id}.png", size=(16, 16))),
    Case("Masks with classes", lambda folder: plait.Masks(masks(folder) / "{id}.png", size=(16, 16), classes={0: "no", 255: "yes"})),
    Case("Npy a file a sample", lambda folder: plait.Npy(series(folder) / "sensor_{id:d}.npy")),
    Case("Npy ragged", lambda folder: plait.Npy(series(folder, unequal=True) / "sensor_{id:d}.npy", shape=(None, 5))),
    Case("Npy mapped", lambda folder: plait.Npy(big(folder))),
    Case("Npy mapped, Fortran order", lambda folder: plait.Npy(big(folder, order="F"), key=np.arange(50) * 3)),
    Case("Npy mapped, big-endian", lambda folder: plait.Npy(big(folder, dtype=">i8"), shape=(4, 3))),
    Case("Npy mapped text", lambda folder: plait.Npy(words(folder))),
    Case("Json", lambda folder: plait.Json(documents(folder) / "meta_{id}.txt")),
    Case("Json literal dicts", lambda folder: plait.Json(documents(folder, literal=True) / "meta_{id:d}.txt")),
    Case("Json lines", lambda folder: plait.Json(lines(folder), key="id")),
    Case("Json lines, two-part keys", lambda folder: plait.Json(lines(folder), key=("id", "side"), fields=["x"])),
    Case("Text", lambda folder: plait.Text(notes(folder) / "{id}.txt")),
    Case("HDF5", lambda folder: plait.HDF5(scans(folder), key="id")),
    Case("HDF5 by rows", lambda folder: plait.HDF5(scans(folder), streams=["tokens", "scan/left"])),
    Case("Frame of pyarrow", lambda folder: plait.Frame(table(), key=["site", "id"])),
    Case("Frame of pandas", lambda folder: plait.Frame(table().drop_columns(["box"]).to_pandas())),
    Case("Csv", lambda folder: plait.Csv(labels(folder), key=["site", "id"])),
    Case("Parquet", lambda folder: plait.Parquet(patients(folder), key=["site", "id"])),
    Case("Parquet on disk", lambda folder: plait.Parquet(patients(folder), memory=0, spool=folder)),
    Case("SQL", lambda folder: plait.SQL(trial(folder), "labels", key=["site", "id"])),
    Case(
        "SQL on disk",
        lambda folder: plait.SQL("duckdb://", f"select * from '{patients(folder)}'", key=["id", "site"], memory=0, spool=folder),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_source_keeps_the_laws(case: Case, tmp_path: Path) -> None:
    check_source(case.make(tmp_path))


class Broken(Source):
    """Breaks the law that it is named after."""

    def __init__(self, law: str) -> None:
        self.law, self.calls, self.column = law, 0, np.arange(20.0)

    @property
    def keys(self) -> plait.Keys:
        return plait.Keys({"id": np.zeros(20, int)}) if self.law == "unique" else plait.Keys.range(19 if self.law == "keys" else 20)

    def __len__(self) -> int:
        return 20

    @property
    def spec(self) -> Mapping[str, plait.Spec]:
        return {"x": plait.Spec((), np.dtype(np.float32 if self.law == "dtype" else np.float64)), "y": plait.Spec((), np.dtype(float))}

    @property
    def label(self) -> str:
        return "" if self.law == "label" else "Broken"

    def absent(self, name: str) -> np.ndarray | None:
        return np.zeros(3, bool) if self.law == "absent" else None

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        self.calls += 1
        values = self.column[rows]
        if self.law == "order":
            values = np.sort(values)
        if self.law == "pure":
            values = values + self.calls
        if self.law == "empty" and not len(rows):
            values = values.astype(int)
        if self.law == "count":
            values = values[:1]
        if self.law == "together" and len(names) > 1:
            values = values + 1
        if self.law == "frozen":
            values.flags.writeable = False
        if self.law == "names" and len(names) > 1:
            names = names[:1]
        return {name: Ragged(values, np.arange(len(values) + 1)) if self.law == "kind" else values for name in names}

    def __getitem__(self, name: str) -> plait.Stream:
        return plait.Stream(self, name) if self.law == "unknown" else super().__getitem__(name)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Broken, ("dtype" if self.law == "pickle" else self.law,)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("label", "the label of Broken"),
        ("keys", "20 samples and 19 keys"),
        ("unique", "repeated keys"),
        ("dtype", r"declared as \(\) float32; read are \(\) float64"),
        ("kind", r"read are \(\?,\) float64"),
        ("empty", "read are .* int64"),
        ("count", "1 samples for 22 rows"),
        ("order", "many rows are not the rows one by one"),
        ("pure", "many rows are not the rows one by one|read as a stream is another"),
        ("together", "read with others"),
        ("names", r"asked for \['x', 'y'\]"),
        ("frozen", "cannot be written to"),
        ("absent", r"absent\('x'\) is bool \(3,\)"),
        ("pickle", "after pickling"),
        ("unknown", "no error for a stream that does not exist"),
    ],
)
def test_a_source_that_breaks_a_law_is_told_which(law: str, message: str) -> None:
    with pytest.raises((AssertionError, plait.DuplicateKeyError), match=message):
        check_source(Broken(law))


def test_a_source_that_hands_out_its_memory_is_told_so() -> None:
    class Shared(Broken):
        def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
            self.column = np.zeros(len(rows)) if len(self.column) != len(rows) else self.column
            return dict.fromkeys(names, self.column)

    with pytest.raises(AssertionError, match="hands out its own memory"):
        check_source(Shared("none"))


def test_a_source_that_keeps_them_passes() -> None:
    check_source(Broken("none"))
