"""The columns of a data frame that is already in memory: pandas, polars, pyarrow, or anything that speaks Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from plait.errors import ArgumentError, NameUnknownError
from plait.extras import require
from plait.formats.arrow import REFUSED, fields
from plait.formats.spool import gather
from plait.formats.table import Key, Table, choose, column_names, keys_of

__all__ = ["Frame"]


class Frame(Table):
    """One stream a column of a data frame, copied, so that later changes of the frame change nothing here.

    Null, None, NaN and NaT are absent. The index of a pandas frame is never used unasked: write `df.reset_index()`.

    Args:
        frame: pandas or polars DataFrame, pyarrow Table or RecordBatch, DuckDB relation, anything with `__arrow_c_stream__`.
        key: The column that holds the keys, integers or text, or several columns; row numbers by default.
        columns: The columns to take; all by default, those of the key among them.

    Raises:
        ArgumentError: It is no data frame.
        NameUnknownError, SpecError, AlignmentError, DuplicateKeyError: A column or a key that cannot be had; the message says why.
    """

    def __init__(self, frame: Any, *, key: Key = None, columns: Sequence[str] | None = None) -> None:
        pa = require("pyarrow", extra="tables", purpose="Frame")
        table = _from_pandas(frame, pa, key) if _is_pandas(frame) and hasattr(frame, "columns") else _from_arrow(frame, pa)
        label = _label(table.column_names)
        choice = choose(fields(table.schema), key=key, columns=columns, label=label)
        found = gather(table.to_batches(), choice.streams, choice.keys, label=label)
        super().__init__(
            label,
            keys_of(found.keys, rows=table.num_rows, label=label),
            {name: column.spec for name, column in found.columns.items()},
            found.columns,
            choice.refused | found.refused,
        )


def _label(names: Sequence[str]) -> str:
    return f"Frame [{', '.join(map(repr, names[:3]))}{', ...' if len(names) > 3 else ''}]"


def _is_pandas(frame: Any) -> bool:
    return type(frame).__module__.partition(".")[0] == "pandas" and hasattr(frame, "iloc")


def _from_arrow(frame: Any, pa: Any) -> Any:
    if hasattr(frame, "__arrow_c_stream__") or hasattr(frame, "__arrow_c_array__"):
        try:
            return pa.table(frame)
        except (pa.ArrowException, TypeError, NotImplementedError) as error:
            if hasattr(frame, "get_columns"):  # polars has types that Arrow has not
                return _table(((series.name, _column(series, pa)) for series in frame.get_columns()), pa)
            raise ArgumentError(f"Frame: {type(frame).__name__} cannot be read as a table: {error}") from error
    remedy = "plait.Arrays(**columns) takes arrays by name." if isinstance(frame, dict) else "Pass pandas, polars or pyarrow."
    if hasattr(frame, "collect"):
        remedy = "Write frame.collect()."
    raise ArgumentError(f"Frame: {type(frame).__module__}.{type(frame).__name__} is no data frame. {remedy}")


def _from_pandas(frame: Any, pa: Any, key: Key) -> Any:
    """Column by column, so that one which Arrow does not know blocks no other."""
    label = _label([str(name) for name in frame.columns])
    index = [name for name in frame.index.names if name is not None]
    missing = [name for name in column_names(key, "key", label) if name in index and name not in frame.columns]
    if missing:
        raise NameUnknownError(f"{label} has {missing[0]!r} in its index, which is not read. Write plait.Frame(df.reset_index(), key=...).")
    return _table(((str(name), _column(frame.iloc[:, place], pa)) for place, name in enumerate(frame.columns)), pa)


def _table(columns: Iterable[tuple[str, tuple[Any, dict[bytes, str] | None]]], pa: Any) -> Any:
    named = list(columns)
    schema = pa.schema([pa.field(name, array.type, metadata=metadata) for name, (array, metadata) in named])
    return pa.table([array for _, (array, _) in named], schema=schema)


def _column(series: Any, pa: Any) -> tuple[Any, dict[bytes, str] | None]:
    try:
        return (pa.array(series, from_pandas=True) if _is_pandas(series) else pa.chunked_array(series)), None
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        reason = f"cannot be read as one type: {error}; cast it to numbers or text"
        return pa.nulls(len(series)), {REFUSED: reason}
