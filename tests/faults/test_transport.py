"""The holes of Faust's stock consumers, each tried on this transport.

A copying app stands for the worker. In each test every record that went in has come out, whatever
happened, and the group's committed offsets end where the topic does.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager

import pytest
from broker import KafkaBroker
from brokers import Broker
from confluent_kafka import Producer
from processes import TESTS, Process, running, wait_until

PARTITIONS = 4


class Copy:
    """A topic to copy from, one to copy to, and a group to do it with."""

    def __init__(self, broker: Broker, config: dict[str, str] | None = None) -> None:
        self.broker = broker
        names = broker.names("copy")
        self.source, self.target, self.group = names.raw, names.load, broker.group("copy")
        broker.create(self.source, PARTITIONS, config)
        broker.create(self.target, PARTITIONS)
        self.filled: list[bytes] = []

    def fill(self, count: int) -> list[bytes]:
        start = len(self.filled)
        values = [f"record {number}".encode() for number in range(start, start + count)]
        self.broker.produce(
            self.source,
            [(value, value, number % PARTITIONS) for number, value in enumerate(values)],
        )
        self.filled += values
        return values

    def fill_until(self, app: Process, text: str) -> None:
        """Keep every partition busy until ``app`` says ``text``, however long it takes to start."""
        while not any(text in line for line in app.lines):
            assert app.running, app.output()
            self.fill(10 * PARTITIONS)
            time.sleep(0.1)

    def app(self, *options: str) -> AbstractContextManager[Process]:
        return running(
            [
                str(TESTS / "copying.py"),
                *("--brokers", self.broker.bootstrap, "--group", self.group),
                *("--topic", self.source, "--out", self.target),
                *options,
            ]
        )

    def copied(self) -> Counter[bytes]:
        return Counter(record.value or b"" for record in self.broker.consume_all(self.target))

    def committed(self) -> int:
        return sum(self.broker.committed(self.group, self.source).values())

    def wait_for_commits(self, offset: int) -> None:
        wait_until(lambda: self.committed() >= offset)

    def wait_for(self, values: Iterable[bytes]) -> Counter[bytes]:
        wanted = set(values)
        wait_until(lambda: wanted <= self.copied().keys())
        return self.copied()


def in_order_per_partition(broker: Broker, topic: str, partition_of: dict[bytes, int]) -> bool:
    """Whether the first copies of each source partition's records came in their order."""
    seen: dict[int, list[int]] = {}
    met = set()
    for record in broker.consume_all(topic):
        assert record.value is not None
        if record.value not in met:
            met.add(record.value)
            number = int(record.value.split()[1])
            seen.setdefault(partition_of[record.value] * 100 + record.partition, []).append(number)
    return all(numbers == sorted(numbers) for numbers in seen.values())


def test_every_record_is_copied_once_when_nothing_happens(broker: Broker) -> None:
    copy = Copy(broker)
    values = copy.fill(2_000)

    with copy.app() as app:
        copied = copy.wait_for(values)
        copy.wait_for_commits(2_000)
        assert app.stop() == 0

    assert copied == Counter(values)


@pytest.mark.kafka
def test_a_batch_in_flight_at_a_kill_is_read_again(kafka: Broker) -> None:
    copy = Copy(kafka)
    values = copy.fill(2_000)

    for _ in range(3):
        with copy.app("--slow", "0.4") as app:
            app.wait_for("done")
            app.wait_for("took")
            app.kill()
    with copy.app() as app:
        copied = copy.wait_for(values)
        copy.wait_for_commits(2_000)
        app.stop()

    assert copied.keys() == set(values)
    partitions = {value: number % PARTITIONS for number, value in enumerate(values)}
    assert in_order_per_partition(kafka, copy.target, partitions)


@pytest.mark.kafka
def test_a_rebalance_in_the_middle_of_a_batch_loses_and_doubles_nothing(kafka: Broker) -> None:
    copy = Copy(kafka)

    with copy.app("--slow", "0.3") as first:
        copy.fill_until(first, "took")
        with copy.app("--slow", "0.3") as second:
            copy.fill_until(second, "took")
            with copy.app("--slow", "0.3") as third:
                copy.fill_until(third, "took")
                assert third.stop() == 0
            copy.fill(400)
            assert second.stop() == 0
        copied = copy.wait_for(copy.filled)
        copy.wait_for_commits(len(copy.filled))
        assert first.stop() == 0

    assert copied == Counter(copy.filled)  # partitions were drained before they moved


@pytest.mark.kafka
@pytest.mark.parametrize("trouble", ["raise", "cancel"])
def test_a_batch_whose_agent_fails_is_read_again(kafka: Broker, trouble: str) -> None:
    copy = Copy(kafka)
    values = copy.fill(1_000)

    with copy.app("--trouble", trouble, "--batch", "50") as app:
        copied = copy.wait_for(values)
        copy.wait_for_commits(1_000)
        assert app.stop() == 0

    assert copied.keys() == set(values)
    again = {value: times for value, times in copied.items() if times > 1}
    assert 0 < len(again) <= 25  # the half that was sent before it failed, and only that


