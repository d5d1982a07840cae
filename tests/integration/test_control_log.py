"""The log of one partition that all processes agree on."""

from __future__ import annotations

import queue
from collections.abc import Iterator

import pytest
from brokers import Broker
from confluent_kafka import Consumer, Producer
from deleting import make_anew

from streamproc.errors import RetryableError
from streamproc.kafka import control
from streamproc.kafka.control import LogReader, LogRecord, LogWriter
from streamproc.kafka.embedded import EmbeddedBroker
from streamproc.settings import KafkaSettings

SECONDS = 10.0


@pytest.fixture
def topic(broker: Broker) -> str:
    name = broker.group("log")
    broker.create(name)
    return name


@pytest.fixture
def read(broker: Broker, topic: str) -> Iterator[tuple[LogReader, list[LogRecord]]]:
    records: list[LogRecord] = []
    reader = LogReader(KafkaSettings(brokers=broker.bootstrap), topic, records.append)
    reader.start()
    yield reader, records
    reader.stop(SECONDS)
    assert not reader.is_alive()


Read = tuple[LogReader, list[LogRecord]]


def test_whoever_is_caught_up_has_read_all_that_was_written_before(
    broker: Broker, topic: str, read: Read
) -> None:
    reader, records = read
    writer = LogWriter(KafkaSettings(brokers=broker.bootstrap), topic, SECONDS)
    for number in range(50):
        offset = writer.append(b"%d" % number, b"v%d" % number)
        reader.caught_up(SECONDS).result(SECONDS)
        assert offset == number
        assert [record.value for record in records] == [b"v%d" % n for n in range(number + 1)]


def test_all_who_ask_at_once_are_answered(read: Read) -> None:
    reader, _ = read
    for future in [reader.caught_up(SECONDS) for _ in range(500)]:
        future.result(SECONDS)


def test_a_question_waits_for_no_fetch_of_the_reader(
    broker: Broker, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = {"fetch.wait.max.ms": 3_000 * int(SECONDS)}  # a question behind it would not be answered
    monkeypatch.setattr(control, "Consumer", lambda config: Consumer(config | held))
    LogWriter(KafkaSettings(brokers=broker.bootstrap), topic, SECONDS).append(b"k", b"v")
    reader = LogReader(KafkaSettings(brokers=broker.bootstrap), topic, lambda _: None)
    reader.start()
    for _ in range(20):
        reader.caught_up(SECONDS).result(SECONDS)
    reader.stop(SECONDS)


@pytest.mark.kafka
def test_what_ends_a_transaction_takes_an_offset_and_holds_nobody_up(kafka: Broker) -> None:
    topic = kafka.group("log")
    kafka.create(topic, 1)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce(topic, b"v", b"k")
    producer.commit_transaction(SECONDS)
    records: queue.SimpleQueue[LogRecord] = queue.SimpleQueue()
    reader = LogReader(KafkaSettings(brokers=kafka.bootstrap), topic, records.put)
    reader.start()

    reader.caught_up(SECONDS).result(SECONDS)

    assert (records.get_nowait().value, records.empty()) == (b"v", True)
    reader.stop(SECONDS)


@pytest.mark.kafka
def test_a_topic_that_is_missing_is_said_to_be(kafka: Broker) -> None:
    reader = LogReader(KafkaSettings(brokers=kafka.bootstrap), "nowhere", lambda _: None)
    reader.start()

    with pytest.raises(RetryableError, match="there is no topic nowhere"):
        reader.caught_up(0.5).result(2 * SECONDS)
    reader.stop(SECONDS)


def test_a_broker_that_is_away_is_waited_for_no_longer_than_asked() -> None:
    with EmbeddedBroker() as cluster:
        cluster.make(["log"])
        reader = LogReader(KafkaSettings(brokers=cluster.bootstrap), "log", lambda _: None)
        reader.start()
        reader.caught_up(SECONDS).result(SECONDS)
    asked = reader.caught_up(0.5)

    with pytest.raises(RetryableError, match="the end of log is unknown"):
        asked.result(2 * SECONDS)
    with pytest.raises(RetryableError, match="not written to log"):
        LogWriter(KafkaSettings(brokers=cluster.bootstrap), "log", 0.5).append(b"k", b"v")
    reader.stop(SECONDS)


@pytest.mark.kafka
def test_a_log_that_was_made_anew_is_not_taken_for_the_one_that_was_read(kafka: Broker) -> None:
    topic, records = kafka.group("log"), list[LogRecord]()
    kafka.create(topic, 1)
    writer = LogWriter(KafkaSettings(brokers=kafka.bootstrap), topic, SECONDS)
    for number in range(5):
        writer.append(b"%d" % number, b"old")
    reader = LogReader(KafkaSettings(brokers=kafka.bootstrap), topic, records.append)
    reader.start()
    reader.caught_up(SECONDS).result(SECONDS)
    make_anew(kafka, topic, 1)
    LogWriter(KafkaSettings(brokers=kafka.bootstrap), topic, SECONDS).append(b"0", b"new")

    for _ in range(2):
        with pytest.raises(RetryableError, match="is shorter than it was"):
            reader.caught_up(SECONDS).result(SECONDS)
    assert [record.value for record in records] == [b"old"] * 5
    reader.stop(SECONDS)


def test_a_fault_of_what_takes_the_records_is_told_to_whoever_waits(
    broker: Broker, topic: str
) -> None:
    reader = LogReader(
        KafkaSettings(brokers=broker.bootstrap), topic, lambda record: [][record.offset]
    )
    reader.start()
    LogWriter(KafkaSettings(brokers=broker.bootstrap), topic, SECONDS).append(
        b"k", b"jane@example.com"
    )

    with pytest.raises(RetryableError, match="IndexError") as told:
        reader.caught_up(SECONDS).result(SECONDS)
    assert "jane" not in str(told.value)
    reader.stop(SECONDS)
