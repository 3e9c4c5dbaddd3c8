"""Files damaged at random: a sample or an error of ours, and nothing else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

import plait
from plait.errors import PlaitError
from plait.sources.images import ReadImage
from plait.sources.masks import ReadMask
from plait.sources.npy import ReadNpy

TIMES = 150


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, most often near the beginning where the header is, or the end cut off."""
    data = bytearray(content)
    if rng.random() < 0.25:
        return bytes(data[: rng.integers(1, len(data))])
    reach = len(data) if rng.random() < 0.5 else min(len(data), 200)
    for _ in range(rng.integers(1, 8)):
        data[rng.integers(reach)] = rng.integers(256)
    return bytes(data)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of what it finds on the way
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000", "AVIF"])
def test_pictures(kind: str) -> None:
    rng = np.random.default_rng(0)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("PNG", "JPEG", "TIFF", "WEBP") else {}
    Image.fromarray(rng.integers(0, 256, (20, 24, 3), np.uint8)).save(buffer, kind, **options)
    image, mask, errors = ReadImage((8, 8)), ReadMask((8, 8)), 0
    for _ in range(TIMES):
        content = damaged(buffer.getvalue(), rng)
        try:
            assert image([content]).shape == (1, 8, 8, 3)
            mask([content])
        except PlaitError:
            errors += 1
    assert errors > TIMES / 5


def test_arrays() -> None:
    rng = np.random.default_rng(0)
    buffer, step, errors = io.BytesIO(), ReadNpy((6, 3), "float32"), 0
    np.save(buffer, rng.normal(size=(6, 3)).astype(np.float32))
    for _ in range(TIMES * 10):
        try:
            assert step([damaged(buffer.getvalue(), rng)]).shape == (1, 6, 3)  # type: ignore[union-attr]
        except PlaitError:
            errors += 1
    assert errors > TIMES * 2


def test_documents(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    document = {"a": 1, "b": {"c": [1.5, 2, None], "d": "ü\n"}, "e": [[True, False]], "f": None}
    errors = 0
    for text in (json.dumps(document), repr(document)):
        for _ in range(TIMES * 3):
            (tmp_path / "1.json").write_bytes(damaged(text.encode(), rng))
            try:
                assert len(plait.Json(tmp_path / "{id}.json", fields=["a"])) == 1
            except PlaitError:
                errors += 1
    assert errors > TIMES


def test_hdf5(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["id"] = [f"s{n}" for n in range(12)]
        file.create_dataset("a/b", data=rng.integers(0, 256, (12, 4, 4), np.uint8), chunks=(3, 4, 4), compression="gzip")
        tokens = file.create_dataset("tokens", 12, h5py.vlen_dtype(np.int32))
        for row in range(12):
            tokens[row] = np.arange(row)
    whole, errors = (tmp_path / "s.h5").read_bytes(), 0
    for _ in range(TIMES):
        (tmp_path / "d.h5").write_bytes(damaged(whole, rng))
        try:
            source = plait.HDF5(tmp_path / "d.h5", key="id")
            assert all(len(source[name].values()) == len(source) for name in source.spec)
        except PlaitError:
            errors += 1
    assert errors > TIMES / 5
