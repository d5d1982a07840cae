"""Where a loader begins to read its partitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaException,
    TopicPartition,
)

from streamproc.errors import RetryableError
from streamproc.warehouse.sink import Place

__all__ = ["first_offsets", "partitions_of", "watermarks"]

log = structlog.get_logger()

ASK_SECONDS: Final = 10.0


def first_offsets(
    consumer: Consumer, partitions: Mapping[Place, int | None]
) -> Mapping[Place, int]:
    """Return the first offset to read of each partition, and tell what cannot be read any more.

    Args:
        consumer: To ask the brokers with.
        partitions: With the warehouse's next offset; None for a partition never loaded.

    Raises:
        RetryableError: The brokers do not say what there is.
    """
    there = watermarks(consumer, partitions)
    return {place: _first(place, stored, *there[place]) for place, stored in partitions.items()}


def partitions_of(consumer: Consumer, topic: str) -> list[Place]:
    """Return the partitions of ``topic``; none if there is no such topic.

    Raises:
        RetryableError: The brokers do not say.
    """
    try:
        found = consumer.list_topics(topic, timeout=ASK_SECONDS).topics[topic]
    except KafkaException as error:
        raise RetryableError(f"Kafka: {error.args[0].name()}") from None
    return [Place(topic, partition) for partition in sorted(found.partitions)]


def watermarks(consumer: Consumer, places: Iterable[Place]) -> Mapping[Place, tuple[int, int]]:
    """Return the first offset of each partition and the one after its last, in two requests.

    Raises:
        RetryableError: The brokers do not say.
    """
    places = list(places)
    if not places:
        return {}
    low = _ask(consumer, places, OFFSET_BEGINNING)
    high = _ask(consumer, places, OFFSET_END)
    return {place: (low[place], high[place]) for place in places}


def _first(place: Place, stored: int | None, low: int, high: int) -> int:
    if stored is None:
        return low
    if stored < low:
        log.error("rows expired before they were loaded", missing=low - stored, **place._asdict())
        return low
    if stored > high:
        # Read it all: what the warehouse has already is left out by message_id.
        log.error("topic was made anew, reading it from its beginning", **place._asdict())
        return low
    return stored


def _ask(consumer: Consumer, places: list[Place], moment: int) -> dict[Place, int]:
    # The times that the protocol's ListOffsets takes for the beginning and the end (KIP-79), for
    # all partitions in one request: one by one, each would wait behind a fetch that a broker holds.
    asked = [TopicPartition(*place, moment) for place in places]
    try:
        found = consumer.offsets_for_times(asked, timeout=ASK_SECONDS)
    except KafkaException as error:
        raise RetryableError(f"Kafka: {error.args[0].name()}") from None
    for each in found:
        if each.error is not None:
            raise RetryableError(f"Kafka: {each.error.name()}")
    return {Place(each.topic, each.partition): each.offset for each in found}
