"""Write tests/formats/opencv_resized.npz: what OpenCV makes of crops of scikit-learn's photos, for the tests of our resizing.

Needs opencv-python-headless (5.0.0.93 wrote the file that is there). It is no dependency of plait, since its wheels hold LGPL libraries.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from sklearn.datasets import load_sample_images

TO = Path(__file__).resolve().parent.parent / "tests" / "formats" / "opencv_resized.npz"


def main() -> None:
    photos = load_sample_images().images
    out: dict[str, np.ndarray] = {"opencv": np.array([int(n) for n in cv2.__version__.split(".")])}
    for seed in range(12):
        rng = np.random.default_rng(seed)
        photo = photos[seed % 2]
        high, wide = int(rng.integers(30, photo.shape[0])), int(rng.integers(30, photo.shape[1]))
        for name, how, shrinks in (("area", cv2.INTER_AREA, True), ("linear", cv2.INTER_LINEAR, False)):
            old = (high, wide) if shrinks else (min(high, 40), min(wide, 40))
            new = tuple(int(rng.integers(1, min(n, 56) + 1) if shrinks else n + rng.integers(0, 30)) for n in old)
            out[f"{name}.{seed}.old"] = np.array(old)
            out[f"{name}.{seed}.new"] = cv2.resize(np.ascontiguousarray(photo[: old[0], : old[1]]), new[::-1], interpolation=how)
    values = np.random.default_rng(0).integers(0, 256, (37, 53), np.uint8)
    for size in ((9, 10), (37, 20), (80, 111)):
        out[f"nearest.{size[0]}"] = cv2.resize(values, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    np.savez_compressed(TO, allow_pickle=False, **out)


if __name__ == "__main__":
    main()
