"""What an Arrow column becomes: one stream, its shape and dtype known from the type alone, and NumPy arrays chunk by chunk.

| Arrow                                   | one sample                                                         |
|-----------------------------------------|--------------------------------------------------------------------|
| bool, int8-64, uint8-64, float16-64     | () of that dtype                                                   |
| decimal                                 | () float64                                                         |
| date, timestamp                         | () datetime64 of that unit, in UTC where there is a zone           |
| time of day, duration                   | () timedelta64 of that unit                                        |
| string, categories of strings, uuid     | () text                                                            |
| fixed-size list of numbers, also nested | dense, (n,) or (n, m)                                              |
| list of those                           | ragged, (None,) or (None, n)                                       |
| struct                                  | one stream a field, "name.field"                                   |
| null (nothing is known of the type)     | () float64, all absent                                             |

Null is absent, and so is NaN in a column of floats: pandas makes no difference between them, so no table of plait does. Everything else
is refused by name, and only when it is asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from plait.errors import SpecError
from plait.ragged import Array, Ragged
from plait.spec import TEXT, Spec

__all__ = ["MOST_COLUMNS", "REFUSED", "Field", "as_key", "check_columns", "convert", "fields", "narrow"]

MOST_COLUMNS = 2**15
REFUSED = b"plait:refused"  # in the metadata of a field: the reason why it is no stream, known to who made the schema


@dataclass(frozen=True)
class Field:
    """One column of an Arrow schema, fields of structs each for itself.

    Args:
        name: Of the column; "a.b" for field b of struct a.
        path: Its place in the schema, and in the structs inside.
        type: Its Arrow type (`pyarrow.DataType`); None where it is refused whatever its type.
        spec: What one sample is; None where it cannot be a stream.
        refused: Why it cannot, and what to do, as a sentence goes on after "column 'x'"; empty where it can.
    """

    name: str
    path: tuple[int, ...]
    type: Any
    spec: Spec | None
    refused: str = ""


def fields(schema: Any) -> list[Field]:
    """The columns of a `pyarrow.Schema`, structs flattened. A name that occurs twice is refused."""
    found = [leaf for i, field in enumerate(schema) for leaf in _leaves(field, field.name, (i,))]
    names = Counter(leaf.name for leaf in found)
    return [
        leaf if names[leaf.name] == 1 else Field(leaf.name, leaf.path, None, None, f"occurs {names[leaf.name]} times; rename all but one")
        for leaf in found
    ]


def check_columns(count: int, label: str) -> None:
    """Raise where a table has more columns than any has.

    Raises:
        SpecError: Saying what to do.
    """
    if count > MOST_COLUMNS:
        raise SpecError(
            f"{label}: there are {count} columns, and a table has at most {MOST_COLUMNS}, each of which is a stream. "
            "Keep a matrix as one array, plait.Npy, whose rows are the samples; or turn rows and columns around."
        )


def narrow(*chosen: Mapping[str, Field]) -> tuple[list[int], list[dict[str, Field]]]:
    """The places of the columns that these fields need, and the fields as they are in a batch of those columns alone."""
    needed = sorted({field.path[0] for named in chosen for field in named.values()})
    place = {column: number for number, column in enumerate(needed)}
    return needed, [
        {name: replace(field, path=(place[field.path[0]], *field.path[1:])) for name, field in named.items()} for named in chosen
    ]


def as_key(field: Field) -> Field:
    """The same column, to be read as part of a key: integers stay integers, everything else becomes text as it is written.

    Raises:
        SpecError: No key can be made of this type.
    """
    import pyarrow as pa

    kind = field.type
    if kind is None:
        raise SpecError(field.refused)
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if pa.types.is_boolean(kind) or (pa.types.is_integer(kind) and kind != pa.uint64()):
        return replace(field, spec=Spec((), np.dtype(np.int64)), refused="")
    whole = kind == pa.uint64() or pa.types.is_null(kind) or (pa.types.is_decimal(kind) and kind.scale == 0)
    if whole or _is_number_as_text(kind) or (_is_text(kind) and getattr(kind, "extension_name", "") != "arrow.json"):
        return replace(field, spec=Spec((), TEXT), refused="")
    if pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return replace(field, spec=_spec(kind), refused="")
    raise SpecError(f"is of type {kind}, and keys are integers or text; cast it to one of them first")


def convert(field: Field, batch: Any) -> tuple[Array, np.ndarray | None]:
    """The samples of one column of a `pyarrow.RecordBatch`.

    Args:
        field: With a spec.
        batch: Of the schema the field came from.

    Returns:
        Values, zero where absent, and (rows,) bool, true where absent, or None. Text comes as `Ragged` of UTF-8 bytes.

    Raises:
        SpecError: The values cannot be held: null inside a list of integers, text that is not UTF-8. Without the stream's name.
    """
    assert field.spec is not None
    array = batch.column(field.path[0])
    for place in field.path[1:]:
        array = array.flatten()[place]
    if field.spec.text:
        return _text(array)
    if field.spec.ragged:
        return _ragged(array)
    values, absent = _dense(array)
    return values.astype(field.spec.dtype, copy=False), absent


def _leaves(field: Any, name: str, path: tuple[int, ...]) -> Iterator[Field]:
    import pyarrow as pa

    if pa.types.is_struct(field.type):
        for i in range(field.type.num_fields):
            child = field.type.field(i)
            yield from _leaves(child, f"{name}.{child.name}", (*path, i))
        return
    if REFUSED in (field.metadata or {}):
        yield Field(name, path, None, None, field.metadata[REFUSED].decode())
        return
    try:
        yield Field(name, path, field.type, _spec(field.type))
    except SpecError as error:
        yield Field(name, path, field.type, None, str(error))


def _spec(kind: Any) -> Spec:
    import pyarrow as pa

    if _is_text(kind):
        return Spec((), TEXT)
    if pa.types.is_dictionary(kind):
        return _spec(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        shape, dtype = _item(kind.value_type, kind)
        return Spec((None, *shape), dtype)
    return Spec(*_item(kind, kind))


def _item(kind: Any, whole: Any) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of what has the same size in every sample, itself the column or inside its lists."""
    import pyarrow as pa

    if pa.types.is_fixed_size_list(kind):
        shape, dtype = _item(kind.value_type, whole)
        return (kind.list_size, *shape), dtype
    if pa.types.is_null(kind) or pa.types.is_decimal(kind) or _is_number_as_text(kind):
        return (), np.dtype(np.float64)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return (), np.dtype(kind.to_pandas_dtype())
    if pa.types.is_date(kind):
        return (), np.dtype("datetime64[D]" if kind == pa.date32() else "datetime64[ms]")
    if pa.types.is_timestamp(kind):
        return (), np.dtype(f"datetime64[{kind.unit}]")
    if pa.types.is_time(kind) or pa.types.is_duration(kind):
        return (), np.dtype(f"timedelta64[{kind.unit}]")
    shown = getattr(whole, "type_name", whole)  # what a database calls it, where Arrow has no name
    raise SpecError(f"is of type {shown}, which no stream can hold; {_remedy(kind)}")


