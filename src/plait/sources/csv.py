"""The columns of a CSV file, or of any file of cells parted by one character."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from plait.errors import ArgumentError, PlaitError, ReadError
from plait.extras import require
from plait.formats.arrow import REFUSED, check_columns, fields
from plait.formats.sink import record_batches, written_whole
from plait.formats.spool import gather
from plait.formats.table import Key, Table, choose, column_names, keys_of
from plait.formats.unpacked import Unpacked, opened
from plait.source import Source

__all__ = ["Csv"]

_LOOKED_AT = 2**27  # bytes of a packed file that are unpacked once before, so that what is made to fill memory never reaches the parser


class Csv(Table):
    """One stream a column, its type found in all of its cells: integers, floats, true/false, ISO dates and times, else text.

    The file is read when the source is declared, and kept in memory; for one that is larger, write
    `plait.SQL("duckdb://", "select * from 'labels.csv'", key="id")`. An empty cell is absent, quoted or not; in a column of numbers or
    dates also NA, N/A, NaN and null. Keys are text, exactly as written: "007" stays "007".

    Args:
        path: A file or any fsspec URL; .gz and .bz2 are unpacked.
        key: The column that holds the keys, or several columns; row numbers by default.
        columns: The columns to take; all by default, those of the key among them.
        text: Columns to keep as text, exactly as written, though they look like numbers or dates ("01234").
        nulls: What further means absent, in any column: ("?", "-").
        delimiter: The character between cells.
        encoding: Of the file.

    Raises:
        ReadError: The file is missing, empty, not in this encoding, has no rows, or rows of unequal length; with the row.
        NameUnknownError, SpecError, AlignmentError, DuplicateKeyError: A column or a key that cannot be had; the message says why.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: Key = None,
        columns: Sequence[str] | None = None,
        text: str | Sequence[str] = (),
        nulls: Sequence[str] = (),
        delimiter: str = ",",
        encoding: str = "utf-8",
    ) -> None:
        path = os.fspath(path)
        label = f"Csv {path!r}"
        require("pyarrow.csv", extra="tables", purpose=label)
        if len(delimiter) != 1 or not delimiter.isascii():
            raise ArgumentError(f"{label}: delimiter={delimiter!r} is not one ASCII character. Write delimiter=';', or '\\t' for a tab.")
        as_text, parts = column_names(text or None, "text", label), column_names(key, "key", label)
        file = _File(path, label, delimiter, encoding, tuple(nulls), (*as_text, *parts))
        file.check_header()
        table = file.table()
        if table.num_columns == 1 and (found := [c for c in ";\t|," if c in table.column_names[0]]):
            raise ReadError(f"{label} has one column, {table.column_names[0]!r}. Pass delimiter={found[0]!r}.")
        if as_text:
            choose(fields(table.schema), key=None, columns=as_text, label=label)
        choice = choose(fields(table.schema), key=key, columns=columns, label=label)
        gathered = gather(table.to_batches(), choice.streams, choice.keys, label=label)
        super().__init__(
            label,
            keys_of(gathered.keys, rows=gathered.rows, label=label),
            {name: column.spec for name, column in gathered.columns.items()},
            gathered.columns,
            choice.refused | gathered.refused,
        )

    @classmethod
    def write(cls, data: Source, path: str | os.PathLike[str]) -> None:
        """Write the keys and every stream of one value a sample, a row a sample; row numbers that nobody chose are left out.

        The file appears when it is complete. Read back, columns of text that look like numbers need `text=`, and empty text is absent.

        Args:
            data: Any source; a dataset is one.
            path: A file or any fsspec URL; an existing one is replaced.

        Raises:
            SpecError: A stream is no single number, date or text; `plait.Parquet.write` holds those.
            ReadError: The file cannot be written.
        """
        label = f"Csv.write {os.fspath(path)!r}"
        csv = require("pyarrow.csv", extra="tables", purpose=label)
        with written_whole(path, label=label) as file:
            reader = record_batches(data, label=label, flat="Parquet.write holds lists and arrays")
            with csv.CSVWriter(file, reader.schema) as writer:
                for batch in reader:
                    writer.write_batch(batch)


