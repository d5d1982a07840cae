"""Rows of a source onto the topic of attributes, a few at a time, and what is gone from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeVar

from streamproc.business.known import KnownRecord, KnownRecords
from streamproc.business.records import Place, RecordMaker, SourceRow
from streamproc.business.topic import read_known
from streamproc.errors import ConfigError, Problem
from streamproc.events import Micros
from streamproc.identity.attributes import AttributeRecord
from streamproc.kafka.attribute_topic import TopicWriter
from streamproc.settings import Settings

__all__ = ["BATCH_ROWS", "Load", "batches", "delete_gone", "gone", "load_rows", "sweep", "write"]

BATCH_ROWS: Final = 500
"""Rows that are made records of at a time: as many as a worker's batch has events."""

MOST_GONE: Final = 0.5
FEW: Final = 100
"""Records of which all may be gone at once: nobody has read them in error."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Load:
    """How rows are loaded.

    Attributes:
        writer: Where to; None to write nothing and only see what would be.
        now: When rows were modified whose source does not say.
        tell: Is told of each batch how many rows it had.
    """

    writer: TopicWriter | None
    now: Micros
    tell: Callable[[int], object]


def load_rows(
    maker: RecordMaker, rows: Iterable[SourceRow], load: Load, known: KnownRecords
) -> None:
    """Load ``rows``; when this returns the brokers have all of them.

    Args:
        maker: Makes their records, and counts.
        rows: The rows; of two with one id the last counts, and ``maker`` counts that too.
        load: Where to.
        known: Is told of each record that it was met.

    Raises:
        RetryableError: The brokers did not take all of it. To load all of it again does no harm.
    """
    for batch in batches(rows, BATCH_ROWS):
        for row in batch:
            token = maker.token_of(row.values) if row.values is not None else None
            if token is not None and not known.see(token, row.line):
                maker.totals.name("duplicate", row.line)
        write(maker, batch, load)
        load.tell(len(batch))
    if load.writer is not None:
        load.writer.flush()


def write(maker: RecordMaker, rows: list[SourceRow], load: Load) -> None:
    """Send what ``rows`` become; links go first, so that a record's person is known when it is.

    Raises:
        RetryableError: Something was not taken.
    """
    made = maker.make(rows, load.now)
    if load.writer is not None:
        load.writer.links(made.links)
        load.writer.records(made.records)


def sweep(
    settings: Settings, place: Place, writer: TopicWriter, known: KnownRecords, *, emptied: bool
) -> int:
    """Delete the records of a place that were not met; return how many they were.

    Args:
        settings: Where the topic is.
        place: Whose records.
        writer: Where to; what it was given before has been flushed.
        known: What was met.
        emptied: As for :func:`delete_gone`.

    Raises:
        ConfigError: As :func:`delete_gone`.
        RetryableError: The topic could not be read, or did not take the deletions.
    """
    read_known(settings, place.source, known)
    return delete_gone(place, writer, known, emptied=emptied)


def delete_gone(place: Place, writer: TopicWriter, known: KnownRecords, *, emptied: bool) -> int:
    """Delete the records of a place that are known and were not met; return how many they were.

    Args:
        place: Whose records.
        writer: Where to.
        known: What is on the topic, and what was met.
        emptied: Whether they may be more than half: a table that is being made anew is empty for
            a while, and a file may have been cut off.

    Raises:
        ConfigError: They are more than half; nothing is deleted.
        RetryableError: The topic did not take the deletions.
    """
    there = known.count(place.object)
    missing = sum(1 for _ in known.missing(place.object))
    if missing > max(there * MOST_GONE, FEW) and not emptied:
        told = f"{missing:,} of {there:,} records are gone; nothing is deleted without --emptied"
        raise ConfigError(Problem(f"{place.source} {place.object}", "", told))
    writer.records(gone(place.source, known.missing(place.object)))
    writer.flush()
    return missing


def gone(source: str, records: Iterable[KnownRecord]) -> Iterator[AttributeRecord]:
    """Yield what says that ``records`` of a source are gone.

    With the time that they were modified last: created again, they are modified later, by whatever
    clock their source has.
    """
    for record in records:
        yield AttributeRecord(
            source, record.object, record.token, (), {}, record.modified_at, deleted=True
        )


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield ``items`` in lists of ``size``, the last one shorter."""
    left = iter(items)
    while batch := list(islice(left, size)):
        yield batch
