"""The Snowflake sink: files to a stage, copied to tables of the batch, loaded in one transaction.

What costs money is the time that the virtual warehouse is awake, in which nothing is done here but
``COPY INTO`` and the transaction. Uploading and DDL need no warehouse.

Sessions get lost, and an answer with them. Nothing is decided from what this process remembers: the
offsets in the warehouse say whether a batch is in, the columns say how far a change has come.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

import structlog

from streamproc.events import Micros
from streamproc.settings import Settings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import SNOWFLAKE
from streamproc.warehouse.schema import Change, Schema
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
from streamproc.warehouse.sinks import snowflake_stage as stage
from streamproc.warehouse.sinks.snowflake_connection import Session, StatementError, check_settings
from streamproc.warehouse.sinks.snowflake_stage import Attempt
from streamproc.warehouse.sinks.snowflake_tables import Tables
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql import statements as sql
from streamproc.warehouse.sql.statements import DISCARDS, MESSAGES, Statement, Ways
from streamproc.warehouse.sql.transaction import Target, check_schema, load_staged
from streamproc.warehouse.standard import LOADED, SYSTEM

__all__ = ["SnowflakeSink", "open_snowflake"]

log = structlog.get_logger()

STALE_SECONDS: Final = 6 * 3_600
"""Age at which what another loader has staged counts as left behind: longer than any batch."""


def open_snowflake(
    settings: Settings, access: Access = "load", clock: Callable[[], float] = time.time
) -> SnowflakeSink:
    """Log in, make the tables and the stage if they are not there, and return the sink on them.

    Args:
        settings: Of the loader and of Snowflake.
        access: Who only looks has nothing made.
        clock: Seconds since the epoch, for the age of what others have staged.

    Raises:
        ConfigError: The settings do not do, or Snowflake does not accept who logs in.
        RetryableError: Snowflake is not there.
    """
    check_settings(settings.snowflake)
    session = Session(settings.snowflake)
    # Without a name of its own a loader owns nothing that is there already: it could be another's.
    name = settings.loader.instance_id or secrets.token_hex()
    owner = hashlib.sha256(name.encode()).hexdigest()[:8]
    tables = Tables(session, settings.snowflake.schema_name)
    sink = SnowflakeSink(session, tables, owner, settings.loader.dedupe_hours, clock)
    sink.prepare(access)
    return sink


class SnowflakeSink:
    """A :class:`~streamproc.warehouse.sink.Sink` on Snowflake."""

    def __init__(
        self,
        session: Session,
        tables: Tables,
        owner: str,
        dedupe_hours: int,
        clock: Callable[[], float],
    ) -> None:
        """Take over ``session``; ``owner`` is in the names of what is staged."""
        self._session = session
        self._tables = tables
        self._owner = owner
        self._dedupe_hours = dedupe_hours
        self._clock = clock
        self._system: Schema = SYSTEM

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""
        return SNOWFLAKE

    def prepare(self, access: Access) -> None:
        """See which tables there are that are not of the events; make the others, to load."""
        self._system = self._tables.all()
        if access == "load":
            for statement in ddl.system_statements(SNOWFLAKE, self._system):
                self.run(statement)
            stage.create_stage(self._session)
            self._system = SYSTEM

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is."""
        return ddl.to_offsets(self.fetch(ddl.offsets(SNOWFLAKE, self._system)))

    def schema(self) -> Schema:
        """Return the tables of events as they are, but for columns on their way to a wider type."""
        return self._tables.schema()

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what :meth:`change` would say, were nobody else there."""
        return [text for change in changes for text in self._tables.statements(change)]

    def change(self, changes: Sequence[Change]) -> None:
        """Change tables; :mod:`~.snowflake_widening` has how types widen."""
        for change in changes:
            self._tables.change(change)

    def load(self, batch: Batch) -> LoadResult:
        """Stage ``batch``, then load it in one transaction."""
        attempt = Attempt(self._owner, batch.loaded_at // 1_000_000, secrets.token_hex(4))
        copied = False
        try:
            stage.stage(self._session, attempt, batch.frames)
            started = time.monotonic()
            stage.copy(self._session, attempt, batch.frames)
            copied = True
            return self._load_staged(batch, attempt, lambda: time.monotonic() - started)
        finally:
            stage.tidy(self._session, attempt, batch.frames, copied=copied)

    def _load_staged(
        self, batch: Batch, attempt: Attempt, seconds: Callable[[], float]
    ) -> LoadResult:
        staged = attempt.names(batch.frames).__getitem__
        ways = Ways(SNOWFLAKE, staged, self._dedupe_hours, batch.loaded_at)
        try:
            with self._session.transaction():
                # The lock first: while one has it no column gets a wider type (snowflake_widening),
                # so what is compared here is so until the commit.
                self.run(sql.lock(ways))
                known = self.schema()
                check_schema(known, batch)
                result = load_staged(batch, Target(ways, known, seconds, is_locked=True), self)
        except StatementError as error:
            if error.absent:
                raise SchemaMovedError("a table or column is not there any more") from None
            raise
        return result._replace(seconds=seconds())

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table."""
        ours = [name for name, columns in self.schema().items() if LOADED in columns]
        tables = [*ours, *(table for table in (MESSAGES, DISCARDS) if table in self._system)]
        asked = (self.fetch(statement) for statement in ddl.counts(SNOWFLAKE, tables))
        return {tables[number]: rows for answer in asked for number, rows in answer}

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded from ``since`` on."""
        return ddl.to_loads(self.fetch(ddl.loads(SNOWFLAKE, since, self._system)))

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with."""
        asked = ddl.together(SNOWFLAKE, tokens, self._system)
        return ddl.to_together(row for statement in asked for row in self.fetch(statement))

    def clean(self) -> int:
        """Remove what this loader has left staged in an earlier life, and others long ago."""
        return stage.clean(self._session, self._owner, self._clock() - STALE_SECONDS)

    def close(self) -> None:
        """Log out."""
        self._session.drop()

    def run(self, statement: Statement) -> int:
        """Run ``statement`` and return how many rows it has changed."""
        return self._session.run(statement.name, statement.sql, statement.parameters).affected

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""
        return self._session.run(statement.name, statement.sql, statement.parameters).rows
