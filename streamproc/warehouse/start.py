"""Where a loader begins to read a partition."""

from __future__ import annotations

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streamproc.errors import RetryableError

__all__ = ["first_offset"]

log = structlog.get_logger()

ASK_SECONDS = 10.0


def first_offset(consumer: Consumer, partition: TopicPartition, stored: int | None) -> int:
    """Return the first offset to read, and tell what cannot be read any more.

    Args:
        consumer: For the partition's watermarks.
        partition: Of the loader topic.
        stored: The warehouse's next offset; None if the partition was never loaded.

    Raises:
        RetryableError: The broker does not say what there is.
    """
    low, high = _watermarks(consumer, partition)
    if stored is None:
        return low
    place = {"topic": partition.topic, "partition": partition.partition}
    if stored < low:
        log.error("rows expired before they were loaded", missing=low - stored, **place)
        return low
    if stored > high:
        # Read it all: what the warehouse has already is left out by message_id.
        log.error("topic was made anew, reading it from its beginning", **place)
        return low
    return stored


def _watermarks(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    try:
        found = consumer.get_watermark_offsets(partition, timeout=ASK_SECONDS)
    except KafkaException as error:
        raise RetryableError(f"Kafka: {error.args[0].name()}") from None
    if found is None:
        raise RetryableError("Kafka: no answer about a partition's offsets")
    low, high = found
    return low, high
