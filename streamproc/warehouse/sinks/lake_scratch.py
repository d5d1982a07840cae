# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""A database in memory, in which a lake's batch is decided, and the Parquet files around it.

Files are named as the lake names them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from streamproc.errors import RetryableError
from streamproc.warehouse.dialects import DUCKDB
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.shape.arrow import reader
from streamproc.warehouse.sink import Frame
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.lake_files import Kept, write_days
from streamproc.warehouse.sql.ddl import column_types
from streamproc.warehouse.sql.statements import Parameter, Statement

__all__ = ["DAY", "DIALECT", "FILES", "Scratch"]

DIALECT: Final = replace(DUCKDB, types={**DUCKDB.types, Kind.JSON: "VARCHAR"}, digest=None)
"""DuckDB's, but for documents: files hold them as text, which every reader takes."""

ARRIVING: Final = "streamproc_arriving"

DAY: Final = 'CAST(CAST(make_timestamp(epoch_us("received_at")) AS DATE) AS VARCHAR)'
"""The day of ``received_at`` in UTC, as the folders have it."""

FILES: Final = "read_parquet(?, union_by_name = true, hive_partitioning = false)"
NAMED_FILES: Final = FILES.replace("= false)", "= false, filename = true)")
"""Files, bound as a list."""

FORMAT: Final = "FORMAT parquet, COMPRESSION zstd"


class Scratch:
    """The database; runs statements as a :class:`~streamproc.warehouse.sql.transaction.Runner`."""

    def __init__(self, disk: Disk, folder: str) -> None:
        """Open it when it is needed; what does not fit into memory goes to ``folder``."""
        self._disk = disk
        self._folder = folder
        self._written = 0

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        spill = self._disk.path(f"{self._folder}/memory")
        connection = duckdb.connect(":memory:", config={"temp_directory": spill})
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def close(self) -> None:
        """Forget everything."""
        if "_connection" in self.__dict__:
            self._connection.close()

    def run(self, statement: Statement) -> int:
        """Run ``statement`` and return how many rows it has changed."""
        answer = self.fetch(statement)
        return int(answer[0][0]) if answer else 0

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""
        return self.ask(statement.name, statement.sql, *statement.parameters)

    def ask(
        self, name: str, sql: str, *parameters: Parameter | Sequence[str]
    ) -> Sequence[tuple[Any, ...]]:
        """Run ``sql``, called ``name`` if it fails, and return its rows."""
        with self._told(name):
            return self._connection.execute(sql, parameters).fetchall()

    def make(self, table: str, columns: Columns) -> None:
        """Make an empty table."""
        self.ask(f"make {table}", f'CREATE TABLE "{table}" ({column_types(DIALECT, columns, {})})')

    def keep(self, table: str, frame: Frame) -> None:
        """Keep the rows of ``frame`` as a table."""
        self._connection.register(ARRIVING, reader(frame))
        try:
            self.ask(f"keep {table}", f'CREATE TABLE "{table}" AS FROM {ARRIVING}')
        finally:
            self._connection.unregister(ARRIVING)

    def keep_values(self, table: str, column: str, values: Sequence[str]) -> None:
        """Keep ``values`` as a table of one column."""
        rows = pa.table({column: pa.array(values, pa.string())})
        self._connection.register(ARRIVING, rows)
        self.ask(f"keep {table}", f'CREATE TABLE "{table}" AS FROM {ARRIVING}')
        self._connection.unregister(ARRIVING)

    def read(self, table: str, files: Sequence[str], where: str) -> None:
        """Add those rows of ``files`` to a table that are like ``where``, which calls them f.

        First is asked which files have any, which takes a column or two of each: of messages that
        is none as a rule, so that the lines of a week are never read whole.
        """
        if found := list(self.holding(files, where)):
            self.ask(
                f"read {table}",
                f'INSERT INTO "{table}" BY NAME SELECT f.* FROM {FILES} f WHERE {where}',
                self._paths(found),
            )

    def holding(self, files: Sequence[str], where: str) -> dict[str, int]:
        """Return those of ``files`` that have rows like ``where``, and how many."""
        if not files:
            return {}
        found = self.ask(
            "find files",
            f"SELECT f.filename, COUNT(*) FROM {NAMED_FILES} f WHERE {where} GROUP BY f.filename",
            self._paths(files),
        )
        start = len(self._disk.path("")) + 1
        return {path[start:]: count for path, count in found}

    def write(self, query: str, *parameters: Parameter | Sequence[str]) -> tuple[str, int]:
        """Write the rows of ``query`` into a new file, and return its name and their number."""
        name = self._new("parquet")
        wrote = self.ask(
            "write file", f"COPY ({query}) TO ? ({FORMAT})", *parameters, self._disk.path(name)
        )
        return name, int(wrote[0][0])

    def write_days(
        self, query: str, *parameters: Parameter | Sequence[str]
    ) -> tuple[list[tuple[str, str]], int]:
        """Write the rows of ``query`` into new files by its column ``date``.

        Returns:
            Folders such as ``date=2026-01-31`` with a file each, and the number of rows.
        """
        folder = self._new("days")
        wrote = self.ask(
            "write files",
            f'COPY ({query}) TO ? ({FORMAT}, PARTITION_BY ("date"))',
            *parameters,
            self._disk.path(folder),
        )
        days = self._disk.names(folder)
        files = [
            (day, f"{folder}/{day}/{name}")
            for day in days
            for name in self._disk.names(f"{folder}/{day}")
        ]
        return files, int(wrote[0][0])

    def numbers(self, name: str, sql: str) -> npt.NDArray[np.int64]:
        """Run ``sql``, called ``name`` if it fails, and return its one column."""
        with self._told(name):
            found = self._connection.execute(sql).fetchnumpy()
        (column,) = found.values()
        return np.asarray(column, np.int64)

    def write_frame(self, frame: Frame, kept: Kept) -> tuple[list[tuple[str, str]], int]:
        """Write the rows of ``frame`` that are kept as :meth:`write_days` does."""
        stem = self._new("days")
        with self._told("write frame"):
            return write_days(self._disk, stem, frame, kept)

    def rewrite(self, file: str, query: str) -> tuple[str, int]:
        """Write ``query`` of the file's rows, there called f, into a new file."""
        return self.write(query.replace("FILES", FILES), self._paths([file]))

    def join(self, files: Sequence[str]) -> str:
        """Write the rows of ``files`` into one new file, and return its name."""
        return self.write(f"SELECT * FROM {FILES}", self._paths(files))[0]

    def columns(self, file: str) -> frozenset[str]:
        """Return the names of a file's columns."""
        said = self.ask("read columns", f"DESCRIBE SELECT * FROM {FILES}", self._paths([file]))
        return frozenset(name for name, *_ in said)

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except (duckdb.Error, pa.ArrowException) as error:
            # Their text may quote a row.
            text = f"{self._disk.root} does not take the batch ({type(error).__name__}): {name}"
            raise RetryableError(text) from None

    def _new(self, kind: str) -> str:
        self._written += 1
        return f"{self._folder}/{self._written}.{kind}"

    def _paths(self, files: Sequence[str]) -> list[str]:
        return [self._disk.path(file) for file in files]
