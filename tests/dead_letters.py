"""Records that failed, and their dead letters, for tests: as a worker would have made them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from brokers import Broker, Consumed
from commands import Done, run
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streamproc.deadletters import KeyPair, Seal, dead_letter, generate_key_pair, sealer
from streamproc.decode import Limits, decode
from streamproc.errors import EventError
from streamproc.events import DeadLetter, Record
from streamproc.kafka.codecs import encode_dead_letter
from streamproc.kafka.reader import to_record
from streamproc.settings import TopicSettings, variable_name

__all__ = ["JANE", "Failed", "Replayed", "Yard", "number_as_id", "without_name"]

JANE = "jane.roe@example.com"

LIMITS = Limits(131_072, 64, 32_768)
WAIT_SECONDS = 30


class Failed(NamedTuple):
    """A record that failed, and its dead letter."""

    record: Record
    letter: DeadLetter


class Replayed(NamedTuple):
    """A record of the raw topic, with what :class:`brokers.Consumed` leaves out."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: dict[str, str]


def number_as_id(number: int) -> bytes:
    """Return an event that fails for its user id, which is a number."""
    event = {"type": "track", "event": "Seen", "userId": number, "messageId": f"m-{number}"}
    return json.dumps({**event, "context": {"traits": {"email": JANE}}}).encode()


def without_name(number: int) -> bytes:
    """Return an event that fails for lack of its name."""
    return json.dumps({"type": "track", "userId": f"u-{number}"}).encode()


class Yard:
    """Topics, keys and an audit log for one test."""

    def __init__(self, broker: Broker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.topics: TopicSettings = broker.topics("dead")
        self.pair: KeyPair = generate_key_pair()
        self.key = self.key_file("private.key", self.pair)
        self.audit = folder / "audit.log"

    def key_file(self, name: str, pair: KeyPair) -> Path:
        file = self.folder / name
        file.touch(0o600)
        file.write_text(pair.private + "\n")
        return file

    def variables(self) -> dict[str, str]:
        values: dict[str, object] = {
            "kafka_brokers": self.broker.bootstrap,
            "topics_raw": self.topics.raw,
            "topics_load": self.topics.load,
            "topics_dead": self.topics.dead,
            "audit_file": self.audit,
        }
        return {variable_name(*name.split("_", 1)): str(each) for name, each in values.items()}

    def run(self, *arguments: str | Path) -> Done:
        """Run ``streamproc dead`` with ``arguments``."""
        return run(self.variables(), self.folder, "dead", *arguments)

    def told(self, *arguments: str | Path) -> Any:
        """Return what a command says with --json."""
        done = self.run(*arguments, "--json")
        assert done.stdout, done.stderr.decode()
        return json.loads(done.stdout)

    def audited(self) -> list[dict[str, str]]:
        return [json.loads(line) for line in self.audit.read_text().splitlines()]

    # -- records --

    def fail(
        self,
        values: Iterable[bytes],
        *,
        seal: Seal | bool = True,
        timestamp: int | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
        key: Callable[[int], bytes] = lambda number: f"k-{number % 5}".encode(),
    ) -> list[Failed]:
        """Publish ``values`` and a dead letter for each, in order; sealed to our key."""
        keyed = [(key(number), each) for number, each in enumerate(values)]
        records = self._published(keyed, timestamp, headers)
        sealed = sealer(self.pair.public) if seal is True else (seal or None)
        found = [Failed(each, _letter(each, sealed)) for each in records]
        self.put(encode_dead_letter(each.letter) for each in found)
        return found

    def put(self, messages: Iterable[bytes], partition: int | None = None) -> None:
        """Publish ``messages`` to the topic of dead letters, or to one partition of it."""
        if partition is None:
            self.broker.produce(self.topics.dead, [(None, each) for each in messages])
        else:
            self.broker.produce(self.topics.dead, [(None, each, partition) for each in messages])

    def other_dead(self) -> None:
        """Go on with a topic of dead letters that is empty."""
        self.topics = self.topics.model_copy(update={"dead": self.broker.topics("other").dead})

    def _published(
        self,
        records: list[tuple[bytes, bytes]],
        timestamp: int | None,
        headers: Sequence[tuple[str, bytes | None]],
    ) -> list[Record]:
        found: list[Record] = []

        def told(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            found.append(replace(to_record(message), headers=tuple(headers)))

        producer = Producer({"bootstrap.servers": self.broker.bootstrap, "linger.ms": 5})
        for key, value in records:
            now = timestamp or int(time.time() * 1_000)
            producer.produce(
                self.topics.raw,
                value,
                key,
                timestamp=now,
                headers=[*headers],
                on_delivery=told,
            )
        assert producer.flush(WAIT_SECONDS) == 0
        return sorted(found, key=lambda each: each.origin)

    def replayed(self) -> list[Replayed]:
        """Return what was sent to the raw topic again, by partition and offset."""
        return [each for each in self.raw() if "streamproc-replayed" in each.headers]

    def raw(self, topic: str = "") -> list[Replayed]:
        """Return every committed record of the raw topic."""
        places = self.broker.consume_all(topic or self.topics.raw)
        consumer = Consumer(
            {"bootstrap.servers": self.broker.bootstrap, "group.id": self.broker.group("reader")}
        )
        found: list[Replayed] = []
        try:
            firsts = {each.partition: each.offset for each in reversed(places)}
            assigned = [
                TopicPartition(topic or self.topics.raw, *first) for first in firsts.items()
            ]
            consumer.assign(assigned)
            deadline = time.monotonic() + WAIT_SECONDS
            while len(found) < len(places):
                assert time.monotonic() < deadline
                messages = consumer.consume(1_000, 0.1)
                found += [_replayed(each) for each in messages if each.error() is None]
        finally:
            consumer.close()
        return sorted(found)

    def letters(self) -> list[Consumed]:
        return self.broker.consume_all(self.topics.dead)

    def delete_raw(self) -> None:
        """Delete all records of the raw topic, as retention does."""
        admin = AdminClient({"bootstrap.servers": self.broker.bootstrap})
        ends = [TopicPartition(self.topics.raw, number, -1) for number in range(4)]
        for future in admin.delete_records(ends).values():
            future.result(WAIT_SECONDS)


def _letter(record: Record, seal: Seal | None) -> DeadLetter:
    try:
        decode(record, LIMITS)
    except EventError as error:
        return dead_letter(record, error, ruleset="f00d", seal=seal)
    raise AssertionError("a record that was to fail is in order")


def _replayed(message: Message) -> Replayed:
    record = to_record(message)
    headers = {name: (content or b"").decode() for name, content in record.headers}
    millis = record.timestamp // 1_000
    return Replayed(*record.origin[1:], record.key, record.value, millis, headers)
