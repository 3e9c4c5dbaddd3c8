"""Steps: functions on arrays, what they may return, and how their errors name step, stream and sample."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.draws import Draws, seed_of
from plait.keys import Keys
from plait.ragged import Ragged
from plait.spec import TEXT
from plait.steps import Step, check_result, run_step

KEYS = Keys.of(["p1", "p2", "p3", "p4"])


def run(fn, *arrays, present=None, random=False, samples=4):
    """What the step makes of streams a, b, ...; `present` are the places of the samples that each of them has."""
    names = tuple("abc"[: len(arrays)])
    values = dict(zip(names, arrays, strict=True))
    here = dict(zip(names, present or [None] * len(arrays), strict=True))
    rng = Draws(seed_of(np.arange(samples, dtype=np.uint64))) if random else None
    run_step(Step(fn, names, random), values, here, rng, lambda row: KEYS[row], samples=samples)
    return values


def double(x):
    return x * 2


X = np.arange(4.0)


def test_a_step_replaces_its_streams():
    assert run(double, X)["a"].tolist() == [0, 2, 4, 6]
    both = run(lambda a, b: (a + b, a - b), X, X + 1)
    assert (both["a"].tolist(), both["b"].tolist()) == ([1, 3, 5, 7], [-1, -1, -1, -1])


def test_several_results_may_come_by_name():
    both = run(lambda a, b: {"b": a, "a": b}, X, X + 1)
    assert (both["a"].tolist(), both["b"].tolist()) == ([1, 2, 3, 4], [0, 1, 2, 3])
    assert run(lambda a: {"a": a + 1}, X)["a"].tolist() == [1, 2, 3, 4]
    assert run(lambda a, b: [a, b], X, X)["b"].tolist() == X.tolist()


@pytest.mark.parametrize(
    ("result", "dtype", "values"),
    [
        ([[1, 2]] * 4, np.int64, [[1, 2]] * 4),
        (np.array(["x", "yy", "", "z"]), TEXT, ["x", "yy", "", "z"]),
        (["x", "yy", "", "z"], TEXT, ["x", "yy", "", "z"]),
        (np.array(["x", "yy", "", "z"], object), TEXT, ["x", "yy", "", "z"]),
        (np.array(["2024-01-31"] * 4, "M8[D]"), np.dtype("M8[D]"), np.array(["2024-01-31"] * 4, "M8[D]").tolist()),
        ((np.arange(4),), np.int64, [0, 1, 2, 3]),
    ],
)
def test_arrays_lists_and_text_are_results(result, dtype, values):
    array = run(lambda x: result, X)["a"]
    assert type(array) is np.ndarray
    assert (array.dtype, array.tolist()) == (dtype, values)


def test_samples_of_unequal_length_become_ragged():
    for result in ([[1], [2, 3], [], [4]], Ragged.of([[1], [2, 3], [], [4]]), [np.array([1]), np.array([2, 3]), np.zeros(0, int), [4]]):
        column = run(lambda x, result=result: result, X)["a"]
        assert isinstance(column, Ragged)
        assert [list(sample) for sample in column] == [[1], [2, 3], [], [4]]


class Tensor:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("Can't call numpy() on a tensor that requires grad")


REFUSED = {
    "a number": (
        lambda x: 3,
        r"Step <lambda> turned 4 samples of 'a' into shape \(\). A step gives numbers or text with one row a sample, ",
    ),
    "nothing": (lambda x: None, "turned 4 samples of 'a' into dtype object"),
    "too few": (lambda x: x[:3], r"turned 4 samples of 'a' into shape \(3,\).*in the same order: shape \(4, ...\)"),
    "too few sequences": (lambda x: [[1], [2, 3]], "turned 4 samples of 'a' into 2 samples"),
    "complex": (lambda x: x * 1j, "turned 4 samples of 'a' into dtype complex128"),
    "objects": (lambda x: np.array([{}] * 4), "turned 4 samples of 'a' into dtype object"),
    "sequences of objects": (lambda x: [[None], [1, 2], [3], [4]], "turned 4 samples of 'a' into dtype object"),
    "masked": (lambda x: np.ma.masked_less(x, 2), "turned 4 samples of 'a' into masked values"),
    "no column": (lambda x: [np.zeros((1, 2)), np.zeros((1, 3)), 1, 2], r"into a list that is no column \(Samples of unequal length may"),
    "a tensor": (lambda x: Tensor(), r"into a Tensor that NumPy cannot read \(Can't call numpy\(\) on a tensor that requires grad\)"),
    "two for one": (lambda x: (x, x), r"Step <lambda> on \['a'\] returned 2 values; it must return one array"),
    "another name": (lambda x: {"b": x}, r"Step <lambda> returned \['b'\]; it must return \['a'\]"),
}


@pytest.mark.parametrize(("fn", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_column_is_refused(fn, message):
    with pytest.raises(plait.SpecError, match=message):
        run(fn, X)


@pytest.mark.parametrize(
    ("fn", "message"),
    [
        (lambda a, b: a, r"Step <lambda> on \['a', 'b'\] returned a ndarray; it must return 2 arrays, in that order"),
        (lambda a, b: (a,), r"on \['a', 'b'\] returned 1 values; it must return 2 arrays"),
        (lambda a, b: {"a": a}, r"Step <lambda> returned \['a'\]; it must return \['a', 'b'\]"),
        (lambda a, b: {"a": a, "b": b, "c": a}, r"Step <lambda> returned \['a', 'b', 'c'\]; it must return \['a', 'b'\]"),
        (lambda a, b: (a, b[:2]), r"turned 4 samples of 'b' into shape \(2,\)"),
    ],
)
def test_as_many_arrays_come_back_as_went_in(fn, message):
    with pytest.raises(plait.SpecError, match=message):
        run(fn, X, X + 1)


# errors


def refuse_two(x):
    if (x == 2).any():
        raise ValueError("two is too much")
    return x


def test_the_sample_that_a_step_fails_on_is_named():
    with pytest.raises(plait.TransformError, match="^Step refuse_two on 'a', sample 'p3' raised ValueError: two is too much$") as caught:
        run(refuse_two, X)
    assert isinstance(caught.value.__cause__, ValueError)


def test_the_sample_is_named_where_others_are_absent():
    with pytest.raises(plait.TransformError, match="on 'a', sample 'p4' raised ValueError"):
        run(refuse_two, np.array([1.0, 2.0]), present=[np.array([1, 3])])


def test_the_sample_is_named_for_linked_streams():
    def both(a, b):
        return refuse_two(a), b

    with pytest.raises(plait.TransformError, match="^Step both on 'a', 'b', sample 'p3' raised ValueError"):
        run(both, X, np.zeros(1), present=[None, np.array([0])])


def test_the_sample_is_named_for_random_steps_which_draw_the_same_again():
    def crop(x, rng):
        return refuse_two(np.where(rng.random() == high, 2, x))

    high = Draws(seed_of(np.arange(4, dtype=np.uint64))).random()[1]
    with pytest.raises(plait.TransformError, match="^Step crop on 'a', sample 'p2' raised ValueError"):
        run(crop, np.zeros(4), random=True)


def test_an_error_of_the_whole_batch_names_no_sample():
    def refuse_many(x):
        if len(x) > 1:
            raise ValueError()
        return x

    with pytest.raises(plait.TransformError, match="^Step refuse_many on 'a' raised ValueError: ValueError$"):
        run(refuse_many, X)


def test_an_error_of_ours_stays_what_it_is():
    def read(x):
        raise plait.ReadError("the file is empty")

    with pytest.raises(plait.ReadError, match="^Step read on 'a', sample 'p1': the file is empty$"):
        run(read, X)


def test_a_step_is_called_by_its_function_or_class():
    class Flip:
        def __call__(self, x):
            return x

    assert [Step(fn, ("a",), False).name for fn in (double, np.sqrt, Flip(), Flip, lambda x: x)] == [
        "double",
        "sqrt",
        "Flip",
        "Flip",
        "<lambda>",
    ]


# absent samples


def test_a_step_alone_sees_only_what_is_there():
    seen = []

    def note(x):
        seen.append(x.tolist())
        return x + 1

    assert run(note, np.array([5.0, 7.0]), present=[np.array([0, 2])])["a"].tolist() == [6, 8]
    assert seen == [[5, 7]]


def test_linked_steps_see_zeros_where_nothing_is_and_leave_nothing_there():
    seen = []

    def note(a, b):
        seen.append((a.tolist(), b.tolist()))
        return a + 1, b + 1

    values = run(note, X, np.array([5.0, 7.0]), present=[None, np.array([0, 2])])
    assert seen == [([0, 1, 2, 3], [5, 0, 7, 0])]
    assert (values["a"].tolist(), values["b"].tolist()) == ([1, 2, 3, 4], [6, 8])


def test_linked_steps_of_streams_that_both_have_gaps_see_every_sample():
    lengths = []

    def note(a, b):
        lengths.append((len(a), len(b)))
        return a, b

    values = run(note, np.ones(1), Ragged.of([[1, 2]]), present=[np.array([0]), np.array([1])])
    assert lengths == [(4, 4)]
    assert len(values["a"]) == len(values["b"]) == 1


def test_a_random_step_draws_for_the_samples_and_not_for_their_places():
    def noise(x, rng):
        return x + rng.random()

    whole = run(noise, np.zeros(4), random=True)["a"]
    some = run(noise, np.zeros(2), present=[np.array([1, 3])], random=True)["a"]
    assert some.tolist() == whole[[1, 3]].tolist()


# memory


def test_results_that_share_memory_are_parted():
    shared = np.zeros((4, 2))
    for fn in (lambda a, b: (a, a), lambda a, b: (shared, shared[:, :1]), lambda a, b: (Ragged(X, np.arange(5)), X)):
        values = run(fn, X.copy(), X + 1)
        arrays = [v.values if isinstance(v, Ragged) else v for v in values.values()]
        assert not np.may_share_memory(*arrays)


# the spec


def test_a_result_is_what_its_spec_says():
    spec = plait.Spec((None, 3), np.dtype(np.float32))
    for array in (np.zeros((2, 5, 3), np.float32), Ragged(np.zeros((4, 3), np.float32), np.array([0, 1, 4]))):
        check_result("x", array, spec, (), list)
    check_result("x", np.zeros((2, 3)), plait.Spec((3,), np.dtype(float)), (), list)


@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.zeros((2, 4)), r"\(4,\) float64"),
        (np.zeros((2, 3), np.float32), r"\(3,\) float32"),
        (np.zeros((2, 3, 1)), r"\(3, 1\) float64"),
        (Ragged.of([[1.0], [1.0, 2.0]]), r"\(\?,\) float64"),
    ],
)
def test_a_batch_of_another_form_is_refused(array, found):
    spec = plait.Spec((3,), np.dtype(float))
    steps = [Step(double, ("x",), False), Step(double, ("y",), False)]
    with pytest.raises(
        plait.SpecError, match=rf"^Stream 'x' is declared as \(3,\) float64 and a batch of it is {found} after the step double"
    ):
        check_result("x", array, spec, steps, lambda: ["p1"])
    with pytest.raises(plait.SpecError, match=rf"is {found}; samples \['p1'\]. A step must give the same shape and dtype for every batch"):
        check_result("x", array, spec, [], lambda: ["p1"])
