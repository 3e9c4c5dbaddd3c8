"""Queries of real databases: SQLite, DuckDB, PostgreSQL."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time

import adbc_driver_postgresql.dbapi
import duckdb
import numpy as np
import pytest

import plait
from plait.formats.databases import Question, address_of, answer
from plait.spec import TEXT
from plait.testing import check_source

LABELS = (
    "create table labels (id integer, grade integer, size float, caption text)",
    "insert into labels values (3, 1, 2.5, 'c'), (1, null, 1.5, null), (2, 3, null, 'ü''\"')",
)


def values(source: plait.Source, name: str) -> list:
    return source[name].read(np.arange(len(source))).tolist()


def numbers(kind: str, n: int) -> str:
    """A query of the integers from 1 to n as i."""
    if kind == "sqlite":
        return f"with recursive r(i) as (select 1 union all select i + 1 from r where i < {n}) select i from r"
    return f"select i from {'range' if kind == 'duckdb' else 'generate_series'}(1, {n + (kind == 'duckdb')}) r(i)"


@pytest.mark.parametrize(
    "query", ["labels", "select * from labels", "SELECT * FROM labels;\n", "-- all\nselect * from labels -- here", "main"]
)
def test_a_table_or_a_query_gives_streams_in_the_order_of_the_keys(database, query) -> None:
    database.run(*LABELS)
    if query == "main":
        query = f"{database.schema}.labels"
    source = plait.SQL(database.url, query, key="id")
    assert list(source.keys) == [1, 2, 3]
    assert list(source.spec) == ["id", "grade", "size", "caption"]
    assert source.spec["grade"].dtype.kind == "i"
    assert source.spec["size"].dtype.kind == "f"
    assert source.spec["caption"].dtype == TEXT
    assert values(source, "grade") == [0, 3, 1]
    assert source.absent("grade").tolist() == [True, False, False]
    assert values(source, "size") == [1.5, 0, 2.5]
    assert source.absent("size").tolist() == [False, True, False]
    assert values(source, "caption") == ["", "ü'\"", "c"]
    assert source.absent("caption").tolist() == [True, False, False]
    assert source.in_memory


@pytest.mark.parametrize("memory", [0, 2**30])
def test_every_database_keeps_the_laws_of_sources(database, memory, tmp_path) -> None:
    database.run(*LABELS)
    check_source(plait.SQL(database.url, "labels", key="id", memory=memory, spool=tmp_path))


def test_columns_are_chosen_and_keys_may_have_several_parts(database) -> None:
    database.run(*LABELS)
    source = plait.SQL(database.url, "select *, 'A' as site from labels", key=["site", "id"], columns=["size"])
    assert list(source.keys) == [("A", 1), ("A", 2), ("A", 3)]
    assert list(source.spec) == ["size"]
    assert plait.SQL(database.url, "labels", key="id", columns="grade").spec.keys() == {"grade"}


def test_parameters_are_values_and_never_text_of_the_query(database) -> None:
    database.run(*LABELS, "insert into labels values (4, 4, 4, '1'' or 1=1 --')")
    mark = "$1" if database.kind == "postgresql" else "?"
    source = plait.SQL(database.url, f"select * from labels where caption = {mark}", key="id", parameters=["1' or 1=1 --"])
    assert list(source.keys) == [4]
    two = ("$1", "$2") if database.kind == "postgresql" else ("?", "?")
    query = f"select * from labels where id < {two[0]} and caption <> {two[1]}"
    assert list(plait.SQL(database.url, query, key="id", parameters=(np.int32(4), np.str_("c"))).keys) == [2]


def test_odd_names_are_names(database) -> None:
    names = ["select", 'a"b', "a'b", "a b", "ü", "a.b", "--", "c0"]
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    database.run(
        f'create table "my ""odd; drop table x" ({", ".join(f"{name} integer" for name in quoted)})',
        f'insert into "my ""odd; drop table x" values ({", ".join(map(str, range(len(names))))})',
    )
    for key in ('a"b', "c0", "--"):
        source = plait.SQL(database.url, 'my "odd; drop table x', key=key)
        assert [values(source, name) for name in names] == [[i] for i in range(len(names))]


def test_rows_are_in_the_order_of_the_keys_by_code_point_whatever_the_collation(database) -> None:
    collation = "" if database.kind == "postgresql" else "collate nocase"  # the wheel's PostgreSQL has no other
    database.run(
        f"create table t (id varchar {collation}, x integer)", "insert into t values ('b', 1), ('B', 2), ('a', 3), ('C', 4), ('ä', 5)"
    )
    source = plait.SQL(database.url, "t", key="id")
    assert list(source.keys) == ["B", "C", "a", "b", "ä"]
    assert values(source, "x") == [2, 4, 3, 1, 5]
    spooled = plait.SQL(database.url, "t", key="id", memory=0)
    assert values(spooled, "x") == [2, 4, 3, 1, 5]
    assert spooled.keys == source.keys


def test_an_update_that_moves_rows_in_postgresql_moves_none_here(postgres) -> None:
    postgres.run("create table t as select i as id, i * 10 as x from generate_series(1, 1000) i")
    before = plait.SQL(postgres.url, "t", key="id")
    postgres.run("update t set x = -1 where id = 5")
    with adbc_driver_postgresql.dbapi.connect(postgres.url) as connection, connection.cursor() as cursor:
        cursor.execute("select id from t")
        assert cursor.fetch_arrow_table()["id"].to_pylist().index(5) == 999  # the trap is there
    after = plait.SQL(postgres.url, "t", key="id")
    assert after.keys == before.keys
    assert values(after, "x")[4] == -1
    assert values(before, "x")[4] == 50


@pytest.mark.parametrize("memory", [0, 2**30])
def test_a_table_larger_than_the_memory_is_spooled_and_reads_the_same(database, memory, tmp_path) -> None:
    n = 30_000
    database.run(
        "create table t (id integer, x double precision, t text)",
        f"insert into t select i, i / 2.0, case when i % 3 = 0 then null else 'text ' || i end from ({numbers(database.kind, n)}) q",
    )
    spool = tmp_path / "spool"
    spool.mkdir()
    source = plait.SQL(database.url, "t", key="id", memory=memory, spool=spool)
    assert source.in_memory == (memory > 0)
    rows = np.random.default_rng(0).integers(0, n, 1000)
    copy = pickle.loads(pickle.dumps(source))
    for each in (source, copy):
        read = each.read(["id", "x", "t"], rows)
        assert read["id"].tolist() == (rows + 1).tolist()
        assert read["x"].tolist() == ((rows + 1) / 2).tolist()
        assert read["t"].tolist() == ["" if i % 3 == 0 else f"text {i}" for i in rows + 1]
        assert each.absent("t").tolist() == [i % 3 == 0 for i in range(1, n + 1)]
    assert bool(list(spool.iterdir())) == (memory == 0)
    del source, copy, each
    gc.collect()
    assert list(spool.iterdir()) == []


def test_the_memory_of_a_spooled_table_is_bounded(duck, tmp_path) -> None:
    """With 10 MB allowed the process grows by far less than the table is."""
    code = """
