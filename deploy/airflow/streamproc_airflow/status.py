"""What ``streamproc load status --json`` tells, and what follows from it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from streamproc_airflow.command import CommandError

__all__ = ["LoadStatus", "Mark", "read_status"]


class Mark(NamedTuple):
    """A place in a partition: the offset that follows the last record before it."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class LoadStatus:
    """How far the warehouse is behind the loader topic.

    Attributes:
        asked_at: When the status was asked for: it tells of that moment or a later one.
        caught_up: Whether everything on the topic is in the warehouse.
        lag_rows: Rows on the topic that are not in the warehouse.
        lag_seconds: How long the oldest of them has waited; None when it is not known.
        received_up_to: When the last event that is loaded was received; None before the first.
        loaded: How far each partition is loaded, those of the deletions among them.
        ends: Where each of them ended.
        unreachable: Why the warehouse cannot be asked; the offsets are then those that loaders told
            Kafka, a little behind. None if it answers.
    """

    asked_at: datetime
    caught_up: bool
    lag_rows: int
    lag_seconds: float | None
    received_up_to: datetime | None
    loaded: tuple[Mark, ...]
    ends: tuple[Mark, ...]
    unreachable: str | None

    def reaches(self, moment: datetime, settle: timedelta) -> bool:
        """Return whether events received up to ``moment`` are loaded.

        What was put on the topic before its oldest row that is not loaded is loaded. ``settle`` is
        what an event may take from its receipt to the topic.
        """
        if self.caught_up:
            return self.asked_at >= moment + settle
        if self.lag_seconds is None:
            return False
        return self.asked_at - timedelta(seconds=self.lag_seconds) >= moment + settle

    def has_passed(self, marks: Sequence[Mark]) -> bool:
        """Return whether everything before ``marks`` is carried out in the warehouse."""
        loaded = {(mark.topic, mark.partition): mark.offset for mark in self.loaded}
        return all(loaded.get((topic, number), 0) >= offset for topic, number, offset in marks)

    def figures(self) -> dict[str, Any]:
        """Return it as JSON has it: what triggers and XComs carry."""
        reached = self.received_up_to
        return {
            "caught_up": self.caught_up,
            "lag_rows": self.lag_rows,
            "lag_seconds": self.lag_seconds,
            "received_up_to": None if reached is None else reached.isoformat(),
        }


def read_status(answer: Mapping[str, Any], asked_at: datetime) -> LoadStatus:
    """Return the status in ``answer``.

    Raises:
        CommandError: It is not what this version of the provider knows.
    """
    try:
        reached = answer["received_up_to"]
        lag_seconds = answer["lag_seconds"]
        return LoadStatus(
            asked_at=asked_at,
            caught_up=bool(answer["caught_up"]),
            lag_rows=int(answer["lag_rows"]),
            lag_seconds=None if lag_seconds is None else float(lag_seconds),
            received_up_to=None if reached is None else _utc(reached),
            loaded=tuple(map(_loaded, answer["partitions"])),
            ends=tuple(map(_end, answer["partitions"])),
            unreachable=None if answer["warehouse"] == "ok" else str(answer["warehouse"]),
        )
    except (KeyError, TypeError, ValueError):
        told = "streamproc load status answered in another way than this provider expects: "
        raise CommandError(told + "their versions do not fit") from None


def _loaded(partition: Mapping[str, Any]) -> Mark:
    # Offsets at the end may have no record: where no row is missing, all of it is loaded.
    end = _end(partition)
    return end._replace(offset=partition["next_offset"] or 0) if partition["lag_rows"] else end


def _end(partition: Mapping[str, Any]) -> Mark:
    return Mark(str(partition["topic"]), int(partition["partition"]), int(partition["end_offset"]))


def _utc(text: str) -> datetime:
    read = datetime.fromisoformat(text)
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
