"""Pictures in another size: exact means and interpolations, the same by every way of computing them, and OpenCV's within 1."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, strategies as st
from sklearn.datasets import load_sample_images

from plait.formats.resizing import by_numpy, least_scale, nearest, resized, resized_rgba

PHOTOS = load_sample_images().images
# What OpenCV makes of them, written by tools/opencv_resized.py.
OPENCV = dict(np.load(Path(__file__).parent / "opencv_resized.npz", allow_pickle=False))
SIDES = st.integers(1, 40)


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.sampled_from([1, 2, 3]), st.sampled_from([np.uint8, np.uint16]))
def test_compiled_or_not_the_pixels_are_the_same(old: tuple[int, int], new: tuple[int, int], channels: int, dtype: type) -> None:
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (*old, channels), dtype)
    assert np.array_equal(resized(image, new), by_numpy(image, new, np.empty((*new, channels), dtype)))


@given(st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES))
def test_a_pixel_is_the_weighted_mean_rounded_once(old: tuple[int, int], new: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*old, 1), np.uint8)
    y, x = new[0] // 2, new[1] // 3
    mean = sum(
        (down * across * int(image[i, j, 0]) for i, down in weights(old[0], new[0], y) for j, across in weights(old[1], new[1], x)),
        Fraction(0),
    )
    assert resized(image, new)[y, x, 0] == int(mean + Fraction(1, 2))


def weights(old: int, new: int, at: int) -> list[tuple[int, Fraction]]:
    """The old pixels and their shares, in fractions, by the definition."""
    ratio = Fraction(old, new)
    if new <= old:
        covered = [(i, min(Fraction(i + 1), (at + 1) * ratio) - max(Fraction(i), at * ratio)) for i in range(old)]
        return [(i, share / ratio) for i, share in covered if share > 0]
    centre = min(max((at + Fraction(1, 2)) * ratio - Fraction(1, 2), Fraction(0)), Fraction(old - 1))
    left = int(centre)
    return [(left, 1 - (centre - left)), (min(left + 1, old - 1), centre - left)]


@pytest.mark.parametrize("how", ["area", "linear"])
@pytest.mark.parametrize("seed", range(12))
def test_it_agrees_with_opencv_within_1(how: str, seed: int) -> None:
    high, wide = OPENCV[f"{how}.{seed}.old"]
    theirs = OPENCV[f"{how}.{seed}.new"]
    ours = resized(np.ascontiguousarray(PHOTOS[seed % 2][:high, :wide]), theirs.shape[:2])
    assert np.abs(ours.astype(int) - theirs).max() <= 1


def test_the_nearest_pixel_is_that_of_opencv_between_centres() -> None:
    values = np.random.default_rng(0).integers(0, 256, (37, 53), np.uint8)
    for size in ((9, 10), (37, 20), (80, 111)):
        assert np.array_equal(nearest(values, size), OPENCV[f"nearest.{size[0]}"])


def test_sums_beyond_32_bits_do_not_wrap() -> None:
    for shape, size in (((70_000, 1, 1), (1, 1)), ((3, 70_000, 1), (2, 3)), ((1, 1, 1), (9, 70_000))):
        for dtype in (np.uint8, np.uint16):
            image = np.full(shape, np.iinfo(dtype).max, dtype)
            assert (resized(image, size) == np.iinfo(dtype).max).all()


def test_a_colour_counts_as_much_as_it_is_seen() -> None:
    image = np.array([[[200, 10, 0, 255], [0, 250, 0, 0], [100, 0, 0, 51]]], np.uint8)
    assert resized_rgba(image, (1, 1))[0, 0].tolist() == [183, 8, 0, 102]  # (200 * 255 + 100 * 51) / 306, 10 * 255 / 306
    assert resized_rgba(np.zeros((2, 2, 4), np.uint8), (1, 1))[0, 0].tolist() == [0, 0, 0, 0]
    assert resized_rgba(image, (1, 3)) is image


@given(st.tuples(st.integers(8, 60), st.integers(8, 60)), st.sampled_from([2, 4, 8]))
def test_a_picture_of_means_keeps_its_place(old: tuple[int, int], each: int) -> None:
    """Squares of `each` pixels a side, cut off at the far edges: as if the squares had been filled with their means and resized."""
    image = np.random.default_rng(0).integers(0, 256, (-(-old[0] // each), -(-old[1] // each), 3), np.uint8)
    filled = np.repeat(np.repeat(image, each, axis=0), each, axis=1)[: old[0], : old[1]]
    for size in ((1, 1), (old[0] // each, old[1] // each), (-(-old[0] // each), -(-old[1] // each))):
        found = resized(image, size, None, (*old, each))
        assert np.array_equal(found, resized(filled, size))
        assert np.array_equal(found, by_numpy(image, size, np.empty_like(found), (*old, each)))


@pytest.mark.parametrize(
    ("old", "new", "scale"), [((160, 161), (8, 10), 8), ((159, 160), (10, 10), 4), ((31, 64), (8, 8), 1), ((9, 9), (9, 9), 1)]
)
def test_decoding_shrinks_to_no_less_than_twice_what_is_asked_for(old: tuple[int, int], new: tuple[int, int], scale: int) -> None:
    assert least_scale(old, new) == scale
