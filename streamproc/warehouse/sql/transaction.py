"""The one transaction of a load, for every warehouse that speaks SQL.

Pure but for what the warehouse's :class:`Runner` does: the sink stages the frames, begins, calls
:func:`load_staged`, and commits. Whatever raises in between rolls all of it back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from streamproc.events import Micros
from streamproc.warehouse.mappings import MAPPINGS
from streamproc.warehouse.schema import Columns, Schema
from streamproc.warehouse.sink import (
    Batch,
    Deletion,
    LoadResult,
    OffsetsMovedError,
    SchemaMovedError,
)
from streamproc.warehouse.sql import mappings, removals, users
from streamproc.warehouse.sql import statements as sql
from streamproc.warehouse.sql.statements import DISCARDS, MESSAGES, Statement, Ways
from streamproc.warehouse.standard import SYSTEM, TABLES, USERS

__all__ = ["Runner", "Target", "check_schema", "load_staged"]

DELETIONS_A_STATEMENT: Final = 500
"""People in one statement: three parameters each, of which warehouses take some thousand."""


class Runner(Protocol):
    """Runs statements in the transaction that is open."""

    def run(self, statement: Statement) -> int:
        """Run ``statement`` and return how many rows it has changed."""

    def fetch(self, statement: Statement) -> Sequence[tuple[Any, ...]]:
        """Run the query and return its rows."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a batch is loaded into, and how.

    Attributes:
        ways: How the statements are written.
        known: The tables of events as they are.
        seconds: Asked at the end: how long the warehouse has been at work on the batch.
        is_locked: Whether the transaction has the lock of loads already.
    """

    ways: Ways
    known: Schema
    seconds: Callable[[], float]
    is_locked: bool = False


@dataclass(slots=True)
class Tally:
    """What has been found so far, in events."""

    staged: int = 0
    kept: int = 0
    replacing: int = 0  # whatever becomes of them
    replaced: int = 0
    kept_out: int = 0
    deleted: int = 0
    discards: int = 0
    received: tuple[Micros, Micros] | None = None

    @property
    def goes(self) -> bool:
        """Return whether anything leaves the warehouse."""
        return bool(self.replacing or self.deleted)

    @property
    def keeps_every(self) -> bool:
        """Return whether all that is staged goes in."""
        return bool(self.staged) and self.kept == self.staged and not self.kept_out


def check_schema(known: Schema, batch: Batch) -> None:
    """See that every frame of ``batch`` has its table, with just the kinds of the warehouse.

    Raises:
        SchemaMovedError: It has not.
    """
    for table, frame in batch.frames.items():
        if table in SYSTEM:
            continue
        there = known.get(table, {})
        if any(there.get(name) is not kind for name, kind in frame.columns.items()):
            raise SchemaMovedError(f"table {table} is not as the batch expects it")


def load_staged(batch: Batch, target: Target, runner: Runner) -> LoadResult:
    """Bring what is staged of ``batch`` into the tables.

    Raises:
        OffsetsMovedError: A partition is not where the batch expects it.
    """
    ways, tally = target.ways, Tally()
    if not target.is_locked:
        runner.run(sql.lock(ways))
    _advance(batch, ways, runner)
    deletions = _by_token(batch.deletions)
    for some in _chunks(deletions):
        runner.run(removals.renew_deletions(ways, some))
        runner.run(removals.remember_deletions(ways, some))
    if MESSAGES in batch.frames:
        _decide(batch, ways, runner, tally)
    if deletions:
        tally.deleted = runner.run(removals.find_deleted(ways))
    _remove(target, runner, tally)
    _insert(batch, ways, runner, tally)
    _bring_users(batch, target, runner, tally)
    _bring_mappings(batch, ways, runner)
    result = LoadResult(
        rows=tally.kept - tally.replaced - tally.kept_out,
        duplicates=tally.staged - tally.kept,
        replaced=tally.replaced,
        deleted=tally.kept_out + tally.deleted,
        discards=tally.discards,
        seconds=target.seconds(),
    )
    received_up_to = tally.received[1] if tally.received else None
    runner.run(sql.insert_load(ways, batch.loader, result, received_up_to))
    return result


def _advance(batch: Batch, ways: Ways, runner: Runner) -> None:
    new = [place for place, moved in batch.advances.items() if moved.expected.offset == 0]
    if new:
        runner.run(sql.seed(ways, new))
    if batch.advances:
        moved = runner.run(sql.advance(ways, batch.advances))
        if moved != len(batch.advances):
            raise OffsetsMovedError("another loader has moved a partition of the batch")


def _decide(batch: Batch, ways: Ways, runner: Runner, tally: Tally) -> None:
    tally.staged, first, last = runner.fetch(sql.span(ways))[0]
    if not tally.staged:
        return
    tally.received = (Micros(first), Micros(last))
    replaces = batch.corrections or batch.mode == "merge"
    runner.run(sql.keep(ways, batch.mode, tally.received, corrections=batch.corrections))
    if replaces:
        runner.run(removals.keep_out_forgotten(ways, tally.received))
    counts = runner.fetch(sql.tally(ways))[0]
    tally.kept, tally.replaced, tally.replacing, tally.kept_out = counts
    if tally.kept_out:
        # Before what is replaced is forgotten: its tokens may be those that were deleted.
        runner.run(removals.count_kept_out(ways, tally.received if replaces else None))
    if tally.replacing:
        runner.run(removals.find_replaced(ways, tally.received))
        runner.run(removals.forget_replaced(ways))


def _remove(target: Target, runner: Runner, tally: Tally) -> None:
    ways = target.ways
    if tally.deleted:
        runner.run(removals.count_deleted(ways))
        runner.run(removals.forget_deleted(ways))
    if tally.goes:
        for table in _tables(runner.fetch(removals.find_tables(ways)), target.known):
            runner.run(removals.delete(ways, table))
        runner.run(removals.delete_discards(ways))


def _insert(batch: Batch, ways: Ways, runner: Runner, tally: Tally) -> None:
    every = tally.keeps_every
    for table, columns in _tables_of_events(batch):
        runner.run(sql.insert(ways, table, columns, every=every))
    if DISCARDS in batch.frames:
        columns = batch.frames[DISCARDS].columns
        tally.discards = runner.run(sql.insert(ways, DISCARDS, columns, every=every))
    if MESSAGES in batch.frames:
        runner.run(sql.insert_messages(ways))


def _bring_users(batch: Batch, target: Target, runner: Runner, tally: Tally) -> None:
    ways, stale = target.ways, 0
    if USERS not in target.known:
        return
    if tally.goes:
        stale += runner.run(users.find_stale_of_gone(ways))
    frame = batch.frames.get(USERS)
    if frame is not None:
        stale += runner.run(users.find_stale(ways))
        runner.run(users.merge(ways, frame.columns))
        runner.run(users.insert_new(ways, frame.columns))
    if stale:
        runner.run(users.delete_stale(ways))
        if users.IDENTIFIES in target.known:
            runner.run(users.rebuild(ways, target.known))


def _bring_mappings(batch: Batch, ways: Ways, runner: Runner) -> None:
    if batch.mapped is None:
        return
    if (frame := batch.frames.get(MAPPINGS)) is not None:
        runner.run(mappings.forget(ways))
        runner.run(mappings.insert(ways, frame.columns, batch.mapped.at))
    if batch.mapped.whole:
        runner.run(mappings.sweep(ways, batch.mapped.at))


def _tables_of_events(batch: Batch) -> Iterator[tuple[str, Columns]]:
    for table, frame in batch.frames.items():
        if table not in SYSTEM and table not in (USERS, MAPPINGS):
            yield table, frame.columns


def _tables(found: Sequence[tuple[Any, ...]], known: Schema) -> list[str]:
    # Base tables and tables of tracked events; one that somebody has dropped has nothing to lose.
    names = {TABLES.get(type_) for type_, _ in found} | {table for _, table in found}
    return sorted(name for name in names if name is not None and name in known)


def _by_token(deletions: Sequence[Deletion]) -> list[Deletion]:
    # A statement must not meet one token twice: the longest counts, with the last receipt.
    by_token: dict[str, Deletion] = {}
    for deletion in deletions:
        before = by_token.get(deletion.token, deletion)
        until = max(before.until, deletion.until)
        by_token[deletion.token] = deletion._replace(until=until)
    return list(by_token.values())


def _chunks(deletions: Sequence[Deletion]) -> Iterator[Sequence[Deletion]]:
    for start in range(0, len(deletions), DELETIONS_A_STATEMENT):
        yield deletions[start : start + DELETIONS_A_STATEMENT]
