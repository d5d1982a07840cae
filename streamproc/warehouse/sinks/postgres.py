"""The PostgreSQL sink: Arrow into temporary tables by ``COPY``, all in one transaction.

DDL is part of transactions here, so what is staged goes with them, whatever ends them. Every change
of a table takes the lock of loads first: loaders never wait for each other crosswise.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Final

import adbc_driver_postgresql.dbapi as driver
from adbc_driver_manager import dbapi as adbc

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import POSTGRES
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.schema import Change, CreateTable, Schema, Widen
from streamproc.warehouse.shape.arrow import reader
from streamproc.warehouse.sink import (
    Access,
    Batch,
    Load,
    LoadResult,
    Place,
    Position,
    SchemaMovedError,
    Together,
)
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql.statements import DISCARDS, MESSAGES, WORK, Statement, Ways, lock
from streamproc.warehouse.sql.transaction import Target, check_schema, load_staged
from streamproc.warehouse.standard import LOADED, ROW, SYSTEM

__all__ = ["PostgresSink", "open_postgres"]

SESSION: Final = ("SET TimeZone = 'UTC'", "SET DateStyle = 'ISO'", "SET extra_float_digits = 1")

KINDS: Final = {
    "boolean": Kind.BOOLEAN,
    "bigint": Kind.INTEGER,
    "double precision": Kind.FLOAT,
    "date": Kind.DATE,
    "timestamp with time zone": Kind.TIMESTAMP,
    "json": Kind.JSON,
}
"""By the types PostgreSQL reports; any other, that somebody else has made, takes text."""

COLUMNS: Final = """
SELECT CAST(c.table_name AS text), CAST(c.column_name AS text), CAST(c.data_type AS text)
FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name)
WHERE table_schema = current_schema() AND t.table_type = 'BASE TABLE'
ORDER BY c.table_name, c.ordinal_position
"""

INDEXES: Final = {MESSAGES: "id", "users": "id", "identifies": "user_id", MAPPINGS: "token"}
"""Columns that every load looks rows up by."""

MOVED: Final = frozenset({"42703", "42804", "42P01"})
"""SQLSTATE of a column that is not there, of one of another type, of a table that is not there."""

COUNTED: Final = "WITH changed AS ({} RETURNING 1) SELECT COUNT(*) FROM changed"

MARK: Final = re.compile(r"\?")

REASONS: Final = {
    "Connection refused": "nobody listens there",
    "No such file": "nobody listens there",
    "could not translate host name": "its host is not known",
    "timeout expired": "no answer",
    "password": "it does not accept the password",
    "pg_hba.conf": "it does not let this user in from here",
    'FATAL:  role "': "it does not know the user",
    'FATAL:  database "': "it does not have the database",
    "too many": "it has too many connections",
    "starting up": "it is starting up",
    "shutting down": "it is shutting down",
}
"""By what is in a driver's text, which may have the URL, and with it the password."""
UNUSABLE: Final = re.compile(
    r"missing \"=\"|invalid (?:URI|integer value|connection option|percent-encoded)|unterminated"
)
"""What libpq says of a URL that is none."""


def open_postgres(settings: LoaderSettings, access: Access = "load") -> PostgresSink:
    """Connect, make the tables of the system if they are not there, and return the sink.

    Raises:
        ConfigError: No database is set, or not as PostgreSQL writes it.
        RetryableError: It is not there now, or does not let us in.
    """
    if settings.postgres_url is None:
        problem = "the postgres sink needs the URL of its database"
        raise ConfigError(Problem("settings", "loader.postgres_url", problem))
    try:
        connection = driver.connect(settings.postgres_url.get_secret_value())
    except adbc.Error as error:
        raise _unconnected(str(error)) from None
    sink = PostgresSink(connection, settings.dedupe_hours)
    sink.prepare(access)
    return sink


