"""Which topic a name stands for: one that is deleted and made anew under it has another id.

Kafka gives every topic an id of its own (KIP-516); the embedded broker gives none. librdkafka does
not mind: a consumer goes on in the new topic at the offset where it was in the old one, and what
lies before is never read. So whoever keeps offsets keeps the id with them.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Final

from confluent_kafka import KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient, TopicDescription

from streamproc.errors import RetryableError
from streamproc.kafka.clients import client_config
from streamproc.kafka.control import why_unknown
from streamproc.kafka.topics import MOCK_CLUSTER
from streamproc.settings import KafkaSettings

__all__ = ["CurrentTopics", "TopicIds", "TopicWatch"]

NONE: Final = str(Uuid(0, 0))
"""What brokers answer that are older than ids."""

WATCH_SECONDS: Final = 5.0
"""From one question to the next while a topic is watched; each takes a broker some milliseconds."""


class TopicIds:
    """Asks for ids of topics; may be used by several threads."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Connect when it is first asked."""
        self._admin = AdminClient(client_config(kafka, "topic-ids"))

    def ask(self, topic: str, seconds: float) -> str | None:
        """Return the id of ``topic``; None where the brokers give no ids. Blocks.

        Raises:
            RetryableError: They did not answer within ``seconds``, or there is no such topic.
        """
        try:
            # The embedded broker leaves the question for ids without an answer.
            cluster = self._admin.list_topics(topic, timeout=seconds).cluster_id or ""
            if cluster.startswith(MOCK_CLUSTER):
                return None
            return _id_of(self.begin(topic, seconds).result(seconds))
        except (KafkaException, TimeoutError) as error:
            cause = error.args[0] if isinstance(error, KafkaException) else None
            raise RetryableError(why_unknown(topic, "id", cause)) from None

    def begin(self, topic: str, seconds: float) -> Future[TopicDescription]:
        """Ask for ``topic`` without waiting for the answer."""
        asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
        return asked[topic]


class TopicWatch:
    """Asks for the id of one topic now and then, without waiting for answers; for one thread."""

    def __init__(self, ids: TopicIds, topic: str) -> None:
        """Watch ``topic``, of brokers that give ids."""
        self._ids = ids
        self._topic = topic
        self._asked: Future[TopicDescription] | None = None
        self._ask_at = 0.0

    def news(self) -> str | None:
        """Return the topic's id where an answer has come since the last call; else None."""
        if self._asked is None:
            now = time.monotonic()
            if now >= self._ask_at:
                self._asked = self._ids.begin(self._topic, WATCH_SECONDS)
                self._ask_at = now + WATCH_SECONDS
            return None
        if not self._asked.done():
            return None
        asked, self._asked = self._asked, None
        try:
            return _id_of(asked.result())
        except KafkaException:
            return None  # gone for the moment, or for good: its consumers are told so


class CurrentTopics:
    """Which topics the names are of that a consumer reads; for one thread."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Know none yet."""
        self._ids = TopicIds(kafka)
        self._known: dict[str, str] = {}
        self._watches: dict[str, TopicWatch] = {}

    def learn(self, topic: str) -> None:
        """Ask which topic has the name now. Blocks up to :data:`WATCH_SECONDS`.

        Where no answer comes, what was known stays: the watch asks on.
        """
        try:
            found = self._ids.ask(topic, WATCH_SECONDS)
        except RetryableError:
            return
        if found is not None:
            self._known[topic] = found
            self._watches.setdefault(topic, TopicWatch(self._ids, topic))

    def id_of(self, topic: str) -> str:
        """Return the id of the topic that has the name, as last heard; empty where it has none."""
        return self._known.get(topic, "")

    def made_anew(self) -> list[str]:
        """Return the names that are of another topic now, since this was asked last."""
        found = []
        for topic, watch in self._watches.items():
            news = watch.news()
            if news is not None and news != self._known[topic]:
                self._known[topic] = news
                found.append(topic)
        return found


def _id_of(found: TopicDescription) -> str | None:
    given = str(found.topic_id)
    return None if given == NONE else given
