"""Rows read but not loaded yet, and how far each partition has been read."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamproc.events import Micros
from streamproc.warehouse.rows import LoadedRow
from streamproc.warehouse.sink import Advance, Batch

__all__ = ["Pending"]


@dataclass(slots=True)
class Progress:
    """One assigned partition: the warehouse's offset, what was read since, whether it was all."""

    expected: int
    following: int
    records: int = 0
    rows: list[LoadedRow] = field(default_factory=list, repr=False)
    at_end: bool = False


class Pending:
    """What the next batch will hold, by partition, so that a revoked one can be dropped alone."""

    def __init__(self, topic: str) -> None:
        """Start without partitions."""
        self._topic = topic
        self._partitions: dict[int, Progress] = {}
        self._assigned = False
        self.records = 0
        """Records read since the last batch, rows or not."""

    def assign(self, offsets: dict[int, int]) -> None:
        """Add partitions and the offsets the warehouse has for them."""
        self._assigned = True
        for partition, offset in offsets.items():
            self._partitions[partition] = Progress(offset, offset)

    def revoke(self, partitions: list[int]) -> None:
        """Drop partitions with all that was read of them; whoever has them now reads it again."""
        for partition in partitions:
            if (progress := self._partitions.pop(partition, None)) is not None:
                self.records -= progress.records

    def add(self, partition: int, offset: int, row: LoadedRow | None) -> None:
        """Take the record at ``offset``; None if there is no row in it."""
        progress = self._partitions[partition]
        progress.following = offset + 1
        progress.records += 1
        self.records += 1
        if row is not None:
            progress.rows.append(row)

    def reached_end(self, partition: int) -> None:
        """Note that all there was has been read."""
        if partition in self._partitions:
            self._partitions[partition].at_end = True

    @property
    def caught_up(self) -> bool:
        """Whether partitions were assigned and all of them have been read to their ends."""
        return self._assigned and all(progress.at_end for progress in self._partitions.values())

    def batch(self, loaded_at: Micros) -> Batch:
        """Return what was read since the last batch."""
        read = {
            partition: progress
            for partition, progress in self._partitions.items()
            if progress.records
        }
        return Batch(
            topic=self._topic,
            rows=[row for progress in read.values() for row in progress.rows],
            advances={
                partition: Advance(progress.expected, progress.following)
                for partition, progress in read.items()
            },
            loaded_at=loaded_at,
        )

    def loaded(self) -> None:
        """Start the next batch: what the last one held is in the warehouse."""
        for progress in self._partitions.values():
            progress.expected = progress.following
            progress.records = 0
            progress.rows = []
        self.records = 0
