"""Tokens of records on disk: as many as there are, in a few megabytes of memory.

In a temporary file that holds tokens and numbers, and goes with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Final, NamedTuple, Self

from streamproc.events import Micros, Token

__all__ = ["KnownRecord", "KnownRecords"]

CACHE_KIBIBYTES: Final = 65_536

TABLES: Final = """
CREATE TABLE seen (token TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID;
CREATE TABLE known (
    object TEXT, token TEXT, modified_at INTEGER, version INTEGER, PRIMARY KEY (object, token)
) WITHOUT ROWID;
"""


class KnownRecord(NamedTuple):
    """A record that is on the topic and not deleted."""

    object: str
    token: Token
    modified_at: Micros
    version: int | None


class KnownRecords:
    """What was seen at a source, and what is known of it on the topic. For one thread."""

    def __init__(self) -> None:
        """Make the file, which has no name and is gone when it is closed."""
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIBIBYTES}")
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.executescript(TABLES)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Forget all of it."""
        self._database.close()

    def see(self, token: Token, line: int) -> bool:
        """Remember that a record was met; return whether it was the first time."""
        done = self._database.execute(
            "INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", (token, line)
        )
        return done.rowcount == 1

    def know(self, record: KnownRecord) -> None:
        """Remember that a record is on the topic, as it is there."""
        self._database.execute("INSERT OR REPLACE INTO known VALUES (?, ?, ?, ?)", record)

    def forget(self, kind: str, token: Token) -> None:
        """Remember that a record is not on the topic any more."""
        self._database.execute("DELETE FROM known WHERE object = ? AND token = ?", (kind, token))

    def count(self, kind: str) -> int:
        """Return how many records of an object are on the topic."""
        asked = "SELECT count(*) FROM known WHERE object = ?"
        found: int = self._database.execute(asked, (kind,)).fetchone()[0]
        return found

    def missing(self, kind: str) -> Iterator[KnownRecord]:
        """Yield the records of an object that are on the topic and were not met at the source."""
        asked = "SELECT * FROM known WHERE object = ? AND token NOT IN (SELECT token FROM seen)"
        return self._rows(asked, (kind,))

    def of_other_versions(self, kind: str, version: int) -> Iterator[KnownRecord]:
        """Yield the records of an object that are on the topic by another copy of its table."""
        return self._rows(
            "SELECT * FROM known WHERE object = ? AND version IS NOT ?", (kind, version)
        )

    def _rows(self, asked: str, parameters: Iterable[object]) -> Iterator[KnownRecord]:
        with closing(self._database.execute(asked, tuple(parameters))) as rows:
            for kind, token, modified_at, version in rows:
                yield KnownRecord(kind, Token(token), Micros(modified_at), version)
