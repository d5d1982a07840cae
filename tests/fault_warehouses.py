"""The warehouses that loaders fail at: how they are watched, and what they hold in the end.

All of them are the real ones, each with many databases, one a loader's life and those after it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from unittest.mock import patch

import duckdb
from fault_points import Points, deaths, failures, gist, refusals
from fault_scenario import BATCH_ROWS, Tables

from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.sinks import lake, parquet
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.parquet import open_parquet

__all__ = [
    "DuckDB",
    "Lake",
    "Look",
    "Warehouse",
    "loader_settings",
    "plain_tables",
    "staged_tables",
]

BY_TIME: Final = frozenset({"uuid_ts", "loaded_at", "deleted_at"})
NOT_ALIKE: Final = frozenset({"streamproc_loads", "streamproc_offsets"})
"""Tables that tell how it came about: the batches of a loader that started over are others."""


class Look(NamedTuple):
    """What a warehouse holds, and what is left of batches on their way."""

    tables: Tables
    staged: Sequence[str]


class Warehouse(Protocol):
    """One of the sinks."""

    def settings(self, place: Path) -> Settings:
        """Return those of a loader whose warehouse is empty; ``place`` is its own."""

    def watch(self, points: Points) -> ExitStack:
        """Have every statement of this process be a point."""

    def settle(self) -> None:
        """See to it that what a dead process has left open is ended."""

    def look(self, settings: Settings) -> Look:
        """Return what the warehouse holds, which is of no use any more."""


def loader_settings(place: Path, **options: Any) -> LoaderSettings:
    common = {
        "instance_id": "loader-0",
        "batch_rows": BATCH_ROWS,
        "memory_bytes": 1,
        "spool_directory": place,
        "identity_mappings": False,  # of links, which only brokers have
    }
    return LoaderSettings.model_validate({**common, **options})


def plain_tables(
    columns: Sequence[tuple[str, str]], ask: Callable[[str], Sequence[Sequence[Any]]]
) -> Tables:
    named: dict[str, list[str]] = {}
    for table, column in columns:
        if table.lower() not in NOT_ALIKE and column.lower() not in BY_TIME:
            named.setdefault(table, []).append(column)
    return {
        table.lower(): _rows(names, ask(f'SELECT {_listed(names)} FROM "{table}"'))
        for table, names in sorted(named.items())
    }


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def _rows(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[Mapping[str, Any]]:
    lowered = [name.lower() for name in sorted(names)]
    return sorted((dict(zip(lowered, map(_plain, row), strict=True)) for row in rows), key=str)


def staged_tables(tables: Tables) -> list[str]:
    return [table for table in tables if "staged" in table]


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | str | None) else str(value)


# ---------------------------------------------------------------------------------------------


DUCKDB_FAULTS: Final = failures(duckdb.IOException("the disk is gone"))


class WatchedDuckDB:
    """A connection each of whose statements is a point."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, points: Points) -> None:
        self._connection = connection
        self._points = points

    def execute(self, sql: str, *parameters: Any) -> Any:
        return self._points.take(
            gist(sql), lambda: self._connection.execute(sql, *parameters), DUCKDB_FAULTS
        )

    def close(self) -> None:
        self._points.take("close", self._connection.close, deaths())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


@contextmanager
def _watched_duckdb(points: Points) -> Iterator[None]:
    connect = duckdb.connect

    def watched(*given: Any, **options: Any) -> WatchedDuckDB:
        return WatchedDuckDB(connect(*given, **options), points)

    with patch("duckdb.connect", watched):
        yield


class DuckDB:
    """Files, one a database."""

    def settings(self, place: Path) -> Settings:
        return Settings(loader=loader_settings(place, duckdb_file=place / "warehouse.duckdb"))

    def watch(self, points: Points) -> ExitStack:
        watched = ExitStack()
        watched.enter_context(_watched_duckdb(points))
        return watched

    def settle(self) -> None:
        return  # a file's lock goes with the process

    def look(self, settings: Settings) -> Look:
        file = settings.loader.duckdb_file
        with duckdb.connect(str(file)) as connection:
            sql = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
            columns = connection.execute(sql).fetchall()
            tables = plain_tables(columns, lambda sql: connection.execute(sql).fetchall())
        return Look(tables, [left.name for left in file.parent.glob(f"{file.name}?*")])


# ---------------------------------------------------------------------------------------------


WRITES: Final = ("make_folder", "write", "link", "replace", "remove", "remove_tree", "sync")
READS: Final = ("names", "read")


class Lake:
    """Folders, one a lake."""

    def settings(self, place: Path) -> Settings:
        return Settings(
            loader=loader_settings(
                place, sink="parquet", parquet_directory=place / "lake", batch_seconds=5
            )
        )

    def watch(self, points: Points) -> ExitStack:
        error = OSError(errno.EIO, os.strerror(errno.EIO))
        watched = ExitStack()
        # What is rare comes sooner; and no test cuts the power.
        watched.enter_context(patch.object(lake, "COMMITS_A_SNAPSHOT", 3))
        watched.enter_context(patch.object(parquet, "FILES_A_TIER", 2))
        watched.enter_context(patch("os.fsync", lambda _: None))
        for name in WRITES:
            watched.enter_context(points.watch(Disk, name, failures(error)))
        for name in READS:
            watched.enter_context(points.watch(Disk, name, refusals(error), often=True))
        # Nothing takes a lock and then says that it did not.
        watched.enter_context(points.watch(Disk, "lock", refusals(error)))
        watched.enter_context(points.watch(Disk, "unlock", deaths()))
        watched.enter_context(_watched_duckdb(points))
        return watched

    def settle(self) -> None:
        return  # as a file's

    def look(self, settings: Settings) -> Look:
        sink = open_parquet(settings.loader)
        state = sink._state()
        sink.close()
        folder = settings.loader.parquet_directory
        files = {table: f"table={table}/**/*.parquet" for table in state.schema}
        files["discards"] = "table=discards/**/*.parquet"
        files["streamproc_messages"] = "_streamproc/messages/**/*.parquet"
        found: dict[str, Sequence[Mapping[str, Any]]] = {}
        with duckdb.connect() as connection:
            for table, pattern in files.items():
                if list(folder.glob(pattern)):
                    read = f"read_parquet('{folder}/{pattern}', union_by_name = true)"
                    answer = connection.execute(f"SELECT * FROM {read}")
                    names = [name for name, *_ in answer.description]
                    kept = [name for name in names if name not in BY_TIME]
                    answer = connection.execute(f"SELECT {_listed(kept)} FROM {read}")
                    found[table] = _rows(kept, answer.fetchall())
        found["streamproc_deletions"] = [
            {"token": token, "receipt": erased.receipt, "events": erased.events}
            for token, erased in state.erased.items()
        ]
        left = [*folder.glob("_streamproc/staging/*"), *folder.glob("_streamproc/locks/*")]
        return Look(found, [file.name for file in left])
