"""CSV files, good and bad."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np
import pytest

import plait
from plait.spec import TEXT


@pytest.fixture
def csv(tmp_path):
    """Write a file and declare it."""

    def declare(content: str | bytes, name: str = "labels.csv", **options) -> plait.Csv:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return plait.Csv(path, **options)

    return declare


def values(source: plait.Source, name: str) -> list:
    return source[name].read(np.arange(len(source))).tolist()


def test_keys_stay_as_they_are_written(csv) -> None:
    source = csv("id,grade\n007,3\n7,1\n 7,2\n1e3,2\nNA,5\n", key="id")
    assert list(source.keys) == ["007", "7", " 7", "1e3", "NA"]
    assert values(source, "id") == ["007", "7", " 7", "1e3", "NA"]
    assert values(source, "grade") == [3, 1, 2, 2, 5]
    assert source.label == f"Csv {str(source.label).removeprefix('Csv ')}"


def test_the_label_is_the_path_as_written(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("labels.csv").write_text("a\n1\n")
    assert plait.Csv("labels.csv").label == "Csv 'labels.csv'"
    assert plait.Csv(Path("labels.csv")).label == "Csv 'labels.csv'"


def test_types_are_found_in_all_cells(csv) -> None:
    rows = "\n".join(f"{i},{i},a,true,2024-01-0{i},2024-01-01T10:00:0{i},1{i}:00:00" for i in range(1, 4))
    source = csv(f"n,x,t,b,day,when,time\n{rows}\n4,4.5,,,,,\n")
    assert {name: str(spec) for name, spec in source.spec.items()} == {
        "n": "() int64",
        "x": "() float64",
        "t": "() text",
        "b": "() bool",
        "day": "() datetime64[D]",
        "when": "() datetime64[s]",
        "time": "() timedelta64[s]",
    }
    for name in ("t", "b", "day", "when", "time"):
        assert source.absent(name).tolist() == [False, False, False, True], name
    assert source.absent("n") is source.absent("x") is None


def test_a_type_that_changes_after_many_rows_is_found(csv) -> None:
    source = csv("a,b\n" + "1,1\n" * 200_000 + "1.5,x\n")
    assert source.spec["a"].dtype == np.float64
    assert source.spec["b"].dtype == TEXT
    assert source["b"].read(np.array([0, 200_000])).tolist() == ["1", "x"]


def test_an_empty_cell_is_absent_quoted_or_not(csv) -> None:
    source = csv('t,x\n,\n"",""\nb,2\n')
    assert source.absent("t").tolist() == source.absent("x").tolist() == [True, True, False]
    assert values(source, "t") == ["", "", "b"]
    assert values(source, "x") == [0, 0, 2]


def test_na_is_absent_among_numbers_and_text_among_text(csv) -> None:
    source = csv("x,t\nNA,NA\n1.5,b\nNaN,null\n")
    assert source.absent("x").tolist() == [True, False, True]
    assert values(source, "t") == ["NA", "b", "null"]
    assert source.absent("t") is None


def test_further_spellings_of_absence_can_be_named(csv) -> None:
    source = csv("x,t\n?,?\n1,-\n2,b\n", nulls=["?", "-"])
    assert source.absent("x").tolist() == [True, False, False]
    assert source.absent("t").tolist() == [True, True, False]
    assert source.spec["x"].dtype == np.int64


def test_a_column_of_nothing_is_absent_throughout(csv) -> None:
    source = csv("x,y\n1,\n2,\n")
    assert source.spec["y"].dtype == np.float64
    assert source.absent("y").all()


def test_columns_may_be_kept_as_text(csv) -> None:
    source = csv("zip,n\n01234,1\n00000,2\n", text="zip")
    assert values(source, "zip") == ["01234", "00000"]
    assert values(source, "n") == [1, 2]


def test_columns_are_chosen_by_name(csv) -> None:
    source = csv("id,a,b\n1,2,3\n", key="id", columns=["b"])
    assert list(source.spec) == ["b"]
    assert list(source.keys) == ["1"]


def test_a_key_of_several_columns(csv) -> None:
    source = csv("site,id,x\nA,1,5\nB,1,6\n", key=["site", "id"])
    assert list(source.keys) == [("A", "1"), ("B", "1")]


def test_without_a_key_rows_are_numbered(csv) -> None:
    assert csv("x\n5\n6\n").keys.is_range


def test_an_empty_line_is_an_empty_cell_where_there_is_one_column_and_nothing_else_where_there_are_more(csv) -> None:
    source = csv("x\n1\n\n3\n")
    assert source.absent("x").tolist() == [False, True, False]
    assert values(csv("x,y\n1,2\n\n3,4\n"), "x") == [1, 3]


def test_a_byte_order_mark_windows_lines_quotes_and_other_delimiters(csv) -> None:
    source = csv('\ufeffid;t\r\n1;"a;b"\r\n2;"say ""ü""\nagain"\r\n', delimiter=";", key="id")
    assert values(source, "t") == ["a;b", 'say "ü"\nagain']
    assert list(csv("a\tb\n1\t2\n", delimiter="\t").spec) == ["a", "b"]


def test_other_encodings_and_packed_files(csv) -> None:
    assert values(csv("t\nü\n".encode("latin-1"), encoding="latin-1"), "t") == ["ü"]
    assert values(csv("t,x\nü,1\n".encode("utf-16"), encoding="utf-16"), "t") == ["ü"]
    assert values(csv(gzip.compress(b"t\nx\n"), name="t.csv.gz"), "t") == ["x"]


def test_a_url_is_read(tmp_path) -> None:
    import fsspec

    for url in ("memory://labels.csv", f"file://{tmp_path}/labels.csv.gz"):
        with fsspec.open(url, "wb", compression="infer") as file:
            file.write(b"id,x\na,1\n")
        assert values(plait.Csv(url, key="id"), "x") == [1]


def test_a_cell_may_be_long(csv) -> None:
    source = csv('id,t\n1,"' + "x\n" * 2_000_000 + '"\n2,y\n', key="id")
    assert [len(text) for text in values(source, "t")] == [4_000_000, 1]


def test_a_quote_that_is_never_closed_swallows_nothing(csv) -> None:
    for end in ("", "\n", "\r\n"):
        with pytest.raises(
            plait.ReadError, match=r"a quote is opened and never closed, so that the last cell is 'b\\n3,c.* quotes that belong to the"
        ):
            csv(f'id,t\n1,a\n2,"b\n3,c{end}', key="id")
    assert values(csv('id,t\n1,"a\nb"\n'), "t") == ["a\nb"]
    assert values(csv('id,t\n1,"a\n"'), "t") == ["a\n"]
    assert values(csv('id,t\n1,5" wide\n'), "t") == ['5" wide']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            "a,b\n1,2\n3\n",
            r"labels.csv': row 3 \(the header is row 1\) has 1 cells where the header has 2: '3'. 1 rows are so. Mend them, quote",
        ),
        ("a,b\n1,2\n3,4,5\n6\n", r"row 3 \(the header is row 1\) has 3 cells where the header has 2: '3,4,5'. 2 rows are so."),
        ('a,b\n"1,2\n3,4\n', r"row 2 \(the header is row 1\) has 1 cells where the header has 2"),
        ("", "labels.csv' is empty: it has no header. Restore the file."),
        ("\n\n", "is empty: it has no header"),
        ("a,b\n", r"has a header, \['a', 'b'\], and no rows. Were the rows written\?"),
        ("a,b\n1,2\n3,é\n".encode("latin-1"), r"is not utf-8: line 3 holds the byte 0xe9, in b'3,\\xe9'. Pass encoding='latin-1', or what"),
        ("é,b\n1,2\n".encode("latin-1"), "is not utf-8: line 1 holds the byte 0xe9"),
        ("a,b\n1,é\n".encode("utf-16"), "is not utf-8: it begins as UTF-16 does. Pass encoding='utf-16'."),
        ("id;x\n1;2\n", "has one column, 'id;x'. Pass delimiter=';'."),
    ],
    ids=["short", "long", "quote", "empty", "blank", "header only", "latin-1", "latin-1 header", "utf-16", "semicolons"],
)
def test_a_bad_file_says_what_is_wrong_and_where(csv, content, message) -> None:
    with pytest.raises(plait.ReadError, match=message):
        csv(content, key="id" if "id" in str(content) else None)


def test_a_bad_byte_in_the_key_column_is_found(csv) -> None:
    with pytest.raises(plait.ReadError, match="is not utf-8: line 2 holds the byte 0xe9"):
        csv("id\né\n".encode("latin-1"), key="id")


def test_a_wrong_encoding_is_named(csv) -> None:
    with pytest.raises(
        plait.ReadError, match="is not ascii: line 2 holds the byte 0xc3.* Pass encoding='latin-1', or what the file was written in."
    ):
        csv("a\né\n", encoding="ascii")
    with pytest.raises(plait.ArgumentError, match="there is no encoding 'klingon'. Write encoding='latin-1', say."):
        csv("a\n1\n", encoding="klingon")


def test_integers_beyond_64_bits_are_refused_before_they_lose_digits(csv) -> None:
    source = csv("id,n\n1,99999999999999999999\n2,5\n", key="id")
    with pytest.raises(
        plait.SpecError, match=r"column 'n' holds integers beyond 64 bits, such as 9{20}; keep them as text by text=\['n'\]"
    ):
        source["n"]
    assert values(csv("id,n\n1,99999999999999999999\n", text=["n"]), "n") == ["9" * 20]
    assert values(csv("x\n1e300\n2.5\n"), "x") == [1e300, 2.5]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"key": "ID"}, plait.NameUnknownError, r"labels.csv' has no column 'ID' to take the key from. Did you mean 'id'\?"),
        ({"columns": ["y"]}, plait.NameUnknownError, r"has no column 'y'. It has \['id', 'x'\]."),
        ({"text": ["zip"]}, plait.NameUnknownError, r"has no column 'zip'. It has \['id', 'x'\]."),
        ({"key": 3}, plait.ArgumentError, "key=3 is no column"),
        ({"delimiter": "::"}, plait.ArgumentError, r"delimiter='::' is not one ASCII character. Write delimiter=';', or '\\t' for a tab."),
        ({"key": "x"}, plait.DuplicateKeyError, r"holds 1 repeated keys, such as \['5'\]"),
    ],
)
def test_an_argument_that_cannot_be_meant_says_what_to_write(csv, options, error, message) -> None:
    with pytest.raises(error, match=message):
        csv("id,x\n1,5\n2,5\n", **options)


def test_an_empty_key_is_an_error(csv) -> None:
    with pytest.raises(plait.AlignmentError, match="the key 'id' is empty in 1 of 2 rows, such as row 1"):
        csv("id,x\n1,5\n,6\n", key="id")


def test_a_repeated_column_is_refused_when_asked_for(csv) -> None:
    source = csv("id,x,x\n1,5,6\n", key="id")
    with pytest.raises(plait.SpecError, match="column 'x' occurs 2 times; rename all but one"):
        source["x"]


def test_a_missing_file_says_what_is_there(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(plait.ReadError, match="Csv 'labels.csv' does not exist. '.' holds no table."):
        plait.Csv("labels.csv")
    Path("label.csv").write_text("a\n1\n")
    with pytest.raises(plait.ReadError, match=r"Csv 'labels.csv' does not exist. '.' holds \['label.csv'\]."):
        plait.Csv("labels.csv")
    with pytest.raises(plait.ReadError, match=r"does not exist. The folder 'nowhere' does not exist \(working directory"):
        plait.Csv("nowhere/labels.csv")
    with pytest.raises(plait.ReadError, match="Csv 'memory://none.csv' does not exist. Check the address."):
        plait.Csv("memory://none.csv")
    with pytest.raises(plait.ReadError, match=r"Csv '.' cannot be read: .*directory"):
        plait.Csv(".")
    with pytest.raises(plait.ArgumentError, match="Protocol not known: gopher. Write a path, or a URL that fsspec knows"):
        plait.Csv("gopher://labels.csv")


def test_a_url_whose_package_is_not_installed_names_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(plait.MissingExtraError, match="Csv 's3://bucket/x.csv': .*s3fs"):
        plait.Csv("s3://bucket/x.csv")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(plait.MissingExtraError, match=r"needs the package 'fsspec'.*pip install 'plait\[remote\]'"):
        plait.Csv("s3://bucket/x.csv")


def test_a_packed_file_that_is_cut_is_an_error_of_ours(csv) -> None:
    numbers = "\n".join(map(str, np.random.default_rng(0).random(50_000)))
    for cut in (-4, -200, 20):
        with pytest.raises(plait.ReadError, match="t.csv.gz' (cannot be read|is empty)"):
            csv(gzip.compress(f"t\n{numbers}".encode())[:cut], name="t.csv.gz")


def test_without_pyarrow_the_extra_is_named(csv, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.csv", None)
    with pytest.raises(plait.MissingExtraError, match=r"labels.csv' needs the package 'pyarrow'.*pip install 'plait\[tables\]'"):
        csv("a\n1\n")


def test_what_is_written_is_read_back(tmp_path) -> None:
    data = plait.Arrays(
        x=np.array([0.1, 1e-300, -np.inf]),
        n=np.array([-1, 2, 3], np.int64),
        b=np.array([True, False, True]),
        t=np.array(["a,b", 'say "ü"\n', "007"], TEXT),
        day=np.array(["2024-02-29", "1969-12-31", "2024-01-01"], "M8[D]"),
        when=np.array(["2024-02-29T10:00:01", "1969-12-31", "2024-01-01"], "M8[ns]"),
        key=["b", "a", "007"],
    )
    path = tmp_path / "out.csv"
    plait.Csv.write(data, path)
    again = plait.Csv(path, key="key", text=["t"])
    assert list(again.keys) == ["b", "a", "007"]
    for name in data.spec:
        assert values(again, name) == values(data, name), name
        assert again.spec[name].dtype.kind == data.spec[name].dtype.kind


def test_absence_and_the_key_column_are_written_back(csv, tmp_path) -> None:
    first = csv("id,x,t\nb,1,\na,,x\n", key="id")
    plait.Csv.write(first, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == '"id","x","t"\n"b",1,\n"a",,"x"\n'
    again = plait.Csv(tmp_path / "out.csv", key="id")
    assert again.keys == first.keys
    for name in first.spec:
        assert values(again, name) == values(first, name)
        assert np.array_equal(again.absent(name), first.absent(name)) or again.absent(name) is first.absent(name) is None


def test_row_numbers_are_not_written_and_a_file_behind_a_url_is() -> None:
    plait.Csv.write(plait.Arrays(x=np.arange(3)), "memory://out/x.csv")
    again = plait.Csv("memory://out/x.csv")
    assert list(again.spec) == ["x"]
    assert again.keys.is_range


def test_what_a_cell_cannot_hold_is_refused_and_leaves_the_old_file(tmp_path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("old")
    ragged = plait.Ragged.of([[1], [2, 3]])
    for stream in (np.zeros((2, 3)), ragged, np.zeros(2, "m8[s]")):
        with pytest.raises(
            plait.SpecError,
            match=r"Csv.write '.*out.csv': stream 'x' is .*, and a cell holds one number, date or text. Parquet.write holds",
        ):
            plait.Csv.write(plait.Arrays(x=stream), path)
    with pytest.raises(plait.ReadError, match="the file cannot be written: No such file or directory"):
        plait.Csv.write(plait.Arrays(x=np.arange(2)), tmp_path / "nowhere" / "out.csv")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
