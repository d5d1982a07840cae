# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""What a batch changes in a lake.

The decisions are those of every warehouse: the lines of the lake that the batch can touch are read
into a database in memory, and the statements of :mod:`~streamproc.warehouse.sql.transaction` are
run there. The rows that are new are written into files of their own, and the files that hold a row
which goes are written again without it. Rows of event tables do not pass through the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from streamproc.events import Micros
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.sink import Batch, Load, LoadResult
from streamproc.warehouse.sinks.lake import FOLDER, Commit, Erased, State
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.lake_files import Kept
from streamproc.warehouse.sinks.lake_scratch import DAY, DIALECT, Scratch
from streamproc.warehouse.sql import statements as sql
from streamproc.warehouse.sql.ddl import system_statements
from streamproc.warehouse.sql.expressions import iso
from streamproc.warehouse.sql.statements import (
    DISCARDS,
    GONE,
    KEPT,
    MESSAGES,
    TOKENS,
    WORK,
    Ways,
    quoted,
)
from streamproc.warehouse.sql.transaction import Target, load_staged
from streamproc.warehouse.standard import LOADED, ROW, SYSTEM, TABLES, USERS

__all__ = ["LEDGER", "USERS_FILE", "Loading", "prepare", "table_files"]

LEDGER: Final = f"{FOLDER}/messages"
"""The folder of ``streamproc_messages``."""

USERS_FILE: Final = f"table={USERS}/users.parquet"
MAPPINGS_FILE: Final = f"table={MAPPINGS}/{MAPPINGS}.parquet"
IDENTIFIES: Final = TABLES["identify"]
DELETIONS: Final = "streamproc_deletions"

DECIDED: Final = (MESSAGES, USERS, IDENTIFIES, DISCARDS, MAPPINGS)
"""Frames that the decisions look into; those of other tables go straight to their files."""

TOUCHED_TOKENS: Final = "streamproc_touched_tokens"
PEOPLE: Final = "streamproc_people"
LATE: Final = "streamproc_late"


def table_files(disk: Disk, table: str) -> list[str]:
    """Return the files of a table of events, the oldest day first."""
    return [name for day in disk.names(f"table={table}") for name in _day_files(disk, table, day)]


def _day_files(disk: Disk, table: str, day: str) -> list[str]:
    return _parquet(disk, f"table={table}/{day}") if day.startswith("date=") else []


def _ledger_files(disk: Disk, first: str, last: str) -> list[str]:
    days = (day for day in disk.names(LEDGER) if f"date={first}" <= day <= f"date={last}")
    return [name for day in days for name in _parquet(disk, f"{LEDGER}/{day}")]


def _parquet(disk: Disk, folder: str) -> list[str]:
    return [f"{folder}/{name}" for name in disk.names(folder) if name.endswith(".parquet")]


@dataclass(frozen=True, slots=True)
class Loading:
    """A batch on its way into the lake.

    Attributes:
        disk: The lake.
        state: What the batch comes upon.
        batch: The batch.
        ways: How the statements are written.
        seconds: Asked at the end, how long it took.
    """

    disk: Disk
    state: State
    batch: Batch
    ways: Ways
    seconds: Callable[[], float]

    @property
    def number(self) -> int:
        """Return the number of the commit."""
        return self.state.number + 1

    @property
    def may_remove(self) -> bool:
        """Return whether rows may go, or be replaced."""
        batch = self.batch
        return batch.corrections or batch.mode == "merge" or bool(batch.deletions)


@dataclass(slots=True)
class Changes:
    """What has been written so far."""

    moves: list[tuple[str, str]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, table: str, rows: int, moves: Sequence[tuple[str, str]]) -> None:
        """Count ``rows`` more, or fewer, of ``table``, in files that are moved."""
        self.moves += moves
        self.rows[table] = self.rows.get(table, 0) + rows


