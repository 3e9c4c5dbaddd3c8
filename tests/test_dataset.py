"""A data set: immutable, read by rows, its steps in order, its draws those of the sample, and nothing where nothing is."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import plait
from plait.ragged import Array, Ragged
from plait.spec import TEXT

N = 12
ALL = np.arange(N)


def arrays(order=ALL, **more):
    columns = {
        "x": np.arange(2.0 * N).reshape(N, 2),
        "age": np.arange(N) + 40,
        "grade": np.array([n % 3 for n in range(N)]),
        "size": np.array([np.nan if n % 4 == 1 else n for n in range(N)]),
        "words": np.array([f"w{n}" for n in range(N)], TEXT),
        "tokens": Ragged.of([np.arange(n % 4) for n in range(N)], dtype=np.int64),
        **more,
    }
    taken = {name: c.take(order) if isinstance(c, Ragged) else c[order] for name, c in columns.items()}
    return plait.Arrays(taken, key=[f"k{n}" for n in order])


def make(order=ALL, **more):
    a = arrays(order, **more)
    return plait.Dataset(
        inputs={name: a[name] for name in ("x", "age", "words", "tokens")},
        targets={"grade": a["grade"], "size": a["size"]},
        weights={"grade": a["age"]},
        missing="mask",
    )


def value(data, name, rows=None):
    column = data.read([name], np.arange(len(data)) if rows is None else np.asarray(rows, np.int64))[name]
    return [list(s) for s in column] if isinstance(column, Ragged) else column.tolist()


def noise(x, rng):
    return x + rng.random((len(x), *x.shape[1:]))


class Counted(plait.Source):
    """Says which streams were read, how often."""

    in_memory = False
    label = "Counted"

    def __init__(self, names):
        self.names, self.calls = names, []

    @property
    def keys(self) -> plait.Keys:
        return plait.Keys.range(N)

    @property
    def spec(self) -> Mapping[str, plait.Spec]:
        return {name: plait.Spec((), np.dtype(float)) for name in self.names}

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        self.calls.append(list(names))
        return {name: rows * 1.0 for name in names}


# what it is


def test_streams_have_roles_and_weights_have_the_name_of_their_target():
    data = make()
    assert list(data.inputs) == ["x", "age", "words", "tokens"]
    assert list(data.targets) == ["grade", "size"]
    assert data.weights == {"grade": plait.Spec((), np.dtype(int))}
    assert list(data.spec) == ["x", "age", "words", "tokens", "grade", "size", "grade.weight"]
    assert data["age"].spec == data.inputs["age"]
    assert (len(data), data.keys[3], data.label, data.in_memory) == (N, "k3", "Dataset", True)


def test_a_data_set_is_in_memory_when_all_of_its_sources_are():
    assert not plait.Dataset(inputs={"a": Counted(["a"]), "x": plait.Arrays(x=ALL)}).in_memory


def test_nothing_changes_a_data_set():
    data = make()
    before = {name: value(data, name) for name in data.spec}
    changed = data.map(np.negative, on="age").augment(noise, on="x").take(np.arange(5))
    changed.split(0.5)
    read = data.read(list(data.spec), ALL)
    for array in read.values():
        (array.values if isinstance(array, Ragged) else array).fill("changed" if array.dtype == TEXT else 7)
    assert {name: value(data, name) for name in data.spec} == before
    assert (len(data), data.steps, len(changed)) == (N, (), 5)
    with pytest.raises(TypeError, match="does not support item assignment"):
        data.spec["x"] = data.spec["age"]  # pyright: ignore[reportIndexIssue]
    data.inputs.pop("x")
    assert "x" in data.inputs


def test_a_data_set_is_printed_with_roles_sources_steps_and_gaps():
    a = arrays()
    part = plait.Dataset(
        inputs={"x": a["x"], "late": plait.Arrays(late=np.arange(10), key=[f"k{n}" for n in range(10)])},
        targets={"size": a["size"]},
        weights={"size": a["age"]},
        missing={"late": "drop", "size": "mask"},
    )
    assert str(part.map(np.sqrt, on="x").augment(noise, on=["x"])) == "\n".join(
        [
            "Dataset of 10 samples, keys such as ['k0', 'k1', 'k2']",
            "  input   x            (2,) float64              Arrays(x, age, grade, size, ...) -> sqrt -> noise",
            "  input   late         () int64                  Arrays(late)",
            "  target  size         () float64                Arrays(x, age, grade, size, ...)   3 missing, weight 0",
            "  weight  size.weight  () int64                  Arrays(x, age, grade, size, ...)",
            "  dropped when joined: 2 samples without late; print(data.join) says which",
        ]
    )
    assert repr(part) == str(part)
    assert {f.about: f.level for f in part.join} == {"x": "pass", "late": "warn", "size": "warn", "size.weight": "pass"}


def test_origin_is_the_stream_below_and_raw_has_no_steps():
    data = make().map(np.negative, on="age")
    assert data.origin("age").spec == data.raw().spec["age"]
    assert value(data.raw(), "age") == list(range(40, 40 + N))
    assert data.decoder("age") is None
    assert [step.name for step in data.steps] == ["negative"]


def test_names_that_do_not_exist_are_told_with_those_that_do():
    data = make()
    for call in (
        lambda: data.read(["z"], ALL),
        lambda: data.absent("z"),
        lambda: data.origin("z"),
        lambda: data.decoder("z"),
        lambda: data.map(np.sqrt, on="z"),
        lambda: data.map(np.sqrt, on=["age", "z"]),
    ):
        with pytest.raises(
            plait.NameUnknownError, match=r"^The data set has no stream 'z'. It has \['x', 'age', 'words', .*'grade.weight'\]\.$"
        ):
            call()
    with pytest.raises(plait.NameUnknownError, match="Dataset has no stream 'z'"):
        _ = data["z"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [([N], "Dataset: rows 12 to 12 were asked for and there are 12, from 0 to 11"), ([-1], "rows -1 to -1"), (ALL < 3, "not bool")],
)
def test_rows_that_do_not_exist_are_refused(rows, message):
    with pytest.raises(plait.ArgumentError, match=message):
        make().read(["x"], rows)


# take

ROWS = st.lists(st.integers(-N, N - 1), max_size=20)


@given(ROWS, st.data())
def test_take_of_take_is_take(rows, data):
    whole, chosen = make(), np.array(rows, int)
    part = whole.take(chosen)
    again = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=10)) if rows else []
    expected = (ALL[chosen] if rows else chosen)[np.array(again, int)]
    assert list(part.take(again).keys) == [f"k{n}" for n in expected]
    for name in ("x", "tokens", "size"):
        assert value(part.take(again), name) == value(whole, name, expected)
    gone = part.take(again).absent("size")
    assert (gone is not None and gone.any()) == any(n % 4 == 1 for n in expected)


def test_take_takes_rows_masks_and_slices():
    data = make()
    for rows, expected in (
        (slice(2, 8, 3), [2, 5]),
        (slice(-2, None), [10, 11]),
        (ALL % 5 == 0, [0, 5, 10]),
        ([True] + [False] * 11, [0]),
        ([-1, 0, 0], [11, 0, 0]),
        (np.array([3], np.uint8), [3]),
        (range(3), [0, 1, 2]),
        ([], []),
        (np.zeros(N, bool), []),
    ):
        part = data.take(rows)
        assert [list(part.keys), value(part, "age")] == [[f"k{n}" for n in expected], [40 + n for n in expected]]
        assert len(part) == len(expected)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([12], r"take\(rows\): rows 12 to 12 were asked for and there are 12, from 0 to 11"),
        ([-13], r"take\(rows\): rows -13 to -13 were asked for"),
        ([0.5], r"take\(rows\): rows are a list of integers, not float64"),
        ([True, False], r"take\(mask\): the mask has the shape \(2,\) for 12 samples"),
        (np.ones((N, 1), bool), r"take\(mask\): the mask has the shape \(12, 1\) for 12 samples"),
        (3, r"take\(rows\): rows are a list of integers, not int64 \(\)"),
        (["k1"], r"take\(rows\): rows are a list of integers, not <U2"),
    ],
)
def test_rows_that_cannot_be_taken_are_refused(rows, message):
    with pytest.raises(plait.ArgumentError, match=message):
        make().take(rows)


# map


def test_steps_are_applied_in_the_order_they_were_added():
    data = make().map(lambda v: v + 1, on="age").map(lambda v: v * 10, on="age").map(lambda a, g: (a + g, g), on=["age", "grade"])
    assert value(data, "age", [0, 4]) == [410, 451]
    assert value(data, "grade", [4]) == [1]
    assert [step.on for step in data.steps] == [("age",), ("age",), ("age", "grade")]


def test_only_the_streams_that_are_asked_for_are_read_and_only_their_steps_run():
    source, run = Counted(["a", "b", "c", "d"]), []

    def note(name):
        return lambda *v: (run.append(name), v[0] if len(v) == 1 else v)[1]

    data = plait.Dataset(inputs={name: source[name] for name in "abcd"})
    data = data.map(note("ab"), on=["a", "b"]).map(note("b"), on="b").map(note("c"), on="c")
    source.calls.clear(), run.clear()
    data.read(["a"], ALL)
    assert (source.calls, run) == ([["a", "b"]], ["ab"])
    source.calls.clear(), run.clear()
    data.read(["d", "c"], ALL)
    assert (source.calls, run) == ([["c", "d"]], ["c"])


def test_streams_of_one_source_are_read_together_and_one_stream_once():
    source = Counted(["a", "b"])
    data = plait.Dataset(inputs={"a": source["a"], "again": source["a"], "b": source["b"], "x": plait.Arrays(x=ALL)})
    source.calls.clear()
    data.read(["a", "again", "b", "x"], ALL[:3])
    assert source.calls == [["a", "b"]]


def test_what_a_step_turns_round_is_handed_on_the_right_way_round():
    """PyTorch takes no array whose strides are negative."""
    arrays = plait.Arrays(image=np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4))
    data = plait.Dataset(inputs={"image": arrays["image"]}).map(lambda image: image[:, :, ::-1], on="image")
    image = data.read(["image"], [0, 1])["image"]
    assert min(image.strides) > 0
    np.testing.assert_array_equal(image, np.arange(24).reshape(2, 3, 4)[:, :, ::-1])


def test_a_step_that_writes_into_its_array_changes_no_other_stream():
    def blank(v):
        v[:] = 0
        return v

    a = arrays()
    for name in ("x", "tokens"):
        data = plait.Dataset(inputs={"in": a[name], "same": a[name]}, targets={"out": a[name]})
        changed = data.map(lambda v: Ragged(blank(v.values), v.offsets) if isinstance(v, Ragged) else blank(v), on="same")
        read = changed.read(["in", "same", "out"], ALL)
        first, _, last = (v.values if isinstance(v, Ragged) else v for v in read.values())
        assert value(changed, "in") == value(changed, "out") == value(data, "in")
        assert not np.may_share_memory(first, last)


def test_steps_may_change_shape_and_dtype():
    data = make()
    flat = data.map(lambda v: np.repeat(v[:, :, None], 3, axis=2).astype(np.float32), on="x")
    assert flat.spec["x"] == plait.Spec((2, 3), np.dtype(np.float32))
    assert flat.read(["x"], ALL[:5])["x"].shape == (5, 2, 3)
    dense = data.map(lambda v: v.padded(4), on="tokens")
    assert (dense.spec["tokens"].shape, value(dense, "tokens", [3])) == ((4,), [[0, 1, 2, 0]])
    ragged = data.map(lambda v: Ragged.of([np.full(1 + n % 2, n) for n in v]), on="age")
    assert (str(ragged.spec["age"]), value(ragged, "age", [0, 1])) == ("(?,) int64", [[40], [41, 41]])
    words = data.map(np.strings.upper, on="words")
    assert (words.spec["words"].dtype, value(words, "words", [3])) == (TEXT, ["W3"])


def test_a_step_has_to_give_one_form_for_every_batch():
    data = make().map(lambda v: v[:, : 1 if v.max() > 10 else 2], on="x").take(slice(1, None))
    with pytest.raises(
        plait.SpecError, match=r"'x' is declared as \(2,\) float64 and a batch of it is \(1,\) float64 after the step <lambda>"
    ):
        data.read(["x"], [0, 9])
    with pytest.raises(plait.SpecError, match=r"samples \['k1', 'k10'\]"):
        data.read(["x"], [0, 9])


def test_errors_name_step_stream_and_key_after_any_selection():
    def fragile(v):
        if (v == 44).any():
            raise ValueError("no")
        return v

    data = make().map(fragile, on="age")
    for part, row in ((data, 4), (data.take(ALL[::-1]), 7), (data.take([4, 4, 3]), 0)):
        with pytest.raises(plait.TransformError, match="^Step fragile on 'age', sample 'k4' raised ValueError: no$"):
            part.read(["age"], [row, 2])


def test_a_step_that_fails_at_once_fails_where_it_is_declared():
    with pytest.raises(plait.TransformError, match="Step <lambda> on 'age', sample 'k0' raised ZeroDivisionError"):
        make().map(lambda v: 1 // 0, on="age")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: d.map("age", on=np.sqrt),
            r"A step is a function and the streams it works on: data.map\(fn, on='age'\); found 'age' and on=<ufunc",
        ),
        (lambda d: d.map(np.sqrt, on=[]), r"A step is a function and the streams it works on.*on=\[\]"),
        (lambda d: d.augment(noise, on=["x", "x"]), r"noise: on=\['x', 'x'\] names a stream twice"),
    ],
)
def test_steps_that_cannot_be_meant_are_refused(call, message):
    with pytest.raises(plait.ArgumentError, match=message):
        call(make())


# what steps make of specs

CODES = plait.Spec((), np.dtype(int), classes=("a", "b", "c"), unit="mm")


class Meaning(Counted):
    """Codes of classes, in millimetres."""

    @property
    def spec(self) -> Mapping[str, plait.Spec]:
        return {name: CODES for name in self.names}

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        return {name: rows % 3 for name in names}


def test_classes_stay_where_the_form_of_the_codes_does_and_units_stay():
    data = plait.Dataset(inputs={"g": Meaning(["g"])})
    assert data.map(lambda v: v[::1], on="g").spec["g"] == CODES
    assert data.augment(lambda v, rng: v, on="g").spec["g"] == CODES
    assert data.map(lambda v: v.astype(np.int8), on="g").spec["g"] == plait.Spec((), np.dtype(np.int8), unit="mm")
    assert data.map(lambda v: v[:, None], on="g").spec["g"] == plait.Spec((1,), np.dtype(int), unit="mm")
    assert data.map(lambda v: v * 1.0, on="g").spec["g"] == plait.Spec((), np.dtype(float), unit="mm")


def test_a_step_may_say_itself_what_it_makes_of_a_spec():
    class Named:
        calls = 0

        def spec(self, spec):
            return replace(spec, classes=("x", "y", "z"))

        def __call__(self, array):
            self.calls += 1
            return array

    named = Named()
    data = plait.Dataset(inputs={"g": Meaning(["g"])}).map(named, on="g")
    assert (data.spec["g"].classes, named.calls) == (("x", "y", "z"), 0)


def test_a_step_that_says_something_else_is_refused():
    class Wrong:
        def spec(self, spec):
            return spec.shape

        def __call__(self, array):
            return array

    with pytest.raises(plait.SpecError, match="Wrong.spec returned a tuple; it is to say what it makes of a Spec, as a Spec"):
        make().map(Wrong(), on="age")


def test_specs_are_tried_on_samples_that_are_there():
    a = plait.Arrays(y=[None, None, "b", "c"])
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(4))}, targets={"y": a}, missing="mask")
    seen = []
    data.map(lambda v: (seen.append(v.tolist()), np.strings.str_len(v))[1], on="y")
    assert seen == [["b", "c"]]


def test_a_data_set_without_samples_has_specs_too():
    data = make().take([]).map(lambda v: v * 2.5, on="age").augment(noise, on="x")
    assert (str(data.spec["age"]), str(data.spec["x"])) == ("() float64", "(2,) float64")
    assert data.read(["age", "x", "tokens", "words"], [])["x"].shape == (0, 2)


# augment


def test_what_is_drawn_belongs_to_seed_epoch_and_key():
    data = make().augment(noise, on="x")
    whole = data.draw(["x"], ALL, seed=3, epoch=5)["x"]
    assert not np.array_equal(whole, data.draw(["x"], ALL, seed=4, epoch=5)["x"])
    assert not np.array_equal(whole, data.draw(["x"], ALL, seed=3, epoch=6)["x"])
    assert np.array_equal(data.read(["x"], ALL)["x"], data.draw(["x"], ALL, seed=0, epoch=0)["x"])
    drawn = whole - make().read(["x"], ALL)["x"]
    assert len(np.unique(drawn)) == drawn.size


@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=15), st.integers(0, 100), st.integers(0, 1000))
@settings(max_examples=30)
def test_what_is_drawn_does_not_depend_on_batch_selection_or_order_of_the_source(rows, seed, epoch):
    data = make().augment(noise, on="x")
    whole = data.draw(["x"], ALL, seed=seed, epoch=epoch)["x"]
    assert np.array_equal(data.draw(["x"], rows, seed=seed, epoch=epoch)["x"], whole[rows])
    assert np.array_equal(data.take(rows).draw(["x"], np.arange(len(rows)), seed=seed, epoch=epoch)["x"], whole[rows])
    order = np.random.default_rng(seed).permutation(N)
    other = make(order).augment(noise, on="x")
    assert np.array_equal(other.draw(["x"], np.argsort(order)[rows], seed=seed, epoch=epoch)["x"], whole[rows])


def test_what_is_drawn_is_the_same_on_both_sides_of_a_split():
    data = make().augment(noise, on="x")
    whole = dict(zip(data.keys, value(data, "x"), strict=True))
    for part in data.split(0.5, seed=1):
        assert dict(zip(part.keys, value(part, "x"), strict=True)) == {key: whole[key] for key in part.keys}


def test_samples_of_one_batch_may_be_of_different_epochs():
    data = make().augment(noise, on="x")
    mixed = data.draw(["x"], [3, 3, 4], seed=1, epoch=np.array([0, 7, 7]))["x"]
    assert np.array_equal(mixed[0], data.draw(["x"], [3], seed=1, epoch=0)["x"][0])
    assert np.array_equal(mixed[1:], data.draw(["x"], [3, 4], seed=1, epoch=7)["x"])


def test_linked_streams_get_one_draw():
    def flip(a, b, rng):
        turned = rng.random(len(a)) < 0.5
        return np.where(turned[:, None], a[:, ::-1], a), np.where(turned, -b, b)

    read = make().augment(flip, on=["x", "age"]).draw(["x", "age"], ALL, seed=2, epoch=0)
    turned = read["x"][:, 0] > read["x"][:, 1]
    assert 0 < turned.sum() < N
    assert np.array_equal(turned, read["age"] < 0)


def test_every_random_step_draws_anew():
    data = plait.Dataset(inputs={"a": plait.Arrays(a=np.zeros(N)), "b": plait.Arrays(b=np.zeros(N))})
    read = data.augment(noise, on="a").augment(noise, on="b").read(["a", "b"], ALL)
    assert not np.intersect1d(read["a"], read["b"]).size
    twice = data.augment(noise, on="a").augment(noise, on="a")
    assert not np.allclose(value(twice, "a"), 2 * np.array(value(data.augment(noise, on="a"), "a")))


def test_what_is_drawn_never_changes():
    data = make().augment(lambda v, rng: rng.random(v.shape), on="x")
    assert data.draw(["x"], [0, 7], seed=11, epoch=2)["x"].tolist() == [
        [0.24799045212454296, 0.6590098311858292],
        [0.18370697477012332, 0.4733633541220239],
    ]


def test_plain_is_without_what_is_drawn():
    data = make().map(np.negative, on="x").augment(noise, on="x").map(lambda v: v * 2, on="x")
    assert [step.name for step in data.plain().steps] == ["negative", "<lambda>"]
    assert value(data.plain(), "x", [1]) == [[-4, -6]]


def test_reading_from_many_threads_is_reading():
    data = make().map(np.negative, on="age").augment(noise, on="x").take(ALL[::-1])
    expected = data.draw(list(data.spec), ALL, seed=1, epoch=2)
    fresh = make().map(np.negative, on="age").augment(noise, on="x").take(ALL[::-1])  # with nothing worked out yet

    def read(number):
        rows = np.random.default_rng(number).integers(0, N, 9)
        found = fresh.draw(list(data.spec), rows, seed=1, epoch=2)
        return np.array_equal(found["x"], expected["x"][rows]) and np.array_equal(found["age"], expected["age"][rows])

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(200)))


# what is absent


def test_absent_values_are_zero_whatever_the_steps_do():
    a = plait.Arrays(x=np.ones((4, 2)), y=[1.0, None, 3.0, None], t=["a", None, "b", "c"], r=[[1], None, [2, 3], []])
    data = plait.Dataset(inputs={"x": a["x"]}, targets={name: a[name] for name in "ytr"}, missing="mask")
    assert (value(data, "y"), value(data, "t"), value(data, "r")) == ([1, 0, 3, 0], ["a", "", "b", "c"], [[1], [], [2, 3], []])
    assert value(data.map(lambda v: v + 1, on="y"), "y") == [2, 0, 4, 0]
    noisy = data.augment(noise, on="y")
    assert [v == 0 for v in value(noisy, "y")] == [False, True, False, True]
    linked = data.augment(lambda x, y, rng: (x, y + 5), on=["x", "y"]).map(lambda v: v * 10, on="y")
    assert value(linked, "y") == [60, 0, 80, 0]
    pair = data.map(lambda y, t: (y + np.strings.str_len(t), t), on=["y", "t"])
    assert value(pair, "y") == [2, 0, 4, 0]
    assert value(pair, "y", [3, 1, 1]) == [0, 0, 0]
    assert data.absent("y").tolist() == pair.absent("y").tolist() == [False, True, False, True]


def test_a_mapped_stream_is_told_what_is_there_alone():
    seen = []
    data = make().map(lambda v: (seen.append(len(v)), v)[1], on="size")
    data.read(["size"], [0, 1, 2, 5])
    assert seen[-1] == 2
    data.read(["size"], [1, 5])
    assert seen[-1] == 0


def test_values_of_a_masked_stream_are_those_that_are_there():
    data = make()
    assert data["size"].values().tolist() == [n for n in range(N) if n % 4 != 1]
    assert len(data["size"]) == N
    assert data.take([1, 5])["size"].values().shape == (0,)


def test_absence_follows_the_selection():
    data = make()
    assert data.take([0, 1]).absent("size").tolist() == [False, True]
    assert data.take([0, 2]).absent("size") is None
    assert data.absent("age") is None


def test_nan_that_is_kept_is_handed_on_as_it_is_stored():
    a = plait.Arrays(v=[[1.0, np.nan], [2.0, 3.0], [np.nan, np.nan]], w=[1.0, np.nan, 3.0], r=[[1.0], [np.nan, 2.0], []])
    data = plait.Dataset(inputs={"v": a["v"], "r": a["r"]}, targets={"w": a["w"]}, missing="keep")
    np.testing.assert_equal(value(data, "v"), [[1, np.nan], [2, 3], [np.nan, np.nan]])
    np.testing.assert_equal(value(data, "w", [2, 1, 1]), [3, np.nan, np.nan])
    np.testing.assert_equal(value(data, "r"), [[1], [np.nan, 2], []])
    assert all(data.absent(name) is None for name in data.spec)
    assert plait.Dataset(inputs={"w": data["w"]}).absent("w") is None


def test_a_null_that_is_kept_is_nan_also_where_the_source_puts_a_zero():
    frame = plait.Frame(pytest.importorskip("pandas").DataFrame({"id": ["a", "b", "c"], "size": [1.5, None, 2.5]}), key="id")
    assert frame.absent("size").tolist() == [False, True, False]
    data = plait.Dataset(inputs={"s": frame["size"]}, missing="keep")
    for _ in range(2):
        np.testing.assert_equal(value(data, "s"), [1.5, np.nan, 2.5])
    np.testing.assert_equal(value(data.map(np.negative, on="s"), "s"), [-1.5, np.nan, -2.5])


# a data set as a source


def test_a_data_set_is_a_source_for_another():
    below = make(ALL[::-1]).map(np.negative, on="age")
    labels = plait.Arrays(label=np.arange(N + 2), key=[f"k{n}" for n in range(N + 2)])
    data = plait.Dataset(inputs={"age": below["age"], "x": below["x"]}, targets={"label": labels, "size": below["size"]}, missing="drop")
    assert (list(data.keys), value(data, "age")) == (
        [f"k{n}" for n in ALL[::-1] if n % 4 != 1],
        [-40 - n for n in ALL[::-1] if n % 4 != 1],
    )
    assert value(data, "label") == [n for n in ALL[::-1] if n % 4 != 1]


def test_what_is_masked_below_is_absent_above():
    below = make()
    data = plait.Dataset(inputs={"x": below["x"]}, targets={"size": below["size"], "grade": below["grade"]}, missing="mask")
    assert data.absent("size").tolist() == below.absent("size").tolist()
    with pytest.raises(plait.AlignmentError, match=r"Dataset\['size'\] has no value \(empty, null or NaN\) for 3 of its 12 samples"):
        plait.Dataset(inputs={"size": below["size"]})


def test_what_is_drawn_below_is_drawn_for_the_epoch_above():
    below = make().augment(noise, on="x")
    data = plait.Dataset(inputs={"x": below["x"], "y": below["age"]}).augment(lambda v, rng: v, on="y")
    first, second = (data.draw(["x"], ALL, seed=1, epoch=e)["x"] for e in (0, 1))
    assert not np.array_equal(first, second)
    assert np.array_equal(data.draw(["x"], [3, 5], seed=1, epoch=np.array([0, 1]))["x"], [first[3], second[5]])
    assert value(data.plain(), "x") == value(make(), "x")
    assert value(data.raw(), "x") == value(data, "x")


def test_what_is_drawn_below_and_above_is_unrelated():
    zeros = plait.Dataset(inputs={"a": plait.Arrays(a=np.zeros(N))})
    both = plait.Dataset(inputs={"a": zeros.augment(noise, on="a")["a"], "b": plait.Arrays(b=np.zeros(N))}).augment(noise, on="b")
    read = both.read(["a", "b"], ALL)
    assert not np.intersect1d(read["a"], read["b"]).size


def test_epochs_of_present_samples_reach_what_is_drawn_below():
    a = plait.Arrays(x=np.zeros(4), y=[0.0, None, 0.0, 0.0])
    below = plait.Dataset(inputs={"x": a["x"]}, targets={"y": a["y"]}, missing="mask").augment(noise, on="y")
    data = plait.Dataset(inputs={"x": below["x"]}, targets={"y": below["y"]}, missing="mask")
    epochs = np.array([4, 5, 6, 7])
    mixed = data.draw(["y"], np.arange(4), seed=0, epoch=epochs)["y"]
    assert mixed.tolist() == [float(data.draw(["y"], [n], seed=0, epoch=int(e))["y"][0]) for n, e in enumerate(epochs)]


def test_a_source_that_gives_another_number_of_samples_is_told_so():
    class Short(Counted):
        def read(self, names, rows):
            return {name: rows[1:] * 1.0 for name in names}

    with pytest.raises(plait.SpecError, match=r"Counted\['a'\] gave 2 samples for 3 rows"):
        plait.Dataset(inputs={"a": Short(["a"])}).read(["a"], [0, 1, 2])


# everything at once

COLUMN = st.dictionaries(st.integers(0, 9), st.one_of(st.none(), st.integers(1, 99)), min_size=1, max_size=8)
POLICIES = st.fixed_dictionaries(
    {
        "a": st.sampled_from(["raise", "drop"]),
        "b": st.sampled_from(["raise", "drop", "mask"]),
        "c": st.sampled_from(["raise", "drop", "mask"]),
    }
)


def by_hand(columns, missing):
    """key -> (a, b, c) after the steps, sample by sample; None where a stream must have a value and has none."""
    samples = {}
    for key in dict.fromkeys(key for name in "abc" for key in columns[name]):
        found = {name: column.get(key) for name, column in columns.items()}
        if any(found[name] is None and missing[name] == "drop" for name in found):
            continue
        if any(found[name] is None and missing[name] == "raise" for name in found):
            return None
        a, b, c = (found[name] for name in "abc")
        b = None if b is None else b + 1
        samples[key] = (a + (c or 0), b, None if c is None else c + a, c is None)
    return samples


@given(st.fixed_dictionaries({"a": COLUMN, "b": COLUMN, "c": COLUMN}), POLICIES, st.data())
@settings(max_examples=300)
def test_a_data_set_is_what_a_loop_over_its_samples_makes(columns, missing, data):
    sources = {name: plait.Arrays(v=list(column.values()), key=list(column)) for name, column in columns.items()}

    def declared():
        return plait.Dataset(inputs={"a": sources["a"]}, targets={"b": sources["b"], "c": sources["c"]}, missing=missing)

    expected = by_hand(columns, missing)
    held = [set(column) & set(expected or ()) for column in columns.values()]
    if not expected or not all(held):
        with pytest.raises(plait.AlignmentError):
            declared()
        return
    made = declared().map(lambda b: b + 1, on="b")
    gaps = made.absent("c")
    made = made.map(lambda a, c: (a + c, c + a), on=["a", "c"])
    assert list(made.keys) == list(expected)
    assert (np.zeros(len(made), bool) if gaps is None else gaps).tolist() == [gone for *_, gone in expected.values()]
    rows = data.draw(st.lists(st.integers(0, len(made) - 1), max_size=12))
    read = made.take(rows).read(["a", "b", "c"], np.arange(len(rows)))
    chosen = [expected[key] for key in np.array(list(expected))[np.array(rows, int)].tolist()]
    for place, name in enumerate("abc"):
        assert read[name].tolist() == [sample[place] or 0 for sample in chosen]


# pickling


def test_a_data_set_is_the_same_after_pickling():
    data = make().map(np.negative, on="age").augment(noise, on="x").take([3, 1])
    again = pickle.loads(pickle.dumps(data))
    assert str(again) == str(data)
    assert {name: value(again, name) for name in data.spec} == {name: value(data, name) for name in data.spec}


def test_a_lambda_among_the_steps_is_named_when_it_cannot_be_pickled():
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(make().map(lambda v: v, on="age"))
