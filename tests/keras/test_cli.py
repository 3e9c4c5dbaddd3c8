"""`plait check` and `plait bench` from the command line: what they print, and the status they end with."""

from __future__ import annotations

import json
import sys

import pytest

import plait
from plait.cli import main

SCRIPT = """
import keras
import numpy as np
import plait

source = plait.Arrays(x=np.random.default_rng(0).normal(size=(40, 4)), grade=np.arange(40) % 3)
data = plait.Dataset(inputs={"x": source["x"]}, targets={"grade": source["grade"]})
loader = plait.Loader(data, 5)
x = keras.Input((4,), name="x")
model = keras.Model({"x": x}, {"grade": keras.layers.Dense(3, activation="softmax", name="grade")(x)})
model.compile("sgd", loss={"grade": "sparse_categorical_crossentropy"})
narrow = keras.Model({"x": x}, {"grade": keras.layers.Dense(2, activation="softmax", name="grade")(x)})
narrow.compile("sgd", loss={"grade": "sparse_categorical_crossentropy"})
runs = [*globals().get("runs", []), 1]
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    (tmp_path / "trial_with_model.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    yield
    sys.modules.pop("trial_with_model", None)
    sys.path[:] = [entry for entry in sys.path if entry != str(tmp_path)]


def test_data_that_fit_end_with_status_0(capsys):
    assert main(["check", "trial_with_model.py:data", "trial_with_model.py:model"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("check of 40 samples against model")
    assert ": 0 failed" in printed


def test_a_finding_that_fails_ends_with_status_1_and_is_printed(capsys):
    assert main(["check", "trial_with_model.py:data", "trial_with_model.py:narrow"]) == 1
    printed = capsys.readouterr().out
    assert "✗ grade" in printed


def test_a_name_that_is_no_model(capsys):
    assert main(["check", "trial_with_model.py:data", "trial_with_model.py:source"]) == 2
    error = capsys.readouterr().err
    assert "trial_with_model.py:source is a Arrays, not a Keras model. Give the name of a compiled keras.Model." in error


def test_data_and_model_in_the_wrong_order(capsys):
    assert main(["check", "trial_with_model.py:model", "trial_with_model.py:data"]) == 2
    assert "trial_with_model.py:model is a Functional, not a plait.Dataset" in capsys.readouterr().err


def test_bench_prints_what_it_found_and_writes_it(capsys, tmp_path):
    assert (
        main(["bench", "trial_with_model.py:data", "trial_with_model.py:model", "--batch-size", "8", "--steps", "2", "--json", "b.json"])
        == 0
    )
    printed = capsys.readouterr().out
    assert printed.startswith("bench of 40 samples for model")
    assert "The slowest part of a batch is " in printed
    assert printed.endswith("The figures are in b.json.\n")
    assert json.loads((tmp_path / "b.json").read_text(encoding="utf-8"))["plan"]["batch_size"] == 8


def test_bench_takes_a_loader(capsys):
    assert main(["bench", "trial_with_model.py:loader", "trial_with_model.py:model", "--steps", "2"]) == 0
    assert "batches of 5" in capsys.readouterr().out


def test_bench_of_something_else(capsys):
    assert main(["bench", "trial_with_model.py:source", "trial_with_model.py:model"]) == 2
    assert "trial_with_model.py:source is a Arrays, not a plait.Dataset or plait.Loader" in capsys.readouterr().err
    assert main(["bench", "trial_with_model.py:data", "trial_with_model.py:source"]) == 2
    assert "trial_with_model.py:source is a Arrays, not a Keras model." in capsys.readouterr().err


def test_what_show_shows_is_what_a_loader_gives():
    import numpy as np

    values = np.where(np.arange(20) % 3, np.arange(20.0), np.nan)
    source = plait.Arrays(x=np.arange(20.0), y=values)
    data = plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]}, missing={"y": "mask"})
    loader = plait.Loader(data, 7, seed=5)
    preview = plait.show(data, samples=7, seed=5)
    assert list(preview.keys) == loader.keys(0)
    assert preview.streams[1].weights is not None
    assert np.array_equal(preview.streams[1].weights, loader.batch(0)[2]["y"])
