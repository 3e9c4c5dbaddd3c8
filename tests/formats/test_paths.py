"""File-name templates: what they match, what the keys are, and what is said when a file cannot be had."""

from __future__ import annotations

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest

from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, MissingExtraError, ReadError
from plait.formats.paths import file_names, has_field, is_url, list_files, read_bytes
from plait.keys import Keys


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")
    return folder


def listed(template: object) -> dict[object, str]:
    files = list_files(template, label="Images")  # type: ignore[arg-type]
    return {files.keys[row]: os.path.basename(str(files.paths[row])) for row in range(len(files.keys))}


# keys


def test_a_field_is_the_key_and_files_are_in_the_order_of_keys(tmp_path: Path) -> None:
    touch(tmp_path, "p10.jpg", "p9.jpg", "q.png", "p1.jpeg")
    assert listed(tmp_path / "p{id}.jpg") == {"10": "p10.jpg", "9": "p9.jpg"}
    assert list(listed(tmp_path / "p{id}.jpg")) == ["10", "9"]


def test_an_integer_field_orders_by_number(tmp_path: Path) -> None:
    touch(tmp_path, "s10.npy", "s9.npy", "s-2.npy", "sx.npy", "s007.npy", "s٣.npy")
    assert list(listed(tmp_path / "s{id:d}.npy")) == [-2, 7, 9, 10]
    assert list(listed(tmp_path / "s{id:03d}.npy")) == [-2, 7, 9, 10]


def test_two_fields_make_two_part_keys(tmp_path: Path) -> None:
    touch(tmp_path, "north/1.png", "south/1.png", "south/2.png", "south/deep/3.png")
    files = list_files(tmp_path / "{site}" / "{id}.png", label="Images")
    assert list(files.keys) == [("north", "1"), ("south", "1"), ("south", "2")]
    assert files.keys.names == ("site", "id")


def test_a_field_that_occurs_twice_has_the_same_text_twice(tmp_path: Path) -> None:
    touch(tmp_path, "a/a.png", "a/b.png", "b/b.png")
    assert listed(tmp_path / "{id}" / "{id}.png") == {"a": "a.png", "b": "b.png"}


def test_wildcards_match_outside_of_fields(tmp_path: Path) -> None:
    touch(tmp_path, "2021/a_left.png", "2022/b_left.png", "2022/b_right.png")
    assert listed(tmp_path / "*" / "{id}_l?ft.png") == {"a": "a_left.png", "b": "b_left.png"}


def test_names_hold_brackets_blanks_dots_and_any_script(tmp_path: Path) -> None:
    touch(tmp_path, "a[1].x.png", "b c.png", "日本.png", "é+(1)$.png")
    assert set(listed(tmp_path / "{id}.png")) == {"a[1].x", "b c", "日本", "é+(1)$"}
    touch(tmp_path / "[odd]", "a.png")
    assert listed(tmp_path / "[odd]" / "{id}.png") == {"a": "a.png"}


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "._a.png", "b.png/c.txt")
    assert listed(tmp_path / "{id}.png") == {"a": "a.png"}


def test_links_are_followed(tmp_path: Path) -> None:
    touch(tmp_path, "store/x.png")
    (tmp_path / "a.png").symlink_to(tmp_path / "store" / "x.png")
    (tmp_path / "linked").symlink_to(tmp_path / "store")
    assert listed(tmp_path / "{id}.png") == {"a": "a.png"}
    assert listed(tmp_path / "linked" / "{id}.png") == {"x": "x.png"}
    assert read_bytes(str(tmp_path / "a.png"), label="Images", key="a") == b"x"


def test_many_files_take_little_memory(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{'long' * 20}{n}.txt" for n in range(50)))
    assert list_files(tmp_path / "{id}.txt", label="Text").paths.dtype == np.dtypes.StringDType()


# what cannot be meant


def test_a_template_without_a_field_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"the template 'photos/1.jpg' has no field for the key. Write for instance 'photos/{id}.jpg'"):
        list_files("photos/1.jpg", label="Images")


@pytest.mark.parametrize("field", ["{}", "{0}", "{id:s}", "{id:.2f}", "{id!r}", "{a b}", "{id:>4}"])
def test_a_field_that_is_not_understood_is_refused(field: str) -> None:
    with pytest.raises(ArgumentError, match=r"is no field. Write {id} for text, {id:d} or {id:04d} for an integer"):
        list_files(f"photos/{field}.jpg", label="Images")
    assert has_field(f"photos/{field}.jpg")


def test_braces_in_a_name_are_matched_by_a_question_mark(tmp_path: Path) -> None:
    touch(tmp_path, "{x}-1.png")
    assert listed(tmp_path / "?x?-{id}.png") == {"1": "{x}-1.png"}


def test_a_nul_character_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"holds a NUL character"):
        list_files("photos/\0{id}.jpg", label="Images")


