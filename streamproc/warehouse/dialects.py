"""The warehouses there are: their limits, reserved words and column types."""

from __future__ import annotations

from typing import Final

from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.shape import reserved

__all__ = ["DUCKDB", "PARQUET", "POSTGRES", "SNOWFLAKE"]

NAME_LENGTH: Final = 127
"""Where RudderStack cuts names, and short of what Snowflake (255) and DuckDB (no end) take."""

# The digest, because DuckDB has no index that a join would use: for 10,000 ids it reads 10 million
# stored ones in 261 ms, and as many integers in 36 ms (one thread). A primary key would need 200
# bytes of memory for each, and an id is unique within the window of the dedupe only. MD5 is
# the same in every version of DuckDB; it need not be safe, ids are compared as well.
DUCKDB: Final = Dialect(
    name="duckdb",
    upper=False,
    name_length=NAME_LENGTH,
    columns=10_000,  # DuckDB has no limit of its own
    reserved=reserved.DUCKDB,
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INTEGER: "BIGINT",
        Kind.FLOAT: "DOUBLE",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMPTZ",
        Kind.STRING: "VARCHAR",
        Kind.JSON: "JSON",
    },
    text_bytes=1 << 30,  # its own limit is the 32 bits of a length
    digest="CAST(md5_number({}) & 9223372036854775807 AS BIGINT)",
)

# TIMESTAMP_TZ because RudderStack has it, and models written for its tables compare with it.
SNOWFLAKE: Final = Dialect(
    name="snowflake",
    upper=True,
    name_length=NAME_LENGTH,
    columns=2_000,  # no documented limit; statements of all columns get slow to compile beyond
    reserved=reserved.SNOWFLAKE,
    types={
        Kind.BOOLEAN: "BOOLEAN",
        Kind.INTEGER: "NUMBER(38,0)",
        Kind.FLOAT: "FLOAT",
        Kind.DATE: "DATE",
        Kind.TIMESTAMP: "TIMESTAMP_TZ",
        Kind.STRING: "VARCHAR",
        Kind.JSON: "VARIANT",
    },
    text_bytes=16 << 20,  # https://docs.snowflake.com/en/sql-reference/data-types-text: VARCHAR
)

# json, not jsonb: it keeps the text as it came, so that a column widened to text holds what the
# other warehouses hold. https://www.postgresql.org/docs/current/limits.html
POSTGRES: Final = Dialect(
    name="postgres",
    upper=False,
    name_length=63,  # NAMEDATALEN - 1 bytes; names are ASCII
    # A row has to fit into a page of 8 KB; what has more than 24 bytes can go elsewhere. So 336
    # columns fit whatever they hold, where 1,600 are allowed.
    # https://www.postgresql.org/docs/current/storage-toast.html
    columns=300,
    reserved=reserved.POSTGRES,
    types={
        Kind.BOOLEAN: "boolean",
        Kind.INTEGER: "bigint",
        Kind.FLOAT: "double precision",
        Kind.DATE: "date",
        Kind.TIMESTAMP: "timestamptz",
        Kind.STRING: "text",
        Kind.JSON: "json",
    },
    text_bytes=256 << 20,  # a field may have 1 GB, and so may a whole row
)

PARQUET: Final = Dialect(
    name="parquet",
    upper=False,
    name_length=NAME_LENGTH,
    columns=10_000,
    reserved=reserved.PARQUET,
    types={
        Kind.BOOLEAN: "bool",
        Kind.INTEGER: "int64",
        Kind.FLOAT: "double",
        Kind.DATE: "date32",
        Kind.TIMESTAMP: "timestamp[us, UTC]",
        Kind.STRING: "string",
        Kind.JSON: "string (JSON)",
    },
    text_bytes=1 << 30,  # a column chunk's offsets have 32 bits
)
