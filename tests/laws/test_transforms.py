"""Every transform keeps the laws of `check_transform`, fitted on real columns of each kind that it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import plait
from plait import transforms
from plait.ragged import Array, Ragged
from plait.spec import TEXT
from plait.testing import check_transform

RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Array], Any]
    data: Array
    lossless: bool = True
    tolerance: float = 1e-5


def ragged(*lengths: int, item: tuple[int, ...] = (), dtype: Any = np.float32) -> Ragged:
    return Ragged.of([(RNG.random((n, *item)) * 50).astype(dtype) for n in lengths], dtype=dtype)


def text(*labels: str) -> np.ndarray:
    return np.array(labels, dtype=TEXT)


SCALARS = RNG.normal(41, 12, 60)
ROWS = RNG.normal([0, 1e9, -3], [1, 50, 1e-6], (40, 3))
WHOLE = RNG.integers(-100, 100, 50)
PHOTOS = RNG.integers(0, 256, (4, 9, 7, 3)).astype(np.uint8)
FLOATS = RNG.random((3, 8, 8, 2)).astype(np.float32)
MASKS = RNG.integers(0, 3, (4, 6, 5, 1)).astype(np.uint8)
SERIES = RNG.normal(5, 2, (6, 20, 3)).astype(np.float32)
UNEQUAL = ragged(3, 7, 4, 9, item=(2,))
TOKENS = ragged(5, 0, 20, 7, dtype=np.int32)
GRADES = text("low", "high", "low", "middle", "high")
CAPTIONS = text("small, round", "Large and ROUND", "small", "", "spiculated; 7 mm")
TIED = np.array([1, 1, 1, 2, 3, 3, 9.5, 9.5, 20])
KNOWN = CAPTIONS[[0, 2, 2]]

CASES = [
    Case("Standardize scalars", plait.Standardize.fit, SCALARS),
    Case("Standardize rows", plait.Standardize.fit, ROWS),
    Case("Standardize integers", plait.Standardize.fit, WHOLE),
    Case("Standardize images a channel", plait.Standardize.fit, PHOTOS),
    Case("Standardize in one", lambda x: plait.Standardize.fit(x, axis=None), SERIES),
    Case("Standardize a time step", lambda x: plait.Standardize.fit(x, axis=(1, 2)), SERIES),
    Case("Standardize ragged", plait.Standardize.fit, UNEQUAL),
    Case("Standardize a constant", plait.Standardize.fit, np.full((5, 2), 0.1)),
    Case("Standardize booleans", plait.Standardize.fit, np.array([True, False, True])),
    Case("MinMax scalars", plait.MinMax.fit, SCALARS),
    Case("MinMax rows", lambda x: plait.MinMax.fit(x, range=(-1, 1)), ROWS),
    Case("MinMax images", lambda _: plait.MinMax(0, 255), PHOTOS),
    Case("MinMax ragged", plait.MinMax.fit, UNEQUAL),
    Case("MinMax a constant", plait.MinMax.fit, np.full(5, 0.1)),
    Case("Quantile uniform", plait.Quantile.fit, SCALARS),
    Case("Quantile normal", lambda x: plait.Quantile.fit(x, output="normal"), ROWS, tolerance=1e-4),  # steep at the ends
    Case("Quantile of ties", plait.Quantile.fit, TIED),
    Case("Quantile ragged", plait.Quantile.fit, UNEQUAL),
    Case("Quantile of few knots", lambda x: plait.Quantile.fit(x, quantiles=5), SCALARS),
    Case("OneHot labels", plait.OneHot.fit, GRADES),
    Case("OneHot integers", plait.OneHot.fit, np.array([4, 2, 4, 9])),
    Case("OneHot masks", plait.OneHot.fit, MASKS, lossless=False),  # the last axis of 1 becomes the classes
    Case("OneHot ragged", plait.OneHot.fit, ragged(3, 0, 4, dtype=np.int16)),
    Case("Vocabulary of labels", plait.Vocabulary.fit, GRADES),
    Case("Vocabulary with a reserved code", lambda x: plait.Vocabulary.fit(x, unknown="reserve"), GRADES),
    Case("Vocabulary cut", lambda x: plait.Vocabulary.fit(x, size=2, unknown="reserve"), GRADES, lossless=False),
    Case("Vocabulary of integers", plait.Vocabulary.fit, WHOLE),
    Case("Vocabulary of booleans", plait.Vocabulary.fit, np.array([True, False, True])),
    Case("Vocabulary of masks", plait.Vocabulary.fit, MASKS * 120),
    Case("Vocabulary of words", plait.Vocabulary.fit, Ragged(CAPTIONS, np.array([0, 2, 2, 5]))),
    Case("Tokenize", plait.Tokenize.fit, CAPTIONS, lossless=False),  # lower case, blanks between words
    Case("Tokenize with unknown words", lambda x: plait.Tokenize.fit(x, size=4), CAPTIONS, lossless=False),
    Case("Tokenize what it learnt", plait.Tokenize.fit, KNOWN, lossless=False),
    Case("Pad tokens", lambda _: plait.Pad(20), TOKENS),
    Case("Pad in front", lambda _: plait.Pad(20, before=True, value=-1), TOKENS),
    Case("Pad and cut", lambda _: plait.Pad(4, cut=True), UNEQUAL, lossless=False),
    Case("Pad and cut in front", lambda _: plait.Pad(4, cut=True, before=True), UNEQUAL, lossless=False),
    Case("Pad a dense series", lambda _: plait.Pad(25), SERIES, lossless=False),  # its inverse is ragged
    Case("Pad words", lambda _: plait.Pad(4), Ragged(CAPTIONS, np.array([0, 2, 2, 5])), lossless=False),
    Case("Window", lambda _: plait.Window(5), SERIES),
    Case("Window with a stride", lambda _: plait.Window(6, stride=4), SERIES, lossless=False),  # leaves the end out
    Case("Window of one value a step", lambda _: plait.Window(2, stride=2), np.arange(24).reshape(4, 6)),
    Case("Window ragged", lambda _: plait.Window(3), UNEQUAL),
    Case("Window with gaps", lambda _: WithoutInverse(plait.Window(2, stride=3)), SERIES),
    Case("Resize smaller", lambda _: plait.Resize((4, 3)), PHOTOS, lossless=False),
    Case("Resize larger", lambda _: plait.Resize((13, 16)), PHOTOS, lossless=False),
    Case("Resize both ways", lambda _: plait.Resize((5, 12)), FLOATS, lossless=False),
    Case("Resize masks", lambda _: plait.Resize((3, 9), nearest=True), MASKS, lossless=False),
    Case("Resize without channels", lambda _: plait.Resize((3, 9)), FLOATS[..., 0].astype(np.float64), lossless=False),
    Case("Cast to integers", lambda _: plait.Cast("int32"), WHOLE),
    Case("Cast to floats", lambda _: plait.Cast("float32"), SCALARS),
    Case("Cast to text", lambda _: plait.Cast(str), WHOLE, lossless=False),
    Case("Cast from text", lambda _: plait.Cast("float64"), text("1.5", "-2e3", " 7"), lossless=False),
    Case("Cast ragged", lambda _: plait.Cast("int64"), TOKENS),
    Case("Cast to bool", lambda _: plait.Cast(bool), np.array([0, 1, 1])),
]


@dataclass(frozen=True)
class WithoutInverse:
    """A window whose stride leaves gaps has no inverse; its other laws hold."""

    window: plait.Window

    def __call__(self, array: Array) -> Array:
        return self.window(array)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_transform_keeps_the_laws(case: Case) -> None:
    check_transform(case.make(case.data), case.data, lossless=case.lossless, tolerance=case.tolerance)


def test_the_cases_cover_every_transform() -> None:
    assert {type(case.make(case.data)).__name__ for case in CASES} >= set(transforms.KINDS)


@pytest.mark.parametrize("case", [c for c in CASES if "gaps" not in c.name], ids=lambda case: case.name)
def test_every_transform_comes_back_from_the_json_form_that_names_its_kind(case: Case) -> None:
    made = case.make(case.data)
    saved = json.dumps(transforms.to_json(made), allow_nan=False)
    again = transforms.from_json(json.loads(saved))
    assert type(again) is type(made)
    assert transforms.to_json(again) == json.loads(saved)


@dataclass(frozen=True)
class Broken:
    """Breaks the law that it is named after."""

    law: str

    def __call__(self, array: np.ndarray) -> np.ndarray:
        if self.law == "purity":
            array += 1
        if self.law == "determinism":
            return array + np.random.default_rng().random()
        if self.law == "rows":
            return array[1:]
        if self.law == "alone":
            return array - array.mean()
        if self.law == "empty":
            return array if len(array) else np.zeros(0, np.int8)
        return array * 2

    def spec(self, spec: plait.Spec) -> plait.Spec:
        return plait.Spec((3,), spec.dtype) if self.law == "spec" else spec

    def to_json(self) -> dict[str, Any]:
        return {"law": float("nan") if self.law == "json" else self.law}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Broken:
        return cls("purity" if state["law"] == "form" else state["law"])

    def inverse(self, array: np.ndarray) -> np.ndarray:
        return array / 2 + (self.law == "inverse")

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return type(self), ("rows" if self.law == "pickle" else self.law,)


@pytest.mark.parametrize(
    ("law", "message"),
    [
        ("purity", "changed the data"),
        ("determinism", "two results for the same data"),
        ("rows", "made 4 samples of 5"),
        ("alone", "something else of row 0 alone"),
        ("empty", "of no sample"),
        ("spec", r"says \(3,\) float64"),
        ("json", "Out of range float values"),
        ("form", "after its JSON form"),
        ("inverse", "does not give the data back"),
        ("pickle", "after pickling"),
    ],
)
def test_a_transform_that_breaks_a_law_is_told_which(law: str, message: str) -> None:
    with pytest.raises((AssertionError, ValueError), match=message):
        check_transform(Broken(law), np.arange(5.0))


def test_a_transform_that_keeps_them_passes() -> None:
    check_transform(Broken("none"), np.arange(5.0))
