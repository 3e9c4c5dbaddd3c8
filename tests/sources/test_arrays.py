"""Arrays: whatever NumPy can read becomes a column of numbers, text or sequences, and what is missing is told apart from what is there."""

from __future__ import annotations

import datetime
import pickle
import tracemalloc

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import TEXT

NAN = float("nan")
Text = np.dtypes.StringDType


def column(values):
    """The values, their spec as text, and the rows that are absent."""
    arrays = plait.Arrays(v=values)
    found = arrays["v"].read(np.arange(len(arrays)))
    absent = arrays.absent("v")
    listed = [list(sample) for sample in found] if isinstance(found, Ragged) else found.tolist()
    return listed, str(arrays.spec["v"]), [] if absent is None else np.flatnonzero(absent).tolist()


def objects(*values):
    array = np.empty(len(values), object)
    for row, one in enumerate(values):
        array[row] = one
    return array


COLUMNS = {
    "integers": ([1, 2], ([1, 2], "() int64", [])),
    "a range": (range(2), ([0, 1], "() int64", [])),
    "floats": ([1.5, 2], ([1.5, 2], "() float64", [])),
    "small dtypes": (np.array([1, 2], np.uint8), ([1, 2], "() uint8", [])),
    "half precision at its end": (np.full(2, 65504, np.float16), ([65504, 65504], "() float16", [])),
    "bool": ([True, False], ([True, False], "() bool", [])),
    "vectors": ([(1, 2), (3, 4)], ([[1, 2], [3, 4]], "(2,) int64", [])),
    "images": (np.zeros((2, 1, 1, 3), np.uint8), ([[[[0, 0, 0]]]] * 2, "(1, 1, 3) uint8", [])),
    "no features": (np.zeros((2, 0)), ([[], []], "(0,) float64", [])),
    "big-endian": (np.array([1, -2], ">i4"), ([1, -2], "() int32", [])),
    "infinity": ([np.inf, -np.inf, 1.0], ([np.inf, -np.inf, 1.0], "() float64", [])),
    "text": (["a", "übermäßig"], (["a", "übermäßig"], "() text", [])),
    "fixed-width text": (np.array(["a", "bc"]), (["a", "bc"], "() text", [])),
    "stringdtype": (np.array(["a", "bc"], TEXT), (["a", "bc"], "() text", [])),
    "vectors of text": ([["a", "b"], ["c", "d"]], ([["a", "b"], ["c", "d"]], "(2,) text", [])),
    "numpy text": ([np.str_("a")], (["a"], "() text", [])),
    "bytes": ([b"a", "é".encode()], (["a", "é"], "() text", [])),
    "fixed-width bytes": (np.array([b"a", b"bc"]), (["a", "bc"], "() text", [])),
    "no samples": ([], ([], "() float64", [])),
    "no samples of a shape": (np.zeros((0, 3), np.float32), ([], "(3,) float32", [])),
    "no samples of text": (np.zeros(0, TEXT), ([], "() text", [])),
    "time": (np.array([1, 2], "m8[s]"), ([datetime.timedelta(seconds=1), datetime.timedelta(seconds=2)], "() timedelta64[s]", [])),
    # sequences
    "sequences": ([[1, 2], [3], []], ([[1, 2], [3], []], "(?,) int64", [])),
    "sequences of text": ([["a"], ["b", "c"]], ([["a"], ["b", "c"]], "(?,) text", [])),
    "sequences of equal length as objects": (objects([1, 2], [3, 4]), ([[1, 2], [3, 4]], "(2,) int64", [])),
    "ragged": (Ragged.of([[1, 2], [3]]), ([[1, 2], [3]], "(?,) int64", [])),
    "ragged text": (Ragged(np.array(["a", "b"]), np.array([0, 2, 2])), ([["a", "b"], []], "(?,) text", [])),
    "ragged big-endian": (Ragged(np.array([1, 2], ">i2"), np.array([0, 2])), ([[1, 2]], "(?,) int16", [])),
    # what is missing
    "nan": ([1.0, NAN], ([1.0, NAN], "() float64", [1])),
    "nan in a vector": ([[1.0, NAN], [2.0, 3.0]], ([[1.0, NAN], [2.0, 3.0]], "(2,) float64", [0])),
    "nan big-endian": (np.array([NAN, 1.0], ">f4"), ([NAN, 1.0], "() float32", [0])),
    "none among integers": ([1, None, 3], ([1, 0, 3], "() int64", [1])),
    "none among floats": ([1.5, None], ([1.5, NAN], "() float64", [1])),
    "none among bool": ([True, None], ([True, False], "() bool", [1])),
    "none among numpy numbers": ([np.float32(1), None], ([1.0, NAN], "() float32", [1])),
    "none among text": (["a", None], (["a", ""], "() text", [1])),
    "nan among text": (["cat", NAN, "dog"], (["cat", "", "dog"], "() text", [1])),
    "numpy nan among text": (["cat", np.float32(NAN)], (["cat", ""], "() text", [1])),
    "none in a vector": ([[1, None], [2, 3]], ([[1, 0], [2, 3]], "(2,) int64", [0])),
    "none in a vector of text": ([["a", None], ["b", "c"]], ([["a", ""], ["b", "c"]], "(2,) text", [0])),
    "none among sequences": ([[1, 2], None, []], ([[1, 2], [], []], "(?,) int64", [1])),
    "nan in sequences": ([[1.0], [], [NAN, 2.0]], ([[1.0], [], [NAN, 2.0]], "(?,) float64", [2])),
    "nan in a ragged": (Ragged.of([[], [NAN], [], [1.0, 2.0]]), ([[], [NAN], [], [1.0, 2.0]], "(?,) float64", [1])),
    "nothing but none": ([None, None], ([NAN, NAN], "() float64", [0, 1])),
    "no date": (np.array(["2024-01-31", "NaT"], "M8[D]"), ([datetime.date(2024, 1, 31), None], "() datetime64[D]", [1])),
    "stringdtype with none": (np.array(["a", None], Text(na_object=None)), (["a", ""], "() text", [1])),
    "stringdtype with nan": (np.array(["a", NAN], Text(na_object=NAN)), (["a", ""], "() text", [1])),
    "masked floats": (np.ma.masked_array([1.0, 2.0], [0, 1]), ([1.0, NAN], "() float64", [1])),
    "masked floats and nan": (np.ma.masked_array([NAN, 2.0, 3.0], [0, 1, 0]), ([NAN, NAN, 3.0], "() float64", [0, 1])),
    "masked integers": (np.ma.masked_array([1, 2], [0, 1]), ([1, 0], "() int64", [1])),
    "masked in a vector": (np.ma.masked_array([[1, 2], [3, 4]], [[0, 0], [1, 0]]), ([[1, 2], [0, 4]], "(2,) int64", [1])),
    "masked text": (np.ma.masked_array(["a", "b"], [0, 1]), (["a", ""], "() text", [1])),
    "masked objects": (np.ma.masked_array(objects("a", "b"), [0, 1]), (["a", ""], "() text", [1])),
    "masked dates": (
        np.ma.masked_array(np.array([0, 1], "M8[D]"), [1, 0]),
        ([datetime.date(1970, 1, 1), datetime.date(1970, 1, 2)], "() datetime64[D]", [0]),
    ),
    "nothing masked": (np.ma.masked_array([1, 2]), ([1, 2], "() int64", [])),
}


