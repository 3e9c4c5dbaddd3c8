"""The datasets of an HDF5 file whose first axis is the samples."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plait.errors import ArgumentError, ChangedError, NameUnknownError, PlaitError, ReadError, SpecError
from plait.extras import require
from plait.formats.hdf5_file import find_datasets, selected, spec_of, write_file
from plait.formats.hdf5_heap import endless_heap
from plait.formats.paths import file_stamp, is_url, stamp_of
from plait.formats.sink import written_whole
from plait.keys import Keys
from plait.meant import meant
from plait.ragged import Array, Ragged
from plait.source import Source
from plait.spec import Spec

__all__ = ["HDF5"]


class HDF5(Source):
    """One stream a dataset, named by its path: "image", "scan/left".

    Numbers and truth values come in native byte order, strings as `plait.spec.TEXT`, datasets of variable-length numbers as `Ragged`. NaN
    stays NaN. Datasets without an axis, and links within the file to what is read anyway, are no streams.

    Args:
        path: On disk, or any fsspec URL.
        key: The dataset that holds the keys, or several; row numbers when left out.
        streams: The datasets to take; all when left out.

    The file is opened once a process and stays open; reading is thread-safe, one thread after the other, as HDF5 is. External links,
    virtual datasets and external storage are refused: they would read other files.

    Raises:
        ReadError: The file is missing, truncated or damaged, or declares more than it can hold.
        SpecError: Datasets differ in length or hold what no model takes; the message says which to take.
        NameUnknownError: There is no such dataset.
        DuplicateKeyError: A key stands for two rows.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: str | Sequence[str] | None = None,
        streams: Sequence[str] | None = None,
    ) -> None:
        self._path = os.fspath(path)
        self._label = f"HDF5 {self._path!r}"
        if isinstance(streams, str):
            raise ArgumentError(f"{self._label}: streams={streams!r} is one text. Write streams=[{streams!r}].")
        self._lock = threading.Lock()
        self._handle: tuple[int, Any] | None = None
        self._stamp = () if is_url(self._path) else file_stamp(self._path, label=self._label)
        parts = (key,) if isinstance(key, str) else tuple(key or ())
        try:
            self._declare(parts, streams)
        except PlaitError:
            raise
        except Exception as error:  # what h5py raises on damaged files
            raise self._damaged(error) from error

    @property
    def keys(self) -> Keys:
        """Row numbers, or the values of the key datasets."""
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """One stream a dataset."""
        return self._spec

    @property
    def label(self) -> str:
        """With the path."""
        return self._label

    def stamp(self, name: str) -> str:
        """Name, size and time of the file."""
        return stamp_of([os.path.abspath(self._path) if not is_url(self._path) else self._path])

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """Each row once, in the order of the file, then in the order asked for."""
        unique, place = np.unique(np.asarray(rows, np.int64), return_inverse=True)
        out = {}
        for name in names:
            try:
                values = self._rows(self._file()[name], name, unique)
            except PlaitError:
                raise
            except Exception as error:  # what h5py raises on damaged files
                raise self._culprit(name, unique, error) from error
            out[name] = values.take(place) if isinstance(values, Ragged) else values[place]
        return out

    @classmethod
    def write(cls, data: Source, path: str | os.PathLike[str]) -> None:
        """Write every stream as a dataset, with its unit and classes; keys as datasets under the names of their parts.

        The file appears when it is complete. Row numbers that nobody chose are left out.

        Raises:
            SpecError: A stream lacks values, for HDF5 has no null, or is nothing that HDF5 holds.
            ArgumentError: A stream has the name of a part of the key and other values; the path is a URL.
            ReadError: The file cannot be written.
        """
        path = os.fspath(path)
        label = f"HDF5.write {path!r}"
        if is_url(path):
            raise ArgumentError(f"{label}: HDF5 is written to a disk. Write there, and copy the file.")
        with written_whole(path, label=label) as file:
            write_file(data, file.name, label)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("_lock", "_handle")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._lock, self._handle = threading.Lock(), None

    def _declare(self, parts: tuple[str, ...], streams: Sequence[str] | None) -> None:
        """Find the datasets, check them, and read the keys."""
        file = self._file()
        found, faults = find_datasets(file, self._label)
        asked = [*parts, *(streams or ())]
        unknown = [name for name in asked if name not in found and name not in faults]
        if unknown:
            raise NameUnknownError(f"{self._label} has no datasets {unknown}. It has {sorted(found)[:20]}.{meant(unknown[0], found)}")
        taken = [name for name in found if streams is None or name in streams] + [n for n in faults if n in asked or streams is None]
        for name in [*taken, *parts]:
            if name in faults:
                others = [n for n in found if n not in parts][:6]
                raise SpecError(f"{self._label}: {name!r} {faults[name]}.{f' Take others: streams={others}.' if others else ''}")
        lengths = {name: found[name].shape[0] for name in [*parts, *taken]}
        if not lengths:
            raise SpecError(f"{self._label} has no dataset with an axis of samples.")
        samples = next(iter(lengths.values()))
        if len(set(lengths.values())) > 1:
            same = [name for name in taken if lengths[name] == samples]
            raise SpecError(
                f"{self._label}: the datasets have unequal numbers of rows, {dict(list(lengths.items())[:8])}, and rows are the samples. "
                f"Take those that belong together: streams={same[:6]}."
            )
        self._spec = {name: spec_of(found[name]) for name in taken}
        if not parts:
            self._keys = Keys.range(samples)
            return
        everything = np.arange(samples, dtype=np.int64)
        columns = {part: np.asarray(self._rows(found[part], part, everything, spec_of(found[part]))) for part in parts}
        try:
            self._keys = Keys(columns)
        except SpecError as error:
            raise SpecError(f"{self._label}: {error}") from error
        self._keys.check_unique(self._label)

    def _rows(self, dataset: Any, name: str, rows: np.ndarray, spec: Spec | None = None) -> Array:
        """These rows, increasing, of one dataset."""
        spec = spec or self._spec[name]
        if spec.ragged:
            return (
                Ragged.of(list(selected(dataset, rows)), dtype=spec.dtype)
                if len(rows)
                else Ragged(np.empty(0, spec.dtype), np.zeros(1, int))
            )
        values = selected(dataset.asstr(), rows) if spec.text else selected(dataset, rows)
        return np.asarray(values).astype(spec.dtype, copy=False).reshape(len(rows), *(n or 0 for n in spec.shape))

    def _file(self) -> Any:
        """The open file of this process."""
        try:
            unchanged = is_url(self._path) or file_stamp(self._path, label=self._label) == self._stamp
        except ReadError:  # it is gone
            unchanged = False
        if not unchanged:
            raise ChangedError(f"{self._label} has changed since it was declared. Declare the source again; write new data to a new file.")
        handle = self._handle
        if handle is not None and handle[0] == os.getpid():
            return handle[1]
        with self._lock:
            if self._handle is None or self._handle[0] != os.getpid():
                self._handle = os.getpid(), self._opened()
            return self._handle[1]

    def _opened(self) -> Any:
        h5py = require("h5py", extra="hdf5", purpose=self._label)
        try:
            if is_url(self._path):
                fsspec = require("fsspec", extra="remote", purpose=self._label)
                return h5py.File(fsspec.open(self._path, "rb").open(), "r")
            at = endless_heap(self._path)
            if at is not None:
                raise ReadError(f"{self._label} cannot be read as HDF5: the heap at byte {at} has no end. Restore the file.")
            return h5py.File(self._path, "r")
        except PlaitError:
            raise
        except Exception as error:  # what h5py and fsspec raise
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> ReadError:
        return ReadError(f"{self._label} cannot be read as HDF5: {error}. Restore the file.")

    def _culprit(self, name: str, rows: np.ndarray, error: Exception) -> ReadError:
        """The error, with the key of the first sample that it occurs on."""
        for row in rows:
            try:
                self._rows(self._file()[name], name, np.array([row]))
            except Exception as same:  # whatever it is, this is the sample
                return ReadError(f"{self._label}[{name!r}]: sample {self.keys[int(row)]!r} cannot be read: {same}. Mend the file.")
        return ReadError(f"{self._label}[{name!r}] cannot be read: {error}. Mend the file.")
