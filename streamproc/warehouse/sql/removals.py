# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The SQL of what leaves the warehouse in a load: events replaced, and people deleted.

Pure. What goes is gathered in ``streamproc_gone``; then it is deleted from the tables it is in.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from streamproc.events import Micros
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns
from streamproc.warehouse.sink import Deletion
from streamproc.warehouse.sql.expressions import iso, values
from streamproc.warehouse.sql.statements import (
    DISCARDS,
    GONE,
    KEPT,
    MESSAGES,
    TOKENS,
    WORK,
    Parameter,
    Statement,
    Ways,
    quoted,
    remembered,
    window,
)
from streamproc.warehouse.standard import ROW

__all__ = [
    "count_deleted",
    "count_kept_out",
    "delete",
    "delete_discards",
    "find_deleted",
    "find_replaced",
    "find_tables",
    "forget_deleted",
    "forget_replaced",
    "keep_out_forgotten",
    "remember_deletions",
    "renew_deletions",
]

DELETION: Final[Columns] = {
    "token": Kind.STRING,
    "until": Kind.TIMESTAMP,
    "receipt": Kind.STRING,
}


def keep_out_forgotten(ways: Ways, received: tuple[Micros, Micros]) -> Statement:
    """Keep out events whose predecessors were deleted, whosever they are by now.

    A person's tokens change when ids turn out to be one person's: a correction may then come with
    others than the deletion was told. Every event has a token of somebody, so a line without is of
    somebody deleted; those whom this batch deletes still have theirs.
    """
    forgotten = " AND ".join(f'm."{token}" IS NULL' for token in TOKENS)
    people = " ".join(
        f'LEFT JOIN "streamproc_deletions" d{n}'
        f' ON d{n}."token" = m."{token}" AND m."received_at" <= d{n}."until"'
        for n, token in enumerate(TOKENS)
    )
    someones = ", ".join(f's."{token}"' for token in TOKENS)
    return ways.statement(
        "keep out forgotten",
        f'UPDATE {ways.stage(KEPT)} SET "deleted" = TRUE WHERE "{ROW}" IN'
        f' (SELECT k."{ROW}" FROM {ways.stage(KEPT)} k'
        f' JOIN {ways.stage(MESSAGES)} s ON s."{ROW}" = k."{ROW}"'
        f' JOIN ({remembered(ways)}) m ON m."id" = k."id"'
        f' AND m."received_at" BETWEEN k."received_at" - {ways.near}'
        f' AND k."received_at" + {ways.near} {people}'
        f' WHERE k."replaces" AND COALESCE({someones}) IS NOT NULL'
        f' AND ({forgotten} OR COALESCE(d0."token", d1."token", d2."token") IS NOT NULL))',
        *window(ways, received),
    )


def find_replaced(ways: Ways, received: tuple[Micros, Micros]) -> Statement:
    """Find the events that others take the place of."""
    return ways.statement(
        "find replaced",
        f"INSERT INTO {ways.stage(GONE)} ({quoted(WORK[GONE])})"
        ' SELECT DISTINCT m."id", m."received_at", m."type", m."event_table", m."user_id", FALSE'
        f' FROM ({remembered(ways)}) m JOIN {ways.stage(KEPT)} k ON m."id" = k."id"'
        f' AND m."received_at" BETWEEN k."received_at" - {ways.near}'
        f' AND k."received_at" + {ways.near} WHERE k."replaces"',
        *window(ways, received),
    )


def forget_replaced(ways: Ways) -> Statement:
    """Forget the messages that others take the place of."""
    sql = f'DELETE FROM "{MESSAGES}" WHERE {_is_gone(ways, MESSAGES)}'
    return ways.statement("forget replaced", sql)


def renew_deletions(ways: Ways, deletions: Collection[Deletion]) -> Statement:
    """Have deletions of people who were deleted before last until now."""
    return ways.statement(
        "renew deletions",
        'UPDATE "streamproc_deletions"'
        ' SET "until" = GREATEST("streamproc_deletions"."until", s."until"),'
        f' "receipt" = s."receipt", "deleted_at" = {ways.moment}'
        f" FROM ({values(ways.dialect, DELETION, len(deletions))}) s"
        ' WHERE "streamproc_deletions"."token" = s."token"',
        iso(ways.loaded_at),
        *_bound(deletions),
    )


def remember_deletions(ways: Ways, deletions: Collection[Deletion]) -> Statement:
    """Remember the deletions of people who were not deleted before."""
    return ways.statement(
        "remember deletions",
        'INSERT INTO "streamproc_deletions" ("token", "until", "receipt", "events", "deleted_at")'
        f' SELECT s."token", s."until", s."receipt", 0, {ways.moment}'
        f" FROM ({values(ways.dialect, DELETION, len(deletions))}) s"
        ' WHERE NOT EXISTS (SELECT 1 FROM "streamproc_deletions" d WHERE d."token" = s."token")',
        iso(ways.loaded_at),
        *_bound(deletions),
    )


