"""A session with Snowflake: how it logs in, what it says, and what its errors mean.

Everything goes over the client's HTTP session. No statement is ever sent twice by the client: it is
not documented that Snowflake knows a repeated request again, and an insert that ran twice would
double rows. What fails is told as :class:`~streamproc.errors.RetryableError`, the session is thrown
away where it may have a transaction open, and the next statement begins a new one.
"""

from __future__ import annotations

import ipaddress
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

import snowflake.connector
from snowflake.connector.errorcode import (
    ER_CONNECTION_IS_CLOSED,
    ER_CONNECTION_TIMEOUT,
    ER_FAILED_TO_REQUEST,
    ER_INVALID_PRIVATE_KEY,
    ER_RETRYABLE_CODE,
)
from snowflake.connector.errors import Error, ProgrammingError

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.settings import SnowflakeSettings

__all__ = ["Answer", "Session", "StatementError", "check_settings"]

LOGINS: Final = ("private_key_file", "oauth_token", "password")
LOCK_SECONDS: Final = 330
"""How long a statement waits for a lock. Snowflake ends an idle transaction that keeps others
waiting after five minutes (https://docs.snowflake.com/en/sql-reference/transactions): a loader that
died in the middle of one holds its successor up for no longer than that."""
STATEMENT_SECONDS: Final = 900
"""Longest a statement may take, and longest its answer is asked for while the network is away: past
that something is wrong, and costs money. The client asks for the answer of a statement that takes
its time again and again, so each request is shorter."""

GONE: Final = frozenset({390_104, 390_111, 390_112, 390_114, 390_195})
"""Codes of a session that is not there any more (``snowflake.connector.network``)."""
UNANSWERED: Final = frozenset({
    ER_CONNECTION_IS_CLOSED, ER_CONNECTION_TIMEOUT, ER_FAILED_TO_REQUEST, ER_RETRYABLE_CODE,
})  # fmt: skip
REFUSED: Final = frozenset({390_100, 390_101, 390_102, 390_144, 390_186, 390_189, 390_190, 390_303})
"""Codes of a login that will not do however often it is tried: user, password, key, token, role."""
ABSENT: Final = frozenset({904, 2003, 2043})
"""Codes of a column (904) or an object (2003, 2043) that is not there."""


