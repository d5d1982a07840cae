"""Events that are published all along, and the rows that come of them, as they come."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import orjson
from confluent_kafka import Consumer, KafkaError, Message, Producer
from ledger import At, Fate, Published

from streamproc.demo import Generated, Mix, generate
from streamproc.kafka.codecs import decode_row

__all__ = ["DROPPED_EVENT", "DROP_RULE", "Stream", "Watch"]

MOST = 200_000
"""Events; more than any run publishes."""
DROPPED_EVENT = "Suite Unwanted"
DROP_RULE = "unwanted-in-the-suite"
DROPPED_EVERY = 40
ID_FIELDS = {"userId", "anonymousId"}
TICK_SECONDS = 0.05


def _events(seed: int) -> Iterator[tuple[Generated, Fate]]:
    """Yield invented events, some of them malformed, doubled by their producer, or unwanted."""
    mix = Mix(malformed=0.01, duplicates=0.01)
    for number, record in enumerate(generate(MOST, seed, mix)):
        if number % DROPPED_EVERY == 0 and not record.malformed:
            yield _unwanted(record, number), "dropped"
        yield record, "dead" if record.malformed else "row"


def _unwanted(record: Generated, number: int) -> Generated:
    ids = {name: value for name, value in record.event.items() if name in ID_FIELDS}
    body = ids | {"type": "track", "event": DROPPED_EVENT, "messageId": f"unwanted-{number}"}
    return Generated(orjson.dumps(body), record.key, f"unwanted-{number}", ())


class Stream:
    """Publishes at a steady rate from its own thread; a context manager."""

    def __init__(self, brokers: str, topic: str, seed: int, rate: int) -> None:
        """Publish nothing yet; ``rate`` is in events a second."""
        self.during = "start"
        self.published: list[Published] = []
        self._topic, self._rate = topic, rate
        self._events = _events(seed)
        self._extra: list[tuple[Generated, Fate]] = []
        self._stop = threading.Event()
        self._failed: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._run, name="stream")
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "log_level": 0,
                "reconnect.backoff.max.ms": 500,
            }
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def add(self, records: Sequence[tuple[Generated, Fate]]) -> None:
        """Publish these too, among the others."""
        self._extra += records

    def finish(self) -> None:
        """Publish no more, and wait until all of it is acknowledged."""
        self.__exit__()
        assert self._producer.flush(120) == 0, "events were not acknowledged"
        assert not self._failed, self._failed

    def ends(self) -> dict[int, int]:
        """Return the offset after the last one known of each partition."""
        found: dict[int, int] = {}
        for each in list(self.published):
            partition, offset = each.at
            found[partition] = max(found.get(partition, 0), offset + 1)
        return found

    def _run(self) -> None:
        start, count = time.monotonic(), 0
        while not self._stop.is_set():
            due = int((time.monotonic() - start) * self._rate)
            for _ in range(due - count):
                self._produce(*next(self._events))
            count = due
            while self._extra:
                self._produce(*self._extra.pop(0))
            self._producer.poll(TICK_SECONDS)

    def _produce(self, record: Generated, fate: Fate) -> None:
        during = self.during

        def told(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._failed[error.name()] += 1
                return
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            self.published.append(Published(during, (partition, offset), record, fate))

        self._producer.produce(self._topic, record.value, record.key, on_delivery=told)


class Watch:
    """Reads the loader topic as it is written; knows how far rows are; a context manager."""

    def __init__(self, brokers: str, topic: str, group: str) -> None:
        """Read nothing yet."""
        self._latest: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._topic = topic
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")
        config: dict[str, Any] = {
            "bootstrap.servers": brokers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self._consumer = Consumer(config)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def latest(self) -> Mapping[int, int]:
        """Return the last offset of each raw partition that a row was made of."""
        return dict(self._latest)

    def ends(self) -> Mapping[int, int]:
        """Return the offset after the last row of each partition of the loader topic."""
        return dict(self._ends)

    def _run(self) -> None:
        self._consumer.subscribe([self._topic])
        while not self._stop.is_set():
            for message in self._consumer.consume(500, TICK_SECONDS):
                if message.error() is None:
                    self._take(message)
        self._consumer.close()

    def _take(self, message: Message) -> None:
        row = decode_row(message.value() or b"")
        at: At = (row.source_partition, row.source_offset)
        self._latest[at[0]] = max(self._latest.get(at[0], -1), at[1])
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        self._ends[partition] = offset + 1
