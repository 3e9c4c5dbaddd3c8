"""Images: every mode and size, and every file that is none."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

import plait
from plait.errors import ArgumentError, ChangedError, DuplicateKeyError, ReadError, SpecError, TransformError
from plait.sources.images import ReadImage

RNG = np.random.default_rng(0)


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return RNG.integers(0, 256, (height, width, channels), np.uint8)


def save(path: Path, pixels: np.ndarray | Image.Image, **options: object) -> Path:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)  # type: ignore[arg-type]
    return path


def png(depth: int, colour: int, rows: bytes, width: int, height: int, extra: bytes = b"") -> bytes:
    """A PNG file of any depth, by hand, for Pillow writes few."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def photograph() -> np.ndarray:
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg")


def only(folder: Path, **options: object) -> np.ndarray:
    """What Images makes of the one file in a folder."""
    values = plait.Images(folder / "{id}.*", **options)["image"].values()  # type: ignore[arg-type]
    assert isinstance(values, np.ndarray)
    assert len(values) == 1
    return values[0]


# size


def test_images_keep_their_pixels_where_the_size_is_theirs(tmp_path: Path) -> None:
    pixels = {name: noise(12, 17) for name in "abc"}
    for name, values in pixels.items():
        save(tmp_path / f"{name}.png", values)
    images = plait.Images(tmp_path / "{id}.png")
    assert images.spec == {"image": plait.Spec((12, 17, 3), np.dtype(np.uint8))}
    found = images.read(["image"], np.array([2, 0, 0, 1]))["image"]
    assert np.array_equal(found, np.stack([pixels[name] for name in "caab"]))


def test_an_axis_that_shrinks_takes_the_mean_rounded_once(tmp_path: Path) -> None:
    pixels = noise(12, 30)
    save(tmp_path / "a.png", pixels)
    sums = pixels.reshape(4, 3, 6, 5, 3).astype(int).sum(axis=(1, 3))
    assert np.array_equal(only(tmp_path, size=(4, 6)), (2 * sums + 15) // 30)
    across = pixels.reshape(12, 6, 5, 3).astype(int).sum(axis=2)
    assert np.array_equal(only(tmp_path, size=(12, 6)), (2 * across + 5) // 10)


@pytest.mark.parametrize("size", [(64, 64), (224, 224), (410, 600)])
def test_images_are_brought_to_a_size_as_resize_does(tmp_path: Path, size: tuple[int, int]) -> None:
    photo = photograph()
    save(tmp_path / "a.png", photo)
    assert np.array_equal(only(tmp_path, size=size), plait.Resize(size)(photo[None])[0])


def test_an_axis_that_grows_is_interpolated_between_pixel_centres(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[[0], [100]]], np.uint8))
    assert only(tmp_path, size=(1, 4), mode="grey")[0, :, 0].tolist() == [0, 25, 75, 100]
    assert only(tmp_path, size=(2, 2), mode="grey")[..., 0].tolist() == [[0, 100], [0, 100]]


def test_one_axis_may_grow_while_the_other_shrinks(tmp_path: Path) -> None:
    ramp = np.repeat(np.arange(0, 160, 10, dtype=np.uint8)[:, None], 4, axis=1)[..., None]
    save(tmp_path / "a.png", ramp)
    found = only(tmp_path, size=(8, 9), mode="grey")[..., 0]
    assert np.array_equal(found, np.repeat(np.arange(5, 160, 20)[:, None], 9, axis=1))


def test_another_size_than_the_first_is_an_error_that_names_both(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(8, 9))
    save(tmp_path / "b.png", noise(9, 8))
    images = plait.Images(tmp_path / "{id}.png")
    with pytest.raises(
        SpecError,
        match=r"Images '.*\{id\}.png': sample 'b' \('.*b.png'\) has the size \(9, 8\) \(height, width\), and the first has \(8, 9\). "
        r"Pass size=\(8, 9\)",
    ):
        images["image"].values()
    assert plait.Images(tmp_path / "{id}.png", size=(8, 9))["image"].read(np.arange(2)).shape == (2, 8, 9, 3)


