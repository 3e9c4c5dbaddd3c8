"""A saved run that somebody made or changed, digests and all: refused by name, or the pair before it; nothing executed, at little cost."""

from __future__ import annotations

import copy
import io
import json
import os
import pickle
import random
import zipfile

import keras
import numpy as np
import pytest
from faults import refused

import plait
from plait.pairs import read_pair, write_pair

pytestmark = pytest.mark.in_turn(together=True)  # what is read is the same on every backend, and TensorFlow traces each fit anew

CASES = int(os.environ.get("PLAIT_FUZZ_RUNS", "60"))


class Attack:
    def __reduce__(self):
        return os.mkdir, ("executed",)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """A model, a loader, and the state and arrays that were saved of them."""
    x = np.random.default_rng(0).random((10, 3), np.float32)
    arrays = plait.Arrays(x=x, y=x.sum(1))
    loader = plait.Loader(plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}), 4)
    inputs = keras.Input((3,), name="x")
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.BatchNormalization()(inputs)))
    model.compile("adam", "mse", metrics=["mae"])
    path = str(tmp_path_factory.mktemp("run") / "run.json")
    model.fit(loader, epochs=2, callbacks=[plait.Resume(loader, path, every=2)], verbose=0)
    found = read_pair(path)
    assert found is not None
    return model, loader, {k: v for k, v in found[0].items() if k not in ("arrays", "arrays_digest", "format")}, found[1]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists()


def goes_on(setting):
    model, loader = setting[:2]
    resume = plait.Resume(loader, "run.json")
    resume.set_model(model)
    resume.on_train_begin()
    resume.on_train_end()
    return loader.step


HUGE = "9" * 5000
CHANGES = {
    "a step that is text": {"step": "6"},
    "a step that is no number": {"step": None},
    "a step below 0": {"step": -1},
    "a step beyond any": {"step": 10**30},
    "a step that is true": {"step": True},
    "no order": {"order": None},
    "an order of another kind": {"order": [1]},
    "shards to fill memory": {"order": {"batch_size": [0], "shard": [0, 10**9]}},
    "no dtypes": {"dtypes": {}},
    "dtypes that are no names": {"dtypes": {"model": [3], "optimizer": [], "metrics": []}},
    "dtypes that are no dtypes": {"dtypes": {"model": ["__loader__"], "optimizer": [], "metrics": []}},
    "more variables than arrays": {"dtypes": {"model": ["float32"] * 99, "optimizer": [], "metrics": []}},
    "no list of errors": {"errors": 3},
    "errors of another kind": {"errors": [{"row": "x"}]},
    "an error of no sample": {"errors": [{"row": 10**9}]},
    "batches of another kind": {"handed": [[1]]},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_state_that_cannot_be_is_refused_by_name(setting, change):
    write_pair("run.json", {**setting[2], **CHANGES[change]}, setting[3], name="6")
    with refused(r"'run.json' is no run that plait saved: \w+: .*Restore the file, or delete it to begin anew"):
        goes_on(setting)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.0", None),
        ("random.python", None),
        ("random.python", np.arange(4)),
        ("random.numpy.key", np.zeros(3)),
        ("random.numpy.rest", np.full(3, np.nan)),
        ("random.python.spare", np.zeros(0)),
    ],
)
def test_arrays_that_cannot_be_are_refused_by_name(setting, name, value):
    arrays = {key: array for key, array in {**setting[3], name: value}.items() if array is not None}
    write_pair("run.json", setting[2], arrays, name="6")
    with refused(r"'run.json' is no run that plait saved: \w+: "):
        goes_on(setting)


def test_weights_of_another_dtype_are_no_weights_of_this_model(setting):
    state, arrays = copy.deepcopy(setting[2]), {**setting[3], "model.0": setting[3]["model.0"].astype(np.float64)}
    state["dtypes"]["model"][0] = "float64"
    write_pair("run.json", state, arrays, name="6")
    with refused("was saved by another model"):
        goes_on(setting)


def npy(header):
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text


