"""Json: types of fields, documents that are missing something, literal dicts, and documents that attack."""

from __future__ import annotations

import ast
import json
import os
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import plait
from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, NameUnknownError, ReadError, SpecError
from plait.formats.documents import parse_document
from plait.ragged import Ragged


def write(folder: Path, **documents: object) -> Path:
    folder.mkdir(exist_ok=True)
    for name, document in documents.items():
        text = document if isinstance(document, str) else json.dumps(document)
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder / "{id}.json"


def lines(path: Path, *documents: object) -> Path:
    path.write_text("".join(f"{d if isinstance(d, str) else json.dumps(d)}\n" for d in documents), encoding="utf-8")
    return path


# fields


def test_a_field_is_a_stream_of_one_type(tmp_path: Path) -> None:
    source = plait.Json(
        write(
            tmp_path,
            a={"age": 41, "size": 3, "sure": True, "note": "rund", "place": {"x": 1, "deep": {"y": "l"}}},
            b={"age": -2, "size": 3.5, "sure": False, "note": "", "place": {"x": 2, "deep": {"y": "ü"}}},
        )
    )
    assert source.in_memory
    assert list(source.keys) == ["a", "b"]
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "age": "() int64",
        "size": "() float64",
        "sure": "() bool",
        "note": "() text",
        "place.x": "() int64",
        "place.deep.y": "() text",
    }
    assert source["size"].values().tolist() == [3.0, 3.5]  # type: ignore[union-attr]
    assert source["place.deep.y"].values().tolist() == ["l", "ü"]  # type: ignore[union-attr]
    assert all(source.absent(name) is None for name in source.spec)


def test_null_nan_and_missing_are_absent(tmp_path: Path) -> None:
    source = plait.Json(
        write(tmp_path, a={"x": 1.5, "t": "l", "v": [1.0, 2]}, b={"x": None, "v": [3, float("nan")]}, c='{"x": NaN, "t": null}', d={"x": 2})
    )
    absent = {name: source.absent(name) for name in source.spec}
    assert {name: None if mask is None else mask.tolist() for name, mask in absent.items()} == {
        "x": [False, True, True, False],
        "t": [False, True, True, True],
        "v": [False, True, True, True],
    }
    assert source["x"].values().tolist() == [1.5, 2]  # type: ignore[union-attr]
    assert source["v"].values().tolist() == [[1, 2]]  # type: ignore[union-attr]
    assert source.spec["x"].dtype == np.float64


def test_a_field_that_is_null_everywhere_is_no_stream(tmp_path: Path) -> None:
    assert set(plait.Json(write(tmp_path, a={"x": 1, "y": None}, b={"x": 2})).spec) == {"x"}
    with pytest.raises(SpecError, match=r"no document has a field with a value, so there is no stream"):
        plait.Json(write(tmp_path / "none", a={"y": None}, b={}))


def test_infinity_is_handed_on_for_a_check_to_find(tmp_path: Path) -> None:
    assert plait.Json(write(tmp_path, a='{"x": Infinity}', b='{"x": -1e999}'))["x"].values().tolist() == [np.inf, -np.inf]  # type: ignore[union-attr]


def test_lists_are_arrays_where_they_have_one_shape_and_ragged_else(tmp_path: Path) -> None:
    source = plait.Json(
        write(
            tmp_path,
            a={"box": [[1, 2], [3, 4.5]], "tokens": [1, 2, 3], "tags": ["l"], "flags": [True, False], "path": [[0, 1]], "none": []},
            b={"box": [[5, 6], [7, 8]], "tokens": [], "tags": ["r", "ü"], "flags": [False, False], "path": [], "none": []},
        )
    )
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "box": "(2, 2) float64",
        "tokens": "(?,) int64",
        "tags": "(?,) text",
        "flags": "(2,) bool",
        "path": "(?, 2) int64",
        "none": "(?,) int64",
    }
    tags = source["tags"].values()
    assert isinstance(tags, Ragged)
    assert [list(sample) for sample in tags] == [["l"], ["r", "ü"]]


def test_lists_that_are_absent_somewhere_are_empty_there(tmp_path: Path) -> None:
    source = plait.Json(write(tmp_path, a={"t": [1, 2]}, b={}, c={"t": [3]}))
    found = source.read(["t"], np.array([2, 1, 0]))["t"]
    assert isinstance(found, Ragged)
    assert found.lengths.tolist() == [1, 0, 2]


