"""What is in an HDF5 file, what of it may be read, and writing one."""

from __future__ import annotations

import contextlib
import json
import math
import os
from typing import Any

import numpy as np

from plait.errors import ArgumentError, SpecError
from plait.extras import require
from plait.keys import text_array
from plait.ragged import Array, Ragged
from plait.source import Source
from plait.spec import TEXT, Spec

__all__ = ["find_datasets", "selected", "spec_of", "write_file"]

_MOST_OBJECTS = 10_000
_MOST_RATIO = 2_000  # declared to stored bytes: no filter of HDF5 packs tighter
_MOST_CHUNK = 2**28  # bytes that one chunk unpacks to
_BLOCK = 256  # rows that are selected one by one in one call
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])  # to a value of variable length
_DENSE = 4  # read the rows between, too, where they are less than that many times as many


def find_datasets(file: Any, label: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The datasets with an axis, by path; and what may not be read, with the reason.

    Raises:
        SpecError: There are more objects than any data set has.
    """
    h5py = require("h5py", extra="hdf5", purpose=label)
    found: dict[str, Any] = {}
    faults: dict[str, str] = {}
    groups, seen = [("", file)], set()
    while groups:
        prefix, group = groups.pop()
        for name in sorted(group, reverse=True):
            path = f"{prefix}{name}"
            if len(seen) > _MOST_OBJECTS:
                raise SpecError(f"{label} holds more than {_MOST_OBJECTS} objects; a stream is a dataset with an axis of samples.")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                faults[path] = f"is a link into another file, {link.filename!r}, which is not followed"
            if not isinstance(link, h5py.HardLink):
                continue
            thing = group[name]
            address = h5py.h5o.get_info(thing.id).addr
            if isinstance(thing, h5py.Group) and address not in seen:
                groups.append((f"{path}/", thing))
            elif isinstance(thing, h5py.Dataset) and thing.shape:
                fault = _fault(thing, h5py)
                faults |= {path: fault} if fault else {}
                found |= {} if fault else {path: thing}
            seen.add(address)
    return dict(sorted(found.items())), faults


def spec_of(dataset: Any) -> Spec:
    """What one row of it looks like."""
    h5py = require("h5py", extra="hdf5", purpose=dataset.name)
    shape, unit = dataset.shape[1:], dataset.attrs.get("unit")
    unit = unit if isinstance(unit, str) else None
    if h5py.check_string_dtype(dataset.dtype):
        return Spec(shape, TEXT, unit=unit)
    vlen = h5py.check_vlen_dtype(dataset.dtype)
    dtype = np.dtype(np.dtype(vlen if vlen is not None else dataset.dtype).str)  # without HDF5's metadata
    return Spec((None,) if vlen is not None else shape, dtype.newbyteorder("="), _classes(dataset) if dtype.kind in "iu" else None, unit)


def selected(dataset: Any, rows: np.ndarray) -> Any:
    """These rows, which increase."""
    if not len(rows):
        return dataset[0:0]
    first, span = int(rows[0]), int(rows[-1] - rows[0]) + 1
    if span <= _DENSE * len(rows):
        with contextlib.suppress(OSError):  # a damaged sample between them is none of theirs
            values = dataset[first : first + span]
            return values if span == len(rows) else values[rows - first]
    return np.concatenate([dataset[rows[start : start + _BLOCK]] for start in range(0, len(rows), _BLOCK)])


def write_file(data: Source, path: str, label: str) -> None:
    """Write all streams and keys of a source to a new file.

    Raises:
        SpecError, ArgumentError: A stream cannot be written.
        OSError: The file cannot.
    """
    h5py = require("h5py", extra="hdf5", purpose=label)
    keys = {} if data.keys.is_range else dict(zip(data.keys.names, data.keys.columns, strict=True))
    types = {name: _stored_type(data, name, label, h5py) for name in data.spec}
    for name in keys.keys() & types.keys():
        values = data.read([name], np.arange(len(data), dtype=np.int64))[name]
        if isinstance(values, Ragged) or values.ndim != 1 or not np.array_equal(text_array(values), text_array(keys[name])):
            raise ArgumentError(f"{label}: stream {name!r} has the name of a part of the key and other values. Rename the stream.")
    with h5py.File(path, "w", locking=False) as file:  # who calls holds a lock already
        for name, column in keys.items():
            text = column.dtype.kind == "U"
            file.create_dataset(name, data=column.tolist() if text else column, dtype=h5py.string_dtype() if text else column.dtype)
        for name in [name for name in types if name not in keys]:
            _write_stream(file, name, types[name], data)


def _classes(dataset: Any) -> tuple[object, ...] | None:
    """What `write_file` stored of them; another program's attribute of that name means something else."""
    try:
        classes = json.loads(dataset.attrs.get("classes", "null"))
    except (TypeError, ValueError):
        return None
    plain = isinstance(classes, list) and all(isinstance(name, (str, int, float)) for name in classes)
    return tuple(classes) if plain else None


def _fault(dataset: Any, h5py: Any) -> str:
    """Why it may not be read; empty where it may."""
    if dataset.external or dataset.is_virtual:
        return "keeps its values in other files, which are not opened"
    text, vlen = h5py.check_string_dtype(dataset.dtype), h5py.check_vlen_dtype(dataset.dtype)
    numbers = np.dtype(vlen).kind in "biuf" if vlen is not None and text is None else dataset.dtype.kind in "biuf"
    numbers = numbers and (vlen is not None or dataset.dtype.itemsize <= np.dtype(float).itemsize)  # no long doubles
    if text is None and (not numbers or (vlen is not None and dataset.ndim > 1)):
        return f"is of dtype {dataset.dtype}{f' (variable length, shape {dataset.shape})' if vlen is not None else ''}, which is no stream"
    if text is None and vlen is not None and not np.dtype(vlen).isnative:
        return f"holds variable-length numbers in the byte order {np.dtype(vlen).str!r}, which h5py 3 reads as other numbers"
    item = dataset.dtype.itemsize
    declared, stored = math.prod(dataset.shape) * item, dataset.id.get_storage_size()
    if declared > _MOST_RATIO * stored + 2**20:
        return f"declares {declared} bytes and stores {stored}; it was never written, or is made to fill memory"
    chunk = math.prod(dataset.chunks or (0,)) * item
    if chunk > _MOST_CHUNK:
        return f"is stored in chunks of {chunk} bytes, more than {_MOST_CHUNK}"
    return "" if vlen is None else _length_fault(dataset, 1 if text is not None else np.dtype(vlen).itemsize)


def _length_fault(dataset: Any, item: int) -> str:
    """Whether values of variable length say that they are longer than the file: HDF5 would make room for them before it looks.

    Looks at the lengths as the file stores them, which it can where they are not compressed.
    """
    path = dataset.file.filename
    if not isinstance(path, str) or not os.path.isfile(path) or dataset.file.userblock_size:
        return ""
    size, places = os.path.getsize(path), []
    if dataset.chunks is None:
        places = [(dataset.id.get_offset(), dataset.id.get_storage_size(), dataset.size)]
    elif dataset.compression is None and not dataset.shuffle and not dataset.fletcher32 and dataset.scaleoffset is None:
        infos = (dataset.id.get_chunk_info(index) for index in range(dataset.id.get_num_chunks()))
        places = [(info.byte_offset, info.size, math.prod(dataset.chunks)) for info in infos]
    with open(path, "rb") as file:
        for offset, stored, count in places:
            if offset is None or stored != count * _REFERENCE.itemsize:
                continue
            file.seek(offset)
            lengths = np.frombuffer(file.read(stored), _REFERENCE)["length"].astype(np.uint64) * np.uint64(item)
            if lengths.max(initial=0) > size or lengths.sum() > _MOST_RATIO * size:
                return f"says that a value has {lengths.max()} bytes and all of them {lengths.sum()}, in a file of {size}"
    return ""


def _stored_type(data: Source, name: str, label: str, h5py: Any) -> Any:
    spec = data.spec[name]
    if data.absent(name) is not None:
        raise SpecError(f"{label}: stream {name!r} lacks values, and HDF5 has no null. Write the rows that have one: data.take(rows).")
    if spec.text and not spec.ragged:
        return h5py.string_dtype()
    if spec.dtype.kind not in "biuf" or (spec.ragged and len(spec.shape) > 1):
        raise SpecError(
            f"{label}: stream {name!r} is {spec}, which HDF5 has no form for. Map it to numbers, or pad it: data.map(plait.Pad(20))."
        )
    return h5py.vlen_dtype(spec.dtype) if spec.ragged else spec.dtype


def _write_stream(file: Any, name: str, dtype: Any, data: Source) -> None:
    spec = data.spec[name]
    shape = () if spec.ragged else spec.shape
    dataset = file.create_dataset(name, (len(data), *shape), dtype)
    size = max(1, 2**24 // max(1, math.prod(n or 1 for n in shape) * spec.dtype.itemsize))
    for start in range(0, len(data), size):
        rows = np.arange(start, min(start + size, len(data)), dtype=np.int64)
        values: Array = data.read([name], rows)[name]
        if isinstance(values, Ragged):
            for row, sample in zip(rows, values, strict=True):
                dataset[row] = sample
        elif len(rows):
            dataset[start : start + len(rows)] = values.astype(object) if spec.text else values
    if spec.unit is not None:
        dataset.attrs["unit"] = spec.unit
    if spec.classes is not None:
        dataset.attrs["classes"] = json.dumps(spec.classes, default=str)
