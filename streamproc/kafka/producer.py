"""Sends batches of messages and says when all of a batch is safely with the brokers.

One idempotent confluent-kafka producer per process, ``acks=all``: the broker keeps one copy of
each message however often it had to be sent, in the order they were given for each partition.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.errors import RetryableError
from streamproc.kafka.clients import client_config
from streamproc.settings import KafkaSettings

__all__ = ["REFUSED", "BatchProducer", "Outgoing", "producer_config"]

log = structlog.get_logger()

POLL_SECONDS = 0.1


class Outgoing(NamedTuple):
    """A message to send."""

    topic: str
    key: bytes | None
    value: bytes | None


REFUSED = frozenset({KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD})
"""Errors of one message that no repetition mends."""


class Delivery:
    """Counts the delivery reports of one batch; its future is done when all are in."""

    __slots__ = ("_failed", "_future", "_lock", "_loop", "_missing", "_refused")

    def __init__(self, count: int, loop: asyncio.AbstractEventLoop) -> None:
        """Expect ``count`` reports; they come in the producer's thread and in the sender's."""
        self._lock = threading.Lock()
        self._missing = count
        self._failed: str | None = None
        self._refused: list[int] = []
        self._loop = loop
        self._future: asyncio.Future[Sequence[int]] = loop.create_future()
        if count == 0:
            self._future.set_result(())

    def report(self, index: int, error: KafkaError | None) -> None:
        """Take the delivery report of message ``index``."""
        with self._lock:
            if error is not None:
                if error.code() in REFUSED:
                    self._refused.append(index)
                else:
                    self._failed = error.name()
            self._missing -= 1
            last = self._missing == 0
        if last:
            with suppress(RuntimeError):  # the loop is closed, and nobody waits any more
                self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if self._future.done():  # whoever waited was cancelled
            return
        if self._failed is None:
            self._future.set_result(self._refused)
        else:
            self._future.set_exception(RetryableError(f"not delivered: {self._failed}"))

    async def wait(self) -> Sequence[int]:
        """Return when every message is acknowledged, or refused for good.

        Returns:
            The indexes of the refused messages: too large for the topic, or invalid to it.

        Raises:
            RetryableError: Some were not acknowledged within the delivery timeout.
        """
        return await self._future


class BatchProducer:
    """A producer and the thread that serves its delivery reports."""

    def __init__(self, kafka: KafkaSettings, role: str, delivery_timeout_seconds: float) -> None:
        """Make the producer; it connects when it has something to send."""
        self._producer = Producer(producer_config(kafka, role, delivery_timeout_seconds))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="kafka-delivery", daemon=True)
        self._thread.start()

    def send(self, messages: Sequence[Outgoing], loop: asyncio.AbstractEventLoop) -> Delivery:
        """Hand ``messages`` over, in order; may be called in any thread, waits for room."""
        delivery = Delivery(len(messages), loop)
        for index, message in enumerate(messages):
            self._produce(index, message, delivery)
        return delivery

    def _produce(self, index: int, message: Outgoing, delivery: Delivery) -> None:
        def report(error: KafkaError | None, _message: Message) -> None:
            delivery.report(index, error)

        while True:
            try:
                self._producer.produce(
                    message.topic, message.value, message.key, on_delivery=report
                )
            except BufferError:
                self._producer.poll(POLL_SECONDS)  # full: wait for reports to make room
            except KafkaException as error:
                delivery.report(index, error.args[0])  # not accepted, so no report will come
                return
            else:
                return

    def close(self, timeout: float) -> None:
        """Wait up to ``timeout`` seconds for what is under way, then end the thread."""
        left = self._producer.flush(timeout)
        if left:
            log.warning("messages were not delivered before the end", messages=left)
        self._stopping.set()
        self._thread.join()

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(POLL_SECONDS)


def producer_config(
    kafka: KafkaSettings, role: str, delivery_timeout_seconds: float
) -> dict[str, Any]:
    """Return the configuration of an idempotent producer that loses nothing.

    Args:
        kafka: The brokers, and how to connect.
        role: What the client is, as for :func:`~streamproc.kafka.clients.client_config`.
        delivery_timeout_seconds: How long a message may take to be acknowledged.
    """
    return client_config(kafka, role) | {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": 5,
        "delivery.timeout.ms": int(delivery_timeout_seconds * 1_000),
        # Java's partitioner, so that other producers and ours agree on where a key lives.
        "partitioner": "murmur2_random",
        # The topics say what is too large, not the client: its own default of 1 MB would refuse
        # rows that `topics apply` makes room for.
        "message.max.bytes": 64 * 1_024 * 1_024,
    }
