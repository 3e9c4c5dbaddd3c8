"""Options of a fit: whether they are whole numbers, whether they go with the data, and how long is trained by itself."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping

import numpy as np

from plait.errors import ArgumentError

__all__ = ["check_judge", "check_options", "check_paths", "check_training", "epochs_of", "only_for"]

_STEPS = 4000  # of training, where nobody says how many
_FEWEST, _MOST = 10, 400  # epochs


def epochs_of(steps_an_epoch: int) -> int:
    """How many epochs a generator is trained where nobody says."""
    return min(max(_STEPS // steps_an_epoch, _FEWEST), _MOST)


def check_options(owner: str, sizes: Mapping[str, object], *, least: Mapping[str, int] | None = None) -> None:
    """Raise where an option that counts something is no whole number of at least 1, or what `least` says; None is left out.

    Raises:
        ArgumentError: Naming it.
    """
    for name, value in sizes.items():
        low = (least or {}).get(name, 1)
        if value is not None and (not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < low):
            raise ArgumentError(f"{owner}.fit({name}={value!r}): a whole number of at least {low} is needed.")


def check_training(
    owner: str,
    *,
    learning_rate: object = None,
    penalty: object = None,
    guidance: object = None,
    augment: object = None,
    method: str = "fit",
) -> None:
    """Raise where a number is none, or is below what it can be; None is left out.

    Raises:
        ArgumentError: Naming it.
    """
    for name, value in {"learning_rate": learning_rate, "penalty": penalty, "guidance": guidance}.items():
        number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and (not number or value < 0 or (value == 0 and name == "learning_rate")):  # type: ignore[operator]
            least = "above 0" if name == "learning_rate" else "of 0 or more"
            raise ArgumentError(f"{owner}.{method}({name}={value!r}): a number {least} is needed.")
    if augment not in (None, True, False):
        raise ArgumentError(f"{owner}.{method}(augment={augment!r}): True, False or None is needed.")


def check_judge(owner: str, judge: object, patience: object) -> None:
    """Raise where a judge is none, or has nothing to measure.

    Raises:
        ArgumentError: Saying what to write.
    """
    if judge is not None and not callable(getattr(judge, "features", None)):
        raise ArgumentError(f"{owner}.fit(judge={judge!r}): a plait.Judge is needed. Write judge=plait.Judge.fit(train, 'its class').")
    if judge is not None and patience is None:
        raise ArgumentError(
            f"{owner}.fit(judge=...): the quality is measured where patience= is given. Write patience=10, or leave judge= out."
        )


def check_paths(owner: str, **paths: object) -> None:
    """Raise where what should be a path is none; None is left out.

    Raises:
        ArgumentError: Naming it.
    """
    for name, path in paths.items():
        if path is not None and not isinstance(path, (str, os.PathLike)):
            such = "run.json" if name == "resume" else name
            raise ArgumentError(f"{owner}.fit({name}={path!r}): a path is needed, such as {name}={such!r}.")


def only_for(owner: str, what: str, options: Mapping[str, object]) -> None:
    """Raise where an option is set that is for other data.

    Args:
        owner: Who asks: "GAN".
        what: What the options are for: "rows".
        options: name -> value, None where it is not set.

    Raises:
        ArgumentError: Naming it.
    """
    given = [name for name, value in options.items() if value is not None]
    if given:
        here = "images or series" if what == "rows" else "columns alone"
        raise ArgumentError(f"{owner}.fit({given[0]}=...) is for {what}, and these data hold {here}. Leave {given[0]}= out.")
