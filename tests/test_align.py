"""Joining by key: which row belongs to which sample, whatever order, type and parts the keys have."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import plait
from plait.align import align, match, shared
from plait.keys import Keys
from plait.source import only_stream

KINDS = {
    "integers": lambda numbers: np.array(numbers, np.int64),
    "spread integers": lambda numbers: np.array(numbers, np.int64) * 10**15 - 7,
    "text": lambda numbers: np.array([f"p{n}ä" for n in numbers], object),
    "two parts": lambda numbers: {"site": [f"s{n % 3}" for n in numbers], "id": np.array(numbers, np.int64)},
}


def source(name, numbers, kind="integers", absent=()):
    """Values that tell their key: ten times it; NaN where absent."""
    values = np.array([np.nan if n in absent else 10.0 * n for n in numbers], float)
    return plait.Arrays({name: values}, key=KINDS[kind](numbers))


def joined(sources, policy="raise"):
    streams = {name: only_stream(s) for name, s in sources.items()}
    policies = policy if isinstance(policy, dict) else dict.fromkeys(streams, policy)
    return align(streams, policies, dict.fromkeys(streams, "target"))


def check(result, sources, expected):
    """Every stream gives ten times the number of the sample, where it says that it has a value."""
    rows = np.arange(len(expected))
    for name, s in sources.items():
        where = result.rows[name] if result.rows[name] is not None else rows
        absent = result.absent[name] if result.absent[name] is not None else np.zeros(len(rows), bool)
        assert len(where) == len(absent) == len(rows)
        values = s[name].read(where[~absent])
        assert values.tolist() == [10.0 * n for n, gone in zip(expected, absent, strict=True) if not gone]
        assert [n for n, gone in zip(expected, absent, strict=True) if not gone] == [n for n in expected if n in s.numbers]


NUMBERS = st.lists(st.integers(0, 30), unique=True, min_size=1, max_size=15)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(NUMBERS, min_size=1, max_size=3))
@settings(max_examples=40)
def test_every_stream_gives_the_value_of_the_key(kind, columns):
    """Masked, all samples of all sources are there, in order of first appearance; dropped, those that every source has."""
    sources = {f"s{place}": source(f"s{place}", numbers, kind) for place, numbers in enumerate(columns)}
    for s, numbers in zip(sources.values(), columns, strict=True):
        s.numbers = set(numbers)
    everything = list(dict.fromkeys(n for numbers in columns for n in numbers))
    common = [n for n in everything if all(n in numbers for numbers in columns)]
    first = Keys.of(KINDS[kind](everything)) if kind != "two parts" else Keys(KINDS[kind](everything))
    result = joined(sources, "mask")
    assert list(result.keys) == list(first)
    check(result, sources, everything)
    if common:
        result = joined(sources, "drop")
        assert list(result.keys) == [key for key, n in zip(first, everything, strict=True) if n in common]
        check(result, sources, common)
        assert all(absent is None for absent in result.absent.values())
    else:
        with pytest.raises(plait.AlignmentError, match="No key is in all of the sources"):
            joined(sources, "drop")
    if len(common) == len(everything):
        check(joined(sources, "raise"), sources, everything)


def test_equal_keys_need_no_rows():
    sources = {"a": source("a", [3, 1, 2]), "b": source("b", [3, 1, 2])}
    result = joined(sources)
    assert result.rows == {"a": None, "b": None}
    assert result.keys is sources["a"].keys


def test_permuted_keys_are_put_in_the_order_of_the_first():
    result = joined({"a": source("a", [3, 1, 2]), "b": source("b", [1, 2, 3])})
    assert list(result.keys) == [3, 1, 2]
    assert (result.rows["a"], result.rows["b"].tolist()) == (None, [2, 0, 1])


def test_row_numbers_match_keys_that_are_numbers():
    rows, keyed = plait.Arrays(a=np.arange(3)), plait.Arrays(b=np.arange(3), key=[2, 0, 1])
    assert joined({"a": rows, "b": keyed}).rows["b"].tolist() == [1, 2, 0]


def test_a_number_matches_its_text_and_007_does_not():
    numbers, texts = plait.Arrays(a=[1, 2, 3], key=[7, 8, -9]), plait.Arrays(b=[1, 2, 3], key=["-9", "7", "8"])
    assert joined({"a": numbers, "b": texts}).rows["b"].tolist() == [1, 2, 0]
    assert list(joined({"a": texts, "b": numbers}).keys) == ["-9", "7", "8"]
    padded = plait.Arrays(b=[1, 2, 3], key=["007", "8", "-9"])
    mixed = joined({"a": numbers, "b": padded}, "mask")
    assert list(mixed.keys) == ["7", "8", "-9", "007"]
    assert mixed.absent["b"].tolist() == [True, False, False, False]
    assert mixed.absent["a"].tolist() == [False, False, False, True]


def test_parts_are_matched_by_name_in_any_order():
    one = plait.Arrays(a=[1, 2], key={"site": ["x", "y"], "id": [1, 2]})
    other = plait.Arrays(b=[1, 2], key={"id": ["2", "1"], "site": ["y", "x"]})
    result = joined({"a": one, "b": other})
    assert result.rows["b"].tolist() == [1, 0]
    assert list(result.keys) == [("x", 1), ("y", 2)]


def test_parts_with_exchanged_names_are_not_taken_for_equal():
    one = plait.Arrays(a=[1, 2], key={"site": [1, 2], "id": [2, 1]})
    other = plait.Arrays(b=[1, 2], key={"id": [1, 2], "site": [2, 1]})
    assert joined({"a": one, "b": other}).rows["b"].tolist() == [1, 0]


def test_a_name_of_a_single_part_does_not_matter():
    one, other = plait.Arrays(a=[1, 2], key={"id": [1, 2]}), plait.Arrays(b=[1, 2], key={"number": [2, 1]})
    assert joined({"a": one, "b": other}).rows["b"].tolist() == [1, 0]


@pytest.mark.parametrize("parts", [{"site": ["x"], "id": [1]}, {"site": ["x"], "id": [1], "side": ["l"]}])
def test_keys_of_other_parts_cannot_be_compared(parts):
    one = plait.Arrays(a=[1, 2], key={"site": ["x", "y"], "number": [1, 2]})
    with pytest.raises(plait.AlignmentError, match=r"Arrays\(a\) has keys of the parts \('site', 'number'\) and Arrays\(b\) of the parts"):
        joined({"a": one, "b": plait.Arrays(b=[1], key=parts)})
    with pytest.raises(plait.AlignmentError, match=r"the data set has keys of the parts .* and Csv of the parts .*Name the same parts"):
        match(one.keys, Keys(parts), label="Csv")


def test_keys_whose_hashes_are_equal_are_told_apart():
    """The hash passes over NUL, so these two collide."""
    names = ["a\0b", "ab", "c"]
    assert len(set(Keys.of(names).hashes().tolist())) == 2
    for order in ([0, 1, 2], [2, 1, 0], [1, 0]):
        others = [names[place] for place in order]
        assert match(Keys.of(others), Keys.of(names), label="x").tolist() == order
        assert match(Keys({"i": [1] * len(order), "x": others}), Keys({"x": names, "i": [1, 1, 1]}), label="x").tolist() == order


def test_a_source_that_holds_a_key_twice_cannot_be_matched():
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(3))})
    twice = data.take([0, 1, 1])
    with pytest.raises(plait.DuplicateKeyError, match=r"Dataset holds 1 repeated keys, such as \[1\]"):
        joined({"a": plait.Arrays(a=np.arange(3)), "x": twice})
    with pytest.raises(plait.DuplicateKeyError, match=r"Dataset holds 1 repeated keys"):
        match(data.keys, twice.keys, label="Dataset")
    assert match(twice.keys, data.keys, label="Dataset").tolist() == [0, 1, 1]


def test_match_and_shared():
    keys, others = Keys.of(["a", "b", "c"]), Keys.of(["c", "d", "a"])
    assert match(keys, others, label="x").tolist() == [2, -1, 0]
    assert shared(keys, others).tolist() == [True, False, True]
    assert match(Keys.of([]), others, label="x").tolist() == []
    assert match(keys, Keys.of([]), label="x").tolist() == [-1, -1, -1]
    assert shared(Keys.of([5, 5]), Keys.of([5, 5])).tolist() == [True, True]


def test_sources_without_samples_join_to_none():
    result = joined({"a": source("a", []), "b": source("b", [])})
    assert (len(result.keys), result.rows, result.absent) == (0, {"a": None, "b": None}, {"a": None, "b": None})
    texts = joined({"a": plait.Arrays(a=[], key=[]), "b": plait.Arrays(b=[], key=np.array([], str))})
    assert len(texts.keys) == 0


# absence


def test_a_null_is_absent_wherever_its_row_comes_to_lie():
    a, b = source("a", [3, 1, 2], absent=[3]), source("b", [1, 2, 3, 4], absent=[4, 1])
    result = joined({"a": a, "b": b}, "mask")
    assert list(result.keys) == [3, 1, 2, 4]
    assert result.absent["a"].tolist() == [True, False, False, True]
    assert result.absent["b"].tolist() == [False, True, False, True]
    dropped = joined({"a": a, "b": b}, "drop")
    assert (list(dropped.keys), dropped.rows["a"].tolist(), dropped.rows["b"].tolist()) == ([2], [2], [1])


def test_an_absent_first_row_makes_no_lacking_key_a_null():
    """Rows of lacking keys are -1, and no row of the source speaks for them."""
    a, b = source("a", [1, 2, 3]), source("b", [2], absent=[2])
    result = joined({"a": a, "b": b}, "mask")
    assert result.absent["b"].tolist() == [True, True, True]
    found = {f.about: f.values for f in result.report}
    assert (found["b"]["held"], found["b"]["missing"]) == (1, 3)


def test_a_source_that_says_nothing_is_absent_has_no_gap():
    class Said(plait.Source):
        label, keys, spec = "Said", Keys.range(2), {"x": plait.Spec((), np.dtype(float))}

        def read(self, names, rows):
            return {"x": rows * 1.0}

        def absent(self, name):
            return np.zeros(2, bool)

    result = joined({"x": Said()})
    assert result.absent["x"] is None
    assert [f.level for f in result.report] == ["pass"]
    longer = plait.Arrays(y=np.arange(3))
    assert joined({"x": Said(), "y": longer}, "mask").absent["x"].tolist() == [False, False, True]


def test_policies_may_differ_by_stream():
    sources = {"a": source("a", [1, 2, 3, 4]), "b": source("b", [1, 2, 3], absent=[2]), "c": source("c", [1, 2, 4])}
    result = joined(sources, {"a": "raise", "b": "mask", "c": "drop"})
    assert list(result.keys) == [1, 2, 4]
    assert (result.absent["a"], result.absent["c"]) == (None, None)
    assert result.absent["b"].tolist() == [False, True, True]


def test_what_one_stream_drops_no_other_has_to_have():
    sources = {"a": source("a", [1, 2, 3]), "b": source("b", [1, 2], absent=[])}
    assert list(joined(sources, {"a": "raise", "b": "drop"}).keys) == [1, 2]


def test_nan_that_is_kept_is_told():
    result = joined({"a": source("a", [1, 2], absent=[2])}, "keep")
    assert result.absent["a"].tolist() == [False, True]


def test_the_report_tells_what_matched():
    sources = {"a": source("a", [1, 2, 3]), "b": source("b", [3, 2, 9]), "c": source("c", [1, 2, 3, 9], absent=[2])}
    report = joined(sources, {"a": "drop", "b": "mask", "c": "mask"}).report
    assert (report.title, bool(report)) == ("join", True)
    told = {f.about: (f.level, f.message) for f in report}
    assert told == {
        "a": ("warn", "3 of 4 samples have a value in Arrays(a); 1 have none (dropped), such as [9]"),
        "b": ("warn", "3 of 4 samples have a value in Arrays(b); 1 have none (kept with weight 0), such as [1]"),
        "c": ("warn", "3 of 4 samples have a value in Arrays(c); 1 have none (kept with weight 0), such as [2]"),
    }
    values = {f.about: f.values for f in report}
    assert values["a"] == {"keys": 4, "held": 3, "missing": 1, "dropped": 1, "policy": "drop", "such as": [9]}
    assert values["b"] == {"keys": 4, "held": 3, "missing": 1, "dropped": 0, "policy": "mask", "such as": [1]}
    [whole] = joined({"a": sources["a"]}).report
    assert (whole.level, whole.message) == ("pass", "3 of 3 keys matched in Arrays(a)")


# speed


@pytest.mark.parametrize(("kind", "count"), [("integers", 10**6), ("text", 10**6), ("integers and text", 10**5), ("two parts", 10**5)])
def test_a_million_keys_are_matched_in_seconds(kind, count):
    """About one second for a million on an idle machine; the limit is wide for one that is busy."""
    order = np.random.default_rng(0).permutation(count)
    names = np.array([f"patient-{n:06d}" for n in range(count)])
    keys = {
        "integers": (np.arange(count) * 1000, order * 1000),
        "text": (names, names[order]),
        "integers and text": (np.arange(count), order.astype(str)),
        "two parts": ({"a": names, "b": np.arange(count)}, {"b": order, "a": names[order]}),
    }[kind]
    sources = {name: plait.Arrays({name: np.arange(count)}, key=key) for name, key in zip(("one", "other"), keys, strict=True)}
    start = time.perf_counter()
    result = joined(sources)
    assert time.perf_counter() - start < 15
    assert np.array_equal(order[result.rows["other"]], np.arange(count))
