"""What the leak check searches, and what it has found so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from streamproc.canaries.leaks import Finder, Leak, Text
from streamproc.canaries.planting import Planted

__all__ = ["LeakCheck", "file_chunks", "log_lines", "warehouse_rows"]

CHUNK_BYTES = 4 * 1024 * 1024
OVERLAP_BYTES = 1024
"""Longer than any form of a planted value, so that none is cut in two."""
FETCH_ROWS = 1000


class LeakCheck:
    """Searches texts for planted values; used by one thread at a time."""

    def __init__(self, planted: Iterable[Planted]) -> None:
        """Look for the values of ``planted``."""
        self._planted = list(planted)
        self._finder = Finder(self._planted)
        self._leaked: set[tuple[str, str]] = set()
        self.leaks: list[Leak] = []
        self.searched: Counter[str] = Counter()
        """How many texts of each area."""

    def search(self, area: str, texts: Iterable[Text]) -> None:
        """Search ``texts``, which belong to ``area``."""
        self.searched[area] += 0  # an area without texts was searched too
        for text in texts:
            self.searched[area] += 1
            for planted in self._finder.find(text.content):
                message_id = text.message_id or planted.message_id
                self.leaks.append(Leak(planted.kind, text.place, message_id, planted.path))
                self._leaked.add((planted.kind, planted.value))

    def planted_by_kind(self) -> dict[str, int]:
        """Return how many values were planted, by kind."""
        return dict(sorted(Counter(each.kind for each in self._planted).items()))

    def redacted_by_kind(self) -> dict[str, int]:
        """Return how many of them were kept in, by kind.

        A value that leaked anywhere counts as leaked wherever it was planted.
        """
        kept = [each for each in self._planted if (each.kind, each.value) not in self._leaked]
        return dict(sorted(Counter(each.kind for each in kept).items()))


def warehouse_rows(file: Path) -> Iterator[Text]:
    """Yield every column of every row of every table, whatever its type, as text."""
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall()
        for (table,) in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - our own tables
            columns = [column[0] for column in cursor.description or ()]
            while rows := cursor.fetchmany(FETCH_ROWS):
                for row in rows:
                    yield from _row(table, dict(zip(columns, row, strict=True)))


def _row(table: str, row: dict[str, object]) -> Iterator[Text]:
    message_id = str(row["id"]) if "id" in row else None
    for column, value in row.items():
        content = value if isinstance(value, bytes) else str(value).encode()
        yield Text(f"{table}.{column}", message_id, content)


def file_chunks(file: Path) -> Iterator[Text]:
    """Yield the bytes of a file as they lie on the disk, in overlapping pieces.

    A second look at a database: a column store compresses most of its text, so what is not found
    here may be there still; but dropped columns, free blocks and logs are in it too.
    """
    with file.open("rb") as source:
        tail = b""
        while chunk := source.read(CHUNK_BYTES):
            yield Text(f"{file.name} (bytes)", None, tail + chunk)
            tail = chunk[-OVERLAP_BYTES:]


def log_lines(file: Path) -> Iterator[Text]:
    """Yield the lines of a log."""
    for number, line in enumerate(file.read_bytes().splitlines(), start=1):
        yield Text(f"{file.name}:{number}", None, line)
