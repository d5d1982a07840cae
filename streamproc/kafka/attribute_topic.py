"""The topics of identity state, for commands: written until brokers have it, read to the end."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from types import MappingProxyType
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

from streamproc.erasure import Case, spared
from streamproc.errors import EventError, RetryableError
from streamproc.events import Link, Micros, Token
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
from streamproc.kafka.suppression import decode_case, encode_case, parse_case_key
from streamproc.settings import Settings

__all__ = ["TopicRecord", "TopicWriter", "attribute_writer", "read_cases", "read_topic"]

ASK_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.1
SILENCE_SECONDS: Final = 60.0
"""How long the brokers may have nothing to say before the end of the topic is reached."""


NOWHERE: Final[Mapping[int, int]] = MappingProxyType({})


class TopicWriter:
    """Writes records, links and cursors; :meth:`flush` says when the brokers have all of them.

    Of people who were erased it writes nothing but that they were.
    """

    def __init__(self, settings: Settings) -> None:
        """Make the producer; it connects when it has something to send."""
        self._topics = settings.topics
        self._suppressed: frozenset[Token] = frozenset()
        timeout = settings.kafka.delivery_timeout_seconds
        self._patience = 2 * timeout
        self._producer = Producer(producer_config(settings.kafka, "attributes", timeout))
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
        for topic in (self._topics.attributes, self._topics.links, self._topics.suppressed):
            if topic not in there:
                raise RetryableError(f"{topic} is missing, run `streamproc topics apply`")

    def leave_out(self, tokens: Iterable[Token]) -> None:
        """Write nothing about ``tokens`` from now on: they are suppressed."""
        self._suppressed |= frozenset(tokens)

    def records(self, records: Iterable[AttributeRecord]) -> None:
        """Send ``records``, those of one id in their order."""
        for record in records:
            kept = spared(record, self._is_suppressed) if self._suppressed else record
            value = None if kept is None else encode_attributes(kept)
            self._send(self._topics.attributes, attribute_key(record.name), value)

    def links(self, links: Iterable[Link]) -> None:
        """Send ``links``."""
        for link in links:
            if not self._is_suppressed((link.left, link.right)):
                self._send(self._topics.links, link_key(link), encode_link(link))

    def case(self, case: Case) -> None:
        """Say that somebody is erased, whose events are suppressed from now on."""
        self._send(self._topics.suppressed, case.receipt.encode(), encode_case(case))

    def lift(self, receipt: str) -> None:
        """Say that a case's events are suppressed no longer."""
        self._send(self._topics.suppressed, receipt.encode(), None)

    def forget(self, topic: str, keys: Iterable[bytes]) -> None:
        """Take back the records of ``keys``: of links, or of attributes."""
        for key in keys:
            self._send(topic, key, None)

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
            raise RetryableError(f"not all of it was delivered: {self._failed}")

    def abandon(self) -> None:
        """Send nothing more of what waits."""
        self._producer.purge()

    def _is_suppressed(self, tokens: Iterable[Token]) -> bool:
        return not self._suppressed.isdisjoint(tokens)

    def _send(self, topic: str, key: bytes, value: bytes | None) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._told)
            except BufferError:
                self._producer.poll(POLL_SECONDS)  # full: wait for reports to make room
            except KafkaException as error:
                told = f"{topic} was not written to: {error.args[0].name()}"
                raise RetryableError(told) from None
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
    for case in read_cases(settings).values():
        writer.leave_out(case.tokens)
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


def read_cases(settings: Settings) -> dict[str, Case]:
    """Return the cases of people who were erased, by receipt; what is no case is passed over.

    Raises:
        RetryableError: Their topic could not be read to its end.
    """
    cases: dict[str, Case] = {}
    for record in read_topic(settings, settings.topics.suppressed):
        try:
            receipt = parse_case_key(record.key)
            if record.value is None:
                cases.pop(receipt, None)
            else:
                cases[receipt] = decode_case(record.value)
        except EventError:
            continue  # workers count it, and say so
    return cases


def read_topic(
    settings: Settings, topic: str, begin: Mapping[int, int] = NOWHERE
) -> Iterator[TopicRecord]:
    """Yield what is in ``topic`` now, each partition in its order.

    Args:
        settings: Where it is.
        topic: Its name.
        begin: By partition the first offset to be read, where that is not the beginning.

    Raises:
        RetryableError: It could not be read to its end.
    """
    with closing(lone_consumer(settings.kafka, "attributes")) as consumer:
        try:
            ends = _ends(consumer, topic)
            first = {each: begin.get(each, OFFSET_BEGINNING) for each in ends}
            ends = {each: end for each, end in ends.items() if end > first[each]}
            consumer.assign([TopicPartition(topic, each, first[each]) for each in ends])
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
            raise RetryableError("a topic could not be read to its end")
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
