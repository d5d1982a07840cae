"""What every confluent-kafka client is told: addresses, patience, and whom to tell of trouble."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import structlog
from confluent_kafka import KafkaError

__all__ = ["BrokerWatch", "client_config"]

log = structlog.get_logger()

QUIET_SECONDS = 10.0
"""How long a line about unreachable brokers is not repeated."""


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
        self._told_at: float | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take librdkafka's ``error_cb``."""
        if error.fatal():
            log.error("Kafka client failed for good", role=self._role, code=error.name())
        elif error.code() in {KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE}:  # noqa: SLF001 - public constants, so named
            self._tell()

    def _tell(self) -> None:
        with self._lock:
            now = time.monotonic()
            if self._told_at is not None and now - self._told_at < QUIET_SECONDS:
                return
            self._told_at = now
        log.warning(
            "brokers cannot be reached, trying again", role=self._role, brokers=self._brokers
        )


def client_config(brokers: str, role: str) -> dict[str, Any]:
    """Return the configuration that every client shares.

    Args:
        brokers: Comma-separated ``host:port``.
        role: What the client is, for logs and the broker's (``worker``, ``loader``, ``links`` …).
    """
    return {
        "bootstrap.servers": brokers,
        "client.id": f"streamproc-{role}",
        "error_cb": BrokerWatch(brokers, role),
        "logger": logging.getLogger("librdkafka"),
        # First retry of a lost connection at once, later ones up to 5 s apart: a broker that
        # restarts is found again within seconds, one that is gone is not hammered.
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 5_000,
    }
