"""Keep what does not change from epoch to epoch: decoded, resized and tokenised once, made anew when its files or steps change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from plait.dataset import Dataset
from plait.errors import ArgumentError, ReadError
from plait.keys import Keys
from plait.memory import free_memory, in_words
from plait.packed.manifest import MANIFEST, read_manifest
from plait.packed.reading import Packed
from plait.packed.scan import blocks, naming, row_bytes
from plait.packed.writing import LOCK, fingerprint, write_folder
from plait.progress import progress
from plait.ragged import Array, concatenate, take
from plait.source import Source
from plait.spec import Spec

__all__ = ["cache"]

_BLOCK = 32 * 2**20  # bytes read at once, about
_SPARED = 0.8  # of the free memory, at most


def cache(data: Dataset, path: str | os.PathLike[str] | None = None, *, shown: bool = True) -> Dataset:
    """The same data set, whose unchanging part is computed once and kept: every sample the same under every seed and epoch.

    Of each stream that is not in memory, or has steps, the values are kept as they are before the first random step. Random steps, and
    what follows them, stay. Names, steps and fitted transforms are those of `data`, so `Preprocessing` and `check` see no difference.

    Args:
        data: With an end.
        path: Folder for what is kept, as `pack` writes it; made if it is not there, and shared by several data sets. In memory when left
            out. A process that is killed goes on where it was; of several at once one writes and the others wait.
        shown: Whether a terminal gets a progress bar.

    What is kept is made anew when the files that it was read from (names, sizes, times), arrays in memory, keys, roles of samples, steps
    or their arguments are others, or when 16 samples that are looked at are; versions of the same samples that nobody uses are removed.
    Of sources of your own write a `stamp`, or only those 16 samples tell.

    Returns:
        The data set; `data` itself where nothing would be gained.

    Raises:
        ArgumentError: It is no data set or has no end; it needs more memory than is free; or something else lies in the folder's place.
        ReadError: A sample cannot be read; the disk is full, or the folder cannot be written.
        BadSamplesError: Several samples cannot be read; the message names them.
    """
    if not isinstance(data, Dataset):
        raise ArgumentError(f"cache takes a plait.Dataset, not a {type(data).__name__}. Write plait.Dataset(inputs=..., targets=...).")
    if path is not None and not isinstance(path, (str, os.PathLike)):
        raise ArgumentError(f"cache: {path!r} is no path of a folder. Write plait.cache(data, 'cache'), or plait.cache(data) for memory.")
    if data.endless:
        raise ArgumentError("cache: the data have no end, and none of them comes twice. Take some: data.take(range(100_000)).")
    part, steps = data.settled()
    if not part.spec or not data:
        return data
    threads = 0 if part.in_memory else min(8, os.cpu_count() or 1)
    source = _in_memory(part, threads, shown) if path is None else _on_disk(part, os.fspath(path), threads, shown)
    return data.hold(source, steps)


def _on_disk(part: Dataset, parent: str, threads: int, shown: bool) -> Source:
    import fcntl

    samples = hashlib.blake2b(digest_size=6)
    for piece in (part.keys.hashes().tobytes(), *(name.encode() for name in part.spec)):
        samples.update(piece)
    names = "-".join("".join(c for c in name if c.isalnum() or c == "_") for name in part.spec)[:40]
    family = f"{names}-{samples.hexdigest()}-"
    with naming(part, "cache"):
        identity = fingerprint(part)
    folder = os.path.join(os.path.abspath(parent), family + identity[:12])
    if not _is_of(folder, identity):
        done = partial(_is_of, folder, identity)
        made = {"fingerprint": identity, "kind": "cache"}
        write_folder(part, folder, made, shown=shown, title="cache", threads=threads, done=done)
    source = Packed(folder, read_manifest(folder), verify=False)
    file = os.open(os.path.join(folder, MANIFEST), os.O_RDONLY)
    fcntl.flock(file, fcntl.LOCK_SH)  # until the source is gone: the folder is in use
    weakref.finalize(source, os.close, file)
    _remove_others(folder, family)
    return source


def _remove_others(folder: str, family: str) -> None:
    """Remove versions of the same samples and streams that no process uses, whole or in the making."""
    import fcntl

    parent = os.path.dirname(folder)
    for name in os.listdir(parent):
        path = os.path.join(parent, name)
        if not name.startswith(family) or path == folder:
            continue
        with contextlib.suppress(OSError):
            lock = os.open(os.path.join(path, LOCK if name.endswith(".partial") else MANIFEST), os.O_RDONLY)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def _is_of(folder: str, identity: str) -> bool:
    """Whether the folder holds this; false where it holds another version of the same, or nothing that can be read."""
    if os.path.lexists(folder) and not os.path.isfile(os.path.join(folder, MANIFEST)):
        raise ArgumentError(f"{folder!r} is in the way of a cache, and is none. Move it, or name another folder.")
    try:
        manifest = read_manifest(folder)
        Packed(folder, manifest, verify=False)
    except ReadError:
        return False
    return manifest.made.get("fingerprint") == identity


def _in_memory(part: Dataset, threads: int, shown: bool) -> Source:
    each = row_bytes(part)
    free = free_memory()
    if free is not None and each * len(part) > _SPARED * free:
        raise ArgumentError(
            f"cache: {len(part)} samples of about {each} bytes need {in_words(each * len(part))}, and {in_words(free)} are free. "
            'Keep them on disk: plait.cache(data, "cache").'
        )
    size = max(1, min(len(part), _BLOCK // each // max(1, threads)))
    found: dict[str, list[Array]] = {name: [] for name in part.spec}
    with progress("cache", len(part), shown) as advance:
        for block in blocks(part, range(0, len(part), size), size, threads, title="cache"):
            for name, array in block.items():
                found[name].append(array)
            advance(size)
    return _Kept(part.keys, part.spec, {name: concatenate(found.pop(name)) for name in list(found)})


class _Kept(Source):
    """Columns in memory."""

    in_memory = True

    def __init__(self, keys: Keys, specs: Mapping[str, Spec], columns: Mapping[str, Array]) -> None:
        self._keys, self._specs, self._columns = keys, dict(specs), dict(columns)

    @property
    def keys(self) -> Keys:
        return self._keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        return self._specs

    @property
    def label(self) -> str:
        return "cache"

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        return {name: take(self._columns[name], rows) for name in names}
