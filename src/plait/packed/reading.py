"""Open a packed data set: the same streams and roles, memory-mapped."""

from __future__ import annotations

import builtins
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from plait.dataset import Dataset
from plait.errors import ChangedError, ReadError, SpecError
from plait.formats.mapped import MappedRows
from plait.formats.npy_header import MOST_HEADER, read_header
from plait.gaps import Policy
from plait.keys import Keys
from plait.packed.manifest import Column, Manifest, read_manifest
from plait.ragged import Array, Ragged, take
from plait.source import Source
from plait.spec import TEXT, Spec

__all__ = ["Packed", "open"]


def open(path: str | os.PathLike[str], *, verify: bool = False) -> Dataset:
    """The data set that `pack` wrote, memory-mapped: as it was, with the speed of memory for what the machine can hold of it.

    Opening reads the manifest and compares the size and the header of every file with it.

    Args:
        path: Of the folder.
        verify: Read all files and compare their checksums too.

    Raises:
        ReadError: It is no packed data set, is not finished, or is damaged; naming the file.
    """
    folder = os.fspath(path)
    manifest = read_manifest(folder)
    source = Packed(folder, manifest, verify=verify)
    roles = {role: manifest.roles[role] for role in ("inputs", "targets", "weights")}
    policies: dict[str, Policy] = {}
    for name in [*roles["inputs"], *roles["targets"]]:
        if source.absent(name) is not None:
            policies[name] = "mask"
        elif name in manifest.nan:
            policies[name] = "keep"
    return Dataset(
        inputs={name: source[name] for name in roles["inputs"]},
        targets={name: source[name] for name in roles["targets"]},
        weights={name.removesuffix(".weight"): source[name] for name in roles["weights"]},
        missing=policies or "raise",
    )


