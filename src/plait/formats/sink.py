"""The rows of any source as Arrow record batches, for the formats that write them, and files that appear when they are complete."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np

from plait.atomic import replacing
from plait.errors import ArgumentError, PlaitError, ReadError, SpecError
from plait.extras import require
from plait.formats.paths import is_url
from plait.formats.remote import filesystem
from plait.keys import text_array
from plait.ragged import Array, Ragged, scatter
from plait.source import Source
from plait.spec import Spec

__all__ = ["record_batches", "written_whole"]

_ROWS = 8192  # a batch


def record_batches(data: Source, *, label: str, flat: str = "") -> Any:
    """A `pyarrow.RecordBatchReader` of the keys and all streams, null where absent; read as it is written.

    The parts of the key come first, under their names; row numbers that nobody chose are left out. A stream of the same name and
    the same values stands for its part.

    Args:
        data: Any source.
        label: Who writes, for messages.
        flat: Where only single values can be written: what to write instead for others.

    Raises:
        SpecError: A stream cannot be written.
        ArgumentError: A stream has the name of a part of the key and other values.
    """
    pa = require("pyarrow", extra="tables", purpose=label)
    parts = () if data.keys.is_range else data.keys.names
    streams = {name: _type(spec, name, label, flat, pa) for name, spec in data.spec.items()}
    columns = {name: _key_type(data, place, pa) for place, name in enumerate(parts) if name not in streams} | streams
    if not columns:
        raise SpecError(f"{label}: {data.label} has no streams to write.")

    def batches() -> Iterator[Any]:
        for start in range(0, len(data), _ROWS):
            rows = np.arange(start, min(start + _ROWS, len(data)), dtype=np.int64)
            values, absent = _read(data, list(streams), rows)
            keys = dict(zip(parts, data.keys.take(rows).columns, strict=True)) if parts else {}
            for name in keys.keys() & streams.keys():
                _check_same(values[name], keys[name], name, label)
            for name in streams:
                _check_fits(values[name], columns[name], name, label, pa)
            arrays = [_arrow(values[name] if name in streams else keys[name], absent.get(name), kind, pa) for name, kind in columns.items()]
            yield pa.record_batch(arrays, schema=schema)

    schema = pa.schema(list(columns.items()))
    return pa.RecordBatchReader.from_batches(schema, batches())


@contextmanager
def written_whole(path: str | os.PathLike[str], *, label: str, durable: bool = True) -> Iterator[IO[bytes]]:
    """A file to write to that takes its name, replacing what has it, once all is written; nothing is left when that fails.

    Args:
        path: On disk or a URL.
        label: Who writes, for messages.
        durable: Wait for the disk; see `plait.atomic.replacing`.

    Raises:
        ReadError: It cannot be written.
    """
    path = os.fspath(path)
    try:
        if is_url(path):
            remote, inside = filesystem(path, label=label)
            with remote.open(inside, "wb") as file:
                yield file
            return
        with replacing(path, durable=durable) as file:
            yield file
    except PlaitError:
        raise
    except OSError as error:
        raise ReadError(f"{label}: the file cannot be written: {error.strerror or error}.") from error


def _type(spec: Spec, name: str, label: str, flat: str, pa: Any) -> Any:
    """The Arrow type of one stream."""
    if flat and (spec.shape or spec.dtype.kind == "m"):
        raise SpecError(f"{label}: stream {name!r} is {spec}, and a cell holds one number, date or text. {flat}.")
    kind = pa.int64() if flat and spec.dtype == np.uint64 else _scalar_type(spec.dtype, pa)  # what databases have
    if kind is None or (spec.shape and spec.text):
        raise SpecError(f"{label}: stream {name!r} is {spec}, which a table cannot hold. Map it to numbers or single texts first.")
    for size in reversed(spec.shape):
        kind = pa.large_list(kind) if size is None else pa.list_(kind, size)
    return kind


def _scalar_type(dtype: np.dtype, pa: Any) -> Any:
    if dtype.kind in "TU":
        return pa.string()
    if dtype.kind == "M":
        unit = np.datetime_data(dtype)[0]
        return pa.date32() if unit == "D" else pa.timestamp(unit) if unit in ("s", "ms", "us", "ns") else None
    if dtype.kind == "m":
        unit = np.datetime_data(dtype)[0]
        return pa.duration(unit) if unit in ("s", "ms", "us", "ns") else None
    return pa.from_numpy_dtype(dtype) if dtype.kind in "biu" or dtype in (np.float16, np.float32, np.float64) else None


def _key_type(data: Source, place: int, pa: Any) -> Any:
    return pa.int64() if data.keys.columns[place].dtype.kind == "i" else pa.string()


def _read(data: Source, names: Sequence[str], rows: np.ndarray) -> tuple[dict[str, Array], dict[str, np.ndarray]]:
    """These rows of all streams, zero where absent, and which those are; what is absent is not read."""
    absent = {name: mask[rows] for name in names if (mask := data.absent(name)) is not None and mask[rows].any()}
    values = data.read([name for name in names if name not in absent], rows)
    for name, mask in absent.items():
        present = np.flatnonzero(~mask)
        values[name] = scatter(data.read([name], rows[present])[name], present, len(rows))
    return values, absent


def _check_same(values: Array, keys: np.ndarray, name: str, label: str) -> None:
    if isinstance(values, Ragged) or values.ndim != 1 or not np.array_equal(text_array(values), text_array(keys)):
        raise ArgumentError(
            f"{label}: stream {name!r} has the name of the key and other values, and a table has one column of a name. Rename the stream."
        )


def _check_fits(values: Array, kind: Any, name: str, label: str, pa: Any) -> None:
    if kind == pa.int64() and values.dtype == np.uint64 and isinstance(values, np.ndarray) and values.max(initial=0) >= 2**63:
        raise SpecError(f"{label}: stream {name!r} holds {values.max()}, beyond the integers of a table. Map it to text or floats first.")


def _arrow(values: Array, absent: np.ndarray | None, kind: Any, pa: Any) -> Any:
    mask = None if absent is None else pa.array(absent)
    if isinstance(values, Ragged):
        inside = _arrow(values.values, None, kind.value_type, pa)
        return pa.LargeListArray.from_arrays(pa.array(values.offsets), inside, mask=mask)
    if pa.types.is_fixed_size_list(kind):
        inside = _arrow(values.reshape(-1, *values.shape[2:]), None, kind.value_type, pa)
        return pa.FixedSizeListArray.from_arrays(inside, type=kind, mask=mask)
    if values.dtype.kind in "TU":
        texts = values.tolist() if absent is None else [None if gone else text for text, gone in zip(values.tolist(), absent, strict=True)]
        return pa.array(texts, kind)
    return pa.array(np.ascontiguousarray(values), kind, mask=absent)
