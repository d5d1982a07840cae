# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""How many rows of a warehouse are somebody's, table by table: what is left of who was erased.

Pure but for the reader that is handed in. A row is the person's if a column that says whose it is
has one of the tokens; one that only mentions the person, in a property, is somebody else's.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.redactions import Reader
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sql.statements import MESSAGES, TOKENS, Statement, in_case, quoted
from streamproc.warehouse.standard import SYSTEM, USERS

__all__ = ["count_holding"]

WHOSE: Final = frozenset({*TOKENS, "previous_id", "token"})
"""Columns that say whose a row is, where a table has them."""

PARAMETERS_A_QUERY: Final = 2_000
TOKENS_A_QUERY: Final = 300


def count_holding(reader: Reader, tokens: Collection[str]) -> dict[str, int]:
    """Return how many rows of each table are of ``tokens``; every table is there, found or not.

    A row that is found by tokens of two queries, which are of 300 each, counts twice.

    Raises:
        RetryableError: The warehouse is not there.
    """
    tables = dict(reader.schema())
    if not tables:
        return {}
    tables[MESSAGES] = SYSTEM[MESSAGES]
    sought = {table: columns for table in tables if (columns := _whose(table, tables[table]))}
    counts = dict.fromkeys(sought, 0)
    names, asked = list(sought), sorted(tokens)
    for start in range(0, len(asked), TOKENS_A_QUERY):
        some = asked[start : start + TOKENS_A_QUERY]
        for numbers in _numbers(len(names), len(some)):
            sql = " UNION ALL ".join(
                f"SELECT {number}, COUNT(*) FROM {quoted([names[number]])}"
                f" WHERE {_among(sought[names[number]], len(some))}"
                for number in numbers
            )
            times = sum(len(sought[names[number]]) for number in numbers)
            sql = in_case(reader.dialect, sql)
            query = Statement("count rows of tokens", sql, tuple(some) * times)
            for number, rows in reader.fetch(query):
                counts[names[int(number)]] += int(rows)
    return counts


def _whose(table: str, columns: Columns) -> list[str]:
    found = [name for name, kind in columns.items() if name in WHOSE and kind is Kind.STRING]
    return [*found, "id"] if table == USERS else found


def _numbers(tables: int, tokens: int) -> Iterator[Sequence[int]]:
    """Yield the numbers of the tables that are asked about in one query."""
    step = max(1, PARAMETERS_A_QUERY // (len(WHOSE) * tokens))
    return (range(start, min(start + step, tables)) for start in range(0, tables, step))


def _among(columns: Sequence[str], tokens: int) -> str:
    marks = ", ".join("?" * tokens)
    return " OR ".join(f"{quoted([column])} IN ({marks})" for column in columns)
