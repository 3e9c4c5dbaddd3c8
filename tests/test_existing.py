"""What a user already has becomes arrays with names and roles: here the kinds that need no other library."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest

import plait
from plait.parts import read_parts
from plait.ragged import Ragged

X, Y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3


def batches(*columns, size=4):
    """Batches of a tuple of columns, the last one smaller."""
    return [tuple(column[start : start + size] for column in columns) for start in range(0, len(columns[0]), size)]


def test_batches_of_two_arrays_are_an_input_and_a_target():
    data = plait.Dataset.of(batches(X, Y))
    assert list(data.inputs) == ["input"] and list(data.targets) == ["target"] and not data.weights
    np.testing.assert_array_equal(data["input"].values(), X)
    np.testing.assert_array_equal(data["target"].values(), Y)


def test_a_third_part_is_the_weight():
    data = plait.Dataset.of(batches(X, Y, np.ones(10)), inputs=["a"], targets=["b"])
    assert list(data.spec) == ["a", "b", "b.weight"]


def test_dicts_keep_their_names_whatever_their_order():
    first = ({"b": X[:4], "a": X[:4] + 1}, {"z": Y[:4], "y": Y[:4] + 1}, {"y": Y[:4] * 2.0})
    data = plait.Dataset.of([first, ({"a": X[4:] + 1, "b": X[4:]}, {"y": Y[4:] + 1, "z": Y[4:]}, {"y": Y[4:] * 2.0})])
    np.testing.assert_array_equal(data["a"].values(), X + 1)
    np.testing.assert_array_equal(data["b"].values(), X)
    np.testing.assert_array_equal(data["y"].values(), Y + 1)
    np.testing.assert_array_equal(data["z"].values(), Y)
    assert list(data.weights) == ["y"]


def test_unnamed_parts_are_called_by_number_or_as_asked():
    made = [((X, X + 1), (Y, Y + 1))]
    assert list(plait.Dataset.of(made).spec) == ["input", "input_1", "target", "target_1"]
    data = plait.Dataset.of(made, inputs=["a", "b"], targets=["y", "z"])
    assert list(data.spec) == ["a", "b", "y", "z"]
    np.testing.assert_array_equal(data["b"].values(), X + 1)


def test_a_flat_tuple_takes_one_name_a_part():
    data = plait.Dataset.of([(X, Y, Y + 1)], inputs=["image"], targets=["mask", "label"])
    assert list(data.inputs) == ["image"] and list(data.targets) == ["mask", "label"]
    np.testing.assert_array_equal(data["label"].values(), Y + 1)


def test_names_pick_the_roles_from_one_dict_of_everything():
    made = [{"id": np.arange(10) + 100, "x": X, "y": Y}]
    assert list(plait.Dataset.of(made).inputs) == ["id", "x", "y"]
    data = plait.Dataset.of(made, targets=["y"], key="id")
    assert list(data.inputs) == ["x"] and list(data.targets) == ["y"]
    assert list(data.keys)[:2] == [100, 101]
    assert list(plait.Dataset.of(made, inputs=["y"], targets=["x"]).spec) == ["y", "x"]


def test_keys_are_a_part_or_are_given():
    assert list(plait.Dataset.of(batches(X, Y), key=np.arange(10) * 2).keys) == list(range(0, 20, 2))
    keyed = plait.Dataset.of([({"id": np.array(["a", "b"]), "x": X[:2]}, Y[:2])], key="id")
    assert list(keyed.keys) == ["a", "b"] and list(keyed.inputs) == ["x"]


def test_one_weight_for_all_targets_counts_for_each():
    weight = np.linspace(0, 1, 10)
    data = plait.Dataset.of([(X, (Y, Y + 1), weight)])
    for name in ("target.weight", "target_1.weight"):
        np.testing.assert_array_equal(data[name].values(), weight)


def test_a_weight_of_none_is_none():
    data = plait.Dataset.of([(X, (Y, Y + 1), (None, np.ones(10)))])
    assert list(data.weights) == ["target_1"]
    assert list(plait.Dataset.of([(X, Y, None)]).spec) == ["input", "target"]
    assert list(plait.Dataset.of([(X, None)]).spec) == ["input"]


def test_samples_that_differ_in_length_become_ragged():
    samples = [(np.arange(length), length % 2) for length in (5, 2, 7)]
    data = plait.Dataset.of(samples, inputs=["words"], batched=False)
    assert data["words"].spec.shape == (None,)
    assert [list(row) for row in data["words"].values()] == [list(range(n)) for n in (5, 2, 7)]


def test_batches_padded_to_unequal_lengths_become_ragged():
    data = plait.Dataset.of([(np.ones((2, 5)), Y[:2]), (np.ones((3, 7)), Y[2:5])])
    column = data["input"].values()
    assert isinstance(column, Ragged) and list(column.lengths) == [5, 5, 7, 7, 7]


def test_ragged_batches_and_lists_of_lists_become_ragged():
    made = [({"a": Ragged.of([[1, 2], [3]]), "b": [[1], [2, 3]]}, Y[:2]), ({"a": Ragged.of([[4]]), "b": [[5, 6, 7]]}, Y[2:3])]
    data = plait.Dataset.of(made)
    assert [list(row) for row in data["a"].values()] == [[1, 2], [3], [4]]
    assert [list(row) for row in data["b"].values()] == [[1], [2, 3], [5, 6, 7]]


def test_text_in_any_form_becomes_text():
    made = [({"a": np.array([b"x", b"\xc3\xa9"], object), "b": ["u", "vv"], "c": np.array([b"q", b"r"])}, Y[:2])]
    data = plait.Dataset.of(made)
    assert [list(data[name].values()) for name in "abc"] == [["x", "é"], ["u", "vv"], ["q", "r"]]


def test_named_tuples_are_taken_by_their_names():
    row = namedtuple("row", ["image", "label"])
    data = plait.Dataset.of([row(x, y) for x, y in zip(X, Y, strict=True)], targets=["label"], batched=False)
    assert list(data.inputs) == ["image"] and list(data.targets) == ["label"]
    np.testing.assert_array_equal(data["image"].values(), X)


def test_a_nan_target_is_masked_and_a_nan_input_must_be_dealt_with():
    y = np.where(Y == 0, np.nan, Y)
    assert list(np.flatnonzero(plait.Dataset.of([(X, y)]).absent("target"))) == [0, 3, 6, 9]
    assert len(plait.Dataset.of([(X, y)], missing="drop")) == 6
    with pytest.raises(plait.AlignmentError, match="no value"):
        plait.Dataset.of([(np.where(X == 0, np.nan, X), Y)])
    assert len(plait.Dataset.of([(np.where(X == 0, np.nan, X), Y)], missing="drop")) == 9


def test_a_generator_without_end_is_read_as_far_as_asked():
    def forever():
        while True:
            yield X, Y

    data = plait.Dataset.of(forever(), samples=25)
    assert len(data) == 25
    np.testing.assert_array_equal(data["target"].values(), np.concatenate([Y, Y, Y])[:25])


def test_a_generator_without_end_is_refused_before_memory_is_full():
    big, label = np.zeros((2**18, 32)), np.zeros(2**18)  # a batch of 66 MiB, always the same one

    def forever():
        while True:
            yield big, label

    with pytest.raises(plait.ArgumentError, match=r"generator forever has not ended after 4194304 samples \(1056 MiB\).*samples=10000"):
        plait.Dataset.of(forever())


def test_fewer_samples_than_asked_are_all_there_are():
    assert len(plait.Dataset.of(iter(batches(X, Y)), samples=100)) == 10


def test_arrays_of_has_the_same_streams_without_roles():
    arrays = plait.Arrays.of(batches(X, Y, np.ones(10)), inputs=["x"], targets=["y"], key=np.arange(10) + 5)
    assert list(arrays.spec) == ["x", "y", "y.weight"] and arrays.keys[0] == 5
    np.testing.assert_array_equal(arrays["x"].values(), X)
    assert list(plait.Arrays.of([{"id": Y[:3], "x": X[:3]}], key="id").spec) == ["x"]


ODD_PARTS = [
    ((Y, Y, Y, Y), {}, plait.ArgumentError, r"yields 4 parts, \(array, array, array, array\). Say what they are: inputs="),
    (
        (X, Y),
        {"inputs": ["a", "b"], "targets": ["c"]},
        plait.ArgumentError,
        r"yields 1 input and inputs=\['a', 'b'\] names 2. Name each of them",
    ),
    ((X, (Y, Y)), {"targets": ["y"]}, plait.ArgumentError, r"yields 2 targets and targets=\['y'\] names 1. Name each of them"),
    ((X,), {"targets": ["y"]}, plait.ArgumentError, r"yields inputs only, and targets=\['y'\] names some"),
    ((X, Y), {"inputs": "x"}, plait.ArgumentError, r"inputs='x': a list of names is needed: inputs=\['x'\]"),
    (({"a": X}, Y), {"inputs": ["b"]}, plait.NameUnknownError, r"yields no input 'b'. It yields \['a'\]"),
    (({"a": X}, {"a": Y}), {}, plait.ArgumentError, r"\['a'\] are the names of inputs and of targets.*a_out"),
    (({"a": (X, X)}, Y), {}, plait.ArgumentError, r"inputs are nested, \{'a': \(array, array\)\}"),
    ((X, ((Y, Y), Y)), {}, plait.ArgumentError, r"targets are nested"),
    ((X, {"y": Y}, {"z": Y}), {}, plait.NameUnknownError, r"a weight for 'z', which is no target. The targets are \['y'\]"),
    ((X, (Y, Y), (Y,)), {}, plait.ArgumentError, r"yields 1 weights for the 2 targets"),
    ({"x": X}, {"key": "id"}, plait.NameUnknownError, r"key='id' is none of its parts, \['x'\]"),
    ({"x": X}, {"targets": ["x"]}, plait.ArgumentError, r"no input is left"),
    ((X, Y[:3]), {}, plait.SpecError, r"batch 0 have unequal numbers of samples: 'input' has 10, 'target' has 3"),
    ((X, 1.0), {}, plait.SpecError, r"'target' of element 0 is a single value, not a batch.*batched=False"),
    ((X, np.array([object()] * 10)), {}, plait.SpecError, r"Python objects of type object"),
    ((X, {1, 2}), {}, plait.SpecError, r"'target' of element 0 is a set; numbers, text or arrays of them are needed"),
    ((X, [[1, 2], "no"]), {}, plait.SpecError, r"'target' of element 0 is a list that NumPy cannot read"),
    ((X, [[1, 2], [[3], [4]], []]), {}, plait.SpecError, r"'target' of element 0 holds sequences that are no samples of one kind"),
    ((X, np.array([b"\xff"] * 10)), {}, plait.SpecError, r"holds bytes that are no UTF-8 text"),
]


@pytest.mark.parametrize(("element", "arguments", "error", "message"), ODD_PARTS)
def test_what_cannot_be_meant_is_refused(element, arguments, error, message):
    with pytest.raises(error, match=message):
        plait.Dataset.of([element], **arguments)


ODD_ELEMENTS = [
    ([(X, Y), (X,)], r"element 1 is \(array,\) and the first is \(array, array\). All must have the same parts"),
    ([(X, Y), (X[:3], Y)], r"batch 1 have unequal numbers of samples"),
    ([(X, Y), (np.array(["a", "b"]), Y[:2])], r"'input' is text in some elements and numbers in others"),
    (
        [(np.ones((2, 8, 8, 3)), Y[:2]), (np.ones((2, 8, 9, 3)), Y[:2])],
        r"batches of 'input' have the shapes \(2, 8, 8, 3\), \(2, 8, 9, 3\)",
    ),
]


@pytest.mark.parametrize(("elements", "message"), ODD_ELEMENTS)
def test_elements_that_do_not_go_together_are_refused(elements, message):
    with pytest.raises(plait.SpecError, match=message):
        plait.Dataset.of(elements)


def test_samples_of_unequal_shape_are_refused():
    with pytest.raises(plait.SpecError, match=r"samples of 'input' have the shapes \(2, 3\), \(2, 4\).*resize or pad them before"):
        plait.Dataset.of([(np.ones((2, 3)), 1), (np.ones((2, 4)), 1)], batched=False)


NOTHING_TO_READ = [
    ([], "holds no samples"),
    (iter(()), "holds no samples. A generator that was read before is empty"),
    (3, "A int is nothing that plait can read. It takes a tf.data.Dataset"),
    ((X, Y), "A tuple is data already, and nothing says which part is which. Write arrays = plait.Arrays"),
    ({"x": X}, "A dict is data already"),
    (X, "A ndarray is data already"),
    ([X, X], r"A list of arrays may be batches, or the parts of one. Write \[\(x,\), \(x,\), ...\]"),
    ("data.csv", "'data.csv' is a name. Write plait.Csv"),
    (plait.Arrays(x=X), r"Arrays\(x\) already is a source of plait"),
]


@pytest.mark.parametrize(("existing", "message"), NOTHING_TO_READ)
def test_what_holds_no_batches_is_refused(existing, message):
    with pytest.raises(plait.ArgumentError, match=message):
        plait.Dataset.of(existing)


def test_a_data_frame_is_referred_to_frame():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(plait.ArgumentError, match=r"A DataFrame is a table. Write plait.Frame"):
        plait.Dataset.of(pandas.DataFrame({"a": [1]}))


def test_no_samples_cannot_be_asked_for():
    with pytest.raises(plait.ArgumentError, match="samples=0: at least one sample"):
        plait.Dataset.of(batches(X, Y), samples=0)


def test_what_the_data_set_itself_raises_says_where():
    def broken():
        yield X, Y
        raise OSError("disk on fire")

    with pytest.raises(OSError, match="disk on fire") as caught:
        plait.Dataset.of(broken())
    assert caught.value.__notes__ == ["while reading generator broken, after element 0"]


def test_an_empty_batch_is_no_sample():
    assert len(plait.Dataset.of([(X[:0], Y[:0]), (X, Y)])) == 10
    assert read_parts([(X[:0], Y[:0]), (X, Y)]).arrays["input"].shape == (10, 2)
