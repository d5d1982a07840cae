"""Keeps what is known of Heroku Connect's tables as they are: what changed, and what is gone.

How far a table has been read is a record of the topic of attributes, written when all before it is
acknowledged: a sync that is killed, or that loses its disk, goes on from there, and reads some rows
again, which does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from adbc_driver_manager import dbapi as adbc

from streamproc.business.known import KnownRecords
from streamproc.business.loading import BATCH_ROWS, Load, batches, delete_gone, write
from streamproc.business.postgres import connected
from streamproc.business.records import RecordMaker, SourceRow
from streamproc.business.tables import Page, check_table, read_ids, read_pages
from streamproc.business.topic import read_cursors, read_known
from streamproc.events import Micros, Token
from streamproc.identity.sources import Source
from streamproc.kafka.attribute_topic import TopicWriter
from streamproc.settings import Settings

__all__ = ["Pass", "TableSync"]

SECOND: Final = 1_000_000

MOST_REMEMBERED: Final = 100_000
"""Rows of the overlap that are remembered as sent; more are sent again, which does no harm."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over the tables is given.

    Attributes:
        makers: What makes the records of each object that has a table, by its name.
        writer: Where to.
        now: When this is.
        full: Whether to look for rows that are gone, too: all ids of the tables are read, and all
            of the topic.
        emptied: Whether more than half of a table's records may be found gone.
        again: Whether to read all rows, whenever they were modified: by other rules, or another
            configuration, they become other records.
        tell: Is told how many rows were read, some at a time.
    """

    makers: Mapping[str, RecordMaker]
    writer: TopicWriter
    now: Micros
    full: bool
    emptied: bool
    again: bool
    tell: Callable[[int], object]


class TableSync:
    """Syncs the tables of a source, pass after pass. For one thread."""

    def __init__(self, settings: Settings, name: str, source: Source) -> None:
        """Take over where the last sync of the source was, when first asked.

        Args:
            settings: Where the database and the topics are.
            name: The source's name.
            source: What the configuration says of it.
        """
        self._settings = settings
        self._name = name
        self._source = source
        self._cursors: dict[str, Micros] | None = None
        self._sent: dict[Token, datetime] = {}
        self._sending: dict[Token, datetime] = {}

    def run(self, given: Pass) -> None:
        """Load what was modified since the last time; the brokers have it when this returns.

        Raises:
            ConfigError: A table or column is not there, or more is gone than may be.
            RetryableError: Database or brokers are not there now. The next pass goes on from what
                is on the topic.
        """
        try:
            self._run(given)
        except BaseException:
            self._cursors = None
            self._sent.clear()
            raise

    def _run(self, given: Pass) -> None:
        if given.again:
            self._sent.clear()
        if self._cursors is None:
            self._cursors = read_cursors(self._settings, self._name, given.makers)
        with connected(self._settings) as connection:
            for maker in given.makers.values():
                check_table(connection, maker.place)
            for maker in given.makers.values():
                self._changes(connection, maker, given)
                if given.full:
                    self._deletions(connection, maker, given)

    def _changes(self, connection: adbc.Connection, maker: RecordMaker, given: Pass) -> None:
        assert self._cursors is not None
        kind, load = maker.place.object, Load(given.writer, given.now, given.tell)
        cursor = self._cursors.get(kind)
        overlap = self._source.overlap_seconds * SECOND
        since = None if cursor is None or given.again else Micros(cursor - overlap)
        for page in read_pages(connection, maker.place, since):
            for batch in batches(self._fresh(maker, page), BATCH_ROWS):
                write(maker, batch, load)
            given.tell(len(page.rows))
            if cursor is None or page.modified_at > cursor:
                cursor = page.modified_at
                given.writer.cursor(self._name, kind, cursor)
                self._cursors[kind] = cursor
            given.writer.flush()
            self._sent |= self._sending

    def _fresh(self, maker: RecordMaker, page: Page) -> Iterator[SourceRow]:
        """Yield the rows that this process has not sent as they are: others are in the overlap."""
        if len(self._sent) > MOST_REMEMBERED:
            self._sent.clear()
        self._sending = {}
        stamp = maker.place.said.modified_column
        assert stamp is not None
        for row in page.rows:
            assert row.values is not None
            token, modified_at = maker.token_of(row.values), row.values[stamp]
            if token is None or self._sent.get(token) != modified_at:
                yield row
            if token is not None:
                self._sending[token] = modified_at

    def _deletions(self, connection: adbc.Connection, maker: RecordMaker, given: Pass) -> None:
        place = maker.place
        with KnownRecords() as known:
            # The topic first: a row that comes in between is in the table then, and stays.
            read_known(self._settings, self._name, known)
            for row in read_ids(connection, place):
                assert row.values is not None
                if (token := maker.token_of(row.values)) is not None:
                    known.see(token, row.line)
            gone = delete_gone(place, given.writer, known, emptied=given.emptied)
            maker.totals.deleted += gone