@pytest.mark.parametrize("size", [64, (64,), (64, 0), (64, -1), (1.5, 2), (64, 64, 3), "64", (True, True)])
def test_a_size_that_cannot_be_meant_is_refused(size: object) -> None:
    with pytest.raises(ArgumentError, match=r"write \(height, width\), two positive integers, such as size=\(64, 64\)"):
        plait.Images("nowhere/{id}.png", size=size)  # type: ignore[arg-type]


# modes


def test_grey_and_black_and_white_become_colour_as_they_are_shown(tmp_path: Path) -> None:
    grey = noise(5, 6, 1)
    save(tmp_path / "grey" / "a.png", grey)
    assert np.array_equal(only(tmp_path / "grey"), np.repeat(grey, 3, axis=2))
    bits = (grey > 100) * np.uint8(255)
    save(tmp_path / "bits" / "a.png", Image.fromarray(bits[..., 0]).convert("1"))
    assert np.array_equal(only(tmp_path / "bits"), np.repeat(bits, 3, axis=2))
    assert np.array_equal(only(tmp_path / "bits", mode="grey"), bits)


def test_a_palette_becomes_its_colours(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    save(tmp_path / "a.png", image)
    assert only(tmp_path).tolist() == [[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [0, 255, 0]]]


def test_colour_becomes_grey_by_luma(tmp_path: Path) -> None:
    save(tmp_path / "a.png", np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]]], np.uint8))
    assert only(tmp_path, mode="grey")[0, :, 0].tolist() == [76, 150, 29, 9]


def test_cmyk_becomes_colour(tmp_path: Path) -> None:
    save(tmp_path / "a.jpg", Image.new("CMYK", (8, 8), (0, 255, 255, 0)), quality=100)
    assert np.abs(only(tmp_path).astype(int) - [255, 0, 0]).max() <= 3


def test_an_opaque_alpha_channel_is_dropped(tmp_path: Path) -> None:
    colour = noise(5, 6)
    save(tmp_path / "a.png", np.concatenate([colour, np.full((5, 6, 1), 255, np.uint8)], axis=2))
    assert np.array_equal(only(tmp_path), colour)
    assert np.array_equal(only(tmp_path, mode="rgba")[..., :3], colour)


@pytest.mark.parametrize("mode", ["rgb", "grey"])
def test_transparency_is_an_error_that_says_what_to_write(tmp_path: Path, mode: str) -> None:
    pixels = noise(4, 5, 4)
    pixels[..., 3] = 255
    pixels[0, :, 3] = 0
    save(tmp_path / "a.png", pixels)
    message = (
        rf'sample \'a\' .* is transparent in 25% of its pixels, which mode="{mode}" cannot hold. Pass background="white" .* mode="rgba"'
    )
    with pytest.raises(SpecError, match=message):
        plait.Images(tmp_path / "{id}.png", mode=mode)


def test_transparent_pixels_are_laid_on_the_background(tmp_path: Path) -> None:
    pixels = np.array([[[200, 100, 0, 255], [200, 100, 0, 0], [200, 100, 0, 51]]], np.uint8)
    save(tmp_path / "a.png", pixels)
    assert only(tmp_path, background="white")[0].tolist() == [[200, 100, 0], [255, 255, 255], [244, 224, 204]]
    assert only(tmp_path, background=(0, 0, 255))[0].tolist() == [[200, 100, 0], [0, 0, 255], [40, 20, 204]]
    assert only(tmp_path, background="#000")[0, 1].tolist() == [0, 0, 0]
    assert np.array_equal(only(tmp_path, mode="rgba"), pixels)
    opaque = noise(3, 3)
    save(tmp_path / "more" / "a.png", opaque)
    assert np.array_equal(only(tmp_path / "more", background="white"), opaque)