def test_a_field_of_several_types_is_an_error_that_names_field_and_samples(tmp_path: Path) -> None:
    template = write(tmp_path, a={"age": 41, "x": 1}, b={"age": 42, "x": 2}, p7={"age": "43", "x": 3})
    with pytest.raises(
        SpecError,
        match=r"Json '.*'\['age'\] has values of several types: numbers in 2 samples, such as sample 'a' \('.*a.json'\); "
        r"text in 1 samples, such as sample 'p7' .* leave 'age' out: fields=\[...\] names the ones to take",
    ):
        plait.Json(template)
    assert plait.Json(template, fields=["x"])["x"].values().tolist() == [1, 2, 3]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        (True, 1, "true or false in 1 samples.*numbers in 1"),
        ([1], 1, "lists in 1 samples.*numbers in 1"),
        ({"a": 1}, 1, "objects in 1 samples.*numbers in 1"),
        ([1], ["a"], "lists of numbers in 1 samples.*lists of text in 1"),
        ([1], [True], "lists of numbers in 1 samples.*lists of true or false in 1"),
        ([1, "a"], [1], "lists of .* in 2 samples|lists of .* in 1 samples"),
        ([1, None], [1, 2], "lists of null in 1 samples|lists of numbers"),
    ],
)
def test_types_are_not_mixed(tmp_path: Path, one: object, other: object, found: str) -> None:
    for template in (write(tmp_path / "1", a={"x": one}, b={"x": other}), write(tmp_path / "2", a={"x": other}, b={"x": one})):
        with pytest.raises(SpecError, match=r"\['x'\] has values of several types: "):
            plait.Json(template)
    with pytest.raises(SpecError, match=found):
        plait.Json(write(tmp_path / "3", a={"x": one}, b={"x": other}))


def test_an_object_here_and_a_value_there_is_noticed_whatever_is_taken(tmp_path: Path) -> None:
    template = write(tmp_path, a={"x": {"y": 1}}, b={"x": 2})
    for fields in (None, ["x"], ["x.y"]):
        with pytest.raises(SpecError, match=r"\['x'\] has values of several types"):
            plait.Json(template, fields=fields)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([{"a": 1}], r"\['x'\]: sample 'a' .* holds lists of objects, which are no values for a model"),
        ([[1, 2], [3]], r"\['x'\]: sample 'a' .* holds lists of unequal length within lists"),
        (2**63, r"\['x'\]: sample 'a' .* holds a number beyond 64 bits"),
        ([2**63], r"\['x'\]: sample 'a' .* holds a number beyond 64 bits"),
        ([10**30], r"\['x'\]: sample 'a' .* holds a number beyond 64 bits"),
        ("\ud800", r"\['x'\]: sample 'a' .* holds a text that is no Unicode"),
        (["\ud800"], r"\['x'\]: sample 'a' .* text that is no Unicode"),
    ],
)
def test_values_that_no_model_takes_are_named(tmp_path: Path, value: object, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        plait.Json(write(tmp_path, a={"x": value}))


def test_samples_that_differ_in_more_than_length_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        SpecError, match=r"\['x'\]: samples differ in more than their length: sample 'a' .* \(1, 2\), sample 'b' .* \(1, 3\)"
    ):
        plait.Json(write(tmp_path, a={"x": [[1, 2]]}, b={"x": [[1, 2, 3]]}))


def test_a_field_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    template = write(tmp_path, a={"x": 1})
    with pytest.raises(NameUnknownError, match=r"Json '.*' has no fields \['y'\]. It has \['x'\]"):
        plait.Json(template, fields=["y"])
    with pytest.raises(ArgumentError, match=r"fields='x' is one text. Write fields=\['x'\]"):
        plait.Json(template, fields="x")
    with pytest.raises(NameUnknownError, match=r"has no stream 'z'"):
        plait.Json(template)["z"]


def test_two_fields_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"sample 'a' .* has two fields 'x.y', one of them nested. Rename one"):
        plait.Json(write(tmp_path / "1", a={"x.y": 1, "x": {"y": 2}}))
    with pytest.raises(ReadError, match=r"sample 'a' .* holds the field 'x' twice"):
        plait.Json(write(tmp_path / "2", a='{"x": 1, "x": 2}'))
    with pytest.raises(ReadError, match=r"sample 'a' .* holds the field 'x' twice"):
        plait.Json(write(tmp_path / "3", a="{'x': 1, 'x': 2}"))


def test_more_fields_than_any_data_has_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"has 10001 fields, such as \['f0', 'f1', 'f2'\].* fields=\[...\]"):
        plait.Json(write(tmp_path, a={f"f{n}": n for n in range(10_001)}))


# files


