"""The warehouses of :mod:`fault_warehouses` that are servers.

What a dead process has left open with them ends sooner or later; here it is ended at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import adbc_driver_manager as adbc_manager
import adbc_driver_postgresql.dbapi as postgres_driver
from adbc_driver_manager import dbapi as adbc
from fault_points import Kind, Points, Work, failures
from fault_warehouses import Look, loader_settings, plain_tables, staged_tables
from postgres_server import fresh_schema
from processes import wait_until
from pydantic import SecretStr
from snowflake_server import Fault, How, SnowflakeServer

from streamproc.settings import Settings
from streamproc.warehouse.sinks.snowflake_connection import Session

__all__ = ["Postgres", "Snowflake"]

HOWS: Final[Mapping[Kind, How]] = {
    "fails": "before",
    "unanswered": "after",
    "session lost": "session",
    "killed": "killed",
}


@dataclass
class Snowflake:
    """Databases of one server, reached over HTTP."""

    port: int

    @property
    def server(self) -> SnowflakeServer:
        return SnowflakeServer(self.port)

    def settings(self, place: Path) -> Settings:
        loader = loader_settings(place, sink="snowflake", batch_seconds=5)
        return Settings(
            loader=loader, snowflake=self.server.settings(f"FAULTS_{place.name}".upper())
        )

    def watch(self, points: Points) -> ExitStack:
        watched = ExitStack()
        faults = {kind: self._fault(how) for kind, how in HOWS.items()}
        watched.enter_context(points.watch(Session, "_run", faults))
        return watched

    def _fault(self, how: How) -> Callable[[Work], Any]:
        def fail(work: Work) -> Any:
            self.server.arm(Fault(how, pid=os.getpid()))
            return work()

        return fail

    def settle(self) -> None:
        self.server.arm()
        wait_until(self.server.end_sessions)

    def look(self, settings: Settings) -> Look:
        database = settings.snowflake.database
        with self.server.client(database) as connection, connection.cursor() as cursor:

            def ask(sql: str) -> Sequence[Sequence[Any]]:
                cursor.execute(sql)
                rows: Sequence[Sequence[Any]] = cursor.fetchall()
                return rows

            columns = ask(
                "SELECT table_name, column_name FROM information_schema.columns"
                f" WHERE table_schema = 'EVENTS' AND table_catalog = '{database}'"
            )
            tables = plain_tables([(str(table), str(column)) for table, column in columns], ask)
            files = ask("LIST @STREAMPROC_STAGE")
            ask("DROP SCHEMA EVENTS CASCADE")
        return Look(tables, [*staged_tables(tables), *map(str, files)])


@dataclass
class Postgres:
    """Schemas of one server."""

    url: str

    def settings(self, place: Path) -> Settings:
        file = place / "url"
        if not file.exists():
            file.write_text(fresh_schema(self.url))
        url = SecretStr(file.read_text())
        return Settings(loader=loader_settings(place, sink="postgres", postgres_url=url))

    def watch(self, points: Points) -> ExitStack:
        error = adbc.OperationalError("gone", status_code=adbc_manager.AdbcStatusCode.IO)
        faults = {**failures(error), "session lost": self._session_lost}
        watched = ExitStack()
        watched.enter_context(points.watch(adbc.Cursor, "execute", faults))
        watched.enter_context(points.watch(adbc.Cursor, "adbc_ingest", faults))
        watched.enter_context(points.watch(adbc.Connection, "commit", faults))
        return watched

    def _session_lost(self, work: Work) -> Any:
        self.settle()
        return work()

    def settle(self) -> None:
        others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type ~ 'client'"
        with _asking(self.url) as ask:
            ask(f"SELECT pg_terminate_backend(pid) {others}")
            wait_until(lambda: not ask(f"SELECT pid {others}"))

    def look(self, settings: Settings) -> Look:
        assert settings.loader.postgres_url is not None
        with _asking(settings.loader.postgres_url.get_secret_value()) as ask:
            columns = ask(
                "SELECT CAST(table_name AS text), CAST(column_name AS text)"
                " FROM information_schema.columns WHERE table_schema = current_schema()"
            )
            tables = plain_tables([(table, column) for table, column in columns], ask)
            # Its catalogue gets slow with thousands of tables.
            ((schema,),) = ask("SELECT CAST(current_schema() AS text)")
            ask(f"DROP SCHEMA {schema} CASCADE")
        return Look(tables, staged_tables(tables))


@contextmanager
def _asking(url: str) -> Iterator[Callable[[str], Sequence[Sequence[Any]]]]:
    # One connection for all questions: to connect takes longer than a loader's whole life.
    with postgres_driver.connect(url, autocommit=True) as connection, connection.cursor() as cursor:

        def ask(sql: str) -> Sequence[Sequence[Any]]:
            cursor.execute(sql)
            rows: Sequence[Sequence[Any]] = cursor.fetchall()
            return rows

        yield ask
