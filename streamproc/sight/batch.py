"""What one batch of the worker took and became, stage by stage; told once it is acknowledged.

The pipeline knows no clock: it says when it has come past a stage, and who asked for that looks at
the clock then. Everything is counted a batch at a time: for 500 events it takes 1 ms of the 80 that
they take.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

from streamproc.events import Micros, Outcome, Record, Row
from streamproc.telemetry import Totals

__all__ = ["UNWATCHED", "BatchWatch", "Lap", "Sent", "Watch", "Watched"]

STEPS: Final = attrgetter("entity", "rule", "path")


class Sent(Protocol):
    """A message to send."""

    @property
    def topic(self) -> str:
        """Return where it goes."""

    @property
    def value(self) -> bytes | None:
        """Return what is in it."""


class Lap(NamedTuple):
    """A stage that a batch came past; times in nanoseconds since the Unix epoch."""

    stage: str
    began: int
    ended: int

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return (self.ended - self.began) / 1e9


class Watch(Protocol):
    """Whom a batch tells of its way."""

    def lap(self, stage: str) -> None:
        """Say that ``stage`` is behind the batch: everything since the last call."""

    def made(self, ruleset: str, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Say what became of some of its records."""

    def sent(self, messages: Iterable[Sent]) -> None:
        """Say what was sent of it."""

    def done(self, totals: Totals) -> None:
        """Say that all of it is acknowledged, and counted as ``totals``."""


class _Unwatched:
    """Nobody."""

    def lap(self, stage: str) -> None:
        """Ignore it."""

    def made(self, ruleset: str, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Ignore it."""

    def sent(self, messages: Iterable[Sent]) -> None:
        """Ignore it."""

    def done(self, totals: Totals) -> None:
        """Ignore it."""


UNWATCHED: Final = _Unwatched()


@dataclass(slots=True)
class Watched:
    """What is known of a batch.

    Attributes:
        records: It.
        began: When it was taken, in nanoseconds since the Unix epoch.
        laps: The stages it came past, in order.
        findings: How often a rule was applied to an entity at a path, as ``(entity, rule, path)``.
        received: When the events of its rows were received.
        written: When their raw records were written.
        output_bytes: Bytes of values sent, by topic.
        rulesets: Fingerprints of what its rows were made by.
        totals: What became of its records, once that is acknowledged.
    """

    records: Sequence[Record] = field(repr=False)
    began: int
    laps: list[Lap] = field(default_factory=list)
    findings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    received: list[Micros] = field(default_factory=list)
    written: list[Micros] = field(default_factory=list)
    output_bytes: Counter[str] = field(default_factory=Counter)
    rulesets: list[str] = field(default_factory=list)
    totals: Totals = field(default_factory=Totals)


class BatchWatch:
    """Watches one batch; called by one thread at a time, whichever the batch is in."""

    def __init__(
        self,
        records: Sequence[Record],
        tell: Callable[[Watched], object],
        now: Callable[[], int] = time.time_ns,
    ) -> None:
        """Begin now; ``tell`` is told when all is acknowledged."""
        self._tell = tell
        self._now = now
        self.watched = Watched(records, now())
        self._last = self.watched.began

    def lap(self, stage: str) -> None:
        """Say that ``stage`` is behind the batch."""
        # A clock that is set back must not take time away.
        now = max(self._now(), self._last)
        self.watched.laps.append(Lap(stage, self._last, now))
        self._last = now

    def made(self, ruleset: str, records: Sequence[Record], outcomes: Sequence[Outcome]) -> None:
        """Take note of what became of some of its records."""
        watched = self.watched
        rows: list[Row] = []
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Row):
                rows.append(outcome)
                watched.written.append(record.timestamp)
        watched.received += [row.times.received_at for row in rows]
        watched.findings.update(map(STEPS, chain.from_iterable(row.manifest for row in rows)))
        watched.rulesets.append(ruleset)

    def sent(self, messages: Iterable[Sent]) -> None:
        """Take note of what was sent."""
        sizes = self.watched.output_bytes
        for message in messages:
            sizes[message.topic] += len(message.value or b"")

    def done(self, totals: Totals) -> None:
        """Tell what there is to tell."""
        self.watched.totals = totals
        self._tell(self.watched)
