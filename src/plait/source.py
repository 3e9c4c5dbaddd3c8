"""The one seam of plait: something that reads many rows of named streams at once."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plait.errors import ArgumentError, NameUnknownError
from plait.keys import Keys
from plait.meant import meant
from plait.ragged import Array, concatenate
from plait.spec import Spec

__all__ = ["ENDLESS", "Source", "Stream", "only_stream", "row_numbers"]

#: Rows of a source without end: more than anybody reads, and their numbers fit into int64.
ENDLESS = 2**62


class Source(abc.ABC):
    """Named streams of samples, each sample with a key.

    Implementations are final, thread-safe, picklable and deterministic: the same rows give the same values. Laws for them are in
    `plait.testing.check_source`.
    """

    #: Whether `read` is a gather from memory, so that threads and read-ahead would cost more than they bring.
    in_memory: bool = False
    #: Whether rows have no end: they are drawn, and there is a row of any number below `ENDLESS`.
    endless: bool = False
    #: Bytes of the files on disk whose rows are gathered: then to read the rows of many batches at once costs less than batch by batch.
    mapped_bytes: int = 0
    #: Rows that are drawn together, where that is so: to read as many at once costs least.
    block: int | None = None

    @property
    @abc.abstractmethod
    def keys(self) -> Keys:
        """One key a sample, all different."""

    @property
    @abc.abstractmethod
    def spec(self) -> Mapping[str, Spec]:
        """Stream name -> what one sample of it looks like."""

    @abc.abstractmethod
    def read(self, names: Sequence[str], rows: np.ndarray) -> dict[str, Array]:
        """The samples of these streams at these rows, in this order. Pure and thread-safe.

        Args:
            names: Of streams in `spec`.
            rows: (samples,) int64 in range, any order, repetitions allowed. Only rows that are not `absent`; what an absent row
                holds is unspecified (but of the stream's shape and dtype).

        Returns:
            name -> array of (samples, *shape), or `Ragged` where samples differ in length.

        Raises:
            ReadError, SpecError: Naming the stream, the sample's key and the remedy.
        """

    @property
    @abc.abstractmethod
    def label(self) -> str:
        """How messages call it: "Csv 'labels.csv'"."""

    def absent(self, name: str) -> np.ndarray | None:
        """(rows,) bool, true where the stream has no value for a key that the source holds; None where there are none."""
        return None

    def path(self, name: str, row: int) -> str:
        """The file (or URL) that holds a sample of a stream, where each sample has one of its own; else empty. For messages."""
        return ""

    def stamp(self, name: str) -> str | None:
        """What tells the values of a stream from others without reading them: it changes when they do. None where nothing does."""
        return None

    def decoder(self, name: str) -> Callable[[Sequence[object]], Array] | None:
        """The step from raw material (a path, say) to what `read` gives, with a JSON form; None where `read` gives values as stored."""
        return None

    def __len__(self) -> int:
        if self.endless:
            raise ArgumentError(
                f"{self.label} has no end, so no number of samples. Take some: data.take(range(1000)); or feed them on, so many batches an "
                "epoch: plait.Loader(data, 256, steps=1000)."
            )
        return len(self.keys)

    def __bool__(self) -> bool:
        return self.endless or len(self) > 0

    def __getitem__(self, name: str) -> Stream:
        """One stream.

        Raises:
            NameUnknownError: There is none of that name.
        """
        if not isinstance(name, str):
            raise ArgumentError(
                f"{self.label}[{name!r}]: brackets name a stream, one of {sorted(self.spec)}. Samples are chosen with data.take(rows), and "
                "batches come from plait.Loader(data, 32)."
            )
        if name not in self.spec:
            raise NameUnknownError(f"{self.label} has no stream {name!r}. It has {sorted(self.spec)}.{meant(name, self.spec)}")
        return Stream(self, name)


@dataclass(frozen=True, eq=False)
class Stream:
    """One column of a source."""

    source: Source
    name: str

    @property
    def spec(self) -> Spec:
        """What one sample looks like."""
        return self.source.spec[self.name]

    @property
    def label(self) -> str:
        """How messages call it: "Csv 'labels.csv'['age']"."""
        return f"{self.source.label}[{self.name!r}]"

    def __len__(self) -> int:
        return len(self.source)

    def read(self, rows: np.ndarray) -> Array:
        """The samples at these rows.

        Raises:
            ArgumentError: They are no row numbers, or out of range.
        """
        source = self.source
        return source.read([self.name], row_numbers(rows, ENDLESS if source.endless else len(source), source.label))[self.name]

    def present(self) -> np.ndarray:
        """(rows,) int64: the rows that have a value."""
        absent = self.source.absent(self.name)
        return np.arange(len(self), dtype=np.int64) if absent is None else np.flatnonzero(~absent)

    def chunks(self, size: int = 8192) -> Iterator[Array]:
        """All present samples in order, some at a time."""
        rows = self.present()
        return (self.read(rows[start : start + size]) for start in range(0, len(rows), size))

    def values(self) -> Array:
        """All present samples at once."""
        parts = list(self.chunks())
        return concatenate(parts) if parts else self.read(np.zeros(0, np.int64))


def only_stream(source: Source | Stream) -> Stream:
    """The stream itself, or the only stream of a source that has one; columns that are its key do not count beside it.

    Raises:
        NameUnknownError: The source has several; the message says how to name one.
    """
    if isinstance(source, Stream):
        return source
    names = list(source.spec)
    parts = () if source.keys.is_range else source.keys.names
    beside = [name for name in names if name not in parts] or names
    if len(beside) == 1:
        return Stream(source, beside[0])
    raise NameUnknownError(f"{source.label} has {len(names)} streams, {sorted(names)}; say which: source[{beside[0]!r}].")


def row_numbers(rows: object, samples: int, label: str) -> np.ndarray:
    """The rows as (rows,) int64.

    Raises:
        ArgumentError: They are no integers (a mask, say), or not all from 0 to samples - 1.
    """
    numbers = np.asarray(rows)
    if not numbers.size:
        return np.zeros(0, np.int64)
    if numbers.dtype.kind not in "iu" or numbers.ndim != 1:
        raise ArgumentError(
            f"{label}: rows are a list of integers, not {numbers.dtype} {numbers.shape}. Write np.flatnonzero(mask) for a mask."
        )
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= samples:
        raise ArgumentError(f"{label}: rows {low} to {high} were asked for and there are {samples}, from 0 to {samples - 1}.")
    return numbers.astype(np.int64, copy=False)
