"""Which warehouse: the settings' sink, opened, and what a batch is like that suits it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from streamproc.settings import LoaderSettings, Settings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import DUCKDB, PARQUET, POSTGRES, SNOWFLAKE
from streamproc.warehouse.sink import Access, Sink

__all__ = [
    "DEFAULTS",
    "SinkDefaults",
    "batch_rows",
    "batch_seconds",
    "dialect_of",
    "open_sink",
]


class SinkDefaults(NamedTuple):
    """The batches that suit a warehouse, where the settings do not say."""

    batch_rows: int
    batch_seconds: float


DEFAULTS: Final = {
    # The statements for the 19 tables of the demo take 13 µs an event in batches of 10,000 whatever
    # is in them, and 3 µs in such as this.
    "duckdb": SinkDefaults(50_000, 2.0),
    "postgres": SinkDefaults(10_000, 2.0),
    # Few and large files are what readers of a lake want.
    "parquet": SinkDefaults(250_000, 60.0),
    # Every batch wakes the virtual warehouse, which is charged a minute at least.
    "snowflake": SinkDefaults(1_000_000, 300.0),
}

DIALECTS: Final = {
    "duckdb": DUCKDB,
    "postgres": POSTGRES,
    "parquet": PARQUET,
    "snowflake": SNOWFLAKE,
}


def batch_rows(settings: LoaderSettings) -> int:
    """Return the most rows of a batch."""
    return settings.batch_rows or DEFAULTS[settings.sink].batch_rows


def batch_seconds(settings: LoaderSettings) -> float:
    """Return the most seconds that a row waits for its batch."""
    return settings.batch_seconds or DEFAULTS[settings.sink].batch_seconds


def dialect_of(settings: LoaderSettings) -> Dialect:
    """Return how names and types are written in the settings' warehouse."""
    return DIALECTS[settings.sink]


def open_sink(settings: Settings, access: Access = "load") -> Sink:
    """Open the warehouse; what it needs of libraries is imported now.

    Args:
        settings: Which one, and where.
        access: To ``load``, for which the tables that are missing are made; or to ``look``, which
            leaves all as it is: then there is nothing to be changed or loaded by this sink.

    Raises:
        ConfigError: It cannot be used as it is set.
        RetryableError: It is not there now.
    """
    return OPENERS[settings.loader.sink](settings, access)


def _duckdb(settings: Settings, access: Access) -> Sink:
    from streamproc.warehouse.sinks.duckdb import open_duckdb  # noqa: PLC0415 - the chosen sink's alone

    return open_duckdb(settings.loader, access)


def _parquet(settings: Settings, access: Access) -> Sink:
    from streamproc.warehouse.sinks.parquet import open_parquet  # noqa: PLC0415 - as above

    return open_parquet(settings.loader, access)


def _postgres(settings: Settings, access: Access) -> Sink:
    from streamproc.warehouse.sinks.postgres import open_postgres  # noqa: PLC0415 - as above

    return open_postgres(settings.loader, access)


def _snowflake(settings: Settings, access: Access) -> Sink:
    from streamproc.warehouse.sinks.snowflake import open_snowflake  # noqa: PLC0415 - as above

    return open_snowflake(settings, access)


OPENERS: Final[dict[str, Callable[[Settings, Access], Sink]]] = {
    "duckdb": _duckdb,
    "parquet": _parquet,
    "postgres": _postgres,
    "snowflake": _snowflake,
}
