"""plait fit, sample and compare: from one table to another, and what they refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import plait
from plait.cli import main

ROWS = 300


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    age = rng.integers(20, 80, ROWS)
    ward = np.array(["north", "south", "west"])[rng.integers(0, 3, ROWS)]
    grade = np.ma.masked_array((age > 50) + rng.integers(0, 2, ROWS), rng.random(ROWS) < 0.1)
    size = np.round(age / 10 + rng.normal(0, 0.5, ROWS), 1)
    table = plait.Arrays(age=age, ward=ward, grade=grade, size=size, key={"id": [f"p{i:03}" for i in range(ROWS)]})
    plait.Parquet.write(table, tmp_path / "patients.parquet")
    plait.Csv.write(table, tmp_path / "patients.csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(capsys, *arguments: str) -> str:
    """What the command prints when it says no."""
    assert main(arguments) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("table", ["patients.parquet", "patients.csv"])
def test_a_table_is_fitted_and_sampled(folder, capsys, table):
    given = ["--targets", "grade,size", "--key", "id"]
    assert main(["fit", table, *given, "--method", "independent", "-o", "made.plait"]) == 0
    assert "Independent of 300 rows, 2 inputs and 2 targets, is in made.plait." in capsys.readouterr().out
    assert main(["sample", "made.plait", "50", "-o", "out.parquet"]) == 0
    assert "50 rows of Independent are in out.parquet." in capsys.readouterr().out
    out = plait.Parquet("out.parquet")
    assert len(out) == 50 and set(out.spec) == {"age", "ward", "grade", "size"}
    assert set(out["ward"].values().tolist()) <= {"north", "south", "west"}
    assert out.absent("grade") is not None  # some grades are missing, as in the data


def test_the_default_is_trees(folder, capsys):
    assert main(["fit", "patients.parquet", "--targets", "grade,size", "--inputs", "age", "-o", "made.plait"]) == 0
    assert "Sequential of 300 rows, 1 inputs and 2 targets" in capsys.readouterr().out
    assert type(plait.load("made.plait")).__name__ == "Sequential"


def test_a_seed_decides_what_is_written(folder):
    main(["fit", "patients.parquet", "--targets", "size", "--inputs", "age,ward", "--method", "independent", "-o", "made.plait"])
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        assert main(["sample", "made.plait", "40", "--seed", seed, "-o", f"{name}.parquet"]) == 0
    a, b, c = ((folder / f"{name}.parquet").read_bytes() for name in "abc")
    assert a == b != c


def test_values_are_given_by_name(folder):
    main(["fit", "patients.parquet", "--targets", "size", "--inputs", "age,ward", "--method", "independent", "-o", "made.plait"])
    assert main(["sample", "made.plait", "20", "--given", "ward=west", "--given", "age=30", "-o", "out.csv"]) == 0
    out = plait.Csv("out.csv")
    assert set(out["ward"].values().tolist()) == {"west"} and set(out["age"].values().tolist()) == {30}


def test_rows_with_missing_values_can_be_dropped(folder, capsys):
    whole = ["fit", "patients.parquet", "--targets", "grade", "--inputs", "age", "--method", "independent", "-o", "made.plait"]
    assert main([*whole, "--missing", "drop"]) == 0
    rows = int(capsys.readouterr().out.split(" of ")[1].split(" rows")[0])
    assert 240 < rows < 300


def test_a_comparison_prints_and_writes_its_report(folder, capsys):
    roles = ["--targets", "size", "--inputs", "age,ward"]
    main(["fit", "patients.parquet", *roles, "--method", "independent", "-o", "made.plait"])
    main(["sample", "made.plait", "300", "-o", "out.parquet"])
    capsys.readouterr()
    status = main(["compare", "patients.parquet", "out.parquet", *roles, "--html", "report.html", "--json", "report.json"])
    printed = capsys.readouterr().out
    assert status == 1 and "The report is in report.html." in printed  # columns drawn on their own are told from real ones
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["passed"] is False


def test_what_cannot_be_meant_is_refused(folder, capsys):
    assert "patients.parquet has no column 'grad'. It has age, ward, grade, size." in refused(
        capsys, "fit", "patients.parquet", "--targets", "grad", "--key", "id", "-o", "x.plait"
    )
    assert "names every column of patients.parquet" in refused(
        capsys, "fit", "patients.parquet", "--targets", "age,ward,grade,size", "--key", "id", "-o", "x.plait"
    )
    assert "'notes.txt' is no table that is known by its name. Use a file that ends in .parquet or .csv." in refused(
        capsys, "fit", "notes.txt", "--targets", "a", "-o", "x.plait"
    )
    assert "Column 'grade' is () int64 with missing values" in refused(
        capsys, "fit", "patients.parquet", "--targets", "size", "--inputs", "grade", "-o", "x.plait"
    )
    main(["fit", "patients.parquet", "--targets", "size", "--inputs", "age,ward", "--method", "independent", "-o", "made.plait"])
    capsys.readouterr()
    for given, message in {
        "ward": "--given 'ward': write NAME=VALUE, with a name of age, ward, size.",
        "town=1": "--given 'town=1': write NAME=VALUE",
        "ward=east": "'ward' has no level 'east'.",
        "age=old": "--given 'age=old': age is () int64, and 'old' is none.",
    }.items():
        assert message in refused(capsys, "sample", "made.plait", "5", "--given", given, "-o", "out.parquet")
    assert "There is no file 'nowhere.plait'." in refused(capsys, "sample", "nowhere.plait", "5", "-o", "out.parquet")
