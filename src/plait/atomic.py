"""Files whose names hold either the old contents or all of the new."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

if sys.platform != "win32":  # there, what a killed process leaves behind stays
    import fcntl

__all__ = ["exchanged", "replacing", "told"]

_SUFFIX = ".part"
_HERE = -100  # AT_FDCWD
_SIZE = (errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC))


@contextmanager
def replacing(path: str | os.PathLike[str], *, durable: bool = True, family: str | None = None) -> Iterator[IO[bytes]]:
    """A file to write to that takes the name `path`, replacing what has it, once all is written. Nothing is left when that fails.

    Until then it lies beside it under a name of its own, so that two writers do not mix and nothing is written through a link that
    somebody laid there. What a killed process left is removed by the next that writes there.

    Args:
        path: On disk.
        durable: Wait until the disk holds it, so that a machine that loses power has the old or the new too, and look for what a killed
            process left. Without it thousands of files are written quickly.
        family: Whose leftovers are removed, where files of one writer take turns in their names; the name of the file when left out.

    Raises:
        OSError: It cannot be written. Where the disk is full, its text says after how many bytes and how much is free.
    """
    path = os.path.abspath(os.fspath(path))
    folder, name = os.path.split(path)
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    name = family or name
    if durable:
        _sweep(folder, name)
    part, file = _begun(folder, name)
    try:
        try:
            with file:
                yield file
                file.flush()
                if durable:
                    os.fsync(file.fileno())
        except OSError as error:
            measured = _measured(error, part, folder)
            if measured is error:
                raise
            raise measured from error
        os.replace(part, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part)


def _begun(folder: str, name: str) -> tuple[str, IO[bytes]]:
    """A new file beside the one that is meant, and its name; locked, so that nobody takes it for a dead one."""
    while True:
        part = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(4)}{_SUFFIX}")
        descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o666)
        if sys.platform != "win32":
            with contextlib.suppress(OSError):  # file systems without locks
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:  # else it was swept away before it was locked
            return part, open(part, "w+b", opener=lambda _path, _flags, descriptor=descriptor: descriptor)
        os.close(descriptor)


def exchanged(one: str, other: str) -> bool:
    """Let two names trade what they stand for, in one step; false where the system has no such step.

    Raises:
        OSError: One of them is not there.
    """
    libc, flag = ctypes.CDLL(None, use_errno=True) if sys.platform != "win32" else None, 2  # RENAME_EXCHANGE, RENAME_SWAP
    if hasattr(libc, "renameat2"):
        status = libc.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), flag)  # type: ignore[union-attr]
    elif hasattr(libc, "renamex_np"):
        status = libc.renamex_np(os.fsencode(one), os.fsencode(other), flag)  # type: ignore[union-attr]
    else:
        return False
    if status and ctypes.get_errno() == errno.ENOENT:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), one)
    return not status


def told(error: OSError, folder: str) -> str:
    """What the system says, and how much room there is where that is the reason."""
    said = error.strerror or str(error)
    with contextlib.suppress(OSError):
        if error.errno in _SIZE and "bytes free" not in said:
            return f"{said}, and {folder!r} has {shutil.disk_usage(folder).free} bytes free"
    return said


def _measured(error: OSError, part: str, folder: str) -> OSError:
    """The same error, with how much was written and how much room is left where that is the reason."""
    if error.errno not in _SIZE:
        return error
    with contextlib.suppress(OSError):
        return OSError(
            error.errno,
            f"{os.strerror(error.errno or 0)} after {os.path.getsize(part)} bytes, and {folder!r} has "
            f"{shutil.disk_usage(folder).free} bytes free",
        )
    return error


def _sweep(folder: str, name: str) -> None:
    """Remove what killed processes left of this file: parts whose lock nobody holds."""
    if sys.platform == "win32":
        return
    for part in glob.glob(os.path.join(glob.escape(folder), f".{glob.escape(name[:100])}.????????{_SUFFIX}")):
        with contextlib.suppress(OSError):  # held, or somebody else's
            descriptor = os.open(part, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(part)
            finally:
                os.close(descriptor)