@pytest.mark.parametrize(("values", "expected"), COLUMNS.values(), ids=COLUMNS)
def test_whatever_it_is_becomes_a_column(values, expected):
    np.testing.assert_equal(column(values), expected)


def test_columns_of_pandas():
    pd = pytest.importorskip("pandas")
    series = {
        "integers": (pd.Series([1, 2]), ([1, 2], "() int64", [])),
        "text": (pd.Series(["a", None]), (["a", ""], "() text", [1])),
        "text as objects": (pd.Series(["a", None], dtype=object), (["a", ""], "() text", [1])),
        "integers with NA": (pd.Series([1, None], dtype="Int64"), ([1.0, NAN], "() float64", [1])),
        "bool with NA": (pd.Series([True, None], dtype="boolean"), ([True, False], "() bool", [1])),
        "categories": (pd.Series(["a", None], dtype="category"), (["a", ""], "() text", [1])),
        "lists": (pd.Series([[1, 2], None, []]), ([[1, 2], [], []], "(?,) int64", [1])),
        "lists of equal length": (pd.Series([[1, 2], [3, 4]]), ([[1, 2], [3, 4]], "(2,) int64", [])),
        "NaT among objects": (pd.Series([1, pd.NaT], dtype=object), ([1, 0], "() int64", [1])),
    }
    for name, (values, expected) in series.items():
        np.testing.assert_equal(column(values), expected, err_msg=name)
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, NAN]})
    np.testing.assert_equal(column(frame), ([[1, 0.5], [2, NAN]], "(2,) float64", [1]))
    dates = column(pd.Series(pd.to_datetime(["2024-01-31", None])))
    assert (dates[0][0], dates[2]) == (datetime.datetime(2024, 1, 31), [1])
    with pytest.raises(plait.SpecError, match="holds Python objects of type Timestamp"):
        plait.Arrays(v=pd.Series(pd.to_datetime(["2024-01-31"]).tz_localize("UTC")))


