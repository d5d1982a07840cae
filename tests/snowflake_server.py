"""A Snowflake to test against: fakesnow's HTTP server in a process of its own, with faults.

What is in it survives clients that die, as a real one's does. ``snowflake_process.py`` is the
process; it fails statements as a test arms it to: see :class:`Fault`.

Limits of fakesnow 0.12.1 that the tests have to live with: ``COPY INTO`` a TEMPORARY table and
``MERGE`` in a transaction fail; ``CURRENT_SESSION()`` and ``ALTER SESSION SET QUERY_TAG`` are not
there; a PUT's target cannot be quoted; all tables were ``CREATED`` in 1970; two transactions that
update one row do not wait for each other, the second fails with HTTP 500; any login is let in;
session parameters are taken and forgotten; a timestamp that is NULL is read as 1970; the client
sends each PUT twice, because the server tells it to upload the way Google's storage has it.
"""

from __future__ import annotations

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import snowflake.connector
from processes import running

from streamproc.settings import SnowflakeSettings

__all__ = ["Fault", "How", "SnowflakeServer", "snowflake_server"]

How: TypeAlias = Literal[
    "before", "after", "unavailable", "session", "refuse", "slow", "late", "killed"
]
"""``before``: the connection is cut, nothing was done. ``after``: done, and the answer is lost.
``unavailable``: HTTP 503. ``session``: the session is gone, with its transaction. ``refuse``: an
error of the statement's own. ``slow``: done, but late. ``late``: done at once, and the answer comes
when nobody waits for it any more. ``killed``: done, while the client's process is ended."""

PROCESS = Path(__file__).with_name("snowflake_process.py")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is to go wrong.

    Attributes:
        how: What happens.
        at: Which statement from now on, counted from 0; later ones too if ``lasting``.
        matching: Regular expression: only statements that match are counted.
        lasting: Whether it goes on until it is disarmed.
        seconds: How late what is ``slow`` or ``late`` is.
        pid: The process that is ``killed``.
    """

    how: How
    at: int = 0
    matching: str = ""
    lasting: bool = False
    seconds: float = 0.2
    pid: int = 0


class SnowflakeServer:
    """A running server, as its tests see it."""

    def __init__(self, port: int) -> None:
        self.port = port

    def settings(self, database: str, **more: Any) -> SnowflakeSettings:
        """Settings of a sink on a database of one's own."""
        login = (
            {} if {"private_key_file", "oauth_token"} & more.keys() else {"password": "invented"}
        )
        values = {
            "account": "invented",
            "user": "LOADER",
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": database,
            "timeout_seconds": 10,
            **login,
            **more,
        }
        return SnowflakeSettings.model_validate(values)

    @contextmanager
    def client(self, database: str) -> Iterator[snowflake.connector.SnowflakeConnection]:
        """Somebody else's session, to look at the tables with."""
        connection = snowflake.connector.connect(
            account="invented",
            user="READER",
            password="invented",
            host="127.0.0.1",
            port=self.port,
            protocol="http",
            database=database,
            schema="EVENTS",
            login_timeout=10,
            network_timeout=10,
            platform_detection_timeout_seconds=0.0,
            log_imported_packages_in_telemetry=False,
        )
        try:
            yield connection
        finally:
            connection.close()

    def rows(self, database: str, sql: str) -> list[tuple[Any, ...]]:
        """What a query brings."""
        with self.client(database) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()]

    def arm(self, *faults: Fault) -> None:
        """Have these go wrong, instead of those before; forget the statements so far."""
        self._ask("/test/faults", json.dumps([asdict(fault) for fault in faults]).encode())

    def statements(self) -> list[str]:
        """What it was sent since it was armed last, or started."""
        return list(self._ask("/test/statements"))

    def logins(self) -> list[dict[str, Any]]:
        """How clients have logged in: authenticator, role, session parameters."""
        return list(self._ask("/test/logins"))

    def end_sessions(self) -> bool:
        """End what dead clients have left open, as Snowflake does after some minutes.

        Says whether all has ended; a statement that is being carried out is not cut short.
        """
        return not self._ask("/test/sessions")

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        url = f"http://127.0.0.1:{self.port}{path}"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            return json.loads(answer.read())


@contextmanager
def snowflake_server() -> Iterator[SnowflakeServer]:
    """Start one on a free port of this machine; it does not outlive the block."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with running([str(PROCESS), str(port)]) as process:
        process.wait_for("serving")
        yield SnowflakeServer(port)
