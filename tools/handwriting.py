"""Make src/plait/demo/handwriting.npz, the data of `plait demo`, from a checkout of github.com/brendenlake/omniglot.

    python tools/handwriting.py path/to/omniglot

Five of its alphabets, every drawing of them: the picture as it is, and the pen's path at points 4 pixels apart. The recorded path has
a point every few milliseconds, so that its length would tell the time that the drawing took; points at equal distances do not.
Needs NumPy and Pillow.
"""

from __future__ import annotations

import io
import itertools
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

ALPHABETS = ("Greek", "Japanese_(katakana)", "Korean", "Latin", "Sanskrit")
STEP = 4.0  # pixels between two points of the path
PAUSE = 2.0  # seconds: with a longer rest between two strokes, the time says nothing about the drawing


def main(checkout: Path, target: Path) -> None:
    """Write the file."""
    drawings = {}
    for part in ("small1", "small2"):
        pictures = zipfile.ZipFile(checkout / f"python/images_background_{part}.zip")
        strokes = zipfile.ZipFile(checkout / f"python/strokes_background_{part}.zip")
        for name in pictures.namelist():
            folder, *rest = name.split("/")
            if len(rest) == 3 and rest[2].endswith(".png") and rest[0] in ALPHABETS:
                text = strokes.read(name.replace(folder, folder.replace("images", "strokes")).replace(".png", ".txt")).decode()
                drawings[(*rest[:2], rest[2][:-4])] = (picture(pictures.read(name)), *path_and_seconds(text))
    labels, values = list(drawings), list(drawings.values())
    paths = [path for _, path, _ in values]
    np.savez_compressed(
        target,
        id=np.array([drawing for _, _, drawing in labels]),
        alphabet=np.array([alphabet.replace("Japanese_(katakana)", "Katakana") for alphabet, _, _ in labels]),
        picture=np.packbits(np.stack([image for image, _, _ in values]), axis=2),
        pen=np.concatenate(paths),
        pen_length=np.array([len(path) for path in paths], np.int16),
        hand=np.array([drawing[-2:] for _, _, drawing in labels]),
        usual=usual([(alphabet, drawing[-2:]) for alphabet, _, drawing in labels], np.array([seconds for _, _, seconds in values])),
        seconds=np.array([seconds for _, _, seconds in values], np.float32),
    )
    timed = int(np.isfinite([seconds for _, _, seconds in values]).sum())
    print(f"{target}: {len(labels)} drawings, {timed} with a time, {target.stat().st_size / 1e6:.2f} MB")


def picture(data: bytes) -> np.ndarray:
    """(105, 105) bool: true where there is ink."""
    return ~np.asarray(Image.open(io.BytesIO(data)).convert("1"))


def path_and_seconds(text: str) -> tuple[np.ndarray, float]:
    """(points, 3) uint8 of x, y in pixels from the upper left and the number of the stroke; seconds from first to last touch, or NaN."""
    strokes = [
        np.array([line.split(",") for line in lines], float)
        for ink, lines in itertools.groupby(text.split()[1:], lambda line: line != "BREAK")
        if ink
    ]
    lines = [evenly(stroke[:, :2] * (1, -1)) for stroke in strokes]
    points = [np.column_stack([line, np.full(len(line), number)]) for number, line in enumerate(lines, 1)]
    rests = [after[0, 2] - before[-1, 2] for before, after in itertools.pairwise(strokes)]
    seconds = (strokes[-1][-1, 2] - strokes[0][0, 2]) / 1000
    unusable = max(rests, default=0) > PAUSE * 1000 or seconds <= 0
    return np.clip(np.rint(np.concatenate(points)), 0, 255).astype(np.uint8), np.nan if unusable else round(seconds, 2)


def usual(hands: list[tuple[str, str]], seconds: np.ndarray) -> np.ndarray:
    """(drawings,) float32: the median time of the other drawings of the same hand."""
    hand = np.unique([" ".join(pair) for pair in hands], return_inverse=True)[1]
    own = np.arange(len(seconds))
    return np.array([round(float(np.nanmedian(seconds[(hand == hand[row]) & (own != row)])), 2) for row in own], np.float32)


def evenly(points: np.ndarray) -> np.ndarray:
    """(n, 2): points along the line, at equal distances of about STEP pixels."""
    along = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(points, axis=0).T))])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / STEP) + 1))
    return np.column_stack([np.interp(at, along, column) for column in points.T])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(__file__).parents[1] / "src/plait/demo/handwriting.npz")
