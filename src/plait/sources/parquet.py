"""The columns of a Parquet file, or of a folder or glob of them, each read when it is first used."""

from __future__ import annotations

import glob
import os
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from plait.errors import ChangedError, ReadError, SpecError
from plait.extras import require
from plait.formats.arrow import Field, check_columns, fields, narrow
from plait.formats.paths import is_url
from plait.formats.remote import filesystem
from plait.formats.sink import record_batches, written_whole
from plait.formats.spool import Column, gather
from plait.formats.table import Key, Table, choose, keys_of
from plait.source import Source

__all__ = ["Parquet"]

_MOST_ROWS = 2**13  # for a byte of the file; a column of one value takes a byte for some hundred rows


class Parquet(Table):
    """One stream a column. The schema and the keys are read when the source is declared, a column when it is first used, and then kept.

    Rows are in the order of the files, files in the order of their names. Folders such as "site=A" are a column "site". A file that
    was changed, replaced or removed since the source was declared raises `ChangedError` when a further column is read from it; columns
    that were read stay as they were. Page checksums are verified where the files have them, as those of `Parquet.write` do.

    Args:
        path: A file, a folder, a glob ("trial/*.parquet"), or an fsspec URL of one of these.
        key: The column that holds the keys, integers or text, or several columns; row numbers by default.
        columns: The columns to take; all by default, those of the key among them.
        memory: Bytes of columns kept in memory; what is beyond is decoded to disk, and mapped from there.
        spool: The folder for that; the system's temporary folder by default.

    Raises:
        ReadError: A file is missing, empty, truncated or damaged.
        NameUnknownError, SpecError, AlignmentError, DuplicateKeyError: A column or a key that cannot be had; the message says why.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        key: Key = None,
        columns: Sequence[str] | None = None,
        memory: int = 2**30,
        spool: str | os.PathLike[str] | None = None,
    ) -> None:
        path = os.fspath(path)
        label = f"Parquet {path!r}"
        require("pyarrow.dataset", extra="tables", purpose=label)
        files = _found(path, label)
        choice = choose(fields(files.schema), key=key, columns=columns, label=label)
        super().__init__(
            label,
            keys_of(_keys(files, choice.keys), rows=files.rows, label=label),
            {name: field.spec for name, field in choice.streams.items() if field.spec is not None},
            _Columns(files, choice.streams, memory, None if spool is None else os.fspath(spool)),
            choice.refused,
            in_memory=files.size <= memory,
        )

    @classmethod
    def write(cls, data: Source, path: str | os.PathLike[str]) -> None:
        """Write the keys and every stream, a row a sample; row numbers that nobody chose are left out. The file appears when complete.

        Args:
            data: Any source; a dataset is one.
            path: A file or any fsspec URL; an existing one is replaced.

        Raises:
            SpecError: A stream cannot be held by Parquet.
            ReadError: The file cannot be written.
        """
        label = f"Parquet.write {os.fspath(path)!r}"
        parquet = require("pyarrow.parquet", extra="tables", purpose=label)
        with written_whole(path, label=label) as file:
            reader = record_batches(data, label=label)
            with parquet.ParquetWriter(file, reader.schema, write_page_checksum=True) as writer:
                for batch in reader:
                    writer.write_batch(batch)


class _Columns(Mapping[str, Column]):
    """The columns, each read from the files when it is first asked for; thread-safe. A pickle reads them again."""

    def __init__(self, files: _Files, streams: Mapping[str, Field], memory: int, spool: str | None) -> None:
        self._declared = (files, dict(streams), memory, spool)
        self._read: dict[str, Column] = {}
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> Column:
        if name not in self._read:
            with self._lock:
                if name not in self._read:
                    self._read[name] = self._column(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared[1])

    def __len__(self) -> int:
        return len(self._declared[1])

    def __reduce__(self) -> tuple[object, ...]:
        return _Columns, self._declared

    def _column(self, name: str) -> Column:
        files, streams, memory, spool = self._declared
        needed, (stream,) = narrow({name: streams[name]})
        left = memory - sum(column.values.nbytes for column in self._read.values() if column.in_memory)
        found = gather(files.batches(needed), stream, {}, label=files.label, memory=max(left, 0), folder=spool)
        files.check_count(found.rows, f"column {name!r}")
        if name in found.refused:
            raise SpecError(f"{files.label}: column {name!r} {found.refused[name]}.")
        return found.columns[name]


def _keys(files: _Files, parts: Mapping[str, Field]) -> dict[str, Column]:
    if not parts:
        return {}
    needed, (keys,) = narrow(parts)
    found = gather(files.batches(needed), {}, keys, label=files.label)
    files.check_count(found.rows, "the key")
    return found.keys


@dataclass(frozen=True)
class _Files:
    """Parquet files and what they were when they were found.

    Args:
        label: The source, for messages.
        paths: In order.
        root: The folder below which "name=value" is a column; None where there is none.
        url: Where they are behind one, any of their URLs.
        stamps: Of each, what changes when it does.
        schema: Of all (`pyarrow.Schema`).
        rows: Of all.
        size: Bytes of all, encoded but not compressed.
    """

    label: str
    paths: tuple[str, ...]
    root: str | None
    url: str | None
    stamps: tuple[object, ...] = ()
    schema: Any = None
    rows: int = 0
    size: int = 0

    def looked_at(self) -> _Files:
        """The same with stamps, schema, rows and size."""
        import pyarrow as pa
        from pyarrow import parquet

        stamps, parts = self._stamps(), []
        for path in self.paths:
            with _explained(self.label, path), parquet.ParquetFile(path, filesystem=self._filesystem()) as file:
                check_columns(file.metadata.num_columns, self.label)
                self._check_rows(path, file.metadata)
                parts.append((file.schema_arrow.remove_metadata(), file.metadata))
        first = parts[0][0]
        if len(set(first.names)) < len(first.names):
            twice = sorted(name for name, times in Counter(first.names).items() if times > 1)
            raise SpecError(f"{self.label}: columns {twice} occur twice. Write the file again with a name for each column.")
        for path, (schema, _) in zip(self.paths, parts, strict=True):
            odd = sorted(set(schema.names) ^ set(first.names))
            if odd:
                raise SpecError(
                    f"{self.label}: {path!r} and {self.paths[0]!r} have different columns: {odd[:5]} are in one only. "
                    "Write them with one schema, or read them as two sources."
                )
        try:
            schema = pa.unify_schemas([schema for schema, _ in parts])
            schema = pa.unify_schemas([schema, self._dataset(None).schema.remove_metadata()])  # columns that are folders
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise SpecError(f"{self.label}: the files have columns of different types: {error}. Write them with one schema.") from error
        size = sum(meta.row_group(i).total_byte_size for _, meta in parts for i in range(meta.num_row_groups))
        return replace(self, stamps=stamps, schema=schema, rows=sum(meta.num_rows for _, meta in parts), size=size)

    def _check_rows(self, path: str, meta: Any) -> None:
        """Raise where a file says that it has more rows than it can hold."""
        groups = [meta.row_group(place).num_rows for place in range(meta.num_row_groups)]
        stored = self._filesystem().size(path) if self.url is not None else os.path.getsize(path)
        if meta.num_rows != sum(groups) or min(groups, default=0) < 0 or meta.num_rows > _MOST_ROWS * (stored or 2**40):
            raise ReadError(
                f"{self.label}: {path!r} says that it has {meta.num_rows} rows, its groups {sum(groups)}, in {stored} bytes. "
                "It is damaged: write it again from its origin."
            )

    def check_count(self, rows: int, what: str) -> None:
        """Raise where a column has other rows than the files say."""
        if rows != self.rows:
            raise ReadError(f"{self.label}: {what} has {rows} of {self.rows} rows. The file is damaged: write it again from its origin.")

    def batches(self, places: Sequence[int]) -> Iterator[Any]:
        """All rows of these columns, as `pyarrow.RecordBatch`.

        Raises:
            ChangedError: A file is not what it was.
            ReadError: A file is damaged.
        """
        self._check_unchanged()
        with _explained(self.label, self.paths[0] if len(self.paths) == 1 else "one of its files"):
            dataset = self._dataset(self.schema)
            names = [self.schema.names[place] for place in places]
            yield from dataset.scanner(columns=names, batch_size=65_536, batch_readahead=4, fragment_readahead=1).to_reader()
        self._check_unchanged()

    def _dataset(self, schema: Any) -> Any:
        from pyarrow import dataset

        options = dataset.ParquetFragmentScanOptions(page_checksum_verification=True)
        return dataset.dataset(
            list(self.paths),
            schema=schema,
            filesystem=self._filesystem(),
            format=dataset.ParquetFileFormat(default_fragment_scan_options=options),
            partitioning=None if self.root is None else "hive",
            partition_base_dir=self.root,
        )

    def _filesystem(self) -> Any:
        return None if self.url is None else filesystem(self.url, label=self.label)[0]

    def _check_unchanged(self) -> None:
        for path, then, now in zip(self.paths, self.stamps, self._stamps(), strict=True):
            if then != now:
                raise ChangedError(
                    f"{self.label}: {path!r} was changed since the source was declared. Declare the source again, "
                    "and do not write to a file that is being read: write a new one and rename it."
                )

    def _stamps(self) -> tuple[object, ...]:
        try:
            if self.url is None:
                found = [os.stat(path) for path in self.paths]
                return tuple((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in found)
            infos = [self._filesystem().info(path) for path in self.paths]
            return tuple(
                tuple(str(info.get(name)) for name in ("size", "mtime", "created", "LastModified", "ETag", "etag")) for info in infos
            )
        except FileNotFoundError as error:
            raise ChangedError(f"{self.label}: a file is gone that was listed: {error}. Declare the source again.") from error


def _found(path: str, label: str) -> _Files:
    """List the files that a path, folder or glob stands for."""
    if is_url(path):
        remote, inside = filesystem(path, label=label)
        folder = remote.isdir(inside)
        found = remote.find(inside) if folder else remote.glob(inside)
        root, url = (inside if folder else None), path
    else:
        folder = os.path.isdir(path)
        found = (
            [os.path.join(at, name) for at, _, names in os.walk(path) for name in names]
            if folder
            else [path]
            if os.path.exists(path)
            else [name for name in glob.glob(path, recursive=True) if os.path.isfile(name)]
        )
        root, url = (path if folder else None), None
    if folder:
        hidden = [any(part[:1] in "._" for part in os.path.relpath(name, root).split(os.sep)) for name in found]
        found = [name for name, hide in zip(found, hidden, strict=True) if not hide and name.endswith((".parquet", ".parq", ".pq"))]
    if not found:
        raise ReadError(_nothing(path, label, folder))
    return _Files(label, tuple(sorted(found)), root, url).looked_at()


def _nothing(path: str, label: str, folder: bool) -> str:
    if folder:
        return f"{label} holds no file whose name ends in .parquet."
    if is_url(path):
        return f"{label} does not exist. Check the address."
    parent = os.path.dirname(path) or "."
    if not os.path.isdir(parent):
        return f"{label} does not exist: there is no folder {parent!r} (working directory {os.getcwd()!r})."
    names = sorted(name for name in os.listdir(parent) if name.endswith(".parquet"))
    return f"{label} does not exist. {parent!r} holds {names[:5]}." if names else f"{label} does not exist, nor any .parquet beside it."


@contextmanager
def _explained(label: str, path: str) -> Iterator[None]:
    """Turn Arrow's errors into ours."""
    import pyarrow as pa

    try:
        yield
    except FileNotFoundError as error:
        raise ChangedError(f"{label}: a file is gone that was listed: {error}. Declare the source again.") from error
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:  # the last of a column's name
        raise ReadError(f"{label}: {path!r} is damaged, cut short or no Parquet: {error} Write it again from its origin.") from error
