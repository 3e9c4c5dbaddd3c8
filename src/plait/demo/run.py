"""Run the demo: say each step, write the page, and predict once more in a fresh process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np

import plait
from plait.demo import predict, road
from plait.demo.handwriting import unpack
from plait.demo.scores import Score, score
from plait.demo.story import Story, tell

__all__ = ["demo"]

_SAMPLES = 6  # raw samples for the fresh process


def demo(out: Path, *, epochs: int = 12) -> int:
    """The whole road. Returns the exit status: 1 when the check fails or the fresh process says something else.

    Args:
        out: Folder for data, model and page; made where there is none.
        epochs: Of training.
    """
    began = time.monotonic()
    keras.utils.set_random_seed(0)

    _say(f"Real handwriting as files: pictures, paths of the pen, a table ({out / 'data'})")
    unpack(out / "data")
    data, hand = road.declare(out / "data")
    print(data)
    print(data.join)

    _say("Split by hand, every step fitted on the training part")
    parts = road.prepare(data, hand)
    print(parts.train)
    print(parts.train.overlap(parts.test, by=hand))

    _say("Check before training")
    model = road.build(scripts=len(parts.train.spec["script"].classes or ()), steps=epochs * -(-len(parts.train) // road.BATCH))
    found = plait.check(parts.train, model)
    print(found)
    if not found:
        return 1

    _say(f"Train {model.count_params():,} weights on {len(parts.train)} drawings, Keras on {keras.backend.backend()}")
    history = road.train(model, parts, epochs)

    _say(f"Scores on {len(parts.test)} drawings by hands the model has never seen")
    prep = plait.Preprocessing(parts.train)
    raw = model.predict(plait.Loader(parts.test, len(parts.test), shuffle=False), verbose=0)
    predicted = {name: np.asarray(values) for name, values in prep.decode(raw).items()}
    scores = score(parts, predicted)
    print(_table(scores))

    _say("Saved, and loaded in a fresh process that sees nothing but raw files")
    model.save(out / "model.keras")
    prep.save(out / "prep.json")
    rows = np.random.default_rng(0).permutation(len(parts.test))[:_SAMPLES]
    fresh = _fresh(out, parts.test, rows)
    if fresh is None:
        return 1
    same = fresh["script"] == predicted["script"][rows].tolist() and np.allclose(fresh["seconds"], predicted["seconds"][rows], rtol=1e-3)
    print("The same as in this process." if same else f"Not the same as in this process: {predicted['script'][rows].tolist()}")

    files = [f"data/drawings/{parts.test.keys[int(row)]}.png" for row in rows]
    shown = list(zip(files, fresh["script"], fresh["seconds"], strict=True))
    story = Story(data, parts, found, history, scores, np.asarray(raw["script"]), predicted, keras.backend.backend(), shown)
    (out / "demo.html").write_text(tell(story), encoding="utf-8")
    _say(f"Done in {time.monotonic() - began:.0f} s")
    for name, what in (("demo.html", "the page to look at"), ("model.keras", "the model"), ("prep.json", "the preprocessing"),
                       ("predict.py", "predicts from raw files with these two")):  # fmt: skip
        print(f"   {out / name}   {what}")
    return 0 if same else 1


def _fresh(out: Path, test: plait.Dataset, rows: np.ndarray) -> dict[str, list] | None:
    """What a new Python process predicts for the raw files of these samples; None where it fails, and has said why."""
    usual = test.raw().read(["usual"], rows)["usual"]
    keys = [test.keys[int(row)] for row in rows]
    samples = [
        {"drawing": f"data/drawings/{key}.png", "pen": f"data/pens/{key}.npy", "usual": float(seconds)}
        for key, seconds in zip(keys, usual, strict=True)
    ]
    (out / "samples.json").write_text(json.dumps(samples, indent=1), encoding="utf-8")
    script = shutil.copy(Path(predict.__file__), out / "predict.py")
    sys.stdout.flush()
    command = [sys.executable, str(script), str(out / "samples.json")]
    done = subprocess.run(command, env={**os.environ, "KERAS_BACKEND": keras.backend.backend()}, check=False)
    return json.loads((out / "predictions.json").read_text(encoding="utf-8")) if done.returncode == 0 else None


def _table(scores: list[Score]) -> str:
    lines = [f"   {'head':8}  {'measure':14}  {'this model':>12}  {'linear model':>12}  {'same answer':>12}  {'samples':>8}"]
    for s in scores:
        lines.append(
            f"   {s.head:8}  {s.measure:14}  {s.shown(s.model):>12}  {s.shown(s.linear):>12}  {s.shown(s.plain):>12}  {s.samples:>8}"
        )
    return "\n".join(lines)


def _say(text: str) -> None:
    print(f"\n== {text}", flush=True)
