from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from brokers import Broker

from streamproc.errors import RetryableError
from streamproc.kafka import producer as module
from streamproc.kafka.embedded import EmbeddedBroker
from streamproc.kafka.producer import BatchProducer, Outgoing
from streamproc.settings import KafkaSettings

SECONDS = 30.0


@contextmanager
def producing(broker: str, delivery_timeout_seconds: float = SECONDS) -> Iterator[BatchProducer]:
    producer = BatchProducer(KafkaSettings(brokers=broker), "test", delivery_timeout_seconds)
    try:
        yield producer
    finally:
        producer.close(SECONDS)


def send(producer: BatchProducer, messages: Sequence[Outgoing]) -> list[int]:
    """Send ``messages`` and wait; return the indexes of those that are refused."""

    async def wait() -> Sequence[int]:
        return await producer.send(messages, asyncio.get_running_loop()).wait()

    return sorted(asyncio.run(wait()))


def numbered(topic: str, count: int, keys: int) -> list[Outgoing]:
    return [Outgoing(topic, b"key %d" % (n % keys), b"value %d" % n) for n in range(count)]


def new_topic(broker: Broker, config: dict[str, str] | None = None) -> str:
    topic = broker.names("producer").load
    broker.create(topic, config=config)
    return topic


def test_a_batch_is_there_when_its_delivery_is_done(broker: Broker) -> None:
    topic = new_topic(broker)
    messages = numbered(topic, 1_000, keys=50)

    with producing(broker.bootstrap) as producer:
        assert send(producer, messages) == []
        there = broker.consume_all(topic)

    assert sorted((record.key, record.value) for record in there) == sorted(
        (message.key, message.value) for message in messages
    )


def test_messages_of_one_key_stay_in_one_partition_and_in_order(broker: Broker) -> None:
    topic = new_topic(broker)

    with producing(broker.bootstrap) as producer:
        for number in range(4):
            send(producer, numbered(topic, 500, keys=7)[number * 125 : (number + 1) * 125])

    there = broker.consume_all(topic)
    for key in range(7):
        mine = [each for each in there if each.key == b"key %d" % key]
        assert len({record.partition for record in mine}) == 1
        assert [record.value for record in mine] == [
            message.value for message in numbered(topic, 500, keys=7)[key::7]
        ]


def test_an_empty_batch_is_delivered_at_once(embedded: Broker) -> None:
    with producing(embedded.bootstrap) as producer:
        assert send(producer, []) == []


def test_a_message_without_key_or_value_is_delivered_so(embedded: Broker) -> None:
    topic = new_topic(embedded)

    with producing(embedded.bootstrap) as producer:
        send(producer, [Outgoing(topic, None, None)])

    assert [(record.key, record.value) for record in embedded.consume_all(topic)] == [(None, None)]


def test_more_than_the_client_s_queue_takes_waits_for_room(
    embedded: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = new_topic(embedded)
    original: Callable[..., dict[str, object]] = module.producer_config
    monkeypatch.setattr(
        module,
        "producer_config",
        lambda *options: {**original(*options), "queue.buffering.max.messages": 20},
    )

    with producing(embedded.bootstrap) as producer:
        assert send(producer, numbered(topic, 500, keys=3)) == []

    assert len(embedded.consume_all(topic)) == 500


@pytest.mark.kafka
def test_a_message_too_large_for_its_topic_is_refused_by_its_index(kafka: Broker) -> None:
    topic = new_topic(kafka, {"max.message.bytes": "20000"})
    messages = numbered(topic, 20, keys=20)
    large = Outgoing(topic, b"key 7", random.Random(1).randbytes(50_000))

    with producing(kafka.bootstrap) as producer:
        refused = send(producer, [*messages[:7], large, *messages[7:]])
        again = send(producer, [large])

    assert 7 in refused
    assert again == [0]
    # What shared a batch of the client with it is refused too, all the rest is there.
    expected = {message.value for n, message in enumerate(messages) if n + (n >= 7) not in refused}
    assert {record.value for record in kafka.consume_all(topic)} == expected


def test_a_message_that_the_client_itself_refuses_does_not_hold_up_the_others(
    embedded: Broker,
) -> None:
    topic = new_topic(embedded)
    large = Outgoing(topic, b"large", bytes(65 * 1_024 * 1_024))

    with producing(embedded.bootstrap) as producer:
        refused = send(producer, [*numbered(topic, 2, 2), large, *numbered(topic, 2, 2)])

    assert refused == [2]
    assert len(embedded.consume_all(topic)) == 4


def test_a_broker_that_is_gone_is_an_error_that_passes() -> None:
    with EmbeddedBroker() as cluster:
        producer = BatchProducer(KafkaSettings(brokers=cluster.bootstrap), "test", 1.0)
        assert send(producer, numbered("topic", 10, 3)) == []

    with pytest.raises(RetryableError, match=r"^not delivered: _MSG_TIMED_OUT$"):
        send(producer, numbered("topic", 10, 3))
    producer.close(1.0)


def test_closing_waits_for_what_is_under_way_and_ends_the_thread(broker: Broker) -> None:
    topic = new_topic(broker)
    before = threading.active_count()
    producer = BatchProducer(KafkaSettings(brokers=broker.bootstrap), "test", SECONDS)
    loop = asyncio.new_event_loop()
    producer.send(numbered(topic, 500, 3), loop)

    producer.close(SECONDS)

    assert len(broker.consume_all(topic)) == 500
    assert threading.active_count() == before
    loop.close()


def test_closing_waits_no_longer_than_it_is_told() -> None:
    with EmbeddedBroker() as cluster:
        producer = BatchProducer(KafkaSettings(brokers=cluster.bootstrap), "test", SECONDS)
    loop = asyncio.new_event_loop()
    producer.send(numbered("topic", 10, 3), loop)
    started = time.monotonic()

    producer.close(0.2)

    assert time.monotonic() - started < 5
    loop.close()


def test_whoever_gave_up_waiting_harms_nobody(embedded: Broker) -> None:
    topic = new_topic(embedded)

    async def give_up_and_go_on(producer: BatchProducer) -> Sequence[int]:
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(producer.send(numbered(topic, 100, 3), loop).wait())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return await producer.send(numbered(topic, 100, 3), loop).wait()

    with producing(embedded.bootstrap) as producer:
        assert asyncio.run(give_up_and_go_on(producer)) == []


def test_a_loop_that_ended_before_its_delivery_harms_nobody(embedded: Broker) -> None:
    topic = new_topic(embedded)
    loop = asyncio.new_event_loop()

    with producing(embedded.bootstrap) as producer:
        producer.send(numbered(topic, 100, 3), loop)
        loop.close()
        assert send(producer, numbered(topic, 100, 3)) == []
