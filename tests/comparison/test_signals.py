"""Images and series beside columns: what is noise, what bears the wrong label, what is a copy."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.errors import SpecError


def curves(rows, seed, *, noise=0.2, wrong=False):
    """A sine of one of three frequencies, of two channels, and which."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, rows)
    time = np.arange(40) / 40 * 2 * np.pi
    wave = np.sin(time[None, :, None] * (which[:, None, None] + 1) + 0.5 * rng.normal(size=(rows, 1, 2)))
    source = plait.Arrays(
        wave=(wave + noise * rng.normal(size=wave.shape)).astype(np.float32),
        kind=np.array(["slow", "middle", "fast"])[rng.permutation(which) if wrong else which],
        age=rng.normal(size=rows),
    )
    return plait.Dataset(inputs={"wave": source["wave"], "age": source["age"]}, targets={"kind": source["kind"]})


@pytest.fixture(scope="module")
def ids():
    def of(synthetic, train=None):
        report = plait.compare(curves(200, 0), synthetic, train=curves(200, 2) if train is None else train)
        return {f.id for f in report.failures}, report

    return of


def test_fresh_series_pass(ids):
    """The seed is fixed; of 15 others none failed."""
    failed, report = ids(curves(200, 1))
    assert not failed, report


def test_series_with_too_much_noise_are_told_from_real_ones(ids):
    failed, _ = ids(curves(200, 1, noise=0.8))
    assert {"signal-detection", "signal-precision"} <= failed


def test_series_that_bear_the_wrong_label_fail_in_what_they_show_and_not_in_how_they_look(ids):
    failed, _ = ids(curves(200, 1, wrong=True))
    assert {"labels", "frechet", "utility"} <= failed
    assert not {"signal-detection", "signal-precision", "signal-coverage"} & failed


def test_copied_series_are_found_whatever_label_they_bear(ids):
    train = curves(200, 2)
    other = curves(200, 9)
    names, rows = ["wave", "kind", "age"], np.arange(200)
    values = train.read(["wave"], rows) | other.read(names[1:], rows)
    source = plait.Arrays(**values)
    copied = plait.Dataset(inputs={n: source[n] for n in ("wave", "age")}, targets={"kind": source["kind"]})
    _, report = ids(copied, train)
    found = next(f for f in report if f.about == "privacy, wave")
    assert found.level == "fail" and "if wave is told and not made, tell that of the test: sample(n, seed=0, given={'wave'" in found.remedy


def test_series_of_unequal_length_are_an_error_that_says_what_to_do():
    def ragged(seed):
        rng = np.random.default_rng(seed)
        return plait.Arrays(wave=[rng.normal(size=n % 5 + 1) for n in range(20)], y=rng.normal(size=20))

    data = [plait.Dataset(inputs={"wave": s["wave"]}, targets={"y": s["y"]}) for s in (ragged(0), ragged(1))]
    with pytest.raises(SpecError, match="Leave 'wave' out"):
        plait.compare(*data)
