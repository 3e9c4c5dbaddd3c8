"""The file system behind a URL, by fsspec."""

from __future__ import annotations

from typing import Any

from plait.errors import ArgumentError, MissingExtraError
from plait.extras import require

__all__ = ["filesystem"]


def filesystem(url: str, *, label: str) -> tuple[Any, str]:
    """The fsspec filesystem behind a URL, and the path in it.

    Raises:
        ArgumentError: fsspec does not know the protocol.
        MissingExtraError: The package that speaks it is not installed.
    """
    fsspec = require("fsspec", extra="remote", purpose=label)
    try:
        return fsspec.core.url_to_fs(url)
    except ValueError as error:
        raise ArgumentError(f"{label}: {error}. Write a path, or a URL that fsspec knows, such as 's3://bucket/x'.") from error
    except ImportError as error:
        raise MissingExtraError(f"{label}: {error}") from error
