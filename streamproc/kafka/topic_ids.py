"""Which topic a name stands for: one that is deleted and made anew under it has another id.

Kafka gives every topic an id of its own (KIP-516); the embedded broker gives none.
"""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaException, TopicCollection, Uuid
from confluent_kafka.admin import AdminClient

from streamproc.errors import RetryableError
from streamproc.kafka.clients import client_config
from streamproc.kafka.control import why_unknown
from streamproc.kafka.topics import MOCK_CLUSTER

__all__ = ["TopicIds"]

NONE: Final = str(Uuid(0, 0))
"""What brokers answer that are older than ids."""


class TopicIds:
    """Asks for ids of topics; may be used by several threads."""

    def __init__(self, brokers: str) -> None:
        """Connect when it is first asked."""
        self._admin = AdminClient(client_config(brokers, "topic-ids"))

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
            asked = self._admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
            found = str(asked[topic].result(seconds).topic_id)
        except (KafkaException, TimeoutError) as error:
            cause = error.args[0] if isinstance(error, KafkaException) else None
            raise RetryableError(why_unknown(topic, "id", cause)) from None
        return None if found == NONE else found
