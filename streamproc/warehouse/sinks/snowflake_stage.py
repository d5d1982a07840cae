"""Rows on their way into Snowflake: from a frame, over a file, to a table that nobody reads.

All of this is outside of any transaction, and outside of what anybody sees. A batch that is tried
again is staged again, under names of its own: the loader that was thought dead may still be at the
last one.

Files are made in memory and go to an internal stage; no value touches this machine's disk here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq
import structlog

from streamproc.errors import RetryableError
from streamproc.warehouse.dialects import SNOWFLAKE
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.sink import Frame
from streamproc.warehouse.sinks.snowflake_connection import Session
from streamproc.warehouse.sql.ddl import column_types
from streamproc.warehouse.sql.statements import WORK, in_case
from streamproc.warehouse.standard import ROW

__all__ = ["Attempt", "clean", "copy", "create_stage", "stage", "tidy"]

log = structlog.get_logger()

STAGE: Final = "STREAMPROC_STAGE"
PREFIX: Final = "streamproc_staged_"
NAMES: Final = re.compile(r"([0-9a-f]{8})_([0-9a-f]+)_([0-9a-f]{8})")

THREADS: Final = 4
"""Statements at a time: creating, uploading and copying wait for Snowflake, not for this machine.
An X-Small warehouse runs eight."""
FILE_BYTES: Final = 32 << 20
"""Bytes of a file, compressed. Snowflake advises 100 MB and more; but :data:`THREADS` of them are
in memory at a time."""

STAGED: Final = replace(SNOWFLAKE, types={**SNOWFLAKE.types, Kind.JSON: "VARCHAR"})
"""Documents are staged as text, which the statements of a load parse."""

# Logical types, because else a timestamp is a number. No NULL_IF, because else the text \N is NULL.
FORMAT: Final = "(TYPE = PARQUET USE_LOGICAL_TYPE = TRUE NULL_IF = ())"


@dataclass(frozen=True, slots=True)
class Attempt:
    """The names of what one try of one batch stages.

    Attributes:
        owner: Of whom: eight hexadecimal digits.
        begun: When, in seconds since the epoch.
        nonce: Eight hexadecimal digits that no other try has.
    """

    owner: str
    begun: int
    nonce: str

    def __str__(self) -> str:
        """Return what all of its names have in common."""
        return f"{self.owner}_{self.begun:x}_{self.nonce}"

    @property
    def folder(self) -> str:
        """Return where its files are."""
        return f"@{STAGE}/{self}/"

    def names(self, frames: Mapping[str, Frame]) -> dict[str, str]:
        """Return the names of its staging tables, by what is staged there."""
        return {table: f"{PREFIX}{self}_{n}" for n, table in enumerate([*WORK, *frames])}

    @classmethod
    def named(cls, text: str) -> Attempt | None:
        """Return whose name ``text`` is, of a table or of a file on the stage; None if nobody's."""
        found = NAMES.search(text.lower())
        return found and cls(found[1], int(found[2], 16), found[3])


def create_stage(session: Session) -> None:
    """Create the stage, if it is not there.

    Raises:
        RetryableError: Snowflake is not there.
    """
    session.run("create stage", f"CREATE STAGE IF NOT EXISTS {STAGE}")


def stage(session: Session, attempt: Attempt, frames: Mapping[str, Frame]) -> None:
    """Create the tables of ``attempt`` and upload ``frames``: all that needs no virtual warehouse.

    Holds no more than :data:`THREADS` files in memory, and the one being made.

    Raises:
        RetryableError: Snowflake is not there.
    """
    session.open()  # before threads share it
    rows = {table: {ROW: Kind.INTEGER, **frame.columns} for table, frame in frames.items()}
    columns: Schema = {**WORK, **rows}
    names = attempt.names(frames)
    _side_by_side(partial(_create, session, names[table], columns[table]) for table in names)
    _side_by_side(
        partial(_put, session, attempt.folder + names[table], number, content)
        for table, frame in frames.items()
        for number, content in enumerate(_files(frame))
    )


