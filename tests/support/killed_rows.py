"""Training of rows whose process ends without warning as soon as something was saved: python killed_rows.py GAN|Flow STATE."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

import numpy as np

import plait


def data(rows=400):
    """y is about 4 greater for class b; a count that is whole."""
    rng = np.random.default_rng(0)
    grade = rng.integers(0, 2, rows)
    arrays = plait.Arrays(grade=np.array(["a", "b"])[grade], y=4 * grade + rng.normal(size=rows), count=rng.poisson(2, rows))
    return plait.Dataset(inputs={"grade": arrays["grade"]}, targets={n: arrays[n] for n in ("y", "count")})


def train(kind, state, epochs=12):
    """Trained with everything that a resumed run has to put back."""
    options = {"epochs": epochs, "units": 8, "batch_size": 32, "patience": epochs, "resume": state, "progress": False}
    if kind == "GAN":
        return plait.GAN.fit(data(), condition=["grade"], layers=1, noise=4, **options)
    return plait.Flow.fit(data(), blocks=1, **options)


def _end(state):
    while not os.path.exists(state):
        time.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    threading.Thread(target=_end, args=(sys.argv[2],), daemon=True).start()
    train(*sys.argv[1:])
