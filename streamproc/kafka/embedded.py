"""The embedded broker: librdkafka's mock cluster, for the demo and for fast tests.

It speaks Kafka's protocol on a loopback port to any client of any process: producing, consuming,
consumer groups, offsets. What it is not:

- It makes a topic on first use, always with 4 partitions; it cannot create, alter or compact one.
- It keeps 5 MB or 100,000 batches of each partition, in memory. **Older records vanish**, read or
  not: whoever publishes to it has to wait for whoever reads from it.
- It ends with the process that holds it.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from confluent_kafka import Producer

__all__ = ["EmbeddedBroker"]

PARTITIONS = 4
"""Partitions of every topic: the mock cluster's own default."""
START_SECONDS = 10


class EmbeddedBroker:
    """A mock cluster of one broker in this process; a context manager.

    Attributes:
        bootstrap: ``host:port`` for clients, of this process and of others.
    """

    def __init__(self) -> None:
        # The cluster lives inside a client, and as long as it; the client itself sends nothing.
        self._host = Producer({"test.mock.num.brokers": 1, "log_level": 0})
        broker = next(iter(self._host.list_topics(timeout=START_SECONDS).brokers.values()))
        self.bootstrap = f"{broker.host}:{broker.port}"

    def make(self, topics: Iterable[str]) -> None:
        """Make topics now, for clients that wait for them to be there."""
        for topic in topics:
            self._host.list_topics(topic, timeout=START_SECONDS)

    def close(self) -> None:
        """End the cluster; its records are gone."""
        self._host.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
