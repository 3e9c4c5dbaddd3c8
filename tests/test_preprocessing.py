"""Preprocessing: the training steps for raw samples, saved as JSON, and predictions turned back."""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import plait
from plait import sources
from plait.emit import Emission
from plait.preprocessing import Preprocessing, saved
from plait.ragged import Ragged
from plait.spec import TEXT

CAPTIONS = ["small, round", "large mass", "small mass", "round and large"]
GRADES = ["low", "high", "low", "middle"]
AGES = [41, 62, 35, 58]
SIZES = [7.0, 31.5, 4.25, 12.0]
SICK = [True, False, True, True]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos, masks and notes of four patients."""
    rng = np.random.default_rng(0)
    for row in range(4):
        Image.fromarray(rng.integers(0, 256, (20, 16, 3)).astype(np.uint8)).save(tmp_path / f"photo_{row}.png")
        Image.fromarray((rng.integers(0, 2, (20, 16)) * 255).astype(np.uint8)).save(tmp_path / f"mask_{row}.png")
        (tmp_path / f"note_{row}.txt").write_text(CAPTIONS[row])
        np.save(tmp_path / f"sensor_{row}.npy", rng.normal(size=(12, 2)).astype(np.float32))
    return tmp_path


def trial(folder: Path) -> plait.Dataset:
    """Every kind of stream: photos, text, numbers, series; a class, a number and a mask to predict."""
    people = plait.Arrays(
        age=AGES, caption=CAPTIONS, grade=GRADES, size=[7.0, 31.5, 4.25, 12.0], sick=[True, False, True, True], key=range(4)
    )
    photos = plait.Images(f"{folder}/photo_{{id:d}}.png", size=(10, 8))
    masks = plait.Masks(f"{folder}/mask_{{id:d}}.png", size=(10, 8), classes={0: "tissue", 255: "lesion"})
    series = plait.Npy(f"{folder}/sensor_{{id:d}}.npy")
    data = plait.Dataset(
        inputs={"photo": photos, "caption": people["caption"], "age": people["age"], "series": series},
        targets={"grade": people["grade"], "size": people["size"], "lesion": masks, "sick": people["sick"]},
    )
    data = data.map(plait.Resize((6, 6)), on="photo").map(plait.MinMax(0, 255), on="photo")
    data = data.map(plait.Tokenize.fit(data["caption"], size=50), on="caption").map(plait.Pad(6), on="caption")
    data = data.map(plait.Standardize.fit(data["age"]), on="age").map(plait.Standardize.fit(data["series"]), on="series")
    data = data.map(plait.Window(4, stride=2), on="series")
    data = data.map(plait.Vocabulary.fit(data["grade"]), on="grade").map(plait.Standardize.fit(data["size"]), on="size")
    return data.augment(flip, on=["photo", "lesion"])


def flip(photo: np.ndarray, lesion: np.ndarray, rng: Any) -> tuple[np.ndarray, np.ndarray]:
    mirrored = rng.random() < 0.5
    return tuple(np.where(mirrored[:, None, None, None], images[:, :, ::-1], images) for images in (photo, lesion))  # type: ignore[return-value]


def raw(folder: Path) -> dict[str, Any]:
    return {
        "photo": [folder / f"photo_{row}.png" for row in range(4)],
        "caption": CAPTIONS,
        "age": AGES,
        "series": [str(folder / f"sensor_{row}.npy") for row in range(4)],
    }


def test_raw_samples_become_what_the_loader_emits(folder: Path) -> None:
    data = trial(folder)
    rows = np.arange(4)
    emitted = Emission(data.plain(), None, padded=False).arrays(data.plain().read([*data.inputs, *data.targets], rows), rows)
    targets = {"grade": GRADES, "size": SIZES, "sick": SICK}
    lesion = [folder / f"mask_{row}.png" for row in rows]
    ready = Preprocessing(data)({**raw(folder), **targets, "lesion": lesion})
    assert list(ready) == [*raw(folder), *targets, "lesion"]
    for name, array in ready.items():
        assert array.dtype == emitted[name].dtype, name
        assert array.tobytes() == emitted[name].tobytes(), name


def test_the_lines_of_the_documentation_run(folder: Path) -> None:
    data = trial(folder)
    Preprocessing(data).save(folder / "model.prep.json")
    prep = plait.Preprocessing.load(folder / "model.prep.json")
    new = {"photo": [folder / "photo_1.png"], "caption": ["small, round"], "age": [41], "series": [np.zeros((12, 2), np.float32)]}
    inputs = prep(new)
    assert {name: (a.shape, str(a.dtype)) for name, a in inputs.items()} == {
        "photo": ((1, 6, 6, 3), "float32"),
        "caption": ((1, 6), "int32"),
        "age": ((1,), "float32"),
        "series": ((1, 5, 4, 2), "float32"),
    }


def test_it_runs_in_a_fresh_process_without_keras_the_data_or_the_package_of_the_sources(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    prep.save(folder / "model.prep.json")
    expected = prep(raw(folder))
    np.savez(folder / "expected.npz", **expected)
    away = folder / "away"
    away.mkdir()
    for row in range(4):
        for name in (f"photo_{row}.png", f"sensor_{row}.npy"):
            os.rename(folder / name, away / name)
    code = f"""