def archive(parts, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in parts:
            file.writestr(name, content)
    return buffer.getvalue()


def objects():
    buffer = io.BytesIO()
    np.save(buffer, np.array([Attack()], object), allow_pickle=True)
    return buffer.getvalue()


ARRAYS = {
    "a bomb": lambda: archive([("model.0.npy", bytes(2**28))], zipfile.ZIP_DEFLATED),
    "pickled objects": lambda: archive([("model.0.npy", objects())]),
    "a pickle": lambda: pickle.dumps(Attack()),
    "a pickle in the archive": lambda: archive([("model.0.npy", pickle.dumps(Attack()))]),
    "a terabyte": lambda: archive([("model.0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1099511627776,), }"))]),
    "an axis below 0": lambda: archive([("model.0.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }") + bytes(12))]),
    "a header that calls": lambda: archive([("model.0.npy", npy("{'descr': __import__('os').mkdir('executed'), 'shape': (1,)}"))]),
    "text": lambda: archive([("model.0.npy", npy("{'descr': '<U1', 'fortran_order': False, 'shape': (1,), }") + b"a\0\0\0")]),
    "a path": lambda: archive([("../executed", b"x")]),
    "a part twice": lambda: archive([("a.npy", b"x"), ("a.npy", b"y")]),
    "another save": lambda: archive([]),
    "nothing": lambda: b"",
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize("attack", ARRAYS)
def test_arrays_that_are_an_attack_are_never_loaded(setting, attack, before, capsys):
    content = ARRAYS[attack]()
    if before:
        write_pair("run.json", {**setting[2], "step": 5}, setting[3], name="5")
    write_pair("run.json", setting[2], setting[3], name="6")
    with open("run.json.6.npz", "wb") as file:
        file.write(content)
    if before:
        assert goes_on(setting) == 5
        assert "'run.json' names 'run.json.6.npz', which" in capsys.readouterr().out
    else:
        with refused(r"'run.json' names 'run.json.6.npz', which (is damaged|holds other arrays)"):
            goes_on(setting)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"step": ' + HUGE + "}", "is not whole: ValueError"),
        ("[" * 100_000, "is nested more than|is not whole: ValueError"),
        ('{"arrays": "a", "step": 1, "step": 2}', "holds the field 'step' twice"),
        ('{"arrays": "a", "format": NaN}', "holds NaN"),
        ("\x1b[2J", "is not whole"),
        (json.dumps({"arrays": "a", "format": "\x1b[2J" * 1000}), "was saved in format"),
        ("[]", "is no run that plait saved"),
    ],
)
def test_json_that_is_an_attack_is_refused(setting, content, message):
    with open("run.json", "w", encoding="utf-8") as file:
        file.write(content)
    with refused(message):
        goes_on(setting)


@pytest.mark.parametrize("name", ["../secret.npz", "/dev/zero", "..", "a\0b", "pipe", "secret/"])
def test_arrays_lie_beside_the_file_that_names_them(setting, name, tmp_path, monkeypatch):
    os.mkfifo("pipe")
    (tmp_path / "folder").mkdir()
    write_pair("secret.npz", setting[2], setting[3], name="6")
    monkeypatch.chdir(tmp_path / "folder")
    if name == "pipe":
        os.mkfifo("pipe")
    monkeypatch.setattr("plait.pairs._arrays_of", lambda path: "")
    monkeypatch.setattr("plait.pairs._signed", lambda state, signed=plait.pairs._signed: signed({**state, "arrays": name}))
    write_pair("run.json", setting[2], setting[3], name="6")
    with refused("'run.json' names .*, which is damaged: .*(FileNotFound|IsADirectory|ValueError|is no file)"):
        goes_on(setting)


def test_states_changed_at_random_are_refused_by_name_or_used_as_they_say(setting):
    values = [None, True, -1, 0, 2**63, 10**40, 1.5, 1e308, "", "x" * 1000, "../..", "\x1b[2J\0", [], {}, [[]], [[1, 2, 3]], {"a": None}]
    rng, outcomes = random.Random(0), {"used": 0, "refused": 0}
    for number in range(CASES):
        state, arrays = copy.deepcopy(setting[2]), dict(setting[3])
        for _ in range(rng.choice((1, 1, 2, 4))):
            if rng.random() < 0.3:
                name = rng.choice(sorted(arrays))
                made = [
                    np.zeros(0),
                    np.full(3, np.nan),
                    np.arange(700),
                    np.zeros((2, 2), np.uint8),
                    arrays[name][..., None],
                    arrays[name] * 0,
                ]
                arrays[name] = made[rng.randrange(len(made))]
            else:
                change(state, rng, values)
        write_pair("run.json", state, arrays, name=str(number))
        try:
            step = goes_on(setting)
        except plait.ResumeError as error:
            assert "run.json" in str(error) and len(str(error)) < 5000
            outcomes["refused"] += 1
        else:
            assert step == state["step"]
            outcomes["used"] += 1
    print(outcomes)
    assert outcomes["refused"] > outcomes["used"] > 0


def change(value, rng, values):
    """Put another value somewhere in it."""
    while True:
        places = list(value) if isinstance(value, dict) else range(len(value))
        place = rng.choice(places)
        inner = value[place]
        if not inner or not isinstance(inner, (dict, list)) or rng.random() < 0.3:
            value[place] = copy.deepcopy(rng.choice(values))
            return
        value = inner
