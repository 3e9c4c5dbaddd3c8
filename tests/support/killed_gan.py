"""A GAN in training whose process ends without warning as soon as something was saved: python killed_gan.py STATE."""

from __future__ import annotations

import os
import signal
import sys

from pictures import quarters

import plait


def train(state, kill=False):
    """Trained with everything that a resumed run has to put back."""

    def ended(image, rng):
        if kill and os.path.exists(state):
            os.kill(os.getpid(), signal.SIGKILL)
        return image

    data = quarters(96).augment(ended, on="image")
    return plait.GAN.fit(data, epochs=4, units=8, noise=4, batch_size=32, patience=3, augment=True, resume=state, progress=False)


if __name__ == "__main__":
    train(sys.argv[1], kill=True)
