"""Small pictures and series whose condition can be seen."""

from __future__ import annotations

import numpy as np

import plait


def quarters(rows=256, seed=0, side=8):
    """Which of three quarters is bright, and the picture: (side, side, 1) uint8."""
    rng = np.random.default_rng(seed)
    which = rng.integers(0, 3, rows)
    image = rng.integers(0, 60, (rows, side, side, 1))
    half = side // 2
    for row, quarter in enumerate(which):
        top, left = divmod(int(quarter), 2)
        image[row, top * half : (top + 1) * half, left * half : (left + 1) * half] += 150 + rng.integers(0, 40)
    arrays = plait.Arrays(quarter=which, image=image.astype(np.uint8))
    return plait.Dataset(inputs={"quarter": arrays["quarter"]}, targets={"image": arrays["image"]})


def seen(image):
    """The quarter that is brightest."""
    half = image.shape[1] // 2
    parts = image[..., 0].astype(float).reshape(len(image), 2, half, 2, half).mean(axis=(2, 4)).reshape(len(image), 4)
    return parts.argmax(axis=1)


def everything(space, rows=40, seed=0):
    """Two targets of one space, told by a class as text, a number, a vector, a series, an image and a map of the same space."""
    rng = np.random.default_rng(seed)
    arrays = plait.Arrays(
        colour=np.array(["red", "green", "blue"])[rng.integers(0, 3, rows)],
        size=rng.normal(40, 9, rows),
        words=rng.normal(size=(rows, 5)).astype(np.float32),
        beat=rng.normal(size=(rows, 12, 2)).astype(np.float32),
        photo=rng.integers(0, 255, (rows, 9, 9, 3)).astype(np.uint8),
        noise=rng.normal(size=(rows, *space, 1)).astype(np.float32),
        one=rng.integers(0, 255, (rows, *space, 2)).astype(np.uint8) if len(space) == 2 else rng.normal(9, 3, (rows, *space, 2)),
        two=rng.normal(5, 2, (rows, *space, 1)).astype(np.float32),
    )
    told = ("colour", "size", "words", "beat", "photo", "noise")
    return plait.Dataset(inputs={name: arrays[name] for name in told}, targets={name: arrays[name] for name in ("one", "two")})
