"""Predict from raw files with what `plait demo` saved; nothing of the training data is needed.

    python predict.py samples.json

The file holds a list of samples, each with the files of a drawing and of the pen's path, and the usual seconds of the hand. Prints what
the model says, and writes it to predictions.json beside the samples.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

import plait

__all__ = ["predict"]


def predict(samples_file: Path) -> dict[str, list]:
    """Target name -> one prediction a sample, in the words and units of the table that was trained on."""
    here = samples_file.parent
    samples = json.loads(samples_file.read_text(encoding="utf-8"))
    model: Any = keras.models.load_model(here / "model.keras")
    prep = plait.Preprocessing.load(here / "prep.json")
    inputs = prep(
        {
            "drawing": [here / sample["drawing"] for sample in samples],
            "pen": [here / sample["pen"] for sample in samples],
            "usual": [sample["usual"] for sample in samples],
        }
    )
    predicted = prep.decode(model.predict(inputs, verbose=0))
    result = {name: np.asarray(values).tolist() for name, values in predicted.items()}
    (here / "predictions.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    for sample, script, seconds in zip(samples, result["script"], result["seconds"], strict=True):
        print(f"{sample['drawing']:32}  {script:10} {seconds:5.1f} s")
    return result


if __name__ == "__main__":
    predict(Path(sys.argv[1] if len(sys.argv) > 1 else "samples.json").resolve())
