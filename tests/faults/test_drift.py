"""Drift of what is fed, against a profile of the training part; and how often there is a finding without any."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import plait
from plait.drift import Profile, Watch, all_one, beyond, more_often
from plait.emit import Emission
from plait.making import Making
from plait.order import Balanced, Uniform


def table(samples, seed, *, shift=0.0, gaps=0.05, new=0, stuck=False, dtype=np.float32):
    rng = np.random.default_rng(seed)
    age = (rng.normal(50, 12, samples) + shift).astype(dtype)
    grade = np.minimum(rng.geometric(0.3, samples), 30)  # rare levels come now and then
    grade[:new] = 77
    if stuck:
        age[:] = 50
    y = np.where(rng.random(samples) < gaps, np.nan, rng.exponential(1, samples))
    pixels = rng.normal(0, 1, (samples, 3, 2)).astype(np.float32)
    arrays = plait.Arrays(age=age, grade=grade, pixels=pixels, y=y)
    return plait.Dataset(inputs={n: arrays[n] for n in ("age", "grade", "pixels")}, targets={"y": arrays["y"]}, missing={"y": "mask"})


def watched(profile, data, batch=16, **order) -> Watch:
    plan = Uniform(len(data), batch, order.get("remainder", "keep"), (0, 1), 0, True)
    watch = Watch(profile, data, plan)
    make = Making(data, plan, Emission(data, None, padded=True), 0)
    for step in range(2 * plan.per_pass):
        watch.look(step, make(range(step, step + 1))[0])
    return watch


TRAIN = table(800, 0)
PROFILE = Profile.fit(TRAIN)


def test_data_like_the_training_part_are_as_before_and_the_training_part_itself():
    for data in (table(1500, 1), TRAIN):
        report = watched(PROFILE, data, remainder="pad").report()
        assert report and {f.id for f in report} == {"as-before"} and len(report) == 4


@pytest.mark.parametrize(
    ("more", "about", "kind", "message"),
    [
        ({"shift": 40}, "age", "range-above", "samples are above all of the training part"),
        ({"shift": -40}, "age", "range-below", "samples are below all of the training part"),
        ({"gaps": 0.4}, "y", "missing", "samples have no value, and"),
        ({"new": 300}, "grade", "levels", "the value 77 comes"),
        ({"stuck": True}, "age", "constant", "'age' is 50 in all of"),
        ({"dtype": np.float64}, "age", "dtype", r"'age' is \(\) float64, and the training part's was \(\) float32"),
    ],
)
def test_drift_of_each_kind_is_found_and_nothing_else(more, about, kind, message):
    report = watched(PROFILE, table(2000, 3, **more)).report()
    assert not report and {(f.about, f.id) for f in report.failures} - {("grade", "range-above")} == {(about, kind)}
    assert report.failures[0].remedy.endswith("plait.Profile.fit(data)")
    assert any(f.id == kind and re.search(message, f.message) for f in report.failures)


def test_streams_that_are_unknown_or_gone_are_findings():
    some = plait.Dataset(inputs={"age": TRAIN["age"], "more": TRAIN["grade"]}, targets={"y": TRAIN["y"]}, missing={"y": "mask"})
    assert {(f.about, f.id) for f in watched(PROFILE, some).report().failures} == {
        ("more", "unknown"),
        ("grade", "gone"),
        ("pixels", "gone"),
    }


def test_a_run_without_drift_has_a_finding_in_at_most_one_of_a_hundred():
    """150 runs: more than 6 would have findings in 0.1 % of all choices of seeds if the rate were one in a hundred."""
    alarms = sum(not watched(Profile.fit(table(300, 2 * i)), table(700, 2 * i + 1), batch=100).report() for i in range(150))
    assert alarms <= 6


def test_the_chances_are_those_of_the_distributions():
    assert beyond(1, 1, 9) == pytest.approx(0.1) and beyond(3, 20, 80) == pytest.approx(20 * 19 * 18 / (100 * 99 * 98))
    for count, fed, known, trained in ((3, 10, 2, 40), (1, 50, 0, 50), (20, 64, 40, 800)):
        assert more_often(count, fed, known, trained) == pytest.approx(stats.hypergeom.sf(count - 1, fed + trained, count + known, fed))
    assert all_one(10, 10, 10) == 1 and all_one(64, 800, 10) < 1e-80


def test_a_profile_has_a_json_form(tmp_path):
    text = PROFILE.to_json(tmp_path / "profile.json")
    assert Profile.from_json((tmp_path / "profile.json").read_text()) == PROFILE and json.loads(text)["streams"]["y"]["missing"] > 10
    assert PROFILE.streams["grade"].levels is not None and PROFILE.streams["age"].levels is None
    for bad in ("[", "{}", '{"kind": "other"}', '{"kind": "plait-profile", "streams": {"x": {}}}', "[" * 100_000):
        with pytest.raises(plait.TransformError, match="This is no profile"):
            Profile.from_json(bad)


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(plait.ArgumentError, match="Profile.fit takes the training part.*not a dict"):
        Profile.fit({})  # type: ignore[arg-type]
    for given, message in (
        ("train.json", r"not the path 'train.json'. Write plait.Profile.from_json\(pathlib.Path\('train.json'\).read_text\(\)\)"),
        (Path("profile"), r"not the path 'profile'. Write plait.Profile.from_json\(pathlib.Path\("),
        ({"kind": "plait-profile"}, r"not what json.loads made of it. Write plait.Profile.from_json\(json.dumps\(state\)\)"),
        (5, r"not a int. Write plait.Profile.from_json\(profile.to_json\(\)\)"),
    ):
        with pytest.raises(plait.TransformError, match=f"Profile.from_json takes the text that Profile.to_json returned, {message}"):
            Profile.from_json(given)  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match=r"not a dict: write loader.watch\(plait.Profile.fit\(train\)\)"):
        Watch({}, TRAIN, Uniform(10, 2, "keep", (0, 1), 0, True))  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match="balance= repeats them"):
        Watch(PROFILE, TRAIN, Balanced(np.zeros(800, int), 2, "keep", (0, 1), 0))
