"""What a lake of Parquet files consists of: a log of commits, each of them whole or not there.

A lake has no database to decide what is in it; its files and their names are all there is.

``table=<table>/date=<day>/part-….parquet``, ``table=users/users.parquet``
    What readers see. Days are those of ``received_at``, in UTC.
``_streamproc/commits/<number>.json``
    What each commit did. A file of the next number is made whole and at once, and by one process
    only (a hard link): who comes second starts anew. This is the moment a batch is in.
``_streamproc/snapshots/<number>.json``
    All commits up to one in a single file, so that they need not be kept, or read.
``_streamproc/messages/date=<day>/…``
    The lines of ``streamproc_messages``.
``_streamproc/staging/<process>/``
    Files on their way. After its commit they are renamed to where readers look; what is replaced
    is renamed over, file by file.

Before a commit is made, the one before it is finished, by whoever is there: so only the last can
have files left to rename. Readers never see half a file nor a row twice in one; but a commit of
several files comes to them one file after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import orjson

from streamproc.events import Micros
from streamproc.warehouse.kinds import Kind
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.sink import Load, Place, Position
from streamproc.warehouse.sinks.lake_disk import Disk

__all__ = ["FOLDER", "Commit", "Erased", "Log", "State"]

FOLDER: Final = "_streamproc"
COMMITS: Final = f"{FOLDER}/commits"
SNAPSHOTS: Final = f"{FOLDER}/snapshots"

COMMITS_A_SNAPSHOT: Final = 64
"""Commits from one snapshot to the next: who opens the lake reads as many at most."""

LOADS_KEPT: Final = 10_000
"""Lines of ``streamproc_loads`` that are kept: a week of a batch a minute."""


class Erased(NamedTuple):
    """A line of ``streamproc_deletions``, without its token."""

    until: Micros
    receipt: str
    events: int
    deleted_at: Micros


@dataclass(frozen=True, slots=True)
class Commit:
    """What changes, all at once. A snapshot is a commit that says everything.

    Attributes:
        number: One more than that of the commit before.
        moves: Files to be renamed, from where to where.
        removes: Files to be removed afterwards; no later commit uses their names again.
        offsets: Of the partitions that have moved.
        schema: Of the tables that have changed, all columns.
        erased: By token, the deletions that are new or have changed.
        rows: By table, how many there are more, or less.
        loads: The batch, if it was one.
    """

    number: int
    moves: Sequence[tuple[str, str]] = ()
    removes: Sequence[str] = ()
    offsets: Mapping[Place, Position] = field(default_factory=dict)
    schema: Schema = field(default_factory=dict)
    erased: Mapping[str, Erased] = field(default_factory=dict, repr=False)
    rows: Mapping[str, int] = field(default_factory=dict)
    loads: Sequence[Load] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The lake as of a commit."""

    number: int = 0
    offsets: Mapping[Place, Position] = field(default_factory=dict)
    schema: Schema = field(default_factory=dict)
    erased: Mapping[str, Erased] = field(default_factory=dict, repr=False)
    rows: Mapping[str, int] = field(default_factory=dict)
    loads: Sequence[Load] = ()

    def after(self, commit: Commit) -> State:
        """Return the lake after ``commit``."""
        rows = dict(self.rows)
        for table, more in commit.rows.items():
            rows[table] = rows.get(table, 0) + more
        return State(
            commit.number,
            {**self.offsets, **commit.offsets},
            {**self.schema, **commit.schema},
            {**self.erased, **commit.erased},
            rows,
            [*self.loads, *commit.loads][-LOADS_KEPT:],
        )

    def snapshot(self) -> Commit:
        """Return the commit that makes this of nothing."""
        return Commit(
            self.number,
            offsets=self.offsets,
            schema=self.schema,
            erased=self.erased,
            rows=self.rows,
            loads=self.loads,
        )