class _TooLong(Exception):
    """A row is longer than the block that is read at once."""


@dataclass(frozen=True)
class _File:
    """A file of cells and how to read it.

    Args:
        path: On disk or a URL.
        label: The source, for messages.
        delimiter: Between cells.
        encoding: Of the file.
        nulls: What means absent besides the empty cell.
        text: Columns that are text whatever they look like.
    """

    path: str
    label: str
    delimiter: str
    encoding: str
    nulls: tuple[str, ...]
    text: tuple[str, ...]

    def table(self) -> Any:
        """The whole file as a `pyarrow.Table`, null where absent."""
        import pyarrow as pa

        table = self._parsed(self.text)
        if table.num_columns == 1:  # here an empty line is an empty cell
            table = self._parsed(self.text, ignore_empty_lines=False)
        if not table.num_rows:
            raise ReadError(f"{self.label} has a header, {table.column_names[:6]}, and no rows. Were the rows written?")
        if any(pa.types.is_binary(kind) for kind in table.schema.types):
            raise self._undecodable(None)
        self._check_quotes(table.column(table.num_columns - 1)[-1].as_py())
        return self._null_text(self._without_wide_integers(table))

    def check_header(self) -> None:
        """Refuse more columns than any table has before they are parsed, which takes a tenth of a millisecond each."""
        with opened(self.path, self.label) as file:
            head = file.read(2**20)
            for _ in range(_LOOKED_AT // 2**20 if isinstance(file, Unpacked) else 0):
                if not file.read(2**20):
                    break
        check_columns(head.partition(b"\n")[0].count(self.delimiter.encode()), self.label)

    def _parsed(self, text: Sequence[str], *, ignore_empty_lines: bool = True) -> Any:
        import pyarrow as pa

        try:
            for block_size in (2**20, 2**26):  # a row has to fit into one
                with contextlib.suppress(_TooLong):
                    return self._parsed_once(text, ignore_empty_lines, block_size)
            return self._parsed_once(text, ignore_empty_lines, 2**31 - 1)
        except LookupError as error:
            raise ArgumentError(f"{self.label}: there is no encoding {self.encoding!r}. Write encoding='latin-1', say.") from error
        except UnicodeDecodeError as error:
            raise self._undecodable(error) from error
        except pa.ArrowInvalid as error:
            raise self._explained(error) from error
        except OSError as error:
            raise error if isinstance(error, PlaitError) else ReadError(f"{self.label} cannot be read: {error}.") from error

    def _parsed_once(self, text: Sequence[str], ignore_empty_lines: bool, block_size: int) -> Any:
        import pyarrow as pa
        from pyarrow import csv

        read = csv.ReadOptions(encoding=self.encoding, block_size=block_size)
        parse = csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True, ignore_empty_lines=ignore_empty_lines)
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(text, pa.large_string()),
            null_values=[*csv.ConvertOptions().null_values, *self.nulls],
            strings_can_be_null=False,
        )
        try:
            with opened(self.path, self.label) as file:
                table = csv.read_csv(file, read, parse, convert)
        except pa.ArrowInvalid as error:
            if "straddl" in str(error) and block_size < 2**31 - 1:
                raise _TooLong from error
            raise
        return table.rename_columns([str(name) for name in table.column_names])  # raises here where names are not of this encoding

    def _explained(self, error: Exception) -> ReadError:
        """What is wrong with a file that cannot be parsed."""
        if "mpty CSV" in str(error):
            return ReadError(f"{self.label} is empty: it has no header. Restore the file.")
        if "UTF8" in str(error) or self._starts_as_utf16():
            return self._undecodable(error)
        bad = self._bad_rows()
        if bad:
            row = bad[0]
            return ReadError(
                f"{self.label}: row {row.number} (the header is row 1) has {row.actual_columns} cells where the header has "
                f"{row.expected_columns}: {row.text[:80]!r}. {len(bad)} rows are so. "
                "Mend them, quote cells that hold the delimiter, or pass delimiter=."
            )
        return ReadError(f"{self.label} cannot be read: {error}")

    def _bad_rows(self) -> list[Any]:
        import pyarrow as pa
        from pyarrow import csv

        bad: list[Any] = []
        parse = csv.ParseOptions(
            delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=lambda row: bad.append(row) or "skip"
        )
        try:
            with opened(self.path, self.label) as file:
                csv.read_csv(file, csv.ReadOptions(encoding=self.encoding, use_threads=False, block_size=2**31 - 1), parse)
        except (pa.ArrowInvalid, UnicodeDecodeError):
            pass
        return bad

    def _starts_as_utf16(self) -> bool:
        with opened(self.path, self.label) as file:
            return file.read(2) in (b"\xff\xfe", b"\xfe\xff")

    def _undecodable(self, error: Exception | None) -> ReadError:
        if self._starts_as_utf16():
            return ReadError(f"{self.label} is not {self.encoding}: it begins as UTF-16 does. Pass encoding='utf-16'.")
        with opened(self.path, self.label) as file:
            for number, line in enumerate(file.read().splitlines(), 1):
                try:
                    line.decode(self.encoding)
                except UnicodeDecodeError as found:
                    return ReadError(
                        f"{self.label} is not {self.encoding}: line {number} holds the byte 0x{line[found.start]:02x}, in "
                        f"{line[max(0, found.start - 20) : found.start + 20]!r}. Pass encoding='latin-1', or what the file was written in."
                    )
        return ReadError(f"{self.label} is not {self.encoding}: {error}. Pass encoding=, what the file was written in.")

    def _check_quotes(self, last: object) -> None:
        """A quote that is never closed makes the rest of the file one cell, without an error."""
        if not isinstance(last, str) or "\n" not in last:
            return
        with opened(self.path, self.label) as file:
            end = file.read().decode(self.encoding, "replace").rstrip("\r\n")
        if not end.endswith('"'):
            raise ReadError(
                f"{self.label}: a quote is opened and never closed, so that the last cell is {last[:60]!r}... "
                "Close it; quotes that belong to the text are written twice."
            )

    def _without_wide_integers(self, table: Any) -> Any:
        """Refuse columns of integers beyond 64 bits, which would have become floats and lost digits."""
        import pyarrow as pa

        compute = require("pyarrow.compute", extra="tables", purpose=self.label)
        wide = [
            field.name
            for field, column in zip(table.schema, table.columns, strict=True)
            if pa.types.is_float64(field.type) and (compute.max(compute.abs(column)).as_py() or 0) >= 2**63
        ]
        if not wide:
            return table
        written = self._parsed((*self.text, *wide))
        for place, field in enumerate(table.schema):
            if field.name in wide:
                digits = compute.match_substring_regex(written.column(place), r"^\s*[+-]?\d{19,}\s*$")
                found = written.column(place).filter(digits)
                if len(found):
                    reason = f"holds integers beyond 64 bits, such as {found[0].as_py()}; keep them as text by text=[{field.name!r}]"
                    table = table.set_column(place, field.with_metadata({REFUSED: reason}), table.column(place))
        return table

    def _null_text(self, table: Any) -> Any:
        import pyarrow as pa

        compute = require("pyarrow.compute", extra="tables", purpose=self.label)
        columns = []
        for column in table.columns:
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                empty = compute.is_in(column, value_set=pa.array(["", *self.nulls], column.type))
                columns.append(compute.if_else(empty, pa.scalar(None, column.type), column))
            else:
                columns.append(column)
        return pa.table(columns, schema=table.schema)
