"""Arrays from strangers: .npy and .npz that lie, and archives that are made to fill memory. More of them in tests/sources/test_npy.py."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from faults import refused

import plait

GOOD = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }"


class Runs:
    """Executes when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("executed"),)


def npy(header: str, data: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode("latin-1") + data


HEADERS = {
    "digits that a pattern tries in every way": GOOD.replace("(2, 3)", f"({'1' * 60}-)"),
    "digits that end in a blank": GOOD.replace("(2, 3)", f"({'1 ' * 40}-)"),
    "nested tuples as a shape": GOOD.replace("(2, 3)", "(" * 4000 + ")" * 4000),
    "brackets as a dtype": GOOD.replace("'<f8'", "[" * 4500 + "]" * 4500),
    "a product beyond all memory": GOOD.replace("(2, 3)", f"({'9' * 19}, {'9' * 19}, {'9' * 19})"),
    "text of a terabyte a value": GOOD.replace("<f8", "<U99999999999"),
    "a date without a unit that exists": GOOD.replace("<f8", "<M8[zz]"),
    "a call as a dtype": GOOD.replace("'<f8'", "open('executed', 'w')"),
    "fields that overlap": GOOD.replace("'<f8'", "{'names': ['a', 'b'], 'formats': ['<i8', 'O'], 'offsets': [0, 0]}"),
}


@pytest.mark.parametrize("attack", HEADERS)
def test_a_header_that_is_an_attack_is_refused(tmp_path: Path, attack: str) -> None:
    (tmp_path / "a.npy").write_bytes(npy(HEADERS[attack], bytes(48)))
    for path in ("{id}.npy", "a.npy"):
        with refused(r"Npy '(a|\{id\}).npy'.*(damaged header|unknown dtype|truncated|holds records|which no array has|longer)"):
            plait.Npy(path)["array"].values()


def test_objects_in_an_npz_are_not_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.array([Runs()], object))
    with refused(r"an .npz file holds several arrays, compressed. Write plait.Arrays"):
        plait.Npy("a.npz")
    (tmp_path / "a.npz").rename("a.zip")
    with refused(r"sample 'x' holds pickled Python objects, which are never loaded"):
        plait.Npy("zip://{id}.npy::a.zip")


def test_a_pickle_by_the_name_of_an_array_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npy").write_bytes(pickle.dumps(Runs()))
    with refused(r"sample 'a' is no .npy file: it begins with"):
        plait.Npy("{id}.npy")


def test_a_zip_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.npy", "w") as member:
        member.write(npy(GOOD.replace("(2, 3)", "(5000000,)")))
        for _ in range(40):
            member.write(bytes(1_000_000))
    with refused(r"sample 'a' is made to fill memory: 'zip://a.npy::set.zip' is 400\d+ bytes packed into \d+, .* unpack the archive"):
        plait.Npy("zip://{id}.npy::set.zip")


def test_a_zip_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(30_000_000))
    lie = buffer.getvalue().replace(struct.pack("<I", 30_000_000), struct.pack("<I", 100))
    (tmp_path / "set.zip").write_bytes(lie)
    with refused(r"sample 'a' (cannot be read from 'zip://a.npy::set.zip'|is no .npy file)"):
        plait.Npy("zip://{id}.npy::set.zip")


def test_zip_members_that_name_files_elsewhere_are_members_and_nothing_else(tmp_path: Path) -> None:
    np.save(tmp_path / "secret.npy", np.arange(3.0))
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("../secret.npy", npy(GOOD, bytes(48)))
        archive.writestr("/etc/x.npy", npy(GOOD, bytes(48)))
    with refused(r"no file matches 'zip://\{id\}.npy::set.zip'"):
        plait.Npy("zip://{id}.npy::set.zip")
