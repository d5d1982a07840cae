"""The loader: reads the loader topic, brings its rows into the warehouse, batch by batch.

The warehouse alone says where to go on; the group's commits are a hint for lag monitors. All a
loader holds in memory may be lost at any moment, so every trouble that may pass (broker, warehouse,
another loader that was quicker) has one answer: let go of everything, wait, start over from the
warehouse's offsets. What cannot be decoded becomes a dead letter and is passed by.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streamproc.deadletters import dead_letter, sealer
from streamproc.errors import EventError, RetryableError
from streamproc.events import Micros, Origin
from streamproc.kafka.clients import client_config
from streamproc.kafka.codecs import decode_row
from streamproc.kafka.reader import to_record
from streamproc.settings import Settings
from streamproc.warehouse.dead import DeadLetterProducer
from streamproc.warehouse.duckdb import open_duckdb
from streamproc.warehouse.pending import Pending
from streamproc.warehouse.sink import Sink
from streamproc.warehouse.start import first_offset

__all__ = ["LoaderOptions", "Totals", "run_loader"]

log = structlog.get_logger()

POLL_SECONDS = 0.1
FIRST_WAIT_SECONDS = 0.5
LONGEST_WAIT_SECONDS = 30.0


@dataclass(slots=True)
class Totals:
    """What a loader has done since it started."""

    rows: int = 0
    duplicates: int = 0
    dead: int = 0


@dataclass(frozen=True, slots=True)
class LoaderOptions:
    """How a loader runs.

    Attributes:
        stop: Asked several times a second; once true, the loader loads what it has read and ends.
        now: The wall clock, for ``loaded_at``.
        until_caught_up: End by itself once every assigned partition has been at its end.
    """

    stop: Callable[[], bool]
    now: Callable[[], Micros]
    until_caught_up: bool = False


def run_loader(settings: Settings, options: LoaderOptions) -> Totals:
    """Load until told to stop, and return the totals.

    Raises:
        ConfigError: The warehouse or the dead letters' public key cannot be used as they are set.
    """
    totals = Totals()
    log.info(
        "loader starts", topic=settings.topics.load, warehouse=str(settings.loader.duckdb_file)
    )
    wait = FIRST_WAIT_SECONDS
    while not options.stop():
        before = totals.rows + totals.duplicates
        try:
            with _session(settings, options, totals) as session:
                session.run()
            break
        except RetryableError as error:
            if totals.rows + totals.duplicates > before:
                wait = FIRST_WAIT_SECONDS
            log.warning("loader starts over", reason=str(error), wait_seconds=wait)
            _sleep(wait, options.stop)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)
    log.info("loader stopped", **asdict(totals))
    return totals


@contextmanager
def _session(settings: Settings, options: LoaderOptions, totals: Totals) -> Iterator[Session]:
    sink = open_duckdb(settings.loader.duckdb_file)
    try:
        dead = DeadLetterProducer(settings)
        consumer = Consumer(_consumer_config(settings))
        session = Session(settings, options, totals, Ends(sink, consumer, dead))
        try:
            consumer.subscribe(
                [settings.topics.load],
                on_assign=session.on_assign,
                on_revoke=session.on_revoke,
                on_lost=session.on_revoke,
            )
            yield session
        except KafkaException as error:
            raise RetryableError(f"Kafka: {error.args[0].name()}") from None
        finally:
            consumer.close()
    finally:
        sink.close()


@dataclass(frozen=True, slots=True)
class Ends:
    """What a session reads from and writes to."""

    sink: Sink
    consumer: Consumer
    dead: DeadLetterProducer


class Session:
    """One membership of the group on one open warehouse; all calls come from one thread."""

    def __init__(
        self, settings: Settings, options: LoaderOptions, totals: Totals, ends: Ends
    ) -> None:
        """Start with nothing read; ``totals`` are counted up."""
        self._topic = settings.topics.load
        self._loader = settings.loader
        self._options = options
        self._totals = totals
        self._ends = ends
        self._pending = Pending(self._topic)
        self._oldest: float | None = None
        self._told_at = time.monotonic()
        self._progress_seconds = settings.log.progress_seconds
        public_key = settings.dead_letters.public_key
        self._seal = sealer(public_key) if public_key else None

    def run(self) -> None:
        """Read and load until told to stop, or caught up.

        Raises:
            RetryableError: Start over with a new session.
        """
        while not self._options.stop():
            # One by one: unlike consume(), poll() never returns a record read before a rebalance
            # that it has reported. It costs 1 µs a record.
            message = self._ends.consumer.poll(POLL_SECONDS)
            if message is not None:
                self._take(message)
            caught_up = self._options.until_caught_up and self._pending.caught_up
            if caught_up or self._is_due():
                self._load()
            if caught_up:
                return
        self._load()

    def on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin partitions where the warehouse says; librdkafka calls this within ``poll``."""
        stored = self._ends.sink.offsets(self._topic)
        known = {assigned.partition: stored.get(assigned.partition, 0) for assigned in partitions}
        for assigned in partitions:
            assigned.offset = first_offset(consumer, assigned, stored.get(assigned.partition))
        consumer.incremental_assign(partitions)
        self._pending.assign(known)
        log.info("partitions assigned", topic=self._topic, partitions=sorted(known))

    def on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop what was read of partitions that go to another loader."""
        revoked = sorted(partition.partition for partition in partitions)
        self._pending.revoke(revoked)
        consumer.incremental_unassign(partitions)
        log.info("partitions revoked", topic=self._topic, partitions=revoked)

    def _take(self, message: Message) -> None:
        if (error := message.error()) is not None:
            self._take_error(error, message)
            return
        if self._oldest is None:
            self._oldest = time.monotonic()
        origin = _origin(message)
        try:
            row = decode_row(message.value())
        except EventError as refused:
            self._bury(message, refused)
            row = None
        self._pending.add(origin.partition, origin.offset, row)

    def _take_error(self, error: KafkaError, message: Message) -> None:
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - public constants, so named
            self._pending.reached_end(_origin(message).partition)
        elif error.fatal() or error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            raise RetryableError(f"Kafka: {error.name()}")
        else:
            log.warning("reading is disturbed, going on", topic=self._topic, code=error.name())

    def _bury(self, message: Message, refused: EventError) -> None:
        letter = dead_letter(to_record(message), refused, ruleset="", seal=self._seal)
        self._ends.dead.send(letter)

    def _is_due(self) -> bool:
        if self._pending.records >= self._loader.batch_rows:
            return True
        return (
            self._oldest is not None
            and time.monotonic() - self._oldest >= self._loader.batch_seconds
        )

    def _load(self) -> None:
        batch = self._pending.batch(self._options.now())
        self._oldest = None
        if not batch.advances:
            return
        dead = self._ends.dead.flush()
        result = self._ends.sink.load(batch)
        self._pending.loaded()
        self._totals.rows += result.rows
        self._totals.duplicates += result.duplicates
        self._totals.dead += dead
        log.debug("batch loaded", rows=result.rows, duplicates=result.duplicates, dead=dead)
        self._tell_progress()
        self._ends.consumer.commit(
            offsets=[
                TopicPartition(self._topic, partition, advance.following)
                for partition, advance in batch.advances.items()
            ],
            asynchronous=True,
        )

    def _tell_progress(self) -> None:
        if time.monotonic() - self._told_at >= self._progress_seconds:
            self._told_at = time.monotonic()
            log.info("loader goes on", **asdict(self._totals))


def _origin(message: Message) -> Origin:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None  # None only in messages that were never sent
    assert partition is not None
    assert offset is not None
    return Origin(topic, partition, offset)


def _consumer_config(settings: Settings) -> dict[str, object]:
    config: dict[str, object] = client_config(settings.kafka.brokers, "loader") | {
        "group.id": settings.loader.group,
        "session.timeout.ms": int(settings.kafka.session_timeout_seconds * 1_000),
        "partition.assignment.strategy": "cooperative-sticky",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Where to begin is decided on assignment; an offset that is gone is told, not jumped over.
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
    if settings.loader.instance_id is not None:
        config["group.instance.id"] = settings.loader.instance_id
    return config


def _sleep(seconds: float, stop: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while not stop() and time.monotonic() < end:
        time.sleep(min(POLL_SECONDS, seconds))