def prepare(loading: Loading, scratch: Scratch) -> tuple[Commit, LoadResult]:
    """Write what ``loading`` changes into files, and return the commit that makes it so.

    Raises:
        OffsetsMovedError: A partition is not where the batch expects it.
        RetryableError: The lake cannot be read, or not be written.
    """
    batch, state = loading.batch, loading.state
    _bring(loading, scratch)
    lines = scratch.ask("count messages", f'SELECT COUNT(*) FROM "{MESSAGES}"')[0][0]
    decided = {table: batch.frames[table] for table in DECIDED if table in batch.frames}
    known = {table: state.schema[table] for table in (USERS, IDENTIFIES) if table in state.schema}
    result = load_staged(
        replace(batch, frames=decided), Target(loading.ways, known, loading.seconds), scratch
    )
    changes = Changes()
    # Before what is new has files.
    _take_away(loading, scratch, changes)
    _write_events(loading, scratch, changes, _kept(loading, scratch))
    _write_messages(loading, scratch, changes, lines)
    _write_users(loading, scratch, changes)
    _write_mappings(loading, scratch, changes)
    received_up_to = _received_up_to(loading, scratch)
    load = Load(batch.loader, batch.loaded_at, *result[:-1], received_up_to, result.seconds)
    commit = Commit(
        loading.number,
        changes.moves,
        offsets={place: moved.following for place, moved in batch.advances.items()},
        erased=_erased(scratch),
        rows=changes.rows,
        loads=[load],
    )
    return commit, result


def _bring(loading: Loading, scratch: Scratch) -> None:
    """Read into the database what the decisions need of the batch and of the lake."""
    batch, ways = loading.batch, loading.ways
    for statement in system_statements(DIALECT, {}):
        scratch.run(statement)
    for table, columns in WORK.items():
        scratch.make(ways.staged(table), columns)
    for table in DECIDED:
        if table in batch.frames:
            scratch.keep(ways.staged(table), batch.frames[table])
        if table in loading.state.schema:
            scratch.make(table, loading.state.schema[table])
    for place, position in loading.state.offsets.items():
        row = 'INSERT INTO "streamproc_offsets" VALUES (?, ?, ?, ?)'
        scratch.ask("read offsets", row, *place, *position)
    _bring_messages(loading, scratch)
    _bring_deletions(loading, scratch)
    _bring_users(loading, scratch)


def _bring_messages(loading: Loading, scratch: Scratch) -> None:
    batch, disk = loading.batch, loading.disk
    wanted: dict[str, str] = {}
    if MESSAGES in batch.frames and (batch.corrections or batch.mode != "append"):
        _, first, last = scratch.fetch(sql.span(loading.ways))[0]
        if first is not None:
            reach = loading.ways.dedupe_hours * sql.MICROS_AN_HOUR
            days = (iso(Micros(moment))[:10] for moment in (first - reach, last + reach))
            same = f'f."id" IN (SELECT "id" FROM {loading.ways.stage(MESSAGES)})'
            wanted.update(dict.fromkeys(_ledger_files(disk, *days), same))
    if batch.deletions:
        scratch.keep_values(TOUCHED_TOKENS, "token", [told.token for told in batch.deletions])
        theirs = " OR ".join(f'f."{token}" IN (FROM "{TOUCHED_TOKENS}")' for token in TOKENS)
        last_day = iso(max(told.until for told in batch.deletions))[:10]
        for file in _ledger_files(disk, "", last_day):
            wanted[file] = f"({wanted[file]}) OR {theirs}" if file in wanted else theirs
    for where in dict.fromkeys(wanted.values()):
        scratch.read(MESSAGES, [file for file in wanted if wanted[file] == where], where)


def _bring_deletions(loading: Loading, scratch: Scratch) -> None:
    known = loading.state.erased
    touched = {told.token for told in loading.batch.deletions}
    if known and MESSAGES in loading.batch.frames:
        staged = loading.ways.stage(MESSAGES)
        tokens = " UNION ".join(f'SELECT "{token}" FROM {staged}' for token in TOKENS)
        touched |= {token for (token,) in scratch.ask("find tokens", tokens)}
    for token in touched & known.keys():
        until, receipt, events, deleted_at = known[token]
        scratch.ask(
            "read deletions",
            f'INSERT INTO "{DELETIONS}" VALUES (?, CAST(? AS TIMESTAMPTZ), ?, ?,'
            " CAST(? AS TIMESTAMPTZ))",
            *(token, iso(until), receipt, events, iso(deleted_at)),
        )


