"""Single figures whose value is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from plait.metrics.coverage import neighbourhoods
from plait.metrics.distances import same_rows
from plait.metrics.estimate import Estimate
from plait.metrics.marginals import shape_distance
from plait.metrics.privacy import NEAR, near
from plait.metrics.signals import frechet
from plait.metrics.standing import Scale, line

RNG = np.random.default_rng(0)


def points(rows, seed, axes=4):
    return np.random.default_rng(seed).random((rows, axes)).astype(np.float32)


def test_nearness_is_one_half_whatever_the_numbers_of_rows_and_one_for_copies():
    """Within three standard errors: fails in 3 of 1000 seeds."""
    for train, unseen in ((800, 800), (1600, 400), (300, 900)):
        found, _, _ = near(points(700, 0), points(train, 1), points(unseen, 2))
        assert abs(found.value - 0.5) < 3 * found.error
        assert near(points(train, 1)[:200], points(train, 1), points(unseen, 2))[0].value == 1.0
    half = np.concatenate([points(800, 1)[:350], points(350, 0)])
    assert near(half, points(800, 1), points(800, 2))[0].value == pytest.approx(0.75, abs=0.06)


def test_a_generator_that_copies_part_of_the_training_rows_is_not_diluted_by_more_of_them():
    train = points(1600, 1)
    mixed = np.concatenate([train[::8], points(200, 0)])  # every second row is a copy
    assert near(mixed, train, points(400, 2))[0].value == pytest.approx(0.75, abs=0.12)


def test_rows_that_occur_in_both_parts_count_for_neither():
    same = points(200, 1)
    assert near(same, same, same)[0].value == pytest.approx(0.5)


def test_distances_of_columns_are_those_of_scipy():
    a, b = RNG.normal(size=300), RNG.normal(0.2, 1.1, size=250)
    assert shape_distance(a, b, discrete=False).value == pytest.approx(stats.ks_2samp(a, b).statistic)
    assert shape_distance(np.array([0, 0, 1, 1.0]), np.array([0, 1, 1, 2.0]), discrete=True).value == pytest.approx(0.25)


def test_the_frechet_distance_of_normal_clouds_is_their_formula():
    a = np.random.default_rng(1).normal(size=(20_000, 3))
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet(a, a + np.array([1.0, 0, 0])) == pytest.approx(1 / 3, rel=0.02)
    assert frechet(a, 2 * a) == pytest.approx(1.0, rel=0.02)  # 3 (2 - 1)² over a variance of 3


def test_neighbourhoods_tell_a_lost_part_from_an_invented_one():
    real = points(600, 0, 2)
    lost = points(600, 1, 2)[points(600, 1, 2)[:, 0] < 0.5]
    wide = points(600, 2, 2) * 2 - 0.5
    less, more = neighbourhoods(real, lost), neighbourhoods(real, wide)
    assert less["precision"].value > 0.95 and less["recall"].value < 0.65 and less["coverage"].value < 0.65
    assert more["precision"].value < 0.4 and more["recall"].value > 0.95
    alike = neighbourhoods(real, points(600, 3, 2))
    assert min(e.value for e in alike.values()) > 0.9


def test_missing_values_and_signed_zeros_make_equal_rows():
    one, other = same_rows(np.array([[np.nan, 0.0], [1, 2]]), np.array([[-np.nan, -0.0], [1, 3]]))
    assert one[0] == other[0] and one[1] != other[1]


def test_a_verdict_follows_from_where_a_figure_stands():
    scale = Scale("AUC", slack=0.03)

    def level(value, floor=0.98, ceiling=0.5, half=0.01):
        found = {"synthetic": value, "floor": floor, "ceiling": ceiling}
        finding = line("q", "x", "Said.", scale=scale, found={n: Estimate(v, v - half, v + half) for n, v in found.items()}, remedy="r")
        return finding.level, finding.values["place"]

    assert level(0.5)[0] == level(0.53)[0] == level(0.59)[0] == "pass"
    assert [level(v)[0] for v in (0.62, 0.72, 0.76, 0.98)] == ["warn", "warn", "fail", "fail"]
    assert level(0.74)[1] == pytest.approx(0.5)
    assert level(0.51, floor=0.5) == ("pass", None)
    assert [level(v, floor=0.5)[0] for v in (0.56, 0.7)] == ["warn", "fail"]
    assert level(0.5, floor=0.5, half=0.2)[0] == "warn"  # nothing can be told
    assert level(0.99, floor=0.98)[0] == "fail"


def test_privacy_does_not_pass_for_want_of_evidence():
    def level(value, low, high, floor=1.0, ceiling=0.5):
        found = {
            "synthetic": Estimate(value, low, high),
            "floor": Estimate(floor, floor - 0.01, floor),
            "ceiling": Estimate(ceiling, 0.4, 0.6),
        }
        finding = line("near", "x", "Said.", scale=NEAR, found=found, remedy="r")
        return finding.level, finding.remedy

    assert level(0.722, 0.644, 0.800, ceiling=0.587) == ("fail", "r")
    assert level(0.6, 0.457, 0.743) == ("warn", "r")  # 80 % of the way
    assert level(0.65, 0.45, 0.85) == ("warn", "more rows would tell")
    assert level(0.65, 0.55, 0.75) == ("fail", "r")
    assert level(0.52, 0.40, 0.64) == ("warn", "more rows would tell")
    assert level(0.52, 0.45, 0.59) == level(0.45, 0.40, 0.50) == ("pass", "")
    assert level(0.58, 0.57, 0.59) == ("warn", "r")
    assert level(0.5, 0.3, 0.7, floor=0.5) == ("warn", "more rows would tell")  # training rows themselves are no nearer
    assert level(0.5, 0.48, 0.52, floor=0.5) == ("pass", "")
    assert level(0.6, 0.55, 0.65, floor=0.5) == ("fail", "r")
