"""Files of Keras that are an attack: refused by name before Keras opens them, at little cost, nothing executed and no other file read."""

from __future__ import annotations

import io
import json
import os
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest
from faults import cheap, count, refused
from fuzzing import mutated

from plait.errors import PlaitError, ReadError
from plait.synth.pretrained import Pretrained

COLUMNS = {"inputs": {"x": slice(0, 5)}, "targets": {"y": 5}}
CASES = int(os.environ.get("PLAIT_FUZZ_RUNS", "20"))
VALUES = "layers/dense/vars/0"
REFUSED = r"'gan.keras' holds no Keras model that can be loaded safely: "


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "executed").exists(), "an attack was executed"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """The parts of a sound .keras file, and the bytes of a sound .h5 file."""
    folder = tmp_path_factory.mktemp("sound")
    z = keras.Input((4,), name="z")
    model = keras.Model(z, keras.layers.Dense(6, name="dense")(z))
    model.save(folder / "gan.keras")
    model.save(folder / "gan.h5")
    with zipfile.ZipFile(folder / "gan.keras") as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    Pretrained(folder / "gan.keras", noise=4, **COLUMNS)
    return found, (folder / "gan.keras").read_bytes(), (folder / "gan.h5").read_bytes()


def opened(path="gan.keras"):
    return Pretrained(path, noise=4, **COLUMNS).sample(3, seed=0)["x"].values()


