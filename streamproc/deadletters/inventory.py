"""What is on the topic of dead letters: each letter in 50 bytes, and which were sent again.

A letter that is sent again stays where it is; a mark (:class:`Replay`) is written behind it, in the
same partition, so that it never goes before its letter does. The mark says where the record went,
so a letter of that place is known to be of the same record, and how often it was tried.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from streamproc.deadletters.causes import path_family
from streamproc.events import DeadLetter, Micros, Origin

__all__ = ["Cause", "Entry", "Group", "Inventory", "Position", "Replay", "Wanted"]

MOST_CAUSES: Final = 2_000
"""Different causes that are told apart; the paths of the others are left out."""
MOST_EXAMPLES: Final = 5
OFFSET_BITS: Final = 64


class Position(NamedTuple):
    """Where a dead letter lies on its topic, which is what it is known by: ``partition-offset``."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}-{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Return the position that ``text`` writes.

        Raises:
            ValueError: It writes none.
        """
        partition, dash, offset = text.partition("-")
        if not (dash and partition.isdecimal() and offset.isdecimal() and len(text) < 30):
            raise ValueError("expected a partition and an offset, such as 3-1042")
        return cls(int(partition), int(offset))


class Replay(NamedTuple):
    """That a letter's record was sent again.

    Attributes:
        letter: The letter.
        attempt: How often that record has been sent again by now, counted from 1.
        to: Where it lies now.
        repair: Fingerprint of the repairs that it went through; None where it is as it was.
    """

    letter: Position
    attempt: int
    to: Origin
    repair: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters are asked for; what is empty or None asks for nothing in particular.

    Attributes:
        paths: As a letter has them, or as :func:`~streamproc.deadletters.causes.path_family` does.
        topics: Of the records.
        until: Letters written before then.
        positions: These alone.
    """

    stages: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    paths: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    rulesets: frozenset[str] = frozenset()
    until: Micros | None = None
    positions: frozenset[Position] = frozenset()

    def wants(self, position: Position, written: Micros, letter: DeadLetter) -> bool:
        """Return whether the letter at ``position`` is asked for."""
        return (
            (not self.stages or letter.stage in self.stages)
            and (not self.codes or letter.code in self.codes)
            and (not self.topics or letter.origin.topic in self.topics)
            and (not self.rulesets or letter.ruleset in self.rulesets)
            and (not self.paths or not self.paths.isdisjoint(_spellings(letter.path)))
            and (self.until is None or written < self.until)
            and (not self.positions or position in self.positions)
        )


class Cause(NamedTuple):
    """What letters have in common: stage, code, and the family of their paths."""

    stage: str
    code: str
    path: str


class Entry(NamedTuple):
    """One letter of an inventory.

    Attributes:
        position: Where it lies.
        written: When.
        cause: Why.
        origin: Where its record lay.
        size: Bytes of the sealed original; 0 without one.
        wanted: Whether it was asked for.
        attempts: How often its record had been sent again before it came back as this letter.
        replayed: Whether it was sent again since.
    """

    position: Position
    written: Micros
    cause: Cause
    origin: Origin
    size: int
    wanted: bool
    attempts: int
    replayed: bool


class Group(NamedTuple):
    """The letters of one cause.

    Attributes:
        letters: How many.
        waiting: How many of them were not sent again.
        first: When the first was written.
        last: When the last was.
        example: One of them.
    """

    cause: Cause
    letters: int
    waiting: int
    first: Micros
    last: Micros
    example: Position


