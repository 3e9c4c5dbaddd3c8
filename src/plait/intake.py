"""What a network is made for and drawn with: names that Keras takes, pixels with their channels, seeds."""

from __future__ import annotations

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.spec import Spec

__all__ = ["check_channels", "check_name", "check_seed"]

_COLOURS = 4  # channels of bytes that a series may have before it is taken for a picture


def check_channels(owner: str, name: str, spec: Spec) -> None:
    """Raise where what would be a series (time, channels) looks like an image whose axis of channels is lacking.

    Args:
        owner: Who asks: "GAN.fit".
        name: Of the stream.
        spec: Of one sample.

    Raises:
        SpecError: Saying what to write.
    """
    if len(spec.shape) == 2 and spec.dtype == np.uint8 and (spec.shape[1] or 0) > _COLOURS:
        raise SpecError(
            f"{owner}: {name!r} is {spec}: pixels without channels, it seems. Images are (height, width, channels): "
            f"data.map(lambda image: image[..., None], on={name!r}); a series (time, channels) is not of uint8: "
            f"data.map(plait.Cast('float32'), on={name!r})."
        )


def check_name(owner: str, name: str) -> None:
    """Raise where Keras doesn't take a stream's name for an input.

    Raises:
        SpecError: Saying what to write.
    """
    if "/" in name:
        raise SpecError(
            f"{owner}: {name!r}: Keras takes no / in the name of an input. Write "
            f"plait.Dataset(inputs={{{name.replace('/', '_')!r}: data[{name!r}], ...}}, ...)."
        )


def check_seed(owner: str, seed: object) -> None:
    """Raise where a seed is no whole number.

    Raises:
        ArgumentError: It is something else.
    """
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool):
        raise ArgumentError(f"{owner}(seed={seed!r}): a seed is a whole number. Write seed=0.")
