"""Names that lead elsewhere: in packed sets, templates and sinks, as links and as pipes. Nothing outside is read, and nothing written."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from faults import files_below, refused

import plait
from plait.packed.manifest import _checksum
from plait.spec import TEXT


def packed(name: str = "set") -> Path:
    source = plait.Arrays(x=np.arange(5.0), t=np.array(list("abcde"), TEXT))
    plait.pack(plait.Dataset(inputs={"x": source["x"], "t": source["t"]}), name, shown=False)
    return Path(name)


def changed(folder: Path, old: str, new: object, *, signed: bool = False) -> None:
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    assert old in text
    text = text.replace(old, new if isinstance(new, str) else json.dumps(new))
    manifest.write_text(text)
    if signed:  # who attacks can sign too
        state = json.loads(text)
        del state["blake2b"]
        manifest.write_text(json.dumps({**state, "blake2b": _checksum(state)}))


NAMES = ["../secret.npy", "/etc/secret.npy", "a/../../secret.npy", "..\\\\secret.npy", "\\\\\\\\host\\\\share\\\\x.npy", "C:secret.npy"]
NAMES += ["\\u0000.npy", "x.npy\\u0000.txt", ".", "", "a" * 300 + ".npy", "e\\u0301.npy", "\\u202ex.npy", "file:///etc/x.npy"]


@pytest.mark.parametrize("name", NAMES)
def test_a_manifest_names_files_of_its_folder_and_no_others(tmp_path: Path, name: str) -> None:
    folder = packed()
    np.save(tmp_path / "secret.npy", np.arange(5.0))
    changed(folder, '"000.values.npy"', f'"{name}"')
    with refused(r"'set/manifest.json' is damaged: it names the file .*\. Pack the data anew"):
        plait.open("set")


MANIFESTS = {
    "a role of no stream": ('"inputs": [\n   "x"', '"inputs": [\n   "y"', "its inputs are"),
    "roles that are a text": ('"weights": []', '"weights": "x"', "its weights are"),
    "a count that is no number": ('"samples": 5', '"samples": true', "it says True samples"),
    "a count beyond all": ('"samples": 5', '"samples": 99999999999999999999', "has 5 samples of"),
    "a number of bytes that is none": ('"bytes": ', '"bytes": 1e', "damaged"),
    "a field twice": ('"samples": 5', '"samples": 5, "samples": 5', "holds the field 'samples' twice"),
    "NaN": ('"nan": []', '"nan": [NaN]', "holds NaN, which is no JSON"),
    "deep": ('"nan": []', '"nan": ' + "[" * 5000 + "]" * 5000, "nested more than 64 deep"),
    "a million lists": ('"nan": []', '"nan": [' + "[]," * 1_000_000 + "[]]", "lists and objects"),
    "objects as a dtype": ('"dtype": "<f8"', '"dtype": "|O"', r"the dtype '\|O' is none"),
    "a shape below zero": ('"shape": []', '"shape": [-1]', r"the shape \[-1\] is none"),
    "classes that are a page": ('"classes": null', '"classes": {"<script>": 1}', "are neither text nor numbers"),
    "a unit that is a page": ('"unit": null', '"unit": ["<script>"]', "is no text"),
}
SIGNED = ("a count beyond all", "objects as a dtype", "a shape below zero", "classes that are a page", "a unit that is a page")


@pytest.mark.parametrize("attack", MANIFESTS)
def test_a_manifest_that_cannot_be_is_refused_by_name(tmp_path: Path, attack: str) -> None:
    old, new, message = MANIFESTS[attack]
    changed(packed(), old, new, signed=attack in SIGNED)
    with refused(rf"'.*set(/manifest.json)?'.*{message}.* Pack the data anew"):
        plait.open("set")


def test_a_manifest_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = packed()
    (folder / "manifest.json").rename(tmp_path / "elsewhere.json")
    (folder / "manifest.json").symlink_to(tmp_path / "elsewhere.json")
    with refused(r"manifest.json' is damaged: it is a link to '.*elsewhere.json', and files elsewhere are not read"):
        plait.open("set")


def test_a_manifest_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    folder = packed()
    os.truncate(folder / "manifest.json", 2**30)
    with refused(r"manifest.json' is damaged: has 16777217 bytes, and at most 16777216 are read"):
        plait.open("set")


def test_a_packed_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    folder = packed()
    file = folder / "000.values.npy"
    (tmp_path / "secret.npy").write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(tmp_path / "secret.npy")
    for verify in (False, True):
        with refused(r"is damaged, 000.values.npy: it is a link, to '.*secret.npy', and files elsewhere are not read. Copy them: cp -rL"):
            plait.open("set", verify=verify)


def test_a_packed_file_that_is_a_pipe_does_not_make_us_wait(tmp_path: Path) -> None:
    folder = packed()
    (folder / "000.values.npy").unlink()
    os.mkfifo(folder / "000.values.npy")
    with refused(r"is damaged, 000.values.npy: it is no regular file"):
        plait.open("set")


def test_nothing_is_packed_through_links(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("mine")
    (tmp_path / "set.partial").symlink_to(tmp_path / "home")
    data = plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(5.0))})
    with refused(r"set.partial' is a link to '.*home', and nothing is written elsewhere. Remove the link"):
        plait.pack(data, "set", shown=False)
    (tmp_path / "set.partial").unlink()
    (tmp_path / "set.partial").mkdir()
    for name in ("lock", "journal.json", "000.values.npy", "manifest.json.new"):
        (tmp_path / "set.partial" / name).symlink_to(tmp_path / "home" / "precious")
    with refused(r"'.*set': .*symbolic links"):
        plait.pack(data, "set", shown=False)
    (tmp_path / "set.partial" / "lock").unlink()
    plait.pack(data, "set", shown=False)  # what was there is not this data's, and goes
    assert (tmp_path / "home" / "precious").read_text() == "mine"
    assert files_below(tmp_path / "home") == {"/precious"}


def test_a_folder_beside_a_packed_set_is_not_touched(tmp_path: Path) -> None:
    packed()
    (tmp_path / "set.old").mkdir()
    (tmp_path / "set.old" / "precious").write_text("mine")
    plait.pack(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(3.0))}), "set", overwrite=True, shown=False)
    assert (tmp_path / "set.old" / "precious").read_text() == "mine"
    assert {name.partition("/")[2].partition("/")[0] for name in files_below(tmp_path)} == {"set", "set.old"}


def write_page(path: str) -> None:
    plait.show(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(3.0))}), html=path)


def write_ready(path: str) -> None:
    plait.Preprocessing(plait.Dataset(inputs={"x": plait.Arrays(x=np.arange(3.0))})).save(path)


WRITERS = {
    "csv": lambda path: plait.Csv.write(plait.Arrays(x=np.arange(3)), path),
    "parquet": lambda path: plait.Parquet.write(plait.Arrays(x=np.arange(3)), path),
    "npy": lambda path: plait.Npy.write(plait.Arrays(x=np.arange(3)), path),
    "json": lambda path: plait.Json.write(plait.Arrays(x=np.arange(3)), path),
    "h5": lambda path: plait.HDF5.write(plait.Arrays(x=np.arange(3)), path),
    "html": write_page,
    "ready.json": write_ready,
}


@pytest.mark.parametrize("kind", WRITERS)
def test_no_file_is_written_through_a_link(tmp_path: Path, kind: str) -> None:
    precious, out = tmp_path / "precious", f"out.{kind}"
    precious.write_text("mine")
    for name in (out, f"{out}.part", f"{out}.partial", f"{out}.new", f"{out}.tmp"):
        Path(name).symlink_to(precious)
    WRITERS[kind](out)
    assert precious.read_text() == "mine"
    assert not Path(out).is_symlink() and Path(out).stat().st_size
    assert Path(out).stat().st_mode & 0o777 == 0o666 & ~umask()
    assert not [name for name in files_below(tmp_path) if name.startswith("/.")]


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/b", "..", ".hidden", "", "a\0b"])
def test_a_key_is_no_path_where_files_are_written(tmp_path: Path, key: str) -> None:
    data = plait.Arrays(x=np.arange(2.0).reshape(2, 1), key=["good", key])
    for write, template in ((plait.Npy.write, "out/{id}.npy"), (plait.Json.write, "out/{id}.json")):
        with refused(r"makes no file name of 'out/\{id\}.\w+' that gives it back"):
            write(data, template)
    assert files_below(tmp_path) == set()


def test_a_template_reads_what_it_matches_and_links_only_as_files(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    np.save(tmp_path / "x" / "a.npy", np.arange(3.0))
    (tmp_path / "x" / "b.npy").symlink_to("/etc/passwd")
    with refused(r"sample 'b' .*is no .npy file"):  # read as what it should be, and never shown as text
        plait.Npy("x/{id}.npy")["array"].values()
    (tmp_path / "x" / "b.npy").unlink()
    (tmp_path / "x" / "b.npy").symlink_to("/dev/zero")
    with refused(r"sample 'b' cannot be read from 'x/b.npy': it is no regular file"):
        plait.Npy("x/{id}.npy")["array"].values()
