"""Keeps an identity view up to date with the links topic, its own and other workers' links alike.

The topic is small beside the events (tokens only, compacted), so every worker reads all of it, from
the beginning when it starts.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

import structlog
from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from streamproc.errors import EventError, RetryableError
from streamproc.events import Link
from streamproc.kafka.clients import client_config
from streamproc.kafka.codecs import decode_link

__all__ = ["LinkReader"]

log = structlog.get_logger()

POLL_SECONDS = 0.1
ASK_SECONDS = 5.0
"""How long the broker may take to say where the topic ends."""


class LinkReader(threading.Thread):
    """Reads every link into ``apply``; knows which links are safely in the topic."""

    def __init__(self, brokers: str, topic: str, apply: Callable[[Link], object]) -> None:
        """Prepare the thread; ``apply`` is called in it, once for each record of the topic."""
        super().__init__(name="kafka-links", daemon=True)
        self._topic = topic
        self._apply = apply
        self._stop_requested = threading.Event()
        self._waiting: queue.SimpleQueue[Future[None]] = queue.SimpleQueue()
        self._targets: list[tuple[dict[int, int], Future[None]]] = []
        self._next: dict[int, int] = {}
        self.durable: set[Link] = set()
        """Links read back from the topic: these need not be published again."""
        self._consumer = Consumer(
            client_config(brokers, "links")
            | {
                "group.id": "streamproc-links",  # asked for by librdkafka; nothing is committed
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 100,
            }
        )

    def caught_up(self) -> Future[None]:
        """Return a future that is done when all that is in the topic now has been applied."""
        future: Future[None] = Future()
        self._waiting.put(future)
        return future

    def stop(self, timeout: float) -> None:
        """End the thread."""
        self._stop_requested.set()
        if self.is_alive():
            self.join(timeout)

    def run(self) -> None:
        """Read until stopped."""
        self._assign()
        while not self._stop_requested.is_set():
            self._take_requests()
            for message in self._consumer.consume(1_000, POLL_SECONDS):
                self._read(message)
            self._answer()
        self._consumer.close()

    def _assign(self) -> None:
        while not self._stop_requested.is_set():
            try:
                found = self._consumer.list_topics(self._topic, timeout=ASK_SECONDS)
            except KafkaException:
                continue  # the client's error callback tells, and it backs off by itself
            partitions = found.topics[self._topic].partitions
            if partitions:
                self._next = dict.fromkeys(partitions, 0)
                self._consumer.assign(
                    [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in partitions]
                )
                return
            log.warning("topic is missing, run `streamproc topics apply`", topic=self._topic)
            self._stop_requested.wait(ASK_SECONDS)

    def _read(self, message: Message) -> None:
        partition, offset = message.partition(), message.offset()
        assert partition is not None
        assert offset is not None
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._next[partition] = max(offset, self._next[partition])
            return
        self._next[partition] = offset + 1
        value = message.value()
        if value is None:  # a tombstone: links are never taken back this way
            return
        try:
            link = decode_link(value)
        except EventError as refused:
            log.warning("record of the links topic is not ours", code=refused.code, offset=offset)
            return
        self._apply(link)
        self.durable.add(link)

    def _take_requests(self) -> None:
        while True:
            try:
                future = self._waiting.get_nowait()
            except queue.Empty:
                return
            if not future.set_running_or_notify_cancel():  # whoever asked has given up
                continue
            try:
                self._targets.append((self._ends(), future))
            except KafkaException as error:
                told = f"the links topic's end is unknown: {error.args[0].name()}"
                future.set_exception(RetryableError(told))

    def _ends(self) -> dict[int, int]:
        # The time that the protocol's ListOffsets takes for the end (KIP-79), for all partitions in
        # one request: asked one by one, each would wait behind a fetch that the broker is holding.
        asked = [TopicPartition(self._topic, number, OFFSET_END) for number in self._next]
        found = self._consumer.offsets_for_times(asked, timeout=ASK_SECONDS)
        for each in found:
            if each.error is not None:
                raise KafkaException(each.error)
        return {each.partition: each.offset for each in found}

    def _answer(self) -> None:
        left = []
        for ends, future in self._targets:
            if all(self._next[number] >= end for number, end in ends.items()):
                future.set_result(None)
            else:
                left.append((ends, future))
        self._targets = left
