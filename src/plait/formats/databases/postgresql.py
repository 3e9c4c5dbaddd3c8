"""PostgreSQL, by ADBC."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from plait.extras import require
from plait.formats.arrow import REFUSED
from plait.formats.databases.question import AGAIN, TAKEN, Address, Question, explained, select, short

__all__ = ["rows", "store"]

_BATCH = 2**22  # bytes of rows that come at once; some wait in memory


def rows(question: Question) -> Generator[Any]:
    """The rows of the answer, in the order of the key."""
    driver = require("adbc_driver_postgresql.dbapi", extra="sql", purpose=question.label)
    address, label = question.address, question.label
    with explained(label, "See whether the server runs, and check host, database, user and password", address, driver.Error):
        connection = driver.connect(address.place)
    with connection, connection.cursor() as cursor:
        question.cancels.append(cursor.adbc_cancel)
        with explained(label, f"Check the query: {short(question.query)}", address, driver.Error):
            cursor.execute("set transaction isolation level repeatable read, read only")  # one snapshot for both statements
            cursor.execute(f"select * from ({question.query}\n) as plait limit 0", question.parameters or None)
            schema = _without_money(cursor.fetch_record_batch().schema)
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH)})
            cursor.execute(select(question, schema), question.parameters or None)
        with explained(label, AGAIN, address, driver.Error):
            yield from cursor.fetch_record_batch()


def store(address: Address, table: str, reader: Any, label: str) -> None:
    """Create the table of all rows, or nothing."""
    driver = require("adbc_driver_postgresql.dbapi", extra="sql", purpose=label)
    with explained(label, TAKEN, address, driver.Error), driver.connect(address.place) as connection, connection.cursor() as cursor:
        cursor.adbc_ingest(table, reader.schema.empty_table(), mode="create")
        for batch in reader:  # one by one, so that what reading them raises comes up as it is
            cursor.adbc_ingest(table, batch, mode="append")
        connection.commit()


def _without_money(schema: Any) -> Any:
    """PostgreSQL's driver hands over money as bare hundredths: refuse it."""
    reason = "is of type money, whose unit gets lost; write amount::numeric in the query"
    for place, field in enumerate(schema):
        if (field.metadata or {}).get(b"POSTGRESQL:type") in (b"money", b"_money"):
            schema = schema.set(place, field.with_metadata({REFUSED: reason}))
    return schema
