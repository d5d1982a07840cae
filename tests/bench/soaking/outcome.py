"""What became of the events of a soak: how long they took, whether one was lost or came twice."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from brokers import Broker
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition
from workplace import Workplace

from streamproc.kafka.codecs import decode_row

__all__ = ["Ledger", "Percentiles", "latencies", "ledger", "written_at"]

STALL_READS = 300
READ_RECORDS = 10_000
READ_SECONDS = 0.1
MILLIS = 1_000

Ends = Mapping[int, int]
"""Offsets by partition."""


class Percentiles(NamedTuple):
    """Of a latency, in seconds."""

    events: int
    p50: float
    p95: float
    p99: float
    most: float


class Ledger(NamedTuple):
    """Message ids published, and where they are."""

    published: int
    loaded: int
    dead: int
    lost: int
    doubled: int


def latencies(workplace: Workplace, start: Ends) -> tuple[Percentiles, Percentiles]:
    """Return how long events took to the loader topic, and into the warehouse.

    Both from the raw record's timestamp, which its producer gave it: to the timestamp that the
    broker gave the row's record when it appended it; and to the end of the work of the load that
    brought it, by the warehouse's own bookkeeping.

    Args:
        workplace: Whose topics and warehouse; nothing runs in it any more.
        start: Offsets of the raw topic; earlier records are not looked at.
    """
    raw = written_at(workplace.broker, workplace.topics.raw)
    to_topic = array("d")
    for message in _records(workplace.broker, workplace.topics.load):
        row = decode_row(message.value())
        if row.source_offset >= start.get(row.source_partition, 0):
            began = raw[row.source_partition][row.source_offset]
            to_topic.append((message.timestamp()[1] - began) / MILLIS)
    to_warehouse = array("d")
    for partition, offset, moment in workplace.query(
        "SELECT m.source_partition, m.source_offset, epoch(m.loaded_at) + l.seconds"
        " FROM streamproc_messages m JOIN"
        " (SELECT loaded_at, max(seconds) AS seconds FROM streamproc_loads GROUP BY ALL) l"
        " USING (loaded_at)"
    ):
        if offset >= start.get(partition, 0):
            to_warehouse.append(moment - raw[partition][offset] / MILLIS)
    return percentiles(to_topic), percentiles(to_warehouse)


def percentiles(values: Sequence[float]) -> Percentiles:
    """Return the percentiles of ``values``, by nearest rank."""
    ranked = sorted(values)
    if not ranked:
        return Percentiles(0, *[float("nan")] * 4)

    def at(share: float) -> float:
        return ranked[min(int(share * len(ranked)), len(ranked) - 1)]

    return Percentiles(len(ranked), at(0.5), at(0.95), at(0.99), ranked[-1])


def ledger(workplace: Workplace, ids: Path) -> Ledger:
    """Return what became of the message ids in a file, one a line.

    Lost is what is neither in the warehouse nor a dead letter; doubled, a row more than one.
    """
    rows = " UNION ALL ".join(f"SELECT id FROM {table}" for table in workplace.base_tables())
    dead = workplace.broker.written(workplace.topics.dead)
    ((published, loaded, missing, doubled),) = workplace.query(
        "WITH published AS (SELECT column0 AS id FROM"
        f" read_csv('{ids}', header = false, columns = {{'column0': 'VARCHAR'}})),"
        f" loaded AS (SELECT id, count(*) AS times FROM ({rows}) GROUP BY id)"
        " SELECT (SELECT count(*) FROM published), (SELECT count(*) FROM loaded),"
        " (SELECT count(*) FROM published ANTI JOIN loaded USING (id)),"
        " (SELECT coalesce(sum(times - 1), 0) FROM loaded)"
    )
    return Ledger(published, loaded, dead, max(0, missing - dead), int(doubled))


def written_at(broker: Broker, topic: str) -> dict[int, array[int]]:
    """Return the timestamps of a topic's records in milliseconds, by partition and offset."""
    found: dict[int, array[int]] = {number: array("q") for number in broker.partitions(topic)}
    for message in _records(broker, topic):
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        moments = found[partition]
        moments.extend([0] * (offset - len(moments)))  # offsets that no record has
        moments.append(message.timestamp()[1])
    return found


def _records(broker: Broker, topic: str) -> Iterator[Message]:
    """Yield every record now in ``topic``; those of a partition are in order."""
    missing = set(broker.partitions(topic))
    config = {
        "bootstrap.servers": broker.bootstrap,
        "group.id": "soak-outcome",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    }
    idle = 0
    with closing(Consumer(config)) as consumer:
        consumer.assign([TopicPartition(topic, each, OFFSET_BEGINNING) for each in sorted(missing)])
        while missing:
            messages = consumer.consume(READ_RECORDS, READ_SECONDS)
            idle = 0 if messages else idle + 1
            assert idle < STALL_READS, "the end of the topic was not reached in time"
            for message in messages:
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    missing.discard(message.partition() or 0)
