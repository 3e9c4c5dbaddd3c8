"""A name that there is not is answered with the one that was probably meant."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.meant import meant
from plait.plan import plan


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("agee", ["age", "photo"], " Did you mean 'age'?"),
        ("AGE", ["page", "age"], " Did you mean 'age'?"),
        ("z", ["age", "photo"], ""),
        (5, ["age", 5], ""),
        ("age", [], ""),
    ],
)
def test_the_name_that_was_probably_meant(name, known, expected):
    assert meant(name, known) == expected


ARRAYS = plait.Arrays(photo=np.zeros((4, 2), np.float32), grade=np.arange(4) % 2)
DATA = plait.Dataset(inputs={"photo": ARRAYS["photo"]}, targets={"grade": ARRAYS["grade"]})


@pytest.mark.parametrize(
    ("write", "expected"),
    [
        (lambda: ARRAYS["foto"], "photo"),
        (lambda: DATA["Grade"], "grade"),
        (lambda: DATA.map(abs, on="phto"), "photo"),
        (lambda: plan(DATA, 2, "keep", (0, 1), seed=0, shuffle=True, balance="grades", bucket={}), "grade"),
        (lambda: plait.Dataset(inputs={"photo": ARRAYS["photo"]}, targets={"grade": ARRAYS["grade"]}, missing={"grads": "drop"}), "grade"),
        (lambda: plait.Dataset(inputs={"photo": ARRAYS["photo"]}, targets={"grade": ARRAYS["grade"]}, weights={"gade": ARRAYS}), "grade"),
        (lambda: plait.Graph({"age": lambda rng, n: rng.random(n)}, inputs=["ages"]), "age"),
    ],
)
def test_names_of_streams_and_variables_are_answered_so(write, expected):
    with pytest.raises(plait.NameUnknownError, match=rf"Did you mean '{expected}'\?"):
        write()
