"""Import an optional dependency, or say which extra brings it."""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from plait.errors import MissingExtraError

__all__ = ["optional", "require"]


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Return the module, imported.

    Args:
        module: Its dotted name, such as "pyarrow.parquet".
        extra: The extra of plait that installs it.
        purpose: What it is needed for, in the user's words: "Parquet 'patients.parquet'".

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{purpose} needs the package {package!r}, which is not installed. Run: pip install 'plait[{extra}]'"
        ) from error


@functools.cache
def optional(module: str) -> ModuleType | None:
    """The module, imported; None where it, or what it needs, is not installed: then there is a slower way to the same result."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
