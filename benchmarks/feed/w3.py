"""W3: many small files, an array and a document a sample; and the same packed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from frame import LIMIT, OURS, Candidate, Case, Epochs, Goal
from photos import PLACES, SERIES, sensors

TITLE = "W3: a .npy and a .json file a sample"
ABOUT = """{rows:,} pairs of files, a (100, 5) float64 array and a document of a place and a time, in the page cache; batches of 32,
float32. The documents are read once, when a feed is set up, by everybody but the generator that says otherwise. The limit is `os.open`,
`os.readv` into the batch and `os.close` from Python; of the packed data, `np.take` of the columns in memory, 8192 rows at once, sliced
into batches. Packed, each has its own format: plait `.npy` columns, webdataset tar files, mosaicml-streaming MDS."""
SIZES = {"check": {"rows": 101}, "tiny": {"rows": 300}, "small": {"rows": 2000}, "full": {"rows": 5000}}
GROUPS = {
    "plait": {"KERAS_BACKEND": "jax"},
    "keras": {"KERAS_BACKEND": "jax"},
    "tensorflow": {"KERAS_BACKEND": "tensorflow"},
    "torch": {"KERAS_BACKEND": "torch"},
    "grain": {"KERAS_BACKEND": "jax"},
    "streams": {"KERAS_BACKEND": "torch"},
}
BATCH, BLOCK = 32, 8192


def _batches(rows: int, **_: Any) -> int:
    return (rows + BATCH - 1) // BATCH


CASES = {
    "files": Case({}, batches=_batches, least=0.1),
    "packed": Case({"packed": True}, batches=_batches),
    "files, first batch": Case({}, what="first"),
}
FILES, PACKED = ("files", "files, first batch"), ("packed",)
TF, TORCH = "tf.data, read_file and decode_raw", ("torch DataLoader", "torch DataLoader, 2 workers")
KERAS, MDS = ("Keras PyDataset", "Keras PyDataset, 2 threads"), "mosaicml-streaming"
GOALS = (
    Goal("files", 1.5, (LIMIT,)),
    Goal("packed", 1.2, (LIMIT,)),
    Goal("files", 6, (TF,), sooner=True),
    Goal("files", 6, TORCH, sooner=True),
    Goal("files", 6, KERAS, sooner=True),
    Goal("packed", 200, (MDS,), sooner=True),
)
WHY = """A file is looked at before and after it is read, so that one that is written meanwhile is noticed: of 13 us a file,
opening, reading and closing are 5, the looks 3, the rest is Python.
Packed, the gather is a third: the others are the check of values, which reads them once more, the permutation of few rows, and
cutting and counting batches."""


def EXPECTED(packed: bool = False) -> dict[str, tuple[tuple[int, ...], Any]]:
    return {"series": (SERIES, np.float32), "place": ((), np.int32), "time": ((), np.float32)}


def rows(batch: dict[str, np.ndarray]) -> np.ndarray:
    return batch["series"][:, 0, 0].astype(np.int64)


def prepare(rows: int) -> None:
    sensors(rows)


class Data:
    """Where the files are."""

    def __init__(self, rows: int) -> None:
        self.folder, self.rows = sensors(rows), rows

    def path(self, row: int, ending: str = "npy") -> str:
        return f"{self.folder}/{row:05}.{ending}"

    def about(self, row: int) -> tuple[int, float]:
        with open(self.path(row, "json"), encoding="utf-8") as file:
            about = json.load(file)
        return PLACES.index(about["location"]), about["time"]

    def documents(self) -> tuple[np.ndarray, np.ndarray]:
        """(rows,) int32 places and (rows,) float32 times: read anew each time, since it is a part of setting a feed up."""
        places, times = zip(*map(self.about, range(self.rows)), strict=True)
        return np.array(places, np.int32), np.array(times, np.float32)


made = Data


def candidates(group: str) -> dict[str, Candidate]:
    import w3_peers

    return _plait() if group == "plait" else w3_peers.candidates(group)


def _plait() -> dict[str, Candidate]:
    import plait

    seeds = count()

    def dataset(data: Data) -> Any:
        series = plait.Npy(f"{data.folder}/{{id}}.npy")
        about = plait.Json(f"{data.folder}/{{id}}.json")
        names = plait.Vocabulary(PLACES)
        made = plait.Dataset(inputs={"series": series["array"], "place": about["location"]}, targets={"time": about["time"]})
        return made.map(names, on="place").map(plait.Cast("float32"), on="series")

    def loader(data: Data, packed: bool = False) -> Epochs:
        made = dataset(data)
        if packed:
            path = Path(f"{data.folder}-packed")
            made = plait.open(path) if path.exists() else plait.pack(made, path, shown=False)
        batches = plait.Loader(made, BATCH, seed=next(seeds))
        return lambda: iter(batches)

    def limit(data: Data, packed: bool = False) -> Epochs:
        if packed:
            return _gather(data)
        held, header = data.documents(), bytearray(128)

        def epoch() -> Iterator[Any]:
            order = np.random.default_rng(0).permutation(data.rows)
            for start in range(0, data.rows, BATCH):
                chosen = order[start : start + BATCH]
                raw = np.empty((len(chosen), *SERIES))
                for i, row in enumerate(chosen):
                    number = os.open(data.path(row), os.O_RDONLY)
                    os.readv(number, [header, raw[i]])
                    os.close(number)
                yield {"series": raw.astype(np.float32), "place": held[0][chosen], "time": held[1][chosen]}

        return epoch

    return {LIMIT: Candidate(limit, cases=("files", "packed")), OURS: Candidate(loader, alone=True)}


def _gather(data: Data) -> Epochs:
    series = np.stack([np.load(data.path(row)).astype(np.float32) for row in range(data.rows)])
    places, times = data.documents()
    columns = {"series": series, "place": places, "time": times}

    def epoch() -> Iterator[Any]:
        order = np.random.default_rng(0).permutation(data.rows)
        for start in range(0, data.rows, BLOCK):
            block = {name: np.take(column, order[start : start + BLOCK], axis=0, mode="clip") for name, column in columns.items()}
            for i in range(0, len(block["time"]), BATCH):
                yield {name: column[i : i + BATCH] for name, column in block.items()}

    return epoch