class PostgresSink:
    """A :class:`~streamproc.warehouse.sink.Sink` on a connection."""

    def __init__(self, connection: adbc.Connection, dedupe_hours: int) -> None:
        """Take over ``connection``."""
        self._connection = connection
        self._dedupe_hours = dedupe_hours
        self._system: Schema = SYSTEM

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""
        return POSTGRES

    def prepare(self, access: Access) -> None:
        """Set the session up, and make the tables that are not of the events, to load."""
        with self._transaction():
            for sql in SESSION:
                self._execute(Statement("set up the session", sql))
            self._system = self._read_tables()
            if access == "load":
                for statement in ddl.system_statements(POSTGRES, self._system):
                    self._execute(statement)
                if MESSAGES not in self._system:  # else it is there, and asking waits for loads
                    self._index(MESSAGES)
                self._system = SYSTEM

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is."""
        with self._transaction():
            return ddl.to_offsets(self.fetch(ddl.offsets(POSTGRES, self._system)))

    def schema(self) -> Schema:
        """Return the tables of events as they are."""
        with self._transaction():
            return self._read_schema()

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what :meth:`change` would say."""
        return [statement.sql for change in changes for statement in _statements(change)]

    def change(self, changes: Sequence[Change]) -> None:
        """Change tables, all of it or nothing."""
        with self._transaction():
            self._lock()
            for change in changes:
                if isinstance(change, Widen) and not self._is_due(change):
                    continue
                for statement in _statements(change):
                    self._execute(statement)
                if isinstance(change, CreateTable):
                    self._index(change.table)

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one transaction."""
        started = time.perf_counter()
        # Tables have names as long as names can be: what is staged for them is numbered.
        number = {table: n for n, table in enumerate((*WORK, *batch.frames))}
        ways = Ways(
            POSTGRES,
            lambda table: f"streamproc_staged_{number[table]}",
            self._dedupe_hours,
            batch.loaded_at,
        )
        with self._transaction():
            known = self._read_schema()
            check_schema(known, batch)
            self._stage(batch, ways)
            target = Target(ways, known, lambda: time.perf_counter() - started)
            result = load_staged(batch, target, self)
        return result._replace(seconds=target.seconds())

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table."""
        with self._transaction():
            known = self._read_schema()
            ours = [name for name, columns in known.items() if LOADED in columns]
            tables = [*ours, *(table for table in (MESSAGES, DISCARDS) if table in self._system)]
            asked = [self.fetch(statement) for statement in ddl.counts(POSTGRES, tables)]
        return {tables[number]: rows for answer in asked for number, rows in answer}

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded from ``since`` on."""
        with self._transaction():
            return ddl.to_loads(self.fetch(ddl.loads(POSTGRES, since, self._system)))

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with."""
        asked = ddl.together(POSTGRES, tokens, self._system)
        with self._transaction():
            return ddl.to_together(row for statement in asked for row in self.fetch(statement))

    def clean(self) -> int:
        """Return 0: what is staged is gone with its transaction."""
        return 0

    def close(self) -> None:
        """Let go of the connection."""
        with suppress(adbc.Error):
            self._connection.close()

    def run(self, statement: Statement) -> int:
        """Run ``statement`` and return how many rows it has changed."""
        # The driver does not tell how many they were.
        sql = COUNTED.format(statement.sql)
        answer = self.fetch(Statement(statement.name, sql, statement.parameters))
        return int(answer[0][0])

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""
        with self._cursor(statement.name) as cursor:
            cursor.execute(_numbered(statement.sql), statement.parameters or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _execute(self, statement: Statement) -> None:
        with self._cursor(statement.name) as cursor:
            cursor.execute(statement.sql)

    def _lock(self) -> None:
        self.run(lock(Ways(POSTGRES, str, self._dedupe_hours, Micros(0))))

    def _is_due(self, change: Widen) -> bool:
        return self._read_schema().get(change.table, {}).get(change.column) is change.before

    def _index(self, table: str) -> None:
        if (column := INDEXES.get(table)) is not None:
            sql = f'CREATE INDEX IF NOT EXISTS "{table}_{column}" ON "{table}" ("{column}")'
            self._execute(Statement(f"index {table}", sql))

    def _read_schema(self) -> Schema:
        return {name: kept for name, kept in self._read_tables().items() if name not in SYSTEM}

    def _read_tables(self) -> Schema:
        known: dict[str, dict[str, Kind]] = {}
        for table, column, type_ in self.fetch(Statement("schema", COLUMNS)):
            known.setdefault(table, {})[column] = KINDS.get(type_, Kind.STRING)
        return known

    def _stage(self, batch: Batch, ways: Ways) -> None:
        for table, columns in WORK.items():
            self._make(ways, table, ddl.column_types(POSTGRES, columns, {}))
        for table, frame in batch.frames.items():
            # Documents as text: they become documents as they are inserted.
            columns = {
                name: Kind.STRING if kind is Kind.JSON else kind
                for name, kind in {ROW: Kind.INTEGER, **frame.columns}.items()
            }
            self._make(ways, table, ddl.column_types(POSTGRES, columns, {}))
            with self._cursor(f"stage {table}") as cursor:
                cursor.adbc_ingest(ways.staged(table), reader(frame), mode="append", temporary=True)

    def _make(self, ways: Ways, table: str, types: str) -> None:
        sql = f"CREATE TEMPORARY TABLE {ways.stage(table)} ({types}) ON COMMIT DROP"
        self._execute(Statement(f"stage {table}", sql))

    @contextmanager
    def _cursor(self, step: str) -> Iterator[adbc.Cursor]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except adbc.Error as error:
            # Its text may quote a row.
            if error.sqlstate in MOVED:
                raise SchemaMovedError(f"PostgreSQL has no such table or column: {step}") from None
            state = error.sqlstate or type(error).__name__
            raise RetryableError(f"PostgreSQL does not take the batch ({state}): {step}") from None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            yield
            with self._cursor("commit"):
                self._connection.commit()
        except BaseException:
            # A connection that is lost has nothing to roll back.
            with suppress(adbc.Error):
                self._connection.rollback()
            raise


def _statements(change: Change) -> Iterator[Statement]:
    return ddl.change_statements(POSTGRES, change, {})


def _numbered(sql: str) -> str:
    # No text of ours has a question mark that is not a parameter.
    numbers = count(1)
    return MARK.sub(lambda _: f"${next(numbers)}", sql)


def _unconnected(text: str) -> ConfigError | RetryableError:
    if UNUSABLE.search(text):
        told = "expected a URL such as postgresql://user@host/database"
        return ConfigError(Problem("settings", "loader.postgres_url", told))
    reason = next((f": {told}" for part, told in REASONS.items() if part in text), "")
    return RetryableError(f"PostgreSQL cannot be connected to{reason}")
