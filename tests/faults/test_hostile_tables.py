"""Tables from strangers: CSV, Parquet, HDF5 and databases. More of them in tests/sources."""

from __future__ import annotations

import bz2
import gzip
import sqlite3
import struct
import unicodedata
from pathlib import Path

import duckdb
import h5py
import numpy as np
import pyarrow as pa
import pytest
from faults import cheap, count, refused
from pyarrow import parquet

import plait
from plait.spec import TEXT


@pytest.fixture(autouse=True, scope="module")
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import what is imported on first use, which is no cost of an attack."""
    folder = tmp_path_factory.mktemp("warm")
    (folder / "a.csv").write_text("id,x\n1,2\n")
    table = plait.Csv(folder / "a.csv", key="id")
    plait.Parquet.write(table, folder / "a.parquet")
    plait.Parquet(folder / "a.parquet", key="id")["x"].values()
    duckdb.connect().close()


@pytest.mark.parametrize("name", ["a.csv.gz", "a.csv.bz2", "a.csv.zst"])
def test_a_packed_table_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path, name: str) -> None:
    pack = {"gz": gzip.compress, "bz2": bz2.compress, "zst": pa.Codec("zstd").compress}[name.rpartition(".")[2]]
    Path(name).write_bytes(bytes(pack(b"id,x\n")) + bytes(pack(b"1,1\n" * 250_000)) * 28)  # streams behind each other are one file
    for path in (name, *([] if name.endswith("zst") else [f"file://{tmp_path}/{name}"])):
        with refused(r"Csv '.*a.csv.\w+' is made to fill memory: its \d+ bytes unpack to \d+ and more, .* unpack it first", seconds=2):
            plait.Csv(path)


def test_a_packed_table_of_real_rows_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{n},0,0,0,0,0,0,0\n" for n in range(30_000))
    Path("a.csv.gz").write_bytes(gzip.compress(f"id,{','.join('abcdefg')}\n{rows}".encode()))
    assert len(plait.Csv("a.csv.gz")) == 30_000


def test_a_header_of_a_million_columns_is_refused(tmp_path: Path) -> None:
    Path("a.csv").write_bytes(b"c," * 1_000_000 + b"c\n" + b"1," * 1_000_000 + b"1\n")
    with refused(r"Csv 'a.csv': there are 524288 columns, and a table has at most 32768, .* Keep a matrix as one array, plait.Npy"):
        plait.Csv("a.csv")


def test_a_table_of_forty_thousand_columns_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([(f"c{n}", pa.int8()) for n in range(40_000)])
    parquet.ParquetWriter("a.parquet", schema).close()
    with refused(r"Parquet 'a.parquet': there are 40000 columns", seconds=2):
        plait.Parquet("a.parquet")


def test_a_cell_of_ten_megabytes_is_a_text(tmp_path: Path) -> None:
    Path("a.csv").write_text('id,x\n1,"' + "x" * 10_000_000 + '"\n')
    count("bad inputs tried")
    with cheap(seconds=2):
        assert len(plait.Csv("a.csv", key="id")["x"].read(np.array([0]))[0]) == 10_000_000


def test_a_cell_that_never_ends_is_refused(tmp_path: Path) -> None:
    Path("a.csv").write_text('id,x\n1,"' + "x,\n" * 3_000_000)
    with refused(r"Csv 'a.csv': a quote is opened and never closed", seconds=2):
        plait.Csv("a.csv", key="id")


def test_keys_that_end_in_nul_are_no_other_keys(tmp_path: Path) -> None:
    Path("a.csv").write_bytes(b"id,x\nk1\0,1\nk2,2\n")
    with refused(r"'id' holds .*'k1\\x00', and keys do not end in NUL"):
        plait.Csv("a.csv", key="id")
    with refused(r"'key' holds .*'a\\x00', and keys do not end in NUL"):
        plait.Arrays(x=np.arange(2), key=["a", "a\0"])


def test_two_forms_of_one_letter_are_two_keys_and_the_message_says_so(tmp_path: Path) -> None:
    one, other = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    first, second = plait.Arrays(x=np.arange(1), key=[one]), plait.Arrays(y=np.arange(1), key=[other])
    with refused(r"differ in their Unicode form only.*unicodedata.normalize\('NFC', key\)"):
        plait.Dataset(inputs={"x": first}, targets={"y": second})
    both = plait.Arrays(x=np.arange(2), key=[one, other])
    assert len(plait.Dataset(inputs={"x": both})) == 2


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


@pytest.mark.parametrize("rows", [2**40, 2**62, -1])
def test_a_parquet_that_says_it_has_more_rows_than_it_holds_is_refused(tmp_path: Path, rows: int) -> None:
    parquet.write_table(pa.table({"id": [1, 2, 3], "x": [1.0, 2.0, 3.0]}), "a.parquet")
    data = Path("a.parquet").read_bytes()
    footer = data[-8 - struct.unpack("<I", data[-8:-4])[0] : -8]
    lie = footer.replace(b"\x16\x06\x19", b"\x16" + varint(rows * 2 if rows > 0 else 1) + b"\x19", 1)
    assert lie != footer
    Path("a.parquet").write_bytes(data[: -8 - len(footer)] + lie + struct.pack("<I", len(lie)) + b"PAR1")
    with refused(r"Parquet 'a.parquet': .*a.parquet' (says that it has|is damaged)"):
        plait.Dataset(inputs={"x": plait.Parquet("a.parquet")["x"]}).read(["x"], np.arange(3))


def test_a_parquet_whose_column_has_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    parquet.write_table(pa.table({"id": [1, 2, 3], "xyz": [1.0, 2.0, 3.0]}), "a.parquet", store_schema=False)
    Path("a.parquet").write_bytes(Path("a.parquet").read_bytes().replace(b"xyz", b"x\xff\xf4"))
    with refused(r"Parquet 'a.parquet': .*a.parquet' is damaged, cut short or no Parquet: 'utf-8' codec can't decode"):
        plait.Parquet("a.parquet")


def test_links_and_heaps_of_an_hdf5_file_lead_nowhere(tmp_path: Path) -> None:
    Path("secret.bin").write_bytes(bytes(64))
    with h5py.File("a.h5", "w") as file:
        file["x"] = h5py.ExternalLink("/etc/passwd", "/")
        file.create_dataset("y", (8,), "f8", external=[("secret.bin", 0, 64)])
        file["id"] = [f"k{n}" for n in range(8)]
    for stream, message in {"x": "is a link into another file", "y": "keeps its values in other files"}.items():
        with refused(rf"HDF5 'a.h5': '{stream}' {message}"):
            plait.HDF5("a.h5", streams=[stream])
    data = bytearray(Path("a.h5").read_bytes())
    heap = data.find(b"GCOL\x01")
    data[heap + 16 : heap + 16 + 512] = bytes(512)
    Path("a.h5").write_bytes(data)
    with refused(rf"HDF5 'a.h5' cannot be read as HDF5: the heap at byte {heap} has no end"):
        plait.HDF5("a.h5", streams=["id"])


def test_a_view_of_a_duckdb_file_reads_no_other_file(tmp_path: Path) -> None:
    Path("secret.txt").write_text("secret")
    with duckdb.connect("a.duckdb") as connection:
        connection.execute(f"create view labels as select 1 as id, content as x from read_text('{tmp_path}/secret.txt')")
        connection.execute("create table good as select 1 as id, 2 as x")
    with refused(r"SQL 'labels' of 'duckdb:///a.duckdb': the database says: .*disabled"):
        plait.SQL("duckdb:///a.duckdb", "labels", key="id")
    with refused(r"the database says: .*disabled"):
        plait.SQL("duckdb:///a.duckdb", f"select 1 as id, content from read_text('{tmp_path}/secret.txt')", key="id")
    assert plait.SQL("duckdb:///a.duckdb", "good", key="id")["x"].values().tolist() == [2]  # type: ignore[union-attr]


def test_a_view_of_sqlite_without_end_is_an_error_and_stops(tmp_path: Path) -> None:
    with sqlite3.connect("a.db") as connection:
        connection.execute("create view labels as with recursive c(id) as (select 1 union all select id + 1 from c) select id from c")
    connection.close()
    with refused(r"SQL 'labels' of 'sqlite:///a.db': nothing came from the database for 0.3 s"):
        plait.SQL("sqlite:///a.db", "labels", key="id", timeout=0.3)


NAMES = ['x"; drop table labels; --', "x' or '1'='1", "x) as y; delete from labels; --", "select", "x\0y", "{id}", "x--", "/*", "é\u202e"]


@pytest.mark.parametrize("name", NAMES)
def test_names_and_keys_are_never_a_part_of_the_statement(tmp_path: Path, name: str) -> None:
    connection = sqlite3.connect("a.db")
    connection.execute("create table labels (id text, x integer)")
    connection.execute("insert into labels values (?, 1)", (name.replace("\0", ""),))
    connection.commit()
    connection.close()
    url = "sqlite:///a.db"
    with refused(r"has no column .* to take the key from", error=plait.NameUnknownError):
        plait.SQL(url, "labels", key=name)
    with refused(r"has no column", error=plait.NameUnknownError):
        plait.SQL(url, "labels", key="id", columns=[name])
    with refused(r"the database says|changes the database|unterminated|is no|embedded|statement"):
        plait.SQL(url, name, key="id")
    found = plait.SQL(url, "select * from labels where id = ?", key="id", parameters=[name.replace("\0", "")])
    assert list(found.keys) == [name.replace("\0", "")]
    if "\0" not in name:
        plait.SQL.write(plait.Arrays(x=np.array([name], TEXT), key=[name]), url, name)
        assert plait.SQL(url, "select * from labels", key="id")["x"].values().tolist() == [1]  # type: ignore[union-attr]
