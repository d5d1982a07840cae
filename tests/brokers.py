"""What tests see of a broker: topics of their own, records in, records out, committed offsets."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from streamproc.settings import TopicSettings

__all__ = ["Broker", "Consumed", "Kind", "Produced"]

Kind: TypeAlias = Literal["embedded", "kafka"]
Produced: TypeAlias = tuple[bytes | None, bytes | None] | tuple[bytes | None, bytes | None, int]
"""Key, value and, where it matters, the partition."""

WAIT_SECONDS = 30
ANY_PARTITION = -1  # librdkafka's RD_KAFKA_PARTITION_UA
EMBEDDED_PARTITIONS = 4
STARTING = {
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
}


class Consumed(NamedTuple):
    """One record as a consumer got it."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker of either kind."""

    bootstrap: str
    kind: Kind
    replicas: int = 1

    def names(self, prefix: str = "test") -> TopicSettings:
        """Return topic settings whose names nobody else has; the topics are not there yet."""
        unique = f"{prefix}.{uuid.uuid4().hex[:10]}"
        return TopicSettings(
            raw=f"{unique}.raw",
            load=f"{unique}.load",
            dead=f"{unique}.dead",
            links=f"{unique}.links",
            attributes=f"{unique}.attributes",
            deletions=f"{unique}.deletions",
            suppressed=f"{unique}.suppressed",
            rules=f"{unique}.rules",
            status=f"{unique}.status",
        )

    def topics(self, prefix: str = "test") -> TopicSettings:
        """Return topic settings as :meth:`names` does, the topics made (4 partitions each)."""
        settings = self.names(prefix)
        for name in (settings.raw, settings.load, settings.dead):
            self.create(name)
        kept = (settings.links, settings.attributes, settings.suppressed, settings.deletions)
        for name in kept:
            self.create(name, config={"cleanup.policy": "compact"})
        return settings

    def group(self, prefix: str = "group") -> str:
        """Return the name of a consumer group nobody else has."""
        return f"{prefix}.{uuid.uuid4().hex[:10]}"

    def create(
        self,
        topic: str,
        partitions: int = EMBEDDED_PARTITIONS,
        config: Mapping[str, str] | None = None,
    ) -> None:
        """Make a topic; on the embedded broker always one of 4 partitions, without settings."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        if self.kind == "embedded":
            assert partitions == EMBEDDED_PARTITIONS, "the embedded broker makes 4 partitions"
            admin.list_topics(topic, WAIT_SECONDS)  # asking for it makes it
            return
        new = NewTopic(topic, partitions, self.replicas, config=dict(config or {}))
        admin.create_topics([new])[topic].result(WAIT_SECONDS)
        self._wait_for_leaders(topic, partitions)

    def produce(self, topic: str, records: Iterable[Produced]) -> None:
        """Publish ``records`` in order and wait until every one is acknowledged."""
        errors: list[KafkaError] = []

        def told(error: KafkaError | None, message: Message) -> None:  # noqa: ARG001
            if error is not None:
                errors.append(error)

        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 5})
        for key, value, *partition in records:
            place = partition[0] if partition else ANY_PARTITION
            while True:
                try:
                    producer.produce(topic, value, key, partition=place, on_delivery=told)
                    break
                except BufferError:
                    producer.poll(0.1)
            producer.poll(0)
        assert producer.flush(WAIT_SECONDS) == 0, "records were not acknowledged in time"
        assert not errors, errors[0]

    def consume_all(self, topic: str, partitions: Iterable[int] | None = None) -> list[Consumed]:
        """Return every record now in ``topic``, by partition and offset.

        Transaction markers and records of aborted transactions are not among them.
        """
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": self.group("reader"),
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,  # an empty partition answers only after this
            }
        )
        try:
            # A consumer that does not know a topic's leaders looks for them again in half a second.
            there = consumer.list_topics(topic, timeout=WAIT_SECONDS).topics[topic].partitions
            wanted = sorted(there) if partitions is None else list(partitions)
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in wanted])
            return sorted(_until_the_end(consumer, set(wanted)))
        finally:
            consumer.close()

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """Return the offsets ``group`` committed, by partition, where it did."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": group})
        try:
            asked = [TopicPartition(topic, number) for number in self.partitions(topic)]
            found = _patiently(lambda: consumer.committed(asked, timeout=WAIT_SECONDS))
            return {each.partition: each.offset for each in found if each.offset >= 0}
        finally:
            consumer.close()

    def written(self, topic: str) -> int:
        """Return how many offsets of ``topic`` are taken."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": self.group("ends")})
        try:
            places = [TopicPartition(topic, number) for number in self.partitions(topic)]
            return sum(consumer.get_watermark_offsets(place, WAIT_SECONDS)[1] for place in places)
        finally:
            consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """Return the numbers of the topic's partitions."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        return sorted(admin.list_topics(topic, timeout=WAIT_SECONDS).topics[topic].partitions)

    def _wait_for_leaders(self, topic: str, partitions: int) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        admin = AdminClient({"bootstrap.servers": self.bootstrap})
        while time.monotonic() < deadline:
            found = admin.list_topics(topic, timeout=WAIT_SECONDS).topics[topic].partitions.values()
            if len(found) == partitions and all(each.leader >= 0 for each in found):
                return
            time.sleep(0.05)
        raise TimeoutError(f"{topic} has no leaders")


def _until_the_end(consumer: Consumer, missing: set[int]) -> list[Consumed]:
    found: list[Consumed] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while missing:
        assert time.monotonic() < deadline, "the end of the topic was not reached in time"
        for message in consumer.consume(1000, timeout=0.05):
            partition, offset, error = message.partition(), message.offset(), message.error()
            assert partition is not None
            assert offset is not None
            if error is None:
                found.append(Consumed(partition, offset, message.key(), message.value()))
            elif error.code() == KafkaError._PARTITION_EOF:
                missing.discard(partition)
            else:
                raise KafkaException(error)
    return found


def _patiently(ask: Callable[[], list[TopicPartition]]) -> list[TopicPartition]:
    """Return what ``ask`` does; ask again while a broker that has just started finds its groups."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in STARTING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
