"""Rows of the tables that Heroku Connect keeps, in the order they were modified.

A row is found by ``systemmodstamp`` and ``sfid`` together: Salesforce modifies many rows at one
time, so the time alone does not say where to go on
(https://devcenter.heroku.com/articles/heroku-connect-database-tables).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from adbc_driver_manager import dbapi as adbc

from streamproc.business.postgres import columns_of, cursor_of, quoted, quoted_table
from streamproc.business.records import Place, SourceRow
from streamproc.business.values import micros
from streamproc.errors import ConfigError, Problem
from streamproc.events import Micros

__all__ = ["PAGE_ROWS", "Page", "check_table", "read_ids", "read_pages"]

PAGE_ROWS: Final = 5_000
"""Rows of one query: what is held in memory, and at most read again after a kill."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LONG_AGO: Final = datetime(1, 1, 1, tzinfo=UTC)


class Page(NamedTuple):
    """Some rows, and the time that the last of them was modified."""

    rows: list[SourceRow]
    modified_at: Micros


def check_table(connection: adbc.Connection, place: Place) -> None:
    """See that a place's table has all columns that are to be read.

    Raises:
        ConfigError: With every one that it has not.
        RetryableError: The database is not there any more.
    """
    table = place.said.table
    assert table is not None
    at = f"sources.{place.source}.objects.{place.object}"
    there = columns_of(connection, table)
    if not there:
        told = f"the database has no table {table}"
        raise ConfigError(Problem("identity configuration", f"{at}.table", told))
    problems = [
        Problem("identity configuration", at, f"{table} has no column {column}")
        for column in place.said.columns
        if column not in there
    ]
    if problems:
        raise ConfigError(*problems)


def read_pages(connection: adbc.Connection, place: Place, since: Micros | None) -> Iterator[Page]:
    """Yield the rows that were modified at ``since`` or later, oldest first; all when None.

    Each page is a query of its own, that leaves no transaction open: whoever vacuums the database
    need not wait for us. Rows without a time or an id, which Salesforce has not seen yet, are left
    out. Lines count from 1 on.

    Raises:
        RetryableError: The database is not there any more.
    """
    said = place.said
    stamp, own = said.modified_column, said.id_column
    assert said.table is not None
    assert stamp is not None
    columns = ", ".join(map(quoted, said.columns))
    order = f"{quoted(stamp)}, {quoted(own)}"
    sql = (
        f"SELECT {columns} FROM {quoted_table(said.table)}"  # noqa: S608 - names quoted
        f" WHERE ({order}) > ($1, $2) ORDER BY {order} LIMIT {PAGE_ROWS}"
    )
    start = LONG_AGO if since is None else EPOCH + timedelta(microseconds=since)
    after: tuple[Any, str] = (start.replace(tzinfo=None), "")
    line = 0
    while True:
        rows = _query(connection, sql, after, f"rows of {said.table}")
        if not rows:
            return
        yield Page(
            [SourceRow(line + number, row) for number, row in enumerate(rows, start=1)],
            micros(rows[-1][stamp]),
        )
        if len(rows) < PAGE_ROWS:
            return
        line += len(rows)
        after = rows[-1][stamp], rows[-1][own]


def read_ids(connection: adbc.Connection, place: Place) -> Iterator[SourceRow]:
    """Yield all rows that are not deleted, with their ids alone, as the database streams them.

    Raises:
        RetryableError: The database is not there any more.
    """
    said = place.said
    assert said.table is not None
    own = quoted(said.id_column)
    where = f"{own} IS NOT NULL"
    if said.deleted_column:
        where += f" AND {quoted(said.deleted_column)} IS NOT TRUE"
    sql = f"SELECT {own} FROM {quoted_table(said.table)} WHERE {where}"  # noqa: S608 - names quoted
    with cursor_of(connection, f"ids of {said.table}") as cursor:
        cursor.execute(sql)
        line = 0
        for batch in cursor.fetch_record_batch():
            for row in batch.to_pylist():
                line += 1
                yield SourceRow(line, row)
        connection.commit()


def _query(
    connection: adbc.Connection, sql: str, after: tuple[Any, str], step: str
) -> list[dict[str, Any]]:
    with cursor_of(connection, step) as cursor:
        cursor.execute(sql, after)
        rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
        connection.commit()
        return rows
