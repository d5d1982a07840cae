"""Words that are no names in the SQL of a warehouse, by warehouse, in lower case.

Identifiers are quoted wherever streamproc writes SQL; the lists spare the people who write queries
from having to, and are those that RudderStack puts an ``_`` before, or more.
"""

from __future__ import annotations

from typing import Final

__all__ = ["DUCKDB", "PARQUET", "POSTGRES", "SNOWFLAKE"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SNOWFLAKE: Final = _words(
    """
    account all alter and any as between by case cast check column connect connection constraint
    create cross current current_date current_time current_timestamp current_user database delete
    distinct drop else exists false following for from full grant group gscluster having ilike in
    increment inner insert intersect into is issue join lateral left like localtime localtimestamp
    minus natural not null of on or order organization qualify regexp revoke right rlike row rows
    sample schema select set some start table tablesample then to trigger true try_cast union unique
    update using values view when whenever where with
    """
)
"""https://docs.snowflake.com/en/sql-reference/reserved-keywords, the same 91 as RudderStack's."""

DUCKDB: Final = _words(
    """
    all analyse analyze and anti any array as asc asof asymmetric at authorization binary both by
    case cast check collate collation column columns concurrently constraint create cross default
    deferrable desc describe distinct do else end except false fetch for foreign freeze from full
    generated glob group having ilike in initially inner intersect into is isnull join lambda
    lateral leading left like limit map natural not notnull null offset on only or order outer
    overlaps pivot pivot_longer pivot_wider placing positional primary qualify references returning
    right select semi show similar some struct summarize symmetric table tablesample then to
    trailing true try_cast tuple union unique unpack unpivot using variadic verbose when where
    window with
    """
)
"""Of ``duckdb_keywords()``: ``reserved`` and ``type_function``, as of DuckDB 2.0.
https://duckdb.org/docs/stable/sql/keywords_and_identifiers."""

POSTGRES: Final = _words(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike in
    initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with

    between new off old

    cmax cmin ctid tableoid xmax xmin
    """
)
"""https://www.postgresql.org/docs/17/sql-keywords-appendix.html, ``reserved`` in both ways; then
those that RudderStack's list has beside; then the columns every table has already
(https://www.postgresql.org/docs/17/ddl-system-columns.html), refused even in quotes."""

PARQUET: Final = DUCKDB | SNOWFLAKE | POSTGRES | {"date"}
"""Of a lake: of whatever may read it. Readers take the folder a file lies in, ``table=…/date=…``,
for two more columns, and hide those of the file by these names."""
