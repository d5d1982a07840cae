# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The SQL of a load, generated once for every warehouse that speaks it.

Pure. The text of a :class:`Statement` is made of names, all of them quoted, and of ``?`` for what
is bound: nothing of an event is ever in it. A sink stages the frames of a batch as tables of their
own, and :func:`~streamproc.warehouse.sql.transaction.load_staged` runs the statements in one
transaction; what it takes away is in
:mod:`~streamproc.warehouse.sql.removals`, and ``users`` in :mod:`~streamproc.warehouse.sql.users`.

Beside the frames three tables are staged, empty (:data:`WORK`):

``streamproc_kept``
    The events of the batch that are new, take the place of others, or are of people deleted (which
    are remembered, and go no further).
``streamproc_gone``
    The events that leave the warehouse: replaced, or of people deleted.
``streamproc_stale``
    The users that cannot be brought up to date by the newest values alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from streamproc.events import Micros
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.sink import Advance, LoadResult, Mode, Place
from streamproc.warehouse.sql.expressions import iso, loaded_value, micros, values
from streamproc.warehouse.standard import LOADED, ROW, SYSTEM

__all__ = [
    "DIGEST",
    "DISCARDS",
    "GONE",
    "KEPT",
    "LOCK_TOPIC",
    "MESSAGES",
    "STALE",
    "TOKENS",
    "WORK",
    "Parameter",
    "Statement",
    "Ways",
    "in_case",
    "quoted",
]

Parameter: TypeAlias = str | int | float | None

MESSAGES: Final = "streamproc_messages"
DISCARDS: Final = "discards"

KEPT: Final = "streamproc_kept"
GONE: Final = "streamproc_gone"
STALE: Final = "streamproc_stale"

WORK: Final[Schema] = {
    KEPT: {
        ROW: Kind.INTEGER,
        "id": Kind.STRING,
        "received_at": Kind.TIMESTAMP,
        "replaces": Kind.BOOLEAN,
        "deleted": Kind.BOOLEAN,
    },
    GONE: {
        "id": Kind.STRING,
        "received_at": Kind.TIMESTAMP,
        "type": Kind.STRING,
        "event_table": Kind.STRING,
        "user_id": Kind.STRING,
        "deleted": Kind.BOOLEAN,
    },
    STALE: {"id": Kind.STRING},
}
"""What is staged empty beside the frames, by the name it has for :attr:`Ways.staged`."""

DIGEST: Final = "id_digest"
"""Column of ``streamproc_messages`` in warehouses that have a use for it."""

LOCK_TOPIC: Final = ""
"""Topic of the one line of ``streamproc_offsets`` that is of no partition. Every load updates it
first: a warehouse that locks what is updated so lets one loader at a time decide what is new. It is
made together with the table, so that it is there once and once only."""

TOKENS: Final = ("user_id", "anonymous_id", "identity_id")
"""Columns a person can be found by."""

MICROS_AN_HOUR: Final = 3_600_000_000


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement.

    Attributes:
        name: What it does, such as ``insert tracks``, for errors and tests.
        sql: Its text, with ``?`` for each parameter.
        parameters: What is bound, in order.
    """

    name: str
    sql: str
    parameters: tuple[Parameter, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Ways:
    """How the statements of one load are written.

    Attributes:
        dialect: The warehouse's.
        staged: Gives the name, not quoted, under which a table's rows are staged.
        dedupe_hours: How far apart, by ``received_at``, two lines of one id are one event.
        loaded_at: The moment of the load.
    """

    dialect: Dialect
    staged: Callable[[str], str]
    dedupe_hours: int
    loaded_at: Micros

    def stage(self, table: str) -> str:
        """Return the quoted name of what is staged for ``table``."""
        return f'"{self.staged(table)}"'

    @property
    def moment(self) -> str:
        """Return an expression of a moment, which is bound as :func:`iso` has it."""
        return f"CAST(? AS {self.dialect.types[Kind.TIMESTAMP]})"

    @property
    def near(self) -> str:
        """Return the window of the dedupe as an interval."""
        return f"INTERVAL '{self.dedupe_hours:d} hours'"

    def digest(self, expression: str) -> str | None:
        """Return the digest of a text, where the warehouse finds messages by it."""
        return self.dialect.digest and self.dialect.digest.format(expression)

    def statement(self, name: str, sql: str, *parameters: Parameter) -> Statement:
        """Return a statement whose names are in lower case in ``sql``, and quoted."""
        return Statement(name, in_case(self.dialect, sql), parameters)


def in_case(dialect: Dialect, sql: str) -> str:
    """Return ``sql`` with its quoted names in the warehouse's case."""
    if not dialect.upper:
        return sql
    return re.sub(r'"((?:[^"]|"")+)"', lambda name: name[0].upper(), sql)