def test_no_match_says_what_is_there(tmp_path: Path) -> None:
    touch(tmp_path, "a.jpeg", "b.jpeg")
    with pytest.raises(ReadError, match=r"no file matches '.*\{id\}.jpg'. '.*' holds 2 entries, such as \['a.jpeg', 'b.jpeg'\]"):
        list_files(tmp_path / "{id}.jpg", label="Images")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReadError, match=r"The folder '.*empty' is empty"):
        list_files(tmp_path / "empty" / "{id}.jpg", label="Images")
    with pytest.raises(ReadError, match=r"The folder '.*nowhere' does not exist \(working directory '"):
        list_files(tmp_path / "nowhere" / "{id}.jpg", label="Images")


def test_two_files_of_one_key_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "x/1.png", "y/1.png")
    with pytest.raises(DuplicateKeyError, match=r"'.*x/1.png' and '.*y/1.png' have the same key '1'. Give '.*' a further field"):
        list_files(tmp_path / "*" / "{id}.png", label="Images")


def test_two_forms_of_one_number_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "01.png")
    with pytest.raises(DuplicateKeyError, match=r"have the same key '1'"):
        list_files(tmp_path / "{id:d}.png", label="Images")
    assert len(listed(tmp_path / "{id}.png")) == 2


def test_a_number_beyond_64_bits_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, f"{2**63}.png")
    with pytest.raises(ArgumentError, match=r"holds a number beyond 64 bits. Write \{id\} in .* to take it as text"):
        list_files(tmp_path / "{id:d}.png", label="Images")


def test_a_file_name_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(ReadError, match=r"is not UTF-8. Rename the file"):
        list_files(tmp_path / "{id}.png", label="Images")


# reading


def test_a_file_that_vanished_is_said_to_have_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png")
    files = list_files(tmp_path / "{id}.png", label="Images 'x'")
    (tmp_path / "a.png").unlink()
    with pytest.raises(ChangedError, match=r"Images 'x': sample 'a' is gone: '.*a.png' was listed and is no longer there. Declare"):
        read_bytes(files.paths[0], label="Images 'x'", key="a")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ChangedError, match=r"is no longer there \(working directory '.*'\)"):
        read_bytes("a.png", label="Images", key="a")


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(ReadError, match=r"sample 'a' is empty: '.*a.png' has 0 bytes. Restore the file, or remove it"):
        read_bytes(str(tmp_path / "a.png"), label="Images", key="a")


def test_a_broken_link_is_told_from_a_vanished_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("gone.png")
    files = list_files(tmp_path / "{id}.png", label="Images")
    with pytest.raises(ReadError, match=r"sample 'a' is a broken link: '.*a.png' -> 'gone.png'"):
        read_bytes(files.paths[0], label="Images", key="a")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").symlink_to("a.png")
    with pytest.raises(ReadError, match=r"sample 'a' cannot be read"):
        read_bytes(str(tmp_path / "a.png"), label="Images", key="a")


def test_folders_and_pipes_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"it is a folder"):
        read_bytes(str(tmp_path), label="Images", key="a")
    os.mkfifo(tmp_path / "a.png")  # opening one for reading waits for a writer
    with pytest.raises(ReadError, match=r"it is no regular file"):
        read_bytes(str(tmp_path / "a.png"), label="Images", key="a")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(ReadError, match=r"cannot be read from .*: Permission denied"):
        read_bytes(str(tmp_path / "a.png"), label="Images", key="a")


def test_a_file_larger_than_asked_for_is_refused_without_reading_it(tmp_path: Path) -> None:
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(2**40)  # sparse
    with pytest.raises(ReadError, match=r"sample 'a' is too large: .* has 1099511627776 bytes or more, and at most 100 are read"):
        read_bytes(str(tmp_path / "a.png"), label="Images", key="a", most=100)


def test_a_large_file_is_read_whole(tmp_path: Path) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "a.bin").write_bytes(content)
    assert read_bytes(str(tmp_path / "a.bin"), label="Npy", key="a") == content


def test_a_nul_character_in_a_raw_path_is_an_error_of_ours() -> None:
    with pytest.raises(ReadError, match=r"cannot be read"):
        read_bytes("a\0b", label="Images", key=0)


# URLs


def test_files_behind_a_url_are_listed_and_read() -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe({"/listed/a/1.png": b"one", "/listed/b/2.png": b"two", "/listed/b/.3.png": b"hidden"})
    files = list_files("memory://listed/{site}/{id:d}.png", label="Images")
    assert list(files.keys) == [("a", 1), ("b", 2)]
    assert [read_bytes(path, label="Images", key=0) for path in files.paths] == [b"one", b"two"]
    memory.rm("/listed/a/1.png")
    with pytest.raises(ChangedError, match=r"sample 1 is gone: 'memory://listed/a/1.png' was listed"):
        read_bytes(files.paths[0], label="Images", key=1)
    with pytest.raises(ReadError, match=r"no file matches 'memory://listed/{id}.gif'. Check the address"):
        list_files("memory://listed/{id}.gif", label="Images")
    with pytest.raises(ReadError, match=r"is too large: 'memory://listed/b/2.png' has 3 bytes or more"):
        read_bytes(files.paths[1], label="Images", key=2, most=2)


