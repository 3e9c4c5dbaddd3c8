"""Columns that grow, on disk where they outgrow memory, and what is left behind."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from plait.errors import ReadError, SpecError
from plait.formats.arrow import as_key, fields
from plait.formats.spool import Folder, Gathered, gather
from plait.ragged import Ragged

TABLE = pa.table(
    {
        "id": pa.array(range(1000)),
        "x": pa.array([None if i % 7 == 0 else i / 2 for i in range(1000)], pa.float32()),
        "day": pa.array([i % 300 for i in range(1000)], pa.int32()).cast(pa.date32()),
        "text": pa.array([None if i % 5 == 0 else f"ü{i}" for i in range(1000)]),
        "list": pa.array([list(range(i % 4)) for i in range(1000)], pa.list_(pa.int16())),
        "points": pa.array([[i, 1] for i in range(1000)], pa.list_(pa.int32(), 2)),
        "nothing": pa.nulls(1000),
    }
)


def collect(memory: int | None, folder: Path, table: pa.Table = TABLE, rows: int = 90) -> Gathered:
    found = {field.name: field for field in fields(table.schema)}
    return gather(table.to_batches(rows), found, {"id": as_key(found["id"])}, label="Table", memory=memory, folder=str(folder))


def values(gathered: Gathered, name: str, rows: np.ndarray) -> list:
    taken = gathered.columns[name].take(rows)
    assert type(taken) in (np.ndarray, Ragged)
    if isinstance(taken, Ragged):
        assert type(taken.values) is np.ndarray
        return [sample.tolist() for sample in taken]
    assert taken.dtype == gathered.columns[name].spec.dtype
    return taken.tolist()


ROWS = np.array([999, 0, 0, 500, 1, 91, 89, 90])


@pytest.mark.parametrize("memory", [0, 10_000, None], ids=["all on disk", "from the middle on disk", "in memory"])
def test_a_column_is_the_same_in_memory_and_on_disk(memory, tmp_path) -> None:
    found = collect(memory, tmp_path)
    assert (found.rows, found.refused) == (1000, {})
    assert found.keys["id"].in_memory
    assert found.keys["id"].values.tolist() == list(range(1000))
    for name, column in found.columns.items():
        assert column.in_memory == (memory is None), name
    expected = TABLE.take(pa.array(ROWS))
    assert values(found, "id", ROWS) == ROWS.tolist()
    assert values(found, "x", ROWS) == [0 if v is None else v for v in expected["x"].to_pylist()]
    assert values(found, "day", ROWS) == expected["day"].to_pylist()
    assert values(found, "text", ROWS) == [v or "" for v in expected["text"].to_pylist()]
    assert values(found, "list", ROWS) == expected["list"].to_pylist()
    assert values(found, "points", ROWS) == expected["points"].to_pylist()
    assert values(found, "nothing", ROWS) == [0.0] * len(ROWS)
    assert found.columns["x"].absent.tolist() == [i % 7 == 0 for i in range(1000)]
    assert found.columns["text"].absent.tolist() == [i % 5 == 0 for i in range(1000)]
    assert found.columns["list"].absent is None


def test_what_is_spooled_leaves_memory_before_the_next_batch_comes(tmp_path) -> None:
    field = {f.name: f for f in fields(pa.schema([("x", pa.float64())]))}
    written = []

    def batches():
        for i in range(20):
            written.append(sum(file.stat().st_size for file in tmp_path.glob("*/*.values")))
            yield pa.record_batch([pa.array(np.full(1000, float(i)))], names=["x"])

    found = gather(batches(), field, {}, label="Table", memory=16_000, folder=str(tmp_path))
    assert written[-1] == 19 * 8000
    assert found.columns["x"].take(np.array([0, 19_999])).tolist() == [0.0, 19.0]


def test_a_table_without_rows_has_columns_of_its_types(tmp_path) -> None:
    for memory in (None, 0):
        found = collect(memory, tmp_path, TABLE[:0])
        none = np.zeros(0, np.int64)
        for name, column in found.columns.items():
            taken = column.take(none)
            assert (len(taken), taken.dtype) == (0, column.spec.dtype), name
        assert found.columns["points"].take(none).shape == (0, 2)


def test_a_column_whose_values_cannot_be_held_blocks_no_other(tmp_path) -> None:
    table = TABLE.append_column("odd", pa.array([[1] if i < 950 else [None] for i in range(1000)], pa.list_(pa.int8())))
    for memory in (None, 0):
        found = collect(memory, tmp_path, table)
        assert "holds null inside a list of int8" in found.refused["odd"]
        assert "odd" not in found.columns
        assert values(found, "points", np.array([999])) == [[999, 1]]


def test_a_key_whose_values_cannot_be_held_is_an_error() -> None:
    stored = pa.array([b"\xff"], pa.binary())
    batch = pa.record_batch([pa.Array.from_buffers(pa.string(), 1, stored.buffers())], names=["id"])
    (field,) = fields(batch.schema)
    with pytest.raises(SpecError, match="Table: the key 'id' holds text that is not UTF-8"):
        gather([batch], {}, {"id": as_key(field)}, label="Table")


def test_the_folder_goes_with_the_last_column(tmp_path) -> None:
    found = collect(0, tmp_path)
    column = found.columns["x"]
    assert len(list(tmp_path.iterdir())) == 1
    del found
    gc.collect()
    assert len(list(tmp_path.iterdir())) == 1
    assert column.take(np.array([1])).tolist() == [0.5]
    del column
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_a_pickle_of_a_spooled_column_names_the_file_and_works_while_it_is_there(tmp_path) -> None:
    found = collect(0, tmp_path)
    data = pickle.dumps(found.columns)
    assert len(data) < 3 * 1000 + 5000  # the masks of what is absent, no values
    again = pickle.loads(data)
    for name, column in found.columns.items():
        taken, expected = again[name].take(ROWS), column.take(ROWS)
        if isinstance(taken, Ragged):
            taken, expected = taken.values, expected.values
        assert taken.tolist() == expected.tolist()
    del found, column
    gc.collect()
    assert again["x"].take(np.array([1])).tolist() == [0.5]  # mapped before the owner went
    with pytest.raises(ReadError, match="The spooled table in .* is gone: the process that read it has ended. Declare the source again."):
        pickle.loads(data)


def test_a_pickle_of_a_column_in_memory_holds_it() -> None:
    found = {field.name: field for field in fields(TABLE.schema)}
    gathered = gather(TABLE.to_batches(), found, {}, label="Table")
    again = pickle.loads(pickle.dumps(gathered.columns))
    assert again["text"].take(ROWS).tolist() == gathered.columns["text"].take(ROWS).tolist()
    assert again["x"].absent.tolist() == gathered.columns["x"].absent.tolist()


SPOOL_AND = """
    import os, signal, sys
    from plait.formats.spool import Folder
    folder = Folder(sys.argv[1])
    (folder.path / "0.values").write_bytes(b"x" * 1000)
    print(folder.path, flush=True)
