"""What was packed, read no further than what is packed honestly unpacks to."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from plait.errors import PlaitError, ReadError
from plait.formats.remote import filesystem

__all__ = ["MOST_RATIO", "Unpacked", "most_unpacked", "opened"]

_PACKED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".br", ".zip", ".snappy", ".lzma")
MOST_RATIO, _FREE = 200, 2**24  # bytes for each packed one, and how many whatever it takes; deflate reaches 1030, on nothing but repetition


def most_unpacked(packed: int) -> int:
    """The bytes that so many packed ones may become."""
    return _FREE + MOST_RATIO * packed


@contextmanager
def opened(path: str, label: str) -> Iterator[Any]:
    """The bytes of a file on disk or behind a URL, unpacked where its name says that it is packed.

    Raises:
        ReadError: There is none, it cannot be read, or it unpacks to more than may be.
    """
    import pyarrow as pa

    try:
        if "://" in path:
            remote, inside = filesystem(path, label=label)
            with remote.open(inside, "rb", compression="infer") as file:
                yield Unpacked(file, remote.size(inside) or 0, label) if inside.endswith(_PACKED) else file
        else:
            with pa.input_stream(path) as file:
                yield Unpacked(file, os.path.getsize(path), label) if path.endswith(_PACKED) else file
    except FileNotFoundError as error:
        raise ReadError(f"{label} does not exist.{_nearby(path)}") from error
    except PlaitError:
        raise
    except OSError as error:
        raise ReadError(f"{label} cannot be read: {error.strerror or error}.") from error


class Unpacked(io.RawIOBase):
    """A stream that is unpacked as it is read, and refused once it is larger than `most_unpacked`.

    Args:
        inner: Gives the unpacked bytes.
        packed: Bytes of the file.
        label: Whose it is, for messages.
    """

    def __init__(self, inner: Any, packed: int, label: str) -> None:
        super().__init__()
        self._inner, self._packed, self._label, self._read = inner, packed, label, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int | None = -1) -> bytes:  # type: ignore[override]
        """So many bytes, fewer at the end; all by default.

        Raises:
            ReadError: They are more than may be.
        """
        most = most_unpacked(self._packed) - self._read + 1
        data = self._inner.read(most if size is None or size < 0 else min(size, most))
        self._read += len(data)
        if self._read > most_unpacked(self._packed):
            raise ReadError(
                f"{self._label} is made to fill memory: its {self._packed} bytes unpack to {self._read} and more, and a packed file to at "
                f"most {MOST_RATIO} times its size. Where it is meant, unpack it first, and read the file that is not packed."
            )
        return data


def _nearby(path: str) -> str:
    if "://" in path:
        return " Check the address."
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        return f" The folder {folder!r} does not exist (working directory {os.getcwd()!r})."
    names = sorted(name for name in os.listdir(folder) if name.lower().endswith((".csv", ".tsv", ".txt", ".gz")))
    return f" {folder!r} holds {names[:5]}." if names else f" {folder!r} holds no table."
