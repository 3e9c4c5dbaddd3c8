"""The files that docs/data.md, docs/prepare.md and docs/train.md name, of forty made-up patients."""

import json
import sqlite3
from pathlib import Path

import h5py
import numpy as np
import pandas
import pyarrow as pa
import pyarrow.parquet
from PIL import Image

rng = np.random.default_rng(0)
ids = [f"p{number:03d}" for number in range(40)]
grade, age = rng.integers(0, 3, 40), rng.integers(20, 80, 40)
for folder in ("photos", "masks"):
    Path(folder).mkdir(exist_ok=True)
for number, patient in enumerate(ids):
    pixels = rng.integers(0, 120, (80, 70, 3), dtype=np.uint8)
    spot = np.zeros((80, 70), np.uint8)
    spot[20 : 30 + 10 * grade[number], 20:40] = 255
    Image.fromarray(np.where(spot[..., None] > 0, 250, pixels).astype(np.uint8)).save(f"photos/{patient}.jpg")
    Image.fromarray(spot).save(f"masks/{patient}.png")
    np.save(f"sensor_{patient}.npy", rng.random((100, 5)))
    Path(f"meta_{patient}.json").write_text(json.dumps({"location": ["roof", "cellar"][number % 2], "time": 12.5}))
words = np.array(["small", "medium", "large", "round", "dark", "pale"])
captions = [" ".join(words[rng.integers(0, 6, rng.integers(2, 5))]) for _ in ids]
lines = [f'{patient},"{caption}"' for patient, caption in zip(ids, captions, strict=True)]
Path("labels.csv").write_text("id,caption\n" + "\n".join(lines) + "\n")
hospital = [["north", "south", "east", "west"][number % 4] for number in range(40)]
pyarrow.parquet.write_table(pa.table({"id": ids, "age": age.astype(float), "hospital": hospital}), "patients.parquet")
with sqlite3.connect("trial.db") as database:
    database.execute("create table labels (id text primary key, grade text, sure real)")
    rows = [
        (p, ["mild", "moderate", "severe"][g] if i % 4 else None, 0.5 + i / 80) for i, (p, g) in enumerate(zip(ids, grade, strict=True))
    ]
    database.executemany("insert into labels values (?, ?, ?)", rows)
with h5py.File("scans.h5", "w") as file:
    file["id"] = np.array(ids, dtype="S4")
    file["scan"] = rng.random((40, 8, 8)).astype(np.float32)
df = pandas.DataFrame({"id": ids, "age": age})
x1, x2, size = rng.random((40, 10)), rng.random((40, 20)), rng.random(40)