def test_nan_is_found_wherever_it_stands():
    """In the last block, in a transposed array, and beside infinities and huge numbers, whose sum is no help."""
    wide = np.zeros((3000, 1000), np.float32)
    wide[2999, 999] = wide[17, 0] = np.nan
    for values in (wide, np.asfortranarray(wide), wide[:, ::-1]):
        assert np.flatnonzero(plait.Arrays(v=values).absent("v")).tolist() == [17, 2999]
    assert plait.Arrays(v=np.full((4, 2), 1e308)).absent("v") is None
    assert plait.Arrays(v=[np.inf, -np.inf]).absent("v") is None
    assert plait.Arrays(v=[np.inf, np.nan]).absent("v").tolist() == [False, True]


REFUSED = {
    "a number": (
        3,
        "Stream 'v' is a single int. A stream has one value a sample: give a list, or an array whose first axis is the samples",
    ),
    "a word": ("abc", "Stream 'v' is a single str. A stream has one value a sample"),
    "a dict": ({"a": [1]}, "Stream 'v' is a single dict"),
    "a generator": ((n for n in range(3)), "Stream 'v' is a single generator"),
    "a masked number": (np.ma.masked_array(3), "Stream 'v' is a single MaskedArray"),
    "complex": (np.zeros(2, complex), "Stream 'v' has dtype complex128, which no model takes. Split it into numbers first"),
    "records": (np.zeros(2, [("a", int)]), r"Stream 'v' has dtype \[\('a', '<i8'\)\], which no model takes"),
    "objects": (
        [object(), None],
        "Stream 'v' holds Python objects of type NoneType, object. Streams hold numbers of up to 64 bits, text, or",
    ),
    "dates": ([datetime.date(2024, 1, 31)], "Stream 'v' holds Python objects of type date"),
    "text and numbers": (["a", 1], "Stream 'v' holds Python objects of type int, str"),
    "text and bytes": (objects("a", b"b"), "Stream 'v' holds Python objects of type bytes, str"),
    "too large a number": ([2**70, 1], "Stream 'v' holds Python objects of type int. Streams hold numbers of up to 64 bits"),
    "bytes that are no text": (
        [b"a", b"\xff\xfe"],
        r"Stream 'v' holds bytes that are no UTF-8 text, such as b'\\xff\\xfe'. Decode them first",
    ),
    "shapes": (
        [np.zeros((2, 3)), np.zeros((2, 4))],
        r"Stream 'v' is neither a regular array nor a list of sequences that differ in length only: .*\[\(2, 3\), \(2, 4\)\]",
    ),
    "text and numbers in sequences": ([["a"], [1, 2]], "'v' is neither a regular array nor.*must be of one kind; found"),
    "a number among sequences": ([[1, 2], 3], "Stream 'v' holds Python objects of type int, list"),
    "a sequence of nothing": (
        [[1, None], [2]],
        "Stream 'v' has sequences of dtype object, which no model takes. Make them numbers or text first",
    ),
    "complex sequences": (Ragged(np.zeros(2, complex), np.array([0, 2])), "Stream 'v' has sequences of dtype complex128"),
    "a ragged that begins late": (
        Ragged(np.zeros(2), np.array([1, 2])),
        "is a Ragged whose offsets do not go from 0 to 2, the number of its values",
    ),
    "a ragged that ends early": (Ragged(np.zeros(2), np.array([0, 1])), "is a Ragged whose offsets do not go from 0 to 2"),
    "a ragged that goes back": (Ragged(np.zeros(2), np.array([0, 2, 1, 2])), "is a Ragged whose offsets do not go from 0 to 2"),
}


