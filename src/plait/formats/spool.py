"""Columns that grow a batch at a time: in memory up to a budget, beyond it in flat files that go when their owner goes."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from plait.errors import ReadError, SpecError
from plait.formats.arrow import Field, convert
from plait.ragged import Array, Ragged, take
from plait.spec import TEXT, Spec

if sys.platform != "win32":  # there, what a killed process leaves behind stays until the system clears its temporary folder
    import fcntl

__all__ = ["Column", "Folder", "Gathered", "gather"]


@dataclass(frozen=True, eq=False)
class Column:
    """One stream of a table, all its rows. Thread-safe; a pickle of a spooled one names its files, which live as long as their owner.

    Args:
        spec: What one sample is.
        values: (rows, *shape), or `Ragged`; text on disk is `Ragged` of UTF-8 bytes.
        absent: (rows,) bool, true where there is no value (and zero stands in its place); None where there always is one.
        folder: That holds the files; None where the column is in memory.
    """

    spec: Spec
    values: Array
    absent: np.ndarray | None
    folder: Folder | None = None

    def take(self, rows: np.ndarray) -> Array:
        """The samples at these rows, in this order, copied."""
        picked = take(self.values if isinstance(self.values, Ragged) else np.asarray(self.values), rows)
        if self.spec.text and isinstance(picked, Ragged):
            return _text(picked)
        return picked

    @property
    def in_memory(self) -> bool:
        """Whether the values are in memory rather than on disk."""
        return not isinstance(self.values.values if isinstance(self.values, Ragged) else self.values, np.memmap)

    def __reduce__(self) -> tuple[object, ...]:
        values = self.values
        packed = ("ragged", _packed(values.values), _packed(values.offsets)) if isinstance(values, Ragged) else ("dense", _packed(values))
        return _unpickled, (self.spec, packed, self.absent)


class Folder:
    """A temporary folder that is removed with its last user, at exit, or, after a kill, by the next one that is made beside it.

    Args:
        parent: Where to make it; the system's temporary folder by default.
    """

    def __init__(self, parent: str | os.PathLike[str] | None = None) -> None:
        parent = tempfile.gettempdir() if parent is None else os.fspath(parent)
        _sweep(parent)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        lock = (self.path / "new").open("wb")
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)  # held while the process lives, and its children
        os.replace(self.path / "new", self.path / "lock")
        self._removal = weakref.finalize(self, _remove, self.path, lock, os.getpid())


@dataclass(frozen=True)
class Gathered:
    """All rows of a table.

    Args:
        rows: How many.
        columns: name -> stream.
        keys: name -> part of the key, always in memory.
        refused: name -> why its values cannot be held.
    """

    rows: int
    columns: dict[str, Column]
    keys: dict[str, Column]
    refused: dict[str, str]


def gather(
    batches: Iterable[Any],
    streams: Mapping[str, Field],
    keys: Mapping[str, Field],
    *,
    label: str,
    memory: int | None = None,
    folder: str | None = None,
) -> Gathered:
    """Collect these columns.

    Args:
        batches: Of `pyarrow.RecordBatch`, all of the schema the fields came from.
        streams: name -> column; each with a spec.
        keys: name -> column, as `as_key` reads it.
        label: The source, for messages.
        memory: Bytes of streams kept in memory; a table that is larger is written to disk as it comes. None: all is kept.
        folder: Where to write then; the system's temporary folder by default.

    Raises:
        ReadError: The disk is full or cannot be written.
        SpecError: The values of a key cannot be held.
    """
    growing = {name: _Growing(field) for name, field in streams.items()}
    kept = {name: _Growing(field) for name, field in keys.items()}
    refused: dict[str, str] = {}
    spool: Folder | None = None
    rows = 0
    try:
        for batch in batches:
            rows += batch.num_rows
            for name, column in kept.items():
                try:
                    column.append(*convert(keys[name], batch))
                except SpecError as error:
                    raise SpecError(f"{label}: the key {name!r} {error}.") from error
            for name, column in list(growing.items()):
                try:
                    column.append(*convert(streams[name], batch))
                except SpecError as error:
                    refused[name] = str(error)
                    growing.pop(name).close()
            if spool is None and memory is not None and sum(column.nbytes for column in growing.values()) > memory:
                spool = _opened(folder, label)
            if spool is not None:
                _flush(growing, spool, label)
        columns = {name: column.finish(spool) for name, column in growing.items()}
        return Gathered(rows, columns, {name: column.finish(None) for name, column in kept.items()}, refused)
    finally:
        for column in growing.values():
            column.close()


_PREFIX = "plait-spool-"


class _Growing:
    """One column while its batches arrive: values in pieces, offsets of ragged ones counted on."""

    def __init__(self, field: Field) -> None:
        assert field.spec is not None
        self.spec = field.spec
        self.ragged = field.spec.ragged or field.spec.text
        self.pieces: list[np.ndarray] = []
        self.offsets: list[np.ndarray] = [np.zeros(1, np.int64)] if self.ragged else []
        self.absent: list[np.ndarray] = []
        self.total = self.rows = self.nbytes = 0
        self.files: tuple[IO[bytes], ...] = ()

    def append(self, array: Array, absent: np.ndarray | None) -> None:
        self.rows += len(array)
        self.absent.append(np.zeros(len(array), bool) if absent is None else absent)
        if isinstance(array, Ragged):
            self.offsets.append(array.offsets[1:] + self.total)
            self.total += int(array.offsets[-1])
            array, extra = array.values, array.offsets.nbytes
        else:
            self.total, extra = self.rows, 0
        self.pieces.append(array)
        self.nbytes += array.nbytes + extra

    def flush(self, folder: Folder, name: str) -> None:
        """Write what is in memory, and let it go."""
        if not self.files:
            kinds = ("values", "offsets") if self.ragged else ("values",)
            self.files = tuple((folder.path / f"{name}.{kind}").open("wb") for kind in kinds)
        for file, pieces in zip(self.files, (self.pieces, self.offsets), strict=False):
            for piece in pieces:
                file.write(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
            file.flush()
            pieces.clear()

    def finish(self, folder: Folder | None) -> Column:
        dtype = np.dtype(np.uint8) if self.spec.text else self.spec.dtype
        shape = (self.total, *(n for n in self.spec.shape if n is not None))
        absent = np.concatenate(self.absent) if any(part.any() for part in self.absent) else None
        if self.files:
            self.close()
            values: Array = _mapped(self.files[0].name, dtype, shape)
            if self.ragged:
                values = Ragged(values, _mapped(self.files[1].name, np.dtype(np.int64), (self.rows + 1,)))
            return Column(self.spec, values, absent, folder)
        values = np.concatenate(self.pieces).astype(dtype, copy=False) if self.pieces else np.zeros(shape, dtype)
        self.pieces.clear()
        if self.ragged:
            values = Ragged(values, np.concatenate(self.offsets))
        return Column(self.spec, _text(values) if self.spec.text and isinstance(values, Ragged) else values, absent)

    def close(self) -> None:
        for file in self.files:
            with contextlib.suppress(OSError):  # what could not be written was said when it was flushed
                file.close()


def _opened(parent: str | None, label: str) -> Folder:
    try:
        return Folder(parent)
    except OSError as error:
        raise ReadError(_unwritable(label, parent, error)) from error


def _flush(growing: Mapping[str, _Growing], folder: Folder, label: str) -> None:
    try:
        for place, column in enumerate(growing.values()):
            column.flush(folder, str(place))
    except OSError as error:
        raise ReadError(_unwritable(label, str(folder.path.parent), error)) from error


def _unwritable(label: str, parent: str | None, error: OSError) -> str:
    return (
        f"{label} is larger than memory=... and cannot be spooled to {parent or tempfile.gettempdir()!r}: {error.strerror or error}. "
        "Pass spool='a folder with room', select fewer columns, or raise memory=."
    )


def _text(utf8: Ragged) -> np.ndarray:
    """(samples,) text from bytes."""
    data, ends = utf8.values.tobytes(), utf8.offsets.tolist()
    return np.array([data[start:stop].decode() for start, stop in itertools.pairwise(ends)], dtype=TEXT)


def _mapped(path: str, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    return np.memmap(path, dtype, "r", shape=shape) if np.prod(shape) else np.zeros(shape, dtype)


def _packed(array: np.ndarray) -> object:
    return (str(array.filename), array.dtype, array.shape) if isinstance(array, np.memmap) and array.filename else array


def _unpacked(packed: object) -> np.ndarray:
    if not isinstance(packed, tuple):
        return packed  # type: ignore[return-value]
    try:
        return _mapped(*packed)
    except OSError as error:
        raise ReadError(
            f"The spooled table in {os.path.dirname(packed[0])!r} is gone: the process that read it has ended. Declare the source again."
        ) from error


def _unpickled(spec: Spec, packed: tuple[object, ...], absent: np.ndarray | None) -> Column:
    arrays = [_unpacked(part) for part in packed[1:]]
    return Column(spec, Ragged(*arrays) if packed[0] == "ragged" else arrays[0], absent)


def _remove(path: Path, lock: IO[bytes], owner: int) -> None:
    if os.getpid() == owner:  # not in a forked child
        shutil.rmtree(path, ignore_errors=True)
    lock.close()


def _sweep(parent: str) -> None:
    """Remove what killed processes of this user left here: folders whose lock nobody holds."""
    if sys.platform == "win32":
        return
    for lock in Path(parent).glob(f"{_PREFIX}*/lock"):
        with contextlib.suppress(OSError):  # held, or somebody else's
            if lock.parent.is_symlink() or lock.parent.stat().st_uid != os.getuid():
                continue
            with lock.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(lock.parent, ignore_errors=True)
