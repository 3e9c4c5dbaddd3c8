"""NumPy .npy files: one array a sample, or one memory-mapped array whose rows are the samples."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from plait.errors import ArgumentError, ChangedError, ReadError, SpecError, TransformError
from plait.formats.files import Decoder, FileSource, SampleName, raw_list
from plait.formats.mapped import MappedRows
from plait.formats.npy_header import MOST_HEADER, Header, read_header
from plait.formats.npy_rows import Rows
from plait.formats.paths import file_names, file_stamp, has_field, is_url, list_files, read_bytes, stamp_of
from plait.formats.sink import written_whole
from plait.keys import Keys
from plait.ragged import Array, Ragged, take
from plait.source import Source, Stream, only_stream
from plait.spec import TEXT, Spec

__all__ = ["Npy", "ReadNpy"]


class Npy(Source):
    """The stream "array" of .npy files.

    Args:
        path: A template, "sensor_{id}.npy", for one array a file, also behind a URL; or one file on disk, "big.npy", whose rows are the
            samples: it is memory-mapped, so it may be larger than memory. Rows that the page cache lacks are read by many threads at once.
        shape: Of one sample, to be checked; (None, 5) where samples differ in length. That of the first file when left out.
        key: (rows,) keys of the rows of one file; row numbers when left out. With a template the file names hold the keys.

    Nothing is unpickled: arrays of Python objects are refused, and so are files that are longer or shorter than they say. Values come in
    native byte order and C order; text becomes `plait.spec.TEXT`. NaN stays NaN: files are not searched for it. Not `in_memory`, mapped
    or not: what is not in the page cache waits for the disk, which read-ahead hides.

    Raises:
        ArgumentError, ReadError, DuplicateKeyError: The template finds nothing, or several files a key; the first file cannot be read.
        SpecError: The array has another shape than declared, or no dtype that a model can be fed with.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        shape: Sequence[int | None] | None = None,
        key: Sequence[object] | np.ndarray | Keys | None = None,
    ) -> None:
        path = os.fspath(path)
        label = f"Npy {path!r}"
        declared = None if shape is None else _declared(shape, label)
        if path.endswith(".npz"):
            raise ArgumentError(
                f"{label}: an .npz file holds several arrays, compressed. Write plait.Arrays(**numpy.load({path!r})), or save each as .npy."
            )
        if not has_field(path):
            self._inner: Source = _Mapped(path, declared, key, label)
            return
        if key is not None:
            raise ArgumentError(f"{label}: the file names hold the keys. Leave key= out, or name one file instead of a template.")
        files = list_files(path, label=label)
        header = read_header(read_bytes(files.paths[0], label=label, key=files.keys[0]), f"{label}: sample {files.keys[0]!r}")
        step = ReadNpy(header.shape if declared is None else declared, _name(header.dtype), fixed_by_first=declared is None)
        self._inner = FileSource(files, "array", step, label)

    @classmethod
    def write(cls, data: Source | Stream, path: str | os.PathLike[str]) -> None:
        """Write one stream: with a template a file a key, else all rows into one file, for which the keys must be row numbers.

        Raises:
            ArgumentError: Keys that the file names cannot hold, or that one file has no place for.
            SpecError: Samples of unequal length in one file.
            ReadError: A file cannot be written.
        """
        path = os.fspath(path)
        label = f"Npy.write {path!r}"
        stream = only_stream(data)
        if stream.source.absent(stream.name) is not None:
            raise SpecError(
                f"{label}: {stream.label} has no value for some keys, and .npy has no null. Write data.take(...) of the others."
            )
        if has_field(path):
            for row, name in enumerate(file_names(path, stream.source.keys, label=label)):
                os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
                with written_whole(name, label=label, durable=False) as file:
                    np.save(file, _plain(stream.read(np.array([row]))[0]), allow_pickle=False)
            return
        if not stream.source.keys.is_range:
            raise ArgumentError(
                f"{label}: one .npy file has no place for keys. Write one file a key, 'array_{{id}}.npy', or plait.HDF5.write."
            )
        if stream.spec.ragged or stream.spec.text:
            raise SpecError(
                f"{label}: {stream.label} is {stream.spec}, which one array cannot hold. Write a file a key, 'array_{{id}}.npy'."
            )
        with written_whole(path, label=label) as file:
            shape = (len(stream), *stream.spec.shape)
            descr = np.lib.format.dtype_to_descr(stream.spec.dtype)
            np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})  # type: ignore[arg-type]
            for chunk in stream.chunks(max(1, 2**24 // max(1, _bytes(stream.spec)))):
                file.write(np.asarray(chunk).tobytes())

    @property
    def keys(self) -> Keys:
        """From the file names, row numbers, or what `key=` gave."""
        return self._inner.keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """The one stream."""
        return self._inner.spec

    @property
    def label(self) -> str:
        """With the path."""
        return self._inner.label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """Open the files at these rows, or gather the rows of the map."""
        return self._inner.read(names, rows)

    def path(self, name: str, row: int) -> str:
        """The sample's file; empty where rows of one file are read."""
        return self._inner.path(name, row)

    @property
    def mapped_bytes(self) -> int:  # type: ignore[override]
        """Of the one file; 0 of a template."""
        return self._inner.mapped_bytes

    def stamp(self, name: str) -> str | None:
        """Names, sizes and times of the files."""
        return self._inner.stamp(name)

    def decoder(self, name: str) -> Decoder | None:
        """From paths and arrays to what `read` gives; None where rows of one file are read."""
        step = self._inner.decoder(name)
        return step if isinstance(step, ReadNpy) else None


@dataclass(frozen=True)
class ReadNpy:
    """From .npy files (paths, URLs, bytes) or arrays to (samples, *shape), or `Ragged`, exactly as `Npy` reads.

    Args:
        shape: Of one sample; the first axis None where samples differ in length.
        dtype: Its name; "text" for text.
        fixed_by_first: Whether the shape is that of the first file and was not declared; messages then say how to declare it.
    """

    kind: ClassVar[str] = "read-npy"

    shape: tuple[int | None, ...]
    dtype: str
    fixed_by_first: bool = False

    @property
    def sample(self) -> Spec:
        """Shape and dtype."""
        return Spec(self.shape, TEXT if self.dtype == "text" else np.dtype(self.dtype))

    def __call__(self, raw: Sequence[object]) -> Array:
        return self.decode(raw, label="ReadNpy", key=lambda index: index)

    def decode(self, raw: Sequence[object], *, label: str, key: Callable[[int], object]) -> Array:
        """Raw arrays to one column; `label` and `key` are for messages.

        Raises:
            ReadError, SpecError, TransformError: Naming the stream, the sample and the remedy.
        """
        spec = self.sample
        if spec.ragged:
            samples = [
                self._array(item, SampleName(label, key(index), item), spec) for index, item in enumerate(raw_list(raw, label=label))
            ]
            none = np.empty((0, *(n or 0 for n in spec.shape[1:])), spec.dtype)
            return Ragged.of(samples, dtype=spec.dtype) if samples else Ragged(none, np.zeros(1, np.int64))
        out = np.empty((len(raw_list(raw, label=label)), *(n or 0 for n in spec.shape)), spec.dtype)
        rows = None if spec.text or not out.nbytes else Rows(out)
        for index, item in enumerate(raw):
            if rows is None or not isinstance(item, str) or not rows.read(index, item):
                out[index] = self._array(item, SampleName(label, key(index), item), spec)
        return out

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> ReadNpy:
        """The step that `to_json` described."""
        return cls(**{**state, "shape": tuple(state["shape"])})

    def _array(self, raw: object, name: SampleName, spec: Spec) -> np.ndarray:
        """One array, a view of the bytes of its file."""
        if isinstance(raw, np.ndarray):
            array = raw
        elif isinstance(raw, (str, bytes, os.PathLike)):
            data = raw if isinstance(raw, bytes) else read_bytes(os.fspath(raw), label=name.label, key=name.key)
            array = read_header(data, name).array(data)
        else:
            raise TransformError(f"{name} is a {type(raw).__name__}; an array is a path, the bytes of a file, or an array.")
        if array.shape != spec.shape or array.dtype != spec.dtype:
            self._check(array, name)
        return array

    def _check(self, array: np.ndarray, name: SampleName) -> None:
        """Raise where the array is not as the others, byte order and, where declared, length aside."""
        fits = len(array.shape) == len(self.shape) and all(n in (None, m) for n, m in zip(self.shape, array.shape, strict=True))
        if not fits:
            expected = f"and the first has {self.shape}" if self.fixed_by_first else f"declared is {self.shape}"
            open_ended = (None, *array.shape[1:])
            remedy = (
                f"Pass shape={open_ended} where samples differ in length."
                if array.shape[1:] == self.shape[1:] and array.shape
                else "Mend the file, or remove it to leave the sample out."
            )
            raise SpecError(f"{name} has shape {array.shape}, {expected}. {remedy}")
        if _name(array.dtype) != self.dtype:
            raise SpecError(
                f"{name} has dtype {array.dtype}, and the others have {self.dtype}. Save all files of a stream with one dtype: "
                f"np.save(path, array.astype({self.dtype!r}))."
            )


class _Mapped(Source):
    """The rows of one file on disk, memory-mapped. Opened anew wherever it is unpickled."""

    def __init__(self, path: str, declared: tuple[int | None, ...] | None, key: object, label: str) -> None:
        if is_url(path):
            raise ArgumentError(f"{label}: one array in one file is memory-mapped, so it must be on disk. Copy it, or store a file a key.")
        self._path, self._label = path, label
        self._stamp = file_stamp(path, label=label)
        try:
            with open(path, "rb") as file:
                header = read_header(file.read(MOST_HEADER + 12), label, size=os.path.getsize(path))
        except OSError as error:
            raise error if isinstance(error, ReadError) else ReadError(f"{label} cannot be read: {error.strerror}.") from error
        if not header.shape:
            raise SpecError(f"{label} holds a single value, and the rows of one file are its samples. Save an array (samples, ...).")
        if declared not in (None, header.shape[1:]):
            raise SpecError(f"{label} has rows of shape {header.shape[1:]}; declared is {declared}. Pass shape={header.shape[1:]}.")
        self._keys = Keys.range(header.shape[0]) if key is None else Keys.of(key)
        if len(self._keys) != header.shape[0]:
            raise SpecError(f"{label}: key= has {len(self._keys)} keys for {header.shape[0]} rows; one key a row is needed.")
        self._keys.check_unique(label)
        self._header = header
        self._spec = {"array": Spec(header.shape[1:], TEXT if header.dtype.kind == "U" else header.dtype.newbyteorder("="))}
        self._rows = self._open()

    @property
    def keys(self) -> Keys:
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        return self._spec

    @property
    def label(self) -> str:
        return self._label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        self._check_unchanged()  # to read a map of a file that was cut would end the process
        values = take(self._rows, rows) if isinstance(self._rows, np.ndarray) else self._rows.read(rows)
        return {name: np.asarray(values).astype(self._spec["array"].dtype, copy=False) for name in names}

    def stamp(self, name: str) -> str:
        return stamp_of([os.path.abspath(self._path)])

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_rows"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._rows = self._open()

    @property
    def mapped_bytes(self) -> int:  # type: ignore[override]
        return self._stamp[2]

    def _open(self) -> MappedRows | np.ndarray:
        header: Header = self._header
        self._check_unchanged()
        if 0 in header.shape:
            return np.empty(header.shape, header.dtype)
        with open(self._path, "rb") as file:
            return MappedRows(file, header.dtype, header.shape, header.offset, label=self._label, fortran=header.fortran)

    def _check_unchanged(self) -> None:
        try:
            unchanged = file_stamp(self._path, label=self._label) == self._stamp
        except ReadError:  # it is gone
            unchanged = False
        if not unchanged:
            raise ChangedError(f"{self._label} has changed since it was declared. Declare the source again; write new data to a new file.")


def _declared(shape: Sequence[int | None], label: str) -> tuple[int | None, ...]:
    declared = tuple(shape)
    if any(n is not None and (not isinstance(n, int) or n < 0) for n in declared) or None in declared[1:]:
        raise ArgumentError(
            f"{label}: shape={shape!r}: write the sizes of one sample, such as (100, 5), or (None, 5) where lengths differ."
        )
    return declared


def _name(dtype: np.dtype) -> str:
    return "text" if dtype.kind in "UT" else dtype.newbyteorder("=").name


def _bytes(spec: Spec) -> int:
    return int(np.prod([n or 1 for n in spec.shape], dtype=np.int64)) * spec.dtype.itemsize


def _plain(sample: object) -> np.ndarray:
    """The sample as .npy can hold it: text in fixed width."""
    array = np.asarray(sample)
    return np.array(array.tolist(), dtype=str).reshape(array.shape) if array.dtype.kind == "T" else array
