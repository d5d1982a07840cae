"""Sends the records of dead letters again, each once, however often it is tried or killed.

A batch is one transaction: the records, and in the topic of dead letters a mark for each letter
behind it. Either all of it is there or nothing is. The transactional id is one for each topic of
dead letters: whoever begins ends what another left open or is still at, so that what it then reads
of the marks is all there will be but its own.

Until a transaction is committed, those who read the topic wait at its first record; so nothing is
waited for within one, and what is left open by a kill ends after :data:`TRANSACTION_SECONDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.deadletters.inventory import Position, Replay
from streamproc.errors import RetryableError
from streamproc.events import Headers, Micros, Origin
from streamproc.kafka.dead_letters import encode_replay
from streamproc.kafka.producer import REFUSED, producer_config
from streamproc.kafka.reader import to_record
from streamproc.settings import KafkaSettings

__all__ = ["ATTEMPT", "REPAIRED", "REPLAYED", "Again", "ReplayProducer", "transactional_id"]

log = structlog.get_logger()

REPLAYED: Final = "streamproc-replayed"
"""Header of a record that was sent again: the position of its dead letter."""
ATTEMPT: Final = "streamproc-attempt"
"""Header: how often it has been sent again by now."""
REPAIRED: Final = "streamproc-repaired"
"""Header of one that was repaired: fingerprint of the repairs."""
OURS: Final = frozenset({REPLAYED, ATTEMPT, REPAIRED})
BY_KEY: Final = -1
"""No partition in particular: the key's."""
MARK_KEY: Final = b"replay"

TRANSACTION_SECONDS: Final = 15.0
DELIVERY_SECONDS: Final = 10.0
BEGIN_SECONDS: Final = 60.0
COMMIT_TRIES: Final = 5


class Again(NamedTuple):
    """A record to send again.

    Attributes:
        letter: Its dead letter.
        to: Topic and partition that it came from, where it goes again; the offset is the old one.
            To where its key belongs, should the topic not have that partition any more.
        key: As it was.
        value: As it was, or repaired.
        headers: As they were.
        timestamp: What the record is said to be of.
        attempt: How often it will have been sent again.
        repair: Fingerprint of the repairs; None where it is as it was.
    """

    letter: Position
    to: Origin
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: Micros
    attempt: int
    repair: str | None = None

    def __repr__(self) -> str:
        """Say which it is, without its values."""
        return f"Again(letter={self.letter}, to={self.to}, attempt={self.attempt})"


def transactional_id(dead: str) -> str:
    """Return what replays of the topic ``dead`` call themselves, so that one fences another."""
    return f"streamproc-replay.{dead}"


