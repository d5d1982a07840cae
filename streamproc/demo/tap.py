"""Reads along what leaves the raw topic: counts it, and searches it for planted values."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streamproc.canaries.leaks import Text
from streamproc.demo.check import LeakCheck
from streamproc.events import RedactedBody
from streamproc.kafka.codecs import decode_row
from streamproc.kafka.embedded import PARTITIONS

__all__ = ["Keep", "Tap"]

POLL_SECONDS = 0.1


class Keep(NamedTuple):
    """The rows whose payloads are kept: those of some message ids on the loader topic."""

    topic: str
    message_ids: frozenset[str]


class Tap(threading.Thread):
    """A reader of whole topics, from their beginning.

    It reads while the run goes on and not in its end: the embedded broker forgets old records.
    """

    def __init__(self, brokers: str, topics: Iterable[str], check: LeakCheck, keep: Keep) -> None:
        """Prepare the thread; until it is stopped, ``check`` is its own."""
        super().__init__(name="demo-tap", daemon=True)
        self._brokers = brokers
        self._check = check
        self._keep = keep
        self.kept: dict[str, RedactedBody] = {}
        """Payloads by message id."""
        self._stop_requested = threading.Event()
        self.counts: Counter[str] = Counter()
        """Records read so far, by topic."""
        self._places = [
            TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)
        ]
        self._consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "streamproc-demo-tap",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )

    def run(self) -> None:
        """Read until stopped."""
        for topic in {place.topic for place in self._places}:
            self._check.search(f"topic {topic}", [])
        self._consumer.assign(
            [
                TopicPartition(place.topic, place.partition, OFFSET_BEGINNING)
                for place in self._places
            ]
        )
        while not self._stop_requested.is_set():
            for message in self._consumer.consume(500, POLL_SECONDS):
                if message.error() is None:
                    self._take(message)

    def finish(self, timeout: float) -> bool:
        """Read to the ends of the topics and stop; return whether the ends were reached in time.

        Call it when nothing is written any more.
        """
        # Asked by a client of its own: the consumer's query waits for ever on a mock cluster.
        admin = AdminClient({"bootstrap.servers": self._brokers, "log_level": 0})
        asked = admin.list_offsets(dict.fromkeys(self._places, OffsetSpec.latest()))
        ends: int = sum(end.result(timeout).offset for end in asked.values())
        deadline = time.monotonic() + timeout
        while self.counts.total() < ends and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        self.stop()
        return self.counts.total() >= ends

    def stop(self) -> None:
        """End the thread; the check is free again."""
        if not self._stop_requested.is_set():
            self._stop_requested.set()
            self.join()
            self._consumer.close()

    def _take(self, message: Message) -> None:
        topic = message.topic()
        assert topic is not None
        self.counts[topic] += 1
        content = (message.key() or b"") + b"\n" + (message.value() or b"")
        place = f"{topic}[{message.partition()}]@{message.offset()}"
        self._check.search(f"topic {topic}", [Text(place, None, content)])
        if topic == self._keep.topic:
            row = decode_row(message.value())
            if row.message_id in self._keep.message_ids:
                self.kept[row.message_id] = row.payload
