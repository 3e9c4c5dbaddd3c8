"""Tables whose truth is known: a number and a category that hang together given the inputs."""

from __future__ import annotations

import numpy as np

import plait

STREAMS = {"inputs": ["age", "pulse", "site", "dose"], "targets": ["pressure", "severity"]}


def columns(rows: int, seed: int) -> dict[str, np.ndarray]:
    """Pressure and severity share a hidden cause."""
    rng = np.random.default_rng(seed)
    age, dose = rng.normal(50, 12, rows), rng.choice([0.0, 5.0, 10.0, 20.0], rows)
    site = np.array(["north", "south", "east"])[rng.integers(0, 3, rows)]
    hidden, pulse = rng.normal(size=rows), np.round(200 - age + 2 * rng.normal(size=rows))
    pressure = np.round(90 + 0.6 * age - 0.8 * dose + 9 * hidden + 4 * rng.normal(size=rows), 1)
    worse = hidden + 0.04 * (age - 50) + 0.6 * (site == "east") + 0.5 * rng.normal(size=rows)
    severity = np.array(["mild", "moderate", "severe"])[np.digitize(worse, [-0.3, 1.0])]
    return {"age": np.round(age, 1), "pulse": pulse, "site": site, "dose": dose, "pressure": pressure, "severity": severity}


def dataset(values: dict[str, np.ndarray]) -> plait.Dataset:
    """These columns as a data set; NaN is kept."""
    source = plait.Arrays(**values)
    gaps = {n: "keep" if n in STREAMS["inputs"] else "mask" for n, v in values.items() if v.dtype.kind == "f" and np.isnan(v).any()}
    roles = {role: {name: source[name] for name in names} for role, names in STREAMS.items()}
    return plait.Dataset(**roles, missing=gaps or "raise")


def real(rows: int, seed: int) -> plait.Dataset:
    """Fresh rows."""
    return dataset(columns(rows, seed))


def shuffled(rows: int, seed: int, *, names: tuple[str, ...] | None = None) -> plait.Dataset:
    """The same columns, each in an order of its own; or only these."""
    rng, values = np.random.default_rng(seed + 1), columns(rows, seed)
    return dataset({n: rng.permutation(v) if names is None or n in names else v for n, v in values.items()})
