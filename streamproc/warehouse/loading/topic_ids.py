"""Which topic it is that has a name: one that is made anew has the same name and another id.

librdkafka does not mind: a consumer goes on in the new topic at the offset where it was in the old
one, and what lies before is never read. So whoever keeps offsets keeps the id with them.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, TopicDescription

from streamproc.errors import RetryableError
from streamproc.kafka.clients import client_config
from streamproc.settings import Settings

__all__ = ["TopicIds"]

ASK_SECONDS: Final = 10.0
WATCH_SECONDS: Final = 5.0
"""From one question to the next while a topic is watched; each takes a broker some milliseconds."""

NO_ID: Final = "A" * 22
"""Sixteen bytes of zero: what brokers before 2.8 give."""


class TopicIds:
    """Asks the brokers for the id of one topic, as Kafka has it (KIP-516)."""

    def __init__(self, settings: Settings, topic: str) -> None:
        """Make the client, which connects by itself."""
        self._topic = topic
        self._admin = AdminClient(client_config(settings.kafka.brokers, "loader-topics"))
        self._asked: Future[TopicDescription] | None = None
        self._ask_at = 0.0

    def find(self, consumer: Consumer) -> str | None:
        """Return the topic's id; None if the brokers give topics none, as the embedded one.

        Args:
            consumer: To ask first whether there is a broker that knows ids: who asks where there is
                none waits for one.

        Raises:
            RetryableError: The brokers do not say, or there is no such topic now.
        """
        try:
            cluster = consumer.list_topics(self._topic, timeout=ASK_SECONDS)
            if cluster.controller_id not in cluster.brokers:
                return None
            found = self._ask().result(ASK_SECONDS)
        except KafkaException as error:
            raise RetryableError(f"Kafka: {error.args[0].name()}") from None
        except TimeoutError:
            raise RetryableError("Kafka: no answer to which topic it is") from None
        return _id(found)

    def watched(self) -> str | None:
        """Return the topic's id now and then, without waiting for it; else None."""
        if self._asked is None:
            now = time.monotonic()
            if now >= self._ask_at:
                self._asked, self._ask_at = self._ask(), now + WATCH_SECONDS
            return None
        if not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        try:
            return _id(asked.result())
        except KafkaException:
            return None  # gone for the moment, or for good: its consumers are told so

    def _ask(self) -> Future[TopicDescription]:
        wanted = TopicCollection([self._topic])
        return self._admin.describe_topics(wanted, request_timeout=ASK_SECONDS)[self._topic]


def _id(found: TopicDescription) -> str | None:
    given = str(found.topic_id)
    return None if given == NO_ID else given