"""


def run(end: str, parent: Path) -> subprocess.CompletedProcess[str]:
    code = textwrap.dedent(SPOOL_AND) + textwrap.dedent(end)
    return subprocess.run([sys.executable, "-c", code, str(parent)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("end", ["pass", "sys.exit(3)", "raise ValueError"])
def test_nothing_is_left_when_the_process_ends(end, tmp_path) -> None:
    done = run(end, tmp_path)
    assert str(tmp_path) in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_that_spools(tmp_path) -> None:
    done = run("os.kill(os.getpid(), signal.SIGKILL)", tmp_path)
    assert done.returncode == -signal.SIGKILL
    left = Path(done.stdout.strip())
    assert left.exists()
    mine = Folder(tmp_path)
    assert list(tmp_path.iterdir()) == [mine.path]
    other = Folder(tmp_path)  # what is in use stays
    assert mine.path.exists()
    assert other.path.exists()


def test_the_folder_of_a_parent_stays_when_its_fork_ends(tmp_path) -> None:
    done = run(
        """
        child = os.fork()
        if not child:
            sys.exit(0)
        os.waitpid(child, 0)
        print(folder.path.exists())
        """,
        tmp_path,
    )
    assert done.stdout.endswith("True\n")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    with pytest.raises(
        ReadError, match=r"Table is larger than memory=... and cannot be spooled to '.*nowhere': No such file.*Pass spool='a folder"
    ):
        collect(0, tmp_path / "nowhere")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_an_error_of_ours(tmp_path, monkeypatch) -> None:
    """The spool's files are links to a device that is always full."""
    real = Folder.__init__

    def full(self: Folder, parent: str | None = None) -> None:
        real(self, parent)
        (self.path / "0.values").symlink_to("/dev/full")

    monkeypatch.setattr(Folder, "__init__", full)
    with pytest.raises(
        ReadError, match="cannot be spooled to .*: No space left on device. Pass spool='a folder with room', select fewer columns"
    ):
        collect(0, tmp_path)
