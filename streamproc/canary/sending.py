"""Sends canaries to the raw topic, each to the partition that it is meant for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.canaries import Canary, Sent
from streamproc.errors import RetryableError
from streamproc.kafka.producer import producer_config
from streamproc.settings import Settings

__all__ = ["Sender"]

ASK_SECONDS: Final = 5.0
DELIVERY_SECONDS: Final = 15.0
"""Less than the settings give a worker: one that is not taken is sent again with other values."""


class Sender:
    """A producer that waits for what it has sent."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        """Make the producer; it connects when it is first used."""
        self._topic = settings.topics.raw
        self._clock = clock
        config = producer_config(settings.kafka, "canary", DELIVERY_SECONDS)
        self._producer = Producer(config | {"linger.ms": 0})

    def partitions(self) -> list[int]:
        """Return the partitions of the raw topic.

        Raises:
            RetryableError: Brokers do not say, or do not have it.
        """
        try:
            # Of all topics: asked for one, a broker may make it.
            topics = self._producer.list_topics(timeout=ASK_SECONDS).topics
        except KafkaException as error:
            told = f"brokers cannot be reached ({error.args[0].name()})"
            raise RetryableError(told) from None
        if self._topic not in topics:
            raise RetryableError(f"{self._topic} is missing, or not allowed")
        return sorted(topics[self._topic].partitions)

    def send(self, canary: Canary, partition: int) -> Sent:
        """Return where ``canary`` lies, once the brokers have it.

        Raises:
            RetryableError: They do not, as far as is known: it may be there all the same.
        """
        reports: list[tuple[KafkaError | None, Message]] = []
        at = self._clock()
        try:
            self._producer.produce(
                self._topic,
                canary.value,
                canary.key,
                partition,
                on_delivery=lambda error, message: reports.append((error, message)),
            )
            self._producer.flush(2 * DELIVERY_SECONDS)
        except (BufferError, KafkaException):
            raise RetryableError("a canary was not delivered") from None
        if not reports or reports[0][0] is not None:
            failed = reports[0][0] if reports else None
            reason = failed.name() if failed is not None else "no answer"
            raise RetryableError(f"a canary was not delivered: {reason}")
        offset = reports[0][1].offset()
        assert offset is not None
        return Sent(canary, partition, offset, at)