def test_files_in_a_zip_archive_are_listed_and_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("photos/a.png", b"one")
        archive.writestr("photos/b.png", b"two")
        archive.writestr("photos/deep/c.png", b"three")
        archive.writestr("__MACOSX/photos/._a.png", b"")
    files = list_files(f"zip://photos/{{id}}.png::{tmp_path / 'set.zip'}", label="Images")
    assert list(files.keys) == ["a", "b"]
    assert [read_bytes(path, label="Images", key=0) for path in files.paths] == [b"one", b"two"]
    with pytest.raises(ArgumentError, match=r"a field must stand before '::'"):
        list_files(f"zip://photos/a.png::{tmp_path}/{{id}}.zip", label="Images")


def test_an_archive_is_read_by_many_threads_and_read_anew_when_it_changes(tmp_path: Path) -> None:
    contents = {f"{n}.bin": os.urandom(500 + n) for n in range(40)}
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    files = list_files(f"zip://{{id}}.bin::{path}", label="Npy")
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda p: read_bytes(p, label="Npy", key=0), [str(p) for p in files.paths] * 5))
    assert found == [contents[f"{key}.bin"] for key in files.keys] * 5
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.bin", b"other")
    at = list(files.keys).index("0")
    assert read_bytes(files.paths[at], label="Npy", key="0") == b"other"
    with pytest.raises(ChangedError, match=r"sample '1' is gone"):
        read_bytes(files.paths[list(files.keys).index("1")], label="Npy", key="1")
    path.unlink()
    with pytest.raises(ChangedError, match=r"sample '0' is gone"):
        read_bytes(files.paths[at], label="Npy", key="0")


def test_a_damaged_or_missing_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ReadError, match=r"cannot be listed: BadZipFile"):
        list_files(f"zip://{{id}}.png::{tmp_path / 'set.zip'}", label="Images")
    with pytest.raises(ReadError, match=r"cannot be listed: FileNotFoundError"):
        list_files(f"zip://{{id}}.png::{tmp_path / 'none.zip'}", label="Images")


def test_a_zip_member_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10_000_000))
    files = list_files(f"zip://{{id}}.png::{tmp_path / 'set.zip'}", label="Images")
    with pytest.raises(ReadError, match=r"is too large"):
        read_bytes(files.paths[0], label="Images", key="a", most=1000)


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b c.png")
    files = list_files(f"file://{tmp_path}/{{id}}.png", label="Images")
    assert list(files.keys) == ["a", "b c"]
    assert [read_bytes(path, label="Images", key=0) for path in files.paths] == [b"x", b"x"]


def test_a_protocol_that_does_not_exist_is_refused() -> None:
    assert is_url("nothing://x")
    with pytest.raises(ArgumentError, match=r"Protocol not known: nothing"):
        list_files("nothing://bucket/{id}.png", label="Images")


def test_a_protocol_whose_package_is_missing_says_which() -> None:
    with pytest.raises(MissingExtraError, match=r"Images.*(gcsfs|gs)"):
        list_files("gs://bucket/{id}.png", label="Images")


# naming files for a sink


def test_the_names_of_files_lead_back_to_the_keys() -> None:
    assert file_names("out/{id}.npy", Keys.of(["a", "b c"]), label="Npy") == ["out/a.npy", "out/b c.npy"]
    assert file_names("out/{id:04d}.npy", Keys.of([7, -7]), label="Npy") == ["out/0007.npy", "out/-007.npy"]
    two = Keys({"site": np.array(["n", "s"]), "id": np.array([1, 2])})
    assert file_names("{id}/{site}.npy", two, label="Npy") == ["1/n.npy", "2/s.npy"]
    assert file_names("{a}/{b}.npy", two, label="Npy") == ["n/1.npy", "s/2.npy"]


@pytest.mark.parametrize("key", ["../../etc/x", "a/b", "", ".", "..", ".hidden", "a\0b"])
def test_a_key_that_is_no_file_name_is_refused(key: str) -> None:
    with pytest.raises(ArgumentError, match=r"makes no file name of 'out/{id}.npy' that gives it back"):
        file_names("out/{id}.npy", Keys.of([key]), label="Npy")


def test_a_key_that_two_fields_cannot_part_again_is_refused() -> None:
    keys = Keys({"a": np.array(["x-y"]), "b": np.array(["z"])})
    with pytest.raises(ArgumentError, match=r"the key \('x-y', 'z'\) makes no file name"):
        file_names("{a}-{b}.npy", keys, label="Npy")
    with pytest.raises(ArgumentError, match=r"makes no file name"):
        file_names("{id:d}.npy", Keys.of(["x"]), label="Npy")


def test_as_many_fields_as_parts_are_needed() -> None:
    with pytest.raises(ArgumentError, match=r"the keys have the parts \['row'\] and '\{a\}/\{b\}.npy' the fields \['a', 'b'\]"):
        file_names("{a}/{b}.npy", Keys.range(3), label="Npy")
    with pytest.raises(ArgumentError, match=r"no '\*' or '\?'"):
        file_names("*/{a}.npy", Keys.range(3), label="Npy")