def _remedy(kind: Any) -> str:
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return "keep pictures and arrays as files and read them by plait.Images or plait.Npy"
    if _is_text(kind):
        return "join each list to one text, and split it by a transform"
    return "cast it to numbers, text, a date or a list of numbers, or leave it out by columns=[...]"


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        return kind.extension_name in ("arrow.json", "arrow.uuid")
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_number_as_text(kind: Any) -> bool:
    """Whether this is PostgreSQL's numeric, which its driver hands over as text."""
    return getattr(kind, "extension_name", "") == "arrow.opaque" and kind.type_name == "numeric"


def _text(array: Any) -> tuple[Ragged, np.ndarray | None]:
    import pyarrow as pa

    if getattr(array.type, "extension_name", "") == "arrow.uuid":
        array = pa.array([None if v is None else str(v) for v in array.to_pylist()], pa.large_string())
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = pa.DictionaryArray.from_arrays(array.indices, array.dictionary.cast(pa.large_string()))
    array = array.cast(pa.large_string())
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise SpecError("holds text that is not UTF-8; store it as UTF-8 first") from error
    absent = _nulls(array)
    if absent is not None:
        array = array.fill_null("")
    if not len(array):
        return Ragged(np.zeros(0, np.uint8), np.zeros(1, np.int64)), absent
    _, starts, data = array.buffers()
    offsets = np.frombuffer(starts, np.int64)[array.offset : array.offset + len(array) + 1]
    values = np.zeros(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return Ragged(values[offsets[0] : offsets[-1]], offsets - offsets[0]), absent


def _ragged(array: Any) -> tuple[Ragged, np.ndarray | None]:
    absent = _nulls(array)
    lengths = array.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.zeros(len(array) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return Ragged(_inside(array.flatten()), offsets), absent


def _dense(array: Any) -> tuple[np.ndarray, np.ndarray | None]:
    import pyarrow as pa

    if pa.types.is_fixed_size_list(array.type):
        return _fixed(array)
    values, absent = _numbers(array)
    if values.dtype.kind == "f":
        nan = np.isnan(values)
        if nan.any():
            absent = nan if absent is None else absent | nan
            values = np.where(absent, values.dtype.type(0), values)
    return values, absent


def _fixed(array: Any) -> tuple[np.ndarray, np.ndarray | None]:
    absent, size = _nulls(array), array.type.list_size
    present = array if absent is None else array.drop_null()  # what lies under a null is anything
    items = _inside(present.values[present.offset * size :][: len(present) * size])
    items = items.reshape(len(present), size, *items.shape[1:])
    if absent is None:
        return items, None
    values = np.zeros((len(array), *items.shape[1:]), items.dtype)
    values[~absent] = items
    return values, absent


def _inside(array: Any) -> np.ndarray:
    """The items of lists, one behind the other: NaN stays, null becomes NaN where there is one."""
    import pyarrow as pa

    values, absent = _fixed(array) if pa.types.is_fixed_size_list(array.type) else _numbers(array)
    if absent is None:
        return values
    if values.dtype.kind != "f":
        raise SpecError(f"holds null inside a list of {values.dtype}, which has no value for it; fill it in, or cast the list to floats")
    return np.where(absent.reshape(-1, *[1] * (values.ndim - 1)), values.dtype.type(np.nan), values)


def _numbers(array: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """One value a row, zero where null."""
    import pyarrow as pa

    if pa.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if isinstance(array, pa.ExtensionArray):  # a number as text
        array = array.storage
    if pa.types.is_decimal(array.type) or pa.types.is_string(array.type) or pa.types.is_null(array.type):
        array = array.cast(pa.float64())
    absent = _nulls(array)
    _, dtype = _item(array.type, array.type)
    if pa.types.is_boolean(array.type):
        return array.fill_null(False).to_numpy(zero_copy_only=False), absent
    if not len(array) or array.buffers()[1] is None:
        return np.zeros(len(array), dtype), absent
    stored = np.dtype(f"i{array.type.bit_width // 8}") if dtype.kind in "Mm" else dtype
    values = np.frombuffer(array.buffers()[1], stored)[array.offset : array.offset + len(array)]
    if dtype.kind in "Mm":
        values = values.astype(np.int64).view(dtype)
    return values if absent is None else np.where(absent, np.zeros((), dtype), values), absent


def _nulls(array: Any) -> np.ndarray | None:
    return array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