def written(parts, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile("gan.keras", "w", compression) as archive:
        for name, content in parts:
            archive.writestr(name, content)


def with_config(parts, layer=None, **changes):
    config = json.loads(parts["config.json"])
    dense = config["config"]["layers"][1]
    dense["config"].update(changes)
    dense.update(layer or {})
    written({**parts, "config.json": json.dumps(config)}.items())


def with_weights(parts, change):
    buffer = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(buffer, "r+") as file:
        assert VALUES in file
        change(file)
    written({**parts, "model.weights.h5": buffer.getvalue()}.items())


def replaced(file, value):
    del file[VALUES]
    file[VALUES] = value


def external(file):
    with open("secret.bin", "wb") as secret:
        secret.write(bytes(96))
    del file[VALUES]
    file.create_dataset(VALUES, (4, 6), np.float32, external=[("secret.bin", 0, 96)])


def virtual(file):
    with h5py.File("secret.h5", "w") as secret:
        secret["x"] = np.zeros((4, 6), np.float32)
    layout = h5py.VirtualLayout((4, 6), np.float32)
    layout[:] = h5py.VirtualSource("secret.h5", "x", (4, 6))
    del file[VALUES]
    file.create_virtual_dataset(VALUES, layout)


def declared(shape, **how):
    def change(file):
        del file[VALUES]
        file.create_dataset(VALUES, shape, np.float32, **how)

    return change


WEIGHTS = {
    "external link": (lambda file: replaced(file, h5py.ExternalLink("secret.h5", "/x")), "is a link .ExternalLink., which is not followed"),
    "soft link": (lambda file: replaced(file, h5py.SoftLink("/layers")), "is a link .SoftLink., which is not followed"),
    "external storage": (external, "keeps its values in other files"),
    "virtual dataset": (virtual, "keeps its values in other files"),
    "a terabyte": (declared((2**20, 2**18), chunks=(64, 64)), "declares 1099511627776 bytes and stores 0"),
    "three gigabytes": (declared((2**20, 750), chunks=(64, 64), compression="gzip"), "declares 3145728000 bytes and stores 0"),
    "one chunk of a gigabyte": (declared((2**14, 2**14), chunks=(2**14, 2**14)), "declares 1073741824 bytes and stores 0"),
    "text": (lambda file: replaced(file, ["a"] * 24), "holds no numbers"),
}


@pytest.mark.parametrize("attack", WEIGHTS)
def test_weights_that_are_an_attack_are_refused(parts, attack):
    change, said = WEIGHTS[attack]
    with_weights(parts[0], change)
    with refused(REFUSED + f".*{said}"):
        opened()


def test_many_datasets_of_which_each_is_small_are_refused_together(parts):
    def change(file):
        for number in range(40):
            file.create_dataset(f"more/{number}", (2**21,), np.float64, chunks=(2**10,))

    with_weights(parts[0], change)
    with refused(REFUSED + r"its weights declare 671\d+ bytes in a file of \d+"):
        opened()


ARCHIVES = {
    "a bomb of weights": (lambda p: {**p, "model.weights.h5": bytes(2**28)}, "unpacks to more than 200 times its size"),
    "a bomb of text": (lambda p: {**p, "config.json": b" " * 2**28}, "unpacks to more than 200 times its size"),
    "a part outside": (lambda p: {**p, "assets/../../executed": b"x"}, "names the part 'assets/../../executed', which lies outside"),
    "an absolute part": (lambda p: {**p, "/tmp/executed": b"x"}, "names the part '/tmp/executed', which lies outside"),
    "no weights": (lambda p: {"config.json": p["config.json"]}, "holds no model.weights.h5"),
    "weights of NumPy": (lambda p: {"config.json": p["config.json"], "model.weights.npz": b""}, "holds no model.weights.h5"),
    "no model": (lambda p: {"model.weights.h5": p["model.weights.h5"]}, "no item named 'config.json'"),
    "deep text": (lambda p: {**p, "config.json": b"[" * 100_000}, "config.json of 'gan.keras'"),
    "a heap without end": (
        lambda p: {**p, "model.weights.h5": b"GCOL\1\0\0\0" + (64).to_bytes(8, "little") + bytes(48)},
        "damaged at byte 0",
    ),
}


@pytest.mark.parametrize("attack", ARCHIVES)
def test_archives_that_are_an_attack_are_refused(parts, attack):
    change, said = ARCHIVES[attack]
    written(change(parts[0]).items(), zipfile.ZIP_DEFLATED)
    with refused(REFUSED + f".*{said}"):
        opened()


def test_a_part_twice_is_refused(parts):
    with pytest.warns(UserWarning, match="Duplicate name"):
        written([*parts[0].items(), ("config.json", b"{}")])
    with refused(REFUSED + "it names a part twice"):
        opened()


FOREIGN = {"module": "os", "class_name": "system", "registered_name": "system"}
LAYERS = {
    "Lambda": ({"class_name": "Lambda", "module": "keras.layers"}, {}, "Lambda holds code"),
    "a lambda": ({}, {"activation": {"class_name": "__lambda__", "config": {"value": "x"}}}, "__lambda__ holds code"),
    "a model of PyTorch": ({"class_name": "TorchModuleWrapper", "module": "keras.layers"}, {}, "TorchModuleWrapper holds code"),
    "a model of TensorFlow": ({"class_name": "TFSMLayer", "module": "keras.layers"}, {}, "TFSMLayer holds code"),
    "another module": (FOREIGN, {}, "'system' of the module 'os' is none of Keras's own"),
    "a registered name": ({**FOREIGN, "registered_name": "mine>Layer"}, {}, "'system' of the module 'os' is none of Keras's own"),
    "a function of another module": (
        {},
        {"activation": {"class_name": "function", "config": "system", "module": "os", "registered_name": "system"}},
        "'function' of the module 'os' is none of Keras's own",
    ),
    "a module that is no text": ({"module": ["os"]}, {}, "is none of Keras's own"),
    "a function that downloads": (
        {},
        {"activation": {"class_name": "function", "config": "get_file", "module": "keras.utils", "registered_name": "get_file"}},
        "",
    ),
    "a table in another file": (
        {"class_name": "StringLookup", "module": "keras.layers", "config": {"vocabulary": "/etc/passwd", "name": "dense"}},
        {},
        "",
    ),
    "a layer of a terabyte": ({}, {"units": 2**36}, r"its layers ask for 3435\d+ numbers, and it holds 30"),
    "an output of a terabyte": (
        {"class_name": "RepeatVector", "module": "keras.layers", "config": {"n": 2**40, "name": "dense"}, "build_config": None},
        {},
        "more than 134217728 numbers",
    ),
}


@pytest.mark.parametrize("attack", LAYERS)
def test_layers_that_are_an_attack_are_refused(parts, attack):
    layer, changes, said = LAYERS[attack]
    with_config(parts[0], layer, **changes)
    with refused(REFUSED + f".*{said}"):
        opened()


def test_a_layer_that_the_user_has_registered_is_the_users_own(parts):
    @keras.saving.register_keras_serializable(package="hostile_models")
    class Own(keras.layers.Dense):
        pass

    z = keras.Input((4,), name="z")
    keras.Model(z, Own(6)(z)).save("gan.keras")
    assert opened().shape == (3, 5)


def test_looking_at_a_file_changes_no_random_state(parts):
    with open("gan.keras", "wb") as file:
        file.write(parts[1])
    states = []
    for _ in range(2):
        keras.utils.set_random_seed(5)
        opened()
        states.append((random.random(), np.asarray(keras.ops.convert_to_numpy(keras.random.uniform((2,)))).tolist()))
    assert states[0] == states[1]
    assert keras.layers.Dense(2)(np.ones((1, 3), np.float32)).shape == (1, 2), "layers have memory again"


@pytest.mark.parametrize("attack", ["external link", "external storage", "virtual dataset", "a terabyte"])
def test_weights_of_a_legacy_file_that_are_an_attack_are_refused(parts, attack):
    with open("gan.h5", "wb") as file:
        file.write(parts[2])
    with h5py.File("gan.h5", "r+") as file:
        name = next(name for name in ("model_weights/dense/dense/kernel", "model_weights/dense/kernel") if name in file)
        file.move(name, "spare")
        file.create_group("layers/dense/vars")
        file[VALUES] = file["spare"][()]
        WEIGHTS[attack][0](file)
        file.move(VALUES, name)
    with refused(r"'gan.h5' holds no Keras model that can be loaded safely: .*" + WEIGHTS[attack][1]):
        opened("gan.h5")


def test_layers_of_a_legacy_file_that_are_an_attack_are_refused(parts):
    for changes, said in [
        ({"units": 2**36}, "ask for"),
        ({"activation": {"class_name": "function", "config": "x", "module": "os"}}, "'os'"),
    ]:
        with open("gan.h5", "wb") as file:
            file.write(parts[2])
        with h5py.File("gan.h5", "r+") as file:
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][1]["config"].update(changes)
            file.attrs["model_config"] = json.dumps(config)
        with refused(rf"'gan.h5' holds no Keras model that can be loaded safely: .*{said}"):
            opened("gan.h5")


@pytest.mark.in_turn
@pytest.mark.parametrize("ending", ["keras", "h5"])
def test_files_damaged_at_random_give_a_model_or_an_error_that_names_them(parts, ending):
    sound, rng, outcomes = parts[1 if ending == "keras" else 2], random.Random(0), {"read": 0, "refused": 0}
    for _ in range(CASES):
        ops = [(rng.randrange(10), rng.random(), rng.random(), rng.getrandbits(32)) for _ in range(rng.choice((1, 1, 2, 5)))]
        with open(f"gan.{ending}", "wb") as file:
            file.write(mutated(sound, ops))
        count("bad inputs tried")
        try:
            with cheap(seconds=5):
                opened(f"gan.{ending}")
        except PlaitError as error:
            assert isinstance(error, ReadError | ValueError) and f"gan.{ending}" in str(error), str(error)
            outcomes["refused"] += 1
        else:
            outcomes["read"] += 1
    assert outcomes["refused"] > 5, outcomes
