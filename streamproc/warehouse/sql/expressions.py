"""SQL expressions that warehouses write in different ways.

Pure. What comes in as ``expression`` is SQL of ours: quoted names, or what these functions made.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns

__all__ = ["converted", "iso", "latest", "loaded_value", "micros", "narrowed", "values"]

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIRST: Final = (datetime.min.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)
LAST: Final = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(microseconds=1)


def iso(moment: Micros) -> str:
    """Return ``moment`` as text that each warehouse casts to its timestamp, whatever its zone.

    What is before the year 1 or after 9999 counts as their first and last moment.
    """
    bounded = min(max(moment, FIRST), LAST)
    return (EPOCH + timedelta(microseconds=bounded)).isoformat(timespec="microseconds")


def values(dialect: Dialect, columns: Columns, rows: int) -> str:
    """Return a query of ``rows`` rows, all of them bound: column by column, row by row.

    Each parameter has its type, which ``VALUES`` would leave to be guessed. Moments are bound as
    :func:`iso` has them.
    """
    row = ", ".join(
        f"CAST(? AS {dialect.types[kind]}) AS {dialect.quote(name)}"
        for name, kind in columns.items()
    )
    return " UNION ALL ".join([f"SELECT {row}"] * rows)


def micros(dialect: Dialect, expression: str) -> str:
    """Return a timestamp as microseconds since the epoch."""
    if dialect.name == "duckdb":
        return f"epoch_us({expression})"
    if dialect.name == "snowflake":
        return f"DATE_PART(EPOCH_MICROSECOND, {expression})"
    return f"CAST(EXTRACT(EPOCH FROM {expression}) * 1000000 AS bigint)"


def latest(dialect: Dialect, expression: str, place: str) -> str:
    """Return the aggregate of the value with the highest ``place`` among those that are not NULL.

    ``place`` is an integer that no two rows of a group share.
    """
    if dialect.name == "postgres":
        kept = f"array_agg({expression} ORDER BY {place} DESC)"
        return f"({kept} FILTER (WHERE {expression} IS NOT NULL))[1]"
    return f"MAX_BY({expression}, CASE WHEN {expression} IS NOT NULL THEN {place} END)"


def loaded_value(dialect: Dialect, kind: Kind, expression: str) -> str:
    """Return a staged value as its column takes it: documents are staged as text."""
    if kind is not Kind.JSON:
        return expression
    if dialect.name == "snowflake":
        return f"PARSE_JSON({expression})"
    return f"CAST({expression} AS {dialect.types[kind]})"


def converted(dialect: Dialect, expression: str, before: Kind, after: Kind) -> str:
    """Return a value of one kind as a wider one; text is as ``recast`` of Arrow tables has it.

    But for numbers beyond 2**53, which PostgreSQL may write with a digit more than it takes.
    """
    if after is not Kind.STRING:
        return f"CAST({expression} AS {dialect.types[after]})"
    if before is Kind.TIMESTAMP:
        return _moment_text(dialect, expression)
    if before is Kind.FLOAT and dialect.name == "postgres":
        return _float_text(expression)
    if before is Kind.JSON and dialect.name == "snowflake":
        return f"TO_JSON({expression})"
    return f"CAST({expression} AS {dialect.types[after]})"


def narrowed(dialect: Dialect, expression: str, before: Kind, after: Kind) -> str:
    """Return a value of one kind as one that may not hold it: NULL if it does not.

    PostgreSQL has no cast that may fail: there it is NULL in any case.
    """
    if dialect.name == "postgres":
        return f"CAST(NULL AS {dialect.types[after]})"
    text = converted(dialect, expression, before, Kind.STRING)
    if after is Kind.JSON:
        return loaded_value(dialect, after, text)
    return f"TRY_CAST({text} AS {dialect.types[after]})"


def _moment_text(dialect: Dialect, expression: str) -> str:
    utc = {
        "duckdb": f"strftime({expression} AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%f')",
        "postgres": f"""to_char({expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')""",
        "snowflake": (
            f"TO_CHAR(CONVERT_TIMEZONE('UTC', {expression}), 'YYYY-MM-DD\"T\"HH24:MI:SS.FF6')"
        ),
    }[dialect.name]
    # As many digits of a second as it has: zeros at the end go, with the point if nothing is left.
    return f"REGEXP_REPLACE({utc}, '[.]{{0,1}}0+$', '') || 'Z'"


def _float_text(expression: str) -> str:
    # PostgreSQL's own has no .0, and an exponent from 1e15 on where others have it from 1e16 on.
    text = f"CAST({expression} AS text)"
    middle = f"ABS({expression}) >= 1e15 AND ABS({expression}) < 1e16"
    digits = f"CASE WHEN {middle} THEN CAST(CAST({text} AS numeric) AS text) ELSE {text} END"
    return f"REGEXP_REPLACE({digits}, '^(-{{0,1}}[0-9]+)$', '\\1.0')"
