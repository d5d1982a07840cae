# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The SQL around loads: tables made and changed, and what a sink is asked about.

Pure, as :mod:`~.statements`. Each change is harmless where it is made already.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import AddColumns, Change, Columns, CreateTable, Schema, Widen
from streamproc.warehouse.sink import Load, Place, Position, Together
from streamproc.warehouse.sql.expressions import converted, iso, micros
from streamproc.warehouse.sql.statements import (
    DIGEST,
    LOCK_TOPIC,
    MESSAGES,
    TOKENS,
    Statement,
    in_case,
    quoted,
)
from streamproc.warehouse.standard import LOADED, SYSTEM

__all__ = [
    "change_statements",
    "column_types",
    "counts",
    "filled",
    "loads",
    "offsets",
    "system_statements",
    "to_loads",
    "to_offsets",
    "to_together",
    "together",
]

OFFSETS: Final = "streamproc_offsets"
NOTHING: Final = "SELECT 1 WHERE 1 = 0"

TOKENS_A_QUERY: Final = 300
"""Tokens looked for in one statement, of which each is three parameters."""
TABLES_A_QUERY: Final = 200
"""Tables counted in one statement."""


def filled(columns: Columns) -> Columns:
    """Return the columns of a table of events with the one that the sink fills."""
    return {**columns, LOADED: Kind.TIMESTAMP}


def column_types(dialect: Dialect, columns: Columns, options: Mapping[Kind, str]) -> str:
    """Return the columns of a table as ``CREATE TABLE`` has them, with ``options`` by kind."""
    return ", ".join(_column(dialect, name, kind, options) for name, kind in columns.items())


def system_statements(dialect: Dialect, there: Schema) -> Iterator[Statement]:
    """Yield what makes the tables that are not of the events, where ``there`` lacks them.

    Those of an earlier release get the columns that they do not have yet, empty. Nothing is said of
    what is there: in some warehouses even ``IF NOT EXISTS`` waits for the loads under way.
    """
    for table, standard in SYSTEM.items():
        columns = dict(standard)
        if table == MESSAGES and dialect.digest is not None:
            columns[DIGEST] = Kind.INTEGER
        if table not in there:
            # With the line that loads lock on: made later, it could be made twice.
            types = f"({column_types(dialect, columns, {})})"
            rest = f"AS {_lock_line(dialect)}" if table == OFFSETS else types
            sql = f"CREATE TABLE IF NOT EXISTS {quoted([table])} {rest}"
            yield Statement(f"create {table}", in_case(dialect, sql))
        elif new := {name: kind for name, kind in columns.items() if name not in there[table]}:
            yield from change_statements(dialect, AddColumns(table, new), {})


def _lock_line(dialect: Dialect) -> str:
    values: dict[str, str] = {"topic": f"'{LOCK_TOPIC}'", "partition": "-1", "next_offset": "0"}
    columns = (
        f'CAST({values.get(name, "NULL")} AS {dialect.types[kind]}) AS "{name}"'
        for name, kind in SYSTEM[OFFSETS].items()
    )
    return f"SELECT {', '.join(columns)}"


def change_statements(
    dialect: Dialect, change: Change, options: Mapping[Kind, str]
) -> Iterator[Statement]:
    """Yield what makes ``change`` where ``ALTER COLUMN`` can: ``options`` are of new columns."""
    table = quoted([change.table])
    name, sqls = _change(dialect, table, change, options)
    for sql in sqls:
        yield Statement(f"{name} {change.table}", in_case(dialect, sql))


def offsets(dialect: Dialect, there: Schema = SYSTEM) -> Statement:
    """Ask for the offsets, for :func:`to_offsets`; the system's tables are as ``there``."""
    if OFFSETS not in there:
        return Statement("offsets", NOTHING)
    topic_id = '"topic_id"' if "topic_id" in there[OFFSETS] else "NULL"
    taken = f'"topic", "partition", "next_offset", {topic_id}'
    sql = f'SELECT {taken} FROM "{OFFSETS}" WHERE "topic" <> ?'
    return Statement("offsets", in_case(dialect, sql), (LOCK_TOPIC,))


