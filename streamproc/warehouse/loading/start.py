"""Where a loader begins to read its partitions.

The warehouse's offsets are those of one topic, whose id it keeps with them. Another id is another
topic of the same name: it is read from its beginning, and what the warehouse has already (because
it was published again, say) is left out by ``message_id``. While the topic is exchanged, loaders go
about it like this, however many there are:

- One that was reading goes on at its old offset in the new topic, for the seconds until it is told
  (:class:`~streamproc.kafka.topic_ids.TopicWatch`); what it loads counts as of the old id. Then it
  loads what it has, and begins anew.
- One that starts, or is given the partition, finds the old id and begins anew at once.
- Offset and id are compared and set together. So of two that have a partition, the second to load
  is told that it has moved, drops what it has read, and looks again; never is an offset of the one
  topic taken for one of the other.
"""

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
from streamproc.warehouse.sink import Place, Position

__all__ = ["first_positions", "is_of_another", "partitions_of", "watermarks"]

log = structlog.get_logger()

ASK_SECONDS: Final = 10.0


def first_positions(
    consumer: Consumer, topic_id: str | None, partitions: Mapping[Place, Position | None]
) -> Mapping[Place, Position]:
    """Return where to begin to read each partition, and tell what cannot be read any more.

    Args:
        consumer: To ask the brokers with.
        topic_id: Of the topic that all of the partitions are of; None if it is not known.
        partitions: With where the warehouse has them; None for a partition never loaded.

    Raises:
        RetryableError: The brokers do not say what there is.
    """
    there = watermarks(consumer, partitions)
    renewed = [
        place
        for place, stored in partitions.items()
        if stored is not None and is_of_another(stored, topic_id, there[place][1])
    ]
    if renewed:
        numbers = sorted(place.partition for place in renewed)
        told = "topic was made anew, reading it from its beginning"
        log.warning(told, topic=renewed[0].topic, partitions=numbers)
    return {
        place: _first(place, None if place in renewed else stored, topic_id, there[place][0])
        for place, stored in partitions.items()
    }


def is_of_another(stored: Position, topic_id: str | None, high: int) -> bool:
    """Return whether a position is of another topic than the one that has its name now.

    Args:
        stored: The position.
        topic_id: Of the topic there is; None if it is not known.
        high: The offset after the partition's last.
    """
    known = stored.topic_id is not None and topic_id is not None
    return (known and stored.topic_id != topic_id) or stored.offset > high


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


def _first(place: Place, stored: Position | None, topic_id: str | None, low: int) -> Position:
    if stored is None:
        return Position(low, topic_id)
    if stored.offset < low:
        missing = low - stored.offset
        log.error("rows expired before they were loaded", missing=missing, **place._asdict())
    return Position(max(stored.offset, low), topic_id or stored.topic_id)


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
