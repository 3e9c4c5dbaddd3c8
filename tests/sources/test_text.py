"""Text: a file a sample."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import plait
from plait.errors import ArgumentError, ChangedError, ReadError, TransformError
from plait.sources.text import ReadText


def write(folder: Path, **texts: bytes) -> Path:
    for name, text in texts.items():
        (folder / f"{name}.txt").write_bytes(text)
    return folder / "{id}.txt"


def test_each_file_is_a_text_as_it_stands(tmp_path: Path) -> None:
    source = plait.Text(write(tmp_path, b="klein,\r\nrund ☺\n".encode(), a=b"x\0y\0"))
    assert source.spec == {"text": plait.Spec((), plait.spec.TEXT)}
    assert source.label == f"Text '{tmp_path}/{{id}}.txt'"
    found = source.read(["text"], np.array([1, 0, 1]))["text"]
    assert found.dtype == plait.spec.TEXT
    assert list(found) == ["klein,\r\nrund ☺\n", "x\0y\0", "klein,\r\nrund ☺\n"]


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    assert list(plait.Text(write(tmp_path, a=b"\xef\xbb\xbfx"))["text"].values()) == ["x"]
    assert list(plait.Text(write(tmp_path, a="ü".encode("utf-16")), encoding="utf-16")["text"].values()) == ["ü"]


def test_another_encoding_is_an_argument(tmp_path: Path) -> None:
    template = write(tmp_path, a=b"caf\xe9")
    assert list(plait.Text(template, encoding="latin-1")["text"].values()) == ["café"]
    with pytest.raises(
        ReadError,
        match=r"Text '.*': sample 'a' \('.*a.txt'\) is not utf-8: byte b'\\xe9' at 3 \(unexpected end of data\). Pass the encoding",
    ):
        plait.Text(template)["text"].values()


@pytest.mark.parametrize("encoding", ["no-such", "base64", "rot13", "idna\0", ""])
def test_an_encoding_that_is_none_is_refused(encoding: str) -> None:
    with pytest.raises(ArgumentError, match=r"is no text encoding. Write encoding='utf-8' or 'latin-1'"):
        plait.Text("nowhere/{id}.txt", encoding=encoding)


def test_text_that_is_no_unicode_is_refused(tmp_path: Path) -> None:
    template = write(tmp_path, a=b"+2AA-")  # half of a surrogate pair
    with pytest.raises(ReadError, match=r"sample 'a' .* holds half of a character"):
        plait.Text(template, encoding="utf-7")["text"].values()


def test_files_that_cannot_be_texts_are_named(tmp_path: Path) -> None:
    source = plait.Text(write(tmp_path, a=b"x", b=b"", c=b"y", d=b"z"), most_bytes=1000)
    os.truncate(tmp_path / "c.txt", 2**40)
    (tmp_path / "d.txt").unlink()
    with pytest.raises(ReadError, match=r"sample 'b' is empty: '.*b.txt' has 0 bytes"):
        source.read(["text"], np.array([0, 1]))
    with pytest.raises(ReadError, match=r"sample 'c' is too large: .* at most 1000 are read"):
        source.read(["text"], np.array([2]))
    with pytest.raises(ChangedError, match=r"sample 'd' is gone"):
        source.read(["text"], np.array([3]))


def test_the_decoder_gives_what_was_read_for_paths_and_bytes(tmp_path: Path) -> None:
    source = plait.Text(write(tmp_path, a=b"caf\xe9", b=b"\xef"), encoding="iso8859-1")
    step = source.decoder("text")
    again = ReadText.from_json(json.loads(json.dumps(step.to_json())))
    assert again == step
    assert again.kind == "read-text"
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for raw in (paths, [str(p) for p in paths], [p.read_bytes() for p in paths]):
        assert list(again(raw)) == ["café", "ï"]
    assert again([]).shape == (0,)
    with pytest.raises(TransformError, match=r"ReadText: sample 0 is a int; a text is a path, or the bytes of a file"):
        again([7])
    with pytest.raises(TransformError, match=r"takes a list of raw samples and got one str"):
        again("a.txt")
