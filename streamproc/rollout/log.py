"""The topic of rules as commands see it: what was said, and saying more."""

from __future__ import annotations

import queue
import uuid
from collections.abc import Mapping
from concurrent.futures import TimeoutError as NotInTime
from types import TracebackType
from typing import Final, NamedTuple, Self

from confluent_kafka import KafkaException

from streamproc.errors import ConfigError, Problem, RetryableError
from streamproc.events import Micros
from streamproc.kafka.control import (
    LogReader,
    LogRecord,
    LogWriter,
    end_offsets,
    lone_consumer,
    why_unknown,
)
from streamproc.kafka.topic_ids import TopicIds
from streamproc.rollout.ledger import Ledger
from streamproc.rollout.records import Statement, encode
from streamproc.rollout.signers import said, signing_key_of, trust_of
from streamproc.settings import Settings

__all__ = ["Entry", "RulesLog"]

ASK_SECONDS: Final = 10.0


class Entry(NamedTuple):
    """A statement of the log.

    Attributes:
        offset: Where it stands.
        at: When it was written, by the clock of who wrote it.
        statement: What it says.
        counts: Whether it changed anything; a second outcome of a try does not.
    """

    offset: int
    at: Micros
    statement: Statement
    counts: bool


class RulesLog:
    """The topic of rules; a context manager. For one thread.

    Attributes:
        ledger: What it comes to, as far as :meth:`catch_up` has read.
        entries: Its statements, in order.
        ignored: How many records were none.
        end: The offset after the last one read.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect.

        Raises:
            ConfigError: A key to sign with, or the list of signers, cannot be used.
            RetryableError: The brokers cannot be reached.
        """
        kafka, topics = settings.kafka, settings.topics
        self.ledger = Ledger(topics.raw)
        self.entries: list[Entry] = []
        self.ignored = 0
        self.end = 0
        self._raw = topics.raw
        self._topic = topics.rules
        self._trust = trust_of(settings)
        self._key = signing_key_of(settings)
        self._read: queue.SimpleQueue[LogRecord] = queue.SimpleQueue()
        self._ends = lone_consumer(kafka, "fences")
        self._ids = TopicIds(kafka)
        self._writer = LogWriter(kafka, topics.rules, ASK_SECONDS)
        self._reader = LogReader(kafka, topics.rules, self._read.put)
        self._reader.start()

    def catch_up(self) -> None:
        """Read all that is in the log now.

        Raises:
            RetryableError: The brokers do not answer.
        """
        try:
            self._reader.caught_up(ASK_SECONDS).result(2 * ASK_SECONDS)
        except NotInTime:
            raise RetryableError("the topic of rules could not be read to its end") from None
        while not self._read.empty():
            self._take(self._read.get())

    def say(self, statement: Statement) -> None:
        """Append ``statement``, and read up to it and beyond.

        Raises:
            ConfigError: It would not count: there is no key to sign with that is listed.
            RetryableError: The brokers do not answer; it may be there nevertheless.
        """
        key, value = encode(statement, uuid.uuid4().hex)
        headers = self._key.sign(self._topic, key, value) if self._key else {}
        if self._trust is not None and not self._trust.allows(key, value, headers):
            told = f"{self._key.id} is none of rules.signers" if self._key else "is not set"
            raise ConfigError(Problem("settings", "rules.signing_key", told))
        self._writer.append(key, value, headers)
        self.catch_up()

    def identify(self) -> None:
        """Have the ledger know which raw topic there is now.

        Raises:
            RetryableError: The brokers do not answer, or there is no such topic.
        """
        self.ledger.topic_id = self._ids.ask(self._raw, ASK_SECONDS)

    def fences(self) -> Mapping[str, int]:
        """Return where each partition of the raw topic ends; the ledger knows which topic that is.

        Raises:
            RetryableError: The brokers do not answer, or there is no such topic.
        """
        self.identify()  # before: were it made anew meanwhile, no fence of it would be too high
        try:
            found = self._ends.list_topics(self._raw, timeout=ASK_SECONDS)
            partitions = sorted(found.topics[self._raw].partitions)
            ends = end_offsets(self._ends, self._raw, partitions, ASK_SECONDS)
        except KafkaException as error:
            raise RetryableError(why_unknown(self._raw, "end", error.args[0])) from None
        return {str(number): end for number, end in ends.items()}

    def _take(self, record: LogRecord) -> None:
        self.end = record.offset + 1
        statement = said(record, self._trust)
        if statement is None:
            self.ignored += 1
            return
        counts = self.ledger.apply(statement)
        self.entries.append(Entry(record.offset, record.timestamp, statement, counts))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.stop(ASK_SECONDS)
        self._ends.close()
