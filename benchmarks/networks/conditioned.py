"""N1, N2 and N3, judged on held-out data by every metric: python benchmarks/networks/conditioned.py [n1 n2 n3] [--seeds 3] [--page PAGE].

Each example is trained as it stands, once a seed, which draws the split and the initial weights anew; what it makes stands beside the real
answers, those of the nearest known condition, and the mean. What is measured:

- energy: the energy score (Gneiting and Raftery 2007) of several draws, in the units of the data; less is better.
- N1, by a `plait.Judge` that was trained to tell the wish on real pairs of a crop and its answer; pairs of its own, as it would know again
  those that others learned from or hand out. The share of answers that it says are what was wished for; Fréchet distance, over the
  variance of real ones, precision, recall, density and coverage in its features, each the mean over the draws; and what a second judge,
  trained on the answers made, gets right of real ones (by chance 6 %): on all draws, for as many steps whoever answers.
- N2: the discriminative score, how far from one half a judge of sensors and series comes in telling made from real ones that it hasn't
  seen; and the predictive score, the root mean square error on real series of a temporal network that was trained on the made ones to
  tell the next value of the series from the sensors and the series so far (Yoon, Jarrett, van der Schaar 2019).
- N3: the AUC of trees that tell made rows from real ones (one half for a coin), the mean over the draws; and what trees that learned the
  digit from rows made for one half get right of the real ones of the other, either way: from all draws, as that is what new rows are for.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import page

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from sklearn.ensemble import HistGradientBoostingClassifier

import plait
from plait.metrics.coverage import neighbourhoods
from plait.metrics.signals import frechet

EXAMPLES = Path(__file__).parents[2] / "examples"
REAL = "the real answers"
Found = dict[str, dict[str, float]]  # who -> figure -> value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("which", nargs="*", default=[], help="n1, n2, n3; all when left out")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--short", action="store_true", help="a few samples and one epoch: does it run?")
    parser.add_argument("--keep", type=Path, default=Path("build/networks"), help="what a seed gave is kept here, and not measured again")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    for name in given.which or ["n1", "n2", "n3"]:
        title, measure, digits = {"n1": (N1, n1, 3), "n2": (N2, n2, 3), "n3": (N3, n3, 3)}[name]
        every = [kept(given.keep / f"{name}-{seed}.json", measure, seed, given.short) for seed in range(given.seeds)]
        text = f"## {title}\n\n{table(every, digits)}"
        print(text, flush=True)
        if given.page:
            page.write(given.page, name, f"{text}\n\n{page.measured('Keras on ' + keras.backend.backend())}")


N1 = "N1, an image and a sentence to an image"
N2 = "N2, two sensors to a series"
N3 = "N3, numbers and a category to numbers"


def kept(path: Path, measure: Callable[[int, bool], Found], seed: int, short: bool) -> Found:
    """What the file holds, or what is measured now; that of a short run is not kept."""
    if not short and path.exists():
        return json.loads(path.read_text(encoding="utf-8"))
    found = measure(seed, short)
    if not short:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    return found


def n1(seed: int, short: bool) -> Found:
    """3 200 crops to train on, 800 held out: half of them to make answers for, the other half to compare with."""
    example = example_of("n1")
    rows, draws = (160, 2) if short else (3200, 4)
    named = example["pairs"](rows, held_out=False, seed=seed), example["pairs"](max(rows // 4, 80), held_out=True, seed=seed)
    half = len(named[1]) // 2
    asked, kept = named[1].take(slice(half)), named[1].take(slice(half, None))
    train, test = example["embedded"](*named)
    flow, spent = timed(lambda: example["trained"](train, 1 if short else 10, seed))
    told = test.take(slice(half))
    drawn = sampled(flow, told, "image", draws, seed)
    photos, wishes = (named[0][name].values() for name in ("photo", "wish"))
    near = example["likest_crop"](photos, wishes, asked["photo"].values(), asked["wish"].values())
    known, truth = named[0]["image"].values(), asked["image"].values()
    guesses = {
        "the flow": drawn,
        "the answer to the likest crop": known[near][:, None],
        "the crop as it was": asked["photo"].values()[:, None],
        "the mean image": np.repeat(np.rint(known.mean(axis=0))[None, None], half, axis=0).astype(np.uint8),
        REAL: truth[:, None],
    }
    own = example["pairs"](160 if short else 4800, held_out=False, seed=seed + 1000)
    judge = plait.Judge.fit(own, "wish", seed=seed, epochs=1 if short else 10, progress=False)
    real, _ = judge.look({name: kept[name].values() for name in judge.seen})
    found: Found = {}
    for who, guess in guesses.items():
        flat = guess.reshape(half, guess.shape[1], -1).astype(np.float32)
        energy = {} if who == REAL else {"energy": example["energy"](flat, truth.reshape(half, -1).astype(np.float32))}
        per_draw = []
        for draw in range(guess.shape[1]):
            made = asked_with(asked, guess[:, draw])
            points, _ = judge.look({name: made[name].values() for name in judge.seen})
            around = {name: float(value.value) for name, value in neighbourhoods(real, points).items()}
            per_draw.append({"as wished": judge.accuracy(made), "Fréchet": frechet(real, points)} | around)
        found[who] = energy | {name: float(np.mean([figures[name] for figures in per_draw])) for name in per_draw[0]}
        every = asked_with(asked.take(np.repeat(np.arange(half), guess.shape[1])), guess.reshape(-1, *guess.shape[2:]))
        second = plait.Judge.fit(every, "wish", seed=seed + 1, epochs=1 if short else 40 // guess.shape[1], progress=False)
        found[who]["taught"] = second.accuracy(kept)
    return shown("n1", seed, found, spent)


def asked_with(asked: plait.Dataset, images: np.ndarray) -> plait.Dataset:
    """The same crops and wishes with other answers."""
    arrays = plait.Arrays(photo=asked["photo"].values(), wish=asked["wish"].values(), image=images)
    return plait.Dataset(inputs={name: arrays[name] for name in ("photo", "wish")}, targets={"image": arrays["image"]})


def n2(seed: int, short: bool) -> Found:
    """Four fifths of the hands to train on; series are made for the others' sensors."""
    example = example_of("n2")
    train, test = (example["only"](part) for part in example["paths"](400 if short else 3580).split(0.8, seed=seed, by="hand"))
    draws, epochs = (2, 1) if short else (8, 60)
    known, truth = (part["up"].values() for part in (train, test))
    near = example["likest"](train, test)
    guesses, every = {}, {}
    for who, recurrent in {"the flow, convolutions": False, "the flow, recurrent branches": True}.items():
        flow, every[who] = timed(lambda recurrent=recurrent: example["trained"](train, epochs, recurrent, seed))
        guesses[who] = sampled(flow, test, "up", draws, seed)
    guesses |= {"the series of the likest sensors": known[near[:, :1]], "those of the two likest": known[near]}
    guesses |= {"the mean series": np.repeat(known.mean(axis=0)[None, None], len(test), axis=0), REAL: truth[:, None]}
    found: Found = {}
    for who, guess in guesses.items():
        energy = (
            {} if who == REAL else {"energy": example["energy"](guess.reshape(len(test), guess.shape[1], -1), truth.reshape(len(test), -1))}
        )
        found[who] = energy | {
            "discriminative": told_apart(test, guess[:, 0], seed),
            "predictive": forecast(test, guess[:, 0], seed, short),
        }
        found[who] |= every.get(who, {})
    return shown("n2", seed, found, {})


