"""What a generator of images or series makes and is told: dtypes and units come back, and what cannot be meant is an error."""

from __future__ import annotations

import json

import numpy as np
import pytest

import plait
from plait.errors import SpecError
from plait.moments import Moments
from plait.pages.png import encode
from plait.synth.canvas import Canvas
from plait.synth.sheet import rows_of, sheet
from plait.synth.spatial import Scene
from plait.synth.told import Condition


def data(rows=30, **more):
    rng = np.random.default_rng(0)
    columns = {
        "grade": np.array(["low", "high", "mid"])[np.arange(rows) % 3],
        "photo": rng.integers(0, 256, (rows, 6, 5, 3)).astype(np.uint8),
        "depth": rng.uniform(2, 4, (rows, 6, 5, 1)),
        "mask": rng.random((rows, 6, 5, 1)) < 0.5,
    } | more
    arrays = plait.Arrays(columns)
    return plait.Dataset(inputs={"grade": arrays["grade"]}, targets={n: arrays[n] for n in columns if n != "grade"})


def test_what_is_made_comes_back_in_the_dtype_and_the_units_of_each_stream():
    canvas = Canvas.fit("GAN", data(), ["photo", "depth", "mask"])
    assert canvas.shape == (6, 5, 5) and canvas.bounded and canvas.widths == {"photo": 3, "depth": 1, "mask": 1}
    assert canvas.offset[:3] == canvas.scale[:3] == (127.5,) * 3 and 2.9 < canvas.offset[3] < 3.1 and 0.9 < canvas.scale[3] <= 1
    made = np.full((2, 6, 5, 5), [300.0, -4.0, 99.6, 3.25, 0.7])
    streams = canvas.streams(made)
    assert streams["photo"][0, 0, 0].tolist() == [255, 0, 100] and streams["photo"].dtype == np.uint8
    assert streams["depth"].dtype == np.float64 and streams["depth"][0, 0, 0, 0] == 3.25 and streams["mask"].dtype == bool
    assert Canvas.from_json(json.loads(json.dumps(canvas.to_json()))) == canvas


def test_a_series_has_no_bounds_and_is_standardised():
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(x=rng.normal(1e6, 2, (50, 20, 2)), y=np.zeros(50))
    canvas = Canvas.fit("Flow", plait.Dataset(inputs={"y": arrays["y"]}, targets={"x": arrays["x"]}), ["x"])
    assert not canvas.bounded and canvas.rank == 1
    assert np.allclose(canvas.offset, 1e6, atol=0.5) and np.allclose(canvas.scale, 2, rtol=0.1)  # five standard errors; the seed is fixed


@pytest.mark.parametrize(
    ("values", "kind", "levels"),
    [
        (np.array(["b", "a", "b", "c"]), None, ("a", "b", "c")),
        (np.array([True, False, True, True]), None, (False, True)),
        (np.array([7, 3, 3, 9]), None, (3, 7, 9)),
        (np.array([7, 3, 3, 9]), "number", None),
        (np.array([0.5, 1.5, 0.5, 1.5]), None, None),
        (np.array([0.5, 1.5, 0.5, 1.5]), "category", (0.5, 1.5)),
    ],
)
def test_text_flags_and_few_whole_numbers_are_classes_and_the_rest_is_numbers(values, kind, levels):
    arrays = plait.Arrays(x=values, y=np.zeros(4))
    told = Condition.fit("GAN", plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}), "x", kind)
    assert (told.levels or None) == levels and told.kind == ("class" if levels else "array")
    if levels:
        codes = told.codes(values)
        assert codes.dtype == np.int32 and told.values(codes, arrays["x"].spec).tolist() == values.tolist()
    assert Condition.from_json(json.loads(json.dumps(told.to_json()))) == told


def test_many_whole_numbers_are_numbers():
    arrays = plait.Arrays(x=np.arange(51), y=np.zeros(51))
    told = Condition.fit("GAN", plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]}), "x", None)
    assert told.kind == "array" and told.offset == (25.0,)


def test_a_scene_draws_what_it_is_told_from_what_training_samples_were():
    scene = Scene.fit("GAN", data(), condition=None, kinds=None, seed=0)
    coded, exact = scene.told("GAN", 400, {}, np.random.default_rng(0))
    assert set(exact["grade"].tolist()) == {"low", "high", "mid"} and np.bincount(coded["grade"]).min() > 80
    again = Scene.from_state(json.loads(json.dumps(scene.to_json())), scene.known)
    assert again.to_json() == scene.to_json() and again.inputs == scene.inputs
    assert rows_of(scene)["grade"].tolist() == [0, 1, 2]
    assert set(scene.coded(data()).inputs) == {"grade", "photo", "depth", "mask"}


