"""JSON from strangers: samples, and the files that plait itself wrote and somebody changed."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from faults import refused

import plait
from plait.formats.documents import parse_json
from plait.tabular import Schema

DOCUMENTS = {
    "a million lists": ('{"a": [' + "[]," * 1_000_000 + "[]]}", r"holds 1000003 lists and objects .* many samples are JSON lines"),
    "three million numbers": ('{"a": [' + "1," * 3_000_000 + "1]}", r"and 3000000 values, and one document at most"),
    "deep lists": ("[" * 1_000_000, r"is nested more than 64 deep|lists and objects"),
    "deep objects": ('{"a":' * 100_000 + "1" + "}" * 100_000, r"is nested more than 64 deep"),
    "a deep literal": ("{'a': " + "[" * 5000 + "]" * 5000 + "}", r"is nested more than 64 deep"),
    "a literal of half a million numbers": ("{'a': [" + "1," * 500_000 + "]}", r"more than 65536 brackets, values and commas"),
    "a field twice": ('{"a": 1, "a": 2}', r"holds the field 'a' twice"),
    "a field twice in a literal": ("{'a': 1, 'a': 2}", r"holds the field 'a' twice"),
    "a number of a million digits": ('{"a": ' + "9" * 1_000_000 + "}", r"is no JSON"),
    "a hexadecimal number of a million digits": ("{'a': 0x" + "f" * 500_000 + "}", r"holds a number beyond 64 bits"),
    "a NUL between": ('{"a": 1\0}', r"is no JSON"),
    "half a character": ('{"a": "\\ud800"}', r"holds a text that is no Unicode"),
    "bytes that are no UTF-8": (b'{"a": "\xff\xfe"}', r"is not UTF-8"),
    "a call": ("{'a': open('executed', 'w')}", r"is no JSON"),
    "a tag of YAML": ("!!python/object/apply:os.mkdir ['executed']", r"is no JSON"),
}


@pytest.mark.parametrize("attack", DOCUMENTS)
def test_a_document_that_is_an_attack_is_refused(tmp_path: Path, attack: str) -> None:
    content, message = DOCUMENTS[attack]
    (tmp_path / "meta_1.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with refused(rf"Json 'meta_\{{id\}}.json'.* sample '1' \('meta_1.json'\) .*({message})"):
        plait.Json("meta_{id}.json")


def ready(path: str) -> str:
    source = plait.Arrays(x=np.arange(5.0))
    data = plait.Dataset(inputs={"x": source["x"]})
    plait.Preprocessing(data.map(plait.Standardize.fit(data["x"]), on="x")).save(path)
    return Path(path).read_text()


CHANGES = {
    "a field twice": (lambda t: t.replace('"version"', '"version": 1, "version"', 1), "holds the field 'version' twice"),
    "NaN": (lambda t: t.replace('"mean": 2.0', '"mean": NaN'), "holds NaN, which is no JSON"),
    "Infinity": (lambda t: t.replace('"mean": 2.0', '"mean": -Infinity'), "holds -Infinity, which is no JSON"),
    "a module as a step": (lambda t: t.replace('"Standardize"', '"os.system"'), "A step of kind 'os.system' was saved"),
    "a path as a step": (lambda t: t.replace('"Standardize"', '"../../x:Y"'), "A step of kind '../../x:Y' was saved"),
    "objects as a dtype": (lambda t: t.replace('"float64"', '"O"'), "the dtype 'O' is none"),
    "records as a dtype": (lambda t: t.replace('"float64"', '"i4,O"'), "the dtype 'i4,O' is none"),
    "a shape below zero": (lambda t: t.replace('"shape": []', '"shape": [-1]'), r"the shape \[-1\] is none"),
    "a shape of text": (lambda t: t.replace('"shape": []', '"shape": "12"'), "the shape '12' is none"),
    "a million lists": (lambda t: t.rstrip()[:-1] + ', "z": [' + "[]," * 1_000_000 + "[]]}", "lists and objects"),
    "deep": (lambda t: t.rstrip()[:-1] + ', "z": ' + "[" * 5000 + "]" * 5000 + "}", "nested more than 64 deep"),
}


@pytest.mark.parametrize("attack", CHANGES)
def test_a_preprocessing_that_was_changed_is_refused_by_name(tmp_path: Path, attack: str) -> None:
    change, message = CHANGES[attack]
    text = ready("ready.json")
    assert change(text) != text
    Path("ready.json").write_text(change(text))
    with refused(rf"'ready.json'.*{message}"):
        plait.Preprocessing.load("ready.json")({"x": np.arange(3.0)})


def test_a_preprocessing_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with open("ready.json", "wb") as file:
        file.truncate(2**30)
    with refused(r"'ready.json' .* has 33554433 bytes, and at most 33554432 are read"):
        plait.Preprocessing.load("ready.json")


def test_a_synthesizer_whose_state_is_a_bomb_is_refused(tmp_path: Path) -> None:
    state = '{"format": 1, "arrays": [], "z": [' + "[]," * 6_000_000 + "[]]}"
    with zipfile.ZipFile("model.plait", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("synthesizer.json", state)
        archive.writestr("noise", np.random.default_rng(0).bytes(2**17))  # so that the whole is not packed too tightly
    with refused(r"'model.plait' is no synthesizer .* lists and objects"):
        plait.load("model.plait")


def test_a_synthesizer_that_unpacks_to_a_gigabyte_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile("model.plait", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("synthesizer.json", "w") as member:
        for _ in range(64):
            member.write(b" " * 2**20)
    with refused(r"'model.plait' .* would unpack to more than 200 times its size"):
        plait.load("model.plait")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..\\x", "a\0b"])
def test_arrays_of_a_synthesizer_are_members_and_nothing_else(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile("model.plait", "w") as archive:
        archive.writestr("synthesizer.json", json.dumps({"format": 1, "arrays": [name]}))
    with refused(r"'model.plait' is no synthesizer that plait saved, or is damaged"):
        plait.load("model.plait")


def test_a_schema_cannot_name_a_dtype_of_objects() -> None:
    source = plait.Arrays(x=np.arange(4.0), y=np.arange(4))
    state = Schema.of(plait.Dataset(inputs={"x": source["x"]}, targets={"y": source["y"]})).to_json()
    text = json.dumps(state).replace('"<f8"', '"|O"')
    with pytest.raises(ValueError, match=r"the dtype '\|O' is none"):
        Schema.from_json(json.loads(text))


def test_text_with_brackets_and_commas_is_no_attack() -> None:
    text = json.dumps({"a": '[{,\\"' * 200_000})
    assert parse_json(text.encode(), most=2**24) == json.loads(text)