class StatementError(RetryableError):
    """A statement that Snowflake did not carry out, as far as anybody knows.

    Attributes:
        answered: Whether Snowflake said so itself; else it may have been carried out.
        absent: Whether the reason is a table or column that is not there.
    """

    def __init__(self, name: str, error: BaseException) -> None:
        """Tell the statement by its name; the client's own text may quote a row, and is not told.

        Args:
            name: The statement's name, such as ``insert tracks``.
            error: What the client raised.
        """
        number = error.errno if isinstance(error, Error) else None
        query = f", query {error.sfqid}" if isinstance(error, Error) and error.sfqid else ""
        # Where there is no answer at all, the client stumbles over what it looks for in there.
        told = f"error {number:06d}" if number is not None and number > 0 else "no answer"
        super().__init__(f"Snowflake: {name!r} failed ({told}{query})")
        self.answered = isinstance(error, ProgrammingError) and number not in GONE | UNANSWERED
        self.absent = number in ABSENT


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement brought: its rows, and how many rows it changed."""

    rows: Sequence[tuple[Any, ...]]
    affected: int


class Session:
    """Statements to Snowflake; logs in when the first one is to be run, and anew when it has to.

    Threads may share it, outside of transactions.
    """

    def __init__(self, settings: SnowflakeSettings) -> None:
        """Keep ``settings``, which have been checked; connect to nothing yet."""
        self._settings = settings
        self._connection: snowflake.connector.SnowflakeConnection | None = None
        self._lock = threading.Lock()
        # The client logs requests that went wrong, with the values bound to them.
        logging.getLogger("snowflake.connector").setLevel(logging.CRITICAL)

    def open(self) -> snowflake.connector.SnowflakeConnection:
        """Log in, if there is no session, and return the client's connection.

        Raises:
            ConfigError: Snowflake does not accept who logs in.
            RetryableError: Snowflake is not there.
        """
        with self._lock:
            if self._connection is None:
                self._connection = _connect(self._settings)
            return self._connection

    def run(self, name: str, sql: str, parameters: Sequence[Any] = ()) -> Answer:
        """Carry out one statement, once.

        Raises:
            StatementError: It was not carried out, or nobody knows.
        """
        return self._run(name, sql, parameters)

    def upload(self, name: str, sql: str, content: BytesIO) -> None:
        """Carry out a ``PUT`` whose file is ``content``, which touches no disk of this machine.

        Raises:
            StatementError: The file is not there, or nobody knows.
        """
        self._run(name, sql, (), content)

    def _run(
        self, name: str, sql: str, parameters: Sequence[Any], content: BytesIO | None = None
    ) -> Answer:
        connection = self.open()
        try:
            with connection.cursor() as cursor:
                cursor.execute(
                    sql,
                    tuple(parameters),
                    timeout=STATEMENT_SECONDS,
                    file_stream=content,
                    _no_retry=True,
                )
                return Answer(cursor.fetchall(), cursor.rowcount or 0)
        except Exception as error:  # noqa: BLE001 - the client raises KeyError and requests' own too
            failed = StatementError(name, error)
        if not failed.answered:
            self._drop(connection)
        raise failed

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Begin, and commit at the end of the block; roll back if it raises.

        Raises:
            StatementError: ``commit`` failed, or its answer was lost: then nobody knows.
        """
        self.run("begin", "BEGIN")
        try:
            yield
            self.run("commit", "COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection is None:
            return  # gone, and the transaction with it
        try:
            self.run("rollback", "ROLLBACK")
        except StatementError:
            self.drop()

    def drop(self) -> None:
        """Throw the session away, and with it the transaction that it may have open."""
        if self._connection is not None:
            self._drop(self._connection)

    def _drop(self, connection: snowflake.connector.SnowflakeConnection) -> None:
        with self._lock:
            # Another thread may be on a new one already.
            if self._connection is connection:
                self._connection = None
        connection.close(retry=False)


def check_settings(settings: SnowflakeSettings) -> None:
    """Check what can be known without a connection.

    Raises:
        ConfigError: With every setting that is missing or does not go with another.
    """
    problems = [
        Problem("settings", f"snowflake.{name}", "expected a value, it has none")
        for name in ("account", "user")
        if getattr(settings, name) is None
    ]
    given = [name for name in LOGINS if getattr(settings, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) or "none of them"
        told = f"expected exactly one of {', '.join(LOGINS)}; found {found}"
        problems.append(Problem("settings", "snowflake", told))
    if settings.private_key_file is not None and not settings.private_key_file.is_file():
        problems.append(Problem(str(settings.private_key_file), "", "is no file"))
    if settings.protocol == "http" and not _is_loopback(settings.host):
        told = "expected https: http would send everything in the clear, past this machine"
        problems.append(Problem("settings", "snowflake.protocol", told))
    if problems:
        raise ConfigError(*problems)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _connect(settings: SnowflakeSettings) -> snowflake.connector.SnowflakeConnection:
    seconds = max(1, round(settings.timeout_seconds))
    try:
        connection = snowflake.connector.connect(
            **_who(settings),
            **_where(settings),
            login_timeout=seconds,
            network_timeout=seconds,
            socket_timeout=seconds,
            autocommit=True,
            paramstyle="qmark",  # values are bound by Snowflake, not pasted by the client
            application="streamproc",
            client_session_keep_alive=False,  # an idle loader lets its session go
            log_imported_packages_in_telemetry=False,
            platform_detection_timeout_seconds=0.0,  # else it asks around in the network
            session_parameters=_session_parameters(settings),
        )
    except Error as error:
        if error.errno in REFUSED:
            told = f"Snowflake does not accept who logs in (error {error.errno})"
            raise ConfigError(Problem("settings", "snowflake", told)) from None
        if error.errno == ER_INVALID_PRIVATE_KEY:
            told = "is a private key of a kind that Snowflake does not take: RSA or ECDSA"
            raise ConfigError(Problem(str(settings.private_key_file), "", told)) from None
        raise StatementError("log in", error) from None
    except Exception as error:  # noqa: BLE001 - keys that cannot be read raise whatever they like
        if settings.private_key_file is not None and isinstance(error, (TypeError, ValueError)):
            told = "cannot be read as a private key in PEM, with the passphrase that is set"
            raise ConfigError(Problem(str(settings.private_key_file), "", told)) from None
        raise StatementError("log in", error) from None
    connection.telemetry_enabled = False
    return connection


def _who(settings: SnowflakeSettings) -> Mapping[str, Any]:
    if settings.private_key_file is not None:
        passphrase = settings.private_key_passphrase
        return {
            "authenticator": "SNOWFLAKE_JWT",
            "private_key_file": str(settings.private_key_file),
            "private_key_file_pwd": passphrase.get_secret_value() if passphrase else None,
        }
    if settings.oauth_token is not None:
        return {"authenticator": "oauth", "token": settings.oauth_token.get_secret_value()}
    assert settings.password is not None
    return {"password": settings.password.get_secret_value()}


def _where(settings: SnowflakeSettings) -> Mapping[str, Any]:
    where: dict[str, Any] = {
        "account": settings.account,
        "user": settings.user,
        "port": settings.port,
        "protocol": settings.protocol,
        "database": settings.database,
        "schema": settings.schema_name,
    }
    optional = {"host": settings.host, "role": settings.role, "warehouse": settings.warehouse}
    return where | {name: value for name, value in optional.items() if value is not None}


def _session_parameters(settings: SnowflakeSettings) -> Mapping[str, Any]:
    return {
        "QUERY_TAG": settings.query_tag,
        "ABORT_DETACHED_QUERY": True,  # what a dead loader still runs costs money
        "LOCK_TIMEOUT": LOCK_SECONDS,
        "STATEMENT_TIMEOUT_IN_SECONDS": STATEMENT_SECONDS,
        # What statements rely on, and an account may have set otherwise:
        "TIMEZONE": "UTC",
        "DATE_OUTPUT_FORMAT": "YYYY-MM-DD",
        "TIMESTAMP_INPUT_FORMAT": "AUTO",
        "QUOTED_IDENTIFIERS_IGNORE_CASE": False,
        "CLIENT_TELEMETRY_ENABLED": False,
    }
