"""The loader's own dead letters: sent at once, awaited before the batch is loaded."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streamproc.errors import RetryableError
from streamproc.events import DeadLetter
from streamproc.kafka.clients import client_config
from streamproc.kafka.codecs import encode_dead_letter
from streamproc.settings import Settings

__all__ = ["DeadLetterProducer"]

BATCH_MARGIN_SECONDS = 5.0


class DeadLetterProducer:
    """Sends dead letters to ``topics.dead``; connects with the first."""

    def __init__(self, settings: Settings) -> None:
        """Take the brokers and the topic from ``settings``."""
        self._settings = settings
        self._producer: Producer | None = None
        self._sent = 0
        self._failed: str | None = None

    def send(self, letter: DeadLetter) -> None:
        """Hand ``letter`` over; :meth:`flush` says whether it arrived.

        Raises:
            RetryableError: The producer does not take it.
        """
        if self._producer is None:
            self._producer = self._connect()
        origin = letter.origin
        try:
            self._producer.produce(
                self._settings.topics.dead,
                encode_dead_letter(letter),
                f"{origin.topic}-{origin.partition}-{origin.offset}".encode(),
                on_delivery=self._report,
            )
        except BufferError:
            raise RetryableError("dead letters wait for the broker") from None
        except KafkaException as error:
            raise RetryableError(f"dead letter not accepted: {error.args[0].name()}") from None
        self._sent += 1

    def flush(self) -> int:
        """Wait until all that was sent is acknowledged, and return how many that were.

        Raises:
            RetryableError: Some were not, within the delivery timeout.
        """
        if self._producer is None:
            return 0
        patience = self._settings.kafka.delivery_timeout_seconds + BATCH_MARGIN_SECONDS
        waiting = self._producer.flush(patience)
        if waiting or self._failed is not None:
            raise RetryableError(f"dead letters not delivered: {self._failed or 'no answer'}")
        sent, self._sent = self._sent, 0
        return sent

    def _connect(self) -> Producer:
        delivery_timeout = int(self._settings.kafka.delivery_timeout_seconds * 1_000)
        return Producer(
            client_config(self._settings.kafka.brokers, "loader-dead")
            | {
                "enable.idempotence": True,
                "acks": "all",
                "compression.type": "lz4",
                "delivery.timeout.ms": delivery_timeout,
                "message.max.bytes": 8_388_608,
            }
        )

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._failed = error.name()
