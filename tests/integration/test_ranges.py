"""Stretches of a topic read once more, beside whoever reads it anyway: on real Kafka."""

from __future__ import annotations

import pytest
from brokers import Broker

from streamproc.kafka import ranges
from streamproc.kafka.ranges import RangeReader
from streamproc.settings import KafkaSettings

pytestmark = pytest.mark.kafka


@pytest.fixture
def raw(kafka: Broker) -> str:
    """Return a topic of one partition with 60 records."""
    topic = kafka.names("ranges").raw
    kafka.create(topic, 1)
    kafka.produce(topic, [(b"k", str(number).encode()) for number in range(60)])
    return topic


def read(reader: RangeReader, most: int = 7) -> list[int]:
    found: list[int] = []
    while not reader.done:
        found += [record.origin.offset for record in reader.read(most, 0.2)]
    return found


@pytest.mark.parametrize("most_passed", [1, 20_000])
def test_exactly_the_offsets_that_are_picked_are_read_in_order(
    kafka: Broker, raw: str, most_passed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "MOST_PASSED", most_passed)
    with RangeReader(KafkaSettings(brokers=kafka.bootstrap), raw) as reader:
        reader.pick({0: [(3, 5), (20, 21), (55, 99)]})

        assert sum(each.following - each.first for each in reader.stretches) == 8
        assert read(reader) == [3, 4, 20, *range(55, 60)]


def test_nothing_is_read_where_nothing_is_picked(kafka: Broker, raw: str) -> None:
    with RangeReader(KafkaSettings(brokers=kafka.bootstrap), raw) as reader:
        reader.pick({})

        assert reader.done


def test_all_is_read_where_nobody_picks(kafka: Broker, raw: str) -> None:
    with RangeReader(KafkaSettings(brokers=kafka.bootstrap), raw) as reader:
        assert read(reader) == list(range(60))