def _bring_users(loading: Loading, scratch: Scratch) -> None:
    """Read the users the batch tells of, and all that is told of those to be made anew."""
    if USERS not in loading.state.schema:
        return
    gone = f'SELECT "user_id" FROM "{MESSAGES}" WHERE "type" = \'identify\''
    gone = f'{gone} AND "user_id" IS NOT NULL' if loading.may_remove else f"{gone} AND FALSE"
    staged = loading.ways.stage(USERS)
    told = f'SELECT "id", "received_at" FROM {staged}'
    if USERS not in loading.batch.frames:
        told = f'SELECT "id", "received_at" FROM "{USERS}" WHERE FALSE'
    scratch.ask(
        "find users",
        f'CREATE TABLE "{PEOPLE}" AS SELECT "id" FROM ({told}) UNION {gone}',
    )
    files = [USERS_FILE] if "users.parquet" in loading.disk.names(f"table={USERS}") else []
    scratch.read(USERS, files, f'f."id" IN (FROM "{PEOPLE}")')
    if IDENTIFIES not in loading.state.schema:
        return
    late = scratch.ask(
        "find late users",
        f'CREATE TABLE "{LATE}" AS SELECT s."id" FROM ({told}) s JOIN "{USERS}" u'
        f' ON u."id" = s."id" AND s."received_at" <= u."received_at" UNION {gone}',
    )
    if late[0][0]:
        files = table_files(loading.disk, IDENTIFIES)
        scratch.read(IDENTIFIES, files, f'f."user_id" IN (FROM "{LATE}")')


def _take_away(loading: Loading, scratch: Scratch, changes: Changes) -> None:
    """Write the files that hold rows which go again, without them."""
    if not loading.may_remove:
        return
    stage = loading.ways.stage(GONE)
    found = scratch.ask(
        "find what goes", f'SELECT DISTINCT "type", "event_table", {DAY} FROM {stage}'
    )
    places = {
        (table, f"date={day}")
        for type_, event_table, day in found
        for table in (TABLES.get(type_), event_table)
        if table is not None
    }
    keys = f'FROM {stage} g WHERE g."id" = f."id" AND g."received_at" = f."received_at"'
    for table, day in sorted(places):
        _rewrite(scratch, changes, table, (_day_files(loading.disk, table, day), keys))
    days = sorted({f"date={day}" for _, _, day in found})
    rows = (
        f'FROM {stage} g WHERE g."received_at" = f."received_at"'
        ' AND f."row_id" IN (g."id", g."user_id")'
    )
    for day in days:
        files = _parquet(loading.disk, f"{LEDGER}/{day}")
        _rewrite(scratch, changes, MESSAGES, (files, keys))
        _rewrite(scratch, changes, DISCARDS, (_day_files(loading.disk, DISCARDS, day), rows))


def _rewrite(
    scratch: Scratch, changes: Changes, table: str, holding: tuple[Sequence[str], str]
) -> None:
    files, matching = holding
    for file, gone in sorted(scratch.holding(files, f"EXISTS (SELECT 1 {matching})").items()):
        left = f"SELECT f.* FROM FILES f WHERE NOT EXISTS (SELECT 1 {matching})"
        staged, _ = scratch.rewrite(file, left)
        changes.add(table, -gone, [(staged, file)])


def _kept(loading: Loading, scratch: Scratch) -> Kept:
    """Return which rows of the batch's frames go in."""
    ways = loading.ways
    rows = scratch.numbers(
        "find what is kept", f'SELECT "{ROW}" FROM {ways.stage(KEPT)} WHERE NOT "deleted"'
    )
    staged = loading.batch.frames[MESSAGES].rows if MESSAGES in loading.batch.frames else 0
    return Kept(None if len(rows) == staged else rows, ways.loaded_at)


