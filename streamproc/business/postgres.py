"""Heroku Connect's database: connections to it, names quoted, and its errors made ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import adbc_driver_postgresql.dbapi as driver
from adbc_driver_manager import dbapi as adbc

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.settings import Settings
from streamproc.warehouse.sinks.postgres import REASONS, UNUSABLE

__all__ = ["columns_of", "connected", "cursor_of", "quoted", "quoted_table"]

SESSION: Final = "SET TimeZone = 'UTC'"

COLUMNS: Final = """
SELECT CAST(attname AS text) FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
"""

UNFIT: Final = {
    "42703": "it has no such column",
    "42P01": "there is no such table",
    "42P10": "the column of the external id is not unique",
    "42501": "this user may not do that",
    "42804": "a column is of another type",
    "22001": "a text is too long for its column",
    "22003": "a number is too large for its column",
    "22P02": "a value is not of its column's type",
    "22007": "a value is not of its column's type",
    "23502": "a column wants a value that the configuration does not name",
    "23514": "a value is not one that its column takes",
}
"""What an operator has to put right, by SQLSTATE."""


@contextmanager
def connected(settings: Settings) -> Iterator[adbc.Connection]:
    """Yield a connection to the database of the settings.

    Raises:
        ConfigError: None is set, or not as PostgreSQL writes it.
        RetryableError: It is not there now, or does not let us in.
    """
    url = settings.identity.database_url
    if url is None:
        told = "the URL of the database that Heroku Connect keeps is needed"
        raise ConfigError(Problem("settings", "identity.database_url", told))
    try:
        connection = driver.connect(url.get_secret_value())
    except adbc.Error as error:
        raise _unconnected(str(error)) from None
    try:
        with cursor_of(connection, "set up the session") as cursor:
            cursor.execute(SESSION)
        yield connection
    finally:
        with suppress(adbc.Error):
            connection.close()


@contextmanager
def cursor_of(connection: adbc.Connection, step: str) -> Iterator[adbc.Cursor]:
    """Yield a cursor; ``step`` says in errors what it was for.

    Raises:
        ConfigError: The database does not have what the configuration names.
        RetryableError: Anything else; what was not committed is undone.
    """
    try:
        with connection.cursor() as cursor:
            yield cursor
    except adbc.Error as error:
        with suppress(adbc.Error):
            connection.rollback()
        # Its text may quote a row.
        state = error.sqlstate or type(error).__name__
        told = f"PostgreSQL does not do it ({state}): {step}"
        if (unfit := UNFIT.get(error.sqlstate or "")) is not None:
            told = f"{step}: {unfit} ({error.sqlstate})"
            raise ConfigError(Problem("PostgreSQL", "", told)) from None
        raise RetryableError(told) from None


def columns_of(connection: adbc.Connection, table: str) -> frozenset[str]:
    """Return the columns of ``table``; none where there is no such table.

    Raises:
        RetryableError: The database is not there any more.
    """
    with cursor_of(connection, f"columns of {table}") as cursor:
        cursor.execute(COLUMNS, (quoted_table(table),))
        return frozenset(name for (name,) in cursor.fetchall())


def quoted(name: str) -> str:
    """Return ``name`` as an identifier of SQL, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def quoted_table(table: str) -> str:
    """Return ``table``, or ``schema.table``, the same way."""
    return ".".join(map(quoted, table.split(".")))


def _unconnected(text: str) -> ConfigError | RetryableError:
    # The driver's text may have the URL, and with it the password.
    if UNUSABLE.search(text):
        told = "expected a URL such as postgresql://user@host/database"
        return ConfigError(Problem("settings", "identity.database_url", told))
    reason = next((f": {told}" for part, told in REASONS.items() if part in text), "")
    return RetryableError(f"PostgreSQL cannot be connected to{reason}")
