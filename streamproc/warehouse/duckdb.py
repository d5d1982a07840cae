"""The DuckDB sink: one file, one writer, rows and offsets in one transaction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa
import structlog

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.sink import Batch, LoadResult, OffsetsMovedError

__all__ = ["DuckDBSink", "open_duckdb"]

log = structlog.get_logger()

CHECKPOINT_BYTES: Final = "256MB"
"""Log that gathers before it is written into the tables. At DuckDB's own 16 MB nearly every batch
of 10,000 rows ends in a checkpoint: 68,000 rows/s where 256 MB give 86,000 (1 M rows of 1.3 KB, one
thread). A loader that was killed replays at most this much."""

# zstd is named because DuckDB, left to choose, takes 34 s for those 1 M rows instead of 15 s, for
# a file four times as large.
TABLES: Final = """
CREATE TABLE IF NOT EXISTS events (
  message_id VARCHAR PRIMARY KEY,
  "type" VARCHAR NOT NULL,
  event VARCHAR,
  user_id VARCHAR,
  anonymous_id VARCHAR,
  identity_id VARCHAR,
  original_timestamp TIMESTAMPTZ,
  sent_at TIMESTAMPTZ,
  received_at TIMESTAMPTZ NOT NULL,
  "timestamp" TIMESTAMPTZ NOT NULL,
  payload JSON NOT NULL USING COMPRESSION zstd,
  manifest JSON NOT NULL USING COMPRESSION zstd,
  ruleset VARCHAR NOT NULL,
  source_topic VARCHAR NOT NULL,
  source_partition INTEGER NOT NULL,
  source_offset BIGINT NOT NULL,
  loaded_at TIMESTAMPTZ NOT NULL
);
CREATE TABLE IF NOT EXISTS streamproc_offsets (
  topic VARCHAR,
  "partition" INTEGER,
  next_offset BIGINT NOT NULL,
  PRIMARY KEY (topic, "partition")
);
"""

# The dedupe is the primary key's: 10,000 rows take 0.08 s in an empty table, 0.13 s with 1 M there.
# An anti-join without a key reads every message_id once a batch: 0.035 s and 0.06 s, 0.024 s more
# with every further million, so slower from some 4 M on, and nothing but our own query would keep
# message_id unique. What the key costs is 150 bytes of file a row.
INSERT: Final = (
    "INSERT INTO events SELECT *, make_timestamptz(?) FROM incoming ON CONFLICT DO NOTHING"
)
ADVANCE: Final = """
INSERT INTO streamproc_offsets VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset
"""

MOMENT: Final = pa.timestamp("us", tz="UTC")
COLUMNS: Final = pa.schema(
    [
        ("message_id", pa.string()),
        ("type", pa.string()),
        ("event", pa.string()),
        ("user_id", pa.string()),
        ("anonymous_id", pa.string()),
        ("identity_id", pa.string()),
        ("original_timestamp", MOMENT),
        ("sent_at", MOMENT),
        ("received_at", MOMENT),
        ("timestamp", MOMENT),
        ("payload", pa.string()),
        ("manifest", pa.string()),
        ("ruleset", pa.string()),
        ("source_topic", pa.string()),
        ("source_partition", pa.int32()),
        ("source_offset", pa.int64()),
    ]
)
"""The fields of :class:`~streamproc.warehouse.rows.LoadedRow`, in its order and the table's."""


def open_duckdb(file: Path) -> DuckDBSink:
    """Open the database, make its tables if they are not there, and return the sink on it.

    Raises:
        ConfigError: ``file`` is in no folder, or is something else than a database.
        RetryableError: Another process has it, or it cannot be opened now.
    """
    if not file.parent.is_dir():
        raise ConfigError(Problem(str(file), "", "its folder does not exist"))
    try:
        connection = duckdb.connect(str(file), config={"checkpoint_threshold": CHECKPOINT_BYTES})
        connection.execute(TABLES)
    except duckdb.Error as error:
        text = str(error)
        if "not a valid DuckDB" in text:
            raise ConfigError(Problem(str(file), "", "is no DuckDB database")) from None
        reason = "is open in another process" if "lock" in text else "cannot be opened"
        raise RetryableError(f"{file} {reason}") from None
    return DuckDBSink(connection, file)


class DuckDBSink:
    """A :class:`~streamproc.warehouse.sink.Sink` on an open database."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, file: Path) -> None:
        """Take over ``connection``; ``file`` is for messages."""
        self._connection = connection
        self._file = file

    def offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the next offset to load."""
        try:
            return self._offsets(topic)
        except duckdb.Error as error:
            raise self._retryable(error) from None

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one transaction."""
        rows = _first_of_each(batch.rows)
        try:
            self._connection.begin()
            self._advance(batch)
            inserted = self._insert(rows, batch.loaded_at) if rows else 0
            self._connection.commit()
        except duckdb.Error as error:
            self._roll_back()
            raise self._retryable(error) from None
        except BaseException:
            self._roll_back()
            raise
        return LoadResult(inserted, len(batch.rows) - inserted)

    def close(self) -> None:
        """Write what is in the log into the tables, and let go of the file."""
        try:
            self._connection.close()
        except duckdb.Error:
            # Every batch is durable in the log already; the next to open the file reads it there.
            log.warning("warehouse not tidied on closing", file=str(self._file))

    def _offsets(self, topic: str) -> dict[int, int]:
        query = 'SELECT "partition", next_offset FROM streamproc_offsets WHERE topic = ?'
        return dict(self._connection.execute(query, [topic]).fetchall())

    def _advance(self, batch: Batch) -> None:
        stored = self._offsets(batch.topic)
        for partition, (expected, following) in batch.advances.items():
            if stored.get(partition, 0) != expected:
                raise OffsetsMovedError(f"another loader moved {batch.topic}[{partition}]")
            self._connection.execute(ADVANCE, [batch.topic, partition, following])

    def _insert(self, rows: Sequence[LoadedRow], loaded_at: int) -> int:
        arrays = [
            pa.array(column, type=kind)
            for column, kind in zip(zip(*rows, strict=True), COLUMNS.types, strict=True)
        ]
        self._connection.register("incoming", pa.Table.from_arrays(arrays, schema=COLUMNS))
        try:
            counted = self._connection.execute(INSERT, [loaded_at]).fetchone()
        finally:
            self._connection.unregister("incoming")
        assert counted is not None
        return int(counted[0])

    def _roll_back(self) -> None:
        try:
            self._connection.rollback()
        except duckdb.Error:
            # Nothing to roll back: DuckDB has done it, or has given up on the connection.
            return

    def _retryable(self, error: duckdb.Error) -> RetryableError:
        # DuckDB's text may quote a row: it is looked at, not told.
        if "Could not write" in str(error):
            reason = "cannot be written, is there space left?"
        elif isinstance(error, duckdb.TransactionException):
            reason = "was changed by another transaction"
        else:
            reason = f"does not take the batch ({type(error).__name__})"
        return RetryableError(f"{self._file} {reason}")


def _first_of_each(rows: Sequence[LoadedRow]) -> list[LoadedRow]:
    return list({row.message_id: row for row in reversed(rows)}.values())[::-1]
