"""Topics that are deleted and made anew under their names."""

from __future__ import annotations

import time
from collections.abc import Mapping

from brokers import WAIT_SECONDS, Broker
from confluent_kafka.admin import AdminClient

__all__ = ["make_anew"]


def make_anew(
    broker: Broker, topic: str, partitions: int, config: Mapping[str, str] | None = None
) -> None:
    """Delete ``topic``, and make it once more, with nothing in it; for real Kafka."""
    admin = AdminClient({"bootstrap.servers": broker.bootstrap})
    admin.delete_topics([topic])[topic].result(WAIT_SECONDS)
    deadline = time.monotonic() + WAIT_SECONDS
    while topic in admin.list_topics(timeout=WAIT_SECONDS).topics:
        assert time.monotonic() < deadline, f"{topic} is not gone"
        time.sleep(0.05)
    broker.create(topic, partitions, config)
