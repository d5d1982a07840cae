"""A topic whose one partition is a log that all processes agree on: to read, to ask, to append to.

What is written is others' affair (:mod:`streamproc.rollout`); here it is keys, values and offsets.
Only partition 0 is used, whatever the topic has.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Final, NamedTuple

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from streamproc.errors import RetryableError, place_of
from streamproc.events import Headers, Micros
from streamproc.kafka.clients import LONE_GROUP, client_config
from streamproc.kafka.headers import headers_of
from streamproc.settings import KafkaSettings

__all__ = [
    "RECORD_BYTES",
    "LogReader",
    "LogRecord",
    "LogWriter",
    "end_offsets",
    "lone_consumer",
    "why_unknown",
]

log = structlog.get_logger()

PARTITION: Final = 0
POLL_SECONDS: Final = 0.1
ASK_SECONDS: Final = 2.0
"""How long one question to the broker may take, before it is asked again."""
RECORD_BYTES: Final = 8 * 1_024 * 1_024
"""What the topic of rules takes at most: a ruleset with its lists and recognizers."""

MISSING: Final = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
}
AWAY: Final = {KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT}
SHORTER: Final = "is shorter than it was: it was made anew, or has lost records"


class LogRecord(NamedTuple):
    """A record of the log.

    Attributes:
        timestamp: When it was written, by the clock of who wrote it.
        headers: What stands beside it.
    """

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: Micros
    headers: Headers = ()


class LogReader(threading.Thread):
    """Reads the log from its beginning, into ``apply``, and says when it has read to its end.

    A log only grows. One that has become shorter was made anew, or has lost records that were read:
    then nothing more is applied, and whoever asks is told so, for good.
    """

    def __init__(
        self, kafka: KafkaSettings, topic: str, apply: Callable[[LogRecord], object]
    ) -> None:
        """Prepare the threads; ``apply`` is called in one of them, record by record, in order."""
        super().__init__(name=f"kafka-log-{topic}", daemon=True)
        self._place = TopicPartition(topic, PARTITION)
        self._apply = apply
        self._stop_requested = threading.Event()
        self._consumer = lone_consumer(kafka, "log")
        # Asks over a connection of its own: on the reader's, an answer waits behind the fetch that
        # the broker is holding (0.5 ms against 100).
        self._asker = lone_consumer(kafka, "log-end")
        self._asking = threading.Thread(target=self._answer, name=f"{self.name}-end", daemon=True)
        self._questions: queue.SimpleQueue[_Question | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._position = 0
        self._targets: list[tuple[int, Future[None]]] = []
        self._broken: str | None = None

    def start(self) -> None:
        """Start to read."""
        super().start()
        self._asking.start()

    def caught_up(self, seconds: float) -> Future[None]:
        """Return a future that is done when all that is in the log now has been applied.

        Costs one question to the broker, which waits for no fetch. Questions that come while one is
        under way share the next one.

        Its exception is a RetryableError where the broker did not answer within ``seconds``, and
        where the log cannot be read any more: a new reader can.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()  # nobody else's question ends with whoever gives up
        self._questions.put(_Question(future, time.monotonic() + seconds))
        return future

    def stop(self, timeout: float) -> None:
        """End the threads."""
        self._stop_requested.set()
        self._questions.put(None)
        for thread in (self, self._asking):
            if thread.is_alive():
                thread.join(timeout)

    def run(self) -> None:
        """Read until stopped."""
        # A consumer that does not know a leader yet waits 0.5 s before it looks again.
        with suppress(KafkaException):
            self._consumer.list_topics(self._place.topic, ASK_SECONDS)
        self._consumer.assign([TopicPartition(self._place.topic, PARTITION, OFFSET_BEGINNING)])
        try:
            while not self._stop_requested.is_set() and self._broken is None:
                # One by one: consume(n) would wait for n records, or for its timeout.
                message = self._consumer.poll(POLL_SECONDS)
                if message is not None:
                    self._read(message)
        except Exception as error:  # noqa: BLE001 - whoever waits has to know that nobody reads
            self._break(f"meets a fault of streamproc: {type(error).__name__} at {place_of(error)}")
        finally:
            self._consumer.close()

    def _read(self, message: Message) -> None:
        offset, error = message.offset(), message.error()
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            log.warning("log cannot be read", topic=self._place.topic, code=error.name())
            return
        assert offset is not None
        if offset < self._position:
            self._break(SHORTER)
        elif error is None:
            timestamp = Micros(message.timestamp()[1] * 1_000)
            key, value, headers = message.key(), message.value(), headers_of(message)
            self._apply(LogRecord(offset, key, value, timestamp, headers))
            self._advance(offset + 1)
        else:  # the end: past what compaction took, too
            self._advance(offset)

    def _advance(self, position: int) -> None:
        with self._lock:
            self._position = position
            reached = [future for end, future in self._targets if end <= self._position]
            self._targets = [each for each in self._targets if each[0] > self._position]
        for future in reached:
            future.set_result(None)

    def _break(self, cause: str) -> None:
        with self._lock:
            told, self._broken = self._broken, cause
            waiting, self._targets = self._targets, []
        if told is None:
            log.error("log cannot be followed any more", topic=self._place.topic, cause=cause)
        for _, future in waiting:
            future.set_exception(RetryableError(f"{self._place.topic} {cause}"))

    # -- the asking thread ------------------------------------------------------------------------

    def _answer(self) -> None:
        try:
            while not self._stop_requested.is_set():
                if questions := self._waiting():
                    self._ask(questions)
        finally:
            self._asker.close()

    def _waiting(self) -> list[_Question]:
        found = [self._questions.get()]
        while not self._questions.empty():
            found.append(self._questions.get())
        return [each for each in found if each is not None]

    def _ask(self, questions: list[_Question]) -> None:
        position = self._position  # before the answer: what is written meanwhile is read, too
        try:
            end = end_offsets(self._asker, self._place.topic, [PARTITION], ASK_SECONDS)[PARTITION]
        except KafkaException as error:
            self._ask_again(questions, error.args[0])
            return
        if end < position:
            self._break(SHORTER)
        with self._lock:
            waits, broken = end > self._position, self._broken
            if waits and broken is None:
                self._targets += [(end, each.future) for each in questions]
        for each in questions:
            if broken is not None:
                each.future.set_exception(RetryableError(f"{self._place.topic} {broken}"))
            elif not waits:
                each.future.set_result(None)

    def _ask_again(self, questions: list[_Question], cause: KafkaError) -> None:
        now = time.monotonic()
        if given_up := [each for each in questions if now >= each.until]:
            told = why_unknown(self._place.topic, "end", self._cause(cause))
            for each in given_up:
                each.future.set_exception(RetryableError(told))
        for each in questions:
            if now < each.until:
                self._questions.put(each)
        self._stop_requested.wait(POLL_SECONDS)

    def _cause(self, said: KafkaError) -> KafkaError:
        """Return why the client knows no partition: there is no topic, or no broker to ask."""
        if said.code() != KafkaError._UNKNOWN_PARTITION:
            return said
        topic = self._place.topic
        try:
            found = self._asker.list_topics(topic, timeout=ASK_SECONDS).topics[topic].error
        except KafkaException as error:
            found = error.args[0]
        return found or said