class Log:
    """The commits of a lake, as one process reads and adds to them."""

    def __init__(self, disk: Disk, staging: str | None) -> None:
        """Read and write on ``disk``; ``staging`` is a folder of this process's own.

        Without one the lake is looked at, and nothing in it touched.
        """
        self._disk = disk
        self._staging = staging
        self._state = State()
        self._unfinished: Commit | None = None
        for folder in (COMMITS, SNAPSHOTS) if staging else ():
            disk.make_folder(folder)

    @property
    def number(self) -> int:
        """Return the number of the last commit that this process has seen."""
        return self._state.number

    def refresh(self) -> State:
        """Return the lake as of the last commit, whose files are all where they belong.

        Where the lake is only looked at, the last files may still be on their way.
        """
        for commit in self._unread():
            self._state = self._state.after(commit)
            self._unfinished = commit
        if self._staging is not None:
            self._finish()
        return self._state

    def append(self, commit: Commit) -> bool:
        """Make ``commit``, its files staged, and finish it.

        Returns:
            Whether it is made; False if another process was first.
        """
        staged, name = f"{self._staging}/commit.json", _name(COMMITS, commit.number)
        for source, _ in commit.moves:
            self._disk.sync(source)
        for folder in {_folder(source) for source, _ in commit.moves}:
            self._disk.sync(folder)
        self._disk.write(staged, _encoded(commit))
        if not self._disk.link(staged, name):
            return False
        if commit.number <= self._newest_snapshot():
            # This process has slept for a whole snapshot: the number was free because the commit
            # that had it is cleared away. Nobody reads this one.
            self._disk.remove(name)
            return False
        self._disk.sync(COMMITS)
        self.refresh()
        if commit.number % COMMITS_A_SNAPSHOT == 0:
            self._clear(commit.number)
        return True

    def _unread(self) -> Iterator[Commit]:
        number = self._state.number
        if (newest := self._newest_snapshot()) > number:
            data = self._disk.read(_name(SNAPSHOTS, newest))
            if data is None:  # a newer one has come
                yield from self._unread()
                return
            self._state = State()
            yield _decoded(data)
            number = newest
        while (data := self._disk.read(_name(COMMITS, number + 1))) is not None:
            yield _decoded(data)
            number += 1

    def _finish(self) -> None:
        commit = self._unfinished
        if commit is None:
            return
        folders = {_folder(target) for _, target in commit.moves}
        for folder in sorted(folders):
            self._disk.make_folder(folder)
        for source, target in commit.moves:
            self._disk.replace(source, target)
        for name in commit.removes:
            self._disk.remove(name)
        for folder in sorted(folders | {_folder(name) for name in commit.removes}):
            self._disk.sync(folder)
        self._unfinished = None

    def _clear(self, number: int) -> None:
        staged = f"{self._staging}/snapshot.json"
        self._disk.write(staged, _encoded(self._state.snapshot()))
        self._disk.replace(staged, _name(SNAPSHOTS, self._state.number))
        self._disk.sync(SNAPSHOTS)
        for folder, last in ((COMMITS, number), (SNAPSHOTS, number - 1)):
            for old in self._numbers(folder):
                if old <= last:
                    self._disk.remove(_name(folder, old))

    def _newest_snapshot(self) -> int:
        return max(self._numbers(SNAPSHOTS), default=0)

    def _numbers(self, folder: str) -> list[int]:
        names = self._disk.names(folder)
        return [int(name[:-5]) for name in names if name[:-5].isdigit() and name.endswith(".json")]


def _name(folder: str, number: int) -> str:
    return f"{folder}/{number:012d}.json"


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _encoded(commit: Commit) -> bytes:
    return orjson.dumps(
        {
            "number": commit.number,
            "moves": commit.moves,
            "removes": commit.removes,
            "offsets": [(*place, *position) for place, position in commit.offsets.items()],
            "schema": {table: dict(columns) for table, columns in commit.schema.items()},
            "erased": {token: list(erased) for token, erased in commit.erased.items()},
            "rows": dict(commit.rows),
            "loads": [list(load) for load in commit.loads],
        }
    )


def _decoded(data: bytes) -> Commit:
    said = orjson.loads(data)
    return Commit(
        said["number"],
        [(source, target) for source, target in said["moves"]],
        said["removes"],
        # Commits of earlier releases do not tell the topic's id.
        {Place(topic, number): Position(*at) for topic, number, *at in said["offsets"]},
        {
            table: {name: Kind(kind) for name, kind in columns.items()}
            for table, columns in said["schema"].items()
        },
        {token: Erased._make(erased) for token, erased in said["erased"].items()},
        said["rows"],
        [Load._make(load) for load in said["loads"]],
    )
