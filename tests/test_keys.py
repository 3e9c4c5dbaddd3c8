"""Keys: what samples are matched by, and a hash of each that never changes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

import plait
from plait.keys import Keys, text_array
from plait.spec import TEXT

NAMES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), max_size=10)


def test_row_numbers_take_no_memory():
    keys = Keys.range(10**12)
    assert (len(keys), keys[5], keys[-1]) == (10**12, 5, 10**12 - 1)
    assert keys.is_range
    assert keys.some(range(3)) == [0, 1, 2]
    assert list(keys.take(np.array([7, 2]))) == [7, 2]
    assert keys.hashes(np.array([10**11])).tolist() == Keys.of([10**11]).hashes().tolist()


def test_row_numbers_may_begin_elsewhere():
    keys = Keys.range(3, start=10)
    assert list(keys) == [10, 11, 12]
    assert not keys.is_range
    assert keys == Keys.of([10, 11, 12])
    assert keys != Keys.range(3)
    assert keys.hashes().tolist() == Keys.of([10, 11, 12]).hashes().tolist()


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([3, 1], [3, 1]),
        (np.array([3, 1], np.uint8), [3, 1]),
        (np.array([True, False]), [1, 0]),
        (["p1", "ü"], ["p1", "ü"]),
        (np.array(["p1", "ü"], TEXT), ["p1", "ü"]),
        (np.array(["p1", "longer"], object), ["p1", "longer"]),
        (np.array([1, 2], object), [1, 2]),
        (np.array(["p1"], ">U2"), ["p1"]),
        (np.array([2**64 - 1], np.uint64), ["18446744073709551615"]),
        ([2**70, 1], ["1180591620717411303424", "1"]),
        (np.array(["2024-01-31"], "M8[D]"), ["2024-01-31"]),
        ([], []),
        (np.array([], object), []),
    ],
)
def test_integers_and_text_of_any_kind_are_keys(values, shown):
    keys = Keys.of(values)
    assert list(keys) == shown
    assert len(keys) == len(shown)
    assert Keys.of(keys) is keys


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1], [2]], r"Key 'id' must have one value a sample; it has shape \(2, 1\)"),
        ([1.0, 2.0], r"Key 'id' is of dtype float64. Keys are integers or text: write id.astype\(int\)"),
        ([1.5], "Key 'id' is of dtype float64; keys are integers or text, one for every sample"),
        ([1.0, np.nan], "Key 'id' is of dtype float64; keys are integers or text"),
        (["a", None], "Key 'id' is a mixture of NoneType, str; keys are integers or text"),
        (["a", float("nan")], "Key 'id' is a mixture of float, str; keys are integers or text"),
        (["a", 1], "Key 'id' is a mixture of int, str; keys are integers or text"),
        ([b"a"], r"Key 'id' is of dtype \|S1; keys are integers or text"),
        (np.array(["NaT"], "M8[D]"), "Key 'id' holds missing values; every sample needs a key"),
        (np.array(["a", None], np.dtypes.StringDType(na_object=None)), "Key 'id' holds missing values; every sample needs a key"),
    ],
)
def test_what_is_no_key_is_refused(values, message):
    with pytest.raises(plait.SpecError, match=message):
        Keys({"id": values})


def test_a_key_has_parts_of_one_length():
    with pytest.raises(plait.SpecError, match=r"parts of a key have unequal lengths: \{'site': 2, 'id': 1\}"):
        Keys({"site": ["a", "b"], "id": [1]})
    with pytest.raises(plait.SpecError, match=r"A key needs at least one part: key=\{'site': sites, 'id': ids\}"):
        Keys({})


def test_a_key_of_several_parts_is_shown_as_a_tuple():
    keys = Keys({"site": ["a", "b"], "id": [1, 2]})
    assert list(keys) == [("a", 1), ("b", 2)]
    assert np.asarray(keys).tolist() == [("a", 1), ("b", 2)]
    assert list(keys.take(np.array([1]))) == [("b", 2)]
    assert repr(keys) == "Keys(site/id: 2 such as [('a', 1), ('b', 2)])"


def test_a_row_out_of_range_is_an_index_error():
    for keys in (Keys.range(3), Keys.of(["a", "b", "c"])):
        for row in (3, -4):
            with pytest.raises(IndexError, match=f"row {row} of 3"):
                _ = keys[row]


def test_keys_are_equal_when_all_of_them_are():
    assert Keys.range(3) == Keys.of(np.arange(3)) == Keys({"number": [0, 1, 2]})
    assert Keys.of(["a"]) != Keys.of(["b"])
    assert Keys.range(3) != Keys.range(4)
    assert Keys.of([1]) != Keys.of(["1"])  # as text, which is what joining compares, they are
    assert Keys.of([1]) != Keys({"a": [1], "b": [1]})
    assert Keys.of([1]) != [1]


def test_parts_of_the_same_values_under_exchanged_names_are_other_keys():
    one, other = Keys({"a": [1, 2], "b": [2, 1]}), Keys({"b": [1, 2], "a": [2, 1]})
    assert one != other
    assert one == Keys({"a": [1, 2], "b": [2, 1]})


def test_nobody_can_change_a_key():
    numbers, texts = np.arange(3), np.array(["a", "b", "c"])
    keys = Keys({"number": numbers, "text": texts})
    numbers[:], texts[:] = 9, "z"
    assert list(keys) == [(0, "a"), (1, "b"), (2, "c")]
    alone = Keys.of([1, 2])
    np.array(alone)[:] = 9
    assert list(alone) == [1, 2]


def test_keys_are_the_same_after_pickling():
    for keys in (Keys.range(4, 2), Keys.of(["a", "b"]), Keys({"a": [1], "b": ["x"]})):
        again = pickle.loads(pickle.dumps(keys))
        assert again == keys
        assert again.hashes().tolist() == keys.hashes().tolist()


# hashes


GOLDEN = {
    0: 0x5E6A3D7D9EB1E6E8,
    7: 0xB0FCCB6ABA3380A3,
    -10: 0x92A6D137F828AB78,
    2**63 - 1: 0x7CB78309EC735C2E,
    -(2**63): 0xFFAD48C631C1E191,
    "": 0x519665BF91416C4D,
    "p007": 0x23E836934B587C2F,
    "übermäßig ☺": 0xD790A1D98BCE2022,
}


def test_hashes_never_change():
    assert {key: int(Keys.of([key]).hashes()[0]) for key in GOLDEN} == GOLDEN
    assert Keys({"site": ["Saal 3"], "id": [12]}).hashes().tolist() == [0x623FCC8A6AA72284]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=30))
def test_a_number_and_its_text_have_one_hash(numbers):
    assert Keys.of(np.array(numbers)).hashes().tolist() == Keys.of(list(map(str, numbers))).hashes().tolist()


@given(NAMES)
def test_a_hash_belongs_to_the_key_and_not_to_the_column_around_it(names):
    together = Keys.of(np.array(names, TEXT)).hashes()
    wide = Keys.of([*names, "x" * 50]).hashes()[:-1]
    assert together.tolist() == wide.tolist() == [int(Keys.of([name]).hashes()[0]) for name in names]


def test_a_hash_of_chosen_rows_is_that_of_all_at_these_rows():
    rows = np.random.default_rng(0).integers(0, 20000, 10000)
    for keys in (Keys.range(20000), Keys.of([f"k{n}" for n in range(20000)]), Keys({"a": np.arange(20000) % 7, "b": np.arange(20000)})):
        assert np.array_equal(keys.hashes(rows), keys.hashes()[rows])
        assert np.array_equal(keys.take(rows).hashes(), keys.hashes()[rows])


def test_parts_in_another_order_have_the_same_hash_and_exchanged_ones_another():
    a, b = [1, 2], [2, 1]
    assert Keys({"a": a, "b": b}).hashes().tolist() == Keys({"b": b, "a": a}).hashes().tolist()
    assert Keys({"a": a, "b": b}).hashes().tolist() != Keys({"a": b, "b": a}).hashes().tolist()
    assert Keys({"a": ["x"], "b": ["yz"]}).hashes() != Keys({"a": ["xy"], "b": ["z"]}).hashes()


def test_neighbours_do_not_share_a_hash():
    # failure rate: two of 400,000 equal by chance once in 2e8
    numbers = Keys.range(200_000).hashes()
    texts = Keys.of([f"patient-{n:06d}" for n in range(200_000)]).hashes()
    assert len(np.unique(np.concatenate([numbers, texts]))) == 400_000


# unique


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        (Keys.of([3, 1, 3, 2, 1]), r"2 repeated keys, such as \[1, 3\]"),
        (Keys.of(["b", "a", "b"]), r"1 repeated keys, such as \['b'\]"),
        (Keys({"a": [1, 1, 1], "b": ["x", "y", "x"]}), r"1 repeated keys, such as \[\(1, 'x'\)\]"),
    ],
)
def test_a_key_that_occurs_twice_is_an_error(keys, shown):
    with pytest.raises(plait.DuplicateKeyError, match=rf"Csv 'labels.csv' holds {shown}. A key stands for one sample: name a further"):
        keys.check_unique("Csv 'labels.csv'")


def test_keys_that_occur_once_are_fine():
    for keys in (Keys.range(5), Keys.of([2, 1]), Keys.of(["a", "b"]), Keys({"a": [1, 1], "b": [1, 2]}), Keys.of([])):
        keys.check_unique("x")


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=20))
def test_text_of_integers_is_their_decimal_form(numbers):
    assert text_array(np.array(numbers, np.int64)).tolist() == list(map(str, numbers))
