"""The thread that owns a confluent-kafka consumer: every call on it is made here.

A call on the consumer from another thread can hang during a rebalance, and a thread that stops
polling is thrown out of its group; so this one always polls. What others want of the consumer they
put in a queue; where too much waits to be processed it pauses the partition instead of waiting.

Partitions come and go one by one (cooperative-sticky): a rebalance stops only what moves. A
partition that is taken away is drained first, within a bound, and its last offset committed; what
could not be drained is read again by its next owner.

Beside an offset it is committed which topic it is of: a topic that is made anew under its name is
read from its beginning.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_STORED,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streamproc.decode.times import MAX_MICROS, MIN_MICROS
from streamproc.events import Micros, Origin, Record
from streamproc.kafka.clients import client_config
from streamproc.kafka.headers import headers_of
from streamproc.kafka.leases import Lease
from streamproc.kafka.standing import Standing, Statistics, statistics_config
from streamproc.kafka.topic_ids import CurrentTopics
from streamproc.settings import KafkaSettings

__all__ = ["Reader", "ReaderOptions", "RebalanceListener"]

log = structlog.get_logger()

T = TypeVar("T")
Partition = tuple[str, int]

POLL_SECONDS = 0.05
"""Longest wait for a batch to fill: bounds what an event waits when few come."""
PAUSE_BYTES = 16 * 1_024 * 1_024
"""A partition with so much fetched and waiting is paused …"""
RESUME_BYTES = PAUSE_BYTES // 2
"""… and resumed at this. A resumed partition's records take half a second to come again, so there
has to be work for as long: 8 MB are some 4,000 events."""

ASK_SECONDS = 5.0
"""How long the broker may take to say what was committed."""

MOVING = frozenset(
    {
        KafkaError.ILLEGAL_GENERATION,
        KafkaError.REBALANCE_IN_PROGRESS,
        KafkaError.UNKNOWN_MEMBER_ID,
        KafkaError._FATAL,
    }
)
"""Why commits fail while partitions move, or once the consumer is at its end: not worth a line."""


@dataclass(frozen=True, slots=True)
class ReaderOptions:
    """How a reader consumes."""

    kafka: KafkaSettings
    group: str
    instance_id: str | None
    session_timeout_seconds: float
    batch_records: int
    drain_seconds: float
    """How long a partition that is taken away may finish what it is working on."""


class RebalanceListener(Protocol):
    """Whom a reader tells; every method is called in the reader's thread and must not block."""

    def records_arrived(self) -> None:
        """Some lease has more to hand out."""

    def assignment_changed(self) -> None:
        """Leases came or went."""

    def reader_failed(self, cause: str) -> None:
        """The reader has ended by itself: no record will come any more."""

    def lease_changed(self, lease: Lease) -> None:
        """A batch of ``lease`` was finished or given back (called in that agent's thread)."""


