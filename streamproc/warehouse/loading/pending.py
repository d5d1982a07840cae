"""What was read and is not in the warehouse yet, by partition, and how far each has been read.

Rows are gathered until they make a chunk: rows of one partition, which the loader turns into tables
and spools. A batch is made of whole chunks, the oldest first. Chunks stay here until the warehouse
has them, so a batch that failed can be tried again, and a partition that goes to another loader is
dropped alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from streamproc.events import Deletion
from streamproc.warehouse.loading.source import Fetched
from streamproc.warehouse.loading.spool import Spooled
from streamproc.warehouse.schema import Schema
from streamproc.warehouse.sink import START, Advance, Place, Position

__all__ = ["Chunk", "Gathered", "Limits", "Pending", "Sealed"]


class Limits(NamedTuple):
    """When rows become a chunk, and chunks a batch.

    Attributes:
        batch_rows: Most rows of a batch.
        batch_bytes: Most bytes of a batch, as they came from Kafka; passed by one chunk at most.
        chunk_rows: Rows of a partition that become a chunk.
        gathered_rows: Rows of all partitions that are gathered before some become a chunk.
        gathered_bytes: Bytes likewise.
    """

    batch_rows: int
    batch_bytes: int
    chunk_rows: int
    gathered_rows: int
    gathered_bytes: int


@dataclass(slots=True)
class Gathered:
    """Records of one partition that are no chunk yet.

    Attributes:
        following: The next offset to read.
        since: When the first record came, in the clock's seconds.
        size: Bytes of the records' values.
    """

    following: int
    since: float
    records: list[Fetched] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Gathered records whose rows are tables by now; the same only as itself.

    Attributes:
        first: Number of the first row, counted over all chunks as they were cut.
        tables: The rows, where they are spooled.
        kinds: By table, its columns and their kinds.
        corrections: Whether there are rows that replace others.
        dead: Records that became dead letters.
        written: When the first record was written, in milliseconds since the Unix epoch.
    """

    place: Place
    first: int
    following: int
    since: float
    records: int
    size: int
    tables: Spooled
    kinds: Schema
    deletions: Sequence[Deletion]
    corrections: bool
    dead: int
    written: int = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """The chunks of one batch, and how it moves their partitions."""

    chunks: Sequence[Chunk]
    advances: Mapping[Place, Advance]


@dataclass(slots=True)
class Progress:
    """One partition: where the warehouse has it, what was read since, whether that was all."""

    expected: Position
    following: int
    topic_id: str | None
    chunks: deque[Chunk] = field(default_factory=deque)
    gathered: Gathered | None = None
    at_end: bool = False


