"""Splitting: shares kept, groups whole, time in order, and the same sample on the same side whatever the order of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

import plait

N = 400


def data_of(**columns):
    arrays = plait.Arrays(columns)
    return plait.Dataset(inputs={name: arrays[name] for name in columns})


def make(count=N, seed=0, order=None, **more):
    """Samples with keys, a patient, two classes, and a time, their rows in any order."""
    rng = np.random.default_rng(seed)
    columns = {
        "patient": np.array([f"pat{n}" for n in rng.integers(0, 40, count)]),
        "grade": rng.choice(["low", "mid", "high"], count, p=[0.7, 0.2, 0.1]),
        "sex": rng.integers(0, 2, count),
        "size": rng.gamma(1.0, 10.0, count),
        "time": rng.integers(0, 50, count),
        **more,
    }
    order = np.arange(count) if order is None else order
    arrays = plait.Arrays({n: np.asarray(v)[order] for n, v in columns.items()}, key=np.array([f"k{n}" for n in range(count)])[order])
    return plait.Dataset(inputs={name: arrays[name] for name in columns})


def keys(data):
    return set(data.keys)


def counts(data, name):
    values, found = np.unique(np.asarray(data[name].values()), return_counts=True)
    return dict(zip(values.tolist(), found.tolist(), strict=True))


WAYS = {
    "fraction": {},
    "by": {"by": "patient"},
    "stratify": {"stratify": "grade"},
    "several targets": {"stratify": ["grade", "sex", "size"]},
    "by and stratify": {"by": "patient", "stratify": ["grade", "sex"]},
    "time": {"time": "time"},
}


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.8])
def test_the_parts_are_all_samples_and_none_twice(how, fraction):
    data = make()
    train, test = data.split(fraction, seed=3, **how)
    assert len(train) + len(test) == N
    assert keys(train) | keys(test) == keys(data)
    assert data.keys.take(np.flatnonzero([k in keys(train) for k in data.keys])) == train.keys  # the order of rows is kept


@pytest.mark.parametrize("how", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("number", range(3))
def test_a_sample_falls_on_its_side_whatever_the_order_of_the_rows(how, number):
    train, test = make().split(0.7, seed=number, **how)
    order = np.random.default_rng(number).permutation(N)
    again, rest = make(order=order).split(0.7, seed=number, **how)
    assert (keys(again), keys(rest)) == (keys(train), keys(test))


@pytest.mark.parametrize("how", [WAYS[name] for name in WAYS if name != "time"])
def test_another_seed_is_another_split(how):
    data = make()
    parts = {frozenset(keys(data.split(0.5, seed=seed, **how)[0])) for seed in range(10)}
    assert len(parts) == 10


@given(st.integers(2, 60), st.floats(0.05, 0.95), st.integers(0, 100))
def test_the_share_is_the_fraction_to_the_nearest_sample(count, fraction, seed):
    data = data_of(a=np.arange(count))
    wanted = int(np.floor(count * fraction + 0.5))
    if not 0 < wanted < count:
        with pytest.raises(plait.ArgumentError, match="leaves one part empty: there are too few samples"):
            data.split(fraction, seed=seed)
        return
    assert len(data.split(fraction, seed=seed)[0]) == wanted


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), min_size=8, max_size=80), st.floats(0.2, 0.8), st.integers(0, 9))
def test_shares_are_kept_within_one_sample_in_every_stratum(classes, fraction, seed):
    data = data_of(number=np.array([c for c, _ in classes]), letter=np.array([c for _, c in classes]))
    train, _ = data.split(fraction, seed=seed, stratify=["number", "letter"])
    chosen = np.isin(np.arange(len(classes)), list(train.keys))
    for stratum in set(classes):
        members = np.array([c == stratum for c in classes])
        assert abs(chosen[members].sum() - members.sum() * fraction) < 1
    assert len(train) == int(np.floor(len(classes) * fraction + 0.5))


@given(st.lists(st.integers(0, 12), min_size=4, max_size=80), st.floats(0.1, 0.9), st.integers(0, 9))
def test_no_group_is_on_both_sides_and_the_share_is_off_by_half_a_group_at_most(groups, fraction, seed):
    groups = np.array(groups)
    largest = np.bincount(groups).max()
    try:
        train, test = data_of(group=groups).split(fraction, seed=seed, by="group")
    except plait.ArgumentError as error:
        assert "there are too few groups" in str(error)
        assert len(set(groups)) == 1 or min(fraction, 1 - fraction) * len(groups) <= largest / 2
        return
    assert not set(train["group"].values()) & set(test["group"].values())
    assert abs(len(train) - fraction * len(groups)) <= largest / 2


def test_groups_keep_the_shares_of_classes_about():
    """Forty patients of ten samples: shares of the strata within 10 points of the fraction."""
    data = make()
    train, test = data.split(0.7, seed=1, by="patient", stratify="grade")
    assert not set(train["patient"].values()) & set(test["patient"].values())
    for grade, count in counts(data, "grade").items():
        assert counts(train, "grade")[grade] == pytest.approx(0.7 * count, abs=0.1 * count)


@given(st.lists(st.integers(0, 15), min_size=2, max_size=60), st.floats(0.05, 0.95))
def test_time_is_cut_at_the_moment_nearest_to_the_fraction(times, fraction):
    times = np.array(times)
    data = data_of(time=times)
    if len(set(times.tolist())) == 1:
        with pytest.raises(plait.ArgumentError, match="leaves one part empty: there are too few moments"):
            data.split(fraction, time="time")
        return
    train, test = data.split(fraction, time="time")
    assert np.max(train["time"].values()) < np.min(test["time"].values())
    possible = [int((times <= moment).sum()) for moment in sorted(set(times.tolist()))[:-1]]
    assert abs(len(train) - fraction * len(times)) == min(abs(p - fraction * len(times)) for p in possible)


TIMES = [3, 1, 2, 2, 5, 4, 2, 9]


@pytest.mark.parametrize(
    "times",
    [
        np.array(TIMES, np.uint8),
        np.array(TIMES) / 2,
        np.array([f"2024-0{n}-11" for n in TIMES]),
        np.array([f"2024-01-31T0{n}:00:00.5" for n in TIMES]),
        np.array([f"200{n}" for n in TIMES]),
        np.array([f"2024-0{n}" for n in TIMES], "M8[M]"),
        np.array(TIMES, "m8[h]"),
    ],
)
def test_time_may_be_numbers_dates_or_iso_text(times):
    train, _ = data_of(time=times).split(0.5, time="time")
    assert list(train.keys) == [1, 2, 3, 6]


@pytest.mark.parametrize("odd", ["31.1.2024", "9", "20240131", "2024-01-31T10:00Z", "2024-01-31T10:00+02:00", "May 2024", ""])
def test_text_that_is_no_iso_date_is_no_time(odd):
    with pytest.raises(
        plait.SpecError, match=f"time= holds text such as {odd!r}, and as text it would be sorted in no order of time".replace("+", r"\+")
    ):
        data_of(time=np.array(["2024-01-30", odd])).split(0.5, time="time")


# what strata are


def test_numbers_of_many_values_are_binned_by_fifths():
    size = np.random.default_rng(0).lognormal(0, 3, 1000)
    train, _ = data_of(size=size).split(0.8, stratify="size")
    ordered = np.argsort(size)
    chosen = np.isin(np.arange(1000), list(train.keys))
    assert [int(chosen[fifth].sum()) for fifth in np.array_split(ordered, 5)] == pytest.approx([160] * 5, abs=2)


def test_zeros_among_many_numbers_are_a_bin_of_their_own():
    size = np.concatenate([np.zeros(900), np.linspace(1, 2, 100)])
    train, _ = data_of(size=size).split(0.8, stratify="size")
    assert abs(int((np.asarray(train["size"].values()) == 0).sum()) - 720) <= 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, bool])
def test_few_different_numbers_are_classes_whatever_their_dtype(dtype):
    target = np.repeat(np.array([0, 1], dtype), [950, 50])
    train, _ = data_of(target=target).split(0.8, stratify="target")
    assert counts(train, "target") == {0: 760, 1: 40}


def test_infinite_numbers_are_binned_too():
    size = np.concatenate([np.full(100, -np.inf), np.linspace(0, 1, 100), np.full(100, np.inf)])
    train, _ = data_of(size=size).split(0.5, stratify="size")
    assert abs(int(np.isneginf(np.asarray(train["size"].values())).sum()) - 50) <= 1


def masked(values, **more):
    arrays = plait.Arrays(x=np.arange(len(values)), y=values, **more)
    return plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}, missing="mask")


def test_absent_labels_are_a_class_of_their_own():
    labels = [None] * 100 + ["a"] * 100 + ["b"] * 20
    train, _ = masked(labels).split(0.5, stratify="y")
    assert (int(train.absent("y").sum()), counts(train, "y")) == (50, {"a": 50, "b": 10})


def test_numbers_are_binned_although_some_are_absent():
    size = np.random.default_rng(0).permutation(np.concatenate([np.full(100, np.nan), np.linspace(0, 1, 500)]))
    train, _ = masked(size).split(0.8, stratify="y")
    assert int(train.absent("y").sum()) == 80
    found = np.histogram(np.asarray(train["y"].values()), 5, (0, 1))[0]
    assert found.tolist() == pytest.approx([80] * 5, abs=2)


def test_streams_of_other_sources_are_matched_by_key():
    data = make()
    order = np.random.default_rng(5).permutation(N)
    people = plait.Arrays(hospital=(np.arange(N) % 9)[order], age=np.arange(N)[order], key=np.array([f"k{n}" for n in range(N)])[order])
    train, test = data.split(0.6, by=people["hospital"])
    sides = [{int(k[1:]) % 9 for k in keys(part)} for part in (train, test)]
    assert not sides[0] & sides[1]
    assert data.overlap(data, by=people["hospital"]).failures
    assert train.overlap(test, by=people["hospital"])
    young, old = data.split(0.5, time=people["age"])
    assert max(int(k[1:]) for k in keys(young)) < min(int(k[1:]) for k in keys(old))


def test_a_source_of_one_stream_may_stand_for_it():
    data = data_of(a=np.arange(30))
    hospital = plait.Arrays(hospital=np.arange(30) % 5)
    for how in ({"by": hospital}, {"stratify": hospital}, {"time": plait.Arrays(t=np.arange(30))}):
        train, test = data.split(0.6, **how)
        assert (len(train), len(test)) == (18, 12)


@pytest.mark.parametrize(
    "groups",
    [
        np.array([0.5, 0.25, 1e300, -0.5] * 10),
        np.array([True, False] * 20),
        np.array(["2024-01-01", "2024-01-02"] * 20, "M8[D]"),
        np.array([7, -3, 2**40, 0] * 10),
        np.array([["x"], ["ü"], ["z"], ["w"]] * 10),
    ],
)
def test_groups_may_be_of_any_type(groups):
    train, test = data_of(group=groups).split(0.5, by="group")
    assert (len(train), len(test)) == (20, 20)
    sides = [set(map(str, np.asarray(part["group"].values()).ravel())) for part in (train, test)]
    assert not sides[0] & sides[1]


def test_repeated_samples_stay_on_one_side():
    rows = np.random.default_rng(0).integers(0, 50, 300)
    data = data_of(a=np.arange(50), b=np.arange(50) % 3).take(rows)
    for how in ({}, {"stratify": "b"}):
        train, test = data.split(0.7, seed=2, **how)
        assert not keys(train) & keys(test)
        assert len(train) + len(test) == 300
        assert abs(len(train) - 210) < 20


def test_a_split_of_a_split_is_told_by_key():
    data = make()
    train, test = data.split(0.8, seed=1)
    inner, valid = train.split(0.8, seed=2)
    assert keys(inner) | keys(valid) | keys(test) == keys(data)
    assert train.overlap(test) and inner.overlap(valid) and inner.overlap(test)


def test_splits_never_change():
    data = make(20, patient=[n % 6 for n in range(20)], grade=[n % 3 for n in range(20)])
    how = {"fraction": {}, "by": {"by": "patient"}, "stratify": {"stratify": "grade"}, "both": {"by": "patient", "stratify": "grade"}}
    assert {name: sorted(int(k[1:]) for k in keys(data.split(0.3, seed=7, **given)[0])) for name, given in how.items()} == {
        "fraction": [2, 5, 8, 9, 17, 19],
        "by": [0, 2, 6, 8, 12, 14, 18],
        "stratify": [1, 5, 8, 9, 18, 19],
        "both": [0, 2, 6, 8, 12, 14, 18],
    }


# overlap


def test_overlap_says_what_two_parts_share():
    data = make()
    train, test = data.split(0.8)
    report = train.overlap(test, by="patient")
    assert not report
    by = {f.about: f for f in report}
    assert (by["keys"].level, by["keys"].message) == ("pass", "none in both parts")
    assert by["patient"].level == "fail"
    assert by["patient"].values["count"] == len(set(train["patient"].values()) & set(test["patient"].values()))
    assert "in both parts, such as ['pat" in by["patient"].message
    assert by["patient"].remedy == "train, test = data.split(0.8, seed=0, by='patient')"
    assert train.overlap(test)


def test_overlap_names_shared_keys():
    data = make()
    found = data.take(range(10)).overlap(data.take(range(7, 20)))
    assert not found
    [finding] = found
    assert (finding.message, finding.values) == ("3 in both parts, such as ['k7', 'k8', 'k9']", {"count": 3})
    assert finding.remedy == "train, test = data.split(0.8, seed=0)"


# what cannot be meant

REFUSED = {
    "fraction of 1": (
        1.0,
        {},
        plait.ArgumentError,
        r"split\(1.0\): the fraction is the share of the first part, between 0 and 1, such as 0.8",
    ),
    "fraction of 0": (0, {}, plait.ArgumentError, r"split\(0\): the fraction is the share"),
    "percent": (80, {}, plait.ArgumentError, r"split\(80\): the fraction is the share"),
    "nan": (float("nan"), {}, plait.ArgumentError, r"split\(nan\): the fraction is the share"),
    "time and by": (
        0.5,
        {"time": "time", "by": "patient"},
        plait.ArgumentError,
        r"split\(time=...\) cuts at one moment and goes with neither",
    ),
    "time and stratify": (0.5, {"time": "time", "stratify": "sex"}, plait.ArgumentError, "goes with neither by= nor stratify="),
    "too few": (
        0.001,
        {},
        plait.ArgumentError,
        r"split\(0.001\) of 400 samples leaves one part empty: there are too few samples. Choose another",
    ),
    "no such stream": (0.5, {"by": "hospital"}, plait.NameUnknownError, "Dataset has no stream 'hospital'"),
    "several values": (
        0.5,
        {"by": "vector"},
        plait.SpecError,
        r"by=Dataset\['vector'\] is \(2,\) float64; one value a sample is needed, such as people",
    ),
}


@pytest.mark.parametrize(("fraction", "how", "error", "message"), REFUSED.values(), ids=REFUSED)
def test_a_split_that_cannot_be_meant_is_refused(fraction, how, error, message):
    with pytest.raises(error, match=message):
        make(vector=np.zeros((N, 2))).split(fraction, **how)


def test_one_group_cannot_be_split():
    with pytest.raises(plait.ArgumentError, match="leaves one part empty: there are too few groups"):
        data_of(group=np.zeros(10)).split(0.5, by="group")


@pytest.mark.parametrize("how", [{}, {"by": "group"}, {"stratify": "group"}, {"time": "group"}])
def test_no_samples_cannot_be_split(how):
    with pytest.raises(plait.ArgumentError, match="of 0 samples leaves one part empty"):
        data_of(group=np.zeros(0)).split(0.5, **how)


@pytest.mark.parametrize("argument", ["by", "time"])
def test_groups_and_times_have_to_be_there_for_every_sample(argument):
    message = rf"{argument}=Arrays\(g\)\['g'\] has no value for 1 of the 3 samples, such as \[1\]. Fill them in, or take\(\) the samples"
    data = data_of(a=np.arange(3))
    for others in (plait.Arrays(g=[1.0, np.nan, 2.0]), plait.Arrays(g=[1, 2], key=[0, 2]), plait.Arrays(g=[None, 1, 2], key=[1, 0, 2])):
        with pytest.raises(plait.AlignmentError, match=message):
            data.split(0.5, **{argument: others["g"]})
    kept = plait.Dataset(inputs={"g": plait.Arrays(g=[1.0, np.nan, 2.0])}, missing="keep")
    with pytest.raises(plait.AlignmentError, match=f"{argument}=g has no value for 1 of the 3 samples"):
        kept.split(0.5, **{argument: "g"})


def test_a_source_with_a_key_twice_cannot_say_the_group():
    data = data_of(a=np.arange(3))
    with pytest.raises(plait.DuplicateKeyError, match="Dataset holds 1 repeated keys"):
        data.split(0.5, by=data.take([0, 0, 1, 2])["a"])
