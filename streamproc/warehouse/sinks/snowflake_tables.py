# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The tables of events in Snowflake: as they are, and how they are changed."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from streamproc.errors import RetryableError
from streamproc.events import Micros
from streamproc.warehouse.dialects import SNOWFLAKE
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Change, Columns, CreateTable, Schema, Widen
from streamproc.warehouse.sinks.snowflake_connection import Session, StatementError
from streamproc.warehouse.sinks.snowflake_stage import PREFIX
from streamproc.warehouse.sinks.snowflake_widening import (
    Add,
    Copy,
    Drop,
    Rename,
    Step,
    after,
    fits,
    next_step,
    settled,
)
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql.expressions import converted
from streamproc.warehouse.sql.statements import Ways, in_case, lock, quoted
from streamproc.warehouse.standard import SYSTEM

__all__ = ["Tables"]

LOCK: Final = lock(Ways(SNOWFLAKE, staged=str, dedupe_hours=0, loaded_at=Micros(0)))

COLUMNS_A_STATEMENT: Final = 100
"""Columns added in one statement; some hundred compile quickly."""
TRIES: Final = 10
"""Statements in a row that others were quicker with, before the loader starts over."""

COLUMNS: Final = (
    "SELECT table_name, column_name, data_type, numeric_scale FROM information_schema.columns"
    " WHERE table_schema = ?"
)
KINDS: Final = {
    "BOOLEAN": Kind.BOOLEAN,
    "NUMBER": Kind.INTEGER,
    "FLOAT": Kind.FLOAT,
    "DATE": Kind.DATE,
    "TIMESTAMP_TZ": Kind.TIMESTAMP,
    "TIMESTAMP_LTZ": Kind.TIMESTAMP,
    "TIMESTAMP_NTZ": Kind.TIMESTAMP,
    "VARIANT": Kind.JSON,
}
"""By ``data_type``; every other type, which can only be somebody else's, counts as text."""


class Tables:
    """The tables of one schema."""

    def __init__(self, session: Session, schema_name: str) -> None:
        """Look at ``schema_name`` of the session's database."""
        self._session = session
        self._schema_name = schema_name.upper()

    def schema(self) -> Schema:
        """Return the tables of events as they are, but for columns on their way to a wider type.

        Raises:
            RetryableError: Snowflake is not there.
        """
        return {name: columns for name, columns in self.all().items() if name not in SYSTEM}

    def all(self) -> Schema:
        """Return the tables of events, and those of the system.

        Raises:
            RetryableError: Snowflake is not there.
        """
        found: dict[str, dict[str, Kind]] = {}
        for table, *column in self._ask(""):
            # What is in lower case is nobody's of ours.
            if table.isupper() and not table.lower().startswith(PREFIX):
                found.setdefault(table.lower(), {}).update([_column(*column)])
        return {table: settled(columns) for table, columns in found.items()}

    def change(self, change: Change) -> None:
        """Make ``change``, or what is left of it to do.

        Raises:
            RetryableError: Snowflake is not there, or others change the same all the time.
        """
        if isinstance(change, CreateTable):
            for statement in ddl.change_statements(SNOWFLAKE, change, {}):
                self._session.run(statement.name, statement.sql)
        else:
            self._settle(change.table, _wanted(change))

    def statements(self, change: Change) -> Iterator[str]:
        """Yield what :meth:`change` would say, were nobody else there."""
        if isinstance(change, CreateTable):
            yield from (each.sql for each in ddl.change_statements(SNOWFLAKE, change, {}))
            return
        columns: Columns = {change.column: change.before} if isinstance(change, Widen) else {}
        filled: set[str] = set()
        while steps := _steps(columns, _wanted(change), filled):
            yield from _sql(change.table, steps)
            for step in steps:
                columns = after(columns, step)
                filled |= {step.target} if isinstance(step, Copy) else set()

    def _settle(self, table: str, wanted: Columns) -> None:
        """Do one step after the other until ``table`` has the columns that are ``wanted``."""
        filled: set[str] = set()
        lost = 0
        while lost < TRIES:
            columns = self._table(table)
            steps = _steps(columns, wanted, filled)
            if not steps:
                return
            try:
                done = self._carry_out(table, steps)
            except StatementError as error:
                # Another loader was quicker, most likely: it looks different now.
                if not error.answered:
                    raise
                done = False
            if done:
                filled |= {step.target for step in steps if isinstance(step, Copy)}
            lost = 0 if done else lost + 1
        raise RetryableError(f"Snowflake: table {table} does not become as it is needed")

    def _carry_out(self, table: str, steps: Sequence[Step]) -> bool:
        """Do what ``steps`` say; return whether it still was what they were decided on."""
        sqls = _sql(table, steps)
        if isinstance(steps[0], Copy):
            with self._session.transaction():
                self._session.run(LOCK.name, LOCK.sql, LOCK.parameters)
                # Text in the place of a number would be read as one, if it can be.
                if not fits(self._table(table), steps[0]):
                    return False
                self._session.run(f"copy within {table}", next(sqls))
        for sql in sqls:
            self._session.run(f"change {table}", sql)
        return True

    def _table(self, table: str) -> Columns:
        return dict(_column(*column) for _, *column in self._ask(table.upper()))

    def _ask(self, table: str) -> Sequence[tuple[Any, ...]]:
        which = " AND table_name = ?" if table else ""
        sql = f"{COLUMNS}{which} ORDER BY table_name, ordinal_position"
        return self._session.run(
            "schema", sql, [self._schema_name, *([table] if table else [])]
        ).rows


