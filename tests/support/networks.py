"""Small data sets and models for the tests of checks and of silent failures."""

from __future__ import annotations

import keras
import numpy as np

import plait
from plait.checks import checking

SAMPLES = 40


def columns(samples=SAMPLES, **changes):
    """Streams of every kind: x, words, photo; kind (3 classes), price, sick (0 or 1), mask (8, 8, 1), series (5, 1)."""
    rng = np.random.default_rng(0)
    given = {
        "x": rng.normal(size=(samples, 4)).astype("float32"),
        "words": rng.integers(0, 20, (samples, 6)),
        "photo": rng.integers(0, 256, (samples, 8, 8, 3), dtype=np.uint8),
        "kind": np.arange(samples) % 3,
        "price": rng.normal(2.0, 1.0, samples),
        "sick": np.arange(samples) % 2,
        "mask": rng.integers(0, 2, (samples, 8, 8, 1), dtype=np.uint8),
        "series": rng.normal(size=(samples, 5, 1)),
    }
    return plait.Arrays({**given, **changes})


def dataset(inputs=("x",), targets=("price", "kind"), *, samples=SAMPLES, weights=None, missing="raise", **changes):
    """A data set of the streams of `columns`, some of them changed."""
    source = columns(samples, **changes)
    return plait.Dataset(
        inputs={name: source[name] for name in inputs},
        targets={name: source[name] for name in targets},
        weights={target: source[name] for target, name in (weights or {}).items()},
        missing=missing,
    )


LOSSES = {"price": "mean_squared_error", "kind": "sparse_categorical_crossentropy"}


def two_heads(container="dict", *, names=("price", "kind"), last="softmax", width=3, compiled=True, **arguments):
    """x (4,) to price (1,) and kind (3 classes); declared in that order, which is not the sorted one."""
    x = keras.Input((4,), name="x")
    hidden = keras.layers.Dense(8, activation="tanh")(x)
    price = keras.layers.Dense(1, name=names[0])(hidden)
    kind = keras.layers.Dense(width, activation=last, name=names[1])(hidden)
    model = keras.Model([x], contained(container, dict(zip(names, (price, kind), strict=True))), name="two_heads")
    if compiled:
        model.compile(optimizer="adam", **{"loss": dict(zip(names, LOSSES.values(), strict=True)), **arguments})
    return model


def one_head(units=1, *, loss="mean_squared_error", last=None, name="price", inputs=(("x", (4,), "float32"),), **arguments):
    """Dense inputs, one output."""
    given = [keras.Input(shape, dtype=dtype, name=key) for key, shape, dtype in inputs]
    flat = [keras.layers.Flatten()(keras.ops.cast(part, "float32")) for part in given]
    joined = flat[0] if len(flat) == 1 else keras.layers.Concatenate()(flat)
    model = keras.Model(given, keras.layers.Dense(units, activation=last, name=name)(joined), name="one_head")
    model.compile(optimizer="adam", loss=loss, **arguments)
    return model


def asked(data, model, **options):
    """The report of what check tells before it tries a batch, which compiles something on every call."""
    return plait.Report("asked", tuple(checking.asked(data, model, **options)[1]))


def contained(container, outputs):
    """Named outputs as a "dict", "list", "tuple" or "ordered" dict."""
    from collections import OrderedDict

    kinds = {"dict": dict, "ordered": OrderedDict, "list": lambda o: list(o.values()), "tuple": lambda o: tuple(o.values())}
    return kinds[container](outputs)


def findings(report, kind, about=None):
    """The findings of one id, about one name where given."""
    return [f for f in report if f.id == kind and (about is None or f.about == about)]


def only(report, kind, about=None, level="fail"):
    """The one finding of that id and level; shows the report when there is another number of them."""
    found = [f for f in findings(report, kind, about) if f.level == level]
    assert len(found) == 1, f"{len(found)} findings {kind!r} of level {level!r}, wanted one:\n{report}"
    return found[0]
