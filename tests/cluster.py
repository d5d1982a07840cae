"""A cluster of brokers on loopback, each a controller too: to lose one of, or two."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from broker import KafkaBroker, Seat

__all__ = ["cluster", "revive"]


@contextmanager
def cluster(count: int) -> Iterator[list[KafkaBroker]]:
    """Brokers that keep ``count`` copies of everything, most of which have to be there to write."""
    with ExitStack() as stack:
        brokers = [KafkaBroker(seat=seat) for seat in Seat.row(count)]
        for broker in brokers:
            stack.push(broker)  # which ends it, whatever it is doing
            broker.launch()
        for broker in brokers:
            broker.wait_until_ready()
        yield brokers


def revive(brokers: list[KafkaBroker]) -> None:
    """Start those that were killed, all before any is waited for."""
    gone = [broker for broker in brokers if not broker.runs]
    for broker in gone:
        broker.launch()
    for broker in gone:
        broker.wait_until_ready()