class Reader(threading.Thread):
    """Polls one consumer group member until it is stopped."""

    def __init__(self, options: ReaderOptions, listener: RebalanceListener) -> None:
        """Prepare the thread; the consumer is made when it starts."""
        super().__init__(name="kafka-reader", daemon=True)
        self._options = options
        self._listener = listener
        self._calls: queue.SimpleQueue[Callable[[Consumer], None]] = queue.SimpleQueue()
        self._leases: dict[Partition, Lease] = {}
        self._paused: set[Partition] = set()
        self._stop_requested = threading.Event()
        self._fatal: str | None = None
        self._topics = CurrentTopics(options.kafka)
        self._statistics = Statistics()
        self._consumer = Consumer(
            consumer_config(options)
            | {"on_commit": self._on_commit, **statistics_config(self._statistics)},
        )

    # -- what other threads may call ------------------------------------------------------------

    def call(self, function: Callable[[Consumer], T]) -> Future[T]:
        """Run ``function`` with the consumer in the reader's thread; return its future result."""
        future: Future[T] = Future()

        def run(consumer: Consumer) -> None:
            if not future.set_running_or_notify_cancel():  # whoever asked has given up
                return
            try:
                future.set_result(function(consumer))
            except Exception as error:  # noqa: BLE001 - goes to whoever waits for the result
                future.set_exception(error)

        self._calls.put(run)
        return future

    def subscribe(self, topics: Iterable[str]) -> Future[None]:
        """Join the group for ``topics``."""
        names = list(topics)
        return self.call(
            lambda consumer: consumer.subscribe(
                names, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
        )

    def leases(self) -> Sequence[Lease]:
        """Return the leases held now (a copy)."""
        return list(self._leases.values())

    def partitions(self) -> set[Partition]:
        """Return the partitions held now (a copy)."""
        return set(self._leases)

    def standing(self) -> Standing:
        """Return how far the leases are, by what librdkafka said of the brokers last."""
        return self._statistics.standing(
            {key: lease.following for key, lease in list(self._leases.items())}
        )

    def commit(self) -> None:
        """Have every watermark committed that the broker does not know yet; returns at once.

        What the broker did not acknowledge is committed again by a later call: a lease counts an
        offset as committed only when the broker's answer says so.
        """
        self.call(self._commit_soon)

    def stop(self, timeout: float) -> bool:
        """Commit what is done, leave the group, end the thread; False when that took too long."""
        self._stop_requested.set()
        if self.is_alive():
            self.join(timeout)
        return not self.is_alive()

    # -- the thread -----------------------------------------------------------------------------

    def run(self) -> None:
        """Poll until stopped."""
        try:
            while not self._stop_requested.is_set() and self._fatal is None:
                self._run_calls()
                for topic in self._topics.made_anew():
                    self._begin_anew(topic)
                self._resume_drained()
                self._fetch()
            if self._fatal is not None:
                self._listener.reader_failed(self._fatal)
        except Exception as error:  # noqa: BLE001 - a fault of ours; who owns us has to stop
            self._listener.reader_failed(type(error).__name__)
        finally:
            self._commit_last()
            self._consumer.close()

    def _run_calls(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            call(self._consumer)

    def _fetch(self) -> None:
        # One by one: a rebalance is served between two of these calls, so that each record goes to
        # the lease that holds its partition now. consume(n) serves it in the middle of a list whose
        # first half is from before.
        timeout = POLL_SECONDS
        for _ in range(self._options.batch_records):
            message = self._consumer.poll(timeout)
            if message is None:
                break
            timeout = 0.0
            if (error := message.error()) is not None:
                self._on_message_error(message, error)
            else:
                self._hold(to_record(message))
        if timeout == 0.0:
            self._listener.records_arrived()

    def _hold(self, record: Record) -> None:
        partition = record.origin[:2]
        lease = self._leases.get(partition)
        if lease is None:  # just revoked: its next owner reads it
            return
        lease.add((record,))
        if lease.backlog_bytes >= PAUSE_BYTES and partition not in self._paused:
            self._consumer.pause([TopicPartition(*partition)])
            self._paused.add(partition)

    def _resume_drained(self) -> None:
        drained = [
            partition
            for partition in self._paused
            if partition in self._leases and self._leases[partition].backlog_bytes <= RESUME_BYTES
        ]
        if drained:
            self._consumer.resume([TopicPartition(*partition) for partition in drained])
            self._paused.difference_update(drained)

    def _on_message_error(self, message: Message, error: KafkaError) -> None:
        if error.code() == KafkaError._FATAL:  # as when another member takes our instance id
            self._fatal = error.str()
            return
        # Transport errors come through error_cb; what arrives here is about a topic or partition.
        log.warning(
            "partition cannot be read",
            topic=message.topic(),
            partition=message.partition(),
            code=error.name(),
        )

    # -- rebalances (called by librdkafka inside consume() and close(), in this thread) ----------

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for topic in {tp.topic for tp in partitions}:
            self._topics.learn(topic)
        if others := self._of_others(partitions):
            log.warning("a topic was made anew, it is read from its beginning", partitions=others)
            # Without this call librdkafka begins at the committed offsets.
            consumer.incremental_assign(
                [
                    TopicPartition(
                        tp.topic,
                        tp.partition,
                        OFFSET_BEGINNING if (tp.topic, tp.partition) in others else OFFSET_STORED,
                    )
                    for tp in partitions
                ]
            )
        self._lease(partitions)

    def _lease(self, partitions: Iterable[TopicPartition]) -> None:
        for tp in partitions:
            self._leases[tp.topic, tp.partition] = Lease(
                tp.topic, tp.partition, self._listener.lease_changed, self._topics.id_of(tp.topic)
            )
        self._listener.assignment_changed()

    def _of_others(self, partitions: Sequence[TopicPartition]) -> set[Partition]:
        """Return the partitions whose committed offset is of another topic of the same name."""
        if not any(self._topics.id_of(tp.topic) for tp in partitions):
            return set()
        try:
            committed = self._consumer.committed(list(partitions), timeout=ASK_SECONDS)
        except KafkaException as error:
            self._fatal = f"committed offsets are unknown: {error.args[0].name()}"
            return set()
        return {
            (tp.topic, tp.partition)
            for tp in committed
            if tp.metadata and tp.metadata != self._topics.id_of(tp.topic)
        }

    def _begin_anew(self, topic: str) -> None:
        """Let go of what is left of the topic that had this name, and read the one that has it."""
        partitions = [TopicPartition(*key) for key in self._leases if key[0] == topic]
        log.warning(
            "a topic was made anew, it is read from its beginning",
            topic=topic,
            partitions=len(partitions),
        )
        self._let_go(partitions)
        self._consumer.incremental_unassign(partitions)
        beginnings = [TopicPartition(tp.topic, tp.partition, OFFSET_BEGINNING) for tp in partitions]
        self._consumer.incremental_assign(beginnings)
        self._lease(partitions)

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._let_go(partitions)
        self._listener.assignment_changed()

    def _let_go(self, partitions: Sequence[TopicPartition]) -> None:
        leases = self._drop(partitions)
        for lease in leases:
            lease.close()
        self._drain(leases)
        if (refused := self._commit_now(leases)) is not None:
            _tell_uncommitted(refused)
        for lease in leases:
            lease.abandon()

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # Others own these already: committing now could set them back.
        log.warning("partitions were lost to other workers", partitions=len(partitions))
        for lease in self._drop(partitions):
            lease.abandon()
        self._listener.assignment_changed()

    def _drop(self, partitions: Sequence[TopicPartition]) -> list[Lease]:
        keys = [(tp.topic, tp.partition) for tp in partitions]
        if paused := self._paused.intersection(keys):
            # librdkafka keeps a partition paused after it is gone: it would come back silent.
            self._consumer.resume([TopicPartition(*key) for key in paused])
            self._paused -= paused
        return [lease for key in keys if (lease := self._leases.pop(key, None)) is not None]

    def _drain(self, leases: Sequence[Lease]) -> None:
        # Calls are served meanwhile: what the batches wait for may need this very thread.
        pause = threading.Event()
        steps = int(self._options.drain_seconds / POLL_SECONDS)
        for _ in range(0 if self._stop_requested.is_set() else steps):
            if not any(lease.busy for lease in leases):
                return
            self._run_calls()
            pause.wait(POLL_SECONDS)

    # -- commits --------------------------------------------------------------------------------

    def _commit_soon(self, consumer: Consumer) -> None:
        if offsets := _uncommitted(self._leases.values()):
            consumer.commit(offsets=offsets, asynchronous=True)

    def _on_commit(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        if error is not None and error.code() != KafkaError._NO_OFFSET:
            tell = log.debug if error.code() in MOVING else log.warning
            tell("offsets were not committed, trying again", code=error.name())
            return
        for tp in partitions:
            lease = self._leases.get((tp.topic, tp.partition))
            # An answer may be about the topic that had the name before.
            if lease is not None and tp.error is None and (tp.metadata or "") == lease.topic_id:
                lease.committed(tp.offset)

    def _commit_now(self, leases: Iterable[Lease]) -> KafkaError | None:
        """Commit what is done of ``leases``; return why the brokers did not take it."""
        if not (offsets := _uncommitted(leases)):
            return None
        try:
            answers = self._consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            refused: KafkaError = error.args[0]
            return refused
        if all(answer.error is None for answer in answers):
            self._on_commit(None, offsets)
        return None

    def _commit_last(self) -> None:
        """Commit what is done before leaving; amid a rebalance, when its own part in that is over.

        Until then the group takes no offsets, and who gets the partitions would do it all again.
        """
        deadline = time.monotonic() + self._options.drain_seconds / 2  # the rest is for leaving
        while (refused := self._commit_now(self._leases.values())) is not None:
            moving = refused.code() in MOVING and self._fatal is None
            if not moving or time.monotonic() > deadline:
                _tell_uncommitted(refused)
                return
            self._consumer.poll(POLL_SECONDS)  # takes part; a record it brings is the next owner's


def to_record(message: Message) -> Record:
    """Return a fetched message (one without an error) as the core knows it.

    A timestamp outside the years 1 to 9999 is taken for the nearest moment within.
    """
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None
    assert partition is not None
    assert offset is not None
    # A producer can write any 64 bits there; microseconds of it may be more than 64, and no
    # warehouse knows the year 200,000.
    arrived = min(max(message.timestamp()[1] * 1_000, MIN_MICROS), MAX_MICROS)
    origin = Origin(topic, partition, offset)
    return Record(origin, message.key(), message.value(), Micros(arrived), headers_of(message))


def _tell_uncommitted(refused: KafkaError) -> None:
    # Read again by the next owner: duplicates on the loader topic, none in the warehouse.
    log.warning("last offsets were not committed", code=refused.name())


def _uncommitted(leases: Iterable[Lease]) -> list[TopicPartition]:
    return [
        TopicPartition(lease.topic, lease.partition, offset, lease.topic_id)
        for lease in leases
        if (offset := lease.uncommitted()) is not None
    ]


def consumer_config(options: ReaderOptions) -> dict[str, Any]:
    """Return librdkafka's configuration for a group member that commits by itself."""
    config: dict[str, Any] = client_config(options.kafka, options.group) | {
        "group.id": options.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": int(options.session_timeout_seconds * 1_000),
        "heartbeat.interval.ms": int(options.session_timeout_seconds * 1_000 / 5),
        # What is fetched ahead per partition; a paused partition drops it and fetches it again.
        "queued.max.messages.kbytes": 16_384,
        "fetch.wait.max.ms": 100,
        "isolation.level": "read_committed",
    }
    if options.instance_id is not None:
        config["group.instance.id"] = options.instance_id
    return config
