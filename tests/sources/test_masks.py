"""Masks: classes stay classes, whatever the file stores them as."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import plait
from plait.errors import ArgumentError, ReadError, SpecError, TransformError
from plait.sources.masks import ReadMask

RNG = np.random.default_rng(0)


def save(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(path, **options)  # type: ignore[arg-type]
    return path


def only(folder: Path, **options: object) -> np.ndarray:
    """What Masks makes of the one file in a folder, without its last axis."""
    masks = plait.Masks(folder / "{id}.*", **options)  # type: ignore[arg-type]
    values = masks["mask"].values()
    assert isinstance(values, np.ndarray)
    assert values.shape[0] == values.shape[3] == 1
    assert plait.Spec.of(values).dtype == masks.spec["mask"].dtype
    return values[0, :, :, 0]


def palette(values: np.ndarray) -> Image.Image:
    image = Image.fromarray(values.astype(np.uint8)).convert("P")
    image.putpalette(RNG.integers(0, 256, 768).tolist())
    image.putdata(values.reshape(-1).tolist())
    return image


# values


def test_a_grey_mask_keeps_its_values(tmp_path: Path) -> None:
    values = RNG.choice(np.array([0, 255], np.uint8), (9, 12))
    save(tmp_path / "a.png", values)
    masks = plait.Masks(tmp_path / "{id}.png")
    assert masks.spec == {"mask": plait.Spec((9, 12, 1), np.dtype(np.uint8))}
    assert np.array_equal(only(tmp_path), values)


def test_a_palette_mask_gives_its_indices_and_not_its_colours(tmp_path: Path) -> None:
    values = RNG.integers(0, 21, (6, 7))
    save(tmp_path / "a.png", palette(values))
    assert np.array_equal(only(tmp_path), values)


def test_transparency_of_a_palette_colour_changes_no_index(tmp_path: Path) -> None:
    values = RNG.integers(0, 3, (6, 7))
    save(tmp_path / "a.png", palette(values), transparency=0)
    assert np.array_equal(only(tmp_path), values)


def test_black_and_white_is_0_and_1(tmp_path: Path) -> None:
    values = RNG.random((6, 7)) < 0.5
    save(tmp_path / "a.png", Image.fromarray(values))
    assert np.array_equal(only(tmp_path), values)
    assert only(tmp_path).dtype == np.uint8


@pytest.mark.parametrize(("depth", "row"), [(1, [0b01010000]), (2, [0b00011011]), (4, [0x01, 0x2F])])
def test_grey_of_few_bits_keeps_the_stored_values(tmp_path: Path, depth: int, row: list[int]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 1, depth, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes([0, *row]))) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    assert only(tmp_path)[0].tolist() == {1: [0, 1, 0, 1], 2: [0, 1, 2, 3], 4: [0, 1, 2, 15]}[depth]


@pytest.mark.parametrize(("dtype", "suffix"), [(np.uint16, "png"), (np.uint16, "tif"), (np.int32, "tif")])
def test_16_and_32_bits_are_kept(tmp_path: Path, dtype: type[np.integer], suffix: str) -> None:
    values = RNG.integers(0, np.iinfo(dtype).max, (5, 6)).astype(dtype)
    save(tmp_path / f"a.{suffix}", values)
    found = only(tmp_path)
    assert found.dtype == dtype
    assert np.array_equal(found, values)


def test_instances_of_a_real_segmentation_survive() -> None:
    labels = np.arange(64 * 64, dtype=np.int32).reshape(64, 64)
    step = ReadMask((64, 64), dtype="int32")
    assert np.array_equal(step([labels])[0, :, :, 0], labels)


def test_a_mask_of_more_bits_than_the_first_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    save(tmp_path / "b.png", np.full((4, 4), 300, np.uint16))
    masks = plait.Masks(tmp_path / "{id}.png")
    with pytest.raises(SpecError, match=r"sample 'b' .* holds values up to 300 \(uint16\), and the first mask is of uint8. Save all masks"):
        masks["mask"].values()
    assert plait.Masks(tmp_path / "{id}.png", classes={0: "no", 300: "yes"})["mask"].values()[1].all()


# size


@pytest.mark.parametrize("size", [(8, 8), (5, 7), (64, 64), (3, 100)])
def test_no_value_arises_that_the_file_has_not(tmp_path: Path, size: tuple[int, int]) -> None:
    values = RNG.choice(np.array([3, 70, 255], np.uint8), (24, 40))
    save(tmp_path / "a.png", values)
    found = only(tmp_path, size=size)
    rows = [(2 * i + 1) * 24 // (2 * size[0]) for i in range(size[0])]
    columns = [(2 * i + 1) * 40 // (2 * size[1]) for i in range(size[1])]
    assert np.array_equal(found, values[rows][:, columns])


def test_masks_are_resized_as_the_transform_does(tmp_path: Path) -> None:
    values = RNG.integers(0, 9, (31, 47)).astype(np.uint8)
    save(tmp_path / "a.png", values)
    for size in [(7, 11), (62, 94), (30, 48)]:
        assert np.array_equal(only(tmp_path, size=size), plait.Resize(size, nearest=True)(values[None, ..., None])[0, ..., 0])


@pytest.mark.parametrize("size", [(64, 64), (50, 83), (360, 600), (96, 256), (37, 400)])
def test_image_and_mask_of_one_drawing_stay_registered(tmp_path: Path, size: tuple[int, int]) -> None:
    for name, centre, radius in (("a", (60, 40), 25), ("b", (150, 80), 40), ("c", (20, 75), 18)):
        disc = Image.new("L", (200, 120))
        ImageDraw.Draw(disc).ellipse([centre[0] - radius, centre[1] - radius, centre[0] + radius, centre[1] + radius], fill=255)
        save(tmp_path / "photos" / f"{name}.png", disc.convert("RGB"))
        save(tmp_path / "masks" / f"{name}.png", disc)
    images = plait.Images(tmp_path / "photos" / "{id}.png", size=size, mode="grey")["image"].values()
    masks = plait.Masks(tmp_path / "masks" / "{id}.png", size=size, classes={0: "paper", 255: "disc"})["mask"].values()
    for image, mask in zip(images[..., 0], masks[..., 0], strict=True):
        drawn = image / 255.0
        here, there = ((np.stack(np.indices(size)) * weight).sum(axis=(1, 2)) / weight.sum() for weight in (drawn, mask.astype(float)))
        assert np.abs(here - there).max() < 0.25  # of a pixel; pixel centres at whole numbers would shift them by up to 1
        edge = (drawn > 0.1) & (drawn < 0.9)
        assert ((drawn > 0.5) == mask)[~edge].mean() > 0.995


def test_the_exif_orientation_is_applied_as_to_images(tmp_path: Path) -> None:
    values = RNG.integers(0, 5, (6, 9)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path / "a.png", values, exif=exif)
    assert np.array_equal(only(tmp_path), np.rot90(values, -1))


def test_another_size_than_the_first_is_an_error(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((4, 5), np.uint8))
    save(tmp_path / "b.png", np.zeros((5, 4), np.uint8))
    with pytest.raises(SpecError, match=r"Masks '.*': sample 'b' \(.*\) has the size \(5, 4\) .* Pass size=\(4, 5\)"):
        plait.Masks(tmp_path / "{id}.png")["mask"].values()


# classes


def test_names_stand_for_the_values_0_1_and_so_on(tmp_path: Path) -> None:
    values = RNG.integers(0, 3, (6, 7)).astype(np.uint8)
    save(tmp_path / "a.png", values)
    masks = plait.Masks(tmp_path / "{id}.png", classes=["background", "lung", "lesion"])
    assert masks.spec["mask"] == plait.Spec((6, 7, 1), np.dtype(np.uint8), classes=("background", "lung", "lesion"))
    assert np.array_equal(masks["mask"].values()[0, ..., 0], values)


def test_values_become_codes_in_the_order_they_are_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[0, 255, 7]], np.uint8))
    masks = plait.Masks(tmp_path / "{id}.png", classes={255: "lesion", 0: "background", 7: "lesion"})
    assert masks.spec["mask"].classes == ("lesion", "background")
    assert only(tmp_path, classes={255: "lesion", 0: "background", 7: "lesion"}).tolist() == [[1, 0, 0]]


def test_more_than_256_classes_take_a_wider_dtype(tmp_path: Path) -> None:
    values = np.array([[0, 299, 300]], np.uint16)
    save(tmp_path / "a.png", values)
    found = only(tmp_path, classes=[f"organ {n}" for n in range(301)])
    assert found.dtype == np.int32
    assert np.array_equal(found, values)


def test_a_value_without_a_name_is_an_error_that_names_sample_and_values(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[0, 255]], np.uint8))
    save(tmp_path / "b.png", np.array([[0, 128, 7, 255]], np.uint8).T)
    masks = plait.Masks(tmp_path / "{id}.png", classes={0: "background", 255: "lesion"}, size=(4, 1))
    with pytest.raises(
        SpecError,
        match=r"sample 'b' \('.*b.png'\) holds the pixel values 7, 128, which classes= does not name; it names 0, 255. "
        r'Add them, as in classes=\{..., 7: "background"\}',
    ):
        masks["mask"].values()


def test_colour_masks_are_refused_with_their_colours(tmp_path: Path) -> None:
    pixels = np.zeros((4, 5, 3), np.uint8)
    pixels[1:, 2:] = (255, 0, 0)
    pixels[3, 3] = (0, 0, 255)
    save(tmp_path / "a.png", pixels)
    message = (
        r"is a colour mask \(Pillow mode 'RGB'\) of 3 colours, .*classes=\{\(0, 0, 0\): \"...\", \(255, 0, 0\): \"...\", \(0, 0, 255\)"
    )
    with pytest.raises(SpecError, match=message):
        plait.Masks(tmp_path / "{id}.png")


def test_named_colours_become_codes(tmp_path: Path) -> None:
    classes = {(0, 0, 0): "road", (255, 0, 0): "car", (0, 0, 255): "sky"}
    codes = RNG.integers(0, 3, (6, 7))
    colours = np.array(list(classes), np.uint8)
    save(tmp_path / "rgb" / "a.png", colours[codes])
    assert np.array_equal(only(tmp_path / "rgb", classes=classes), codes)
    image = Image.fromarray(codes.astype(np.uint8)).convert("P")
    image.putdata(codes.reshape(-1).tolist())
    image.putpalette(colours.reshape(-1).tolist())
    save(tmp_path / "palette" / "a.png", image)
    assert np.array_equal(only(tmp_path / "palette", classes=classes), codes)
    with pytest.raises(SpecError, match=r"holds the pixel values \(0, 0, 255\), which classes= does not name"):
        only(tmp_path / "rgb", classes={(0, 0, 0): "road", (255, 0, 0): "car"})


def test_transparent_colour_masks_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.zeros((3, 3, 4), np.uint8))
    with pytest.raises(SpecError, match=r"is transparent in places; colour masks are opaque"):
        plait.Masks(tmp_path / "{id}.png", classes={(0, 0, 0): "road"})
    with pytest.raises(SpecError, match=r"is a colour mask \(Pillow mode 'RGBA'\) of 1 colours"):
        plait.Masks(tmp_path / "{id}.png")


@pytest.mark.parametrize(
    "classes",
    [
        "lesion",
        [],
        {},
        {"lesion": 255},
        {0.5: "a"},
        {-1: "a"},
        {True: "a"},
        {(0, 0): "a"},
        {(0, 0, 256): "a"},
        {0: 1},
        {0: "a", (0, 0, 0): "b"},
    ],
)
def test_classes_that_cannot_be_meant_are_refused(classes: object) -> None:
    with pytest.raises(ArgumentError, match=r"Masks 'nowhere/\{id\}.png': classes=.*\{0: \"background\", 255: \"lesion\"\}"):
        plait.Masks("nowhere/{id}.png", classes=classes)  # type: ignore[arg-type]


# files that keep no classes


def test_jpeg_is_refused_for_it_changes_values(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", np.zeros((8, 8), np.uint8))
    with pytest.raises(
        SpecError, match=r"is a JPEG file, which does not keep pixel values.* Save masks as PNG; or .*Images\(mode=\"grey\"\)"
    ):
        plait.Masks(tmp_path / "{id}.jpg")
    save(tmp_path / "tif" / "a.tif", np.zeros((8, 8), np.uint8), compression="jpeg")
    with pytest.raises(SpecError, match=r"is a TIFF file, which does not keep pixel values"):
        plait.Masks(tmp_path / "tif" / "{id}.tif")


def test_grey_maps_that_are_rescaled_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 15\n" + bytes([1, 2]))
    with pytest.raises(SpecError, match=r"is a PPM file, which does not keep pixel values"):
        plait.Masks(tmp_path / "{id}.pgm")
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 255\n" + bytes([1, 2]))
    assert only(tmp_path).tolist() == [[1, 2]]
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 65535\n" + bytes([1, 2, 3, 4]))
    assert only(tmp_path).tolist() == [[258, 772]]


def test_white_as_0_and_floats_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "white" / "a.tif", np.zeros((4, 4), np.uint8), tiffinfo={262: 0})
    with pytest.raises(SpecError, match=r"stores white as 0 \(TIFF WhiteIsZero\)"):
        plait.Masks(tmp_path / "white" / "{id}.tif")
    save(tmp_path / "float" / "a.tif", np.zeros((4, 4), np.float32))
    with pytest.raises(SpecError, match=r"has Pillow mode 'F'; masks are palette, grey, or black and white files"):
        plait.Masks(tmp_path / "float" / "{id}.tif")


def test_damaged_masks_are_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", RNG.integers(0, 9, (64, 64)).astype(np.uint8))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match=r"Masks '.*': sample 'b' \(.*\) is truncated or damaged"):
        plait.Masks(tmp_path / "{id}.png")["mask"].values()
    with pytest.raises(ReadError, match=r"has 64 x 64 pixels, and at most 4095 are decoded"):
        plait.Masks(tmp_path / "{id}.png", most_pixels=4095)


# new raw samples


def test_the_decoder_gives_what_was_read_for_paths_bytes_images_and_arrays(tmp_path: Path) -> None:
    values = [RNG.choice(np.array([0, 255], np.uint8), (20 + n, 31)) for n in range(3)]
    paths = [save(tmp_path / f"{n}.png", v) for n, v in enumerate(values)]
    for classes in (None, {0: "no", 255: "yes"}):
        masks = plait.Masks(tmp_path / "{id:d}.png", size=(12, 40), classes=classes)
        step = masks.decoder("mask")
        again = ReadMask.from_json(json.loads(json.dumps(step.to_json())))
        assert again == step
        assert again.sample == masks.spec["mask"]
        expected = masks["mask"].values()
        for raw in (
            paths,
            [p.read_bytes() for p in paths],
            [Image.open(p) for p in paths],
            values,
            [v[..., None].astype(int) for v in values],
        ):
            assert np.array_equal(again(raw), expected)


def test_the_decoder_takes_truth_values_and_colours() -> None:
    assert ReadMask((1, 2))([np.array([[True, False]])]).tolist() == [[[[1], [0]]]]
    step = ReadMask((1, 2), names=("a", "b"), values=((0, 0), (0xFFFFFF, 1)), colour=True)
    assert step([np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8), np.array([[255, 0]], np.uint8)])[..., 0].tolist() == [
        [[0, 1]],
        [[1, 0]],
    ]
    with pytest.raises(TransformError, match=r"sample 0 is an array of shape \(1, 2\) and dtype float64"):
        step([np.array([[0.0, 1.0]])])
    assert step([]).shape == (0, 1, 2, 1)
