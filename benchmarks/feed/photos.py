"""Files to read: photos with masks and token lists, sensor series with metadata, and one large array; made once, from a seed.

The photos are crops of those that scikit-learn and scikit-image bring along, at other scales: real ones, since made-up pixels compress,
and so decode, like nothing that is photographed.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

__all__ = ["CLASSES", "MOST_TOKENS", "PLACES", "SERIES", "large", "photos", "sensors", "tokens"]

MOST_TOKENS, SERIES = 20, (100, 5)
CLASSES = {0: "elsewhere", 255: "here"}  # of a mask's pixels
PLACES = ("north", "east", "south", "west")
_ROOT = Path(os.environ.get("BENCH_DATA", "build/bench-data"))


def photos(rows: int) -> Path:
    """photos/NNNNN.jpg of 256x256 to 480x640 (quality 90, 4:2:0), bright/NNNNN.png and inner/NNNNN.png (0 and 255)."""
    return _once(f"photos-{rows}", lambda folder: _photos(folder, rows))


def sensors(rows: int) -> Path:
    """NNNNN.npy of (100, 5) float64, whose first value is the number, and NNNNN.json with its place and time."""
    return _once(f"sensors-{rows}", lambda folder: _sensors(folder, rows))


def large(rows: int) -> Path:
    """large.npy of (rows, 64, 64, 3) uint8, whose first four bytes are the number of the row."""
    return _once(f"large-{rows}", lambda folder: _large(folder, rows)) / "large.npy"


def tokens(rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(values,) int32 and (rows + 1,) offsets of lists of 5 to 20 tokens; the first of a list is the number of its row, from 1."""
    rng = np.random.default_rng(2)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(5, MOST_TOKENS + 1, rows))])
    values = rng.integers(1, 30_000, offsets[-1]).astype(np.int32)
    values[offsets[:-1]] = np.arange(1, rows + 1)
    return values, offsets


def _once(name: str, write: Callable[[Path], None]) -> Path:
    folder, partial = _ROOT.absolute() / name, _ROOT.absolute() / f"{name}.partial"
    if not folder.exists():
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        write(partial)
        partial.rename(folder)
    return folder


def _photos(folder: Path, rows: int) -> None:
    from PIL import Image, ImageFilter

    sources, rng = _real(), np.random.default_rng(3)
    for name in ("photos", "bright", "inner"):
        (folder / name).mkdir()
    for row in range(rows):
        height, width = int(rng.integers(256, 481)), int(rng.integers(256, 641))
        source = sources[rng.integers(len(sources))]
        least = max(height / source.height, width / source.width)  # the smallest scale at which the crop fits
        scale = least * rng.uniform(1, 1.3)
        wide, high = max(width, round(source.width * scale)), max(height, round(source.height * scale))
        scaled = source.resize((wide, high), Image.Resampling.LANCZOS)
        left, top = (int(rng.integers(room + 1)) for room in (scaled.width - width, scaled.height - height))
        photo = scaled.crop((left, top, left + width, top + height))
        photo.save(folder / "photos" / f"{row:05}.jpg", quality=90, subsampling="4:2:0")
        grey = photo.convert("L").filter(ImageFilter.GaussianBlur(2))
        bright = np.asarray(grey) > np.median(np.asarray(grey))
        y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
        inner = (y / rng.uniform(0.3, 0.9)) ** 2 + (x / rng.uniform(0.3, 0.9)) ** 2 < 1
        for name, mask in (("bright", bright), ("inner", inner)):
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / name / f"{row:05}.png")


def _real() -> list:
    """Colour photographs of 450x300 and more."""
    import skimage
    from PIL import Image
    from sklearn.datasets import load_sample_images

    here = Path(skimage.__file__).parent / "data"
    names = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "ihc.png", "motorcycle_left.png", "retina.jpg")
    found = [Image.open(here / name).convert("RGB") for name in (*names, "rocket.jpg") if (here / name).exists()]
    return [*found, *map(Image.fromarray, load_sample_images().images)]


def _sensors(folder: Path, rows: int) -> None:
    rng = np.random.default_rng(4)
    for row in range(rows):
        series = np.cumsum(rng.normal(size=SERIES), axis=0)
        series[0, 0] = row
        np.save(folder / f"{row:05}.npy", series)
        about = {"location": PLACES[rng.integers(len(PLACES))], "time": 1.7e9 + float(rng.integers(10**6))}
        (folder / f"{row:05}.json").write_text(json.dumps(about))


def _large(folder: Path, rows: int) -> None:
    rng, shape = np.random.default_rng(5), (64, 64, 3)
    with open(folder / "large.npy", "wb") as file:
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (rows, *shape)})
        file.write(header.getvalue())
        for start in range(0, rows, 4096):
            block = rng.integers(0, 256, (min(4096, rows - start), *shape), np.uint8)
            block[:, 0, 0, :] = 0
            numbers = np.arange(start, start + len(block), dtype="<u4").view(np.uint8).reshape(-1, 4)
            block.reshape(len(block), -1)[:, :4] = numbers
            file.write(block.tobytes())
        file.flush()
        os.fsync(file.fileno())
