"""Deletions on their way to the loaders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.errors import RetryableError
from streamproc.events import Deletion
from streamproc.kafka.clients import client_config
from streamproc.kafka.codecs import encode_deletion
from streamproc.settings import Settings

__all__ = ["publish_deletions"]

DELIVERY_SECONDS: Final = 30.0
"""Less than the settings give a worker: somebody waits for the command."""


def publish_deletions(settings: Settings, deletions: Iterable[Deletion]) -> None:
    """Write ``deletions`` to their topic; when this returns the brokers have them all.

    Raises:
        RetryableError: They do not have all of them; to publish again does no harm.
    """
    failed: list[str] = []

    def told(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error.name())

    producer = Producer(
        client_config(settings.kafka, "deletions")
        | {
            "enable.idempotence": True,
            "acks": "all",
            "delivery.timeout.ms": int(DELIVERY_SECONDS * 1_000),
        }
    )
    try:
        for each in deletions:
            key, value = each.token.encode(), encode_deletion(each)
            producer.produce(settings.topics.deletions, value, key, on_delivery=told)
        waiting = producer.flush(2 * DELIVERY_SECONDS)
    except (BufferError, KafkaException):
        raise RetryableError("deletions were not published") from None
    if waiting or failed:
        why = failed[0] if failed else "no answer"
        raise RetryableError(f"deletions were not published: {why}")