def test_documents_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    faults = {
        "": r"sample 'b' is empty: '.*b.json' has 0 bytes",
        "  ": r"sample 'b' .* is no JSON \(Expecting value",
        '{"x": 1, "y"': r"sample 'b' .* is no JSON \(Expecting ':' delimiter.*\), and no literal dict",
        "[1, 2": r"sample 'b' .* is no JSON \(Expecting ',' delimiter",
        "x: 1": r"sample 'b' .* is no JSON \(Expecting value: line 1 column 1",
        "[1, 2]": r"sample 'b' .* holds lists; expected an object of fields",
        "3": r"sample 'b' .* holds numbers; expected an object of fields",
        "null": r"sample 'b' .* holds null; expected an object of fields",
        "{1: 2}": r"sample 'b' .* has the field 1, which is no text. Write it in quotes",
    }
    for text, message in faults.items():
        with pytest.raises((ReadError, SpecError), match=message):
            plait.Json(write(tmp_path, a={"x": 1}, b=text))
    (tmp_path / "b.json").write_bytes(b'{"x": "caf\xe9"}')
    with pytest.raises(ReadError, match=r"sample 'b' .* is not UTF-8: byte b'\\xe9' at 10. Save it as UTF-8"):
        plait.Json(tmp_path / "{id}.json")
    (tmp_path / "b.json").unlink()
    (tmp_path / "b.json").symlink_to("gone")
    with pytest.raises(ReadError, match=r"sample 'b' is a broken link"):
        plait.Json(tmp_path / "{id}.json")


def test_a_file_that_vanishes_after_it_was_read_is_not_missed(tmp_path: Path) -> None:
    source = plait.Json(write(tmp_path, a={"x": 1}))
    (tmp_path / "a.json").unlink()
    assert source["x"].values().tolist() == [1]  # type: ignore[union-attr]
    with pytest.raises(ReadError, match=r"no file matches"):
        plait.Json(tmp_path / "{id}.json")
    with pytest.raises(ChangedError, match=r"'.*none.jsonl' was listed and is no longer there"):
        plait.Json(tmp_path / "none.jsonl")


def test_documents_come_from_urls() -> None:
    fsspec.filesystem("memory").pipe({"/meta/1.json": b'{"x": 1}', "/meta/all.jsonl": b'{"x": 1}\n\n{"x": 2}'})
    assert plait.Json("memory://meta/{id:d}.json")["x"].values().tolist() == [1]  # type: ignore[union-attr]
    assert plait.Json("memory://meta/all.jsonl")["x"].values().tolist() == [1, 2]  # type: ignore[union-attr]


def test_one_file_of_lines_has_keys_in_its_fields(tmp_path: Path) -> None:
    path = lines(tmp_path / "all.jsonl", {"id": "b", "site": {"n": 2}, "x": 1}, "", {"id": "a", "site": {"n": 1}, "x": None})
    source = plait.Json(path, key="id")
    assert list(source.keys) == ["b", "a"]
    assert set(source.spec) == {"id", "site.n", "x"}
    assert list(plait.Json(path, key=["site.n", "id"]).keys) == [(2, "b"), (1, "a")]
    assert plait.Json(path).keys == plait.Keys.range(2)


def test_one_file_with_an_array_has_keys_in_its_fields(tmp_path: Path) -> None:
    (tmp_path / "all.json").write_text('[{"id": 3, "x": 1}, {"id": 1, "x": 2}]')
    source = plait.Json(tmp_path / "all.json", key="id")
    assert list(source.keys) == [3, 1]
    assert source["x"].values().tolist() == [1, 2]  # type: ignore[union-attr]


def test_what_is_wrong_with_one_file_of_many_is_said(tmp_path: Path) -> None:
    path = tmp_path / "all.jsonl"
    with pytest.raises(ReadError, match=r"Json '.*all.jsonl': line 2 is no JSON"):
        plait.Json(lines(path, {"id": 1}, "{oops", {"id": 2}))
    with pytest.raises(SpecError, match=r"line 2 holds lists; expected an object"):
        plait.Json(lines(path, {"id": 1}, [1]))
    with pytest.raises(
        SpecError, match=r"the key 'id' holds int and no value \(line 3\); keys are all text or all integers, in every document"
    ):
        plait.Json(lines(path, {"id": 1}, "", {"x": 2}), key="id")
    with pytest.raises(SpecError, match=r"the key 'id' holds int and str"):
        plait.Json(lines(path, {"id": 1}, {"id": "2"}), key="id")
    with pytest.raises(SpecError, match=r"the key 'id' holds float \(line 1\)"):
        plait.Json(lines(path, {"id": 1.0}), key="id")
    with pytest.raises(DuplicateKeyError, match=r"Json '.*all.jsonl' holds 1 repeated keys, such as \['a'\]"):
        plait.Json(lines(path, {"id": "a"}, {"id": "b"}, {"id": "a"}), key="id")
    with pytest.raises(SpecError, match=r"\['x'\] has values of several types: numbers in 1 samples, such as sample 'a' \(line 1\); text"):
        plait.Json(lines(path, {"id": "a", "x": 1}, {"id": "b", "x": "1"}), key="id")
    with pytest.raises(ReadError, match=r"holds no documents"):
        plait.Json(lines(path, "", ""))
    (tmp_path / "one.json").write_text('{"x": 1}')
    with pytest.raises(SpecError, match=r"holds one document, and a sample is one. Write a template, plait.Json\('meta_\{id\}.json'\)"):
        plait.Json(tmp_path / "one.json")
    with pytest.raises(ArgumentError, match=r"the file names hold the keys. Leave key= out"):
        plait.Json(tmp_path / "{id}.json", key="id")