@pytest.mark.kafka
def test_a_batch_that_failed_is_not_committed(kafka: Broker) -> None:
    copy = Copy(kafka)
    values = copy.fill(400)

    with copy.app("--trouble", "raise", "--slow", "1.0", "--batch", "100") as app:
        app.wait_for("took")
        time.sleep(0.8)  # half of the batch is sent, commits run every 0.3 s
        assert copy.committed() == 0
        copy.wait_for(values)
        app.stop()

    assert copy.committed() == 400


@pytest.mark.kafka
def test_a_commit_that_fails_is_made_up_for(own_kafka: KafkaBroker) -> None:
    copy = Copy(Broker(own_kafka.bootstrap, "kafka"))
    values = copy.fill(400)

    with copy.app("--commit-interval", "3") as app:
        copy.wait_for(values)
        assert copy.committed() == 0
        own_kafka.kill()
        time.sleep(4)  # the commit is due, and fails
        own_kafka.start()
        copy.wait_for_commits(400)
        app.stop()

    assert copy.copied().keys() == set(values)


@pytest.mark.kafka
def test_transaction_markers_and_aborted_records_acknowledge_nothing_early(kafka: Broker) -> None:
    copy = Copy(kafka)
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "transactional.id": copy.group})
    producer.init_transactions()
    values = []
    for number in range(120):
        producer.begin_transaction()
        value = f"record {number}".encode()
        producer.produce(copy.source, value, partition=number % PARTITIONS)
        producer.flush()  # else an abort may race with the first message of its transaction
        if number % 3 == 0:
            producer.abort_transaction()
        else:
            producer.commit_transaction()
            values.append(value)

    with copy.app("--slow", "0.3", "--batch", "7") as app:
        app.wait_for("done")
        app.wait_for("took")
        app.kill()
    with copy.app("--batch", "7") as app:
        copied = copy.wait_for(values)
        app.stop()

    assert copied.keys() == set(values)


@pytest.mark.kafka
def test_gaps_of_a_compacted_topic_acknowledge_nothing_early(kafka: Broker) -> None:
    copy = Copy(
        kafka,
        {
            "cleanup.policy": "compact",
            "segment.ms": "100",
            "min.cleanable.dirty.ratio": "0.01",
            "min.compaction.lag.ms": "0",
        },
    )
    for number in range(40):  # 40 versions of 20 keys, all on partition 0
        records = [(b"key %d" % key, b"record %d" % (number * 100 + key), 0) for key in range(20)]
        kafka.produce(copy.source, records)
        time.sleep(0.05)
    wait_until(lambda: len(kafka.consume_all(copy.source, [0])) < 400)
    left = [record.value or b"" for record in kafka.consume_all(copy.source, [0])]

    with copy.app("--slow", "0.3", "--batch", "7") as app:
        app.wait_for("done")
        app.wait_for("took")
        app.kill()
    with copy.app("--batch", "7") as app:
        copied = copy.wait_for(left[-20:])  # the newest of each key stay, whatever is compacted
        copy.wait_for_commits(800)
        app.stop()

    assert set(left[-20:]) <= copied.keys()


@pytest.mark.kafka
def test_what_is_not_delivered_is_not_committed(own_kafka: KafkaBroker) -> None:
    copy = Copy(Broker(own_kafka.bootstrap, "kafka"))
    values = copy.fill(2_000)

    with copy.app("--slow", "0.2", "--delivery-timeout", "3") as app:
        app.wait_for("done")
        own_kafka.kill()
        time.sleep(6)  # deliveries time out; the agent's body raises
        own_kafka.start()
        copied = copy.wait_for(values)
        copy.wait_for_commits(2_000)
        app.stop()

    assert copied.keys() == set(values)


@pytest.mark.kafka
def test_a_stop_finishes_what_is_in_flight_and_nothing_is_done_twice(kafka: Broker) -> None:
    copy = Copy(kafka)
    values = copy.fill(2_000)

    for _ in range(3):
        with copy.app("--slow", "0.5") as app:
            app.wait_for("done")
            app.wait_for("took")
            assert app.stop() == 0
    with copy.app() as app:
        copied = copy.wait_for(values)
        app.stop()

    assert copied == Counter(values)


@pytest.mark.kafka
def test_a_member_whose_instance_id_is_taken_by_another_stops(kafka: Broker) -> None:
    copy = Copy(kafka)
    values = copy.fill(1_000)

    with copy.app("--instance", "the-one", "--slow", "0.3") as first:
        first.wait_for("took")
        with copy.app("--instance", "the-one") as second:
            assert first.wait() != 0
            first.close()
            assert any("fenced by other consumer" in line for line in first.lines)
            copied = copy.wait_for(values)
            copy.wait_for_commits(1_000)
            second.stop()

    assert copied.keys() == set(values)
