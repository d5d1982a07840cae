from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
import structlog
from brokers import Broker, Produced
from confluent_kafka import Producer
from processes import wait_until

from streamproc.errors import RetryableError
from streamproc.events import Link, Token
from streamproc.kafka import links as module
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.kafka.embedded import EmbeddedBroker
from streamproc.kafka.links import LinkReader

SECONDS = 20.0
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
}


def link(number: int) -> Link:
    return Link("identify", Token(f"tok_k1_a{number}"), Token(f"tok_k1_u{number}"))


def records(*numbers: int) -> list[Produced]:
    found = [link(number) for number in numbers]
    return [(link_key(each), encode_link(each)) for each in found]


@contextmanager
def reading(bootstrap: str, topic: str, apply: Callable[[Link], object]) -> Iterator[LinkReader]:
    reader = LinkReader(bootstrap, topic, apply)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop(SECONDS)
        assert not reader.is_alive()


def new_topic(broker: Broker, config: dict[str, str] | None = None) -> str:
    topic = broker.names("links").links
    broker.create(topic, config=config)
    return topic


def test_caught_up_means_that_all_that_was_there_is_applied(broker: Broker) -> None:
    topic = new_topic(broker)
    broker.produce(topic, records(*range(2_000)))
    assert {record.partition for record in broker.consume_all(topic)} == {0, 1, 2, 3}
    applied: list[Link] = []

    with reading(broker.bootstrap, topic, applied.append) as reader:
        reader.caught_up().result(SECONDS)

        assert sorted(applied) == sorted(link(number) for number in range(2_000))
        assert reader.durable == set(applied)


def test_caught_up_is_about_the_moment_it_is_asked(broker: Broker) -> None:
    topic = new_topic(broker)
    applied: list[Link] = []

    with reading(broker.bootstrap, topic, applied.append) as reader:
        for number in range(5):
            broker.produce(topic, records(number))
            reader.caught_up().result(SECONDS)
            assert applied[-1] == link(number)


def test_an_empty_topic_is_caught_up_with(broker: Broker) -> None:
    with reading(broker.bootstrap, new_topic(broker), lambda _link: None) as reader:
        reader.caught_up().result(SECONDS)

        assert reader.durable == set()


def test_caught_up_does_not_come_before_everything_is_applied(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, records(*range(20)))
    applied: list[Link] = []
    asked: list[Future[None]] = []

    def slowly(each: Link) -> None:
        assert not any(future.done() for future in asked)
        time.sleep(0.01)
        applied.append(each)

    reader = LinkReader(embedded.bootstrap, topic, slowly)
    asked += [reader.caught_up(), reader.caught_up()]
    reader.start()
    for future in asked:
        future.result(SECONDS)
    reader.stop(SECONDS)

    assert len(applied) == 20


def test_records_of_others_are_skipped_with_a_warning_that_holds_no_value(
    embedded: Broker,
) -> None:
    topic = new_topic(embedded)
    mine = records(1, 2)
    foreign: list[Produced] = [(b"k", b"jane@example.com"), (b"k", b"\xc3\x01jane"), (b"k", b"")]
    embedded.produce(topic, [mine[0], *foreign, mine[1]])
    applied: list[Link] = []

    with (
        structlog.testing.capture_logs() as lines,
        reading(embedded.bootstrap, topic, applied.append) as reader,
    ):
        reader.caught_up().result(SECONDS)

    assert sorted(applied) == [link(1), link(2)]
    assert [line["log_level"] for line in lines] == ["warning"] * 3
    assert {line["event"] for line in lines} == {"record of the links topic is not ours"}
    assert "jane" not in repr(lines)


def test_a_tombstone_is_passed_over(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, [*records(1), (link_key(link(1)), None), *records(2)])
    applied: list[Link] = []

    with (
        structlog.testing.capture_logs() as lines,
        reading(embedded.bootstrap, topic, applied.append) as reader,
    ):
        reader.caught_up().result(SECONDS)

    assert sorted(applied) == [link(1), link(2)]
    assert lines == []


def test_whoever_gave_up_waiting_does_not_end_the_thread(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, records(1))
    reader = LinkReader(embedded.bootstrap, topic, lambda _link: None)
    assert reader.caught_up().cancel()

    reader.start()
    reader.caught_up().result(SECONDS)
    reader.stop(SECONDS)

    assert reader.durable == {link(1)}


@pytest.mark.kafka
@pytest.mark.parametrize("ending", ["commit_transaction", "abort_transaction"])
def test_a_transaction_s_marker_at_the_end_is_no_record_to_wait_for(
    kafka: Broker, ending: str
) -> None:
    topic = new_topic(kafka)
    kafka.produce(topic, records(1))
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": topic})
    producer.init_transactions()
    producer.begin_transaction()
    producer.produce(topic, encode_link(link(2)), partition=0)
    getattr(producer, ending)()
    applied: list[Link] = []

    with reading(kafka.bootstrap, topic, applied.append) as reader:
        reader.caught_up().result(SECONDS)

        assert sorted(applied) == [link(1), link(2)][: 1 + (ending == "commit_transaction")]


@pytest.mark.kafka
def test_gaps_that_compaction_leaves_hold_nothing_up(kafka: Broker) -> None:
    topic = new_topic(kafka, COMPACTED)
    key, value = link_key(link(1)), encode_link(link(1))
    for _ in range(6):
        kafka.produce(topic, [(key, value, 0)] * 50)
        time.sleep(0.15)
    kafka.produce(topic, [(key, value, 0)])
    wait_until(lambda: len(kafka.consume_all(topic, [0])) < 150)
    applied: list[Link] = []

    with reading(kafka.bootstrap, topic, applied.append) as reader:
        reader.caught_up().result(SECONDS)

    assert set(applied) == {link(1)}
    assert len(applied) < 301


def test_a_broker_that_is_gone_is_an_error_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    with EmbeddedBroker() as cluster:
        cluster.make(["links"])
        reader = LinkReader(cluster.bootstrap, "links", lambda _link: None)
        reader.start()
        reader.caught_up().result(SECONDS)

    with pytest.raises(RetryableError, match=r"^the links topic's end is unknown: _"):
        reader.caught_up().result(SECONDS)
    reader.stop(SECONDS)


@pytest.mark.kafka
def test_a_topic_that_is_missing_is_waited_for(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    topic = kafka.names("links").links
    with (
        structlog.testing.capture_logs() as lines,
        reading(kafka.bootstrap, topic, lambda _link: None) as reader,
    ):
        wait_until(lambda: bool(lines))
        kafka.create(topic)
        kafka.produce(topic, records(1))
        reader.caught_up().result(SECONDS)

        assert reader.durable == {link(1)}
    assert lines[0]["event"] == "topic is missing, run `streamproc topics apply`"