# literal dicts, as found in the wild


def test_a_literal_dict_is_parsed_and_never_evaluated(tmp_path: Path) -> None:
    (tmp_path / "meta_1.txt").write_text("{'location': 'roof', 'time': '12:00', 'n': -3, 'ok': True, 'v': (1, 2.5e-3), 'none': None}\n")
    (tmp_path / "meta_2.txt").write_text('{"location": \'it\\\'s\', "time": "0:00",\n "n": 0x10, "ok": False, \'v\': [3, .5,], }')
    source = plait.Json(tmp_path / "meta_{id:d}.txt")
    assert source["location"].values().tolist() == ["roof", "it's"]  # type: ignore[union-attr]
    assert source["n"].values().tolist() == [-3, 16]  # type: ignore[union-attr]
    assert source["v"].values().tolist() == [[1, 0.0025], [3, 0.5]]  # type: ignore[union-attr]
    assert set(source.spec) == {"location", "time", "n", "ok", "v"}


ATTACKS = [
    "{'a': __import__('os').mkdir('executed')}",
    "{'a': open('executed', 'w')}",
    "__import__('os').mkdir('executed')",
    "{'a': f'{__import__(\"os\").mkdir(\"executed\")}'}",
    "{'a': lambda: 0}",
    "{'a': [x for x in 'abc']}",
    "{'a': 10**10**10}",
    "{'a': 'x' * 10**10}",
    "{'a': 1 if True else 2}",
    "{'a': 1 + 1}",
    "{**{'a': 1}}",
    "{'a': ...}",
    "{'a': b'x' 'y'}",
    "{'a': 1; 'b': 2}",
    "{'a': 1}#",
    "{'a': 1}\n{'b': 2}",
    "{'a': 1} {'b': 2}",
    "{'a' 1}",
    "{'a': 1 2}",
    "{'a': True False}",
    "{'a': 'b' 1}",
    "{'a': nan}",
    "{'a': '\0'",
    "{'a': 1_000_}",
    "{'a': 012}",
    "{[1]: 2}",
    "{'a': {1, {2}}}",
    "{'a': '\\N{no such name}'}",
    "{'a': 'unfinished",
    "{'a': '''x\n'''}",
    "{",
    "{'a': " + "[" * 100_000,
    "{'a': " + "[" * 60 + "]" * 60 + ", 'b':" + "(" * 65 + ")" * 65 + "}",
    '{"a": ' * 100_000,
    "{'a': " + "-" * 100_000 + "1}",
    "{'a': " + "not " * 100_000 + "1}",
    "{'a': 1" + "+1" * 100_000 + "}",
    "{'a': 1" + "-1" * 100_000 + "}",
    "{'a': x" + ".b" * 100_000 + "}",
    "{'a': " + "9" * 100_000 + "}",
    "{'a': '" + "x" * (2**20) + "'}",
]


@pytest.mark.parametrize("number", range(len(ATTACKS)))
def test_what_is_more_than_a_literal_is_refused_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "meta_1.txt").write_text(ATTACKS[number])
    began = time.monotonic()
    with pytest.raises((ReadError, SpecError), match=r"sample '1' \('meta_1.txt'\) (is no JSON|is nested more than 64 deep|has the field)"):
        plait.Json("meta_{id}.txt")
    assert time.monotonic() - began < 1
    assert not (tmp_path / "executed").exists()


