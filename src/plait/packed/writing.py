"""Write a data set as a folder of .npy columns; a killed writer goes on where it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import plait
from plait.atomic import exchanged, told as said
from plait.dataset import Dataset
from plait.draws import mix
from plait.errors import ArgumentError, ReadError
from plait.formats.documents import parse_json
from plait.packed.manifest import MANIFEST, Column, Manifest
from plait.packed.reading import open as open_packed
from plait.packed.scan import blocks, naming, row_bytes
from plait.packed.told import told
from plait.progress import progress
from plait.ragged import Array, Ragged
from plait.roles import weight_name
from plait.source import Stream
from plait.spec import Spec

__all__ = ["LOCK", "fingerprint", "pack", "write_folder"]

_HEAD = 192  # bytes before the values, enough for any shape that has a length to be filled in at the end
_BLOCK = 32 * 2**20  # bytes read and written at once, about
_FEW, _OFTEN = 64, 3.0  # rows that are written first, to see how long they take; s between two notes of how far it is
_JOURNAL, _MOST_JOURNAL = "journal.json", 2**24


def pack(data: Dataset, path: str | os.PathLike[str], *, overwrite: bool = False, shown: bool = True) -> Dataset:
    """Write a data set after its steps to a folder of plain .npy files and a JSON manifest, and open it.

    The folder appears when it is complete. Until then what is written lies in "<path>.partial": a run that was killed goes on there
    when `pack` is called again with the same data. One writer at a time.

    Args:
        data: What to pack. Samples that a stream has no value for stay absent.
        path: Of the folder.
        overwrite: Replace what is there.
        shown: Whether a terminal gets a progress bar.

    Returns:
        `plait.open(path)`.

    Raises:
        ArgumentError: It is no data set, has no end, or has random steps; or the folder is there, or another process writes it.
        ReadError: The disk is full, or the folder cannot be written.
        BadSamplesError: Several samples cannot be read; the message names them. One alone raises what it raised.
    """
    path = _checked(data, path, overwrite)
    with naming(data, "pack"):
        made = {"fingerprint": fingerprint(data)}
    write_folder(data, path, made, shown=shown)
    return open_packed(path)


def write_folder(
    data: Dataset,
    path: str,
    made: Mapping[str, str],
    *,
    shown: bool,
    title: str = "pack",
    threads: int = 0,
    done: Callable[[], bool] | None = None,
) -> None:
    """Write every stream of a data set to a folder, which appears when it is complete.

    Args:
        data: Finite, and without random steps.
        path: Absolute, replaced if it is there.
        made: What made it; a folder in the making goes on where its "fingerprint" is the same.
        shown: Whether a terminal gets a progress bar.
        title: Of the bar.
        threads: That read ahead.
        done: Wait for another process that writes the folder, and leave it as it is if it then is what is wanted. Without it, refuse.

    Raises:
        ArgumentError: Another process writes it.
        ReadError: The disk is full, or the folder cannot be written.
    """
    partial = f"{path}.partial"
    try:
        while not _written(data, path, partial, made, shown, title, threads, done):
            pass  # another process has completed the folder that we waited for, with other contents
    except PermissionError as error:
        raise ReadError(f"{path!r} cannot be written: {error.strerror}.") from error
    except OSError as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{path!r}: {said(error, partial)}. What is written stays in {partial!r}; {title} again to go on.") from error


def _written(
    data: Dataset,
    path: str,
    partial: str,
    made: Mapping[str, str],
    shown: bool,
    title: str,
    threads: int,
    done: Callable[[], bool] | None,
) -> bool:
    os.makedirs(partial, exist_ok=True)
    if os.path.islink(partial):
        raise ArgumentError(f"{partial!r} is a link to {os.readlink(partial)!r}, and nothing is written elsewhere. Remove the link.")
    with _locked(partial, wait=done is not None) as ours:
        if done is not None and done():
            if ours:
                shutil.rmtree(partial)
            return True
        if not ours:
            return False
        manifest = _Writer(data, partial, made).write(shown, title, threads)
        _write_text(os.path.join(partial, MANIFEST), manifest.text())
        for left in os.listdir(partial):
            if left != MANIFEST and not left.endswith(".npy"):
                os.remove(os.path.join(partial, left))
        if os.path.exists(path) and exchanged(partial, path):
            shutil.rmtree(partial)
        elif os.path.exists(path):  # on file systems that cannot, there is a moment without either
            old = tempfile.mkdtemp(prefix=f".{os.path.basename(path)}.old-", dir=os.path.dirname(path))
            os.replace(path, old)
            os.replace(partial, path)
            shutil.rmtree(old)
        else:
            os.replace(partial, path)
    return True


def fingerprint(data: Dataset) -> str:
    """What tells data sets apart that must not be continued with each other.

    Keys, specs, roles, steps with all that they refer to, sizes and times of files, what is in memory, and some of the values.
    """
    digest = hashlib.blake2b(digest_size=16)
    with np.errstate(over="ignore"):
        hashes = data.keys.hashes()
        places = np.arange(1, len(data) + 1, dtype=np.uint64)
        digest.update(int(mix(hashes ^ mix(places)).sum(dtype=np.uint64)).to_bytes(8, "little"))
    names = list(data.spec)
    specs = {name: spec.to_json() for name, spec in data.spec.items()}
    digest.update(json.dumps([specs, list(data.inputs), list(data.targets), list(data.weights)], default=str).encode())
    rows = np.unique(np.linspace(0, len(data) - 1, min(len(data), 16)).astype(np.int64))
    for name in names:
        values = data.read([name], rows)[name]
        for part in (values.values, values.offsets) if isinstance(values, Ragged) else (values,):
            digest.update(repr(part.tolist()).encode() if part.dtype.kind == "T" else np.ascontiguousarray(part).tobytes())
    for text in _told(data, names):
        digest.update(text.encode() + b"\0")
    return digest.hexdigest()


def _told(data: Dataset, names: Sequence[str]) -> list[str]:
    """The steps of a data set, and the stamps of what it reads."""
    texts = [f"{step.on} {told(step.fn)}" for step in data.steps if step.on]
    for name in names:
        stream = data.origin(name)
        texts += [name, stream.name]
        below = stream.source
        texts += _told(below, list(below.spec)) if isinstance(below, Dataset) else [below.stamp(stream.name) or _stamp(stream)]
    return texts


def _stamp(stream: Stream) -> str:
    """The contents of what is in memory; of anything else how it is called."""
    if not stream.source.in_memory:
        return stream.label
    digest = hashlib.blake2b(digest_size=16)
    for chunk in stream.chunks():
        for array in (chunk.values, chunk.offsets) if isinstance(chunk, Ragged) else (chunk,):
            digest.update(repr(array.tolist()).encode() if array.dtype.kind == "T" else array.tobytes())
    return digest.hexdigest()


def _checked(data: object, path: object, overwrite: bool) -> str:
    """The path, absolute."""
    if isinstance(path, Dataset):
        raise ArgumentError("pack takes the data first, then where to write them: plait.pack(data, 'data.plait').")
    if not isinstance(data, Dataset):
        raise ArgumentError(f"pack takes a plait.Dataset, not a {type(data).__name__}. Write plait.Dataset(inputs=..., targets=...).")
    if not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"pack: {path!r} is no path of a folder. Write plait.pack(data, 'data.plait').")
    path = os.path.abspath(os.fspath(path))
    if data.endless:
        raise ArgumentError("pack: the data have no end. Pack a sample: plait.pack(synthesizer.sample(100_000, seed=0), path).")
    if not data:
        raise ArgumentError("pack: the data set has no samples.")
    random = [step.name for step in data.steps if step.random]
    if random:
        raise ArgumentError(
            f"pack: {random[0]!r} is random, and what is packed is the same every time. Pack what comes before it, "
            "plait.pack(data.plain(), path), and augment what is opened: plait.open(path).augment(...)."
        )
    if os.path.exists(path) and not overwrite:
        raise ArgumentError(f"{path!r} is there already. Open it with plait.open, or write plait.pack(data, path, overwrite=True).")
    if os.path.exists(path) and not os.path.isfile(os.path.join(path, MANIFEST)):
        raise ArgumentError(f"{path!r} is no packed data set, so it is not overwritten. Name another folder.")
    return path


LOCK = "lock"


@contextlib.contextmanager
def _locked(folder: str, *, wait: bool) -> Iterator[bool]:
    """One writer: the lock goes with the process that holds it. False where the folder went away while we waited."""
    import fcntl

    name = os.path.join(folder, LOCK)
    with open(name, "a", opener=_own) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            raise ArgumentError(f"{folder!r} is being written by another process. Wait for it, or name another folder.") from error
        try:
            ours = os.path.samestat(os.fstat(file.fileno()), os.stat(name))
        except FileNotFoundError:
            ours = False
        yield ours


def _own(path: str, flags: int) -> int:
    """Open a file of the folder; never what a link leads to."""
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


class _Writer:
    """The files of one folder, and how far they are written."""

    def __init__(self, data: Dataset, folder: str, made: Mapping[str, str]) -> None:
        self.data, self.folder, self.made = data, folder, made
        self.files: dict[tuple[str, str], str] = {}
        self.specs = dict(data.spec)
        for number, (name, spec) in enumerate(self.specs.items()):
            parts = ["values", "offsets"] if spec.ragged or spec.text else ["values"]
            if spec.ragged and spec.text:
                parts = ["values", "offsets", "lengths"]
            for part in parts:
                self.files[name, part] = f"{number:03}.{part}.{'npy' if part == 'values' else 'part'}"
        self.done = 0
        self.counts: dict[str, int] = {}  # file -> values written
        self.nan: set[str] = set()
        self._resume()

    def write(self, shown: bool, title: str, threads: int) -> Manifest:
        """Write what is not yet written."""
        most = max(1, min(len(self.data), _BLOCK // max(1, row_bytes(self.data)) // max(1, threads)))
        few = min(_FEW, most)
        with progress(title, len(self.data), shown) as advance:
            advance(self.done)
            begun = time.monotonic()
            self._blocks(range(self.done, min(self.done + few, len(self.data)), few), few, 0, title, advance)
            often = int(_OFTEN / max(time.monotonic() - begun, 1e-9) * few)  # rows after which a killed writer can go on
            size = max(few, min(most, often))
            self._blocks(range(self.done, len(self.data), size), size, threads, title, advance)
        columns = {(name, part): self._finish(file, *self._layout(name, part)) for (name, part), file in self.files.items()}
        streams: dict[str, dict[str, Column]] = {}
        for (name, part), column in columns.items():
            streams.setdefault(name, {})[part] = column
        for number, name in enumerate(self.specs):
            gone = self.data.absent(name)
            if gone is not None:
                streams[name]["absent"] = self._whole(f"{number:03}.absent.npy", gone)
        return Manifest(
            len(self.data),
            {
                "inputs": list(self.data.inputs),
                "targets": list(self.data.targets),
                "weights": [weight_name(target) for target in self.data.weights],
            },
            {name: spec.to_json() for name, spec in self.specs.items()},
            streams,
            self._keys(),
            sorted(self.nan),
            {**self.made, "plait": plait.__version__},
        )

    def _blocks(self, starts: range, size: int, threads: int, title: str, advance: Callable[[int], object]) -> None:
        for block in blocks(self.data, starts, size, threads, title=title):
            self._append(block)
            rows = min(size, len(self.data) - self.done)
            self.done += rows
            self._note()
            advance(rows)

    def _append(self, values: Mapping[str, Array]) -> None:
        for name, spec in self.specs.items():
            column = values[name]
            stored = column.values if isinstance(column, Ragged) else column
            if spec.dtype.kind == "f" and np.isnan(stored).any():
                self.nan.add(name)
            for part, array in _parts(column, spec).items():
                file = self.files[name, part]
                with open(os.path.join(self.folder, file), "r+b" if self.counts.get(file) is not None else "w+b", opener=_own) as target:
                    before = self.counts.get(file, 0)
                    if not before:
                        target.write(bytes(_HEAD))
                    target.seek(_HEAD + before * array.dtype.itemsize)
                    target.write(_bytes(array))
                    target.truncate()
                    target.flush()
                    os.fsync(target.fileno())
                self.counts[file] = before + array.size

    def _layout(self, name: str, part: str) -> tuple[np.dtype, tuple[int, ...]]:
        """dtype and shape (-1 for its length) of one file."""
        spec = self.specs[name]
        if part == "values":
            if spec.text:
                return np.dtype(np.uint8), (-1,)
            inner = tuple(n or 0 for n in (spec.shape[1:] if spec.ragged else spec.shape))
            return spec.dtype, (-1, *inner)
        return np.dtype(np.int64), (-1,)

    def _finish(self, file: str, dtype: np.dtype, shape: tuple[int, ...]) -> Column:
        """Fill in the header. Lengths become offsets."""
        path = os.path.join(self.folder, file)
        if file.endswith(".part"):
            lengths = np.fromfile(path, dtype, offset=_HEAD)
            return self._whole(file.removesuffix(".part") + ".npy", np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
        inner = int(np.prod(shape[1:], dtype=np.int64))
        length = self.counts[file] // inner if inner else len(self.data)
        with open(path, "r+b", opener=_own) as target:
            target.write(_header(dtype, (length, *shape[1:])))
            target.flush()
            os.fsync(target.fileno())
        return _column(path)

    def _whole(self, file: str, array: np.ndarray) -> Column:
        path = os.path.join(self.folder, file)
        with open(f"{path}.new", "wb", opener=_own) as target:
            target.write(_header(array.dtype, array.shape))
            target.write(_bytes(array))
            target.flush()
            os.fsync(target.fileno())
        os.replace(f"{path}.new", path)
        return _column(path)

    def _keys(self) -> dict[str, dict[str, Column]]:
        keys = self.data.keys
        if keys.is_range:
            return {}
        out: dict[str, dict[str, Column]] = {}
        for number, (name, column) in enumerate(zip(keys.names, keys.columns, strict=True)):
            if column.dtype.kind == "i":
                out[name] = {"values": self._whole(f"key{number}.values.npy", column)}
                continue
            parts = _text_parts(column)
            offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(parts["offsets"])])
            out[name] = {
                "values": self._whole(f"key{number}.values.npy", parts["values"]),
                "offsets": self._whole(f"key{number}.offsets.npy", offsets),
            }
        return out

    def _resume(self) -> None:
        """Go on from the journal where it is of the same data; begin anew otherwise."""
        path = os.path.join(self.folder, _JOURNAL)
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            with open(path, "rb", opener=_own) as file:
                state: Any = parse_json(file.read(_MOST_JOURNAL + 1), most=_MOST_JOURNAL)
            if state["fingerprint"] == self.made["fingerprint"]:
                self.done, self.counts = int(state["done"]), {str(k): int(v) for k, v in state["counts"].items()}
                self.nan = {str(name) for name in state["nan"]}
                if all(os.path.isfile(os.path.join(self.folder, file)) for file in self.counts):
                    return
        self.done, self.counts, self.nan = 0, {}, set()
        for name in os.listdir(self.folder):
            if name != LOCK:
                os.remove(os.path.join(self.folder, name))

    def _note(self) -> None:
        state = {"fingerprint": self.made["fingerprint"], "done": self.done, "counts": self.counts, "nan": sorted(self.nan)}
        _write_text(os.path.join(self.folder, _JOURNAL), json.dumps(state))


def _parts(array: Array, spec: Spec) -> dict[str, np.ndarray]:
    """The arrays that a column is stored as; of offsets the lengths, which are summed at the end."""
    if isinstance(array, Ragged):
        if spec.text:
            inner = _text_parts(array.values)
            return {"values": inner["values"], "offsets": inner["offsets"], "lengths": array.lengths}
        return {"values": array.values, "offsets": array.lengths}
    return _text_parts(array.reshape(-1)) if spec.text else {"values": array}


def _text_parts(texts: np.ndarray) -> dict[str, np.ndarray]:
    encoded = [text.encode() for text in texts.tolist()]
    return {"values": np.frombuffer(b"".join(encoded), np.uint8), "offsets": np.fromiter(map(len, encoded), np.int64, len(encoded))}


def _bytes(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def _header(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    """An .npy header of version 1.0 that is `_HEAD` bytes long."""
    text = f"{{'descr': {np.lib.format.dtype_to_descr(dtype)!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    return b"\x93NUMPY\x01\x00" + (_HEAD - 10).to_bytes(2, "little") + text.ljust(_HEAD - 11).encode("latin-1") + b"\n"


def _column(path: str) -> Column:
    digest = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as file:
        while block := file.read(2**22):
            digest.update(block)
    return Column(os.path.basename(path), os.path.getsize(path), digest.hexdigest())


def _write_text(path: str, text: str) -> None:
    with open(f"{path}.new", "w", encoding="utf-8", opener=_own) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(f"{path}.new", path)
