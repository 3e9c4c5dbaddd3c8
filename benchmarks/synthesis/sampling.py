"""How fast explicit joint distributions are drawn: the two founding ones, beside a loop, plain NumPy, and the random draws alone.

    python benchmarks/synthesis/sampling.py [--rows 1000000] [--repeats 7] [--page docs/benchmarks-synthesis.md]

Rows a CPU second of all threads together. Repeats go round all ways, so that a machine that slows down slows all of them; medians.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import page

import plait
from plait import distributions

__all__ = ["main"]

BATCH = 256
LOOP = 3000  # rows of the loop in one repeat
Way = Callable[[int, int], int]  # rows, seed -> rows drawn


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write the section of the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--without-loader", action="store_true", help="leave out what imports Keras")
    parser.add_argument("--page", type=Path, help="Markdown to write the table into")
    given = parser.parse_args(arguments)
    ways = {(case, way): call for case in CASES for way, call in ways_of(case, loader=not given.without_loader).items()}
    rates: dict[tuple[str, str], list[float]] = {name: [] for name in ways}
    for call in ways.values():
        call(BATCH, 0)  # imports, compilation
    for repeat in range(given.repeats):
        for (case, way), call in ways.items():
            start = time.process_time()
            drawn = call(given.rows, repeat)
            rates[case, way].append(drawn / max(time.process_time() - start, 1e-9))
    text = table({name: float(np.median(found)) for name, found in rates.items()}, given.rows, given.repeats)
    print(text)
    if given.page:
        page.write(given.page, "sampling", f"## Explicit joint distributions\n\n{text}\n\n{page.measured()}")


def table(rates: dict[tuple[str, str], float], rows: int, repeats: int) -> str:
    """A row each way; beside the rate its share of what the draws alone reach."""
    head = f"Million rows a CPU second, {rows:,} rows, medians of {repeats}; in brackets the share of what the random draws alone reach."
    lines = [head, "", "| | " + " | ".join(CASES) + " |", "|---|" + "---|" * len(CASES)]
    for way in dict.fromkeys(way for _, way in rates):
        cells = [f"{rates[case, way] / 1e6:.3g} ({rates[case, way] / rates[case, LIMIT]:.1%})" for case in CASES]
        lines.append(f"| {way} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ways_of(case: str, *, loader: bool) -> dict[str, Way]:
    """Every way to draw this distribution."""
    graph, named, loop, vectorised, draws = CASES[case]
    built, spelt = graph(), named()

    def batches(n: int, seed: int) -> int:
        stream, names = built.stream(seed=seed), list(built.spec)
        for start in range(0, n, BATCH):
            stream.read(names, np.arange(start, start + BATCH))
        return -(-n // BATCH) * BATCH

    def loaded(n: int, seed: int) -> int:
        steps = -(-n // BATCH)
        for _ in plait.Loader(built.stream(seed=seed), BATCH, steps=steps, seed=seed):
            pass
        return steps * BATCH

    def sampled(n: int, seed: int) -> int:
        data = built.sample(n, seed=seed)
        data.read(list(built.spec), np.arange(n))
        return n

    ways: dict[str, Way] = {
        "loop over rows": lambda n, seed: loop(min(n, LOOP), np.random.default_rng(seed)),
        "NumPy, float64, all rows at once": lambda n, seed: vectorised(n, np.random.default_rng(seed)),
        "NumPy, float64, blocks of 10 000": lambda n, seed: sum(
            vectorised(part, np.random.default_rng([seed, part])) for part in _blocks(n, 10_000)
        ),
        "plait.Graph, one sample": lambda n, seed: len(built.sample(n, seed=seed)),
        "plait.Graph of plait.distributions, one sample": lambda n, seed: len(spelt.sample(n, seed=seed)),
        "plait.Graph, one sample, read as arrays": sampled,
        f"plait.Graph, endless, batches of {BATCH}": batches,
    }
    if loader:
        ways[f"plait.Loader, endless, batches of {BATCH}"] = loaded
    return ways | {LIMIT: draws}


LIMIT = "random draws alone, float32 (the limit)"


def sessions() -> plait.Graph:
    """Engagement, and a duration that depends on it."""
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 5)),
            "engaged": lambda rng, x: rng.random(len(x)) < x.mean(axis=1),
            "duration": lambda rng, engaged: rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)),
        },
        inputs=["x"],
        targets=["engaged", "duration"],
    )


def sessions_named() -> plait.Graph:
    """The same with distributions by their names."""
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 5)),
            "engaged": distributions.Bernoulli(lambda x: x.mean(axis=1)),
            "duration": distributions.Normal(lambda engaged: np.where(engaged, 10, 2), lambda engaged: np.where(engaged, 2, 1)),
        },
        inputs=["x"],
        targets=["engaged", "duration"],
    )


def sessions_loop(n: int, rng: np.random.Generator) -> int:
    """As in the founding example: a row at a time."""
    for _ in range(n):
        x = rng.uniform(0, 1, 5)
        engaged = rng.binomial(1, np.mean(x))
        rng.normal(10, 2) if engaged else rng.normal(2, 1)
    return n


def sessions_numpy(n: int, rng: np.random.Generator) -> int:
    """All rows at once, as one writes it without a library."""
    x = rng.random((n, 5))
    engaged = rng.random(n) < x.mean(axis=1)
    return len(rng.normal(np.where(engaged, 10, 2), np.where(engaged, 2, 1)))


def customers() -> plait.Graph:
    """Churn and purchases, both moved by a latent variable."""
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 3)),
            "z": lambda rng, n: rng.normal(size=n),
            "churn": lambda rng, x, z: rng.random(len(z)) < 1 / (1 + np.exp(-(0.5 * z + x.sum(axis=1) - 2))),
            "purchase": lambda x, z: np.maximum(0, 50 + 10 * z + 5 * x.sum(axis=1)),
        },
        inputs=["x"],
        targets=["churn", "purchase"],
    )


def customers_named() -> plait.Graph:
    """The same with distributions by their names."""
    return plait.Graph(
        {
            "x": lambda rng, n: rng.random((n, 3)),
            "z": distributions.Normal(0, 1),
            "churn": distributions.Bernoulli(lambda x, z: 1 / (1 + np.exp(-(0.5 * z + x.sum(axis=1) - 2)))),
            "purchase": lambda x, z: np.maximum(0, 50 + 10 * z + 5 * x.sum(axis=1)),
        },
        inputs=["x"],
        targets=["churn", "purchase"],
    )


def customers_loop(n: int, rng: np.random.Generator) -> int:
    """As in the founding example: a row at a time."""
    for _ in range(n):
        x, z = rng.uniform(0, 1, 3), rng.normal(0, 1)
        rng.binomial(1, 1 / (1 + np.exp(-(0.5 * z + np.sum(x) - 2))))
        max(0, 50 + 10 * z + 5 * np.sum(x))
    return n


def customers_numpy(n: int, rng: np.random.Generator) -> int:
    """All rows at once, as one writes it without a library."""
    x, z = rng.random((n, 3)), rng.normal(size=n)
    total = x.sum(axis=1)
    churn = rng.random(n) < 1 / (1 + np.exp(-(0.5 * z + total - 2)))
    np.maximum(0, 50 + 10 * z + 5 * total)
    return len(churn)


def _draws(uniforms: int) -> Way:
    """Nothing but the random numbers that a row needs, into an array that stays in the processor's cache."""

    def draw(n: int, seed: int) -> int:
        rng = np.random.Generator(np.random.SFC64(seed))
        uniform, normal = np.empty((uniforms, 10_000), np.float32), np.empty(10_000, np.float32)
        for part in _blocks(n, 10_000):
            for column in uniform:
                rng.random(dtype=np.float32, out=column[:part])
            rng.standard_normal(dtype=np.float32, out=normal[:part])
        return n

    return draw


def _blocks(n: int, block: int) -> Iterator[int]:
    return (min(block, n - start) for start in range(0, n, block))


# Name -> graph, the same of named distributions, loop, NumPy, draws alone.
CASES = {
    "engaged, duration": (sessions, sessions_named, sessions_loop, sessions_numpy, _draws(6)),
    "churn, purchase (latent)": (customers, customers_named, customers_loop, customers_numpy, _draws(4)),
}

if __name__ == "__main__":
    main()
