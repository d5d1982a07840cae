# ruff: noqa: S608 - its text is names of ours, quoted
"""What the warehouse holds of an event, column by column. Pure but for the reader handed in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sql.statements import MESSAGES, Statement, in_case, quoted
from streamproc.warehouse.standard import TABLES, USERS

__all__ = ["Stored", "rows_of"]

LEDGER: Final = ("type", "event_table", "user_id")


class Stored(NamedTuple):
    """A row of the warehouse as text; ``ruleset`` is what it was made by, empty if unknown."""

    table: str
    ruleset: str
    content: bytes


def rows_of(reader: Reader, message_id: str) -> list[Stored]:
    """Return every row of the event with ``message_id``; none where it is not loaded.

    Raises:
        RetryableError: The warehouse is not there.
    """
    schema = reader.schema()
    if not schema:
        return []
    found = []
    for type_, event_table, user_id in _asked(reader, MESSAGES, LEDGER, message_id):
        tables = [(TABLES[type_], message_id), (event_table, message_id)]
        if type_ == "identify":
            tables.append((USERS, user_id))
        for table, id_ in tables:
            if table in schema and id_ is not None:
                found += list(_rows(reader, table, schema[table], id_))
    return found


def _rows(reader: Reader, table: str, columns: Columns, id_: str) -> Iterator[Stored]:
    names = tuple(columns)
    for row in _asked(reader, table, names, id_):
        by_name = dict(zip(names, row, strict=True))
        content = "\n".join(str(value) for value in row if value is not None)
        yield Stored(table, str(by_name.get("ruleset") or ""), content.encode())


def _asked(
    reader: Reader, table: str, columns: tuple[str, ...], id_: str
) -> Iterator[tuple[Any, ...]]:
    sql = f'SELECT {quoted(columns)} FROM {quoted([table])} WHERE "id" = ?'
    yield from reader.fetch(Statement(f"row of {table}", in_case(reader.dialect, sql), (id_,)))
