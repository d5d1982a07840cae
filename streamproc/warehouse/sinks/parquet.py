# ruff: noqa: S608 - its text is names of ours, quoted, and constants
"""The Parquet sink: a folder of files by table and day, for whatever reads lakes.

:mod:`~streamproc.warehouse.sinks.lake` tells how a batch comes to be wholly in it or not at all.
DuckDB reads a table as ``read_parquet('lake/table=tracks/*/*.parquet', union_by_name = true)``:
files from before a column was added do not have it.

A column that is widened is written again, in every file that has it. DuckDB could read files of
either type together, but Spark and Trino cannot, and one property of the wrong type would take the
whole table from them.

Files are not joined to larger ones: no order of renames would show readers each row once at every
moment. Few and large batches are what keeps them few.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import structlog

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Micros
from streamproc.settings import LoaderSettings
from streamproc.warehouse.dialect import Dialect
from streamproc.warehouse.dialects import PARQUET
from streamproc.warehouse.kinds import Kind, join
from streamproc.warehouse.schema import AddColumns, Change, Columns, CreateTable, Schema, Widen
from streamproc.warehouse.sink import (
    Access,
    Batch,
    Load,
    LoadResult,
    Place,
    Position,
    Together,
)
from streamproc.warehouse.sinks.lake import Commit, Log, State
from streamproc.warehouse.sinks.lake_batch import LEDGER, USERS_FILE, Loading, prepare, table_files
from streamproc.warehouse.sinks.lake_disk import Disk
from streamproc.warehouse.sinks.lake_scratch import DIALECT, FILES, Scratch
from streamproc.warehouse.sinks.lake_staging import Staging
from streamproc.warehouse.sql import ddl
from streamproc.warehouse.sql.ddl import filled
from streamproc.warehouse.sql.expressions import converted
from streamproc.warehouse.sql.statements import DISCARDS, MESSAGES, Ways, quoted
from streamproc.warehouse.sql.transaction import check_schema
from streamproc.warehouse.standard import USERS

__all__ = ["ParquetSink", "open_lake", "open_parquet"]

log = structlog.get_logger()

ATTEMPTS: Final = 10
"""Times a commit is prepared anew because another loader was first."""

FILES_A_TIER: Final = 16
"""Files of messages of one day and size that are joined into one: so a message is written again
once each time there are 16 times as many, and a day has some dozen files."""

Made = TypeVar("Made")


def open_parquet(settings: LoaderSettings, access: Access = "load") -> ParquetSink:
    """Open the lake, make its folder if it is not there, and finish what others have left.

    Who only looks leaves all as it is.

    Raises:
        ConfigError: The folder is in none, or is none.
        RetryableError: It cannot be written now.
    """
    directory = settings.parquet_directory
    if not directory.parent.is_dir():
        raise ConfigError(Problem(str(directory), "", "its folder does not exist"))
    if directory.exists() and not directory.is_dir():
        raise ConfigError(Problem(str(directory), "", "is no folder"))
    with _told(directory):
        disk = Disk(directory)
        if access == "look":
            return ParquetSink(disk, settings.dedupe_hours, None)
        directory.mkdir(exist_ok=True)
        return open_lake(disk, settings.dedupe_hours)


def open_lake(disk: Disk, dedupe_hours: int) -> ParquetSink:
    """Return the sink on the lake on ``disk``, what others have left there finished.

    Raises:
        RetryableError: It cannot be written now.
    """
    with _told(disk.root):
        sink = ParquetSink(disk, dedupe_hours, Staging(disk))
    sink.clean()
    return sink


class ParquetSink:
    """A :class:`~streamproc.warehouse.sink.Sink` on a lake."""

    def __init__(self, disk: Disk, dedupe_hours: int, staging: Staging | None) -> None:
        """Work on the lake on ``disk``, or look at it: then without ``staging``."""
        self._disk = disk
        self._dedupe_hours = dedupe_hours
        self._staging = staging
        self._log = Log(disk, None if staging is None else staging.folder)

    @property
    def dialect(self) -> Dialect:
        """Return how names and types are written here."""
        return PARQUET

    def offsets(self) -> Mapping[Place, Position]:
        """Return how far each partition is."""
        return self._state().offsets

    def schema(self) -> Schema:
        """Return the tables of events as they are."""
        return self._state().schema

    def statements(self, changes: Sequence[Change]) -> list[str]:
        """Return what :meth:`change` would do, in words: a lake is told nothing."""
        return [_words(change) for change in changes]

    def change(self, changes: Sequence[Change]) -> None:
        """Change tables, all of it or nothing; columns that are widened are written again."""
        self._commit(lambda state, scratch: (self._changed(state, scratch, changes), None))

    def load(self, batch: Batch) -> LoadResult:
        """Load ``batch`` in one commit."""
        started = time.perf_counter()
        ways = Ways(DIALECT, "staged_{}".format, self._dedupe_hours, batch.loaded_at)

        def seconds() -> float:
            return time.perf_counter() - started

        def made(state: State, scratch: Scratch) -> tuple[Commit, LoadResult]:
            check_schema(state.schema, batch)
            return prepare(Loading(self._disk, state, batch, ways, seconds), scratch)

        result = self._commit(made)
        if self._log.number % FILES_A_TIER == 0:
            self._commit(lambda state, scratch: (self._tidied(state, scratch), None))
        return result._replace(seconds=seconds())

    def counts(self) -> Mapping[str, int]:
        """Return the rows of each table, as the commits have counted them."""
        state = self._state()
        return {table: state.rows.get(table, 0) for table in (*state.schema, MESSAGES, DISCARDS)}

    def loads(self, since: Micros) -> Sequence[Load]:
        """Return the batches loaded from ``since`` on, of the last 10,000."""
        return [load for load in self._state().loads if load.loaded_at >= since]

    def together(self, tokens: Collection[str]) -> Sequence[Together]:
        """Return which tokens any of ``tokens`` is in events with."""
        with _told(self._disk.root):
            days = self._disk.names(LEDGER)
            files = [
                self._disk.path(f"{LEDGER}/{day}/{name}")
                for day in days
                for name in self._disk.names(f"{LEDGER}/{day}")
            ]
        if not files:
            return []
        scratch = Scratch(self._disk, LEDGER)
        try:
            asked = ddl.together(DIALECT, tokens, source=FILES)
            return ddl.to_together(
                row
                for statement in asked
                for row in scratch.ask(statement.name, statement.sql, files, *statement.parameters)
            )
        finally:
            scratch.close()

    def clean(self) -> int:
        """Remove what loaders that are gone have left staged, and return how many they were."""
        if self._staging is None:
            return 0
        with _told(self._disk.root):
            self._log.refresh()
            return self._staging.sweep(self._log.refresh)

    def close(self) -> None:
        """Finish the last commit, and remove what is staged."""
        if self._staging is None:
            return
        try:
            self._log.refresh()
            self._staging.close()
        except OSError:
            # What is committed stays staged, and the next to open the lake finishes it.
            self._staging.abandon()
            log.warning("lake not tidied on closing", directory=str(self._disk.root))

    def _state(self) -> State:
        with _told(self._disk.root):
            return self._log.refresh()

    def _commit(self, make: Callable[[State, Scratch], tuple[Commit | None, Made]]) -> Made:
        """Commit what ``make`` makes of the lake as it is, anew if the lake changes meanwhile."""
        assert self._staging is not None, "who only looks changes nothing"
        for _ in range(ATTEMPTS):
            with _told(self._disk.root):
                state = self._log.refresh()
                scratch = Scratch(self._disk, self._staging.new_folder())
                try:
                    commit, made = make(state, scratch)
                except RetryableError:
                    # Did another loader rewrite or remove a file while it was read?
                    if self._log.refresh().number == state.number:
                        raise
                    continue
                finally:
                    scratch.close()
                if commit is None or self._log.append(commit):
                    return made
        raise RetryableError(f"{self._disk.root} is being changed by other loaders")

    def _changed(self, state: State, scratch: Scratch, changes: Sequence[Change]) -> Commit | None:
        after = dict(state.schema)
        widened: dict[str, dict[str, tuple[Kind, Kind]]] = {}
        for change in changes:
            there = after.get(change.table, {})
            after[change.table] = columns = _after(there, change)
            for name, kind in there.items():
                if kind is not columns[name] and Kind.JSON is not kind:  # which is text already
                    table = widened.setdefault(change.table, {})
                    table[name] = (table.get(name, (kind, kind))[0], columns[name])
        changed = {
            table: after[table] for table in after if after[table] != state.schema.get(table)
        }
        if not changed:
            return None
        moves = [
            move for table in widened for move in self._rewritten(scratch, table, widened[table])
        ]
        return Commit(state.number + 1, moves, schema=changed)

    def _rewritten(
        self, scratch: Scratch, table: str, widened: Mapping[str, tuple[Kind, Kind]]
    ) -> Iterator[tuple[str, str]]:
        files = table_files(self._disk, table)
        if table == USERS and "users.parquet" in self._disk.names(f"table={USERS}"):
            files.append(USERS_FILE)
        for file in files:
            if there := sorted(widened.keys() & scratch.columns(file)):
                values = ", ".join(_widened(name, *widened[name]) for name in there)
                staged, _ = scratch.rewrite(file, f"SELECT f.* REPLACE ({values}) FROM FILES f")
                yield staged, file

    def _tidied(self, state: State, scratch: Scratch) -> Commit | None:
        """Join the many small files of messages into few larger ones."""
        moves, removes = [], []
        for day in self._disk.names(LEDGER):
            tiers: dict[int, list[str]] = {}
            for name in self._disk.names(f"{LEDGER}/{day}"):
                tiers.setdefault(int(name.split("-")[1].split(".")[0]), []).append(name)
            for tier, names in tiers.items():
                if len(names) >= FILES_A_TIER:
                    files = [f"{LEDGER}/{day}/{name}" for name in names]
                    staged = scratch.join(files)
                    target = f"{LEDGER}/{day}/{state.number + 1:012d}-{tier + 1}.parquet"
                    moves.append((staged, target))
                    removes += files
        return Commit(state.number + 1, moves, removes) if moves else None


def _after(there: Columns, change: Change) -> Columns:
    match change:
        case CreateTable():
            return {**filled(change.columns), **there}
        case AddColumns():
            return {
                **there,
                **{name: change.columns[name] for name in change.columns if name not in there},
            }
        case Widen():
            before = there.get(change.column, change.before)
            return {**there, change.column: join(before, change.after)}


def _widened(name: str, before: Kind, after: Kind) -> str:
    column = quoted([name])
    return f"{converted(DIALECT, f'f.{column}', before, after)} AS {column}"


def _words(change: Change) -> str:
    match change:
        case CreateTable() | AddColumns():
            what = "new table" if isinstance(change, CreateTable) else "new columns of"
            columns = ", ".join(f"{name} {kind}" for name, kind in change.columns.items())
            return f"{what} {change.table}: {columns}"
        case Widen():
            place = f"{change.table}.{change.column}"
            return f"{place} from {change.before} to {change.after}, in every file that has it"


@contextmanager
def _told(directory: Path) -> Iterator[None]:
    """Tell of files that cannot be used, without what they are called."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RetryableError(f"{directory} cannot be used: {reason}") from None
