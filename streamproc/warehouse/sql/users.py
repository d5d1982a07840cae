# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The SQL that keeps ``users``: of every column, the value that came last over all time.

Pure. A batch whose identifies are newer than what is there, as almost all are, is laid over it.
The users it tells something older of (or of the very same moment), and those who lose an identify,
are *stale*: they are made anew from ``identifies``. So neither order nor repetition matters, and a
value that a correction takes out of ``identifies`` does not live on in ``users``.
"""

from __future__ import annotations

from collections.abc import Iterator

from streamproc.warehouse.kinds import Kind, join
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.sql.expressions import converted, iso, latest, loaded_value, narrowed
from streamproc.warehouse.sql.statements import GONE, KEPT, STALE, Statement, Ways, quoted
from streamproc.warehouse.standard import LOADED, ROW, TABLES, USERS

__all__ = ["delete_stale", "find_stale", "find_stale_of_gone", "insert_new", "merge", "rebuild"]

IDENTIFIES = TABLES["identify"]


def find_stale_of_gone(ways: Ways) -> Statement:
    """Find the users of the identifies that go."""
    return ways.statement(
        "find users of gone",
        f'INSERT INTO {ways.stage(STALE)} ("id") SELECT DISTINCT "user_id" FROM {ways.stage(GONE)}'
        """ WHERE "type" = 'identify' AND "user_id" IS NOT NULL""",
    )


def find_stale(ways: Ways) -> Statement:
    """Find the users that the batch tells something of that is not newer than what is there."""
    return ways.statement(
        "find stale users",
        f'INSERT INTO {ways.stage(STALE)} ("id") SELECT DISTINCT s."id" FROM {ways.stage(USERS)} s'
        f' JOIN "{USERS}" u ON u."id" = s."id" AND s."received_at" <= u."received_at"'
        f' WHERE s."{ROW}" IN (SELECT "{ROW}" FROM {ways.stage(KEPT)} WHERE NOT "deleted")',
    )


def merge(ways: Ways, columns: Columns) -> Statement:
    """Lay what the batch tells of users over what is there."""
    names = [name for name in columns if name != "id"]
    taken = ", ".join(f'"{name}" = COALESCE(s."{name}", "{USERS}"."{name}")' for name in names)
    return ways.statement(
        "merge users",
        f'UPDATE "{USERS}" SET {taken}, "{LOADED}" = {ways.moment}'
        f' FROM ({_newest(ways, columns)}) s WHERE "{USERS}"."id" = s."id"',
        iso(ways.loaded_at),
    )


def insert_new(ways: Ways, columns: Columns) -> Statement:
    """Insert the users who are not there yet."""
    return ways.statement(
        "insert users",
        f'INSERT INTO "{USERS}" ({quoted((*columns, LOADED))})'
        f" SELECT {quoted(columns, 's.')}, {ways.moment} FROM ({_newest(ways, columns)}) s"
        f' WHERE NOT EXISTS (SELECT 1 FROM "{USERS}" u WHERE u."id" = s."id")',
        iso(ways.loaded_at),
    )


def delete_stale(ways: Ways) -> Statement:
    """Delete the users that are stale."""
    sql = f'DELETE FROM "{USERS}" WHERE "id" IN (SELECT "id" FROM {ways.stage(STALE)})'
    return ways.statement("delete stale users", sql)


def rebuild(ways: Ways, known: Schema) -> Statement:
    """Make the users who are stale anew, from what is left in ``identifies``."""
    taken = {name: kind for name, kind in known[USERS].items() if name not in ("id", LOADED)}
    shared = {name: kind for name, kind in taken.items() if name in known[IDENTIFIES]}
    newest = "".join(f", {_converted(ways, known, name)}" for name in shared)
    columns = quoted(dict.fromkeys(("user_id", "received_at", "id", *shared)))
    return ways.statement(
        "rebuild users",
        f'INSERT INTO "{USERS}" ({quoted(("id", *shared, LOADED))})'
        f' SELECT s."user_id"{newest}, {ways.moment} FROM (SELECT {columns},'
        ' ROW_NUMBER() OVER (PARTITION BY "user_id" ORDER BY "received_at", "id") AS "its place"'
        f' FROM "{IDENTIFIES}"'
        f' WHERE "user_id" IN (SELECT "id" FROM {ways.stage(STALE)})) s GROUP BY s."user_id"',
        iso(ways.loaded_at),
    )


def _newest(ways: Ways, columns: Columns) -> str:
    """Return a query of what the batch tells of each user who is not stale."""
    return (
        f'SELECT r."id"{"".join(_aggregates(ways, columns))} FROM (SELECT {quoted(columns, "s.")},'
        ' ROW_NUMBER() OVER (PARTITION BY s."id"'
        f' ORDER BY s."received_at", k."id", s."{ROW}") AS "its place"'
        f' FROM {ways.stage(USERS)} s JOIN {ways.stage(KEPT)} k ON k."{ROW}" = s."{ROW}"'
        ' WHERE NOT k."deleted" AND s."id" NOT IN'
        f' (SELECT "id" FROM {ways.stage(STALE)})) r GROUP BY r."id"'
    )


def _aggregates(ways: Ways, columns: Columns) -> Iterator[str]:
    for name, kind in columns.items():
        if name != "id":
            newest = latest(ways.dialect, f'r."{name}"', 'r."its place"')
            yield f', {loaded_value(ways.dialect, kind, newest)} AS "{name}"'


def _converted(ways: Ways, known: Schema, name: str) -> str:
    # The two tables see the same values but for those of identifies without a user, so one of
    # them may be wider than the other.
    before: Kind = known[IDENTIFIES][name]
    after: Kind = known[USERS][name]
    value = f's."{name}"'
    if before is not after:
        change = converted if join(before, after) is after else narrowed
        value = change(ways.dialect, value, before, after)
    return latest(ways.dialect, value, 's."its place"')