def quoted(names: Iterable[str], of: str = "") -> str:
    """Return ``names`` as a list, quoted, each after ``of``."""
    return ", ".join(of + '"' + name.replace('"', '""') + '"' for name in names)


# The offsets: first of all, so that who comes too late changes nothing.


def lock(ways: Ways) -> Statement:
    """Have the warehouse to oneself, where updates lock: whoever comes second waits here."""
    return ways.statement(
        "lock",
        'UPDATE "streamproc_offsets" SET "next_offset" = "next_offset" + 1 WHERE "topic" = ?',
        LOCK_TOPIC,
    )


def seed(ways: Ways, places: Collection[Place]) -> Statement:
    """Begin partitions at 0 that have not begun yet."""
    columns = {"topic": Kind.STRING, "partition": Kind.INTEGER}
    return ways.statement(
        "seed offsets",
        'INSERT INTO "streamproc_offsets" ("topic", "partition", "next_offset")'
        ' SELECT s."topic", s."partition", 0'
        f" FROM ({values(ways.dialect, columns, len(places))}) s"
        ' WHERE NOT EXISTS (SELECT 1 FROM "streamproc_offsets" o'
        ' WHERE o."topic" = s."topic" AND o."partition" = s."partition")',
        *(part for place in places for part in place),
    )


def advance(ways: Ways, advances: Mapping[Place, Advance]) -> Statement:
    """Move the partitions that are where the batch expects them: all of them, or it is too late."""
    columns = {
        "topic": Kind.STRING,
        "partition": Kind.INTEGER,
        "expected": Kind.INTEGER,
        "expected_id": Kind.STRING,
        "following": Kind.INTEGER,
        "following_id": Kind.STRING,
    }
    # The ids too: of a topic made anew the same offset may be another record's.
    return ways.statement(
        "advance offsets",
        'UPDATE "streamproc_offsets"'
        ' SET "next_offset" = s."following", "topic_id" = s."following_id"'
        f" FROM ({values(ways.dialect, columns, len(advances))}) s"
        ' WHERE "streamproc_offsets"."topic" = s."topic"'
        ' AND "streamproc_offsets"."partition" = s."partition"'
        ' AND "streamproc_offsets"."next_offset" = s."expected"'
        ' AND "streamproc_offsets"."topic_id" IS NOT DISTINCT FROM s."expected_id"',
        *(part for place, (one, two) in advances.items() for part in (*place, *one, *two)),
    )


# What is new.


def span(ways: Ways) -> Statement:
    """Ask how many events are staged, and when the first and the last were received."""
    first, last = (micros(ways.dialect, f'{which}("received_at")') for which in ("MIN", "MAX"))
    return ways.statement("span", f"SELECT COUNT(*), {first}, {last} FROM {ways.stage(MESSAGES)}")


