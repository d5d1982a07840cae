"""The records of dead letters to where they came from, once more: each once, at a bounded rate.

In the order in which they lay, so that records of one key stay in order among themselves; they come
after what was written to the topic since. It can be stopped, killed and begun again at any time:
what was sent is marked in the same transaction.

An edge: imports ``kafka`` and ``settings``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import structlog

from streamproc.deadletters.inventory import Entry, Inventory
from streamproc.deadletters.opening import Open
from streamproc.events import Micros
from streamproc.kafka.dead_letter_originals import Original, batches, read_originals
from streamproc.kafka.dead_letter_replays import Again, ReplayProducer
from streamproc.settings import Settings

__all__ = ["Mended", "Replayed", "Replays", "replay", "sendable"]

log = structlog.get_logger()

MOST_ATTEMPTS: Final = 2
"""How often a record is sent again before somebody has to insist."""
READ_LETTERS: Final = 5_000
MOST_OF_TRANSACTION: Final = 500
"""Readers of the topic wait until a transaction is over: this many take some milliseconds."""
PAUSE_SECONDS: Final = 0.2
HOUR_MICROS: Final = 3_600_000_000


class Mended(NamedTuple):
    """The value that a record is sent with, and by which repairs; None for one as it was."""

    value: bytes | None
    repair: str | None

    def __repr__(self) -> str:
        """Say by what, without the value."""
        return f"Mended(repair={self.repair!r})"


@dataclass(slots=True)
class Replayed:
    """What was done.

    Attributes:
        sent: Records that were sent.
        opened: Of those that were looked at, how many were opened with a private key.
        restamped: Of those sent, how many have the time of now: their own is so long ago that the
            topic might let go of them before they are read.
        left: How many were not sent, by why.
        complete: Whether it came to its end.
    """

    sent: int = 0
    opened: int = 0
    restamped: int = 0
    left: Counter[str] = field(default_factory=Counter)
    complete: bool = False


@dataclass(frozen=True, slots=True)
class Replays:
    """How to go about it.

    Attributes:
        settings: Name brokers and topics.
        opened: Opens sealed originals; None where nobody gave a private key.
        mend: Returns with what value a record is sent; None where it is not.
        rate: Most records a second.
        advance: Is told how many letters were dealt with, twice.
        stop: Asked between transactions; once true, no more is sent.
    """

    settings: Settings
    opened: Open | None
    mend: Callable[[Original], Mended | None]
    rate: int
    advance: Callable[[int, int], None]
    stop: Callable[[], bool]


def sendable(
    inventory: Inventory, settings: Settings, left: Counter[str], *, again: bool
) -> Iterator[Entry]:
    """Yield the letters whose records may be sent, as those lay; count the others in ``left``."""
    topics = {settings.topics.raw, settings.topics.load}
    for entry in inventory.entries_by_record():
        if entry.replayed:
            left["sent again already"] += 1
        elif entry.attempts >= MOST_ATTEMPTS and not again:
            left[f"came back {MOST_ATTEMPTS} times or more: --again"] += 1
        elif entry.origin.topic not in topics:
            left["of a topic that the settings do not name"] += 1
        else:
            yield entry


def replay(entries: Iterable[Entry], producer: ReplayProducer, plan: Replays) -> Replayed:
    """Send the records of ``entries`` again; return what was done.

    Args:
        entries: Of an inventory that was taken after ``producer`` took over.
        producer: Sends them.
        plan: How.

    Raises:
        RetryableError: Kafka cannot be read or written, or another replay took over. What was sent
            is marked: begin again.
    """
    done = Replayed()
    pace = _Pace(plan.rate)
    for batch in batches(entries, READ_LETTERS):
        originals = read_originals(
            plan.settings.kafka, plan.settings.topics.dead, batch, plan.opened
        )
        done.left.update(originals.missing)
        done.opened += sum(each.sealed for each in originals.found)
        waiting = [made for each in originals.found if (made := _again(each, plan, done))]
        for start in range(0, len(waiting), pace.most):
            if not pace.wait(plan.stop):
                return done
            part = waiting[start : start + pace.most]
            refused = producer.send(part)
            done.left["too large for its topic"] += len(refused)
            done.sent += len(part) - len(refused)
            pace.sent(len(part))
        plan.advance(len(batch), len(batch))
    done.complete = not plan.stop()
    return done


class _Pace:
    """Holds a rate, by the monotonic clock."""

    def __init__(self, rate: int) -> None:
        self.most = min(rate, MOST_OF_TRANSACTION)
        self._rate = rate
        self._due = time.monotonic()

    def wait(self, stop: Callable[[], bool]) -> bool:
        """Return when more may be sent; False where it is to stop."""
        while (left := self._due - time.monotonic()) > 0 and not stop():
            time.sleep(min(left, PAUSE_SECONDS))
        return not stop()

    def sent(self, count: int) -> None:
        """Take that ``count`` records went out."""
        self._due = max(self._due, time.monotonic()) + count / self._rate


def _again(original: Original, plan: Replays, done: Replayed) -> Again | None:
    mended = plan.mend(original)
    if mended is None:
        return None
    timestamp = _timestamp(original, plan.settings)
    done.restamped += timestamp != original.record.timestamp
    return Again(
        original.entry.position,
        original.record.origin,
        original.record.key,
        mended.value,
        original.record.headers,
        timestamp,
        original.entry.attempts + 1,
        mended.repair,
    )


def _timestamp(original: Original, settings: Settings) -> Micros:
    """Return the record's own time, which events without one of their own are of.

    Past half of what the topic keeps it is now: a broker deletes by the times of records, and would
    take one that is written with an old time before anybody has read it.
    """
    topics = settings.topics
    load = original.record.origin.topic == topics.load
    hours = topics.load_retention_hours if load else topics.raw_retention_hours
    now = time.time_ns() // 1_000
    own = original.record.timestamp
    return own if now - own < hours * HOUR_MICROS // 2 else Micros(now)
