"""Reads a stretch of time of a topic once more, beside whoever reads it anyway."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import NamedTuple, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streamproc.errors import RetryableError
from streamproc.events import Micros, Record
from streamproc.kafka.clients import LONE_GROUP, client_config
from streamproc.kafka.reader import to_record
from streamproc.settings import KafkaSettings

__all__ = ["RangeReader", "Stretch"]

ASK_SECONDS = 10.0
EARLIEST = Micros(0)
MOST_PASSED = 20_000
"""Records between two stretches that are read and passed over; past more it takes a new start."""
NO_SUCH_RECORD = -1
"""What a broker answers where no record is as late as it was asked for."""


class Stretch(NamedTuple):
    """What there is to read of one partition.

    Attributes:
        partition: Its number.
        first: First offset to read.
        following: One past the last.
        cut: Whether older records are asked for that the topic does not have any more, or never
            had.
    """

    partition: int
    first: int
    following: int
    cut: bool


class RangeReader:
    """Reads, of every partition of a topic, the records of a time; a context manager.

    By the records' timestamps: from the first record that is no older than ``since`` to the first
    that is no older than ``until``, or to what was the end when the reader was made. Joins no group
    and commits nothing.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topic: str,
        since: Micros = EARLIEST,
        until: Micros | None = None,
        *,
        last: int | None = None,
    ) -> None:
        """Find out where to read.

        Args:
            kafka: The brokers, and how to connect.
            topic: What is read.
            since: From when on.
            until: Until when; None for what is the end now.
            last: At most so many offsets of each partition, the last ones; None for all.

        Raises:
            RetryableError: The brokers cannot be reached, or the topic is not there.
        """
        self._topic = topic
        self._consumer = Consumer(
            client_config(kafka, "reprocess")
            | {
                "group.id": LONE_GROUP,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "queued.max.messages.kbytes": 16_384,
            }
        )
        try:
            found = self._find(since, until)
        except KafkaException as error:
            self._consumer.close()
            raise RetryableError(f"{topic} cannot be read: {error.args[0].name()}") from None
        self.stretches: Sequence[Stretch] = [_end_of(each, last) for each in found]
        self._left: dict[int, deque[Stretch]] = {}
        self._sought: dict[int, int] = {}
        self._begin()

    def pick(self, offsets: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        """Leave, of what there is to read, only some offsets; to be called before the first read.

        Args:
            offsets: By partition, ranges of them, half-open, in order and apart.
        """
        self.stretches = [
            picked
            for each in self.stretches
            for picked in _picked(each, offsets.get(each.partition, ()))
        ]
        self._begin()

    @property
    def done(self) -> bool:
        """Whether all has been read."""
        return not self._left

    def read(self, most: int, seconds: float) -> list[Record]:
        """Return up to ``most`` records, in the order of their partitions; waits for some.

        Raises:
            RetryableError: A partition cannot be read.
        """
        taken = map(self._taken, self._consumer.consume(most, seconds))
        return [record for record in taken if record is not None]

    def _begin(self) -> None:
        self._left = {}
        for each in self.stretches:
            if each.first < each.following:
                self._left.setdefault(each.partition, deque()).append(each)
        self._consumer.assign(
            [
                TopicPartition(self._topic, number, left[0].first)
                for number, left in self._left.items()
            ]
        )

    def _taken(self, message: Message) -> Record | None:
        partition, offset, error = message.partition(), message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            raise RetryableError(f"{self._topic} cannot be read: {error.name()}")
        assert partition is not None
        assert offset is not None
        if error is not None:
            self._finish(partition)
            return None
        return to_record(message) if self._wants(partition, offset) else None

    def _wants(self, partition: int, offset: int) -> bool:
        """Return whether a record is to be read; goes on to the next stretch where one ends."""
        left = self._left.get(partition)
        if left is None:
            return False
        while left and left[0].following <= offset:
            left.popleft()
        wanted = bool(left) and left[0].first <= offset
        if wanted and left[0].following == offset + 1:
            left.popleft()
        if not left:
            self._finish(partition)
        elif left[0].first - offset > MOST_PASSED and self._sought.get(partition) != left[0].first:
            self._sought[partition] = left[0].first  # once: what is fetched already still comes
            self._consumer.seek(TopicPartition(self._topic, partition, left[0].first))
        return wanted

    def _finish(self, partition: int) -> None:
        if self._left.pop(partition, None) is not None:
            self._consumer.pause([TopicPartition(self._topic, partition)])

    def _find(self, since: Micros, until: Micros | None) -> Sequence[Stretch]:
        partitions = sorted(
            self._consumer.list_topics(self._topic, timeout=ASK_SECONDS)
            .topics[self._topic]
            .partitions
        )
        if not partitions:
            raise RetryableError(f"there is no topic {self._topic}")
        lows = self._offsets(partitions, OFFSET_BEGINNING)
        highs = self._offsets(partitions, OFFSET_END)
        firsts = self._offsets(partitions, _millis(since))
        lasts = highs if until is None else self._offsets(partitions, _millis(until))
        stretches = []
        for number in partitions:
            first, following = (
                highs[number] if found[number] == NO_SUCH_RECORD else found[number]
                for found in (firsts, lasts)
            )
            cut = 0 < lows[number] == first < following
            stretches.append(Stretch(number, first, following, cut))
        return stretches

    def _offsets(self, partitions: Sequence[int], time: int) -> dict[int, int]:
        asked = [TopicPartition(self._topic, number, time) for number in partitions]
        found = self._consumer.offsets_for_times(asked, timeout=ASK_SECONDS)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {each.partition: each.offset for each in found}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._consumer.close()


def _picked(stretch: Stretch, ranges: Sequence[tuple[int, int]]) -> Iterator[Stretch]:
    for first, following in ranges:
        start, end = max(first, stretch.first), min(following, stretch.following)
        if start < end:
            yield Stretch(stretch.partition, start, end, cut=False)


def _end_of(stretch: Stretch, most: int | None) -> Stretch:
    if most is None or stretch.following - stretch.first <= most:
        return stretch
    return stretch._replace(first=stretch.following - most, cut=False)


def _millis(moment: Micros) -> int:
    return max(0, -(-moment // 1_000))  # no record is older than the epoch, by Kafka's own rules