def _write_events(loading: Loading, scratch: Scratch, changes: Changes, kept: Kept) -> None:
    """Write the rows of the tables of events, and of discards, whose events are kept."""
    for table, frame in loading.batch.frames.items():
        if table not in (MESSAGES, USERS, MAPPINGS):
            files, rows = scratch.write_frame(frame, kept)
            moves = _parts(f"table={table}", f"part-{loading.number:012d}", files)
            changes.add(table, rows, list(moves))


def _write_messages(loading: Loading, scratch: Scratch, changes: Changes, before: int) -> None:
    """Write the lines of messages that are new, and those that were changed."""
    # Rows are numbered as they come: the first `before` are of the lake.
    changed = (
        f'EXISTS (SELECT 1 FROM {loading.ways.stage(GONE)} g WHERE g."id" = m."id"'
        ' AND g."received_at" = m."received_at")'
    )
    files, rows = scratch.write_days(
        f'SELECT {quoted(SYSTEM[MESSAGES])}, {DAY} AS "date" FROM "{MESSAGES}" m'
        f" WHERE m.rowid >= {before:d} OR {changed}"
    )
    changes.add(MESSAGES, rows, list(_parts(LEDGER, f"{loading.number:012d}-0", files)))


def _write_users(loading: Loading, scratch: Scratch, changes: Changes) -> None:
    if USERS not in loading.state.schema:
        return
    if not scratch.ask("count users", f'SELECT COUNT(*) FROM "{PEOPLE}"')[0][0]:
        return
    query = f'SELECT {quoted(loading.state.schema[USERS])} FROM "{USERS}"'
    before = loading.state.rows.get(USERS, 0)
    if "users.parquet" in loading.disk.names(f"table={USERS}"):
        others = f'SELECT f.* FROM FILES f WHERE f."id" NOT IN (FROM "{PEOPLE}")'
        staged, rows = scratch.rewrite(USERS_FILE, f"{query} UNION ALL BY NAME {others}")
    else:
        staged, rows = scratch.write(query)
    changes.add(USERS, rows - before, [(staged, USERS_FILE)])


def _write_mappings(loading: Loading, scratch: Scratch, changes: Changes) -> None:
    mapped, columns = loading.batch.mapped, loading.state.schema.get(MAPPINGS)
    if mapped is None or columns is None:
        return
    query = f'SELECT {quoted(columns)} FROM "{MAPPINGS}"'
    before = loading.state.rows.get(MAPPINGS, 0)
    if f"{MAPPINGS}.parquet" in loading.disk.names(f"table={MAPPINGS}"):
        others = "SELECT f.* FROM FILES f WHERE TRUE"
        if MAPPINGS in loading.batch.frames:
            told = f'SELECT "token" FROM {loading.ways.stage(MAPPINGS)}'
            others += f' AND f."token" NOT IN ({told})'
        if mapped.whole:
            others += f' AND epoch_us(f."{LOADED}") = {mapped.at:d}'
        staged, rows = scratch.rewrite(MAPPINGS_FILE, f"{query} UNION ALL BY NAME {others}")
    else:
        staged, rows = scratch.write(query)
    changes.add(MAPPINGS, rows - before, [(staged, MAPPINGS_FILE)])


def _parts(folder: str, name: str, files: Sequence[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield moves of ``files`` into their days; a day has more than one if it is large."""
    places: dict[str, int] = {}
    for day, file in files:
        place = places[day] = places.get(day, -1) + 1
        yield file, f"{folder}/{day}/{name}{f'-{place}' if place else ''}.parquet"


def _erased(scratch: Scratch) -> Mapping[str, Erased]:
    found = scratch.ask(
        "read deletions",
        'SELECT "token", epoch_us("until"), "receipt", "events", epoch_us("deleted_at")'
        f' FROM "{DELETIONS}"',
    )
    return {token: Erased._make(erased) for token, *erased in found}


def _received_up_to(loading: Loading, scratch: Scratch) -> Micros | None:
    if MESSAGES not in loading.batch.frames:
        return None
    last = scratch.fetch(sql.span(loading.ways))[0][2]
    return None if last is None else Micros(last)
