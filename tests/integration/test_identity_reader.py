from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
import structlog
from brokers import Broker, Produced
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from processes import wait_until

from streamproc.errors import RetryableError
from streamproc.events import Identity, Link, Micros, Subject, Token
from streamproc.identity.store import MemoryStore, Store
from streamproc.kafka.codecs import encode_link, link_key
from streamproc.kafka.embedded import EmbeddedBroker
from streamproc.kafka.identity import reader as module
from streamproc.kafka.identity.reader import IdentityReader
from streamproc.kafka.identity.slots import READ_TO_END
from streamproc.kafka.identity.state import IdentityState, Place
from streamproc.settings import KafkaSettings

SECONDS = 20.0
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "min.compaction.lag.ms": "0",
}
LETTERS = "abcdefghij"


class Listed:
    """What was applied, in order; all of it counts as new."""

    def __init__(self, apply: Callable[[Link], object] = lambda _link: None) -> None:
        self.links: list[Link] = []
        self.forgotten: list[Link] = []
        self._apply = apply

    def add(self, link: Link) -> bool:
        self._apply(link)
        self.links.append(link)
        return True

    def forget(self, link: Link) -> bool:
        self.forgotten.append(link)
        return True

    def erase(self, token: Token) -> bool:
        return any(token in each for each in self.links)

    def resolve(self, subject: Subject) -> Identity:
        return Identity(subject.user)


def token(kind: str, number: int) -> Token:
    return Token(f"tok_k1_{kind}" + "".join(LETTERS[int(digit)] for digit in f"{number:031d}"))


def link(number: int) -> Link:
    return Link("identify", token("a", number), token("b", number), at=Micros(number))


def records(*numbers: int) -> list[Produced]:
    found = [link(number) for number in numbers]
    return [(link_key(each), encode_link(each)) for each in found]


@contextmanager
def reading(
    bootstrap: str, topic: str, listed: Listed, store: Store | None = None
) -> Iterator[IdentityReader]:
    state = IdentityState(store or MemoryStore(), listed, topic, {})
    reader = IdentityReader(KafkaSettings(brokers=bootstrap), state)
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
    listed = Listed()

    with reading(broker.bootstrap, topic, listed) as reader:
        reader.caught_up().result(SECONDS)

        assert sorted(listed.links) == sorted(link(number) for number in range(2_000))


def test_caught_up_is_about_the_moment_it_is_asked(broker: Broker) -> None:
    topic = new_topic(broker)
    listed = Listed()

    with reading(broker.bootstrap, topic, listed) as reader:
        for number in range(5):
            broker.produce(topic, records(number))
            reader.caught_up().result(SECONDS)
            assert listed.links[-1] == link(number)


def test_an_empty_topic_is_caught_up_with(broker: Broker) -> None:
    listed = Listed()

    with reading(broker.bootstrap, new_topic(broker), listed) as reader:
        reader.caught_up().result(SECONDS)

        assert listed.links == []


def test_caught_up_does_not_come_before_everything_is_applied(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, records(*range(20)))
    asked: list[Future[None]] = []

    def slowly(_link: Link) -> None:
        assert not any(future.done() for future in asked)
        time.sleep(0.01)

    listed = Listed(slowly)
    reader = IdentityReader(
        KafkaSettings(brokers=embedded.bootstrap), IdentityState(MemoryStore(), listed, topic, {})
    )
    asked += [reader.caught_up(), reader.caught_up()]
    reader.start()
    for future in asked:
        future.result(SECONDS)
    reader.stop(SECONDS)

    assert len(listed.links) == 20


def test_what_a_process_has_read_the_next_one_does_not_read_again(broker: Broker) -> None:
    topic, store = new_topic(broker), MemoryStore()
    broker.produce(topic, records(*range(100)))
    with reading(broker.bootstrap, topic, Listed(), store) as reader:
        reader.caught_up().result(SECONDS)
    broker.produce(topic, records(100, 101))
    listed = Listed()

    with reading(broker.bootstrap, topic, listed, store) as reader:
        reader.caught_up().result(SECONDS)

    assert sorted(listed.links) == [link(100), link(101)]


