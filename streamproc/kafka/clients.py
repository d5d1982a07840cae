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

__all__ = ["LONE_GROUP", "BrokerWatch", "Doorkeeper", "client_config"]

log = structlog.get_logger()

QUIET_SECONDS = 10.0
"""How long a line about brokers is not repeated."""


LONE_GROUP = "streamproc-looks"
"""The group of consumers that join none and commit nothing: librdkafka asks for one, and brokers
where it is; all of them have this, which ACLs can name."""
NO_LOG_IN = "brokers refuse the log-in; see kafka.sasl_… or the certificate"
NO_TRUST = "no trusted connection; see kafka.ssl_…, and what the brokers present"


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
        elif (refusal := _refusal(error)) is not None:
            self._tell(refusal, brokers=self._brokers)
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


class Doorkeeper:
    """Remembers why brokers do not let a client in, for who asks by :meth:`why`.

    To the client itself, that it waits for an answer in vain looks as if nobody were there.
    """

    def __init__(self) -> None:
        """Know of no trouble."""
        self._refusal: str | None = None

    def __call__(self, error: KafkaError) -> None:
        """Take librdkafka's ``error_cb``."""
        self._refusal = _refusal(error) or self._refusal

    def why(self, error: KafkaError) -> str:
        """Return in a line why the client got ``error`` for an answer."""
        return _refusal(error) or self._refusal or f"brokers cannot be reached ({error.name()})"


def _refusal(error: KafkaError) -> str | None:
    """Return what no retry mends, where that is it. librdkafka's text names files and hosts."""
    if error.code() == KafkaError._AUTHENTICATION:
        return NO_LOG_IN
    # By TLS 1.3 a broker refuses a certificate when the client already takes itself for connected.
    if error.code() == KafkaError._SSL or "SSL alert" in error.str():
        return NO_TRUST
    return None


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
