"""Partitions that change hands: only what has to move does, and nothing of it stays behind."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from brokers import Broker
from processes import wait_until

from streamproc.kafka.leases import Lease
from streamproc.kafka.reader import Reader, ReaderOptions
from streamproc.settings import KafkaSettings

pytestmark = pytest.mark.kafka

PARTITIONS = 4


class Member:
    """A group member that does each batch as soon as it is there."""

    def __init__(self, broker: Broker, group: str, instance: str | None = None) -> None:
        self.done: dict[int, list[int]] = defaultdict(list)
        self.changes = 0
        self.failed: list[str] = []
        self._end = threading.Event()
        self._news = threading.Event()
        kafka = KafkaSettings(brokers=broker.bootstrap)
        self.reader = Reader(ReaderOptions(kafka, group, instance, 10.0, 50, 5.0), self)
        self._working = threading.Thread(target=self._work)

    def _work(self) -> None:
        while not self._end.is_set():
            self._news.wait(0.05)
            self._news.clear()
            for lease in self.reader.leases():
                batch = lease.next_batch(50)
                if batch is not None and batch.take():
                    offsets = [record.origin.offset for record in batch.records]
                    batch.done()
                    self.done[lease.partition] += offsets

    def start(self, topic: str) -> None:
        self.reader.start()
        self._working.start()
        self.reader.subscribe([topic]).result(10)

    def stop(self) -> None:
        self._end.set()
        self._working.join()
        assert self.reader.stop(10)

    def held(self) -> set[int]:
        return {partition for _, partition in self.reader.partitions()}

    def records_arrived(self) -> None:
        self._news.set()

    def assignment_changed(self) -> None:
        self.changes += 1

    def reader_failed(self, cause: str) -> None:
        self.failed.append(cause)

    def lease_changed(self, lease: Lease) -> None:
        """Do nothing."""


@contextmanager
def member(broker: Broker, group: str, topic: str, instance: str | None = None) -> Iterator[Member]:
    joined = Member(broker, group, instance)
    joined.start(topic)
    try:
        yield joined
    finally:
        joined.stop()


@contextmanager
def traffic(broker: Broker, topic: str) -> Iterator[None]:
    """Records to every partition, all the time."""
    end = threading.Event()

    def write() -> None:
        while not end.wait(0.02):
            broker.produce(topic, [(None, b"{}", number) for number in range(PARTITIONS)])

    writing = threading.Thread(target=write)
    writing.start()
    try:
        yield
    finally:
        end.set()
        writing.join()


def test_a_join_moves_only_what_has_to_move_and_the_rest_goes_on(kafka: Broker) -> None:
    topic, group = kafka.topics("handover").raw, kafka.group()
    with member(kafka, group, topic) as first, traffic(kafka, topic):
        wait_until(lambda: all(first.done[number] for number in range(PARTITIONS)))
        before = {lease.partition: lease for lease in first.reader.leases()}
        with member(kafka, group, topic) as second:
            wait_until(lambda: len(second.held()) == 2)
            kept = {lease.partition: lease for lease in first.reader.leases()}
            done = {number: len(first.done[number]) for number in kept}
            wait_until(lambda: all(len(first.done[number]) > done[number] for number in kept))
            wait_until(lambda: all(second.done[number] for number in second.held()))

            # A partition that is taken away and given back begins anew, with another lease.
            assert len(kept) == 2
            assert all(before[number] is lease for number, lease in kept.items())
            assert first.held().isdisjoint(second.held())
            for number in kept:
                offsets = list(first.done[number])
                assert offsets == list(range(len(offsets))), "none twice, none left out"
        assert not first.failed + second.failed


def test_nothing_is_kept_of_partitions_that_went(kafka: Broker) -> None:
    topic, group = kafka.topics("handover").raw, kafka.group()
    with member(kafka, group, topic) as first:
        wait_until(lambda: len(first.held()) == PARTITIONS)
        everything = first.reader.leases()
        first.reader._paused.update((topic, number) for number in range(PARTITIONS))
        with member(kafka, group, topic) as second:
            wait_until(lambda: len(second.held()) == 2)
            gone = [lease for lease in everything if lease.partition not in first.held()]
            assert len(gone) == 2
            assert {partition for _, partition in first.reader._paused} <= first.held()
            assert all(lease.next_batch(1) is None and not lease.backlog for lease in gone)


def test_a_static_member_that_comes_back_moves_nobodys_partitions(kafka: Broker) -> None:
    topic, group = kafka.topics("handover").raw, kafka.group()
    with member(kafka, group, topic, "one") as first:
        with member(kafka, group, topic, "two") as second:
            wait_until(lambda: len(first.held()) == len(second.held()) == 2)
            before, changes = second.held(), first.changes
        with member(kafka, group, topic, "two") as again, traffic(kafka, topic):
            wait_until(lambda: again.held() == before)
            wait_until(lambda: all(again.done[number] for number in before))
            wait_until(lambda: all(first.done[number] for number in first.held()))
            assert first.changes == changes, "the other member's partitions were touched"
            assert not first.failed