def test_the_colour_of_transparent_pixels_does_not_bleed_when_resized(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 4), np.uint8)
    pixels[:, :2] = (200, 0, 0, 255)
    pixels[:, 2:] = (0, 255, 0, 0)
    save(tmp_path / "a.png", pixels)
    assert np.abs(only(tmp_path, mode="rgba", size=(1, 1))[0, 0].astype(int) - [200, 0, 0, 128]).max() <= 1


@pytest.mark.parametrize("kind", ["palette", "grey", "colour"])
def test_transparency_of_single_colours_is_transparency(tmp_path: Path, kind: str) -> None:
    if kind == "palette":
        image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
        save(tmp_path / "a.png", image, transparency=0)
    else:
        save(tmp_path / "a.png", Image.new("L" if kind == "grey" else "RGB", (2, 1)), transparency=0 if kind == "grey" else (0, 0, 0))
    with pytest.raises(SpecError, match=r"is transparent in"):
        plait.Images(tmp_path / "{id}.png")


@pytest.mark.parametrize("mode", ["rgb", "rgba", "grey"])
def test_16_bits_are_not_cut_to_8(tmp_path: Path, mode: str) -> None:
    save(tmp_path / "a.png", Image.fromarray(np.array([[0, 300, 65535]], np.uint16)))
    message = (
        rf'has 16 bits a channel \(Pillow mode \'I;16\'\), and mode="{mode}" holds 8; .* Pass mode="grey16" to keep the values as uint16'
    )
    with pytest.raises(SpecError, match=message):
        plait.Images(tmp_path / "{id}.png", mode=mode)


@pytest.mark.parametrize(("colour", "channels"), [(2, 3), (6, 4), (4, 2)])
def test_16_bits_of_colour_are_not_cut_to_8(tmp_path: Path, colour: int, channels: int) -> None:
    (tmp_path / "a.png").write_bytes(png(16, colour, (b"\0" + b"\x12\x34" * 2 * channels) * 2, 2, 2))
    with pytest.raises(SpecError, match=r"has 16 bits a channel .* Save it with 8 bits a channel"):
        plait.Images(tmp_path / "{id}.png")


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey16_keeps_values(tmp_path: Path, suffix: str) -> None:
    values = RNG.integers(0, 65536, (6, 8), np.uint16)
    save(tmp_path / f"a.{suffix}", Image.fromarray(values))
    found = only(tmp_path, mode="grey16")
    assert found.dtype == np.uint16
    assert np.array_equal(found[..., 0], values)
    small = only(tmp_path, mode="grey16", size=(3, 4))[..., 0]
    assert np.abs(small - values.reshape(3, 2, 4, 2).mean(axis=(1, 3))).max() <= 1


def test_grey16_takes_no_8_bits_for_scales_would_mix(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(3, 3, 1))
    with pytest.raises(SpecError, match=r"has mode 'L', and mode=\"grey16\" takes 16-bit grey alone.*Pass mode=\"grey\""):
        plait.Images(tmp_path / "{id}.png", mode="grey16")


def test_32_bits_and_floats_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "int" / "a.tif", Image.fromarray(np.array([[70000, -1]], np.int32)))
    with pytest.raises(SpecError, match=r"has 32 bits a channel"):
        plait.Images(tmp_path / "int" / "{id}.tif")
    with pytest.raises(SpecError, match=r"has values from -1 to 70000"):
        plait.Images(tmp_path / "int" / "{id}.tif", mode="grey16")
    save(tmp_path / "float" / "a.tif", Image.fromarray(np.array([[0.5, np.nan]], np.float32)))
    with pytest.raises(SpecError, match=r"has 32 bits a channel \(Pillow mode 'F'\).* Save it with 8 bits"):
        plait.Images(tmp_path / "float" / "{id}.tif")
    with pytest.raises(SpecError, match=r"has mode 'F'"):
        plait.Images(tmp_path / "float" / "{id}.tif", mode="grey16")


def test_a_colour_space_without_conversion_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", Image.new("LAB", (4, 4)))
    with pytest.raises(SpecError, match=r"has the colour space 'LAB', which does not turn into mode=\"grey\". Save it as RGB"):
        plait.Images(tmp_path / "{id}.tif", mode="grey")