class ReplayProducer:
    """Sends batches, each wholly or not at all; a context manager, for one thread."""

    def __init__(self, kafka: KafkaSettings, dead: str) -> None:
        """Take over: what another replay of the topic ``dead`` has under way is undone.

        Raises:
            RetryableError: The brokers cannot be reached.
        """
        self._dead = dead
        self._counts: dict[str, int] = {}
        self._producer = Producer(
            producer_config(kafka, "replay", DELIVERY_SECONDS)
            | {
                "transactional.id": transactional_id(dead),
                "transaction.timeout.ms": int(TRANSACTION_SECONDS * 1_000),
            }
        )
        _asked("begin", lambda: self._producer.init_transactions(BEGIN_SECONDS))

    def send(self, batch: Sequence[Again]) -> list[Again]:
        """Send ``batch``, in order; when this returns it is sent, but for what is returned.

        Returns:
            Those that their topic refuses for good, as too large: nothing is marked of them.

        Raises:
            RetryableError: It is not known to be sent; who begins anew finds out by the marks. Or
                another replay took over: then it is not sent.
        """
        if not self._try(batch):
            return []
        # A broker refuses all of a producer's batch for one record of it that is too large.
        return [each for each in batch if self._try([each])]

    def _try(self, batch: Sequence[Again]) -> list[Again]:
        """Send ``batch`` in a transaction; undo it where some are refused, and return those."""
        producer = self._producer
        _asked("send", producer.begin_transaction)
        outcome = _Outcome(batch)
        for index, each in enumerate(batch):
            there = each.to.partition < self._count(each.to.topic)
            outcome.produce(producer, index, each, each.to.partition if there else BY_KEY)
        _flush(producer)
        if refused := outcome.refused():
            _asked("undo", lambda: producer.abort_transaction(BEGIN_SECONDS))
            return refused
        for each, to in outcome.sent():
            self._mark(each, to)
        self._commit()
        return []

    def _mark(self, each: Again, to: Origin) -> None:
        mark = encode_replay(Replay(each.letter, each.attempt, to, each.repair))
        _asked(
            "mark",
            lambda: self._producer.produce(
                self._dead, mark, MARK_KEY, partition=each.letter.partition
            ),
        )

    def _count(self, topic: str) -> int:
        """Return how many partitions ``topic`` has."""
        if topic not in self._counts:
            try:
                found = self._producer.list_topics(topic, DELIVERY_SECONDS).topics[topic]
            except KafkaException as error:
                raise _failure("send", error) from None
            self._counts[topic] = len(found.partitions)
        return self._counts[topic]

    def _commit(self) -> None:
        for left in reversed(range(COMMIT_TRIES)):
            try:
                self._producer.commit_transaction(TRANSACTION_SECONDS)
            except KafkaException as error:
                if left and error.args[0].retriable():
                    continue
                self._undo(error.args[0])
                raise _failure("commit", error) from None
            else:
                return

    def _undo(self, error: KafkaError) -> None:
        if error.txn_requires_abort():
            _asked("undo", lambda: self._producer.abort_transaction(BEGIN_SECONDS))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            # What is left open would hold up readers until the broker ends it.
            try:
                self._producer.abort_transaction(DELIVERY_SECONDS)
            except KafkaException as failed:
                log.debug("no transaction was undone", code=failed.args[0].name())


class _Outcome:
    """Where the records of a batch came to lie."""

    def __init__(self, batch: Sequence[Again]) -> None:
        self._batch = batch
        self._places: dict[int, Origin] = {}
        self._refused: set[int] = set()

    def produce(self, producer: Producer, index: int, each: Again, partition: int) -> None:
        def report(error: KafkaError | None, message: Message) -> None:
            if error is None:
                self._places[index] = to_record(message).origin
            elif error.code() in REFUSED:
                self._refused.add(index)

        try:
            producer.produce(
                each.to.topic,
                each.value,
                each.key,
                partition=partition,
                timestamp=each.timestamp // 1_000,
                headers=_headers(each),
                on_delivery=report,
            )
        except KafkaException as error:
            if error.args[0].code() not in REFUSED:
                raise _failure("send", error) from None
            self._refused.add(index)

    def refused(self) -> list[Again]:
        return [self._batch[index] for index in sorted(self._refused)]

    def sent(self) -> list[tuple[Again, Origin]]:
        """Return each with where it lies now.

        Raises:
            RetryableError: Some were not acknowledged.
        """
        if len(self._places) < len(self._batch):
            raise RetryableError("records were not acknowledged in time; none of them is sent")
        return [(each, self._places[index]) for index, each in enumerate(self._batch)]


def _headers(each: Again) -> list[tuple[str, str | bytes | None]]:
    ours: list[tuple[str, str | bytes | None]]
    ours = [(REPLAYED, str(each.letter)), (ATTEMPT, str(each.attempt))]
    if each.repair is not None:
        ours.append((REPAIRED, each.repair))
    return [*(kept for kept in each.headers if kept[0] not in OURS), *ours]


def _flush(producer: Producer) -> None:
    try:
        producer.flush(DELIVERY_SECONDS)
    except KafkaException as error:
        raise _failure("send", error) from None
    except SystemError as error:
        # The client raises a fatal error while it still calls back, and what it calls fails of it.
        if not isinstance(error.__cause__, KafkaException):
            raise
        raise _failure("send", error.__cause__) from None


def _asked(what: str, ask: Callable[[], object]) -> None:
    try:
        ask()
    except KafkaException as error:
        raise _failure(what, error) from None


def _failure(what: str, error: KafkaException) -> RetryableError:
    cause = error.args[0]
    if cause.code() in {
        KafkaError._FENCED,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }:
        return RetryableError("another replay began meanwhile and took over")
    return RetryableError(f"a replay could not {what}: {cause.name()}")
