"""Resize: means over areas where images shrink, interpolation where they grow."""

from __future__ import annotations

import numpy as np
import pytest

import plait
from plait.ragged import Ragged
from plait.spec import Spec

PHOTO = np.random.default_rng(0).integers(0, 256, (2, 12, 8, 3)).astype(np.uint8)


def test_halving_is_the_mean_of_four_pixels_rounded() -> None:
    mean = PHOTO.reshape(2, 6, 2, 4, 2, 3).mean(axis=(2, 4))
    assert (plait.Resize((6, 4))(PHOTO) == np.floor(mean + 0.5)).all()


def test_doubling_interpolates_between_pixel_centres() -> None:
    row = np.array([[[0.0], [8.0]]])[None]
    assert plait.Resize((1, 4))(row)[0, 0, :, 0].tolist() == [0, 2, 6, 8]


def test_it_agrees_with_pillow() -> None:
    image = pytest.importorskip("PIL.Image")
    for size in ((6, 4), (3, 8), (24, 16), (31, 17)):
        shrinks = size[0] <= 12 and size[1] <= 8
        how = image.Resampling.BOX if shrinks else image.Resampling.BILINEAR
        theirs = np.asarray(image.fromarray(PHOTO[0]).resize(size[::-1], how)).astype(int)
        assert np.abs(plait.Resize(size)(PHOTO)[0].astype(int) - theirs).max() <= 1


def test_areas_keep_the_mean_of_the_image_for_any_ratio() -> None:
    photo = np.random.default_rng(1).random((1, 13, 11, 1))
    assert plait.Resize((5, 7))(photo).mean() == pytest.approx(photo.mean(), abs=1e-12)


def test_a_flat_image_stays_flat_and_extremes_stay_in_range() -> None:
    for value in (0, 77, 255):
        flat = np.full((1, 9, 9, 1), value, np.uint8)
        for size in ((4, 4), (20, 5)):
            assert (plait.Resize(size)(flat) == value).all()
    assert (plait.Resize((3, 3))(np.full((1, 7, 7), -128, np.int8)) == -128).all()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float16", "float32", "float64"])
def test_the_dtype_stays(dtype: str) -> None:
    assert plait.Resize((3, 5))(PHOTO.astype(dtype)).dtype == dtype


def test_the_same_size_changes_nothing() -> None:
    assert (plait.Resize((12, 8))(PHOTO) == PHOTO).all()


def test_masks_take_the_nearest_pixel_and_stay_classes() -> None:
    mask = np.array([[0, 0, 7, 7], [0, 0, 7, 7]], np.uint8)[None, :, :, None]
    assert plait.Resize((1, 2), nearest=True)(mask)[0, 0, :, 0].tolist() == [0, 7]
    assert set(np.unique(plait.Resize((9, 5), nearest=True)(mask))) == {0, 7}


def test_classes_are_not_mixed() -> None:
    with pytest.raises(plait.TransformError, match=r"Resize would mix classes: .* Write Resize\(\(4, 4\), nearest=True\)"):
        plait.Resize((4, 4)).spec(Spec((8, 8, 1), np.dtype(np.uint8), classes=("tissue", "lesion")))
    with pytest.raises(plait.TransformError, match=r"Resize would mix classes"):
        plait.Resize((4, 4))(np.zeros((1, 8, 8, 1), bool))


def test_what_is_no_image_is_refused() -> None:
    with pytest.raises(plait.TransformError, match=r"takes images, \(height, width, channels\) of numbers; the samples are \(5,\) float64"):
        plait.Resize((4, 4))(np.zeros((2, 5)))
    with pytest.raises(plait.TransformError, match=r"these differ in height. Give the size where they are read"):
        plait.Resize((4, 4))(Ragged.of([np.zeros((2, 3, 1)), np.zeros((4, 3, 1))]))


@pytest.mark.parametrize("size", [64, (64,), (64, 0), (64, 64, 3), (6.5, 2), "64"])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(plait.ArgumentError, match=r"must be \(height, width\), such as Resize\(\(64, 64\)\)"):
        plait.Resize(size)  # type: ignore[arg-type]
