# ruff: noqa: S608 - its text is names of ours, quoted, and paths, quoted
"""A lake that is asked in SQL: its files, as they are, are the tables of a database in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import duckdb

from streamproc.errors import RetryableError
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.sinks.lake_batch import LEDGER
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.lake_scratch import DIALECT
from streamproc.warehouse.sinks.parquet import open_parquet
from streamproc.warehouse.sql.ddl import column_types
from streamproc.warehouse.sql.statements import MESSAGES, Statement
from streamproc.warehouse.standard import SYSTEM

__all__ = ["LakeReader"]


class LakeReader:
    """A :class:`~streamproc.warehouse.redactions.Reader` of a lake; touches nothing.

    What a loader has committed and not yet put in its place is not seen: the next one does that.
    """

    def __init__(self, settings: LoaderSettings) -> None:
        """Look at the lake of ``settings``.

        Raises:
            ConfigError: Its folder is none, or in none.
            RetryableError: It cannot be read now.
        """
        self._disk = Disk(settings.parquet_directory)
        sink = open_parquet(settings, "look")
        self._schema = sink.schema()
        sink.close()

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""
        return DIALECT

    def schema(self) -> Schema:
        """Return the tables of events as they were when the lake was opened."""
        return self._schema

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""
        try:
            return self._connection.execute(statement.sql, statement.parameters).fetchall()
        except duckdb.Error as error:  # its text may quote a row
            told = f"{self._disk.root} cannot be asked ({type(error).__name__}): {statement.name}"
            raise RetryableError(told) from None

    def close(self) -> None:
        """Forget what was read."""
        if "_connection" in self.__dict__:
            self._connection.close()

    @cached_property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:")
        connection.execute("SET TimeZone = 'UTC'")
        folders = {table: f"table={table}" for table in self._schema} | {MESSAGES: LEDGER}
        for table, folder in folders.items():
            columns = self._schema.get(table, SYSTEM[MESSAGES])
            connection.execute(_table(table, columns, list(self._files(folder))))
        return connection

    def _files(self, folder: str) -> Iterator[str]:
        for name in self._disk.names(folder):
            if name.endswith(".parquet"):
                yield self._disk.path(f"{folder}/{name}")
            elif name.startswith("date="):
                yield from self._files(f"{folder}/{name}")


def _table(table: str, columns: Columns, files: Sequence[str]) -> str:
    if not files:
        return f'CREATE TABLE "{table}" ({column_types(DIALECT, columns, {})})'
    paths = ", ".join("'" + path.replace("'", "''") + "'" for path in files)
    options = "union_by_name = true, hive_partitioning = false"
    return f'CREATE VIEW "{table}" AS SELECT * FROM read_parquet([{paths}], {options})'