import resource, sys
import numpy as np, plait
plait.SQL("duckdb://", "select i as id, 'x' as t from range(10) r(i)", key="id")  # everything is loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
source = plait.SQL(sys.argv[1], "t", key="id", memory=10_000_000, spool=sys.argv[2])
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
size = sum(column.values.nbytes for column in source._columns.values()) / 2**20
print(len(source), size, grown)
"""
    wide = ", ".join(f"i * {j}.5::double as c{j}" for j in range(20))
    duck.run(f"create table t as select i as id, {wide} from range(1000000) r(i)")
    done = subprocess.run([sys.executable, "-c", code, duck.url, tmp_path], capture_output=True, text=True, check=True)
    rows, size, grown = map(float, done.stdout.split())
    assert rows == 1_000_000
    assert size > 150
    assert grown < size * 0.7, f"{grown:.0f} MB for a table of {size:.0f} MB"


def test_what_another_session_changes_during_the_read_is_not_seen(postgres) -> None:
    postgres.run("create table t as select i as id, 1 as x, repeat('a', 400) as t from generate_series(1, 100000) i")
    picked = []
    question = Question(
        address_of(postgres.url, label="SQL"),
        "select * from t",
        (),
        lambda schema: picked.append(schema) or [0, 1, 2],
        ("id",),
        "SQL 't'",
        60,
    )
    rows = answer(question)
    seen = [next(rows)]
    postgres.run("update t set x = 2", "delete from t where id > 100")
    seen += list(rows)
    assert sum(batch.num_rows for batch in seen) == 100_000
    assert all(set(batch.column(1).unique().to_pylist()) == {1} for batch in seen)


def test_what_changes_after_the_declaration_is_not_seen(database) -> None:
    database.run(*LABELS)
    source = plait.SQL(database.url, "labels", key="id")
    database.run("delete from labels")
    assert values(source, "grade") == [0, 3, 1]


def test_the_sources_connection_is_closed(database) -> None:
    database.run(*LABELS)
    source = plait.SQL(database.url, "labels", key="id")
    with pytest.raises(plait.ReadError):
        plait.SQL(database.url, "select nope from labels", key="id")
    database.run("drop table labels")
    assert len(source) == 3
    if database.kind == "duckdb":
        duckdb.connect(database.url.removeprefix("duckdb:///")).close()


def test_a_server_that_ends_the_connection_in_mid_read_is_an_error(postgres) -> None:
    postgres.run("create table t as select i as id, repeat(md5(i::text), 40) as t from generate_series(1, 60000) i")
    question = Question(address_of(postgres.url, label="SQL"), "select * from t", (), lambda schema: [0, 1], ("id",), "SQL 't'", 60)
    rows = answer(question)
    next(rows)
    postgres.run("select pg_terminate_backend(pid) from pg_stat_activity where query ilike '%copy%' and pid <> pg_backend_pid()")
    start = time.monotonic()
    with pytest.raises(
        plait.ReadError, match=r"SQL 't': the database says: .*(terminating|closed|lost).* Check the query and the connection, and declare"
    ):
        list(rows)
    assert time.monotonic() - start < 30


def test_a_server_that_hangs_is_an_error_after_the_timeout(postgres) -> None:
    postgres.run("create table t as select i as id from generate_series(1, 10) i")
    with adbc_driver_postgresql.dbapi.connect(postgres.url, autocommit=True) as blocker, blocker.cursor() as cursor:
        cursor.execute("select pg_advisory_lock(7)")
        cursor.fetchall()
        start = time.monotonic()
        with pytest.raises(
            plait.ReadError, match=r"nothing came from the database for 1.5 s. See whether it is up, or pass timeout=3600 where the query"
        ):
            plait.SQL(postgres.url, "select id, pg_advisory_lock(7)::text as wait from t", key="id", timeout=1.5)
        assert 1.4 < time.monotonic() - start < 15
        postgres.run("select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'advisory'")


def test_a_server_whose_process_is_stopped_is_an_error_after_the_timeout(postgres) -> None:
    postgres.run("create table t as select i as id, repeat(md5(i::text), 40) as t from generate_series(1, 60000) i")
    question = Question(address_of(postgres.url, label="SQL"), "select * from t", (), lambda schema: [0, 1], ("id",), "SQL 't'", 2)
    rows = answer(question)
    next(rows)
    with adbc_driver_postgresql.dbapi.connect(postgres.url) as other, other.cursor() as cursor:
        cursor.execute("select pid from pg_stat_activity where query ilike 'copy%' and pid <> pg_backend_pid()")
        pid = cursor.fetch_arrow_table()["pid"].to_pylist()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(plait.ReadError, match="SQL 't': nothing came from the database for 2 s"):
            list(rows)
    finally:
        os.kill(pid, signal.SIGCONT)
        postgres.run(f"select pg_terminate_backend({pid})")


def test_nothing_is_written_whatever_the_query(database) -> None:
    database.run(*LABELS)
    for query in (
        "delete from labels",
        "drop table labels",
        "select * from labels; delete from labels",
        "with gone as (delete from labels returning *) select * from gone",
        "select * from labels) as t; delete from labels; --",
    ):
        with pytest.raises(plait.PlaitError, match=r"changes the database, and a source only reads|the database says: "):
            plait.SQL(database.url, query, key="id")
    assert len(plait.SQL(database.url, "labels", key="id")) == 3


@pytest.mark.parametrize(
    ("query", "options", "error", "message"),
    [
        ("nope", {}, plait.ReadError, 'the database says: .*nope.* Check the query: select \\* from "nope".'),
        ("select nope from labels", {}, plait.ReadError, "the database says: .*nope.* Check the query: select nope from labels."),
        ("select * from", {}, plait.ReadError, "the database says: .*syntax.* Check the query: select \\* from."),
        ("", {}, plait.ArgumentError, "the query is empty. Write 'select id, grade from labels', or the name of a table."),
        ("delete from labels", {}, plait.ArgumentError, "'delete' changes the database, and a source only reads. Pass a query"),
        (
            "labels",
            {"key": "ID"},
            plait.NameUnknownError,
            r"has no column 'ID' to take the key from. Did you mean 'id'\? It has \['id', 'grade'",
        ),
        (
            "labels",
            {"key": None},
            plait.ArgumentError,
            "rows of a database have no numbers. Name the column that tells them apart: key='id'.",
        ),
        ("labels", {"key": 5}, plait.ArgumentError, "key=5 is no column"),
        ("labels", {"columns": ["nope"]}, plait.NameUnknownError, "has no column 'nope'"),
        ("labels", {"key": "size"}, plait.SpecError, "the key 'size' is of type (double|float), and keys are integers or text; cast it"),
        ("labels", {"key": "grade"}, plait.AlignmentError, "the key 'grade' is empty in 1 of 3 rows"),
        ("select 1 as id, grade from labels", {}, plait.DuplicateKeyError, "holds 2 repeated keys, such as"),
        ("labels", {"parameters": "abc"}, plait.ArgumentError, r"parameters='abc' is no list. Write parameters=\[...\], in the order of"),
        ("labels", {"parameters": {"a": 1}}, plait.ArgumentError, r"is no list. Write parameters=\[...\]"),
        ("labels", {"timeout": 0}, plait.ArgumentError, "timeout=0 is no time. Write timeout=300, in seconds."),
    ],
)
def test_what_cannot_be_asked_says_what_to_write(database, query, options, error, message) -> None:
    database.run(*LABELS)
    with pytest.raises(error, match=message):
        plait.SQL(database.url, query, **{"key": "id", **options})


def test_several_statements_are_not_run(database, tmp_path) -> None:
    database.run(*LABELS)
    evil = tmp_path / "evil.csv"
    query = f"select id from labels) as t; copy (select 1) to '{evil}'; select * from (select id from labels"
    with pytest.raises(
        plait.ReadError, match="the query holds several statements. Pass one that gives rows: select id|the database says: "
    ):
        plait.SQL(database.url, query, key="id")
    assert not evil.exists()


def test_what_is_no_text_is_an_error() -> None:
    with pytest.raises(plait.ArgumentError, match="SQL takes a URL and a query, both text, not str and NoneType."):
        plait.SQL("duckdb://", None, key="id")  # type: ignore[arg-type]


def test_too_few_parameters_are_an_error(database) -> None:
    database.run(*LABELS)
    mark = "$1" if database.kind == "postgresql" else "?"
    with pytest.raises(plait.ReadError, match="the database says: .*(param|binding)"):
        plait.SQL(database.url, f"select * from labels where id = {mark}", key="id")


def test_an_error_that_comes_with_the_rows_is_ours(postgres) -> None:
    with pytest.raises(
        plait.ReadError, match="the database says: .*division by zero. Check the query and the connection, and declare the source again."
    ):
        plait.SQL(postgres.url, "select i as id, 1 / (i - 500) as x from generate_series(1, 1000) i", key="id")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://u:sekret@host/db", r"SQL: 'mysql://u@host/db' is no URL of a database that plait reads. Write "),
        ("host=lab password=sekret", r"SQL: 'host=lab password=\*\*\*' is no URL of a database"),
        ("trial.db", "SQL: 'trial.db' is no URL of a database that plait reads"),
        ("sqlite://trial.db", "SQL: 'sqlite://trial.db' names a host, and sqlite is a file. Write 'sqlite:///trial.db', with"),
        ("sqlite://", "SQL: 'sqlite://' names no file. Write 'sqlite:///trial.db'."),
        ("postgresql://u:sek/ret@host/db", r"the password in 'postgresql://u@host/db' holds a character that means something else"),
        ("postgresql://u:sek@ret@host/db", r"the password in 'postgresql://u@host/db' holds a character that means something else"),
    ],
)  # fmt: skip
def test_a_url_that_cannot_be_meant_says_what_to_write_and_shows_no_password(url, message) -> None:
    with pytest.raises(plait.ArgumentError, match=message) as found:
        plait.SQL(url, "t", key="id")
    assert "sek" not in str(found.value)


@pytest.mark.parametrize("secret", ["s3kr%21t", "s3kr%t", "s3kr:t"])
@pytest.mark.parametrize(
    "form",
    ["postgresql://joe:{}@127.0.0.1:1/db", "postgresql://joe@127.0.0.1:1/db?password={}", "postgresql+psycopg2://joe:{}@127.0.0.1:1/db"],
)
def test_a_server_that_is_down_is_an_error_without_the_password(form, secret) -> None:
    with pytest.raises(
        plait.ReadError, match=r"SQL 't' of 'postgresql://joe@127.0.0.1:1/db': the database says: .*connect.*See whether the server runs"
    ) as found:
        plait.SQL(form.format(secret), "t", key="id")
    error: BaseException | None = found.value
    while error is not None:
        assert "s3kr" not in str(error)
        error = error.__cause__


def test_no_password_is_in_a_label_or_a_pickle(postgres) -> None:
    postgres.run(*LABELS)
    source = plait.SQL(postgres.url.replace("postgres:@", "postgres:sekret@", 1), "labels", key="id")
    assert source.label.startswith("SQL 'labels' of 'postgresql://postgres@/postgres'")
    assert "sekret" not in repr(source.label)
    assert b"sekret" not in pickle.dumps(source)
    with pytest.raises(plait.ReadError) as found:
        plait.SQL(postgres.url.replace("postgres:@", "postgres:sekret@", 1), "nope", key="id")
    assert "sekret" not in str(found.value)


def test_a_long_query_is_shortened_in_the_label(sqlite) -> None:
    sqlite.run(*LABELS)
    source = plait.SQL(sqlite.url, f"select id,\n   grade, {', '.join(f'{i} as c{i}' for i in range(50))} from labels", key="id")
    assert source.label.startswith("SQL 'select id, grade, 0 as c0, 1 as c1,")
    assert "...'" in source.label


@pytest.mark.parametrize("kind", ["sqlite", "duckdb"])
def test_a_file_that_is_missing_or_no_database_is_an_error(kind, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        plait.ReadError, match=r"SQL 't' of '\w+:///none.db': (there is no file 'none.db'|.*database does not exist. See whether the file)"
    ):
        plait.SQL(f"{kind}:///none.db", "t", key="id")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "bad.db").write_bytes(b"x" * 10_000)
    with pytest.raises(plait.ReadError, match=r"the database says: .*not a (valid DuckDB )?database"):
        plait.SQL(f"{kind}:///bad.db", "t", key="id")


def test_a_duckdb_that_is_open_for_writing_here_says_to_close_it(duck) -> None:
    duck.run(*LABELS)
    with (
        duckdb.connect(duck.url.removeprefix("duckdb:///")),
        pytest.raises(plait.ReadError, match="the database says: .*different configuration.*close what writes to it, in this process too."),
    ):
        plait.SQL(duck.url, "labels", key="id")
    assert len(plait.SQL(duck.url, "labels", key="id")) == 3


def test_a_sqlite_that_is_locked_is_an_error_of_ours(sqlite) -> None:
    sqlite.run(*LABELS)
    writer = sqlite3.connect(sqlite.url.removeprefix("sqlite:///"), isolation_level=None)
    writer.execute("begin exclusive")
    with pytest.raises(plait.ReadError, match="the database says: .*locked"):
        plait.SQL(sqlite.url, "labels", key="id", timeout=2)
    writer.execute("rollback")
    writer.close()


def test_reading_a_sqlite_leaves_the_locks_of_this_process_as_they_are(sqlite) -> None:
    sqlite.run(*LABELS)
    path = sqlite.url.removeprefix("sqlite:///")
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("begin immediate")
    writer.execute("insert into labels (id) values (9)")
    assert len(plait.SQL(sqlite.url, "labels", key="id")) == 3
    code = "import sqlite3, sys; sqlite3.connect(sys.argv[1], timeout=0).execute('insert into labels (id) values (8)')"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert "database is locked" in done.stderr
    writer.execute("commit")
    writer.close()
    assert list(plait.SQL(sqlite.url, "labels", key="id").keys) == [1, 2, 3, 9]


def test_paths_are_relative_with_three_slashes_and_odd_ones_work(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in ("sqlite", "duckdb"):
        data = plait.Arrays(x=np.arange(3), key=[3, 1, 2])
        plait.SQL.write(data, f"{kind}:///my file%20{kind}#1.db", "t")
        assert (tmp_path / f"my file {kind}#1.db").exists()
        assert values(plait.SQL(f"{kind}:///my file%20{kind}#1.db", "t", key="key"), "x") == [1, 2, 0]


def test_sqlite_finds_types_in_all_rows_not_in_the_first(sqlite) -> None:
    sqlite.run(
        "create table t (id integer primary key, late, mixed, number, empty, blob, flag boolean)",
        "insert into t select i, case when i > 20000 then i + 0.5 end, case when i = 29999 then 'x' else i end, "
        "case when i % 2 then i else i + 0.5 end, "
        f"null, x'00', i % 2 from ({numbers('sqlite', 30_000)})",
    )
    source = plait.SQL(sqlite.url, "t", key="id")
    assert source.spec["late"].dtype == source.spec["number"].dtype == source.spec["empty"].dtype == np.float64
    assert source.spec["flag"].dtype == np.int64
    assert source.absent("late").sum() == 20_000
    assert source["late"].read(np.array([0, 29_999])).tolist() == [0, 30_000.5]
    assert source["number"].read(np.array([0, 1])).tolist() == [1, 2.5]
    assert source.absent("empty").all()
    with pytest.raises(
        plait.SpecError,
        match=r"column 'mixed' holds integer and text mixed; write cast\(\"mixed\" as real\), or as text, in the query",
    ):
        source["mixed"]
    with pytest.raises(plait.SpecError, match="column 'blob' is of type binary"):
        source["blob"]
    with pytest.raises(plait.SpecError, match="the key 'mixed' holds integer and text mixed"):
        plait.SQL(sqlite.url, "t", key="mixed")
    assert plait.SQL(sqlite.url, "select id, cast(mixed as text) as m from t", key="id")["m"].read(np.array([29_998])).tolist() == ["x"]


def test_a_table_of_sqlite_may_have_many_columns(sqlite) -> None:
    columns = ", ".join(f"{i} as c{i}" for i in range(1200))
    source = plait.SQL(sqlite.url, f"select 1 as id, {columns}", key="id")
    assert len(source.spec) == 1201
    assert values(source, "c1199") == [1199]


def test_text_of_sqlite_that_is_not_utf8_is_refused_when_asked_for(sqlite) -> None:
    sqlite.run("create table t (id, t)", "insert into t values (1, cast(x'ff' as text))")
    source = plait.SQL(sqlite.url, "t", key="id")
    with pytest.raises(plait.SpecError, match="column 't' holds text that is not UTF-8"):
        source["t"]


def test_types_of_postgresql(postgres) -> None:
    postgres.run(
        "create type mood as enum ('good', 'bad')",
        "create table t (id int, small smallint, big bigint, half real, num numeric(10, 2), flag boolean, day date, at timestamp, "
        "zone timestamptz, hour time, mood mood, code uuid, info jsonb, list float8[], words text[], cash money, "
        "span interval, raw bytea, ip inet, fixed char(3))",
        "insert into t values (1, 1, 2, 0.5, 1.25, true, '2024-02-29', '2024-02-29 12:00', '2024-02-29 12:00+02', '01:00', 'good', "
        "'00000000-0000-0000-0000-000000000007', '{\"a\": 1}', '{1,null,2}', '{a}', 3.50, '1 day', '\\xff', '1.2.3.4', 'ab')",
        "insert into t (id) values (2)",
    )
    source = plait.SQL(postgres.url, "t", key="id")
    assert {name: str(spec.dtype) for name, spec in source.spec.items() if not spec.text} == {
        "id": "int32",
        "small": "int16",
        "big": "int64",
        "half": "float32",
        "num": "float64",
        "flag": "bool",
        "day": "datetime64[D]",
        "at": "datetime64[us]",
        "zone": "datetime64[us]",
        "hour": "timedelta64[us]",
        "list": "float64",
    }
    assert values(source, "num")[0] == 1.25
    assert source["zone"].read(np.array([0])) == np.datetime64("2024-02-29T10:00")
    assert [values(source, name)[0] for name in ("mood", "code", "info", "fixed")] == [
        "good",
        "00000000-0000-0000-0000-000000000007",
        '{"a": 1}',
        "ab ",
    ]
    assert np.array_equal(source["list"].read(np.array([0]))[0], [1, np.nan, 2], equal_nan=True)
    assert all(source.absent(name).tolist() == [False, True] for name in source.spec if name != "id")
    for name, message in {
        "words": "is of type list<item: string>, which no stream can hold; join each list to one text",
        "cash": "is of type money, whose unit gets lost; write amount::numeric in the query",
        "span": "is of type month_day_nano_interval",
        "raw": "is of type binary",
        "ip": "is of type inet, which no stream can hold; cast it",
    }.items():
        with pytest.raises(plait.SpecError, match=f"column '{name}' {message}"):
            source[name]


def test_a_numeric_key_of_postgresql_and_a_hugeint_of_duckdb_match_the_same_numbers(postgres, duck) -> None:
    postgres.run("create table t as select i::numeric(20, 0) as id from generate_series(1, 3) i")
    duck.run("create table t as select i::hugeint as id from range(1, 4) r(i)")
    first, second = plait.SQL(postgres.url, "t", key="id"), plait.SQL(duck.url, "t", key="id")
    assert list(first.keys) == list(second.keys) == ["1", "2", "3"]
    assert first.keys.hashes().tolist() == plait.Keys.of([1, 2, 3]).hashes().tolist()


def test_integer_keys_of_a_database_join_text_keys_of_a_csv_as_written(database, tmp_path) -> None:
    database.run(*LABELS)
    (tmp_path / "sizes.csv").write_text("id,size\n3,30\n02,20\n1,10\n")
    grades = plait.SQL(database.url, "select id, size from labels", key="id")
    sizes = plait.Csv(tmp_path / "sizes.csv", key="id")
    data = plait.Dataset(inputs={"a": grades["id"], "b": sizes["size"]}, missing="drop")
    assert sorted(data.read(["a"], np.arange(len(data)))["a"].tolist()) == [1, 3]  # "02" is not 2


def test_types_of_duckdb(duck) -> None:
    duck.run(
        "create table t as select 1 as id, 1::hugeint as huge, 1.5::decimal(9, 2) as dec, 'a'::enum('a', 'b') as kind, [1, 2] as list, "
        "[1.5, 2.5]::float[2] as box, {'x': 1, 'y': {'z': 'w'}} as s, 1::utinyint as u, "
        "date '2024-01-01' as day, uuid() as code, '\\xAA'::blob as raw"
    )
    source = plait.SQL(duck.url, "t", key="id")
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "id": "() int32",
        "huge": "() float64",
        "dec": "() float64",
        "kind": "() text",
        "list": "(?,) int32",
        "box": "(2,) float32",
        "s.x": "() int32",
        "s.y.z": "() text",
        "u": "() uint8",
        "day": "() datetime64[D]",
        "code": "() text",
    }
    assert values(source, "box") == [[1.5, 2.5]]
    assert values(source, "s.y.z") == ["w"]
    assert list(plait.SQL(duck.url, "t", key="s.x", columns=["s.y.z"]).spec) == ["s.y.z"]


def test_duckdb_in_memory_queries_files(tmp_path) -> None:
    (tmp_path / "x.csv").write_text("id,x\n2,20\n1,10\n")
    source = plait.SQL("duckdb://", f"select * from '{tmp_path}/x.csv'", key="id")
    assert values(source, "x") == [10, 20]
    assert source.label.endswith("of 'duckdb://'")


def test_a_query_without_rows_has_its_types(database) -> None:
    database.run(*LABELS)
    source = plait.SQL(database.url, "select * from labels where id > 100", key="id")
    assert len(source) == 0
    assert list(source.spec) == ["id", "grade", "size", "caption"]
    assert values(source, "size") == []


def test_repeated_columns_are_refused_or_told_apart(database) -> None:
    database.run(*LABELS)
    source = plait.SQL(database.url, "select id, grade as x, size as x from labels", key="id")
    if database.kind == "postgresql":
        with pytest.raises(plait.SpecError, match="column 'x' occurs 2 times; rename all but one"):
            source["x"]
    else:
        assert values(source, "x") == [0, 3, 1]
        assert len(source.spec) == 3


@pytest.mark.parametrize("module", ["adbc_driver_postgresql.dbapi", "duckdb", "pyarrow"])
def test_a_driver_that_is_not_installed_is_named_with_its_extra(module, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    url = "postgresql://h/db" if module.startswith("adbc") else "duckdb://"
    package = module.partition(".")[0]
    with pytest.raises(plait.MissingExtraError, match=rf"SQL 't' of .* needs the package '{package}'.*pip install 'plait\[sql\]'"):
        plait.SQL(url, "t", key="id")


def test_what_is_written_is_read_back(database) -> None:
    n = 10_000
    data = plait.Arrays(
        x=np.arange(n) / 3,
        n=np.arange(n, dtype=np.int16),
        t=np.array([f"ü'\"{i}" for i in range(n)], TEXT),
        flag=np.arange(n) % 2 == 0,
        day=np.arange(n).astype("M8[D]"),
        when=np.arange(n).astype("M8[us]"),
        big=np.arange(n, dtype=np.uint64),
        key=[f"k{i:05d}" for i in range(n)],
    )
    name = 'my "select" table; --'
    plait.SQL.write(data, database.url, name)
    again = plait.SQL(database.url, name, key="key")
    assert again.keys == data.keys
    for stream in ("x", "n", "t", "big"):
        assert values(again, stream) == values(data, stream), stream
    if database.kind == "sqlite":  # which has no such types
        assert values(again, "flag")[:2] == [1, 0]
        assert values(again, "day")[:2] == ["1970-01-01", "1970-01-02"]
    else:
        for stream in ("flag", "day", "when"):
            assert values(again, stream) == values(data, stream), stream
    with pytest.raises(
        plait.ReadError, match="SQL.write .*the database says: .*already exists.* A table that exists is never touched: choose another name"
    ):
        plait.SQL.write(data, database.url, name)


def test_absence_and_the_key_column_are_written_back(database) -> None:
    database.run(*LABELS)
    first = plait.SQL(database.url, "labels", key="id")
    plait.SQL.write(first, database.url, "copy")
    again = plait.SQL(database.url, "copy", key="id")
    assert list(again.spec) == list(first.spec)
    for name in first.spec:
        assert values(again, name) == values(first, name)
        assert np.array_equal(again.absent(name), first.absent(name)) or again.absent(name) is first.absent(name) is None


def test_a_write_that_fails_leaves_no_table(database) -> None:
    big = np.zeros(20_000, np.uint64)
    big[-1] = 2**63
    data = plait.Arrays(x=big, key=np.arange(20_000))
    with pytest.raises(
        plait.SpecError, match="stream 'x' holds 9223372036854775808, beyond the integers of a table. Map it to text or floats first."
    ):
        plait.SQL.write(data, database.url, "t")
    with pytest.raises(plait.ReadError, match="the database says"):
        plait.SQL(database.url, "t", key="key")
    with pytest.raises(
        plait.SpecError, match=r"stream 'x' is \(2,\) float64, and a cell holds one number, date or text. Parquet.write holds"
    ):
        plait.SQL.write(plait.Arrays(x=np.zeros((3, 2))), database.url, "t")


def test_a_database_cannot_be_written_where_there_is_none() -> None:
    data = plait.Arrays(x=np.arange(3))
    with pytest.raises(plait.ArgumentError, match="a database in memory would be gone at once. Write 'duckdb:///trial.duckdb'."):
        plait.SQL.write(data, "duckdb://", "t")
    with pytest.raises(plait.ReadError, match="there is no folder '/nowhere'"):
        plait.SQL.write(data, "sqlite:////nowhere/x.db", "t")
    with pytest.raises(plait.ReadError, match="SQL.write 't' of 'postgresql://joe@127.0.0.1:1/db': the database says"):
        plait.SQL.write(data, "postgresql://joe:sekret@127.0.0.1:1/db", "t")