class _Question(NamedTuple):
    future: Future[None]
    until: float


class LogWriter:
    """Appends to the log, one record at a time; may be used by several threads."""

    def __init__(self, kafka: KafkaSettings, topic: str, seconds: float) -> None:
        """Make the producer; a record that is not acknowledged within ``seconds`` is given up."""
        self._topic = topic
        self._seconds = seconds
        self._producer = Producer(
            client_config(kafka, "log-writer")
            | {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "linger.ms": 0,
                "delivery.timeout.ms": int(seconds * 1_000),
                "message.max.bytes": RECORD_BYTES,
            }
        )

    def append(
        self, key: bytes, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> int:
        """Return the offset of the record, once the brokers have it; no value takes the key's back.

        Raises:
            RetryableError: They did not acknowledge it; it may be there nevertheless.
        """
        reports: queue.SimpleQueue[tuple[KafkaError | None, int | None]] = queue.SimpleQueue()

        def told(error: KafkaError | None, message: Message) -> None:
            reports.put((error, message.offset()))

        try:
            self._producer.produce(
                self._topic, value, key, PARTITION, on_delivery=told, headers=dict(headers or {})
            )
        except (BufferError, KafkaException) as refused:
            cause = refused.args[0]
            name = cause.name() if isinstance(cause, KafkaError) else "no room"
            raise RetryableError(f"not written to {self._topic}: {name}") from None
        deadline = time.monotonic() + self._seconds + POLL_SECONDS
        while time.monotonic() < deadline:
            self._producer.poll(POLL_SECONDS)
            try:
                error, offset = reports.get_nowait()
            except queue.Empty:
                continue
            if error is not None:
                raise RetryableError(f"not written to {self._topic}: {error.name()}")
            assert offset is not None
            return offset
        raise RetryableError(f"not written to {self._topic}: no answer")


def why_unknown(topic: str, what: str, cause: KafkaError | None) -> str:
    """Return, for people, why the brokers do not tell ``what`` of ``topic``; None: no answer."""
    if cause is not None and cause.code() in MISSING:
        return f"there is no topic {topic}; see `streamproc topics apply`"
    code = None if cause is None else cause.code()
    told = "the brokers do not answer" if code in {None, *AWAY} else f"{cause and cause.name()}"
    return f"the {what} of {topic} is unknown: {told}"


def lone_consumer(kafka: KafkaSettings, role: str) -> Consumer:
    """Return a consumer that joins no group, commits nothing, and reads what everybody can see."""
    config: dict[str, Any] = client_config(kafka, role) | {
        "group.id": LONE_GROUP,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        # Its end is then the high watermark, which no transaction that is under way holds back.
        "isolation.level": "read_uncommitted",
        "fetch.wait.max.ms": 100,
    }
    return Consumer(config)


def end_offsets(
    consumer: Consumer, topic: str, partitions: list[int], seconds: float
) -> dict[int, int]:
    """Return, by partition, the offset that its next record will have, asked of the brokers.

    Raises:
        KafkaException: They did not answer within ``seconds``.
    """
    # The time that the protocol's ListOffsets takes for the end (KIP-79); a leader that is new
    # answers only when its high watermark is what the last one's was (KIP-207).
    asked = [TopicPartition(topic, number, OFFSET_END) for number in partitions]
    found = consumer.offsets_for_times(asked, timeout=seconds)
    for each in found:
        if each.error is not None:
            raise KafkaException(each.error)
    return {each.partition: each.offset for each in found}