def find_deleted(ways: Ways) -> Statement:
    """Find the events of the people that this batch deletes."""
    columns = ("id", "received_at", "type", "event_table", "user_id")
    found = " UNION ".join(
        f'SELECT {quoted(columns, "m.")} FROM "{MESSAGES}" m JOIN "streamproc_deletions" d'
        f' ON d."token" = m."{token}" AND m."received_at" <= d."until"'
        f' WHERE d."deleted_at" = {ways.moment}'
        for token in TOKENS
    )
    return ways.statement(
        "find deleted",
        f"INSERT INTO {ways.stage(GONE)} ({quoted(WORK[GONE])})"
        f" SELECT {quoted(columns, 's.')}, TRUE FROM ({found}) s",
        *[iso(ways.loaded_at)] * len(TOKENS),
    )


def count_kept_out(ways: Ways, received: tuple[Micros, Micros] | None) -> Statement:
    """Add the events that stay out to the counts of the deletions that keep them out.

    Args:
        ways: How it is written.
        received: When the first and the last of the batch were received, if any may take the place
            of others: an event stays out as well for the deletion of whom that other one was of.
    """
    out = f'{ways.stage(KEPT)} k WHERE k."deleted"'
    events = (
        f'SELECT s."{ROW}" AS "event", {quoted(COUNTED, "s.")} FROM {ways.stage(MESSAGES)} s'
        f' WHERE s."{ROW}" IN (SELECT k."{ROW}" FROM {out})'
    )
    if received is None:
        return _count(ways, "count kept out", events)
    before = (
        f'SELECT k."{ROW}", {quoted(COUNTED, "m.")} FROM ({remembered(ways)}) m, {out}'
        f' AND k."replaces" AND m."id" = k."id"'
        f' AND m."received_at" BETWEEN k."received_at" - {ways.near}'
        f' AND k."received_at" + {ways.near}'
    )
    return _count(ways, "count kept out", f"{events} UNION ALL {before}", *window(ways, received))


def count_deleted(ways: Ways) -> Statement:
    """Add the events that go to the counts of their deletions."""
    # By both: outside the window of the dedupe an id may stand for another event.
    number = 'DENSE_RANK() OVER (ORDER BY "id", "received_at") AS "event"'
    events = (
        f'SELECT {number}, {quoted(COUNTED)} FROM "{MESSAGES}" WHERE {_is_gone(ways, MESSAGES)}'
    )
    return _count(ways, "count deleted", events)


def forget_deleted(ways: Ways) -> Statement:
    """Forget who the messages were of that go; their ids stay, so that they do not come again."""
    nothing = ", ".join(f'"{token}" = NULL' for token in TOKENS)
    sql = f'UPDATE "{MESSAGES}" SET {nothing} WHERE {_is_gone(ways, MESSAGES)}'
    return ways.statement("forget deleted", sql)


def find_tables(ways: Ways) -> Statement:
    """Ask in which tables the events are that go: their types, and tables of tracked events."""
    return ways.statement(
        "find tables", f'SELECT DISTINCT "type", "event_table" FROM {ways.stage(GONE)}'
    )


def delete(ways: Ways, table: str) -> Statement:
    """Delete the events that go from one table."""
    sql = f"DELETE FROM {quoted([table])} WHERE {_is_gone(ways, table)}"
    return ways.statement(f"delete {table}", sql)


def delete_discards(ways: Ways) -> Statement:
    """Delete what did not fit of the events that go."""
    return ways.statement(
        "delete discards",
        f'DELETE FROM "{DISCARDS}" WHERE EXISTS (SELECT 1 FROM {ways.stage(GONE)} g'
        f' WHERE g."received_at" = "{DISCARDS}"."received_at"'
        # Lines of users are of a user's id.
        f' AND "{DISCARDS}"."row_id" IN (g."id", g."user_id"))',
    )


COUNTED: Final = ("received_at", *TOKENS)


def _count(ways: Ways, name: str, events: str, *parameters: Parameter) -> Statement:
    tokens = " UNION ALL ".join(
        f'SELECT "event", "received_at", "{token}" AS "token" FROM e' for token in TOKENS
    )
    return ways.statement(
        name,
        'UPDATE "streamproc_deletions" SET "events" = "streamproc_deletions"."events" + c."events"'
        f" FROM (WITH e AS ({events})"
        f' SELECT d."token", COUNT(DISTINCT t."event") AS "events" FROM ({tokens}) t'
        ' JOIN "streamproc_deletions" d'
        ' ON d."token" = t."token" AND t."received_at" <= d."until" GROUP BY d."token") c'
        ' WHERE "streamproc_deletions"."token" = c."token"',
        *parameters,
    )


def _bound(deletions: Collection[Deletion]) -> list[str]:
    return [
        part
        for deletion in deletions
        for part in (deletion.token, iso(deletion.until), deletion.receipt)
    ]


def _is_gone(ways: Ways, table: str) -> str:
    # Both columns: outside the window of the dedupe an id may stand for another event.
    of = quoted([table])
    return (
        f"EXISTS (SELECT 1 FROM {ways.stage(GONE)} g"
        f' WHERE g."id" = {of}."id" AND g."received_at" = {of}."received_at")'
    )
