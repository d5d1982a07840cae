"""What is where in events without labels: path by path, entity by entity, never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from streamproc.decode import Limits
from streamproc.decode.parse import parse
from streamproc.detect import Detector, Text, key_words
from streamproc.errors import EventError
from streamproc.events import EVENT_TYPES, Event, Finding, Micros, Origin, RawBody, Times
from streamproc.redact import ScopedSites, Survey, survey
from streamproc.redact.siblings import note_siblings
from streamproc.redact.sites import VALIDATED
from streamproc.redact.survey import Leaf, text_of
from streamproc.rules import Action
from streamproc.rules.plan import PLAIN_KEY

__all__ = ["WHOLE_FIELD", "Inventory", "Row", "Scanner"]

WHOLE_FIELD = "whole field"
"""The step of values that a rule decides without a search."""

NO_TIMES = Times(None, None, Micros(0), Micros(0))


class Where(NamedTuple):
    """What is counted together.

    Attributes:
        path: Without list indexes; keys that are no plain words are ``*``.
        entity: What is there.
        step: What found it; :data:`WHOLE_FIELD` where a rule decides it unsearched.
        rule: Who decides what becomes of it: a rule's name, or ``operators.<ENTITY>``.
        operator: What becomes of it.
    """

    path: str
    entity: str
    step: str
    rule: str
    operator: str


Noted: TypeAlias = tuple[Where, float, bool]
"""Something that is somewhere: its score, and whether it is all of its value."""


@dataclass(slots=True)
class Seen:
    """How much of it there is.

    Attributes:
        count: Findings, or whole fields.
        filled: Values that one such finding covers whole.
        records: Records that hold any.
        lowest: The lowest score.
        highest: The highest score.
    """

    count: int = 0
    filled: int = 0
    records: int = 0
    lowest: float = 1.0
    highest: float = 0.0


class Row(NamedTuple):
    """One line of an inventory."""

    where: Where
    seen: Seen
    values: int
    """Values at the path, other than empty ones."""


@dataclass(slots=True)
class Inventory:
    """What was seen so far.

    Attributes:
        records: Records that were scanned.
        refused: Records that could not be, by why: what is in them is not in the inventory.
    """

    records: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    values: Counter[str] = field(default_factory=Counter)
    seen: dict[Where, Seen] = field(default_factory=dict)

    def rows(self) -> list[Row]:
        """Return the lines, the worst first.

        That is: what is kept as it is, then what a search has to find, then what rules decide as
        a whole; of each what is in most records, then what is surest.
        """
        rows = [Row(where, seen, self.values[where.path]) for where, seen in self.seen.items()]
        return sorted(rows, key=_worst_first)


def _worst_first(row: Row) -> tuple[bool, bool, int, float, Where]:
    where, seen, _ = row
    searched = where.step != WHOLE_FIELD
    return where.operator != "keep", not searched, -seen.records, -seen.highest, where


class Scanner:
    """Fills an inventory, batch by batch. For one thread at a time."""

    def __init__(self, sites: ScopedSites, detector: Detector, limits: Limits) -> None:
        """Scan as a pipeline of these parts would search."""
        self._sites = sites
        self._detector = detector
        self._limits = limits
        self.inventory = Inventory()

    def scan(self, lines: Sequence[bytes]) -> None:
        """Take JSON objects: events, or any others, in which then every field is searched."""
        surveyed = [found for line in lines if (found := self._surveyed(line)) is not None]
        try:
            self._settle(surveyed)
        except EventError:
            # Some text makes a detector fail: one by one, to leave out that record alone.
            surveyed = [found for found in surveyed if self._settled(found)]
        for found in surveyed:
            try:
                self._take(found)
            except EventError as error:
                self.inventory.refused[error.code] += 1

    def _surveyed(self, line: bytes) -> Survey | None:
        try:
            body = parse(line, self._limits)
            event = Event(Origin("", 0, 0), None, "track", "", NO_TIMES, RawBody(body), line)
            return survey(event, self._sites.of(event))
        except EventError as error:
            self.inventory.refused[error.code] += 1
            return None

    def _settled(self, found: Survey) -> bool:
        try:
            self._settle([found])
        except EventError as error:
            self.inventory.refused[error.code] += 1
            return False
        return True

    def _settle(self, surveyed: Iterable[Survey]) -> None:
        leaves = [leaf for found in surveyed for leaf in found.pending if leaf.answer is None]
        findings = self._detector.detect([leaf.text for leaf in leaves])
        for leaf, found in zip(leaves, findings, strict=True):
            leaf.settle(found)

    def _take(self, found: Survey) -> None:
        if found.names:
            note_siblings(found.leaves, found.names)
        noted = list(self._noted(found))
        inventory = self.inventory
        for where, score, filled in noted:
            seen = inventory.seen.setdefault(where, Seen())
            seen.count += 1
            seen.filled += filled
            seen.lowest = min(seen.lowest, score)
            seen.highest = max(seen.highest, score)
        for where in {where for where, _, _ in noted}:
            inventory.seen[where].records += 1
        inventory.records += 1
        inventory.values.update(_paths(found.event.body, ""))
        for opened in found.opened:
            inventory.values.update(_paths(opened.document.content, opened.leaf.site.path))

    def _noted(self, found: Survey) -> Iterator[Noted]:
        for leaf in (*found.leaves, *found.wholes):
            if (decided := leaf.site.whole) is not None:
                yield _where(leaf.site.path, decided, WHOLE_FIELD), 1.0, True
            else:
                yield from _found(leaf)
        for leaf in found.keys:
            yield from _found(leaf)
        if found.event.body.get("type") not in EVENT_TYPES:
            yield from self._unreached(found.event.body)

    def _unreached(self, body: RawBody) -> Iterator[Noted]:
        """Yield what is in fields that are not searched in events: here they are fields as any."""
        texts = {
            name: value for name in sorted(VALIDATED) if isinstance(value := body.get(name), str)
        }
        findings = self._detector.detect(
            [Text(value, key_words(name)) for name, value in texts.items()]
        )
        for (name, value), found in zip(texts.items(), findings, strict=True):
            for finding in found:
                where = Where(name, finding.entity, finding.step, "", "keep")
                yield where, finding.score, _fills(value, finding)


def _found(leaf: Leaf) -> Iterator[Noted]:
    for finding in leaf.answer.findings if leaf.answer else ():
        action = leaf.site.policy.action(finding, text_of(leaf.value))
        where = _where(leaf.site.path, action, finding.step)
        yield where, finding.score, _fills(text_of(leaf.value), finding)


def _where(path: str, action: Action, step: str) -> Where:
    return Where(path, action.entity, step, action.rule, action.operator.name)


def _fills(text: str, finding: Finding) -> bool:
    beside = text[: finding.start] + text[finding.end :]
    return not any(map(str.isalnum, beside))


def _paths(value: Any, path: str) -> Iterator[str]:
    """Yield the path of each leaf that is neither null nor empty."""
    if isinstance(value, dict):
        for key, below in value.items():
            step = key if PLAIN_KEY.fullmatch(key) else "*"
            yield from _paths(below, f"{path}.{step}" if path else step)
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, path)
    elif value is not None and value != "":
        yield path