def test_what_is_read_is_committed_within_a_second_or_so(embedded: Broker) -> None:
    topic, store = new_topic(embedded), MemoryStore()
    embedded.produce(topic, [(*records(number)[0], 0) for number in range(3)])

    with reading(embedded.bootstrap, topic, Listed(), store):
        wait_until(lambda: store.get(READ_TO_END) is not None)

        state = IdentityState(store, Listed(), topic, {})
        assert state.position(Place(topic, 0)) == 3


def test_a_state_that_has_much_to_read_says_how_far_it_is(
    embedded: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TELL_RECORDS", 100)
    monkeypatch.setattr(module, "TELL_SECONDS", 0.0)
    monkeypatch.setattr(module, "POLL_RECORDS", 50)
    topic = new_topic(embedded)
    embedded.produce(topic, records(*range(200)))

    with (
        structlog.testing.capture_logs() as lines,
        reading(embedded.bootstrap, topic, Listed()) as reader,
    ):
        reader.caught_up().result(SECONDS)
        embedded.produce(topic, records(*range(200)))
        reader.caught_up().result(SECONDS)

    assert {(line["event"], line["of"]) for line in lines} == {("reading identity links", 200)}
    told = [line["records"] for line in lines]
    assert told == sorted(set(told))
    assert told[-1] == 200


def test_records_of_others_are_skipped_with_a_warning_that_holds_no_value(
    embedded: Broker,
) -> None:
    topic = new_topic(embedded)
    mine = records(1, 2)
    foreign: list[Produced] = [(b"k", b"jane@example.com"), (b"k", b"\xc3\x01jane"), (b"k", b"")]
    embedded.produce(topic, [(*each, 0) for each in [mine[0], *foreign, mine[1]]])
    listed = Listed()

    with (
        structlog.testing.capture_logs() as lines,
        reading(embedded.bootstrap, topic, listed) as reader,
    ):
        reader.caught_up().result(SECONDS)

        assert reader.progress() == {"identity_records_refused": 3}
    assert listed.links == [link(1), link(2)]
    assert {(line["log_level"], line["event"]) for line in lines} == {
        ("warning", "records of an identity topic are not ours")
    }
    assert sum(line["records"] for line in lines) == 3
    assert (lines[0]["topic"], lines[0]["offset"], lines[0]["code"]) == (topic, 1, "not_ours")
    assert "jane" not in repr(lines)


def test_a_tombstone_takes_a_link_back(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, [*records(1), (link_key(link(1)), None), *records(2)])
    listed = Listed()

    with reading(embedded.bootstrap, topic, listed) as reader:
        reader.caught_up().result(SECONDS)

    assert sorted(listed.links) == [link(1), link(2)]
    assert listed.forgotten == [link(1)._replace(at=Micros(0))]


def test_whoever_gave_up_waiting_does_not_end_the_thread(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, records(1))
    listed = Listed()
    reader = IdentityReader(
        KafkaSettings(brokers=embedded.bootstrap), IdentityState(MemoryStore(), listed, topic, {})
    )
    assert reader.caught_up().cancel()

    reader.start()
    reader.caught_up().result(SECONDS)
    reader.stop(SECONDS)

    assert listed.links == [link(1)]


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
    listed = Listed()

    with reading(kafka.bootstrap, topic, listed) as reader:
        reader.caught_up().result(SECONDS)

        assert sorted(listed.links) == [link(1), link(2)][: 1 + (ending == "commit_transaction")]


@pytest.mark.kafka
@pytest.mark.parametrize("read_before", [0, 75])
def test_gaps_that_compaction_leaves_hold_nothing_up(kafka: Broker, read_before: int) -> None:
    topic, store = new_topic(kafka, COMPACTED), MemoryStore()
    key, value = link_key(link(1)), encode_link(link(1))
    kafka.produce(topic, [(key, value, 0)] * read_before)
    with reading(kafka.bootstrap, topic, Listed(), store) as reader:
        reader.caught_up().result(SECONDS)
    for _ in range(6):
        kafka.produce(topic, [(key, value, 0)] * 50)
        time.sleep(0.15)
    kafka.produce(topic, [(key, value, 0)])
    wait_until(lambda: len(kafka.consume_all(topic, [0])) < 150)
    listed = Listed()

    with reading(kafka.bootstrap, topic, listed, store) as reader:
        reader.caught_up().result(SECONDS)

    assert set(listed.links) == {link(1)}
    assert len(listed.links) < 301


@pytest.mark.kafka
def test_partitions_that_are_added_are_read(kafka: Broker) -> None:
    topic, listed = new_topic(kafka), Listed()
    with reading(kafka.bootstrap, topic, listed) as reader:
        reader.caught_up().result(SECONDS)
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.create_partitions([NewPartitions(topic, 5)])[topic].result(SECONDS)
        wait_until(lambda: len(kafka.partitions(topic)) == 5)
        kafka.produce(topic, [(*records(1)[0], 4)])
        reader.caught_up().result(SECONDS)

        assert listed.links == [link(1)]


@pytest.mark.kafka
def test_a_topic_that_is_made_anew_ends_the_reading_for_good(kafka: Broker) -> None:
    topic = new_topic(kafka)
    kafka.produce(topic, [(*records(number)[0], 0) for number in range(10)])
    with reading(kafka.bootstrap, topic, Listed()) as reader:
        reader.caught_up().result(SECONDS)
        reader.check()
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        admin.delete_topics([topic])[topic].result(SECONDS)
        wait_until(lambda: topic not in admin.list_topics().topics)
        kafka.create(topic)
        kafka.produce(topic, [(*records(1)[0], 0)])

        with pytest.raises(RetryableError, match=r"it was made anew, or has lost records$"):
            until_refused(reader)
        with pytest.raises(RetryableError, match=r"it was made anew, or has lost records$"):
            reader.check()
        with pytest.raises(RetryableError, match=r"it was made anew, or has lost records$"):
            reader.caught_up().result(SECONDS)


def until_refused(reader: IdentityReader) -> None:
    """Ask until the client knows what the brokers know; raise what it is told then."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            reader.caught_up().result(SECONDS)
        except RetryableError as error:
            if "unknown" not in str(error):
                raise
        time.sleep(0.1)


def test_a_fault_in_what_applies_is_told_to_who_waits(embedded: Broker) -> None:
    topic = new_topic(embedded)
    embedded.produce(topic, records(1))

    def fail(_link: Link) -> None:
        raise ZeroDivisionError("jane@example.com")

    with (
        structlog.testing.capture_logs() as lines,
        reading(embedded.bootstrap, topic, Listed(fail)) as reader,
        pytest.raises(RetryableError, match="ZeroDivisionError"),
    ):
        reader.caught_up().result(SECONDS)
    assert [line["log_level"] for line in lines] == ["error"]
    assert "jane" not in repr(lines)


def test_a_broker_that_is_gone_is_an_error_that_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    with EmbeddedBroker() as cluster:
        cluster.make(["links"])
        state = IdentityState(MemoryStore(), Listed(), "links", {})
        reader = IdentityReader(KafkaSettings(brokers=cluster.bootstrap), state)
        reader.start()
        reader.caught_up().result(SECONDS)

    with pytest.raises(RetryableError, match=r"^the ends of the identity topics are unknown: _"):
        reader.caught_up().result(SECONDS)
    reader.check()
    reader.stop(SECONDS)


@pytest.mark.kafka
def test_a_topic_that_is_missing_is_waited_for(
    kafka: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    topic, listed = kafka.names("links").links, Listed()
    with (
        structlog.testing.capture_logs() as lines,
        reading(kafka.bootstrap, topic, listed) as reader,
    ):
        wait_until(lambda: bool(lines))
        kafka.create(topic)
        kafka.produce(topic, records(1))
        reader.caught_up().result(SECONDS)

        assert listed.links == [link(1)]
    assert lines[0]["event"] == "topics are missing, run `streamproc topics apply`"


def test_who_cannot_read_the_topics_for_long_is_told_not_to_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "PARTITIONS_SECONDS", 0.05)
    monkeypatch.setattr(module, "ASK_SECONDS", 0.5)
    monkeypatch.setattr(module, "STALE_SECONDS", 2.0)
    cluster = EmbeddedBroker()
    topic = new_topic(Broker(cluster.bootstrap, "embedded"))
    with reading(cluster.bootstrap, topic, Listed()) as reader:

        def goes_on_until(moment: float) -> bool:
            reader.check_current()
            return time.monotonic() >= moment

        reader.caught_up().result(SECONDS)
        longer = time.monotonic() + 1.5 * module.STALE_SECONDS
        wait_until(lambda: goes_on_until(longer))

        cluster.close()

        with pytest.raises(RetryableError, match="were not read for"):
            wait_until(lambda: goes_on_until(longer + SECONDS), 2 * SECONDS)
        reader.check()