import sys
import numpy as np, plait
prep = plait.Preprocessing.load("../model.prep.json")
assert not [m for m in sys.modules if m.startswith(("keras", "jax", "torch", "tensorflow", "pandas", "pyarrow"))]
ready = prep({{"photo": ["photo_%d.png" % i for i in range(4)], "caption": {CAPTIONS!r}, "age": {AGES!r},
              "series": ["sensor_%d.npy" % i for i in range(4)]}})
with np.load("../expected.npz") as expected:
    for name, array in ready.items():
        assert array.dtype == expected[name].dtype and array.tobytes() == expected[name].tobytes(), name
print(prep.decode({{"grade": np.eye(3, dtype="float32")}})["grade"].tolist())
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(plait.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], cwd=away, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "['high', 'low', 'middle']\n", done.stderr


def test_saving_and_loading_changes_nothing(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    prep.save(folder / "one.json")
    again = Preprocessing.load(folder / "one.json")
    again.save(folder / "two.json")
    assert (folder / "one.json").read_text() == (folder / "two.json").read_text()
    assert str(again) == str(prep)
    for name, array in prep(raw(folder)).items():
        assert again(raw(folder))[name].tobytes() == array.tobytes()


def test_a_file_that_is_there_is_replaced_whole_or_not_at_all(folder: Path) -> None:
    path = folder / "model.prep.json"
    Preprocessing(trial(folder)).save(path)
    before = path.read_bytes()
    with pytest.raises(plait.TransformError):
        Preprocessing(trial(folder).map(np.log1p, on="age")).save(path)
    assert path.read_bytes() == before
    assert not list(folder.glob("*.part"))


def test_it_prints_what_happens_to_each_stream(folder: Path) -> None:
    lines = str(Preprocessing(trial(folder))).splitlines()
    assert lines[0] == "Preprocessing"
    assert lines[1].split() == [
        "input",
        "photo",
        "ReadImage",
        "->",
        "(10,",
        "8,",
        "3)",
        "uint8",
        "->",
        "Resize",
        "->",
        "MinMax",
        "->",
        "(6,",
        "6,",
        "3)",
        "float32",
    ]
    assert lines[5].split() == ["target", "grade", "()", "text", "->", "Vocabulary", "->", "()", "int32", "3", "classes"]


# decoding


def test_predictions_come_back_as_labels_and_in_units(folder: Path) -> None:
    data = trial(folder)
    prep = Preprocessing(data)
    read = {name: np.asarray(array) for name, array in data.plain().read(list(data.targets), np.arange(4)).items()}
    predictions = {
        "grade": np.eye(3, dtype=np.float32)[read["grade"]],  # (4, 3)
        "size": read["size"][:, None],  # (4, 1)
        "lesion": np.eye(2, dtype=np.float32)[read["lesion"][..., 0]],  # (4, 10, 8, 2)
        "sick": np.array([[0.9], [0.2], [0.5], [1.0]], np.float32),
    }
    decoded = prep.decode(predictions)
    assert decoded["grade"].tolist() == GRADES
    np.testing.assert_allclose(decoded["size"], SIZES, rtol=1e-6)
    assert (decoded["lesion"] == read["lesion"]).all()
    assert decoded["lesion"].shape == (4, 10, 8, 1)
    assert decoded["sick"].tolist() == [True, False, True, True]


def test_logits_codes_lists_and_a_part_of_the_targets_will_do(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    assert prep.decode({"grade": np.array([[-3.0, 9.0, 2.0]])})["grade"].tolist() == ["low"]
    assert prep.decode({"grade": np.array([2, 0])})["grade"].tolist() == ["middle", "high"]
    assert prep.decode({"lesion": np.full((1, 10, 8, 1), 0.7, np.float32)})["lesion"].tolist() == np.ones((1, 10, 8, 1)).tolist()
    every = [np.eye(3), np.zeros((3, 1)), np.zeros((3, 10, 8, 1)), np.zeros(3)]
    assert list(prep.decode(every)) == list(prep.decode(tuple(every))) == ["grade", "size", "lesion", "sick"]


def targets(**streams: Any) -> plait.Dataset:
    """A data set with these targets."""
    samples = len(next(iter(streams.values())))
    columns = plait.Arrays({"x": np.zeros(samples), **streams})
    return plait.Dataset(inputs={"x": columns["x"]}, targets={name: columns[name] for name in streams})


def test_a_single_target_may_be_bare() -> None:
    data = targets(dose=[1.0, 2.0, 6.0])
    prep = Preprocessing(data.map(plait.MinMax.fit(data["dose"]), on="dose"))
    assert prep.decode(np.array([[0.0], [0.5], [1.0]], np.float32)) == {"dose": pytest.approx([1.0, 3.5, 6.0])}
    assert prep.decode([np.array([0.5])])["dose"].tolist() == [3.5]


def test_steps_are_undone_the_last_first() -> None:
    data = targets(dose=[1.0, 2.0, 6.0])
    data = data.map(plait.Standardize.fit(data["dose"]), on="dose")
    data = data.map(plait.Quantile.fit(data["dose"], output="normal"), on="dose")
    ready = data.read(["dose"], np.arange(3))["dose"]
    np.testing.assert_allclose(Preprocessing(data).decode(np.asarray(ready)[:, None])["dose"], [1, 2, 6], rtol=1e-4)


def test_one_hot_targets_columns_of_one_value_and_two_classes_come_back() -> None:
    data = targets(grade=np.array(["a", "b", "a"]), yes=["no", "yes", "no"], code=[[0], [2], [1]])
    data = data.map(plait.OneHot.fit(data["grade"]), on="grade").map(plait.Vocabulary.fit(data["yes"]), on="yes")
    prep = Preprocessing(data)
    decoded = prep.decode({"grade": np.array([[0.2, 0.8]]), "yes": np.array([[0.3]]), "code": np.array([[0.1, 0.2, 0.7]])})
    assert decoded["grade"].tolist() == ["b"]
    assert decoded["yes"].tolist() == ["no"]
    assert decoded["code"].tolist() == [[2]]  # classes that no vocabulary names stay numbers


def test_predicted_sentences_come_back_as_text() -> None:
    data = targets(caption=CAPTIONS)
    words = plait.Tokenize.fit(data["caption"])
    data = data.map(words, on="caption").map(plait.Pad(4), on="caption")
    ids = np.asarray(data.read(["caption"], np.arange(4))["caption"])
    scores = np.eye(len(words), dtype=np.float32)[ids]  # (4, 4, ids)
    assert Preprocessing(data).decode({"caption": scores})["caption"].tolist() == [
        "small , round",
        "large mass",
        "small mass",
        "round and large",
    ]


def test_tags_of_each_word_come_back_ragged() -> None:
    tags = Ragged(np.array(["N", "V", "N"], TEXT), np.array([0, 2, 3]))
    data = targets(tags=tags)
    data = data.map(plait.Vocabulary(["pad", "N", "V"]), on="tags").map(plait.Pad(2), on="tags")
    scores = np.array([[[0, 0.1, 0.9], [0, 1, 0]], [[0, 0, 1], [1, 0, 0]]])
    decoded = Preprocessing(data).decode({"tags": scores})["tags"]
    assert [one.tolist() for one in decoded] == [["V", "N"], ["V"]]


def test_counts_and_multi_label_probabilities_stay_as_they_are() -> None:
    prep = Preprocessing(targets(count=[3, 0], many=np.array([[1, 0, 1], [0, 0, 1]])))
    decoded = prep.decode({"count": np.array([[2.5], [0.1]]), "many": np.array([[0.9, 0.1, 0.6], [0, 0, 1]])})
    assert decoded["count"].tolist() == [2.5, 0.1]
    assert decoded["many"].tolist() == [[0.9, 0.1, 0.6], [0, 0, 1]]
    flags = Preprocessing(targets(many=np.array([[True, False], [False, True]]))).decode(np.array([[0.9, 0.1]]))
    assert flags["many"].tolist() == [[True, False]]


@dataclass(frozen=True)
class Both:
    """Two targets as their sum and difference."""

    def __call__(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return a + b, a - b

    def inverse(self, total: np.ndarray, apart: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (total + apart) / 2, (total - apart) / 2


def test_a_step_on_several_targets_is_undone_on_all_of_them_together() -> None:
    prep = Preprocessing(targets(a=[1.0, 2.0], b=[5.0, 6.0]).map(Both(), on=["a", "b"]))
    decoded = prep.decode({"a": np.array([[6.0]]), "b": np.array([[-4.0]])})
    assert (decoded["a"].tolist(), decoded["b"].tolist()) == ([1.0], [5.0])
    with pytest.raises(plait.ArgumentError, match=r"Step Both made \['a', 'b'\] together; decode them together: \['b'\] too"):
        prep.decode({"a": np.array([[6.0]])})


def test_a_step_without_an_inverse_is_named_and_the_others_can_be_decoded() -> None:
    data = targets(dose=[1.0, 2.0], grade=["a", "b"])
    data = data.map(np.log, on="dose").map(plait.Vocabulary.fit(data["grade"]), on="grade")
    prep = Preprocessing(data)
    with pytest.raises(plait.TransformError, match=r"'dose' cannot be decoded: the step log has no inverse.*others alone: \['grade'\]"):
        prep.decode({"dose": np.zeros((2, 1)), "grade": np.eye(2)})
    assert prep.decode({"grade": np.eye(2)})["grade"].tolist() == ["a", "b"]


def test_predictions_that_belong_to_no_target_are_refused(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    with pytest.raises(plait.NameUnknownError, match=r"There is no target 'grades'; the targets are \['grade', 'size', 'lesion', 'sick'\]"):
        prep.decode({"grades": np.eye(3)})
    with pytest.raises(plait.ArgumentError, match=r"1 arrays are given for 4 targets. Name them: \{'grade': ..., ...\}"):
        prep.decode(np.eye(3))
    with pytest.raises(plait.ArgumentError, match="There are no targets to decode"):
        Preprocessing(plait.Dataset(inputs={"x": plait.Arrays(x=[1.0])})).decode(np.eye(3))


def test_predictions_of_another_form_are_refused(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    with pytest.raises(
        plait.TransformError, match=r"Target 'grade': predictions have shape \(2, 4\); for 3 classes .* The target is \(\) int32"
    ):
        prep.decode({"grade": np.zeros((2, 4))})
    with pytest.raises(
        plait.TransformError, match=r"Target 'grade' is \(\) int32 3 classes; .* or scores of its 3 classes. Found .* \(4, 3\)"
    ):
        prep.decode({"grade": np.zeros((2, 4, 3))})
    with pytest.raises(plait.TransformError, match=r"Target 'size' is \(\) float32; .* Found samples of shape \(7,\)"):
        prep.decode({"size": np.zeros((2, 7))})
    with pytest.raises(plait.TransformError, match=r"Target 'grade': 1 of the predictions hold NaN"):
        prep.decode({"grade": np.array([[np.nan, 0, 0]])})
    with pytest.raises(plait.TransformError, match=r"Target 'sick': .* must be a probability, and these reach from -2 to 3"):
        prep.decode({"sick": np.array([[-2.0], [3.0]])})
    with pytest.raises(plait.TransformError, match=r"Target 'grade': Vocabulary.inverse: codes reach from 0 to 3; the codes are 0 to 2"):
        prep.decode({"grade": np.array([0, 3])})
    with pytest.raises(plait.TransformError, match=r"Target 'size': predictions are arrays of numbers, samples first; found dtype <U3"):
        prep.decode({"size": np.array(["low"])})


def test_a_tensor_that_is_no_array_is_refused() -> None:
    class Tensor:
        def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")

    with pytest.raises(plait.TransformError, match=r"Target 'y': the prediction is no array. Write keras.ops.convert_to_numpy"):
        Preprocessing(targets(y=[1.0])).decode(Tensor())


# calling


def numbers(**streams: Any) -> plait.Dataset:
    columns = plait.Arrays(streams)
    return plait.Dataset(inputs={name: columns[name] for name in streams})


def test_what_is_neither_a_data_set_nor_named_is_refused() -> None:
    with pytest.raises(
        plait.ArgumentError, match=r"Preprocessing takes the training part, .* given a str. To read a saved one write .*load"
    ):
        Preprocessing("model.prep.json")  # type: ignore[arg-type]
    with pytest.raises(plait.ArgumentError, match=r"Raw samples are a dict, input name -> list, and a list was given. It takes \['age'\]"):
        Preprocessing(numbers(age=AGES))([41])  # type: ignore[arg-type]


def test_a_table_of_pandas_will_do() -> None:
    pandas = pytest.importorskip("pandas")
    prep = Preprocessing(
        numbers(age=AGES, caption=CAPTIONS).map(plait.Tokenize.fit(CAPTIONS), on="caption").map(plait.Pad(4), on="caption")
    )
    frame = pandas.DataFrame({"age": [50], "caption": ["small mass"]})
    assert prep(frame)["age"].tolist() == [50]


def test_no_sample_gives_arrays_without_samples(folder: Path) -> None:
    ready = Preprocessing(trial(folder))({"photo": [], "caption": [], "age": [], "series": []})
    assert [ready[name].shape for name in ready] == [(0, 6, 6, 3), (0, 6), (0,), (0, 5, 4, 2)]


def test_numbers_come_in_the_dtype_of_the_training_data_or_not_at_all() -> None:
    prep = Preprocessing(numbers(a=np.array([1, 2], np.int8), b=np.array([0.5, 1.5]), c=[True, False], d=np.array([1, 2**40])))
    ready = prep({"a": [1.0], "b": [3], "c": [1], "d": [7]})
    assert {name: str(array.dtype) for name, array in ready.items()} == {"a": "int8", "b": "float32", "c": "bool", "d": "int32"}
    good = {"a": [1], "b": [1], "c": [True], "d": [1]}
    for name, bad, message in (
        ("a", [300], "Input 'a' holds int8. .*300 at row 0 does not fit int8"),
        ("a", [1.5], "Input 'a' holds int8. .*1.5 at row 0 does not fit int8"),
        ("c", [2], "Input 'c' holds bool. .*2 at row 0 does not fit bool"),
        ("b", ["1.5"], r"Input 'b' holds float64, and what is given is text: \['1.5'\]"),
        ("b", [np.nan], r"Input 'b' is NaN or infinite after its steps .* at sample 0. Leave the sample out"),
        ("d", [2**40], "Input 'd' does not fit int32 after its steps at sample 0"),
        ("b", [[1.0, 2.0]], r"Input 'b': a sample is to be \(\) float64, and what is given is \(2,\) float64"),
    ):
        with pytest.raises(plait.SpecError, match=message):
            prep({**good, name: bad})
    with pytest.raises(plait.TransformError, match=r"Input 'b' takes numbers or text, and the column holds None"):
        prep({**good, "b": [None]})


def test_names_and_counts_are_checked(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    with pytest.raises(plait.NameUnknownError, match=r"There is no stream 'foto'. Give the inputs \['photo', .*the targets \['grade', "):
        prep({**raw(folder), "foto": []})
    with pytest.raises(plait.ArgumentError, match=r"Inputs are missing: \['age'\]. Give all of \['photo', 'caption', 'age', 'series'\]"):
        prep({name: column for name, column in raw(folder).items() if name != "age"})
    with pytest.raises(plait.ArgumentError, match=r"Unequal numbers of samples: \{'photo': 4, 'caption': 4, 'age': 1, 'series': 4\}"):
        prep({**raw(folder), "age": [3]})


@pytest.mark.parametrize(("name", "value"), [("age", 41), ("photo", "new.jpg"), ("caption", "small"), ("age", np.float64(3))])
def test_one_value_instead_of_a_list_is_refused(folder: Path, name: str, value: object) -> None:
    with pytest.raises(plait.ArgumentError, match=rf"Input '{name}' is .*, one value; give a list with one entry a sample: \["):
        Preprocessing(trial(folder))({**raw(folder), name: value})


def test_files_that_are_not_there_and_files_that_are_none_are_named(folder: Path) -> None:
    prep = Preprocessing(trial(folder))
    with pytest.raises(plait.ReadError, match=r"Input 'photo': there is no file '.*new.jpg', given for sample 1. Working directory"):
        prep({**raw(folder), "photo": [folder / "photo_0.png", folder / "new.jpg", folder / "photo_1.png", folder / "photo_2.png"]})
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(plait.ReadError, match=r"Input 'photo': sample 0 .*broken.png"):
        prep({**raw(folder), "photo": [folder / "broken.png"]})
    note = plait.Text(f"{folder}/note_{{id:d}}.txt")
    notes = plait.Dataset(inputs={"note": note})
    notes = notes.map(plait.Tokenize.fit(notes["note"]), on="note").map(plait.Pad(4), on="note")
    with pytest.raises(
        plait.ReadError, match=r"no file 'small mass', given for sample 0 \(text itself is given as bytes: text.encode\(\)\)"
    ):
        Preprocessing(notes)({"note": ["small mass"]})
    by_path = Preprocessing(notes)({"note": [folder / "note_2.txt"]})["note"]
    assert by_path.tolist() == Preprocessing(notes)({"note": [b"small mass"]})["note"].tolist()


def test_arrays_stand_for_files_already_read(folder: Path) -> None:
    data = trial(folder)
    prep = Preprocessing(data)
    decoded = plait.Images(f"{folder}/photo_{{id:d}}.png", size=(10, 8)).read(["image"], np.arange(4))["image"]
    assert prep({**raw(folder), "photo": decoded})["photo"].tobytes() == prep(raw(folder))["photo"].tobytes()
    pictures = [Image.open(folder / f"photo_{row}.png") for row in range(4)]
    assert prep({**raw(folder), "photo": pictures})["photo"].tobytes() == prep(raw(folder))["photo"].tobytes()


def test_an_unknown_label_names_step_stream_and_sample() -> None:
    data = numbers(place=["north", "south"])
    prep = Preprocessing(data.map(plait.Vocabulary.fit(data["place"]), on="place"))
    with pytest.raises(plait.TransformError, match=r"Step Vocabulary on 'place', sample 1: Vocabulary has no label 'moon'"):
        prep({"place": ["north", "moon"]})


def test_a_batch_of_another_shape_than_trained_on_is_refused() -> None:
    prep = Preprocessing(numbers(x=np.zeros((4, 3))).map(lambda x: x[:, : len(x)], on="x"))
    with pytest.raises(plait.SpecError, match=r"Stream 'x' is declared as \(2,\) float64 and a batch of it is \(1,\) float64"):
        prep({"x": np.zeros((1, 3))})


def test_text_that_no_step_turned_into_numbers_is_refused() -> None:
    with pytest.raises(plait.SpecError, match=r"Input 'x' is text after its steps, and a model takes numbers. Map Tokenize or Vocabulary"):
        Preprocessing(numbers(x=["a"]))({"x": ["a"]})


def test_ragged_streams_are_filled_up_to_the_longest() -> None:
    prep = Preprocessing(numbers(x=[[1, 2, 3], [4]]))
    assert prep({"x": [[1], [2, 3]]})["x"].tolist() == [[1, 0], [2, 3]]
    assert prep({"x": [[1, 5], [2, 3]]})["x"].tolist() == [[1, 5], [2, 3]]
    assert prep({"x": []})["x"].shape == (0, 0)


def test_dates_are_taken_as_dates_or_text() -> None:
    days = np.array(["2024-01-01", "2024-03-01"], "M8[D]")
    prep = Preprocessing(numbers(day=days).map(lambda d: (d - np.datetime64("2024-01-01")).astype(np.int64), on="day"))
    assert prep({"day": ["2024-01-31"]})["day"].tolist() == prep({"day": np.array(["2024-01-31"], "M8[s]")})["day"].tolist() == [30]
    with pytest.raises(plait.SpecError, match=r"Input 'day' holds datetime64\[D\], and what is given is none"):
        prep({"day": ["yesterday"]})


# classes that the source itself knows


@dataclass(frozen=True, eq=False)
class Coded(plait.Source):
    """A source of codes that knows what they stand for."""

    names: tuple[str, ...] = ("benign", "malignant", "unclear")

    @property
    def keys(self) -> plait.Keys:
        return plait.Keys.range(3)

    @property
    def spec(self) -> Mapping[str, plait.Spec]:
        return {"kind": plait.Spec((), np.dtype(np.int64), classes=self.names)}

    @property
    def label(self) -> str:
        return "Coded"

    def read(self, names: Any, rows: np.ndarray) -> dict[str, Any]:
        return {name: np.asarray(rows, np.int64) for name in names}


def test_classes_of_the_source_are_taken_and_given_by_name(tmp_path: Path) -> None:
    prep = Preprocessing(plait.Dataset(inputs={"seen": Coded()}, targets={"kind": Coded()}))
    prep.save(tmp_path / "prep.json")
    prep = Preprocessing.load(tmp_path / "prep.json")
    assert prep({"seen": ["unclear", "benign"]})["seen"].tolist() == prep({"seen": [2, 0]})["seen"].tolist() == [2, 0]
    assert prep.decode(np.array([[0.1, 0.7, 0.2]]))["kind"].tolist() == ["malignant"]
    with pytest.raises(plait.SpecError, match=r"Input 'seen' has the classes \['benign', 'malignant', 'unclear'\]: .* no label 'odd'"):
        prep({"seen": ["odd"]})
    with pytest.raises(plait.SpecError, match="Input 'seen' holds codes 0 to 2 of classes; found codes from 1 to 3"):
        prep({"seen": [1, 3]})
    with pytest.raises(plait.TransformError, match="Target 'kind': codes reach from 0 to 5; its classes have the codes 0 to 2"):
        prep.decode(np.array([0, 5]))


def test_a_vocabulary_over_codes_of_the_source_gives_the_names_too() -> None:
    data = plait.Dataset(inputs={"x": plait.Arrays(x=[0.0, 1.0, 2.0])}, targets={"kind": Coded()})
    data = data.map(plait.Vocabulary([2, 1, 0]), on="kind")
    assert Preprocessing(data).decode(np.array([[0.9, 0.0, 0.1]]))["kind"].tolist() == ["unclear"]


# what it is made of


def test_a_data_set_built_on_another_keeps_the_steps_of_both() -> None:
    base = numbers(age=AGES, grade=GRADES)
    base = base.map(plait.Standardize.fit(base["age"]), on="age").map(plait.Vocabulary.fit(base["grade"]), on="grade")
    data = plait.Dataset(inputs={"years": base["age"], "again": base["age"]}, targets={"grade": base["grade"]})
    data = data.map(plait.MinMax(-2, 2), on="years")
    prep = Preprocessing(data)
    expected = data.read(["years", "again"], np.arange(4))
    ready = prep({"years": AGES, "again": AGES})
    assert all(ready[name].tobytes() == np.asarray(expected[name]).tobytes() for name in ready)
    assert prep.decode(np.eye(3))["grade"].tolist() == ["high", "low", "middle"]


def test_a_linked_step_below_is_kept_where_all_its_streams_are_and_refused_where_not() -> None:
    base = numbers(a=[1.0, 2.0], b=[3.0, 4.0]).map(lambda a, b: (a + b, a - b), on=["a", "b"])
    both = Preprocessing(plait.Dataset(inputs={"p": base["a"], "q": base["b"]}))
    assert both({"p": [1.0], "q": [3.0]})["p"].tolist() == [4.0]
    with pytest.raises(plait.TransformError, match=r"makes \['a', 'b'\] of a data set together, and .* uses \['a'\]. Map it on each"):
        Preprocessing(plait.Dataset(inputs={"p": base["a"]}))


def test_linked_inputs_are_mapped_together() -> None:
    data = numbers(a=[1.0, 2.0], b=[3.0, 4.0]).map(lambda a, b: (a + b, a - b), on=["a", "b"])
    ready = Preprocessing(data)({"a": [1.0], "b": [3.0]})
    assert (ready["a"].tolist(), ready["b"].tolist()) == ([4.0], [-2.0])


def test_linked_targets_are_given_together_or_not() -> None:
    prep = Preprocessing(targets(a=[1.0, 2.0], b=[5.0, 6.0]).map(Both(), on=["a", "b"]))
    assert list(prep({"x": [0.0]})) == ["x"]
    with pytest.raises(plait.ArgumentError, match=r"Step Both makes \['a', 'b'\] together; give \['b'\] too"):
        prep({"x": [0.0], "a": [1.0]})


def test_a_step_on_an_input_and_a_target_together_is_refused() -> None:
    def crop(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x, y

    with pytest.raises(plait.TransformError, match=r"Step crop works on the inputs \['x'\] and the targets \['y'\] together.*on='x'\)"):
        Preprocessing(targets(y=[1.0, 2.0]).map(crop, on=["x", "y"]))


def test_a_random_step_that_changes_the_form_is_refused() -> None:
    def crop(x: np.ndarray, rng: Any) -> np.ndarray:
        return x[:, :2] + 0 * rng.random()[:, None]

    data = numbers(x=np.zeros((4, 3))).augment(crop, on="x")
    with pytest.raises(plait.TransformError, match=r"random step crop makes \(2,\) float64 of 'x', and without it.* it is \(3,\) float64"):
        Preprocessing(data)
    with pytest.raises(plait.TransformError, match="random step crop makes"):
        Preprocessing(plait.Dataset(inputs={"y": data["x"]}))


# saving and loading


@dataclass(frozen=True)
class Log:
    """A step of the user's own with a JSON form."""

    base: float

    def __call__(self, array: np.ndarray) -> np.ndarray:
        return np.log(array) / np.log(self.base)

    def inverse(self, array: np.ndarray) -> np.ndarray:
        return self.base**array

    def to_json(self) -> dict[str, Any]:
        return {"base": self.base}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Log:
        return cls(state["base"])


def test_a_step_of_the_users_own_is_saved_and_loaded_by_name(tmp_path: Path) -> None:
    Preprocessing(targets(dose=[1.0, 8.0]).map(Log(2.0), on="dose")).save(tmp_path / "prep.json")
    prep = Preprocessing.load(tmp_path / "prep.json", transforms={"Log": Log})
    assert prep.decode(np.array([[3.0]]))["dose"].tolist() == [8.0]
    with pytest.raises(plait.TransformError, match=r"kind 'Log' was saved, which plait does not know.*transforms=\{'Log': Log\}"):
        Preprocessing.load(tmp_path / "prep.json")


def test_a_step_without_a_json_form_cannot_be_saved(tmp_path: Path) -> None:
    prep = Preprocessing(numbers(dose=[1.0, 8.0]).map(np.log, on="dose"))
    assert prep({"dose": [1.0]})["dose"].tolist() == [0.0]
    with pytest.raises(
        plait.TransformError, match=r"Step log on 'dose' cannot be saved: log has no JSON form.*frozen dataclass with to_json"
    ):
        prep.save(tmp_path / "prep.json")


def test_json_forms_that_are_none_are_refused(tmp_path: Path) -> None:
    class Odd(Log):
        def to_json(self) -> dict[str, Any]:
            return {"base": np.float32(2)}

    class Pad(Log):
        pass

    class Kind(Log):
        def to_json(self) -> dict[str, Any]:
            return {"kind": 1}

    for step, message in (
        (Odd(2.0), r"what Odd.to_json\(\) returns is no JSON .*float32.*write array.tolist\(\)"),
        (Pad(2.0), "its class is called Pad, as one of plait's own. Give it another name"),
        (Kind(2.0), r"Kind.to_json\(\) must return a dict without 'kind'"),
    ):
        with pytest.raises(plait.TransformError, match=message):
            Preprocessing(numbers(dose=[1.0, 8.0]).map(step, on="dose")).save(tmp_path / "prep.json")


def test_a_decoder_and_classes_without_a_json_form_cannot_be_saved(tmp_path: Path) -> None:
    class Upper(Coded):
        def decoder(self, name: str) -> Any:
            return lambda raw: np.asarray(raw, np.int64)

    prep = Preprocessing(plait.Dataset(inputs={"kind": Upper()}))
    assert prep({"kind": ["2", "1"]})["kind"].tolist() == [2, 1]
    with pytest.raises(
        plait.TransformError, match=r"Stream 'kind' cannot be saved: its decoder function needs a class attribute kind and to_json"
    ):
        prep.save(tmp_path / "prep.json")
    with pytest.raises(plait.TransformError, match=r"its classes .* are neither text nor numbers"):
        Preprocessing(plait.Dataset(inputs={"kind": Coded(names=(("a",), ("b",), ("c",)))})).save(tmp_path / "prep.json")  # type: ignore[arg-type]


def test_a_decoder_of_the_users_own_is_loaded_by_kind(tmp_path: Path) -> None:
    Preprocessing(plait.Dataset(inputs={"kind": Hexed()})).save(tmp_path / "prep.json")
    assert Preprocessing.load(tmp_path / "prep.json", transforms={"hex": Hex})({"kind": ["2", "1"]})["kind"].tolist() == [2, 1]
    with pytest.raises(plait.TransformError, match=r"A decoder of kind 'hex' was saved, which plait does not know"):
        Preprocessing.load(tmp_path / "prep.json")


@dataclass(frozen=True)
class Hex:
    kind = "hex"

    def __call__(self, raw: list[str]) -> np.ndarray:
        return np.array([int(text, 16) for text in raw])

    def to_json(self) -> dict[str, Any]:
        return {}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Hex:
        return cls()


class Hexed(Coded):
    def decoder(self, name: str) -> Any:
        return Hex()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "no JSON file, or a truncated one"),
        (lambda text: "[]", "is JSON, but no preprocessing. Give the file that"),
        (lambda text: text.replace('"version": 1', '"version": 9'), r"is of version 9, written by plait .* reads version 1. Update plait"),
        (lambda text: text.replace('"ready"', '"reedy"'), "is damaged: KeyError: 'ready'"),
        (lambda text: text.replace('"dtype": "float32"', '"dtype": "f<,Kext"'), "is damaged: (Type|Value)Error"),
        (lambda text: "[" * 100_000, "no JSON file, or a truncated one"),
        (lambda text: text.replace('"mean"', '"moon"'), "saved form of a step Standardize is damaged: KeyError: 'mean'"),
        (lambda text: text.replace('"mean": 49.0', '"mean": "high"'), "saved form of a step Standardize is damaged: ValueError"),
        (lambda text: text.replace('"std": ', '"std": -'), "Standardize: mean must be finite and std positive"),
        (lambda text: text.replace('"kind": "Standardize"', '"kind": 3'), "A step of kind '3' was saved, which plait does not know"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, change: Any, message: str) -> None:
    path = tmp_path / "prep.json"
    Preprocessing(numbers(age=AGES).map(plait.Standardize.fit(AGES), on="age")).save(path)
    path.write_text(change(path.read_text()))
    with pytest.raises(plait.TransformError, match=message):
        Preprocessing.load(path)


def test_a_file_that_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(plait.ReadError, match=r"No preprocessing can be read from '.*none.json': No such file"):
        Preprocessing.load(tmp_path / "none.json")
    with pytest.raises(plait.ReadError, match=r"Preprocessing '.*none/prep.json': the file cannot be written: No such file"):
        Preprocessing(numbers(age=AGES)).save(tmp_path / "none" / "prep.json")


def test_every_decoder_of_the_sources_is_known_by_its_kind() -> None:
    modules = [importlib.import_module(found.name) for found in pkgutil.iter_modules(sources.__path__, f"{sources.__name__}.")]
    found = {
        value.kind: f"{value.__module__}:{name}"
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and isinstance(getattr(value, "kind", None), str) and hasattr(value, "from_json")
    }
    assert found == saved._DECODERS


def test_the_file_is_plain_json(folder: Path) -> None:
    Preprocessing(trial(folder)).save(folder / "prep.json")
    state = json.loads((folder / "prep.json").read_text(), parse_constant=lambda value: pytest.fail(f"{value} is no JSON"))
    assert state["inputs"]["photo"]["decoder"]["kind"] == "read-image"
    assert [step["fn"]["kind"] for step in state["steps"]][:3] == ["Resize", "MinMax", "Tokenize"]
    assert str(folder) not in json.dumps(state)