@pytest.mark.parametrize(("values", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_model_takes_is_refused(values, message):
    with pytest.raises(plait.SpecError, match=message):
        plait.Arrays(v=values)


def test_what_numpy_cannot_read_is_refused():
    class Tensor:
        def __array__(self, *args, **kwargs):
            raise RuntimeError("on another device")

    with pytest.raises(plait.SpecError, match="Stream 'v' is a Tensor that NumPy cannot read: on another device"):
        plait.Arrays(v=Tensor())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (plait.Arrays, r"Arrays\(...\) has no streams. Write plait.Arrays\(x=x, y=y\), each name once"),
        (lambda: plait.Arrays({}), r"Arrays\(...\) has no streams"),
        (
            lambda: plait.Arrays(np.zeros(3)),
            r"Arrays\(ndarray\) has no name for its stream. Write plait.Arrays\(x=...\), or Arrays\(\{'x': ...\}\)",
        ),
        (lambda: plait.Arrays({"x": [1]}, x=[2]), r"Arrays\(...\) names \['x'\] twice"),
        (lambda: plait.Arrays({1: [1]}), r"Arrays\(...\) has streams called \[1\]"),
        (lambda: plait.Arrays({"": [1]}), r"Arrays\(...\) has streams called \[''\]"),
    ],
)
def test_streams_need_names(make, message):
    with pytest.raises(plait.ArgumentError, match=message):
        make()


def test_columns_need_as_many_samples_as_each_other():
    with pytest.raises(plait.SpecError, match="unequal numbers of samples: x has 3, y has 2. Rows are the keys, so cut them.*key=ids"):
        plait.Arrays(x=np.zeros(3), y=[1, 2])


# keys


def test_rows_are_the_keys_unless_others_are_given():
    assert plait.Arrays(x=[5, 6]).keys.is_range
    assert list(plait.Arrays(x=[5, 6], key=["a", "b"]).keys) == ["a", "b"]
    assert list(plait.Arrays(x=[5, 6], key={"site": ["a", "a"], "id": [1, 2]}).keys) == [("a", 1), ("a", 2)]
    assert list(plait.Arrays({"key": [5, 6]}, key=plait.Keys.range(2, 7)).keys) == [7, 8]
    ids = np.array([3, 4])
    arrays = plait.Arrays(x=[5, 6], key=ids)
    ids[0] = 4
    assert list(arrays.keys) == [3, 4]


def test_a_key_of_a_pandas_column_is_its_values():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"id": ["b", "a"], "x": [1, 2]}, index=[7, 9])
    arrays = plait.Arrays(x=frame["x"], key=frame["id"])
    assert (list(arrays.keys), arrays["x"].values().tolist()) == (["b", "a"], [1, 2])