def told_apart(test: plait.Dataset, series: np.ndarray, seed: int) -> float:
    """How far from one half a network comes that is trained to tell made from real: half of the samples are made, half are real."""
    made = np.random.default_rng(seed).permutation(len(test)) % 2 == 0
    up = np.where(made[:, None, None], series, test["up"].values()).astype(np.float32)
    arrays = plait.Arrays(**{name: test[name].values() for name in test.inputs}, up=up, made=made)
    data = plait.Dataset(inputs={name: arrays[name] for name in (*test.inputs, "up")}, targets={"made": arrays["made"]})
    learn, ask = data.split(0.6, seed=seed, stratify="made")
    return abs(plait.Judge.fit(learn, "made", seed=seed, progress=False).accuracy(ask) - 0.5)


def forecast(test: plait.Dataset, series: np.ndarray, seed: int, short: bool) -> float:
    """What a network that has seen made series alone errs by in the next values of real ones."""

    def data(up: np.ndarray) -> plait.Dataset:
        up = np.asarray(up, np.float32)
        told = {name: test[name].values()[:, 1:] for name in test.inputs}
        arrays = plait.Arrays(**told, before=up[:, :-1], step=np.diff(up, axis=1))
        return plait.Dataset(inputs={name: arrays[name] for name in (*told, "before")}, targets={"step": arrays["step"]})

    learn, ask = data(series), data(test["up"].values())
    model = causal({name: ask[name].spec.shape for name in ask.inputs}, seed)
    model.fit(plait.Loader(learn, 32, seed=seed), epochs=1 if short else 20, verbose=0)
    off = model.predict(plait.Loader(ask, 256, shuffle=False), verbose=0)["step"] - ask["step"].values()
    return float(np.square(off).mean() ** 0.5)


