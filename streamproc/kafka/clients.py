"""What every confluent-kafka client is told: addresses, patience, and whom to tell of trouble."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import structlog
from confluent_kafka import KafkaError

from streamproc.kafka.security import security_config
from streamproc.settings import KafkaSettings

__all__ = ["BrokerWatch", "client_config"]

log = structlog.get_logger()

QUIET_SECONDS = 10.0
"""How long a line about brokers is not repeated."""


class BrokerWatch:
    """Turns a client's stream of connection errors into one line now and then.

    librdkafka reconnects by itself with exponential backoff and reports every failure; an
    operator wants to know that brokers are gone, which, and that it is being tried again.
    """

    def __init__(self, brokers: str, role: str) -> None:
        """Watch for a client that calls itself ``role`` in the log."""
        self._brokers = brokers
        self._role = role
        self._lock = threading.Lock()
        self._told_at: dict[str, float] = {}

    def __call__(self, error: KafkaError) -> None:
        """Take librdkafka's ``error_cb``."""
        if error.fatal():
            log.error("Kafka client failed for good", role=self._role, code=error.name())
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:
            self._tell("brokers cannot be reached, trying again", brokers=self._brokers)
        elif error.code() != KafkaError._TRANSPORT:  # one broker of several: others are there
            self._tell("Kafka client met an error, trying again", code=error.name())

    def _tell(self, sentence: str, **keys: str) -> None:
        with self._lock:
            now = time.monotonic()
            if now - self._told_at.get(sentence, -QUIET_SECONDS) < QUIET_SECONDS:
                return
            self._told_at[sentence] = now
        log.warning(sentence, role=self._role, **keys)


def client_config(kafka: KafkaSettings, role: str) -> dict[str, Any]:
    """Return the configuration that every client shares.

    Args:
        kafka: The brokers, and how to connect.
        role: What the client is, for logs and the broker's (``worker``, ``loader``, ``links`` …).
    """
    return {
        **security_config(kafka),
        "bootstrap.servers": kafka.brokers,
        "client.id": f"streamproc-{role}",
        "error_cb": BrokerWatch(kafka.brokers, role),
        "logger": logging.getLogger("librdkafka"),
        # First retry of a lost connection at once, later ones up to 5 s apart: a broker that
        # restarts is found again within seconds, one that is gone is not hammered.
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 5_000,
    }
