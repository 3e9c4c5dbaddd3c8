"""What a transform works on: a column given as array, list or stream, its numbers, and how messages call its samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from plait.errors import ArgumentError, SpecError, TransformError
from plait.ragged import Array, Ragged
from plait.source import Source, Stream, only_stream
from plait.spec import TEXT, Spec

__all__ = [
    "Column",
    "Fittable",
    "as_column",
    "as_float32",
    "as_numbers",
    "check_features",
    "kept_axes",
    "numeric_spec",
    "row_of",
    "spread",
    "values_of",
    "with_values",
]

Fittable = Stream | Source | Array | Sequence[object]  # what `fit` takes

_MOST_VALUES = 2**22  # in one chunk: 32 MiB as float64


@dataclass(frozen=True, eq=False)
class Column:
    """The samples that a transform is fitted on, read some at a time.

    Args:
        label: How messages call it: "Csv 'labels.csv'['age']", or "the data of Standardize.fit".
        spec: What one sample looks like.
        data: Where the samples are.
    """

    label: str
    spec: Spec
    data: Stream | Array

    @classmethod
    def of(cls, data: Fittable, *, transform: str) -> Column:
        """Take a stream, a source of one stream, or an array.

        Raises:
            TransformError: There is no sample to fit on, or the array is none.
        """
        if isinstance(data, (Stream, Source)):
            stream = only_stream(data)
            column = cls(stream.label, stream.spec, stream)
            if not len(stream.present()):
                raise TransformError(f"{transform}.fit: {stream.label} holds no sample to fit on; all {len(stream)} are absent.")
            return column
        array = as_column(data, transform=f"{transform}.fit")
        if not len(array):
            raise TransformError(f"{transform}.fit: the data holds no sample to fit on. Fit on the training part, train['name'].")
        return cls(f"the data of {transform}.fit", Spec.of(array), array)

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """(position of the first sample, samples), in order, each of some tens of megabytes."""
        each = 4096 if self.spec.ragged else int(np.prod([n or 1 for n in self.spec.shape], dtype=np.int64))
        size = int(np.clip(_MOST_VALUES // max(1, each), 1, 8192))
        start = 0
        for chunk in self.data.chunks(size) if isinstance(self.data, Stream) else _slices(self.data, size):
            yield start, chunk
            start += len(chunk)

    def numbers(self, transform: str) -> Iterator[np.ndarray]:
        """The values as float64, (values, *item) for ragged samples, some at a time.

        Raises:
            TransformError: One is NaN or infinite, or they are no numbers.
        """
        numeric_spec(self.spec, transform=f"{transform}.fit", label=self.label)
        for start, chunk in self.chunks():
            values = values_of(chunk).astype(np.float64)
            finite = np.isfinite(values)
            if not finite.all():
                at = int(np.argmin(finite.reshape(len(values), -1).all(axis=1)))
                bad = values[at][~finite[at]].flat[0]
                raise TransformError(
                    f"{transform}.fit: {self.label} holds {bad} at {self.sample(start + row_of(chunk, at))}; only finite values can be "
                    "fitted on. Declare such values as missing in the source, or leave the sample out: data.take(rows)."
                )
            if values.size:
                yield values

    def sample(self, position: int) -> str:
        """How a message calls the sample at this position among those present: its key where it has one."""
        if isinstance(self.data, Stream):
            return f"sample {self.data.source.keys[int(self.data.present()[position])]!r}"
        return f"row {position}"


def as_column(data: object, *, transform: str) -> Array:
    """An array or `Ragged` as it is; lists and columns of other libraries as one of these; text as StringDType.

    Raises:
        TransformError: It is one value and no column, or a column of mixed objects.
    """
    if isinstance(data, Ragged):
        return data if data.dtype.kind not in "USO" else Ragged(_plain(data.values, transform), data.offsets)
    if np.ma.is_masked(data):
        raise TransformError(
            f"{transform}: the array has masked values, which would come back. Give it to plait.Arrays, or take array[~mask]."
        )
    try:
        array = np.asarray(data)
    except ValueError:  # lists of unequal length
        array = np.empty(len(data), object)  # type: ignore[arg-type]
        array[:] = list(data)  # type: ignore[call-overload]
    if array.ndim == 0:
        raise TransformError(f"{transform} takes a column, one entry a sample, and was given {data!r}. Write [{data!r}].")
    if array.dtype.kind == "O" and len(array) and all(isinstance(v, (list, tuple, np.ndarray)) for v in array):
        try:
            return Ragged.of([_plain(np.asarray(v), transform) for v in array])
        except (SpecError, ValueError) as error:
            raise TransformError(f"{transform}: the samples do not form a column. {error}") from error
    return _plain(array, transform)


def as_numbers(data: object, *, transform: str) -> Array:
    """A column of numbers.

    Raises:
        TransformError: It holds something else.
    """
    column = as_column(data, transform=transform)
    if len(values_of(column)):
        numeric_spec(Spec.of(column), transform=transform, label="the column")
    return column


def numeric_spec(spec: Spec, *, transform: str, label: str = "the stream") -> None:
    """Raise where the values are no numbers.

    Raises:
        TransformError: Saying what they are.
    """
    if spec.dtype.kind in "biuf":
        return
    kind = "text" if spec.text else f"of dtype {spec.dtype}"
    remedy = "Vocabulary or Tokenize turns text into codes" if spec.text else "turn it into numbers with Cast or a callable first"
    raise TransformError(f"{transform} takes numbers, and {label} is {kind}; {remedy}.")


def values_of(array: Array) -> np.ndarray:
    """All values: those of a ragged column one behind the other."""
    return array.values if isinstance(array, Ragged) else array


def with_values(array: Array, values: np.ndarray) -> Array:
    """The same column with other values, one for one along the first axis."""
    return replace(array, values=values) if isinstance(array, Ragged) else values


def row_of(array: Array, at: int) -> int:
    """The sample that holds the value at this place of `values_of(array)`."""
    return int(np.searchsorted(array.offsets, at, side="right")) - 1 if isinstance(array, Ragged) else at


def spread(statistics: np.ndarray, shape: tuple[int, ...], dtype: type[np.floating]) -> np.ndarray:
    """Statistics in the shape of one sample where that is small: NumPy is ten times faster over long inner axes than over 3 channels."""
    cast = statistics.astype(dtype)
    small = cast.ndim and len(shape) > 1 and int(np.prod(shape, dtype=np.int64)) <= _MOST_VALUES
    return np.ascontiguousarray(np.broadcast_to(cast, shape)) if small else cast


def as_float32(values: np.ndarray, *, transform: str) -> np.ndarray:
    """Values as float32.

    Raises:
        TransformError: A finite value has no finite float32.
    """
    try:
        with np.errstate(over="raise"):
            return values.astype(np.float32, copy=False)
    except FloatingPointError as error:
        finite = values[np.isfinite(values)]
        worst = finite.flat[np.argmax(np.abs(finite))]
        raise TransformError(f"{transform}: the result {worst:g} is beyond float32, far from all that was fitted on.") from error


def kept_axes(spec: Spec, axis: int | Sequence[int] | None, *, transform: str) -> tuple[int, ...]:
    """The axes with statistics of their own, counted from the end.

    The last axis of samples that have none of fixed length (scalars, ragged series of scalars) is no axis of features.

    Raises:
        ArgumentError: An axis that does not exist, the samples axis, or one of unequal lengths.
    """
    ndim = 1 + len(spec.shape)
    if axis is None or (axis == -1 and (not spec.shape or spec.shape[-1] is None)):
        return ()
    kept = set()
    for one in [axis] if isinstance(axis, (int, np.integer)) else axis:
        if not -ndim <= one < ndim:
            raise ArgumentError(
                f"{transform}.fit: axis={one} does not exist; samples {spec} have axes 1 to {ndim - 1}, samples are axis 0."
            )
        if one % ndim == 0:
            raise ArgumentError(
                f"{transform}.fit: axis={one} is the samples axis. Write axis=-1 (one scale a feature) or axis=None (one in all)."
            )
        if spec.shape[one % ndim - 1] is None:
            raise ArgumentError(f"{transform}.fit: samples {spec} differ in length along axis {one}. Write axis=None (one in all).")
        kept.add(int(one) % ndim - ndim)
    return tuple(sorted(kept))


def check_features(shape: tuple[int | None, ...], fitted: tuple[int, ...], kept: tuple[int, ...], *, transform: str) -> None:
    """Raise where statistics fitted on some features would be spread over others.

    Args:
        shape: Of one sample.
        fitted: The shape of the statistics, aligned with the end of `shape`.
        kept: The axes of them that must agree, counted from the end.

    Raises:
        TransformError: They do not agree.
    """
    if len(fitted) > len(shape) or any(shape[a] != fitted[a] for a in kept):
        want = "(..., " + ", ".join(str(fitted[a]) if a in kept else "?" for a in range(-len(fitted), 0)) + ")"
        raise TransformError(
            f"{transform} was fitted on samples of shape {want} and is given samples of shape {shape}. "
            f"Fit it on this stream: {transform}.fit(train['name'])."
        )


def _plain(array: np.ndarray, transform: str) -> np.ndarray:
    if array.dtype.kind in "US":
        return _text(array, transform)
    if array.dtype.kind != "O":
        return array
    if all(isinstance(v, str) for v in array.flat):
        return _text(array, transform)
    if all(isinstance(v, (bool, int, float, np.number, np.bool_)) for v in array.flat):
        return np.array(array.tolist())
    at, odd = next((i, v) for i, v in enumerate(array.flat) if not isinstance(v, (bool, int, float, np.number, np.bool_)))
    raise TransformError(
        f"{transform} takes numbers or text, and the column holds {odd!r} of type {type(odd).__name__} at position {at}. "
        "Leave samples without a value out, or declare them missing in the source."
    )


def _text(array: np.ndarray, transform: str) -> np.ndarray:
    try:
        return (np.strings.decode(array, "utf-8") if array.dtype.kind == "S" else array).astype(TEXT)
    except (TypeError, ValueError) as error:  # half of a surrogate pair, or bytes of another encoding
        raise TransformError(
            f"{transform}: the column holds text that is no Unicode ({error}). Decode it first, or leave it out."
        ) from error


def _slices(array: Array, size: int) -> Iterator[Array]:
    for start in range(0, len(array), size):
        rows = np.arange(start, min(start + size, len(array)))
        yield array.take(rows) if isinstance(array, Ragged) else array[start : start + size]
