"""The contents of files, on disk, in archives and behind URLs: whole, no larger than meant, and not while they are written."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import stat
import time
from collections.abc import Sequence
from typing import Any

from plait.errors import ChangedError, MissingExtraError, ReadError
from plait.formats.remote import filesystem
from plait.formats.unpacked import MOST_RATIO, most_unpacked

__all__ = ["file_stamp", "is_url", "read_bytes", "stamp_of", "undisturbed"]

_TICK, _TRIES = 20_000_000, 3  # nanoseconds; Linux stamps files 100 to 1000 times a second


def is_url(path: str) -> bool:
    """Whether fsspec is to open this: "s3://bucket/x", "memory://x", "zip://a.npy::set.zip"."""
    return "://" in path


def read_bytes(path: str, *, label: str, key: object, most: int = 2**31) -> bytes:
    """The contents of one listed file.

    Args:
        path: On disk or a URL.
        label: The stream, for the message.
        key: The sample's key, for the message.
        most: Refuse a file of more bytes.

    Raises:
        ChangedError: It is gone since it was listed.
        ReadError: It is empty, larger than `most`, no regular file, or cannot be read.
    """
    try:
        data = _read_url(path, label, most) if is_url(path) else _read_local(path, most)
    except FileNotFoundError as error:
        if not is_url(path) and os.path.islink(path):
            raise ReadError(f"{label}: sample {key!r} is a broken link: {path!r} -> {os.readlink(path)!r}. Mend or remove it.") from error
        where = "" if is_url(path) or os.path.isabs(path) else f" (working directory {os.getcwd()!r})"
        raise ChangedError(
            f"{label}: sample {key!r} is gone: {path!r} was listed and is no longer there{where}. "
            'Declare the source again to list anew; missing="drop" then leaves the sample out.'
        ) from error
    except MissingExtraError:
        raise
    except _TooLargeError as error:
        raise ReadError(
            f"{label}: sample {key!r} is too large: {path!r} has {error} bytes or more, and at most {most} are read. "
            "Check the file; it can hardly be what the template means."
        ) from error
    except _BombError as error:
        raise ReadError(
            f"{label}: sample {key!r} is made to fill memory: {path!r} is {error}, and a member of an archive unpacks to at most "
            f"{MOST_RATIO} times its size. Where it is meant, unpack the archive into a folder."
        ) from error
    except _WrittenError as error:
        raise ChangedError(
            f"{label}: sample {key!r} was written to while it was read: {path!r}. "
            "Write new data to a new file, and rename it when it is whole."
        ) from error
    except OSError as error:
        raise ReadError(f"{label}: sample {key!r} cannot be read from {path!r}: {error.strerror or error}.") from error
    except Exception as error:  # what fsspec's file systems raise of their own
        raise ReadError(f"{label}: sample {key!r} cannot be read from {path!r}: {type(error).__name__}: {error}") from error
    if not data:
        raise ReadError(f"{label}: sample {key!r} is empty: {path!r} has 0 bytes. Restore the file, or remove it to leave the sample out.")
    return data


def file_stamp(path: str, *, label: str) -> tuple[int, ...]:
    """What identifies a file on disk and its contents: it is another once the file is.

    Raises:
        ReadError: There is none, or it is a folder or a pipe.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise ReadError(f"{label} cannot be read: {error.strerror} (working directory {os.getcwd()!r}).") from error
    if not stat.S_ISREG(status.st_mode):
        raise ReadError(f"{label} cannot be read: it is {'a folder' if stat.S_ISDIR(status.st_mode) else 'no regular file'}.")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def stamp_of(paths: Sequence[str]) -> str:
    """One text for these files: names, sizes and times of change; of URLs, and of files that are gone, the names alone."""
    digest = hashlib.blake2b(digest_size=16)
    for path in paths:
        digest.update(path.encode() + b"\0")
        if not is_url(path):
            with contextlib.suppress(OSError):
                status = os.stat(path)
                digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


class _TooLargeError(Exception):
    """More bytes than asked for."""


class _BombError(Exception):
    """A member of an archive that unpacks to many times its size."""


class _WrittenError(Exception):
    """Somebody wrote to the file while it was read."""


def undisturbed(begun: int, before: os.stat_result, after: os.stat_result) -> bool:
    """Whether nobody can have written to a file between two looks at it.

    Args:
        begun: When the first was taken, in nanoseconds since 1970.
        before, after: What was seen.
    """
    same = (after.st_size, after.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    return same and abs(begun - before.st_mtime_ns) > _TICK


def _read_local(path: str, most: int) -> bytes:
    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe must not make us wait
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"it is {'a folder' if stat.S_ISDIR(status.st_mode) else 'no regular file'}")
        if status.st_size > most:
            raise _TooLargeError(status.st_size)
        for _ in range(_TRIES):
            begun = time.time_ns()
            data = os.read(file, status.st_size)
            while len(data) < status.st_size and (more := os.read(file, status.st_size - len(data))):
                data += more
            after = os.fstat(file)
            if undisturbed(begun, status, after) and len(data) == status.st_size:
                return data
            if len(data) != status.st_size or (after.st_size, after.st_mtime_ns) != (status.st_size, status.st_mtime_ns):
                break
            time.sleep(_TICK / 1e9)  # within one tick of the clock that files are stamped by, a write leaves no trace
            os.lseek(file, 0, os.SEEK_SET)
        raise _WrittenError
    finally:
        os.close(file)


def _read_url(path: str, label: str, most: int) -> bytes:
    inner, _, outer = path.partition("::")
    if inner.startswith("zip://") and outer:
        store, within = _archive(outer, os.getpid(), _stamp(outer)), inner.removeprefix("zip://")
        try:
            _check_ratio(store.zip.getinfo(within))
        except KeyError as error:
            raise FileNotFoundError(within) from error
    else:
        store, within = filesystem(path, label=label)
    with store.open(within, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _TooLargeError(len(data))
    return data


def _check_ratio(member: Any) -> None:
    """Raise where a member of a zip archive unpacks to what would be made to fill memory."""
    if member.file_size > most_unpacked(member.compress_size):
        raise _BombError(f"{member.file_size} bytes packed into {member.compress_size}")


@functools.lru_cache(maxsize=4)  # a memo: to open an archive is to read the list of all its members
def _archive(outer: str, process: int, stamp: object) -> Any:
    """The file system in a zip archive, open in this process, as it was at this stamp."""
    return filesystem(f"zip://::{outer}", label=f"the archive {outer!r}")[0]


def _stamp(outer: str) -> tuple[int, int] | None:
    if is_url(outer):
        return None
    status = os.stat(outer)
    return status.st_size, status.st_mtime_ns