def keep(
    ways: Ways, mode: Mode, received: tuple[Micros, Micros], *, corrections: bool
) -> Statement:
    """Decide which events go in: one of each id, and what becomes of the one that is there.

    ``received`` is when the first and the last were received. It bounds the window by constants,
    so that the warehouse need not look at what is stored of other days.
    """
    compares = corrections or mode != "append"
    replacing = REPLACING[mode]
    stays_out = f' AND (m."id" IS NULL OR {replacing})' if mode != "append" else ""
    people = " ".join(
        f'LEFT JOIN "streamproc_deletions" d{n}'
        f' ON d{n}."token" = s."{column}" AND s."received_at" <= d{n}."until"'
        for n, column in enumerate(TOKENS)
    )
    order = ORDERS[mode]
    return ways.statement(
        "keep",
        f"INSERT INTO {ways.stage(KEPT)} ({quoted(WORK[KEPT])})"
        f' SELECT DISTINCT s."{ROW}", s."id", s."received_at",'
        f' m."id" IS NOT NULL AND {replacing},'
        ' COALESCE(d0."token", d1."token", d2."token") IS NOT NULL'
        f' FROM (SELECT "{ROW}", "id", "received_at", "correction", {quoted((*TOKENS, *SOURCE))},'
        f' RANK() OVER (PARTITION BY "id" ORDER BY {order}) AS "its place"'
        f" FROM {_candidates(ways, mode, corrections=corrections)}) s"
        f' LEFT JOIN ({remembered(ways)}) m ON m."id" = s."id"'
        f' AND m."received_at" BETWEEN s."received_at" - {ways.near}'
        f' AND s."received_at" + {ways.near} {people}'
        f' WHERE s."its place" = 1{stays_out}',
        *(window(ways, received) if compares else NO_WINDOW),
    )


SOURCE: Final = ("source_topic", "source_partition", "source_offset")
CORRECTED: Final = (
    'm."correction" AND m."source_topic" = s."source_topic"'
    ' AND m."source_partition" = s."source_partition" AND m."source_offset" >= s."source_offset"'
)
REPLACING: Final[Mapping[Mode, str]] = {
    "dedupe": 's."correction"',
    # A raw record that is read again was made a row by the rules of its time: it must not undo what
    # was corrected since, of it or of a later one.
    "merge": f'(s."correction" OR NOT COALESCE({CORRECTED}, FALSE))',
    "append": 's."correction"',
}
"""When an event takes the place of the one that is there."""


def _candidates(ways: Ways, mode: Mode, *, corrections: bool) -> str:
    """Return the staged events that may go in: in merge, not those that the batch corrects too."""
    staged = ways.stage(MESSAGES)
    if mode != "merge" or not corrections:
        return staged
    place = quoted(("id", *SOURCE[:2]))
    offset = f'CASE WHEN "correction" THEN "{SOURCE[2]}" END'
    upto = f'SELECT *, MAX({offset}) OVER (PARTITION BY {place}) AS "corrected upto" FROM {staged}'
    apart = f'"corrected upto" IS NULL OR "{SOURCE[2]}" > "corrected upto"'
    return f'(SELECT * FROM ({upto}) AS "candidates" WHERE "correction" OR {apart}) AS "candidates"'


CORRECTIONS_FIRST: Final = 'CASE WHEN "correction" THEN 0 ELSE 1 END'
ORDERS: Final = {
    "dedupe": f'{CORRECTIONS_FIRST}, CASE WHEN "correction" THEN -"{ROW}" ELSE "{ROW}" END',
    "merge": f'"{ROW}" DESC',
    # Those that are no corrections share the first place, unless there is one.
    "append": f'{CORRECTIONS_FIRST}, CASE WHEN "correction" THEN -"{ROW}" ELSE 0 END',
}
"""Which of a batch's events of one id comes first: what is at the first place goes in."""