@pytest.mark.parametrize(
    ("key", "error", "message"),
    [
        ([1], plait.SpecError, r"Arrays\(x\): key= has 1 keys for 2 samples; one key a sample is needed"),
        ([1, 1], plait.DuplicateKeyError, r"Arrays\(x\) holds 1 repeated keys, such as \[1\]"),
        ([1.5, 2.5], plait.SpecError, "Key 'key' is of dtype float64"),
        (["a", None], plait.SpecError, "Key 'key' is a mixture of NoneType, str"),
        ({"a": [1, 2], "b": [1]}, plait.SpecError, r"parts of a key have unequal lengths: \{'a': 2, 'b': 1\}"),
        ({}, plait.SpecError, "A key needs at least one part"),
    ],
)
def test_keys_that_name_no_samples_are_refused(key, error, message):
    with pytest.raises(error, match=message):
        plait.Arrays(x=[5, 6], key=key)


# memory


def test_arrays_are_not_copied_and_what_is_read_is():
    values = np.arange(4.0)
    arrays = plait.Arrays(x=values)
    values[0] = 9
    read = arrays["x"].read(np.arange(4))
    assert read.tolist() == [9, 1, 2, 3]
    read[:] = 0
    assert values.tolist() == [9, 1, 2, 3]


def test_arrays_in_any_order_of_memory_are_read_without_a_copy_of_all():
    """np.take copies an array that is not contiguous: a thousand times the rows that are asked for."""
    table = np.asfortranarray(np.random.default_rng(0).random((200_000, 8)))
    mixed = np.zeros(1000, [("a", "i1"), ("b", "f8")])["b"]  # strided and misaligned
    for values in (table, table[::-1], table.T.copy().T[:, ::2], mixed):
        arrays = plait.Arrays(x=values)
        rows = np.arange(10) * 3
        tracemalloc.start()
        read = arrays["x"].read(rows)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.array_equal(read, values[rows])
        assert peak < 50_000


def test_objects_of_the_user_stay_as_they_are():
    values = objects("a", None)
    plait.Arrays(v=values)
    assert values.tolist() == ["a", None]
    masked = np.ma.masked_array(objects("a", "b"), [0, 1])
    plait.Arrays(v=masked)
    assert masked.data.tolist() == ["a", "b"]


@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
def test_a_memory_map_is_neither_read_nor_copied_nor_searched(tmp_path, dtype):
    path = tmp_path / "big.npy"
    stored = np.lib.format.open_memmap(path, "w+", dtype, (1 << 20, 256))  # a gigabyte, none of it on disk
    stored[4, 7], stored[-1] = np.nan, np.arange(256)
    stored.flush()
    before = path.stat().st_blocks
    for mapped in (np.load(path, mmap_mode="r"), np.load(path, mmap_mode="r")[:], np.asarray(np.load(path, mmap_mode="r"))[::2]):
        arrays = plait.Arrays(x=mapped)
        assert np.may_share_memory(arrays._columns["x"], mapped)
        assert arrays.absent("x") is None
        last = arrays["x"].read(np.array([len(mapped) - 1]))
        assert (type(last), last.dtype) == (np.ndarray, np.dtype(np.float32))
        assert last[0].tolist() == mapped[-1].tolist()
    assert path.stat().st_blocks == before


def test_arrays_are_the_same_after_pickling():
    arrays = plait.Arrays(x=np.arange(3), t=["a", None, "c"], r=[[1], [], [2, 3]], key=["u", "v", "w"])
    again = pickle.loads(pickle.dumps(arrays))
    assert (list(again.keys), dict(again.spec), again.absent("t").tolist()) == (["u", "v", "w"], dict(arrays.spec), [False, True, False])
    assert again["t"].values().tolist() == ["a", "c"]


def test_the_label_names_the_streams():
    assert plait.Arrays(x=[1], y=[2]).label == "Arrays(x, y)"
    assert plait.Arrays({name: [1] for name in "abcdef"}).label == "Arrays(a, b, c, d, ...)"
    assert plait.Arrays(x=[1]).in_memory