class Pending:
    """What the next batches will hold."""

    def __init__(self, limits: Limits) -> None:
        """Start without partitions."""
        self._limits = limits
        self._partitions: dict[Place, Progress] = {}
        self._count = 0
        self._gathered_records = 0
        self._gathered_size = 0
        self.records = 0
        """Records that wait, rows or not."""
        self.size = 0
        """Their bytes, as they came from Kafka."""

    # -- partitions -----------------------------------------------------------------------------

    def start(self, place: Place, expected: Position, following: Position) -> None:
        """Add a partition: where the warehouse has it, and from where it is read."""
        self._partitions[place] = Progress(expected, *following)

    def drop(self, places: Iterable[Place]) -> list[Chunk]:
        """Forget partitions, and return the chunks that were read of them."""
        dropped: list[Chunk] = []
        for place in places:
            if (progress := self._partitions.pop(place, None)) is not None:
                self._forget(progress.gathered)
                dropped += progress.chunks
        self._discount(dropped)
        return dropped

    def positions(self) -> dict[Place, int]:
        """Return the next offset to read of each partition."""
        return {place: progress.following for place, progress in self._partitions.items()}

    def reached_end(self, place: Place) -> None:
        """Note that all there was has been read."""
        if place in self._partitions:
            self._partitions[place].at_end = True

    def holds(self, place: Place) -> bool:
        """Return whether anything of a partition waits."""
        progress = self._partitions.get(place)
        return progress is not None and bool(progress.chunks or progress.gathered)

    @property
    def caught_up(self) -> bool:
        """Whether every partition has been read to its end."""
        return all(progress.at_end for progress in self._partitions.values())

    # -- records --------------------------------------------------------------------------------

    def gather(self, fetched: Fetched, now: float) -> None:
        """Take a record; one of a partition that is not ours any more is left to who has it."""
        progress = self._partitions.get(fetched.place)
        if progress is None:
            return
        if (gathered := progress.gathered) is None:
            gathered = progress.gathered = Gathered(fetched.offset, now)
        progress.following = gathered.following = fetched.offset + 1
        gathered.records.append(fetched)
        size = len(fetched.value) if fetched.value is not None else 0
        gathered.size += size
        self._gathered_records += 1
        self._gathered_size += size
        self.records += 1
        self.size += size

    def crowded(self, place: Place) -> Place | None:
        """Return the partition whose rows have to become a chunk, now that ``place`` has more."""
        limits = self._limits
        if self._gathered_in(place) >= limits.chunk_rows:
            return place
        rows, size = self._gathered_records, self._gathered_size
        if rows >= limits.gathered_rows or size >= limits.gathered_bytes:
            return max(self._partitions, key=self._gathered_in)
        return None

    def gathered_places(self) -> list[Place]:
        """Return the partitions that have records which are no chunk yet."""
        return [place for place, progress in self._partitions.items() if progress.gathered]

    def cut(self, place: Place) -> tuple[int, Gathered]:
        """Return what was gathered of a partition, and the number of its first row.

        :meth:`put` has to follow, with the chunk that is made of it.
        """
        progress = self._partitions[place]
        gathered, progress.gathered = progress.gathered, None
        assert gathered is not None
        self._gathered_records -= len(gathered.records)
        self._gathered_size -= gathered.size
        first, self._count = self._count, self._count + len(gathered.records)
        return first, gathered

    def put(self, chunk: Chunk) -> None:
        """Add the chunk that was made of what :meth:`cut` returned."""
        self._partitions[chunk.place].chunks.append(chunk)

    # -- batches --------------------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a batch."""
        return self.records >= self._limits.batch_rows or self.size >= self._limits.batch_bytes

    def oldest(self) -> float | None:
        """Return when the record came that has waited longest, in the clock's seconds."""
        waiting: list[float] = []
        for progress in self._partitions.values():
            if progress.chunks:
                waiting.append(progress.chunks[0].since)
            elif progress.gathered is not None:
                waiting.append(progress.gathered.since)
        return min(waiting, default=None)

    def oldest_written(self) -> int | None:
        """Return when the first record that waits was written, in ms since the Unix epoch.

        Of each partition its first; what is behind it may have any timestamp.
        """
        waiting: list[int] = []
        for progress in self._partitions.values():
            if progress.chunks:
                waiting.append(progress.chunks[0].written)
            elif progress.gathered is not None:
                waiting.append(progress.gathered.records[0].timestamp)
        return min(waiting, default=None)

    def expected(self) -> dict[Place, int]:
        """Return the next offset to load of each partition."""
        return {place: progress.expected.offset for place, progress in self._partitions.items()}

    def chunks(self) -> set[Chunk]:
        """Return the chunks that wait."""
        return {chunk for progress in self._partitions.values() for chunk in progress.chunks}

    def seal(self) -> Sealed:
        """Return the next batch: the oldest chunks, as many as the limits allow and one at least.

        A chunk that is too much is passed over, and those after it in its partition; others may
        fit. The chunks stay; :meth:`loaded` removes them.
        """
        chunks = sorted(
            (chunk for progress in self._partitions.values() for chunk in progress.chunks),
            key=lambda chunk: chunk.first,
        )
        taken: list[Chunk] = []
        passed: set[Place] = set()
        records, size = self._limits.batch_rows, self._limits.batch_bytes
        for chunk in chunks:
            fits = chunk.records <= records and chunk.size <= size
            if chunk.place not in passed and (fits or not taken):
                records -= chunk.records
                size -= chunk.size
                taken.append(chunk)
            else:
                passed.add(chunk.place)
        following = {chunk.place: chunk.following for chunk in taken}
        return Sealed(taken, {place: self._advance(place, following[place]) for place in following})

    def loaded(self, sealed: Sealed) -> None:
        """Remove what the warehouse has; partitions that were dropped meanwhile are passed over."""
        done = set(sealed.chunks)
        for place, advance in sealed.advances.items():
            progress = self._partitions.get(place)
            if progress is None or not progress.chunks or progress.chunks[0] not in done:
                continue
            removed: list[Chunk] = []
            while progress.chunks and progress.chunks[0] in done:
                removed.append(progress.chunks.popleft())
            progress.expected = advance.following
            self._discount(removed)

    def is_in(self, sealed: Sealed, stored: Mapping[Place, Position]) -> bool:
        """Return whether the warehouse's offsets say that it has a batch."""
        return bool(sealed.advances) and all(
            stored.get(place, START) == advance.following
            for place, advance in sealed.advances.items()
        )

    def moved(self, stored: Mapping[Place, Position]) -> list[Place]:
        """Return the partitions that are elsewhere in the warehouse than is thought here."""
        return [
            place
            for place, progress in self._partitions.items()
            if stored.get(place, START) != progress.expected
        ]

    # -------------------------------------------------------------------------------------------

    def _advance(self, place: Place, following: int) -> Advance:
        progress = self._partitions[place]
        return Advance(progress.expected, Position(following, progress.topic_id))

    def _gathered_in(self, place: Place) -> int:
        progress = self._partitions.get(place)
        return len(progress.gathered.records) if progress and progress.gathered else 0

    def _forget(self, gathered: Gathered | None) -> None:
        if gathered is not None:
            self._gathered_records -= len(gathered.records)
            self._gathered_size -= gathered.size
            self.records -= len(gathered.records)
            self.size -= gathered.size

    def _discount(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self.records -= chunk.records
            self.size -= chunk.size