@pytest.mark.parametrize("mode", ["RGB", "gray", "", "bgr"])
def test_a_mode_that_does_not_exist_is_refused(mode: str) -> None:
    with pytest.raises(ArgumentError, match=rf"mode='{mode}': choose one of 'rgb', 'rgba', 'grey', 'grey16'"):
        plait.Images("nowhere/{id}.png", mode=mode)


@pytest.mark.parametrize("background", ["whitish", (1, 2), (1, 2, 256), (0.5, 1, 1)])
def test_a_background_that_is_no_colour_is_refused(background: object) -> None:
    with pytest.raises(ArgumentError, match=r"is no colour. Write \"white\", \"#ffffff\" or \(255, 255, 255\)"):
        plait.Images("nowhere/{id}.png", background=background)  # type: ignore[arg-type]


# which way up


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_the_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :8] = 255  # top left
    upright[8:, 24:] = (255, 0, 0)  # bottom right
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 2).swapaxes(0, 1),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    save(tmp_path / f"a.{suffix}", np.ascontiguousarray(stored), exif=exif, **lossless)
    found = only(tmp_path)
    assert found.shape == (16, 32, 3)
    assert np.abs(found.astype(int) - upright).max() < 30


def test_a_damaged_exif_block_leaves_the_image_as_it_is(tmp_path: Path) -> None:
    pixels = noise(6, 8)
    save(tmp_path / "a.png", pixels, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff nonsense")
    assert np.array_equal(only(tmp_path), pixels)


# files that are no images


def test_a_file_that_is_empty_truncated_or_no_image_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(40, 40))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "d.png").write_bytes(b"<html>404</html>")
    images = plait.Images(tmp_path / "{id}.png", size=(8, 8))
    with pytest.raises(ReadError, match=r"Images '.*': sample 'b' is empty: '.*b.png' has 0 bytes. Restore the file, or remove it"):
        images.read(["image"], np.array([0, 1]))
    with pytest.raises(ReadError, match=r"Images '.*': sample 'c' \('.*c.png'\) is truncated or damaged: .*Restore the file, or remove it"):
        images.read(["image"], np.array([2]))
    with pytest.raises(
        ReadError, match=r"sample 'd' \('.*d.png'\) is no picture that can be read \(PNG, JPEG.*\): 16 bytes that begin with b'<html>"
    ):
        images.read(["image"], np.array([3]))
    (tmp_path / "a.png").unlink()
    with pytest.raises(ChangedError, match=r"sample 'a' is gone"):
        images.read(["image"], np.array([0]))


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tif", "webp", "ppm", "jp2", "avif"])
def test_every_format_is_read_and_its_truncation_noticed(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a.{suffix}", Image.fromarray(noise(64, 64)))
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    assert only(tmp_path, size=(9, 9)).shape == (9, 9, 3)
    (tmp_path / f"a.{suffix}").write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(ReadError, match=r"sample 'a' .*(is truncated or damaged|is no picture)"):
        only(tmp_path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "bmp", "tif", "webp", "ppm", "jp2", "avif"])
def test_no_truncated_file_gives_other_pixels(suffix: str) -> None:
    buffer = io.BytesIO()
    Image.fromarray(noise(3, 3)).resize((40, 30)).save(buffer, {"jpg": "JPEG", "tif": "TIFF", "jp2": "JPEG2000"}.get(suffix, suffix))
    whole, step = buffer.getvalue(), ReadImage((30, 40))
    expected = step([whole])
    for length in range(1, len(whole), max(1, len(whole) // 150)):
        try:
            found = step([whole[:length]])
        except ReadError:
            continue
        assert np.array_equal(found, expected), f"{length} of {len(whole)} bytes"


def test_a_first_image_that_cannot_be_read_is_said_where_it_is_declared(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"nothing")
    with pytest.raises(ReadError, match=r"sample 'a' .* is no picture"):
        plait.Images(tmp_path / "{id}.png", size=(8, 8))


def test_several_frames_are_refused(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(8, 8)) for _ in range(3)]
    for suffix in ("gif", "tif", "webp", "png"):
        folder = tmp_path / suffix
        save(folder / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:])
        with pytest.raises(ReadError, match=r"holds several frames; a sample is one picture. Save the frame that is meant"):
            plait.Images(folder / ("{id}." + suffix))


