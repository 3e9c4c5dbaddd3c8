"""How one sample is shown, by what it is."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
import pytest
from numpy.dtypes import StringDType
from PIL import Image

import plait
from plait.preview.cells import Cell, cells
from plait.ragged import Ragged
from plait.spec import Spec


def shown(column, **meaning) -> list[Cell]:
    spec = Spec.of(column)
    return cells(column, Spec(spec.shape, spec.dtype, **meaning))


def pictures(cell: Cell) -> list[np.ndarray]:
    """The images that a cell holds, decoded."""
    found = re.findall(r"data:image/png;base64,([^\"]+)", cell.html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_an_image_is_shown_pixel_for_pixel(channels):
    image = np.random.default_rng(0).integers(40, 256, (2, 5, 7, channels), dtype=np.uint8)
    cell = shown(image)[1]
    assert np.array_equal(pictures(cell)[0].reshape(5, 7, channels), image[1])
    assert cell.text == f"5×7×{channels}, {image[1].min()} … {image[1].max()}"
    assert 'width="88" height="63"' in cell.html


def test_an_image_of_floats_is_stretched_over_the_range_of_the_batch():
    image = np.stack([np.full((4, 4, 3), 0.5), np.linspace(-1, 2, 48).reshape(4, 4, 3)]).astype(np.float32)
    first, second = shown(image)
    assert np.unique(pictures(first)[0]).tolist() == [128]  # halfway between -1 and 2
    assert (pictures(second)[0].min(), pictures(second)[0].max()) == (0, 255)
    assert first.text == "4×4×3, 0.5 … 0.5"


def test_an_image_without_finite_values_is_still_shown():
    assert pictures(shown(np.full((1, 4, 4, 3), np.nan, np.float32))[0])[0].shape == (4, 4, 3)


def test_a_large_image_is_thinned_out():
    assert max(pictures(shown(np.zeros((1, 3000, 100, 3), np.uint8))[0])[0].shape) <= 4 * 88


def test_a_mask_has_one_colour_a_class_and_names_them():
    mask = np.array([[0, 0, 0, 2], [0, 0, 1, 1]], np.uint8)[None, ..., None]
    cell = shown(mask, classes=("skin", "mole", "hair"))[0]
    assert "skin 62 %" in cell.text
    assert [f"{name} " in cell.html for name in ("skin", "mole", "hair")] == [True] * 3
    colours = pictures(cell)[0].reshape(8, 3)
    assert len(np.unique(colours, axis=0)) == 3
    assert (colours[mask.ravel() == 0] == colours[0]).all()


def test_integers_too_large_for_classes_are_a_grey_image():
    assert pictures(shown(np.full((1, 9, 9), 200, np.uint8))[0])[0].ndim == 2


def test_a_volume_is_shown_by_its_middle_slice():
    volume = np.zeros((1, 5, 4, 6), np.float32)
    volume[0, 2] = 1
    cell = shown(volume)[0]
    assert pictures(cell)[0].max() == pictures(cell)[0].min() == 255
    assert "slice 3 of 5" in cell.text


def test_a_series_is_a_line_a_channel():
    cell = shown(np.random.default_rng(0).normal(size=(2, 30, 3)))[0]
    assert cell.html.count("<polyline") == 3
    assert cell.text.startswith("30 × 3 ")


def test_a_value_that_is_not_finite_leaves_a_gap_in_the_line():
    wave = np.sin(np.arange(20.0))[None]
    whole, broken = wave.copy(), wave.copy()
    broken[0, 9] = np.nan
    assert [shown(w)[0].html.count("<polyline") for w in (whole, broken)] == [1, 2]
    assert "nan" not in shown(broken)[0].html


def test_samples_of_unequal_length_are_shown_at_their_own_length():
    column = Ragged.of([np.zeros((3, 2)), np.zeros((0, 2)), np.ones((9, 2))])
    assert [cell.text for cell in shown(column)] == ["3 × 2 0 … 0", "empty", "9 × 2 1 … 1"]


def test_token_ids_are_listed():
    assert [cell.text for cell in shown(Ragged.of([[3, 1, 4], [1]]))] == ["[3 1 4] 3 long", "[1] 1 long"]
    assert "the first 24 shown" in shown(np.arange(100)[None])[0].html


def test_codes_are_shown_by_their_classes():
    assert [cell.text for cell in shown(np.array([2, 0]), classes=("cat", "cow", "dog"))] == ["2 = dog", "0 = cat"]
    assert shown(np.array([[1, 2]]), classes=("cat", "cow", "dog"))[0].text == "[cow dog] 2 long"


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.array([True]), "true"),
        (np.array([12345678901]), "12345678901"),
        (np.array([0.1], np.float32), "0.1"),
        (np.array([np.nan]), "nan"),
        (np.array([[7]]), "7"),
        (np.array(["2024-05-01"], "datetime64[D]"), "2024-05-01"),
    ],
)
def test_one_value_is_shown_as_it_is(values, text):
    assert shown(values)[0].text == text


def test_a_number_has_its_unit():
    assert shown(np.array([1.5]), unit="mm")[0].text == "1.5 mm"


def test_long_text_is_cut_and_says_so():
    cell = shown(np.array(["word " * 200], dtype=StringDType()))[0]
    assert len(cell.text) <= 40 and cell.text.endswith("…")
    assert "…" in cell.html and len(cell.html) < 400


def test_words_are_shown_one_by_one():
    column = Ragged.of([["a", "b"], ["c"]], dtype=StringDType())
    assert [cell.text for cell in shown(column)] == ["a · b", "c"]


def test_every_transform_and_every_source_gives_something_that_can_be_shown():
    text = np.array(["round and red", "small"], dtype=StringDType())
    words = plait.Tokenize.fit(text, size=10)
    assert shown(words(text))[0].text.endswith("3 long")
    assert shown(plait.OneHot(("a", "b"))(np.array(["a", "b"], dtype=StringDType())))[0].text == "[1 0] 2 long"