def to_offsets(rows: Sequence[tuple[Any, ...]]) -> dict[Place, Position]:
    """Return the answer to :func:`offsets`."""
    return {
        Place(topic, int(partition)): Position(int(offset), topic_id)
        for topic, partition, offset, topic_id in rows
    }


def counts(dialect: Dialect, tables: Sequence[str]) -> Iterator[Statement]:
    """Ask how many rows each table has: queries of a number of the table in ``tables``, and rows.

    Numbers, because a warehouse may give names back in another case.
    """
    for start in range(0, len(tables), TABLES_A_QUERY):
        sql = " UNION ALL ".join(
            f"SELECT {number}, COUNT(*) FROM {quoted([tables[number]])}"
            for number in range(start, min(start + TABLES_A_QUERY, len(tables)))
        )
        yield Statement("counts", in_case(dialect, sql))


def loads(dialect: Dialect, since: Micros, there: Schema = SYSTEM) -> Statement:
    """Ask for the batches loaded from ``since`` on, for :func:`to_loads`."""
    if "streamproc_loads" not in there:
        return Statement("loads", NOTHING)
    taken = ", ".join(
        micros(dialect, f'"{name}"') if kind is Kind.TIMESTAMP else f'"{name}"'
        for name, kind in SYSTEM["streamproc_loads"].items()
    )
    sql = (
        f'SELECT {taken} FROM "streamproc_loads"'
        f' WHERE "loaded_at" >= CAST(? AS {dialect.types[Kind.TIMESTAMP]}) ORDER BY "loaded_at"'
    )
    return Statement("loads", in_case(dialect, sql), (iso(since),))


def together(
    dialect: Dialect, tokens: Collection[str], there: Schema = SYSTEM, source: str = f'"{MESSAGES}"'
) -> Iterator[Statement]:
    """Ask what is in events with ``tokens``, for :func:`to_together`, a number of them at a time.

    ``source`` is what is read in the place of ``streamproc_messages``.
    """
    if MESSAGES not in there:
        return
    columns, asked = quoted(TOKENS), sorted(tokens)
    for start in range(0, len(asked), TOKENS_A_QUERY):
        some = tuple(asked[start : start + TOKENS_A_QUERY])
        among = f"IN ({', '.join('?' * len(some))})"
        where = " OR ".join(f'"{token}" {among}' for token in TOKENS)
        last = micros(dialect, 'MAX("received_at")')
        sql = f"SELECT {columns}, {last}, COUNT(*) FROM {source} WHERE {where} GROUP BY {columns}"
        yield Statement("find linked", in_case(dialect, sql), some * len(TOKENS))


def to_together(rows: Iterable[tuple[Any, ...]]) -> list[Together]:
    """Return the answers to :func:`together`."""
    return [
        Together(user, device, identity, Micros(int(last)), int(events))
        for user, device, identity, last, events in rows
    ]


def to_loads(rows: Sequence[tuple[Any, ...]]) -> list[Load]:
    """Return the answer to :func:`loads`."""
    return [Load._make((*map(_number, row[:-1]), float(row[-1]))) for row in rows]


def _number(value: Any) -> Any:
    # A warehouse may answer with decimals; the loader's name stays as it is.
    return value if value is None or isinstance(value, str) else int(value)


def _column(dialect: Dialect, name: str, kind: Kind, options: Mapping[Kind, str]) -> str:
    return f"{quoted([name])} {dialect.types[kind]} {options.get(kind, '')}".rstrip()


def _change(
    dialect: Dialect, table: str, change: Change, options: Mapping[Kind, str]
) -> tuple[str, list[str]]:
    match change:
        case CreateTable():
            types = column_types(dialect, filled(change.columns), options)
            return "create", [f"CREATE TABLE IF NOT EXISTS {table} ({types})"]
        case AddColumns():
            start = f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS"
            return "add columns to", [
                f"{start} {_column(dialect, name, kind, options)}"
                for name, kind in change.columns.items()
            ]
        case Widen():
            name = quoted([change.column])
            value = converted(dialect, name, change.before, change.after)
            after = dialect.types[change.after]
            return "widen", [
                f"ALTER TABLE {table} ALTER {name} SET DATA TYPE {after} USING {value}"
            ]
