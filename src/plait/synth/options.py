"""Options of a fit: whether they are whole numbers, and whether they go with the data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from plait.errors import ArgumentError

__all__ = ["check_options", "only_for"]


def check_options(owner: str, sizes: Mapping[str, object]) -> None:
    """Raise where an option that counts something is no whole number of at least 1; None is left out.

    Raises:
        ArgumentError: Naming it.
    """
    for name, value in sizes.items():
        if value is not None and (not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1):
            raise ArgumentError(f"{owner}.fit({name}={value!r}): a whole number of at least 1 is needed.")


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