def test_a_sheet_has_a_row_for_each_and_a_line_for_each_channel():
    images = np.stack([np.full((6, 5, 1), v) for v in (0.0, 255.0, 127.5, 0.0)])
    picture = sheet(images, 2, bounds=(0, 255))
    assert picture.shape == (14, 12, 1) and picture[0, 0, 0] == 0 and picture[0, 7, 0] == 255 and picture[8, 0, 0] == 128
    series = np.stack([np.linspace(-1, 1, 30), np.zeros(30)], axis=1)[None]
    lines = sheet(series, 1, bounds=(-1, 1))
    assert lines.shape == (48, 30, 1) and lines[47, 0, 0] == 0 and lines[0, 29, 0] == 0 and (lines[24, 2:28, 0] < 255).all()
    assert encode(lines).startswith(b"\x89PNG")


def test_moments_are_those_of_all_samples():
    rng = np.random.default_rng(1)
    values = rng.normal(1e7, 1, (2500, 3, 2))
    found = Moments.of(plait.Dataset(inputs={"x": plait.Arrays(x=values)}), "x")
    flat = values.reshape(-1, 2)
    for ours, theirs in ((found.low, flat.min(0)), (found.high, flat.max(0)), (found.mean, flat.mean(0)), (found.deviation, flat.std(0))):
        assert np.allclose(ours, theirs, rtol=1e-7)


def test_what_cannot_be_made_or_told_is_an_error():
    with pytest.raises(SpecError, match=r"GAN.fit: 'grade' is \(\) text; beside images .* Name it as a condition"):
        Canvas.fit("GAN", data(), ["grade"])
    with pytest.raises(SpecError, match=r"'photo' is .* and 'far' is .*; what is made together has one height and width.*Resize"):
        Canvas.fit("GAN", data(far=np.zeros((30, 9, 9, 1))), ["photo", "far"])
    with pytest.raises(SpecError, match=r"'far' holds NaN or infinity, which a network can't take"):
        Canvas.fit("GAN", data(far=np.full((30, 6, 5, 1), np.inf)), ["far"])
    arrays = plait.Arrays(x=[np.zeros(2), np.zeros(3)], y=np.zeros(2))
    ragged = plait.Dataset(inputs={"x": arrays["x"]}, targets={"y": arrays["y"]})
    with pytest.raises(
        SpecError, match=r"GAN.fit: 'x' is \(\?,\) float64, and a condition is a class, or an array of numbers of one shape"
    ):
        Condition.fit("GAN", ragged, "x", None)
    words = plait.Arrays(x=np.array(["a", "b"]), y=np.zeros((2, 6, 5, 1)))
    told = plait.Dataset(inputs={"x": words["x"]}, targets={"y": words["y"]})
    with pytest.raises(SpecError, match=r"GAN.fit: 'x' is text. Give it as numbers, such as an embedding, or as a category"):
        Condition.fit("GAN", told, "x", "number")
    masked = plait.Arrays(
        x=np.zeros(3), y=np.ma.masked_array(np.zeros((3, 6, 5, 1)), np.array([1, 0, 0])[:, None, None, None] * np.ones((1, 6, 5, 1)))
    )
    absent = plait.Dataset(inputs={"x": masked["x"]}, targets={"y": masked["y"]}, missing="mask")
    with pytest.raises(SpecError, match=r"'y' has no value for 1 of 3 samples, which can't be learned as such"):
        Scene.fit("GAN", absent, condition=None, kinds=None, seed=0)


def test_codes_of_classes_stay_codes_of_classes():
    """Whatever a network makes is brought to a class that there is."""
    rng = np.random.default_rng(0)
    arrays = plait.Arrays(x=rng.normal(size=30), codes=np.array(["a", "b", "c"])[rng.integers(0, 3, (30, 8, 8, 1))])
    data = plait.Dataset(inputs={"x": arrays["x"]}, targets={"codes": arrays["codes"]})
    data = data.map(plait.Vocabulary.fit(data["codes"]), on="codes")
    canvas = Scene.fit("GAN", data, condition=None, kinds=None, seed=0).canvas
    made = canvas.streams(np.linspace(-2, 5, 64).reshape(1, 8, 8, 1))["codes"]
    assert made.dtype == data["codes"].spec.dtype and sorted(set(made.ravel().tolist())) == [0, 1, 2]
