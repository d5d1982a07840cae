"""The topic of dead letters, read: all of it once for an inventory, or some letters by position."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streamproc.deadletters.inventory import Inventory, Position, Replay, Wanted
from streamproc.errors import ConfigError, EventError, Problem, RetryableError
from streamproc.events import DeadLetter, Micros, Origin, Record
from streamproc.kafka.codecs import declared_codec, decode_dead_letter
from streamproc.kafka.ranges import EARLIEST, RangeReader, Stretch
from streamproc.settings import KafkaSettings

__all__ = [
    "Advance",
    "decode_replay",
    "delete_before",
    "encode_replay",
    "read_letters",
    "read_records",
    "take_inventory",
    "take_marks",
]

Advance: TypeAlias = Callable[[int, int], None]
"""Is told of each batch that was read: how many records, and how many offsets it went on."""

REPLAY: Final = declared_codec("replay")
BATCH_RECORDS: Final = 5_000
READ_SECONDS: Final = 0.2
DELETE_SECONDS: Final = 30.0


def encode_replay(replay: Replay) -> bytes:
    """Return the message value of a mark."""
    topic, partition, offset = replay.to
    return REPLAY.encode(
        {
            "letter_partition": replay.letter.partition,
            "letter_offset": replay.letter.offset,
            "attempt": replay.attempt,
            "topic": topic,
            "partition": partition,
            "offset": offset,
            "repair": replay.repair,
        }
    )


def decode_replay(value: bytes) -> Replay:
    """Return the mark in a message value.

    Raises:
        EventError: ``load``, ``not_ours``.
    """
    fields = REPLAY.decode(value)
    return Replay(
        Position(fields["letter_partition"], fields["letter_offset"]),
        fields["attempt"],
        Origin(fields["topic"], fields["partition"], fields["offset"]),
        fields["repair"],
    )


def take_inventory(
    kafka: KafkaSettings,
    topic: str,
    wanted: Wanted,
    since: Micros = EARLIEST,
    started: Callable[[int], Advance] | None = None,
) -> Inventory:
    """Return what is on the topic of dead letters now, in bounded memory.

    Args:
        kafka: The brokers, and how to connect.
        topic: The topic.
        wanted: The letters that are asked for.
        since: Letters and marks written from then on; by the topic's index, what is older is not
            read.
        started: Is told how many offsets there are to read; returns what is told of each batch.

    Raises:
        RetryableError: The topic cannot be read.
    """
    return _taken(RangeReader(kafka, topic, since), Inventory(wanted), _take, started)


def take_marks(
    kafka: KafkaSettings, topic: str, started: Callable[[int], Advance] | None = None
) -> Inventory:
    """Return the marks alone of what is on the topic: which letters were sent again, how often.

    Raises:
        RetryableError: The topic cannot be read.
    """
    return _taken(RangeReader(kafka, topic), Inventory(), _take_mark, started)


def read_letters(
    kafka: KafkaSettings, topic: str, positions: Iterable[Position]
) -> dict[Position, DeadLetter]:
    """Return the letters at ``positions``.

    Raises:
        ConfigError: There is no letter at one of them; says why.
        RetryableError: The topic cannot be read.
    """
    asked = sorted(positions)
    with RangeReader(kafka, topic) as reader:
        there = {each.partition: each for each in reader.stretches}
        problems = [told for each in asked if (told := _not_there(each, there)) is not None]
        if problems:
            raise ConfigError(*problems)
        records = _picked(reader, [(each.partition, each.offset) for each in asked])
    letters = {}
    for position in asked:
        try:
            letters[position] = decode_dead_letter(records[position].value)
        except KeyError:  # compaction, or a transaction that was aborted
            problems.append(_problem(position, "there is no record there"))
        except EventError:
            problems.append(_problem(position, _what_else(records[position].value)))
    if problems:
        raise ConfigError(*problems)
    return letters


def read_records(kafka: KafkaSettings, origins: Iterable[Origin]) -> dict[Origin, Record]:
    """Return the records at ``origins``, as far as their topics still have them.

    Raises:
        RetryableError: A topic that is there cannot be read.
    """
    by_topic: dict[str, list[tuple[int, int]]] = {}
    for topic, partition, offset in sorted(set(origins)):
        by_topic.setdefault(topic, []).append((partition, offset))
    found = {}
    for topic, places in by_topic.items():
        with RangeReader(kafka, topic) as reader:
            for (partition, offset), record in _picked(reader, places).items():
                found[Origin(topic, partition, offset)] = record
    return found


def delete_before(admin: AdminClient, topic: str, offsets: Mapping[int, int]) -> None:
    """Delete the records of ``topic`` before an offset of each partition; cannot be undone.

    Raises:
        RetryableError: The brokers cannot be reached, or refuse.
    """
    asked = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    try:
        for future in admin.delete_records(asked).values():
            future.result(DELETE_SECONDS)
    except KafkaException as error:
        raise RetryableError(f"{topic} cannot be purged: {error.args[0].name()}") from None


def _taken(
    opened: RangeReader,
    inventory: Inventory,
    take: Callable[[Inventory, Record], None],
    started: Callable[[int], Advance] | None,
) -> Inventory:
    with opened as reader:
        advance = started(_length(reader.stretches)) if started else _tell_nobody
        while not reader.done:
            records = reader.read(BATCH_RECORDS, READ_SECONDS)
            for record in records:
                take(inventory, record)
            advance(len(records), len(records))
    return inventory


def _take_mark(inventory: Inventory, record: Record) -> None:
    if record.value is not None and record.value.startswith(REPLAY.header):
        _take(inventory, record)


def _take(inventory: Inventory, record: Record) -> None:
    position = Position(record.origin.partition, record.origin.offset)
    value = record.value
    try:
        if value is not None and value.startswith(REPLAY.header):
            inventory.add_replay(decode_replay(value))
        else:
            inventory.add(position, record.timestamp, decode_dead_letter(value))
    except EventError:
        inventory.add_unreadable(position)


def _picked(
    reader: RangeReader, places: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], Record]:
    """Return the records at ``places``, which are sorted, by partition and offset."""
    ranges: dict[int, list[tuple[int, int]]] = {}
    for partition, offset in places:
        ranges.setdefault(partition, []).append((offset, offset + 1))
    reader.pick(ranges)
    found = {}
    while not reader.done:
        for record in reader.read(BATCH_RECORDS, READ_SECONDS):
            found[record.origin[1:]] = record
    return found


def _not_there(position: Position, there: Mapping[int, Stretch]) -> Problem | None:
    stretch = there.get(position.partition)
    if stretch is None:
        return _problem(position, f"the topic has partitions 0 to {max(there)}")
    if position.offset < stretch.first:
        return _problem(position, "is not there any more: purged, or past its retention")
    if position.offset >= stretch.following:
        return _problem(position, f"the partition ends at offset {stretch.following}")
    return None


def _what_else(value: bytes | None) -> str:
    if value is not None and value.startswith(REPLAY.header):
        return "is the mark of a replay, not a letter"
    return "is no dead letter that this version reads"


def _problem(position: Position, message: str) -> Problem:
    return Problem("dead letter", str(position), message)


def _length(stretches: Iterable[Stretch]) -> int:
    return sum(each.following - each.first for each in stretches)


def _tell_nobody(_records: int, _offsets: int) -> None:
    pass
