# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The SQL that keeps ``identity_mappings``: of every token what was told last.

Pure. What a batch tells of a token takes the place of what is there; told without an identity, the
token has no row any more.
"""

from __future__ import annotations

from streamproc.events import Micros
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sql.expressions import iso
from streamproc.warehouse.sql.statements import Statement, Ways, quoted
from streamproc.warehouse.standard import LOADED

__all__ = ["forget", "insert", "sweep"]


def forget(ways: Ways) -> Statement:
    """Delete the rows of the tokens that the batch tells of."""
    told = f'SELECT "token" FROM {ways.stage(MAPPINGS)}'
    sql = f'DELETE FROM "{MAPPINGS}" WHERE "token" IN ({told})'
    return ways.statement("forget mappings", sql)


def insert(ways: Ways, columns: Columns, at: Micros) -> Statement:
    """Insert what the batch tells; ``at`` is when it says that it was written."""
    return ways.statement(
        f"insert {MAPPINGS}",
        f'INSERT INTO "{MAPPINGS}" ({quoted((*columns, LOADED))})'
        f" SELECT {quoted(columns, 's.')}, {ways.moment} FROM {ways.stage(MAPPINGS)} s"
        ' WHERE s."identity_id" IS NOT NULL',
        iso(at),
    )


def sweep(ways: Ways, at: Micros) -> Statement:
    """Delete every row that was not written ``at`` that moment."""
    sql = f'DELETE FROM "{MAPPINGS}" WHERE "{LOADED}" <> {ways.moment}'
    return ways.statement("sweep mappings", sql, iso(at))