class Packed(Source):
    """The streams of a packed data set.

    Args:
        folder: Where it lies.
        manifest: What it says of itself.
        verify: Whether checksums are compared.

    Raises:
        ReadError: A file is missing, or is not what the manifest says.
    """

    in_memory = True  # as far as the machine's memory holds what is mapped

    def __init__(self, folder: str, manifest: Manifest, *, verify: bool) -> None:
        self._folder, self._manifest = os.path.abspath(folder), manifest
        try:
            self._specs = {name: Spec.from_json(state) for name, state in manifest.specs.items()}
        except (KeyError, TypeError, ValueError) as error:
            raise ReadError(f"{folder!r}: the manifest describes a stream in a way that cannot be: {error}. Pack the data anew.") from error
        if verify:
            for column in manifest.columns():
                self._verify(column)
        self._open()

    def _open(self) -> None:
        self._stamps: dict[str, tuple[int, ...]] = {}
        self._mapped: dict[str, MappedRows] = {}
        self._arrays = {
            n: {p: self._array(c, n if p == "values" else "") for p, c in parts.items()} for n, parts in self._manifest.streams.items()
        }
        for name, spec in self._specs.items():
            self._check(name, spec)
            if "absent" in self._arrays[name]:
                self._arrays[name]["absent"] = np.array(self._arrays[name]["absent"])
        self._files = {name: [column.file for column in parts.values()] for name, parts in self._manifest.streams.items()}
        samples, parts = self._manifest.samples, {name: self._key(name, part) for name, part in self._manifest.keys.items()}
        try:
            self._keys = Keys(parts) if parts else Keys.range(samples)
        except SpecError as error:
            raise self._damaged("keys", str(error)) from error
        if len(self._keys) != samples:
            raise self._damaged("keys", f"there are {len(self._keys)} for {samples} samples")

    @property
    def keys(self) -> Keys:
        """As they were packed."""
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """As they were packed."""
        return MappingProxyType(self._specs)

    @property
    def label(self) -> str:
        """With the name of the folder."""
        return f"Packed {os.path.basename(self._folder)!r}"

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """A gather from the mapped files.

        Raises:
            ChangedError: A file is not what it was when the data set was opened.
        """
        for name in names:
            self._check_unchanged(name)
        return {name: self._column(name, rows) for name in names}

    def stamp(self, name: str) -> str:
        """The checksums of its files."""
        parts = self._manifest.streams[name]
        return " ".join(f"{part} {parts[part].blake2b}" for part in sorted(parts))

    @property
    def mapped_bytes(self) -> int:  # type: ignore[override]
        """Of all columns."""
        return sum(parts["values"].bytes for parts in self._manifest.streams.values())

    def absent(self, name: str) -> np.ndarray | None:
        """As it was packed."""
        gone = self._arrays[name].get("absent")
        return None if gone is None else np.asarray(gone)

    def __getstate__(self) -> dict[str, Any]:
        return {"_folder": self._folder, "_manifest": self._manifest, "_specs": self._specs}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._open()

    def _column(self, name: str, rows: np.ndarray) -> Array:
        parts, spec = self._arrays[name], self._specs[name]
        if spec.ragged:
            if not spec.text:
                if name in self._mapped:
                    self._mapped[name].ask_for(parts["offsets"][rows], parts["offsets"][rows + 1])
                return Ragged(parts["values"], parts["offsets"]).take(rows)
            where = Ragged(np.arange(len(parts["offsets"]) - 1), parts["lengths"]).take(rows)
            return Ragged(_texts(parts, self._folder, where.values), where.offsets)
        if not spec.text:
            mapped = self._mapped.get(name)
            return take(parts["values"], rows) if mapped is None else mapped.read(rows)
        each = int(np.prod([n or 0 for n in spec.shape], dtype=np.int64))
        at = rows if not spec.shape else (rows[:, None] * each + np.arange(each)).reshape(-1)
        return _texts(parts, self._folder, at).reshape(len(rows), *(n or 0 for n in spec.shape))

    def _array(self, column: Column, name: str = "") -> np.ndarray:
        path = os.path.join(self._folder, column.file)
        try:
            with builtins.open(path, "rb", opener=_of_the_folder) as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise self._damaged(column.file, "it is no regular file")
                if status.st_size != column.bytes:
                    raise self._damaged(column.file, f"it has {status.st_size} bytes, and {column.bytes} were written")
                header = read_header(file.read(MOST_HEADER + 12), f"{path!r}", size=status.st_size)
                if header.fortran or not header.dtype.isnative or header.dtype.kind not in "biufmM" or not header.shape:
                    raise self._damaged(column.file, "its layout is none that pack writes")
                self._stamps[column.file] = _stamp(status)
                if 0 in header.shape:
                    return np.zeros(header.shape, header.dtype)
                mapped = MappedRows(file, header.dtype, header.shape, header.offset, label=self.label)
                if name:
                    self._mapped[name] = mapped
                return mapped.map
        except FileNotFoundError as error:
            raise self._damaged(column.file, "it is not there") from error
        except OSError as error:
            if isinstance(error, ReadError):
                raise
            raise self._unreadable(column.file, path, error) from error

    def _check_unchanged(self, name: str) -> None:
        """Raise before a map is read whose file was cut: that would end the process, and not with an error."""
        for file in self._files[name]:
            try:
                unchanged = _stamp(os.stat(os.path.join(self._folder, file), follow_symlinks=False)) == self._stamps[file]
            except OSError:
                unchanged = False
            if not unchanged:
                raise ChangedError(
                    f"Packed data set {self._folder!r}: {file} has changed since it was opened. Open it again with plait.open; "
                    "plait.pack(data, path, overwrite=True) writes other data there, and replaces the folder as a whole."
                )

    def _key(self, name: str, columns: Mapping[str, Column]) -> np.ndarray:
        """One part of the keys, in memory."""
        parts = {part: np.array(self._array(column)) for part, column in columns.items()}
        if set(parts) == {"values", "offsets"} and parts["values"].dtype == np.uint8 and parts["values"].ndim == 1:
            self._check_offsets(name, parts["offsets"], len(parts["values"]))
            return _texts(parts, self._folder)
        if set(parts) == {"values"} and parts["values"].dtype == np.int64 and parts["values"].ndim == 1:
            return parts["values"]
        raise self._damaged("keys", f"{name!r} has the parts { ({part: str(array.dtype) for part, array in parts.items()}) }")

    def _check(self, name: str, spec: Spec) -> None:
        parts, samples = self._arrays.get(name, {}), self._manifest.samples
        wanted = {"values"} | ({"offsets"} if spec.ragged or spec.text else set()) | ({"lengths"} if spec.ragged and spec.text else set())
        if parts.keys() - {"absent"} != wanted:
            raise self._damaged(name, f"the stream {name!r} has the parts {sorted(parts)}")
        inner = tuple(n or 0 for n in (spec.shape[1:] if spec.ragged else spec.shape))
        values = parts["values"]
        for part, array in parts.items():
            if part != "values" and (array.ndim != 1 or not len(array)) and (part != "absent" or samples):
                raise self._damaged(name, f"{name!r} has {part} of shape {array.shape}")
        if values.dtype != (np.dtype(np.uint8) if spec.text else spec.dtype) or values.shape[1:] != (() if spec.text else inner):
            raise self._damaged(name, f"{name!r} is {values.dtype} {values.shape}, and {spec} was packed")
        each = 1 if spec.ragged else int(np.prod(inner, dtype=np.int64))
        count = len(values) if not wanted - {"values"} else len(parts["lengths" if "lengths" in parts else "offsets"]) - 1
        if count != (samples * each if spec.text and not spec.ragged else samples):
            raise self._damaged(name, f"{name!r} has {count} samples of {samples}")
        ends = {"offsets": len(values)} | ({"lengths": len(parts["offsets"]) - 1} if "lengths" in parts else {})
        for part, total in ends.items() if wanted - {"values"} else ():
            self._check_offsets(name, parts[part], total)
        if "absent" in parts and (parts["absent"].dtype != bool or parts["absent"].shape != (samples,)):
            raise self._damaged(name, f"{name!r} is absent in {parts['absent'].shape} samples of {samples}")

    def _check_offsets(self, name: str, offsets: np.ndarray, total: int) -> None:
        fine = offsets.ndim == 1 and len(offsets) and offsets.dtype == np.int64 and offsets[0] == 0 and offsets[-1] == total
        if not fine or bool((offsets[1:] < offsets[:-1]).any()):
            raise self._damaged(name, f"{name!r} has offsets that do not go from 0 to {total}")

    def _verify(self, column: Column) -> None:
        digest = hashlib.blake2b(digest_size=16)
        try:
            with builtins.open(os.path.join(self._folder, column.file), "rb", opener=_of_the_folder) as file:
                while block := file.read(2**22):
                    digest.update(block)
        except FileNotFoundError as error:
            raise self._damaged(column.file, "it is not there") from error
        except OSError as error:
            raise self._unreadable(column.file, os.path.join(self._folder, column.file), error) from error
        if digest.hexdigest() != column.blake2b:
            raise self._damaged(column.file, "its contents are not those that were written")

    def _unreadable(self, file: str, path: str, error: OSError) -> ReadError:
        if os.path.islink(path):
            return self._damaged(file, f"it is a link, to {os.readlink(path)!r}, and files elsewhere are not read. Copy them: cp -rL")
        return self._damaged(file, f"it cannot be read: {error.strerror or error}")

    def _damaged(self, what: str, why: str) -> ReadError:
        return ReadError(
            f"Packed data set {self._folder!r} is damaged, {what}: {why}. Pack the data anew: plait.pack(data, path, overwrite=True)."
        )


def _of_the_folder(path: str, flags: int) -> int:
    """Open a file that lies in the folder itself; a pipe must not make us wait."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))


def _stamp(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _texts(parts: Mapping[str, np.ndarray], folder: str, rows: np.ndarray | None = None) -> np.ndarray:
    """Texts of UTF-8 bytes and offsets."""
    values, offsets = parts["values"], parts["offsets"]
    at = np.arange(len(offsets) - 1) if rows is None else rows
    starts, stops = offsets[at].tolist(), offsets[at + 1].tolist()
    try:
        texts = [bytes(values[start:stop]).decode() for start, stop in zip(starts, stops, strict=True)]
    except UnicodeDecodeError as error:
        raise ReadError(
            f"Packed data set {folder!r}: a column of text is damaged: {error}. plait.open(path, verify=True) says which; pack anew."
        ) from error
    return np.array(texts, TEXT) if texts else np.zeros(0, TEXT)
