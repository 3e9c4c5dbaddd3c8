"""The demo on the backend at hand: every step said, files that work by themselves, a page to look at."""

from __future__ import annotations

import json
import re

import keras
import numpy as np
import pytest
from browser import look, needs_chromium

import plait
from plait.cli import main


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a demo of one epoch, and what it printed."""
    import contextlib
    import io

    folder, printed = tmp_path_factory.mktemp("demo") / "demo", io.StringIO()
    with contextlib.redirect_stdout(printed), pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", keras.backend.backend())
        assert main(["demo", "--out", str(folder), "--epochs", "1"]) == 0
    return folder, printed.getvalue()


def test_it_says_every_step(out, backend):
    _, printed = out
    for step in ("Real handwriting", "Split by hand", "Check before training", "Train ", "Scores on", "fresh process", "Done in"):
        assert f"== {step}" in printed or step in printed
    assert "617 missing, weight 0" in printed
    assert re.search(r"check of \d+ samples against model 'handwriting': 0 failed", printed)
    assert f"Keras on {backend}" in printed
    assert re.search(r"epoch  1/1   loss \d\.\d{3}   right scripts", printed)
    assert "The same as in this process." in printed


def test_one_epoch_is_better_than_always_the_same_answer(out):
    rows = re.findall(r"^   (script|seconds) .*?(\d[\d.]*)(?:%| s) +(\d[\d.]*)(?:%| s) +(\d[\d.]*)(?:%| s) +(\d+)$", out[1], re.MULTILINE)
    scores = {head: (float(model), float(plain), int(count)) for head, model, _, plain, count in rows}
    assert scores["script"][0] > scores["script"][1]
    assert scores["seconds"][0] < scores["seconds"][1]
    assert scores["script"][2] > scores["seconds"][2] > 500


def test_no_hand_is_on_both_sides(out):
    from plait.demo import road

    data, hand = road.declare(out[0] / "data")
    parts = road.prepare(data, hand)
    assert parts.train.overlap(parts.test, by=hand)
    assert len(parts.train) + len(parts.test) == len(data) == 3580


def test_picture_and_pen_are_moved_together():
    from plait.demo import road

    rng = plait.draws.Draws(np.arange(50, dtype=np.uint64))
    drawing, pen = np.full((50, 28, 28, 1), 255, np.uint8), np.zeros((50, 4, 3), np.float32)
    drawing[:, 10, 14], pen[:, 0] = 0, (14 / 28, 10 / 28, 1)
    moved, path = road.nudge(drawing, pen, rng)
    y, x = np.array([np.argwhere(image[..., 0] == 0)[0] for image in moved]).T
    assert np.allclose(path[:, 0, 0] * 28, x) and np.allclose(path[:, 0, 1] * 28, y)
    assert len({*zip(x.tolist(), y.tolist(), strict=True)}) > 15
    assert not path[:, 1:].any()  # padding stays padding


def test_model_and_preprocessing_predict_from_raw_files_as_the_fresh_process_did(out):
    folder, _ = out
    samples = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
    prep = plait.Preprocessing.load(folder / "prep.json")
    model = keras.models.load_model(folder / "model.keras")
    inputs = {
        "drawing": [folder / s["drawing"] for s in samples],
        "pen": [folder / s["pen"] for s in samples],
        "usual": [s["usual"] for s in samples],
    }
    decoded = prep.decode(model.predict(prep(inputs), verbose=0))
    said = json.loads((folder / "predictions.json").read_text(encoding="utf-8"))
    assert decoded["script"].tolist() == said["script"]
    assert np.allclose(decoded["seconds"], said["seconds"], rtol=1e-3)


def test_the_data_lie_there_with_their_licence(out):
    folder, _ = out
    assert len(list((folder / "data/drawings").iterdir())) == len(list((folder / "data/pens").iterdir())) == 3580
    assert "Copyright (c) 2015 Brenden Lake" in (folder / "data/LICENSE.txt").read_text(encoding="utf-8")


@needs_chromium
def test_the_page_fits_a_telephone_and_shows_what_there_is_to_see(out, tmp_path):
    page = (out[0] / "demo.html").read_text(encoding="utf-8")
    narrow = look(page, tmp_path, width=400)
    assert (narrow.overflow, narrow.scripts, narrow.resources, narrow.console) == (0, 0, [], [])
    for words in ("Scores, on hands the model has never seen", "Training", "The data, joined by key", "One batch, side by side",
                  "The check before training", "Predicted in a fresh process", "Katakana", "missing", "fed, epoch 1"):  # fmt: skip
        assert words in narrow.text
    assert len(narrow.images) > 20 and all(width == 28 for _, width, _ in narrow.images)
    assert page.count("<polyline") > 40
