"""One stream of which each sample is a file: what the sources of images, masks, text and .npy files share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from plait.errors import TransformError
from plait.formats.paths import Files, stamp_of
from plait.keys import Keys
from plait.ragged import Array
from plait.source import Source
from plait.spec import Spec

__all__ = ["Decoder", "FileSource", "SampleName", "raw_list"]


class Decoder(Protocol):
    """The step from raw material to values: what `FileSource.read` does, and what `Preprocessing` saves."""

    kind: ClassVar[str]

    @property
    def sample(self) -> Spec:
        """What one sample of the result looks like."""
        ...

    def decode(self, raw: Sequence[object], *, label: str, key: Callable[[int], object]) -> Array:
        """Raw samples to an array.

        Args:
            raw: One path, or other raw material, a sample.
            label: The stream, for messages.
            key: Position in `raw` -> something that shows the sample's key, for messages.
        """
        ...

    def __call__(self, raw: Sequence[object]) -> Array:
        """Raw samples to an array; messages name the position."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        ...


class FileSource(Source):
    """A stream of files. Thread-safe: each file is opened, decoded into its place in the batch, and closed.

    Args:
        files: What a template found.
        stream: The name of the stream.
        step: From path to value.
        label: How messages call the source.
    """

    def __init__(self, files: Files, stream: str, step: Decoder, label: str) -> None:
        self._files, self._stream, self._step, self._label = files, stream, step, label
        self._spec = {stream: step.sample}

    @property
    def keys(self) -> Keys:
        """What the fields of the template stand for, in order."""
        return self._files.keys

    @property
    def spec(self) -> Mapping[str, Spec]:
        """The one stream."""
        return self._spec

    @property
    def label(self) -> str:
        """With the template."""
        return self._label

    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """Open and decode the files at these rows."""
        rows = np.asarray(rows, np.int64)
        paths = [str(path) for path in self._files.paths[rows]]
        return {name: self._step.decode(paths, label=self._label, key=lambda index: _Key(self.keys, rows, index)) for name in names}

    def path(self, name: str, row: int) -> str:
        """The sample's file."""
        return str(self._files.paths[row])

    def stamp(self, name: str) -> str:
        """The names of all files, and of those on disk their sizes and times."""
        return stamp_of(self._files.paths.tolist())

    def decoder(self, name: str) -> Decoder:
        """From paths (and whatever else the step takes) to what `read` gives."""
        return self._step


@dataclass(frozen=True)
class SampleName:
    """How messages call a sample, as text only once there is a message.

    Args:
        label: The stream.
        key: Of the sample.
        raw: What it is made of; a path is shown.
    """

    label: str
    key: object
    raw: object

    def __str__(self) -> str:
        path = f" ({os.fspath(self.raw)!r})" if isinstance(self.raw, (str, os.PathLike)) else ""
        return f"{self.label}: sample {self.key!r}{path}"


@dataclass(frozen=True, eq=False)
class _Key:
    """The key at a place of `rows`, looked up only where a message shows it."""

    keys: Keys
    rows: np.ndarray
    index: int

    def __repr__(self) -> str:
        return repr(self.keys[int(self.rows[self.index])])


def raw_list(raw: Sequence[object], *, label: str) -> Sequence[object]:
    """The raw samples, when they are a list of them.

    Raises:
        TransformError: It is one sample instead of a list of samples.
    """
    if isinstance(raw, (str, bytes, bytearray, os.PathLike)) or not hasattr(raw, "__len__"):
        raise TransformError(f"{label} takes a list of raw samples and got one {type(raw).__name__}. Write [{raw!r:.60}].")
    return raw