def tally(ways: Ways) -> Statement:
    """Ask how many events are kept, how many of them replace one, and how many are of no use."""
    return ways.statement(
        "tally",
        'SELECT COUNT(*), COUNT(CASE WHEN "replaces" AND NOT "deleted" THEN 1 END),'
        ' COUNT(CASE WHEN "replaces" THEN 1 END), COUNT(CASE WHEN "deleted" THEN 1 END)'
        f" FROM {ways.stage(KEPT)}",
    )


# What comes.


def insert(ways: Ways, table: str, columns: Columns, *, every: bool = False) -> Statement:
    """Insert the staged rows of a table of events, or of discards, whose events are kept.

    Args:
        ways: How statements are written.
        table: The table.
        columns: Those that are staged.
        every: Whether ``every`` event of the batch is kept: not to look takes DuckDB 7 µs an event
            instead of 9.
    """
    taken = ", ".join(
        loaded_value(ways.dialect, kind, f"s.{quoted([name])}") for name, kind in columns.items()
    )
    kept = f'SELECT "{ROW}" FROM {ways.stage(KEPT)} WHERE NOT "deleted"'
    return ways.statement(
        f"insert {table}",
        f"INSERT INTO {quoted([table])} ({quoted((*columns, LOADED))})"
        f" SELECT {taken}, {ways.moment} FROM {ways.stage(table)} s"
        + ("" if every else f' WHERE s."{ROW}" IN ({kept})'),
        iso(ways.loaded_at),
    )


def insert_messages(ways: Ways) -> Statement:
    """Remember the messages that are kept; of people deleted, only that there was one."""
    taken = {
        name: f'CASE WHEN NOT k."deleted" THEN s."{name}" END' if name in TOKENS else f's."{name}"'
        for name in SYSTEM[MESSAGES]
    }
    taken["loaded_at"] = ways.moment
    if (made := ways.digest('s."id"')) is not None:
        taken[DIGEST] = made
    return ways.statement(
        f"insert {MESSAGES}",
        f'INSERT INTO "{MESSAGES}" ({quoted(taken)})'
        f" SELECT {', '.join(taken.values())} FROM {ways.stage(MESSAGES)} s"
        f' JOIN {ways.stage(KEPT)} k ON k."{ROW}" = s."{ROW}"',
        iso(ways.loaded_at),
    )


def insert_load(
    ways: Ways, loader: str, result: LoadResult, received_up_to: Micros | None
) -> Statement:
    """Keep a line on what this batch did."""
    columns = SYSTEM["streamproc_loads"]
    return ways.statement(
        "insert streamproc_loads",
        f'INSERT INTO "streamproc_loads" ({quoted(columns)}) {values(ways.dialect, columns, 1)}',
        loader,
        iso(ways.loaded_at),
        *result[:-1],
        None if received_up_to is None else iso(received_up_to),
        result.seconds,
    )


NO_WINDOW: Final = (iso(Micros(1)), iso(Micros(0)))
"""A window that nothing is in."""


def remembered(ways: Ways) -> str:
    """Return a query of what the window reaches of any event of the batch, bound by window()."""
    within = f'"received_at" BETWEEN {ways.moment} AND {ways.moment}'
    if (made := ways.digest('"id"')) is not None:
        # The rows first, by what is quick to read; then what they hold, of these alone.
        staged = f"SELECT {made} FROM {ways.stage(MESSAGES)}"
        rows = f'SELECT rowid FROM "{MESSAGES}" WHERE {within} AND "{DIGEST}" IN ({staged})'
        within = f"rowid IN ({rows})"
    columns = ("id", "received_at", "type", "event_table", "correction", *SOURCE, *TOKENS)
    return f'SELECT {quoted(columns)} FROM "{MESSAGES}" WHERE {within}'


def window(ways: Ways, received: tuple[Micros, Micros]) -> tuple[str, str]:
    """Return the first and the last moment that the window reaches."""
    reach = ways.dedupe_hours * MICROS_AN_HOUR
    first, last = received
    return iso(Micros(first - reach)), iso(Micros(last + reach))
