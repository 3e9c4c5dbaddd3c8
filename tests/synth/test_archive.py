"""The file of a synthesizer: whole or refused by name, and nothing in it is executed."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

import plait
from plait.errors import ReadError
from plait.synth.archive import read_archive, write_archive
from plait.synth.learned import load

ARRAYS = {"leaves": np.arange(12.0).reshape(3, 4), "codes": np.arange(5, dtype=np.int16), "none": np.zeros((0, 2))}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "one.plait"
    write_archive(path, {"kind": "sequential", "state": {"a": [1, None, "ä"]}}, ARRAYS)
    return path


def rewritten(path, name, data):
    """The file with one member exchanged."""
    with zipfile.ZipFile(path) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, old in members.items():
            archive.writestr(n, data if n == name else old)


def test_state_and_arrays_come_back(saved):
    state, arrays = read_archive(saved)
    assert state["state"] == {"a": [1, None, "ä"]}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert arrays[name].dtype == array.dtype and arrays[name].flags.writeable
        np.testing.assert_array_equal(arrays[name], array)


def test_the_same_is_written_every_time_and_nothing_else_is_left(saved, tmp_path):
    again = tmp_path / "two.plait"
    write_archive(again, {"kind": "sequential", "state": {"a": [1, None, "ä"]}}, ARRAYS)
    assert again.read_bytes() == saved.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.plait", "two.plait"]


def test_a_file_cut_anywhere_is_refused_by_name(saved):
    whole = saved.read_bytes()
    for size in range(0, len(whole) - 1, 37):
        saved.write_bytes(whole[:size])
        with pytest.raises(ReadError, match=r"one.plait' is no synthesizer that plait saved, or is damaged: .* Save it anew."):
            read_archive(saved)


def test_a_changed_byte_never_gives_other_arrays(saved):
    whole = saved.read_bytes()
    for place in range(0, len(whole), 11):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        saved.write_bytes(damaged)
        try:
            _, arrays = read_archive(saved)
        except ReadError:
            continue
        for name, array in arrays.items():  # the byte says nothing about the contents: a date, an attribute
            np.testing.assert_array_equal(array, ARRAYS[name])


def test_pickled_objects_are_never_loaded(saved, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "executed"), "w"))

    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([Trap()], object), allow_pickle=True)
    rewritten(saved, "arrays/leaves.npy", buffer.getvalue())
    with pytest.raises(ReadError, match="one.plait"):
        read_archive(saved)
    saved.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(ReadError, match="is no synthesizer that plait saved"):
        load(saved)
    assert not (tmp_path / "executed").exists()


def test_what_would_unpack_to_much_is_refused(saved):
    rewritten(saved, "arrays/leaves.npy", bytes(64 * 2**20))
    with pytest.raises(ReadError, match="it would unpack to more than 200 times its size"):
        read_archive(saved)


def test_deep_json_is_refused(saved):
    rewritten(saved, "synthesizer.json", b"[" * 200_000)
    with pytest.raises(ReadError, match="one.plait"):
        read_archive(saved)


@pytest.mark.parametrize("state", [{}, {"format": 2, "arrays": []}, {"format": 1, "arrays": "all"}, [1], {"format": 1, "arrays": ["no"]}])
def test_another_zip_is_refused(saved, state):
    rewritten(saved, "synthesizer.json", json.dumps(state).encode())
    with pytest.raises(ReadError, match="is no synthesizer that plait saved, or is damaged"):
        read_archive(saved)


def test_arrays_that_changed_places_are_refused(tmp_path):
    path = tmp_path / "one.plait"
    write_archive(path, {}, {"a": np.zeros(3), "b": np.ones(3)})
    buffer = io.BytesIO()
    np.save(buffer, np.ones(3))
    rewritten(path, "arrays/a.npy", buffer.getvalue())
    with pytest.raises(ReadError, match="one.plait' is .* damaged: its contents are not those that were written. Save it anew."):
        read_archive(path)


def test_state_that_was_edited_is_refused(saved):
    rewritten(saved, "synthesizer.json", json.dumps({"format": 1, "arrays": sorted(ARRAYS)}).encode())
    with pytest.raises(ReadError, match="its contents are not those that were written"):
        read_archive(saved)


def test_millions_of_equal_values_come_back(tmp_path):
    write_archive(tmp_path / "one.plait", {}, {"same": np.full(4_000_000, 7.0)})
    assert (read_archive(tmp_path / "one.plait")[1]["same"] == 7.0).all()


def test_a_place_where_no_file_can_be_is_refused_and_nothing_is_left(saved, tmp_path):
    for place in (tmp_path, saved / "within.plait", ""):
        with pytest.raises(ReadError, match=r"save\(.*\): nothing can be written there: .* Name a file in a folder of your own."):
            write_archive(place, {}, {})
    assert [p.name for p in tmp_path.iterdir()] == ["one.plait"] and not (tmp_path.parent / f"{tmp_path.name}.partial").exists()
    with pytest.raises(ReadError, match="is no file. Name the file that save wrote."):
        read_archive(tmp_path)


def test_a_file_that_is_not_there_and_a_kind_that_is_not_known(saved, tmp_path):
    with pytest.raises(ReadError, match="There is no file '.*nowhere.plait'"):
        plait.load(tmp_path / "nowhere.plait")
    write_archive(saved, {"kind": "os.system", "version": 1}, {})
    with pytest.raises(ReadError, match="holds a synthesizer of kind 'os.system'; known: sequential, "):
        plait.load(saved)
    said = r"holds a {} of version {}, saved by plait '0.0.9'; plait .* reads version {}. Fit it and save it anew."
    for kind, called, old in (("gan.arrays", "GAN", 1), ("flow.arrays", "Flow", 2)):
        write_archive(saved, {"kind": kind, "version": old, "plait": "0.0.9"}, {})
        with pytest.raises(ReadError, match=said.format(called, old, old + 1)):
            plait.load(saved)
    write_archive(saved, {"kind": "sequential", "version": 1}, {})
    with pytest.raises(ReadError, match="is damaged: KeyError"):
        plait.load(saved)
