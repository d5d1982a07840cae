"""The loader's own dead letters: sent at once, awaited before the batch is loaded."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.errors import RetryableError
from streamproc.events import DeadLetter
from streamproc.kafka.clients import client_config
from streamproc.kafka.codecs import encode_dead_letter
from streamproc.kafka.producer import REFUSED
from streamproc.settings import Settings

__all__ = ["DeadLetterProducer"]

BATCH_MARGIN_SECONDS = 5.0
POLL_SECONDS = 0.1
QUEUE_KB = 65_536
"""What may be under way; with more, sending waits."""


class DeadLetterProducer:
    """Sends dead letters to ``topics.dead``; connects with the first.

    One thread may send while another flushes.
    """

    def __init__(self, settings: Settings) -> None:
        """Take the brokers and the topic from ``settings``."""
        self._settings = settings
        self._producer: Producer | None = None
        self._failed: deque[tuple[DeadLetter, str]] = deque()

    @property
    def is_failing(self) -> bool:
        """Whether letters wait to be sent again."""
        return bool(self._failed)

    def send(self, letter: DeadLetter) -> None:
        """Hand ``letter`` over; :meth:`flush` says whether it arrived.

        Where its sealed original is too large for the topic, it goes without. Waits for room.
        """
        if self._producer is None:
            self._producer = self._connect()
        self._produce(self._producer, letter)

    def flush(self) -> None:
        """Wait until all that was sent is acknowledged.

        Raises:
            RetryableError: Some were not, within the delivery timeout; the next call sends those
                again.
        """
        if self._producer is None:
            return
        for _ in range(len(self._failed)):
            self._produce(self._producer, self._failed.popleft()[0])
        patience = self._settings.kafka.delivery_timeout_seconds + BATCH_MARGIN_SECONDS
        waiting = self._producer.flush(patience)
        if waiting or self._failed:
            why = self._failed[0][1] if self._failed else "no answer"
            raise RetryableError(f"dead letters not delivered: {why}")

    def _connect(self) -> Producer:
        delivery_timeout = int(self._settings.kafka.delivery_timeout_seconds * 1_000)
        return Producer(
            client_config(self._settings.kafka, "loader-dead")
            | {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "delivery.timeout.ms": delivery_timeout,
                "message.max.bytes": 8_388_608,
                "queue.buffering.max.kbytes": QUEUE_KB,
            }
        )

    def _produce(self, producer: Producer, letter: DeadLetter) -> None:
        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                self._refuse(producer, letter, error)

        topic, key = self._settings.topics.dead, "{}-{}-{}".format(*letter.origin).encode()
        while True:
            try:
                producer.produce(topic, encode_dead_letter(letter), key, on_delivery=report)
            except BufferError:
                producer.poll(POLL_SECONDS)  # full: deliveries, or their timeouts, make room
            except KafkaException as error:
                self._refuse(producer, letter, error.args[0])
                return
            else:
                return

    def _refuse(self, producer: Producer, letter: DeadLetter, error: KafkaError) -> None:
        if error.code() in REFUSED and letter.sealed is not None:
            # The original is what is too large, and it stays where ``origin`` says: without this,
            # the loader would try the same for ever.
            self._produce(producer, replace(letter, sealed=None))
        else:
            self._failed.append((letter, error.name()))