def test_a_photograph_with_a_preview_behind_it_is_one_picture(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(8, 8)), Image.fromarray(noise(4, 4))]
    save(tmp_path / "a.jpg", frames[0], format="MPO", save_all=True, append_images=frames[1:])
    assert only(tmp_path).shape == (8, 8, 3)


def test_formats_that_run_programs_are_not_opened(tmp_path: Path) -> None:
    save(tmp_path / "a.eps", Image.fromarray(noise(8, 8)), format="EPS")
    with pytest.raises(ReadError, match=r"is no picture that can be read"):
        plait.Images(tmp_path / "{id}.eps")


# bombs


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(8, 2, bytes(1 + 3 * 10_000) * 100, 10_000, 10_000))
    began = time.monotonic()
    with pytest.raises(
        ReadError, match=r"sample 'a' .* has 10000 x 10000 pixels, and at most 67108864 are decoded. .* pass most_pixels=100000000"
    ):
        plait.Images(tmp_path / "{id}.png", size=(8, 8))
    assert time.monotonic() - began < 1
    (tmp_path / "a.png").write_bytes(png(8, 2, b"\0", 200_000, 200_000))
    with pytest.raises(ReadError, match=r"sample 'a' .* is larger than Pillow decodes: .* raise PIL.Image.MAX_IMAGE_PIXELS"):
        plait.Images(tmp_path / "{id}.png", size=(8, 8))


def test_the_cap_on_pixels_is_an_argument(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(20, 20))
    with pytest.raises(ReadError, match=r"has 20 x 20 pixels, and at most 399"):
        plait.Images(tmp_path / "{id}.png", most_pixels=399)
    assert plait.Images(tmp_path / "{id}.png", most_pixels=400).spec["image"].shape == (20, 20, 3)


def test_text_in_a_file_that_unpacks_to_much_more_is_refused(tmp_path: Path) -> None:
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000))
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    (tmp_path / "a.png").write_bytes(png(8, 0, b"\0\0", 1, 1, extra=chunk))
    with pytest.raises(ReadError, match=r"sample 'a'"):
        plait.Images(tmp_path / "{id}.png")


# what surrounds it


def test_images_come_from_urls() -> None:
    buffer = io.BytesIO()
    pixels = noise(5, 5)
    Image.fromarray(pixels).save(buffer, "PNG")
    fsspec.filesystem("memory").pipe("/photos/a.png", buffer.getvalue())
    images = plait.Images("memory://photos/{id}.png")
    assert images.label == "Images 'memory://photos/{id}.png'"
    assert np.array_equal(images["image"].values(), pixels[None])


def test_what_is_wrong_with_the_template_is_said_by_the_source(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"Images '.*': no file matches"):
        plait.Images(tmp_path / "{id}.png")
    save(tmp_path / "x" / "1.png", noise(2, 2))
    save(tmp_path / "y" / "1.png", noise(2, 2))
    with pytest.raises(DuplicateKeyError, match=r"Images '.*': .* have the same key '1'"):
        plait.Images(tmp_path / "*" / "{id}.png")


def test_no_rows_are_no_images(tmp_path: Path) -> None:
    save(tmp_path / "a.png", noise(5, 6))
    found = plait.Images(tmp_path / "{id}.png").read(["image"], np.zeros(0, np.int64))["image"]
    assert (found.shape, found.dtype) == ((0, 5, 6, 3), np.uint8)


# new raw samples


