"""From records to spooled chunks: decoded, gathered by partition, made into tables.

What cannot be decoded becomes a dead letter and is passed by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

import structlog

from streamproc.deadletters import Seal, dead_letter
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Deletion
from streamproc.kafka.codecs import decode_deletion
from streamproc.kafka.row_reader import likeness
from streamproc.warehouse.loading.batches import merged
from streamproc.warehouse.loading.packing import Packing, pack_rows
from streamproc.warehouse.loading.pending import Chunk, Gathered, Pending, Sealed
from streamproc.warehouse.loading.source import Fetched, to_record
from streamproc.warehouse.loading.spool import Spool
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.shape.frames import Bulk, Framer, Frames
from streamproc.warehouse.sink import Place

__all__ = ["DeadLetters", "Intake", "Machinery"]

log = structlog.get_logger()

T = TypeVar("T")

TOLD_OFFSETS: Final = 10
"""Records that one line names; all of them are named at DEBUG."""
TOLD_AGAIN: Final = 2
"""How many times more columns than were told of have to be put aside before it is told again."""


class DeadLetters(Protocol):
    """Where dead letters go."""

    @property
    def is_failing(self) -> bool:
        """Whether letters wait to be sent again."""

    def send(self, letter: DeadLetter) -> None:
        """Hand a letter over."""

    def flush(self) -> None:
        """Wait until all are delivered.

        Raises:
            RetryableError: Some are not.
        """


@dataclass(frozen=True, slots=True)
class Machinery:
    """What rows are made ready with."""

    decode: Callable[[bytes | None], LoadedRow]
    framer: Framer
    spool: Spool
    dead: DeadLetters
    seal: Seal | None
    deletions_topic: str
    pack: Callable[[Sequence[bytes | None]], Packing] = pack_rows


class Intake:
    """Takes records in until the spool is full.

    Attributes:
        pending: What was taken in and is not loaded yet.
    """

    def __init__(self, machinery: Machinery, pending: Pending) -> None:
        """Start with what ``pending`` holds: nothing."""
        self.pending = pending
        self._by = machinery
        self._known: Schema = {}
        self._told: dict[str, int] = {}
        self.put_aside: dict[str, int] = {}
        """By table that has all the columns it can have, how many more were asked for at once."""
        self._on_loan: set[Chunk] = set()

    @property
    def has_room(self) -> bool:
        """Whether more records should be read."""
        return not (self._by.spool.is_full or self._by.dead.is_failing)

    @property
    def spooled_size(self) -> int:
        """Return the bytes of rows that wait, in memory and on disk."""
        return self._by.spool.memory_size + self._by.spool.file_size

    def see(self, schema: Schema) -> None:
        """Make tables of what comes from now on that fit the warehouse's as they are."""
        self._known = merged(schema, self._known)

    def take(self, fetched: Fetched, now: float) -> None:
        """Take a record in."""
        self.pending.gather(fetched, now)
        if (crowded := self.pending.crowded(fetched.place)) is not None:
            self._make_chunk(crowded)

    def seal(self) -> Sealed:
        """Return the next batch, of all that was taken in; :meth:`give_back` has to follow."""
        for place in self.pending.gathered_places():
            self._make_chunk(place)
        sealed = self.pending.seal()
        self._on_loan = set(sealed.chunks)
        return sealed

    def give_back(self, sealed: Sealed, *, loaded: bool) -> None:
        """Take a batch back from the warehouse, which has it now or does not."""
        if loaded:
            self.pending.loaded(sealed)
        self._on_loan = set()
        kept = self.pending.chunks()
        for chunk in sealed.chunks:
            if chunk not in kept:
                self._by.spool.drop(chunk.tables)

    def drop(self, places: Iterable[Place]) -> None:
        """Forget partitions and what was read of them; what is on loan is dropped later."""
        for chunk in self.pending.drop(places):
            if chunk not in self._on_loan:
                self._by.spool.drop(chunk.tables)

    def _make_chunk(self, place: Place) -> None:
        first, gathered = self.pending.cut(place)
        self.pending.put(self._chunk(place, first, gathered))

    def _chunk(self, place: Place, first: int, gathered: Gathered) -> Chunk:
        dead: dict[str, list[int]] = {}

        def decoded(
            decode: Callable[[bytes | None], T], numbered: Iterable[tuple[int, Fetched]]
        ) -> Iterator[tuple[int, T]]:
            for number, fetched in numbered:
                try:
                    yield number, decode(fetched.value)
                except EventError as refused:
                    self._bury(fetched, refused)
                    dead.setdefault(refused.code, []).append(fetched.offset)

        deletions: list[Deletion | None] = []
        bulk: Bulk | None = None
        rows: Iterable[tuple[int, LoadedRow]] = ()
        if place.topic == self._by.deletions_topic:
            numbered = enumerate(gathered.records, first)
            deletions = [deletion for _, deletion in decoded(_deletion, numbered)]
        else:
            bulk, left = self._together(first, gathered)
            rows = decoded(self._by.decode, _sorted(left))
        frames = self._frames(rows, bulk)
        _tell_dead(place, dead)
        return Chunk(
            place=place,
            first=first,
            following=gathered.following,
            since=gathered.since,
            records=len(gathered.records),
            size=gathered.size,
            tables=self._by.spool.keep(frames.tables),
            kinds=frames.kinds,
            deletions=[deletion for deletion in deletions if deletion is not None],
            corrections=frames.corrections > 0,
            dead=sum(map(len, dead.values())),
            written=gathered.records[0].timestamp,
        )

    def _together(
        self, first: int, gathered: Gathered
    ) -> tuple[Bulk | None, Iterable[tuple[int, Fetched]]]:
        """Return the rows that are read all at once, and the records to read one by one."""
        packed, left = self._by.pack([fetched.value for fetched in gathered.records])
        bulk = None
        if packed is not None:
            bulk = self._by.framer.parse(packed)
            left = [*left, *bulk.left]
            bulk = bulk.numbered_from(first)
        return bulk, ((first + place, gathered.records[place]) for place in left)

    def _frames(self, rows: Iterable[tuple[int, LoadedRow]], bulk: Bulk | None) -> Frames:
        frames = self._by.framer.frames(rows, self._known, bulk)
        # So that the next chunk's columns come out in the kinds of this one's.
        self._known = merged(self._known, frames.kinds)
        for table, columns in frames.alarms:
            self._alarm(table, columns)
        return frames

    def _alarm(self, table: str, columns: int) -> None:
        self.put_aside[table] = max(columns, self.put_aside.get(table, 0))
        if columns >= TOLD_AGAIN * self._told.get(table, 0):
            self._told[table] = columns
            log.error(
                "a table has too many columns, the rest goes into one", table=table, columns=columns
            )

    def _bury(self, fetched: Fetched, refused: EventError) -> None:
        log.debug(
            "record is no row", **fetched.place._asdict(), offset=fetched.offset, code=refused.code
        )
        letter = dead_letter(to_record(fetched), refused, ruleset="", seal=self._by.seal)
        self._by.dead.send(letter)


def _tell_dead(place: Place, dead: Mapping[str, Sequence[int]]) -> None:
    for code, offsets in dead.items():
        log.warning(
            "records are no rows, dead letters are sent",
            **place._asdict(),
            code=code,
            records=len(offsets),
            offsets=sorted(offsets)[:TOLD_OFFSETS],
        )


def _sorted(numbered: Iterable[tuple[int, Fetched]]) -> list[tuple[int, Fetched]]:
    """Return the records with those of one type and event together, as they are framed best."""
    return sorted(numbered, key=lambda each: likeness(each[1].value))


def _deletion(value: bytes | None) -> Deletion | None:
    # A tombstone takes nothing back: who is deleted stays so.
    return None if value is None else decode_deletion(value)
