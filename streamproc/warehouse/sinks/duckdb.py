"""The DuckDB sink: one file, one writer; what is staged is Arrow, read as it is inserted."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import duckdb
import structlog

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.schema import Change, Schema, Widen
from streamproc.warehouse.shape.arrow import reader
from streamproc.warehouse.sink import (
    Access,
    Batch,
    Load,
    LoadResult,
    Place,
    Position,
    Together,
)
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql.statements import DISCARDS, MESSAGES, WORK, Statement, Ways
from streamproc.warehouse.sql.transaction import Target, check_schema, load_staged
from streamproc.warehouse.standard import LOADED, SYSTEM, USERS

__all__ = ["DuckDBSink", "open_duckdb"]

log = structlog.get_logger()

CHECKPOINT_BYTES: Final = "256MB"
"""Log that gathers before it is written into the tables. At DuckDB's own 16 MB nearly every batch
of 10,000 rows ends in a checkpoint: 68,000 rows/s where 256 MB give 86,000 (1 M rows of 1.3 KB, one
thread). A loader that was killed replays at most this much."""

OPTIONS: Final = {Kind.JSON: "USING COMPRESSION zstd"}
"""Of columns. Left to choose, DuckDB takes 34 s for those 1 M rows instead of 15 s, for a file four
times as large."""

KINDS: Final = {
    "BOOLEAN": Kind.BOOLEAN,
    "BIGINT": Kind.INTEGER,
    "DOUBLE": Kind.FLOAT,
    "DATE": Kind.DATE,
    "TIMESTAMP WITH TIME ZONE": Kind.TIMESTAMP,
    "JSON": Kind.JSON,
}
"""By the types DuckDB reports; any other, that somebody else has made, takes text."""

READ_OFTEN: Final = (MESSAGES, USERS, MAPPINGS)
"""Frames that are read by several statements: they become temporary tables, in the connection's
memory; the others are read from Arrow once, as they are inserted."""

STAGED: Final = "streamproc_staged_{}"
ARRIVING: Final = STAGED.format("")
"""What is about to become a temporary table."""

COLUMNS: Final = """
SELECT table_name, column_name, data_type FROM duckdb_columns()
WHERE database_name = current_database() AND schema_name = 'main' AND NOT internal
AND table_oid IN (SELECT table_oid FROM duckdb_tables() WHERE NOT temporary)
ORDER BY table_oid, column_index
"""


def open_duckdb(settings: LoaderSettings, access: Access = "load") -> DuckDBSink:
    """Open the database, make its tables if they are not there, and return the sink on it.

    Who only looks leaves the file as it is, and makes none.

    Raises:
        ConfigError: The file is in no folder, is one, or is something else than a database.
        RetryableError: Another process has it, or it cannot be opened now.
    """
    file = settings.duckdb_file
    if not file.parent.is_dir():
        raise ConfigError(Problem(str(file), "", "its folder does not exist"))
    if file.is_dir():
        raise ConfigError(Problem(str(file), "", "is a folder, not a database"))
    looks = access == "look"
    where = ":memory:" if looks and not file.exists() else str(file)
    limit = f"{settings.duckdb_memory_bytes}B"
    try:
        connection = duckdb.connect(
            where,
            read_only=looks and where == str(file),
            config={"checkpoint_threshold": CHECKPOINT_BYTES, "memory_limit": limit},
        )
        connection.execute("SET TimeZone = 'UTC'")
    except duckdb.Error as error:
        text = str(error)
        if "not a valid DuckDB" in text:
            raise ConfigError(Problem(str(file), "", "is no DuckDB database")) from None
        reason = (
            "is open in another process" if "Could not set lock" in text else "cannot be opened"
        )
        raise RetryableError(f"{file} {reason}") from None
    sink = DuckDBSink(connection, file, settings.dedupe_hours)
    sink.prepare(access)
    return sink


class DuckDBSink:
    """A :class:`~streamproc.warehouse.sink.Sink` on an open database."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, file: Path, dedupe_hours: int
    ) -> None:
        """Take over ``connection``; ``file`` is for messages."""
        self._connection = connection
        self._file = file
        self._dedupe_hours = dedupe_hours
        # Nobody else can change the tables while the file is open here, and asking takes longer
        # than a small load where there are thousands of columns.
        self._known: Schema | None = None
        self._system: Schema = SYSTEM

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""
        return DUCKDB

    def prepare(self, access: Access) -> None:
        """See which tables there are that are not of the events; make the others, to load."""
        self._system = self._read_tables()
        if access == "load":
            for statement in ddl.system_statements(DUCKDB, self._system):
                self.run(statement)
            self._system = SYSTEM

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is."""
        return ddl.to_offsets(self.fetch(ddl.offsets(DUCKDB, self._system)))

    def schema(self) -> Schema:
        """Return the tables of events as they are."""
        if self._known is None:
            self._known = self._read_schema()
        return self._known

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what :meth:`change` would say."""
        return [statement.sql for statement in self._statements(changes)]

    def change(self, changes: Sequence[Change]) -> None:
        """Change tables, all of it or nothing."""
        self._known = None
        with self._transaction():
            for change in changes:
                if isinstance(change, Widen) and not self._is_due(change):
                    continue
                for statement in self._statements([change]):
                    self.run(statement)

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one transaction."""
        started = time.perf_counter()
        known = self.schema()
        check_schema(known, batch)
        ways = Ways(DUCKDB, STAGED.format, self._dedupe_hours, batch.loaded_at)
        target = Target(ways, known, lambda: time.perf_counter() - started)
        with self._staged(batch, ways), self._transaction():
            result = load_staged(batch, target, self)
        return result._replace(seconds=target.seconds())

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table."""
        ours = [name for name, columns in self.schema().items() if LOADED in columns]
        tables = [*ours, *(table for table in (MESSAGES, DISCARDS) if table in self._system)]
        asked = (self.fetch(statement) for statement in ddl.counts(DUCKDB, tables))
        return {tables[number]: rows for answer in asked for number, rows in answer}

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded from ``since`` on."""
        return ddl.to_loads(self.fetch(ddl.loads(DUCKDB, since, self._system)))

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with."""
        asked = ddl.together(DUCKDB, tokens, self._system)
        return ddl.to_together(row for statement in asked for row in self.fetch(statement))

    def clean(self) -> int:
        """Return 0: what is staged lives in a connection's memory, and goes with it."""
        return 0

    def close(self) -> None:
        """Write what is in the log into the tables, and let go of the file."""
        try:
            self._connection.close()
        except duckdb.Error:
            # Every batch is durable in the log already; the next to open the file reads it there.
            log.warning("warehouse not tidied on closing", file=str(self._file))

    def run(self, statement: Statement) -> int:
        """Run ``statement`` and return how many rows it has changed."""
        answer = self.fetch(statement)
        return int(answer[0][0]) if answer else 0

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""
        try:
            return self._connection.execute(statement.sql, statement.parameters).fetchall()
        except duckdb.Error as error:
            raise self._retryable(statement.name, error) from None

    def _is_due(self, change: Widen) -> bool:
        return self._read_schema().get(change.table, {}).get(change.column) is change.before

    def _read_schema(self) -> Schema:
        return {name: kept for name, kept in self._read_tables().items() if name not in SYSTEM}

    def _read_tables(self) -> Schema:
        known: dict[str, dict[str, Kind]] = {}
        for table, column, type_ in self.fetch(Statement("schema", COLUMNS)):
            known.setdefault(table, {})[column] = KINDS.get(type_, Kind.STRING)
        return known

    def _statements(self, changes: Sequence[Change]) -> Iterator[Statement]:
        for change in changes:
            yield from ddl.change_statements(DUCKDB, change, OPTIONS)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self.run(Statement("begin", "BEGIN"))
            yield
            self.run(Statement("commit", "COMMIT"))
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except duckdb.Error:
            # Nothing to roll back: DuckDB has done it, or has given up on the connection.
            return

    @contextmanager
    def _staged(self, batch: Batch, ways: Ways) -> Iterator[None]:
        try:
            for table, columns in WORK.items():
                self._stage(table, f"({ddl.column_types(DUCKDB, columns, {})})")
            for table, frame in batch.frames.items():
                if table in READ_OFTEN:
                    self._connection.register(ARRIVING, reader(frame))
                    self._stage(table, f'AS FROM "{ARRIVING}"')
                else:
                    self._connection.register(ways.staged(table), reader(frame))
            yield
        finally:
            self._unstage(batch)

    def _stage(self, table: str, rest: str) -> None:
        sql = f'CREATE OR REPLACE TEMP TABLE "{STAGED.format(table)}" {rest}'
        self.run(Statement(f"stage {table}", sql))

    def _unstage(self, batch: Batch) -> None:
        try:
            for table in (*WORK, *READ_OFTEN):
                self._connection.execute(f'DROP TABLE IF EXISTS temp."{STAGED.format(table)}"')
            for name in (ARRIVING, *map(STAGED.format, batch.frames)):
                self._connection.unregister(name)
        except duckdb.Error:
            # The next batch replaces them.
            log.warning("staged rows not dropped", file=str(self._file))

    def _retryable(self, step: str, error: duckdb.Error) -> RetryableError:
        # DuckDB's text may quote a row: it is looked at, not told.
        if "Could not write" in str(error):
            reason = "cannot be written, is there space left?"
        elif isinstance(error, duckdb.TransactionException):
            reason = "was changed by another transaction"
        else:
            reason = f"does not take the batch ({type(error).__name__})"
        return RetryableError(f"{self._file} {reason}: {step}")