@pytest.mark.parametrize("mode", ["rgb", "rgba", "grey"])
def test_the_decoder_gives_what_was_read_for_paths_bytes_images_and_arrays(tmp_path: Path, mode: str) -> None:
    pixels = [noise(20 + n, 31, 3) for n in range(3)]
    paths = [save(tmp_path / f"{n}.png", values) for n, values in enumerate(pixels)]
    images = plait.Images(tmp_path / "{id:d}.png", size=(12, 40), mode=mode)
    step = images.decoder("image")
    again = ReadImage.from_json(json.loads(json.dumps(step.to_json())))
    assert again == step
    assert again.kind == "read-image"
    expected = images["image"].values()
    for raw in (paths, list(map(str, paths)), [p.read_bytes() for p in paths], [Image.open(p) for p in paths], pixels):
        assert np.array_equal(again(raw), expected)
    assert np.array_equal(again(np.stack([pixels[0][:20]] * 2)), expected[[0, 0]])


def test_the_decoder_keeps_the_background_and_the_fixed_size(tmp_path: Path) -> None:
    pixels = noise(6, 6, 4)
    path = save(tmp_path / "a.png", pixels)
    step = plait.Images(tmp_path / "{id}.png", background="black").decoder("image")
    again = ReadImage.from_json(json.loads(json.dumps(step.to_json())))
    assert np.array_equal(again([path]), again([pixels]))
    with pytest.raises(SpecError, match=r"ReadImage: sample 1 has the size \(6, 5\) .*and the first has \(6, 6\)"):
        again([pixels, pixels[:, :5]])


def test_raw_material_that_is_no_image_is_refused(tmp_path: Path) -> None:
    step = ReadImage((8, 8))
    with pytest.raises(TransformError, match=r"ReadImage takes a list of raw samples and got one str. Write \['new.jpg'\]"):
        step("new.jpg")
    with pytest.raises(TransformError, match=r"sample 1 is a int; a picture is a path, the bytes of a file, a PIL image or a uint8 array"):
        step([noise(2, 2), 7])
    with pytest.raises(
        TransformError, match=r"sample 0 is an array of shape \(2, 2, 3\) and dtype float64; .*astype\('uint8'\) for values from 0"
    ):
        step([noise(2, 2) / 255])
    with pytest.raises(ChangedError, match=r"sample 0 is gone: 'none.jpg'"):
        step(["none.jpg"])
    assert step([]).shape == (0, 8, 8, 3)
    assert np.array_equal(step([noise(3, 3, 1)[..., 0]]).std(axis=-1), np.zeros((1, 8, 8)))


def test_the_pixels_are_the_same_where_nothing_that_makes_reading_quick_is_installed(tmp_path: Path) -> None:
    for number, quality in enumerate((40, 90)):
        save(tmp_path / f"{number}.jpg", photograph()[: 300 + number, number:], quality=quality)
        save(tmp_path / f"{number}.png", (photograph()[: 50 + number, :70, 0] // 50).astype(np.uint8))
    script = f"""
import hashlib, sys
for name in sys.argv[1:]:
    sys.modules[name] = None
import plait
folder = {str(tmp_path)!r}
sources = [plait.Images(folder + "/{{id}}.jpg", size=(40, 50)), plait.Images(folder + "/{{id}}.jpg", size=(40, 50), draft=True)]
sources += [plait.Images(folder + "/{{id}}.png", size=(90, 20), mode="grey"), plait.Masks(folder + "/{{id}}.png", size=(40, 50))]
values = [source[name].values().tobytes() for source in sources for name in source.spec]
print([hashlib.sha256(value).hexdigest()[:16] for value in values], [n for n in ("numba", "simplejpeg", "isal") if sys.modules.get(n)])
"""
    quick, slow = (
        subprocess.run([sys.executable, "-c", script, *without], capture_output=True, text=True, check=True).stdout.split("] ")
        for without in ((), ("numba", "simplejpeg", "isal"))
    )
    assert quick[0] == slow[0]
    assert (quick[1].strip(), slow[1].strip()) == ("['numba', 'simplejpeg', 'isal']", "[]")
    assert len(set(quick[0].split())) == 4


def test_a_draft_needs_a_size(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"draft=True decodes to what a size needs, so give it: size=\(64, 64\)"):
        plait.Images(tmp_path / "{id}.jpg", draft=True)