def test_json_nested_too_deeply_or_too_long_is_refused(tmp_path: Path) -> None:
    deep = '{"x": ' * 65 + "1" + "}" * 65
    with pytest.raises(ReadError, match=r"sample 'a' .* is nested more than 64 deep. Mend the file"):
        plait.Json(write(tmp_path, a=deep))
    assert plait.Json(write(tmp_path, a={"x": json.dumps("[" * 500)})).spec["x"].text  # brackets in a text are no nesting
    with pytest.raises(ReadError, match=r"sample 'a' .* has 16777217 bytes, and a document at most 16777216"):
        plait.Json(write(tmp_path, a='"' + "x" * (2**24 - 1) + '"'))
    with pytest.raises(ReadError, match=r"sample 'a' .* is no JSON \(Exceeds the limit"):
        plait.Json(write(tmp_path, a='{"x": ' + "1" * 5000 + "}"))
    os.truncate(tmp_path / "a.json", 2**40)
    with pytest.raises(ReadError, match=r"sample 'a' is too large"):
        plait.Json(tmp_path / "{id}.json")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=4), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(max_size=4), PLAIN, max_size=4))
def test_every_plain_dict_that_python_prints_is_parsed_as_it_was(document: dict[str, object]) -> None:
    assert parse_document(repr(document).encode("utf-8", "backslashreplace"), name="x") == ast.literal_eval(repr(document))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]()'\"\\,: \n-+.0123456789eETrueNonefalsxX#*lambda_", max_size=60))
def test_any_other_text_is_an_error_of_ours_or_what_ast_makes_of_it(text: str) -> None:
    try:
        found = parse_document(text.encode(), name="x")
    except ReadError:
        return
    try:
        expected = json.loads(text)
    except ValueError:
        expected = ast.literal_eval(text.strip())
    assert repr(found) == repr(expected)


# writing


@pytest.fixture
def mixed() -> plait.Arrays:
    return plait.Arrays(
        {"site.name": ["Nord", "Süd", "Ost"], "site.floor": [1, 2, 3]},
        key=["c", "a", "b"],
        size=[1.5, np.nan, 0.1],
        sure=[True, False, True],
        tokens=[[1, 2], [], [3]],
        box=np.arange(12.0).reshape(3, 2, 2),
    )


@pytest.mark.parametrize("name", ["deep/meta_{id}.json", "all.jsonl", "all.json"])
def test_what_is_written_is_read_back(tmp_path: Path, mixed: plait.Arrays, name: str) -> None:
    (tmp_path / "deep").mkdir()
    plait.Json.write(mixed, tmp_path / name)
    back = plait.Json(tmp_path / name) if "{" in name else plait.Json(tmp_path / name, key="key")
    rows = {key: row for row, key in enumerate(back.keys)}
    assert set(rows) == {"a", "b", "c"}
    assert set(back.spec) - {"key"} == set(mixed.spec)
    for stream, spec in mixed.spec.items():
        assert back.spec[stream] == spec
        for row, key in enumerate(mixed.keys):
            gone, gone_back = mixed.absent(stream), back.absent(stream)
            assert (gone is not None and bool(gone[row])) == (gone_back is not None and bool(gone_back[rows[key]]))
            if gone is None or not gone[row]:
                one, other = mixed[stream].read(np.array([row])), back[stream].read(np.array([rows[key]]))
                assert np.array_equal(one[0], other[0])


def test_row_numbers_are_not_written_and_files_are_plain_json(tmp_path: Path) -> None:
    plait.Json.write(plait.Arrays(x=[1, 2], t=["ü", "b"]), tmp_path / "all.jsonl")
    assert (tmp_path / "all.jsonl").read_text(encoding="utf-8") == '{"x": 1, "t": "ü"}\n{"x": 2, "t": "b"}\n'
    plait.Json.write(plait.Arrays(x=np.zeros((0,), np.int64)), tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text()) == []


def test_what_json_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"Json.write '.*': stream 't' is \(\) datetime64\[D\], which JSON has no form for"):
        plait.Json.write(plait.Arrays(t=np.array(["2024-01-01"], "M8[D]")), tmp_path / "x.json")
    with pytest.raises(ArgumentError, match=r"stream 'key' has the name of a part of the key and other values. Rename the stream"):
        plait.Json.write(plait.Arrays({"key": [1, 2]}, key=["a", "b"]), tmp_path / "x.json")
    with pytest.raises(ArgumentError, match=r"'x.y' .* cannot be fields of one document. Rename one"):
        plait.Json.write(plait.Arrays({"x": [1], "x.y": [2]}), tmp_path / "x.json")
    with pytest.raises(ArgumentError, match=r"makes no file name"):
        plait.Json.write(plait.Arrays(x=[1], key=["../a"]), tmp_path / "{id}.json")
    with pytest.raises(ReadError, match=r"cannot be written"):
        plait.Json.write(plait.Arrays(x=[1]), tmp_path / "none" / "x.json")
    assert not list(tmp_path.iterdir())
