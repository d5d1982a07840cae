"""Attributes back into the tables that Heroku Connect keeps, and takes on to Salesforce.

A row is an identity, found by its token in the external id's column. Only what differs is written,
told by the table itself: an export that was stopped goes on by beginning again, and Heroku Connect
has no row to send that is as it was. Nothing is written but the columns that the configuration
names, and no value that is not an attribute as events have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple

import orjson
from adbc_driver_manager import dbapi as adbc

from streamproc.business.known import KnownRecords
from streamproc.business.loading import batches
from streamproc.business.postgres import columns_of, connected, cursor_of, quoted, quoted_table
from streamproc.errors import ConfigError, EventError, Problem
from streamproc.events import Json, Subject, Token
from streamproc.identity import People
from streamproc.identity.attributes import ACCOUNT, USER_ID, AttributeRecord, Attributes
from streamproc.identity.language import IdentityConfig
from streamproc.identity.sources import Export
from streamproc.identity.store import MemoryStore
from streamproc.kafka.attribute_topic import read_topic
from streamproc.kafka.attributes import decode_attributes, parse_attribute_key
from streamproc.settings import Settings

__all__ = ["ExportTotals", "Exporter", "Row", "accounts", "persons"]

BATCH_ROWS: Final = 1_000


class Row(NamedTuple):
    """What is to stand in a table: an identity, and values by column, in their order."""

    id: Token
    values: tuple[Json, ...]

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Row(id={self.id!r})"


@dataclass(slots=True)
class ExportTotals:
    """What an export did, or would do.

    Attributes:
        rows: Identities that were looked at.
        inserted: Rows that are new.
        updated: Rows that were changed.
        columns: How many rows have another value than before, by column; of a dry run.
    """

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    columns: dict[str, int] = field(default_factory=dict)


def persons(settings: Settings, export: Export, people: People) -> Iterator[Row]:
    """Yield a row for each person that a record of the topic of attributes is about, once.

    Raises:
        RetryableError: The topic could not be read.
    """
    with KnownRecords() as seen:
        for record in _records(settings):
            for subject in _subjects(record):
                identity = people.resolve(subject)
                if identity.id is not None and seen.see(identity.id, 0):
                    told = identity.attributes
                    values = tuple(told.get(name) for name in export.columns.values())
                    yield Row(identity.id, values)


def accounts(settings: Settings, export: Export, config: IdentityConfig) -> Iterator[Row]:
    """Yield a row for each account that a record of the topic of attributes is about, once.

    Raises:
        RetryableError: The topic could not be read.
    """
    known = Attributes(MemoryStore(), [*config.sources], config.attributes)
    for record in _records(settings):
        if record.deleted or all(name == ACCOUNT for name, _ in record.joins):
            known.apply(record)
    for token in dict.fromkeys(token for each in known.records() for _, token in each.joins):
        told = known.known_of((), token).attributes
        yield Row(token, tuple(told.get(name) for name in export.columns.values()))


class Exporter:
    """Writes rows into one table, or tells what it would write. For one thread.

    Attributes:
        totals: What was done so far.
    """

    def __init__(self, settings: Settings, name: str, export: Export) -> None:
        """Keep the parts.

        Args:
            settings: Where the database is.
            name: The export's name in the configuration.
            export: What it says of it.
        """
        self._settings = settings
        self._name = name
        self._export = export
        self._sql = _Statements(export)
        self.totals = ExportTotals()

    def check(self) -> None:
        """See that the table has the columns.

        Raises:
            ConfigError: With every one that it has not.
            RetryableError: The database is not there.
        """
        export = self._export
        with connected(self._settings) as connection:
            there = columns_of(connection, export.table)
        at = f"export.{self._name}"
        if not there:
            told = f"the database has no table {export.table}"
            raise ConfigError(Problem("identity configuration", f"{at}.table", told))
        problems = [
            Problem("identity configuration", at, f"{export.table} has no column {column}")
            for column in (export.external_id, *export.columns)
            if column not in there
        ]
        if problems:
            raise ConfigError(*problems)

    def write(self, rows: Iterable[Row], patiently: Callable[[Callable[[], None]], object]) -> None:
        """Write what differs, batch by batch, each a transaction.

        Args:
            rows: All rows that there are to be; none twice.
            patiently: Calls what it is given, again where that raises RetryableError.

        Raises:
            ConfigError: The table does not take a value, or does not tell rows apart by their id.
            RetryableError: The database is not there any more.
        """
        for batch in batches(rows, BATCH_ROWS):
            self.totals.rows += len(batch)
            patiently(partial(self._write, batch))

    def compare(self, rows: Iterable[Row]) -> None:
        """Count what :meth:`write` would do.

        Raises:
            ConfigError: As :meth:`write`.
            RetryableError: The database is not there any more.
        """
        with connected(self._settings) as connection:
            for batch in batches(rows, BATCH_ROWS):
                self.totals.rows += len(batch)
                found = self._run(connection, self._sql.compare, batch)[0]
                self.totals.inserted += found[0]
                self.totals.updated += found[1]
                for column, count in zip(self._export.columns, found[2:], strict=True):
                    self.totals.columns[column] = self.totals.columns.get(column, 0) + count

    def _write(self, rows: Sequence[Row]) -> None:
        # A connection for each batch: after an error that passes there may be another server.
        with connected(self._settings) as connection:
            updated = self._run(connection, self._sql.update, rows)
            inserted = self._run(connection, self._sql.insert, rows)
            connection.commit()
        self.totals.updated += len(updated)
        self.totals.inserted += len(inserted)

    def _run(
        self, connection: adbc.Connection, sql: str, rows: Sequence[Row]
    ) -> list[tuple[int, ...]]:
        columns = (self._export.external_id, *self._export.columns)
        given = [dict(zip(columns, (row.id, *row.values), strict=True)) for row in rows]
        with cursor_of(connection, f"export to {self._export.table}") as cursor:
            cursor.execute(sql, (orjson.dumps(given).decode(),))
            found: list[tuple[int, ...]] = cursor.fetchall()
            return found


class _Statements:
    """The SQL of one export: names quoted, rows bound as JSON, which PostgreSQL makes its types."""

    def __init__(self, export: Export) -> None:
        table, own = quoted_table(export.table), quoted(export.external_id)
        columns = [quoted(column) for column in export.columns]
        given = f"json_populate_recordset(CAST(NULL AS {table}), CAST($1 AS json)) AS s"
        differ = " OR ".join(f"t.{name} IS DISTINCT FROM s.{name}" for name in columns)
        something = " OR ".join(f"s.{name} IS NOT NULL" for name in columns)
        names = ", ".join(columns)
        join = f"{given} LEFT JOIN {table} AS t ON t.{own} = s.{own}"
        new = f"t.{own} IS NULL AND ({something})"
        counted = [
            f"count(*) FILTER (WHERE {new})",
            f"count(*) FILTER (WHERE t.{own} IS NOT NULL AND ({differ}))",
            *(
                f"count(*) FILTER (WHERE (t.{own} IS NOT NULL OR {something})"
                f" AND t.{name} IS DISTINCT FROM s.{name})"
                for name in columns
            ),
        ]
        sets = ", ".join(f"{name} = s.{name}" for name in columns)
        self.compare = f"SELECT {', '.join(counted)} FROM {join}"  # noqa: S608 - names quoted
        self.update = (
            f"UPDATE {table} AS t SET {sets} FROM {given}"  # noqa: S608
            f" WHERE t.{own} = s.{own} AND ({differ}) RETURNING 1"
        )
        # Where somebody else makes the row at the same time, it is as wanted the next time.
        self.insert = (
            f"INSERT INTO {table} ({own}, {names})"  # noqa: S608
            f" SELECT s.{own}, {', '.join(f's.{name}' for name in columns)} FROM {join}"
            f" WHERE {new} ON CONFLICT ({own}) DO NOTHING RETURNING 1"
        )


def _records(settings: Settings) -> Iterator[AttributeRecord]:
    for message in read_topic(settings, settings.topics.attributes):
        if message.value is not None and parse_attribute_key(message.key) is not None:
            try:
                yield decode_attributes(message.value)
            except EventError:  # not ours
                continue


def _subjects(record: AttributeRecord) -> Iterator[Subject]:
    for name, token in record.joins:
        if name == USER_ID:
            yield Subject(token, None, None)
        elif name != ACCOUNT:
            yield Subject(None, None, None, traits=((name, token),))
