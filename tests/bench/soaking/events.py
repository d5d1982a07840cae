"""The events of a soak: a pool of generated ones, again and again, each with an id of its own."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from streamproc.demo import Generated, Mix, generate

__all__ = ["Feed"]

TICK_SECONDS = 0.01
FLUSH_SECONDS = 60


class Mould(NamedTuple):
    """A generated event, cut where its message id was."""

    key: bytes
    before: bytes
    after: bytes


class Feed:
    """Publishes events to a topic, and keeps the ids of all of them in a file.

    People come back: as many as one for every 40 events of the pool. What is known of them stops
    growing once all have been seen, as with the customers of a shop.
    """

    def __init__(self, brokers: str, topic: str, pool: int, ids: Path) -> None:
        """Generate ``pool`` events.

        Args:
            brokers: Address of the brokers.
            topic: Where to publish.
            pool: How many different events.
            ids: File for the message ids, one a line.
        """
        made = generate(pool, 1, Mix(malformed=0.0))
        moulds = [_mould(each) for each in made]
        self._moulds = itertools.cycle(moulds)
        self._rng = Random(1)
        self._topic = topic
        self._ids = ids.open("w", encoding="ascii")
        self._errors: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": brokers,
                "enable.idempotence": True,
                "compression.type": "lz4",
                "linger.ms": 5,
            }
        )
        self.published = 0

    def publish(self, count: int) -> None:
        """Publish ``count`` events as fast as they go."""
        for _ in range(count):
            self._publish_one()
        self._flush()

    def publish_paced(self, rate: float, seconds: float, stop: Callable[[], bool]) -> None:
        """Publish ``rate`` events a second by the clock, until ``seconds`` are over or ``stop()``.

        What a pause of this process delayed is made up for, so that the load is what it is said
        to be.
        """
        began, sent = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds and not stop():
            for _ in range(int(passed * rate) - sent):
                self._publish_one()
                sent += 1
            self._producer.poll(0)
            time.sleep(TICK_SECONDS)
        self._flush()

    def close(self) -> None:
        """Write the last of the ids."""
        self._ids.close()

    def _publish_one(self) -> None:
        key, before, after = next(self._moulds)
        id_ = str(uuid.UUID(int=self._rng.getrandbits(128), version=4))
        while True:
            try:
                self._producer.produce(
                    self._topic, before + id_.encode() + after, key, on_delivery=self._told
                )
                break
            except BufferError:
                self._producer.poll(0.1)
        self._ids.write(f"{id_}\n")
        self.published += 1
        if self.published % 1_000 == 0:
            self._producer.poll(0)

    def _told(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._errors.append(error)

    def _flush(self) -> None:
        self._ids.flush()
        assert self._producer.flush(FLUSH_SECONDS) == 0, "events were not acknowledged in time"
        assert not self._errors, self._errors[0]


def _mould(record: Generated) -> Mould:
    before, _, after = record.value.partition(record.message_id.encode())
    return Mould(record.key, before, after)
