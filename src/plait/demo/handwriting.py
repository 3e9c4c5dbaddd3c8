"""The data of the demo as files: pictures, paths of the pen, and a table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from plait.pages.png import encode

__all__ = ["unpack"]

_SIDE = 105  # pixels of a picture


def unpack(folder: Path) -> None:
    """Write drawings/{id}.png, pens/{id}.npy and labels.csv: 3580 drawings of 179 characters in five scripts, by 100 hands.

    A path of the pen is (points, 3) float32: x and y as shares of the picture's side, and the number of the stroke. The table holds the
    script, the hand, the usual time of that hand (the median of its other drawings) and the seconds that this drawing took, empty where
    the writer rested for more than two seconds in between. The licence lies beside them.
    """
    here = Path(__file__).parent
    packed = np.load(here / "handwriting.npz", allow_pickle=False)
    for name in ("drawings", "pens"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    ids, ends = packed["id"].tolist(), np.cumsum(packed["pen_length"].astype(np.int64))
    ink = np.unpackbits(packed["picture"], axis=2, count=_SIDE)
    pens = packed["pen"].astype(np.float32) / np.array([_SIDE, _SIDE, 1], np.float32)
    for name, drawing, pen in zip(ids, ink, np.split(pens, ends[:-1]), strict=True):
        (folder / f"drawings/{name}.png").write_bytes(encode(np.where(drawing, 0, 255).astype(np.uint8)))
        np.save(folder / f"pens/{name}.npy", pen)
    with open(folder / "labels.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["id", "script", "hand", "usual", "seconds"])
        columns = [packed[name].tolist() for name in ("alphabet", "hand", "usual", "seconds")]
        for name, script, hand, usual, seconds in zip(ids, *columns, strict=True):
            table.writerow([name, script, f"{script} {hand}", f"{usual:.2f}", "" if np.isnan(seconds) else f"{seconds:.2f}"])
    (folder / "LICENSE.txt").write_text((here / "LICENSE-omniglot.txt").read_text(encoding="utf-8"), encoding="utf-8")
