"""simplejpeg gives the pixels that Pillow gives, or leaves the file to it."""

from __future__ import annotations

import io
import itertools

import numpy as np
import pytest
import simplejpeg
from PIL import Image
from sklearn.datasets import load_sample_images

from plait.formats.jpeg import decode_into
from plait.formats.resizing import least_scale, resized
from plait.sources.images import ReadImage

PHOTOS = load_sample_images().images
MOST = 2**26


def jpeg(image: Image.Image | np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, "JPEG", **options)  # type: ignore[arg-type]
    return file.getvalue()


def quick(data: bytes, size: tuple[int, int], mode: str = "rgb", *, draft: bool = False, resize: bool = True) -> np.ndarray | None:
    out = np.empty((*size, 3 if mode == "rgb" else 1), np.uint8)
    return out if decode_into(data, out, mode, resize=resize, draft=draft, most_pixels=MOST) else None


def whole(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("subsampling", ["444", "422", "420", "440", "411"])
def test_pixels_are_those_of_pillow(subsampling: str, progressive: bool) -> None:
    rng = np.random.default_rng(0)
    for photo, quality in itertools.product(PHOTOS, (40, 90)):
        top, left = rng.integers(0, 200, 2)
        part = np.ascontiguousarray(photo[top : top + rng.integers(1, 200), left : left + rng.integers(1, 300)])
        data = simplejpeg.encode_jpeg(part, quality, "RGB", subsampling)
        if progressive:  # with the tables of the first
            data = jpeg(Image.open(io.BytesIO(data)), progressive=True, quality="keep") if subsampling in ("444", "422", "420") else data
        found = quick(data, part.shape[:2])
        assert found is not None
        assert np.array_equal(found, whole(data))


def test_grey_files_are_those_of_pillow_in_both_modes() -> None:
    data = jpeg(PHOTOS[0][:101, :77, 1])
    for mode, channels in (("rgb", 3), ("grey", 1)):
        found = quick(data, (101, 77), mode)
        assert found is not None
        assert np.array_equal(found[..., :1], np.asarray(Image.open(io.BytesIO(data)))[..., None])
        assert found.shape[2] == channels


@pytest.mark.parametrize("size", [(26, 40), (32, 32), (53, 50), (106, 160), (213, 320), (300, 300)])
@pytest.mark.parametrize("height", [427, 425])
def test_a_draft_is_that_of_pillow(size: tuple[int, int], height: int) -> None:
    for subsampling in (0, 1, 2):
        data = jpeg(PHOTOS[1][:height], subsampling=subsampling)
        image = Image.open(io.BytesIO(data))
        scale = least_scale((height, 640), size)
        image.draft(None, (640 // scale, height // scale))
        assert image.size == (-(-640 // scale), -(-height // scale))
        found = quick(data, size, draft=True)
        assert found is not None
        assert np.array_equal(found, resized(np.asarray(image), size, None, (height, 640, scale) if scale > 1 else None))
        assert np.array_equal(found, ReadImage(size, draft=True)([Image.open(io.BytesIO(data))])[0])
        assert scale == 1 or not np.array_equal(found, quick(data, size))  # type: ignore[arg-type]


def test_a_draft_is_near_the_whole_picture() -> None:
    """The table in docs/data.md, on other crops of the same photographs."""
    for photo in PHOTOS:
        for height, width in ((427, 640), (303, 415), (257, 261)):
            data = jpeg(np.ascontiguousarray(photo[:height, :width]), quality=90)
            draft, full = (quick(data, (32, 32), draft=draft) for draft in (True, False))
            assert draft is not None
            assert full is not None
            difference = np.abs(draft.astype(int) - full)
            assert 0 < difference.mean() < 2
            assert difference[:, -1].mean() < 2  # the far edge lies where it should


def test_a_draft_that_is_turned_is_decoded_whole() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = jpeg(PHOTOS[0][:200], exif=exif)
    assert np.array_equal(ReadImage((16, 16), draft=True)([data]), ReadImage((16, 16))([data]))


def test_what_needs_more_than_decoding_is_left_to_pillow() -> None:
    part = np.ascontiguousarray(PHOTOS[0][:40, :48])
    turned, fixed, torn = Image.Exif(), Image.Exif(), Image.Exif()
    turned[0x0112], fixed[0x0112], torn[0x0112] = 6, 1, 3
    xmp = b'http://ns.adobe.com/xap/1.0/\0<x tiff:Orientation="3"/>'
    left = {
        "no JPEG": b"\x89PNG" + bytes(20),
        "turned": jpeg(part, exif=turned),
        "turned by XMP": jpeg(part, xmp=xmp),
        "EXIF cut short": jpeg(part, exif=torn.tobytes()[:16]),
        "EXIF of another kind": jpeg(part, exif=b"Exif\0\0nonsense"),
        "CMYK": jpeg(Image.new("CMYK", (48, 40))),
        "RGB": jpeg(part, keep_rgb=True),
        "no scan": jpeg(part)[:100],
        "several": multi(part),
    }
    assert [name for name, data in left.items() if quick(data, (40, 48)) is not None] == []
    assert quick(jpeg(part), (40, 48), "grey") is None  # luma, of which each library has its own
    assert quick(jpeg(part), (20, 20), resize=False) is None  # another size is an error, said elsewhere
    assert decode_into(jpeg(part), np.empty((8, 8, 3), np.uint8), "rgb", resize=True, draft=False, most_pixels=1000) is False
    for data in (jpeg(part), jpeg(part, exif=fixed), jpeg(part, comment=b"Orientation"), jpeg(part, icc_profile=b"x" * 100_000)):
        assert quick(data, (40, 48)) is not None


def multi(part: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(part).save(file, "MPO", save_all=True, append_images=[Image.fromarray(part)])
    return file.getvalue()


def test_a_damaged_file_is_never_read_otherwise_than_by_pillow() -> None:
    """Cut anywhere, or one byte changed anywhere: what is decoded at once is what Pillow decodes."""
    rng = np.random.default_rng(0)
    data = jpeg(np.ascontiguousarray(PHOTOS[1][200:232, 100:148]), quality=60, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0")
    kept = 0
    for number in range(len(data)):
        cut = data[:number]
        changed = bytearray(data)
        changed[number] ^= int(rng.integers(1, 256))
        for damaged in (cut, bytes(changed)):
            found = quick(damaged, (32, 48))
            if found is None:
                continue
            kept += 1
            assert np.array_equal(found, ReadImage((32, 48))([Image.open(io.BytesIO(damaged))])[0])
    assert 0 < kept < len(data) * 2