def _column(name: str, data_type: str, scale: int | None) -> tuple[str, Kind]:
    kind = KINDS.get(data_type, Kind.STRING)
    return name.lower(), Kind.FLOAT if kind is Kind.INTEGER and scale else kind


def _wanted(change: Change) -> Columns:
    return {change.column: change.after} if isinstance(change, Widen) else change.columns


def _steps(columns: Columns, wanted: Columns, filled: Collection[str]) -> list[Step]:
    # All columns that are to be added, in one statement; else one step.
    due = [
        step
        for column, kind in wanted.items()
        if (step := next_step(columns, column, kind, secrets.token_hex(4), filled))
    ]
    added = islice((step for step in due if isinstance(step, Add)), COLUMNS_A_STATEMENT)
    return list(added) or due[:1]


def _sql(table: str, steps: Sequence[Step]) -> Iterator[str]:
    """Yield the statements of ``steps``: several additions, or one other step."""
    first, alter = steps[0], f"ALTER TABLE {quoted([table])}"
    match first:
        case Add():
            added = {step.name: step.kind for step in steps if isinstance(step, Add)}
            sqls = [f"{alter} ADD COLUMN {ddl.column_types(SNOWFLAKE, added, {})}"]
        case Rename(before, now):
            sqls = [f"{alter} RENAME COLUMN {quoted([before])} TO {quoted([now])}"]
        case Copy():
            gone = first.sources if first.drop else {}
            drops = (f"{alter} DROP COLUMN IF EXISTS {quoted([name])}" for name in gone)
            sqls = [_copy(quoted([table]), first), *drops]
        case Drop(name):
            sqls = [f"{alter} DROP COLUMN IF EXISTS {quoted([name])}"]
    yield from (in_case(SNOWFLAKE, sql) for sql in sqls)


def _copy(table: str, step: Copy) -> str:
    target = quoted([step.target])
    values = ", ".join(
        quoted([name])
        if kind is step.kind
        else converted(SNOWFLAKE, quoted([name]), kind, step.kind)
        for name, kind in step.sources.items()
    )
    value = f"COALESCE({values})" if len(step.sources) > 1 else values
    some = " OR ".join(f"{quoted([name])} IS NOT NULL" for name in step.sources)
    return f"UPDATE {table} SET {target} = {value} WHERE {target} IS NULL AND ({some})"