def copy(session: Session, attempt: Attempt, frames: Mapping[str, Frame]) -> None:
    """Copy what was uploaded into the tables of ``attempt``; files that were copied are removed.

    Raises:
        RetryableError: Snowflake is not there, or has not taken every row.
    """
    names = attempt.names(frames)
    _side_by_side(
        partial(_copy, session, attempt.folder + names[table], names[table], frame.rows)
        for table, frame in frames.items()
        if frame.rows
    )


def tidy(session: Session, attempt: Attempt, frames: Mapping[str, Frame], *, copied: bool) -> None:
    """Drop the tables of ``attempt``, and its files unless they were ``copied``, as far as it goes.

    What cannot be removed now is a matter for :func:`clean`.
    """
    names = [SNOWFLAKE.quote(name) for name in attempt.names(frames).values()]
    try:
        _side_by_side(partial(_remove, session, name) for name in names)
        if not copied:
            _remove(session, attempt.folder)
    except RetryableError:
        log.warning("staged rows not dropped", attempt=str(attempt))


def clean(session: Session, owner: str, oldest: float) -> int:
    """Remove what ``owner`` has staged, and others before ``oldest``; return how many things.

    Args:
        session: With Snowflake.
        owner: As in :class:`Attempt`.
        oldest: Seconds since the epoch.

    Raises:
        RetryableError: Snowflake is not there.
    """
    left: dict[str, Attempt] = {}
    for line in session.run("list staging tables", f"SHOW TABLES LIKE '{PREFIX.upper()}%'").rows:
        if attempt := Attempt.named(line[1]):
            left['"' + line[1] + '"'] = attempt
    for line in session.run("list staged files", f"LIST @{STAGE}").rows:
        if attempt := Attempt.named(line[0]):
            left[attempt.folder] = attempt
    dead = [name for name, by in left.items() if by.owner == owner or by.begun < oldest]
    _side_by_side(partial(_remove, session, name) for name in dead)
    return len(dead)


def _remove(session: Session, what: str) -> None:
    sql = f"REMOVE {what}" if what.startswith("@") else f"DROP TABLE IF EXISTS {what}"
    session.run("remove staged", sql)


def _create(session: Session, name: str, columns: Columns) -> None:
    # Transient, because TEMPORARY ones go with the session; without days to travel back to, because
    # those are paid for.
    types = column_types(STAGED, columns, {})
    sql = f'CREATE TRANSIENT TABLE "{name}" ({types}) DATA_RETENTION_TIME_IN_DAYS = 0'
    session.run("create staging table", in_case(SNOWFLAKE, sql))


def _files(frame: Frame) -> Iterator[BytesIO]:
    names = [name.upper() for name in (ROW, *frame.columns)]
    content = BytesIO()
    writer: pq.ParquetWriter | None = None
    for rows in frame.read():
        table: pa.Table = rows.rename_columns(names)
        writer = writer or pq.ParquetWriter(content, table.schema, compression="zstd")
        writer.write_table(table)
        if content.tell() >= FILE_BYTES:
            writer.close()
            yield content
            content, writer = BytesIO(), None
    if writer is not None:
        writer.close()
        yield content


def _put(session: Session, folder: str, number: int, content: BytesIO) -> None:
    content.seek(0)
    options = "AUTO_COMPRESS = FALSE SOURCE_COMPRESSION = NONE OVERWRITE = TRUE"
    session.upload("put", f"PUT 'file:///{number}.parquet' {folder}/ {options}", content)


def _copy(session: Session, folder: str, table: str, rows: int) -> None:
    sql = (
        f"COPY INTO {SNOWFLAKE.quote(table)} FROM {folder}/ FILE_FORMAT = {FORMAT}"
        " MATCH_BY_COLUMN_NAME = CASE_SENSITIVE PURGE = TRUE"
    )
    answer = session.run("copy", sql)
    # One line a file: its name, what became of it, rows parsed, rows loaded. Without any file there
    # is one line that says so.
    loaded = sum(int(line[3]) for line in answer.rows if len(line) > 3)
    if loaded != rows:
        raise RetryableError(f"Snowflake: 'copy' loaded {loaded} of {rows} rows")


def _side_by_side(jobs: Iterable[Callable[[], None]]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        running: set[Future[None]] = set()
        for job in jobs:
            if len(running) == THREADS:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
            running.add(pool.submit(job))
        for future in running:
            future.result()
