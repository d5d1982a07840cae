"""Reads what comes to topics from now on, all of it, beside whoever reads them anyway."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streamproc.errors import RetryableError
from streamproc.events import Record
from streamproc.kafka.control import end_offsets, lone_consumer
from streamproc.kafka.reader import to_record
from streamproc.settings import KafkaSettings

__all__ = ["Watch"]

ASK_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 60.0
"""From one look for new partitions to the next."""
READ_RECORDS: Final = 2_000
PASSING: Final = frozenset(
    {KafkaError._PARTITION_EOF, KafkaError._TRANSPORT}  # noqa: SLF001 - public constants of librdkafka
)


class Watch:
    """A reader of whole topics, from their ends on; joins no group and commits nothing."""

    def __init__(self, kafka: KafkaSettings, topics: Sequence[str]) -> None:
        """Begin where the topics end now: what is sent after this will be seen.

        Raises:
            RetryableError: Brokers do not say where that is, or do not have the topics.
        """
        self._topics = topics
        self._consumer: Consumer = lone_consumer(kafka, "canary")
        self._known: set[tuple[str, int]] = set()
        self._looked_at = time.monotonic()
        try:
            with _told_plainly():
                self._assign(self._there(), at_end=True)
        except RetryableError:
            self._consumer.close()
            raise

    def read(self, seconds: float) -> list[Record]:
        """Return what has come, waiting up to ``seconds`` for some.

        Raises:
            RetryableError: A partition cannot be read.
        """
        with _told_plainly():
            if time.monotonic() - self._looked_at > LOOK_SECONDS:
                self._looked_at = time.monotonic()
                self._assign(self._there(), at_end=False)
            taken = self._consumer.consume(READ_RECORDS, seconds)
        return [to_record(message) for message in taken if _is_record(message)]

    def close(self) -> None:
        """Let go of the brokers."""
        self._consumer.close()

    def _there(self) -> Mapping[str, list[int]]:
        topics = self._consumer.list_topics(timeout=ASK_SECONDS).topics
        for name in self._topics:
            if name not in topics:
                raise RetryableError(f"{name} is missing, or not allowed")
        return {name: sorted(topics[name].partitions) for name in self._topics}

    def _assign(self, there: Mapping[str, list[int]], *, at_end: bool) -> None:
        new = []
        for topic, partitions in there.items():
            numbers = [each for each in partitions if (topic, each) not in self._known]
            ends: Mapping[int, int] = {}
            if at_end:
                ends = end_offsets(self._consumer, topic, numbers, ASK_SECONDS)
            for number in numbers:
                new.append(TopicPartition(topic, number, ends.get(number, OFFSET_BEGINNING)))
                self._known.add((topic, number))
        if new:
            self._consumer.incremental_assign(new)


@contextmanager
def _told_plainly() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        told = f"topics cannot be read ({error.args[0].name()})"
        raise RetryableError(told) from None


def _is_record(message: Message) -> bool:
    error = message.error()
    if error is None:
        return True
    if error.code() not in PASSING:
        raise RetryableError(f"{message.topic()} cannot be read ({error.name()})")
    return False