class Inventory:
    """Letters in the order in which they are read, and what marks say of them.

    Attributes:
        unreadable: How many records are neither letter nor mark to this version.
        examples: The first of those.
        unreadable_from: By partition, the offset of the first of those.
    """

    def __init__(self, wanted: Wanted | None = None) -> None:
        """Begin with nothing; what ``wanted`` does not ask for is kept too, and told apart."""
        self._wants = wanted or Wanted()
        self._causes: dict[Cause, int] = {}
        self._topics: dict[str, int] = {}
        # Columns: a million letters as objects would be half a gigabyte.
        self._places = array("q")
        self._written = array("q")
        self._cause = array("l")
        self._topic = array("l")
        self._origins = array("q")
        self._sizes = array("q")
        self._wanted = array("b")
        self._partitions = array("l")
        self._origin_partitions = array("l")
        self._replayed: set[int] = set()
        self._attempts: dict[tuple[int, int], int] = {}
        self.unreadable = 0
        self.examples: list[Position] = []
        self.unreadable_from: dict[int, int] = {}

    def add(self, position: Position, written: Micros, letter: DeadLetter) -> None:
        """Take a letter."""
        cause = Cause(letter.stage, letter.code, path_family(letter.path))
        if cause not in self._causes and len(self._causes) >= MOST_CAUSES:
            cause = cause._replace(path="…")
        topic, partition, offset = letter.origin
        self._partitions.append(position.partition)
        self._places.append(position.offset)
        self._written.append(written)
        self._cause.append(self._causes.setdefault(cause, len(self._causes)))
        self._topic.append(self._number_of(topic))
        self._origin_partitions.append(partition)
        self._origins.append(offset)
        self._sizes.append(len(letter.sealed or b""))
        self._wanted.append(self._wants.wants(position, written, letter))

    def add_replay(self, replay: Replay) -> None:
        """Take a mark."""
        self._replayed.add(_packed(*replay.letter))
        topic, partition, offset = replay.to
        place = (self._number_of(topic), _packed(partition, offset))
        self._attempts[place] = replay.attempt

    def add_unreadable(self, position: Position) -> None:
        """Take a record that is neither."""
        self.unreadable += 1
        self.unreadable_from.setdefault(*position)
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(position)

    def __len__(self) -> int:
        """Return how many letters there are, whoever asked for them."""
        return len(self._places)

    @property
    def wanted(self) -> int:
        """How many letters are asked for."""
        return sum(self._wanted)

    def is_replayed(self, position: Position) -> bool:
        """Return whether the letter at ``position`` was sent again."""
        return _packed(*position) in self._replayed

    def attempts_of(self, origin: Origin) -> int:
        """Return how often the record at ``origin`` had been sent again when it came there."""
        topic = self._topics.get(origin.topic, -1)
        return self._attempts.get((topic, _packed(origin.partition, origin.offset)), 0)

    def entries(self, *, all_of_them: bool = False) -> Iterator[Entry]:
        """Yield the letters that are asked for, or all of them, as they were read."""
        causes, topics = [*self._causes], [*self._topics]
        for index, wanted in enumerate(self._wanted):
            if wanted or all_of_them:
                yield self._entry(index, causes, topics)

    def entries_by_record(self) -> Iterator[Entry]:
        """Yield the letters that are asked for, those of a partition as their records lay in it.

        Partitions take turns as the letters were written, so that who reads the letters in this
        order goes through their topic once, and not once for each partition.
        """
        causes, topics = [*self._causes], [*self._topics]
        wanted = np.flatnonzero(np.array(self._wanted))
        written, topic, partition, offset = (
            np.array(column)[wanted]
            for column in (self._written, self._topic, self._origin_partitions, self._origins)
        )
        turns = np.argsort(written, kind="stable")
        order = np.empty_like(turns)
        # Both sides are by partition: the turns it has, in time, and its letters, by their records.
        order[np.lexsort((partition[turns], topic[turns]))] = np.lexsort((offset, partition, topic))
        for index in wanted[order]:
            yield self._entry(int(index), causes, topics)

    def groups(self) -> list[Group]:
        """Return the letters that are asked for by cause, the most frequent first."""
        found: dict[Cause, Group] = {}
        for entry in self.entries():
            cause, written, waiting = entry.cause, entry.written, not entry.replayed
            group = found.get(cause)
            if group is None:
                found[cause] = Group(cause, 1, waiting, written, written, entry.position)
                continue
            found[cause] = group._replace(
                letters=group.letters + 1,
                waiting=group.waiting + waiting,
                first=min(group.first, written),
                last=max(group.last, written),
            )
        return sorted(found.values(), key=lambda each: (-each.letters, each.cause))

    def _entry(self, index: int, causes: list[Cause], topics: list[str]) -> Entry:
        position = Position(self._partitions[index], self._places[index])
        topic, partition = self._topic[index], self._origin_partitions[index]
        offset = self._origins[index]
        return Entry(
            position,
            Micros(self._written[index]),
            causes[self._cause[index]],
            Origin(topics[topic], partition, offset),
            self._sizes[index],
            bool(self._wanted[index]),
            self._attempts.get((topic, _packed(partition, offset)), 0),
            _packed(*position) in self._replayed,
        )

    def _number_of(self, topic: str) -> int:
        return self._topics.setdefault(topic, len(self._topics))


def _packed(partition: int, offset: int) -> int:
    return partition << OFFSET_BITS | offset


def _spellings(path: str) -> tuple[str, str]:
    return path, path_family(path)