def causal(shapes: Mapping[str, tuple[int | None, ...]], seed: int) -> Any:
    """A temporal convolutional network that sees nothing of what comes later."""
    layers: Any = keras.layers
    keras.utils.set_random_seed(seed)
    inputs = {name: keras.Input(shape, name=name) for name, shape in shapes.items()}
    x = layers.Concatenate()(list(inputs.values()))
    for wide in (1, 2, 4, 8):
        x = layers.Conv1D(32, 3, padding="causal", dilation_rate=wide, activation="relu")(x)
    model: Any = keras.Model(inputs, {"step": layers.Conv1D(1, 1, name="step")(x)})
    model.compile(keras.optimizers.Adam(0.003), "mse")
    return model


def n3(seed: int, short: bool) -> Found:
    """Four fifths of the digits to train on; rows are made for the others."""
    example = example_of("n3")
    train, test = example["rows"]().split(0.8, seed=seed, stratify="digit")
    flow, spent = timed(lambda: example["trained"](train, 2 if short else 300, seed))
    drawn = sampled(flow, test, "lower", 8, seed)
    known, truth = (part["lower"].values() for part in (train, test))
    guesses = {"the flow": drawn, "the row of the likest numbers": known[example["likest"](train, test)][:, None]}
    guesses |= {"the mean row": np.repeat(known.mean(axis=0)[None, None], len(test), axis=0), REAL: truth[:, None]}
    digit, upper = test["digit"].values(), test["upper"].values()
    halves = np.random.default_rng(seed).permutation(len(test)) % 2
    found: Found = {}
    for who, guess in guesses.items():
        draws, right = guess.shape[1], np.empty(len(test), bool)
        for half in (0, 1):
            learn, ask = halves == half, halves != half
            rows = np.concatenate([np.column_stack([upper, guess[:, draw]])[learn] for draw in range(draws)])
            trees = HistGradientBoostingClassifier(random_state=seed, max_iter=50).fit(rows, np.tile(digit[learn], draws))
            right[ask] = trees.predict(np.column_stack([upper, truth])[ask]) == digit[ask]
        energy = {} if who == REAL else {"energy": example["energy"](guess, truth)}
        found[who] = energy | {"AUC": float(np.mean([rows_apart(train, test, guess[:, draw]) for draw in range(draws)]))}
        found[who]["taught"] = float(right.mean())
    return shown("n3", seed, found, spent)


def rows_apart(train: plait.Dataset, test: plait.Dataset, rows: np.ndarray) -> float:
    """The AUC of trees that tell one half of the samples, with these rows, from the other half, with the real ones."""
    arrays = plait.Arrays(digit=test["digit"].values(), upper=test["upper"].values(), lower=np.asarray(rows, np.float64))
    made = plait.Dataset(inputs={name: arrays[name] for name in ("digit", "upper")}, targets={"lower": arrays["lower"]})
    report = plait.compare(test.take(slice(0, None, 2)), made.take(slice(1, None, 2)), train=train)
    return float(next(finding.values["value"] for finding in report if finding.id == "detection"))


def example_of(name: str) -> dict[str, Any]:
    """What the example of that name defines."""
    return runpy.run_path(str(next(EXAMPLES.glob(f"{name}_*.py"))))


def timed(make: Callable[[], Any]) -> tuple[Any, dict[str, float]]:
    """What is made, and the seconds that it took, compiling included."""
    wall, cpu = time.perf_counter(), time.process_time()
    made = make()
    return made, {"s": time.perf_counter() - wall, "CPU s": time.process_time() - cpu}


def sampled(flow: Any, told: plait.Dataset, name: str, draws: int, seed: int) -> np.ndarray:
    """(samples, draws, ...) answers."""
    given = {n: np.repeat(told[n].values(), draws, axis=0) for n in told.inputs}
    made = flow.sample(len(told) * draws, seed=seed, given=given)[name].values()
    return made.reshape(len(told), draws, *made.shape[1:])


def shown(name: str, seed: int, found: Found, spent: dict[str, float]) -> Found:
    if spent:
        found["the flow"] |= spent
    for who, figures in found.items():
        print(name, seed, who, {key: round(value, 3) for key, value in figures.items()}, flush=True)
    return found


def table(every: list[Found], digits: int) -> str:
    """A row each who answers, a column a figure: the mean over the seeds, the least and the most."""
    figures = list(dict.fromkeys(key for who in every[0].values() for key in who))
    lines = ["| | " + " | ".join(figures) + " |", "|---" * (len(figures) + 1) + "|"]
    for who in every[0]:
        cells = []
        for key in figures:
            values = [found[who][key] for found in every if key in found[who]]
            cells.append(spread(values, 0 if key in ("s", "CPU s") else digits) if values else "")
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    said = f"The mean of {len(every)} seeds; in brackets the least and the most." if len(every) > 1 else "One seed."
    return f"{said}\n\n" + "\n".join(lines)


def spread(values: list[float], digits: int) -> str:
    """The mean, and in brackets the least and the most."""
    around = f" ({min(values):.{digits}f} to {max(values):.{digits}f})" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{around}"


if __name__ == "__main__":
    main()
