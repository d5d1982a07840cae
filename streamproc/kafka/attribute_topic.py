"""The topic of attributes: to write to until the brokers have it, and to read to its end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from typing import Final, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streamproc.errors import RetryableError
from streamproc.events import Link, Micros
from streamproc.identity.attributes import AttributeRecord
from streamproc.kafka.attributes import (
    attribute_key,
    cursor_key,
    encode_attributes,
    encode_cursor,
)
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.kafka.control import end_offsets, lone_consumer
from streamproc.kafka.producer import producer_config
from streamproc.settings import Settings

__all__ = ["TopicRecord", "TopicWriter", "attribute_writer", "read_topic"]

ASK_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.1
SILENCE_SECONDS: Final = 60.0
"""How long the brokers may have nothing to say before the end of the topic is reached."""


class TopicWriter:
    """Writes records, links and cursors; :meth:`flush` says when the brokers have all of them."""

    def __init__(self, settings: Settings) -> None:
        """Make the producer; it connects when it has something to send."""
        self._topics = settings.topics
        timeout = settings.kafka.delivery_timeout_seconds
        self._patience = 2 * timeout
        self._producer = Producer(producer_config(settings.kafka.brokers, "attributes", timeout))
        self._failed: str | None = None

    def check(self) -> None:
        """See that the brokers have the topics.

        Raises:
            RetryableError: They have not, or cannot be reached.
        """
        try:
            # Of all topics: asked for one, a broker may make it, and make it one that forgets.
            there = self._producer.list_topics(timeout=ASK_SECONDS).topics
        except KafkaException as error:
            told = f"brokers cannot be reached ({error.args[0].name()})"
            raise RetryableError(told) from None
        for topic in (self._topics.attributes, self._topics.links):
            if topic not in there:
                raise RetryableError(f"{topic} is missing, run `streamproc topics apply`")

    def records(self, records: Iterable[AttributeRecord]) -> None:
        """Send ``records``, those of one id in their order."""
        for record in records:
            key = attribute_key(record.name)
            self._send(self._topics.attributes, key, encode_attributes(record))

    def links(self, links: Iterable[Link]) -> None:
        """Send ``links``."""
        for link in links:
            self._send(self._topics.links, link_key(link), encode_link(link))

    def cursor(self, source: str, kind: str, modified_at: Micros) -> None:
        """Say how far a source has been read, once all before is with the brokers.

        Raises:
            RetryableError: It is not.
        """
        self.flush()
        self._send(self._topics.attributes, cursor_key(source, kind), encode_cursor(modified_at))
        self.flush()

    def flush(self) -> None:
        """Return when the brokers have all that was sent.

        Raises:
            RetryableError: They do not have all of it; to send all of it again does no harm.
        """
        if self._producer.flush(self._patience) and self._failed is None:
            self._failed = "no answer"
        if self._failed is not None:
            raise RetryableError(f"attributes were not delivered: {self._failed}")

    def abandon(self) -> None:
        """Send nothing more of what waits."""
        self._producer.purge()

    def _send(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._told)
            except BufferError:
                self._producer.poll(POLL_SECONDS)  # full: wait for reports to make room
            except KafkaException as error:
                raise RetryableError(f"attributes were not sent: {error.args[0].name()}") from None
            else:
                self._producer.poll(0)
                return

    def _told(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error.name()


@contextmanager
def attribute_writer(settings: Settings) -> Iterator[TopicWriter]:
    """Yield a writer; what it was given and is not flushed goes where an error ends the block.

    Raises:
        RetryableError: The brokers cannot be reached, or do not have the topics.
    """
    writer = TopicWriter(settings)
    writer.check()
    try:
        yield writer
    except BaseException:
        writer.abandon()
        raise


class TopicRecord(NamedTuple):
    """A record of the topic, whatever it is."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


def read_topic(settings: Settings, topic: str) -> Iterator[TopicRecord]:
    """Yield what is in ``topic`` now, each partition in its order.

    Raises:
        RetryableError: It could not be read to its end.
    """
    with closing(lone_consumer(settings.kafka.brokers, "attributes")) as consumer:
        try:
            ends = _ends(consumer, topic)
            consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in ends])
            yield from _until(consumer, ends)
        except KafkaException as error:
            told = f"{topic} could not be read: {error.args[0].name()}"
            raise RetryableError(told) from None


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    found = consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic].partitions
    if not found:
        raise RetryableError(f"{topic} is missing, run `streamproc topics apply`")
    return end_offsets(consumer, topic, sorted(found), ASK_SECONDS)


def _until(consumer: Consumer, ends: dict[int, int]) -> Iterator[TopicRecord]:
    missing = {partition for partition, end in ends.items() if end > 0}
    heard = time.monotonic()
    while missing:
        messages = consumer.consume(10_000, POLL_SECONDS)
        if messages:
            heard = time.monotonic()
        elif time.monotonic() - heard > SILENCE_SECONDS:
            raise RetryableError("the topic of attributes could not be read to its end")
        for message in messages:
            partition, offset, error = message.partition(), message.offset(), message.error()
            assert partition is not None
            assert offset is not None
            if error is None:
                yield TopicRecord(partition, offset, message.key(), message.value())
                offset += 1
            elif error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if offset >= ends[partition]:
                missing.discard(partition)
